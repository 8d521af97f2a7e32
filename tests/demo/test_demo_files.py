"""The demo's files: what its scripts say, as the networks would have sent it."""

import csv
import gzip
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.bluesky.ids import key_time
from demo.build import build

DEMO = Path(__file__).parents[2] / "demo"
SNOWFLAKE_EPOCH = 1288834974657


@pytest.fixture(scope="module")
def built():
    return build()


@pytest.fixture(scope="module")
def networks(built):
    """What each network holds of the newest session."""
    return {name: json.loads(built[f"networks/{name}.json"]) for name in ("x", "bluesky", "mastodon")}


def content(name, data):
    return gzip.decompress(data) if name.endswith(".gz") else data


def pages(built):
    for name, data in built.items():
        if name.startswith(("data/2023-03-08", "data/2023-03-15")):
            for line in data.splitlines():
                yield json.loads(line)


def v2_posts(built):
    for page in pages(built):
        yield from page["data"]
        yield from page["includes"]["tweets"]


def v1_posts(built):
    for line in gzip.decompress(built["data/2023-03-01-search.jsonl.gz"]).splitlines():
        post = json.loads(line)
        yield post
        if "retweeted_status" in post:
            yield post["retweeted_status"]


def test_the_committed_files_are_what_the_script_says(built):
    folders = (DEMO / "data", DEMO / "networks")
    committed = {
        f"{path.parent.name}/{path.name}": path.read_bytes() for folder in folders for path in folder.iterdir()
    }
    assert sorted(built) == sorted(committed)
    for name, data in built.items():
        # zlib's output differs between its builds, so what a .gz holds is compared.
        assert content(name, data) == content(name, committed[name]), f"{name}: run python -m demo.build"


def test_a_gzip_file_carries_no_time_of_its_making(built):
    for name, data in built.items():
        if name.endswith(".gz"):
            assert data[4:8] == b"\0\0\0\0"


