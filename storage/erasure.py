"""Erase what posts say from every file of the archive: payloads, observations, what older versions and dead processes left.

The order makes it safe to be killed anywhere, and to be run again: first it is noted what must go, so that nothing on its
way into the archive brings it back; then payloads lose it, then observations; then the files that had it are deleted;
then it is noted that it is done. What is erased never comes back: a file that is imported later is redacted on its way in.

A tombstone stays: when the post was made, by whom, in which thread, and when the network said that it is gone.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from knowarchive.errors import ConflictError, StorageError
from knowarchive.model import Payload
from storage import columns, folding, queries
from storage.schema import ERASURES, PAYLOADS, POSTS
from storage.scratch import sweep
from storage.tables import DataFile, StoredTable

if TYPE_CHECKING:
    from storage.archive import Archive

TRIES = 5  # when others rewrite the same files
KEPT_APART = "erasures.jsonl"  # in the state folder: what must go, should the archive be restored from before that
SLACK = timedelta(days=2)  # how much sources may differ about when a post was made

Redact = Callable[[Payload], tuple[Payload, int]]


class _Kept(msgspec.Struct, frozen=True):
    """A line of what is kept apart."""

    uid: str
    reason: str
    created_at: datetime | None
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """A post that must go: when it was made, since when it is known to be gone (both aware), and why."""

    uid: str
    created_at: datetime
    asked_at: datetime
    reason: str = "deleted"


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure changed: payloads that lost records, and data files that were rewritten."""

    payloads: int
    rewritten: int


def asked_for(archive: "Archive") -> dict[str, Erasure]:
    """All that was ever asked to be erased, by uid: nothing of it may be stored again."""
    files = archive.tables["erasures"].files()
    if not files:
        return {}
    with archive.connect() as con:
        archive.scan(con, ERASURES, files, "erasures")
        rows = con.sql(queries.ASKED_FOR).to_arrow_table()
    return {row["uid"]: Erasure(**row) for row in rows.to_pylist()}


def unerased(archive: "Archive") -> list[Erasure]:
    """What is still to be erased: deletions that the archive learnt of, and erasures that were broken off."""
    with archive.connect() as con:
        archive.scan(con, ERASURES, archive.tables["erasures"].files(), "erasures")
        archive.scan(con, POSTS, archive.tables["posts"].files(), "stored")
        rows = con.sql(queries.UNERASED).to_arrow_table()
    return [Erasure(**row) for row in rows.to_pylist()]


def made_at(archive: "Archive", uids: Collection[str]) -> dict[str, datetime]:
    """When those of some posts were made that the archive has."""
    with archive.connect() as con:
        archive.scan(con, POSTS, archive.tables["posts"].files(), "stored")
        con.register("wanted", pa.table({"uid": pa.array(sorted(uids), pa.string())}))
        rows = con.sql(queries.MADE_AT).to_arrow_table().to_pylist()
    return {row["uid"]: row["made_at"] for row in rows}


def erase(
    archive: "Archive", erasures: Sequence[Erasure], redact: Redact, *, addresses: Iterable[str], now: datetime
) -> Erased:
    """Erase posts; gone from the disk when this returns, and remembered.

    Args:
        archive: where.
        erasures: which posts.
        redact: a payload without what these posts say in it, and how many records lost something.
        addresses: parts of web addresses that lead to the posts: links to them lose the page's title.
        now: the moment of the erasure; aware.

    Raises:
        ConflictError: others kept rewriting the same files; run it again.
        StorageError: the archive cannot be written.
    """
    if not erasures:
        return Erased(0, 0)
    with archive.gate.shared():
        _note(archive, erasures, done_at=None)
        since = min(erasure.created_at for erasure in erasures) - SLACK
        changed, rewritten = redact_payloads(archive, redact, since)
        rewritten += _blank(archive, frozenset(erasure.uid for erasure in erasures), tuple(addresses))
        for name in ("payloads", "posts"):
            archive.tables[name].purge()
        sweep(archive.state / "scratch")
        _note(archive, erasures, done_at=now)
    return Erased(changed, rewritten)


def redact_payloads(archive: "Archive", redact: Redact, since: datetime | None = None) -> tuple[int, int]:
    """Write the data files anew of which a payload loses something.

    Args:
        archive: where.
        redact: see `erase`.
        since: files that hold nothing made at this moment or later are not opened; None opens all.

    Returns:
        How many payloads changed, and how many files.
    """
    changed = 0

    def without(file: DataFile) -> Iterator[pa.Table] | None:
        groups = (_redacted(rows, redact) for rows in _row_groups(archive, file))
        for passed, touched in enumerate(groups):
            if touched[1]:  # what was passed may stay, and may be too much to be kept in memory
                return chain(islice(_row_groups(archive, file), passed), counted(chain([touched], groups)))
        return None

    def counted(groups: Iterable[tuple[pa.Table, int]]) -> Iterator[pa.Table]:
        nonlocal changed
        for rows, number in groups:
            changed += number
            yield rows

    rewritten = rewrite(archive.tables["payloads"], lambda stored: _from(stored.files(), since), without)
    return changed, rewritten


