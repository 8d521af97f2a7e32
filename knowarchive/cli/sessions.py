"""`knowarchive sessions`: which sessions there are."""

from typing import TYPE_CHECKING, Any

import click

from knowarchive.cli import Context
from knowarchive.cli.completion import complete_chat
from knowarchive.cli.output import print_json, print_table

if TYPE_CHECKING:
    from datetime import datetime

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

SOURCES = {
    "chat": "Chat",
    "date": "Session",
    "source": "Source",
    "status": "Status",
    "asked": "Asked (UTC)",
    "answered": "Answered",
    "pages": "Pages",
    "seen": "Seen",
    "new": "New",
    "changed": "Changed",
    "quarantined": "Set aside",
    "waited": "Waited",
    "cost": "Cost",
    "lacking": "Gaps and notes",
}


@click.command()
@click.argument("chat", required=False, shell_complete=complete_chat)
@click.option(
    "--sources", "by_source", is_flag=True, help="Say of each source what was collected, and what is missing."
)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_obj
def command(context: Context, chat: str | None, *, by_source: bool, as_json: bool) -> None:
    """List the sessions of a chat, or of all chats, that have posts."""
    config = context.config  # before what is heavy, so that a mistake is said at once
    from dataclasses import asdict

    from pipelines.sessions import list_sessions
    from storage.archive import Archive

    chats = [config.require_chat(chat)] if chat else list(config.chat)
    archive = Archive(config.archive_url, config.state_dir)
    rows = [asdict(row) for one in chats for row in list_sessions(archive, one, config.overrides_path, config.person)]
    if as_json:
        print_json(rows if by_source else [{key: row[key] for key in row if key != "sources"} for row in rows])
    elif by_source:
        print_table(
            SOURCES, [_told(row, source) for row in rows for source in row["sources"]], "No record of any source"
        )
    else:
        shown = [{**row, "start": f"{row['start']:%Y-%m-%d %H:%M}"} for row in rows]
        print_table(COLUMNS, shown, _empty(config, chat, anything=archive.extent() is not None))


def _told(row: dict[str, Any], source: dict[str, Any]) -> dict[str, object]:
    """One source of one session, in the words of the table. Costs are US dollars; a file is asked for no time."""
    unasked = [f"not asked for {stretch}" for stretch in map(_hours, source["unasked"])]
    return {
        **source,
        "chat": row["chat"],
        "date": row["date"],
        "asked": ", ".join(map(_hours, source["asked"])),
        "answered": ", ".join(map(_hours, source["answered"])),
        "waited": f"{source['waited']:.0f} s" if source["waited"] else "",
        "cost": f"${source['cost']:.2f}" if source["cost"] else "",
        "lacking": "; ".join([*unasked, *source["gaps"], *source["notes"]]),
    }


def _hours(stretch: "tuple[datetime, datetime]") -> str:
    return f"{stretch[0]:%H:%M}–{stretch[1]:%H:%M}"


def _empty(config: "Config", chat: str | None, *, anything: bool) -> str:
    if not config.chat:
        return f"No chats yet; add a [[chat]] to {config.path}"
    if not anything:
        return "No sessions yet; import a file with: knowarchive import FILE"
    return f"No posts of {chat or 'these chats'} in the archive; check hashtags and schedule in {config.path}"
