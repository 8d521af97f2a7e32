"""Files of every kind become payloads: the same bytes, the same payloads."""

import bz2
import gzip
import hashlib
import io
import json
import os
from pathlib import Path

import pytest
import zstandard

from connectors import map_payload
from connectors.files import lines, reader
from connectors.files.errors import CutError
from connectors.files.reader import find_files, read_file
from knowarchive.errors import ReadError, UsageError
from knowarchive.model import Payload, Quarantined


def v1(number, text="invented"):
    return json.dumps(
        {
            "id_str": str(580_000_000_000_000_000 + number),
            "created_at": "Mon Mar 23 13:06:40 +0000 2015",
            "text": text,
            "user": {"id_str": "7001", "screen_name": "ada_invents"},
        }
    ).encode()


def v2(number):
    post = {"id": str(1_500_000_000_000_000_000 + number), "text": "invented", "created_at": "2022-03-05T07:00:00.000Z"}
    return json.dumps({"data": [post]}).encode()


def read(content, **options):
    return list(read_file(None, stream=io.BytesIO(content), origin="file", **options))


FEW = b"\n".join(v1(number) for number in range(30))
COMPRESSIONS = {
    "none": lambda data: data,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip in members": lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:]),
    "bz2 in members": lambda data: bz2.compress(data[:100]) + bz2.compress(data[100:]),
    "zstd in members": lambda data: (
        zstandard.ZstdCompressor().compress(data[:100]) + zstandard.ZstdCompressor().compress(data[100:])
    ),
    "gzip with padding": lambda data: gzip.compress(data) + bytes(512),
}


@pytest.mark.parametrize("compress", COMPRESSIONS.values(), ids=COMPRESSIONS)
@pytest.mark.parametrize("ending", [b"", b"\n", b"\n\n  \n"])
def test_bytes_come_out_unchanged_from_every_compression(compress, ending):
    (payload,) = read(compress(FEW + ending))
    assert payload == Payload(format="x-v1-jsonl", origin="file", body=FEW, items=30)


@pytest.mark.parametrize("name", ["gzip", "bz2", "zstd"])
def test_a_cut_file_gives_what_came_before_and_says_so(name):
    noise = b"\n".join(v1(number, hashlib.sha256(str(number).encode()).hexdigest() * 40) for number in range(3000))
    cut = COMPRESSIONS[name](noise)[:-1000]
    found = []
    message = rf"^file: ends in the middle \(truncated {name}\) after [\d,]+ records; what came before is kept$"
    reading = read_file(None, stream=io.BytesIO(cut), origin="file")
    with pytest.raises(CutError, match=message):  # noqa: PT012 - what came before the error counts
        for payload in reading:
            found.append(payload)  # noqa: PERF402
    mapped = [map_payload(payload) for payload in found]
    assert 2000 < sum(len(one.posts) for one in mapped) < 3000
    assert sum(len(one.quarantined) for one in mapped) <= 1


@pytest.mark.parametrize("name", ["gzip", "bz2", "zstd"])
def test_a_damaged_file_is_no_traceback(name):
    data = bytearray(COMPRESSIONS[name](FEW))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ReadError, match=r"is damaged|ends in the middle|begins with"):
        read(bytes(data))


def test_a_last_line_cut_in_the_middle_is_one_quarantined_record():
    (payload,) = read(FEW[:-20])
    mapped = map_payload(payload)
    assert len(mapped.posts) == 29
    assert [(bad.position, bad.reason) for bad in mapped.quarantined] == [(30, "cut off")]
    last = payload.body.rpartition(b"\n")[2]
    assert mapped.quarantined[0].digest == hashlib.sha256(last).hexdigest()
    assert mapped.quarantined[0].size == len(last)
    assert mapped.quarantined[0].payload_id == payload.payload_id


def test_a_file_that_is_one_cut_record_is_one_quarantined_record():
    (payload,) = read(v1(1)[:-20])
    assert [bad.reason for bad in map_payload(payload).quarantined] == ["cut off"]


def test_a_byte_order_mark_is_no_part_of_the_first_record():
    assert read(b"\xef\xbb\xbf" + FEW) == read(FEW)


def test_payloads_do_not_depend_on_how_the_bytes_arrive():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    assert list(read_file(None, stream=Slow(FEW), origin="file")) == read(FEW)


