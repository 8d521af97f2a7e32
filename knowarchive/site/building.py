"""Build the site: find out what changed since the last build, make those pages, and put them into their places."""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec

from knowarchive import __version__
from knowarchive.config import Config
from knowarchive.errors import ConfigError, StorageError
from knowarchive.site import addresses, finding, machines, pages, workers
from knowarchive.site.finding import Segment
from knowarchive.site.folder import LIST, SiteFolder, check_name, stage
from knowarchive.site.frame import script, style_sheet, title_of
from knowarchive.site.memory import Built, Memory
from knowarchive.site.pages import Shelf
from knowarchive.site.policy import EPOCH, judge, read_wishes
from knowarchive.site.sessions import Around, Facts
from knowarchive.site.workers import Task, Written, posts_of
from knowarchive.web import catalogue
from knowarchive.web.catalogue import Catalogue, Judgement, Touched
from knowarchive.web.room import every_post
from knowarchive.web.wishes import Wishes
from pipelines.coverage import FETCHING
from pipelines.helpers import Helpers, processors
from pipelines.indexing import CONTEXT, bring_up_to_date, index_folder
from pipelines.sessions import NAMES_REACH, list_windows
from storage.archive import Archive
from storage.changes import Changes, changes, newest_version
from transcripts.calendars import write_calendar
from transcripts.identities import join_accounts
from transcripts.model import Window
from transcripts.people import People
from transcripts.search.index import SearchIndex, open_index
from transcripts.search.posts import IndexedPost

SESSIONS_AT_ONCE, PEOPLE_AT_ONCE = 4, 40  # to one process
LATEST = 1 << 40  # seconds since 1970: after all that can be
CODE = ("knowarchive.site", "knowarchive.web", "transcripts")  # whose text decides how pages look

Stretch = tuple[datetime, datetime]
P = ParamSpec("P")
R = TypeVar("R")


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


@dataclass(slots=True)
class _Stale:
    """What has to be made anew; with `all` everything."""

    all: bool = False
    stretches: list[Stretch] = field(default_factory=list)
    sessions: set[tuple[str, str]] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)  # people of whom older pages change too
    moved: dict[str, int] = field(
        default_factory=dict
    )  # people, with when the posts were made that stand elsewhere now

    def move(self, people: Iterable[str], since: datetime) -> None:
        """Note that posts of these people stand elsewhere, none of which is older than that."""
        began = int(since.timestamp())
        for person in people:
            self.moved[person] = min(began, self.moved.get(person, began))


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
    archive = Archive(config.archive_url, config.state_dir)
    memory = Memory(config, output)
    with SiteFolder(output, overwrite=overwrite) as folder, _pool(processes) as pool:
        return _Build(config, archive, folder, memory, pool, now, on_progress).run(rebuild=rebuild)


class _Alone:
    """Does at once what is submitted: with one process, others would only have to be started."""

    def submit(self, work: Callable[P, R], /, *args: P.args, **options: P.kwargs) -> Future[R]:
        done: Future[R] = Future()
        done.set_result(work(*args, **options))
        return done


@contextlib.contextmanager
def _pool(processes: int | None) -> Iterator[Helpers | _Alone]:
    count = processes or processors()
    if count == 1:
        yield _Alone()
        return
    with Helpers(count, workers.__name__) as helpers:
        helpers.start()  # they get ready while the index is looked at
        yield helpers


