"""Make what changed: the pages of sessions, then those that need to know where posts stand, then what all of them change."""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from knowarchive.config import Config
from knowarchive.errors import StorageError
from knowarchive.site import current, finding, front, pages, workers
from knowarchive.site.changing import Built, Known, Made, Stale, find_stale, find_windows
from knowarchive.site.finding import Segment
from knowarchive.site.folder import LIST, SiteFolder, stage
from knowarchive.site.memory import Memory, Numbers
from knowarchive.site.policy import EPOCH, judge, read_wishes
from knowarchive.site.sessions import Around, Facts
from knowarchive.site.stretches import Stretch, bounds, touches
from knowarchive.site.workers import Task, Written, posts_of
from knowarchive.web import catalogue
from knowarchive.web.catalogue import Catalogue, Judgement
from knowarchive.web.room import every_post
from pipelines.helpers import Pool
from pipelines.indexing import bring_up_to_date, index_folder
from storage.archive import Archive
from transcripts.identities import join_accounts
from transcripts.people import People
from transcripts.search.index import SearchIndex, open_index
from transcripts.search.posts import IndexedPost

SESSIONS_AT_ONCE, PEOPLE_AT_ONCE = 4, 40  # to one process
FEW_PEOPLE = 10  # where there are few, so that none of the processes ends long after the others
LATEST = 1 << 40  # seconds since 1970: after all that can be

Progress = Callable[[str, int, int], None]
Key = tuple[str, str]  # a session, by chat and date


class Outcome(NamedTuple):
    """What a build came to: `numbers` of the site, of files that changed or were taken away, whether all was made anew."""

    numbers: Numbers
    changed: int
    removed: int
    whole: bool


def make(
    config: Config, folder: SiteFolder, memory: Memory, pool: Pool, now: datetime, on_progress: Progress, *, anew: bool
) -> Outcome:
    """Make what changed since the build that is remembered, and put it into its place; with `anew`, everything.

    Raises:
        SiteError: the folder cannot be written.
        StorageError: the archive cannot be read, or the state folder not be written.
    """
    try:
        memory.open()
    except OSError as error:
        where = f"{memory.folder}: cannot be made: {error.strerror}"
        raise StorageError(f"{where}; set archive.state to a folder") from error
    archive = Archive(config.archive_url, config.state_dir)
    tables = current.newest(config)  # before anything is read
    bring_up_to_date(archive, config, pool=pool, on_progress=lambda done: on_progress("posts", done, 0))
    index = open_index(index_folder(config))
    if index is None:
        raise StorageError("the search index is gone; build it with: knowarchive index --rebuild")
    known = Known(
        archive=archive,
        index=index.state,
        tables={**index.state.tables, **tables},
        runs=tuple(archive.runs()),
        windows=find_windows(archive, config, index.state),
        wishes=read_wishes(archive, config, now),
        setup=current.setup_of(config, index.state.setup),
    )
    before = None if anew else memory.read(Built)
    stale = find_stale(before, known)
    making = _Making(config, folder, memory, pool, on_progress, known, index)
    return making.run(None if stale.all else before, stale, now)


