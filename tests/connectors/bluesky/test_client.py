"""Collecting from a network that pages, forgets, repeats itself and breaks: what is brought, and what is said of it."""

import importlib.util
import json
import logging
import random
import traceback
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import map_payload
from connectors.base import (
    BudgetError,
    CredentialsError,
    FetchError,
    Limits,
    Query,
    Surroundings,
    TransientFetchError,
    read_exchange,
)
from connectors.bluesky.client import BlueskyConnector
from knowarchive.config import Source

_spec = importlib.util.spec_from_file_location("bluesky_network", Path(__file__).with_name("network.py"))
_network = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_network)
Network, START, SERVER, did = _network.Network, _network.START, _network.SERVER, _network.did

WINDOW = Query(("LanternKM",), START - timedelta(minutes=15), START + timedelta(minutes=90))
ACCOUNT = {"KNOWARCHIVE_BLUESKY_HANDLE": "@ada.example", "KNOWARCHIVE_BLUESKY_APP_PASSWORD": "right"}
HTML = httpx.Response(200, html="<html>Welcome</html>")


def uid(uri):
    return "bluesky:" + uri.removeprefix("at://")


@pytest.fixture
def network():
    return Network()


class Clock:
    def __init__(self):
        self.now = START + timedelta(hours=3)
        self.naps = []

    def __call__(self):
        return self.now

    def elapsed(self):
        return self.now.timestamp()

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def connect(network, clock, tmp_path):
    def connect(secrets=None, server=SERVER, **limits):
        around = Surroundings(
            secrets=secrets or {},
            state=tmp_path / "state",
            now=clock,
            elapsed=clock.elapsed,
            sleep=clock.sleep,
            jitter=lambda: 0.5,
            limits=replace(Limits(), **limits),
        )
        return BlueskyConnector(Source(platform="bluesky", server=server), around, network)

    return connect


def uids(payloads):
    found = []
    for payload in payloads:
        mapped = map_payload(payload)
        assert not mapped.quarantined
        found += [post.uid for post in mapped.posts if post.text is not None]
    return found


def posts_of(payloads):
    return [post for payload in payloads for post in map_payload(payload).posts]


def test_a_window_is_searched_page_by_page(network, connect):
    network.page = 3
    said = [network.say("ada", f"word {n} #LanternKM", n) for n in range(10)]
    connector = connect()
    assert uids(connector.search(WINDOW)) == [uid(uri) for uri in reversed(said)]
    assert connector.report.gaps == []


def test_a_payload_keeps_the_bytes_and_says_what_was_asked(network, connect):
    network.say("ada", "one #LanternKM")
    (payload,) = connect().search(WINDOW)
    exchange = read_exchange(payload)
    assert exchange.server == SERVER
    assert exchange.request.startswith("/xrpc/app.bsky.feed.searchPosts?q=%23LanternKM&since=2024-03-06T19%3A45")
    assert payload.body == network.json(json.loads(payload.body)).content
    assert (payload.items, payload.fetched_at) == (1, START + timedelta(hours=3))


def test_spellings_and_hidden_tags_are_searched_too(network, connect):
    said = {
        network.say("ada", "as configured #LanternKM"),
        network.say("bo", "in small letters #lanternkm"),
        network.say("cy", "LanternKM only among the tags", tags=["LanternKM"]),
    }
    assert set(uids(connect().search(WINDOW))) == {uid(uri) for uri in said}


def test_a_server_that_ignores_tags_is_not_asked_for_more_of_them(network, connect):
    network.searches_tags = False
    network.page = 2
    wanted = network.say("ada", "#LanternKM")
    for _ in range(20):
        network.say("bo", "the word LanternKM without the sign")
    assert uids(connect().search(WINDOW)) == [uid(wanted)]


def test_a_server_that_ignores_the_window_is_read_down_to_its_edge(network, connect):
    network.ignores_window = True
    network.page = 5
    for n in range(50):
        network.say("ada", f"old {n} #LanternKM", at=START - timedelta(days=n + 1))
    wanted = [network.say("ada", f"new {n} #LanternKM", n) for n in range(12)]
    connector = connect()
    assert {uid(uri) for uri in wanted} <= set(uids(connector.search(WINDOW)))
    assert connector.report.requests < 10
    assert connector.report.gaps == []


