"""Bring a site up to date. What makes pages is loaded when there is a page to make."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from knowarchive.config import Config
from knowarchive.errors import ConfigError
from knowarchive.site.current import is_current
from knowarchive.site.folder import SiteFolder, check_name
from knowarchive.site.memory import Memory, Numbers, Shown
from pipelines.helpers import Alone, Helpers, Pool, processors
from pipelines.indexing import is_current as is_index_current

WORKERS = "knowarchive.site.workers"  # what helpers load first


@dataclass(frozen=True, slots=True)
class Published:
    """What a build came to. `left_out` are numbers of posts by reason and network."""

    path: Path
    files: int
    changed: int
    removed: int
    sessions: int
    people: int
    left_out: dict[str, dict[str, int]]
    whole: bool  # everything was made anew


def publish(
    config: Config,
    output: Path,
    *,
    now: datetime,
    overwrite: bool = False,
    rebuild: bool = False,
    processes: int | None = None,
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _all: None,
) -> Published:
    """Write the site into a folder, or bring it up to date there.

    Args:
        config: whose archive and chats; `publish.contact` is needed.
        output: the folder.
        now: the time, aware: posts of X count as checked for a while.
        overwrite: write into a folder that holds other things too; these stay.
        rebuild: make every page anew, whatever is remembered.
        processes: that share the work; by default as many as may run at once.
        on_progress: told what is being made, how much of it is done, and how much there is.

    Raises:
        ConfigError: nobody is named to ask for something to be taken down.
        SiteError: the folder cannot be written, or is not ours.
        StorageError: the archive cannot be read.
    """
    if not config.publish.contact:
        raise ConfigError(
            f'{config.path}: [publish] has no `contact`; add contact = "you@example.org", whom people ask to take '
            "something down: every page names it"
        )
    check_name(output)
    memory = Memory(config, output)
    with SiteFolder(output, overwrite=overwrite) as folder:
        anew = rebuild or not folder.is_whole()
        shown = None if anew else memory.read(Shown)
        if shown and is_current(shown, config, now):
            return _published(folder, shown.numbers)
        with _pool(processes) as pool:
            if shown is None or not is_index_current(config):
                pool.start()  # they get ready while the index is brought up to date
            from knowarchive.site.making import make

            made = make(config, folder, memory, pool, now, on_progress, anew=anew)
            return _published(folder, made.numbers, made.changed, made.removed, whole=made.whole)


def _published(
    folder: SiteFolder, numbers: Numbers, changed: int = 0, removed: int = 0, *, whole: bool = False
) -> Published:
    return Published(
        path=folder.path,
        files=len(folder.files),
        changed=changed,
        removed=removed,
        sessions=numbers.sessions,
        people=numbers.people,
        left_out=numbers.left_out,
        whole=whole,
    )


@contextlib.contextmanager
def _pool(processes: int | None) -> Iterator[Pool]:
    count = processes or processors()
    if count == 1:
        yield Alone()
        return
    with _Crew(count, WORKERS) as crew:
        yield crew


class _Crew(Helpers):
    """Helpers that compile templates until there is work for them."""

    def start(self) -> None:
        if not self.is_started:
            super().start()
            for _ in range(self.count):
                self.submit(_get_ready)


def _get_ready() -> None:
    from knowarchive.site.workers import get_ready

    get_ready()
