"""What X is asked for, and where an interrupted search goes on."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Exchange, Query
from connectors.x import queries
from connectors.x.queries import LONGEST_QUERY, Search
from knowarchive.model import Payload, Post

SINCE = datetime(2026, 3, 10, 20, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=1)
NOW = SINCE + timedelta(hours=5)
QUERY = Query(("a", "b"), SINCE, UNTIL)


@given(st.lists(st.from_regex(r"#[a-zé]{1,60}", fullmatch=True), max_size=60), st.sampled_from(["", " -#lanternkm"]))
def test_long_queries_are_split_at_the_limit_and_lose_no_term(terms, rest):
    found = queries.any_of(terms, rest)
    assert all(queries.weight(text) <= LONGEST_QUERY for text in found)
    assert all(text.endswith(rest) for text in found)
    parts = [part for text in found for part in text.removesuffix(rest).strip("()").split(" OR ")]
    assert parts == list(dict.fromkeys(terms))


def test_as_few_queries_as_fit():
    assert queries.any_of([]) == []
    assert queries.any_of(["#a"], " -#b") == ["#a -#b"]
    assert queries.any_of(["#a", "#b"], " -#c") == ["(#a OR #b) -#c"]
    assert len(queries.any_of(f"conversation_id:{10**18 + number}" for number in range(26))) == 2


@pytest.mark.parametrize("tag", ["LanternKM", "ナレッジ", "wissensmanagement2026", "ज्ञान", "a_b"])
def test_hashtags_of_every_script_can_be_searched_for(tag):
    assert queries.is_hashtag(tag)


@pytest.mark.parametrize("tag", ["", "two words", "2026", "a)b", 'a"', "a -b", "#a", "a:b", "x" * 200])
def test_what_would_change_the_query_cannot(tag):
    assert not queries.is_hashtag(tag)


def test_a_window_is_asked_for_as_far_as_it_is_past():
    assert queries.searches(QUERY, NOW) == [Search("#a OR #b", SINCE, UNTIL)]
    now = SINCE + timedelta(minutes=10, microseconds=5)
    assert queries.searches(QUERY, now) == [Search("#a OR #b", SINCE, SINCE + timedelta(minutes=9, seconds=45))]
    assert queries.searches(QUERY, SINCE) == []


def test_the_last_second_of_a_window_belongs_to_it():
    query = Query(("a",), SINCE, UNTIL + timedelta(microseconds=1))
    assert queries.searches(query, NOW)[0].end == UNTIL + timedelta(seconds=1)


def stored(text, end=UNTIL, **params):
    """A page that an interrupted run has stored."""
    request = queries.request_of(queries.RECENT, query=text, start_time=SINCE, end_time=end, max_results=100, **params)
    head = Exchange(request=request, server="https://api.twitter.com").encode()
    origin = f"https://api.twitter.com{request}"
    return Payload(format="x-api", origin=origin, body=b"{}", items=1, head=head, fetched_at=NOW)


PLANNED = [Search(text, SINCE, UNTIL) for text in ("#a", "#b")]


def test_what_an_interrupted_run_searched_is_a_stretch_of_its_own_and_what_has_happened_since_comes_first():
    before = UNTIL - timedelta(minutes=20)
    assert queries.divided(PLANNED, [stored("#b", end=before), stored("#b", end=before, next_token="t9")]) == [
        PLANNED[0], Search("#b", before, UNTIL), Search("#b", SINCE, before),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "page",
    [
        stored("#a"),
        stored("#other", end=UNTIL - timedelta(minutes=20)),
        stored("#a", end=UNTIL + timedelta(hours=1)),
        stored("#a", end=SINCE),
        msgspec.structs.replace(stored("#a"), head=b"{"),
    ],
)
def test_a_page_of_another_search_divides_nothing(page):
    assert queries.divided(PLANNED, [page]) == PLANNED


def test_a_request_is_known_again_by_what_it_asks():
    base = {"query": "#a -#b", "end_time": UNTIL, "next_token": "t9"}
    known = queries.key(queries.request_of(queries.RECENT, **base))
    also = {"start_time": SINCE, "max_results": 10, "tweet.fields": "text"}
    assert queries.key(queries.request_of(queries.RECENT, **base, **also)) == known
    for other in ({"query": "#a"}, {"end_time": NOW}, {"next_token": "t8"}, {"next_token": None}):
        assert queries.key(queries.request_of(queries.RECENT, **base | other)) != known
    assert queries.key(queries.request_of(queries.ARCHIVE, **base)) != known


def test_conversations_were_begun_with_the_first_of_their_pages():
    later = msgspec.structs.replace(stored("(conversation_id:1)"), fetched_at=NOW + timedelta(hours=1))
    assert queries.completed_at([stored("#a")]) is None
    assert queries.completed_at([stored("#a"), later, stored("conversation_id:1 -#a")]) == NOW


def post(number, **more):
    return Post(uid=f"x:{number}", created_at=SINCE, observed_at=NOW, author_uid="x:1", **more)


def test_only_conversations_that_may_hold_more_are_asked_for():
    posts = [
        post(1, conversation="x:1", replies=0),  # nobody answered
        post(2, conversation="x:2", replies=1),
        post(3, conversation="x:2", reply_to="x:2", replies=0),  # the answer is known
        post(4, conversation="x:4", replies=2),
        post(5, conversation="x:4", reply_to="x:4", replies=0),  # one is missing
        post(6, conversation="x:60", reply_to="x:60", replies=0),  # its beginning is not known
        post(7, conversation="x:7"),  # nobody counted
        post(8, replies=3),
        post(9, reply_to="x:8"),
    ]
    assert queries.unfinished(posts, NOW) == ["4", "60", "7", "8"]


def test_old_counts_of_replies_are_not_believed():
    assert queries.unfinished([post(1, conversation="x:1", replies=0)], NOW + timedelta(days=1)) == ["1"]


ROOT = str((int(SINCE.timestamp() * 1000) + 60_000 - 1_288_834_974_657) << 22)
EARLY = str((int(SINCE.timestamp() * 1000) - 60_000 - 1_288_834_974_657) << 22)


def test_replies_in_the_window_are_asked_for_without_the_tags_and_late_ones_with_them():
    found = queries.conversation_searches([ROOT], QUERY, NOW)
    assert found == [
        Search(f"conversation_id:{ROOT} -#a -#b", SINCE, UNTIL),
        Search(f"conversation_id:{ROOT}", UNTIL, NOW - queries.SETTLED),
    ]


def test_a_conversation_that_began_before_the_window_is_followed_back():
    found = queries.conversation_searches([ROOT, EARLY], QUERY, NOW)
    assert found[-1] == Search(f"conversation_id:{EARLY}", SINCE - timedelta(minutes=1), SINCE)


def test_the_most_quoted_come_first_and_those_whose_quotes_are_known_not_at_all():
    posts = [
        post(1, quotes=1),
        post(2, quotes=5),
        post(3, quotes=1),
        post(4, quote_of="x:3", quotes=0),
        post(5),
    ]
    assert [one.uid for one in queries.quoted(posts)] == ["x:2", "x:1"]


def test_both_vocabularies_are_what_the_descriptions_publish():
    old, new = queries.VOCABULARIES.values()
    assert (old.parameter, new.parameter) == ("tweet.fields", "post.fields")
    for vocabulary in (old, new):
        assert all(len(names) == len(set(names)) for names in vocabulary.fields.values())
