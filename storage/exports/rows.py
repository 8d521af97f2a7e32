"""The rows of an export: merged, chosen, in order, a slice at a time.

Months are read a few at a time, as they lie in the archive, so memory does not grow with it. A record whose observations
lie in several months, because sources differ about its time, is merged apart: there is one row a record, always.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from storage.changes import Changes
from storage.exports import queries
from storage.months import bounds
from storage.schema import ACCOUNTS, POSTS, REPOSTS, Table
from storage.tables import DataFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from knowarchive.model import Payload
    from storage.archive import Archive

ROWS_AT_ONCE = 60_000  # observations that DuckDB merges in one go, unless one month has more
SLICE_ROWS = 30_000  # rows that a writer is given at once
PEOPLE_AT_ONCE = 200_000
_EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
_MOMENTS = pa.schema({"moment": pa.timestamp("us", tz="UTC")})
_MONTHS = pa.schema({"since": pa.timestamp("us", tz="UTC"), "until": pa.timestamp("us", tz="UTC")})


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows an export has. All that is None does not limit it.

    Args:
        since: posts made from then on; aware.
        until: posts made before.
        choose: given a stretch [since, until), the uids of the posts in it that are meant.
        changes: what changed, by table; a table that is missing changed throughout.
        is_forbidding: what a person's `consent` says about files for everybody; set, the export is such a file.
        rewriting: how rows are written anew before they are exported.
    """

    since: datetime | None = None
    until: datetime | None = None
    choose: Callable[[datetime, datetime], Sequence[str]] | None = None
    changes: dict[str, Changes] | None = None
    is_forbidding: Callable[[str], bool] | None = None
    rewriting: "Rewriting | None" = None

    @property
    def is_everything(self) -> bool:
        """Whether no post of the archive is left out, so that nothing that belongs to posts is either."""
        return (self.since, self.until, self.choose, self.is_forbidding) == (None,) * 4


@dataclass(frozen=True, slots=True)
class Rewriting:
    """Rows written anew: each is given with its table's name, and has to keep its columns and their types.

    `salt` decides how rows of the same moment are ordered, and accounts: those of the original keys would be told by it.
    """

    rewrite: Callable[[str, pa.Table], pa.Table]
    salt: str


