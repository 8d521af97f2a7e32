"""What a search found, as the contract's JSON has it: for the command, the web and whoever programs against them."""

from collections.abc import Mapping
from datetime import datetime
from html import escape

from msgspec import UNSET, Struct, UnsetType

from transcripts.search.highlighting import Passage
from transcripts.search.posts import IndexedPost
from transcripts.search.results import Around, Hit, Results


class Author(Struct, frozen=True):
    handle: str | None
    name: str | None


class FoundPost(Struct, frozen=True, kw_only=True):
    """A post; of one that its author deleted, no more than its place. `created_at` is in UTC."""

    uid: str
    platform: str
    url: str | None
    created_at: datetime
    author: Author
    text: str | None
    deleted: bool


class FoundHit(FoundPost, frozen=True, kw_only=True):
    """A post that fits, and where it belongs. `highlight` is HTML: the passage that fits, what was meant in <mark>."""

    chat: str | None
    session: str | None
    topic: str | None
    role: str | None
    highlight: str
    score: float | None
    also: tuple[FoundPost, ...]  # they say the same
    reply_to: FoundPost | UnsetType | None = UNSET
    replies: tuple[FoundPost, ...] | UnsetType = UNSET


class Answer(Struct, frozen=True, kw_only=True):
    """A page of what a search found; `facets` are values with their counts, by name."""

    query: str
    reading: str
    notes: tuple[str, ...]
    total: int
    sort: str
    page: int
    pages: int
    hits: tuple[FoundHit, ...]
    facets: dict[str, tuple[tuple[str, int], ...]]


def answer(typed: str, results: Results, context: Mapping[str, Around] | None = None) -> Answer:
    """A page of results; with the conversation around each hit where `context` has it, by uid."""
    return Answer(
        query=typed,
        reading=results.query.reading,
        notes=results.notes,
        total=results.total,
        sort=results.sort,
        page=results.page,
        pages=results.pages,
        hits=tuple(_hit(hit, (context or {}).get(hit.post.uid)) for hit in results.hits),
        facets=results.facets,
    )


def found_post(post: IndexedPost) -> FoundPost:
    """A post without its place."""
    return FoundPost(
        uid=post.uid,
        platform=post.platform,
        url=post.address,
        created_at=post.created_at,
        author=Author(post.author_handle, post.author_name),
        text=post.text,
        deleted=post.deleted,
    )


def highlight(passage: Passage) -> str:
    """A passage as a fragment of HTML in which nothing of the text is markup."""
    parts = [
        f"<mark>{escape(segment.text)}</mark>" if segment.marked else escape(segment.text)
        for segment in passage.segments
    ]
    return f"{'…' * passage.before}{''.join(parts)}{'…' * passage.after}"


def _hit(hit: Hit, context: Around | None) -> FoundHit:
    filed, post = hit.filed, found_post(hit.post)
    return FoundHit(
        **{name: getattr(post, name) for name in FoundPost.__struct_fields__},
        chat=filed.chat if filed else None,
        session=filed.session if filed else None,
        topic=filed.topic if filed else None,
        role=filed.role if filed else None,
        highlight=highlight(hit.passage),
        score=hit.score,
        also=tuple(map(found_post, hit.also)),
        reply_to=(found_post(context.parent) if context.parent else None) if context else UNSET,
        replies=tuple(map(found_post, context.replies)) if context else UNSET,
    )
