"""What every connector to a network keeps, whichever it is. A new network adds one rig to the table.

A rig holds a small chat on a network in memory: a question with the hashtag, a tagged answer, an untagged answer to that,
a post before the window, and, where the network has such, a private one. It connects as `open_connector` does, but to
itself.
"""

import inspect
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlencode

import httpx
import msgspec
import pytest

from connectors import CONNECTORS, FORMATS, map_payload, open_connector, rank, screen
from connectors.base import (
    BudgetError,
    CredentialsError,
    FetchError,
    Limits,
    Query,
    Report,
    Surroundings,
    TransientFetchError,
    read_exchange,
)
from knowarchive.config import Source
from tests.connectors.bluesky import network as bluesky
from tests.connectors.mastodon import instance as mastodon
from tests.connectors.x import server as x

SECRET = "SECRET-6f3a"


class MastodonRig:
    start = mastodon.START
    private = True
    counts_first = False  # asks how much there is, which it can do without
    secrets: ClassVar = {mastodon.VARIABLE: SECRET}

    def __init__(self):
        self.network = mastodon.Instance()
        self.network.page = 3
        self.question = self.network.post("moderator", "Q1: why?", 1)
        self.answer = self.network.post("ada", "because", 2, reply_to=self.question)
        self.untagged = self.network.post("bo", "really", 3, reply_to=self.answer, tag=False)
        self.network.post("cy", SECRET, 4, reply_to=self.question, visibility="private")
        for number in range(6):
            self.network.post("di", f"more {number}", 10 + number)
        self.network.post("ada", "yesterday", -1440)

    def connect(self, surroundings):
        from connectors.mastodon.client import MastodonConnector

        return MastodonConnector(mastodon.SOURCE, surroundings, sender=self.network)

    def uid(self, post):
        return self.network.uid(post)

    def delete(self, post):
        self.network.deleted.add(post)

    def fail(self, status):
        def fault(_, request):
            return mastodon.response(request, status, b'{"error":"invented"}')

        self.network.faults = dict.fromkeys(range(len(self.network.log) + 1, 1000), fault)

    def asked(self):
        return self.network.log


class BlueskyRig:
    start = bluesky.START
    private = False
    counts_first = False
    secrets: ClassVar = {"KNOWARCHIVE_BLUESKY_HANDLE": "ada.example", "KNOWARCHIVE_BLUESKY_APP_PASSWORD": SECRET}

    def __init__(self):
        self.network = bluesky.Network()
        self.network.password = SECRET
        self.network.page = 3
        self.question = self.network.say("moderator", "Q1: why? #LanternKM", 1)
        self.answer = self.network.say("ada", "because #LanternKM", 2, reply_to=self.question)
        self.untagged = self.network.say("bo", "really", 3, reply_to=self.answer)
        for number in range(6):
            self.network.say("di", f"more {number} #LanternKM", 10 + number)
        self.network.say("ada", "yesterday #LanternKM", -1440)

    def connect(self, surroundings):
        from connectors.bluesky.client import BlueskyConnector

        return BlueskyConnector(Source(platform="bluesky", server=bluesky.SERVER), surroundings, self.network)

    def uid(self, post):
        return "bluesky:" + post.removeprefix("at://")

    def delete(self, post):
        self.network.deleted.add(post)

    def fail(self, status):
        self.network.faults.append(lambda *_: self.network.error(status, "Invented"))

    def asked(self):
        return [
            f"/xrpc/{method}?{httpx.QueryParams(params)}"
            for method, params in self.network.requests
            if "server" not in method
        ]


class XRig:
    start = x.START
    private = False
    counts_first = True
    secrets: ClassVar = x.SECRETS

    def __init__(self):
        self.network = x.Server()
        self.network.page = 3
        self.question = self.network.add("moderator", "Q1: why?", 1)
        self.answer = self.network.add("ada", "because", 2, reply_to=self.question)
        self.untagged = self.network.add("bo", "really", 3, reply_to=self.answer, tag=False)
        for number in range(6):
            self.network.add("di", f"more {number}", 10 + number)
        self.network.add("ada", "yesterday", -1440)

    def connect(self, surroundings):
        from connectors.x.client import XConnector

        return XConnector(x.SOURCE, replace(surroundings, secrets=self.secrets), sender=self.network)

    def uid(self, post):
        return f"x:{post}"

    def delete(self, post):
        self.network.gone.add(post)

    def fail(self, status):
        self.network.faults = dict.fromkeys(range(len(self.network.log) + 1, 1000), x.broken(status))

    def asked(self):
        return [f"{path}?{urlencode(params)}" for path, params in self.network.log]


