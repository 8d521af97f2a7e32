"""What JSON lines and CSV share: DuckDB writes each slice into a part, and the parts are joined as they come."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from storage.exports import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PART = ".part"  # a hidden file beside the others, gone when the export is finished


class TextWriter:
    """Writes a file a table.

    Args:
        con: has the view `slice`.
        folder: where the files go.
        suffix: how their names end.
        statement: the COPY for a slice of a table, without its target: the query and the options.
        start: what a table's file begins with.
    """

    def __init__(
        self,
        con: "DuckDBPyConnection",
        folder: Path,
        suffix: str,
        statement: Callable[[str], tuple[str, str]],
        start: Callable[[str], bytes] = lambda _table: b"",
    ) -> None:
        self._con = con
        self._part = folder / PART
        self._statement = statement
        self._files: dict[str, BinaryIO] = {}
        for table in TABLES:
            self._files[table] = (folder / f"{table}{suffix}").open("wb")
            self._files[table].write(start(table))

    def write(self, table: str) -> None:
        query, options = self._statement(table)
        self._con.execute(f"COPY ({query}) TO $part ({options})", {"part": str(self._part)})
        with self._part.open("rb") as part:
            shutil.copyfileobj(part, self._files[table], 1 << 20)

    def finish(self) -> None:
        for file in self._files.values():
            file.close()
        self._part.unlink(missing_ok=True)

    def close(self) -> None:
        for file in self._files.values():
            file.close()
