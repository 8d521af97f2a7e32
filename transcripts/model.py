"""What a transcript is, before it is written in any format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from knowarchive.model import Account, Post, Repost

INTRO, WRAPUP, NONE = "intro", "wrapup", "none"  # the topics that are not questions


@dataclass(frozen=True, slots=True)
class Window:
    """One session of a chat: `label` is its local date, or `DATE@HHMM`. Times are aware, in UTC.

    `start` and `end` are the scheduled hour; `opens` and `closes` add the margins. A post belongs to the session
    when opens <= created_at < closes.
    """

    chat: str
    label: str
    start: datetime
    end: datetime
    opens: datetime
    closes: datetime
    timezone: str


@dataclass(frozen=True, slots=True)
class SessionPosts:
    """All that the archive knows of one session, and the only input of `build_transcript`.

    `posts` are the originals made in the window that belong to the chat (see `sessions.select`), `context` posts
    outside it that they answer or quote, `reposts` who repeated any of `posts`, `accounts` the people by uid where
    known. `coverage` are rows from the ledger, one for each source, as `{"source", "status", ...}`.
    """

    window: Window
    title: str
    hashtags: tuple[str, ...]
    posts: tuple[Post, ...]
    context: tuple[Post, ...] = ()
    reposts: tuple[Repost, ...] = ()
    accounts: Mapping[str, Account] = field(default_factory=dict)
    moderators: tuple[str, ...] = ()  # as configured: "x:handle"
    coverage: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """An official question. `uid` is its first part; `text` joins the parts without labels and the chat's hashtag."""

    label: str
    uid: str
    parts: tuple[str, ...]
    text: str
    answers: int = 0


@dataclass(frozen=True, slots=True)
class Filing:
    """Where one post belongs. `reason` is label, reply, quote, content, time or review.

    `confidence` is the probability that `topic` is right; `alternatives` are what else it may be with theirs, the most
    probable first, and empty where a person or the post itself leaves no doubt.
    """

    topic: str
    role: str  # question, answer or chatter
    confidence: float
    reason: str
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One original post of the session with its filing and who repeated it."""

    post: Post
    filing: Filing
    repost_count: int | None = None
    reposted_by: tuple[str, ...] = ()  # handles, in order of time


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who spoke (or was repeated). `key` is the account's uid, or `<platform>:@<handle>` without one."""

    key: str
    handle: str | None
    name: str | None
    url: str | None
    posts: int = 0
    reposts: int = 0
    moderator: bool = False


@dataclass(frozen=True, slots=True)
class SharedLink:
    url: str
    title: str | None
    shared_by: tuple[str, ...]  # handles, first sharer first
    uids: tuple[str, ...]  # the posts that share it
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Transcript:
    """A session, filed and ready to be written. `entries` are in order of time.

    `context` holds posts outside the session by uid: what is quoted, or replied to. A reply whose parent is in neither
    is shown under a placeholder.
    """

    title: str
    hashtags: tuple[str, ...]
    window: Window
    moderators: tuple[Person, ...]
    questions: tuple[Question, ...]
    entries: tuple[Entry, ...]
    context: Mapping[str, Post]
    participants: tuple[Person, ...]
    links: tuple[SharedLink, ...]
    stats: Mapping[str, int]
    coverage: tuple[Mapping[str, object], ...]
    notes: tuple[str, ...] = ()  # a line for each correction that could not be obeyed
