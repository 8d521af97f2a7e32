"""Ask an index: the posts that fit best, what of them was meant, and how all that fit are spread."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import structs
from tantivy import DocAddress, FieldType, Occur, Order
from tantivy import Query as Compiled

from transcripts.search.compiling import allowed_typos, compile_query, says_words
from transcripts.search.highlighting import Passage, mark, marker
from transcripts.search.index import SearchIndex
from transcripts.search.language import Query
from transcripts.search.posts import Filed, IndexedPost, number
from transcripts.search.schema import COUNTED, FACETS, schema

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

DEEPEST = 10_000  # posts down the list that can be reached; who looks for more narrows the query
LARGEST_PAGE = 1_000
VALUES = 10  # of a facet
ASPECTS = 5_000  # of an archive, which are counted together; there are as many as chats, years, networks and questions
SAME = 2 * 86_400  # seconds within which equal texts are one post on several networks, and not one said again
NO_QUESTION = ("question", "none")  # what posts are filed under that belong to none: not shown
REPLIES = 50  # that are read of those to one post

LARGE = 100_000  # posts in an index of which facets are counted beside everything else

Sort = Literal["relevance", "newest", "oldest"]
Spread = dict[str, tuple[tuple[str, int], ...]]


class Hit(msgspec.Struct, frozen=True):
    """A post that fits. `also` are posts that say the same: on other networks, or repeated by hand.

    `score` orders one search's hits, and nothing else. `filed` is where it belongs in the chat that was asked for.
    """

    post: IndexedPost
    score: float | None
    passage: Passage
    filed: Filed | None = None
    also: tuple[IndexedPost, ...] = ()


class Results(msgspec.Struct, frozen=True):
    """What a search found.

    `total` counts posts, those folded into others included. `facets` are, by name, values with their counts, the most
    frequent first. `pages` is the number of the last page that can be asked for. `corrected` says what typed words were
    taken for.
    """

    query: Query
    total: int
    hits: tuple[Hit, ...]
    facets: Spread
    sort: Sort
    page: int
    pages: int
    notes: tuple[str, ...]


class Around(msgspec.Struct, frozen=True):
    """The conversation around a post: what it answers, where that is known, and its answers in order of time."""

    parent: IndexedPost | None
    replies: tuple[IndexedPost, ...]


def search(
    index: SearchIndex,
    query: Query,
    *,
    sort: Sort = "relevance",
    page: int = 1,
    limit: int = 10,
    facets: bool = True,
    without: Compiled | None = None,
) -> Results:
    """Find the posts that fit a query.

    Args:
        index: where to look.
        query: as `language.parse` read it.
        sort: by relevance, where there are words to fit; else the newest first.
        page: from 1; one beyond the last is the last.
        limit: hits on a page.
        facets: whether to count them, which takes as long as everything else.
        without: posts that are not there for whoever asks, whatever they ask for.
    """
    limit = min(max(limit, 1), LARGEST_PAGE)
    notes = list(query.notes)
    forgiven: frozenset[str] = frozenset()
    if sort == "relevance" and not says_words(query):
        sort = "newest"
    page = min(max(page, 1), -(-DEEPEST // limit))
    compiled = _except(compile_query(query, index), without)
    counting = _counting(index, compiled) if facets else dict
    groups, total = _folded(index, compiled, sort, page * limit)
    if not total and (forgiven := _unknown(index, query)):
        compiled = _except(compile_query(query, index, forgiven), without)
        counting = _counting(index, compiled) if facets else dict
        groups, total = _folded(index, compiled, sort, page * limit)
    pages = max(1, -(-min(total, DEEPEST) // limit))
    pages = min(pages, max(1, -(-len(groups) // limit))) if len(groups) < page * limit else pages
    page = min(page, pages)
    meant = marker(query, index, forgiven)
    chats = {term.value for term in query.terms if term.name == "chat" and not term.negated}
    hits = []
    for score, addresses in groups[(page - 1) * limit : page * limit]:
        post, *also = (index.post(address) for address in addresses)
        filed = next((one for one in post.filed if one.chat in chats), post.filed[0] if post.filed else None)
        hits.append(Hit(post, score, mark(post.text or "", meant), filed, tuple(also)))
    if forgiven:
        notes += _say_forgiven(index, query, forgiven, hits)
    return Results(query, total, tuple(hits), counting(), sort, page, pages, tuple(notes))


def around(index: SearchIndex, hits: Sequence[Hit]) -> dict[str, Around]:
    """The conversation around each hit, by uid. Whose conversation is long is cut short."""
    above = sorted({hit.post.reply_to for hit in hits if hit.post.reply_to})
    parents = {post.uid: post for post in index.find(Compiled.term_set_query(schema(), "uid", above), len(above) or 1)}
    replies: dict[str, list[IndexedPost]] = {hit.post.uid: [] for hit in hits}
    for uid, found in replies.items():
        place = number(uid)
        answering = Compiled.range_query(schema(), "parent", FieldType.Integer, place, place)
        found += [post for post in index.find(answering, REPLIES) if post.reply_to == uid]
    return {
        hit.post.uid: Around(
            parents.get(hit.post.reply_to or ""),
            tuple(sorted(replies[hit.post.uid], key=lambda post: (post.created_at, post.uid))),
        )
        for hit in hits
    }


_COUNTS: dict[str, object] = {
    name: {"terms": {"field": name, "size": ASPECTS if name == "aspect" else VALUES}} for name in COUNTED
}


def _except(compiled: Compiled, without: Compiled | None) -> Compiled:
    return Compiled.boolean_query([(Occur.Must, compiled), (Occur.MustNot, without)]) if without else compiled


def _folded(
    index: SearchIndex, compiled: Compiled, sort: Sort, wanted: int
) -> tuple[list[tuple[float | None, list[DocAddress]]], int]:
    """The first `wanted` posts with those that say the same folded into them, best first; and how many fit."""
    searcher = index.searcher
    reach = wanted
    while True:
        reach = min(reach + reach // 4 + 2, DEEPEST)
        if sort == "relevance":
            found = searcher.search(compiled, reach, weight_by_field="worth")
        else:
            order = Order.Desc if sort == "newest" else Order.Asc
            found = searcher.search(compiled, reach, order_by_field="created", order=order)
        hits = found.hits
        total = int(found.count)  # type: ignore[attr-defined]  # the stub lacks it
        addresses = [address for _, address in hits]
        twins = searcher.fast_field_values("twin", addresses) if addresses else []
        are_alike = len(set(twins)) < len(twins)
        times = searcher.fast_field_values("created", addresses) if are_alike else twins  # else they decide nothing
        groups: list[tuple[float | None, list[DocAddress]]] = []
        leaders: dict[object, list[tuple[int, int]]] = {}  # by twin: the leader's time and its place
        for (score, address), alike, moment in zip(hits, twins, times, strict=True):
            at = int(moment or 0)
            place = next((place for when, place in leaders.get(alike, ()) if abs(when - at) <= SAME), None)
            if place is not None:
                groups[place][1].append(address)
                continue
            leaders.setdefault(alike, []).append((at, len(groups)))
            groups.append((float(score) if sort == "relevance" else None, [address]))
        if len(groups) >= wanted or reach >= min(total, DEEPEST):
            return groups, total


def _counting(index: SearchIndex, compiled: Compiled) -> Callable[[], Spread]:
    """Count facets beside other work, where that takes longer than to hand it over. Returns what waits for the counts."""
    if index.state.posts < LARGE:
        return partial(_spread, index, compiled)
    return _beside().submit(_spread, index, compiled).result


@cache
def _beside() -> "ThreadPoolExecutor":
    """Threads that count. The engine lets go of the interpreter while it works, so two of them are two processors."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(thread_name_prefix="facets")