class _Build:
    """One build: what it knows, step by step."""

    def __init__(
        self,
        config: Config,
        archive: Archive,
        folder: SiteFolder,
        memory: Memory,
        pool: Helpers | _Alone,
        now: datetime,
        on_progress: Callable[[str, int, int], None],
    ) -> None:
        self.config, self.archive, self.folder, self.memory = config, archive, folder, memory
        self.pool, self.now, self.on_progress = pool, now, on_progress
        self.groups: dict[str, tuple[str, ...]] = {}
        self.written: Written = {}

    def run(self, *, rebuild: bool) -> Published:
        try:
            self.memory.open()
        except OSError as error:
            where = f"{self.memory.folder}: cannot be made: {error.strerror}"
            raise StorageError(f"{where}; set archive.state to a folder") from error
        accounts = newest_version(self.archive.url, "accounts")  # before anything is read
        bring_up_to_date(self.archive, self.config, on_progress=lambda done: self.on_progress("posts", done, 0))
        self.index = self._open_index()
        wishes = read_wishes(self.archive, self.config, self.now)
        self.tables = {**self.index.state.tables, "accounts": accounts}
        self.setup = _setup(self.config, self.index, wishes)
        before = self.memory.read()
        if rebuild or (before and (before.setup != self.setup or not self.folder.is_whole())):
            before = None
        windows = self._windows()
        runs = self.archive.runs()
        stale = self._stale(before, windows, wishes)
        if before and not stale.all:
            last = before.newest_run
            for run in runs:  # what is known of how a session was collected is on its page
                if (last is None or run.finished_at > last) and run.kind in FETCHING and run.since and run.until:
                    stale.sessions |= {
                        key for key, window in windows.items()
                        if run.chat in {None, key[0]} and run.since < window.closes and run.until >= window.opens
                    }  # fmt: skip
        self.memory.forget()
        rows = self._catalogue(stale, wishes)
        newest_run = max((run.finished_at for run in runs), default=None)
        return self._make(before if not stale.all else None, stale, rows, windows, wishes, newest_run)

    # What changed

    def _stale(self, before: Built | None, windows: Mapping[tuple[str, str], Window], wishes: Wishes) -> _Stale:
        if before is None:
            return _Stale(all=True)
        found: dict[str, Changes] = {}
        for table, version in self.tables.items():
            since = before.tables.get(table)
            if version == since:
                continue
            one = changes(self.archive, table, since, version) if version is not None else None
            if one is None:
                return _Stale(all=True)
            found[table] = one
        stretches: list[Stretch] = []
        for table in ("posts", "reposts"):
            if table in found:
                stretches += found[table].months
                stretches += [(moment, moment + timedelta.resolution) for moment in found[table].moments]
        state = self.index.state
        corrected = {
            key
            for key in {*before.corrections, *state.corrections}
            if before.corrections.get(key) != state.corrections.get(key)
        }
        stretches += [(one.opens, one.closes) for (chat, date), one in windows.items() if f"{chat}/{date}" in corrected]
        for chat in {*before.windows, *state.windows}:
            cut = set(map(tuple, before.windows.get(chat, ()))) ^ set(map(tuple, state.windows.get(chat, ())))
            stretches += [(datetime.fromisoformat(opens), datetime.fromisoformat(closes)) for _, opens, closes in cut]
        extent = self.archive.extent()
        if extent and wishes.checked_since and before.checked_since:  # what came of age meanwhile
            seen = before.checked_since, wishes.checked_since
            aged = self.archive.last_seen("x", seen, extent[0], extent[1] + timedelta.resolution)
            stretches += [(moment, moment + timedelta.resolution) for moment in aged.values()]
        stale = _Stale(stretches=_widened(stretches, windows.values()))
        stale.sessions = _overlapping([(since, until + CONTEXT) for since, until in stale.stretches], windows)
        if "accounts" in found:
            stale.sessions |= self._renamed(found["accounts"], windows)
        return stale

    def _renamed(self, found: Changes, windows: Mapping[tuple[str, str], Window]) -> set[tuple[str, str]]:
        """The sessions that may call somebody otherwise than before."""
        stretches = [(since - NAMES_REACH, until) for since, until in found.months]
        if found.moments and self.archive.renamed_since(found.moments[0]):
            stretches.append((found.moments[0] - NAMES_REACH, found.moments[-1]))
        return _overlapping(_joined(stretches), windows)

    def _windows(self) -> dict[tuple[str, str], Window]:
        """Every session that can hold posts, by chat and date."""
        extent = self.archive.extent()
        found: dict[tuple[str, str], Window] = {}
        for chat in self.config.chat if extent else ():
            if chat.rules:
                assert extent
                listed = list_windows(self.archive, chat, *extent)
            else:
                listed = [
                    Window(chat.name, label, opens, closes, opens, closes, chat.timezone)
                    for label, *bounds in self.index.state.windows.get(chat.name, ())
                    for opens, closes in [tuple(map(datetime.fromisoformat, bounds))]
                ]
            found |= {(chat.name, window.label): window for window in listed}
        return found

    def _open_index(self) -> SearchIndex:
        index = open_index(index_folder(self.config))
        if index is None:
            raise StorageError("the search index is gone; build it with: knowarchive index --rebuild")
        return index

    # The catalogue

    def _catalogue(self, stale: _Stale, wishes: Wishes) -> Catalogue:
        """Bring the catalogue up to date, and note whose pages that changes."""
        path = self.memory.catalogue
        if stale.all:
            path.unlink(missing_ok=True)
            judged = self._judging(wishes, (EPOCH, datetime.max.replace(tzinfo=UTC)))
            catalogue.build(every_post(self.index), self._join, path=path, judge=judged)
        elif stale.stretches:
            posts = (post for since, until in stale.stretches for post in posts_of(self.index, since, until))
            judged = self._judging(wishes, (stale.stretches[0][0], stale.stretches[-1][1]))
            touched: Touched = catalogue.amend(path, stale.stretches, posts, self._join, judged)
            stale.sessions |= touched.sessions
            stale.people |= touched.people
            stale.links |= touched.pages
            stale.renamed |= touched.renamed
        return catalogue.read(path)

    def _judging(self, wishes: Wishes, stretch: Stretch) -> Callable[[IndexedPost], Judgement]:
        if wishes.checked_since:
            seen = EPOCH, wishes.checked_since
            wishes = replace(wishes, unchecked=frozenset(self.archive.last_seen("x", seen, *stretch)))
        return lambda post: judge(wishes, post)

    def _join(self, posts: list[Any]) -> People:
        """Who is who; profiles are read only where there is more than one network on which somebody could be."""
        networks = {post.platform for post in posts}
        uids = [post.author_uid for post in posts if post.author_uid] if len(networks) > 1 else []
        return join_accounts(posts, (), self.archive.accounts(uids), self.config.person)

    # The pages

    def _make(
        self,
        before: Built | None,
        stale: _Stale,
        rows: Catalogue,
        windows: Mapping[tuple[str, str], Window],
        wishes: Wishes,
        newest_run: datetime | None,
    ) -> Published:
        kept = dict(before.groups) if before else {}
        token = secrets.token_hex(8)
        task = Task(token, self.config, self.folder.staging, self.folder.path / LIST, self.memory.catalogue, wishes)
        held = [
            (row["chat"], row["date"])
            for row in rows.rows("sessions", chat=None, limit=-1, offset=0)
            if (row["chat"], row["date"]) in windows
        ]
        facts = self._sessions(task, before, stale, held, windows, kept)
        moved = self._moved(before, facts)
        for key in moved:
            there = rows.rows("of_session", chat=key[0], date=key[1])
            oldest = min((row["at"] for row in there), default=0)
            stale.move((row["person"] for row in there), datetime.fromtimestamp(oldest, UTC))
        stale.links |= {row["page"] for key in moved for row in rows.rows("links_of_session", chat=key[0], date=key[1])}
        months = [(chat.name, row["month"]) for chat in self.config.chat for row in rows.rows("months", chat=chat.name)]
        stale_months = {
            (chat, month) for chat, month in months
            if not before or f"month:{chat}/{month}" not in kept or _touches(month, stale.stretches)
        }  # fmt: skip
        for chat, month in stale_months if before else ():
            there = rows.rows("said_between", chat=chat, month=month)
            stale.move((row["person"] for row in there if row["person"]), _bounds(month)[0])
            stale.links |= {row["page"] for row in there if row["page"]}

        path = self.memory.folder / "facts"
        path.write_bytes(msgspec.msgpack.encode(list(facts.values())))
        task = replace(task, facts=path, step=1)
        shelf = workers.open_shelf(task)
        newest = max((row["month"] for row in rows.rows("segments")), default="")
        segments, indexing = self._segments(task, before, stale, rows, newest)
        waiting: list[Future[dict[str, Written]]] = []
        everybody = [row["person"] for row in rows.rows("everybody")]
        began = int(stale.stretches[0][0].timestamp()) if stale.stretches else None
        stale.people |= stale.renamed | stale.moved.keys()
        wanted = [
            (
                key,
                None
                if key in stale.renamed or not before or f"person:{key}" not in kept
                else min(LATEST if began is None else began, stale.moved.get(key, LATEST)),
            )
            for key in everybody
            if not before or key in stale.people or f"person:{key}" not in kept
        ]
        waiting += [
            self.pool.submit(workers.make_people, task, wanted[start : start + PEOPLE_AT_ONCE])
            for start in range(0, len(wanted), PEOPLE_AT_ONCE)
        ]
        waiting += [self.pool.submit(workers.make_month, task, *one) for one in sorted(stale_months)]
        drawn = {chat: pages.tell_pictures_apart(shelf, chat) for chat in sorted({chat for chat, _ in facts})}
        waiting += [
            self.pool.submit(workers.make_pictures, task, chat)
            for chat, digest in drawn.items()
            if not before or before.pictures.get(chat) != digest or f"pictures:{chat}" not in kept
        ]
        links = _link_pages(rows)
        stale_links = _stale_links(rows, stale.links, began, links, kept)
        waiting += [
            self.pool.submit(workers.make_links, task, month, sorted(numbers)) for month, numbers in stale_links.items()
        ]
        live = {f"session:{chat}/{date}" for chat, date in facts} | {f"person:{key}" for key in everybody}
        live |= {f"month:{chat}/{month}" for chat, month in months} | {f"segment:{name}" for name in segments}
        live |= {f"pictures:{chat}" for chat in drawn}
        live |= {f"links:{month}.{number}" for month, count in links.items() for number in range(1, count + 1)}
        for group in live & kept.keys():
            self.groups.setdefault(group, kept[group])
        self._top(shelf, months, links)  # while others work
        for done, one in enumerate(waiting, 1):
            self._take(one.result())
            self.on_progress("pages", done, len(waiting))
        found: dict[str, Segment] = {one.name: one for one in before.segments} if before else {}
        for each in indexing:
            files, segment = each.result()
            self._take(files)
            found[segment.name] = segment
        finished = [found[name] for name in sorted(segments)]
        self._stage("finder", dict([finding.write_index(finished)]))
        return self._finish(before, facts, finished, shelf, wishes, newest, newest_run, drawn, len(everybody))

    def _sessions(
        self,
        task: Task,
        before: Built | None,
        stale: _Stale,
        held: list[tuple[str, str]],
        windows: Mapping[tuple[str, str], Window],
        kept: Mapping[str, tuple[str, ...]],
    ) -> dict[tuple[str, str], Facts]:
        """Make the pages of sessions that changed, or whose neighbours did."""
        around = _neighbours(held)
        known = {(one.chat, one.date): one for one in before.sessions} if before else {}
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

    def _moved(self, before: Built | None, facts: Mapping[tuple[str, str], Facts]) -> list[tuple[str, str]]:
        """The sessions whose posts or questions stand elsewhere than they did."""
        if before is None:
            return []
        known = {(one.chat, one.date): one for one in before.sessions}
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

    def _segments(
        self, task: Task, before: Built | None, stale: _Stale, rows: Catalogue, newest: str
    ) -> tuple[set[str], list[Future[tuple[dict[str, Written], Segment]]]]:
        """Which segments there are, and those of them in the making that changed."""
        months: dict[str, list[str]] = {}
        for row in rows.rows("segments"):
            months.setdefault(finding.segment_of(row["month"], newest), []).append(row["month"])
        known = {one.name for one in before.segments} if before else set()
        waiting = []
        for name, held in sorted(months.items()):
            if name not in known or any(_touches(month, stale.stretches) for month in held):
                since, until = _bounds(held[0])[0], _bounds(held[-1])[1]
                if len(name) == 4:
                    since, until = _bounds(f"{name}-01")[0], _bounds(f"{name}-12")[1]
                waiting.append(self.pool.submit(workers.make_segment, task, name, since, until))
        return set(months), waiting

    def _top(self, shelf: Shelf, months: Iterable[tuple[str, str]], links: Mapping[str, int]) -> None:
        """Make what is made each time: the pages that all others change, and what machines read."""
        frame = shelf.frame
        made: dict[str, str | bytes] = dict(
            [
                pages.home(shelf),
                *(pages.chat(shelf, chat.name) for chat in self.config.chat),
                pages.links(shelf),
                pages.about(shelf),
                pages.search(shelf),
                (addresses.STYLE, style_sheet()),
                *((name, script(name)) for name in (addresses.SCRIPT, addresses.FINDER)),
                (addresses.ROBOTS, machines.robots(frame)),
            ]
        )
        found = [row for row in shelf.names if row["is_found"]]
        findable = {row["person"] for row in found}
        made |= dict(
            finding.write_people(
                (row["name"], row["handle"], addresses.person_page(row["person"]), row["posts"]) for row in found
            )
        )
        for chat in self.config.chat:
            if chat.rules:
                made[addresses.chat_calendar(chat.name)] = write_calendar([chat], _midnight(self.now))
            if frame.publish.base:
                made[addresses.chat_feed(chat.name)] = machines.feed(
                    frame, chat.name, title_of(self.config, chat.name), shelf.of_chat(chat.name)
                )
        if frame.publish.base:
            listed = self._listed(shelf, findable, months, links)
            made |= dict(machines.sitemaps(frame, listed))
        self._stage("top", made)

    def _stage(self, group: str, made: Mapping[str, str | bytes]) -> None:
        self.groups[group] = tuple(sorted(made))
        for name, content in made.items():
            self.written[name] = stage(self.folder.staging, name, content, self.folder.files.get(name))

    def _listed(
        self, shelf: Shelf, findable: set[str], months: Iterable[tuple[str, str]], links: Mapping[str, int]
    ) -> list[str]:
        """The pages that search engines may list."""
        found = [addresses.HOME, addresses.ABOUT]
        found += [addresses.chat_page(chat.name) for chat in self.config.chat]
        found += [addresses.person_page(person) for person in findable]
        for facts in shelf.sessions.values():
            found.append(addresses.session_page(facts.chat, facts.date))
            found += [
                addresses.part_page(facts.chat, facts.date, label)
                for label, _, _ in facts.questions
                if label not in facts.unfound
            ]
        found += [addresses.month_page(chat, month) for chat, month in months]
        found += [addresses.pictures_page(chat) for chat in sorted({facts.chat for facts in shelf.sessions.values()})]
        found += [addresses.links_page(month) for month in links]
        return sorted({*found, addresses.links_page()})

    def _finish(
        self,
        before: Built | None,
        facts: Mapping[tuple[str, str], Facts],
        segments: list[Segment],
        shelf: Shelf,
        wishes: Wishes,
        newest: str,
        newest_run: datetime | None,
        drawn: dict[str, str],
        people: int,
    ) -> Published:
        kept = [name for files in self.groups.values() for name in files if name not in self.written]
        changed, removed = self.folder.put_in_place(self.written, kept)
        state = self.index.state
        left_out: dict[str, dict[str, int]] = {}
        for row in shelf.catalogue.rows("withheld", chat=None):
            left_out.setdefault(row["reason"], {})[row["platform"]] = row["posts"]
        built = Built(
            setup=self.setup,
            tables=self.tables,
            corrections=state.corrections,
            windows=state.windows,
            checked_since=wishes.checked_since,
            newest_run=newest_run,
            newest_month=newest,
            sessions=tuple(facts.values()),
            segments=tuple(segments),
            groups=self.groups,
            pictures=drawn,
        )
        with contextlib.suppress(OSError):  # the next build is a whole one
            self.memory.write(built)
        return Published(
            path=self.folder.path,
            files=len(self.folder.files),
            changed=changed,
            removed=removed,
            sessions=len(facts),
            people=people,
            left_out=left_out,
            whole=before is None,
        )

    def _take(self, made: Mapping[str, Written]) -> None:
        for group, files in made.items():
            self.groups[group] = tuple(files)
            self.written |= files


