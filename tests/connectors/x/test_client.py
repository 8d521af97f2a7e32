"""Collecting from a server in memory, well-behaved and not, through tweepy and the real transport."""

import gzip
import json
import logging
import random
import stat
import traceback
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import requests

from connectors.base import BudgetError, CredentialsError, FetchError, Limits, Query, TransientFetchError, read_exchange
from connectors.x.answers import map_payload, screen
from connectors.x.client import XConnector, open_connector
from connectors.x.costs import FILE
from knowarchive.config import Source
from knowarchive.errors import ConfigError
from knowarchive.model import Payload, Post
from tests.connectors.x.server import (
    QUERY,
    SECRETS,
    SOURCE,
    START,
    TOKEN,
    Clock,
    Server,
    broken,
    problem,
    reset_connection,
    response,
    surroundings,
)

RECORDED = Path(__file__).parents[3].parent / "shared" / "data" / "tweepy" / "http.jsonl.gz"
CAPPED = json.dumps(
    {
        "account_id": 1, "product_name": "standard-basic", "title": "UsageCapExceeded", "period": "Monthly",
        "scope": "Product", "detail": "Usage cap exceeded: Monthly product cap",
        "type": "https://api.twitter.com/2/problems/usage-capped",
    }
).encode()  # fmt: skip


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server(clock):
    return Server(clock)


def connect(server, tmp_path, source=SOURCE, **more):
    return XConnector(source, surroundings(tmp_path, server.clock, **more), sender=server)


def understood(payloads):
    """Everything that pages say, as the archive would merge it: by uid, what is known last."""
    posts, reposts = {}, set()
    for payload in payloads:
        mapped = map_payload(screen(payload)[0])
        assert not mapped.quarantined
        for post in sorted(mapped.posts, key=lambda post: post.observed_at):
            known = {name: value for name in post.__struct_fields__ if (value := getattr(post, name)) is not None}
            posts[post.uid] = msgspec.structs.replace(posts.get(post.uid, post), **known)
        reposts |= {(repost.post_uid, repost.account_handle) for repost in mapped.reposts}
    return posts, reposts


def ids_of(payloads):
    return [post["id"] for page in payloads for post in msgspec.json.decode(page.body).get("data", ())]


def texts(payloads):
    return sorted(post.text for post in understood(payloads)[0].values() if post.text is not None)


def a_chat(server, posts=45):
    """Questions, answers, quotes and reposts, with the tag."""
    question = server.add("moderator", "Q1 what?", 1)
    for number in range(posts - 1):
        server.add(f"person{number % 7}", f"answer {number}", 2 + number)
    return question


# Searching


def test_a_window_is_read_to_its_edges_and_no_further(server, tmp_path):
    for minute in range(-30, 90, 5):
        server.add("ada", f"minute {minute}", minute)
    connector = connect(server, tmp_path)
    posts, _ = understood(connector.search(QUERY))
    assert sorted(post.created_at for post in posts.values()) == [START + timedelta(minutes=5 * n) for n in range(12)]
    assert connector.report.gaps == connector.report.notes == []
    assert server.paths() == ["/2/tweets/counts/recent", "/2/tweets/search/recent"]
    assert connector.report.requests == 2
    assert connector.report.pages == 1


def test_pages_follow_each_other_and_keep_their_bytes(server, tmp_path):
    server.page = 10
    a_chat(server)
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY))
    assert len(texts(pages)) == 45
    assert [page.items for page in pages] == [10, 10, 10, 10, 5]
    assert all(page.format == "x-api" and page.body.startswith(b'{"data":[{"id":"') for page in pages)
    head = read_exchange(pages[1])
    assert head.server == "https://api.twitter.com"
    assert head.request.startswith("/2/tweets/search/recent?")
    assert "next_token=t" in head.request
    assert TOKEN not in repr(pages)


def test_when_a_page_was_fetched_is_when_its_posts_were_observed(server, tmp_path):
    original = server.add("ada", "x", 1)
    server.add("bo", "RT @ada: x", 2, reposts=original)
    (page,) = connect(server, tmp_path).search(QUERY)
    mapped = map_payload(page)
    records = [*mapped.posts, *mapped.accounts, *mapped.reposts]
    assert {record.observed_at for record in records} == {page.fetched_at} == {server.clock.now()}
    assert [type(record).__name__ for record in records] == ["Post", "Account", "Account", "Repost"]


def test_a_page_over_several_lines_is_one_page(server, tmp_path):
    server.add("ada", "x", 1)
    (page,) = connect(server, tmp_path).search(QUERY)
    laid_out = json.dumps(json.loads(page.body), indent=2).encode()
    assert map_payload(msgspec.structs.replace(page, body=laid_out)) == map_payload(page)


