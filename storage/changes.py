"""What changed in a table since a version of it: read from the table's own log, in which compaction changes nothing.

Nothing heavy is imported to find out that nothing changed.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from storage.months import bounds

if TYPE_CHECKING:
    from storage.archive import Archive

LOG = "_delta_log"
SUM = "checkpoint.parquet"  # what a sum of the log is called after its version
ENTRY_DIGITS = 20  # of a log entry's name, which is its version


class Changes(msgspec.Struct, frozen=True):
    """What two versions of a table do not share.

    `moments` are the times of the rows that were added, in order and each once; `months` are (since, until) of months
    of which files were taken away or can no longer be read: all of them may have changed.
    """

    moments: tuple[datetime, ...] = ()
    months: tuple[tuple[datetime, datetime], ...] = ()


def newest_version(url: str, table: str) -> int | None:
    """The newest version of a table; None where there is no table yet. On a folder, one look at a folder.

    Args:
        url: the archive's address, as in `Archive`.
        table: its name.
    """
    if "://" not in url:
        return max(_versions(Path(url) / table), default=None)
    from storage.schema import TABLES
    from storage.tables import StoredTable

    delta = StoredTable(url, TABLES[table]).open()
    return None if delta is None else delta.version()


def changes(archive: "Archive", table: str, since: int | None, until: int) -> Changes | None:
    """What was added to or taken from a table after version `since`, up to version `until`.

    Returns:
        None where the log does not tell, so that everything may have changed.
    """
    added: dict[str, str] = {}
    months: set[str] = set()
    for version in range(-1 if since is None else since, until):
        entry = _entry(archive, table, version + 1)
        if entry is None:
            return None
        for action in entry:
            if (one := action.get("add")) and one.get("dataChange"):
                added[unquote(one["path"])] = one["partitionValues"]["month"]
            elif (one := action.get("remove")) and one.get("dataChange"):
                months.add(unquote(one["path"]).partition("/")[0].removeprefix("month="))
    moments, unread = _moments(archive, table, {path: month for path, month in added.items() if month not in months})
    touched = [_bounds(month) for month in sorted(months | unread)]
    if None in touched:
        return None
    return Changes(moments, tuple(one for one in touched if one))


def _versions(folder: Path) -> Iterator[int]:
    try:
        names = os.listdir(folder / LOG)  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return
    for name in names:
        stem, _, ending = name.partition(".")
        if ending == "json" and len(stem) == ENTRY_DIGITS and stem.isdigit():
            yield int(stem)


def _entry(archive: "Archive", table: str, version: int) -> list[dict[str, Any]] | None:
    """The actions of one entry of the log; None where it is gone or torn."""
    stored = archive.tables[table]
    name = f"{LOG}/{version:0{ENTRY_DIGITS}d}.json"
    try:
        from storage.places import place_at

        with place_at(stored.uri).open(name) as source:
            data = source.read()
        return [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
    except (OSError, ValueError):
        return None


def _moments(archive: "Archive", table: str, added: dict[str, str]) -> tuple[tuple[datetime, ...], set[str]]:
    """The times of the rows in data files, and the months of those that are no longer there."""
    if not added:
        return (), set()
    import pyarrow.parquet as pq

    from storage.tables import DataFile

    stored = archive.tables[table]
    column = stored.spec.month_of
    moments: set[datetime] = set()
    unread: set[str] = set()
    for path, month in added.items():
        try:
            with stored.open_file(DataFile(path, 0, 0, month, None, None)) as source:
                times = pq.ParquetFile(source).read([column])[column].to_pylist()
        except OSError:
            unread.add(month)  # compacted since, and vacuumed
            continue
        moments.update(time for time in times if time is not None)
    return tuple(sorted(moments)), unread


def _bounds(month: str) -> tuple[datetime, datetime] | None:
    """See `storage.months`; None for what is filed under no month."""
    try:
        return bounds(month)
    except ValueError:
        return None
