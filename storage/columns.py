"""Records to Arrow columns and back: the only place that knows both shapes."""

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate, chain
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from knowarchive.model import Account, Link, Media, Mention, Payload, PollOption, Post, Quarantined, Repost
from storage.schema import ACCOUNTS, PAYLOADS, POSTS, QUARANTINE, REPOSTS, TIME, Table

# Arrow's own allocators keep what is freed: an import needs 60 MB more with them, and a tenth more time for the pages.
pa.set_memory_pool(pa.system_memory_pool())

_STRUCTS: dict[str, type[msgspec.Struct]] = {"mentions": Mention, "links": Link, "media": Media, "poll": PollOption}
_OF_SOURCE = frozenset({"rank", "collected_at", "payload_id"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Record = TypeVar("_Record", bound=msgspec.Struct)
_Dated = TypeVar("_Dated", Post, Account, Repost)


def post_table(posts: Sequence[Post]) -> pa.Table:
    """Columns of posts as they are staged: without those that all posts of a payload have in common."""
    return _table(POSTS, _each_chat(posts))


def account_table(accounts: Sequence[Account]) -> pa.Table:
    return _table(ACCOUNTS, _each_chat(accounts))


def repost_table(reposts: Sequence[Repost]) -> pa.Table:
    records = _each_chat(reposts)
    return _table(REPOSTS, records, key=[repost_key(repost) for repost in records])


def _each_chat(records: Sequence[_Dated]) -> Sequence[_Dated]:
    """Records, each for one chat at most: one that says that it was collected for several tells each of them."""
    if not any(record.chats for record in records):
        return records
    return [
        msgspec.structs.replace(record, chats=(chat,)) if chat else record
        for record in records
        for chat in record.chats or (None,)
    ]


def staged_schema(table: Table) -> pa.Schema:
    """A table's columns, with `source`, a payload's number, for those that all its records have in common."""
    return pa.schema([*own_schema(table), ("source", pa.int32())])


def own_schema(table: Table) -> pa.Schema:
    return pa.schema({name: kind for name, kind in table.columns.items() if name not in _OF_SOURCE})


def repost_key(repost: Repost) -> str:
    """Name a repost: by the network's own id, or by who repeated what."""
    network = repost.post_uid.partition(":")[0]
    if repost.id is not None:
        return f"{network}:{repost.id}"
    return f"{repost.post_uid} {repost.account_uid or repost.account_handle}"


def payload_table(rows: Collection[tuple[Payload, Mapping[str, Any]]]) -> pa.Table:
    """Columns of payloads; each comes with what the archive adds: payload_id, pull, newest_at, collected_at, chat."""
    records = [
        {
            "format": payload.format,
            "origin": payload.origin,
            "position": payload.position,
            "items": payload.items,
            "size": len(payload.body),
            "fetched_at": payload.fetched_at,
            "head": payload.head or None,
            **added,
        }
        for payload, added in rows
    ]
    bodies = _binary([payload.body for payload, _ in rows])
    small = pa.Table.from_pylist(records, schema=PAYLOADS.schema.remove(PAYLOADS.schema.get_field_index("body")))
    return small.append_column("body", bodies).select(PAYLOADS.schema.names)


def in_shape(rows: pa.Table, spec: Table) -> pa.Table:
    """Rows of a data file, which may be older than some column of the table: there it is unknown."""
    for name, kind in spec.columns.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, kind))
    return rows.select(list(spec.columns))


def with_payloads(rows: pa.Table, payloads: Sequence[Payload], redacted: Sequence[int | None]) -> pa.Table:
    """Rows of payloads that say less than before; `redacted` counts the records that lost something."""
    values = {
        "body": _binary([payload.body for payload in payloads]),
        "head": pa.array([payload.head or None for payload in payloads], pa.binary()),
        "origin": pa.array([payload.origin for payload in payloads], pa.string()),
        "size": pa.array([len(payload.body) for payload in payloads], pa.int64()),
        "redacted": pa.array(redacted, pa.int64()),
    }
    for name, column in values.items():
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


