"""`knowarchive status`: what comes next, how each source does, and what needs a person."""

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json, print_table, tell

NEXT = {"chat": "Chat", "session": "Session", "local": "Opens", "utc": "UTC"}
SOURCES = {"chat": "Chat", "source": "Source", "session": "Last session", "at": "Last run (UTC)", "status": "Status"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def command(context: Context, *, as_json: bool) -> int:
    """Show when sessions are next, the last run of each source, and what needs a person.

    The exit code is 4 when something does: a token that is refused, a disk that fills, a budget nearly spent, a session
    that is overdue, incomplete, lost or silent.
    """
    config = context.config

    import os
    from datetime import UTC, datetime

    from pipelines.standing import document, take_stock
    from storage.archive import Archive

    standing = take_stock(config, Archive(config.archive_url, config.state_dir), os.environ, datetime.now(UTC))
    if as_json:
        print_json(document(standing))
        return 4 if standing.troubles else 0
    empty = f"Nothing is scheduled; give a chat a schedule and sources in {config.path}"
    print_table(
        NEXT,
        [
            {"chat": one.chat.name, "session": one.window.label, "utc": f"{one.at:%Y-%m-%d %H:%M}",
             "local": f"{one.at.astimezone(one.chat.zone):%a %Y-%m-%d %H:%M %Z}"}
            for one in standing.coming
        ],
        "No session is coming" if standing.sources else empty,
    )  # fmt: skip
    if standing.sources:
        click.echo()
        rows = [{"chat": one.chat, "source": one.source, "session": one.session, "at": one.at,
                 "status": one.status or "never ran"} for one in standing.sources]  # fmt: skip
        print_table(SOURCES, rows, "")
    for trouble in standing.troubles:
        tell(f"knowarchive: {trouble.text}")
    return 4 if standing.troubles else 0
