"""How things stand: what comes next, how each source does, and what needs a person. Pure but for `take_stock`."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from knowarchive.config import Chat, Config, load_config
from knowarchive.errors import ConfigError
from pipelines.agenda import LONGEST_HORIZON, PUBLISH, Occurrence, coming, due, is_about, missed
from pipelines.tending import REACH
from storage.archive import Archive, Run
from transcripts.model import Window
from transcripts.sessions import windows

LOW_DISK = 1 << 30  # bytes
NEAR_BUDGET = 0.8  # of the month's
OVERDUE = timedelta(hours=1)
RECENT = timedelta(days=14)  # how old the last session may be of which it is said that it is incomplete
LOSS_STANDS = timedelta(days=7)  # for how long what was lost for good is said: it will not get better
REMEMBERED = timedelta(days=70)  # how far back a chat's usual number of posts is looked up
USUAL_SESSIONS = 4  # of how many the median is what is usual
SECRET = re.compile(r"KNOWARCHIVE_[A-Z0-9_]+")  # every error about credentials names the variable that holds them


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that needs a person.

    `kind` is config, token, disk, budget, overdue, incomplete, missed, silent, site or import.

    `text` is one line that says what, where and what to do; it holds no secret, and no words or names of people.
    """

    kind: str
    chat: str | None
    about: str  # the session, the source, the folder
    text: str

    @property
    def key(self) -> str:
        """The same for the same trouble, however often it is looked at."""
        return f"{self.kind}:{self.chat or ''}:{self.about}"


