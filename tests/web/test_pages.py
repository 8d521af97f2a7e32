"""What can be read in the room."""

import re
import xml.etree.ElementTree as ET
from urllib.parse import quote, urlsplit

from tests.web.conftest import DATE, ODD, SCRIPT, WIKI
from tests.web.page import Page

ATOM = "{http://www.w3.org/2005/Atom}"


def read(client, path, code=200):
    answer = client.get(path)
    assert answer.status_code == code, (path, answer.text)
    return Page(answer.text)


def uid_in(path):
    return quote(path, safe="")


def test_the_first_page_leads_to_chats_sessions_questions_and_links(client):
    page = read(client, "/")
    assert {"/chats/lampchat", f"/chats/lampchat/{DATE}", f"/chats/lampchat/{DATE}/Q1", "/links", WIKI} <= set(
        page.links
    )
    assert "Lamps & <b>lights</b>" in page.text
    assert "Q1 Which lamp do you read by? Q2 And when the oil runs out?" in page.text


def test_every_link_inside_the_room_leads_somewhere(client):
    """From the first page on, as somebody would click."""
    ahead, seen = ["/"], set()
    while ahead:
        path = ahead.pop()
        parts = urlsplit(path)
        kind = re.sub(r"[^/]+$", "", parts.path) + re.sub(r"=[^&]*", "=", parts.query)
        if path in seen or sum(kind == other for _, other in seen) > 12:
            continue
        seen.add((path, kind))
        answer = client.get(path)
        assert answer.status_code == 200, path
        if "html" in answer.headers["content-type"]:
            page = Page(answer.text)
            assert page.scripts in ([], ["/static/search.js"], ["/static/cite.js"])
            assert len(page.ids) == len(set(page.ids)), path
            known = {one for one, _ in seen}
            ahead += [link.partition("#")[0] for link in page.inside if link.partition("#")[0] not in known]
    kinds = {urlsplit(path).path.split("/")[1] for path, _ in seen}
    assert {"", "chats", "people", "posts", "cite", "links", "search", "search.atom", "api", "static"} <= kinds


def test_a_chat_shows_its_sessions_calendar_regulars_and_links(client):
    page = read(client, "/chats/lampchat")
    assert f"/chats/lampchat/{DATE}" in page.links
    assert "2015: 1 session, 54 posts" in page.text
    assert "/people/x:102" in page.links
    assert WIKI in page.links


def test_a_session_is_its_transcript_with_people_of_the_room(client):
    page = read(client, f"/chats/lampchat/{DATE}")
    assert "Which lamp do you read by?" in page.text
    assert {"/people/x:102", "/chats/lampchat", f"/cite/sessions/lampchat/{DATE}"} <= set(page.links)
    assert page.scripts == []
    assert "https://x.com/echo" in page.links  # who only repeated has no page here
    assert "/people/x:555" not in page.links


def test_a_question_shows_every_answer_and_its_neighbours(client):
    page = read(client, f"/chats/lampchat/{DATE}/Q2")
    assert "Moonlight" in page.text
    assert "An oil lamp" not in page.text
    assert f"/chats/lampchat/{DATE}/Q1" in page.links
    assert sum(f"number {n} burns" in page.text for n in range(200, 245)) == 45


def test_a_person_is_one_on_all_their_networks(client):
    by_mastodon = read(client, f"/people/{uid_in('mastodon:https://lamps.example/users/ada')}")
    by_x = read(client, "/people/x:101")
    assert by_mastodon.text == by_x.text
    assert "Ada Wick" in by_x.text
    assert "@ada on X 2 posts" in by_x.text
    assert "@ada@lamps.example on Mastodon 1 post" in by_x.text
    assert {"/people/x:102", "https://x.com/ada"} <= set(by_x.links)


def test_what_was_addressed_to_a_person_is_told_from_what_they_said(client):
    said = read(client, "/people/x:101")
    addressed = read(client, "/people/x:101?show=addressed")
    assert "Moonlight" in said.text
    assert "that wiki?" not in said.text
    assert "that wiki?" in addressed.text
    assert "Moonlight" not in addressed.text


def test_a_conversation_is_the_whole_tree_from_any_of_its_posts(client):
    for uid in ("x:1", "x:2", "x:3"):
        page = read(client, f"/posts/{uid}")
        assert all(words in page.text for words in ("Which lamp", "An oil lamp", "that wiki?"))
        assert page.ids.index("p-x-1") < page.ids.index("p-x-2") < page.ids.index("p-x-3")


def test_a_uid_with_slashes_and_percent_signs_has_its_page(client):
    assert "Candles" in read(client, f"/posts/{uid_in(ODD)}").text
    assert client.get(f"/api/posts/{uid_in(ODD)}").json()["post"]["uid"] == ODD


def test_the_library_lists_a_page_once_with_all_who_shared_it(client):
    page = read(client, "/links")
    assert "1 page that people shared" in page.text
    assert {"/posts/x:2", f"/posts/{quote(ODD, safe='@:')}", f"/chats/lampchat/{DATE}/Q1"} <= set(page.links)
    assert "No links." in read(client, "/links?host=example.com").text
    assert "All lamps" in read(client, "/links?chat=lampchat&host=example.org&sort=people").text


def test_searching_narrows_by_facets_and_widens_again(client):
    page = read(client, "/search?q=lamp")
    narrower = next(link for link in page.links if "from%3Aada" in link and "lamps" not in link)
    narrowed = read(client, narrower)
    assert "from:ada" in narrowed.text
    assert "/search?q=lamp" in narrowed.links


def test_pages_of_a_search_hold_every_post_once(client):
    path, found = "/search?q=burns&sort=oldest", []
    while path:
        page = read(client, path)
        found += [one for one in page.ids if one.startswith("p-")]
        later = [link for link in page.links if "page=" in link]
        path = later[-1] if later and later[-1] > path and len(found) < 45 else None
    assert sorted(found) == sorted(f"p-x-{n}" for n in range(200, 245))


def test_the_live_part_is_what_the_page_holds(client):
    whole = client.get("/search", params={"q": "oil"}).text
    part = client.get("/search", params={"q": "oil", "part": "results"}).text
    assert "<html" not in part
    assert part.strip() in whole


def test_any_search_is_a_feed(client):
    answer = client.get("/search.atom", params={"q": "wiki"})
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = ET.fromstring(answer.content)
    ids = [entry.find(f"{ATOM}id").text for entry in feed.iter(f"{ATOM}entry")]
    assert len(ids) == len(set(ids)) == 3
    for name in ("id", "title", "updated", "link"):
        assert feed.find(f"{ATOM}{name}") is not None
    contents = [entry.find(f"{ATOM}content").text for entry in feed.iter(f"{ATOM}entry")]
    assert all(SCRIPT not in text for text in contents)
    assert any("&lt;script&gt;" in text for text in contents)


def test_control_characters_reach_no_page_and_no_feed(client):
    for path in ("/search?q=moonlight", "/search.atom?q=moonlight", "/posts/x:6", f"/chats/lampchat/{DATE}"):
        content = client.get(path).content
        assert b"Moonlight" in content
        assert b"\x00" not in content
        assert b"\x1b" not in content


def test_what_its_author_deleted_is_not_told(client):
    assert "deleted" in read(client, "/posts/x:7").text
    assert client.get("/api/posts/x:7").json()["post"]["text"] is None


def test_styles_and_script_come_from_the_room(client):
    assert "--paper" in client.get("/static/room.css").text
    assert client.get("/static/search.js").headers["content-type"].startswith("text/javascript")
