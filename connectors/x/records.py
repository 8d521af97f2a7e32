"""The slow, careful way through a payload: record by record, each by its own shape.

The mappings decode a whole payload at once. Where that fails, or a record is of another shape than its neighbours,
this module takes over, so that one bad record costs one record.
"""

import re
from typing import TypeVar

import msgspec

from connectors.x.collect import FAILURES, BadRecord, Collector, reason
from knowarchive.model import Payload

T = TypeVar("T")

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
array = msgspec.json.Decoder(list[msgspec.Raw])
_LONE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)

#: The keys that only one shape has.
V1_KEYS = frozenset(("id_str", "retweeted_status", "full_text", "favorite_count"))
V2_PAGE_KEYS = frozenset(("data", "includes", "errors", "meta"))
V2_FLAT_KEYS = frozenset(("author_id", "edit_history_tweet_ids", "edit_history_post_ids", "public_metrics"))


def decode_lines(decoder: msgspec.json.Decoder[T], payload: Payload) -> list[T] | None:
    """Decode all lines at once; None if any of them cannot be."""
    try:
        decoded = decoder.decode_lines(payload.body)
    except FAILURES:
        return None
    return decoded if len(decoded) == payload.items else None


def line(payload: Payload, index: int) -> bytes:
    """The bytes of one record."""
    return payload.body.split(b"\n")[index]


def map_lines(payload: Payload, out: Collector) -> None:
    """Map every line by its own shape."""
    for index, record in enumerate(payload.body.split(b"\n")):
        if record and not record.isspace():
            map_line(record, index, out)


def map_line(record: bytes, index: int, out: Collector) -> None:
    """Map one record by its own shape, or set it aside. Never raises."""
    seen = out.seen
    try:
        map_any(record, index, out)
    except FAILURES as error:
        out.seen = seen + 1
        refuse(record, index, out, error)


def refuse(record: bytes, index: int, out: Collector, error: BaseException, uid: str | None = None) -> None:
    """Set a record aside."""
    out.quarantine(index, record, reason(error), uid)


def map_any(record: bytes, index: int, out: Collector) -> None:
    """Find out what a record is, and map it."""
    from connectors.x import v1, v2

    try:
        record.decode()
    except UnicodeDecodeError:
        raise BadRecord("not UTF-8") from None
    if b"\\ud" in record or b"\\uD" in record:
        record = _LONE.sub(rb"\\ufffd", record)  # old tools cut texts between the halves of a character
    if record.lstrip()[:1] == b"[":
        for item in array.decode(record):
            map_line(bytes(item), index, out)
        return
    keys = _object.decode(record)
    if "statuses" in keys and "id_str" not in keys:  # a page of the v1.1 search
        for item in array.decode(keys["statuses"]):
            map_line(bytes(item), index, out)
    elif not V1_KEYS.isdisjoint(keys) or ("user" in keys and "text" in keys):
        out.seen += 1
        v1.map_record(record, out)
    elif not V2_PAGE_KEYS.isdisjoint(keys):
        v2.map_page(keys, record, index, out)
    elif not V2_FLAT_KEYS.isdisjoint(keys) or ("id" in keys and "text" in keys):
        out.seen += 1
        v2.map_record(record, out)
    else:
        raise BadRecord("not a post: no field that we know")


def map_document(body: bytes, out: Collector) -> None:
    """Map a document: the items of a list are records, anything else is one record."""
    if body.lstrip()[:1] == b"[":
        try:
            items = array.decode(body)
        except FAILURES as error:
            out.seen += 1
            refuse(body, 0, out, error)
            return
        for index, item in enumerate(items):
            map_line(bytes(item), index, out)
    else:
        map_line(body, 0, out)