def _spread(index: SearchIndex, compiled: Compiled) -> Spread:
    """The values of each facet with how many of the posts that fit have them, the most frequent first."""
    found: dict[str, list[tuple[str, int]]] = {facet: [] for facet in FACETS}
    for counted, told in index.searcher.aggregate(compiled, _COUNTS).items():
        for bucket in told["buckets"]:
            facet, value = index.value(counted, bucket["key"])
            values = found[facet]
            if len(values) < VALUES and (facet, value) != NO_QUESTION:
                values.append((value, bucket["doc_count"]))
    return {facet: tuple(values) for facet, values in found.items()}


def _unknown(index: SearchIndex, query: Query) -> frozenset[str]:
    """The words of a query that no post holds, and that are long enough to hold a typo."""
    return frozenset(
        term.value
        for term in query.terms
        if term.kind == "word"
        and not term.negated
        and allowed_typos(term.value)
        and not any(index.holds(field, term.value) for field in ("words", "names"))
        and not index.holds("author", number(term.value))
        and not index.forms(term.value)
    )


def _say_forgiven(index: SearchIndex, query: Query, forgiven: frozenset[str], hits: Sequence[Hit]) -> list[str]:
    """What the words that no post holds were taken for."""
    notes = []
    for word in sorted(forgiven):
        only = marker(
            structs.replace(query, groups=tuple((term,) for term in query.terms if term.value == word)),
            index,
            forgiven,
        )
        taken = {
            segment.text.casefold()
            for hit in hits
            for segment in mark(hit.post.text or "", only).segments
            if segment.marked
        }
        meant = ", ".join(sorted(taken)[:3])
        notes.append(f"no post has {word!r}; showing {meant}" if meant else f"no post has {word!r}, or a word like it")
    return notes
