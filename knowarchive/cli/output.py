"""Printing: tables for people, JSON for programs, documents into files, and nothing that can talk to a terminal."""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from numbers import Number
from pathlib import Path
from typing import Any

import click

from knowarchive.errors import KnowarchiveError

# C0 and C1 controls, the marks that reorder text, and what is invisible: a terminal would obey them
_BEYOND_ASCII = "\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
UNSAFE = re.compile(f"[\x00-\x1f{_BEYOND_ASCII}]")
UNSAFE_IN_JSON = re.compile(f"[{_BEYOND_ASCII}]")  # msgspec escapes the rest


def one_line(text: str) -> str:
    """Text as one line that a terminal only shows, and that every encoding of Unicode can write."""
    shown = UNSAFE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    return shown.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def tell(text: str) -> None:
    """Say one line on standard error. Nobody listening is no reason to stop."""
    with contextlib.suppress(OSError):
        click.echo(one_line(text), err=True)


class OneLineFormatter(logging.Formatter):
    """Log records as lines that a terminal only shows, tracebacks as they are."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        return one_line(super().formatMessage(record))


def print_json(value: Any) -> None:
    """Print valid JSON: times end in Z, what no JSON number can be is null, bytes are shown as text."""
    import json

    import msgspec

    # Numbers as long as they are: sums of counts are wider than 64 bits in DuckDB
    encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
    text = msgspec.json.format(encoder.encode(_printable(value)), indent=2).decode()
    click.echo(UNSAFE_IN_JSON.sub(lambda match: json.dumps(match[0])[1:-1], text))


def print_table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], empty: str) -> None:
    """Print rows as an aligned table; `columns` maps keys to headings, `empty` is said where there are none.

    Numbers are aligned right. On a terminal the table fits the width; in a pipe nothing is cut.
    """
    if not rows:
        tell(empty)
        return
    from shutil import get_terminal_size

    from rich.cells import cell_len

    numbers = {key for key in columns if all(isinstance(row.get(key), Number | None) for row in rows)}
    cells = [[_cell(row.get(key)) for key in columns] for row in rows]
    headings = [one_line(heading) for heading in columns.values()]
    right = [key in numbers for key in columns]
    lines = _aligned(headings, cells, right)
    if sys.stdout and sys.stdout.isatty() and max(map(cell_len, lines)) > get_terminal_size().columns:
        lines = _folded(headings, cells, right)
    click.echo("\n".join(lines))


def check_document(path: Path, *, overwrite: bool) -> None:
    """Refuse what will not work before the work is done.

    Raises:
        KnowarchiveError: a folder is there, or none around it, or a file that may not be replaced.
    """
    try:
        if path.is_dir():
            raise KnowarchiveError(f"{path}: is a folder; name a file in it")
        if not path.absolute().parent.is_dir():
            raise KnowarchiveError(f"{path}: there is no folder {path.parent}; make it first")
        if path.exists() and not overwrite:
            raise KnowarchiveError(f"{path}: exists already; name another, or replace it with --overwrite")
    except OSError as error:
        raise KnowarchiveError(f"{str(path)[:100]}: cannot be written: {error.strerror}; name another file") from error


def write_document(path: Path, document: str | bytes) -> None:
    """Write a file whole or not at all; a pipe or device that stands there is written into.

    Raises:
        KnowarchiveError: it cannot be written.
    """
    content = document.encode() if isinstance(document, str) else document
    draft = path.with_name(f".{path.name}.part")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it has its name
        draft.replace(path.resolve())  # the file that a link stands for, not the link
    except OSError as error:
        raise KnowarchiveError(f"{path}: cannot be written: {error.strerror}; name another file") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def instant(moment: datetime) -> str:
    """A time as the contract writes it: UTC, "Z", fractions only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _folded(headings: list[str], cells: list[list[str]], right: list[bool]) -> list[str]:
    """A table for a terminal that is too narrow for its lines."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading, number in zip(headings, right, strict=True):
        table.add_column(Text(heading), justify="right" if number else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


def _aligned(headings: list[str], cells: list[list[str]], right: list[bool]) -> list[str]:
    from rich.cells import cell_len

    rows = [headings, *cells]
    widths = [max(cell_len(row[index]) for row in rows) for index in range(len(headings))]
    lines = []
    for row in (headings, ["─" * width for width in widths], *cells):
        padded = (
            padding + text if is_right else text + padding
            for text, width, is_right in zip(row, widths, right, strict=True)
            for padding in (" " * (width - cell_len(text)),)
        )
        lines.append("  ".join(padded).rstrip())
    return lines


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if value.tzinfo else f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, bytes):
        return one_line(_text(value))
    if isinstance(value, list | dict):
        import msgspec

        return one_line(msgspec.json.encode(_printable(value), enc_hook=str).decode())
    return one_line(str(value))


def _printable(value: Any) -> Any:
    """Values as JSON has them; what is not here is what msgspec writes by itself."""
    if isinstance(value, datetime):
        return instant(value) if value.tzinfo else value.isoformat()
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {
            _printable(key) if isinstance(key, str) else one_line(str(key)): _printable(one)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_printable(one) for one in value]
    return value


def _text(value: bytes) -> str:
    r"""Bytes as text; those that are none are written `\x9f`."""
    return value.decode("utf-8", "backslashreplace")
