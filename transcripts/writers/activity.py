"""The small picture of a session over time: where bars, ticks and question marks stand.

Widths are percentages and heights pixels, because the picture stretches with the page while its labels keep their
size: an SVG without a viewBox, legible on a phone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from transcripts.model import Transcript

from .clock import Clock
from .text import clean_line

TOP, BASE = 40, 136  # pixels: where the tallest bar ends, and where all begin
_STEPS = (2, 3, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440)  # minutes to a bar
_TICKS = (15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)  # minutes between the times written below
_MOST_BARS, _MOST_TICKS = 64, 8
_CLOSE = 7.0  # per cent of the width: labels nearer than this do not stand in one row
_ROWS = 2


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    label: str  # may be empty
    row: int = 0
    side: str = "middle"  # the SVG text-anchor


@dataclass(frozen=True, slots=True)
class Activity:
    """The picture, and the same in words for those who cannot see it."""

    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    questions: tuple[Mark, ...]
    hour_x: float
    hour_width: float
    minutes: int
    summary: str
    details: str


def draw(transcript: Transcript, clock: Clock) -> Activity | None:
    """The picture of a session, or None where there is nothing to see: fewer than two posts."""
    times = [post.created_at for entry in transcript.entries for post in entry.posts]
    if len(times) < 2:
        return None
    window = transcript.window
    first, last = min(*times, window.start), max(*times, window.end)
    if last - first > timedelta(days=14):  # a stray date must not flatten the evening
        first, last = window.opens, window.closes
    if last <= first:
        return None
    span = (last - first).total_seconds() / 60
    step = next((minutes for minutes in _STEPS if span / minutes <= _MOST_BARS), ceil(span / _MOST_BARS))
    # Bars begin on round local minutes.
    midnight = clock.local(first).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = midnight + timedelta(minutes=step * (int((clock.local(first) - midnight).total_seconds() // 60) // step))
    number = int((last - begin).total_seconds() // 60 // step) + 1
    total = timedelta(minutes=step * number)

    def at(moment: datetime) -> float:
        return round(max(0.0, min(1.0, (moment - begin) / total)) * 100, 2)

    counts = [0] * number
    for moment in times:
        index = int((moment - begin).total_seconds() // 60 // step)
        if 0 <= index < number:
            counts[index] += 1
    peak = max(counts)
    if not peak:
        return None
    unit = 100 / number
    bars = []
    for index, count in enumerate(counts):
        if count:
            height = max(2.0, round((BASE - TOP) * count / peak, 1))
            bars.append(Bar(round((index + 0.1) * unit, 2), round(unit * 0.8, 2), BASE - height, height))

    posted = {entry.post.uid: entry.began for entry in transcript.entries}
    asked = [(posted[question.uid], question.label) for question in transcript.questions if question.uid in posted]
    asked.sort()

    busiest = begin + timedelta(minutes=step * counts.index(peak))
    every = f"{step} minutes" if step < 60 else "hour" if step == 60 else f"{step // 60} hours"
    said = f"Posts every {every}. Busiest at {clock.time(busiest)}, with {peak}."
    words = f"Bars from {clock.time(begin)} to {clock.time(begin + total)}, {len(times)} posts in all."
    if asked:
        words += " Questions: " + ", ".join(f"{clean_line(label)} at {clock.time(when)}" for when, label in asked) + "."
    return Activity(
        bars=tuple(bars),
        ticks=tuple(_ticks(begin, total, clock)),
        questions=tuple(_marks([(at(moment), clean_line(label)) for moment, label in asked])),
        hour_x=at(window.start),
        hour_width=round(at(window.end) - at(window.start), 2),
        minutes=step,
        summary=said,
        details=words,
    )


def _marks(asked: Iterable[tuple[float, str]]) -> Iterator[Mark]:
    """Mark the places of questions, from left to right. A label for which no row has room is left to the words below."""
    ends = [-_CLOSE] * _ROWS
    for x, label in asked:
        row = next((row for row, end in enumerate(ends) if x - end >= _CLOSE), None)
        if row is None:
            yield Mark(x, "", _ROWS - 1, _side(x))
        else:
            ends[row] = x
            yield Mark(x, label, row, _side(x))


def _side(x: float) -> str:
    return "start" if x < 4 else "end" if x > 96 else "middle"


def _ticks(begin: datetime, total: timedelta, clock: Clock) -> list[Mark]:
    minutes = total.total_seconds() / 60
    gap = next((each for each in _TICKS if minutes / each <= _MOST_TICKS), _TICKS[-1])
    local = clock.local(begin)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    number = ceil(((local - midnight).total_seconds() / 60) / gap)
    found = []
    while (moment := midnight + timedelta(minutes=gap * number)) <= begin + total:
        x = round((moment - begin) / total * 100, 2)
        found.append(Mark(x, f"{moment:%H:%M}" if gap < 1440 else f"{moment.day}.{moment.month}.", 0, _side(x)))
        number += 1
    return found
