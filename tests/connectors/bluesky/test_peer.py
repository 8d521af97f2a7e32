"""The AT Protocol's own reference network, where it can be had: what was said there is what the connector brings."""

import base64
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import map_payload
from connectors.base import CredentialsError, Query, Surroundings
from connectors.bluesky.client import open_connector
from knowarchive.config import Source
from tests.peers.servers import BLUESKY, required

PDS, APPVIEW = BLUESKY.address, "http://localhost:2584"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings("ignore"),  # of libraries that only this test uses
]


@pytest.fixture(scope="module")
def network():
    with required(BLUESKY):
        yield


@pytest.fixture(scope="module")
def people(network):
    from atproto import Client, models

    suffix = os.urandom(3).hex()

    def join(name):
        client = Client(base_url=PDS)
        client.com.atproto.server.create_account(
            models.ComAtprotoServerCreateAccount.Data(
                handle=f"{name}-{suffix}.test", email=f"{name}-{suffix}@example.org", password=f"secret-of-{name}"
            )
        )
        client.login(f"{name}-{suffix}.test", f"secret-of-{name}", fetch_bsky_profile=False)
        return client

    joined = {name: join(name) for name in ("moderator", "iris", "otto")}
    declare(joined["iris"], labels=models.ComAtprotoLabelDefs.SelfLabels(values=[{"val": "!no-unauthenticated"}]))
    declare(joined["otto"], description="I keep oil. #NoBot")
    yield joined
    for client in joined.values():
        client.request.close()


def declare(client, **profile):
    from atproto import models

    record = models.AppBskyActorProfile.Record(**profile)
    client.app.bsky.actor.profile.create(client._session.did, record, rkey="self")


@pytest.fixture
def chat(people):
    """A chat: a question, threaded answers, one without the tag, quotes, reposts, a picture, one to be deleted."""
    from atproto import client_utils, models

    tag = "LanternKM" + os.urandom(3).hex()
    moderator, iris, otto = people.values()

    def reference(post):
        return models.ComAtprotoRepoStrongRef.Main(uri=post.uri, cid=post.cid)

    def answer(who, text, parent, root):
        reply = models.AppBskyFeedPost.ReplyRef(parent=reference(parent), root=reference(root))
        return who.send_post(text, reply_to=reply, profile_identify=who._session.did)

    def say(who, text, **more):
        return who.send_post(text, profile_identify=who._session.did, **more)

    builder = client_utils.TextBuilder().text("🏮 Q1: What do you keep? ").tag(f"#{tag}", tag)
    said = {"question": say(moderator, builder)}
    said["answer"] = answer(iris, "A1: the lantern, without the tag", said["question"], said["question"])
    said["deeper"] = answer(otto, "And its oil", said["answer"], said["question"])
    quote = models.AppBskyEmbedRecord.Main(record=reference(said["question"]))
    said["quote"] = say(otto, "A1: I quote instead", embed=quote)
    said["picture"] = pictured(iris, "A1: see here", said["question"])
    said["lower"] = say(otto, f"in small letters #{tag.lower()}")
    said["gone"] = say(iris, f"a slip #{tag}")
    said["below"] = answer(otto, f"I saw that slip #{tag}", said["gone"], said["gone"])
    for who in (iris, otto):
        who.app.bsky.feed.repost.create(
            who._session.did,
            models.AppBskyFeedRepost.Record(subject=reference(said["question"]), created_at=who.get_current_time_iso()),
        )
    settle(lambda: len(brought(None, tag)) >= 4)
    return tag, {name: "bluesky:" + post.uri[5:] for name, post in said.items()}


def pictured(who, text, root):
    from atproto import models

    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    image = models.AppBskyEmbedImages.Image(alt="A lantern on a shelf", image=who.upload_blob(png).blob)
    reference = models.ComAtprotoRepoStrongRef.Main(uri=root.uri, cid=root.cid)
    return who.send_post(
        text,
        reply_to=models.AppBskyFeedPost.ReplyRef(parent=reference, root=reference),
        embed=models.AppBskyEmbedImages.Main(images=[image]),
        profile_identify=who._session.did,
    )


def settle(is_done):
    for _ in range(60):
        if is_done():
            return
        time.sleep(0.5)
    raise AssertionError("the AppView did not take it in")


def surroundings(tmp_path, who=None, password=None):
    secrets = {}
    if who is not None:
        secrets = {
            "KNOWARCHIVE_BLUESKY_HANDLE": who._session.handle,
            "KNOWARCHIVE_BLUESKY_APP_PASSWORD": password or f"secret-of-{who._session.handle.partition('-')[0]}",
        }
    return Surroundings(secrets=secrets, state=tmp_path or Path("/nonexistent"))


