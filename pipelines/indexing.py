"""Keep the search index in step with the archive, the corrections and the configuration.

Whether it is in step is a look at two folders and two files: nothing heavy is imported for that. What is not is done in
stretches of time, each widened until it cuts no session, because a new post can change where the others belong.
"""

import logging
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from knowarchive.config import Chat, Config, digest_of
from knowarchive.errors import KnowarchiveError, StorageError
from storage.changes import Changes, changes, newest_version
from storage.months import bounds
from transcripts.search.index import ERASING, IndexWriter, State, open_index, read_state
from transcripts.search.posts import Filed, IndexedPost, keep

if TYPE_CHECKING:
    from knowarchive.model import Post, Repost
    from pipelines.helpers import Pool
    from storage.archive import Archive
    from transcripts.model import Window

log = logging.getLogger("knowarchive.pipelines")

TABLES = ("posts", "reposts")  # what the filing is made of
AT_ONCE = 4_000  # posts in memory, about
AHEAD = 4  # stretches that others may have read before they are wanted
CONTEXT = timedelta(days=31)  # as far back as what a session's posts answer or quote is looked for

Stretch = tuple[datetime, datetime]


class Indexed(msgspec.Struct, frozen=True):
    """What bringing the index up to date came to. `rebuilt` says why it was built anew, where it was."""

    posts: int
    changed: int
    rebuilt: str | None = None


class _Target(msgspec.Struct, frozen=True):
    """Of what an index would be the index if it were built now."""

    setup: str
    tables: dict[str, int | None]
    corrections: dict[str, str] = {}


def index_folder(config: Config) -> Path:
    """Where the index lies: among what is derived and private."""
    return config.state_dir / "search" / digest_of(config.archive_url)


def is_current(config: Config) -> bool:
    """Whether the index is that of the archive, corrections, configuration and code as they are now."""
    state = read_state(index_folder(config))
    return state is not None and _describes(state, _target(config))


def bring_up_to_date(
    archive: "Archive",
    config: Config,
    *,
    rebuild: bool = False,
    purge: bool = True,
    pool: "Pool | None" = None,
    on_progress: Callable[[int], None] = lambda _posts: None,
) -> Indexed:
    """Index what changed, or everything where that cannot be told, or if `rebuild` asks for it.

    Args:
        archive: whose posts.
        config: whose chats, and whose overrides file beside it.
        rebuild: build it anew.
        purge: take what was erased off the disk at once; else it waits, unseen, for `finish_erasing`.
        pool: who reads and files beside this process, where there is much of it.
        on_progress: told how many posts were looked at so far.

    Raises:
        ConflictError: another process is indexing.
        StorageError: the archive cannot be read, or the index not be written.
    """
    folder = index_folder(config)
    target = _target(config)  # before anything is read: what comes meanwhile is for the next time
    state, why = (None, "asked for") if rebuild else _usable(folder)
    if state is not None and _describes(state, target):
        return Indexed(state.posts, 0)
    if state is not None and state.setup != target.setup:
        state, why = None, "the configuration of the chats, or the program, changed"
    changed = _changed(archive, state, target) if state else None
    if state is not None and changed is None:
        state, why = None, "the archive's log does not tell what changed"
    work = _Work(archive, config)
    expected = 0 if state else archive.size()
    with IndexWriter(folder, state, expected=expected) as writer:
        if state is None or changed is None:
            count = _build(work, writer, pool if expected > AT_ONCE else None, on_progress)
        else:
            count = _amend(work, writer, state, target, changed, on_progress)
        finished = writer.finish(
            setup=target.setup,
            tables=target.tables,
            purge=purge,
            corrections=target.corrections,
            windows=work.unscheduled(),
        )
    return Indexed(finished.posts, count, why)


