"""What the reading room knows at a moment, and how it keeps up with the archive. All reading happens here."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from knowarchive.config import Config
from knowarchive.errors import ConflictError, KnowarchiveError, StoppedError, UsageError
from knowarchive.model import Account, Post
from knowarchive.web import catalogue, wishes
from knowarchive.web.catalogue import Judgement
from knowarchive.web.reading import Snapshot
from knowarchive.web.wishes import Wishes
from pipelines.indexing import bring_up_to_date, index_folder, is_current
from pipelines.overrides import load_corrections
from pipelines.sessions import find_session, load_session
from storage.archive import Archive
from storage.changes import newest_version
from transcripts.build import build_transcript
from transcripts.identities import join_accounts
from transcripts.model import Transcript
from transcripts.people import People
from transcripts.search.index import SearchIndex, open_index, read_state
from transcripts.search.posts import IndexedPost
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
        self.looked = threading.Event()  # once, to the end: only then is there a word on what is missing
        self._profiles: int | None = None  # the version of the accounts whose wishes are heeded
        self.problem: str | None = None  # why what is shown may be old, or why there is nothing yet
        self.seen = 0  # posts, while an index is built
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
        """Bring the index up to date if it is not, and show what it holds.

        What went wrong stays in `problem` until a look has come to its end without it.
        """
        folder = index_folder(self.config)
        profiles = newest_version(self.config.archive_url, "accounts") if self.public else None
        is_heeded = profiles == self._profiles
        if self.now and is_heeded and is_current(self.config) and read_state(folder) == self.now.index.state:
            self.problem = None
            return
        index, problem = self._updated(folder)
        if index and (self.now is None or not is_heeded or index.state != self.now.index.state):
            self.now, self._profiles = self._snapshot(index), profiles
        self.problem = problem

    def _updated(self, folder: Path) -> tuple[SearchIndex | None, str | None]:
        """The index, in step with the archive where that can be, else as it is; and why it is not in step."""
        problem = None
        try:
            if is_current(self.config):
                with contextlib.suppress(KnowarchiveError):  # damaged: it is built anew
                    return open_index(folder), None
            bring_up_to_date(self.archive, self.config, on_progress=self._count)
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
        if not self.public:
            return Snapshot(index, catalogue.build(self._every_post(index), self._join))
        from tantivy import Query

        heeded = Wishes(self.archive.wishes(), wishes.opted_out(self.config))
        hidden: set[str] = set()
        unsaid: list[str] = []  # what may not be found, although the index does not know

        def judge(post: IndexedPost) -> Judgement:
            withheld, is_found = heeded.against(post), heeded.may_be_found(post)
            if withheld:
                hidden.add(post.uid)
            if (withheld or not is_found) and not wishes.tells(post.consent):
                unsaid.append(post.uid)
            return Judgement(withheld, is_found)

        made = catalogue.build(self._every_post(index), self._join, judge=judge)
        left_out = Query.term_set_query(schema(), "uid", unsaid) if unsaid else None
        return Snapshot(index, made, heeded=heeded, hidden=frozenset(hidden), left_out=left_out)

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

    def _every_post(self, index: SearchIndex) -> Iterator[IndexedPost]:
        for number, post in enumerate(every_post(index)):
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
    from tantivy import FieldType, Order, Query

    def edge(order: "tantivy.Order") -> int | None:
        hits = index.searcher.search(Query.all_query(), 1, count=False, order_by_field="created", order=order).hits
        return int(index.searcher.fast_field_values("created", [hits[0][1]])[0] or 0) if hits else None

    first, last = edge(Order.Asc), edge(Order.Desc)
    if first is None or last is None:
        return
    stride = (last - first) // STRETCHES + 1
    for start in range(first, last + 1, stride):
        within = Query.range_query(schema(), "created", FieldType.Integer, start, start + stride, include_upper=False)
        yield from index.find(within, MOST_AT_ONCE)


def moment(at: int) -> datetime:
    """A time as the catalogue has it."""
    return datetime.fromtimestamp(at, UTC)
