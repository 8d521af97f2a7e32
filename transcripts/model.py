"""What a transcript is, before it is written in any format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from knowarchive.config import Identity
from knowarchive.model import Account, Post, Repost

INTRO, WRAPUP, NONE = "intro", "wrapup", "none"  # the topics that are not questions
UNSEEN = frozenset({"not-found", "blocked", "unwanted", "unchecked"})  # the visibility of a post that cannot be read


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
    known, `people` the accounts that the configuration joins. `coverage` are rows from the ledger, one for each source,
    as `{"source", "status", ...}`. `topic` and `guests` (as configured: "x:handle") are what was announced of it.
    """

    window: Window
    title: str
    hashtags: tuple[str, ...]
    posts: tuple[Post, ...]
    context: tuple[Post, ...] = ()
    reposts: tuple[Repost, ...] = ()
    accounts: Mapping[str, Account] = field(default_factory=dict)
    moderators: tuple[str, ...] = ()  # as configured: "x:handle"
    people: tuple[Identity, ...] = ()
    coverage: tuple[Mapping[str, object], ...] = ()
    topic: str | None = None
    guests: tuple[str, ...] = ()


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
class Copy:
    """The same said by the same person on another network, or carried there by a bridge, and who repeated it there."""

    post: Post
    repost_count: int | None = None
    reposted_by: tuple[str, ...] = ()  # handles, in order of time


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was said once: an original post of the session with its filing and who repeated it.

    `copies` are its other originals, in order of time; `post` is the one that says the most. `reply_to` and `quote_of`
    of `post` lead to entries: where it answers a copy, to that copy's entry. `as_posted` is the post as its network has
    it, where that differs.
    """

    post: Post
    filing: Filing
    repost_count: int | None = None
    reposted_by: tuple[str, ...] = ()  # handles, in order of time
    copies: tuple[Copy, ...] = ()
    as_posted: Post | None = None

    @property
    def posts(self) -> tuple[Post, ...]:
        """All its originals as their networks have them, the main one first."""
        return (self.as_posted or self.post, *(copy.post for copy in self.copies))

    @property
    def began(self) -> datetime:
        """When it was first said, on whichever network."""
        return min(post.created_at for post in self.posts)

    @property
    def all_reposts(self) -> int | None:
        """How often it was repeated on all networks together; None where nothing is known of it."""
        counts = [self.repost_count, *(copy.repost_count for copy in self.copies)]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    @property
    def all_reposted_by(self) -> tuple[str, ...]:
        """The handles of all who repeated it, each once."""
        every = [self.reposted_by, *(copy.reposted_by for copy in self.copies)]
        return tuple(dict.fromkeys(handle for handles in every for handle in handles))


@dataclass(frozen=True, slots=True)
class PersonAccount:
    """One of a person's accounts. `key` is its uid, or `<platform>:@<handle>` without one."""

    key: str
    handle: str | None
    url: str | None

    @property
    def platform(self) -> str:
        return self.key.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who spoke (or was repeated), on however many networks.

    `key`, `handle` and `url` are those of the main account, the first of `accounts`. `posts` are all their posts,
    copies included.
    """

    key: str
    handle: str | None
    name: str | None
    url: str | None
    posts: int = 0
    reposts: int = 0
    moderator: bool = False
    accounts: tuple[PersonAccount, ...] = ()


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
    topic: str | None = None  # what the session was announced to be about
    guests: tuple[Person, ...] = ()  # in the configuration's order, whether or not they spoke

    def person_keys(self) -> dict[str, str]:
        """Each account's person, by their keys, for those who have several accounts."""
        return {account.key: person.key for person in self.participants for account in person.accounts}
