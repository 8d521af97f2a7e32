"""`knowarchive schedule`: keep every chat collected, refreshed and published on time."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json, print_table, tell, write_document
from knowarchive.errors import KnowarchiveError

if TYPE_CHECKING:
    from collections.abc import Callable

    from knowarchive.config import Config
    from pipelines.agenda import Job

T = TypeVar("T")

COLUMNS = {"chat": "Chat", "session": "Session", "what": "What", "local": "Local time", "utc": "UTC"}


@click.command()
@click.option("--list", "as_list", is_flag=True, help="Show what comes next, in local time and UTC; start nothing.")
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, 1000), help="Of each, with --list.")
@click.option(
    "--ical",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the schedules as iCalendar; - for standard output.",
)
@click.option(
    "--once", is_flag=True, help="Do what is due now, and end: for cron and systemd timers, without a server."
)
@click.option("--json", "as_json", is_flag=True, help="With --list or --once, print JSON.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The log, on standard error: json for lines with run, chat, session and source.",
)
@click.pass_obj
def command(
    context: Context, count: int, ical: Path | None, log_format: str, *, as_list: bool, once: bool, as_json: bool
) -> int:
    """Serve the schedules of all chats: follow sessions live, sweep them, refresh them later, publish, tidy the archive.

    Runs until it is stopped, and may be stopped or killed at any time: what was missed meanwhile is worked out from the
    archive's ledger when it comes back. Edits of the configuration are picked up.
    """
    config = context.config
    if ical is not None:
        return _write_calendar(config, ical)
    if as_list:
        return _list(config, count, as_json=as_json)
    _prepare_log(log_format)
    if once:
        return _tend(config, as_json=as_json)
    return _serve(config)


def _prepare_log(log_format: str) -> None:
    import logging
    import os

    from pipelines.logs import FORMAT, keep_secrets_out, write_json_lines

    keep_secrets_out(os.environ)
    ours = logging.getLogger("knowarchive")
    ours.setLevel(ours.level or logging.INFO)  # with --debug it has one
    if log_format == "json":
        os.environ[FORMAT] = log_format  # for the processes of flows
        write_json_lines()


def _list(config: "Config", count: int, *, as_json: bool) -> int:
    from datetime import UTC, datetime

    from pipelines.agenda import clashes, coming

    now = datetime.now(UTC)
    for said in clashes(config.chat, now):
        tell(f"knowarchive: {said}")
    rows = [
        {"chat": one.chat.name, "session": one.window.label, "what": one.what, "at": one.at,
         "local": f"{one.at.astimezone(one.chat.zone):%a %Y-%m-%d %H:%M %Z}", "utc": f"{one.at:%Y-%m-%d %H:%M}"}
        for chat in config.chat
        for one in coming(chat, now, config.schedule, count)
    ]  # fmt: skip
    if as_json:
        print_json([{key: row[key] for key in ("chat", "session", "what", "at", "local")} for row in rows])
    else:
        print_table(COLUMNS, rows, f"No chat has a schedule; give one in {config.path}")
    return 0


def _write_calendar(config: "Config", path: Path) -> int:
    from datetime import UTC, datetime

    from transcripts.calendars import write_calendar

    text = write_calendar(config.chat, datetime.now(UTC)).decode()
    if str(path) == "-":
        click.echo(text, nl=False)
    else:
        write_document(path, text)
        click.echo(f"Wrote {path}", err=True)
    return 0


def _tend(config: "Config", *, as_json: bool) -> int:
    import os
    from datetime import UTC, datetime

    from pipelines.collecting import surroundings_of
    from pipelines.inbox import choose, find_pulls, take_in
    from pipelines.publishing import publish_if_due
    from pipelines.telling import tell_people
    from pipelines.tending import agenda, carry_out
    from pipelines.upkeep import keep_up_if_due
    from storage.archive import Archive

    archive = Archive(config.archive_url, config.state_dir)
    surroundings = surroundings_of(config, os.environ)
    errands = _Errands(quiet=as_json)

    def tend(job: "Job") -> dict[str, object]:
        tended = carry_out(config, archive, job, surroundings)
        return {"skipped": tended.skipped, **tended.counts}

    for job in agenda(config, archive, datetime.now(UTC)):
        errands.do(job.name, partial(tend, job), "{new:,} new, {changed:,} changed")
    pulls = errands.do("import", lambda: choose(find_pulls(config), archive.runs(), datetime.now(UTC))) or ()
    for pull in pulls:
        errands.do(pull.name, partial(take_in, config, pull), "{new:,} new, {changed:,} changed")
    errands.do(
        "publish", lambda: publish_if_due(config, archive, lambda: datetime.now(UTC)), "{changed:,} files changed"
    )
    errands.do("maintain", lambda: keep_up_if_due(config, archive, datetime.now(UTC)))
    errands.do("tell people", lambda: tell_people(config, archive, os.environ, datetime.now(UTC)))
    if as_json:
        print_json(errands.done)
    elif not errands.done:
        click.echo("Nothing is due.")
    if errands.failed:
        return 1
    return 4 if any(one.get("incomplete") for one in errands.done) else 0


class _Errands:
    """Does one thing after the other; what fails is said and stops none. `done` has what is to be told, as JSON has it."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.done: list[dict[str, object]] = []
        self.failed = 0

    def do(self, name: str, step: "Callable[[], T]", said: str = "") -> "T | None":
        """Do a step. With `said`, what it counts is told so; None counts as nothing to do."""
        try:
            counts = step()
        except KnowarchiveError as error:
            self.failed += 1
            self.done.append({"job": name, "error": str(error)})
            tell(f"knowarchive: {name}: {error}")
            return None
        if said and isinstance(counts, dict):
            self.done.append({"job": name, **counts})
            if not self.quiet:
                click.echo(f"{name}: {counts.get('skipped') or said.format(**counts)}")
        return counts


def _serve(config: "Config") -> int:
    import asyncio
    import os

    from pipelines.claims import claim
    from pipelines.healthz import answering
    from pipelines.scheduling import SchedulerError, environment, serve, server
    from pipelines.standing import look

    os.environ.update(environment(config, os.environ))
    with claim(config.state_dir, "schedule") as is_mine:
        if not is_mine:
            raise SchedulerError("another `knowarchive schedule` serves this archive already; nothing to do")
        with (
            answering(config.schedule.health, lambda: look(config.path, os.environ)),
            server(config, os.environ) as ended,
        ):
            asyncio.run(serve(config, ended))
    return 0
