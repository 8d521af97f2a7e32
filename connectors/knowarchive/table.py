"""CSV of an export, whatever a spreadsheet did to its separators. It is read as the JSON lines that it stands for.

Cells are taken back to what they were before apostrophes guarded them (see `storage/exports/as_csv.py`).
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from connectors.files.lines import Overlong
from connectors.files.rows import delimiter_of, split_rows
from connectors.knowarchive.lines import count_items, map_payload, redact, screen
from connectors.knowarchive.rows import table_of
from connectors.refusals import FAILURES
from knowarchive.errors import ReadError

__all__ = ["CUT", "count_items", "map_payload", "read_lines", "recognises", "redact", "screen", "unguard"]

CUT = "converted"

COUNTS = frozenset(("likes", "reposts", "replies", "quotes", "followers", "following", "posts"))
LISTS = frozenset(("hashtags", "mentions", "links", "media", "poll", "withheld", "chats"))

_PASSED = " \"'\x00-\x08\x0b\x0c\x0e-\x1f\xa0\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff"
#: Where an apostrophe was put in so that no spreadsheet executes or rounds a cell; the last put in comes first.
_PUT_IN = (
    re.compile(r"\A('*)'([0-9.,]+(?:[eE][+\-]?[0-9]+)?)\Z"),
    re.compile(r"\A('*)'()\Z"),
    re.compile(rf"\A([{_PASSED}]*)'([\t\r\n])"),
    re.compile(rf"((?:\A|[,;\t\r\n])[{_PASSED}]*)'([=+\-@＝＋－＠])"),
)


def unguard(cell: str) -> str:
    """The text that a cell stands for."""
    if "'" not in cell:
        return cell
    for pattern in _PUT_IN:
        cell = pattern.sub(r"\1\2", cell)
    return cell


def recognises(lines: Sequence[bytes]) -> bool:
    """Whether a file that begins so is of this format: its header tells."""
    if not lines or lines[0].lstrip().startswith((b"{", b"[")):
        return False
    try:
        return table_of(_cells(lines[0], delimiter_of(lines[0]))) is not None
    except FAILURES:
        return False


def read_lines(chunks: Iterable[bytes], origin: str) -> Iterator[bytes]:
    """Yield the rows of a file as JSON lines; one that is none of this table as a JSON string, to be quarantined.

    Raises:
        ReadError: the first line is no header of an export.
    """
    pieces = iter(chunks)
    start = next(pieces, b"")
    delimiter = delimiter_of(start.partition(b"\n")[0])
    rows = split_rows(chain([start], pieces), delimiter)
    header = next(rows, b"")
    names = [] if isinstance(header, Overlong) else _cells(header, delimiter)
    if table_of(names) is None:
        raise ReadError(f"{origin}: its first line is not the header of an export of Knowarchive")
    for row in rows:
        if isinstance(row, Overlong):
            yield msgspec.json.encode(f"a row of {row.size} bytes")
            continue
        try:
            cells = _cells(row, delimiter)
            yield msgspec.json.encode({name: _value(name, cell) for name, cell in zip(names, cells, strict=True)})
        except FAILURES:
            yield msgspec.json.encode(row.decode("utf-8", "replace"))


def _cells(row: bytes, delimiter: bytes) -> list[str]:
    text = row.decode().removesuffix("\r")
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter.decode()), [])
    except csv.Error as error:
        raise ValueError("not a row of a table") from error


def _value(name: str, cell: str) -> object:
    """What a cell says; an empty one says nothing. A list that is none stays text, and is refused by the mapping."""
    if not cell:
        return None
    text = unguard(cell)
    if name in COUNTS:
        return int(text) if text.isdecimal() and len(text) < 20 else text
    return msgspec.json.decode(text) if name in LISTS else text
