"""What every connector to a network keeps, whichever it is. A new network adds one rig to the table.

A rig holds a small chat on a network in memory: a question with the hashtag, a tagged answer, an untagged answer to that,
a post before the window, and, where the network has such, a private one. It connects as `open_connector` does, but to
itself.
"""

import inspect
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

import msgspec
import pytest

from connectors import FORMATS, map_payload, rank, screen
from connectors.base import (
    BudgetError,
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

SECRET = "SECRET-6f3a"


class MastodonRig:
    start = mastodon.START
    private = True
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

    def requests(self):
        return len(self.network.log)


class BlueskyRig:
    start = bluesky.START
    private = False
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

    def requests(self):
        return len(self.network.requests)


RIGS: dict[str, Callable[[], object]] = {"mastodon": MastodonRig, "bluesky": BlueskyRig}


class Clock:
    def __init__(self, time):
        self.time = time
        self.slept = []

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
            secrets=secrets or {}, state=tmp_path, limits=Limits(**limits), now=lambda: clock.time, sleep=clock.sleep,
            jitter=lambda: 0.5,
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


@pytest.mark.parametrize("name", RIGS)
def test_a_network_is_opened_by_its_source(name):
    module = __import__(f"connectors.{name}.client", fromlist=["open_connector"])
    assert list(inspect.signature(module.open_connector).parameters) == ["source", "surroundings"]


def test_opening_asks_nothing_and_has_a_report(rig, connect):
    connector = connect()
    assert connector.report == Report()
    assert connector.platform in RIGS
    assert rig.requests() == 0


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
    assert connector.report.requests == rig.requests()


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


def test_an_interrupted_search_goes_on_after_its_last_page(rig, connect, query):
    whole = posts_of(connect().search(query))
    requests = rig.requests()
    search = connect().search(query)
    first = [next(search), next(search)]
    before = rig.requests()
    rest = list(connect().search(query, resume=first[-1]))
    assert posts_of(first + rest).keys() == whole.keys()
    assert rig.requests() - before < requests
    assert not {page.head for page in first} & {page.head for page in rest}


def test_a_budget_stops_the_run_and_what_came_is_good(rig, connect, query):
    pages = []
    with pytest.raises(BudgetError, match="stopped after 2 requests"):
        pages.extend(connect(requests=2).search(query))
    assert rig.requests() <= 2


def test_a_network_that_is_down_is_waited_for_and_then_left(rig, connect, query, clock):
    rig.fail(503)
    with pytest.raises(TransientFetchError) as caught:
        list(connect().search(query))
    assert "\n" not in str(caught.value)
    assert len(clock.slept) == Limits().attempts - 1
    assert rig.requests() == Limits().attempts


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 501])
def test_a_refusal_is_one_line_and_is_not_asked_for_again(rig, connect, query, status):
    rig.fail(status)
    with pytest.raises(FetchError) as caught:
        list(connect().search(query))
    assert "\n" not in str(caught.value)
    assert not caught.value.retryable
    assert rig.requests() <= 3


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
