"""Turn what a payload says into columns: the part of storing it that needs no archive, so any process can do it.

Helpers import this module and none of the archive's engines.
"""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from knowarchive.model import Mapped, Payload, Quarantined
from storage import columns


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a payload says, in columns.

    `rank` orders formats that tell of the same moment: more tells more. `payload` is None only on the way between
    processes. `payload_id` is that of the bytes before anything erased was taken out of them, and `redacted` counts the
    records that lost something.
    """

    payload: Payload | None
    payload_id: str
    rank: int
    posts: pa.Table
    accounts: pa.Table
    reposts: pa.Table
    quarantined: list[Quarantined]
    seen: int
    span: tuple[datetime, datetime] | None
    newest: datetime | None
    redacted: int = 0


def prepare(
    payload: Payload, mapped: Mapped, rank: int, *, payload_id: str | None = None, redacted: int = 0
) -> Prepared:
    """Turn what a payload says into columns. Pure. `payload_id` is needed for a payload that was redacted."""
    times = [post.created_at for post in mapped.posts]
    times += mapped.span or ()
    return Prepared(
        payload=payload,
        payload_id=payload_id or payload.payload_id,
        rank=rank,
        posts=columns.post_table(mapped.posts),
        accounts=columns.account_table(mapped.accounts),
        reposts=columns.repost_table(mapped.reposts),
        quarantined=mapped.quarantined,
        seen=mapped.seen,
        span=mapped.span,
        newest=max(times, default=None),
        redacted=redacted,
    )