def test_a_window_in_the_future_asks_nothing(network, connect):
    connector = connect()
    query = Query(("LanternKM",), START + timedelta(days=9), START + timedelta(days=10))
    assert list(connector.search(query)) == []
    assert connector.report.requests == 0
    assert "future" in connector.report.notes[0]


def test_a_cursor_that_never_ends_is_a_gap(network, connect):
    network.say("ada", "one #LanternKM")
    numbers = iter(range(1_000))

    def endless(method, parameters):
        answer = json.loads(
            network.on_searchposts({key: value[0] for key, value in parameters.items() if key != "cursor"}, {}).content
        )
        return network.json({**answer, "cursor": f"c{next(numbers)}"})

    network.faults.append(endless)
    connector = connect()
    assert len(uids(connector.search(WINDOW))) == 1
    assert connector.report.requests <= 20
    assert all("repeats itself" in gap for gap in connector.report.gaps)
    assert connector.report.gaps


def test_a_page_that_answers_twice_is_read_over(network, connect):
    network.page = 3
    said = [network.say("ada", f"word {n} #LanternKM", n) for n in range(10)]
    again = []

    def twice(method, parameters):
        if parameters.get("cursor") == ["6"] and not again:
            again.append(1)
            return network.on_searchposts({**{key: value[0] for key, value in parameters.items()}, "cursor": "3"}, {})
        return None

    network.faults.append(twice)
    connector = connect()
    assert sorted(uids(connector.search(WINDOW))) == sorted(uid(uri) for uri in said)
    assert connector.report.gaps == []


def test_a_search_that_gives_less_than_it_counts_is_a_gap(network, connect):
    network.say("ada", "one #LanternKM")
    network.faults.append(
        lambda *_: network.json({"posts": [network.view(view) for view in network.alive()], "hitsTotal": 40})
    )
    connector = connect()
    list(connector.search(WINDOW))
    assert connector.report.gaps == ["the search for #LanternKM counts 40 posts and gave 1"]


def test_pages_from_before_the_end_of_the_window_are_asked_for_again(network, connect, clock):
    clock.now = START + timedelta(minutes=10)
    network.say("ada", "before #LanternKM", 1)
    stored = list(connect().search(WINDOW))
    network.say("bo", "since #LanternKM", 20)
    clock.now = START + timedelta(hours=3)
    assert len(uids(connect().search(WINDOW, stored))) == 2


def test_a_stored_page_with_half_a_character_is_good_and_one_that_is_gone_is_asked_for_again(network, connect, clock):
    clock.now = START + timedelta(hours=3)
    network.say("ada", "one #LanternKM", 1)
    stored = list(connect().search(WINDOW))
    half = [msgspec.structs.replace(page, body=page.body.replace(b"one ", b"\\ud83d ")) for page in stored]
    connector = connect()
    assert [page.body for page in connector.search(WINDOW, half)] == [page.body for page in half]
    assert len(uids(connect().search(WINDOW, [msgspec.structs.replace(page, body=b"null") for page in stored]))) == 1


def test_a_conversation_is_brought_whole(network, connect):
    question = network.say("ada", "Q1 #LanternKM", 1)
    answer = network.say("bo", "A1 without the tag", 2, reply_to=question)
    deeper = network.say("cy", "and more", 3, reply_to=answer)
    quote = network.say("di", "A1 by quote", 4, quote=question)
    below = network.say("ed", "to the quote", 5, reply_to=quote)
    network.say("ff", "of another conversation", 6)
    network.reposts = [(question, "cy"), (question, "ed")]
    connector = connect()
    found = posts_of(connector.search(WINDOW))
    payloads = list(connector.complete(found, WINDOW))
    assert set(uids(payloads)) == {uid(uri) for uri in (question, answer, deeper, quote, below)}
    reposts = [repost for payload in payloads for repost in map_payload(payload).reposts]
    assert {(repost.post_uid, repost.account_handle) for repost in reposts} == {
        (uid(question), "cy.example"), (uid(question), "ed.example"),
    }  # fmt: skip
    assert {repost.post_at for repost in reposts} == {START + timedelta(minutes=1)}
    accounts = {account.uid: account for payload in payloads for account in map_payload(payload).accounts}
    assert accounts["bluesky:" + did("bo")].bio == "I am bo"
    assert connector.report.gaps == []


