"""Prove that an archive is what it says: tables, payloads, ledger and index agree, and nothing erased is left.

Everything is read to its end, and nothing is changed but what a power loss tore, which opening mends.
"""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import connectors
from knowarchive.config import Config
from knowarchive.errors import KnowarchiveError
from pipelines.backups import damaged
from pipelines.diagnosis import Check
from pipelines.indexing import index_folder, is_current
from storage import columns, months, queries
from storage.archive import Archive
from storage.erasure import asked_for, unerased
from storage.places import digest, place_at
from storage.schema import PAYLOADS, POSTS
from storage.tables import NO_MONTH, DataFile, StoredTable
from transcripts.search.index import open_index

FEW = 3  # of what is wrong that are named


def verify(
    config: Config, archive: Archive, *, on_progress: Callable[[int, int], None] = lambda _bytes, _rows: None
) -> Iterator[Check]:
    """Look at everything, and say of each part whether it is as it should be.

    Args:
        config: the archive's.
        archive: which.
        on_progress: told how many bytes and rows were read so far.

    Yields:
        Check: ok, warning (it can be rebuilt, or is none of ours) or failed.
    """
    reading = _Reading(on_progress)
    whole = True
    for name, stored in archive.tables.items():
        check = _table(stored, reading)
        whole = whole and check.status == "ok"
        yield Check(check.status, f"table {name}", check.finding)
    if not whole:  # what follows would only say the same again
        yield Check("warning", "contents", "not looked at, since a table is damaged; restore a backup")
        return
    yield _payloads(archive, reading)
    yield _origins(archive)
    yield _erased(archive)
    yield _index(config, archive)


class _Reading:
    """How much was read so far."""

    def __init__(self, on_progress: Callable[[int, int], None]) -> None:
        self._bytes = self._rows = 0
        self._on_progress = on_progress

    def add(self, size: int, rows: int) -> None:
        self._bytes, self._rows = self._bytes + size, self._rows + rows
        self._on_progress(self._bytes, self._rows)


def _table(stored: StoredTable, reading: _Reading) -> Check:
    """Read every live file of a table to its end."""
    wrong: list[str] = []
    rows = size = 0
    try:
        files = stored.files()
    except KnowarchiveError as error:
        return Check("failed", "", str(error))
    for file in files:
        try:
            trouble = _file(stored, file)
        except (OSError, pa.ArrowException, KnowarchiveError) as error:
            trouble = " ".join(str(error).split())[:200]
        if trouble:
            wrong.append(f"{file.path}: {trouble}")
        rows, size = rows + file.rows, size + file.size
        reading.add(file.size, file.rows)
    if wrong:
        return Check("failed", "", f"{len(wrong):,} of {len(files):,} files are wrong: {_some(wrong)}")
    return Check("ok", "", f"{rows:,} rows in {len(files):,} files, {size / 1e6:,.1f} MB, read to their end")


def _file(stored: StoredTable, file: DataFile) -> str | None:
    """What is wrong with a data file; None where nothing is."""
    first, end = months.bounds(file.month) if file.month != NO_MONTH else (None, None)
    count = 0
    with stored.open_file(file) as source:
        size = source.seek(0, 2)
        if size != file.size:
            return f"has {size:,} bytes, not {file.size:,}"
        named = file.path.rpartition("/")[2].removesuffix(".parquet").partition(".")[2]
        if named and not digest(file.path, place_at(stored.uri)).startswith(
            named
        ):  # files of old have no name like that
            return "has not the bytes that were written"
        source.seek(0)
        reader = pq.ParquetFile(source)
        for group in range(reader.num_row_groups):
            rows = reader.read_row_group(group)
            rows.validate(full=True)
            count += rows.num_rows
            times = rows[stored.spec.month_of]
            if first is None and times.null_count < rows.num_rows:
                return "has rows of a month among those without a time"
            if first is not None and end is not None:
                low, high = (limit.as_py() for limit in pc.min_max(times).values())
                if times.null_count or low < first or high >= end:
                    return f"has rows that are not of {file.month}"
    return None if count == file.rows else f"has {count:,} rows, not {file.rows:,}"