def test_many_hashtags_become_several_queries_within_the_limit(server, tmp_path):
    server.add("ada", "x", 1)
    tags = tuple(f"lantern{'n' * 40}{number}" for number in range(30)) + QUERY.hashtags
    pages = list(connect(server, tmp_path).search(Query(tags, QUERY.since, QUERY.until)))
    assert texts(pages) == ["x #LanternKM"]
    assert len(server.searches()) == 4
    assert all(len(params["query"]) <= 512 for params in server.searches())


def test_an_old_window_is_read_from_the_full_archive_once_a_second(server, tmp_path):
    server.clock.time += timedelta(days=400)
    server.page = 20
    a_chat(server)
    connector = connect(server, tmp_path)
    assert len(texts(connector.search(QUERY))) == 45
    assert set(server.paths()) == {"/2/tweets/counts/all", "/2/tweets/search/all"}
    assert server.searches()[0]["max_results"] == "500"
    assert server.clock.slept == [1.0, 1.0, 1.0]
    assert connector.report.waited == 3


def test_without_the_full_archive_recent_search_gives_what_it_can_and_the_rest_is_a_gap(server, tmp_path):
    server.has_archive = False
    server.clock.time = START + timedelta(days=7, minutes=30)
    for minute in range(0, 60, 10):
        server.add("ada", f"minute {minute}", minute)
    connector = connect(server, tmp_path)
    assert texts(connector.search(QUERY)) == ["minute 40 #LanternKM", "minute 50 #LanternKM"]
    assert connector.report.gaps == [
        "api.twitter.com: posts from before 2026-03-10 need full-archive search, which is refused to this token"
    ]
    assert connector.report.horizon == START + timedelta(minutes=31, seconds=1)


def test_a_window_past_the_horizon_is_a_gap(server, tmp_path):
    server.has_archive = False
    server.clock.time = START + timedelta(days=30)
    connector = connect(server, tmp_path)
    assert list(connector.search(QUERY)) == []
    assert len(connector.report.gaps) == 1


def test_a_window_in_the_future_asks_nothing(server, tmp_path):
    server.clock.time = START - timedelta(days=1)
    connector = connect(server, tmp_path)
    assert list(connector.search(QUERY)) == []
    assert connector.report.notes == ["api.twitter.com: the window is in the future; nothing was asked"]
    assert server.log == []


def test_a_window_that_is_not_over_is_asked_for_so_far(server, tmp_path):
    server.clock.time = START + timedelta(minutes=30)
    server.add("ada", "x", 1)
    connector = connect(server, tmp_path)
    assert len(texts(connector.search(QUERY))) == 1
    assert connector.report.notes == ["api.twitter.com: the window is not over; asked up to 2026-03-10 20:29:45 UTC"]


@pytest.mark.parametrize("tags", [(), ("two words",), ("2026",), ("a) OR (b",)])
def test_what_is_no_hashtag_is_not_sent(server, tmp_path, tags):
    connector = connect(server, tmp_path)
    with pytest.raises(FetchError, match="hashtag"):
        list(connector.search(Query(tags, QUERY.since, QUERY.until)))
    assert server.log == []


def test_one_bad_hashtag_among_good_ones_is_a_gap(server, tmp_path):
    server.add("ada", "x", 1)
    connector = connect(server, tmp_path)
    assert len(texts(connector.search(Query(("two words", "LanternKM"), QUERY.since, QUERY.until)))) == 1
    assert connector.report.gaps == ["api.twitter.com: #two words is no hashtag on X and was not searched for"]


def test_a_search_that_gives_less_than_was_counted_is_a_gap(server, tmp_path):
    a_chat(server, 20)
    server.faults = {1: broken(200, b'{"data":[],"meta":{"total_tweet_count":40}}')}
    connector = connect(server, tmp_path)
    assert len(texts(connector.search(QUERY))) == 20
    assert connector.report.gaps == ["api.twitter.com: X counts 40 posts for the search, and gave 20"]


def test_an_answer_without_posts_and_without_a_word_of_them_is_a_gap(server, tmp_path):
    server.faults = {2: broken(200, json.dumps({"errors": [problem("internal-error", "1", "x")]}).encode())}
    connector = connect(server, tmp_path)
    assert list(connector.search(QUERY)) == []
    assert connector.report.gaps == [
        "api.twitter.com: X gave no posts and did not say that there are none (internal-error); some may be missing"
    ]


# Going on


def test_a_killed_run_pays_nothing_again_the_next_day(server, tmp_path):
    server.page = 10
    question = a_chat(server)
    for number in range(25):
        server.add("zoe", f"untagged {number}", 3, reply_to=question, tag=False)
    run = everything(connect(server, tmp_path))
    stored = [next(run) for _ in range(7)]
    server.clock.time += timedelta(hours=2)  # counts of replies are old by now
    connector = connect(server, tmp_path / "costs that were lost")
    pages = list(everything(connector, stored))
    assert len(texts(pages)) == 70
    assert not {*ids_of(pages)[len(ids_of(stored)) :]} & {*ids_of(stored)}
    assert connector.report.gaps == []


