"""Posts as an assistant is told of them: short, cited, and no longer than a model should have to read. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

import msgspec

from knowarchive.mcp.envelope import LARGEST, LONGEST_TEXT
from knowarchive.web import citations
from transcripts.search.posts import Filed, IndexedPost
from transcripts.writers.references import NETWORKS
from transcripts.writers.text import clean_line, safe_url

LONGEST_NAME, LONGEST_ADDRESS = 300, 1_000  # characters
FEW = 10  # links, descriptions, other addresses of one post


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A post. `uid` is its permanent name here and `url` the original; of one that may not be shown only its place is.

    `citation` says whose it is, where and when it was written, and where it can be read. Times are UTC.
    """

    uid: str
    at: datetime
    author: str | None = None
    network: str | None = None
    text: str | None = None
    cut: bool = False  # the text goes on
    warning: str | None = None
    media: tuple[str, ...] = ()  # descriptions
    links: tuple[str, ...] = ()
    chat: str | None = None
    session: str | None = None
    topic: str | None = None
    role: str | None = None
    reply_to: str | None = None
    depth: int = 0  # in a conversation
    also: tuple[str, ...] = ()  # where else the same was said
    url: str | None = None
    citation: str | None = None
    not_shown: str | None = None  # why there is no text


def tell(
    post: IndexedPost,
    *,
    filed: Filed | None = None,
    depth: int = 0,
    also: Iterable[str | None] = (),
    longest: int = LONGEST_TEXT,
) -> Said:
    """A post in words.

    Args:
        post: what the index keeps of it.
        filed: where it belongs in the chat that is asked for; else as it fits best.
        depth: its place in a conversation.
        also: addresses at which the same was said.
        longest: characters of its text.
    """
    filed = filed or next(iter(post.filed), None)
    place = {name: getattr(filed, name) for name in ("chat", "session", "topic", "role")} if filed else {}
    if post.deleted or not (post.author_uid or post.author_handle or post.text):
        reason = "deleted by its author" if post.deleted else "not shown, as its author wishes"
        return Said(uid=post.uid, at=post.created_at, depth=depth, reply_to=post.reply_to, not_shown=reason, **place)
    return Said(
        uid=post.uid,
        at=post.created_at,
        author=citations.author(post)[:LONGEST_NAME] or None,
        network=NETWORKS.get(post.platform, clean_line(post.platform)),
        text=post.text and post.text[:longest],
        cut=len(post.text or "") > longest,
        warning=post.warning and post.warning[:LONGEST_NAME],
        media=tuple(alt[:longest] for alt in post.alts[:FEW]),
        links=_addresses(url for url, _ in post.links),
        reply_to=post.reply_to,
        depth=depth,
        also=_addresses(also),
        url=safe_url(post.address),
        citation=citations.reference(citations.cite_post(post)),
        **place,
    )


def _addresses(urls: Iterable[str | None]) -> tuple[str, ...]:
    safe = (href for url in urls if (href := safe_url(url)) and len(href) <= LONGEST_ADDRESS)
    return tuple(islice(safe, FEW))


def page(posts: Sequence[Said], start: int) -> tuple[tuple[Said, ...], int | None]:
    """As many posts from one on as an answer can hold, one at least; and where the next begin, if there are more."""
    shown = tuple(_within(posts[start:]))
    after = start + len(shown)
    return shown, after if after < len(posts) else None


def _within(posts: Iterable[Said]) -> Iterator[Said]:
    left = LARGEST
    for number, post in enumerate(posts):
        left -= len(msgspec.json.encode(post))
        if left < 0 and number:
            return
        yield post
