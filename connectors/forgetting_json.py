"""Takes a person out of JSON: their accounts become pseudonyms, mentions `[erased]`, and every string and number is scrubbed.

What an object is, its network's own fields tell; what does not name the person keeps its bytes.
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from connectors.forgetting import Concerned, Scrubber, handle_key
from connectors.redaction import MARK, Fields, read, read_text
from connectors.refusals import FAILURES
from connectors.surrogates import without_halves
from knowarchive.model import ERASED, Payload

_OBJECT = msgspec.json.Decoder(Fields)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_TRUE, _NULL = msgspec.Raw(b"true"), msgspec.Raw(b"null")
#: Formats whose payloads are one value each, and so small that they are looked at whole.
DOCUMENTS = frozenset(("x-json", "x-api", "bluesky-json", "mastodon-json"))
WORTH_A_LOOK = 300  # bytes of a value; what is smaller is walked through as quickly
#: Fields that hold a handle and nothing else, and those that hold the number of an account, however short.
_HANDLE_FIELDS = frozenset(("screen_name", "username", "acct", "handle", "author_handle", "account_handle", "fqn"))
_IDS = frozenset(("id", "id_str", "did", "uri", "uid"))
_ACCOUNT_FIELDS = frozenset(("author_id", "user_id", "user_id_str", "in_reply_to_user_id", "in_reply_to_user_id_str"))
#: Fields of X that hold the number of a post, however short.
_POST_FIELDS = frozenset(
    f"{name}{ending}"
    for name in ("in_reply_to_status_id", "quoted_status_id", "conversation_id")
    for ending in ("", "_str")
)
#: Fields in which a server of Mastodon's API has its own id of a post, or of an account.
_LOCAL_POST = frozenset(("in_reply_to_id", "quote_id", "quoted_status_id"))
_LOCAL_ACCOUNT = frozenset(("in_reply_to_account_id",))
_STATUS_PATH = re.compile(r"(/statuses/)([^/?]+)")


def scrub_head(payload: Payload, scrub: Scrubber) -> bytes:
    """What was asked for a payload, or the header of a table, without the person."""
    if not payload.head or payload.format == "x-csv":
        return payload.head
    walk = Walk(scrub, lambda _fields, _name: None, locals_of(payload, scrub))
    try:
        return walk.value(payload.head, "")
    except FAILURES:
        return payload.head


Shape = Callable[[Fields, str], Fields | None]


class Local(msgspec.Struct, frozen=True):
    """What a server of Mastodon's API calls the person's posts and accounts."""

    posts: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()


class Walk:
    """One pass over JSON values. `shape` gives the fields that are left of an object, or None where it may stay."""

    def __init__(
        self, scrub: Scrubber, shape: Shape, local: Local, concerned: Callable[[bytes], bool] = lambda _text: True
    ) -> None:
        self._scrub = scrub
        self._concerned = concerned  # what need not be walked through
        self._shape = shape
        self._local = local

    def record(self, text: bytes) -> bytes:
        """A record, scrubbed. One that cannot be read is scrubbed as the text that it is; it is quarantined anyway."""
        try:
            try:
                return self.value(text, "")
            except msgspec.DecodeError:
                return self.value(without_halves(text), "")
        except FAILURES:
            return b"null"

    def value(self, text: bytes, name: str) -> bytes:
        """A value that stands under a name."""
        start = text.lstrip()[:1]
        if start in {b"{", b"["} and len(text) > WORTH_A_LOOK and not self._concerned(text):
            return text
        if start == b"{":
            return self._object(text, name)
        if start == b"[":
            items = [bytes(item) for item in _ARRAY.decode(text)]
            new = [self.value(item, name) for item in items]
            return text if new == items else b"[" + b",".join(new) + b"]"
        if start == b'"':
            said = msgspec.json.decode(text, type=str)
            scrubbed = self._string(said, name)
            return text if scrubbed == said else msgspec.json.encode(scrubbed)
        return self._number(text, name)

    def _object(self, text: bytes, name: str) -> bytes:
        fields = _OBJECT.decode(text)
        shaped = self._shape(fields, name)
        written = []
        is_changed = shaped is not None
        has_id = not _IDS.isdisjoint(fields)  # then its handle was looked at with it
        for key, raw in (shaped if shaped is not None else fields).items():
            value = bytes(raw)
            new_key = self._string(key, "")
            new = value if has_id and key in _HANDLE_FIELDS else self.value(value, key)
            is_changed = is_changed or new_key != key or new != value
            written.append(msgspec.json.encode(new_key) + b":" + new)
        return b"{" + b",".join(written) + b"}" if is_changed else text

    def _string(self, text: str, name: str) -> str:
        scrub, person = self._scrub, self._scrub.person
        if name in {*_HANDLE_FIELDS, "in_reply_to_screen_name"} and text and self._is_handle(text):
            return ERASED
        if name in _ACCOUNT_FIELDS and f"x:{text}" in person.accounts:
            return scrub.pseudonyms.account(f"x:{text}").removeprefix("x:")
        if name in _POST_FIELDS and (known := scrub.number(text, is_sure=True)) is not None:
            return known
        if (name in _LOCAL_POST and text in self._local.posts) or (
            name in _LOCAL_ACCOUNT and text in self._local.accounts
        ):
            return scrub.pseudonyms.local(text)
        if name == "request" and self._local.posts:
            text = _STATUS_PATH.sub(
                lambda path: path[1] + (scrub.pseudonyms.local(path[2]) if path[2] in self._local.posts else path[2]),
                text,
            )
        elif name == "parent" and text in self._local.posts:
            return scrub.pseudonyms.local(text)
        return scrub(text)

    def _is_handle(self, text: str) -> bool:
        own = text.lstrip("@").casefold()
        return any(name.partition(":")[2] == own for name in self._scrub.person.handles | self._scrub.person.alone)

    def _number(self, text: bytes, name: str) -> bytes:
        own = text.strip().decode("ascii", "replace")
        if not own.isdigit():
            return text
        if name in _ACCOUNT_FIELDS | _POST_FIELDS | _LOCAL_ACCOUNT | _LOCAL_POST:
            return new.encode() if (new := self._string(own, name)).isdigit() else msgspec.json.encode(new)
        known = self._scrub.number(own)
        return known.encode() if known is not None else text


def scrub_json(payload: Payload, scrub: Scrubber, concerned: Concerned) -> tuple[bytes, int]:
    """The body of a payload of JSON, scrubbed, and how many of its records changed."""
    shape = next(make for start, make in _SHAPES.items() if payload.format.startswith(start))(payload, scrub)
    # What a server of Mastodon's API calls somebody is told elsewhere than where it stands; so are sentences of theirs.
    is_told = payload.format == "mastodon-json" or concerned.also
    walk = Walk(scrub, shape, locals_of(payload, scrub), *(() if is_told else (concerned,)))
    records = [payload.body] if payload.format in DOCUMENTS else payload.body.split(b"\n")
    new = [walk.record(record) if record.strip() and concerned(record) else record for record in records]
    return b"\n".join(new), sum(one != other for one, other in zip(records, new, strict=True))


def of_x(_payload: Payload, scrub: Scrubber) -> Shape:
    """Users of X's APIs, and mentions of them."""

    def shape(fields: Fields, name: str) -> Fields | None:
        handle = read_text(fields, "screen_name") or read_text(fields, "username")
        own = read(fields, "id_str") if "id_str" in fields else read(fields, "id")
        number = str(own) if isinstance(own, str | int) else None
        if (
            MARK in fields and not handle and number and (known := scrub.number(number, is_sure=True))
        ):  # a post of theirs
            named: Fields = {key: _like(fields, key, known) for key in ("id", "id_str") if key in fields}
            return {**fields, **(_agreeing(fields, scrub) or {}), **named}
        if MARK in fields or not (handle or name in {"user", "author", "users"}):
            return _agreeing(fields, scrub)
        if not scrub.person.is_account("x", number, handle):
            return _agreeing(fields, scrub)
        instead = scrub.pseudonyms.account(f"x:{number}").removeprefix("x:") if number else ""
        kept: Fields = {key: fields[key] for key in ("start", "end", "indices") if key in fields}
        kept |= {key: _like(fields, key, instead) for key in ("id", "id_str") if key in fields}
        is_named = number is None or "indices" in fields or "start" in fields  # a mention, or all that is known
        for key in ("screen_name", "username"):  # what has neither is no user
            if key in fields:
                kept[key] = _encoded(ERASED if is_named else "")
        return {**kept, MARK: _TRUE}

    return shape


