"""The tables of an archive: columns, keys, partitions, and what is merged.

`posts`, `accounts` and `reposts` are tables of observations: what one fetch or file said of a record at one time.
Readers see them merged, one row per key (see `storage/queries.py`).
"""

from dataclasses import dataclass, field

import pyarrow as pa

SCHEMA_VERSION = 1  # raise it with a step in `storage/migrations.py`

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
COUNT = pa.int64()
TEXTS = pa.list_(TEXT)
MENTIONS = pa.list_(pa.struct([("handle", TEXT), ("uid", TEXT)]))
LINKS = pa.list_(pa.struct([("url", TEXT), ("title", TEXT)]))
MEDIA = pa.list_(pa.struct([("kind", TEXT), ("url", TEXT), ("alt", TEXT)]))
POLL = pa.list_(pa.struct([("text", TEXT), ("votes", COUNT)]))

# How every observation is ordered: the newest wins; of the same moment, the format that tells more.
ORDER_COLUMNS = {"observed_at": TIME, "rank": pa.int8()}
# Where it came from; not part of what was observed.
ORIGIN_COLUMNS = {"chat": TEXT, "collected_at": TIME, "payload_id": TEXT}

# What the records of one payload have in common while they are staged.
SOURCES = pa.schema(
    {
        "source_payload": TEXT,
        "source_chat": TEXT,
        "source_at": TIME,
        "source_observed_at": TIME,
        "source_rank": pa.int8(),
    }
)


@dataclass(frozen=True, slots=True)
class Table:
    """One Delta table. Its partition column is `month`, "YYYY-MM" in UTC of the `month_of` column.

    `key` identifies a record among observations; `fields` are merged one by one, the newest that knows each wins. What
    `history` was before it changed is kept, though it wins nothing.
    `encodings` are of columns whose values are long, share prefixes or grow: smaller so than with a dictionary.
    """

    name: str
    columns: dict[str, pa.DataType]
    month_of: str
    key: str = ""
    history: str = ""
    fields: tuple[str, ...] = ()
    encodings: dict[str, str] = field(default_factory=dict)
    row_group: int = 32_768

    @property
    def schema(self) -> pa.Schema:
        """The columns inside the Parquet files; the partition column stands in the log alone."""
        return pa.schema(self.columns)

    @property
    def table_schema(self) -> pa.Schema:
        return pa.schema({**self.columns, "month": TEXT})

    @property
    def is_observations(self) -> bool:
        return bool(self.key)

    @property
    def told(self) -> tuple[str, ...]:
        """What an observation can tell; with the key, so that one which knows nothing else still tells that it was seen."""
        return (*self.fields, self.key)


_POST_FIELDS: dict[str, pa.DataType] = {
    "created_at": TIME,
    "id": TEXT,
    "url": TEXT,
    "author_uid": TEXT,
    "author_handle": TEXT,
    "author_name": TEXT,
    "edited_at": TIME,
    "deleted_at": TIME,
    "text": TEXT,
    "warning": TEXT,
    "lang": TEXT,
    "hashtags": TEXTS,
    "mentions": MENTIONS,
    "links": LINKS,
    "media": MEDIA,
    "poll": POLL,
    "reply_to": TEXT,
    "reply_to_author": TEXT,
    "conversation": TEXT,
    "quote_of": TEXT,
    "likes": COUNT,
    "reposts": COUNT,
    "replies": COUNT,
    "quotes": COUNT,
    "withheld": TEXTS,
    "visibility": TEXT,
    "consent": TEXT,
}

_ACCOUNT_FIELDS: dict[str, pa.DataType] = {
    "handle": TEXT,
    "name": TEXT,
    "bio": TEXT,
    "url": TEXT,
    "avatar": TEXT,
    "created_at": TIME,
    "followers": COUNT,
    "following": COUNT,
    "posts": COUNT,
    "consent": TEXT,
}

_REPOST_FIELDS: dict[str, pa.DataType] = {
    "post_uid": TEXT,
    "post_at": TIME,
    "account_uid": TEXT,
    "account_handle": TEXT,
    "at": TIME,
}