def test_a_post_without_replies_costs_no_thread(network, connect):
    for n in range(40):
        network.say("ada", f"alone {n} #LanternKM", n)
    connector = connect()
    found = posts_of(connector.search(WINDOW))
    list(connector.complete(found, WINDOW))
    assert network.asked["getPostThread"] == 0
    assert network.asked["getProfiles"] == 1


def test_a_deletion_cuts_a_branch_and_what_is_known_of_it_is_kept(network, connect):
    question = network.say("ada", "Q1 #LanternKM", 1)
    gone = network.say("bo", "a slip", 2, reply_to=question)
    known = network.say("cy", "to the slip #LanternKM", 3, reply_to=gone)
    below = network.say("di", "below it, without the tag", 4, reply_to=known)
    network.deleted.add(gone)
    connector = connect()
    found = posts_of(connector.search(WINDOW))
    assert set(uids(connector.complete(found, WINDOW))) == {uid(uri) for uri in (question, known, below)}


def test_a_conversation_deeper_than_one_answer_is_followed(network, connect):
    last = network.say("ada", "Q1 #LanternKM", 1)
    chain = [last]
    for n in range(30):
        last = network.say("bo", f"link {n}", 2 + n, reply_to=last)
        chain.append(last)
    connector = connect(conversation_depth=8)
    found = posts_of(connector.search(WINDOW))
    assert set(uids(connector.complete(found, WINDOW))) == {uid(uri) for uri in chain}
    assert network.asked["getPostThread"] <= 5


def test_a_conversation_without_end_is_cut_and_said_to_be(network, connect):
    last = network.say("ada", "Q1 #LanternKM", 1)
    for n in range(60):
        last = network.say("bo", f"link {n}", 2, reply_to=last)
    connector = connect(conversation_depth=4, conversation_posts=20)
    list(connector.complete(posts_of(connector.search(WINDOW)), WINDOW))
    assert "1 conversation(s) have more than 20 posts" in connector.report.gaps[0]


def test_a_foreign_post_that_came_along_is_not_followed(network, connect):
    famous = network.say("ff", "famous", at=START - timedelta(days=300))
    network.say("gg", "a reply to fame", at=START - timedelta(days=299), reply_to=famous)
    network.reposts = [(famous, "hh")]
    connector = connect()
    found = posts_of(connector.look_up(posts_of(connector.search(WINDOW))))
    found += posts_of([connector._api.ask("app.bsky.feed.getPosts", {"uris": [famous]}).payload])
    network.requests.clear()
    assert list(connector.complete(found, WINDOW)) == []
    assert network.requests == []


def test_reply_gates_are_noted(network, connect):
    question = network.say("ada", "Q1 #LanternKM", 1)
    network.say("bo", "A1", 2, reply_to=question)
    record = {"post": question, "allow": [{"$type": "app.bsky.feed.threadgate#followingRule"}]}
    network.gates[question] = {"threadgate": {"uri": "at://x", "record": record}}
    connector = connect()
    list(connector.complete(posts_of(connector.search(WINDOW)), WINDOW))
    assert connector.report.notes == [f"{question}: replies were limited to followingRule"]
    assert connector.report.gaps == []


def test_look_up_asks_25_at_a_time_and_deletions_take_the_repositorys_word(network, connect):
    said = [network.say("ada", f"{n} #LanternKM", n) for n in range(60)]
    connector = connect()
    found = posts_of(connector.search(WINDOW))
    network.requests.clear()
    network.deleted.add(said[7])
    posts = posts_of(connector.look_up(found))
    assert network.asked == {"getPosts": 3, "getRecord": 1}
    (gone,) = [post for post in posts if post.deleted_at]
    assert (gone.uid, gone.created_at, gone.text) == (uid(said[7]), START + timedelta(minutes=7), None)
    assert len({post.uid for post in posts}) == 60


