"""Processes that compute beside this one, and end with it."""

import contextlib
import fcntl
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from importlib import import_module
from multiprocessing.connection import wait
from types import TracebackType
from typing import ParamSpec, Protocol, Self, TypeVar

from knowarchive.errors import KnowarchiveError

PIPE_BYTES = 1 << 20  # of Linux's 64 kB; more than a megabyte is for administrators
AT_ONCE = 0.0005  # seconds; Python's own interval is ten times as long

P = ParamSpec("P")
R = TypeVar("R")


class HelperError(KnowarchiveError):
    """A process that helped was killed."""

    retryable = True


class Pool(Protocol):
    """Who shares the work."""

    def start(self) -> None:
        """Get ready, at once or beside what else is done."""

    def submit(self, work: Callable[P, R], /, *args: P.args, **options: P.kwargs) -> Future[R]:
        """Let somebody do something."""


class Alone:
    """Does at once what is submitted: with one process, others would only have to be started."""

    def start(self) -> None:
        """Nobody has to get ready."""

    def submit(self, work: Callable[P, R], /, *args: P.args, **options: P.kwargs) -> Future[R]:
        done: Future[R] = Future()
        done.set_result(work(*args, **options))
        return done


class Helpers:
    """Fresh interpreters, each ready about half a second after `start`. Whoever closes them drops what they have not begun.

    A script that uses them needs its `if __name__ == "__main__"`.

    Args:
        count: how many; with none, there is nothing to start.
        modules: what each loads first, so that no work need wait for it; by name, as they may be slow to load here too.

    Raises:
        HelperError: on leaving the context, if one of them was killed.
    """

    def __init__(self, count: int, *modules: str) -> None:
        self.count = count
        self._modules = modules
        self._pool: ProcessPoolExecutor | None = None
        self._interval = sys.getswitchinterval()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            sys.setswitchinterval(self._interval)
        if isinstance(error, BrokenExecutor):
            raise HelperError(
                "a process that shares the work was killed, as systems do that run out of memory; close other programs "
                "and try again"
            ) from error

    @property
    def is_started(self) -> bool:
        return self._pool is not None

    def start(self) -> None:
        """Start them, unless they are there. Returns at once."""
        if self._pool is None and self.count:
            context = multiprocessing.get_context("spawn")  # to fork would copy locks that other threads hold
            self._pool = ProcessPoolExecutor(self.count, mp_context=context, initializer=_begin, initargs=self._modules)
            _widen(self._pool)
            for _ in range(self.count):
                self._pool.submit(_ready)
            # Threads hand them their work and take what they give back, and wait for the interpreter before each piece.
            sys.setswitchinterval(AT_ONCE)

    def submit(self, work: Callable[P, R], /, *args: P.args, **options: P.kwargs) -> Future[R]:
        """Let a helper do something; `start` comes first."""
        assert self._pool is not None
        return self._pool.submit(work, *args, **options)


def in_order(done: Iterable[Future[R]], ahead: int) -> Iterator[R]:
    """The results of work that is submitted as they are asked for, in its order, with no more than `ahead` undone."""
    waiting: deque[Future[R]] = deque()
    for one in done:
        waiting.append(one)
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _widen(pool: ProcessPoolExecutor) -> None:
    """Let what is under way lie in the pipes: what does not fit there waits for a thread of the other end, which is busy.

    Nothing public leads to them, and without it all is only slower.
    """
    with contextlib.suppress(AttributeError, OSError):
        for connection in (pool._call_queue._writer, pool._result_queue._writer):  # type: ignore[attr-defined] # noqa: SLF001
            fcntl.fcntl(connection.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _begin(*modules: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business; it ends its helpers
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    for module in modules:
        import_module(module)


def _end_with(sentinel: int) -> None:
    """End when the parent does, however it does: a helper whose parent was killed would wait for work for ever."""
    wait([sentinel])
    os._exit(0)


def _ready() -> None:
    pass
