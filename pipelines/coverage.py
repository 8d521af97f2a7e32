"""What the ledger knows of how a session was collected: the latest state of each source. Pure.

The newest run decides for the time that it asked for; a run before it decides only for what the newer ones left out. So
a run that is done heals what failed earlier, and a part that nobody asked for stays open. A file is never asked for a
time: it stands for the whole session.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.archive import Run
from transcripts.model import Window

FETCHING = frozenset({"import", "collect", "refresh"})  # the kinds of run that bring posts
Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """One source of one session.

    `asked` and `answered` are stretches of the session, `unasked` what is left of it. A file is not asked, and answers from
    its oldest to its newest post. `pages`,
    `seen`, `quarantined`, `screened`, `gaps` and `notes` are those of the runs that decide; `new`, `changed`, `requests`,
    `waited` (seconds) and `cost` (US dollars) add up over all `runs`. Unknown is None.
    """

    source: str
    kind: str
    status: str  # done, incomplete, failed
    collected_at: datetime
    since: datetime
    until: datetime
    asked: tuple[Stretch, ...]
    answered: tuple[Stretch, ...]
    unasked: tuple[Stretch, ...]
    pages: int | None
    seen: int | None
    new: int | None
    changed: int | None
    quarantined: int | None
    screened: int | None
    requests: int | None
    waited: float | None
    gaps: tuple[str, ...]
    notes: tuple[str, ...]
    cost: float | None
    runs: int


def cover(runs: Iterable[Run], window: Window) -> tuple[SourceCoverage, ...]:
    """Say of each source of a session what its runs got, in the order in which they began.

    Args:
        runs: the ledger's lines of the chat, in any order; those about other times are left out.
        window: the session.
    """
    by_source: dict[str, list[Run]] = {}
    about = (run for run in runs if run.kind in FETCHING and _touches(run, window))
    for run in sorted(about, key=lambda run: (run.started_at, run.run_id)):
        by_source.setdefault(run.source, []).append(run)
    return tuple(_cover(source, own, window) for source, own in by_source.items())


def coverage_state(sources: Sequence[SourceCoverage]) -> str:
    """A session's coverage in a word: complete, incomplete or unknown."""
    if not sources:
        return "unknown"
    return "complete" if all(source.status == "done" for source in sources) else "incomplete"


def _cover(source: str, runs: Sequence[Run], window: Window) -> SourceCoverage:
    left: list[Stretch] = [(window.opens, window.closes)]
    asked: list[Stretch] = []
    answered: list[Stretch] = []
    deciding: list[Run] = []
    for run in reversed(runs):
        own = _stretch(run, window)
        parts = [part for each in left if (part := _overlap(each, own))]
        if not parts:
            continue
        deciding.append(run)
        left = [rest for each in left for rest in _without(each, own)]
        if run.kind == "import":
            span = _overlap((window.opens, window.closes), (run.since or window.opens, run.until or window.closes))
            answered += [span] if span else []
        else:
            asked += parts
            answered += parts if run.status == "done" else ()
    statuses = {run.status for run in deciding}
    status = statuses.pop() if len(statuses) == 1 and (not left or statuses != {"done"}) else "incomplete"
    return SourceCoverage(
        source=source,
        kind=deciding[0].kind,
        status=status,
        collected_at=deciding[0].finished_at,
        since=min(run.since for run in deciding if run.since),
        until=max(run.until for run in deciding if run.until),
        asked=_joined(asked),
        answered=_joined(answered),
        unasked=_joined(left),
        pages=_sum(run.pages for run in deciding),
        seen=_sum(run.seen for run in deciding),
        new=_sum(run.new for run in runs),
        changed=_sum(run.changed for run in runs),
        quarantined=_sum(run.quarantined for run in deciding),
        screened=_sum(run.screened for run in deciding),
        requests=_sum(run.requests for run in runs),
        waited=_total(run.waited for run in runs),
        gaps=tuple(dict.fromkeys(gap for run in deciding for gap in run.gaps)),
        notes=tuple(dict.fromkeys(note for run in deciding for note in run.notes)),
        cost=_total(run.cost for run in runs),
        runs=len(runs),
    )


def _touches(run: Run, window: Window) -> bool:
    if run.since is None or run.until is None or run.since >= window.closes:
        return False
    if run.kind == "import":  # up to its newest post, which is in it
        return run.until >= window.opens
    return run.until > window.opens and run.until > run.since  # up to where the next session may begin


def _stretch(run: Run, window: Window) -> Stretch:
    if run.kind == "import" or run.since is None or run.until is None:
        return window.opens, window.closes
    return run.since, run.until


def _overlap(one: Stretch, other: Stretch) -> Stretch | None:
    begin, end = max(one[0], other[0]), min(one[1], other[1])
    return (begin, end) if begin < end else None


def _without(one: Stretch, other: Stretch) -> list[Stretch]:
    if _overlap(one, other) is None:
        return [one]
    rest = ((one[0], other[0]), (other[1], one[1]))
    return [(begin, end) for begin, end in rest if begin < end]


def _joined(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Join what touches, in order of time."""
    found: list[Stretch] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return tuple(found)


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _total(amounts: Iterable[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None