def finish_erasing(config: Config) -> None:
    """Take off the disk what was erased from the index and waits for that; else a look at one folder.

    Raises:
        ConflictError: another process is indexing.
        StorageError: the index cannot be written.
    """
    folder = index_folder(config)
    if (folder / ERASING).exists() and (state := read_state(folder)):
        with IndexWriter(folder, state) as writer:
            writer.finish_erasing()


def forget_erased(archive: "Archive", config: Config) -> None:
    """Take what was just erased from the archive out of the index too, where there is one: it holds the words.

    That it cannot be done now is logged: until it is done, whoever searches sees to it first.
    """
    if index_folder(config).exists():
        try:
            bring_up_to_date(archive, config)
        except KnowarchiveError as error:
            log.warning("what was erased is still in the search index: %s", error)


def _usable(folder: Path) -> tuple[State | None, str | None]:
    """What the index in a folder is of; or None, with what is wrong with it."""
    try:
        index = open_index(folder)
    except StorageError:
        return None, "it was damaged"
    return (index.state, None) if index else (None, "there was none that this version reads")


def _build(work: "_Work", writer: IndexWriter, pool: "Pool | None", on_progress: Callable[[int], None]) -> int:
    extent = work.archive.extent()
    if extent is None:
        return 0
    stretches = work.cut([(extent[0], extent[1] + timedelta.resolution)])
    slices: Iterable[list[IndexedPost]]
    if pool:
        import secrets

        from pipelines.helpers import in_order

        pool.start()
        build = secrets.token_hex(8)
        shared = (pool.submit(_read, build, work.config, *stretch) for stretch in stretches)
        slices = map(msgspec.msgpack.Decoder(list[IndexedPost]).decode, in_order(shared, AHEAD))
    else:
        slices = (work.read(*stretch) for stretch in stretches)
    count = 0
    for posts in slices:
        writer.add(posts)
        count += len(posts)
        on_progress(count)
    return count


def _amend(
    work: "_Work",
    writer: IndexWriter,
    state: State,
    target: _Target,
    changed: Changes,
    on_progress: Callable[[int], None],
) -> int:
    stretches = [*changed.months, *((moment, moment + timedelta.resolution) for moment in changed.moments)]
    stretches += work.corrected(state.corrections, target.corrections) + work.cut_anew(state.windows)
    count = seen = 0
    for stretch in work.cut(stretches):
        posts = work.read(*stretch)
        count += writer.replace(*stretch, posts)
        seen += len(posts)
        on_progress(seen)
    return count


_reader: list[tuple[str, "_Work"]] = []  # of the build that is under way, in the process that helps


def _read(build: str, config: Config, since: datetime, until: datetime) -> bytes:
    """The posts of a stretch of time, with where they belong, as MessagePack: what helps another process to build."""
    if not _reader or _reader[0][0] != build:
        from storage.archive import Archive

        _reader[:] = [(build, _Work(Archive(config.archive_url, config.state_dir), config))]
    return msgspec.msgpack.encode(_reader[0][1].read(since, until))


