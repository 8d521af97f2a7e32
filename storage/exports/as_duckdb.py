"""One DuckDB file with a table each, and the meaning of every column as its comment."""

from pathlib import Path
from typing import TYPE_CHECKING

from storage.exports import FORMATS, SLICE
from storage.exports.described import COLUMNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NAME = "exported"  # of the file among the connection's databases


class Writer:
    def __init__(self, con: "DuckDBPyConnection", folder: Path) -> None:
        self._con = con
        self._made: set[str] = set()
        path = str(folder / FORMATS["duckdb"].main).replace("'", "''")
        con.execute(f"ATTACH '{path}' AS {NAME}")  # takes no parameters

    def write(self, table: str) -> None:
        if table in self._made:
            self._con.execute(f"INSERT INTO {NAME}.{table} FROM {SLICE}")
            return
        self._made.add(table)
        self._con.execute(f"CREATE TABLE {NAME}.{table} AS FROM {SLICE}")
        for column in COLUMNS[table]:
            text = column.text.replace("'", "''")
            self._con.execute(f"""COMMENT ON COLUMN {NAME}.{table}."{column.name}" IS '{text}'""")

    def finish(self) -> None:
        self._con.execute(f"CHECKPOINT {NAME}")
        self._con.execute(f"DETACH {NAME}")

    def close(self) -> None:
        """The connection closes what it has attached."""
