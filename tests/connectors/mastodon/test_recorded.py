"""Exchanges recorded by others with real servers: each is mapped or set aside for a reason, as counted here."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from connectors import map_payload, screen
from connectors.mastodon.answers import Head
from knowarchive.model import Payload

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "mastodon"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SUBJECT = {"mastodon:http://localhost:3000/users/x/statuses/1": datetime(2026, 8, 1, tzinfo=UTC)}

#: GET requests by the shape of their answers: exchanges, seen, posts, reposts, accounts, dropped as not public.
COUNTS = {
    "context": (2, 0, 2, 0, 0, 2),
    "edits": (4, 7, 7, 0, 0, 0),
    "refusal": (7, 1, 1, 0, 0, 1),
    "reposters": (2, 0, 0, 1, 1, 0),
    "search": (8, 2, 2, 0, 2, 0),
    "status": (30, 20, 22, 0, 20, 10),
    "statuses": (49, 236, 236, 0, 44, 7),
    "unknown": (374, 374, 0, 0, 0, 374),
}
#: Why answers were set aside.
REASONS = {
    "not kept: a path whose answers are not known": 368,
    "not kept: not JSON": 7,
}
#: Posts of other software, one a file: how many posts are in it, who wrote them.
STATUSES = {
    "post no emojis.json": 1, "post with emojis and attachments.json": 1, "post wordle linebreaks.json": 1,
    "post_akkoma_quote.json": 2, "post_edited.json": 1, "streaming_update.json": 0,
}  # fmt: skip


def payload(path, body, server="http://localhost:3000", status=200):
    head = Head(request=path, server=server, status=status, subject=SUBJECT)
    return Payload(format="mastodon-json", origin="o", body=body, items=1, head=head.encode(), fetched_at=NOW), head


def exchanges():
    with gzip.open(DATA / "mastodon-py-http.jsonl.gz") as lines:
        for line in lines:
            yield json.loads(line)


def counted(methods):
    counts, reasons = {}, Counter()
    for one in exchanges():
        if one["method"] not in methods:
            continue
        parts = urlsplit(one["uri"])
        body = one["body"].encode() if isinstance(one["body"], str) else json.dumps(one["body"]).encode()
        answer, head = payload(parts.path + (f"?{parts.query}" if parts.query else ""), body, status=one["status"])
        screened, dropped = screen(answer)
        mapped = map_payload(screened)
        row = counts.setdefault(head.kind or "unknown", Counter())
        row.update(
            exchanges=1, seen=mapped.seen, posts=len(mapped.posts), reposts=len(mapped.reposts),
            accounts=len(mapped.accounts), dropped=dropped,
        )  # fmt: skip
        reasons.update(bad.reason for bad in mapped.quarantined)
    return {kind: tuple(row.values()) for kind, row in sorted(counts.items())}, dict(reasons)


def test_every_recorded_read_is_accounted_for():
    assert counted({"GET"}) == (COUNTS, REASONS)


def test_no_other_exchange_raises():
    counts, _ = counted({"POST", "PUT", "PATCH", "DELETE", "HEAD"})
    assert counts


@pytest.mark.parametrize("name", STATUSES)
def test_posts_of_other_software_are_mapped(name):
    (path,) = DATA.rglob(name)
    mapped = map_payload(screen(payload("/api/v1/statuses/1", path.read_bytes(), "https://example.com")[0])[0])
    assert len(mapped.posts) == STATUSES[name]
    assert all(post.author_uid and post.author_handle.count("@") == 1 and post.url for post in mapped.posts)
    assert not [post for post in mapped.posts if "<" in post.text or "&amp;" in post.text]


def test_the_two_shapes_of_quotes_name_the_quoted_post():
    (path,) = DATA.rglob("quote.json")
    quote = json.loads(path.read_bytes())
    (path,) = DATA.rglob("post_edited.json")
    body = json.dumps({**json.loads(path.read_bytes()), "quote": quote}).encode()
    mapped = map_payload(payload("/api/v1/statuses/1", body, "https://example.com")[0])
    assert mapped.posts[0].quote_of == f"mastodon:{quote['quoted_status']['uri']}" == mapped.posts[1].uid
