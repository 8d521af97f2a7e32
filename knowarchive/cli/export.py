"""`knowarchive export`: the data, for other programs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from knowarchive.cli import Context
from knowarchive.cli.completion import complete_chat, complete_date
from knowarchive.cli.dates import local_moment
from knowarchive.cli.output import check_document, one_line, print_json, tell, write_document
from knowarchive.cli.progress import Progress
from knowarchive.errors import ReadError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from knowarchive.config import Config
    from pipelines.documents import Stretch
    from pipelines.exporting import Exported
    from storage.archive import Archive
    from transcripts.model import SessionPosts


@click.command()
@click.argument("chat", required=False, shell_complete=complete_chat)
@click.option("--format", "format_name", required=True, metavar="FORMAT", help="One of those below.")
@click.option("--output", required=True, metavar="PATH", help="A new folder; or one file, by its ending.")
@click.option("--session", metavar="DATE", shell_complete=complete_date, help="One session of the chat, by its date.")
@click.option("--since", metavar="DATE", help="Posts from this date on: the chat's local date, or UTC.")
@click.option("--until", metavar="DATE", help="Posts before this date.")
@click.option("--uids", metavar="FILE", help="These posts, a uid a line; - is standard input.")
@click.option("--public", is_flag=True, help="A file for everybody: of X ids alone, nobody who asks to be left out.")
@click.option("--pseudonymise", is_flag=True, help="For research: nobody is named but by pseudonyms.")
@click.option("--key", "key_file", metavar="FILE", help="Pseudonyms by the key in this file, made if there is none.")
@click.option("--since-last", is_flag=True, help="Only what changed since the last export of the same.")
@click.option("--overwrite", is_flag=True, help="Replace an export that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(
    context: Context,
    chat: str | None,
    format_name: str,
    output: str,
    session: str | None,
    since: str | None,
    until: str | None,
    uids: str | None,
    key_file: str | None,
    *,
    public: bool,
    pseudonymise: bool,
    since_last: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the posts of a chat, of one session, or all, with who wrote and repeated them.

    Beside the data lie a README with provenance, coverage and conditions, and a datapackage.json with every column.

    \b
    Formats:
      jsonl     JSON lines; knowarchive import takes them back
      csv       tables for spreadsheets; nothing in them is rounded or executed
      parquet   Parquet for programs; knowarchive import takes it back
      duckdb    one DuckDB file with all tables
      sqlite    one SQLite file with full-text search, as Datasette serves it
      ids       identifiers alone, as each network writes them
      gexf      who talks with whom, for Gephi
      payloads  what was received, unchanged, with a list of it

    \b
    Books and pictures of a chat's sessions, with --since and --until those of a year:
      epub      a book for e-readers, EPUB 3
      pdf       a book for paper
      html      a book as one page; md and txt likewise
      svg       pictures: activity, who answers whom, newcomers and regulars

    \b
    Examples:
      knowarchive export critlib --format csv --output critlib
      knowarchive export critlib --session 2015-05-19 --format jsonl --output may19.jsonl
      knowarchive export critlib --format epub --since 2015-01-01 --until 2016-01-01 --output 2015.epub
      knowarchive export critlib --format parquet --pseudonymise --output critlib-for-research
      knowarchive search zines --json | jq -r '.hits[].uid' | knowarchive export --uids - --format csv --output zines
    """  # noqa: D301 - click looks for the character itself
    config = context.config  # before what is heavy, so that a mistake is said at once
    from pipelines.documents import Stretch
    from pipelines.exporting import Request, choose_key, export
    from pipelines.sessions import find_session
    from storage.archive import Archive
    from storage.exports import FORMATS
    from transcripts.writers import BOOKS

    if format_name not in (*FORMATS, *BOOKS, "svg"):
        raise UsageError(f"no export format {format_name!r}; there are: {', '.join((*FORMATS, *BOOKS, 'svg'))}")
    if not output or output == "-":
        raise UsageError("give --output a folder or a file; an export is more than one stream")
    one = config.require_chat(chat) if chat else None
    if session and one is None:
        raise UsageError("a session is one of a chat; write: knowarchive export CHAT --session DATE")
    if sum((bool(session), bool(since or until), bool(uids))) > 1 or (uids and one):
        raise UsageError("choose by --session, by --since and --until, or by --uids")
    archive = Archive(config.archive_url, config.state_dir)
    if key_file and not pseudonymise:
        raise UsageError("--key is of pseudonyms; add --pseudonymise")
    if format_name not in FORMATS:
        if pseudonymise:
            raise UsageError(
                f"{format_name} cannot be exported with --pseudonymise: it is made for reading; choose one of "
                "jsonl, csv, parquet, duckdb, sqlite, gexf"
            )
        if one is None or uids or since_last:
            raise UsageError(
                f"{format_name} is of one chat's sessions; write: knowarchive export CHAT --format {format_name}, "
                "with --session, or --since and --until"
            )
        stretch = Stretch(
            one,
            since=None if since is None else local_moment(since, one),
            until=None if until is None else local_moment(until, one),
            session=session,
        )
        _export_document(
            archive,
            config,
            stretch,
            format_name,
            Path(output),
            is_public=public,
            overwrite=overwrite,
            as_json=as_json,
        )
        return
    request = Request(
        format=format_name,
        chat=one,
        window=find_session(archive, one, session) if one and session else None,
        since=None if since is None else local_moment(since, one),
        until=None if until is None else local_moment(until, one),
        uids=_read_uids(uids) if uids else None,
        is_public=public,
        since_last=since_last,
        pseudonyms=choose_key(Path(key_file) if key_file else None, Path(output)) if pseudonymise else None,
    )
    with Progress(quiet=as_json) as progress:
        progress.begin("export", None)
        exported = export(
            archive,
            request,
            Path(output),
            now=lambda: datetime.now(UTC),
            overwrite=overwrite,
            on_progress=lambda done, _all: progress.advance(done, done),
        )
    if pseudonymise:
        _tell_of_pseudonyms(key_file)
    _report(exported, as_json=as_json, since_last=since_last)


