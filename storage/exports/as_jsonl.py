"""JSON lines: a file a table, one object a line with every column, missing ones null, times as UTC with a Z."""

from pathlib import Path
from typing import TYPE_CHECKING

from storage.exports import queries
from storage.exports.as_text import TextWriter

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Writer(TextWriter):
    def __init__(self, con: "DuckDBPyConnection", folder: Path) -> None:
        super().__init__(con, folder, ".jsonl", lambda table: (queries.json_rows(table), "FORMAT json"))
