"""`knowarchive import`: archive files into the archive."""

import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from knowarchive.cli import Context
from knowarchive.cli.completion import complete_chat
from knowarchive.cli.output import one_line, print_json, tell
from knowarchive.cli.progress import Progress
from knowarchive.errors import ReadError, UsageError

if TYPE_CHECKING:
    from pipelines.importing import Imported

WORTH_HELPERS = 8 << 20  # bytes: of less, most is read before a helper is ready
PACKED = 6  # bytes in a byte of a compressed file, about
OPEN_ALREADY = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")  # a shell's `<(…)`: somebody writes to it
KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(readable=False))
@click.option("--format", "format_name", default="auto", show_default=True, help="A format's name; found by content.")
@click.option(
    "--chat", metavar="NAME", shell_complete=complete_chat, help="File everything under this chat, hashtag or not."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(context: Context, files: tuple[str, ...], format_name: str, chat: str | None, *, as_json: bool) -> int:
    r"""Import archive files, folders of them, or standard input (-).

    X API v1.1 and v2 as JSON lines (pages or flattened, as twarc writes them) and CSV made from them; plain, gzip,
    bzip2 or zstandard. What a file is, is found by its content. Importing a file again changes nothing.

    \b
    Examples:
      knowarchive import pulls/2015/*.jsonl.gz
      zcat pull.jsonl.gz | knowarchive import -
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from connectors import FORMATS
    from pipelines.helpers import Helpers, processors

    if chat is not None:
        config.require_chat(chat)
    if format_name != "auto" and format_name not in FORMATS:
        raise UsageError(f"no format named {format_name!r}; there are: auto, {', '.join(FORMATS)}")
    found = _find_files(files)

    results: list[Imported] = []
    with Helpers(processors() - 1, "pipelines.understanding") as helpers, Progress(quiet=as_json) as progress:
        if _size(found) > WORTH_HELPERS:
            helpers.start()  # they load what they need while this process does
        from pipelines.importing import ImportSource, import_file
        from storage.archive import Archive

        archive = Archive(config.archive_url, config.state_dir)
        for name, path in found:
            source = ImportSource(name, path=path) if path else ImportSource(name, stream=sys.stdin.buffer)
            progress.begin(source.name, source.size)
            result = import_file(
                archive,
                source,
                now=lambda: datetime.now(UTC),
                chat=chat,
                format_name=format_name,
                helpers=helpers,
                on_progress=progress.advance,
            )
            results.append(result)
            _report(result)
    archive.tidy()
    return _summarise(results, as_json=as_json)


def _find_files(names: tuple[str, ...]) -> list[tuple[str, Path | None]]:
    """The files that are meant, with what messages call them, each once, in the order given; no path: standard input.

    None is opened before all are found.
    """
    from connectors.files.reader import find_files

    found: dict[str, tuple[str, Path | None]] = {}
    for name in names:
        if name == "-":
            found.setdefault(name, ("standard input", None))
            continue
        path = Path(name)
        _check_kind(path)
        files = find_files(path)
        if not files:
            tell(f"knowarchive: {name}: no files in this folder")
        for one in files:
            found.setdefault(os.path.realpath(one), (one_line(str(one)), one))
    return list(found.values())


def _size(found: list[tuple[str, Path | None]]) -> int:
    """Bytes to read, as far as is known: packed ones are several each, and how many come through a pipe nobody knows."""
    return sum(
        path.stat().st_size * (1 if path.suffix in {".jsonl", ".json", ".csv"} else PACKED)
        for _, path in found
        if path is not None and path.is_file()
    )


def _check_kind(path: Path) -> None:
    """Refuse what is no file or folder: a device may never end, and a pipe that nobody writes to waits for ever."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file or folder") from error
    except OSError as error:
        raise ReadError(f"{path}: cannot be read: {error.strerror}") from error
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return
    if stat.S_ISFIFO(mode) and str(path).startswith(OPEN_ALREADY):
        return
    kind = next((kind for test, kind in KINDS if test(mode)), "something else")
    raise UsageError(
        f"{path}: is {kind}, not a file or folder; what a program writes is read with: … | knowarchive import -"
    )


def _report(result: "Imported") -> None:
    if result.error:
        tell(f"knowarchive: {result.error}")
    for gap in result.gaps:
        tell(f"knowarchive: {gap}")
    for reason, count in result.reasons:
        tell(f"knowarchive: {result.source}: {count:,} quarantined: {reason}")
    if result.screened:
        tell(f"knowarchive: {result.source}: {result.screened:,} not public, not stored")


def _summarise(results: "list[Imported]", *, as_json: bool) -> int:
    from pipelines.outcomes import add_up

    failed = sum(result.outcome is None for result in results)
    imported = len(results) - failed
    totals = add_up(result.outcome for result in results)
    if as_json:
        rows = [
            {
                "source": result.source,
                "status": result.status,
                "pages": result.outcome.payloads if result.outcome else 0,
                "gaps": [*result.gaps, *([result.error] if result.error else [])],
                "cost": None,
            }
            for result in results
        ]
        print_json({**totals, "sources": rows})
    elif imported:
        click.echo(
            f"{totals['seen']:,} posts seen in {imported} file{'s' * (imported != 1)}: "
            f"{totals['new']:,} new, {totals['changed']:,} changed, {totals['quarantined']:,} quarantined."
            f"{f' {failed} could not be read.' if failed else ''}"
        )
    if not imported and results:
        return 1
    return 4 if any(result.status != "done" for result in results) else 0
