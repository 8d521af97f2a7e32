"""Read sessions from the archive: which there are, and all that one transcript needs."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from knowarchive.config import Chat, Identity
from knowarchive.errors import UsageError
from knowarchive.model import Account, Post
from pipelines.coverage import SourceCoverage, cover, coverage_state
from pipelines.overrides import load_corrections
from storage.archive import Archive
from transcripts.build import build_transcript
from transcripts.model import SessionPosts, Transcript, Window
from transcripts.sessions import cut_by_activity, find_occasion, find_window, select, windows

NAMES_REACH = timedelta(days=31)  # how long after a session the names of those who only repeated are looked for
POSTS_AT_ONCE = 5_000  # posts in memory while sessions are listed


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One line of `knowarchive sessions`. `coverage` is complete, incomplete or unknown; `sources` say of what."""

    chat: str
    date: str
    start: datetime
    end: datetime
    posts: int
    people: int
    questions: int
    coverage: str
    sources: tuple[SourceCoverage, ...]


def list_sessions(
    archive: Archive, chat: Chat, overrides: Path | None = None, people: tuple[Identity, ...] = ()
) -> Iterator[SessionRow]:
    """Every session of a chat that has posts, oldest first. Memory does not grow with the archive.

    Args:
        archive: where the posts are.
        chat: whose sessions.
        overrides: the file with what people corrected (`Config.overrides_path`).
        people: the accounts that are one person's (`Config.person`).
    """
    times = archive.times()
    if not times:
        return
    runs = [run for run in archive.runs() if run.chat in {None, chat.name}]
    for window, posts in _posts_by_window(archive, chat, times):
        members = select(posts, window, chat.hashtags, chat.name)
        if not members:
            continue
        corrections, _ = load_corrections(overrides, chat.name, window.label)
        profiles = load_profiles(archive, window, members)
        session = session_posts(chat, window, members, people=people, accounts=profiles)
        transcript = build_transcript(session, corrections)
        sources = cover(runs, window)
        yield SessionRow(
            chat=chat.name,
            date=window.label,
            start=window.start,
            end=window.end,
            posts=transcript.stats["posts"],
            people=sum(person.posts > 0 for person in transcript.participants),
            questions=len(transcript.questions),
            coverage=coverage_state(sources),
            sources=sources,
        )


def _posts_by_window(archive: Archive, chat: Chat, times: list[datetime]) -> Iterator[tuple[Window, list[Post]]]:
    """The windows in which there are posts, with them; read a few thousand at a time."""
    batch: list[Window] = []
    rows = 0
    for window in list_windows(archive, chat, times[0], times[-1]):
        count = bisect_left(times, window.closes) - bisect_left(times, window.opens)
        if not count:
            continue
        if batch and rows + count > POSTS_AT_ONCE:
            yield from _read_windows(archive, batch)
            batch, rows = [], 0
        batch.append(window)
        rows += count
    yield from _read_windows(archive, batch)


def _read_windows(archive: Archive, batch: list[Window]) -> Iterator[tuple[Window, list[Post]]]:
    if batch:
        posts = archive.posts(batch[0].opens, batch[-1].closes)
        times = [post.created_at for post in posts]
        for window in batch:
            yield window, posts[bisect_left(times, window.opens) : bisect_left(times, window.closes)]


def find_session(archive: Archive, chat: Chat, label: str) -> Window:
    """The window of a session by its name, `DATE` or `DATE@HHMM`.

    Raises:
        UsageError: the name is malformed, or the chat has no such session.
    """
    if chat.rules:
        window = find_window(chat, label)
    else:
        extent = archive.extent()
        found = list_windows(archive, chat, *extent) if extent else []
        window = next((window for window in found if window.label == label), None)
    if window is None:
        raise UsageError(f"{chat.name} has no session {label!r}; list them with: knowarchive sessions {chat.name}")
    return window


def load_session(archive: Archive, chat: Chat, window: Window, people: tuple[Identity, ...] = ()) -> SessionPosts:
    """All that the archive knows of a session; `people` are the accounts that are one person's (`Config.person`)."""
    posts = select(archive.posts(window.opens, window.closes), window, chat.hashtags, chat.name)
    here = {post.uid for post in posts}
    wanted = {uid for post in posts for uid in (post.reply_to, post.quote_of) if uid and uid not in here}
    runs = archive.runs(window.opens, window.closes)
    reposts = tuple(repost for repost in archive.reposts(window.opens, window.closes) if repost.post_uid in here)
    unnamed = {repost.account_uid for repost in reposts if repost.account_uid} - {post.author_uid for post in posts}
    return session_posts(
        chat,
        window,
        posts,
        context=tuple(archive.posts_by_uid(sorted(wanted), window.closes)),
        reposts=reposts,
        accounts=load_profiles(archive, window, posts, unnamed),
        people=people,
        coverage=tuple(asdict(one) for one in cover((run for run in runs if run.chat in {None, chat.name}), window)),
    )


