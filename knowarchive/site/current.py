"""Whether a site shows the archive as it is now. Nothing heavy is imported to find out that it does."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from knowarchive import __version__
from knowarchive.config import Config, Publish
from knowarchive.site.memory import Shown
from pipelines.indexing import index_folder
from pipelines.indexing import is_current as is_index_current
from storage.changes import newest_version
from transcripts.search.index import read_state

if TYPE_CHECKING:
    from storage.archive import Archive

SOURCES = ("knowarchive.site", "knowarchive.web", "transcripts")  # whose text decides how pages look
BESIDES = ("accounts", "runs")  # tables that pages show and the index does not


def is_current(shown: Shown, config: Config, now: datetime) -> bool:
    """Whether there is nothing to make anew, by what is quickly seen; where it is not, a build may still find nothing.

    Args:
        shown: of what the site is the site.
        config: whose site.
        now: the time, aware.

    Raises:
        StorageError: the archive cannot be read.
    """
    state = read_state(index_folder(config))
    if state is None or not is_index_current(config):
        return False
    tables = state.tables | newest(config)
    if (
        (shown.setup, shown.corrections, shown.windows, shown.day)
        != (setup_of(config, state.setup), state.corrections, state.windows, day_of(now))
    ) or any(shown.tables.get(name) != version for name, version in tables.items() if name != "runs"):
        return False
    has_run = shown.tables.get("runs") != tables["runs"]
    since = checked_since(config.publish, now)
    if not (has_run or since):
        return True
    from storage.archive import Archive

    archive = Archive(config.archive_url, config.state_dir)
    return not (has_run and _has_fetched(archive, shown.newest_run)) and not came_of_age(
        archive, shown.checked_since, since
    )


def newest(config: Config) -> dict[str, int | None]:
    """The versions of the tables that the index says nothing of."""
    return {table: newest_version(config.archive_url, table) for table in BESIDES}


def checked_since(publish: Publish, now: datetime) -> datetime | None:
    """From when on posts of X must have been seen to be shown; None where that does not matter."""
    return now - publish.x_age if publish.x == "refreshed" else None


def came_of_age(archive: "Archive", before: datetime | None, now: datetime | None) -> list[datetime]:
    """When the posts were made that had been seen lately enough at a build, and have not by now.

    Args:
        archive: which holds them.
        before: from when on they had to be seen at the build, and `now`, now; None where that did or does not matter.
    """
    extent = archive.extent() if before and now else None
    if not (extent and before and now):
        return []
    return [*archive.last_seen("x", (before, now), extent[0], extent[1] + timedelta.resolution).values()]


def day_of(now: datetime) -> str:
    """The day of a calendar: it must not change with the hour at which a site is built."""
    return f"{now.astimezone(UTC):%Y-%m-%d}"


def setup_of(config: Config, index: str) -> str:
    """A digest of what every page depends on besides the archive; `index` is the index's own."""
    said = (index, config.chat, config.person, config.publish, __version__, _code())
    return sha256(msgspec.json.encode(said, enc_hook=str)).hexdigest()[:32]


def _has_fetched(archive: "Archive", before: datetime | None) -> bool:
    from pipelines.coverage import FETCHING

    return any(run.kind in FETCHING and (before is None or run.finished_at > before) for run in archive.runs())


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of the program's own text where it decides how pages look."""
    from importlib import import_module

    digest = sha256()
    for name in SOURCES:
        for folder in import_module(name).__path__:
            for file in sorted(Path(folder).rglob("*")):
                if file.suffix in {".py", ".html", ".css", ".js", ".xml"} and file.is_file():
                    digest.update(file.read_bytes())
    return digest.hexdigest()
