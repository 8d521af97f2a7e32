"""Exports for research, in which nobody is named but by pseudonyms: reads who is known, and writes rows anew."""

import hmac
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.forgetting import handle_key
from connectors.pseudonymising import Named, Pseudonymiser, Setting, is_looked_for, may_be_word, servers_of
from storage.exports.named import read_people, words_among
from storage.exports.rows import Rewriting

if TYPE_CHECKING:
    import pyarrow as pa

    from storage.archive import Archive

#: From so many people on who use a handle without a sign, it is a word.
SPEAKERS = 3

#: Formats that cannot be exported so, and why.
REFUSED = {
    "ids": "identifiers are what pseudonyms hide",
    "payloads": "payloads are what was received, with everybody's names in it",
}
#: Columns that lead to a person or a post by one look-up, and are left out.
LEFT_OUT = {
    "posts": frozenset(("id", "url", "payload_id")),
    "reposts": frozenset(("id", "payload_id")),
    "accounts": frozenset(("bio", "url", "avatar", "payload_id")),
}

Row = dict[str, Any]
Value = TypeVar("Value")
New = TypeVar("New")


def tell_keys_apart(key: bytes) -> str:
    """What tells a key from others, and leads to none."""
    return hmac.digest(key, b"check", "sha256").hex()[:16]


def make_rewriting(archive: "Archive", key: bytes) -> Rewriting:
    """How the rows of an archive are pseudonymised under a key."""
    people = read_people(archive)
    handles = {handle_key(network, handle) for network, handle in people.handles}
    plain = {name.partition(":")[2] for name in handles}
    candidates = {handle for handle in plain if is_looked_for(handle) and may_be_word(handle)}
    named = Named(
        handles=handles,
        owners=dict(people.owners),
        names=frozenset(people.names),
        pages=frozenset(people.pages),
        servers=servers_of(handles),
        words=words_among(archive, candidates, SPEAKERS),
    )
    pseudonymiser = Pseudonymiser(key, named)
    return Rewriting(
        lambda table, rows: rewrite(pseudonymiser, table, rows), hmac.digest(key, b"order", "sha256").hex()
    )


def rewrite(pseudonymiser: Pseudonymiser, table: str, rows: "pa.Table") -> "pa.Table":
    """Rows of an export with pseudonyms; the columns stay, those that cannot be part of it are null."""
    import pyarrow as pa

    rewrite_row = _ROWS[table]
    rewritten: list[Row] = [rewrite_row(pseudonymiser, row) for row in rows.to_pylist()]
    empty = dict.fromkeys(LEFT_OUT[table])
    return pa.Table.from_pylist([{**row, **empty} for row in rewritten], schema=rows.schema)


def _post(by: Pseudonymiser, row: Row) -> Row:
    platform, mentions = row["platform"], row["mentions"] or ()
    where = Setting(
        platform,
        (row["author_handle"] or "").partition("@")[2].casefold(),
        {one["handle"].partition("@")[0].casefold(): one["handle"] for one in mentions if one["handle"]}
        if platform == "mastodon"
        else {},
    )

    def words(text: str | None) -> str | None:
        return None if text is None else by.text(text, where)

    return {
        **row,
        "uid": by.post(row["uid"]),
        **_person(by, platform, row, "author_uid", "author_handle"),
        "author_name": _each(by.name, row["author_name"]),
        "text": words(row["text"]),
        "warning": words(row["warning"]),
        "mentions": _listed(row["mentions"], lambda one: _person(by, platform, one, "uid", "handle")),
        "links": _listed(
            row["links"],
            lambda one: {
                "url": _each(by.address, one["url"]),
                "title": None if one["url"] and by.is_of_somebody(one["url"]) else words(one["title"]),
            },
        ),
        "media": _listed(row["media"], lambda one: {**one, "url": None, "alt": words(one["alt"])}),
        "poll": _listed(row["poll"], lambda one: {**one, "text": words(one["text"])}),
        "reply_to": _each(by.post, row["reply_to"]),
        "reply_to_author": _each(by.account, row["reply_to_author"]),
        "conversation": _each(by.post, row["conversation"]),
        "quote_of": _each(by.post, row["quote_of"]),
    }


def _repost(by: Pseudonymiser, row: Row) -> Row:
    return {
        **row,
        "key": by.repost(row["key"]),
        "post_uid": by.post(row["post_uid"]),
        **_person(by, row["post_uid"].partition(":")[0], row, "account_uid", "account_handle"),
    }


def _account(by: Pseudonymiser, row: Row) -> Row:
    """A profile; its exact numbers and the moment when it was made would lead to it, so they are rounded."""
    made = row["created_at"]
    return {
        **row,
        **_person(by, row["uid"].partition(":")[0], row, "uid", "handle"),
        "name": _each(by.name, row["name"]),
        "created_at": made and made.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0),
        **{name: _each(about, row[name]) for name in ("followers", "following", "posts")},
    }


def _person(by: Pseudonymiser, platform: str, row: Row, uid: str, handle: str) -> Row:
    """An account as a record names it: by uid, by handle, or both."""
    return {
        uid: _each(by.account, row[uid]),
        handle: _each(lambda name: by.handle(platform, name), row[handle]),
    }


def about(count: int) -> int:
    """A count, rounded down to its first digit."""
    unit = int(10 ** (len(str(abs(count))) - 1))
    return count // unit * unit


def _each(make: Callable[[Value], New], value: Value | None) -> New | None:
    return None if value is None else make(value)


def _listed(values: Sequence[Row] | None, make: Callable[[Row], Row]) -> list[Row] | None:
    return None if values is None else [make(value) for value in values]


_ROWS: dict[str, Callable[[Pseudonymiser, Row], Row]] = {"posts": _post, "reposts": _repost, "accounts": _account}