def test_what_is_only_hidden_is_not_deleted(network, connect):
    hidden = network.say("ada", "#LanternKM", 1)
    away = network.say("bo", "#LanternKM", 2)
    connector = connect()
    found = posts_of(connector.search(WINDOW))

    def hides(method, parameters):
        if method.endswith("getPosts"):
            return network.json({"posts": []})
        if method.endswith("getRecord") and parameters["repo"] == [did("bo")]:
            return network.error(400, "InvalidRequest", f"Could not find repo: {did('bo')}")
        return None

    network.faults.append(hides)
    assert [post.deleted_at for post in posts_of(connector.look_up(found))] == [None]
    assert len(connector.report.notes) == 2
    assert {hidden, away} == {note.partition(" ")[0].rstrip(":") for note in connector.report.notes}


def test_a_session_is_kept_and_taken_up_again(network, connect, tmp_path):
    network.needs_session = True
    network.say("ada", "one #LanternKM")
    for _ in range(3):
        assert len(uids(connect(ACCOUNT).search(WINDOW))) == 1
    assert network.sessions == 1
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kept", ["", "nonsense", "a:::b:::c:::d:::e", "\udcff" + "x" * 9, None])
def test_a_spoiled_session_is_replaced(network, connect, tmp_path, kept):
    network.needs_session = True
    network.say("ada", "one #LanternKM")
    list(connect(ACCOUNT).search(WINDOW))
    (file,) = (tmp_path / "state").iterdir()
    if kept is not None:
        file.write_bytes(kept.encode("utf-8", "surrogateescape"))
    assert len(uids(connect(ACCOUNT).search(WINDOW))) == 1
    assert network.sessions == (1 if kept is None else 2)


@pytest.mark.parametrize(("status", "name"), [(400, "ExpiredToken"), (401, "InvalidToken"), (401, "AuthMissing")])
def test_a_session_that_is_over_is_replaced_once(network, connect, status, name):
    network.needs_session = True
    network.say("ada", "one #LanternKM")
    list(connect(ACCOUNT).search(WINDOW))
    over = [network.error(status, name)]
    network.faults.append(lambda method, _: over.pop() if over and "searchPosts" in method else None)
    assert len(uids(connect(ACCOUNT).search(WINDOW))) == 1
    assert network.sessions == 2
    network.faults.append(lambda method, _: network.error(status, name) if "searchPosts" in method else None)
    with pytest.raises(FetchError):
        list(connect(ACCOUNT).search(WINDOW))
    assert network.sessions == 3


def test_requests_go_to_the_configured_server_alone(network, connect):
    """The session names another host, as sessions of bsky.social do."""
    hosts = set()
    handle = network.handle_request
    network.handle_request = lambda request: hosts.add(request.url.host) or handle(request)
    network.needs_session = True
    network.say("ada", "one #LanternKM")
    for _ in range(2):
        list(connect(ACCOUNT).search(WINDOW))
    assert hosts == {"pds.example"}
    hosts.clear()
    list(connect(ACCOUNT, server="").search(WINDOW))
    assert hosts == {"bsky.social"}
    network.needs_session = False
    hosts.clear()
    list(connect(server="").search(WINDOW))
    assert hosts == {"public.api.bsky.app"}


def search_error(connector, kind):
    with pytest.raises(kind) as caught:
        list(connector.search(WINDOW))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_trouble_with_credentials_says_what_to_set(network, connect):
    network.needs_session = True
    assert "set KNOWARCHIVE_BLUESKY_HANDLE and KNOWARCHIVE_BLUESKY_APP_PASSWORD" in search_error(
        connect(), CredentialsError
    )
    wrong = {**ACCOUNT, "KNOWARCHIVE_BLUESKY_APP_PASSWORD": "wrong"}
    assert "wrong handle or app password" in search_error(connect(wrong), CredentialsError)
    assert network.asked["createSession"] == 1
    with pytest.raises(CredentialsError, match="only one of"):
        connect({"KNOWARCHIVE_BLUESKY_HANDLE": "ada.example"})
    network.faults.append(
        lambda method, _: network.error(401, "AuthFactorTokenRequired") if "Session" in method else None
    )
    assert "make an app password" in search_error(connect(ACCOUNT), CredentialsError)


