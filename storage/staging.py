"""Bring payloads and what they say into the archive: payloads first, then what adds something to what is known.

The cost depends on what comes in and on what the archive holds of the same months, never on the whole archive.
Memory is bounded: observations wait in spill files, payloads are written as they come.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from knowarchive.model import Payload, Quarantined
from storage import batches, columns, folding, months, queries
from storage.batches import Stretch
from storage.preparing import Prepared
from storage.schema import ACCOUNTS, POSTS, REPOSTS, RUNS, SOURCES, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.archive import Archive

BYTES_IN_MEMORY = 16 << 20  # columns of one kind that wait in memory
ROWS_AT_ONCE = 40_000  # records that are folded and sorted in one go
ACCOUNTS_FOR_A_POST = 4  # accounts are smaller, and of many sights of a person one is kept: the more at once, the fewer
PAYLOAD_BYTES = 16 << 20  # payload bytes to a data file, before compression
PENDING_WRITES = 2  # data files of payloads on their way to the disk


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run. `new` and `changed` count posts; `first` and `last` are the times of the records in it."""

    seen: int
    new: int
    changed: int
    quarantined: int
    payloads: int
    first: datetime | None
    last: datetime | None


class _Buffer:
    """Observations of one kind on their way to the archive: in memory, and in spill files when there are many."""

    def __init__(self, table: Table, folder: Path) -> None:
        self.table = table
        self.rows = 0
        self.spilled: list[Path] = []
        self._folder = folder
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        self._months: dict[tuple[int, int], int] = {}
        self._undated: dict[int, int] = {}  # rows without a moment of their own, by source

    def add(self, rows: pa.Table, source: int) -> None:
        """Take columns from one payload, which is numbered `source`."""
        count = rows.num_rows
        if not count:
            return
        rows = rows.append_column("source", pa.repeat(pa.scalar(source, pa.int32()), count))
        self.rows += count
        times = rows[self.table.month_of]
        if times.null_count:
            self._undated[source] = times.null_count
            times = times.drop_null()
        counted = pc.value_counts(_month_numbers(times))
        for month, number in zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True):
            self._months[divmod(month, 12)] = self._months.get(divmod(month, 12), 0) + number
        self._waiting.append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= BYTES_IN_MEMORY:
            path = self._folder / f"{self.table.name}-{len(self.spilled)}.parquet"
            pq.write_table(self.take(), path, compression="lz4", row_group_size=ROWS_AT_ONCE // 4)
            self.spilled.append(path)

    def months(self, moments: Sequence[datetime]) -> dict[datetime, int]:
        """Count rows by month; `moments` are those of the sources, for rows without one of their own."""
        counts = {datetime(year, month + 1, 1, tzinfo=UTC): rows for (year, month), rows in self._months.items()}
        for source, rows in self._undated.items():
            month = _month(moments[source])
            counts[month] = counts.get(month, 0) + rows
        return counts

    def take(self) -> pa.Table:
        """Hand over what is in memory."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        return pa.concat_tables(waiting) if waiting else columns.staged_schema(self.table).empty_table()


class Staging:
    """One run's way into the archive: `add` payloads, then `finish`. No post of it is visible before all are.

    Args:
        archive: where it goes.
        now: the moment of collection; aware.
        chat: the chat that the run collects for, if any.
        pull: the name of the pull, for payloads that are fetched one by one: each is stored at once, so that a run
            that is killed can go on. A file's pull has the name of its first payload, and is stored in large pieces.
    """

    def __init__(self, archive: "Archive", *, now: datetime, chat: str | None = None, pull: str | None = None) -> None:
        self._archive = archive
        self._chat = chat
        self._now = now
        self._entered = ExitStack()
        self._scratch = Path(tempfile.mkdtemp(prefix="staging-", dir=archive.scratch()))
        self._posts = _Buffer(POSTS, self._scratch)
        self._accounts = _Buffer(ACCOUNTS, self._scratch)
        self._reposts = _Buffer(REPOSTS, self._scratch)
        self._quarantined: list[Quarantined] = []
        self._sources: list[dict[str, Any]] = []
        self._newest: dict[str, datetime] = {}  # of each pull
        self._pull = pull
        self._piece = 0 if pull else PAYLOAD_BYTES
        self._payloads: list[tuple[Payload, dict[str, Any]]] = []
        self._payload_bytes = 0
        self._seen = 0
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="staging")
        self._tables: dict[str, Future[None]] = {}  # that are opened, or made, while payloads come
        self._writes: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._entered.enter_context(self._archive.gate.shared())
        self._pool.submit(self._archive.get_ready)  # where that fails, the first connection says so
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._entered.close()

    def add(self, prepared: Prepared) -> None:
        """Take a payload and what it says."""
        assert prepared.payload is not None
        self._pull = self._pull or prepared.payload_id
        self._take(prepared, prepared.payload_id, self._pull, self._chat, self._now)
        added = {
            "payload_id": prepared.payload_id,
            "pull": self._pull,
            "newest_at": prepared.newest,
            "collected_at": self._now,
            "chat": self._chat,
            "redacted": prepared.redacted or None,
        }
        self._payloads.append((prepared.payload, added))
        self._get_tables_ready()
        self._payload_bytes += len(prepared.payload.body)
        if self._payload_bytes >= self._piece:
            self._write_payloads()
            if not self._piece:
                self._writes.pop().result()

    def _get_tables_ready(self) -> None:
        """Open the tables that rows will come to, or make them, which takes several syncs: while there is other work."""
        buffers = (self._posts, self._accounts, self._reposts)
        for name in (*(buffer.table.name for buffer in buffers if buffer.rows), RUNS.name):
            if name not in self._tables:
                self._tables[name] = self._pool.submit(self._archive.tables[name].get_ready)

    def add_stored(self, prepared: Prepared, stored: Mapping[str, Any]) -> None:
        """Take what a payload says that the archive has already; `stored` is what the archive knows of it."""
        self._take(prepared, stored["payload_id"], stored["pull"], stored["chat"], stored["collected_at"])

    def quarantine(self, record: Quarantined) -> None:
        """Take a record that is in no payload."""
        self._seen += 1
        self._quarantined.append(record)

    def finish(self) -> Outcome:
        """Store everything that adds something; durable when this returns.

        Raises:
            StorageError: nothing was made visible but whole payloads, which the next try finds again.
        """
        if self._payloads:
            self._write_payloads()
        if self._quarantined:
            self._await_payloads()
            self._archive.store_quarantined(self._quarantined, self._now)
        pa.default_memory_pool().release_unused()  # what reading took, before DuckDB takes its share
        accounts, reposts = (self._pool.submit(self._store, buffer) for buffer in (self._accounts, self._reposts))
        new, changed = self._store(self._posts)
        if reposts.cancel():  # the thread has not come to them, and this one is free
            self._store(self._reposts)
        else:
            reposts.result()
        accounts.result()
        return self._outcome(new, changed)

    def _await_payloads(self) -> None:
        """Wait until the payloads are stored: before anything is visible of what they say."""
        for write in tuple(self._writes):
            write.result()

    def finish_replacing(self) -> Outcome:
        """Like `finish`, but what these payloads were understood to say before is replaced, not added to."""
        self._archive.replace_quarantined(self._quarantined, self._payload_ids(), self._now)
        new, changed = self._replace(self._posts)
        self._replace(self._accounts)
        self._replace(self._reposts)
        return self._outcome(new, changed)

    def _outcome(self, new: int, changed: int) -> Outcome:
        return Outcome(
            seen=self._seen,
            new=new,
            changed=changed,
            quarantined=len(self._quarantined),
            payloads=len(self._sources),
            first=self._first,
            last=self._last,
        )

    def _take(self, prepared: Prepared, payload_id: str, pull: str, chat: str | None, collected_at: datetime) -> None:
        """Keep what a payload says, and what is common to it all."""
        source = len(self._sources)
        for buffer, rows in (
            (self._posts, prepared.posts),
            (self._accounts, prepared.accounts),
            (self._reposts, prepared.reposts),
        ):
            buffer.add(rows, source)
        for record in prepared.quarantined:  # a payload that was redacted has not the id of its bytes any more
            same = record.payload_id in {None, payload_id}
            self._quarantined.append(record if same else msgspec.structs.replace(record, payload_id=payload_id))
        self._seen += prepared.seen
        if prepared.span:
            first, last = prepared.span
            self._first, self._last = min(self._first or first, first), max(self._last or last, last)
        if prepared.newest:
            self._newest[pull] = max(self._newest.get(pull, prepared.newest), prepared.newest)
        self._sources.append(
            {
                "source_payload": payload_id,
                "source_chat": chat,
                "source_at": collected_at,
                "source_rank": prepared.rank,
                "pull": pull,
            }
        )

    def _payload_ids(self) -> pa.Array:
        return pa.array([source["source_payload"] for source in self._sources], pa.string())

    def _write_payloads(self) -> None:
        while len(self._writes) >= PENDING_WRITES:
            self._writes.pop(0).result()
        rows, self._payloads, self._payload_bytes = self._payloads, [], 0
        self._writes.append(self._pool.submit(self._archive.store_payloads, rows))

    def _moments(self) -> list[datetime]:
        """When each source was observed: a file without a time of its own speaks of the moment of its newest post."""
        return [self._newest.get(source["pull"], source["source_at"]) for source in self._sources]

    def _stretches(
        self, con: "DuckDBPyConnection", buffer: _Buffer, by_month: Mapping[datetime, int]
    ) -> Iterator[tuple[Stretch, pa.Table]]:
        """All of a buffer, a stretch of time at once, with what lies in it, of which all columns are known."""
        table = buffer.table
        sources = pa.Table.from_pylist(
            [
                {**source, "source_observed_at": moment}
                for source, moment in zip(self._sources, self._moments(), strict=True)
            ],
            schema=SOURCES,
        )
        stretches = list(_cut(by_month, ROWS_AT_ONCE * (ACCOUNTS_FOR_A_POST if table is ACCOUNTS else 1)))
        in_memory = buffer.take()
        if len(stretches) == 1 and not buffer.spilled:
            yield stretches[0], batches.filled(table, in_memory, sources, stretches[0])
            return
        con.register("in_memory", in_memory)
        places = ["in_memory"]
        if buffer.spilled:
            con.register("spilled", con.read_parquet([str(path) for path in buffer.spilled]))
            places.append("spilled")
        for stretch in stretches:
            staged = con.sql(queries.staged(table, *places), params=asdict(stretch))
            yield stretch, batches.filled(table, staged.to_arrow_table(), sources, stretch)

    def _store(self, buffer: _Buffer) -> tuple[int, int]:
        """Fold what was staged, leave out what is known, write and commit the rest. Returns (new, changed)."""
        if not buffer.rows:
            return 0, 0
        table, stored = buffer.table, self._archive.tables[buffer.table.name]
        if table.name in self._tables:
            self._tables[table.name].result()
        by_month = buffer.months(self._moments())
        names = {f"{month:%Y-%m}" for month in by_month}
        added, new, changed = [], 0, 0
        with self._archive.connect() as con:
            for stretch, batch in self._stretches(con, buffer, by_month):
                live = [file for file in stored.files(stretch.since, stretch.until) if file.month in names]
                self._archive.scan(con, table, live, "stored")
                folded = folding.fold_into(con, table, batch, stretch, stored=bool(live))
                del batch  # it is as large as what is written now
                new, changed = new + folded.new, changed + folded.changed
                if folded.added.num_rows:
                    added += stored.write(folded.added)
        self._await_payloads()
        stored.commit(added)
        return new, changed

    def _replace(self, buffer: _Buffer) -> tuple[int, int]:
        """Put what was staged in the place of all that came from the same payloads. Returns (new, changed)."""
        table, stored = buffer.table, self._archive.tables[buffer.table.name]
        live = stored.files()
        by_month = buffer.months(self._moments())
        for file in live:
            month, _ = months.bounds(file.month)
            by_month[month] = by_month.get(month, 0) + file.rows
        added, new, changed = [], 0, 0
        with self._archive.connect() as con:
            con.register("replayed", pa.table({"payload_id": self._payload_ids()}))
            for stretch, batch in self._stretches(con, buffer, by_month):
                overlapping = [f for f in live if f"{stretch.since:%Y-%m}" <= f.month < f"{stretch.until:%Y-%m}"]
                self._archive.scan(con, table, overlapping, "stored")
                folded = folding.fold_replacing(con, table, batch, stretch)
                del batch
                new, changed = new + folded.new, changed + folded.changed
                if folded.added.num_rows:
                    added += stored.write(folded.added)
        stored.commit(added, live)
        return new, changed


def _cut(by_month: Mapping[datetime, int], most: int) -> Iterator[Stretch]:
    """Cut months into stretches of a bounded number of rows, and those that have more into parts."""
    start, rows = None, 0
    for month in sorted(by_month):
        if start is not None and rows + by_month[month] > most:
            yield from _in_parts(start, month, rows, most)
            start, rows = None, 0
        start, rows = start or month, rows + by_month[month]
    if start is not None:
        yield from _in_parts(start, months.after(max(by_month)), rows, most)


def _in_parts(since: datetime, until: datetime, rows: int, most: int) -> Iterator[Stretch]:
    parts = -(-rows // most)
    for part in range(parts):
        yield Stretch(since, until, part, parts)


def _month(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _month_numbers(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Months since the year 0, in UTC."""
    return pc.add(pc.multiply(pc.year(times), 12), pc.subtract(pc.month(times), 1))
