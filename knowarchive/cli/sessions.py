"""`knowarchive sessions`: which sessions there are."""

from typing import TYPE_CHECKING

import click

from knowarchive.cli import Context
from knowarchive.cli.completion import complete_chat
from knowarchive.cli.output import print_json, print_table

if TYPE_CHECKING:
    from knowarchive.config import Config

COLUMNS = {
    "chat": "Chat",
    "date": "Session",
    "start": "Start (UTC)",
    "posts": "Posts",
    "people": "People",
    "questions": "Questions",
    "coverage": "Coverage",
}


@click.command()
@click.argument("chat", required=False, shell_complete=complete_chat)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_obj
def command(context: Context, chat: str | None, *, as_json: bool) -> None:
    """List the sessions of a chat, or of all chats, that have posts."""
    config = context.config  # before what is heavy, so that a mistake is said at once
    from dataclasses import asdict

    from pipelines.sessions import list_sessions, require_chat
    from storage.archive import Archive

    chats = [require_chat(config, chat)] if chat else list(config.chat)
    archive = Archive(config.archive_url, config.state_dir)
    rows = [asdict(row) for one in chats for row in list_sessions(archive, one, config.overrides_path)]
    if as_json:
        print_json(rows)
    else:
        shown = [{**row, "start": f"{row['start']:%Y-%m-%d %H:%M}"} for row in rows]
        print_table(COLUMNS, shown, _empty(config, chat, anything=archive.extent() is not None))


def _empty(config: "Config", chat: str | None, *, anything: bool) -> str:
    if not config.chat:
        return f"No chats yet; add a [[chat]] to {config.path}"
    if not anything:
        return "No sessions yet; import a file with: knowarchive import FILE"
    return f"No posts of {chat or 'these chats'} in the archive; check hashtags and schedule in {config.path}"