def _neighbours(held: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Around]:
    by_chat: dict[str, list[str]] = {}
    for chat, date in sorted(held):
        by_chat.setdefault(chat, []).append(date)
    return {
        (chat, date): Around(dates[place - 1] if place else None, dates[place + 1] if place + 1 < len(dates) else None)
        for chat, dates in by_chat.items()
        for place, date in enumerate(dates)
    }


def _labels(facts: Facts) -> list[str]:
    return [label for label, _, _ in facts.questions]


def _link_pages(rows: Catalogue) -> dict[str, int]:
    """How many pages the links of each month take."""
    return {row["month"]: -(-row["pages"] // pages.MONTHLY) for row in rows.rows("link_months")}


def _stale_links(
    rows: Catalogue,
    touched: set[str],
    since: int | None,
    counts: Mapping[str, int],
    kept: Mapping[str, tuple[str, ...]],
) -> dict[str, set[int]]:
    """The pages of the library that have to be made anew, by month and number.

    Args:
        rows: the catalogue.
        touched: links of which something changed.
        since: when what changed began: from then on, links may stand on another page than before; None if nothing did.
        counts: how many pages each month has.
        kept: the groups of pages that are there.
    """
    found: dict[str, set[int]] = {}
    for month, count in counts.items():
        there = [number for number in range(1, count + 2) if f"links:{month}.{number}" in kept]
        missing = {number for number in range(1, count + 1) if number not in there}
        if missing or len(there) != count:
            found[month] = missing | {min(count, len(there)) or 1}  # the last one leads to one more, or to none
    later = since if since is not None else LATEST
    for row in rows.rows("places_of_pages", pages=_json(touched), since=later):
        found.setdefault(row["month"], set()).add(row["place"] // pages.MONTHLY + 1)
    return found


def _json(values: Iterable[str]) -> str:
    return msgspec.json.encode(sorted(values)).decode()


def _overlapping(stretches: Iterable[Stretch], windows: Mapping[tuple[str, str], Window]) -> set[tuple[str, str]]:
    joined = _joined(stretches)
    return {
        key
        for key, window in windows.items()
        if any(since < window.closes and window.opens < until for since, until in joined)
    }


def _widened(stretches: Iterable[Stretch], windows: Iterable[Window]) -> list[Stretch]:
    """Stretches of whole seconds that cut no session."""
    listed = list(windows)
    joined = _joined(stretches)
    while True:
        wider = _joined(
            [
                *joined,
                *(
                    (window.opens, window.closes)
                    for window in listed
                    if any(since < window.closes and window.opens < until for since, until in joined)
                ),
            ]
        )
        if wider == joined:
            return joined
        joined = wider


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    whole = timedelta(seconds=1)
    for since, until in sorted(
        (since.replace(microsecond=0), until.replace(microsecond=0) + whole * bool(until.microsecond))
        for since, until in stretches
    ):
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(until, joined[-1][1]))
        else:
            joined.append((since, until))
    return joined


def _touches(month: str, stretches: Iterable[Stretch]) -> bool:
    begins, ends = _bounds(month)
    return any(since < ends and begins < until for since, until in stretches)


def _bounds(month: str) -> Stretch:
    year, number = int(month[:4]), int(month[5:7])
    begins = datetime(year, number, 1, tzinfo=UTC)
    return begins, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _midnight(now: datetime) -> datetime:
    """A calendar must not change with the hour at which a site is built."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _setup(config: Config, index: SearchIndex, wishes: Wishes) -> str:
    """A digest of what every page depends on."""
    said = (
        index.state.setup, config.chat, config.person, config.publish, sorted(wishes.declared.items()),
        wishes.opted_out, __version__, _code(),
    )  # fmt: skip
    return sha256(msgspec.json.encode(said, enc_hook=str)).hexdigest()[:32]


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of the program's own text where it decides how pages look."""
    from importlib import import_module

    digest = sha256()
    for name in CODE:
        for folder in import_module(name).__path__:
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file() and file.suffix in {".py", ".html", ".css", ".js", ".xml"}:
                    digest.update(file.read_bytes())
    return digest.hexdigest()
