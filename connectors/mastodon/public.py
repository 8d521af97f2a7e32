"""Drops what is not public from an answer, before anything is stored. Servers do return it: contexts, lists, quotes.

A post is kept if its visibility is one that every stranger sees, and it did not stay on its server. Anything nested
that looks like a post is held to the same, wherever it is. What cannot be read cannot be shown to be public.
"""

import hashlib
from typing import Any

import msgspec

from connectors.mastodon.answers import PUBLIC, Head, Unread, read_head, statuses_in
from connectors.refusals import FAILURES
from knowarchive.model import Payload

_DROPPED: Any = object()
_PUBLIC_EXTENDED = (*PUBLIC, "public_unlisted")  # a tuple: what is compared with it may be anything


def screen(payload: Payload) -> tuple[Payload, int]:
    """Drop posts that are not public.

    Returns:
        The payload, its bytes unchanged if nothing was dropped, and how many posts it lost. Of an answer that cannot
        be read only hash, size and the reason remain, in its head; mapping then quarantines it.
    """
    try:
        head = read_head(payload)
    except FAILURES:
        return _unread(payload, Head(request="", server=""), "a head that names no request")
    if head.unread is not None:
        return payload, 0
    try:
        value = msgspec.json.decode(payload.body)
    except FAILURES as error:
        return _unread(payload, head, "nested too deeply" if isinstance(error, RecursionError) else "not JSON")
    if value is None:
        return payload, 0  # nothing was left of it
    kind = head.kind
    if kind == "refusal":
        if isinstance(value, dict) and isinstance(value.get("error"), str):
            return payload, 0
        return _unread(payload, head, "an error of another shape")
    if kind is None:
        return _unread(payload, head, "a path whose answers are not known")
    if kind in {"edits", "reposters"} and not head.subject:
        return _unread(payload, head, "about no post that is known to be public")
    try:
        listed = statuses_in(kind, value)
        if any(not _is_status(status) for status in listed):
            value, bad = _without_others(kind, value)
        else:
            bad = 0
        rest, dropped = _screened(value)
    except FAILURES as error:
        return _unread(payload, head, str(error)[:100] if type(error) is ValueError else "nested too deeply")
    dropped += bad
    if not dropped:
        return payload, 0
    if rest is _DROPPED:
        rest = None
    left = len(statuses_in(kind, rest)) if rest is not None else 0
    return msgspec.structs.replace(payload, body=msgspec.json.encode(rest), items=left), dropped


def _unread(payload: Payload, head: Head, reason: str) -> tuple[Payload, int]:
    note = Unread(reason, hashlib.sha256(payload.body).hexdigest(), len(payload.body))
    head = msgspec.structs.replace(head, unread=note)
    return msgspec.structs.replace(payload, head=head.encode(), body=b"", items=0), 1


def _is_status(value: Any) -> bool:
    return isinstance(value, dict) and "visibility" in value


def _without_others(kind: str, value: Any) -> tuple[Any, int]:
    """Leave out what stands among posts and is none: without a visibility nothing shows that it is public."""
    if kind == "status":
        return None, 1
    if kind == "statuses":
        kept = [item for item in value if _is_status(item)]
        return kept, len(value) - len(kept)
    dropped = 0
    rest = dict(value)
    for name in ("ancestors", "descendants") if kind == "context" else ("statuses",):
        rest[name] = [item for item in value[name] if _is_status(item)]
        dropped += len(value[name]) - len(rest[name])
    return rest, dropped


def _is_public(status: dict[str, Any]) -> bool:
    visibility = status.get("visibility")
    if not (isinstance(visibility, str) and visibility in PUBLIC):
        return False
    pleroma = status.get("pleroma")
    extended = status.get("visibility_ex")  # the finer word of kmyblue and Fedibird
    return (
        not status.get("local_only")
        and not (isinstance(pleroma, dict) and pleroma.get("local_only"))
        and not (extended is not None and extended not in _PUBLIC_EXTENDED)
    )


def _screened(value: Any) -> tuple[Any, int]:
    """Walk through everything; a post that is not public becomes `_DROPPED`."""
    if isinstance(value, list):
        kept, dropped = [], 0
        for item in value:
            if isinstance(item, dict | list):
                rest, lost = _screened(item)
                dropped += lost
                if rest is not _DROPPED:
                    kept.append(rest)
            else:
                kept.append(item)
        return (kept if dropped else value), dropped
    if not isinstance(value, dict):
        return value, 0
    looks_like_post = "visibility" in value or ("uri" in value and "content" in value)
    if looks_like_post and not _is_public(value):
        return _DROPPED, 1
    changed: dict[str, Any] = {}
    dropped = 0
    for name, item in value.items():
        if isinstance(item, dict | list):
            rest, lost = _screened(item)
            if lost:
                if rest is _DROPPED and name == "reblog":
                    return _DROPPED, lost  # who repeated what is not public is not public either
                dropped += lost
                changed[name] = None if rest is _DROPPED else rest
    return ({**value, **changed} if changed else value), dropped
