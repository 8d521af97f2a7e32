"""Stretches of time, of whole seconds as the index counts them: joined, widened to whole sessions, compared. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from transcripts.model import Window

Stretch = tuple[datetime, datetime]  # since <= … < until; aware
Windows = Mapping[tuple[str, str], Window]  # sessions by chat and date
SECOND = timedelta(seconds=1)


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Stretches in order of time, those that touch as one."""
    found: list[Stretch] = []
    for since, until in sorted(
        (since.replace(microsecond=0), until.replace(microsecond=0) + SECOND * bool(until.microsecond))
        for since, until in stretches
    ):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(until, found[-1][1]))
        else:
            found.append((since, until))
    return found


def widened(stretches: Iterable[Stretch], windows: Windows) -> list[Stretch]:
    """Stretches that cut no session: those that were given, and the sessions that they touch."""
    now = joined(stretches)
    while True:
        touched = [windows[key] for key in overlapping(now, windows)]
        wider = joined([*now, *((window.opens, window.closes) for window in touched)])
        if wider == now:
            return now
        now = wider


def overlapping(stretches: Iterable[Stretch], windows: Windows) -> set[tuple[str, str]]:
    """The sessions that share a moment with any of some stretches."""
    wanted = joined(stretches)
    starts = [since for since, _ in wanted]
    return {
        key
        for key, window in windows.items()
        if (place := bisect_left(starts, window.closes)) and window.opens < wanted[place - 1][1]
    }


def touches(month: str, stretches: Iterable[Stretch]) -> bool:
    """Whether a month ("2015-05") shares a moment with any of some stretches."""
    begins, ends = bounds(month)
    return any(since < ends and begins < until for since, until in stretches)


def bounds(month: str) -> Stretch:
    """A month ("2015-05"), or a year, in UTC."""
    year, _, number = month.partition("-")
    first, last = (int(number), int(number)) if number else (1, 12)
    return datetime(int(year), first, 1, tzinfo=UTC), datetime(int(year) + last // 12, last % 12 + 1, 1, tzinfo=UTC)
