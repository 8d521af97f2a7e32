"""Tells X's records apart by their keys: which API they are of, and what is known and holds no posts."""

import re
from collections.abc import Sequence

import msgspec

from connectors.files.errors import NoPostsError
from connectors.refusals import FAILURES

#: The keys that only one shape has.
V1_KEYS = frozenset(("id_str", "retweeted_status", "full_text", "favorite_count"))
V2_PAGE_KEYS = frozenset(("data", "includes", "errors", "meta"))
V2_FLAT_KEYS = frozenset(("author_id", "edit_history_tweet_ids", "edit_history_post_ids", "public_metrics"))

JSON_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
JSON_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])

_V1_TRACE = re.compile(rb'"(?:id_str|retweet_count|user_mentions|in_reply_to_status_id)"\s*:')
_V2_TRACE = re.compile(rb'"(?:author_id|includes|public_metrics|edit_history_\w+|conversation_id|data)"\s*:')
_COUNTS = "counts of posts over time"


def kind(keys: dict[str, msgspec.Raw]) -> str | None:
    """Name the shape of a record: "v1", "v2 page", "v2 flat"; None where it is unknown.

    Raises:
        NoPostsError: it is known to hold no posts.
    """
    if "statuses" in keys:
        return "v1 search"
    if "screen_name" in keys and keys.keys().isdisjoint(("text", "full_text")):
        raise NoPostsError("accounts of API v1.1")
    if not V1_KEYS.isdisjoint(keys) or {"user", "text"} <= keys.keys():
        return "v1"
    if {"action", "id"} <= keys.keys():
        raise NoPostsError("a compliance stream, which lists what to delete")
    if not V2_PAGE_KEYS.isdisjoint(keys):
        if "data" in keys:
            _refuse_other_data(bytes(keys["data"]))
        return "v2 page"
    if not V2_FLAT_KEYS.isdisjoint(keys) or {"id", "text"} <= keys.keys():
        return "v2 flat"
    if {"start", "end"} <= keys.keys() and not keys.keys().isdisjoint(("tweet_count", "post_count")):
        raise NoPostsError(_COUNTS)
    return None


def _refuse_other_data(data: bytes) -> None:
    items = JSON_ARRAY.decode(data) if data[:1] == b"[" else [data]
    keys = JSON_OBJECT.decode(items[0]) if items and bytes(items[0])[:1] == b"{" else {}
    if not keys.keys().isdisjoint(("tweet_count", "post_count")):
        raise NoPostsError(_COUNTS)
    if not keys.keys().isdisjoint(("owner_id", "member_count")):
        raise NoPostsError("lists of accounts")
    if "event_type" in keys or "dm_conversation_id" in keys:
        raise NoPostsError("direct messages, which are not public")


def generation_of_lines(lines: Sequence[bytes]) -> str | None:
    """Name the API, "v1" or "v2", that a file of JSON lines is of, by its first lines.

    Raises:
        NoPostsError: it is known to hold something else.
    """
    other: NoPostsError | None = None
    parsed = False
    if lines[0].lstrip()[:1] != b"{":
        return None
    for line in lines:
        try:
            found = kind(JSON_OBJECT.decode(line))
        except NoPostsError as error:
            parsed, other = True, other or error
        except FAILURES:
            continue
        else:
            parsed = True
            if found is not None:
                return found[:2]
    if other is not None:
        raise other
    if parsed or is_document(lines):
        return None
    return "v1" if _V1_TRACE.search(lines[0]) else "v2" if _V2_TRACE.search(lines[0]) else None


def is_document(lines: Sequence[bytes]) -> bool:
    """Whether these lines begin one JSON value that goes on over many."""
    opening = lines[0].lstrip()[:1]
    if opening == b"[":
        return True
    # Lines that all begin as records do are damaged records.
    if opening != b"{" or len(lines) == 1 or sum(line.startswith(b'{"') for line in lines) > 1:
        return False
    try:
        JSON_OBJECT.decode(lines[0])
    except FAILURES:
        return True
    return False


def count_items(body: bytes) -> int:
    """Count the records of a document that is one JSON value.

    Raises:
        NoPostsError: it holds something else.
        ValueError: it is not JSON, or a list of something that is no record.
    """
    if body[:1] != b"[":
        keys = JSON_OBJECT.decode(body)
        if kind(keys) is None:
            raise NoPostsError("JSON of something else")
        return len(JSON_ARRAY.decode(keys["statuses"])) if "statuses" in keys else 1
    items = JSON_ARRAY.decode(body)
    other: NoPostsError | None = None
    for item in items[:20]:
        try:
            if kind(JSON_OBJECT.decode(item)) is not None:
                return len(items)
        except NoPostsError as error:
            other = other or error
        except FAILURES:
            continue
    raise other or NoPostsError("JSON of something else" if items else "an empty list")
