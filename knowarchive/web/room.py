"""What the reading room knows at a moment, and how it keeps up with the archive. All reading happens here."""

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from knowarchive.config import Config
from knowarchive.errors import ConflictError, KnowarchiveError, UsageError
from knowarchive.model import Account, Post
from knowarchive.web import catalogue, wishes
from knowarchive.web.catalogue import Catalogue
from pipelines.indexing import bring_up_to_date, index_folder, is_current
from pipelines.overrides import load_corrections
from pipelines.sessions import find_session, load_session
from storage.archive import Archive
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
MOST_AT_ONCE = 2_000_000  # posts of one stretch
KEPT = 16  # transcripts in memory


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The index and the catalogue that was made from it: they do not change, a newer snapshot takes their place."""

    index: SearchIndex
    catalogue: Catalogue
    transcripts: dict[tuple[str, str], Transcript] = field(default_factory=dict)

    def post(self, uid: str) -> IndexedPost | None:
        """A post by its uid, where known."""
        return next(iter(self.posts([uid])), None)

    def posts(self, uids: Sequence[str]) -> list[IndexedPost]:
        """Posts by their uids, in that order, where known."""
        from tantivy import Query

        wanted = list(dict.fromkeys(uids))
        if not wanted:
            return []
        found = self.index.find(Query.term_set_query(schema(), "uid", wanted), len(wanted))
        known = {post.uid: post for post in found}
        return [known[uid] for uid in wanted if uid in known]


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
        self.problem: str | None = None  # why what is shown may be old, or why there is nothing yet
        self.seen = 0  # posts, while an index is built
        self._reading = threading.Lock()  # one transcript at a time: each takes the whole processor
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="reading-room", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=1)

    def told(self, problem: str | None) -> str | None:
        """What readers are told of a problem: others than the owner nothing of this machine's folders."""
        return "What is newest may be missing." if problem and self.public else problem

    def refresh(self) -> None:
        """Bring the index up to date if it is not, and show what it holds.

        What went wrong stays in `problem` until a look has come to its end without it.
        """
        folder = index_folder(self.config)
        if self.now and is_current(self.config) and read_state(folder) == self.now.index.state:
            self.problem = None
            return
        index, problem = self._updated(folder)
        if index and (self.now is None or index.state != self.now.index.state):
            self.now = Snapshot(index, self._catalogue(index))
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
                now.transcripts[key] = self._transcript(chat, label)
                for oldest in [*now.transcripts][:-KEPT]:
                    del now.transcripts[oldest]
            return now.transcripts[key]
        finally:
            self._reading.release()

    def _transcript(self, chat: str, label: str) -> Transcript:
        found = self.config.find_chat(chat)
        if found is None:
            raise UsageError("There is no such chat.")
        window = find_session(self.archive, found, label)
        session = load_session(self.archive, found, window, self.config.person)
        if not session.posts:
            raise UsageError(f"{chat} {label}: there are no posts of this session in the archive")
        corrections, _ = load_corrections(self.config.overrides_path, chat, window.label)
        return build_transcript(wishes.heeded(session) if self.public else session, corrections)

    def _catalogue(self, index: SearchIndex) -> Catalogue:
        posts = every_post(index)
        if self.public:
            posts = (post for post in posts if wishes.may_be_shown(post.consent))
        return catalogue.build(posts, self._join)

    def _join(self, posts: list[Post]) -> People:
        accounts: dict[str, Account] = {}
        try:
            accounts = self.archive.accounts([post.author_uid for post in posts if post.author_uid])
        except KnowarchiveError as error:  # half-copied: only who is who is not known
            log.warning("%s", error)
        return join_accounts(posts, (), accounts, self.config.person)

    def _count(self, posts: int) -> None:
        self.seen = posts

    def _keep_up(self) -> None:
        while not self._stopped.is_set():
            try:
                self.refresh()
            except KnowarchiveError as error:
                self.problem = str(error)
            except Exception:
                log.exception("the reading room could not be refreshed")
                self.problem = "The archive could not be read; the log says more."
            self._stopped.wait(LOOK)


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
