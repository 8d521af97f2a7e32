"""Screen, redact, map and prepare payloads: the part of an import that computes, on every processor of the machine.

What was erased from the archive is taken out of a payload here, before it is stored: nothing brings it back.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

import connectors
from knowarchive.errors import KnowarchiveError
from knowarchive.model import Mapped, Payload, Quarantined
from pipelines.helpers import Helpers
from pipelines.remembering import Memory, take_out
from storage.preparing import Prepared, prepare

T = TypeVar("T")

WORTH_A_PROCESS = 64 << 20  # bytes of payloads; where it was not known how many would come, helpers are started then
IN_FLIGHT = 2  # payloads that one helper has, at which it is or which wait for it


@dataclass(frozen=True, slots=True)
class Understood:
    """A payload and what it says, as columns and as records; `dropped` counts posts that were not public."""

    prepared: Prepared
    mapped: Mapped
    dropped: int


def understand_page(
    payload: Payload, erased: AbstractSet[str] = frozenset(), memory: Memory | None = None
) -> Understood:
    """Screen, redact and map a payload.

    Args:
        payload: as it came.
        erased: the uids of posts of which nothing may be stored.
        memory: the people of whom nothing may be stored.
    """
    public, dropped = connectors.screen(payload)
    rest, redacted = memory.redact(public) if memory else (public, 0)
    understood = _prepared(public, rest, redacted, dropped)
    if memory and (memory.meets(understood.mapped, understood.prepared) or memory.copies(understood.mapped)):
        rest, redacted = take_out(public, memory)
        understood = _prepared(public, rest, redacted, dropped)
    if touched := _named(understood.mapped, erased):
        rest, count = connectors.redact(rest, touched)
        if count:
            understood = _prepared(public, rest, redacted + count, dropped)
    return understood


def _prepared(public: Payload, rest: Payload, redacted: int, dropped: int) -> Understood:
    """What is left of a payload, understood; its name is that of what was public of it."""
    mapped = connectors.map_payload(rest)
    rank = connectors.rank(rest.format)
    payload_id = public.payload_id if redacted else None
    return Understood(prepare(rest, mapped, rank, payload_id=payload_id, redacted=redacted), mapped, dropped)


def understand(
    payload: Payload, erased: AbstractSet[str] = frozenset(), memory: Memory | None = None
) -> tuple[Prepared, int]:
    """Like `understand_page`, without the records, of which an import has too many to keep."""
    with connectors.collector_at_rest():  # until the records are columns, and gone
        understood = understand_page(payload, erased, memory)
        return understood.prepared, understood.dropped


def understand_all(
    records: Iterable[Payload | Quarantined],
    *,
    erased: AbstractSet[str] = frozenset(),
    memory: Memory | None = None,
    stored: Callable[[Payload], tuple[Payload, int] | None] = lambda _payload: None,
    helpers: Helpers | None = None,
) -> Iterator[tuple[Prepared, int] | Quarantined]:
    """Understand payloads, in their order; what is no payload passes through.

    Args:
        records: payloads, and records that are in none.
        erased: the uids of posts of which nothing may be stored.
        memory: the people of whom nothing may be stored.
        stored: what is left in the archive of a payload that lost records there, and how many it lost; None for others.
        helpers: processes that may compute too; they are started when there is enough to do, if they are not yet.
    """
    waiting: deque[Future[tuple[Prepared, int]] | tuple[Prepared, int] | Quarantined] = deque()
    originals: deque[Payload | None] = deque()
    size = 0
    for record, is_last in _with_last(records):
        if isinstance(record, Quarantined):
            waiting.append(record)
            originals.append(None)
        elif known := stored(record):
            waiting.append((_prepared(record, *known, dropped=0).prepared, 0))
            originals.append(None)
        else:
            size += len(record.body)
            if helpers is not None and size > WORTH_A_PROCESS:
                helpers.start()
            unfinished = sum(isinstance(one, Future) and not one.done() for one in waiting)
            most = helpers.count * (1 if is_last else IN_FLIGHT) if helpers is not None and helpers.is_started else 0
            if helpers is not None and unfinished < most:
                waiting.append(helpers.submit(_understand_afar, record, erased, memory))
                originals.append(record)
            else:
                waiting.append(understand(record, erased, memory))  # rather than wait, this process helps
                originals.append(None)
        while waiting and (not isinstance(waiting[0], Future) or waiting[0].done()):
            yield _collect(waiting.popleft(), originals.popleft())
    while waiting:
        yield _collect(waiting.popleft(), originals.popleft())


def _with_last(records: Iterable[T]) -> Iterator[tuple[T, bool]]:
    """Each record, and whether it is the last one. An error that comes after a record is raised after it."""
    held: list[T] = []
    failure: Exception | None = None
    try:
        for record in records:
            if held:
                yield held.pop(), False
            held.append(record)
    except (KnowarchiveError, OSError) as error:
        failure = error
    if held:
        yield held.pop(), True
    if failure:
        raise failure


def _understand_afar(payload: Payload, erased: AbstractSet[str], memory: Memory | None) -> tuple[Prepared, int]:
    """Like `understand`, but a payload that did not change is not sent back."""
    prepared, dropped = understand(payload, erased, memory)
    return (prepared if dropped or prepared.redacted else replace(prepared, payload=None)), dropped


def _named(mapped: Mapped, erased: AbstractSet[str]) -> AbstractSet[str]:
    """Which of the erased posts a payload names. One that holds what could not be read may name any."""
    if not erased or mapped.quarantined:
        return erased
    named = {post.uid for post in mapped.posts} | {repost.post_uid for repost in mapped.reposts}
    return named.union(post.quote_of for post in mapped.posts if post.quote_of) & erased


def _collect(
    result: Future[tuple[Prepared, int]] | tuple[Prepared, int] | Quarantined, original: Payload | None
) -> tuple[Prepared, int] | Quarantined:
    if not isinstance(result, Future):
        return result
    prepared, dropped = result.result()
    return (prepared if prepared.payload is not None else replace(prepared, payload=original)), dropped
