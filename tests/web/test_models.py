"""What pages are made of: calendars, trees, addresses, facets, and what the catalogue counts."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowarchive.web import calendar, cards, catalogue, narrowing, places
from transcripts.people import People
from transcripts.search.language import parse
from transcripts.search.posts import Filed, IndexedPost

NOON = datetime(2015, 3, 10, 12, tzinfo=UTC)


def indexed(number, minute=0, **fields):
    return IndexedPost(uid=f"x:{number}", created_at=NOON + timedelta(minutes=minute), **fields)


def test_a_calendar_places_days_by_week_and_weekday():
    [year] = calendar.years([("2015-01-01", 4), ("2015-12-31@2100", 1), ("no date", 9)])
    first, last = year.squares
    assert (first.x, first.y, first.level) == (0, 3, 4)  # a Thursday
    assert (last.x, last.y, last.level, last.label) == (52, 3, 1, "2015-12-31@2100")
    assert (year.number, year.sessions, year.posts) == (2015, 2, 5)


@given(st.lists(st.dates().map(str)), st.integers(0, 10**6))
def test_every_day_is_on_the_calendar(days, posts):
    for year in calendar.years((day, posts) for day in days):
        assert all(0 <= one.x <= 53 and 0 <= one.y <= 6 for one in year.squares)
        assert all(1 <= one.level <= calendar.LEVELS for one in year.squares)


@given(st.dictionaries(st.integers(0, 9), st.integers(0, 9)))
def test_a_conversation_shows_each_post_once_even_in_a_circle(parents):
    posts = {f"x:{n}": indexed(n, n, reply_to=f"x:{parent}") for n, parent in parents.items()}
    for root, first in posts.items():
        tree = cards.threaded(posts, root)
        assert tree[0] == (0, first)
        uids = [post.uid for _, post in tree]
        assert len(uids) == len(set(uids))
        depths = {post.uid: depth for depth, post in tree}
        assert all(depths[post.uid] == depths[post.reply_to] + 1 for depth, post in tree if depth)


@given(st.text(min_size=1).filter(lambda text: text.isprintable() and text.strip(".")))
def test_an_address_keeps_any_uid_whole(uid):
    path = places.post_page(uid)
    assert path.count("/") == 2
    assert not {"?", "#"} & set(path)
    assert unquote(path.removeprefix("/posts/")) == uid


def test_facets_lead_to_the_query_with_one_more_condition():
    query = parse("lamps chat:lampchat")
    spread = {
        "chat": (("lampchat", 3), ("other", 1)),
        "host": (("example.org", 2), ("a.example", 1)),
        "year": (("2015", 3),),
    }
    [facet] = narrowing.facets(query, spread, "")
    assert facet.title == "Site"
    assert facet.choices[0].href == "/search?q=lamps+chat%3Alampchat+link%3Aexample.org"
    assert narrowing.conditions(query, "newest") == [("chat:lampchat", "/search?q=lamps&sort=newest")]


@pytest.fixture
def made(tmp_path):
    """The catalogue of a small chat in which two accounts are one person's."""
    filed = (Filed("lampchat", "2015-03-10", "Q1", "answer"),)
    posts = [
        indexed(1, 0, author_uid="x:11", author_handle="ada", filed=filed),
        indexed(2, 1, author_uid="x:12", author_handle="ben", filed=filed, reply_to="x:1"),
        indexed(3, 2, author_uid="x:13", author_handle="ada2", filed=filed, reply_to="x:2", mentions=("Ben",)),
        indexed(4, 3, author_handle="Cleo", filed=filed, links=(("https://www.example.org/a/", "A"),)),
        indexed(5, 4, author_uid="x:12", author_handle="ben", links=(("http://example.org/a?utm_source=x", None),)),
        indexed(6, 5, deleted=True, filed=filed),
    ]
    return catalogue.build(
        iter(posts),
        lambda _posts: People({"x:13": "x:11"}, {"x:11": "Ada Wick"}, {}),
        path=tmp_path / "catalogue.sqlite",
    )


def test_the_catalogue_counts_people_not_accounts(made):
    [session] = made.rows("sessions", chat="lampchat", limit=9, offset=0)
    assert (session["posts"], session["people"], session["questions"]) == (5, 3, 1)
    [answered] = made.rows("answered", person="x:11", limit=9)
    assert (answered["person"], answered["times"]) == ("x:12", 1)
    [answering] = made.rows("answering", person="x:11", limit=9)
    assert (answering["person"], answering["times"]) == ("x:12", 1)
    assert [row["name"] for row in made.rows("accounts", person="x:11")] == ["Ada Wick", "Ada Wick"]


def test_what_is_addressed_to_somebody_answers_or_names_them(made):
    assert [row["uid"] for row in made.rows("addressed", person="x:12", limit=9, offset=0)] == ["x:3"]
    assert made.one("count_addressed", person="x:11")["total"] == 1


def test_two_spellings_of_a_page_are_one_link_of_both_who_shared_it(made):
    choice = {"chat": None, "host": None, "person": None, "since": None}
    [link] = made.rows("links", **choice, limit=9, offset=0)
    assert (link["people"], link["title"], link["host"]) == (2, "A", "example.org")
    assert made.one("count_links", **{**choice, "chat": "lampchat"})["total"] == 1
    assert made.one("count_links", **{**choice, "host": "ample.org"})["total"] == 0


def test_a_circle_of_replies_ends(tmp_path):
    posts = [indexed(1, 0, reply_to="x:2"), indexed(2, 1, reply_to="x:1"), indexed(3, 1, reply_to="x:3")]
    made = catalogue.build(posts, lambda _posts: People(), path=tmp_path / "catalogue.sqlite")
    for uid in ("x:1", "x:2", "x:3"):
        root = made.one("above", uid=uid, longest=200)["uid"]
        assert uid in {row["uid"] for row in made.rows("below", uid=root, limit=500)}
