"""The platform-neutral records that every layer speaks: posts, accounts, reposts, payloads.

They are msgspec structs because an import builds millions of them. Unknown is `None`, never 0 or "";
an empty tuple says that the source knows there are none. Times are aware and in UTC.
"""

import hashlib
from datetime import datetime

import msgspec


class Mention(msgspec.Struct, frozen=True, gc=False):
    """A person named in a post. `uid` is unknown where the source gives handles alone."""

    handle: str
    uid: str | None = None


class Link(msgspec.Struct, frozen=True, gc=False):
    """A link as the author meant it: `url` is unwrapped from the network's shortener, `title` is the card's."""

    url: str
    title: str | None = None


class Media(msgspec.Struct, frozen=True, gc=False):
    """An attachment. `kind` is photo, video, gif, audio or unknown; `alt` is the author's description."""

    kind: str
    url: str | None = None
    alt: str | None = None


class PollOption(msgspec.Struct, frozen=True, gc=False):
    text: str
    votes: int | None = None


class Post(msgspec.Struct, frozen=True, gc=False):
    """One post as one observation tells it, or as all of them together do once merged.

    `uid` is the identity everywhere (`x:<id>`, `bluesky:<did>/<collection>/<rkey>`, `mastodon:<uri>`);
    `reply_to`, `quote_of` and `conversation` are uids of posts, `author_uid` and `reply_to_author` of accounts.
    `text` is plain, unescaped, with the network's short links unwrapped. `id` and `url` are set only where they
    cannot be derived from the uid and the handle (see `storage/queries.py`).
    `observed_at` is None where the source has no time of its own; the importer then sets one for the whole file.
    """

    uid: str
    created_at: datetime
    observed_at: datetime | None = None
    id: str | None = None
    url: str | None = None
    author_uid: str | None = None
    author_handle: str | None = None
    author_name: str | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    text: str | None = None
    warning: str | None = None  # the author's content warning
    lang: str | None = None  # BCP 47; None where the network could not tell
    hashtags: tuple[str, ...] | None = None  # as written, without the sign
    mentions: tuple[Mention, ...] | None = None
    links: tuple[Link, ...] | None = None
    media: tuple[Media, ...] | None = None
    poll: tuple[PollOption, ...] | None = None
    reply_to: str | None = None
    reply_to_author: str | None = None
    conversation: str | None = None
    quote_of: str | None = None
    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    quotes: int | None = None
    withheld: tuple[str, ...] | None = None  # ISO 3166 codes of the countries where the network hides it
    visibility: str | None = None
    consent: str | None = None
    # Set by the archive, not by mapping; `chats` also by an export that is taken back:
    chats: tuple[str, ...] | None = None  # the chats that it was collected for
    collected_at: datetime | None = None
    payload_id: str | None = None

    @property
    def platform(self) -> str:
        return self.uid.partition(":")[0]


#: What is gone with a post that is erased. The rest is its place: when, by whom, in which thread, in answer to what.
CONTENT = (
    "text",
    "warning",
    "lang",
    "hashtags",
    "mentions",
    "links",
    "media",
    "poll",
    "quote_of",
    "likes",
    "reposts",
    "replies",
    "quotes",
    "withheld",
)

#: What `consent` says where a source shows all that a person declares, and it is nothing that binds us. Only so can a
#: wish that was withdrawn be told from one that a source does not show.
NO_WISH = "none"


#: What stands in the place of a name that was erased. No network has such a handle.
ERASED = "[erased]"


def is_forgotten(post: Post) -> bool:
    """Whether a post is the place of one whose author was forgotten: it is gone since it was made."""
    return post.deleted_at is not None and post.deleted_at == post.created_at


def without_content(post: Post) -> Post:
    """What remains of a post that is erased."""
    return msgspec.structs.replace(post, **dict.fromkeys(CONTENT))


class Account(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A person or organisation on one network, as one observation tells it."""

    uid: str
    handle: str | None = None
    observed_at: datetime | None = None
    name: str | None = None
    bio: str | None = None
    url: str | None = None  # the address that the person gives, not the profile page
    avatar: str | None = None
    created_at: datetime | None = None
    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    consent: str | None = None
    chats: tuple[str, ...] | None = None  # set by the archive, or by an export that is taken back
    collected_at: datetime | None = None
    payload_id: str | None = None


class Repost(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Somebody repeated a post. Either `account_uid` or `account_handle` is known.

    `id` is the network's own id of the repost where it has one. `post_at` is when the repeated post was made, or
    the best guess (the moment of the repost): it files the relation beside its post.
    """

    post_uid: str
    post_at: datetime
    account_uid: str | None = None
    account_handle: str | None = None
    at: datetime | None = None
    id: str | None = None
    observed_at: datetime | None = None
    chats: tuple[str, ...] | None = None  # set by the archive, or by an export that is taken back
    collected_at: datetime | None = None
    payload_id: str | None = None


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform or file returned, bytes unchanged, many items together.

    `format` names the mapping that understands it (a key of `connectors.FORMATS`). `head` is what every item needs
    to be read (the header line of a CSV), empty for most. `body` holds `items` records, separated by newlines.
    `origin` says where it came from: a file's name or a request's path, never a secret. `position` is the number of
    the first record in its file, from 1.
    """

    format: str
    origin: str
    body: bytes
    items: int
    head: bytes = b""
    position: int = 1
    fetched_at: datetime | None = None

    @property
    def payload_id(self) -> str:
        """The identity of these bytes under this format: 32 hexadecimal digits of SHA-256.

        Where it is known when they were fetched, that is part of it: the same answer at another time says more.
        """
        fetched = f"{self.fetched_at.isoformat()}\n" if self.fetched_at else ""
        digest = hashlib.sha256(f"{self.format}\n{fetched}{len(self.head)}\n".encode())
        digest.update(self.head)
        digest.update(self.body)
        return digest.hexdigest()[:32]


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be mapped. Its bytes stay in its payload, or, if they were never stored, nowhere.

    `position` counts records in the origin from 1. `digest` is the SHA-256 of the record's bytes, `size` their number.
    """

    origin: str
    position: int
    reason: str
    digest: str
    size: int
    payload_id: str | None = None
    uid: str | None = None
    collected_at: datetime | None = None


class Mapped(msgspec.Struct, frozen=True):
    """What one payload says. `seen` counts the records of posts in it: mapped, reposts and quarantined alike.

    `span` is from the oldest to the newest of these records, not of the older posts that they repeat or quote.
    """

    posts: list[Post]
    accounts: list[Account]
    reposts: list[Repost]
    quarantined: list[Quarantined]
    seen: int
    span: tuple[datetime, datetime] | None = None