def _note(archive: "Archive", erasures: Sequence[Erasure], done_at: datetime | None) -> None:
    rows = [
        {
            "uid": erasure.uid,
            "reason": erasure.reason,
            "created_at": erasure.created_at,
            "asked_at": erasure.asked_at,
            "done_at": done_at,
        }
        for erasure in erasures
    ]
    write_notes(archive, rows)


def write_notes(archive: "Archive", rows: Sequence[Mapping[str, Any]]) -> None:
    """Note in the archive what must go or is gone, and apart from it too: a backup may be older than the wish.

    Args:
        archive: where.
        rows: of the table of erasures.

    Raises:
        StorageError: one of the two cannot be written.
    """
    stored = archive.tables["erasures"]
    stored.commit(stored.write(pa.Table.from_pylist(rows, schema=ERASURES.schema)))
    with archive.connect() as con:
        archive.scan(con, ERASURES, stored.files(), "erasures")
        known = con.sql(queries.EVER_ASKED).to_arrow_table().to_pylist()
    try:
        archive.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = archive.state / f".{KEPT_APART}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in known))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(archive.state / KEPT_APART)
    except OSError as error:
        raise StorageError(
            f"{archive.state}: cannot be written: {error.strerror}; set archive.state to a folder"
        ) from error


def note_again(archive: "Archive") -> int:
    """Note what was asked for after a backup was made that the archive was restored from. Returns how much that is.

    Raises:
        StorageError: what was kept apart cannot be read.
    """
    path = archive.state / KEPT_APART
    try:
        kept = [msgspec.json.decode(line, type=_Kept) for line in path.read_bytes().splitlines()]
    except FileNotFoundError:
        return 0
    except (OSError, msgspec.DecodeError) as error:
        raise StorageError(f"{path}: cannot be read ({error}); without it, what was erased may come back") from error
    with archive.connect() as con:
        archive.scan(con, ERASURES, archive.tables["erasures"].files(), "erasures")
        known = {row["uid"] for row in con.sql(queries.EVER_ASKED).to_arrow_table().to_pylist()}
    missing = [{**msgspec.structs.asdict(one), "done_at": None} for one in kept if one.uid not in known]
    if missing:
        write_notes(archive, missing)
    return len(missing)


def _from(files: Iterable[DataFile], since: datetime | None) -> list[DataFile]:
    """Files of payloads that may hold a post made at `since` or later: those of which nobody knows what is in them too."""
    return [file for file in files if since is None or file.newest is None or file.newest >= since]


def rewrite(
    stored: StoredTable,
    files: Callable[[StoredTable], list[DataFile]],
    without: Callable[[DataFile], Iterator[pa.Table] | None],
) -> int:
    """Write files anew, each in a transaction of its own. Returns how many.

    Args:
        stored: the table.
        files: those that are looked at.
        without: the rows of a file as they are to be; None for one that may stay.

    Raises:
        ConflictError: others kept rewriting the same files.
    """
    count = 0
    passed: set[str] = set()
    for attempt in range(1, TRIES + 1):
        try:
            for file in files(stored):
                if file.path in passed:
                    continue
                rows = without(file)
                if rows is not None:
                    added = stored.write_streamed(rows, file.month)
                    stored.commit([added], [file])
                    passed.add(added.path)
                    count += 1
                passed.add(file.path)
        except ConflictError:
            if attempt == TRIES:
                raise
        else:
            break
    return count


def _row_groups(archive: "Archive", file: DataFile) -> Iterator[pa.Table]:
    """The row groups of a data file of payloads."""
    with archive.tables["payloads"].open_file(file) as source:
        reader = pq.ParquetFile(source)
        for group in range(reader.num_row_groups):
            yield columns.in_shape(reader.read_row_group(group), PAYLOADS)


def _redacted(rows: pa.Table, redact: Redact) -> tuple[pa.Table, int]:
    """A row group without what must go, and how many payloads of it changed."""
    payloads = columns.payloads_from(rows)
    results = [redact(payload) for payload in payloads]
    changed = sum(count > 0 for _, count in results)
    if not changed:
        return rows, 0
    before = rows["redacted"].to_pylist()
    after = [(old or 0) + count or None for old, (_, count) in zip(before, results, strict=True)]
    return columns.with_payloads(rows, [payload for payload, _ in results], after), changed


def _blank(archive: "Archive", uids: frozenset[str], addresses: tuple[str, ...]) -> int:
    stored = archive.tables["posts"]
    with archive.connect() as con:
        con.register("erased", pa.table({"uid": pa.array(uids, pa.string())}))
        con.register("addresses", pa.table({"address": pa.array(addresses, pa.string())}))

        def without(file: DataFile) -> Iterator[pa.Table] | None:
            archive.scan(con, POSTS, [file], "stored")
            if not folding.count(con, queries.count_content("stored")):
                return None
            reader = con.sql(queries.in_order(POSTS, queries.blanked("stored"))).to_arrow_reader(POSTS.row_group)
            return (pa.Table.from_batches([batch]).cast(POSTS.schema) for batch in reader)

        return rewrite(stored, lambda table: table.files(), without)
