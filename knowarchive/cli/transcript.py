"""`knowarchive transcript`: one session as a document."""

from pathlib import Path

import click

from knowarchive.cli import Context
from knowarchive.cli.completion import complete_chat, complete_date
from knowarchive.cli.output import tell, write_document

SUFFIXES = {"htm": "html", "markdown": "md", "text": "txt"}  # beside the formats' own names


@click.command()
@click.argument("chat", shell_complete=complete_chat)
@click.argument("date", shell_complete=complete_date)
@click.option("--format", "format_name", help="html, md, txt or json; by default from --output, or txt.")
@click.option("--output", metavar="FILE", help="Where to; standard output without it, or with -.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@click.pass_obj
def command(
    context: Context, chat: str, date: str, format_name: str | None, output: str | None, *, overwrite: bool
) -> None:
    r"""Write one session of a chat.

    DATE is its local date (2015-05-19); a second one that day is DATE@HHMM. Both are listed by: knowarchive sessions

    \b
    Examples:
      knowarchive transcript critlib 2015-05-19
      knowarchive transcript critlib 2015-05-19 --output recap.html
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from pipelines.sessions import make_transcript
    from storage.archive import Archive
    from transcripts.writers import render

    one = config.require_chat(chat)
    target = Path(output) if output and output != "-" else None
    format_name = _choose_format(format_name, target)
    if target:
        _check_target(target, overwrite=overwrite)
    archive = Archive(config.archive_url, config.state_dir)
    transcript = make_transcript(archive, one, date, config.overrides_path, config.person)
    for note in transcript.notes:
        tell(note)
    document = render(transcript, format_name)
    if target is None:
        click.echo(document, nl=not document.endswith("\n"))
        return
    write_document(target, document)
    tell(f"Wrote {target}")


def _choose_format(given: str | None, target: Path | None) -> str:
    from knowarchive.errors import UsageError
    from transcripts.writers import FORMATS

    if given is None and target is None:
        return "txt"
    name = (given if given is not None else target.suffix.removeprefix(".") if target else "").lower()
    name = SUFFIXES.get(name, name)
    if name in FORMATS:
        return name
    known = ", ".join(FORMATS)
    if given is None:
        raise UsageError(f"{target}: its ending is no transcript format; choose one with --format: {known}")
    raise UsageError(f"no transcript format {given!r}; there are: {known}")


def _check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse what will not work before the work is done."""
    from knowarchive.errors import KnowarchiveError

    if target.is_dir():
        raise KnowarchiveError(f"{target}: is a folder; name a file in it")
    if not target.absolute().parent.is_dir():
        raise KnowarchiveError(f"{target}: there is no folder {target.parent}; make it first")
    if target.exists() and not overwrite:
        raise KnowarchiveError(f"{target}: exists already; name another, or replace it with --overwrite")
