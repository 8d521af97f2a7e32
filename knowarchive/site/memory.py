"""What is remembered of a site between two builds, so that only what changed is made anew. Derived, private, no contract.

Nothing heavy is imported to find out that nothing changed.
"""

import contextlib
import os
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec

from knowarchive.config import Config

CODE = 3  # raise it whenever what is remembered changes its meaning


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """What a site came to. `left_out` are numbers of posts by reason and network."""

    sessions: int
    people: int
    left_out: dict[str, dict[str, int]]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Of what a site is the site. See `knowarchive.site.changing` for what is remembered besides."""

    setup: str  # a digest of what the configuration and the program say of the whole site
    tables: dict[str, int | None]  # the versions that it shows
    corrections: dict[str, str]  # and `windows`: as the index has them
    windows: dict[str, list[tuple[str, str, str]]]
    checked_since: datetime | None
    newest_run: datetime | None
    day: str  # of which its calendars are
    numbers: Numbers
    code: int = CODE


S = TypeVar("S", bound=Shown)


class Memory:
    """The folder in which a site's catalogue and last build are remembered, made for its owner alone."""

    def __init__(self, config: Config, output: Path) -> None:
        whose = f"{config.archive_url}\n{output.resolve()}"
        self.folder = config.state_dir / "site" / sha256(whose.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self.catalogue = self.folder / "catalogue.sqlite"

    def open(self) -> None:
        """Make the folder. Raises OSError."""
        self.folder.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.parent.mkdir(exist_ok=True, mode=0o700)
        self.folder.mkdir(exist_ok=True, mode=0o700)

    def read(self, kind: type[S]) -> S | None:
        """So much of the last build that came to its end; None where there is none that this version reads."""
        try:
            built = msgspec.msgpack.decode((self.folder / "built").read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError):
            return None
        return built if built.code == CODE and self.catalogue.exists() else None

    def write(self, built: Shown) -> None:
        """Remember a build. Raises OSError."""
        draft = self.folder / f"built.{os.getpid()}"
        draft.write_bytes(msgspec.msgpack.encode(built))
        draft.replace(self.folder / "built")

    def forget(self) -> None:
        """Remember nothing from now on until a build has come to its end: what is changed is not what `read` says."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "built").unlink()
