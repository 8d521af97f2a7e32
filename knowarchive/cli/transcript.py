"""`knowarchive transcript`: one session as a document."""

from pathlib import Path

import click

from knowarchive.cli import Context


@click.command()
@click.argument("chat")
@click.argument("date")
@click.option("--format", "format_name", default=None, help="html, md, txt or json; by default from --output, or txt.")
@click.option("--output", type=click.Path(path_type=Path), help="A file; standard output without it.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@click.pass_obj
def command(
    context: Context, chat: str, date: str, format_name: str | None, output: Path | None, *, overwrite: bool
) -> None:
    """Write one session of a chat. DATE is its local date (2015-05-19); a second one that day is DATE@HHMM."""
    from knowarchive.errors import KnowarchiveError, UsageError
    from pipelines.sessions import make_transcript, require_chat
    from storage.archive import Archive
    from transcripts.writers import FORMATS, render

    format_name = format_name or (output.suffix.removeprefix(".") if output else "txt")
    if format_name not in FORMATS:
        raise UsageError(f"no transcript format {format_name!r}; there are: {', '.join(FORMATS)}")
    config = context.config
    one = require_chat(config, chat)
    if output and output.exists() and not overwrite:
        raise KnowarchiveError(f"{output}: exists already; name another, or replace it with --overwrite")
    archive = Archive(config.archive_url, config.state_dir)
    document = render(make_transcript(archive, one, date), format_name)
    if output is None:
        click.echo(document, nl=not document.endswith("\n"))
        return
    draft = output.with_name(f".{output.name}.part")
    try:
        draft.write_text(document, encoding="utf-8")
        draft.replace(output)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise KnowarchiveError(f"{output}: cannot be written: {error.strerror}") from error
    click.echo(f"Wrote {output}", err=True)
