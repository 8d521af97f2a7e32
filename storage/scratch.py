"""Folders for temporary files: one a process, locked while it lives, so that what a killed one left can be told and removed.

What waits there are people's posts on their way to the archive: no copy may outlive its process for long.
"""

import fcntl
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from threading import Lock

from knowarchive.errors import StorageError

LOCK = "lock"
PREFIX = "process-"
SPILL = "duckdb-"  # and the number of the process


class Scratch:
    """A process's own folder below `root`; made, private, when first asked for, and gone with the process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._path: Path | None = None
        self._making = Lock()

    @property
    def spill(self) -> Path:
        """Where DuckDB may put what does not fit into memory. It makes and removes the folder itself, if it needs it."""
        return self.root / f"{SPILL}{os.getpid()}"

    def path(self) -> Path:
        """The folder.

        Raises:
            StorageError: it cannot be made.
        """
        with self._making:
            if self._path is None:
                try:
                    self._path = self._make()
                except OSError as error:
                    raise StorageError(
                        f"{self.root}: cannot be made: {error.strerror}; set archive.state to a folder"
                    ) from error
            return self._path

    def _make(self) -> Path:
        self.root.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.mkdir(exist_ok=True, mode=0o700)
        sweep(self.root)
        made = Path(tempfile.mkdtemp(prefix="new-", dir=self.root))
        lock = os.open(made / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = made.rename(
            self.root / f"{PREFIX}{made.name.removeprefix('new-')}"
        )  # from now on it is swept, unless locked
        weakref.finalize(self, _remove, path, lock)
        return path


def sweep(root: Path) -> int:
    """Remove what dead processes left below `root`. Returns how many folders that was."""
    removed = 0
    for folder in root.glob(f"{SPILL}*"):
        if not _lives(folder.name.removeprefix(SPILL)):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    for folder in root.glob(f"{PREFIX}*"):
        try:
            lock = os.open(folder / LOCK, os.O_RDWR)
        except OSError:
            continue  # it is just being removed, or not ours
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
        else:
            _remove(folder, lock)
            removed += 1
    return removed


def _lives(number: str) -> bool:
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