class _Work:
    """Reads the posts of stretches of time, with where they belong."""

    def __init__(self, archive: "Archive", config: Config) -> None:
        from pipelines.sessions import list_windows

        self.archive, self.config = archive, config
        extent = archive.extent()
        self.windows = [
            (chat, window)
            for chat in config.chat
            for window in (list_windows(archive, chat, *extent) if extent else ())
        ]
        self.windows.sort(key=lambda one: (one[1].opens, one[1].closes))

    def unscheduled(self) -> dict[str, list[tuple[str, str, str]]]:
        """The sessions of chats without a schedule, which are cut anew as posts come."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        for chat, window in self.windows:
            if not chat.rules:
                found.setdefault(chat.name, []).append(
                    (window.label, window.opens.isoformat(), window.closes.isoformat())
                )
        return found

    def cut_anew(self, before: dict[str, list[tuple[str, str, str]]]) -> list[Stretch]:
        """The stretches of sessions that are there now and were not, or that were and are not."""
        now = self.unscheduled()
        return [
            (datetime.fromisoformat(opens), datetime.fromisoformat(closes))
            for chat in {*now, *before}
            for _, opens, closes in set(now.get(chat, ())) ^ set(before.get(chat, ()))
        ]

    def corrected(self, before: dict[str, str], now: dict[str, str]) -> list[Stretch]:
        """The stretches of sessions of which a person corrected something since, or took it back."""
        wanted = {key for key in {*before, *now} if before.get(key) != now.get(key)}
        return [
            (window.opens, window.closes) for chat, window in self.windows if f"{chat.name}/{window.label}" in wanted
        ]

    def cut(self, stretches: Iterable[Stretch]) -> Iterator[Stretch]:
        """Stretches of time in pieces that cut no session and hold a few thousand posts each, as far as the log tells."""
        months = self.archive.months()
        for since, until in _joined(self._widened(stretches)):
            start = since
            while start < until:
                end = min(self._free_of_sessions(_filled(start, until, months)), until)
                yield start, end
                start = end

    def read(self, since: datetime, until: datetime) -> list[IndexedPost]:
        """The posts of a stretch of time that cuts no session, with where they belong."""
        return self._filed(self.archive.posts(since, until), since, until)

    def _widened(self, stretches: Iterable[Stretch]) -> list[Stretch]:
        """Stretches that cut no session: those that were given, and the sessions that they touch."""
        joined = _joined(stretches)
        while True:
            touching = [(window.opens, window.closes) for _, window in self._overlapping(joined)]
            wider = _joined([*joined, *touching])
            if wider == joined:
                return joined
            joined = wider

    def _overlapping(self, stretches: Sequence[Stretch]) -> "Iterator[tuple[Chat, Window]]":
        """The sessions that share a moment with any of some stretches, which are joined and in order."""
        from bisect import bisect_right

        starts = [since for since, _ in stretches]
        for chat, window in self.windows:
            place = bisect_right(starts, window.opens)
            within = place > 0 and window.opens < stretches[place - 1][1]
            if within or (place < len(stretches) and stretches[place][0] < window.closes):
                yield chat, window

    def _free_of_sessions(self, moment: datetime) -> datetime:
        """The first moment from this one on at which no session is under way."""
        for _, window in self.windows:
            if window.opens >= moment:
                break
            moment = max(moment, _whole(window.closes))
        return moment

    def _filed(self, posts: "list[Post]", since: datetime, until: datetime) -> list[IndexedPost]:
        """Where each post belongs in each chat."""
        from bisect import bisect_left

        from pipelines.overrides import load_corrections
        from pipelines.sessions import load_profiles, session_posts
        from transcripts.crossposts import fold
        from transcripts.filing import prepare
        from transcripts.sessions import fold_tag, select

        times = [post.created_at for post in posts]
        reposts: list[Repost] = self.archive.reposts(since, until) if posts else []
        found: dict[str, list[Filed]] = {}
        for chat, window in self._overlapping([(since, until)]):
            near = posts[bisect_left(times, window.opens) : bisect_left(times, window.closes)]
            members = select(near, window, chat.hashtags, chat.name)
            if not members:
                continue
            here = {post.uid for post in members}
            wanted = {uid for post in members for uid in (post.reply_to, post.quote_of) if uid and uid not in here}
            session = session_posts(
                chat,
                window,
                members,
                context=tuple(self.archive.posts_by_uid(sorted(wanted), window.closes)),
                reposts=tuple(repost for repost in reposts if repost.post_uid in here),
                people=self.config.person,
                accounts=load_profiles(self.archive, window, members),
            )
            corrections, _ = load_corrections(self.config.overrides_path, chat.name, window.label)
            folded = fold(session)
            filings = folded.unfold(prepare(folded.session, folded.turn(corrections)).filings)
            for uid, filing in filings.items():
                found.setdefault(uid, []).append(Filed(chat.name, window.label, filing.topic, filing.role))
        tags = {fold_tag(tag): chat.name for chat in self.config.chat for tag in chat.hashtags}
        authors = {post.uid: post.author_handle for post in posts if post.author_handle}
        return [keep(post, found.get(post.uid) or _chats(post, tags, fold_tag), authors) for post in posts]


def _filled(start: datetime, until: datetime, months: Mapping[str, int]) -> datetime:
    """When as many posts were made since `start` as are read at once, if those of each month are spread evenly over it."""
    room = AT_ONCE
    while start < until:
        first, last = bounds(f"{start.astimezone(UTC):%Y-%m}")
        rows = months.get(f"{first:%Y-%m}", 0)
        if rows * (last - start) > room * (last - first):
            return start + room / rows * (last - first)
        room -= int(rows * (last - start) / (last - first))
        start = last
    return until


def _chats(post: "Post", tags: dict[str, str], fold_tag: Callable[[str], str]) -> list[Filed]:
    """The chats that a post outside any session was made or collected for."""
    names = [tags[tag] for tag in map(fold_tag, post.hashtags or ()) if tag in tags]
    return [Filed(name) for name in dict.fromkeys([*names, *(post.chats or ())])]


def _changed(archive: "Archive", state: State, target: _Target) -> Changes | None:
    """What changed in the tables since the index was written; None where the log does not tell."""
    found: list[Changes] = []
    for table in TABLES:
        since, until = state.tables.get(table), target.tables[table]
        if since == until:
            continue
        if until is None or (since is not None and until < since):
            return None  # it is another archive than it was
        one = changes(archive, table, since, until)
        if one is None:
            return None
        found.append(one)
    return Changes(
        tuple(moment for one in found for moment in one.moments), tuple(month for one in found for month in one.months)
    )


def _describes(state: State, target: _Target) -> bool:
    return (state.setup, state.tables, state.corrections) == (target.setup, target.tables, target.corrections)


def _target(config: Config) -> _Target:
    chats = [
        (chat.name, chat.hashtags, chat.timezone, chat.schedule, chat.margin, chat.duration, chat.moderators,
         chat.skip, chat.session)
        for chat in config.chat
    ]  # fmt: skip
    return _Target(
        setup=_digest((chats, config.person, _code())),
        tables={table: newest_version(config.archive_url, table) for table in TABLES},
        corrections=_corrections(config.overrides_path),
    )


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of the program's own text where it decides what is in the index and how posts are filed."""
    import transcripts

    digest = sha256()
    here = [Path(__file__).with_name(name) for name in ("indexing.py", "overrides.py", "sessions.py")]
    for folder in transcripts.__path__:
        for file in sorted([*Path(folder).glob("*.py"), *Path(folder, "search").glob("*.py"), *here]):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _corrections(path: Path) -> dict[str, str]:
    """A digest of what the overrides file says of each session, by `chat/session`.

    A file that is not whole is none: whoever reads it for a transcript says what is wrong with it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError:
        return {"": _digest(b"")}
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except ValueError:
        return {"": _digest(content)}
    return {
        f"{chat}/{label}": _digest(said)
        for chat, sessions in document.items()
        if isinstance(sessions, dict)
        for label, said in sessions.items()
    }


def _digest(value: object) -> str:
    return sha256(msgspec.json.encode(value, enc_hook=str)).hexdigest()[:32]


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Stretches in order of time, those that touch as one; of whole seconds, as the index counts them."""
    joined: list[Stretch] = []
    for since, until in sorted((since.replace(microsecond=0), _whole(until)) for since, until in stretches):
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(until, joined[-1][1]))
        else:
            joined.append((since, until))
    return joined


def _whole(moment: datetime) -> datetime:
    """The next whole second, if it is none."""
    return moment.replace(microsecond=0) + timedelta(seconds=moment.microsecond > 0)
