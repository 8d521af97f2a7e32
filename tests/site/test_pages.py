"""The pages of the site: whole, safe, linked, described for machines."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from icalendar import Calendar

from knowarchive.site.addresses import person_page
from tests.archives import import_path, open_archive, store
from tests.site.conftest import ADA_M, BEN, SCRIPT, build, make, said, tree
from tests.site.crawled import Page, problems

ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    assert list(problems(site.folder / "site")) == []


def test_there_is_a_page_of_everything(site):
    assert {
        "index.html",
        "about.html",
        "search.html",
        "chats/lampchat/index.html",
        "chats/lampchat/2015-03-10.html",
        "chats/lampchat/2015-03-10/q1.html",
        "chats/lampchat/2015-03-17/q2.html",
        "chats/lampchat/between-2015-03.html",
        "chats/lampchat/feed.xml",
        "chats/lampchat/calendar.ics",
        "people/x-101.html",
        "links/index.html",
        "links/2015-03.html",
        "sitemap.xml",
        "robots.txt",
    } <= set(tree(site.folder / "site"))


def test_a_person_is_one_on_all_their_networks_and_every_account_leads_there(site):
    pages = [site.read(person_page(key)) for key in ("x:101", ADA_M["author_uid"])]
    [main] = [page for page in pages if "Moonlight" in page]
    [other] = [page for page in pages if page is not main]
    assert "Candles" in main
    [target] = set(re.findall(r'http-equiv="refresh" content="0; url=\.\./([^"]+)"', other))
    assert site.read(target) == main


def test_what_somebody_said_at_length_stands_on_pages_that_fill_up_and_stay(tmp_path):
    folder = make(tmp_path)
    build(folder)
    before = tree(folder / "site")
    store(
        open_archive(folder), [said(f"x:8{k:02}", 29, f"More {k} #lampchat", **BEN) for k in range(30)], chat="lampchat"
    )
    build(folder)
    after = tree(folder / "site")
    assert "people/x-102.1.html" in after
    ben = [after[name].decode() for name in after if name.startswith("people/x-102")]
    shown = [words for page in ben for words in re.findall(r"number \d+ of week|More \d+", page)]
    assert len(shown) == len(set(shown)) == 45
    assert set(before) <= set(after)


def test_a_chat_is_told_in_pictures_and_in_words_without_who_is_not_shown(site):
    page = (site.folder / "site/chats/lampchat/pictures.html").read_text()
    assert page.count('role="img"') == page.count("<desc ") == page.count("<details>") == 4
    assert "Ada" in page
    assert not [name for name in ("Dora Hidden", "Quiet Person", "<script>alert") if name in page]
    assert 'href="pictures.html"' in (site.folder / "site/chats/lampchat/index.html").read_text().replace(
        "../../chats/lampchat/", ""
    )


def test_hostile_text_is_text(site):
    for path in (site.folder / "site").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert SCRIPT not in text, path
        assert "\x1b" not in text
        for block in re.findall(r'<script type="application/ld\+json">(.*?)</script>', text, re.DOTALL):
            json.loads(block)
        Page(text)


def test_machines_are_told_what_a_page_is(site):
    page = site.read("chats/lampchat/2015-03-10/q1.html")
    [block] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    described = json.loads(block)
    assert described["@type"] == "QAPage"
    assert described["url"] == "https://site.example/lamps/chats/lampchat/2015-03-10/q1.html"
    assert '<meta property="og:title" content="Q1: Which lamp do you read by in week 0?">' in page
    assert '<link rel="canonical" href="https://site.example/lamps/chats/lampchat/2015-03-10/q1.html">' in page
    [block] = re.findall(
        r'<script type="application/ld\+json">(.*?)</script>', site.read("chats/lampchat/2015-03-10.html"), re.DOTALL
    )
    assert json.loads(block)["about"]["startDate"] == "2015-03-10T12:00:00Z"


def test_the_feed_has_the_newest_session_first_with_its_questions(site):
    feed = ET.fromstring(site.read("chats/lampchat/feed.xml"))
    entries = feed.findall(f"{ATOM}entry")
    assert [one.find(f"{ATOM}id").text for one in entries] == [
        f"https://site.example/lamps/chats/lampchat/{date}.html" for date in ("2015-03-17", "2015-03-10")
    ]
    assert "Which lamp do you read by in week 1?" in entries[0].find(f"{ATOM}content").text


def test_the_sitemap_lists_pages_that_are_there(site):
    listed = [
        one.text.removeprefix("https://site.example/lamps/")
        for one in ET.fromstring(site.read("sitemap.xml")).iter(f"{MAP}loc")
    ]
    assert {"", "about.html", "chats/lampchat/2015-03-10.html", "chats/lampchat/2015-03-10/q1.html"} <= set(listed)
    for name in listed:
        text = site.read(name or "index.html")
        assert "noindex" not in text, name
    assert "Sitemap: https://site.example/lamps/sitemap.xml" in site.read("robots.txt")


def test_the_calendar_can_be_subscribed_to(site):
    calendar = Calendar.from_ical(site.read("chats/lampchat/calendar.ics"))
    assert [str(event["summary"]) for event in calendar.walk("VEVENT")] == ["Lamps & <b>lights</b>"]


def test_without_an_address_there_is_nothing_that_needs_one(tmp_path):
    from tests.site.conftest import CONFIG

    folder = make(tmp_path, config=CONFIG.replace('url = "https://site.example/lamps/"\n', ""))
    build(folder)
    names = set(tree(folder / "site"))
    assert not names & {"sitemap.xml", "chats/lampchat/feed.xml"}
    assert "canonical" not in (folder / "site" / "index.html").read_text()
    assert list(problems(folder / "site")) == []


def test_an_archive_without_posts_is_a_site_that_says_so(tmp_path):
    folder = make(tmp_path, weeks=0)
    build(folder)
    assert "There is nothing to read yet" in (folder / "site" / "index.html").read_text()
    assert list(problems(folder / "site")) == []


@pytest.mark.slow
def test_a_real_pull_makes_a_whole_site(tmp_path):
    pull = Path(__file__).parents[3] / "shared" / "data" / "critlib" / "may192015.jsonl.gz"
    if not pull.exists():
        pytest.skip("the real pulls of ../shared/data are not here")
    config = (
        '[archive]\nurl = "archive"\nstate = "state"\n[[chat]]\nname = "critlib"\nhashtags = ["critlib"]\n'
        'timezone = "America/New_York"\nschedule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0"\n'
        '[publish]\ncontact = "keeper@site.example"\nx = "as-archived"\n'
    )
    folder = make(tmp_path, weeks=0, config=config)
    import_path(open_archive(folder), pull)
    build(folder)
    assert list(problems(folder / "site")) == []
    assert max(path.stat().st_size for path in (folder / "site").rglob("*.html")) <= 1_000_000
