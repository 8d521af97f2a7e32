"""What the reading room knows at a moment, and how it keeps up with the archive. All reading happens here."""

import contextlib
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

from knowarchive.config import Config
from knowarchive.errors import ConflictError, KnowarchiveError, StoppedError, UsageError
from knowarchive.model import Account, Post
from knowarchive.web import catalogue, wishes
from knowarchive.web.catalogue import Catalogue, Judgement
from knowarchive.web.reading import Snapshot
from knowarchive.web.wishes import Wishes
from pipelines.helpers import Helpers, processors
from pipelines.indexing import bring_up_to_date, index_folder, is_current
from pipelines.overrides import load_corrections
from pipelines.sessions import find_session, load_session
from storage.archive import Archive
from storage.changes import newest_version
from transcripts.build import build_transcript
from transcripts.identities import join_accounts
from transcripts.model import Transcript
from transcripts.people import People
from transcripts.search.index import SearchIndex, Stretch, open_index, read_state, touched_since
from transcripts.search.posts import IndexedPost, seconds
from transcripts.search.schema import schema

if TYPE_CHECKING:
    import tantivy

log = logging.getLogger("knowarchive.web")

PATIENCE = 10.0  # seconds that a reader waits for an answer
LOOK = 15.0  # seconds between two looks at whether the archive changed
STRETCHES = 64  # in which all posts are read, so that few are in memory
MANY = 1_000  # posts between two looks at whether the room is still open
MOST_AT_ONCE = 2_000_000  # posts of one stretch
THREAD = "reading-room"
OUTDATED = "The archive changed, and the index is being brought up to date; what is newest may be missing."
ENDING = 3.0  # seconds that are waited for work to be left off
KEPT = 16  # transcripts in memory


