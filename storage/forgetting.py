"""What an archive knows of people who are to be forgotten: who they are, where they are, and that they must not come back.

Of whom was forgotten only keyed digests are kept, in the table of erasures: a row when it is asked for, another when it is
done. The key lies outside the archive.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from knowarchive.model import Payload
from storage import columns, queries
from storage.erasure import rewrite, write_notes
from storage.schema import ACCOUNTS, ERASURES, PAYLOADS, POSTS, QUARANTINE, REPOSTS, RUNS
from storage.scratch import sweep

if TYPE_CHECKING:
    from storage.archive import Archive
    from storage.tables import DataFile

PREFIX = "forgotten:"  # begins what stands in the place of a uid in the table of erasures
REASON = "forgotten"
#: Tables that no payload brings about, and that may name people.
NAMING = (QUARANTINE, RUNS, ERASURES)


@dataclass(frozen=True, slots=True)
class Sight:
    """An account as a record names it: either of uid and handle may be unknown."""

    platform: str
    uid: str | None
    handle: str | None


def remembered(archive: "Archive") -> frozenset[str]:
    """The digests of all identities that must not be stored again."""
    return frozenset(_digests(archive))


def unfinished(archive: "Archive") -> frozenset[str]:
    """The digests of those whom nobody has finished forgetting: a process was stopped before it could."""
    return frozenset(digest for digest, is_done in _digests(archive).items() if not is_done)


def _digests(archive: "Archive") -> dict[str, bool]:
    files = archive.tables["erasures"].files()
    if not files:
        return {}
    with archive.connect() as con:
        archive.scan(con, ERASURES, files, "erasures")
        rows = con.sql(queries.FORGOTTEN).to_arrow_table().to_pylist()
    return {row["uid"].removeprefix(PREFIX): row["is_done"] for row in rows}


def note(archive: "Archive", digests: Iterable[str], *, asked_at: datetime, done_at: datetime | None) -> None:
    """Note identities that are to be forgotten, or that they are; on the disk when this returns."""
    rows = [
        {"uid": f"{PREFIX}{digest}", "reason": REASON, "created_at": None, "asked_at": asked_at, "done_at": done_at}
        for digest in sorted(digests)
    ]
    if rows:
        write_notes(archive, rows)


class RedactedPayloads:
    """The payloads that lost records: what is stored of one stands in for it when the same comes again."""

    def __init__(self, archive: "Archive") -> None:
        self._archive = archive
        with archive.connect() as con:
            archive.scan(con, PAYLOADS, archive.tables["payloads"].files(), "payloads")
            rows = con.sql(queries.REDACTED).fetchall()
        self._ids = {payload_id for payload_id, _, _ in rows}
        self._places = {(name, position) for _, name, position in rows}

    def find(self, payload: Payload) -> tuple[Payload, int] | None:
        """What is stored of a payload that lost records, and how many; None for any other."""
        if (payload.format, payload.position) not in self._places or payload.payload_id not in self._ids:
            return None
        with self._archive.connect() as con:
            self._archive.scan(con, PAYLOADS, self._archive.tables["payloads"].files(), "payloads")
            rows = con.sql(queries.STORED_PAYLOAD, params={"id": payload.payload_id}).to_arrow_table()
        return columns.payloads_from(rows)[0], rows["redacted"][0].as_py()


# Who they are, and where


def sights(archive: "Archive") -> list[Sight]:
    """Every account that any record names: authors, reposters, profiles, people who are mentioned."""
    with archive.connect() as con:
        _scan(archive, con)
        rows = con.sql(queries.SIGHTS).fetchall()
    return [Sight(*row) for row in rows]


def records_of(archive: "Archive", accounts: Iterable[str], handles: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """What is stored of people's own records: every observation, the kind of record in `table`.

    Args:
        archive: where.
        accounts: their uids.
        handles: `platform:handle` as stored, of those records that have no uid.
    """
    with archive.connect() as con:
        _scan(archive, con)
        _register(con, accounts, handles)
        for query in (queries.OWN_POSTS, queries.OWN_ACCOUNTS, queries.OWN_REPOSTS):
            yield from con.sql(query).to_arrow_table().to_pylist()


def count_mentions(archive: "Archive", accounts: Iterable[str], handles: Iterable[str]) -> int:
    """How many posts of others mention them."""
    with archive.connect() as con:
        _scan(archive, con)
        _register(con, accounts, handles)
        [(count,)] = con.sql(queries.COUNT_MENTIONS).fetchall()
    return int(count)


def texts(archive: "Archive") -> Iterator[tuple[str, str]]:
    """Every text of every post as it was ever observed, with the post's uid."""
    with archive.connect() as con:
        archive.scan(con, POSTS, archive.tables["posts"].files(), "posts")
        reader = con.sql(queries.TEXTS).to_arrow_reader(10_000)
        for batch in reader:
            yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)


def _scan(archive: "Archive", con: Any) -> None:
    for spec in (POSTS, ACCOUNTS, REPOSTS):
        archive.scan(con, spec, archive.tables[spec.name].files(), f"all_{spec.name}")


def _register(con: Any, accounts: Iterable[str], handles: Iterable[str]) -> None:
    con.register("wanted_accounts", pa.table({"uid": pa.array(sorted(accounts), pa.string())}))
    con.register("wanted_handles", pa.table({"handle": pa.array(sorted(handles), pa.string())}))


# Taking them out


def scrub_naming(archive: "Archive", scrub: Callable[[str], str]) -> int:
    """Scrub every text of the tables that no payload brings about. Returns how many files were written anew."""
    count = 0
    for spec in NAMING:
        stored = archive.tables[spec.name]

        def without(file: "DataFile", spec: Any = spec) -> Iterator[pa.Table] | None:
            with archive.connect() as con:
                archive.scan(con, spec, [file], "stored")
                rows = con.sql("SELECT * FROM stored").to_arrow_table().select(spec.schema.names).to_pylist()
            clean = [{name: _scrubbed(value, scrub) for name, value in row.items()} for row in rows]
            if clean == rows:
                return None
            return iter([pa.Table.from_pylist(clean, schema=spec.schema)])

        count += rewrite(stored, lambda table: table.files(), without)
    return count


def _scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return value if value.startswith(PREFIX) else scrub(value)
    return [_scrubbed(item, scrub) for item in value] if isinstance(value, list) else value


def purge(archive: "Archive") -> None:
    """Delete every file that no live version uses, for good; call it while nobody else writes.

    Raises:
        StorageError: they cannot be deleted.
    """
    for stored in archive.tables.values():
        if stored.folder:
            stored.vacuum(0)
        else:
            stored.purge()  # others, on other machines, may be writing
    sweep(archive.state / "scratch")
