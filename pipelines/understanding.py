"""Screen, redact, map and prepare payloads: the part of an import that computes, on every processor of the machine.

What was erased from the archive is taken out of a payload here, before it is stored: nothing brings it back.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import get_context

import connectors
from knowarchive.model import Mapped, Payload, Quarantined
from storage.preparing import Prepared, prepare

WORTH_A_PROCESS = 16 << 20  # bytes of payloads; a helper is ready after about half a second
IN_FLIGHT = 3  # payloads that wait for one helper


@dataclass(frozen=True, slots=True)
class Understood:
    """A payload and what it says, as columns and as records; `dropped` counts posts that were not public."""

    prepared: Prepared
    mapped: Mapped
    dropped: int


def understand_page(payload: Payload, erased: AbstractSet[str] = frozenset()) -> Understood:
    """Screen, redact and map a payload. Pure. `erased` are the uids of posts of which nothing may be stored."""
    public, dropped = connectors.screen(payload)
    mapped = connectors.map_payload(public)
    rest, redacted = public, 0
    if touched := _named(mapped, erased):
        rest, redacted = connectors.redact(public, touched)
    if redacted:
        mapped = connectors.map_payload(rest)
    rank = connectors.rank(rest.format)
    return Understood(prepare(rest, mapped, rank, payload_id=public.payload_id, redacted=redacted), mapped, dropped)


def understand(payload: Payload, erased: AbstractSet[str] = frozenset()) -> tuple[Prepared, int]:
    """Like `understand_page`, without the records, of which an import has too many to keep."""
    with connectors.collector_at_rest():  # until the records are columns, and gone
        understood = understand_page(payload, erased)
        return understood.prepared, understood.dropped


def understand_all(
    records: Iterable[Payload | Quarantined], *, erased: AbstractSet[str] = frozenset(), processes: int = 1
) -> Iterator[tuple[Prepared, int] | Quarantined]:
    """Understand payloads, in their order; what is no payload passes through.

    Args:
        records: payloads, and records that are in none.
        erased: the uids of posts of which nothing may be stored.
        processes: how many may compute. Helpers are started when there is enough to do, as fresh interpreters: a
            script that asks for more than one needs its `if __name__ == "__main__"`.
    """
    waiting: deque[Future[tuple[Prepared, int]] | tuple[Prepared, int] | Quarantined] = deque()
    originals: deque[Payload | None] = deque()
    size = 0
    with ExitStack() as stack:
        pool: ProcessPoolExecutor | None = None
        for record in records:
            if isinstance(record, Quarantined):
                waiting.append(record)
                originals.append(None)
            else:
                size += len(record.body)
                if pool is None and processes > 1 and size > WORTH_A_PROCESS:
                    pool = stack.enter_context(
                        ProcessPoolExecutor(
                            processes - 1, mp_context=get_context("spawn"), initializer=_ignore_interrupts
                        )
                    )
                unfinished = sum(isinstance(one, Future) and not one.done() for one in waiting)
                if pool is not None and unfinished < IN_FLIGHT * (processes - 1):
                    waiting.append(pool.submit(_understand_afar, record, erased))
                    originals.append(record)
                else:
                    waiting.append(understand(record, erased))  # rather than wait, this process helps
                    originals.append(None)
            while waiting and (not isinstance(waiting[0], Future) or waiting[0].done()):
                yield _collect(waiting.popleft(), originals.popleft())
        while waiting:
            yield _collect(waiting.popleft(), originals.popleft())


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _understand_afar(payload: Payload, erased: AbstractSet[str]) -> tuple[Prepared, int]:
    """Like `understand`, but a payload that did not change is not sent back."""
    prepared, dropped = understand(payload, erased)
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


def _ignore_interrupts() -> None:
    """Ctrl-C is the parent's business; it ends its helpers."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
