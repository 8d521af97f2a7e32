"""Parquet: a file a table, in the order of time, compressed with zstd; times and lists typed as in the archive."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from storage.exports import SLICE, TABLES
from storage.exports.described import COLUMNS
from storage.schema import TABLES as STORED
from storage.schema import TEXT, TEXTS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LEVEL = 3  # of zstd
_DERIVED = {"platform": TEXT, "id": TEXT, "chats": TEXTS}  # the columns that a merge adds to the stored ones


def schema(table: str) -> pa.Schema:
    """The columns of a table as Arrow types."""
    kinds = {**_DERIVED, **STORED[table].columns}
    return pa.schema({column.name: kinds[column.name] for column in COLUMNS[table]})


class Writer:
    def __init__(self, con: "DuckDBPyConnection", folder: Path) -> None:
        self._con = con
        self._files = {
            table: pq.ParquetWriter(
                folder / f"{table}.parquet", schema(table), compression="zstd", compression_level=LEVEL
            )
            for table in TABLES
        }

    def write(self, table: str) -> None:
        rows = self._con.sql(f"FROM {SLICE}").to_arrow_table()
        if rows.num_rows:
            self._files[table].write_table(rows.cast(schema(table)))

    def finish(self) -> None:
        for file in self._files.values():
            file.close()

    def close(self) -> None:
        self.finish()
