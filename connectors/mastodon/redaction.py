"""Takes what erased posts say out of answers of Mastodon's API: in lists and conversations, repeated, quoted, edited."""

import re
from collections.abc import Set as AbstractSet

import msgspec

from connectors import addresses_of
from connectors.mastodon.answers import read_head
from connectors.redaction import Fields, Redaction, is_stub, needles, read, read_text, stub, tails
from connectors.refusals import FAILURES
from knowarchive.model import Payload

#: A post's place, and the posts of others that came inside it.
_PLACE = (
    *("id", "uri", "url", "created_at", "edited_at", "in_reply_to_id", "in_reply_to_account_id", "account"),
    *("visibility", "visibility_ex", "local_only", "reblog", "quote"),
)
_NULL = msgspec.Raw(b"null")
#: What divides an address, and what some writers of JSON escape and others do not.
_ESCAPED = re.compile(r"[/?#&<>'\"\\+`]")


def redact(payload: Payload, uids: AbstractSet[str]) -> tuple[Payload, int]:
    """Redact one answer. See `connectors.redact`."""
    uris = frozenset(uid.removeprefix("mastodon:") for uid in uids if uid.startswith("mastodon:"))
    if (versions := _versions_of_erased(payload, uris)) is not None:
        return (msgspec.structs.replace(payload, body=b"[]"), versions) if versions else (payload, 0)
    addresses = addresses_of(uids)
    names = {_longest_part(uri) for uri in uris} | {name for name in tails(addresses) if name}
    redaction = Redaction(needles(names), lambda fields: _reduced(fields, uris), addresses)
    body = redaction.document(payload.body)
    return (msgspec.structs.replace(payload, body=body), redaction.count) if redaction.count else (payload, 0)


def own_addresses(uids: AbstractSet[str]) -> list[str]:
    """Parts of web addresses that lead to these posts."""
    return [uid.removeprefix("mastodon:") for uid in sorted(uids) if uid.startswith("mastodon:")]


def _versions_of_erased(payload: Payload, uris: AbstractSet[str]) -> int | None:
    """How many versions of an erased post this is a list of; None where it is something else. No version names it."""
    try:
        head = read_head(payload)
        if head.kind != "edits" or head.one_subject is None:
            return None
        if head.one_subject[0].removeprefix("mastodon:") not in uris:
            return None
        versions = msgspec.json.decode(payload.body)
    except FAILURES:
        return None
    return len(versions) if isinstance(versions, list) else 1


def _reduced(fields: Fields, uris: AbstractSet[str]) -> Fields | None:
    """What is left of a post, if it is erased or repeats one that is: then it has the same words."""
    if is_stub(fields) or not ("content" in fields or "visibility" in fields):
        return None
    if read_text(fields, "uri") not in uris and _uri_of(read(fields, "reblog")) not in uris:
        return None
    rest = {**stub(fields, _PLACE), "content": _NULL}
    pleroma = read(fields, "pleroma")
    if isinstance(pleroma, dict) and isinstance(pleroma.get("quote"), dict):  # the post of another, quoted
        parts = msgspec.json.decode(fields["pleroma"], type=Fields)
        rest["pleroma"] = msgspec.Raw(msgspec.json.encode({"quote": parts["quote"]}))
    return rest


def _uri_of(status: object) -> str | None:
    uri = status.get("uri") if isinstance(status, dict) else None
    return uri if isinstance(uri, str) else None


def _longest_part(uri: str) -> str:
    """The part of an address that tells most, without what JSON may escape: Rails does so with `&`."""
    host, *parts = _ESCAPED.split(uri.partition("//")[2] or uri)
    return max(parts, key=len, default="") or host
