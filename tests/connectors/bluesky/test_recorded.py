"""Answers of the live network, recorded by others: every one is mapped, as counted by hand before."""

import gzip
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import map_payload, screen
from connectors.base import Exchange
from knowarchive.model import Payload

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "bluesky" / "bskyr-http.jsonl.gz"
pytestmark = pytest.mark.skipif(not DATA.is_file(), reason="needs ../shared/data")

#: By method: records of posts, posts with those within, accounts, reposts, set aside.
COUNTS = {
    "app.bsky.actor.getProfiles": (0, 0, 1, 0, 0),
    "app.bsky.actor.getSuggestions": (0, 0, 50, 0, 0),
    "app.bsky.actor.searchActorsTypeahead": (0, 0, 10, 0, 0),
    "app.bsky.feed.getActorLikes": (7, 11, 4, 0, 0),
    "app.bsky.feed.getAuthorFeed": (50, 83, 23, 7, 0),
    "app.bsky.feed.getFeed": (7, 7, 2, 0, 0),
    "app.bsky.feed.getListFeed": (10, 10, 5, 0, 0),
    "app.bsky.feed.getPostThread": (1, 1, 1, 0, 0),
    "app.bsky.feed.getPosts": (1, 1, 1, 0, 0),
    "app.bsky.feed.getQuotes": (2, 3, 3, 0, 0),
    "app.bsky.feed.getRepostedBy": (1, 0, 1, 1, 0),
    "app.bsky.feed.getTimeline": (49, 50, 4, 3, 0),
    "app.bsky.feed.searchPosts": (25, 26, 19, 0, 0),
    "app.bsky.graph.getFollowers": (0, 0, 48, 0, 0),
    "app.bsky.graph.getFollows": (0, 0, 48, 0, 0),
    "com.atproto.repo.describeRepo": (0, 0, 2, 0, 0),
    "com.atproto.repo.getRecord": (8, 8, 0, 0, 0),
    "com.atproto.repo.listRecords": (100, 100, 0, 0, 0),
    "com.atproto.repo.uploadBlob": (1, 0, 0, 0, 1),  # its answer was not recorded as JSON
}


def recorded():
    with gzip.open(DATA) as lines:
        for line in lines:
            exchange = json.loads(line)
            server, _, request = exchange["uri"].partition("/xrpc/")
            body = exchange["body"] if isinstance(exchange["body"], str) else json.dumps(exchange["body"])
            head = Exchange(request=f"/xrpc/{request}", server=server, status=exchange["status"])
            yield (
                request.partition("?")[0],
                Payload(
                    format="bluesky-json",
                    origin=request,
                    body=body.encode(),
                    items=1,
                    head=head.encode(),
                    fetched_at=datetime(2025, 6, 1, tzinfo=UTC),
                ),
            )


def test_every_recorded_answer_is_mapped():
    counts, reasons = defaultdict(lambda: [0] * 5), Counter()
    for method, payload in recorded():
        assert screen(payload) == (payload, 0)
        mapped = map_payload(payload)
        reasons.update(bad.reason for bad in mapped.quarantined)
        sizes = (mapped.seen, len(mapped.posts), len(mapped.accounts), len(mapped.reposts), len(mapped.quarantined))
        counts[method] = [sum(pair) for pair in zip(counts[method], sizes, strict=True)]
    assert {method: tuple(sizes) for method, sizes in counts.items() if any(sizes)} == COUNTS
    assert reasons == {"not JSON": 1}


def test_a_post_says_the_same_in_a_search_and_in_its_repository():
    views, records = {}, {}
    for method, payload in recorded():
        for post in map_payload(payload).posts:
            if method in {"com.atproto.repo.getRecord", "com.atproto.repo.listRecords"}:
                records[post.uid] = post
            elif post.text is not None:
                views[post.uid] = post
    both = views.keys() & records.keys()
    assert len(both) > 10
    for uid in both:
        for field in ("text", "hashtags", "mentions", "lang", "reply_to", "conversation", "quote_of", "links"):
            assert getattr(views[uid], field) == getattr(records[uid], field), field
