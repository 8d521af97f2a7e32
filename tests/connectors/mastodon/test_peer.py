"""A chat on a server that nobody here wrote: mastodon-mock, from ../shared/peers."""

import json
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import requests

from connectors import map_payload, screen
from connectors.base import CredentialsError, Query, Surroundings
from connectors.mastodon.client import open_connector
from knowarchive.config import Source
from tests.peers.servers import MASTODON, required

ADDRESS = MASTODON.address
pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
]


def call(method, path, person=None, **data):
    headers = {"Authorization": f"Bearer {person}_token"} if person else {}
    answer = requests.request(method, ADDRESS + path, headers=headers, json=data or None, timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def post(person, text, **more):
    return call("POST", "/api/v1/statuses", person, status=text, **more)


@pytest.fixture(scope="module")
def peer():
    with required(MASTODON):
        yield


@pytest.fixture
def chat(peer):
    """A question; a tagged and an untagged answer, one private; a quote, a boost, an edit, a deletion."""
    call("POST", "/api/v1/_mock/reset")
    question = post("moderator", "Q1: what keeps a light burning? #LanternKM")
    answer = post("alice", "A1 oil #LanternKM", in_reply_to_id=question["id"])
    untagged = post("bob", "and people", in_reply_to_id=answer["id"])
    secret = post("carol", "SECRET-friends #LanternKM", in_reply_to_id=question["id"], visibility="private")
    post("carol", "SECRET-one @alice #LanternKM", visibility="direct")
    quote = post("dan", "see that #LanternKM", quoted_status_id=answer["id"])
    edited = post("dan", "frist #LanternKM")
    call("PUT", f"/api/v1/statuses/{edited['id']}", "dan", status="first #LanternKM")
    deleted = post("bob", "regretted #LanternKM")
    call("POST", f"/api/v1/statuses/{question['id']}/reblog", "alice")
    for number in range(45):
        post("carol", f"more {number} #LanternKM")
    return {
        "question": question, "answer": answer, "untagged": untagged, "secret": secret, "quote": quote, "edited": edited,
        "deleted": deleted,
    }  # fmt: skip


def connect(tmp_path, slept, **secrets):
    surroundings = Surroundings(secrets=secrets, state=tmp_path, sleep=slept.append)
    return open_connector(Source(platform="mastodon", server=ADDRESS), surroundings)


def window():
    now = datetime.now(UTC)
    return Query(("lanternkm",), now - timedelta(hours=1), now + timedelta(hours=1))


def understood(payloads):
    posts, reposts, versions = {}, set(), {}
    for payload in payloads:
        public, _ = screen(payload)
        assert b"SECRET" not in public.body
        mapped = map_payload(public)
        assert not mapped.quarantined
        for one in sorted(mapped.posts, key=lambda one: one.observed_at):
            known = {name: value for name in one.__struct_fields__ if (value := getattr(one, name)) is not None}
            posts[one.uid] = msgspec.structs.replace(posts.get(one.uid, one), **known)
            versions.setdefault(one.uid, set()).add(one.text)
        reposts |= {(one.post_uid, one.account_handle) for one in mapped.reposts}
    return posts, reposts, versions


@pytest.mark.parametrize("secrets", [{}, {"KNOWARCHIVE_MASTODON_TOKEN__127_0_0_1_8600": "moderator_token"}])
def test_a_chat_is_collected_whole_and_nothing_private_with_it(chat, tmp_path, secrets):
    slept = []
    connector = connect(tmp_path, slept, **secrets)
    pages = list(connector.search(window()))
    posts, _, _ = understood(pages)
    assert f"mastodon:{chat['untagged']['uri']}" not in posts
    pages += connector.complete(list(posts.values()), window())
    posts, reposts, versions = understood(pages)
    uids = {name: f"mastodon:{status['uri']}" for name, status in chat.items()}
    assert len(posts) == 51
    assert posts[uids["untagged"]].reply_to == uids["answer"]
    assert posts[uids["answer"]].reply_to == uids["question"]
    assert posts[uids["untagged"]].conversation == uids["question"]
    assert posts[uids["quote"]].quote_of == uids["answer"]
    assert posts[uids["edited"]].text == "first #LanternKM"
    assert "frist #LanternKM" in versions[uids["edited"]]
    assert uids["secret"] not in posts
    assert reposts == {(uids["question"], "alice@127.0.0.1:8600")}
    assert connector.report.requests < 12


def test_what_was_deleted_is_told_when_looked_up(chat, tmp_path):
    connector = connect(tmp_path, [])
    posts, _, _ = understood(connector.search(window()))
    call("DELETE", f"/api/v1/statuses/{chat['deleted']['id']}", "bob")
    now, _, _ = understood(connect(tmp_path, []).look_up(list(posts.values())))
    uid = f"mastodon:{chat['deleted']['uri']}"
    assert [one for one in now.values() if one.deleted_at is not None] == [now[uid]]
    assert now[uid].created_at == posts[uid].created_at


@pytest.mark.parametrize(
    "effect",
    [
        {"type": "ratelimit"},
        {"type": "status", "status": 503},
        {"type": "status", "status": 500},
        {"type": "malformed"},
    ],
    ids=json.dumps,
)
def test_faults_pass_and_the_archive_is_the_same(chat, tmp_path, effect):
    calm, _, _ = understood(connect(tmp_path, []).search(window()))
    slept = []
    call("POST", "/api/v1/_mock/faults", effect=effect, match={"path": "/api/v1/timelines/*"}, count=2)
    connector = connect(tmp_path, slept)
    stormy, _, _ = understood(connector.search(window()))
    assert stormy.keys() == calm.keys()
    assert connector.report.gaps == []
    assert slept
    call("POST", "/api/v1/_mock/reset")


def test_a_wrong_token_is_one_line(chat, tmp_path):
    connector = connect(tmp_path, [], KNOWARCHIVE_MASTODON_TOKEN__127_0_0_1_8600="SECRET-wrong")
    begun = time.monotonic()
    try:
        list(connector.search(window()))
    except CredentialsError as error:
        assert "renew KNOWARCHIVE_MASTODON_TOKEN__127_0_0_1_8600" in str(error)  # noqa: PT017 - the mock may allow it
        assert "SECRET" not in str(error)  # noqa: PT017
    assert time.monotonic() - begun < 10