@dataclass(frozen=True, slots=True)
class SourceStanding:
    """The last run of a source. Without one, `status` and `at` are None."""

    chat: str
    source: str
    status: str | None
    at: datetime | None
    session: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What `knowarchive status` prints. `coming` has the next opening of each chat; times are aware."""

    at: datetime
    coming: tuple[Occurrence, ...]
    sources: tuple[SourceStanding, ...]
    troubles: tuple[Trouble, ...]


def take_stock(config: Config, archive: Archive, environ: Mapping[str, str], now: datetime) -> Standing:
    """Look at the archive's ledger, the disks and the environment.

    Raises:
        StorageError: the archive cannot be read.
    """
    folders = [config.state_dir, *([Path(config.archive_url)] if "://" not in config.archive_url else [])]
    free = {str(folder): shutil.disk_usage(nearest(folder)).free for folder in folders}
    return assess(config, archive.runs(), now, free, environ, refused=_refusal(config.path))


def _refusal(path: Path) -> str | None:
    """Why the configuration, edited while the schedule goes by the one before, is none; None where it is."""
    try:
        load_config(path)
    except ConfigError as error:
        return str(error)
    return None


def look(path: Path, environ: Mapping[str, str]) -> dict[str, object]:
    """How things stand now, as `document` has it, by the configuration as it is now.

    Raises:
        ConfigError: it cannot be read.
        StorageError: the archive cannot be read.
    """
    config = load_config(path)
    return document(take_stock(config, Archive(config.archive_url, config.state_dir), environ, datetime.now(UTC)))


def assess(
    config: Config,
    ledger: Sequence[Run],
    now: datetime,
    free: Mapping[str, int],
    environ: Mapping[str, str],
    *,
    refused: str | None = None,
) -> Standing:
    """Judge how things stand.

    Args:
        config: the chats, the limits.
        ledger: its lines; those older than `REACH` do not matter.
        now: aware.
        free: bytes left on the disk, by folder.
        environ: where secrets are looked for; only whether they are there is asked.
        refused: why an edit of the configuration was not taken up.
    """
    ledger = [run for run in ledger if run.started_at >= now - REACH]
    planned = [chat for chat in config.chat if chat.source and (chat.rules or chat.session)]
    troubles = [
        *_edit(config.path, refused),
        *_disk(free),
        *_tokens(planned, ledger, environ),
        *_budget(config, ledger, now),
        *_overdue(config, ledger, now),
        *_incomplete(planned, ledger, now),
        *_missed(planned, ledger, now),
        *_silent(planned, ledger, now),
        *_site(config, ledger),
        *_imports(config, ledger, now),
    ]
    ahead = [one for chat in planned for one in coming(chat, now, config.schedule, 1) if one.what == "opens"]
    return Standing(
        at=now,
        coming=tuple(sorted(ahead, key=lambda one: one.at)),
        sources=tuple(_last(chat, source.name, ledger) for chat in planned for source in chat.source),
        troubles=tuple(troubles),
    )


def _edit(path: Path, refused: str | None) -> Iterator[Trouble]:
    if refused:
        yield Trouble("config", None, str(path), f"{refused}; the schedule goes by what it said before")


def _disk(free: Mapping[str, int]) -> Iterator[Trouble]:
    for folder, left in free.items():
        if left < LOW_DISK:
            yield Trouble("disk", None, folder, f"{folder}: {left / 1e9:.1f} GB are left on its disk; make room")


def _tokens(chats: Iterable[Chat], ledger: Sequence[Run], environ: Mapping[str, str]) -> Iterator[Trouble]:
    """A source whose last run was refused for its credentials, and one that cannot do without them and has none."""
    for chat in chats:
        for source in chat.source:
            last = _last(chat, source.name, ledger)
            if last.error and (named := SECRET.search(last.error)):
                yield Trouble(
                    "token", chat.name, source.name, f"{chat.name}: {source.name} refuses {named[0]}; renew it"
                )
            elif source.platform == "x" and not environ.get("KNOWARCHIVE_X_BEARER"):
                yield Trouble("token", chat.name, source.name,
                              f"{chat.name}: there is no token for {source.name}; set KNOWARCHIVE_X_BEARER")  # fmt: skip


def _budget(config: Config, ledger: Sequence[Run], now: datetime) -> Iterator[Trouble]:
    allowed = config.limits.dollars_a_month
    if not allowed:
        return
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    spent = sum(run.cost or 0.0 for run in ledger if run.started_at >= month)
    if spent >= NEAR_BUDGET * allowed:
        yield Trouble("budget", None, f"{now:%Y-%m}",
                      f"${spent:.2f} of this month's ${allowed:.2f} are spent; raise limits.dollars_a_month or expect gaps")  # fmt: skip


def _overdue(config: Config, ledger: Sequence[Run], now: datetime) -> Iterator[Trouble]:
    for job in due(config.chat, ledger, now, config.schedule):
        if now - job.at > OVERDUE and job.kind == "collect":
            yield Trouble("overdue", job.chat.name, job.window.label,
                          f"{job.chat.name} {job.window.label}: to be collected since {job.at:%Y-%m-%d %H:%M} UTC; "
                          "is knowarchive schedule running?")  # fmt: skip


def _incomplete(chats: Iterable[Chat], ledger: Sequence[Run], now: datetime) -> Iterator[Trouble]:
    """Of each chat, the sources of its last session that did not give all of it at the last try."""
    for chat in chats:
        over = [window for window in windows(chat, now - RECENT, now) if window.closes <= now]
        for window in over[-1:]:
            for source in chat.source:
                tries = _runs(chat, source.name, window, ledger)
                if tries and not any(run.status == "done" and run.started_at >= window.closes for run in tries):
                    yield Trouble("incomplete", chat.name, f"{window.label} {source.name}",
                                  f"{chat.name} {window.label}: {source.name} is {tries[-1].status}; see: "
                                  f"knowarchive collect {chat.name} --session {window.label}")  # fmt: skip


def _missed(chats: Iterable[Chat], ledger: Sequence[Run], now: datetime) -> Iterator[Trouble]:
    for lost in missed(chats, ledger, now - LONGEST_HORIZON - RECENT, now):
        if now - lost.at >= LOSS_STANDS:
            continue
        first = min((run.started_at for run in ledger if run.chat == lost.chat), default=now)
        if lost.window.closes >= first:  # what was held before anybody collected is no loss of ours
            yield Trouble("missed", lost.chat, f"{lost.window.label} {lost.source}",
                          f"{lost.chat} {lost.window.label}: {lost.source} was not collected and cannot be any more "
                          f"({lost.reason}); import an archive file of it")  # fmt: skip


def _silent(chats: Iterable[Chat], ledger: Sequence[Run], now: datetime) -> Iterator[Trouble]:
    """A session in which nobody spoke, of a chat where people usually do."""
    for chat in chats:
        seen = []
        for window in windows(chat, now - REMEMBERED, now):
            swept = [run for source in chat.source for run in _runs(chat, source.name, window, ledger)
                     if run.started_at >= window.closes and run.status != "failed"]  # fmt: skip
            if swept:
                seen.append((window, sum(run.seen or 0 for run in swept)))
        before = [count for _, count in seen[:-1]][-USUAL_SESSIONS:]
        if before and median(before) > 0 and seen[-1][1] == 0:
            label = seen[-1][0].label
            yield Trouble("silent", chat.name, label,
                          f"{chat.name} {label}: nobody spoke at any source; was it cancelled (add it to `skip`), "
                          "or has its hashtag changed?")  # fmt: skip


def _site(config: Config, ledger: Sequence[Run]) -> Iterator[Trouble]:
    builds = [run for run in ledger if run.kind == PUBLISH]
    last = max(builds, key=lambda run: run.started_at, default=None)
    if config.publish.contact and last and last.status == "failed":
        yield Trouble("site", None, str(config.site_dir),
                      f"the site is not up to date: {last.error}; see: knowarchive publish")  # fmt: skip


def _imports(config: Config, ledger: Sequence[Run], now: datetime) -> Iterator[Trouble]:
    """Files of the inbox that could not be read, or not to their end, when they were last tried."""
    if config.inbox_dir is None:
        return
    last: dict[tuple[str | None, str], Run] = {}
    for run in sorted(ledger, key=lambda one: one.started_at):
        if run.kind == "import" and now - run.started_at < LOSS_STANDS:
            last[run.chat, run.source] = run
    for (chat, source), run in last.items():
        if run.status == "failed" or run.gaps:
            yield Trouble("import", chat, source,
                          f"{' '.join(source.split())}: could not be imported{'' if run.status == 'failed' else ' to its end'}; "
                          "put a whole file in its place")  # fmt: skip


def _last(chat: Chat, source: str, ledger: Sequence[Run]) -> SourceStanding:
    runs = [run for run in ledger if run.chat == chat.name and run.source == source and run.kind != "import"]
    if not runs:
        return SourceStanding(chat.name, source, None, None, None, None)
    run = max(runs, key=lambda one: one.started_at)
    near = windows(chat, run.since, run.until) if run.since and run.until else []
    return SourceStanding(chat.name, source, run.status, run.finished_at, near[0].label if near else None, run.error)


def _runs(chat: Chat, source: str, window: Window, ledger: Sequence[Run]) -> list[Run]:
    """The runs about a session at a source, oldest first."""
    return [
        run for run in sorted(ledger, key=lambda one: one.started_at)
        if run.chat == chat.name and run.source == source and run.kind in {"collect", "refresh"} and is_about(run, window)
    ]  # fmt: skip


def nearest(folder: Path) -> Path:
    """A folder, or where it would be made if it is not there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def document(standing: Standing) -> dict[str, object]:
    """As JSON has it: for `knowarchive status --json`, and for monitoring."""
    return {
        "status": "attention" if standing.troubles else "ok",
        "at": standing.at,
        "next": [
            {"chat": one.chat.name, "session": one.window.label, "opens": one.at} for one in standing.coming
        ],
        "sources": [
            {"chat": one.chat, "source": one.source, "status": one.status, "at": one.at, "session": one.session,
             "error": one.error}
            for one in standing.sources
        ],
        "troubles": [
            {"kind": one.kind, "chat": one.chat, "about": one.about, "text": one.text} for one in standing.troubles
        ],
    }  # fmt: skip
