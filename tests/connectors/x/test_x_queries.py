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


def stored(text, start=SINCE, end=UNTIL, token="t9", path="/2/tweets/search/recent"):
    request = f"{path}?query={text.replace('#', '%23').replace(' ', '+')}&start_time={start:%Y-%m-%dT%H:%M:%SZ}&end_time={end:%Y-%m-%dT%H:%M:%SZ}"
    body = msgspec.json.encode({"meta": {"next_token": token} if token else {}})
    head = Exchange(request=request, server="https://api.twitter.com").encode()
    return Payload(format="x-api", origin="x", body=body, items=1, head=head)


RUN = timedelta(minutes=30)
PLANNED = [Search(text, SINCE, UNTIL) for text in ("#a", "#b", "#c")]


def test_a_search_goes_on_after_the_stored_page():
    left = queries.resumed(PLANNED, QUERY, stored("#b"), RUN)
    assert left == [Search("#b", SINCE, UNTIL, "t9", archive=False), PLANNED[2]]


def test_after_the_last_page_of_a_query_comes_the_next():
    assert queries.resumed(PLANNED, QUERY, stored("#b", token=None), RUN) == [PLANNED[2]]
    assert queries.resumed(PLANNED, QUERY, stored("#c", token=None), RUN) == []


def test_what_was_said_since_the_interruption_is_asked_for_too():
    before = UNTIL - timedelta(minutes=20)
    left = queries.resumed(PLANNED, QUERY, stored("#b", end=before, path="/2/tweets/search/all"), RUN)
    assert left == [
        Search("#b", SINCE, before, "t9", archive=True),
        PLANNED[2],
        Search("#a", before, UNTIL),
        Search("#b", before, UNTIL),
    ]


def test_a_page_cut_at_the_horizon_is_gone_on_from():
    (first, *_) = queries.resumed(PLANNED, QUERY, stored("#a", start=SINCE + timedelta(minutes=5)), RUN)
    assert first == Search("#a", SINCE + timedelta(minutes=5), UNTIL, "t9", archive=False)


@pytest.mark.parametrize(
    "page",
    [
        stored("conversation_id:1 -#a"),
        stored("(conversation_id:1 OR conversation_id:2)"),
        stored("", path="/2/tweets/1/quote_tweets"),
    ],
)
def test_a_page_of_a_conversation_says_that_the_search_was_over(page):
    later = msgspec.structs.replace(page, fetched_at=UNTIL + timedelta(hours=1))
    assert queries.resumed(PLANNED, QUERY, later, RUN) == []
    within = msgspec.structs.replace(page, fetched_at=UNTIL - timedelta(minutes=10))
    start = UNTIL - timedelta(minutes=40) - queries.SETTLED
    assert queries.resumed(PLANNED, QUERY, within, RUN) == [Search(text, start, UNTIL) for text in ("#a", "#b", "#c")]


@pytest.mark.parametrize(
    "page",
    [
        stored("#other"),
        stored("#a", start=SINCE - timedelta(days=1)),
        stored("#a", end=UNTIL + timedelta(hours=1)),
        stored("#a", end=SINCE - timedelta(hours=1), start=SINCE - timedelta(hours=2)),
        stored("#a", path="/2/tweets"),
        stored("#a", start=SINCE + timedelta(minutes=5), path="/2/tweets/search/all"),
        msgspec.structs.replace(stored("#a"), head=b"{"),
        msgspec.structs.replace(stored("#a"), body=b"<html>"),
    ],
)
def test_a_page_of_another_search_leaves_everything_to_do(page):
    assert queries.resumed(PLANNED, QUERY, page, RUN) == PLANNED


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
