"""`knowarchive transcript`: one session as a document."""

import sys
from pathlib import Path

import click

from knowarchive.cli import Context
from knowarchive.cli.completion import complete_chat, complete_date
from knowarchive.cli.output import check_document, tell, write_document

SUFFIXES = {"htm": "html", "markdown": "md", "text": "txt"}  # beside the formats' own names


@click.command()
@click.argument("chat", shell_complete=complete_chat)
@click.argument("date", shell_complete=complete_date)
@click.option("--format", "format_name", help="html, md, txt, json, epub or pdf; by default from --output, or txt.")
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
      knowarchive transcript critlib 2015-05-19 --output recap.pdf
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from pipelines.sessions import make_transcript
    from storage.archive import Archive
    from transcripts.writers import FORMATS, bind, render

    one = config.require_chat(chat)
    target = Path(output) if output and output != "-" else None
    format_name = _choose_format(format_name, target)
    if target:
        check_document(target, overwrite=overwrite)
    archive = Archive(config.archive_url, config.state_dir)
    transcript = make_transcript(archive, one, date, config.overrides_path, config.person)
    for note in transcript.notes:
        tell(note)
    if format_name in FORMATS:
        document: str | bytes = render(transcript, format_name)
    else:
        from pipelines.documents import book_of

        document = bind(book_of(config, one, transcript), format_name)
    if target is None:
        click.echo(document, nl=isinstance(document, str) and not document.endswith("\n"))
        return
    write_document(target, document)
    tell(f"Wrote {target}")


def _choose_format(given: str | None, target: Path | None) -> str:
    from knowarchive.errors import UsageError
    from transcripts.writers import BOOKS, FORMATS

    formats = dict.fromkeys((*FORMATS, *BOOKS))
    if given is None and target is None:
        return "txt"
    name = (given if given is not None else target.suffix.removeprefix(".") if target else "").lower()
    name = SUFFIXES.get(name, name)
    if name in formats:
        if target is None and name not in FORMATS and sys.stdout.isatty():
            raise UsageError(f"{name} is nothing for a terminal; name a file with --output")
        return name
    known = ", ".join(formats)
    if given is None:
        raise UsageError(f"{target}: its ending is no transcript format; choose one with --format: {known}")
    raise UsageError(f"no transcript format {given!r}; there are: {known}")
