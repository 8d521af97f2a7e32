"""What is due, worked out from the schedules, the ledger and the clock alone. Pure.

Nothing remembers what was planned. After an outage of any length, the ledger says which sessions were not collected to
their end and which were not looked at again since a refresh fell due; each is due once, however many runs were missed.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol

from knowarchive.config import SAME_DAY, Chat, Policy, Source, parse_duration
from transcripts.model import Window
from transcripts.sessions import overlaps, windows

FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=10), timedelta(hours=6)
TRIES_OF_INCOMPLETE = 3  # what a network did not give three times it will not give
BEFORE_MIDNIGHT = timedelta(minutes=30)  # when the last look within a UTC day is taken
HORIZON: Mapping[str, timedelta] = {"x": timedelta(days=7)}  # how far back a network can be searched
LONGEST_HORIZON = timedelta(days=30)
PUBLISH = "publish"  # the ledger's kind of line about the site
SITE_AGES = timedelta(
    days=1
)  # then it is looked at though nothing came in: wishes, corrections, posts not seen for long


class Done(Protocol):
    """What the agenda reads of a line of the ledger (`storage.archive.Run`). Times are aware."""

    @property
    def kind(self) -> str: ...

    @property
    def chat(self) -> str | None: ...

    @property
    def source(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def started_at(self) -> datetime: ...

    @property
    def finished_at(self) -> datetime: ...

    @property
    def since(self) -> datetime | None: ...

    @property
    def until(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """A session to collect or to refresh at some of its sources.

    `step` is live (the session still runs), sweep (it is over), or the refresh step. `at` is when it fell due, aware.
    """

    kind: str
    chat: Chat
    window: Window
    step: str
    at: datetime
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """How people recognise it: "collect critlib 2015-05-19 (sweep)"."""
        return f"{self.kind} {self.chat.name} {self.window.label} ({self.step})"


@dataclass(frozen=True, slots=True)
class Missed:
    """A source of a session that was never collected to its end, and cannot be any more since `at`, aware."""

    chat: str
    window: Window
    source: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that will happen: what (open, close or a refresh step), to which session, when."""

    what: str
    chat: Chat
    window: Window
    at: datetime


def due(chats: Iterable[Chat], ledger: Iterable[Done], now: datetime, policy: Policy) -> list[Job]:
    """List what is to be done now, the most urgent first: running sessions, then what was missed, then refreshes.

    Args:
        chats: those with a schedule and sources count.
        ledger: the lines of at least the last `LONGEST_HORIZON` and the longest refresh step.
        now: aware.
        policy: how often to poll, when to refresh.
    """
    lines = _by_source(ledger)
    found: list[Job] = []
    for chat in chats:
        for window in _recent(chat, now, policy):
            wanted: dict[tuple[str, str, datetime], list[Source]] = {}
            for source in chat.source:
                task = _due_at(source, window, _of(lines, chat, source, window), now, policy)
                if task:
                    wanted.setdefault(task, []).append(source)
            found += [Job(kind, chat, window, step, at, tuple(at_these))
                      for (kind, step, at), at_these in wanted.items()]  # fmt: skip
    order = {"live": 0, "sweep": 1}
    return sorted(found, key=lambda job: (order.get(job.step, 2), job.at, job.chat.name, job.window.label))


def missed(chats: Iterable[Chat], ledger: Iterable[Done], since: datetime, now: datetime) -> Iterator[Missed]:
    """The sources of sessions from `since` on that were not collected to their end while their network could be asked."""
    lines = _by_source(ledger)
    for chat in chats:
        for window in windows(chat, since, now):
            for source in chat.source:
                runs = _of(lines, chat, source, window)
                lost_at = window.closes + _horizon(source)
                if now < lost_at or _swept(runs, window):
                    continue
                yield Missed(chat.name, window, source.name, _why(runs, window), lost_at)


def is_site_due(chats: Sequence[Chat], ledger: Iterable[Done], now: datetime) -> bool:
    """Whether the site is to be brought up to date: something came in since, or it is a day old.

    What polls of a running session bring waits for its sweep. After a failure it is tried again, later each time.
    """
    lines = sorted(ledger, key=lambda run: run.started_at)
    builds = [run for run in lines if run.kind == PUBLISH]
    good = [run for run in builds if run.status != "failed"]
    failed = [run for run in builds if not good or run.started_at > good[-1].started_at]
    if failed:
        return _next_try(failed) <= now
    news = [run for run in lines if run.kind != PUBLISH and (not good or run.finished_at > good[-1].started_at)]
    by_name = {chat.name: chat for chat in chats}
    if any(not _is_poll(run, by_name.get(run.chat or "")) for run in news):
        return True
    return bool(good) and now - good[-1].started_at >= SITE_AGES


def _is_poll(run: Done, chat: Chat | None) -> bool:
    """Whether a run collected a session that was still running."""
    if chat is None or run.kind != "collect" or run.since is None:
        return False
    length = chat.length + sum(chat.margins, timedelta())
    near = windows(chat, run.since - length, run.since + length)
    return any(window.opens <= run.started_at < window.closes for window in near)


def coming(chat: Chat, now: datetime, policy: Policy, count: int) -> list[Occurrence]:
    """What will happen to a chat's sessions from now on: `count` openings, closings and refreshes each, by time."""
    length = timedelta(days=7)
    ahead: list[Window] = []
    reach = max([_length(step) for step in policy.refresh], default=timedelta())
    while len([window for window in ahead if window.opens >= now]) < count and length < timedelta(days=365 * 20):
        ahead = windows(chat, now - reach - chat.length - sum(chat.margins, timedelta()), now + length)
        length *= 2
    found: dict[str, list[Occurrence]] = defaultdict(list)
    for window in ahead:
        moments = [("opens", window.opens), ("closes", window.closes)]
        moments += [(f"refresh {step}", at) for step, at in _steps(window, policy)]
        for what, at in moments:
            if at >= now and len(found[what]) < count:
                found[what].append(Occurrence(what, chat, window, at))
    return sorted((one for group in found.values() for one in group), key=lambda one: (one.at, one.what))


