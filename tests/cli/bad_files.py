"""Small real files that are wrong in every way that files are, made with the fewest bytes."""

import bz2
import gzip
import json

import zstandard

from connectors import FORMATS


def post(number, text="invented #lanternkm", **more):
    """A v1.1 record, as twarc writes it, on a line of its own; the session is that of 8 March 2023."""
    record = {
        "id_str": str(1_633_650_000_000_000_000 + number),
        "created_at": "Thu Mar 09 02:10:00 +0000 2023",
        "full_text": text,
        "user": {"id_str": "7001", "screen_name": "ada_invents", "name": "Ada"},
        **more,
    }
    return json.dumps(record).encode() + b"\n"


def posts(count, **more):
    return b"".join(post(number, **more) for number in range(count))


GOOD = posts(3)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"
PROSE = b"Dear diary,\n\ntoday nobody answered Q3.\n"
CSV = b"id,created_at,text,author_id,author.username,edit_history_tweet_ids\n"

UNKNOWN = f"which is none of {', '.join(FORMATS)}"
CUT = "after N records; what came before is kept"

#: name: (content, exit code, lines on standard error after the file's name, posts in the archive afterwards)
WHOLE_FILES = {
    "empty": (b"", 1, ["is empty"], 0),
    "blank": (b"\n \n\n", 1, ["is empty"], 0),
    "prose": (PROSE, 1, [f"begins with 'Dear diary,\\n\\ntoday nobody answered Q3, {UNKNOWN}"], 0),
    "web page": (b"<!doctype html><title>x</title>", 1, [f"begins with '<!doctype html><title>x</title>', {UNKNOWN}"], 0),
    "other JSON": (b'{"name": "x"}\n', 1, [f"begins with '{{\"name\": \"x\"}}\\n', {UNKNOWN}"], 0),
    "picture": (PNG[:14], 1, [f"begins with '\\x89PNG\\r\\n\\x1a\\n\\x00\\x00\\x00\\rIH', {UNKNOWN}"], 0),
    "picture in gzip": (
        gzip.compress(PNG[:14]), 1, [f"begins with '\\x89PNG\\r\\n\\x1a\\n\\x00\\x00\\x00\\rIH', {UNKNOWN}"], 0
    ),
    "UTF-16": (
        GOOD.decode().encode("utf-16"), 1,
        ["is UTF-16; save it as UTF-8, or convert it with `iconv -f utf-16 -t utf-8`"], 0,
    ),
    "empty gzip": (gzip.compress(b""), 1, ["is empty"], 0),
    "nested": (b"[" * 100_000, 1, ["is one JSON value over several lines, and it is cut off or malformed"], 0),
    "cut mid-record": (GOOD[:-40], 4, ["1 quarantined: cut off"], 2),
    "without last line feed": (GOOD[:-1], 0, [], 3),
    "cut gzip": (
        gzip.compress(posts(500), mtime=0)[:-8], 4, [f"ends in the middle (truncated gzip) {CUT}"], 500
    ),
    "cut bz2": (bz2.compress(posts(500))[:-1], 4, [f"ends in the middle (truncated bz2) {CUT}"], 500),
    "cut zst": (
        zstandard.compress(posts(500)) + zstandard.compress(posts(500))[:-1], 4,
        [f"ends in the middle (truncated zstd) {CUT}"], 500,
    ),
    "mixed": (GOOD + PROSE + PNG + b"\n", 4, ["4 quarantined: not JSON", "1 quarantined: not UTF-8"], 3),
    "bad UTF-8": (GOOD + post(9).replace(b"invented", b"\xff\xfe"), 4, ["1 quarantined: not UTF-8"], 3),
    "a control character in a string": (GOOD + post(9).replace(b"invented", b"\0"), 4, ["1 quarantined: not JSON"], 3),
    "deep nesting": (
        GOOD + b'{"id_str":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n", 4, ["1 quarantined: nested too deeply"], 3
    ),
    "a date that is not": (
        GOOD + post(9, created_at="Thu Feb 31 25:10:00 +0000 2023"), 4, ["1 quarantined: created_at: not a date"], 3
    ),
    "a year beyond all": (
        GOOD + post(9, created_at="Thu Mar 09 02:10:00 +0000 99999"), 4, ["1 quarantined: created_at: not a date"], 3
    ),
    "an id that is not": (GOOD + post(9, id_str="1.6336E+18"), 4, ["1 quarantined: id: not a number"], 3),
    "no date, which the id has": (GOOD + post(9, created_at=None), 0, [], 4),
    "a number for a record": (GOOD + b"42\n", 4, ["1 quarantined: record: expected object, got int"], 3),
    "duplicate keys": (GOOD + post(9).replace(b'{"id_str"', b'{"full_text": "first", "id_str"'), 0, [], 4),
    "half a pair of surrogates": (GOOD + post(9).replace(b"invented", rb"\ud83d"), 0, [], 4),
    "rounded ids": (
        CSV + b"580930786603340000,2015-03-26T03:00:00.000Z,a #lanternkm,1,ada,\n"
        b"1.22587E+18,2015-03-26T03:00:00.000Z,b #lanternkm,1,ada,\n"
        b"580930786603339776,2015-03-26T03:00:00.000Z,c #lanternkm,1,ada,\n",
        4, ["2 quarantined: id: rounded by a spreadsheet"], 1,
    ),
    "a rounded id beside its address": (
        CSV.replace(b"edit_history_tweet_ids", b"tweet_url")
        + b"580930786603340000,2015-03-26T03:00:00.000Z,a #lanternkm,1,ada,https://x.com/ada/status/580930786603339776\n",
        0, [], 1,
    ),
}  # fmt: skip