def test_payloads_are_cut_by_size_and_number(monkeypatch):
    monkeypatch.setattr(reader, "PAYLOAD_ITEMS", 7)
    payloads = read(FEW)
    assert [(payload.items, payload.position) for payload in payloads] == [(7, 1), (7, 8), (7, 15), (7, 22), (2, 29)]
    assert b"\n".join(payload.body for payload in payloads) == FEW
    monkeypatch.setattr(reader, "PAYLOAD_BYTES", len(FEW) // 30 * 3 + 10)
    assert max(payload.items for payload in read(FEW)) == 3


def test_an_overlong_line_is_quarantined_without_being_held(monkeypatch):
    monkeypatch.setattr(reader, "split_lines", lambda chunks: lines.split_lines(chunks, 1000))
    long = v1(99, "x" * 700_000)
    found = read(v1(1) + b"\n" + long + b"\n" + v1(2))
    assert [type(item) for item in found] == [Payload, Quarantined, Payload]
    assert found[1] == Quarantined(
        origin="file",
        position=2,
        reason="longer than 16 MB",
        digest=hashlib.sha256(long).hexdigest(),
        size=len(long),
    )
    assert found[2].position == 3


def test_a_hundred_megabyte_line_takes_little_memory():
    import tracemalloc

    class Long(io.RawIOBase):
        left = 100_000_000

        def readable(self):
            return True

        def read(self, size=-1):
            size = min(size, self.left)
            self.left -= size
            return b"{" * size

    tracemalloc.start()
    with pytest.raises(ReadError, match="begins with"):
        list(read_file(None, stream=Long(), origin="file"))
    found = list(read_file(None, stream=Long(), origin="file", format="x-v1-jsonl"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [item.size for item in found] == [100_000_000]
    assert peak < 60_000_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file: is empty"),
        (b"\n \n", "file: is empty"),
        (gzip.compress(b"", mtime=0), "file: is empty"),
        (b"\xef\xbb\xbf", "file: is empty"),
        (b"hello world", "file: begins with 'hello world', which is none of knowarchive-jsonl"),
        (b"\x00\x1b[31mPK" * 100, r"file: begins with '\\x00\\x1b\[31mPK"),
        ("id,text".encode("utf-16"), "file: is UTF-16; save it as UTF-8"),
        (b"name,colour\nada,red\n", "file: begins with 'name,colour"),
        (b'{"a": 1}\n{"a": 2}', "file: begins with"),
        (b'{"id":"1","action":"delete"}', "file: holds no posts .it looks like a compliance stream"),
        (b'{"data":[{"start":"a","end":"b","tweet_count":1}]}', "file: holds no posts .it looks like counts"),
        (b'{"data":[{"id":"1","owner_id":"2"}]}', "file: holds no posts .it looks like lists"),
        (b'{"data":[{"id":"1","event_type":"MessageCreate","text":"psst"}]}', "file: holds no posts .*direct messages"),
        (b'[{"id_str":"1","screen_name":"ada_invents"}]', "file: holds no posts .it looks like accounts"),
        (b"[]", "file: holds no posts .it looks like an empty list"),
        (b'[{"id_str": "1"}, {"id_s', "file: is one JSON value over several lines, and it is cut off or malformed"),
        (b"{\n" * 100, "file: is one JSON value over several lines, and it is cut off"),
        (b"[" * 100_000, "file: is one JSON value over several lines, and it is cut off"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(content, message):
    with pytest.raises(ReadError, match=message) as caught:
        read(content)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_document_that_is_too_large_names_the_way_out(monkeypatch):
    monkeypatch.setattr(reader, "LARGEST_DOCUMENT", 1000)
    with pytest.raises(ReadError, match=r"cut it into lines with `jq -c '\.\[\]'`"):
        read(b"[" + b",\n".join(v1(number) for number in range(30)) + b"]")


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_is_read_as_one_document(indent):
    content = json.dumps([json.loads(line) for line in FEW.split(b"\n")], indent=indent).encode()
    (payload,) = read(content + b"\n")
    assert payload == Payload(format="x-json", origin="file", body=content, items=30)
    assert map_payload(payload).posts == map_payload(read(FEW)[0]).posts


def test_a_page_over_many_lines_is_read_as_one_document():
    (payload,) = read(json.dumps(json.loads(v2(1)), indent=4).encode())
    assert (payload.format, payload.items) == ("x-json", 1)
    assert map_payload(payload).posts == map_payload(read(v2(1))[0]).posts


def test_no_record_of_a_mixed_file_is_lost():
    flat = b'{"id":"1500000000000000009","author_id":"7","text":"flat","created_at":"2022-03-05T07:00:00.000Z"}'
    mixed = [v1(1), v2(2), flat, b'{"what": "ever"}', b"[" + v1(3) + b"]", b"\xff\xfe", b'{"id_str":', v1(4)]
    for order in (mixed, mixed[::-1], mixed[1:] + mixed[:1]):
        (payload,) = read(b"\n".join(order))
        mapped = map_payload(payload)
        assert {post.uid for post in mapped.posts} == {
            "x:580000000000000001",
            "x:1500000000000000002",
            "x:1500000000000000009",
            "x:580000000000000003",
            "x:580000000000000004",
        }
        assert sorted(bad.reason for bad in mapped.quarantined) == [
            "cut off",
            "not UTF-8",
            "not a post: no field that we know",
        ]
        assert mapped.seen == 8


def test_a_format_can_be_forced_and_misspelled():
    (payload,) = read(b'{"what": "ever"}', format="x-v2-jsonl")
    assert map_payload(payload).quarantined[0].reason == "not a post: no field that we know"
    with pytest.raises(UsageError, match="unknown format 'x-v9': one of auto, knowarchive-jsonl"):
        read(FEW, format="x-v9")


def test_progress_counts_the_bytes_of_the_file(tmp_path):
    path = tmp_path / "pull.gz"
    path.write_bytes(gzip.compress(FEW))
    told = []
    list(read_file(path, origin="pull.gz", on_progress=told.append))
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


def test_a_missing_file_is_said_in_one_line(tmp_path):
    with pytest.raises(ReadError, match=r"^gone: cannot be read: No such file"):
        list(read_file(tmp_path / "gone", origin="gone"))
    with pytest.raises(ReadError, match="gone: does not exist"):
        find_files(tmp_path / "gone")


def test_a_folder_is_read_in_order_without_hidden_files(tmp_path):
    for name in ("b/two", "a/one", ".hidden", "a/.git/config", "c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    assert find_files(tmp_path) == [tmp_path / "a/one", tmp_path / "b/two", tmp_path / "c"]
    assert find_files(tmp_path / "c") == [tmp_path / "c"]


def test_a_folder_that_may_be_listed_and_not_entered_is_said_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked/file").touch()
    is_dir = Path.is_dir

    def refuse(path):
        if path.parent.name == "locked":
            raise PermissionError(13, "Permission denied")
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(ReadError, match="locked: cannot be read: Permission denied"):
        find_files(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_said_in_one_line(tmp_path):
    (tmp_path / "locked").mkdir(mode=0)
    with pytest.raises(ReadError, match="locked: cannot be read: Permission denied"):
        find_files(tmp_path)