def everything(connector, stored=()):
    """What a run asks for, as the pipeline does it."""
    pages = []
    for page in connector.search(QUERY, stored):
        pages.append(page)
        yield page
    yield from connector.complete(list(understood(pages)[0].values()), QUERY)


def test_a_run_that_ran_out_of_money_goes_on_where_it_stopped(server, tmp_path):
    server.page = 10
    a_chat(server)
    stored = []
    with pytest.raises(BudgetError):
        stored.extend(connect(server, tmp_path, limits=Limits(dollars_a_month=0.32)).search(QUERY))
    assert stored
    poor = connect(server, tmp_path, limits=Limits(dollars_a_month=0.32))
    again = []
    with pytest.raises(BudgetError):
        again.extend(poor.search(QUERY, stored))
    assert again == stored  # all that was paid for, and nothing more
    pages = list(connect(server, tmp_path, limits=Limits(dollars_a_month=3)).search(QUERY, stored))
    assert pages[: len(stored)] == stored
    assert len(texts(pages)) == 45


def test_what_was_said_since_an_interruption_is_not_forgotten(server, tmp_path):
    server.page = 10
    server.clock.time = START + timedelta(minutes=30)
    a_chat(server)
    first = next(connect(server, tmp_path).search(QUERY))
    server.clock.time = START + timedelta(hours=2)
    pages = list(connect(server, tmp_path).search(QUERY, [first]))
    assert first in pages
    assert len(texts(pages)) == 45


def test_a_search_whose_token_x_has_forgotten_goes_on_by_time(server, tmp_path):
    server.page = 10
    a_chat(server)
    first = next(connect(server, tmp_path).search(QUERY))
    page = msgspec.json.decode(first.body)
    page["meta"]["next_token"] = "forgotten"
    first = msgspec.structs.replace(first, body=msgspec.json.encode(page))
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY, [first]))
    assert len(texts(pages)) == 45
    assert len(ids_of(pages)) == 46  # one is in two pages
    assert connector.report.gaps == []
    assert connector.report.notes == [
        "api.twitter.com: X does not know any more where the last run stopped; the search goes on by time"
    ]


# Conversations, quotes, look-up


def test_answers_without_the_tag_come_with_their_conversation(server, tmp_path):
    question = server.add("moderator", "Q1 what?", 1)
    answer = server.add("ada", "that", 2, reply_to=question, tag=False)
    server.add("bo", "why?", 3, reply_to=answer, tag=False)
    server.add("cy", "late", 100, reply_to=question)
    server.add("di", "nobody answers", 5)
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY))
    server.log.clear()
    posts, _ = understood(pages)
    pages += connector.complete(list(posts.values()), QUERY)
    posts, _ = understood(pages)
    assert {post.text for post in posts.values() if post.conversation == f"x:{question}"} == {
        "Q1 what? #LanternKM", "that", "why?", "late #LanternKM",
    }  # fmt: skip
    assert [params["query"] for params in server.searches()] == [
        f"conversation_id:{question} -#LanternKM",
        f"conversation_id:{question}",
    ]


def test_many_conversations_are_asked_for_together(server, tmp_path):
    for number in range(40):
        question = server.add("moderator", f"Q{number}", number)
        server.add("ada", f"A{number}", number + 1, reply_to=question, tag=False)
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY))
    server.log.clear()
    pages += connector.complete(list(understood(pages)[0].values()), QUERY)
    assert len(texts(pages)) == 80
    # 40 conversations, a dozen to a query, in the window and after it; that three in a row bring nothing is asked twice
    assert len(server.log) == 8 + 3


def test_conversations_are_bounded(server, tmp_path):
    question = server.add("moderator", "Q1", 1)
    for number in range(60):
        server.add("ada", f"A{number}", 2, reply_to=question, tag=False)
    server.page = 20
    connector = connect(server, tmp_path, limits=Limits(conversation_posts=40))
    pages = list(connector.search(QUERY))
    more = list(connector.complete(list(understood(pages)[0].values()), QUERY))
    assert len(more) == 2
    assert connector.report.gaps == ["api.twitter.com: more than 40 posts in conversations; the rest was not asked for"]


def test_quotes_of_a_question_come_without_the_tag(server, tmp_path):
    question = server.add("moderator", "Q1", 1)
    server.add("ada", "that", 2, quotes=question, tag=False)
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY))
    pages += connector.complete(list(understood(pages)[0].values()), QUERY)
    posts, _ = understood(pages)
    assert [post.quote_of for post in posts.values() if post.text == "that"] == [f"x:{question}"]
    assert server.paths()[-1] == f"/2/tweets/{question}/quote_tweets"


