"""What people declared is heeded on every page, in search, feeds and lists, and counted."""

import json

from knowarchive.config import load_config
from knowarchive.site.policy import explain_archive
from tests.archives import open_archive
from tests.site.conftest import CONFIG, NOW, build, make

SESSION = "chats/lampchat/2015-03-10.html"


def test_a_placeholder_keeps_the_thread_of_who_wants_nothing_shown(site):
    page = site.read(SESSION)
    assert "A post that its author does not want shown here" in page
    assert "so say you" in page
    for trace in ("unshowable embers", "did:plc:dora", "did_3Aplc", "dora.example", "Dora Hidden"):
        assert site.holding(trace) == set(), trace


def test_who_opted_out_is_nowhere_whether_they_wrote_or_repeated(site):
    assert site.holding("unspeakable sparks") == set()
    assert {name for name in site.holding("Quiet") if not name.startswith("search/")} == set()
    assert "@echo" in site.read(SESSION)


def test_a_wish_in_a_profile_counts_for_what_was_written_before(site):
    assert site.holding("regretted tallow") == set()
    assert site.holding("Changedhismind") == set()


def test_who_does_not_want_to_be_found_is_on_pages_alone(site):
    shown = site.holding("unfindable glowworms")
    assert SESSION in shown
    assert all(name.endswith(".html") for name in shown)
    [person] = [name for name in site.holding("Cleo Unfound") if name.startswith("people/")]
    assert '<meta name="robots" content="noindex">' in site.read(person)
    assert person not in site.read("sitemap.xml")
    assert not [
        name
        for name in site.holding("glowworms") | site.holding("leo")
        if name.startswith("search/") and "cleo" in site.read(name).lower()
    ]


def test_a_deleted_post_is_a_tombstone(site):
    assert "A post that its author deleted" in site.read(SESSION)


def test_what_is_left_out_is_counted_and_said(site):
    assert site.published.left_out == {
        "noarchive": {"mastodon": 2},
        "no-unauthenticated": {"bluesky": 2},
        "noindex": {"mastodon": 2},
        "opted-out": {"x": 2},
    }
    about = site.read("about.html")
    assert "keeper@site.example" in about
    assert "Be kind &amp; &lt;i&gt;stay&lt;/i&gt;." in about
    assert "2 on Bluesky" in about
    assert "as they were archived" in about


def test_every_page_names_whom_to_ask_and_the_notice(site):
    for path in (site.folder / "site").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "keeper@site.example" in text, path
        assert "Be kind &amp;" in text, path


def test_posts_of_x_are_shown_only_if_they_were_looked_for_lately(tmp_path):
    folder = make(tmp_path, config=CONFIG.replace('x = "as-archived"', 'x = "refreshed"'))
    published = build(folder)
    page = (folder / "site" / SESSION).read_text()
    assert published.left_out["unchecked"] == {"x": 22}
    assert "A post that nobody has looked for lately" in page
    assert "oil lamp" not in page
    assert "Candles" in page


def test_what_was_checked_comes_of_age_without_anything_else_changing(tmp_path):
    folder = make(tmp_path, config=CONFIG.replace('x = "as-archived"', 'x = "refreshed"'))
    fresh = NOW.replace(year=2015, month=3, day=11)
    build(folder, now=fresh)
    page = folder / "site" / SESSION
    assert "oil lamp" in page.read_text()
    assert not build(folder, now=fresh.replace(day=30)).changed
    again = build(folder, now=fresh.replace(month=5))
    assert not again.whole
    assert again.changed
    assert "oil lamp" not in page.read_text()
    whole = build(folder, output=folder / "other", now=fresh.replace(month=5))
    assert whole.left_out == again.left_out


def test_the_policy_is_the_same_as_what_is_published(site):
    config = load_config(site.folder / "knowarchive.toml")
    explained = explain_archive(open_archive(site.folder), config, NOW, None)
    found = json.loads(json.dumps({reason: dict(counts) for reason, counts in explained.reasons.items()}))
    assert found.pop("deleted") == {"x": 2}
    assert found == site.published.left_out
    assert explained.public == {"x": 44, "mastodon": 4}
