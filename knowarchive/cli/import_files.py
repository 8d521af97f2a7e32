"""`knowarchive import`: archive files into the archive."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from knowarchive.cli import Context
from knowarchive.cli.output import one_line, print_json
from knowarchive.cli.progress import Progress

if TYPE_CHECKING:
    from pipelines.importing import Imported


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "format_name", default="auto", show_default=True, help="A format's name; found by content.")
@click.option("--chat", metavar="NAME", help="File everything under this chat, hashtag or not.")
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
    from connectors import FORMATS
    from connectors.files.reader import find_files
    from knowarchive.errors import UsageError
    from pipelines.importing import ImportSource, import_file
    from pipelines.sessions import require_chat
    from pipelines.understanding import processors
    from storage.archive import Archive

    config = context.config
    if chat is not None:
        require_chat(config, chat)
    if format_name != "auto" and format_name not in FORMATS:
        raise UsageError(f"no format named {format_name!r}; there are: auto, {', '.join(FORMATS)}")
    sources = []
    for name in files:
        if name == "-":
            sources.append(ImportSource("standard input", stream=sys.stdin.buffer))
            continue
        path = Path(name)
        if not path.exists():
            raise UsageError(f"{name}: no such file or folder")
        found = find_files(path)
        if not found:
            click.echo(f"knowarchive: {one_line(name)}: no files in this folder", err=True)
        sources += [ImportSource(str(one), path=one) for one in found]

    archive = Archive(config.archive_url, config.state_dir)
    results: list[Imported] = []
    with Progress(quiet=as_json) as progress:
        for source in sources:
            progress.begin(source.name, source.size)
            result = import_file(
                archive,
                source,
                now=lambda: datetime.now(UTC),
                chat=chat,
                format_name=format_name,
                processes=processors(),
                on_progress=progress.advance,
            )
            results.append(result)
            _tell(result)
    return _summarise(results, as_json=as_json)


def _tell(result: "Imported") -> None:
    if result.error:
        click.echo(f"knowarchive: {one_line(result.error)}", err=True)
    for gap in result.gaps:
        click.echo(f"knowarchive: {one_line(gap)}", err=True)
    for reason, count in result.reasons:
        click.echo(f"knowarchive: {one_line(result.source)}: {count:,} quarantined: {one_line(reason)}", err=True)
    if result.screened:
        click.echo(f"knowarchive: {one_line(result.source)}: {result.screened:,} not public, not stored", err=True)


def _summarise(results: "list[Imported]", *, as_json: bool) -> int:
    outcomes = [result.outcome for result in results if result.outcome]
    totals = {
        name: sum(getattr(outcome, name) for outcome in outcomes) for name in ("seen", "new", "changed", "quarantined")
    }
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
    elif outcomes:
        click.echo(
            f"{totals['seen']:,} posts seen in {len(outcomes)} file{'s' * (len(outcomes) != 1)}: "
            f"{totals['new']:,} new, {totals['changed']:,} changed, {totals['quarantined']:,} quarantined."
        )
    if not outcomes and results:
        return 1
    return 4 if any(result.status != "done" for result in results) else 0