def clashes(chats: Iterable[Chat], now: datetime) -> list[str]:
    """Say in a line each of which chats a session begins before another ends, within the next quarter of a year."""
    said = []
    for chat in chats:
        if found := overlaps(chat, now - chat.length, now + timedelta(days=92)):
            one, other = found[0]
            said.append(
                f"{chat.name}: {other.label} begins before {one.label} ends, and takes over from it then; "
                "if that is not meant, correct the schedule or the duration"
            )
    return said


def _due_at(
    source: Source, window: Window, runs: Sequence[Done], now: datetime, policy: Policy
) -> tuple[str, str, datetime] | None:
    """What is due of a source for a session: the kind, the step, and since when."""
    if now < window.closes:
        at = max(run.started_at for run in runs) + policy.poll_every if runs else window.opens
        return ("collect", "live", at) if at <= now else None
    after = [run for run in runs if run.started_at >= window.closes]
    if not _swept(runs, window):
        tries = [run for run in after if run.kind == "collect"]
        at = _next_try(tries) if tries else window.closes
        return ("collect", "sweep", at) if at <= now < window.closes + _horizon(source) else None
    if incomplete := _unfinished(after):
        at = _next_try(incomplete)
        return ("collect", "sweep", at) if at <= now else None
    passed = [(step, at) for step, at in _steps(window, policy) if at <= now]
    if not passed:
        return None
    step, at = passed[-1]
    looked = [run for run in after if run.started_at >= at]
    if any(run.status != "failed" for run in looked):
        return None
    again = _next_try(looked) if looked else at
    return ("refresh", step, again) if again <= now < at + _horizon(source) else None


def _swept(runs: Sequence[Done], window: Window) -> bool:
    """Whether a session was collected after it closed, be it with gaps."""
    return any(run.kind == "collect" and run.status != "failed" and run.started_at >= window.closes for run in runs)


def _unfinished(after: Sequence[Done]) -> list[Done]:
    """The tries so far, where all came back with gaps and another may not."""
    tries = [run for run in after if run.kind == "collect"]
    if any(run.status == "done" for run in after) or len(tries) >= TRIES_OF_INCOMPLETE:
        return []
    return tries


def _next_try(tries: Sequence[Done]) -> datetime:
    wait = min(FIRST_RETRY * (1 << min(len(tries) - 1, 10)), LONGEST_RETRY)
    return max(run.finished_at for run in tries) + wait


def _why(runs: Sequence[Done], window: Window) -> str:
    if not runs:
        return "nothing ran while the network could still be asked"
    if any(run.started_at >= window.closes for run in runs):
        return "every try failed, see the ledger"
    return "collected only while it ran, not to its end"


def _steps(window: Window, policy: Policy) -> list[tuple[str, datetime]]:
    """When a session is to be looked at again, by step, in order of time."""
    found = []
    for step in policy.refresh:
        if step == SAME_DAY:
            midnight = datetime.combine(window.closes.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
            at = midnight - BEFORE_MIDNIGHT
            if at <= window.closes:
                continue
        else:
            at = window.closes + _length(step)
        found.append((step, at))
    return sorted(found, key=lambda item: item[1])


def _length(step: str) -> timedelta:
    return timedelta(days=1) if step == SAME_DAY else parse_duration(step)


def _recent(chat: Chat, now: datetime, policy: Policy) -> list[Window]:
    if not chat.source:
        return []
    reach = max([LONGEST_HORIZON, *(_length(step) for step in policy.refresh)]) + LONGEST_HORIZON
    return [window for window in windows(chat, now - reach, now + timedelta(days=8)) if window.opens <= now]


def _horizon(source: Source) -> timedelta:
    return HORIZON.get(source.platform, LONGEST_HORIZON)


def _by_source(ledger: Iterable[Done]) -> dict[tuple[str | None, str], list[Done]]:
    """The ledger's lines of windows, by chat and source, in order of the window's begin."""
    found: dict[tuple[str | None, str], list[Done]] = defaultdict(list)
    for run in ledger:
        if run.kind in {"collect", "refresh"} and run.since is not None and run.until is not None:
            found[run.chat, run.source].append(run)
    for lines in found.values():
        lines.sort(key=_begin)
    return found


def _of(lines: Mapping[tuple[str | None, str], list[Done]], chat: Chat, source: Source, window: Window) -> list[Done]:
    """The lines about a session at a source."""
    runs = lines.get((chat.name, source.name), [])
    first = bisect_left(runs, window.opens - timedelta(days=8), key=_begin)  # margins may have been other ones
    last = bisect_left(runs, max(window.start, window.opens) + timedelta.resolution, key=_begin)
    return [run for run in runs[first:last] if is_about(run, window)]


def is_about(run: Done, window: Window) -> bool:
    """Whether a run's window holds the scheduled hour of a session, as far as that is its own and was over when it ran."""
    if run.since is None or run.until is None:
        return False
    begin, end = max(window.start, window.opens), min(window.end, window.closes)
    is_before = run.since < window.opens and run.until <= window.opens  # the end of the session that this one follows
    return not is_before and run.since <= begin and run.until >= min(end, max(window.opens, run.started_at))


def _begin(run: Done) -> datetime:
    assert run.since is not None
    return run.since
