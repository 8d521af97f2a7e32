"""Read sessions from the archive: which there are, and all that one transcript needs."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from knowarchive.config import Chat, Config
from knowarchive.errors import UsageError
from knowarchive.model import Post
from pipelines.overrides import load_corrections
from storage.archive import Archive, Run
from transcripts.build import build_transcript
from transcripts.model import SessionPosts, Transcript, Window
from transcripts.sessions import cut_by_activity, find_window, select, windows

NAMES_REACH = timedelta(days=31)  # how long after a session the names of those who only repeated are looked for
POSTS_AT_ONCE = 5_000  # posts in memory while sessions are listed


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One line of `knowarchive sessions`. `coverage` is complete, incomplete or unknown."""

    chat: str
    date: str
    start: datetime
    end: datetime
    posts: int
    people: int
    questions: int
    coverage: str


def require_chat(config: Config, name: str) -> Chat:
    """Find a configured chat.

    Raises:
        UsageError: there is none of this name; says which there are.
    """
    chat = config.find_chat(name)
    if chat is None:
        known = ", ".join(chat.name for chat in config.chat) or "none yet"
        raise UsageError(f"no chat named {name!r}; {config.path} has: {known}")
    return chat


def list_sessions(archive: Archive, chat: Chat, overrides: Path | None = None) -> Iterator[SessionRow]:
    """Every session of a chat that has posts, oldest first. Memory does not grow with the archive.

    `overrides` is the file with what people corrected (`Config.overrides_path`).
    """
    times = archive.times()
    if not times:
        return
    runs = archive.runs()
    for window, posts in _posts_by_window(archive, chat, times):
        members = select(posts, window, chat.hashtags, chat.name)
        if not members:
            continue
        corrections, _ = load_corrections(overrides, chat.name, window.label)
        transcript = build_transcript(_session(chat, window, members), corrections)
        statuses = {run.status for run in runs if _covers(run, window) and run.chat in {None, chat.name}}
        yield SessionRow(
            chat=chat.name,
            date=window.label,
            start=window.start,
            end=window.end,
            posts=len(members),
            people=sum(person.posts > 0 for person in transcript.participants),
            questions=len(transcript.questions),
            coverage="unknown" if not statuses else "complete" if statuses == {"done"} else "incomplete",
        )


def _posts_by_window(archive: Archive, chat: Chat, times: list[datetime]) -> Iterator[tuple[Window, list[Post]]]:
    """The windows in which there are posts, with them; read a few thousand at a time."""
    batch: list[Window] = []
    rows = 0
    for window in _windows(archive, chat, times[0], times[-1]):
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
        found = _windows(archive, chat, *extent) if extent else []
        window = next((window for window in found if window.label == label), None)
    if window is None:
        raise UsageError(f"{chat.name} has no session {label!r}; list them with: knowarchive sessions {chat.name}")
    return window


def load_session(archive: Archive, chat: Chat, window: Window) -> SessionPosts:
    """All that the archive knows of a session."""
    posts = select(archive.posts(window.opens, window.closes), window, chat.hashtags, chat.name)
    here = {post.uid for post in posts}
    wanted = {uid for post in posts for uid in (post.reply_to, post.quote_of) if uid and uid not in here}
    runs = archive.runs(window.opens, window.closes)
    reposts = tuple(repost for repost in archive.reposts(window.opens, window.closes) if repost.post_uid in here)
    people = {repost.account_uid for repost in reposts if repost.account_uid}
    return _session(
        chat,
        window,
        posts,
        context=tuple(archive.posts_by_uid(sorted(wanted), window.closes)),
        reposts=reposts,
        accounts=archive.accounts(
            sorted(people - {post.author_uid for post in posts}), window.opens, window.closes + NAMES_REACH
        ),
        coverage=tuple(_coverage(run) for run in runs if run.chat in {None, chat.name}),
    )


def _session(chat: Chat, window: Window, posts: tuple[Post, ...], **rest: Any) -> SessionPosts:
    return SessionPosts(
        window=window,
        title=chat.title or f"#{chat.hashtags[0].removeprefix('#')}",
        hashtags=tuple(tag.removeprefix("#") for tag in chat.hashtags),
        posts=posts,
        moderators=chat.moderators,
        **rest,
    )


def make_transcript(archive: Archive, chat: Chat, label: str, overrides: Path | None = None) -> Transcript:
    """One session, filed and ready to be written.

    Args:
        archive: where the posts are.
        chat: whose session.
        label: its name, `DATE` or `DATE@HHMM`.
        overrides: the file with what people corrected (`Config.overrides_path`); what of it cannot be obeyed is left
            out, with a line for each in the transcript's `notes`.

    Raises:
        UsageError: there is no such session, or the archive holds no post of it.
    """
    window = find_session(archive, chat, label)
    session = load_session(archive, chat, window)
    if not session.posts:
        raise UsageError(
            f"{chat.name} {label}: no posts in the archive between {window.opens:%Y-%m-%d %H:%M} and "
            f"{window.closes:%H:%M} UTC; import or collect them, or list sessions with: knowarchive sessions {chat.name}"
        )
    corrections, notes = load_corrections(overrides, chat.name, window.label)
    transcript = build_transcript(session, corrections)
    return replace(transcript, notes=(*notes, *transcript.notes))


def _windows(archive: Archive, chat: Chat, first: datetime, last: datetime) -> list[Window]:
    if chat.rules:
        reach = chat.length + sum(chat.margins, timedelta())
        return windows(chat, first - reach, last + reach)
    whole = Window(chat.name, "", first, last, first, last + timedelta.resolution, chat.timezone)
    posts: tuple[Post, ...] = select(archive.posts(whole.opens, whole.closes), whole, chat.hashtags, chat.name)
    return cut_by_activity(chat.name, chat.timezone, [post.created_at for post in posts])


def _covers(run: Run, window: Window) -> bool:
    return run.since is not None and run.until is not None and run.since < window.closes and run.until >= window.opens


def _coverage(run: Run) -> dict[str, object]:
    return {
        "source": run.source,
        "kind": run.kind,
        "status": run.status,
        "collected_at": run.finished_at,
        "since": run.since,
        "until": run.until,
        "pages": run.pages,
        "seen": run.seen,
        "new": run.new,
        "changed": run.changed,
        "quarantined": run.quarantined,
        "screened": run.screened,
        "gaps": list(run.gaps),
        "cost": run.cost,
    }
