"""The way out of the archive: which formats there are, and what a writer of one offers.

Rows come in slices that are merged, chosen and in order (`rows.py`), each as the view `slice` of a DuckDB connection. A
writer takes slice after slice and never holds more than one, so an export of any size needs the same memory. A new format
is one new module and one line in `FORMATS`.

Writers stand here and not among the transcripts' because they write tables, not sessions: DuckDB reads them from Parquet
and writes most of them itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SLICE = "slice"  # the view that holds the rows to be written
TABLES = ("posts", "reposts", "accounts")  # in the order in which slices come


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the module with its `Writer`, and the files that it makes in the folder of an export.

    `files` maps tables to names. A format with one entry makes one file of everything; then the key is "".
    `suffixes` are the endings by which a single file of it is known; one that holds a single table has the posts alone.
    """

    module: str
    files: Mapping[str, str]
    suffixes: tuple[str, ...]
    mediatype: str
    text: str

    @property
    def main(self) -> str:
        """The file that a single-file export consists of."""
        return self.files.get("") or self.files["posts"]


def _tables(suffix: str) -> dict[str, str]:
    return {table: f"{table}{suffix}" for table in TABLES}


FORMATS: dict[str, Format] = {
    "jsonl": Format(
        "storage.exports.as_jsonl",
        _tables(".jsonl"),
        (".jsonl", ".ndjson"),
        "application/x-ndjson",
        "JSON lines; knowarchive import takes them back",
    ),
    "csv": Format(
        "storage.exports.as_csv",
        _tables(".csv"),
        (".csv",),
        "text/csv",
        "tables for spreadsheets; nothing in them is rounded or executed",
    ),
    "parquet": Format(
        "storage.exports.as_parquet",
        _tables(".parquet"),
        (".parquet",),
        "application/vnd.apache.parquet",
        "Parquet for programs; knowarchive import takes it back",
    ),
    "duckdb": Format(
        "storage.exports.as_duckdb",
        {"": "knowarchive.duckdb"},
        (".duckdb",),
        "application/vnd.duckdb",
        "one DuckDB file with all tables",
    ),
    "sqlite": Format(
        "storage.exports.as_sqlite",
        {"": "knowarchive.db"},
        (".db", ".sqlite", ".sqlite3"),
        "application/vnd.sqlite3",
        "one SQLite file with full-text search, as Datasette serves it",
    ),
    "ids": Format(
        "storage.exports.as_ids",
        {"x": "x.txt", "bluesky": "bluesky.txt", "mastodon": "mastodon.txt"},
        (),
        "text/plain",
        "identifiers alone, as each network writes them",
    ),
    "gexf": Format(
        "storage.exports.as_gexf",
        {"": "conversations.gexf"},
        (".gexf",),
        "application/gexf+xml",
        "who talks with whom, for Gephi",
    ),
    "payloads": Format(
        "storage.exports.as_payloads",
        {"": "payloads.jsonl"},
        (),
        "application/x-ndjson",
        "what was received, unchanged, with a list of it",
    ),
}


class Writer(Protocol):
    """One export on its way to the disk."""

    def __init__(self, con: "DuckDBPyConnection", folder: Path) -> None: ...

    def write(self, table: str) -> None:
        """Take the rows of a table that are in `slice` now; at least once a table, for its columns."""
        ...

    def finish(self) -> None:
        """Write what remains, and close all files."""
        ...

    def close(self) -> None:
        """Give back files and connections, finished or not."""
        ...


def load_writer(name: str) -> type[Writer]:
    """Import the writer of a format."""
    return cast("type[Writer]", import_module(FORMATS[name].module).Writer)
