"""Real archives, recorded by others: every record is mapped or set aside with a reason, as counted by hand before."""

import ast
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from connectors import map_payload, screen
from connectors.files.reader import find_files, read_file
from knowarchive.errors import ReadError
from knowarchive.model import Payload

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")

LOST = "retweet's id: rounded by a spreadsheet"

#: Records of posts, posts with those within, reposts, accounts, and what was set aside.
COUNTS = {
    "2sets.jsonl": (200, 133, 145, 289, {}),
    "brexit.jsonl": (100, 88, 67, 177, {}),
    "cashtags.jsonl": (1, 1, 0, 1, {}),
    "cotweet.jsonl": (1, 1, 0, 1, {}),
    "edited.jsonl": (1, 2, 0, 1, {}),
    "edited_after.jsonl": (1, 2, 0, 1, {}),
    "edited_before.jsonl": (1, 2, 0, 1, {}),
    "entities_test.jsonl": (474, 336, 314, 612, {}),
    "flat.jsonl": (100, 120, 47, 153, {}),
    "geo_tweets.jsonl": (2, 3, 0, 4, {}),
    "kpop.jsonl": (100, 45, 78, 112, {}),
    "many_urls.jsonl": (1, 2, 0, 1, {}),
    "media_policy_violation_off.jsonl": (100, 119, 42, 52, {}),
    "media_policy_violation_on.jsonl": (100, 118, 42, 46, {}),
    "media_tweet.jsonl": (1, 1, 0, 1, {}),
    "mentions_tweet.jsonl": (1, 1, 1, 2, {}),
    "noflat.jsonl": (100, 117, 47, 178, {}),
    "quoted_edit.jsonl": (1, 3, 0, 2, {}),
    "streaming_output_with_error.jsonl": (8, 11, 0, 11, {"cut off": 1}),
    "two_tweets.jsonl": (1, 1, 1, 2, {}),
    "users.jsonl": (0, 51, 1, 91, {}),
    "verified_type.jsonl": (1, 1, 0, 1, {}),
    "withheld.jsonl": (215, 201, 83, 591, {}),
    "apr232015.csv.gz": (823, 464, 346, 0, {LOST: 13}),
    "critlib15.csv.gz": (912, 481, 431, 0, {}),
    "mar102015.csv.gz": (625, 322, 303, 0, {}),
    "mar102015.jsonl.gz": (625, 332, 303, 203, {}),
    "may062015.csv.gz": (591, 400, 174, 0, {LOST: 17}),
    "may192015.csv.gz": (528, 276, 252, 0, {}),
    "may192015.jsonl.gz": (528, 280, 252, 171, {}),
}
NO_POSTS = {
    "counts.jsonl": "counts of posts over time",
    "lists.jsonl": "lists of accounts",
    "tweets_compliance.jsonl": "a compliance stream",
    "users_compliance.jsonl": "a compliance stream",
    "empty.json": "is empty",
}
FILES = [*find_files(DATA / "twarc-v2" / "test-data"), *find_files(DATA / "critlib")] if DATA.is_dir() else []


def mapped_of(path):
    payloads = [payload for payload in read_file(path, origin=path.name) if isinstance(payload, Payload)]
    assert all(screen(payload) == (payload, 0) for payload in payloads)
    return [map_payload(payload) for payload in payloads]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_record_is_accounted_for(path):
    if path.name in NO_POSTS:
        with pytest.raises(ReadError, match=NO_POSTS[path.name]):
            mapped_of(path)
        return
    mapped = mapped_of(path)
    assert (
        sum(one.seen for one in mapped),
        sum(len(one.posts) for one in mapped),
        sum(len(one.reposts) for one in mapped),
        sum(len(one.accounts) for one in mapped),
        Counter(bad.reason for one in mapped for bad in one.quarantined),
    ) == COUNTS[path.name]
    posts = [post for one in mapped for post in one.posts]
    assert not [
        post.uid for post in posts if "t.co/" in (post.text or "") and post.links is not None and not post.links
    ]
    assert not [post.uid for post in posts if any(link.url.startswith("https://t.co/") for link in post.links or ())]


@pytest.mark.parametrize("pull", ["mar102015", "may192015"])
def test_a_table_knows_nothing_that_its_json_twin_does_not(pull):
    of_json = mapped_of(DATA / "critlib" / f"{pull}.jsonl.gz")
    of_table = mapped_of(DATA / "critlib" / f"{pull}.csv.gz")
    twins = {}
    for one in of_json:
        for post in one.posts:
            twins.setdefault(post.uid, []).append(post)
    for post in (post for one in of_table for post in one.posts):
        for field in set(post.__struct_fields__) - {"media", "author_name"}:  # the names changed within the pull
            value = getattr(post, field)
            assert value is None or value in [getattr(twin, field) for twin in twins[post.uid]], field
        assert bool(post.media) == bool(twins[post.uid][0].media)
    reposts = {repost.id: repost for one in of_json for repost in one.reposts}
    for repost in (repost for one in of_table for repost in one.reposts):
        twin = reposts.pop(repost.id)
        assert (repost.post_uid, repost.post_at, repost.at, repost.account_handle) == (
            twin.post_uid, twin.post_at, twin.at, twin.account_handle,
        )  # fmt: skip
    assert not reposts


def test_flattened_posts_say_what_their_page_says():
    (flat,) = mapped_of(DATA / "twarc-v2" / "test-data" / "flat.jsonl")
    (page,) = mapped_of(DATA / "twarc-v2" / "test-data" / "noflat.jsonl")
    assert {repost.id: repost for repost in flat.reposts} == {repost.id: repost for repost in page.reposts}
    of_page = {post.uid: post for post in page.posts}
    of_flat = {post.uid: post for post in flat.posts}
    assert set(of_page) <= set(of_flat)
    for uid, post in of_page.items():
        for field in post.__struct_fields__:
            known = getattr(post, field)
            assert known == getattr(of_flat[uid], field) or field == "mentions", field


def test_every_recorded_answer_of_the_api_is_mapped_or_refused():
    reasons = Counter()
    seen = 0
    with gzip.open(DATA / "tweepy" / "http.jsonl.gz") as lines:
        for line in lines:
            body = json.loads(line)["body"]
            if not body:
                continue
            try:
                value = ast.literal_eval(body)
            except (ValueError, SyntaxError):
                value = body
            text = json.dumps(value).encode()
            for name in ("x-v1-jsonl", "x-v2-jsonl", "x-json"):
                payload = Payload(format=name, origin="o", body=text, items=1)
                mapped = map_payload(screen(payload)[0])
                seen += len(mapped.posts)
                reasons.update(bad.reason for bad in mapped.quarantined)
    assert seen > 50
    assert not [reason for reason in reasons if "expected" in reason and "got" not in reason]
