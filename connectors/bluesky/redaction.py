"""Takes what erased posts say out of Bluesky's answers: views in lists, threads and quotes, and records alone."""

from collections.abc import Set as AbstractSet

import msgspec

from connectors import addresses_of
from connectors.bluesky.ids import post_uri
from connectors.bluesky.shapes import kind
from connectors.redaction import Fields, Redaction, is_stub, needles, read, read_text, stub, tails
from knowarchive.model import Payload

#: A view's place; the record within has its own.
_VIEW = ("$type", "uri", "author", "indexedAt")
_RECORD = ("$type", "createdAt", "reply")
#: Embeds that show the post of somebody else.
_QUOTES = frozenset(("app.bsky.embed.record", "app.bsky.embed.recordWithMedia"))


def redact(payload: Payload, uids: AbstractSet[str]) -> tuple[Payload, int]:
    """Redact one answer. See `connectors.redact`."""
    uris = frozenset(post_uri(uid) for uid in uids if uid.startswith("bluesky:"))
    addresses = addresses_of(uids)
    redaction = Redaction(needles(tails(addresses)), lambda fields: _reduced(fields, uris), addresses)
    body = redaction.document(payload.body)
    return (msgspec.structs.replace(payload, body=body), redaction.count) if redaction.count else (payload, 0)


def own_addresses(uids: AbstractSet[str]) -> list[str]:
    """Parts of web addresses that lead to these posts."""
    return [f"/post/{uid.rpartition('/')[2]}" for uid in sorted(uids) if uid.startswith("bluesky:")]


def _reduced(fields: Fields, uris: AbstractSet[str]) -> Fields | None:
    """What is left of a view, or of a record with its address, if it is of an erased post."""
    name = next((name for name in ("record", "value") if name in fields), None)
    if name is None or is_stub(fields) or read_text(fields, "uri") not in uris:
        return None
    rest = stub(fields, _VIEW)
    try:
        record = msgspec.json.decode(fields[name], type=Fields)
    except msgspec.DecodeError:
        record = {}
    rest[name] = msgspec.Raw(msgspec.json.encode({**stub(record, _RECORD), "text": ""}))
    # What it quotes is another's, and was seen here.
    if "embed" in fields and (embed := _quote(fields["embed"])) is not None:
        rest["embed"] = embed
    if "embeds" in fields and isinstance(shown := read(fields, "embeds"), list) and shown:
        quoted = _quote(msgspec.json.decode(fields["embeds"], type=list[msgspec.Raw])[0])
        if quoted is not None:
            rest["embeds"] = msgspec.Raw(b"[" + bytes(quoted) + b"]")
    return rest


def _quote(embed: msgspec.Raw) -> msgspec.Raw | None:
    try:
        if kind(msgspec.json.decode(embed)) not in _QUOTES:
            return None
        parts = msgspec.json.decode(embed, type=Fields)
    except (msgspec.DecodeError, RecursionError):
        return None
    return msgspec.Raw(msgspec.json.encode({name: parts[name] for name in ("$type", "record") if name in parts}))