def _like(fields: Fields, key: str, number: str) -> msgspec.Raw:
    """A number as a field has it: as a number or as text."""
    return msgspec.Raw(number.encode()) if isinstance(read(fields, key), int | float) else _encoded(number)


def _agreeing(fields: Fields, scrub: Scrubber) -> Fields | None:
    """An object whose numbers are what they are as text: JavaScript rounds them."""
    changed = {
        key: msgspec.Raw(known.encode())
        for key in fields
        if f"{key}_str" in fields and (known := scrub.number(read_text(fields, f"{key}_str") or "")) is not None
    }
    return {**fields, **changed} if changed else None


def _bluesky(_payload: Payload, scrub: Scrubber) -> Shape:
    """Profiles, and texts whose facets count bytes."""
    dids = {uid.partition(":")[2] for uid in scrub.person.accounts if uid.startswith("bluesky:")}

    def shape(fields: Fields, _name: str) -> Fields | None:
        did = read_text(fields, "did")
        kind = read_text(fields, "$type") or ""
        if did in dids and not kind.endswith("#mention"):
            return {**{key: fields[key] for key in ("$type", "did") if key in fields}, MARK: _TRUE}
        if "cid" in fields and any(one in (read_text(fields, "uri") or "") for one in dids):
            return {key: value for key, value in fields.items() if key != "cid"}
        if "facets" in fields and (text := read_text(fields, "text")) and (edits := scrub.edits(text)):
            facets = _shifted(read(fields, "facets"), text, edits)
            return {**fields, "text": _encoded(scrub(text)), "facets": _encoded(facets)}
        return None

    return shape


