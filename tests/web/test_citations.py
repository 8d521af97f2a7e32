"""Posts and transcripts as citations."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from knowarchive.web.citations import bibtex, cite_post, reference
from tests.web.conftest import DATE, ODD
from tests.web.page import Page
from transcripts.search.posts import IndexedPost


def cited(text="Reading lamps", **fields):
    made = datetime(2015, 3, 10, 23, 30, tzinfo=UTC)
    values = {"uid": "x:1", "created_at": made, "author_handle": "jane", "author_name": "Jane Doe", "text": text}
    return cite_post(IndexedPost(**{**values, **fields}))


def test_a_post_is_cited_with_author_day_network_and_address():
    assert cited() == {
        "id": "x:1",
        "type": "post",
        "title": "Reading lamps",
        "container-title": "X",
        "issued": {"date-parts": [[2015, 3, 10]]},
        "author": [{"literal": "Jane Doe (@jane)"}],
        "URL": "https://x.com/jane/status/1",
    }


def test_a_long_post_is_cited_by_its_first_words():
    assert len(cited("word " * 100)["title"]) <= 160


def test_a_deleted_post_is_cited_by_its_place_alone():
    item = cited(None, author_handle=None, author_name=None, deleted=True)
    assert "author" not in item
    assert item["title"] == ""


@pytest.mark.parametrize("text", ["100% {of} $it_ & #all~ ^up \\input{x}", "}, note={x", "a\nb\x1b[31m", "@misc{evil,"])
def test_bibtex_holds_any_text_in_one_balanced_entry(text):
    entry = bibtex(cited(text, author_name=text))
    depth, closed = 0, []
    for place, letter in enumerate(entry):
        depth += (letter == "{") - (letter == "}")
        closed += [place] if letter == "}" and depth == 0 else []
    assert closed == [len(entry) - 2]
    assert re.search(r"(?<!\\)[%$#&]", re.sub(r"url = .*", "", entry)) is None
    assert "\x1b" not in entry
    assert entry.count("\n") == len(re.findall(r"^  \w+ = ", entry, re.MULTILINE)) + 2


def test_a_reference_says_whose_where_when_and_where_to_read_it():
    assert reference(cited()) == "Jane Doe (@jane). X, 10 March 2015. https://x.com/jane/status/1"
    assert reference(cited(None, author_handle=None, author_name=None, deleted=True)).startswith("X, 10 March 2015. ")


def test_a_page_has_every_form_and_leads_back(client):
    page = Page(client.get(f"/cite/posts/{quote(ODD, safe='')}").text)
    assert all(
        words in page.text
        for words in ("@ada@lamps.example. Mastodon, 10 March 2015. https", "@misc{", '"type": "post"')
    )
    assert {link for link in page.inside if "format=" in link} == {
        f"/cite/posts/{quote(ODD, safe='@:')}?format={form}" for form in ("bibtex", "csl")
    }
    assert f"/posts/{quote(ODD, safe='@:')}" in page.links
    session = Page(client.get(f"/cite/sessions/lampchat/{DATE}").text)
    assert f"/chats/lampchat/{DATE}" in session.links


def test_citations_are_served_in_both_forms(client):
    [item] = json.loads(client.get("/cite/posts/x:2?format=csl").text)
    assert item["author"] == [{"literal": "Ada (@ada)"}]
    assert client.get("/cite/posts/x:2?format=bibtex").text.startswith("@misc{x-2,\n  author = {{Ada (@ada)}},\n")
    [session] = json.loads(client.get(f"/cite/sessions/lampchat/{DATE}?format=csl").text)
    assert session["title"] == "Lamps & <b>lights</b>, Tuesday 10 March 2015"
    assert session["issued"] == {"date-parts": [[2015, 3, 10]]}