def test_quotes_that_a_token_may_not_see_are_a_gap(server, tmp_path):
    question = server.add("moderator", "Q1", 1)
    server.add("ada", "that", 2, quotes=question, tag=False)
    connector = connect(server, tmp_path)
    posts, _ = understood(connector.search(QUERY))
    server.faults = {len(server.log) + 1: broken(403)}
    list(connector.complete(list(posts.values()), QUERY))
    (gap,) = connector.report.gaps
    assert gap.startswith("api.twitter.com: quotes are refused to this token: the credentials lack a permission")


def test_looking_up_tells_what_was_deleted_edited_and_hidden(server, tmp_path):
    kept, gone, edited = (server.add("ada", name, 1) for name in ("kept", "gone", "first"))
    hidden = server.add("bo", "hidden", 1)
    posts, _ = understood(connect(server, tmp_path).search(QUERY))
    server.gone.add(gone)
    server.protected.add(server.posts[hidden]["author_id"])
    server.edit(edited, "second #LanternKM")
    server.posts[kept]["public_metrics"]["like_count"] = 9
    server.log.clear()
    server.clock.time += timedelta(days=1)
    connector = connect(server, tmp_path)
    pages = list(connector.look_up(list(posts.values())))
    now, _ = understood(pages)
    assert len(server.log) == len(pages) == 1
    assert now[f"x:{gone}"].deleted_at == server.clock.now()
    assert now[f"x:{gone}"].created_at == posts[f"x:{gone}"].created_at
    assert now[f"x:{kept}"].likes == 9
    assert now[f"x:{edited}"].text == "second #LanternKM"
    assert now[f"x:{edited}"].edited_at is not None
    assert f"x:{hidden}" not in now
    assert connector.report.notes == [
        "api.twitter.com: 1 posts are hidden now: their accounts are protected or suspended"
    ]
    assert connector.report.gaps == []


def test_posts_are_looked_up_by_the_hundred(server, tmp_path):
    a_chat(server, 58)
    posts, _ = understood(connect(server, tmp_path).search(QUERY))
    many = [msgspec.structs.replace(post, uid=f"x:{10**18 + n}") for n in range(5) for post in posts.values()]
    many = [msgspec.structs.replace(post, uid=f"x:{10**18 + n}") for n, post in enumerate(many)]
    server.log.clear()
    connector = connect(server, tmp_path)
    pages = list(connector.look_up(many))
    assert len(server.log) == len(pages) == 3
    assert all(post.deleted_at is not None for page in pages for post in map_payload(page).posts)


def test_a_post_of_which_x_says_nothing_is_a_gap_not_a_deletion(server, tmp_path):
    server.add("ada", "x", 1)
    (post,) = understood(connect(server, tmp_path).search(QUERY))[0].values()
    server.faults = {len(server.log) + 1: broken(200, b'{"meta":{}}')}
    connector = connect(server, tmp_path)
    (page,) = connector.look_up([post])
    assert map_payload(page).posts == []
    assert connector.report.gaps == ["api.twitter.com: X said nothing of 1 posts that were looked up"]


def test_what_is_gone_is_only_believed_of_what_was_asked(server, tmp_path):
    body = json.dumps({"errors": [problem("resource-not-found", "77", "Not Found Error")], "data": []}).encode()
    page = Payload(format="x-api", origin="x", body=body, items=1, fetched_at=START)
    assert map_payload(page).posts == []  # no head
    server.add("ada", "x", 1)
    (post,) = understood(connect(server, tmp_path).search(QUERY))[0].values()
    server.faults = {len(server.log) + 1: broken(200, body)}
    (page,) = connect(server, tmp_path).look_up([post])
    assert map_payload(page).posts == []


def test_the_same_page_is_only_what_was_said_of_it(server, tmp_path):
    """Whatever the bytes are, mapping them raises nothing."""
    rng = random.Random(4)
    server.add("ada", "x", 1)
    (page,) = connect(server, tmp_path).search(QUERY)
    for _ in range(300):
        body = bytearray(page.body)
        for _ in range(rng.randrange(1, 6)):
            body[rng.randrange(len(body))] = rng.choice(b'{}[]",:0\n\x00\xff')
        map_payload(screen(msgspec.structs.replace(page, body=bytes(body)))[0])


# Names


@pytest.mark.parametrize(
    ("names", "setting"), [("post.fields", None), ("tweet.fields", "post"), ("post.fields", "post")]
)
def test_the_names_that_the_server_knows_are_found_once(server, tmp_path, names, setting):
    server.names = {names}
    server.page = 10
    a_chat(server)
    secrets = SECRETS | ({"KNOWARCHIVE_X_FIELDS": setting} if setting else {})
    connector = connect(server, tmp_path, secrets=secrets)
    posts, _ = understood(connector.search(QUERY))
    assert len(posts) == 45
    assert all(post.author_handle and post.replies == 0 for post in posts.values())
    wrong = [params for params in server.searches() if names not in params]
    assert len(wrong) == (names != f"{setting or 'tweet'}.fields")
    assert connector.report.gaps == []