def _mastodon(payload: Payload, scrub: Scrubber) -> Shape:
    """Accounts of Mastodon's API, mentions of them, and what a server calls their posts."""
    server, person = server_of(payload), scrub.person

    def is_theirs(fields: Fields) -> bool:
        acct = read_text(fields, "acct") or ""
        handle = acct if "@" in acct or not acct else f"{acct}@{server}"
        uid = next((f"mastodon:{at}" for key in ("uri", "url") if (at := read_text(fields, key))), None)
        if _names_of(fields) & person.accounts:
            return True
        return handle_key("mastodon", handle) in (person.handles if handle and not _is_actor(uid) else person.alone)

    def _is_actor(uid: str | None) -> bool:
        """Whether an address is one that names an account for good, not its page."""
        return uid is not None and "/@" not in uid

    def shape(fields: Fields, name: str) -> Fields | None:
        if MARK in fields and "account" not in fields:
            return None
        if "acct" in fields and is_theirs(fields):
            known = _names_of(fields) & person.accounts or {
                uid for uid in person.accounts if uid.startswith("mastodon:")
            }
            address = min(known, default="")
            instead = _encoded(scrub.pseudonyms.account(address).partition(":")[2]) if address else _NULL
            kept = {"id": _encoded(scrub.pseudonyms.local(str(read(fields, "id"))))} if "id" in fields else {}
            named = {"acct": _encoded(ERASED), "url": instead, MARK: _TRUE}
            return {**kept, **named} if name == "mentions" else {**kept, **named, "uri": instead}
        if "account" in fields and f"mastodon:{read_text(fields, 'uri')}" in person.posts and "id" in fields:
            return {**fields, "id": _encoded(scrub.pseudonyms.local(str(read(fields, "id"))))}
        return None

    return shape


def _names_of(fields: Fields) -> set[str]:
    """The addresses of an account, as uids."""
    return {f"mastodon:{at}" for key in ("uri", "url") if (at := read_text(fields, key))}