def test_a_server_without_logins_is_read_anonymously(network, connect):
    network.faults.append(lambda method, _: network.error(501, "MethodNotImplemented") if "Session" in method else None)
    network.say("ada", "one #LanternKM")
    assert len(uids(connect(ACCOUNT).search(WINDOW))) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (lambda: httpx.Response(200, html="<html>Welcome</html>"), FetchError, "is this an AT Protocol server?"),
        (lambda: httpx.Response(404, html="<html>Nothing</html>"), FetchError, "is this an AT Protocol server?"),
        (lambda: httpx.Response(403, html="<html>Blocked</html>"), CredentialsError, "needs a session"),
        (lambda: httpx.Response(200, json=[1, 2]), FetchError, "is this an AT Protocol server?"),
        (lambda: httpx.Response(302, headers={"location": "https://evil.example/xrpc/x"}), FetchError, "another host"),
        (lambda: httpx.Response(302, headers={"location": "http://pds.example/xrpc/x"}), FetchError, "https to http"),
        (lambda: httpx.Response(302, headers={"location": "/xrpc/app.bsky.feed.searchPosts"}), FetchError, "redirects"),
        (lambda: httpx.Response(200, content=b"x" * (33 << 20)), FetchError, "larger than 32 MiB"),
        (lambda: httpx.Response(400, json={"error": "InvalidRequest"}), FetchError, "status 400 (InvalidRequest)"),
        (lambda: httpx.Response(400, json={"error": "a\nb" * 99}), FetchError, "status 400"),
        (lambda: httpx.Response(503), TransientFetchError, "status 503 after 5 attempts"),
        (lambda: httpx.Response(200, text='{"posts":', headers={"content-type": "application/json"}), TransientFetchError, "not whole"),
        (lambda: httpx.ConnectError("x"), TransientFetchError, "no connection"),
        (lambda: httpx.ReadTimeout("x"), TransientFetchError, "took too long"),
        (lambda: httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), FetchError, "SSL_CERT_FILE"),
    ],
)  # fmt: skip
def test_a_server_that_is_none_says_so_in_one_line(network, connect, answer, kind, words):
    network.faults.append(lambda *_: answer())
    assert words in search_error(connect(), kind)


def test_trouble_that_passes_is_waited_for(network, connect, clock):
    network.page = 3
    said = [network.say("ada", f"word {n} #LanternKM", n) for n in range(10)]
    reset = int((clock.now + timedelta(seconds=100)).timestamp())
    answers = [
        httpx.Response(429, headers={"ratelimit-reset": str(reset)}),
        None,
        httpx.Response(503),
        httpx.ReadTimeout("slow"),
        None,
        httpx.RemoteProtocolError("cut"),
        httpx.Response(200, text='{"posts":[', headers={"content-type": "application/json"}),
    ]
    network.faults.append(lambda *_: answers.pop(0) if answers else None)
    connector = connect()
    assert sorted(uids(connector.search(WINDOW))) == sorted(uid(uri) for uri in said)
    assert connector.report.waited == sum(clock.naps)
    assert clock.naps[0] == 101
    assert connector.report.gaps == []


def test_a_run_stops_at_its_budget(network, connect):
    network.page = 1
    for n in range(10):
        network.say("ada", f"word {n} #LanternKM", n)
    connector = connect(requests=4)
    brought = []
    with pytest.raises(BudgetError, match="after 4 requests"):
        brought.extend(payload.origin for payload in connector.search(WINDOW))
    assert connector.report.requests == 4