def test_a_server_that_knows_neither_is_asked_twice_and_its_own_words_are_shown(server, tmp_path):
    server.names = set()
    connector = connect(server, tmp_path)
    with pytest.raises(
        FetchError, match=r"refused /2/tweets/search/recent with status 400 \(The query parameter \[tweet"
    ):
        list(connector.search(QUERY))
    assert len(server.searches()) == 2


def test_an_unknown_setting_is_an_error_of_configuration(tmp_path):
    with pytest.raises(ConfigError, match="KNOWARCHIVE_X_FIELDS is not one of tweet, post"):
        open_connector(SOURCE, surroundings(tmp_path, secrets=SECRETS | {"KNOWARCHIVE_X_FIELDS": "skeet"}))


# Money


def test_each_post_and_account_is_paid_for_once_a_day(server, tmp_path):
    original = server.add("ada", "x", 1, mentions=["cy"])
    server.add("bo", "RT @ada: x", 2, reposts=original)
    connector = connect(server, tmp_path)
    list(connector.search(QUERY))
    assert connector.report.cost == 2 * 0.005 + 3 * 0.010
    again = connect(server, tmp_path)
    list(again.search(QUERY))
    assert again.report.cost == 0
    server.clock.time += timedelta(days=1)
    tomorrow = connect(server, tmp_path)
    list(tomorrow.search(QUERY))
    assert tomorrow.report.cost == connector.report.cost


@pytest.mark.parametrize("dollars", [0.5, 1.0, 2.0, 4.0])
def test_a_run_stops_before_its_budget_is_exceeded(server, tmp_path, dollars):
    for number in range(300):
        server.add(f"person{number}", f"answer {number}", number / 6)
    connector = connect(server, tmp_path, limits=Limits(dollars=dollars))
    pages = []
    with pytest.raises(
        BudgetError, match=rf"^api.twitter.com: stopped before the run's budget of \${dollars:.2f} is exceeded"
    ):
        pages.extend(connector.search(QUERY))
    assert dollars / 3 < connector.report.cost <= dollars
    assert connector.report.cost == pytest.approx(0.015 * len(texts(pages)))
    assert connector.report.notes == [
        f"api.twitter.com: X counts 300 posts, which cost up to $9.00; ${dollars:.2f} may be spent, so the newest come first"
    ]


def test_a_month_stops_before_its_budget_is_exceeded_whoever_spends(server, tmp_path):
    for number in range(300):
        server.add(f"person{number}", f"answer {number}", number / 6)
    spent, pages = 0, []
    for run in range(4):
        connector = connect(server, tmp_path, limits=Limits(dollars=1.2, dollars_a_month=3))
        stored, pages = pages, []
        with pytest.raises(BudgetError, match="run's budget" if run < 2 else "a month is exceeded"):
            pages.extend(connector.search(QUERY, stored))
        assert pages[: len(stored)] == stored
        spent += connector.report.cost
    assert 2.4 < spent <= 3
    server.clock.time += timedelta(days=30)
    connector = connect(server, tmp_path, limits=Limits(dollars=1.2, dollars_a_month=3))
    with pytest.raises(BudgetError, match="run's budget"):
        list(connector.search(QUERY))


def test_nothing_is_asked_for_that_cannot_be_paid(server, tmp_path):
    a_chat(server)
    connector = connect(server, tmp_path, limits=Limits(dollars=0.1))
    with pytest.raises(BudgetError, match="the next page may cost"):
        list(connector.search(QUERY))
    assert server.searches() == []


def test_a_request_that_failed_costs_nothing(server, tmp_path):
    a_chat(server)
    server.faults = dict.fromkeys(range(2, 8), broken(500))
    connector = connect(server, tmp_path, limits=Limits(dollars_a_month=3.1))
    with pytest.raises(TransientFetchError):
        list(connector.search(QUERY))
    assert connector.report.cost == 0
    assert len(texts(connect(server, tmp_path, limits=Limits(dollars_a_month=3.1)).search(QUERY))) == 45


def test_what_a_killed_run_may_have_spent_counts(server, tmp_path):
    a_chat(server)

    def killed(*_):
        raise KeyboardInterrupt

    server.faults = {2: killed}
    kept = tmp_path / "state" / FILE
    connector = connect(server, tmp_path, limits=Limits(dollars_a_month=5))
    connector._costs.release = lambda: None
    with pytest.raises(KeyboardInterrupt):
        list(connector.search(QUERY))
    assert json.loads(kept.read_bytes())["spent"] == 3000


def test_what_was_spent_is_private_and_hides_nobody(server, tmp_path):
    a_chat(server)
    list(connect(server, tmp_path).search(QUERY))
    files = list((tmp_path / "state").iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert TOKEN.encode() not in b"".join(path.read_bytes() for path in files)


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"spent": "lots"}'])
def test_a_damaged_count_stops_a_month_with_a_budget_and_no_other(server, tmp_path, damage):
    a_chat(server)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE).write_bytes(damage)
    with pytest.raises(BudgetError, match="what this month has cost so far is not known"):
        list(connect(server, tmp_path, limits=Limits(dollars_a_month=100)).search(QUERY))
    assert len(texts(connect(server, tmp_path).search(QUERY))) == 45


