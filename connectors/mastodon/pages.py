"""What a collector must understand of an answer to go on: where the next page is, and whether the edge is reached. Pure."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from requests.utils import parse_header_links

from connectors.mastodon.accounts import id_of, time_of
from connectors.mastodon.answers import read_head, statuses_in
from connectors.refusals import FAILURES
from connectors.requests_transport import Answer
from knowarchive.model import Payload

SLACK = timedelta(hours=1)  # how far clocks of servers may differ


def husk(answer: Answer) -> bytes:
    """A good answer without its content, for the library: of a whole session it would make objects for half a second.

    And it fails on what it does not expect, while nothing that it makes is used.
    """
    if answer.status >= 300:
        return answer.body
    return {b"[": b"[]", b"{": b"{}"}.get(answer.body[:50].lstrip()[:1], answer.body)


def listed(payload: Payload) -> list[dict[str, Any]] | None:
    """The posts that an answer is about; None where it has not the shape that was asked for."""
    try:
        statuses = statuses_in(read_head(payload).kind, msgspec.json.decode(payload.body))
    except FAILURES:
        return None
    return [status for status in statuses if isinstance(status, dict)]


def ids_of(statuses: list[dict[str, Any]]) -> list[str]:
    return [own for status in statuses if (own := id_of(status)) is not None]


def entries(answer: Answer) -> set[str]:
    """The ids in an answer that is a list, of whatever."""
    try:
        value = msgspec.json.decode(answer.body)
    except FAILURES:
        return set()
    return set(ids_of([one for one in value if isinstance(one, dict)])) if isinstance(value, list) else set()


def is_before(statuses: list[dict[str, Any]], edge: datetime) -> bool:
    """Whether a whole page is older than the window."""
    times = [time for status in statuses if (time := time_of(status, "created_at")) is not None]
    return bool(times) and max(times) < edge


def next_id(answer: Answer) -> str | None:
    """The `max_id` of the next page, as the `Link` header names it. https://www.rfc-editor.org/rfc/rfc8288"""
    for link in parse_header_links(answer.headers.get("link", "")):
        if link.get("rel") == "next":
            try:
                found = parse_qs(urlsplit(link["url"]).query).get("max_id", [""])[0]
            except ValueError:
                return None
            return found if id_of({"id": found}) is not None else None
    return None


def last_id(ids: list[str]) -> str | None:
    """The id to go on from where the server names none: the least, if ids of its kind can be compared."""
    if ids and all(own.isdecimal() for own in ids):
        return min(ids, key=int)
    return min(ids) if len({len(own) for own in ids}) == 1 else next(reversed(ids), None)


def jump(statuses: list[dict[str, Any]], until: datetime, following: str | None) -> str | None:
    """An id with which to skip what is newer than a moment, where the server's ids tell the time as Mastodon's do.

    The upper bits are milliseconds since 1970, of the post's own time: one that comes late is filed where it belongs.
    https://docs.joinmastodon.org/api/guidelines/#id
    """
    oldest = following or last_id(ids_of(statuses))
    if oldest is None or not oldest.isdecimal():
        return None
    for status in statuses:
        own, made = id_of(status), time_of(status, "created_at")
        if own is None or made is None or not own.isdecimal():
            return None
        if abs((int(own) >> 16) / 1000 - made.timestamp()) > SLACK.total_seconds():
            return None
    target = int((until + SLACK).timestamp() * 1000) << 16
    return str(target) if target < int(oldest) else None


def depth_below(own: str, statuses: list[dict[str, Any]]) -> int:
    """How many replies deep the longest thread below a post goes."""
    parents = {id_of(status): id_of(status, "in_reply_to_id") for status in statuses}
    depths: dict[str | None, int] = {own: 0}
    for first in parents:
        chain = [first]
        while chain[-1] in parents and chain[-1] not in depths and len(chain) <= len(parents):
            chain.append(parents[chain[-1]])
        known = depths.get(chain[-1])
        for one in reversed(chain[:-1] if known is not None else chain):
            known = None if known is None else known + 1
            if known is not None:
                depths[one] = known
    return max(depths.values())


def below(own: str, statuses: list[dict[str, Any]]) -> set[str]:
    """The ids of those that reply to a post, and to those in turn."""
    answers: dict[str, list[str]] = {}
    for status in statuses:
        parent, its_id = id_of(status, "in_reply_to_id"), id_of(status)
        if parent is not None and its_id is not None:
            answers.setdefault(parent, []).append(its_id)
    found: set[str] = set()
    pending = [own]
    while pending:
        for reply in answers.get(pending.pop(), ()):
            if reply not in found and reply != own:
                found.add(reply)
                pending.append(reply)
    return found
