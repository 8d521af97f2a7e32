"""JSON lines of an export: an object a line, with every column."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import msgspec

from connectors import addresses_of
from connectors.knowarchive.rows import PUBLIC, Reader, table_of
from connectors.redaction import Fields, Redaction, needles, read_text
from connectors.refusals import FAILURES
from knowarchive.model import CONTENT, Mapped, Payload

CUT = "lines"

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Seen(msgspec.Struct):
    visibility: str | None = None


_seen = msgspec.json.Decoder(_Seen)


def recognises(lines: Sequence[bytes]) -> bool:
    """Whether a file that begins so is of this format."""
    return bool(lines) and _table(lines[0]) is not None


def count_items(body: bytes) -> int:
    return body.count(b"\n") + 1


def map_payload(payload: Payload) -> Mapped:
    """Map every line."""
    reader = Reader(payload)
    for index, line in enumerate(payload.body.split(b"\n")):
        reader.take(index, _table(line), line)
    return reader.mapped()


def screen(payload: Payload) -> tuple[Payload, int]:
    """Drop lines of posts that are not public: no export has such, but files can be made by anybody."""
    lines = payload.body.split(b"\n")
    kept = [line for line in lines if _is_public(line)]
    if len(kept) == len(lines):
        return payload, 0
    return msgspec.structs.replace(payload, body=b"\n".join(kept), items=len(kept)), len(lines) - len(kept)


def redact(payload: Payload, uids: AbstractSet[str]) -> tuple[Payload, int]:
    """Leave of erased posts their place, and of links to them no title. See `connectors.redact`."""
    addresses = addresses_of(uids)
    redaction = Redaction(needles([*uids, *addresses]), lambda fields: _reduced(fields, uids), addresses)
    body = redaction.lines(payload.body)
    return (msgspec.structs.replace(payload, body=body), redaction.count) if redaction.count else (payload, 0)


def _reduced(fields: Fields, uids: AbstractSet[str]) -> Fields | None:
    if read_text(fields, "uid") not in uids or all(bytes(fields.get(name, b"null")) == b"null" for name in CONTENT):
        return None
    return {**fields, **{name: msgspec.Raw(b"null") for name in CONTENT if name in fields}}


def _table(line: bytes) -> str | None:
    try:
        return table_of(_object.decode(line))
    except FAILURES:
        return None


def _is_public(line: bytes) -> bool:
    try:
        return _seen.decode(line).visibility in PUBLIC
    except FAILURES:
        return True  # it is no row, and is quarantined
