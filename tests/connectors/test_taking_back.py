"""Our own exports as files that anybody may have made: what is taken back, and what is refused."""

import io

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors import map_payload, redact, screen
from connectors.files.reader import read_file
from connectors.files.sniff import sniff
from knowarchive.errors import ReadError
from knowarchive.model import Payload

POST = {
    "uid": "x:1", "platform": "x", "id": "1", "url": "https://x.com/i/status/1", "author_uid": None,
    "created_at": "2015-03-10T12:00:00Z", "text": "a", "likes": 3, "hashtags": ["b"], "chats": ["critlib"],
}  # fmt: skip
REPOST = {"key": "x:5", "post_uid": "x:1", "post_at": "2015-03-10T12:00:00Z", "account_uid": "x:7", "id": "5"}
ACCOUNT = {"uid": "x:7", "handle": "ada", "bio": None, "followers": 3}


def payload(*rows):
    lines = [row if isinstance(row, bytes) else msgspec.json.encode(row) for row in rows]
    return Payload(format="knowarchive-jsonl", origin="o", body=b"\n".join(lines), items=len(lines))


def parquet(rows):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def test_each_table_is_known_by_its_columns_and_what_follows_from_the_uid_is_dropped():
    mapped = map_payload(payload(POST, REPOST, ACCOUNT))
    assert (len(mapped.posts), len(mapped.reposts), len(mapped.accounts), mapped.seen) == (1, 1, 1, 2)
    assert (mapped.posts[0].id, mapped.posts[0].url, mapped.posts[0].chats) == (None, None, ("critlib",))
    assert (mapped.reposts[0].id, mapped.reposts[0].account_uid) == ("5", "x:7")


@pytest.mark.parametrize(
    "change",
    [
        {"uid": "y:1"}, {"uid": "x:"}, {"uid": "x:ada"}, {"uid": "bluesky:did:plc:ada"}, {"uid": "bluesky:a/b/c"},
        {"uid": "mastodon:7"}, {"created_at": "9999-12-31T23:59:59Z"}, {"observed_at": "9999-12-31T23:59:59-05:00"},
        {"uid": None}, {"uid": "x:1\n2"}, {"created_at": None}, {"created_at": "2015-03-10"},
        {"created_at": "2015-03-10T12:00:00"}, {"likes": -1}, {"likes": 1 << 70}, {"likes": "3"}, {"hashtags": "b"},
        {"reply_to": "https://x.com/1"}, {"hashtags": [None]}, {"text": 5},
    ],
)  # fmt: skip
def test_a_row_that_no_archive_holds_is_quarantined_alone(change):
    mapped = map_payload(payload(POST, {**POST, **change}))
    assert len(mapped.posts) == 1
    [bad] = mapped.quarantined
    assert bad.position == 2
    assert bad.reason


@pytest.mark.parametrize("line", [b"{", b"[]", b"null", b'"text"', b'{"a":1}', b"\xff", b"[" * 5_000])
def test_a_line_of_something_else_is_quarantined(line):
    mapped = map_payload(screen(payload(POST, line))[0])
    assert (len(mapped.posts), len(mapped.quarantined)) == (1, 1)


def test_what_is_not_public_is_gone_before_it_is_stored():
    kept, dropped = screen(payload(POST, {**POST, "uid": "x:2", "visibility": "private", "text": "SECRET"}))
    assert dropped == 1
    assert b"SECRET" not in kept.body
    assert screen(payload(POST)) == (payload(POST), 0)


def test_of_an_erased_post_its_place_is_left():
    other = {**POST, "uid": "x:12", "text": "answers", "reply_to": "x:1"}
    rest, count = redact(payload(POST, other), frozenset(("x:1",)))
    assert count == 1
    [erased, kept] = map_payload(rest).posts
    assert (erased.text, erased.hashtags, erased.likes, erased.created_at is not None) == (None, None, None, True)
    assert kept == map_payload(payload(other)).posts[0]
    assert redact(rest, frozenset(("x:1",))) == (rest, 0)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_that_a_spreadsheet_saved_again_is_read(delimiter):
    names = ["uid", "author_uid", "created_at", "text", "likes", "hashtags", "id"]
    cells = ["x:1", "", "2015-03-10T12:00:00Z", '"\'=1\r\nb;c,d\te"', "3", '"[""a""]"', "'12345678901234567890"]
    content = "\ufeff" + delimiter.join(names) + "\r\n" + delimiter.join(cells) + "\r\n" + "x:2\r\n"
    [found] = read_file(None, stream=io.BytesIO(content.encode()), origin="o")
    assert found.format == "knowarchive-csv"
    mapped = map_payload(found)
    [post] = mapped.posts
    assert (post.text, post.likes, post.hashtags, post.id) == ("=1\r\nb;c,d\te", 3, ("a",), "12345678901234567890")
    assert len(mapped.quarantined) == 1


def test_parquet_is_taken_back_from_a_stream_and_others_are_refused():
    [found] = read_file(None, stream=io.BytesIO(parquet([POST])), origin="o")
    assert map_payload(found).posts[0].uid == "x:1"
    with pytest.raises(ReadError, match="o: is Parquet, but not an export of Knowarchive"):
        list(read_file(None, stream=io.BytesIO(parquet([{"a": 1}])), origin="o"))
    for cut in (5, 100, -5):
        with pytest.raises(ReadError, match="o: is damaged Parquet"):
            list(read_file(None, stream=io.BytesIO(parquet([POST])[:cut]), origin="o"))


def test_formats_of_others_are_not_taken_for_ours():
    assert (
        sniff([msgspec.json.encode({"id": "1", "text": "a", "created_at": "b", "author_id": "c"})])
        != "knowarchive-jsonl"
    )
    assert sniff([b"id,text,created_at,author_id,conversation_id"]) != "knowarchive-csv"
