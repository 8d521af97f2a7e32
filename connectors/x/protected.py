"""Drops posts of protected accounts, before anything is stored: neither API should return them, tokens of friends do.

A page or document that has to lose posts is written anew; everything else keeps its bytes.
"""

from typing import Any

import msgspec

from connectors.refusals import FAILURES
from knowarchive.model import Payload

_MARK = b'"protected"'
#: How the two APIs, and tools that rewrite their output, go on where somebody is not.
_HARMLESS = (b":false", b": false")
_NESTED_V1 = ("retweeted_status", "quoted_status")
_LISTS = ("tweets", "posts")


def screen(payload: Payload) -> tuple[Payload, int]:
    """Drop the posts of protected accounts from JSON lines.

    Returns:
        The payload, and how many posts it lost.
    """
    if not _suspicious(payload.body):
        return payload, 0
    kept: list[bytes] = []
    dropped = 0
    for line in payload.body.split(b"\n"):
        rest, lost = screen_record(line) if _suspicious(line) else (line, 0)
        dropped += lost
        if rest is not None:
            kept.append(rest)
    if not dropped:
        return payload, 0
    return msgspec.structs.replace(payload, body=b"\n".join(kept), items=len(kept)), dropped


def screen_document(payload: Payload) -> tuple[Payload, int]:
    """Drop the posts of protected accounts from a document that is one JSON value."""
    if not _suspicious(payload.body):
        return payload, 0
    rest, dropped = screen_record(payload.body)
    if not dropped:
        return payload, 0
    rest = rest if rest is not None else b"[]"
    return msgspec.structs.replace(payload, body=rest, items=max(payload.items - dropped, 0)), dropped


def screen_record(record: bytes) -> tuple[bytes | None, int]:
    """Drop protected posts from one JSON value; None when nothing is left of it."""
    try:
        value = msgspec.json.decode(record)
    except FAILURES:
        # It cannot be read, so it cannot be shown to be public: it is not kept.
        return None, 1
    rest, dropped = _screen_value(value)
    if not dropped:
        return record, 0
    return (msgspec.json.encode(rest) if rest is not None else None), dropped


def _suspicious(body: bytes) -> bool:
    """Whether anything is said of protection but, in the usual ways, that there is none."""
    place = body.find(_MARK)
    while place >= 0:
        place += len(_MARK)
        if not body.startswith(_HARMLESS, place):
            return True
        place = body.find(_MARK, place)
    return False


def _screen_value(value: Any) -> tuple[Any, int]:
    if isinstance(value, list):
        kept, dropped = [], 0
        for item in value:
            rest, lost = _screen_value(item)
            dropped += lost
            if rest is not None:
                kept.append(rest)
        return kept, dropped
    if not isinstance(value, dict):
        return value, 0
    if isinstance(value.get("statuses"), list):
        statuses, dropped = _screen_value(value["statuses"])
        return {**value, "statuses": statuses}, dropped
    if "data" in value or "includes" in value:
        return _screen_page(value)
    return _screen_post(value)


def _is_protected(user: Any) -> bool:
    return isinstance(user, dict) and user.get("protected") in (True, "true", "True")  # a tuple: it may be anything


def _screen_post(post: dict[str, Any]) -> tuple[Any, int]:
    """Screen a tweet of API v1.1, or a flattened one of API v2, and the posts within it."""
    if _is_protected(post.get("user")) or _is_protected(post.get("author")):
        return None, 1
    dropped = 0
    for name in _NESTED_V1:
        if isinstance(post.get(name), dict):
            rest, lost = _screen_post(post[name])
            dropped += lost
            post = {**post, name: rest}
    for name in ("referenced_tweets", "referenced_posts"):
        if isinstance(post.get(name), list):
            references = []
            for reference in post[name]:
                rest, lost = _screen_post(reference) if isinstance(reference, dict) else (reference, 0)
                dropped += lost
                # That it refers to something stays known, as where the API leaves the post out itself.
                references.append(rest if rest is not None else {key: reference.get(key) for key in ("type", "id")})
            post = {**post, name: references}
    return post, dropped


def _screen_page(page: dict[str, Any]) -> tuple[Any, int]:
    includes = page.get("includes")
    users = includes.get("users") if isinstance(includes, dict) else None
    hidden = [user.get("id") for user in users if _is_protected(user)] if isinstance(users, list) else []
    dropped = 0

    def public(items: list[Any]) -> list[Any]:
        nonlocal dropped
        kept = [item for item in items if not (isinstance(item, dict) and item.get("author_id") in hidden)]
        dropped += len(items) - len(kept)
        return kept

    page = dict(page)
    data = page.get("data")
    if isinstance(data, list):
        page["data"] = public(data)
    elif isinstance(data, dict) and not public([data]):
        del page["data"]
    if isinstance(includes, dict):
        page["includes"] = {
            name: public(items) if name in _LISTS and isinstance(items, list) else items
            for name, items in includes.items()
        }
    return page, dropped
