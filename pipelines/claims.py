"""One process at a time for a piece of work on this machine; the lock goes with the process, however it ends."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knowarchive.errors import StorageError


@contextmanager
def claim(state: Path, work: str) -> Iterator[bool]:
    """Claim a piece of work while the context lasts; yields False where another process has it.

    Args:
        state: the private folder of the archive; `locks` is made in it.
        work: what it is called; any text.

    Raises:
        StorageError: the folder cannot be written.
    """
    folder = state / "locks"
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)  # by itself: parents of a folder get no mode
        folder.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(folder / hashlib.sha256(work.encode()).hexdigest()[:32], os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror}; set archive.state to a folder") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