def window(tag):
    now = datetime.now(UTC)
    return Query((tag,), now - timedelta(hours=1), now + timedelta(hours=1))


def mapped(payloads):
    posts, reposts = {}, set()
    for payload in payloads:
        one = map_payload(payload)
        assert not one.quarantined
        posts.update({post.uid: post for post in one.posts if post.text is not None})
        reposts.update((repost.post_uid, repost.account_uid) for repost in one.reposts)
    return posts, reposts


def brought(tmp_path, tag):
    connector = open_connector(Source(platform="bluesky", server=APPVIEW), surroundings(tmp_path))
    return mapped(connector.search(window(tag)))[0]


@pytest.mark.parametrize("server", [PDS, APPVIEW])
def test_a_chat_is_brought_whole(server, chat, people, tmp_path):
    tag, uids = chat
    who = people["moderator"] if server == PDS else None
    connector = open_connector(Source(platform="bluesky", server=server), surroundings(tmp_path, who))
    posts, _ = mapped(connector.search(window(tag)))
    assert set(posts) == {uids[name] for name in ("question", "lower", "gone", "below")}
    payloads = list(connector.complete(list(posts.values()), window(tag)))
    more, reposts = mapped(payloads)
    posts |= more
    assert set(posts) == set(uids.values())
    assert posts[uids["deeper"]].reply_to == uids["answer"]
    assert posts[uids["deeper"]].conversation == uids["question"]
    assert posts[uids["quote"]].quote_of == uids["question"]
    assert posts[uids["question"]].hashtags == (tag,)
    assert posts[uids["question"]].replies == 2
    (picture,) = posts[uids["picture"]].media
    assert (picture.kind, picture.alt, picture.url[:4]) == ("photo", "A lantern on a shelf", "http")
    declared = {one.uid: one.consent for payload in payloads for one in map_payload(payload).accounts}
    declared = {uid: wish for uid, wish in declared.items() if wish not in {None, "none"}}
    assert declared == {
        "bluesky:" + people["iris"]._session.did: "no-unauthenticated",
        "bluesky:" + people["otto"]._session.did: "noarchive",
    }
    assert posts[uids["answer"]].consent == "no-unauthenticated"
    accounts = {"bluesky:" + people[name]._session.did for name in ("iris", "otto")}
    assert reposts == {(uids["question"], account) for account in accounts}
    assert connector.report.gaps == []
    if who is not None:
        (file,) = tmp_path.iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        again = open_connector(Source(platform="bluesky", server=server), surroundings(tmp_path, who))
        assert list(again.search(window(tag)))
        assert again.report.requests == again.report.pages  # no login


def test_a_search_without_a_session_says_what_to_set(network, tmp_path):
    connector = open_connector(Source(platform="bluesky", server=PDS), surroundings(tmp_path))
    with pytest.raises(CredentialsError, match="needs a session; set KNOWARCHIVE_BLUESKY_HANDLE and"):
        list(connector.search(window("lanternkm")))


def test_a_wrong_password_says_so_and_not_what_it_was(people, tmp_path):
    around = surroundings(tmp_path, people["iris"], "not-the-password")
    connector = open_connector(Source(platform="bluesky", server=PDS), around)
    with pytest.raises(CredentialsError, match="wrong handle or app password") as caught:
        list(connector.search(window("lanternkm")))
    assert "not-the-password" not in str(caught.value)


def test_a_deletion_is_known_by_the_repositorys_word_and_its_branch_is_kept(chat, people, tmp_path):
    tag, uids = chat
    for server in (PDS, APPVIEW):
        connector = open_connector(
            Source(platform="bluesky", server=server), surroundings(tmp_path, people["otto"] if server == PDS else None)
        )
        before = list(mapped(connector.search(window(tag)))[0].values())
        if server == PDS:
            stored = before
            iris = people["iris"]
            iris.app.bsky.feed.post.delete(iris._session.did, uids["gone"].rpartition("/")[2])
            settle(lambda: uids["gone"] not in brought(None, tag))
        posts = [post for payload in connector.look_up(stored) for post in map_payload(payload).posts]
        (gone,) = [post for post in posts if post.deleted_at is not None]
        assert (gone.uid, gone.text, gone.created_at) == (
            uids["gone"], None, next(post.created_at for post in stored if post.uid == uids["gone"]),
        )  # fmt: skip
        assert {post.uid for post in posts} == {post.uid for post in stored}
        below = [post for post in stored if post.uid == uids["below"]]
        found = [post for payload in connector.complete(below, window(tag)) for post in map_payload(payload).posts]
        assert {post.uid: post.visibility for post in found} == {uids["below"]: "public", uids["gone"]: "not-found"}
        assert connector.report.gaps == []