POSTS = Table(
    name="posts",
    columns={"uid": TEXT, **_POST_FIELDS, **ORDER_COLUMNS, **ORIGIN_COLUMNS},
    month_of="created_at",
    key="uid",
    history="text",
    fields=tuple(_POST_FIELDS),
    encodings={
        "uid": "DELTA_BYTE_ARRAY",
        "created_at": "DELTA_BINARY_PACKED",
        "text": "DELTA_LENGTH_BYTE_ARRAY",
        "conversation": "DELTA_BYTE_ARRAY",
    },
)

ACCOUNTS = Table(
    name="accounts",
    columns={"uid": TEXT, **_ACCOUNT_FIELDS, **ORDER_COLUMNS, **ORIGIN_COLUMNS},
    month_of="observed_at",
    key="uid",
    history="handle",
    fields=tuple(_ACCOUNT_FIELDS),
)

# The key of a repost is its network and id, "x:123", or else the pair of post and account, divided by a space.
REPOSTS = Table(
    name="reposts",
    columns={"key": TEXT, **_REPOST_FIELDS, **ORDER_COLUMNS, **ORIGIN_COLUMNS},
    month_of="post_at",
    key="key",
    fields=tuple(_REPOST_FIELDS),
    encodings={
        "key": "DELTA_BYTE_ARRAY",
        "post_uid": "DELTA_BYTE_ARRAY",
        "post_at": "DELTA_BINARY_PACKED",
        "at": "DELTA_BINARY_PACKED",
    },
)

PAYLOADS = Table(
    name="payloads",
    columns={
        "payload_id": TEXT,
        "format": TEXT,
        "origin": TEXT,
        "pull": TEXT,  # the id of the first payload of the same file or fetch: they share one moment of observation
        "position": COUNT,
        "items": COUNT,
        "size": COUNT,
        "newest_at": TIME,  # the newest post in it; files the payload
        "fetched_at": TIME,
        "collected_at": TIME,
        "chat": TEXT,
        "redacted": COUNT,  # records of which only their place is left: the bytes are not those of `payload_id` any more
        "head": pa.binary(),
        "body": pa.binary(),
    },
    month_of="newest_at",
    row_group=32,
)

QUARANTINE = Table(
    name="quarantine",
    columns={
        "payload_id": TEXT,
        "origin": TEXT,
        "position": COUNT,
        "uid": TEXT,
        "reason": TEXT,
        "digest": TEXT,
        "size": COUNT,
        "collected_at": TIME,
    },
    month_of="collected_at",
)

RUNS = Table(
    name="runs",
    columns={
        "run_id": TEXT,
        "kind": TEXT,  # import, collect, refresh, replay
        "chat": TEXT,
        "source": TEXT,
        "status": TEXT,  # done, incomplete, failed
        "started_at": TIME,
        "finished_at": TIME,
        "since": TIME,  # the window asked, or that a file turned out to cover
        "until": TIME,
        "pages": COUNT,
        "requests": COUNT,
        "seen": COUNT,
        "new": COUNT,
        "changed": COUNT,
        "quarantined": COUNT,
        "screened": COUNT,
        "waited": pa.float64(),  # seconds spent on rate limits
        "gaps": TEXTS,
        "notes": TEXTS,  # what a reader should know though nothing is missing
        "cost": pa.float64(),  # US dollars
        "error": TEXT,
        "version": TEXT,  # of Knowarchive
    },
    month_of="started_at",
)

# What must never come back: a row when it is asked for, and another when it is done.
ERASURES = Table(
    name="erasures",
    columns={
        "uid": TEXT,
        "reason": TEXT,  # deleted
        "created_at": TIME,  # when it was made: nothing older holds it
        "asked_at": TIME,
        "done_at": TIME,  # null in the first row
    },
    month_of="asked_at",
)

TABLES = {table.name: table for table in (PAYLOADS, POSTS, ACCOUNTS, REPOSTS, QUARANTINE, RUNS, ERASURES)}
