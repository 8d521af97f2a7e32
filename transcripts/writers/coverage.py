"""What was collected, when, and what is known to be missing, in plain words. The ledger's rows are free in form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .clock import Clock
from .text import clean_line

_STATUS = {
    "done": "complete",
    "ok": "complete",
    "complete": "complete",
    "incomplete": "incomplete",
    "partial": "incomplete",
    "failed": "failed",
    "error": "failed",
    "running": "still being collected",
}
_MOMENTS = ("finished_at", "collected_at", "fetched_at", "at", "started_at")
_POSTS = ("posts", "seen")


@dataclass(frozen=True, slots=True)
class Coverage:
    """One source in words: `facts` are whole phrases."""

    source: str
    status: str
    complete: bool
    facts: tuple[str, ...]


def coverage(rows: Iterable[Mapping[str, object]], clock: Clock) -> list[Coverage]:
    """The rows of a transcript's coverage, one for each source, as people read them."""
    return [_row(row, clock) for row in rows]


def _row(row: Mapping[str, object], clock: Clock) -> Coverage:
    known = clean_line(str(row.get("status") or "unknown"))
    facts = []
    posts = next((row[name] for name in _POSTS if isinstance(row.get(name), int)), None)
    if posts is not None:
        facts.append("1 post seen" if posts == 1 else f"{posts} posts seen")
    moment = next((row[name] for name in _MOMENTS if row.get(name)), None)
    if moment is not None:
        facts.append(f"collected {_moment(moment, clock)}")
    quarantined = row.get("quarantined")
    if isinstance(quarantined, int) and quarantined:
        facts.append("1 record could not be read" if quarantined == 1 else f"{quarantined} records could not be read")
    facts.extend(_gaps(row.get("gaps"), clock))
    if row.get("error"):
        facts.append(clean_line(str(row["error"])))
    if row.get("note"):
        facts.append(clean_line(str(row["note"])))
    return Coverage(
        source=_named(clean_line(str(row.get("source") or ""))),
        status=_STATUS.get(known, known),
        complete=_STATUS.get(known) == "complete",
        facts=tuple(facts),
    )


def _named(source: str) -> str:
    """A source as it may be published: of a file its name, not where it lies on somebody's disk."""
    return (source.rsplit("/", 1)[-1] if source.startswith(("/", "~", ".")) else source) or "unknown source"


def _moment(value: object, clock: Clock) -> str:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return clean_line(str(value))
    if isinstance(value, datetime):
        return clock.day(value) if value.tzinfo else clean_line(value.date().isoformat())
    return clean_line(str(value))


def _gaps(gaps: object, clock: Clock) -> list[str]:
    if isinstance(gaps, int):
        return [f"{gaps} gap{'s' if gaps != 1 else ''}"] if gaps else []
    if isinstance(gaps, str):
        return [f"gap: {clean_line(gaps)}"] if gaps else []
    if not isinstance(gaps, Iterable):
        return []
    found = []
    for gap in gaps:
        if isinstance(gap, Iterable) and not isinstance(gap, str | Mapping):
            edges = [clock.time(edge) if isinstance(edge, datetime) else clean_line(str(edge)) for edge in gap]
            found.append("nothing collected from " + " to ".join(edges))
        else:
            found.append(f"gap: {clean_line(str(gap))}")
    return found