class Rows:
    """Reads the rows of an export. Use `slices` once.

    Args:
        archive: where from.
        con: a connection of its own; slices appear in it as the view `slice`.
        selection: which.
    """

    def __init__(self, archive: "Archive", con: "DuckDBPyConnection", selection: Selection) -> None:
        self._archive = archive
        self._con = con
        self._selection = selection
        self._forbidding: list[str] = []
        self._platforms: set[str] = set()
        con.execute(queries.NOTES)

    @property
    def expected(self) -> int:
        """How many observations there are to be read, for a progress bar."""
        return sum(file.rows for spec in (POSTS, REPOSTS) for file in self._files(spec))

    def slices(self, on_progress: Callable[[int], None] = lambda _rows: None) -> Iterator[tuple[str, int]]:
        """Yield the table and the number of rows of each slice; posts first, then reposts, then accounts.

        Every table has at least one slice, which may be empty. `on_progress` is told how many observations are read.
        """
        selection, done = self._selection, 0
        self._gather_people()
        for spec, conditions in ((POSTS, self._of_posts()), (REPOSTS, self._of_reposts())):
            files = self._files(spec)
            self._scan(spec, self._archive.tables[spec.name].files())
            for statement in queries.strays(spec):
                self._con.execute(statement)
            [(moved,)] = self._con.execute(queries.COUNT_MOVED).fetchall()
            self._note_changes(spec)
            for since, until, rows in _spans(files) or [(*_EVER, 0)]:
                # Posts are bounded by their own time; of reposts it is their post's that counts, which is known by now.
                first = max(since, selection.since or since) if spec is POSTS else since
                last = min(until, selection.until or until) if spec is POSTS else until
                self._scan(spec, [file for file in files if f"{since:%Y-%m}" <= file.month < f"{until:%Y-%m}"])
                if spec is POSTS and selection.choose is not None:
                    self._con.register(
                        "chosen", pa.table({"uid": pa.array(selection.choose(first, last), pa.string())})
                    )
                is_ready = not (moved or conditions or selection.rewriting) and self._stands_in_order(spec)
                rows_of_span = queries.span(spec, any_moved=moved > 0, is_distinct=is_ready)
                bound = {"since": first, "until": last}
                yield from self._stage(spec.name, rows_of_span, conditions, bound, sort=not is_ready)
                done += rows
                on_progress(done)
        self._scan(ACCOUNTS, self._archive.tables["accounts"].files())
        self._note_changes(ACCOUNTS)
        yield from self._stage("accounts", "SELECT * FROM people", self._of_accounts(), {})

    @property
    def platforms(self) -> list[str]:
        """The networks of the posts that came so far."""
        return sorted(self._platforms)

    def payloads(self) -> Iterator[tuple["Payload", dict[str, Any]]]:
        """The payloads that any observation of the chosen posts came from, instead of their rows."""
        for _ in self.slices():
            pass
        if self._selection.is_everything:
            yield from self._archive.payloads()
            return
        self._scan(POSTS, self._archive.tables["posts"].files())
        wanted = {payload_id for (payload_id,) in self._con.execute(queries.PAYLOADS_OF_WRITTEN).fetchall()}
        yield from (one for one in self._archive.payloads() if one[1]["payload_id"] in wanted)

    def _of_posts(self) -> list[str]:
        conditions = [queries.CHOSEN] if self._selection.choose is not None else []
        return [*conditions, queries.PUBLIC_POST] if self._selection.is_forbidding is not None else conditions

    def _of_reposts(self) -> list[str]:
        conditions = [] if self._selection.is_everything else [queries.OF_WRITTEN]
        return [*conditions, queries.PUBLIC_REPOST] if self._selection.is_forbidding is not None else conditions

    def _of_accounts(self) -> list[str]:
        selection = self._selection
        conditions = [] if selection.is_everything else [queries.WROTE_OR_REPEATED]
        return [*conditions, queries.PUBLIC_ACCOUNT] if selection.is_forbidding is not None else conditions

    def _stage(
        self, table: str, rows: str, conditions: list[str], bound: Mapping[str, object], *, sort: bool = True
    ) -> Iterator[tuple[str, int]]:
        public = self._selection.is_forbidding is not None
        if table == "posts" and public:
            bound = {**bound, "forbidding": self._forbidding}
        rewriting = self._selection.rewriting
        if rewriting is not None:
            bound = {**bound, "salt": rewriting.salt}
        salted = rewriting is not None
        self._con.execute(queries.staged(table, rows, conditions, public=public, sort=sort, salted=salted), bound)
        if not self._selection.is_everything and table in queries.NOTE:
            self._con.execute(queries.NOTE[table])  # also what did not change: what belongs to it may have
        if self._changes(table) is not None:
            self._con.execute(queries.changed_of_staged(table))
        if table == "posts":
            self._platforms.update(platform for (platform,) in self._con.execute(queries.PLATFORMS).fetchall())
        [(count,)] = self._con.execute("SELECT count(*) FROM staged").fetchall()
        for first in range(0, count or 1, SLICE_ROWS):
            self._con.execute(queries.slice_of_staged(first, first + SLICE_ROWS))
            if rewriting is not None:
                stored = self._con.sql(queries.ROWS_OF_SLICE).to_arrow_table()
                self._con.register("rewritten", rewriting.rewrite(table, stored))
                self._con.execute(queries.SLICE_OF_REWRITTEN)
            yield table, min(SLICE_ROWS, count - first)

    def _stands_in_order(self, spec: Table) -> bool:
        """Whether `stored` can be taken as it lies: the case of months that were packed and of which nothing came since.

        DuckDB reads files of a folder in their order; of an object store it may not.
        """
        if self._archive.tables[spec.name].folder is None:
            return False
        [(is_so,)] = self._con.execute(queries.stands_in_order(spec)).fetchall()
        return bool(is_so)

    def _gather_people(self) -> None:
        """Merge all accounts into the temporary table `people`: each was observed in many months, so none ends early."""
        files = self._archive.tables["accounts"].files()
        self._scan(ACCOUNTS, files)
        parts = sum(file.rows for file in files) // PEOPLE_AT_ONCE + 1
        for part in range(parts):
            start = "INSERT INTO people" if part else "CREATE OR REPLACE TEMP TABLE people AS"
            self._con.execute(f"{start} {queries.people(queries.PART)}", {"parts": parts, "part": part})
        if self._selection.is_forbidding is None:
            return
        values: set[str] = {value for (value,) in self._con.execute(queries.CONSENTS).fetchall()}
        self._scan(POSTS, self._archive.tables["posts"].files())
        values |= {value for (value,) in self._con.execute(queries.CONSENTS).fetchall()}
        self._forbidding = sorted(value for value in values if self._selection.is_forbidding(value))
        self._con.execute(queries.HIDDEN, {"forbidding": self._forbidding})

    def _changes(self, table: str) -> Changes | None:
        return self._selection.changes.get(table) if self._selection.changes is not None else None

    def _note_changes(self, spec: Table) -> None:
        changes = self._changes(spec.name)
        if changes is None:
            return
        self._con.register(
            "moments", pa.Table.from_pylist([{"moment": moment} for moment in changes.moments], schema=_MOMENTS)
        )
        months = [{"since": since, "until": until} for since, until in changes.months]
        self._con.register("months", pa.Table.from_pylist(months, schema=_MONTHS))
        self._con.execute(queries.changed(spec))

    def _files(self, spec: Table) -> list[DataFile]:
        since, until = (self._selection.since, self._selection.until) if spec is POSTS else (None, None)
        return self._archive.tables[spec.name].files(since, until)

    def _scan(self, spec: Table, files: Sequence[DataFile]) -> None:
        self._archive.scan(self._con, spec, files, "stored")


def _spans(files: Sequence[DataFile]) -> list[tuple[datetime, datetime, int]]:
    """Cut the months of data files into stretches of a bounded number of rows: [since, until) and the rows."""
    by_month: dict[str, int] = {}
    for file in files:
        by_month[file.month] = by_month.get(file.month, 0) + file.rows
    found: list[tuple[datetime, datetime, int]] = []
    for month, rows in sorted(by_month.items()):
        since, until = bounds(month)
        if found and found[-1][2] + rows <= ROWS_AT_ONCE:
            found[-1] = (found[-1][0], until, found[-1][2] + rows)
        else:
            found.append((since, until, rows))
    return found