def _tell_of_pseudonyms(key_file: str | None) -> None:
    tell(
        f"knowarchive: the key of the pseudonyms is {key_file}: whoever has it can lead them back"
        if key_file
        else "knowarchive: the key of the pseudonyms was thrown away: no other export will have the same"
    )
    tell("knowarchive: what people wrote can be searched for on the web, and leads to them; do not publish it")


def _export_document(
    archive: "Archive",
    config: "Config",
    stretch: "Stretch",
    format_name: str,
    path: Path,
    *,
    is_public: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write a book or pictures, which are of sessions and not of rows; for everybody, what the site would show."""
    from pipelines.documents import export_pictures, make_book, remember_document
    from transcripts.writers import bind

    if format_name != "svg":
        check_document(path, overwrite=overwrite)
    counts = {"sessions": 0, "posts": 0}

    def advance(sessions: int, posts: int) -> None:
        counts.update(sessions=sessions, posts=posts)
        progress.advance(sessions, posts)

    with Progress(quiet=as_json) as progress:
        progress.begin("export", None)
        heed = _public(archive, config) if is_public else None
        book = make_book(archive, config, stretch, heed, on_progress=advance)
        if format_name == "svg":
            files = [f"{path}/{name}" for name in export_pictures(book, path, overwrite=overwrite).names]
        else:
            write_document(path, bind(book, format_name))
            files = [str(path)]
    remember_document(archive, stretch, format_name, path, datetime.now(UTC))
    if as_json:
        print_json({"output": str(path), "format": format_name, **counts, "files": files})
    else:
        click.echo(one_line(f"Wrote {path}: {counts['posts']:,} posts of {counts['sessions']:,} sessions."))


def _public(archive: "Archive", config: "Config") -> "Callable[[SessionPosts], SessionPosts]":
    """Takes out of a session what the site would not show."""
    from knowarchive.site.policy import read_wishes
    from knowarchive.web.wishes import heeded

    wishes = read_wishes(archive, config, datetime.now(UTC))
    return lambda session: heeded(session, wishes)


def _read_uids(name: str) -> frozenset[str]:
    try:
        with click.open_file(name, encoding="utf-8") as lines:
            found = frozenset(line.strip() for line in lines if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    wrong = next((uid for uid in sorted(found) if uid.partition(":")[0] not in {"x", "bluesky", "mastodon"}), None)
    if wrong is not None:
        raise UsageError(f"{name}: {wrong[:60]!r} is not a uid; they look like x:580930786603339776")
    return found


def _report(exported: "Exported", *, as_json: bool, since_last: bool) -> None:
    if since_last and exported.changes_since is None:
        tell("knowarchive: no earlier export of the same is remembered, so this one is whole")
    if as_json:
        files = [
            {
                "name": file.name,
                "table": file.table or None,
                "rows": file.rows,
                "bytes": file.size,
                "sha256": file.sha256,
            }
            for file in exported.files
        ]
        print_json(
            {
                "output": str(exported.path),
                "format": exported.format,
                "changes_since": exported.changes_since,
                "rows": dict(exported.counts),
                "files": files,
            }
        )
        return
    rows = ", ".join(f"{count:,} {table}" for table, count in exported.counts.items())
    since = f" that changed since {exported.changes_since:%Y-%m-%d %H:%M} UTC" if exported.changes_since else ""
    click.echo(f"Wrote {exported.path}: {rows}{since}.")
