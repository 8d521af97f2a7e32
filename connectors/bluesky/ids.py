"""Bluesky's names and times: addresses of records, the clock in their keys, and when a post was made."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.times import believed

POSTS = "app.bsky.feed.post"
GONE = "Could not locate record"  # what a repository, or the AppView in its place, says of a record that is not there

#: https://atproto.com/specs/did, https://atproto.com/specs/nsid and https://atproto.com/specs/record-key
_DID = r"did:[a-z]{1,20}:[A-Za-z0-9._:%-]{0,500}[A-Za-z0-9._-]"
_RECORD = re.compile(
    rf"(?P<did>{_DID})/[a-zA-Z][a-zA-Z0-9-]*(?:\.[a-zA-Z0-9-]+)+/(?!\.{{1,2}}\Z)[A-Za-z0-9._:~-]{{1,512}}"
)
_WHOLE_DID = re.compile(_DID)

#: https://atproto.com/specs/tid: 53 bits of microseconds since 1970 and 10 bits of a clock's name, in base 32.
_TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_DIGITS = {digit: value for value, digit in enumerate("234567abcdefghijklmnopqrstuvwxyz")}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_BEFORE = _EPOCH + timedelta(days=1)  # what has no date is given this one by many clients


def post_uid(uri: Any) -> str | None:
    """Read `at://did/collection/rkey`; None for anything else, an address by handle too: handles change owners."""
    if not isinstance(uri, str) or not uri.startswith("at://"):
        return None
    return "bluesky:" + uri[5:] if _RECORD.fullmatch(uri, 5) else None


def post_uri(uid: str) -> str:
    """The inverse of `post_uid`."""
    return "at://" + uid.removeprefix("bluesky:")


def account_uid(did: Any) -> str | None:
    """Read a DID; None for anything else."""
    return "bluesky:" + did if isinstance(did, str) and _WHOLE_DID.fullmatch(did) else None


def owner(uid: str) -> str:
    """The account in whose repository a post is."""
    return uid.partition("/")[0]


def collection(uid: str) -> str:
    return uid.split("/")[1]


def is_timed(key: str) -> bool:
    """Whether the key of a record carries its time."""
    return _TID.fullmatch(key) is not None


def key_time(uid: str) -> datetime | None:
    """When the key of a record was given out, if it carries its time. A client may have made it up."""
    key = uid.rpartition("/")[2]
    if not _TID.fullmatch(key):
        return None
    number = 0
    for digit in key:
        number = number << 5 | _DIGITS[digit]
    try:
        moment = _EPOCH + timedelta(microseconds=number >> 10)
    except OverflowError:
        return None
    return moment if moment >= _NOT_BEFORE else None


def read_time(value: Any) -> datetime | None:
    """Read a time as clients write them: with Z or an offset or neither (then UTC), to any fraction of a second.

    Returns:
        None where it is no time that can be believed.
    """
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    time = believed(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
    return time if time is not None and time >= _NOT_BEFORE else None


def made_at(claimed: Any, indexed: Any) -> datetime | None:
    """When a post was made: what its client claims, but not after the server has seen it.

    The AppView sorts by the same (`sortAt`, https://github.com/bluesky-social/atproto/discussions/1440): claims of the
    past are believed, those of the future and those that are no time are not.
    """
    claim, seen = read_time(claimed), read_time(indexed)
    if claim is None or seen is None:
        return claim or seen
    return min(claim, seen)
