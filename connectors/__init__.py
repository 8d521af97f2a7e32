"""Connectors turn what platforms and archive files hold into payloads, and payloads into posts.

This module is the registry: it knows the name of every format and the module that maps it, and imports that module
only when a payload of the format arrives. A new format is one new module and one line in `FORMATS`.
"""

import gc
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from knowarchive.config import Source
from knowarchive.errors import UsageError
from knowarchive.model import Mapped, Payload

if TYPE_CHECKING:
    from connectors.base import Connector, Opener, Surroundings

#: The module of each format.
FORMATS: dict[str, str] = {
    "knowarchive-jsonl": "connectors.knowarchive.lines",
    "knowarchive-csv": "connectors.knowarchive.table",
    "knowarchive-parquet": "connectors.knowarchive.parquet",
    "x-v2-jsonl": "connectors.x.v2",
    "x-v1-jsonl": "connectors.x.v1",
    "x-json": "connectors.x.document",
    "x-csv": "connectors.x.table",
    "x-api": "connectors.x.answers",
    "mastodon-json": "connectors.mastodon.mapping",
    "bluesky-json": "connectors.bluesky.mapping",
}

#: How much each format tells: of two observations of the same moment, the one of higher rank is believed. The ranks
#: are stored with the observations, so a new format takes a number of its own and none is ever renumbered.
RANKS: dict[str, int] = {
    "knowarchive-jsonl": 5,  # what was merged says no more than what it was merged from
    "knowarchive-csv": 4,
    "knowarchive-parquet": 6,
    "x-v2-jsonl": 40,
    "x-v1-jsonl": 30,
    "x-json": 40,
    "x-csv": 10,
    "x-api": 45,
    "mastodon-json": 40,
    "bluesky-json": 40,
}

#: The module of each network that can be collected from; it offers `open_connector`.
CONNECTORS: dict[str, str] = {
    "x": "connectors.x.client",
    "bluesky": "connectors.bluesky.client",
    "mastodon": "connectors.mastodon.client",
}


#: The module of each network that takes erased posts out of payloads; it offers `own_addresses`.
REDACTIONS = ("connectors.x.redaction", "connectors.bluesky.redaction", "connectors.mastodon.redaction")


def open_connector(source: Source, surroundings: "Surroundings") -> "Connector":
    """Open a source.

    Raises:
        FetchError: it cannot be asked at all; credentials are missing, for one.
    """
    opener = cast("Opener", import_module(CONNECTORS[source.platform]).open_connector)
    return opener(source, surroundings)


def rank(name: str) -> int:
    """The rank of a format."""
    return RANKS[name]


class Mapping(Protocol):
    """What a format's module offers. All functions are pure: no network, no clock, no archive.

    `CUT` says how a file of the format is cut into records: "lines"; "rows" of a table, whose first is the header;
    "whole", one JSON value, whose records `count_items` counts; or "converted", which `read_lines` reads as JSON lines.
    """

    CUT: str

    @staticmethod
    def recognises(lines: Sequence[bytes]) -> bool: ...

    @staticmethod
    def count_items(body: bytes) -> int: ...

    @staticmethod
    def map_payload(payload: Payload) -> Mapped: ...

    @staticmethod
    def screen(payload: Payload) -> tuple[Payload, int]: ...

    @staticmethod
    def redact(payload: Payload, uids: AbstractSet[str]) -> tuple[Payload, int]: ...


def load(name: str) -> Mapping:
    """Import the mapping of a format.

    Raises:
        UsageError: no format has this name.
    """
    try:
        module = FORMATS[name]
    except KeyError:
        raise UsageError(f"unknown format {name!r}: one of {', '.join(FORMATS)}") from None
    return cast("Mapping", import_module(module))


def map_payload(payload: Payload) -> Mapped:
    """Understand a payload. Whatever its bytes are, nothing but an unknown format raises."""
    mapping = load(payload.format)
    with collector_at_rest():
        mapped = mapping.map_payload(payload)
        if _may_hold_places(mapped):
            mapped = cast("Mapped", import_module("connectors.forgetting").leave_places(mapped))
        return mapped


def _may_hold_places(mapped: Mapped) -> bool:
    """Whether somebody here may be what was left of somebody who was forgotten: of such are their names and numbers."""
    names = {post.author_uid for post in mapped.posts} | {post.author_handle for post in mapped.posts}
    names |= {account.uid for account in mapped.accounts} | {account.handle for account in mapped.accounts}
    names |= {one.account_uid for one in mapped.reposts} | {one.account_handle for one in mapped.reposts}
    return any(name is not None and ("erased" in name or name.startswith("x:90")) for name in names)


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from walking through thousands of records again and again: they hold no cycles."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def screen(payload: Payload) -> tuple[Payload, int]:
    """Drop what is not public, before anything is stored.

    Returns:
        The payload, unchanged when everything in it is public, and how many posts were dropped.
    """
    return load(payload.format).screen(payload)


def redact(payload: Payload, uids: AbstractSet[str]) -> tuple[Payload, int]:
    """Take out of a payload what some posts say, because they were erased. Pure; doing it again changes nothing.

    Mapping what is left gives these posts without content, and every other record exactly as before. Gone are the
    posts' own words and attachments wherever the payload has them: copies within reposts and quotes, cards of links to
    them, and records that cannot be read and name them. Their place in the thread stays, and who wrote them.

    Args:
        payload: any payload, as it was stored.
        uids: the posts, of any network.

    Returns:
        The payload, unchanged where it holds nothing of them, and how many records lost something.
    """
    return load(payload.format).redact(payload, uids)


def addresses_of(uids: AbstractSet[str]) -> list[str]:
    """Parts of web addresses by which links to these posts can be recognised."""
    return [address for name in REDACTIONS for address in import_module(name).own_addresses(uids)]


def post_uid(named: str) -> str | None:
    """The uid of a post, given as such or as platforms write it in their lists; None for anything else.

    A number is a post of X, `at://…` one of Bluesky, any other address one of a server of Mastodon's API.
    """
    from connectors.bluesky import ids as bluesky
    from connectors.mastodon.accounts import is_uri
    from connectors.x.ids import is_id

    network, _, own = named.partition(":")
    if is_id(named):
        return f"x:{named}"
    if network == "x":
        return named if is_id(own) else None
    if network in {"bluesky", "at"}:
        return bluesky.post_uid(bluesky.post_uri(named) if network == "bluesky" else named)
    address = own if network == "mastodon" else named
    return f"mastodon:{address}" if address.startswith(("https://", "http://")) and is_uri(address) else None
