"""Who may write to an archive from this machine: many at once, or one alone that takes somebody out of everything.

The system lets go of the lock however a process ends. Processes of other machines do not know of it: for those, whoever
stores anything looks again at its end whether somebody was to be forgotten meanwhile (see `pipelines.forgetting`).
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from knowarchive.errors import StorageError

log = logging.getLogger("knowarchive.storage")


class Gate:
    """The way in for writers of one process; one that is in already may enter again.

    Args:
        state: the private folder of the archive; `locks` is made in it.
        url: the archive's address, since several can share a state folder.
    """

    def __init__(self, state: Path, url: str) -> None:
        name = hashlib.sha256(f"writing {url}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self._folder = state / "locks"
        self._path = self._folder / name
        self._handle: int | None = None
        self._inside = 0
        self._changing = Lock()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Write while the context lasts, beside others; waits for whoever is alone.

        Raises:
            StorageError: the state folder cannot be written.
        """
        self._enter(fcntl.LOCK_SH, "somebody is being forgotten; waiting until that is done")
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Write alone while the context lasts; waits until all others are through.

        Raises:
            StorageError: the state folder cannot be written.
        """
        assert not self._inside, "whoever writes beside others cannot become alone: both would wait for each other"
        self._enter(fcntl.LOCK_EX, "others are writing to the archive; waiting until they are done")
        try:
            yield
        finally:
            self._leave()

    def _enter(self, kind: int, waiting: str) -> None:
        with self._changing:
            if self._handle is None:
                handle = self._open()
                try:
                    fcntl.flock(handle, kind | fcntl.LOCK_NB)
                except BlockingIOError:
                    log.warning("%s", waiting)
                    try:
                        fcntl.flock(handle, kind)
                    except BaseException:
                        os.close(handle)
                        raise
                self._handle = handle
            self._inside += 1

    def _leave(self) -> None:
        with self._changing:
            self._inside -= 1
            if not self._inside and self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def _open(self) -> int:
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.mkdir(exist_ok=True, mode=0o700)
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(
                f"{self._folder}: cannot be written: {error.strerror}; set archive.state to a folder"
            ) from error
