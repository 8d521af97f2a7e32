"""Small real files that are wrong in every way that files are, made with the fewest bytes."""

import bz2
import gzip
import json

import zstandard


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

#: name: (content, exit code, what is said on standard error, posts that are in the archive afterwards)
WHOLE_FILES = {
    "empty": (b"", 1, "{file}: is empty", 0),
    "blank": (b"\n \n\n", 1, "{file}: is empty", 0),
    "picture": (PNG, 1, "{file}: begins with '\\x89PNG", 0),
    "prose": (PROSE, 1, "{file}: begins with 'Dear diary", 0),
    "web page": (b"<!doctype html><title>x</title>", 1, "{file}: begins with '<!doctype html>", 0),
    "other JSON": (b'{"name": "knowarchive"}\n', 1, "{file}: ", 0),
    "UTF-16": (GOOD.decode().encode("utf-16"), 1, "{file}: is UTF-16; save it as UTF-8", 0),
    "empty gzip": (gzip.compress(b""), 1, "{file}: is empty", 0),
    "picture in gzip": (gzip.compress(PNG), 1, "{file}: begins with '\\x89PNG", 0),
    "zip": (b"PK\3\4" + bytes(40), 1, "{file}: begins with 'PK", 0),
    "zeros": (bytes(5000), 1, "{file}: begins with", 0),
    "nested": (b"[" * 100_000, 1, "{file}: ", 0),
    "cut mid-record": (GOOD[:-40], 4, "{file}: 1 quarantined: ", 2),
    "without last line feed": (GOOD[:-1], 0, "", 3),
    "cut gzip": (gzip.compress(posts(500))[:-200], 4, "{file}: ends in the middle (truncated gzip) after ", None),
    "cut bz2": (bz2.compress(posts(500))[:-1], 4, "{file}: ends in the middle (truncated bz2) after ", None),
    "cut zst": (zstandard.compress(posts(500))[:-1], 4, "{file}: ends in the middle (truncated zstd) after ", None),
    "damaged gzip": (gzip.compress(posts(500))[:600] + b"\xff" * 400, 4, "{file}: is damaged (corrupt gzip) after ", None),
    "mixed": (GOOD + PROSE + PNG + b"\n", 4, "{file}: ", 3),
    "bad UTF-8": (GOOD + post(9).replace(b"invented", b"\xff\xfe"), 4, "{file}: 1 quarantined: ", 3),
    "a control character in a string": (GOOD + post(9).replace(b"invented", b"\0"), 4, "{file}: 1 quarantined: ", 3),
    "deep nesting": (GOOD + b'{"id_str":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n", 4, "{file}: 1 quarantined: ", 3),
    "a date that is not": (GOOD + post(9, created_at="Thu Feb 31 25:10:00 +0000 2023"), 4, "{file}: 1 quarantined: ", 3),
    "a year beyond all": (GOOD + post(9, created_at="Thu Mar 09 02:10:00 +0000 99999"), 4, "{file}: 1 quarantined: ", 3),
    "an id that is not": (GOOD + post(9, id_str="1.6336E+18"), 4, "{file}: 1 quarantined: ", 3),
    "no date": (GOOD + post(9, created_at=None), 4, "{file}: 1 quarantined: ", 3),
    "a number for a record": (GOOD + b"42\n", 4, "{file}: 1 quarantined: ", 3),
    "duplicate keys": (GOOD + post(9).replace(b'{"id_str"', b'{"full_text": "first", "id_str"'), 0, "", 4),
    "half a pair of surrogates": (GOOD + post(9).replace(b"invented", rb"\ud83d"), None, None, None),
    "CSV, rounded id": (
        CSV + b"580930786603340000,2015-03-26T03:00:00.000Z,a #lanternkm,1,ada,\n"
        b"1.22587E+18,2015-03-26T03:00:00.000Z,b #lanternkm,1,ada,\n"
        b"580930786603339776,2015-03-26T03:00:00.000Z,c #lanternkm,1,ada,\n",
        4,
        "{file}: 2 quarantined: ",
        1,
    ),
    "CSV, rounded id, with its address": (
        b"id,created_at,text,author_id,author.username,url\n"
        b"580930786603340000,2015-03-26T03:00:00.000Z,a #lanternkm,1,ada,https://twitter.com/ada/status/580930786603339776\n",
        0,
        "",
        1,
    ),
    "CSV, header alone": (CSV, None, None, 0),
}  # fmt: skip
