r"""CSV that a spreadsheet opens right, and that comes back as it was.

UTF-8 with the mark by which Excel knows it, commas, every text in quotes. Lists are JSON, times ISO 8601. A spreadsheet
must not execute what a stranger wrote, nor round an id, whatever separator it believes in, so an apostrophe is put

- before any of `= + - @` (and their wide forms) that begins a cell, or would if the cell were cut at one of `, ; TAB CR LF`,
  spaces, quotes and what is invisible between them aside (https://owasp.org/www-community/attacks/CSV_Injection);
- before a TAB, CR or LF that begins a cell;
- into a cell that is empty but not unknown, or nothing but apostrophes: unknown is an empty cell;
- before a cell that is a number: spreadsheets keep 15 digits of it, and ids have more.

In all four a reader that takes the last apostrophe away has the text back (`connectors/knowarchive/table.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from storage.exports import SLICE
from storage.exports.as_text import TextWriter
from storage.exports.described import COLUMNS
from storage.exports.queries import flat

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BOM = b"\xef\xbb\xbf"

#: What a spreadsheet may pass over before a formula: spaces, quotes, and what is invisible.
_PASSED = (
    r" \"''\x{0}-\x{8}\x{b}\x{c}\x{e}-\x{1f}\x{a0}\x{2000}-\x{200f}\x{2028}-\x{202f}\x{205f}-\x{2064}\x{3000}\x{feff}"
)
#: Each pattern with what it becomes. RE2, in SQL; in each, the apostrophe goes where the reader will look for it.
SAFE = (
    (rf"(^|[,;\t\r\n])([{_PASSED}]*)([=+\-@＝＋－＠])", r"\1\2''\3"),
    (rf"^([{_PASSED}]*)([\t\r\n])", r"\1''\2"),
    (r"^(''*)$", r"\1''"),
    (r"^(''*)([0-9.,]+(?:[eE][+\-]?[0-9]+)?)$", r"\1''\2"),
)


class Writer(TextWriter):
    def __init__(self, con: "DuckDBPyConnection", folder: Path) -> None:
        super().__init__(con, folder, ".csv", _statement, _header)


def guarded(value: str) -> str:
    """SQL for a text that no spreadsheet executes or rounds."""
    for pattern, safe in SAFE:
        value = f"regexp_replace({value}, '(?-m){pattern}', '{safe}', 'g')"
    return value


def _header(table: str) -> bytes:
    return BOM + ",".join(column.name for column in COLUMNS[table]).encode() + b"\n"


def _statement(table: str) -> tuple[str, str]:
    columns, texts = [], []
    for column in COLUMNS[table]:
        value = flat(column)
        if column.kind in {"text", "list"}:
            value = guarded(value)
            texts.append(f'"{column.name}"')
        columns.append(f'{value} AS "{column.name}"')
    query = f"SELECT {', '.join(columns)} FROM {SLICE}"  # noqa: S608 - our own names
    return query, f"FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', ESCAPE '\"', FORCE_QUOTE ({', '.join(texts)})"
