"""What changed since a site was built, as the archive's own log, the index and the ledger tell: what is to be made anew."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from knowarchive.config import Config
from knowarchive.site.current import came_of_age
from knowarchive.site.finding import Segment
from knowarchive.site.memory import Shown
from knowarchive.site.sessions import Facts
from knowarchive.site.stretches import Stretch, Windows, joined, overlapping, widened
from knowarchive.web.catalogue import Touched
from knowarchive.web.wishes import Wishes
from pipelines.coverage import FETCHING
from pipelines.indexing import CONTEXT
from pipelines.sessions import NAMES_REACH, list_windows
from storage.archive import Archive, Run
from storage.changes import Changes, changes
from transcripts.model import Window
from transcripts.search.index import State


class Made(msgspec.Struct, frozen=True):
    """What the pages of a build are, as far as the next one must know."""

    newest_month: str
    sessions: tuple[Facts, ...]
    segments: tuple[Segment, ...]
    pictures: dict[str, str]  # digests of what the pictures of each chat show


class Built(Shown, frozen=True, kw_only=True):
    """A build. `groups` are the addresses of pages that are made together, by what they are about."""

    declared: str  # a digest of what profiles declare
    groups: dict[str, tuple[str, ...]]
    made: Made


@dataclass(frozen=True, slots=True)
class Known:
    """What a site is made from, as it is now. `tables` are the versions that were there before anything was read."""

    archive: Archive
    index: State
    tables: Mapping[str, int | None]
    runs: tuple[Run, ...]
    windows: Windows
    wishes: Wishes
    setup: str

    @property
    def declared(self) -> str:
        return sha256(msgspec.json.encode(sorted(self.wishes.declared.items()))).hexdigest()[:32]

    @property
    def newest_run(self) -> datetime | None:
        return max((run.finished_at for run in self.runs), default=None)

    def is_set_up_as(self, before: Built) -> bool:
        """Whether what every page depends on is as it was."""
        return (before.setup, before.declared) == (self.setup, self.declared)


@dataclass(slots=True)
class Stale:
    """What has to be made anew; with `all` everything."""

    all: bool = False
    joins: bool = False  # who is who may be known otherwise
    stretches: list[Stretch] = field(default_factory=list)
    sessions: set[tuple[str, str]] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)  # people of whom older pages change too
    moved: dict[str, int] = field(
        default_factory=dict
    )  # people, with when the posts were made that stand elsewhere now

    def __bool__(self) -> bool:
        """Whether anything is."""
        return self.all or bool(self.stretches or self.sessions or self.people or self.links or self.renamed)

    @property
    def began(self) -> int | None:
        """When the first of what changed was made, in seconds since 1970."""
        return int(self.stretches[0][0].timestamp()) if self.stretches else None

    def touch(self, touched: Touched) -> None:
        """Note what the catalogue counts otherwise."""
        self.sessions |= touched.sessions
        self.people |= touched.people
        self.links |= touched.pages
        self.renamed |= touched.renamed

    def move(self, people: Iterable[str], since: datetime) -> None:
        """Note that posts of these people stand elsewhere, none of which is older than that."""
        began = int(since.timestamp())
        for person in people:
            self.moved[person] = min(began, self.moved.get(person, began))


def find_stale(before: Built | None, now: Known) -> Stale:
    """What has to be made anew, as far as it can be told without the catalogue.

    Args:
        before: the last build that came to its end; without one, everything.
        now: what there is.
    """
    found = _changed(before.tables, now) if before and now.is_set_up_as(before) else None
    if before is None or found is None:
        return Stale(all=True)
    stretches: list[Stretch] = []
    for table in found.keys() & {"posts", "reposts"}:
        stretches += found[table].months
        stretches += _at(found[table].moments)
    corrected = {
        key
        for key in {*before.corrections, *now.index.corrections}
        if before.corrections.get(key) != now.index.corrections.get(key)
    }
    stretches += [
        (window.opens, window.closes) for (chat, date), window in now.windows.items() if f"{chat}/{date}" in corrected
    ]
    for chat in {*before.windows, *now.index.windows}:
        cut = set(map(tuple, before.windows.get(chat, ()))) ^ set(map(tuple, now.index.windows.get(chat, ())))
        stretches += [(datetime.fromisoformat(opens), datetime.fromisoformat(closes)) for _, opens, closes in cut]
    stretches += _at(came_of_age(now.archive, before.checked_since, now.wishes.checked_since))
    wide = widened(stretches, now.windows)
    stale = Stale(joins="accounts" in found, stretches=wide)
    stale.sessions = overlapping([(since, until + CONTEXT) for since, until in wide], now.windows)
    stale.sessions |= _fetched(before.newest_run, now)
    if "accounts" in found:
        stale.sessions |= _renamed(found["accounts"], now)
    return stale


def find_windows(archive: Archive, config: Config, index: State) -> dict[tuple[str, str], Window]:
    """Every session that can hold posts, by chat and date."""
    extent = archive.extent()
    found: dict[tuple[str, str], Window] = {}
    for chat in config.chat if extent else ():
        if chat.rules:
            assert extent
            listed = list_windows(archive, chat, *extent)
        else:
            listed = [
                Window(chat.name, label, opens, closes, opens, closes, chat.timezone)
                for label, *bounds in index.windows.get(chat.name, ())
                for opens, closes in [tuple(map(datetime.fromisoformat, bounds))]
            ]
        found |= {(chat.name, window.label): window for window in listed}
    return found


def _changed(before: Mapping[str, int | None], now: Known) -> dict[str, Changes] | None:
    """What changed in the tables that posts and people are in; None where the log does not tell."""
    found: dict[str, Changes] = {}
    for table, version in now.tables.items():
        if version == before.get(table) or table == "runs":
            continue
        one = changes(now.archive, table, before.get(table), version) if version is not None else None
        if one is None:
            return None
        found[table] = one
    return found


def _fetched(last: datetime | None, now: Known) -> set[tuple[str, str]]:
    """The sessions that were asked for since: what is known of how a session was collected is on its page."""
    return {
        key
        for run in now.runs
        if run.kind in FETCHING and run.since and run.until and (last is None or run.finished_at > last)
        for key, window in now.windows.items()
        if run.chat in {None, key[0]} and run.since < window.closes and run.until >= window.opens
    }


def _renamed(found: Changes, now: Known) -> set[tuple[str, str]]:
    """The sessions that may call somebody otherwise than before."""
    stretches = [(since - NAMES_REACH, until) for since, until in found.months]
    if found.moments and now.archive.renamed_since(found.moments[0]):
        stretches.append((found.moments[0] - NAMES_REACH, found.moments[-1]))
    return overlapping(joined(stretches), now.windows)


def _at(moments: Iterable[datetime]) -> list[Stretch]:
    return [(moment, moment + timedelta.resolution) for moment in moments]
