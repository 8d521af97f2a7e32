"""Import what is put into a folder: files in it by their hashtags, files in a chat's own folder there as the chat's.

A file is due while the ledger has no line about it since it came or changed. So nothing is moved or deleted, and a file
that cannot be read is tried again when it has changed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from knowarchive.config import Config
from knowarchive.errors import ReadError
from pipelines.agenda import Done
from pipelines.commands import Perform, perform
from pipelines.importing import ImportSource
from pipelines.outcomes import COUNTS

SETTLED = timedelta(minutes=1)  # since its last change; until then somebody may still be writing it


@dataclass(frozen=True, slots=True)
class Pull:
    """A file in the inbox. `changed` is when it came there or was last written, aware."""

    path: Path
    chat: str | None
    changed: datetime

    @property
    def source(self) -> str:
        """What the ledger calls it."""
        return ImportSource(str(self.path), path=self.path).origin

    @property
    def name(self) -> str:
        """How people recognise it."""
        return f"import {f'{self.chat}/' if self.chat else ''}{self.source}"


def find_pulls(config: Config) -> Iterator[Pull]:
    """The files in the inbox, and in the folders there that are named like a chat; hidden ones are still being written.

    Raises:
        ReadError: the folder cannot be read.
    """
    inbox = config.inbox_dir
    if inbox is None:
        return
    names = {chat.name for chat in config.chat}
    try:
        for entry in _visible(inbox):
            if entry.is_file():
                yield _pull(entry, None)
            elif entry.is_dir() and entry.name in names:
                yield from (_pull(one, entry.name) for one in _visible(Path(entry.path)) if one.is_file())
    except OSError as error:
        raise ReadError(
            f"{inbox}: cannot be read: {error.strerror}; make it, or take `inbox` out of [schedule]"
        ) from error


def _visible(folder: Path) -> list["os.DirEntry[str]"]:
    with os.scandir(folder) as found:
        return sorted((one for one in found if not one.name.startswith(".")), key=lambda one: one.name)


def _pull(entry: "os.DirEntry[str]", chat: str | None) -> Pull:
    changed = entry.stat().st_ctime  # not when it was last written to, which a copy takes along
    return Pull(Path(entry.path), chat, datetime.fromtimestamp(changed, UTC))


def choose(pulls: Iterable[Pull], ledger: Iterable[Done], now: datetime) -> list[Pull]:
    """Choose the files that are to be imported now, the oldest first. Pure."""
    tried: dict[tuple[str | None, str], datetime] = {}
    for run in ledger:
        if run.kind == "import":
            key = run.chat, run.source
            tried[key] = max(tried.get(key, run.started_at), run.started_at)
    return sorted(
        (one for one in pulls
         if now - one.changed >= SETTLED and tried.get((one.chat, one.source), one.changed) <= one.changed),
        key=lambda one: (one.changed, one.path),
    )  # fmt: skip


def take_in(config: Config, pull: Pull, run: Perform = perform) -> dict[str, int]:
    """Import a file.

    Returns:
        How many posts were seen, new, changed and quarantined.

    Raises:
        KnowarchiveError: it could not be read, or the archive not be written.
    """
    chat: Sequence[str] = ("--chat", pull.chat) if pull.chat else ()
    result = msgspec.json.decode(run(config, "import", "--json", *chat, "--", str(pull.path)))
    return {name: int(result[name]) for name in COUNTS}