# What goes wrong


@pytest.mark.parametrize(
    "fault",
    [
        broken(429, x_rate_limit_reset=str(int((START + timedelta(hours=3, minutes=5)).timestamp()))),
        broken(429),
        broken(429, b'{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}'),
        broken(429, x_rate_limit_reset="soon"),
        broken(500),
        broken(503, b"<html>over capacity</html>", content_type="text/html"),
        broken(503, retry_after="20"),
        broken(200, b'{"data": [{"id": "1", "te'),
        broken(200, b""),
        requests.exceptions.ReadTimeout(),
        reset_connection(),
        requests.exceptions.ChunkedEncodingError(),
    ],
)
def test_what_passes_is_waited_for(server, tmp_path, fault):
    server.page = 20
    a_chat(server)
    server.faults = {2: fault, 4: fault}
    connector = connect(server, tmp_path)
    assert len(texts(connector.search(QUERY))) == 45
    assert connector.report.gaps == []
    assert connector.report.waited == sum(server.clock.slept) > 0
    assert connector.report.requests == len(server.log) == 6


def test_the_page_that_the_network_names_is_waited_for_once(server, tmp_path):
    a_chat(server)
    reset = START + timedelta(hours=3, minutes=5)
    server.faults = {2: broken(429, x_rate_limit_reset=str(int(reset.timestamp())), x_rate_limit_remaining="0")}
    list(connect(server, tmp_path).search(QUERY))
    assert server.clock.slept == [301.0]


