"""The index on the disk: opened, brought up to date stretch by stretch, replaced whole. One writer; any readers.

`state.json` in the index's folder says which folder beside it holds the index, and of what it is the index. It is
written after what it describes, so that work that was cut short is done again, which changes nothing but the missing.
"""

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from knowarchive.errors import ConflictError, StorageError
from transcripts.search import words
from transcripts.search.posts import IndexedPost, number, seconds
from transcripts.search.schema import CODE, document, names_of, restored, schema

if TYPE_CHECKING:
    import tantivy

STATE = "state.json"
ERASING = "erasing"  # lies beside it from before something is erased until nothing is left of it on the disk
HEAP = 64_000_000  # bytes that the writer fills before it writes a segment
NEW_HEAP = 128_000_000  # the same of a new index, at least: the fewer its segments are, the less has to be merged
POST = 3_600  # bytes of it that a post is counted for; a tenth of them is really taken
MERGED = 8  # segments of about the same size, which tantivy then makes one of
PART = 36_000  # posts of which a small new index writes a segment; as many as `NEW_HEAP` holds
LARGEST_PART = 300_000  # the same of a large one, at most
BURST = 1_000  # documents that it is given at once: it would sleep after each, and be woken for the next
THREADS = 1  # each writes segments of its own; one keeps up with what Python can give it
SHORTEST = 2  # letters that all forms of a word begin with
MOST_FORMS = 16  # of a word; the most frequent
REMEMBERED = 8  # changes, of which it is known what they touched
LOOKED_UP = 1 << 14  # words of which what was looked up is remembered


Stretch = tuple[int, int]  # of time: since and until, as `seconds` counts


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Of what an index is the index. It is current where all of this is as it would be built now."""

    folder: str
    setup: str  # a digest of what the configuration says of the chats
    tables: dict[str, int | None]  # the newest version that is indexed; None where there was no table
    corrections: dict[str, str] = {}  # by `chat/session`, a digest of what a person corrected
    windows: dict[str, list[tuple[str, str, str]]] = {}  # of chats without a schedule: label, opens, closes
    languages: tuple[str, ...] = ()  # by whose rules posts are stemmed
    posts: int = 0
    changes: int = 0  # since it was built
    touched: tuple[tuple[Stretch, ...], ...] = ()  # by the latest of these, the last one last
    code: int = CODE


def touched_since(before: State, now: State) -> list[Stretch] | None:
    """The stretches of time in which an index may hold other posts than it did, in order and apart.

    Returns:
        None where it does not tell, so that all may be different.
    """
    new = now.changes - before.changes
    if now.folder != before.folder or not 0 <= new <= len(now.touched):
        return None
    apart: list[Stretch] = []
    for since, until in sorted(stretch for change in now.touched[len(now.touched) - new :] for stretch in change):
        if apart and since <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(until, apart[-1][1]))
        else:
            apart.append((since, until))
    return apart


class SearchIndex:
    """An index that is open for reading. What is written meanwhile it does not see; open it anew for that."""

    def __init__(self, folder: Path, state: State) -> None:
        from tantivy import Index

        self.folder, self.state = folder, state
        with _telling(folder):
            if not Index.exists(str(folder / state.folder)):
                raise StorageError(f"{folder}: the search index is damaged; build it with: knowarchive index --rebuild")
            self._index = Index.open(str(folder / state.folder))
            self.searcher = self._index.searcher()
        # What was looked up is remembered: it does not change as long as the index is open.
        self._forms = lru_cache(LOOKED_UP)(partial(_forms, self.searcher, state.languages))
        self._frequency = lru_cache(LOOKED_UP)(self.searcher.doc_freq)
        self._values: dict[tuple[str, int], tuple[str, str]] = {}

    def forms(self, word: str) -> frozenset[str]:
        """The other words of the index that have a word's stem in any language that its posts are in."""
        return self._forms(word)

    def holds(self, field: str, value: str | int) -> bool:
        """Whether any post has a value in a field."""
        return self._frequency(field, value) > 0

    def value(self, counted: str, numbered: int) -> tuple[str, str]:
        """The facet and its value that a number of a field that is counted stands for, read from a post that has it."""
        known = self._values.get((counted, numbered))
        if known is None:
            from tantivy import Query

            [post] = self.find(Query.term_query(schema(), counted, numbered), 1)
            name = next(one for one in names_of(post, counted) if number(one) == numbered)
            facet, _, value = name.partition("=") if counted == "aspect" else (counted, "", name)
            known = self._values[counted, numbered] = (facet, value)
        return known

    def post(self, address: "tantivy.DocAddress") -> IndexedPost:
        """Read a post where a search found it."""
        return restored(self.kept(address))

    def kept(self, address: "tantivy.DocAddress") -> bytes:
        return bytes(self.searcher.doc(address).get_first("kept"))  # type: ignore[arg-type]

    def find(self, query: "tantivy.Query", limit: int) -> list[IndexedPost]:
        """Posts that fit a query, at most `limit`, in no order that matters."""
        return [self.post(address) for _, address in self.searcher.search(query, limit, count=False).hits]


