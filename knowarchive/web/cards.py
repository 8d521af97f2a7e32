"""Posts of the index as the transcript's cards, so that a post looks the same on every page. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

from markupsafe import Markup

from knowarchive.model import Link, Mention, Post
from knowarchive.web import places
from knowarchive.web.catalogue import account_of
from knowarchive.web.places import Places
from transcripts.search.answer import highlight
from transcripts.search.highlighting import Passage
from transcripts.search.posts import IndexedPost
from transcripts.writers.as_html import Author, Card, body, hue, initial, language
from transcripts.writers.clock import instant
from transcripts.writers.references import NETWORKS, other_links, pieces
from transcripts.writers.text import anchor, clean, clean_line, safe_url, show_url


@dataclass(frozen=True, slots=True)
class Shown:
    """A post on a page that is not a transcript: its card, and where it belongs. Without a card it is a gap."""

    card: Card | None
    anchor: str
    place: tuple[tuple[str, str], ...]  # words and addresses: the chat, the session, the question
    href: str | None  # its conversation
    cite: str | None
    depth: int = 0
    answered: tuple[str, str | None] | None = None  # whom it answers, and where that is
    asked: bool = False  # it is the one that the page is about
    on: tuple[str, ...] = ()  # other networks on which the same was said


def show(
    post: IndexedPost,
    *,
    passage: Passage | None = None,
    also: tuple[IndexedPost, ...] = (),
    depth: int = 0,
    asked: bool = False,
    where: Places = places,
) -> Shown:
    """A post as it is shown; with `passage`, only that of its text, what was meant marked."""
    return Shown(
        card=None if post.deleted or post.text is None else card(post, passage, where),
        anchor=anchor(post.uid),
        place=place(post, where),
        href=where.post_page(post.uid),
        cite=where.citation_page(post.uid),
        depth=depth,
        answered=_answered(post, where),
        asked=asked,
        on=tuple(sorted({NETWORKS.get(one.platform, one.platform) for one in also} - {NETWORKS.get(post.platform)})),
    )


def place(post: IndexedPost, where: Places = places) -> tuple[tuple[str, str], ...]:
    """Where a post belongs, from the chat down."""
    if not post.filed:
        return ()
    filed = post.filed[0]
    found = [(f"#{filed.chat}", where.chat_page(filed.chat))]
    if filed.session:
        found.append((filed.session, where.session_page(filed.chat, filed.session)))
        if filed.topic and filed.topic.startswith("Q"):
            there = where.question_page(filed.chat, filed.session, filed.topic)
            found += [(filed.topic, there)] if there else []
    return tuple(found)


def card(post: IndexedPost, passage: Passage | None = None, where: Places = places) -> Card:
    """A post as a transcript prints it. Times are UTC: a page may hold posts of chats in many zones."""
    plain = as_post(post)
    text = _passage(passage) if passage else body(pieces(plain))
    return Card(
        anchor=anchor(post.uid),
        author=author(post, where),
        stamp=instant(post.created_at),
        time=f"{post.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        url=safe_url(post.address),
        network=NETWORKS.get(post.platform, clean_line(post.platform)),
        elsewhere=(),
        body=text,
        lang=language(post.lang),
        warning=clean_line(post.warning or "") or None,
        media=tuple(("Attachment", clean_line(alt), None) for alt in post.alts),
        links=tuple((href, title or show_url(href)) for href, title in other_links(plain)),
        poll=tuple((clean_line(option), None) for option in post.options),
        quoted=None,
        edited=None,
        withheld=None,
        repeated=(post.reposts, ()) if post.reposts else None,
        unsure=None,
        outside=False,
        parent=None,
        late=None,
        also=None,
    )


def _passage(passage: Passage) -> Markup:
    return Markup(clean(highlight(passage)).replace("\n", "<br>"))  # noqa: S704 - `highlight` escapes the text


def author(post: IndexedPost, where: Places = places) -> Author:
    """Who wrote a post, with their page."""
    key = account_of(post)
    handle = clean_line(post.author_handle or "").removeprefix("@") or None
    name = clean_line(post.author_name or "") or None
    return Author(
        name=name or (None if handle else "Unknown account"),
        handle=handle,
        url=where.person_page(key) if key else None,
        initial=initial(name, handle),
        hue=hue(key or post.uid),
        moderator=False,
    )


def as_post(post: IndexedPost) -> Post:
    """What the writers need of a post to cut its text into pieces."""
    return Post(
        uid=post.uid,
        created_at=post.created_at,
        author_handle=post.author_handle,
        text=post.text,
        mentions=tuple(map(Mention, post.mentions)),
        links=tuple(Link(url, title) for url, title in post.links),
    )


def threaded(posts: Mapping[str, IndexedPost], root: str) -> list[tuple[int, IndexedPost]]:
    """The posts of a conversation with their depths: each after what it answers, answers in order of time."""
    below: dict[str, list[IndexedPost]] = {}
    for post in sorted(posts.values(), key=lambda one: (one.created_at, one.uid)):
        if post.reply_to and post.uid != root:
            below.setdefault(post.reply_to, []).append(post)
    found: list[tuple[int, IndexedPost]] = []
    ahead = [(0, posts[root])] if root in posts else []
    seen: set[str] = set()
    while ahead:
        depth, post = ahead.pop()
        if post.uid in seen:
            continue
        seen.add(post.uid)
        found.append((depth, post))
        ahead.extend((depth + 1, one) for one in reversed(below.get(post.uid, [])))
    return found


def _answered(post: IndexedPost, where: Places) -> tuple[str, str | None] | None:
    if not post.reply_to:
        return None
    handle = clean_line(post.answers or "").removeprefix("@")
    page = where.post_page(post.reply_to)
    known = page and handle and ":" not in handle
    return (f"@{handle}" if known else "a post"), page
