"""`knowarchive refresh`: ask the networks again about what the archive holds."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from knowarchive.cli import Context
from knowarchive.cli.collect import PLATFORMS, check_sources, fetch, summarise

if TYPE_CHECKING:
    from knowarchive.config import Chat
    from storage.archive import Archive
    from transcripts.model import Window

RECENT = timedelta(days=7)  # how old a session is that is refreshed without being named


@click.command()
@click.argument("chat", required=False)
@click.option("--session", metavar="DATE", help="One session, by its local date; by default those of the last 7 days.")
@click.option(
    "--source", "platforms", multiple=True, type=click.Choice(PLATFORMS), help="Only this network; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(
    context: Context, chat: str | None, session: str | None, platforms: tuple[str, ...], *, as_json: bool
) -> int:
    """Ask again about the posts of a chat, or of all chats: late replies, edits, counts, deletions, new names.

    What was edited keeps its older text as history. What its network says is deleted is erased from every file of the
    archive; its place in the thread stays. A post that is merely not found any more is kept, and said.
    """
    config = context.config  # before the heavy imports: a wrong configuration is said at once

    from pipelines.refreshing import refresh_session

    chats = [config.require_chat(chat)] if chat else list(config.chat)
    check_sources(chats, platforms)
    now = datetime.now(UTC)

    def windows_of(archive: "Archive", one: "Chat") -> "list[Window]":
        return _windows(archive, one, now, session)

    results = fetch(refresh_session, config, chats, platforms, windows_of, quiet=as_json)
    return summarise(results, as_json=as_json)


def _windows(archive: "Archive", chat: "Chat", now: datetime, session: str | None) -> "list[Window]":
    from knowarchive.errors import UsageError
    from pipelines.sessions import find_session, list_windows

    if session:
        window = find_session(archive, chat, session)
        if window.opens > now:
            raise UsageError(f"{chat.name} {session} has not begun; it opens at {window.opens:%Y-%m-%d %H:%M} UTC")
        return [window]
    recent = [
        window for window in list_windows(archive, chat, now - RECENT, now) if now - RECENT <= window.opens <= now
    ]
    return [window for window in recent if archive.posts(window.opens, window.closes)]