def _binary(values: Sequence[bytes]) -> pa.ChunkedArray:
    """A binary column of few and large values, none of which is copied."""
    chunks = [
        pa.Array.from_buffers(pa.binary(), 1, [None, pa.py_buffer(array("i", (0, len(value)))), pa.py_buffer(value)])
        for value in values
    ]
    return pa.chunked_array(chunks, pa.binary())


def quarantine_table(rows: Sequence[Quarantined], collected_at: datetime) -> pa.Table:
    records = [{**msgspec.structs.asdict(row), "collected_at": collected_at} for row in rows]
    return pa.Table.from_pylist(records, schema=QUARANTINE.schema)


def posts_from(table: pa.Table) -> list[Post]:
    """The inverse, for merged rows (which have `chats`)."""
    return [_record(Post, row) for row in table.select(Post.__struct_fields__).to_pylist()]


def accounts_from(table: pa.Table) -> list[Account]:
    return [_record(Account, row) for row in table.select(Account.__struct_fields__).to_pylist()]


def reposts_from(table: pa.Table) -> list[Repost]:
    return [_record(Repost, row) for row in table.select(Repost.__struct_fields__).to_pylist()]


def payloads_from(table: pa.Table) -> list[Payload]:
    rows = table.select(Payload.__struct_fields__).to_pylist()
    return [Payload(**{**row, "head": row["head"] or b""}) for row in rows]


def _record(kind: type[_Record], row: dict[str, Any]) -> _Record:
    for name, value in row.items():
        if isinstance(value, list):
            struct = _STRUCTS.get(name)
            row[name] = tuple(struct(**item) for item in value) if struct else tuple(value)
    return kind(**row)


def _table(spec: Table, records: Sequence[msgspec.Struct], **given: Sequence[Any]) -> pa.Table:
    schema = own_schema(spec)
    if not records:
        return schema.empty_table()
    values = {**_transposed(records), **given}
    values["chat"] = [chats[0] if chats else None for chats in values["chats"]]
    arrays = []
    for name, kind in zip(schema.names, schema.types, strict=True):
        if name in _STRUCTS:
            arrays.append(_struct_lists(values[name], kind))
        elif kind == TIME:
            arrays.append(_times(values[name]))
        else:
            arrays.append(pa.array(values[name], kind))
    return pa.Table.from_arrays(arrays, schema=schema)


def _transposed(records: Sequence[msgspec.Struct]) -> dict[str, tuple[Any, ...]]:
    """The values of each field; a third of the time that asking every record for every field takes."""
    return dict(
        zip(records[0].__struct_fields__, zip(*map(msgspec.structs.astuple, records), strict=True), strict=True)
    )


def _times(values: Iterable[datetime | None]) -> pa.Array:
    """A column of aware times. Arrow would ask each for its time zone, which takes five times as long."""
    since = [None if value is None else value - _EPOCH for value in values]
    return pa.array(since, pa.duration("us")).view(TIME)


def _struct_lists(values: Sequence[tuple[msgspec.Struct, ...] | None], kind: pa.ListType) -> pa.Array:
    """Lists of structs, built from their flattened fields: ten times faster than from lists of dicts."""
    missing = pa.array([value is None for value in values], pa.bool_()) if None in values else None
    flat = list(chain.from_iterable([value for value in values if value]))
    fields = [kind.value_type.field(i) for i in range(kind.value_type.num_fields)]
    columns = _transposed(flat) if flat else dict.fromkeys([field.name for field in fields], ())
    structs = pa.StructArray.from_arrays([pa.array(columns[field.name], field.type) for field in fields], fields=fields)
    offsets = list(accumulate([len(value) if value else 0 for value in values], initial=0))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, type=kind, mask=missing)