def test_ids_agree_with_times(built):
    for post in v2_posts(built):
        at = datetime.fromtimestamp(((int(post["id"]) >> 22) + SNOWFLAKE_EPOCH) // 1000, UTC)
        assert at.strftime("%Y-%m-%dT%H:%M:%S.000Z") == post["created_at"]
    for post in v1_posts(built):
        at = datetime.fromtimestamp(((post["id"] >> 22) + SNOWFLAKE_EPOCH) // 1000, UTC)
        assert at.strftime("%a %b %d %H:%M:%S +0000 %Y") == post["created_at"]


def test_offsets_point_at_what_they_name(built):
    for post in v2_posts(built):
        entities = post.get("entities", {})
        text = post["text"]
        assert all(text[tag["start"] : tag["end"]] == f"#{tag['tag']}" for tag in entities.get("hashtags", []))
        assert all(text[at["start"] : at["end"]] == f"@{at['username']}" for at in entities.get("mentions", []))
        assert all(text[url["start"] : url["end"]] == url["url"] for url in entities.get("urls", []))
    for post in v1_posts(built):
        entities = post["entities"]
        named = [
            *((f"#{tag['text']}", tag["indices"]) for tag in entities["hashtags"]),
            *((f"@{person['screen_name']}", person["indices"]) for person in entities["user_mentions"]),
            *((url["url"], url["indices"]) for url in [*entities["urls"], *entities.get("media", [])]),
        ]
        assert all(post["full_text"][start:end] == expected for expected, (start, end) in named)


def test_every_reference_is_in_its_page_or_among_the_errors(built):
    for page in pages(built):
        assert len(page["data"]) <= 100
        expanded = {post["id"] for post in page["includes"]["tweets"]}
        lost = {error["resource_id"] for error in page.get("errors", [])}
        people = {user["id"] for user in page["includes"]["users"]}
        for post in page["data"]:
            assert post["author_id"] in people
            for reference in post.get("referenced_tweets", []):
                assert reference["id"] in expanded | lost


def test_each_session_has_enough_to_read_and_no_id_twice(built):
    for day in ("2023-03-08", "2023-03-15"):
        lines = built[f"data/{day}-search.jsonl"].splitlines()
        ids = [post["id"] for line in lines for post in json.loads(line)["data"]]
        assert len(ids) == len(set(ids))
        assert len(ids) > 100
    ids = [json.loads(line)["id"] for line in gzip.decompress(built["data/2023-03-01-search.jsonl.gz"]).splitlines()]
    assert len(ids) == len(set(ids))
    assert len(ids) > 100


def test_the_csv_is_the_twin_of_the_json_lines(built):
    rows = list(csv.DictReader(io.StringIO(built["data/2023-03-01-search.csv"].decode(), newline="")))
    posts = [json.loads(line) for line in gzip.decompress(built["data/2023-03-01-search.jsonl.gz"]).splitlines()]
    assert [post["id_str"] for post in posts] == [row["id"] for row in rows]
    assert [post["full_text"] for post in posts] == [row["text"] for row in rows]


def test_an_edited_post_is_in_both_versions_and_the_later_file_knows(built):
    histories = {tuple(post["edit_history_tweet_ids"]) for post in v2_posts(built)}
    [(first, second)] = [history for history in histories if len(history) > 1]
    early, late = built["data/2023-03-08-search.jsonl"].decode(), built["data/2023-03-08-conversations.jsonl"].decode()
    assert first in early
    assert second not in early
    assert second in late


def test_links_lead_nowhere_and_people_are_marked_as_invented(built):
    for data in built.values():
        if data[:2] == b"\x1f\x8b":
            continue
        hosts = set(re.findall(r"https?://([\w.-]+)", data.decode()))
        own = {"t.co", "twitter.com", "api.twitter.com", "mobile.twitter.com", "bsky.app", "bsky.brid.gy"}
        assert {host for host in hosts if not host.endswith(".example")} <= {"example.org", "example.com"} | own
    for page in pages(built):
        assert all(user["username"].endswith("Demo") for user in page["includes"]["users"])


def test_whoever_is_on_a_network_is_marked_as_invented_there(networks):
    assert all(one["username"].endswith("Demo") for one in networks["x"]["users"])
    assert all(one["handle"].endswith(".example.org") for one in networks["bluesky"]["profiles"])
    assert all(one["did"].startswith("did:plc:demo") for one in networks["bluesky"]["profiles"])
    servers = {one["account"]["uri"].split("/")[2] for one in networks["mastodon"]["statuses"]}
    assert servers == {"halcyon.example", "helideck.example", "fanar.example", "bsky.brid.gy"}


def test_ids_of_every_network_agree_with_times(networks):
    for post in networks["bluesky"]["posts"]:
        made = datetime.fromisoformat(post["record"]["createdAt"])
        assert abs((key_time(post["uri"]) - made).total_seconds()) < 0.001
    for status in networks["mastodon"]["statuses"]:
        made = datetime.fromisoformat(status["created_at"])
        assert abs((int(status["id"]) >> 16) / 1000 - made.timestamp()) < 0.002


def test_facets_point_at_what_they_name_in_bytes(networks):
    kinds = set()
    for post in networks["bluesky"]["posts"]:
        text = post["record"]["text"].encode()
        for facet in post["record"].get("facets", []):
            shown = text[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode()
            (feature,) = facet["features"]
            kind = feature["$type"].rpartition("#")[2]
            kinds.add(kind)
            expected = {"tag": "#LanternKM", "mention": "@", "link": "example."}[kind]
            assert shown.startswith(expected)
    assert kinds == {"tag", "mention", "link"}


def test_what_is_answered_quoted_and_counted_is_there(networks):
    uris = {post["uri"] for post in networks["bluesky"]["posts"]}
    parents = [
        post["record"]["reply"]["parent"]["uri"] for post in networks["bluesky"]["posts"] if "reply" in post["record"]
    ]
    assert len([uri for uri in parents if uri not in uris]) == 1  # it was deleted
    for post in networks["bluesky"]["posts"]:
        assert post["replyCount"] == parents.count(post["uri"])
    statuses = {one["id"]: one for one in networks["mastodon"]["statuses"]}
    public = [one["in_reply_to_id"] for one in statuses.values() if one["visibility"] == "public"]
    assert {own for own in public if own} <= statuses.keys()
    for own, status in statuses.items():
        assert status["replies_count"] == public.count(own)
        assert status["reblogs_count"] == len([one for one in networks["mastodon"]["reblogged_by"] if one["id"] == own])


def test_a_question_is_posed_five_times_a_session(built):
    posed = re.compile(r"\bQ([1-5])(?=[:. ])")
    for day in ("2023-03-08", "2023-03-15"):
        data = built[f"data/{day}-search.jsonl"] + built[f"data/{day}-conversations.jsonl"]
        roots = [
            post["text"]
            for line in data.splitlines()
            for post in json.loads(line)["data"]
            if not post.get("referenced_tweets")
        ]
        assert set("12345") <= {match[1] for text in roots for match in posed.finditer(text)}