class Room:
    """Keeps a snapshot up to date in a thread of its own.

    Args:
        config: whose archive is read.
        public: whether others than the archive's owner read: then what people declared about that is heeded.
    """

    def __init__(self, config: Config, *, public: bool = False) -> None:
        self.config, self.public = config, public
        self.archive = Archive(config.archive_url, config.state_dir)
        self.now: Snapshot | None = None
        self.shown = threading.Event()  # there is something to read, or a word on why there is not
        self.looked = threading.Event()  # once, to the end: what is shown is what is newest, as far as that can be
        self._profiles: int | None = None  # the version of the accounts whose wishes are heeded
        self.problem: str | None = None  # why what is shown may be old, or why there is nothing yet
        self.seen = 0  # posts, while an index is built
        self._catalogue: Path | None = None  # of the present snapshot
        self._files = count()
        self._reading = threading.Lock()  # one transcript at a time: each takes the whole processor
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name=THREAD, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Leave off keeping up, at the next stretch of posts where many are being read."""
        self._stopped.set()
        self._thread.join(timeout=ENDING)

    def told(self, problem: str | None) -> str | None:
        """What readers are told of a problem: others than the owner nothing of this machine's folders."""
        return "What is newest may be missing." if problem and self.public else problem

    def refresh(self) -> None:
        """Bring the index up to date if it is not, and show what it holds; an old one is shown until that is done.

        What went wrong stays in `problem` until a look has come to its end without it.
        """
        folder = index_folder(self.config)
        profiles = newest_version(self.config.archive_url, "accounts") if self.public else None
        is_heeded = profiles == self._profiles
        if self.now and is_heeded and is_current(self.config) and read_state(folder) == self.now.index.state:
            self.problem = None
            return
        if self.now is None and not is_current(self.config) and (old := _open_old(folder)):
            self._show(old, profiles)
            self.problem = OUTDATED
        index, problem = self._updated(folder)
        if index and (self.now is None or not is_heeded or index.state != self.now.index.state):
            self._show(index, profiles)
        self.problem = problem

    def _show(self, index: SearchIndex, profiles: int | None) -> None:
        self.now, self._profiles = self._snapshot(index), profiles
        self.shown.set()

    def _updated(self, folder: Path) -> tuple[SearchIndex | None, str | None]:
        """The index, in step with the archive where that can be, else as it is; and why it is not in step."""
        problem = None
        try:
            if is_current(self.config):
                with contextlib.suppress(KnowarchiveError):  # damaged: it is built anew
                    return open_index(folder), None
            with Helpers(processors(), "pipelines.indexing") as pool:
                bring_up_to_date(self.archive, self.config, pool=pool, on_progress=self._count)
        except ConflictError:
            problem = "The index is being written by another process; what is newest may be missing."
        except StoppedError:
            raise
        except KnowarchiveError as error:
            problem = f"The index could not be brought up to date: {error}"
            log.warning("%s", error)
        try:
            return open_index(folder), problem
        except KnowarchiveError as error:
            return None, problem or str(error)

    def transcript(self, now: Snapshot, chat: str, label: str) -> Transcript:
        """A session as it is filed in a snapshot.

        Raises:
            UsageError: there is no such chat, session or post of it.
            ConflictError: others are being read, and that takes long.
            StorageError: the archive cannot be read.
        """
        key = (chat, label)
        if found := now.transcripts.get(key):
            return found
        if not self._reading.acquire(timeout=PATIENCE):
            raise ConflictError("Other sessions are being read; ask again in a moment.")
        try:
            if key not in now.transcripts:
                now.transcripts[key] = self._transcript(now, chat, label)
                for oldest in [*now.transcripts][:-KEPT]:
                    del now.transcripts[oldest]
            return now.transcripts[key]
        finally:
            self._reading.release()

    def _transcript(self, now: Snapshot, chat: str, label: str) -> Transcript:
        found = self.config.find_chat(chat)
        if found is None:
            raise UsageError("There is no such chat.")
        window = find_session(self.archive, found, label)
        session = load_session(self.archive, found, window, self.config.person)
        if not session.posts:
            raise UsageError(f"{chat} {label}: there are no posts of this session in the archive")
        corrections, _ = load_corrections(self.config.overrides_path, chat, window.label)
        return build_transcript(wishes.heeded(session, now.heeded) if now.heeded else session, corrections)

    def _snapshot(self, index: SearchIndex) -> Snapshot:
        """What an index holds. Of what is the same as in the present snapshot nothing is read again."""
        from tantivy import Query

        before = self.now
        heeded = Wishes(self.archive.wishes(), wishes.opted_out(self.config)) if self.public else None
        is_alike = before is not None and before.heeded == heeded
        touched = touched_since(before.index.state, index.state) if before and is_alike else None
        hidden: dict[str, int] = {}
        unfound: dict[str, int] = {}
        if before and touched is not None:
            hidden |= _outside(before.hidden, touched)
            unfound |= _outside(before.unfound, touched)

        def judge(post: IndexedPost) -> Judgement:
            if heeded is None:
                return Judgement()
            withheld, is_found = heeded.against(post), heeded.may_be_found(post)
            if withheld:
                hidden[post.uid] = seconds(post.created_at)
            if (withheld or not is_found) and not wishes.tells(post.consent):
                unfound[post.uid] = seconds(post.created_at)
            return Judgement(withheld, is_found)

        made = self._counted(index, touched, judge)
        left_out = Query.term_set_query(schema(), "uid", [*unfound]) if unfound else None
        return Snapshot(index, made, heeded=heeded, hidden=hidden, unfound=unfound, left_out=left_out)

    def _counted(
        self, index: SearchIndex, touched: list[Stretch] | None, judge: Callable[[IndexedPost], Judgement]
    ) -> Catalogue:
        """The catalogue of an index: the present one with what was touched counted anew, beside it; else made anew."""
        path = self.archive.scratch() / f"catalogue-{next(self._files)}.sqlite"
        try:
            if self._catalogue is None or touched is None:
                made = catalogue.build(self._checking(every_post(index)), self._join, path=path, judge=judge)
            else:
                copyfile(self._catalogue, path)
                posts = (post for since, until in touched for post in posts_between(index, since, until))
                stretches = [(moment(since), moment(until)) for since, until in touched]
                catalogue.amend(path, stretches, self._checking(posts), self._join, judge)
                made = catalogue.read(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        weakref.finalize(made, path.unlink, missing_ok=True)  # when nobody reads it any more
        self._catalogue = path
        return made

    def _join(self, posts: list[Post]) -> People:
        accounts: dict[str, Account] = {}
        try:
            accounts = self.archive.accounts([post.author_uid for post in posts if post.author_uid])
        except KnowarchiveError as error:  # half-copied: only who is who is not known
            log.warning("%s", error)
        return join_accounts(posts, (), accounts, self.config.person)

    def _count(self, posts: int) -> None:
        self._check_open()
        self.seen = posts

    def _checking(self, posts: Iterable[IndexedPost]) -> Iterator[IndexedPost]:
        """Posts as they come, as long as the room is open."""
        for number, post in enumerate(posts):
            if number % MANY == 0:
                self._check_open()
            yield post

    def _check_open(self) -> None:
        if self._stopped.is_set():
            raise StoppedError("the room was closed")

    def _keep_up(self) -> None:
        while not self._stopped.is_set():
            try:
                self.refresh()
            except StoppedError:
                return
            except KnowarchiveError as error:
                self.problem = str(error)
            except Exception:
                log.exception("the reading room could not be refreshed")
                self.problem = "The archive could not be read; the log says more."
            self.shown.set()
            self.looked.set()
            self._stopped.wait(LOOK)


def leave() -> None:
    """End the process, at once if a room's thread is still at work: nobody can stop it, and what it does can be cut short.

    The interpreter would end beside it, and libraries complain about what it holds.
    """
    if any(thread.name == THREAD for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)


def every_post(index: SearchIndex) -> Iterator[IndexedPost]:
    """All posts of an index, a stretch of time in memory at once."""
    from tantivy import Order, Query

    def edge(order: "tantivy.Order") -> int | None:
        hits = index.searcher.search(Query.all_query(), 1, count=False, order_by_field="created", order=order).hits
        return int(index.searcher.fast_field_values("created", [hits[0][1]])[0] or 0) if hits else None

    first, last = edge(Order.Asc), edge(Order.Desc)
    if first is None or last is None:
        return
    stride = (last - first) // STRETCHES + 1
    for start in range(first, last + 1, stride):
        yield from posts_between(index, start, start + stride)


def posts_between(index: SearchIndex, since: int, until: int) -> list[IndexedPost]:
    """The posts of an index of since <= created_at < until, as the index counts time."""
    from tantivy import FieldType, Query

    within = Query.range_query(schema(), "created", FieldType.Integer, since, until, include_upper=False)
    return index.find(within, MOST_AT_ONCE)


def _open_old(folder: Path) -> SearchIndex | None:
    """The index as it is; None where there is none to read."""
    try:
        return open_index(folder)
    except KnowarchiveError:  # damaged: it is built anew
        return None


def _outside(times: Mapping[str, int], stretches: list[Stretch]) -> dict[str, int]:
    """What of some times lies in none of some stretches."""
    return {uid: at for uid, at in times.items() if not any(since <= at < until for since, until in stretches)}


def moment(at: int) -> datetime:
    """A time as the catalogue has it."""
    return datetime.fromtimestamp(at, UTC)