RIGS: dict[str, Callable[[], object]] = {"mastodon": MastodonRig, "bluesky": BlueskyRig, "x": XRig}


class Clock:
    def __init__(self, time):
        self.time = time
        self.slept = []

    def elapsed(self):
        return self.time.timestamp()

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


@pytest.fixture(params=RIGS)
def rig(request):
    return RIGS[request.param]()


@pytest.fixture
def query(rig):
    return Query(("LanternKM",), rig.start, rig.start + timedelta(hours=1))


@pytest.fixture
def clock(rig):
    return Clock(rig.start + timedelta(hours=3))


@pytest.fixture
def connect(rig, clock, tmp_path):
    def connect(secrets=None, **limits):
        surroundings = Surroundings(
            secrets=secrets or {}, state=tmp_path, limits=Limits(**limits), now=lambda: clock.time,
            elapsed=clock.elapsed, sleep=clock.sleep, jitter=lambda: 0.5,
        )  # fmt: skip
        return rig.connect(surroundings)

    return connect


def posts_of(payloads):
    found = {}
    for payload in payloads:
        mapped = map_payload(screen(payload)[0])
        assert not mapped.quarantined
        for post in mapped.posts:
            known = {name: value for name in post.__struct_fields__ if (value := getattr(post, name)) is not None}
            found[post.uid] = msgspec.structs.replace(found.get(post.uid, post), **known)
    return found


def test_every_network_has_a_rig():
    assert RIGS.keys() == CONNECTORS.keys()


@pytest.mark.parametrize("name", RIGS)
def test_a_network_is_opened_by_its_source(name):
    module = __import__(f"connectors.{name}.client", fromlist=["open_connector"])
    assert list(inspect.signature(module.open_connector).parameters) == ["source", "surroundings"]


@pytest.mark.parametrize("name", RIGS)
def test_no_secret_travels_unprotected(name, tmp_path):
    secrets = {**BlueskyRig.secrets, **x.SECRETS, "KNOWARCHIVE_MASTODON_TOKEN__FAR_EXAMPLE": SECRET}
    source = Source(platform=name, server="http://far.example")
    with pytest.raises(CredentialsError, match=r"far.example: KNOWARCHIVE_\w+ is not sent over http"):
        open_connector(source, Surroundings(secrets=secrets, state=tmp_path))


def test_opening_asks_nothing_and_has_a_report(rig, connect):
    connector = connect()
    assert connector.report == Report()
    assert connector.platform in RIGS
    assert len(rig.asked()) == 0


def test_a_search_brings_every_tagged_post_of_the_window(rig, connect, query):
    connector = connect()
    found = posts_of(connector.search(query))
    assert {rig.uid(rig.question), rig.uid(rig.answer)} <= found.keys()
    assert sum(query.since <= post.created_at < query.until for post in found.values()) == 8
    assert connector.report.gaps == []


def test_a_payload_says_what_was_asked_and_when(rig, connect, query, clock):
    for payload in connect().search(query):
        assert payload.format in FORMATS
        assert rank(payload.format) > 0
        assert payload.fetched_at == clock.time
        exchange = read_exchange(payload)
        assert exchange.status == 200
        assert exchange.request.startswith("/")
        assert exchange.server.startswith("https://")
        assert payload.items >= 0


def test_requests_and_pages_are_counted(rig, connect, query):
    connector = connect()
    pages = list(connector.search(query))
    assert connector.report.pages >= len(pages) > 0  # one without anything new need not be kept
    assert connector.report.requests == len(rig.asked())


