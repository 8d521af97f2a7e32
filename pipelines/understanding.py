"""Screen, map and prepare payloads: the part of an import that computes, on every processor of the machine."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import get_context

import connectors
from knowarchive.model import Payload, Quarantined
from storage.preparing import Prepared, prepare

WORTH_A_PROCESS = 16 << 20  # bytes of payloads; a helper is ready after about half a second
IN_FLIGHT = 3  # payloads that wait for one helper


def understand(payload: Payload) -> tuple[Prepared, int]:
    """Screen and map a payload. Pure. Returns it with what it says, and how many posts were not public."""
    public, dropped = connectors.screen(payload)
    with connectors.collector_at_rest():  # until the records are columns, and gone
        return prepare(public, connectors.map_payload(public), connectors.rank(public.format)), dropped


def understand_all(
    records: Iterable[Payload | Quarantined], *, processes: int = 1
) -> Iterator[tuple[Prepared, int] | Quarantined]:
    """Understand payloads, in their order; what is no payload passes through.

    Args:
        records: payloads, and records that are in none.
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
                    waiting.append(pool.submit(_understand_afar, record))
                    originals.append(record)
                else:
                    waiting.append(understand(record))  # rather than wait, this process helps
                    originals.append(None)
            while waiting and (not isinstance(waiting[0], Future) or waiting[0].done()):
                yield _collect(waiting.popleft(), originals.popleft())
        while waiting:
            yield _collect(waiting.popleft(), originals.popleft())


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _understand_afar(payload: Payload) -> tuple[Prepared, int]:
    """Like `understand`, but a payload that did not change is not sent back."""
    prepared, dropped = understand(payload)
    return (prepared if dropped else replace(prepared, payload=None)), dropped


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
