"""Takes what erased posts say out of JSON, and leaves everything else as it is, byte for byte.

Only the objects on the way to an erased post are written anew. What remains of the post is its place: ids, times, author
and what it replies to, marked `erased`, so that mapping the payload again gives the same place and never the words.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from connectors.refusals import FAILURES, BadRecordError
from connectors.surrogates import without_halves

#: What marks an object that was an erased post, or somebody's repost of one.
MARK = "erased"

Fields = dict[str, msgspec.Raw]

_OBJECT = msgspec.json.Decoder(Fields)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_TRUE = msgspec.Raw(b"true")

#: Where an object that shows a page on the web has the page's address, and where it says what stands there.
_ADDRESSES = ("url", "uri", "expanded_url", "unwound_url")
_CARD = ("title", "description", "html", "embed_url", "image", "images", "thumb", "image_description", "author_name")


class Redaction:
    """One pass over JSON.

    Args:
        needles: byte strings of which one at least is in whatever names an erased post. What has none is not opened.
        reduce: given the fields of an object, what is left of it if it is an erased post or a repost of one, else None.
        addresses: parts of web addresses that lead to an erased post: cards that show it lose what they show.
    """

    def __init__(
        self,
        needles: Collection[bytes],
        reduce: Callable[[Fields], Fields | None],
        addresses: Collection[str] = (),
    ) -> None:
        self.count = 0  # objects that lost something
        self._needles = needles
        self._reduce = reduce
        self._addresses = addresses

    def concerns(self, text: bytes) -> bool:
        """Whether an erased post may be named in these bytes."""
        return any(needle in text for needle in self._needles)

    def document(self, text: bytes) -> bytes:
        """Redact one JSON value. One that cannot be read, and names an erased post, is replaced by null."""
        if not self.concerns(text):
            return text
        try:
            if text.lstrip()[:1] not in (b"{", b"["):
                raise BadRecordError("not an object")
            try:
                return self._value(text)
            except msgspec.DecodeError:
                return self._value(without_halves(text))
        except FAILURES:
            self.count += 1
            return b"null"

    def lines(self, text: bytes) -> bytes:
        """Redact JSON lines, each for itself."""
        if not self.concerns(text):
            return text
        return b"\n".join([self.document(line) for line in text.split(b"\n")])

    def _value(self, text: bytes) -> bytes:
        start = text.lstrip()[:1]
        if start not in (b"{", b"[") or not self.concerns(text):
            return text
        before = self.count
        if start == b"[":
            items = [self._value(bytes(item)) for item in _ARRAY.decode(text)]
            return b"[" + b",".join(items) + b"]" if self.count > before else text
        fields = _OBJECT.decode(text)
        reduced = self._reduce(fields)
        if reduced is None:
            reduced = self._without_card(fields)
        if reduced is not None:
            self.count += 1
            fields = reduced
        written = [msgspec.json.encode(name) + b":" + self._value(bytes(value)) for name, value in fields.items()]
        return b"{" + b",".join(written) + b"}" if self.count > before else text

    def _without_card(self, fields: Fields) -> Fields | None:
        """An object that shows the page of an erased post, without what it shows of it."""
        if not self._addresses or not any(name in fields for name in _CARD):
            return None
        shown = [value for name in _ADDRESSES if (value := read_text(fields, name)) is not None]
        if not any(leads_to(value, address) for value in shown for address in self._addresses):
            return None
        return {name: value for name, value in fields.items() if name not in _CARD} if not _is_post(fields) else None


def read(fields: Mapping[str, msgspec.Raw], name: str) -> object:
    """The value of a field; None where there is none, or one that cannot be read."""
    if name not in fields:
        return None
    try:
        return msgspec.json.decode(fields[name])
    except FAILURES:
        return None


def read_text(fields: Mapping[str, msgspec.Raw], name: str) -> str | None:
    """The value of a field that is a text; None for anything else, which a set cannot be asked for."""
    value = read(fields, name)
    return value if isinstance(value, str) else None


def stub(fields: Fields, kept: Iterable[str]) -> Fields:
    """An object with some of its fields, in their order, marked as erased."""
    names = frozenset(kept)
    return {**{name: value for name, value in fields.items() if name in names}, MARK: _TRUE}


def is_stub(fields: Fields) -> bool:
    """Whether an object was redacted before."""
    return MARK in fields


def leads_to(url: str, address: str) -> bool:
    """Whether a web address has this part, and the part ends where a word does."""
    place = url.find(address)
    return place >= 0 and not url[place + len(address) :][:1].isalnum()


def needles(names: Iterable[str]) -> tuple[bytes, ...]:
    """Names as they may stand in JSON: as they are, or with all that is not ASCII escaped."""
    found: dict[bytes, None] = {}
    for name in names:
        found.setdefault(msgspec.json.encode(name)[1:-1])
        if not name.isascii():
            import json

            found.setdefault(json.dumps(name).encode()[1:-1])
    return tuple(found)


def tails(addresses: Iterable[str]) -> list[str]:
    """The last parts of addresses: what is in them whether or not JSON escapes their slashes."""
    return [address.rstrip("/").rpartition("/")[2] for address in addresses]


def _is_post(fields: Fields) -> bool:
    return "account" in fields or "author" in fields or "record" in fields