def test_a_conversation_is_completed_beyond_the_tag_and_threaded(rig, connect, query):
    connector = connect()
    pages = list(connector.search(query))
    assert rig.uid(rig.untagged) not in posts_of(pages)
    pages += connector.complete(list(posts_of(pages).values()), query)
    found = posts_of(pages)
    assert found[rig.uid(rig.untagged)].reply_to == rig.uid(rig.answer)
    assert found[rig.uid(rig.answer)].reply_to == rig.uid(rig.question)
    assert found[rig.uid(rig.untagged)].conversation == rig.uid(rig.question)


def test_what_is_not_public_is_gone_before_it_is_stored(rig, connect, query):
    connector = connect()
    pages = list(connector.search(query))
    pages += connector.complete(list(posts_of(pages).values()), query)
    if rig.private:
        assert any(SECRET.encode() in page.body for page in pages)
    assert not [page for page in pages if SECRET.encode() in screen(page)[0].body]


def test_a_deletion_is_the_networks_word_and_keeps_its_place(rig, connect, query):
    found = posts_of(connect().search(query))
    rig.delete(rig.answer)
    now = posts_of(connect().look_up(list(found.values())))
    gone = [post for post in now.values() if post.deleted_at is not None]
    assert [(post.uid, post.created_at) for post in gone] == [
        (rig.uid(rig.answer), found[rig.uid(rig.answer)].created_at)
    ]


def everything(connector, query, stored=()):
    """What a run asks for, as the pipeline does it."""
    posts = []
    for payload in connector.search(query, stored):
        posts.append(payload)
        yield payload
    yield from connector.complete(list(posts_of(posts).values()), query)


def test_a_run_that_was_interrupted_anywhere_asks_for_nothing_that_it_stored(rig, connect, query):
    whole = list(everything(connect(), query))
    for stop in range(1, len(whole) + 1):
        run = everything(connect(), query)
        stored = [screen(next(run))[0] for _ in range(stop)]
        run.close()
        before = len(rig.asked())
        connector = connect()
        pages = list(everything(connector, query, stored))
        assert [page.origin for page in pages] == [page.origin for page in whole]
        assert [page.payload_id for page in stored] == [screen(page)[0].payload_id for page in pages[:stop]]
        assert connector.report.requests == len(rig.asked()) - before
        asked = rig.asked()[before:]
        assert not {page.origin for page in stored} & {f"{read_exchange(pages[0]).server}{path}" for path in asked}
        assert posts_of(pages).keys() == posts_of(whole).keys()


def test_nothing_is_left_open(rig, connect, query):
    connector = connect()
    next(connector.search(query))
    connector.close()


def test_a_budget_stops_the_run_and_what_came_is_good(rig, connect, query):
    pages = []
    with pytest.raises(BudgetError, match="stopped after 2 requests"):
        pages.extend(connect(requests=2).search(query))
    assert len(rig.asked()) <= 2


def test_a_network_that_is_down_is_waited_for_and_then_left(rig, connect, query, clock):
    rig.fail(503)
    with pytest.raises(TransientFetchError) as caught:
        list(connect().search(query))
    assert "\n" not in str(caught.value)
    steps = 2 if rig.counts_first else 1
    assert len(clock.slept) == steps * (Limits().attempts - 1)
    assert len(rig.asked()) == steps * Limits().attempts


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 501])
def test_a_refusal_is_one_line_and_is_not_asked_for_again(rig, connect, query, status):
    rig.fail(status)
    with pytest.raises(FetchError) as caught:
        list(connect().search(query))
    assert "\n" not in str(caught.value)
    assert not caught.value.retryable
    assert len(rig.asked()) <= 3


def test_secrets_stay_in_the_request(rig, connect, query, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    pages = list(connect(rig.secrets).search(query))
    pages += list(connect(rig.secrets).look_up(list(posts_of(pages).values())))
    for payload in (screen(page)[0] for page in pages):
        assert SECRET.encode() not in payload.head + payload.body + payload.origin.encode()
    rig.fail(401)
    with pytest.raises(FetchError) as caught:
        list(connect(rig.secrets).search(query))
    assert SECRET not in str(caught.value) + caplog.text
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET in path.read_text(errors="replace")]


def test_a_window_in_the_future_asks_nothing(rig, connect, clock):
    connector = connect()
    later = Query(("LanternKM",), clock.time + timedelta(days=1), clock.time + timedelta(days=2))
    assert list(connector.search(later)) == []
    assert connector.report.notes