def _own(_payload: Payload, scrub: Scrubber) -> Shape:
    """Rows of our own exports, which are named as our columns."""

    def is_theirs(fields: Fields, uid: str, handle: str) -> bool:
        own = read_text(fields, uid)
        platform = (own or read_text(fields, "uid") or read_text(fields, "post_uid") or "").partition(":")[0]
        return scrub.person.is_account(platform, own.partition(":")[2] if own else None, read_text(fields, handle))

    def shape(fields: Fields, name: str) -> Fields | None:
        if name == "mentions" and fields.keys() <= {"handle", "uid"}:
            platforms = {one.partition(":")[0] for one in scrub.person.handles}
            uid, handle = read_text(fields, "uid"), read_text(fields, "handle")
            own = uid.partition(":") if uid else None
            if any(
                scrub.person.is_account(own[0] if own else one, own[2] if own else None, handle) for one in platforms
            ):
                return {**fields, "handle": _encoded(ERASED)}
            return None
        if "followers" in fields and is_theirs(fields, "uid", "handle"):
            kept = ("uid", "observed_at", "chats")
            return {key: value if key in kept else _NULL for key, value in fields.items()}
        if "post_uid" in fields and is_theirs(fields, "account_uid", "account_handle"):
            return {**fields, "account_handle": _encoded(ERASED), "key": _NULL}
        if "author_uid" in fields and is_theirs(fields, "author_uid", "author_handle"):
            if read_text(fields, "author_handle") == ERASED:
                return None
            gone = dict.fromkeys(("author_name", "url", "id", "consent"), _NULL)
            return {**fields, **{key: value for key, value in gone.items() if key in fields},
                    "author_handle": _encoded(ERASED)}  # fmt: skip
        return None

    return shape


_SHAPES: Mapping[str, Callable[[Payload, Scrubber], Shape]] = {
    "x-": of_x, "bluesky-": _bluesky, "mastodon-": _mastodon, "knowarchive-": _own,
}  # fmt: skip


def _encoded(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _shifted(facets: object, text: str, edits: list[tuple[int, int, str]]) -> object:
    """Facets of a text that was changed: ranges of UTF-8 bytes."""
    moves = [(len(text[:start].encode()), len(text[:end].encode()), len(new.encode())) for start, end, new in edits]

    def moved(place: int, *, is_end: bool) -> int:
        shift = 0
        for start, end, size in moves:
            if place >= end:
                shift += size - (end - start)
            elif place > start:
                return start + shift + (size if is_end else 0)
        return place + shift

    for facet in facets if isinstance(facets, list) else ():
        index = facet.get("index") if isinstance(facet, dict) else None
        if isinstance(index, dict):
            for key in ("byteStart", "byteEnd"):
                if type(index.get(key)) is int:
                    index[key] = moved(index[key], is_end=key == "byteEnd")
    return facets


def server_of(payload: Payload) -> str:
    """The host that an answer of Mastodon's API is from, as its people are called there."""
    if payload.format != "mastodon-json":
        return ""
    try:
        head = msgspec.json.decode(payload.head)
        return str(head.get("domain") or urlsplit(head.get("server") or "").netloc).casefold()
    except (*FAILURES, AttributeError):
        return ""


def locals_of(payload: Payload, scrub: Scrubber) -> Local:
    """What the server that gave an answer calls the person's posts and accounts."""
    if payload.format != "mastodon-json":
        return Local()
    posts: set[str] = set()
    accounts: set[str] = set()
    shape = _mastodon(payload, scrub)

    def walk(value: object) -> None:
        if isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, dict):
            own = value.get("id")
            if own is not None and "account" in value and f"mastodon:{value.get('uri')}" in scrub.person.posts:
                posts.add(str(own))
            if (
                own is not None
                and "acct" in value
                and shape({k: _encoded(v) for k, v in value.items() if isinstance(v, str)}, "")
            ):
                accounts.add(str(own))
            for item in value.values():
                walk(item)

    with contextlib.suppress(*FAILURES):
        walk(msgspec.json.decode(payload.body))
    try:
        head = msgspec.json.decode(payload.head)
        if any(uid in scrub.person.posts for uid in head.get("subject") or ()):
            posts.update(match[2] for match in _STATUS_PATH.finditer(head.get("request") or ""))
    except (*FAILURES, AttributeError):
        pass
    return Local(frozenset(posts), frozenset(accounts))
