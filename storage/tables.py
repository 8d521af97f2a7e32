"""One Delta table: opened, appended to, rewritten. Data files are written here, the log by delta-rs."""

import contextlib
import json
import logging
import os
import random
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake import Schema as DeltaSchema
from deltalake._internal import RemoveAction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from knowarchive.errors import ConflictError, NewerArchiveError, StorageError
from storage import durable
from storage.migrations import VERSION_KEY, migrate, written_by
from storage.places import Store, place_at
from storage.schema import SCHEMA_VERSION, Table

log = logging.getLogger("knowarchive.storage")

FAST_LEVEL, COMPACT_LEVEL = 2, 12  # of zstd: an import must be quick, what it leaves behind small
PACKED = "packed-"  # begins the names of files that maintenance wrote
COMMIT_TRIES = 8
LOG_KEPT = "interval 30 days"  # what follows changes by the log, as the index does, is made anew after longer
CHECKPOINT_EVERY = 20  # log entries; whoever opens the table, or adds to it, reads those since the last checkpoint
ROW_GROUP_BYTES = 32 << 20  # before compression; readers hold a row group of payloads whole
NO_MONTH = "0000-00"
DIGEST = 32  # hexadecimal digits of its SHA-256 in the name of a data file, after a part that makes it the only one
WRITING_HOURS = 1  # how long a run may take from writing a file to naming it in the log


@dataclass(frozen=True, slots=True)
class DataFile:
    """A live data file of a table."""

    path: str
    size: int
    rows: int
    month: str
    oldest: datetime | None
    newest: datetime | None

    @property
    def is_packed(self) -> bool:
        """Whether maintenance wrote it, so that there is nothing to gain by writing it again."""
        return self.path.rpartition("/")[2].startswith(PACKED)


