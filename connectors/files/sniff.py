"""Finds out from its first records which format a file is in."""

import re
from collections.abc import Sequence

import msgspec

from connectors.x import records
from connectors.x.collect import FAILURES
from connectors.x.table import knows_header

#: How each format's records are cut: by lines, by rows (a quoted field may hold line feeds), or not at all.
CUTS = {"x-v2-jsonl": "lines", "x-v1-jsonl": "lines", "x-json": "whole", "x-csv": "rows"}

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_V1_TRACE = re.compile(rb'"(?:id_str|retweet_count|user_mentions|in_reply_to_status_id)"\s*:')
_V2_TRACE = re.compile(rb'"(?:author_id|includes|public_metrics|edit_history_\w+|conversation_id|data)"\s*:')


class NoPostsError(Exception):
    """The content is known, and holds no posts; the message says what it is."""


def sniff(lines: Sequence[bytes]) -> str | None:
    """Name the format of a file by its first lines; None where it is unknown.

    Raises:
        NoPostsError: it is known to hold something else.
    """
    opening = lines[0].lstrip()[:1]
    if opening == b"[":
        return "x-json"
    if opening != b"{":
        return "x-csv" if knows_header(lines[0]) else None
    other = None
    parsed = False
    for line in lines:
        try:
            keys = _object.decode(line)
        except FAILURES:
            continue
        parsed = True
        found = _kind(keys)
        if found in CUTS:
            return found
        other = other or found
    if other is not None:
        raise NoPostsError(other)
    if parsed:
        return None
    # Lines that all begin as records do are damaged records; others are one value over many lines.
    if sum(line.startswith(b'{"') for line in lines) < min(2, len(lines)):
        return "x-json"
    return "x-v1-jsonl" if _V1_TRACE.search(lines[0]) else "x-v2-jsonl" if _V2_TRACE.search(lines[0]) else None


def _kind(keys: dict[str, msgspec.Raw]) -> str | None:
    """Tell the format of one JSON record, or what else it is."""
    if not records.V1_KEYS.isdisjoint(keys) or "statuses" in keys or {"user", "text"} <= keys.keys():
        return "x-v1-jsonl"
    if "action" in keys and "id" in keys:
        return "a compliance stream, which lists what to delete"
    if "data" in keys:
        return _kind_of_data(bytes(keys["data"])) or "x-v2-jsonl"
    if not records.V2_PAGE_KEYS.isdisjoint(keys) or not records.V2_FLAT_KEYS.isdisjoint(keys):
        return "x-v2-jsonl"
    if {"id", "text"} <= keys.keys():
        return "x-v2-jsonl"
    if {"start", "end"} <= keys.keys() and ("tweet_count" in keys or "post_count" in keys):
        return "counts of posts over time"
    return None


def _kind_of_data(data: bytes) -> str | None:
    try:
        items = records.array.decode(data) if data[:1] == b"[" else [data]
        keys = _object.decode(items[0]) if items else {}
    except FAILURES:
        return None
    if "tweet_count" in keys or "post_count" in keys:
        return "counts of posts over time"
    if "owner_id" in keys or "member_count" in keys:
        return "lists of accounts"
    return None


def document_items(body: bytes) -> int:
    """Count the records of a file that is one JSON value.

    Raises:
        NoPostsError: it is known to hold something else.
        ValueError: it is not JSON, or a list of something that is no record.
    """
    if body[:1] != b"[":
        keys = _object.decode(body)
        found = _kind(keys)
        if found is None:
            raise NoPostsError("JSON of something else")
        if found not in CUTS:
            raise NoPostsError(found)
        return len(records.array.decode(keys["statuses"])) if "statuses" in keys else 1
    items = records.array.decode(body)
    kinds = [_kind(_object.decode(item)) for item in items[:20]]
    known = [kind for kind in kinds if kind in CUTS]
    if not known:
        raise NoPostsError(next((kind for kind in kinds if kind), "JSON of something else") if items else "an empty list")
    return len(items)