class _Making:
    """One build: what it knows, step by step."""

    def __init__(
        self,
        config: Config,
        folder: SiteFolder,
        memory: Memory,
        pool: Pool,
        on_progress: Progress,
        known: Known,
        index: SearchIndex,
    ) -> None:
        self.config, self.folder, self.memory = config, folder, memory
        self.pool, self.on_progress = pool, on_progress
        self.known, self.index = known, index
        self.groups: dict[str, tuple[str, ...]] = {}
        self.written: Written = {}

    def run(self, before: Built | None, stale: Stale, now: datetime) -> Outcome:
        if stale:
            self.pool.start()  # they get ready while the catalogue is amended
        rows = self._catalogue(stale)
        if before and not stale:
            made, numbers, self.groups = before.made, before.numbers, dict(before.groups)
        else:
            made = self._make(before, stale, rows)
            numbers = _numbers(rows, len(made.sessions))
        day = current.day_of(now)
        if before is None or before.day != day:
            self._stage("calendars", front.render_calendars(self.config, now))
        else:
            self.groups["calendars"] = before.groups["calendars"]
        kept = [name for files in self.groups.values() for name in files if name not in self.written]
        changed, removed = self.folder.put_in_place(self.written, kept)
        built = Built(
            setup=self.known.setup,
            declared=self.known.declared,
            tables=dict(self.known.tables),
            corrections=self.known.index.corrections,
            windows=self.known.index.windows,
            checked_since=self.known.wishes.checked_since,
            newest_run=self.known.newest_run,
            day=day,
            numbers=numbers,
            groups=self.groups,
            made=made,
        )
        with contextlib.suppress(OSError):  # the next build is a whole one
            self.memory.write(built)
        return Outcome(numbers, changed, removed, before is None)

    # The catalogue

    def _catalogue(self, stale: Stale) -> Catalogue:
        """Bring the catalogue up to date, and note whose pages that changes."""
        path = self.memory.catalogue
        if stale.all:
            self.memory.forget()
            path.unlink(missing_ok=True)
            judged = self._judging((EPOCH, datetime.max.replace(tzinfo=UTC)))
            catalogue.build(every_post(self.index), self._join, path=path, judge=judged)
        elif stale.stretches or stale.joins:
            self.memory.forget()
            posts = (post for since, until in stale.stretches for post in posts_of(self.index, since, until))
            whole = (stale.stretches[0][0], stale.stretches[-1][1]) if stale.stretches else (EPOCH, EPOCH)
            stale.touch(catalogue.amend(path, stale.stretches, posts, self._join, self._judging(whole)))
        return catalogue.read(path)

    def _judging(self, stretch: Stretch) -> Callable[[IndexedPost], Judgement]:
        wishes = self.known.wishes
        if wishes.checked_since:
            seen = EPOCH, wishes.checked_since
            wishes = replace(wishes, unchecked=frozenset(self.known.archive.last_seen("x", seen, *stretch)))
        return lambda post: judge(wishes, post)

    def _join(self, posts: list[Any]) -> People:
        """Who is who; profiles are read only where there is more than one network on which somebody could be."""
        networks = {post.platform for post in posts}
        uids = [post.author_uid for post in posts if post.author_uid] if len(networks) > 1 else []
        return join_accounts(posts, (), self.known.archive.accounts(uids), self.config.person)

    # The pages

    def _make(self, before: Built | None, stale: Stale, rows: Catalogue) -> Made:
        self.memory.forget()
        kept = before.groups if before else {}
        task = Task(
            secrets.token_hex(8),
            self.config,
            self.folder.staging,
            self.folder.path / LIST,
            self.memory.catalogue,
            self.known.wishes,
        )
        facts = self._sessions(task, before, stale, rows)
        months = [(chat.name, row["month"]) for chat in self.config.chat for row in rows.rows("months", chat=chat.name)]
        stale_months = [
            (chat, month)
            for chat, month in months
            if f"month:{chat}/{month}" not in kept or touches(month, stale.stretches)
        ]
        if before:
            _note_moved(stale, rows, _moved(before, facts), stale_months)

        path = self.memory.folder / "facts"
        path.write_bytes(msgspec.msgpack.encode(list(facts.values())))
        task = replace(task, facts=path, step=1)
        newest, segments, indexing = self._segments(task, before, stale, rows)
        everybody = [row["person"] for row in rows.rows("everybody")]
        waiting = self._people(task, everybody, stale, kept)
        waiting += [self.pool.submit(workers.make_month, task, *one) for one in stale_months]
        shelf = workers.open_shelf(task)  # while others work, as is all that follows
        drawn = {chat: pages.tell_pictures_apart(shelf, chat) for chat in sorted({chat for chat, _ in facts})}
        undrawn = [
            chat
            for chat, digest in drawn.items()
            if not before or before.made.pictures.get(chat) != digest or f"pictures:{chat}" not in kept
        ]
        links = {month: -(-count // pages.MONTHLY) for month, count in shelf.link_months.items()}
        waiting += [self.pool.submit(workers.make_pictures, task, chat) for chat in undrawn]
        waiting += [
            self.pool.submit(workers.make_links, task, month, sorted(numbers))
            for month, numbers in _stale_links(rows, stale, links, kept).items()
        ]
        live = {f"session:{chat}/{date}" for chat, date in facts} | {f"person:{key}" for key in everybody}
        live |= {f"month:{chat}/{month}" for chat, month in months} | {f"segment:{name}" for name in segments}
        live |= {f"pictures:{chat}" for chat in drawn}
        live |= {f"links:{month}.{number}" for month, count in links.items() for number in range(1, count + 1)}
        for group in live & kept.keys():
            self.groups.setdefault(group, kept[group])
        self._stage("front", front.render_front(shelf, months))
        for done, one in enumerate(waiting, 1):
            self._take(one.result())
            self.on_progress("pages", done, len(waiting))
        found: dict[str, Segment] = {one.name: one for one in before.made.segments} if before else {}
        for each in indexing:
            files, segment = each.result()
            self._take(files)
            found[segment.name] = segment
        finished = tuple(found[name] for name in sorted(segments))
        self._stage("finder", [finding.write_index(finished)])
        return Made(newest, tuple(facts.values()), finished, drawn)

    def _sessions(self, task: Task, before: Built | None, stale: Stale, rows: Catalogue) -> dict[Key, Facts]:
        """Make the pages of sessions that changed, or whose neighbours did."""
        windows = self.known.windows
        held = [(row["chat"], row["date"]) for row in rows.rows("sessions", chat=None, limit=-1, offset=0)]
        held = [key for key in held if key in windows]
        around = _neighbours(held)
        known = {(one.chat, one.date): one for one in before.made.sessions} if before else {}
        kept = before.groups if before else {}
        around_before = _neighbours([*known])
        wanted = [
            key
            for key in held
            if key in stale.sessions
            or f"session:{key[0]}/{key[1]}" not in kept
            or around[key] != around_before.get(key)
        ]
        facts = {key: known[key] for key in held if key in known}
        size = SESSIONS_AT_ONCE if len(wanted) > 4 * SESSIONS_AT_ONCE else 1  # few are shared by all processes
        waiting = [
            self.pool.submit(
                workers.make_sessions, task, [(windows[key], around[key]) for key in wanted[start : start + size]]
            )
            for start in range(0, len(wanted), size)
        ]
        for done, one in enumerate(waiting, 1):
            files, told = one.result()
            self._take(files)
            facts |= {(each.chat, each.date): each for each in told}
            self.on_progress("sessions", min(done * size, len(wanted)), len(wanted))
        return facts

    def _segments(
        self, task: Task, before: Built | None, stale: Stale, rows: Catalogue
    ) -> tuple[str, set[str], list[Future[tuple[dict[str, Written], Segment]]]]:
        """The newest month, which segments there are, and those of them in the making that changed."""
        held = [row["month"] for row in rows.rows("segments")]
        newest = max(held, default="")
        months: dict[str, list[str]] = {}
        for month in held:
            months.setdefault(finding.segment_of(month, newest), []).append(month)
        known = {one.name for one in before.made.segments} if before else set()
        waiting = [
            self.pool.submit(workers.make_segment, task, name, *bounds(name))
            for name, held in sorted(months.items())
            if name not in known or any(touches(month, stale.stretches) for month in held)
        ]
        return newest, set(months), waiting

    def _people(
        self, task: Task, everybody: Iterable[str], stale: Stale, kept: Mapping[str, object]
    ) -> list[Future[dict[str, Written]]]:
        """The pages of people in the making that changed."""
        began = LATEST if stale.began is None else stale.began
        touched = stale.people | stale.renamed | stale.moved.keys()
        wanted = [
            (
                key,
                None
                if key in stale.renamed or f"person:{key}" not in kept
                else min(began, stale.moved.get(key, LATEST)),
            )
            for key in everybody
            if key in touched or f"person:{key}" not in kept
        ]
        size = PEOPLE_AT_ONCE if len(wanted) > 8 * PEOPLE_AT_ONCE else FEW_PEOPLE
        return [
            self.pool.submit(workers.make_people, task, wanted[start : start + size])
            for start in range(0, len(wanted), size)
        ]

    def _stage(self, group: str, made: Iterable[tuple[str, str | bytes]]) -> None:
        names = []
        for name, content in made:
            self.written[name] = stage(self.folder.staging, name, content, self.folder.files.get(name))
            names.append(name)
        self.groups[group] = tuple(sorted(names))

    def _take(self, made: Mapping[str, Written]) -> None:
        for group, files in made.items():
            self.groups[group] = tuple(files)
            self.written |= files


def _numbers(rows: Catalogue, sessions: int) -> Numbers:
    left_out: dict[str, dict[str, int]] = {}
    for row in rows.rows("withheld", chat=None):
        left_out.setdefault(row["reason"], {})[row["platform"]] = row["posts"]
    return Numbers(sessions=sessions, people=len(rows.rows("everybody")), left_out=left_out)


def _neighbours(held: Iterable[Key]) -> dict[Key, Around]:
    by_chat: dict[str, list[str]] = {}
    for chat, date in sorted(held):
        by_chat.setdefault(chat, []).append(date)
    return {
        (chat, date): Around(dates[place - 1] if place else None, dates[place + 1] if place + 1 < len(dates) else None)
        for chat, dates in by_chat.items()
        for place, date in enumerate(dates)
    }


def _moved(before: Built, facts: Mapping[Key, Facts]) -> list[Key]:
    """The sessions whose posts or questions stand elsewhere than they did."""
    known = {(one.chat, one.date): one for one in before.made.sessions}
    return [
        key
        for key in {*facts, *known}
        if not (
            key in facts
            and key in known
            and facts[key].moved == known[key].moved
            and _labels(facts[key]) == _labels(known[key])
        )
    ]


def _labels(facts: Facts) -> list[str]:
    return [label for label, _, _ in facts.questions]


def _note_moved(stale: Stale, rows: Catalogue, moved: Iterable[Key], months: Iterable[Key]) -> None:
    """Note whose posts and links stand elsewhere, with sessions and months that did or may have moved."""
    for chat, date in moved:
        there = rows.rows("of_session", chat=chat, date=date)
        oldest = min((row["at"] for row in there), default=0)
        stale.move((row["person"] for row in there), datetime.fromtimestamp(oldest, UTC))
        stale.links |= {row["page"] for row in rows.rows("links_of_session", chat=chat, date=date)}
    for chat, month in months:
        there = rows.rows("said_between", chat=chat, month=month)
        stale.move((row["person"] for row in there if row["person"]), bounds(month)[0])
        stale.links |= {row["page"] for row in there if row["page"]}


def _stale_links(
    rows: Catalogue, stale: Stale, counts: Mapping[str, int], kept: Mapping[str, object]
) -> dict[str, set[int]]:
    """The pages of the library that have to be made anew, by month and number.

    Args:
        rows: the catalogue.
        stale: what changed: from its beginning on, links may stand on another page than before.
        counts: how many pages each month has.
        kept: the groups of pages that are there.
    """
    found: dict[str, set[int]] = {}
    for month, count in counts.items():
        there = [number for number in range(1, count + 2) if f"links:{month}.{number}" in kept]
        missing = {number for number in range(1, count + 1) if number not in there}
        if missing or len(there) != count:
            found[month] = missing | {min(count, len(there)) or 1}  # the last one leads to one more, or to none
    since = LATEST if stale.began is None else stale.began
    touched = msgspec.json.encode(sorted(stale.links)).decode()
    for row in rows.rows("places_of_pages", pages=touched, since=since):
        found.setdefault(row["month"], set()).add(row["place"] // pages.MONTHLY + 1)
    return found
