"""Sessions as books and pictures: which there are in a stretch of time, and putting files in place."""

import json
import shutil
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from knowarchive import __version__
from knowarchive.config import Chat, Config
from knowarchive.errors import UsageError
from pipelines.exporting import ExportError, Last, Request, check_target, make_draft, publish, remember
from pipelines.sessions import find_session, list_windows, read_transcript
from storage.archive import Archive
from storage.exports import Format
from storage.exports.package import DESCRIPTION, MARK
from transcripts.model import SessionPosts, Transcript, Window
from transcripts.pictures import session as session_picture
from transcripts.pictures.gathering import Gathered
from transcripts.writers.activity import draw
from transcripts.writers.books import Book, Notice
from transcripts.writers.clock import Clock

#: The folder of pictures, as `check_target` knows it: never a single file.
PICTURES = Format("", {"": "activity.svg"}, (), "image/svg+xml", "pictures for pages and slides")


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a document is about: sessions of a chat that begin in [since, until), aware, or one of them."""

    chat: Chat
    since: datetime | None = None
    until: datetime | None = None
    session: str | None = None  # its name, `DATE` or `DATE@HHMM`

    @property
    def dates(self) -> tuple[date | None, date | None]:
        """The same in local dates."""
        since, until = self.since, self.until
        return (
            since.astimezone(self.chat.zone).date() if since else None,
            until.astimezone(self.chat.zone).date() if until else None,
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pictures that were written: the folder, and their names in it."""

    path: Path
    names: tuple[str, ...]


def make_book(
    archive: Archive,
    config: Config,
    stretch: Stretch,
    heed: Callable[[SessionPosts], SessionPosts] | None = None,
    on_progress: Callable[[int, int], None] = lambda _sessions, _posts: None,
) -> Book:
    """A book whose sessions are read, filed and forgotten one after another while it is bound.

    Args:
        archive: where the posts are.
        config: people, corrections, and what is said of takedowns.
        stretch: which sessions.
        heed: takes out of a session what may not be shown to everybody; None for the operator's own copy.
        on_progress: told how many sessions are read, and how many posts were in them.

    Raises:
        UsageError: there is no session with posts in this time.
    """
    chat = stretch.chat
    windows = find_windows(archive, stretch)
    since, until = stretch.dates

    def sessions() -> Iterator[Transcript]:
        found, posts = 0, 0
        for number, window in enumerate(windows, 1):
            transcript = read_transcript(
                archive, chat, window, config.overrides_path, config.person, heed or (lambda session: session)
            )
            if transcript is not None:
                found += 1
                posts += transcript.stats["posts"]
                # Corrections name posts by their uids, also those that are not shown.
                yield replace(transcript, notes=()) if heed else transcript
            on_progress(number, posts)
        if not found:
            raise UsageError(_nothing(chat))

    return Book(
        chat=chat.name,
        title=chat.title or f"#{chat.tags[0]}",
        hashtags=chat.tags,
        sessions=sessions(),
        since=since,
        until=until,
        is_session=stretch.session is not None,
        is_public=heed is not None,
        notice=_notice(config),
        version=__version__,
    )


def book_of(config: Config, chat: Chat, transcript: Transcript) -> Book:
    """One session as a book of a single chapter."""
    return Book(
        chat=chat.name,
        title=transcript.title,
        hashtags=chat.tags,
        sessions=(transcript,),
        is_session=True,
        notice=_notice(config),
        version=__version__,
    )


def find_windows(archive: Archive, stretch: Stretch) -> Sequence[Window]:
    """The sessions of a stretch in which there may be posts of the chat, oldest first.

    Raises:
        UsageError: there is none.
    """
    chat = stretch.chat
    if stretch.session is not None:
        return [find_session(archive, chat, stretch.session)]
    times = archive.times()
    found = [
        window
        for window in (list_windows(archive, chat, times[0], times[-1]) if times else ())
        if (stretch.since is None or stretch.since <= window.start)
        and (stretch.until is None or window.start < stretch.until)
        and bisect_left(times, window.opens) < bisect_left(times, window.closes)
    ]
    if not found:
        raise UsageError(_nothing(chat))
    return found


def _notice(config: Config) -> Notice:
    said = config.publish
    return Notice(said.notice, said.contact, said.contact_url if said.contact else "")


def _nothing(chat: Chat) -> str:
    return f"{chat.name}: no session with posts in this time; list them with: knowarchive sessions {chat.name}"


def export_pictures(book: Book, path: Path, *, overwrite: bool = False) -> Drawn:
    """Write the pictures of a chat into a folder: over all sessions of the book, and one of each in `sessions`.

    They are made beside, under a hidden name, and put in place when all are whole.

    Raises:
        ExportError: they cannot be written, or something stands there that may not be replaced.
    """
    check_target(path, PICTURES, overwrite=overwrite)
    draft = make_draft(path)
    try:
        gathered = Gathered()
        names = []
        (draft / "sessions").mkdir()
        for transcript in book.sessions:
            gathered.add(transcript)
            activity = draw(transcript, Clock.of(transcript.window))
            if activity is not None:
                name = f"sessions/{transcript.window.label}.svg"
                (draft / name).write_text(session_picture.draw(activity).file, encoding="utf-8")
                names.append(name)
        for picture in reversed(gathered.pictures()):
            names.insert(0, f"{picture.name}.svg")
            (draft / names[0]).write_text(picture.file, encoding="utf-8")
        (draft / DESCRIPTION).write_text(_describe(book, names), encoding="utf-8")
        publish(draft, path, is_one=False)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror}; nothing was left there") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Drawn(path, tuple(names))


def remember_document(archive: Archive, stretch: Stretch, format_name: str, path: Path, now: datetime) -> None:
    """Remember that a book or pictures were written, so that `forget` can say where copies of somebody's words are."""
    window = find_session(archive, stretch.chat, stretch.session) if stretch.session is not None else None
    request = Request(format_name, stretch.chat, window, stretch.since, stretch.until)
    remember(archive, request, Last(now, {}, str(path.absolute())))


def _describe(book: Book, names: Sequence[str]) -> str:
    """`datapackage.json`, by which the folder is known to be ours."""
    package = {
        "profile": "data-package",
        "name": "pictures",
        "title": f"Pictures of {book.title}",
        "resources": [
            {"name": name.lower().replace("/", "-").replace("@", "-"), "path": name, "mediatype": PICTURES.mediatype}
            for name in names
        ],
        MARK: {
            "version": book.version,
            "format": "svg",
            "chat": book.chat,
            "since": str(book.since) if book.since else None,
            "until": str(book.until) if book.until else None,
        },
    }
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"
