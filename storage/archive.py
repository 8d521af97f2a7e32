"""The archive as the rest of the program sees it."""

import contextlib
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from knowarchive.errors import ConflictError, StorageError
from knowarchive.model import NO_WISH, Account, Payload, Post, Quarantined, Repost
from storage import columns, folding, queries
from storage.gate import Gate
from storage.places import object_store
from storage.schema import ACCOUNTS, PAYLOADS, POSTS, QUARANTINE, REPOSTS, RUNS, TABLES, Table
from storage.scratch import Scratch
from storage.tables import DataFile, StoredTable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

log = logging.getLogger("knowarchive.storage")

MEMORY_LIMIT = "128MB"  # DuckDB spills to the state directory beyond it
SMALL_FILES = 16  # files of one month beyond which maintenance folds them
PAYLOAD_FILE = 128 << 20  # bytes of a compacted data file of payloads
MISREAD = re.compile(r"\\|%[0-9A-Fa-f]{2}")  # delta-rs 1.6.6 writes to such a folder and reads from another
CONTEXT_REACH = timedelta(days=31)  # how far back a session looks for what its posts answer or quote


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger: what a run asked, got, and did not get. Times are aware; `cost` is US dollars."""

    run_id: str
    kind: str
    source: str
    status: str
    started_at: datetime
    finished_at: datetime
    chat: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    pages: int | None = None
    requests: int | None = None
    seen: int | None = None
    new: int | None = None
    changed: int | None = None
    quarantined: int | None = None
    screened: int | None = None
    waited: float | None = None
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cost: float | None = None
    error: str | None = None
    version: str | None = None


class Archive:
    """An archive at an address. Opening costs nothing; tables come into being when first written.

    Args:
        url: a folder, or s3://bucket/prefix with credentials in the environment.
        state: a folder for scratch files and what is derived; made when first needed, for the owner alone.
    """

    def __init__(self, url: str, state: Path) -> None:
        self.url = url
        self.state = state
        self._duckdb: DuckDBPyConnection | None = None
        self._opening = threading.Lock()
        self._held: dict[str, frozenset[tuple[str, str | None]]] = {}  # payloads, by the data file that has them
        self.gate = Gate(state, url)
        self._scratch = Scratch(state / "scratch")
        if "://" not in url and Path(url).exists() and not Path(url).is_dir():
            raise StorageError(f"{url}: is a file, not a folder; set archive.url to a folder")
        if "://" not in url and MISREAD.search(str(Path(url).absolute())):
            raise StorageError(
                f"{url}: the log would be looked for elsewhere, as there is a backslash or a percent sign with two "
                "digits in the name of the folder; choose another for archive.url"
            )
        self.tables = {name: StoredTable(url, spec) for name, spec in TABLES.items()}

    def scratch(self) -> Path:
        """The process's folder for temporary files, private, and gone with the process."""
        return self._scratch.path()

    @contextlib.contextmanager
    def connect(self, *, alone: bool = False) -> Iterator["DuckDBPyConnection"]:
        """A DuckDB connection in UTC, of bounded memory, with temporary tables of its own.

        Args:
            alone: share nothing with other connections, so that it can be locked down or set up otherwise. Making
                a database costs more than the small work of most connections.
        """
        import duckdb

        con = self._open_database() if alone else self._database().cursor()
        try:
            yield con
        except duckdb.Error as error:
            raise StorageError(f"{self.url}: {' '.join(str(error).split())}") from error
        finally:
            con.close()

    def get_ready(self) -> None:
        """Make the database that connections share: in a thread, while there is other work."""
        self._database()

    def _database(self) -> "DuckDBPyConnection":
        with self._opening:  # threads share it
            self._duckdb = self._duckdb or self._open_database()
            return self._duckdb

    def _open_database(self) -> "DuckDBPyConnection":
        import duckdb

        database = duckdb.connect(":memory:")
        database.execute(
            f"SET GLOBAL TimeZone = 'UTC'; SET memory_limit = '{MEMORY_LIMIT}'; SET preserve_insertion_order = false; "
            "SET autoinstall_known_extensions = false; SET autoload_known_extensions = false"
        )
        database.execute("SET temp_directory = $folder", {"folder": str(self._scratch.spill)})
        return database

    def scan(self, con: "DuckDBPyConnection", spec: Table, files: Sequence[DataFile], name: str) -> None:
        """Make the rows of some files of a table a view called `name`."""
        stored = self.tables[spec.name]
        if not files:
            con.register(name, spec.schema.empty_table())
        elif stored.folder:
            rows = con.read_parquet([_literal(uri) for uri in stored.uris(files)], union_by_name=True)
            if set(spec.columns) <= set(rows.columns):
                con.register(name, rows)  # temporary: other connections have views of the same name
                return
            # All of the files are older than some column: it is unknown.
            con.register(f"{name}_older", rows)
            con.register(f"{name}_shape", spec.schema.empty_table())
            con.execute(queries.in_shape(name))
        else:
            from pyarrow.dataset import dataset

            filesystem, prefix = object_store(stored.uri)
            paths = [f"{prefix}/{file.path}" for file in files]
            con.register(name, dataset(paths, schema=spec.schema, format="parquet", filesystem=filesystem))

    # Reading

    def posts(self, since: datetime, until: datetime) -> list[Post]:
        """Merged posts with since <= created_at < until, in order of time."""
        rows = self._merged(POSTS, queries.merged_posts, since, until)
        return columns.posts_from(rows.sort_by([("created_at", "ascending"), ("uid", "ascending")]))

    def extent(self) -> tuple[datetime, datetime] | None:
        """The times of the oldest and the newest post, from the log alone; None where there is none."""
        files = self.tables["posts"].files()
        oldest = [file.oldest for file in files if file.oldest]
        newest = [file.newest for file in files if file.newest]
        return (min(oldest), max(newest)) if oldest and newest else None

    def size(self) -> int:
        """How many posts there are, from the log alone; one that was seen twice counts twice."""
        return sum(self.months().values())

    def months(self) -> dict[str, int]:
        """How many posts there are of each month ("2015-05"), as `size` counts them."""
        found: Counter[str] = Counter()
        for file in self.tables["posts"].files():
            found[file.month] += file.rows
        return found

    def times(self) -> list[datetime]:
        """When the posts were made, in order; a post that was seen twice counts twice."""
        with self.connect() as con:
            self.scan(con, POSTS, self.tables["posts"].files(), "stored")
            times = con.sql("SELECT created_at FROM stored ORDER BY created_at").to_arrow_table()["created_at"]
        return times.to_pylist()  # type: ignore[no-any-return]

    def versions(self, uid: str) -> list[Post]:
        """What a post was observed to say, oldest first, wherever two neighbours differ in their text."""
        with self.connect() as con:
            self.scan(con, POSTS, self.tables["posts"].files(), "stored")
            rows = con.sql(queries.VERSIONS, params={"uid": uid}).to_arrow_table()
        return columns.posts_from(rows)

    def reposts(self, since: datetime, until: datetime) -> list[Repost]:
        """Reposts of posts made in the window, in order of time."""
        rows = self._merged(REPOSTS, queries.merged_reposts, since, until)
        return columns.reposts_from(rows.sort_by([("at", "ascending"), ("key", "ascending")]))

    def posts_by_uid(self, uids: Sequence[str], around: datetime) -> list[Post]:
        """Merged posts of these uids made in the month before `around`, where known."""
        if not uids:
            return []
        with self.connect() as con:
            since, until = around - CONTEXT_REACH, around + timedelta(days=1)
            self.scan(con, POSTS, self.tables["posts"].files(since, until), "stored")
            con.register("wanted", pa.table({"uid": pa.array(uids, pa.string())}))
            con.execute(queries.chosen("stored", "uid IN (SELECT uid FROM wanted)"))
            rows = self._merge_chosen(con, POSTS, queries.merged_posts)
        return sorted(columns.posts_from(rows), key=lambda post: (post.created_at, post.uid))

    def accounts(
        self, uids: Sequence[str], since: datetime | None = None, until: datetime | None = None
    ) -> dict[str, Account]:
        """Merged accounts by uid, where known; as observed in about [since, until) if given, which is quicker."""
        if not uids:
            return {}
        with self.connect() as con:
            self.scan(con, ACCOUNTS, self.tables["accounts"].files(since, until), "stored")
            con.register("wanted", pa.table({"uid": pa.array(uids, pa.string())}))
            con.execute(queries.chosen("stored", "uid IN (SELECT uid FROM wanted)"))
            rows = self._merge_chosen(con, ACCOUNTS, queries.merged_accounts)
        return {account.uid: account for account in columns.accounts_from(rows)}

    def wishes(self) -> dict[str, str]:
        """What people's profiles declare, by the account's uid: of those who declare anything that binds us."""
        with self.connect() as con:
            self.scan(con, ACCOUNTS, self.tables["accounts"].files(), "stored")
            found = con.sql(queries.wishes("stored"), params={"none": NO_WISH}).fetchall()
        return dict(found)

    def last_seen(
        self, platform: str, seen: tuple[datetime, datetime], since: datetime, until: datetime
    ) -> dict[str, datetime]:
        """The posts of a network, made in a stretch, that were last seen in the stretch `seen`: when each was made, by uid."""
        with self.connect() as con:
            self.scan(con, POSTS, self.tables["posts"].files(since, until), "stored")
            asked = {
                "prefix": f"{platform}:",
                "seen_from": seen[0],
                "seen_before": seen[1],
                "since": since,
                "until": until,
            }
            found = con.sql(queries.LAST_SEEN, params=asked).to_arrow_table()
        return dict(zip(found["uid"].to_pylist(), found["created_at"].to_pylist(), strict=True))

    def renamed_since(self, moment: datetime) -> list[str]:
        """The accounts that were seen before a moment and from then on, and are called, or describe themselves, otherwise."""
        with self.connect() as con:
            self.scan(con, ACCOUNTS, self.tables["accounts"].files(), "stored")
            return [uid for (uid,) in con.sql(queries.RENAMED_SINCE, params={"since": moment}).fetchall()]

    def _merged(self, spec: Table, merge: Callable[..., str], since: datetime, until: datetime) -> pa.Table:
        with self.connect() as con:
            self.scan(con, spec, self.tables[spec.name].files(since, until), "stored")
            con.execute(queries.chosen("stored", queries.within(spec)), {"since": since, "until": until})
            return self._merge_chosen(con, spec, merge)

    def _merge_chosen(self, con: "DuckDBPyConnection", spec: Table, merge: Callable[..., str]) -> pa.Table:
        """Merge the rows in `chosen`. To plan a merge takes longer than most windows' work: only where there is any."""
        is_distinct = not folding.count(con, queries.count_repeated(spec, "chosen"))
        return con.sql(merge("chosen", is_distinct=is_distinct)).to_arrow_table()

    def runs(self, since: datetime | None = None, until: datetime | None = None) -> list[Run]:
        """The ledger's lines about windows that overlap [since, until), oldest first."""
        with self.connect() as con:
            self.scan(con, RUNS, self.tables["runs"].files(), "stored")
            rows = con.sql("SELECT * FROM stored ORDER BY started_at, run_id").to_arrow_table()
        found = [
            Run(**{**row, "gaps": tuple(row["gaps"] or ()), "notes": tuple(row["notes"] or ())})
            for row in rows.select(Run.__struct_fields__).to_pylist()
        ]
        return [
            run
            for run in found
            if (until is None or (run.since is not None and run.since < until))
            and (since is None or (run.until is not None and run.until >= since))
        ]

    def payloads(self) -> Iterator[tuple[Payload, dict[str, Any]]]:
        """Every payload with what the archive knows of it besides, a row group in memory at a time."""
        for rows in self._distinct_payloads(self.tables["payloads"].files()):
            added = rows.select(["payload_id", "pull", "newest_at", "collected_at", "chat"]).to_pylist()
            yield from zip(columns.payloads_from(rows), added, strict=True)

    def unfinished_pull(self, prefix: str, since: datetime) -> list[tuple[Payload, dict[str, Any]]]:
        """The payloads of the newest pull whose name begins with `prefix` and that has no line in the ledger.

        Args:
            prefix: says of what the pull is.
            since: payloads collected before are left out.
        """
        stored = self.tables["payloads"]
        with self.connect() as con:
            self.scan(con, PAYLOADS, stored.files(), "stored")
            self.scan(con, RUNS, self.tables["runs"].files(), "finished")
            pulls = con.execute(queries.UNFINISHED, {"prefix": prefix, "since": since}).fetchall()
            if not pulls:  # as nearly always: no page is read for that
                return []
            rows = con.sql(queries.OF_PULL, params={"pull": pulls[0][0]}).to_arrow_table()
        added = rows.select(["payload_id", "pull", "newest_at", "collected_at", "chat"]).to_pylist()
        return list(zip(columns.payloads_from(rows), added, strict=True))

    def lock_down(self, con: "DuckDBPyConnection") -> None:
        """Let a connection read the archive and nothing else of the disk, nor undo that."""
        if "://" not in self.url:
            both = [f"{self.url}/", _literal(f"{self.url}/")]  # what is asked for and what it is found to be
            con.execute("SET allowed_directories = $folders", {"folders": both})
        con.execute("SET enable_external_access = false; SET lock_configuration = true")

    def create_views(self, con: "DuckDBPyConnection") -> None:
        """Make every table a view: posts, accounts and reposts merged; payloads, quarantine and runs as they are."""
        for spec in TABLES.values():
            source = f"{spec.name}_observations" if spec.is_observations else f"{spec.name}_rows"
            self.scan(con, spec, self.tables[spec.name].files(), source)
        con.execute(f"CREATE TEMP VIEW posts AS {queries.merged_posts('posts_observations')}")
        con.execute(f"CREATE TEMP VIEW accounts AS {queries.merged_accounts('accounts_observations')}")
        con.execute(f"CREATE TEMP VIEW reposts AS {queries.merged_reposts('reposts_observations')}")
        con.execute(f"CREATE TEMP VIEW payloads AS {queries.DISTINCT_PAYLOADS.format(source='payloads_rows')}")
        con.execute(f"CREATE TEMP VIEW quarantine AS {queries.DISTINCT_QUARANTINE.format(source='quarantine_rows')}")
        con.execute("CREATE TEMP VIEW runs AS SELECT * FROM runs_rows")
        con.execute("CREATE TEMP VIEW erasures AS SELECT * FROM erasures_rows")

    # Writing

    def store_payloads(self, rows: Sequence[tuple[Payload, dict[str, Any]]]) -> None:
        """Store payloads that are not there yet; durable when this returns."""
        stored = self.tables["payloads"]
        times = [added["newest_at"] for _, added in rows if added["newest_at"]]
        live = [file for file in stored.files() if file.oldest is None] if len(times) < len(rows) else []
        if times:
            live += [file for file in stored.files(min(times), max(times) + timedelta.resolution) if file.oldest]
        known = [self._held_in(file) for file in live]
        fresh = {}
        for payload, added in rows:
            key = (added["payload_id"], added["chat"])
            if not any(key in held for held in known):
                fresh[key] = (payload, added)
        if fresh:
            stored.commit(stored.write(columns.payload_table(list(fresh.values()))))
            with contextlib.suppress(StorageError):  # a run's pages come one by one, and each makes the log longer
                stored.checkpoint()

    def _held_in(self, file: DataFile) -> frozenset[tuple[str, str | None]]:
        """The payloads in a data file, by id and chat. A file never changes, and a run that adds pages asks at each."""
        if file.path not in self._held:
            with self.tables["payloads"].open_file(file) as source:
                ids = pq.read_table(source, columns=["payload_id", "chat"])
            pairs = zip(ids["payload_id"].to_pylist(), ids["chat"].to_pylist(), strict=True)
            self._held[file.path] = frozenset(pairs)
        return self._held[file.path]

    def store_quarantined(self, rows: Sequence[Quarantined], now: datetime) -> None:
        """Store quarantined records that are not known yet."""
        if not rows:
            return
        stored = self.tables["quarantine"]
        with self.connect() as con:
            self.scan(con, QUARANTINE, stored.files(), "stored")
            con.register("fresh", columns.quarantine_table(rows, now))
            new = con.sql(
                "SELECT * FROM fresh ANTI JOIN stored USING (digest, origin, position) ORDER BY origin, position"
            ).to_arrow_table()
        if new.num_rows:
            stored.commit(stored.write(new.select(QUARANTINE.schema.names).cast(QUARANTINE.schema)))

    def replace_quarantined(self, rows: Sequence[Quarantined], payload_ids: pa.Array, now: datetime) -> None:
        """Store quarantined records in the place of all those from the same payloads."""
        stored = self.tables["quarantine"]
        live = stored.files()
        with self.connect() as con:
            self.scan(con, QUARANTINE, live, "stored")
            con.register("replayed", pa.table({"payload_id": payload_ids}))
            kept = con.sql("SELECT * FROM stored ANTI JOIN replayed USING (payload_id)").to_arrow_table()
        kept = kept.select(QUARANTINE.schema.names).cast(QUARANTINE.schema)
        table = pa.concat_tables([kept, columns.quarantine_table(rows, now)])
        if live or table.num_rows:
            stored.commit(stored.write(table), live)

    def record(self, run: Run) -> None:
        """Add a line to the ledger."""
        stored = self.tables["runs"]
        row = {**msgspec.structs.asdict(run), "gaps": list(run.gaps), "notes": list(run.notes)}
        with self.gate.shared():
            stored.commit(stored.write(pa.Table.from_pylist([row], schema=RUNS.schema)))

    # Maintenance

    def maintain(self, *, small_files: int = 0) -> dict[str, int]:
        """Fold and pack every month that has more than `small_files` unpacked files; returns files before and after.

        Readers and writers go on meanwhile. Old files stay until `vacuum`, for readers that still use them.
        """
        with self.gate.shared():
            return self._maintain(small_files)

    def _maintain(self, small_files: int) -> dict[str, int]:
        before = after = 0
        for name, stored in self.tables.items():
            by_month: dict[str, list[DataFile]] = {}
            for file in stored.files():
                by_month.setdefault(file.month, []).append(file)
            for files in by_month.values():
                before += len(files)
                unpacked = sum(not file.is_packed for file in files)
                if unpacked <= small_files and (small_files or len(files) == 1):
                    after += len(files)
                    continue
                try:
                    after += self._compact(TABLES[name], files)
                except ConflictError:
                    after += len(files)  # somebody else did it at the same time
            stored.checkpoint()
        return {"files_before": before, "files_after": after}

    def tidy(self) -> None:
        """Compact the months that have come to lie in many small files. For after a run; never fails it."""
        try:
            self.maintain(small_files=SMALL_FILES)
        except StorageError as error:
            log.warning("%s; what was stored is whole, but not compacted", error)

    def vacuum(self, retention: timedelta = timedelta(days=7)) -> int:
        """Delete files that no version younger than `retention` uses, and the oldest of the logs. Returns how many files."""
        hours = int(retention.total_seconds() // 3600)
        deleted = sum(stored.vacuum(hours) for stored in self.tables.values())
        for stored in self.tables.values():
            stored.shorten_log()
        return deleted

    def _compact(self, spec: Table, files: Sequence[DataFile]) -> int:
        stored = self.tables[spec.name]
        if spec is PAYLOADS:
            return self._compact_payloads(files)
        with self.connect() as con:
            self.scan(con, spec, files, "stored")
            kept = "stored"
            if spec.is_observations:
                folding.fold_stored(con, spec)
                kept = "added"
            elif spec is QUARANTINE:
                kept = f"({queries.DISTINCT_QUARANTINE.format(source='stored')})"
            reader = con.sql(queries.in_order(spec, kept)).to_arrow_reader(spec.row_group)
            tables = (pa.Table.from_batches([batch]).cast(spec.schema) for batch in reader)
            added = stored.write_streamed(tables, files[0].month)
        stored.commit([added], files, data_change=False)
        return 1

    def _compact_payloads(self, files: Sequence[DataFile]) -> int:
        """Join small data files of payloads; each is read and written once, whole payloads at a time."""
        stored = self.tables["payloads"]
        groups: list[list[DataFile]] = [[]]
        for file in sorted(files, key=lambda file: (file.oldest is None, file.oldest, file.path)):
            if groups[-1] and sum(one.size for one in groups[-1]) + file.size > PAYLOAD_FILE:
                groups.append([])
            groups[-1].append(file)
        count = 0
        for group in groups:
            if len(group) == 1 and group[0].is_packed:
                count += 1
                continue
            added = stored.write_streamed(self._distinct_payloads(group), group[0].month)
            stored.commit([added], group, data_change=False)
            count += 1
        return count

    def _distinct_payloads(self, files: Sequence[DataFile]) -> Iterator[pa.Table]:
        seen: set[tuple[str, str | None]] = set()
        stored = self.tables["payloads"]
        for file in files:
            with stored.open_file(file) as source:
                reader = pq.ParquetFile(source)
                for group in range(reader.num_row_groups):
                    rows = columns.in_shape(reader.read_row_group(group), PAYLOADS)
                    keys = list(zip(rows["payload_id"].to_pylist(), rows["chat"].to_pylist(), strict=True))
                    keep = [key not in seen and not seen.add(key) for key in keys]  # type: ignore[func-returns-value]
                    yield rows.filter(pa.array(keep))


def _literal(uri: str) -> str:
    """A path that DuckDB reads as it is, whatever folder the archive lies in: its globs switched off."""
    return "".join(f"[{char}]" if char in "[*?" else char for char in uri)