def _payloads(archive: Archive, reading: _Reading) -> Check:
    """Every payload has the bytes that its id says, and this version understands its format."""
    stored = archive.tables["payloads"]
    count = redacted = 0
    wrong: list[str] = []
    strange: set[str] = set()
    for file in stored.files():
        with stored.open_file(file) as source:
            reader = pq.ParquetFile(source)
            for group in range(reader.num_row_groups):
                rows = columns.in_shape(reader.read_row_group(group), PAYLOADS)
                names, lost = rows["payload_id"].to_pylist(), rows["redacted"].to_pylist()
                for payload, name, was_redacted in zip(columns.payloads_from(rows), names, lost, strict=True):
                    count += 1
                    redacted += bool(was_redacted)
                    if not was_redacted and payload.payload_id != name:
                        wrong.append(name)
                    if payload.format not in connectors.FORMATS:
                        strange.add(payload.format)
        reading.add(file.size, 0)
    if wrong:
        return Check("failed", "payloads", f"{len(wrong):,} of {count:,} have not the bytes that came: {_some(wrong)}")
    if strange:
        return Check("failed", "payloads", f"this version does not know the format of some: {_some(sorted(strange))}")
    finding = f"{count:,} have the bytes that came"
    return Check("ok", "payloads", finding + (f"; {redacted:,} lost what was erased" if redacted else ""))


def _origins(archive: Archive) -> Check:
    """Every observation came from a payload that is there."""
    with archive.connect() as con:
        archive.create_views(con)
        posts, orphans = con.sql(queries.ORPHANS).fetchall()[0]
    if orphans:
        return Check("failed", "posts", f"{orphans:,} of {posts:,} came from payloads that are not there")
    return Check("ok", "posts", f"{posts:,}, each from a payload that is there")


def _erased(archive: Archive) -> Check:
    """Nothing that was erased is left, and nothing waits to be."""
    if left := unerased(archive):
        return Check("failed", "erasures", f"{len(left):,} posts are still to be erased; run: knowarchive refresh")
    gone = asked_for(archive)
    with archive.connect() as con:
        archive.scan(con, POSTS, archive.tables["posts"].files(), "stored")
        con.register("erased", pa.table({"uid": pa.array(gone, pa.string())}))
        [(count,)] = con.sql(queries.STILL_SAID).fetchall()
    if count:
        return Check("failed", "erasures", f"{count:,} observations of erased posts still say something")
    return Check("ok", "erasures", f"{len(gone):,} posts were erased, and nothing of them is left")


def _index(config: Config, archive: Archive) -> Check:
    """The index is of this archive, and has its posts: no more, and no fewer."""
    folder = index_folder(config)
    try:
        index = open_index(folder)
    except KnowarchiveError as error:
        return Check("failed", "index", str(error))
    if index is None:
        return Check("ok", "index", "there is none yet; the first search builds it")
    if not is_current(config):
        return Check("warning", "index", "is behind the archive; the next search, or knowarchive index, brings it up")
    with archive.connect() as con:
        archive.create_views(con)
        [(posts,)] = con.sql("SELECT count(*) FROM posts").fetchall()
    if index.searcher.num_docs != posts:
        return Check("failed", "index", f"has {index.searcher.num_docs:,} posts, not {posts:,}; build it with: "
                     "knowarchive index --rebuild")  # fmt: skip
    return Check("ok", "index", f"has the {posts:,} posts of the archive")


def verify_backup(address: str, *, on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> Check:
    """Whether every file of a backup is what it was.

    Raises:
        UsageError: there is no backup at this address.
    """
    wrong = list(damaged(address, on_progress=on_progress))
    if wrong:
        return Check(
            "failed",
            "backup",
            f"{len(wrong):,} of its files missing or damaged: {_some(wrong)}; make it anew elsewhere",
        )
    return Check("ok", "backup", "every file is as it was copied")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:FEW]) + (", …" if len(names) > FEW else "")