PAGE = b"<!DOCTYPE html><html><title>Welcome</title></html>"
NOT_X = "so it does not speak X's API; check the source's server"
CREDITS = b'{"title":"CreditsDepleted","detail":"Your enrolled account [1] does not have any credits.","type":"https://api.twitter.com/2/problems/credits"}'
ENROL = b'{"reason":"client-not-enrolled","title":"Client Forbidden","detail":"x","type":"https://api.twitter.com/2/problems/client-forbidden"}'
OTHER = b'{"title":"Unsupported Authentication","detail":"x","type":"https://api.twitter.com/2/problems/unsupported-authentication"}'


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (
            broken(401, b'{"title":"Unauthorized"}'),
            CredentialsError,
            "are wrong or have expired; renew KNOWARCHIVE_X_BEARER",
        ),
        (
            broken(402, CREDITS),
            BudgetError,
            "is used up (Your enrolled account [1] does not have any credits.); add credits",
        ),
        (broken(402, PAGE, content_type="text/html"), BudgetError, "what the plan includes is used up; add credits"),
        (broken(429, CAPPED, x_rate_limit_remaining="39999"), BudgetError, "(Usage cap exceeded: Monthly product cap)"),
        (broken(403), CredentialsError, "the credentials lack a permission; check what KNOWARCHIVE_X_BEARER may do"),
        (broken(403, ENROL), CredentialsError, "the app belongs to no project, or its plan does not include this"),
        (broken(403, OTHER), CredentialsError, "this needs another kind of token"),
        (broken(403, PAGE, content_type="text/html"), FetchError, "by something before X"),
        (
            broken(400, b'{"errors":[{"message":"Invalid \'start_time\'\\n\\u001b[31m"}]}'),
            FetchError,
            "(Invalid 'start_time' [31m)",
        ),
        (broken(404, PAGE, content_type="text/html"), FetchError, NOT_X),
        (broken(410, b'{"detail":"gone"}'), FetchError, "api.twitter.com: refused /2/tweets/"),
        (broken(200, PAGE, content_type="text/html"), FetchError, NOT_X),
        (broken(200, b"[1]"), FetchError, NOT_X),
        (
            broken(200, json.dumps({"headers": {"Authorization": TOKEN}}).encode()),
            FetchError,
            "answers with our own token",
        ),
        (broken(302, location="https://evil.example/"), FetchError, "refused to follow the server to another host"),
        (broken(302, location="http://api.twitter.com/"), FetchError, "from https to http"),
        (broken(302, location="/2/tweets/search/recent"), FetchError, "redirects in circles"),
        (broken(200, b" " * (1 << 20)), FetchError, "api.twitter.com: an answer of more than 1 MB; not read"),
        (broken(500), TransientFetchError, "status 500 after 5 attempts; try again later"),
        (broken(429, retry_after="86400"), TransientFetchError, "asked to wait 86,401 s, more than this run may"),
        (requests.exceptions.SSLError("secret"), FetchError, "api.twitter.com: its certificate does not verify"),
        (requests.exceptions.ProxyError("user:password@proxy"), TransientFetchError, "the proxy does not answer"),
    ],
)
def test_what_does_not_pass_is_one_line_that_says_what_to_do(server, tmp_path, fault, kind, message, caplog, capsys):
    for name in ("", "tweepy", "tweepy.client", "requests", "requests_oauthlib", "oauthlib", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    server.faults = dict.fromkeys(range(1, 40), fault)
    connector = connect(server, tmp_path, limits=Limits(response_bytes=(1 << 20) - 1, dollars_a_month=5))
    with pytest.raises(kind) as caught:
        list(connector.search(QUERY))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("api.twitter.com: ")
    assert connector.report.cost == 0
    told = caplog.text
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    trace.stack = traceback.StackSummary([frame for frame in trace.stack if "/tests/" not in frame.filename])
    shown = "".join(trace.format()) + "".join(capsys.readouterr())
    assert TOKEN not in shown
    if message != "answers with our own token":  # where the server itself repeats it, tweepy logs the answer
        assert TOKEN not in told
    assert "password" not in shown + told
    error = caught.value
    while error is not None:  # nothing in the chain holds a request
        assert isinstance(error, FetchError)
        error = error.__cause__ or error.__context__


def test_a_quota_that_is_used_up_is_not_waited_for(server, tmp_path):
    server.faults = {1: broken(429, CAPPED, x_rate_limit_remaining="39999", x_rate_limit_reset="1773180000")}
    with pytest.raises(BudgetError):
        list(connect(server, tmp_path).search(QUERY))
    assert server.clock.slept == []
    assert len(server.log) == 1


def test_no_log_at_any_level_holds_the_token(server, tmp_path, caplog):
    for name in ("", "tweepy", "tweepy.client", "requests", "requests_oauthlib", "oauthlib", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    a_chat(server)
    connector = connect(server, tmp_path)
    posts, _ = understood(connector.search(QUERY))
    list(connector.complete(list(posts.values()), QUERY))
    list(connector.look_up(list(posts.values())))
    assert "Making API request" in caplog.text  # the library did log
    assert "Bearer kept below" in caplog.text
    assert TOKEN not in caplog.text


def test_counting_that_fails_does_not_stop_the_search(server, tmp_path):
    a_chat(server)
    server.faults = dict.fromkeys(range(1, 6), broken(500))
    connector = connect(server, tmp_path)
    assert len(texts(connector.search(QUERY))) == 45
    assert connector.report.gaps == []


def test_without_a_token_nothing_is_sent(server, tmp_path):
    connector = connect(server, tmp_path, secrets={})
    with pytest.raises(CredentialsError, match="there is no token; set KNOWARCHIVE_X_BEARER"):
        list(connector.search(QUERY))
    assert server.log == []


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ключ"])
def test_what_is_no_token_is_not_sent(tmp_path, token):
    with pytest.raises(CredentialsError, match="holds no token") as caught:
        open_connector(SOURCE, surroundings(tmp_path, secrets={"KNOWARCHIVE_X_BEARER": token}))
    assert token not in str(caught.value)


def test_the_token_does_not_travel_unprotected(tmp_path):
    with pytest.raises(CredentialsError, match=r"gateway\.example: KNOWARCHIVE_X_BEARER is not sent over http"):
        open_connector(Source(platform="x", server="http://gateway.example"), surroundings(tmp_path))
    open_connector(Source(platform="x", server="http://127.0.0.1:8403"), surroundings(tmp_path))


def test_another_server_gets_the_requests(server, tmp_path):
    source = Source(platform="x", server="https://gateway.example/x/")
    a_chat(server)
    seen = []

    def at_gateway(_, request):
        seen.append(request.url.partition("?")[0])
        request.url = request.url.replace("https://gateway.example/x", "https://api.twitter.com")

    server.faults = {1: at_gateway, 2: at_gateway}
    pages = list(connect(server, tmp_path, source=source).search(QUERY))
    assert seen == [
        "https://gateway.example/x/2/tweets/counts/recent",
        "https://gateway.example/x/2/tweets/search/recent",
    ]
    assert read_exchange(pages[0]).server == "https://gateway.example/x"


# Pages out of order


def repeat_the_last_page(server, request):
    """A cache that answers with what was asked before."""
    if len(server.log) < 2:
        return None
    status, value = server.route(*server.log[-2])
    return response(request, status, value)


def skip_ahead(server, request):
    """A page comes before its turn."""
    path, params = server.log[-1]
    _, value = server.route(path, params)
    following = value.get("meta", {}).get("next_token") if "/search/" in path else None
    return response(request, *server.route(path, params | {"next_token": following})) if following else None


def test_a_page_that_answers_twice_is_asked_again(server, tmp_path):
    server.page = 10
    a_chat(server)
    server.faults = {3: repeat_the_last_page, 5: repeat_the_last_page}
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY))
    assert len(texts(pages)) == 45
    assert len(pages) == 5
    assert connector.report.gaps == []