def test_a_thread_that_cannot_be_had_is_a_gap_and_the_others_are_brought(network, connect):
    questions = [network.say("ada", f"Q{n} #LanternKM", n) for n in range(3)]
    for question in questions:
        network.say("bo", "an answer", 5, reply_to=question)
    network.faults.append(
        lambda method, parameters: (
            httpx.Response(400, json={"error": "Strange"})
            if "Thread" in method and parameters["uri"] == [questions[1]]
            else None
        )
    )
    connector = connect()
    found = posts_of(connector.search(WINDOW))
    assert len(set(uids(connector.complete(found, WINDOW)))) == 4
    assert connector.report.gaps == [
        "thread: pds.example: app.bsky.feed.getPostThread: refused with status 400 (Strange)"
    ]


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_no_secret_is_in_logs_errors_or_payloads(network, connect, tmp_path, caplog, password):
    caplog.set_level(logging.DEBUG)
    network.password = "the-very-app-password"
    network.needs_session = True
    network.say("ada", "one #LanternKM")
    secrets = {**ACCOUNT, "KNOWARCHIVE_BLUESKY_APP_PASSWORD": network.password if password == "right" else "wrong-one"}
    spoken = []
    seen = {"the-very-app-password", "wrong-one"}

    def spoil(method, parameters):
        if "Session" in method and password == "right" and len(network.requests) == 1:
            return network.json({"accessJwt": "token-in-a-spoiled-answer", "handle": 5})
        return None

    def echo(method, parameters):
        if "search" in method and len(network.requests) > 4:
            return network.error(400, "Strange", f"you sent {network.authorizations[-1]}")
        return None

    network.faults += [spoil, echo]
    for _ in range(4):
        try:
            for payload in connect(secrets).search(WINDOW):
                spoken += [payload.head.decode(), payload.origin, payload.body.decode()]
        except FetchError:
            spoken.append(traceback.format_exc())
    seen |= {(value or "none-sent").removeprefix("Bearer ") for value in network.authorizations}
    seen |= {"token-in-a-spoiled-answer", "c2VjcmV0LXNpZ25hdHVyZQ"}
    spoken.append(caplog.text)
    assert len(spoken) > 1
    assert not [secret for secret in seen if any(secret in words for words in spoken)]


def chat(network):
    """Two questions, answered in every way."""
    network.page = 4
    for n in range(2):
        question = network.say("ada", f"Q{n} #LanternKM", 10 * n)
        for m in range(4):
            answer = network.say(f"p{m}", f"A{n} #LanternKM", 10 * n + m, reply_to=question)
        network.say("bo", "without the tag", 10 * n + 5, reply_to=answer)
        network.say("cy", "by quote", 10 * n + 6, quote=question)
        network.reposts += [(question, f"r{m}") for m in range(6)]


def collected(connector):
    """What a run brings, and whether it says that it may not be all."""
    found, reposts = {}, set()

    def take(payloads):
        for payload in payloads:
            mapped = map_payload(payload)
            found.update({post.uid: post for post in mapped.posts if post.text is not None})
            reposts.update((repost.post_uid, repost.account_uid) for repost in mapped.reposts)

    try:
        take(connector.search(WINDOW))
        take(connector.complete(list(found.values()), WINDOW))
    except FetchError:
        return set(found), reposts, False
    return set(found), reposts, not connector.report.gaps


FAULTS = {
    "busy": lambda: httpx.Response(429, headers={"retry-after": "3"}),
    "busy for unknown": lambda: httpx.Response(429),
    "broken": lambda: httpx.Response(500),
    "away": lambda: httpx.Response(503, text="<html>"),
    "reset": lambda: httpx.ReadError("reset"),
    "hang": lambda: httpx.ReadTimeout("hang"),
    "cut": lambda: httpx.Response(200, text='{"posts": [{"uri', headers={"content-type": "application/json"}),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_server_that_behaves_badly_gives_the_same_or_the_gap_is_named(connect, network, clock, seed):
    chance = random.Random(seed)
    network.__init__()
    chat(network)
    whole = collected(connect(requests=10_000, seconds=1e9))
    assert whole[2]
    asked = len(network.requests)
    again, faults, last = chance.random() * 0.2, 0, {}

    def fault(method, parameters):
        nonlocal faults
        draw = chance.random()
        if draw < 0.3:
            faults += 1
            return FAULTS[chance.choice(list(FAULTS))]()
        before = last.get(method)
        one = {key: value[0] for key, value in parameters.items()}
        if "search" in method:
            last[method] = network.on_searchposts(one, parameters).content
        if before is not None and draw < 0.3 + again:
            faults += 1
            return httpx.Response(200, content=before, headers={"content-type": "application/json"})
        return None

    network.requests.clear()
    network.faults.append(fault)
    connector = connect(requests=10_000, seconds=1e9)
    found, reposts, is_whole = collected(connector)
    if is_whole:
        assert (found, reposts) == whole[:2]
    assert len(network.requests) <= 2 * asked + faults
