"""`knowarchive collect`: fetch sessions from the networks."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from knowarchive.cli import Context
from knowarchive.cli.dates import local_moment
from knowarchive.cli.output import one_line, print_json
from knowarchive.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from knowarchive.config import Chat, Config
    from pipelines.collecting import Collected
    from storage.archive import Archive
    from transcripts.model import Window

PLATFORMS = ("x", "bluesky", "mastodon")
RECENT = timedelta(days=7)  # how far back the latest session is looked for


@click.command()
@click.argument("chat", required=False)
@click.option("--session", metavar="DATE", help="One session, by its local date; by default the latest that began.")
@click.option("--since", metavar="DATE", help="Sessions from this local date on.")
@click.option("--until", metavar="DATE", help="Sessions before this local date.")
@click.option(
    "--source", "platforms", multiple=True, type=click.Choice(PLATFORMS), help="Only this network; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(
    context: Context,
    chat: str | None,
    session: str | None,
    since: str | None,
    until: str | None,
    platforms: tuple[str, ...],
    *,
    as_json: bool,
) -> int:
    """Fetch the latest session of a chat, or of all chats, from its sources; or the sessions named.

    Tokens are read from the environment, never from the configuration. Running it again is safe: it fetches what is
    new, and a run that was stopped goes on where it was.
    """
    config = context.config  # before the heavy imports: a wrong configuration is said at once

    from knowarchive.errors import UsageError
    from pipelines.collecting import collect_session

    if session and (since or until):
        raise UsageError("give --session, or --since and --until, not both")
    chats = [config.require_chat(chat)] if chat else list(config.chat)
    check_sources(chats, platforms)
    now = datetime.now(UTC)

    def windows_of(_archive: "Archive", one: "Chat") -> "list[Window]":
        return _windows(one, now, session, since, until)

    results = fetch(collect_session, config, chats, platforms, windows_of, quiet=as_json)
    return summarise(results, as_json=as_json)


def fetch(
    step: "Callable[..., Iterator[Collected]]",
    config: "Config",
    chats: "Sequence[Chat]",
    platforms: tuple[str, ...],
    windows_of: "Callable[[Archive, Chat], list[Window]]",
    *,
    quiet: bool,
) -> "list[Collected]":
    """Collect or refresh sessions, and say of each source what it came to.

    Args:
        step: `collect_session` or `refresh_session`.
        config: whose archive, limits and secrets.
        chats: whose sessions.
        platforms: ask these networks alone; all where empty.
        windows_of: the sessions of a chat.
        quiet: show no progress.
    """
    import os

    from pipelines.collecting import surroundings_of
    from pipelines.indexing import forget_erased
    from storage.archive import Archive

    archive = Archive(config.archive_url, config.state_dir)
    surroundings = surroundings_of(config, os.environ)
    results: list[Collected] = []
    with Progress(quiet=quiet) as progress:
        for one in chats:
            sources = [source for source in one.source if not platforms or source.platform in platforms]
            for window in windows_of(archive, one) if sources else ():
                progress.begin(f"{one.name} {window.label}", None)
                for result in step(archive, one, window, surroundings, sources=sources,
                                   on_progress=lambda _source, posts: progress.advance(0, posts)):  # fmt: skip
                    results.append(result)
                    tell_result(one, window, result)
    archive.tidy()
    if any(result.deleted for result in results):
        forget_erased(archive, config)
    return results


def check_sources(chats: "Sequence[Chat]", platforms: tuple[str, ...]) -> None:
    """Say of every chat what keeps it from being collected; that is an error where nothing is left."""
    from knowarchive.errors import UsageError

    found = False
    wanted = f" {' or '.join(platforms)}" if platforms else ""
    for chat in chats:
        if not any(not platforms or source.platform in platforms for source in chat.source):
            trouble = f"{chat.name} has no{wanted} source; add a [[chat.source]]"
        elif not chat.rules:
            trouble = f"{chat.name} has no schedule, so there is no session to collect; give it one"
        else:
            found = True
            continue
        if len(chats) == 1:
            raise UsageError(trouble)
        click.echo(f"knowarchive: {trouble}", err=True)
    if not found:
        raise UsageError("there is no chat to collect; add a [[chat]] with a [[chat.source]] and a schedule")


def _windows(chat: "Chat", now: datetime, session: str | None, since: str | None, until: str | None) -> "list[Window]":
    from knowarchive.errors import UsageError
    from transcripts.sessions import find_window, windows

    if not chat.rules:
        return []
    if session:
        window = find_window(chat, session)
        if window is None:
            raise UsageError(f"{chat.name} has no session {session!r} in its schedule")
        if window.opens > now:
            raise UsageError(f"{chat.name} {session} has not begun; it opens at {window.opens:%Y-%m-%d %H:%M} UTC")
        return [window]
    if since or until:
        start = _local(since, chat) if since else _local(until or "", chat) - RECENT
        found = windows(chat, start, _local(until, chat) if until else now)
        return [window for window in found if window.opens <= now]
    return [window for window in windows(chat, now - RECENT, now + timedelta(hours=1)) if window.opens <= now][-1:]


def _local(text: str, chat: "Chat") -> datetime:
    from knowarchive.config import FIRST_YEAR, LAST_YEAR
    from knowarchive.errors import UsageError

    moment = local_moment(text, chat)
    if not FIRST_YEAR < moment.year < LAST_YEAR:
        raise UsageError(f"{text!r} is not a date of any session; write one such as 2015-05-19")
    return moment


def tell_result(chat: "Chat", window: "Window", result: "Collected") -> None:
    """Say of a source what is missing, and what a reader should know."""
    for text in (*result.gaps, *result.notes):
        click.echo(f"knowarchive: {chat.name} {window.label}: {one_line(result.source)}: {one_line(text)}", err=True)
    if result.screened:
        click.echo(
            f"knowarchive: {chat.name} {window.label}: {one_line(result.source)}: "
            f"{result.screened:,} not public, not stored",
            err=True,
        )


def summarise(results: "list[Collected]", *, as_json: bool) -> int:
    """Print what came of all sources; returns the exit code."""
    from pipelines.outcomes import add_up

    totals = add_up(result.outcome for result in results)
    deleted = sum(result.deleted for result in results)
    if as_json:
        rows = [
            {
                "source": result.source,
                "status": result.status,
                "pages": result.outcome.payloads if result.outcome else 0,
                "gaps": list(result.gaps),
                "cost": result.cost,
            }
            for result in results
        ]
        print_json({**totals, "deleted": deleted, "sources": rows})
    elif not results:
        click.echo("knowarchive: no session of it has begun in that time; name one with --session DATE", err=True)
    else:
        click.echo(
            f"{totals['seen']:,} posts seen at {len(results)} source{'s' * (len(results) != 1)}: "
            f"{totals['new']:,} new, {totals['changed']:,} changed, {totals['quarantined']:,} quarantined."
        )
        if deleted:
            are = (
                "post was deleted by its author, and is"
                if deleted == 1
                else "posts were deleted by their authors, and are"
            )
            click.echo(f"{deleted:,} {are} erased.")
    if results and all(result.status == "failed" for result in results):
        return 1
    return 4 if any(result.status != "done" for result in results) else 0