def test_a_cursor_that_leads_in_circles_is_a_gap(server, tmp_path):
    a_chat(server)
    server.page = 10

    def circle(server, request):
        _, value = server.route("/2/tweets/search/recent", {**server.log[-1][1]})
        value["meta"]["next_token"] = server.log[-1][1].get("next_token", "t1")
        return response(request, 200, value)

    server.faults = dict.fromkeys(range(3, 99), circle)
    connector = connect(server, tmp_path)
    list(connector.search(QUERY))
    assert connector.report.gaps == ["api.twitter.com: X repeats its pages; older posts may be missing"]
    assert len(server.log) < 8


def test_a_cursor_that_never_ends_is_a_gap(server, tmp_path):
    a_chat(server, 10)

    def on_and_on(server, request):
        return response(request, 200, {"meta": {"result_count": 0, "next_token": f"t{len(server.log)}"}})

    server.faults = dict.fromkeys(range(3, 99), on_and_on)
    server.page = 5
    connector = connect(server, tmp_path)
    list(connector.search(QUERY))
    assert connector.report.gaps == ["api.twitter.com: X repeats its pages; older posts may be missing"]
    assert len(server.log) < 10


FAULT_FREE = 11  # requests: one counts, five pages, one counts, three of the conversation, one after the window


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_network_does_the_posts_are_the_same_or_the_gap_is_named(tmp_path, seed):
    rng = random.Random(seed)
    kinds = [
        broken(429, x_rate_limit_reset=str(int((START + timedelta(hours=3, minutes=2)).timestamp()))),
        broken(429), broken(500), broken(503), reset_connection(), requests.exceptions.ReadTimeout(),
        broken(200, b'{"data": [{"id"'), broken(200, b"not json"), repeat_the_last_page, skip_ahead,
    ]  # fmt: skip
    server = Server()
    server.page = 10
    question = a_chat(server)
    for number in range(25):
        server.add("zoe", f"untagged {number}", 3, reply_to=question, tag=False)
    server.faults = {number: rng.choice(kinds) for number in range(1, 60) if rng.random() < 0.3}
    planned = len(server.faults)
    connector = connect(server, tmp_path)
    pages, failed = [], False
    try:
        pages += connector.search(QUERY)
        pages += connector.complete(list(understood(pages)[0].values()), QUERY)
    except TransientFetchError:
        failed = True
    assert failed or connector.report.gaps or len(texts(pages)) == 70
    assert len(server.log) <= FAULT_FREE + 3 * (planned - len(server.faults))


# What was recorded


class Replay:
    """Answers with a recorded exchange, and then with nothing more."""

    def __init__(self, exchange):
        self.exchange = exchange
        body = exchange["body"]
        self.body = (body if isinstance(body, str) else json.dumps(body)).encode()

    def send(self, request, **_):
        if "/counts/" in request.url:
            return response(request, 403)
        if "next_token" in request.url or "pagination_token" in request.url:
            return response(request, 200, {"meta": {"result_count": 0}})
        rates = {name: value for name, value in self.exchange["headers"].items() if name.startswith("x-rate") and value}
        return response(request, self.exchange["status"], self.body, rates)


@pytest.mark.skipif(not RECORDED.exists(), reason="needs ../shared/data/tweepy")
def test_recorded_exchanges_are_understood(tmp_path):
    """Real answers to searches, quotes and look-ups, replayed below tweepy: the bytes come through and are mapped."""
    known = Post(uid="x:1", created_at=START, quotes=1, replies=0, observed_at=Clock().now(), conversation="x:1")
    outcomes = {}
    for line in gzip.decompress(RECORDED.read_bytes()).splitlines():
        exchange = json.loads(line)
        kind = exchange["uri"].partition("api.twitter.com/2/tweets")[2].partition("?")[0].rpartition("/")[2]
        is_read = "/2/tweets?" in exchange["uri"] or kind in {"recent", "all", "quote_tweets"}
        if exchange["method"] != "GET" or "/counts/" in exchange["uri"] or not is_read:
            continue
        replay = Replay(exchange)
        connector = XConnector(SOURCE, surroundings(tmp_path), sender=replay)
        if kind == "quote_tweets":
            page = next(connector.complete([known], QUERY))
        else:
            page = next(connector.search(QUERY) if kind else connector.look_up([known]))
        assert page.body == replay.body
        mapped = map_payload(page)
        exchanges, mapped_posts, quarantined = outcomes.get(kind, (0, 0, 0))
        found = len(mapped.posts) + len(mapped.reposts)
        outcomes[kind] = (exchanges + 1, mapped_posts + found, quarantined + len(mapped.quarantined))
    # exchanges, posts and reposts, what could not be mapped
    assert outcomes == {"recent": (2, 20, 0), "all": (2, 20, 0), "quote_tweets": (2, 18, 0), "": (2, 4, 0)}