def load_profiles(
    archive: Archive, window: Window, posts: Sequence[Post], unnamed: Iterable[str] = ()
) -> dict[str, Account]:
    """The profiles that a session needs.

    They are those of accounts of which it knows no name, and of all authors where it was held on more than one network,
    since they may name each other.
    """
    wanted = set(unnamed)
    if len({post.platform for post in posts}) > 1:
        wanted |= {post.author_uid for post in posts if post.author_uid}
    found = archive.accounts(sorted(wanted), window.opens, window.closes + NAMES_REACH)
    asked = [post.observed_at for post in posts if post.observed_at and post.observed_at >= window.closes + NAMES_REACH]
    if asked:  # the session was collected long after it was held, and so were the profiles
        found |= archive.accounts(sorted(wanted), min(asked), max(asked) + timedelta(days=1))
    return found


def session_posts(chat: Chat, window: Window, posts: tuple[Post, ...], **rest: Any) -> SessionPosts:
    """The input of a transcript: what is known of the chat, with posts and the `rest` of `SessionPosts`."""
    occasion = find_occasion(chat, window)
    return SessionPosts(
        window=window,
        title=chat.title or f"#{chat.tags[0]}",
        hashtags=chat.tags,
        posts=posts,
        moderators=chat.moderators,
        topic=(occasion.topic or None) if occasion else None,
        guests=occasion.guests if occasion else (),
        **rest,
    )


def make_transcript(
    archive: Archive,
    chat: Chat,
    label: str,
    overrides: Path | None = None,
    people: tuple[Identity, ...] = (),
) -> Transcript:
    """One session, filed and ready to be written.

    Args:
        archive: where the posts are.
        chat: whose session.
        label: its name, `DATE` or `DATE@HHMM`.
        overrides: the file with what people corrected (`Config.overrides_path`); what of it cannot be obeyed is left
            out, with a line for each in the transcript's `notes`.
        people: the accounts that are one person's (`Config.person`).

    Raises:
        UsageError: there is no such session, or the archive holds no post of it.
    """
    window = find_session(archive, chat, label)
    transcript = read_transcript(archive, chat, window, overrides, people)
    if transcript is None:
        raise UsageError(
            f"{chat.name} {label}: no posts in the archive between {window.opens:%Y-%m-%d %H:%M} and "
            f"{window.closes:%H:%M} UTC; import or collect them, or list sessions with: knowarchive sessions {chat.name}"
        )
    return transcript


def read_transcript(
    archive: Archive,
    chat: Chat,
    window: Window,
    overrides: Path | None = None,
    people: tuple[Identity, ...] = (),
    heed: Callable[[SessionPosts], SessionPosts] = lambda session: session,
) -> Transcript | None:
    """The transcript of a session by its window, None where the archive holds no post of it.

    Args:
        archive: where the posts are.
        chat: whose session.
        window: the session.
        overrides: as for `make_transcript`.
        people: likewise.
        heed: takes out what may not be shown.
    """
    session = load_session(archive, chat, window, people)
    if not session.posts:
        return None
    corrections, notes = load_corrections(overrides, chat.name, window.label)
    transcript = build_transcript(heed(session), corrections)
    return replace(transcript, notes=(*notes, *transcript.notes))


def list_windows(archive: Archive, chat: Chat, first: datetime, last: datetime) -> list[Window]:
    """The sessions that can hold posts made from `first` to `last`, the times of the oldest and the newest post."""
    if chat.rules:
        reach = chat.length + sum(chat.margins, timedelta())
        return windows(chat, first - reach, last + reach)
    whole = Window(chat.name, "", first, last, first, last + timedelta.resolution, chat.timezone)
    posts: tuple[Post, ...] = select(archive.posts(whole.opens, whole.closes), whole, chat.hashtags, chat.name)
    return cut_by_activity(chat.name, chat.timezone, [post.created_at for post in posts])
