"""Keeps the session string of a Bluesky account between runs, because the network allows few logins a day."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from connectors.base import FetchError

_ODD = re.compile(r"[^a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class SessionFile:
    """One file for each server and account, which only its owner can read."""

    path: Path

    @classmethod
    def of(cls, state: Path, server: str, handle: str) -> "SessionFile":
        host = urlsplit(server).netloc.lower()
        return cls(state / f"bluesky-{_ODD.sub('_', host)}-{_ODD.sub('_', handle.lower())}.session")

    def read(self) -> str | None:
        """The session string; None where there is none."""
        try:
            return self.path.read_text(encoding="ascii").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            self.forget()
            return None

    def write(self, session: str) -> None:
        """Replace the session string in one step.

        Raises:
            FetchError: the state folder cannot be written. Going on would use up the logins of a day.
        """
        beside = self.path.with_suffix(f".{os.getpid()}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.unlink(missing_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(session)
            beside.replace(self.path)
        except OSError as error:
            raise FetchError(f"{self.path}: cannot keep the Bluesky session: {error.strerror}") from error

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
