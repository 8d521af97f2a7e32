"""What the index keeps of a post: all that a result shows, and all that is needed to index it again."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import floor, log1p
from zlib import crc32

import msgspec

from knowarchive.model import Post
from transcripts.search import words
from transcripts.writers.addresses import uid_url

_REPEATED = re.compile(r"(?:rt|mt)\s+@\S+?:?\s", re.IGNORECASE)  # reposts by hand, from before there was a button
LEAST_TWIN = 24  # letters and digits; shorter texts are alike by chance
TWIN = 80  # of them are compared: networks cut at different lengths

YEAR = 365.25 * 86_400  # seconds
YEARLY = 1.03  # a post of this year counts as much as one of last year that fits 3 % better
ENGAGED = 0.12  # what each e-fold of engagement adds
STEPS = 128  # in which worth is counted: few digits take few bytes


class Filed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a post belongs in one chat; outside any session only the chat is known."""

    chat: str
    session: str | None = None
    topic: str | None = None
    role: str | None = None


class IndexedPost(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A post with its filing, as the index keeps it. Times are aware, in UTC.

    A post that its author deleted keeps only its identity, its time and its place.
    """

    uid: str
    created_at: datetime
    url: str | None = None  # where it does not follow from the rest, see `address`
    author_uid: str | None = None
    author_handle: str | None = None
    author_name: str | None = None
    text: str | None = None
    warning: str | None = None
    lang: str | None = None
    hashtags: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()  # handles
    answers: str | None = None  # the handle of the author that it replies to, or else their uid
    links: tuple[tuple[str, str | None], ...] = ()  # address and title
    has_media: bool = False
    alts: tuple[str, ...] = ()
    options: tuple[str, ...] = ()  # of a poll
    reply_to: str | None = None
    quote_of: str | None = None
    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    quotes: int | None = None
    consent: str | None = None
    deleted: bool = False
    filed: tuple[Filed, ...] = ()

    @property
    def platform(self) -> str:
        return self.uid.partition(":")[0]

    @property
    def address(self) -> str | None:
        """Where the original can be read."""
        return self.url or uid_url(self.uid, self.author_handle)


def keep(post: Post, filed: Sequence[Filed], authors: Mapping[str, str] | None = None) -> IndexedPost:
    """What the index keeps of a post.

    Args:
        post: merged, as the archive gives it.
        filed: where it belongs, the chat that it fits best first.
        authors: handles of the authors of other posts, by the posts' uids.
    """
    if post.deleted_at is not None:
        return IndexedPost(uid=post.uid, created_at=post.created_at, deleted=True, filed=tuple(filed))
    mentions = tuple(one.handle for one in post.mentions or ())
    return IndexedPost(
        uid=post.uid,
        created_at=post.created_at,
        url=None if post.url == uid_url(post.uid, post.author_handle) else post.url,
        author_uid=post.author_uid,
        author_handle=post.author_handle,
        author_name=post.author_name,
        text=post.text,
        warning=post.warning,
        lang=post.lang,
        hashtags=post.hashtags or (),
        mentions=mentions,
        answers=_answered(post, authors or {}),
        links=tuple((link.url, link.title) for link in post.links or ()),
        has_media=bool(post.media),
        alts=tuple(one.alt for one in post.media or () if one.alt),
        options=tuple(one.text for one in post.poll or ()),
        reply_to=post.reply_to,
        quote_of=post.quote_of,
        likes=post.likes,
        reposts=post.reposts,
        replies=post.replies,
        quotes=post.quotes,
        consent=post.consent,
        filed=tuple(filed),
    )


def seconds(moment: datetime) -> int:
    """A time as the index orders it: whole seconds since 1970, UTC."""
    return floor(moment.timestamp())


def worth(post: IndexedPost) -> float:
    """What a post's fit to a query is multiplied by: newer posts and those that people took up come a little earlier.

    Both are mild, so that they decide between posts that fit alike. Age counts by a fixed rate a year, so that the
    order of two posts never changes and nothing has to be indexed again because time went by.
    """
    engaged = (post.likes or 0) + (post.replies or 0) + (post.quotes or 0) + 2 * (post.reposts or 0)
    age = seconds(post.created_at) / YEAR - 40  # years, from 2010
    return round(float(YEARLY**age) * (1 + ENGAGED * log1p(engaged)) * STEPS) / STEPS


def twin(post: IndexedPost, said_words: Sequence[str]) -> int:
    """A number that posts share when they say the same: on several networks, or repeated by hand.

    Args:
        post: the post.
        said_words: the words of its text, without addresses.
    """
    if repeated := _REPEATED.match(post.text or ""):
        said_words = said_words[len(words.words(repeated[0])) :]
    said = "".join(said_words)[:TWIN]
    return number(said if len(said) >= LEAST_TWIN else post.uid)


def number(text: str) -> int:
    """A number of 32 bits that stands for a text, so that equal ones are found quickly and unequal ones rarely."""
    return crc32(text.encode("utf-8", "surrogatepass"))


def _answered(post: Post, authors: Mapping[str, str]) -> str | None:
    uid, handle = post.reply_to_author, authors.get(post.reply_to or "")
    if handle or uid is None:
        return handle
    if uid == post.author_uid:
        return post.author_handle or uid
    return next((one.handle for one in post.mentions or () if one.uid == uid), uid)