class StoredTable:
    """A Delta table at an address. It comes into being with the first append.

    Args:
        root: the archive's address: a folder or anything that delta-rs opens, such as s3://bucket/prefix.
        spec: its columns.
    """

    def __init__(self, root: str, spec: Table) -> None:
        self.spec = spec
        self.folder = None if "://" in root else Path(root) / spec.name
        self.uri = str(self.folder) if self.folder else f"{root.rstrip('/')}/{spec.name}"
        self._delta: DeltaTable | None = None
        self._is_current = False

    def open(self) -> DeltaTable | None:
        """Open at its newest whole version, or return None where there is no table yet.

        Raises:
            NewerArchiveError: it was written by a newer version of Knowarchive.
            StorageError: it cannot be read.
        """
        if self._delta is not None:
            try:
                self._delta.update_incremental()
            except (DeltaError, OSError):
                self._delta = None  # the log may have been cleaned under it: open it anew
            else:
                return self._delta
        try:
            version = self._mend()
            delta = DeltaTable(self.uri, version=version)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise StorageError(f"{self.uri}: cannot be opened: {_first_line(error)}") from error
        version_there = written_by(delta)
        if version_there > SCHEMA_VERSION:
            raise NewerArchiveError(
                f"{self.uri}: written by a newer version of Knowarchive (schema {version_there}, "
                f"this one knows {SCHEMA_VERSION}); upgrade to read it"
            )
        if version is None:
            self._delta = delta
        return delta

    def files(self, since: datetime | None = None, until: datetime | None = None) -> list[DataFile]:
        """List the live files that may hold rows with since <= `month_of` < until."""
        delta = self.open()
        if delta is None:
            return []
        found = self.files_of(delta)
        return sorted(
            (
                file
                for file in found
                if (until is None or file.oldest is None or file.oldest < until)
                and (since is None or file.newest is None or file.newest >= since)
            ),
            key=lambda file: (file.month, file.path),
        )

    def files_of(self, delta: DeltaTable) -> list[DataFile]:
        """List the live files of a version, in no order."""
        column = self.spec.month_of
        rows = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
        return [
            DataFile(
                path=row["path"],
                size=row["size_bytes"],
                rows=row["num_records"] or 0,
                month=row["partition.month"],
                oldest=row.get(f"min.{column}"),
                newest=row.get(f"max.{column}"),
            )
            for row in rows
        ]

    def uris(self, files: Iterable[DataFile]) -> list[str]:
        return [f"{self.uri}/{file.path}" for file in files]

    def write(self, table: pa.Table) -> list[AddAction]:
        """Write rows as data files, one a month, durable but not yet visible; `commit` makes them so.

        Raises:
            StorageError: the disk is full or not writable. What was written of it is gone again.
        """
        self.get_ready()
        return [self._write_file([rows], month, FAST_LEVEL) for month, rows in _by_month(table, self.spec.month_of)]

    def write_streamed(self, tables: Iterable[pa.Table], month: str) -> AddAction:
        """Write rows of one month, which need not fit into memory, as one data file, packed to stay."""
        self.get_ready()
        return self._write_file(tables, month, COMPACT_LEVEL, PACKED)

    def _write_file(self, tables: Iterable[pa.Table], month: str, level: int, prefix: str = "") -> AddAction:
        buffer = pa.BufferOutputStream()
        encoded = self.spec.encodings
        options = {
            "compression": "zstd",
            "compression_level": level,
            "data_page_size": ROW_GROUP_BYTES,  # what is compressed together is the smaller for it
            "use_dictionary": [name for name in self.spec.columns if name not in {*encoded, "body", "head"}],
            "column_encoding": encoded or None,
            "write_statistics": [self.spec.month_of],  # nobody's words outside the rows
            "store_schema": False,
        }
        rows, nulls = 0, 0
        oldest: datetime | None = None
        newest: datetime | None = None
        with pq.ParquetWriter(buffer, self.spec.schema, **options) as writer:
            for table in _joined(tables, self.spec.row_group):
                times = table[self.spec.month_of]
                limits = pc.min_max(times)
                if limits["min"].is_valid:
                    low, high = limits["min"].as_py(), limits["max"].as_py()
                    oldest, newest = min(oldest or low, low), max(newest or high, high)
                rows, nulls = rows + table.num_rows, nulls + times.null_count
                fitting = ROW_GROUP_BYTES * table.num_rows // max(table.nbytes, 1)
                writer.write_table(table, row_group_size=max(1, min(self.spec.row_group, fitting)))
        data = memoryview(buffer.getvalue())
        path = f"month={month}/{prefix}{uuid.uuid4().hex[:16]}.{sha256(data).hexdigest()[:DIGEST]}.parquet"
        self._put(path, data)
        stats: dict[str, object] = {"numRecords": rows, "nullCount": {self.spec.month_of: nulls}}
        if oldest and newest:
            stats["minValues"] = {self.spec.month_of: _instant(oldest)}
            stats["maxValues"] = {self.spec.month_of: _instant(newest)}
        return AddAction(
            path=path,
            size=len(data),
            partition_values={"month": month},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps(stats),
        )

    @contextlib.contextmanager
    def open_file(self, file: DataFile) -> Iterator[BinaryIO]:
        """Open a data file for reading, wherever it lies."""
        with place_at(self.uri).open(file.path) as source:
            yield source

    def commit(self, added: Sequence[AddAction], removed: Sequence[DataFile] = (), *, data_change: bool = True) -> None:
        """Make files visible and others not, in one transaction that is on the disk when this returns.

        Raises:
            ConflictError: another process removed one of `removed` first.
            StorageError: the log could not be written; nothing changed.
        """
        if not added and not removed:
            return
        now = int(time.time() * 1000)
        removals = [RemoveAction(f.path, data_change, now, f.size, {"month": f.month}) for f in removed]
        additions = [AddAction(**{**vars(action), "data_change": data_change}) for action in added]
        for attempt in range(1, COMMIT_TRIES + 1):
            # What only adds is at odds with nobody, whatever others did since: delta-rs puts it after theirs.
            delta = (None if removed else self._delta) or self.open()
            if delta is None:
                raise StorageError(f"{self.uri}: the table is gone; was the archive moved while it was written?")
            if removed:
                live = {file.path for file in self.files()}
                if any(file.path not in live for file in removed):
                    raise ConflictError(f"{self.uri}: another process rewrote these files first; try again")
            try:
                delta.create_write_transaction(
                    [*additions, *removals],
                    "append",
                    delta.schema(),
                    ["month"],
                    commit_properties=CommitProperties(
                        custom_metadata={durable.FILES_KEY: str(len(additions) + len(removals))}, max_commit_retries=20
                    ),
                    post_commithook_properties=PostCommitHookProperties(
                        create_checkpoint=False, cleanup_expired_logs=False
                    ),
                )
            except CommitFailedError as error:
                if attempt == COMMIT_TRIES:
                    raise ConflictError(f"{self.uri}: too many writers at once; try again") from error
                self._delta = None
                time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret
            except (DeltaError, OSError) as error:
                raise StorageError(f"{self.uri}: not written: {_first_line(error)}") from error
            else:
                break
        if self.folder:
            durable.sync_log(self.folder)

    def purge(self) -> None:
        """Delete the files that are in no version any more, for good.

        Those that another process may be writing just now, which no version names yet, stay. Whoever is reading an older
        version has to read again.

        Raises:
            StorageError: they cannot be deleted.
        """
        self.vacuum(0, full=False)
        self.vacuum(WRITING_HOURS)

    def vacuum(self, hours: int, *, full: bool = True) -> int:
        """Delete files that no version younger than `hours` uses. Returns how many.

        Args:
            hours: how long whoever reads an older version may go on.
            full: those too that no version names.

        Raises:
            StorageError: they cannot be deleted.
        """
        delta = self.open()
        if delta is None:
            return 0
        try:
            return len(delta.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=full))
        except (DeltaError, OSError) as error:
            raise StorageError(f"{self.uri}: old files cannot be deleted: {_first_line(error)}") from error

    def shorten_log(self) -> None:
        """Delete the log's entries of more than a month ago (`LOG_KEPT`), which a sum that stays holds too.

        Raises:
            StorageError: they cannot be deleted; the rest of the log is whole.
        """
        delta = self.open()
        if delta is None:
            return
        try:
            delta.cleanup_metadata()
        except (DeltaError, OSError) as error:
            raise StorageError(f"{self.uri}: the log cannot be shortened: {_first_line(error)}") from error

    def checkpoint(self) -> None:
        """Sum the log up, when it has grown enough, so that opening stays fast.

        Raises:
            StorageError: the sum cannot be written; the log itself is whole.
        """
        delta = self._delta or self.open()  # a few entries more or less do not matter
        if delta is None or delta.version() < CHECKPOINT_EVERY:
            return
        newest = -1
        with (
            contextlib.suppress(OSError, ValueError, KeyError),
            place_at(self.uri).open("_delta_log/_last_checkpoint") as pointer,
        ):
            newest = json.loads(pointer.read())["version"]
        if delta.version() - newest < CHECKPOINT_EVERY:
            return
        try:
            delta.create_checkpoint()
            self._delta = None  # one that is opened now knows of it, and is the quicker
            if self.folder:
                folder = self.folder / "_delta_log"
                for path in folder.glob("*.checkpoint*.parquet"):
                    durable.sync(path)
                durable.sync(folder)
        except (DeltaError, OSError) as error:
            raise StorageError(f"{self.uri}: the log cannot be summed up: {_first_line(error)}") from error

    def _mend(self) -> int | None:
        """Set aside what a power loss tore; return the version to open where that cannot be written, else None."""
        if self.folder is None:
            return None
        if not (self.folder / "_delta_log").is_dir():
            return None
        damaged = durable.torn_checkpoints(self.folder) + (torn := durable.torn_entries(self.folder))
        if not damaged:
            return None
        aside = self.folder.parent / "torn"
        if not os.access(self.folder / "_delta_log", os.W_OK):
            log.warning("%s: its last entry is damaged and the archive is read-only; reading without it", self.uri)
            return int(torn[-1].stem) - 1 if torn and int(torn[-1].stem) else None
        durable.set_aside(damaged, aside)
        log.warning(
            "%s: damaged by a power loss; %d file(s) of the log moved to %s; import or collect the last run again",
            self.uri, len(damaged), aside,
        )  # fmt: skip
        return None

    def get_ready(self) -> None:
        """Make the table if there is none, and bring it to this version's schema; `write` does so too.

        Raises:
            StorageError: it cannot be made or brought there.
        """
        if self._is_current:
            return
        self._create()
        for attempt in range(1, COMMIT_TRIES + 1):
            delta = self.open()
            assert delta is not None
            try:
                migrated = migrate(delta, self.spec)
            except DeltaError as error:
                if attempt == COMMIT_TRIES:
                    raise StorageError(f"{self.uri}: cannot be migrated: {_first_line(error)}") from error
                self._delta = None  # another process is migrating it
            else:
                break
        if migrated and self.folder:
            durable.sync_log(self.folder)
        self._is_current = True

    def _create(self) -> None:
        if self.open() is not None:
            return
        try:
            if self.folder:
                self.folder.parent.mkdir(parents=True, exist_ok=True)
            DeltaTable.create(
                self.uri,
                schema=DeltaSchema.from_arrow(self.spec.table_schema),
                mode="error",
                partition_by=["month"],
                name=self.spec.name,
                configuration={
                    VERSION_KEY: str(SCHEMA_VERSION),
                    # The log keeps minima and maxima, so only of columns that are nobody's.
                    "delta.dataSkippingStatsColumns": self.spec.month_of,
                    "delta.enableExpiredLogCleanup": "false",  # at no commit: see `shorten_log`
                    "delta.logRetentionDuration": LOG_KEPT,
                },
                raise_if_key_not_exists=False,
            )
        except (DeltaError, OSError) as error:
            if self.open() is not None:
                return  # another process made it first
            raise StorageError(f"{self.uri}: cannot be created: {_first_line(error)}") from error
        if self.folder:
            durable.sync_log(self.folder)
            durable.sync(self.folder)
            durable.sync(self.folder.parent)

    def _put(self, path: str, data: memoryview) -> None:
        try:
            if self.folder:
                durable.write_synced(self.folder / path, data)
            else:
                Store(self.uri).write(path, [data])
        except (DeltaError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else _first_line(error)
            raise StorageError(f"{self.uri}: cannot be written: {reason}; nothing stored before is touched") from error


def _joined(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The rows of tables, few in each, in tables of about so many rows, or of as many bytes as a row group may have.

    What comes a page at a time would be a row group each, with more bytes about it than in it.
    """
    held: list[pa.Table] = []
    count = size = 0
    for table in tables:
        count, size = count + len(table), size + table.nbytes
        if held and (count > rows or size > ROW_GROUP_BYTES):
            yield pa.concat_tables(held)
            held, count, size = [], len(table), table.nbytes
        if len(table):
            held.append(table)
    if held:
        yield pa.concat_tables(held)


def _by_month(table: pa.Table, column: str) -> Iterable[tuple[str, pa.Table]]:
    """Split rows by month, keeping their order. Rows without a time are filed under 0000-00."""
    times = table[column]
    months = pc.add(pc.multiply(pc.year(times), 100), pc.month(times)).combine_chunks()
    runs = pc.run_end_encode(months)
    values, ends = runs.values.to_pylist(), runs.run_ends.to_pylist()
    for value in sorted(set(values), key=lambda month: month or 0):
        if values.count(value) == 1:  # it stands together, as in all that was sorted: nothing is copied
            number = values.index(value)
            start = ends[number - 1] if number else 0
            rows = table.slice(start, ends[number] - start)
        else:
            rows = table.filter(pc.equal(months, value) if value is not None else pc.is_null(months))
        yield (f"{value // 100:04d}-{value % 100:02d}" if value is not None else NO_MONTH), rows


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
