"""What was collected, when, and what is known to be missing, in plain words. The ledger's rows are free in form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .clock import Clock
from .references import NETWORKS
from .text import clean_line, show_url

_STATUS = {"done": "complete", "incomplete": "incomplete", "failed": "failed"}
_COUNTED = (
    ("pages", "page", "pages", ""),
    ("seen", "post", "posts", " seen"),
    ("new", "new", "new", ""),
    ("changed", "changed", "changed", ""),
    ("quarantined", "record", "records", " could not be read"),
)
_SILENT_AT_ZERO = {"pages", "changed", "quarantined"}


@dataclass(frozen=True, slots=True)
class Coverage:
    """One source in words, whole phrases all: `facts`, what is `missing`, and `notes` that a reader should know."""

    source: str
    status: str
    complete: bool
    facts: tuple[str, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def coverage(rows: Iterable[Mapping[str, object]], clock: Clock) -> list[Coverage]:
    """The rows of a transcript's coverage, one for each source, as people read them."""
    return [_row(row, clock) for row in rows]


def _row(row: Mapping[str, object], clock: Clock) -> Coverage:
    known = clean_line(str(row.get("status") or "unknown"))
    asked, answered = _stretches(row.get("asked"), clock), _stretches(row.get("answered"), clock)
    facts = []
    if asked:
        facts.append(f"asked for {asked}")
    if answered != asked and answered:
        facts.append(f"answered for {answered}" if asked else f"covers {answered}")
    facts += _counts(row)
    moment = row.get("collected_at")
    if isinstance(moment, datetime):
        facts.append(f"collected {clock.day(moment)}")
    waited, cost = row.get("waited"), row.get("cost")
    if isinstance(waited, float | int) and waited >= 1:
        facts.append(f"waited {_duration(waited)}")
    if isinstance(cost, float | int) and cost > 0:
        facts.append(f"cost ${cost:.2f}")
    unasked = _stretches(row.get("unasked"), clock)
    missing = ([f"not asked for {unasked}"] if unasked else []) + _lines(row.get("gaps"))
    return Coverage(
        source=_named(clean_line(str(row.get("source") or ""))),
        status=_STATUS.get(known, known),
        complete=known == "done",
        facts=tuple(facts),
        missing=tuple(missing),
        notes=tuple(_lines(row.get("notes"))),
    )


def _named(source: str) -> str:
    """A source as it may be published: of a file its name, not where it lies on somebody's disk."""
    network, _, server = source.partition(":")
    if network in NETWORKS:
        return f"{NETWORKS[network]}, {show_url(server)}" if server else NETWORKS[network]
    return (source.rsplit("/", 1)[-1] if source.startswith(("/", "~", ".")) else source) or "unknown source"


def _counts(row: Mapping[str, object]) -> Iterable[str]:
    for name, one, many, rest in _COUNTED:
        number = row.get(name)
        if isinstance(number, int) and (number or name not in _SILENT_AT_ZERO):
            yield f"{number} {one if number == 1 else many}{rest}"


def _stretches(value: object, clock: Clock) -> str:
    """Stretches of time as people write them: "20:45–22:30"."""
    if not isinstance(value, list | tuple):
        return ""
    return ", ".join(f"{clock.time(begin)}–{clock.time(end)}" for begin, end in value)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def _lines(value: object) -> list[str]:
    return [clean_line(str(one)) for one in value] if isinstance(value, list | tuple) else []
