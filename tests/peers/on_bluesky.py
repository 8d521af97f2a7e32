"""The chat on the AT Protocol's reference network, through the atproto library."""

import os
import time
from datetime import UTC, datetime, timedelta

import atproto
from atproto import models

from tests.peers.on_mastodon import PNG
from tests.peers.script import PEOPLE, WISHES, Line

PATIENCE = 60  # seconds that the AppView gets to take in what its servers tell it


class OnBluesky:
    """See `script.Stage`. A post says itself when it was made, and is believed."""

    network = "bluesky"

    def __init__(self, tag, server):
        self.tag = tag
        self.uids = {}
        self.accounts = {}
        self._said = {}  # (who, reference, root's reference) by line
        self._waited_for = []
        suffix = os.urandom(3).hex()
        self._people = {who: _join(server, f"{who}-{suffix}.test", f"secret-of-{who}") for who in PEOPLE}
        for who, client in self._people.items():
            self.accounts[who] = f"bluesky:{_did(client)}"
        self.handle, self.password = f"moderator-{suffix}.test", "secret-of-moderator"
        for who, wish in WISHES.items():
            profile = {
                "no-unauthenticated": {
                    "labels": models.ComAtprotoLabelDefs.SelfLabels(values=[{"val": "!no-unauthenticated"}])
                },
                "noarchive": {"description": "I keep wicks. #NoBot"},
            }[wish]
            record = models.AppBskyActorProfile.Record(**profile)
            self._people[who].app.bsky.actor.profile.create(_did(self._people[who]), record, rkey="self")

    def say(self, line: Line) -> None:
        client = self._people[line.who]
        words = atproto.client_utils.TextBuilder().text(line.words(self.network))
        if line.tag:
            words.text(" ").tag(f"#{self.tag}", self.tag)
        reply = embed = root = None
        if line.reply_to:
            _, parent, root = self._said[line.reply_to]
            reply = models.AppBskyFeedPost.ReplyRef(parent=parent, root=root)
        if line.quotes:
            embed = models.AppBskyEmbedRecord.Main(record=self._said[line.quotes][1])
        if line.alt:
            image = models.AppBskyEmbedImages.Image(alt=line.alt, image=client.upload_blob(PNG).blob)
            embed = models.AppBskyEmbedImages.Main(images=[image])
        made = datetime.now(UTC) - (line.claims or timedelta())
        record = models.AppBskyFeedPost.Record(
            text=words.build_text(), facets=words.build_facets(), created_at=_iso(made), reply=reply, embed=embed
        )
        posted = client.app.bsky.feed.post.create(_did(client), record)
        reference = models.ComAtprotoRepoStrongRef.Main(uri=posted.uri, cid=posted.cid)
        self._said[line.key] = line.who, reference, root or reference
        self.uids[line.key] = "bluesky:" + posted.uri.removeprefix("at://")
        self._waited_for.append((posted.uri, True))

    def repost(self, who, key):
        client, (_, reference, _) = self._people[who], self._said[key]
        record = models.AppBskyFeedRepost.Record(subject=reference, created_at=_iso(datetime.now(UTC)))
        client.app.bsky.feed.repost.create(_did(client), record)

    def edit(self, key, text):
        """A repository takes a new version of a record, and the network shows it, though no client of note offers it."""
        client, uri = self._people[self._said[key][0]], self._said[key][1].uri
        collection, rkey = uri.split("/")[-2:]
        stored = client.com.atproto.repo.get_record({"repo": _did(client), "collection": collection, "rkey": rkey})
        words = atproto.client_utils.TextBuilder().text(f"{text} ").tag(f"#{self.tag}", self.tag)
        record = models.AppBskyFeedPost.Record(
            text=words.build_text(),
            facets=words.build_facets(),
            created_at=stored.value.created_at,
            reply=stored.value.reply,
        )
        client.com.atproto.repo.put_record(
            models.ComAtprotoRepoPutRecord.Data(repo=_did(client), collection=collection, rkey=rkey, record=record)
        )

    def delete(self, key):
        who, reference, _ = self._said[key]
        self._people[who].app.bsky.feed.post.delete(_did(self._people[who]), reference.uri.rpartition("/")[2])
        self._waited_for.append((reference.uri, False))

    def settle(self):
        """Until the AppView shows every post of the evening, counts the reposts, and shows no more what was deleted."""
        client = self._people["moderator"]
        until = time.monotonic() + PATIENCE
        wanted = dict(self._waited_for)
        while time.monotonic() < until:
            views = []
            uris = list(wanted)
            for start in range(0, len(uris), 25):
                views += client.app.bsky.feed.get_posts({"uris": uris[start : start + 25]}).posts
            shown = {view.uri for view in views}
            reposted = {view.uri for view in views if view.repost_count}
            if shown == {uri for uri, is_there in wanted.items() if is_there} and len(reposted) >= 2:
                return
            time.sleep(0.5)
        raise AssertionError(f"the AppView shows {len(shown)} posts after {PATIENCE} s, not {len(wanted)}")

    def close(self):
        for client in self._people.values():
            client.request.close()


def _join(server, handle, password):
    client = atproto.Client(base_url=server)
    client.com.atproto.server.create_account(
        models.ComAtprotoServerCreateAccount.Data(
            handle=handle, email=handle.replace(".test", "@example.org"), password=password
        )
    )
    client.login(handle, password, fetch_bsky_profile=False)
    return client


def _did(client):
    return client._session.did


def _iso(moment):
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
