"""Printing: tables for people, JSON for programs, and nothing that can talk to a terminal."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import click

# C0 and C1 controls, and the marks that reorder text: a terminal would obey them
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """Text as one line that a terminal only shows."""
    return UNSAFE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], empty: str) -> None:
    """Print rows as an aligned table; `columns` maps keys to headings, `empty` is said where there are none.

    Numbers are aligned right. On a terminal the table fits the width; in a pipe nothing is cut.
    """
    if not rows:
        click.echo(empty, err=True)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for key, heading in columns.items():
        number = all(isinstance(row.get(key), int | float | None) for row in rows)
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(key))) for key in columns))
    width = None if sys.stdout.isatty() else 1000
    console = Console(width=width, highlight=False, soft_wrap=False)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    click.echo("\n".join(line for line in lines if line))


def instant(moment: datetime) -> str:
    """A time as the contract writes it: UTC, "Z", fractions only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | dict):
        return one_line(json.dumps(value, ensure_ascii=False, default=_plain))
    return one_line(str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