def _forms(searcher: "tantivy.Searcher", languages: Iterable[str], word: str) -> frozenset[str]:
    found = {
        other: count
        for language in languages
        for stem in (words.stem(word, language),)
        for other, count in searcher.terms_with_prefix("words", stem[: max(SHORTEST, len(stem) - 1)])
        if other != word and words.stem(other, language) == stem
    }
    return frozenset(sorted(found, key=lambda one: (-found[one], one))[:MOST_FORMS])


def read_state(folder: Path) -> State | None:
    """What the index in a folder is of; None where there is none that this code can read."""
    try:
        state = msgspec.json.decode((folder / STATE).read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None
    return state if state.code == CODE and (folder / state.folder).is_dir() else None


def open_index(folder: Path) -> SearchIndex | None:
    """Open the index in a folder; None where there is none that this code can read.

    Raises:
        StorageError: it is damaged.
    """
    for attempt in (1, 2):
        state = read_state(folder)
        if state is None:
            return None
        try:
            return SearchIndex(folder, state)
        except StorageError:
            if attempt == 2 or read_state(folder) == state:  # else it was replaced while it was opened
                raise
    return None


class IndexWriter:
    """Writes an index: a new one, or changes to the one that is there. Nothing is seen before `finish`.

    Use it as a context, one at a time.

    Args:
        folder: of the index; made for its owner alone.
        state: of the index to change; without one, a new index is written.
        expected: how many posts a new index will hold, about. It is written in as many equal parts as in the end become
            one: each segment is searched by itself, which takes longer than what is found in it.

    Raises:
        ConflictError: another process is writing it.
        StorageError: the folder cannot be written, or the index to change is damaged.
    """

    def __init__(self, folder: Path, state: State | None = None, expected: int = 0) -> None:
        self.folder, self.state = folder, state
        self._part, self._written = _part(expected), 0
        self.languages = set(state.languages if state else ())
        self._touched: list[Stretch] = []
        self._erased = False

    def __enter__(self) -> Self:
        from tantivy import Index

        self._lock = _lock(self.folder)
        try:
            self._check_state()
            self._name = self.state.folder if self.state else uuid.uuid4().hex
            path = self.folder / self._name
            with _telling(self.folder):
                path.mkdir(mode=0o700, exist_ok=True)
                self._index = Index(schema(), path=str(path))
                self._reader = SearchIndex(self.folder, self.state) if self.state else None
                self._writer = self._index.writer(HEAP if self.state else max(NEW_HEAP, self._part * POST), THREADS)
            self._erased = (self.folder / ERASING).exists()  # by one that was stopped
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._abandon()

    def add(self, posts: Iterable[IndexedPost]) -> None:
        """Add posts that are not in the index."""
        rest = iter(posts)
        with _telling(self.folder):
            while some := list(islice(rest, min(BURST, self._part - self._written % self._part))):
                documents = [*map(document, some)]
                for one in documents:
                    self._writer.add_document(one)
                self.languages.update(words.stemmer_of(post.lang) for post in some)
                self._written += len(some)
                if self._written % self._part == 0:
                    self._writer.commit()

    def replace(self, since: datetime, until: datetime, posts: Iterable[IndexedPost]) -> int:
        """Let the index hold these posts, and no others, of since <= created_at < until; returns how many it changed.

        What is there already as it should be is not touched.
        """
        assert self._reader is not None, "a new index has nothing to replace"
        there = self._there(since, until)
        changed = 0
        with _telling(self.folder):
            for post in posts:
                self.languages.add(words.stemmer_of(post.lang))
                new = document(post)
                old = there.pop(post.uid, None)
                if old == new.get_first("kept"):
                    continue
                self._erased |= post.deleted
                self._writer.delete_documents_by_term("uid", post.uid)
                self._writer.add_document(new)
                changed += 1
            for uid in there:
                self._erased = True
                self._writer.delete_documents_by_term("uid", uid)
        if changed or there:
            self._touched.append((seconds(since), seconds(until)))
        return changed + len(there)

    def finish(self, *, setup: str, tables: Mapping[str, int | None], purge: bool = True, **known: object) -> State:
        """Make what was written visible, and take what was erased off the disk. `known` is the rest of the state.

        Without `purge`, what was erased is found no more, and lies on the disk until the next `finish` or
        `finish_erasing`: whole segments have to be written again for it.
        """
        with _telling(self.folder):
            if self._erased:
                (self.folder / ERASING).touch()
            self._settle()
            if self._erased and purge:
                self._purge()
                (self.folder / ERASING).unlink()
            self._index.reload()
            posts = self._index.searcher().num_docs
        before = self.state
        touched = (*(before.touched if before else ()), *([tuple(self._touched)] if self._touched else ()))
        state = State(
            folder=self._name,
            setup=setup,
            tables=dict(tables),
            languages=tuple(sorted(self.languages)),
            posts=posts,
            changes=(before.changes if before else 0) + bool(self._touched),
            touched=touched[-REMEMBERED:],
            **known,  # type: ignore[arg-type]
        )
        draft = self.folder / f".{STATE}.part"
        with draft.open("wb") as stream:
            stream.write(msgspec.json.encode(state))
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self.folder / STATE)
        for other in self.folder.iterdir():
            if other.is_dir() and other.name != self._name:
                _remove(other)
        self.state = state
        return state

    def finish_erasing(self) -> None:
        """Take off the disk what was erased without `purge`."""
        assert self.state is not None, "nothing was erased from a new index"
        state = self.state
        self.finish(setup=state.setup, tables=state.tables, corrections=state.corrections, windows=state.windows)

    def _check_state(self) -> None:
        if self.state and read_state(self.folder) != self.state:
            raise ConflictError(f"{self.folder}: another process brought the search index up to date; try again")

    def _there(self, since: datetime, until: datetime) -> dict[str, bytes]:
        """What the index holds of a stretch of time, by uid."""
        from tantivy import FieldType, Query

        assert self._reader is not None
        query = Query.range_query(
            schema(), "created", FieldType.Integer, seconds(since), seconds(until), include_upper=False
        )
        searcher = self._reader.searcher
        count = searcher.search(query, 1).count  # type: ignore[attr-defined]  # the stub lacks it
        found = searcher.search(query, count, count=False).hits if count else []
        kept = [self._reader.kept(address) for _, address in found]
        return {restored(one).uid: one for one in kept}

    def _settle(self) -> None:
        """Commit, and wait until no thread of the writer works any more."""
        self._writer.commit()
        self._writer.garbage_collect_files()
        self._writer.wait_merging_threads()

    def _purge(self) -> None:
        """Write what lives in segments that hold anything deleted again, so that these are removed.

        tantivy forgets what is deleted only when it merges segments, when it pleases; a segment in which nothing lives
        it drops at once.
        """
        from tantivy import Query

        for _ in range(5):
            self._index.reload()
            searcher = self._index.searcher()
            meta = msgspec.json.decode((self.folder / self._name / "meta.json").read_bytes())
            dirty = {place for place, segment in enumerate(meta["segments"]) if segment["deletes"]}
            if not dirty:
                return
            self._writer = self._index.writer(HEAP, THREADS)
            for _, address in searcher.search(Query.all_query(), searcher.num_docs or 1, count=False).hits:
                if address.segment_ord in dirty:
                    post = restored(bytes(searcher.doc(address).get_first("kept")))  # type: ignore[arg-type]
                    self._writer.delete_documents_by_term("uid", post.uid)
                    self._writer.add_document(document(post))
            del searcher
            self._settle()
        raise StorageError(f"{self.folder}: what was erased is still on the disk; run: knowarchive index --rebuild")

    def _abandon(self) -> None:
        """Let go of the index; a new one that was not finished is removed."""
        self._writer = self._reader = self._index = None  # type: ignore[assignment]
        state = read_state(self.folder)
        if hasattr(self, "_name") and (state is None or state.folder != self._name) and self.state is None:
            _remove(self.folder / self._name)
        os.close(self._lock)


def _part(expected: int) -> int:
    """Of how many posts the segments of a new index are, so that as many as tantivy merges are of one size.

    To merge once more takes more time than memory for large segments would cost.
    """
    parts = 1 if expected <= PART else MERGED
    while parts * LARGEST_PART < expected:
        parts *= MERGED
    return -(-expected // parts) if parts > 1 else PART


def _remove(folder: Path) -> None:
    from shutil import rmtree

    rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> int:
    """Hold the folder for this process alone. The system lets go of it however the process ends."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be made: {error.strerror}; set archive.state to a folder") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise ConflictError(f"{folder}: another process is indexing; try again when it is done") from error
    return lock


@contextlib.contextmanager
def _telling(folder: Path) -> Iterator[None]:
    """Turn what tantivy raises, a panic included, into our error."""
    try:
        yield
    except (ValueError, OSError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).split("\n", 1)[0][:200]
        raise StorageError(
            f"{folder}: the search index: {reason}; build it with: knowarchive index --rebuild"
        ) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # pyo3's; it has no module to import it from
            raise
        raise StorageError(
            f"{folder}: the search index is damaged; build it with: knowarchive index --rebuild"
        ) from error
