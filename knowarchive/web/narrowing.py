"""A search's facets as links that narrow it, and its conditions as links that take them off. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import structs

from knowarchive.web.places import search_page
from transcripts.search.language import Query, ask
from transcripts.writers.references import NETWORKS
from transcripts.writers.text import clean_line

_TITLES = {
    "chat": "Chat", "year": "Year", "platform": "Network", "author": "Person", "question": "Question", "host": "Site"
}  # fmt: skip
_FILTERS = {"platform": "on", "author": "from", "host": "link"}  # where the filter is called otherwise


@dataclass(frozen=True, slots=True)
class Choice:
    words: str
    count: int
    href: str


@dataclass(frozen=True, slots=True)
class Facet:
    title: str
    choices: tuple[Choice, ...]


def facets(query: Query, spread: Mapping[str, Sequence[tuple[str, int]]], sort: str) -> list[Facet]:
    """What a search can be narrowed to: facets with more than one value that it does not ask for yet."""
    asked = {term.name for term in query.terms if not term.negated}
    found = []
    for name, values in spread.items():
        if len(values) < 2 or _FILTERS.get(name, name) in asked:
            continue
        choices = []
        for value, count in values:
            term, _ = ask(_FILTERS.get(name, name), value)
            if term:
                href = search_page(query.narrowed(term).reading, sort=sort)
                choices.append(Choice(NETWORKS.get(value, clean_line(value)), count, href))
        found.append(Facet(_TITLES[name], tuple(choices)))
    return found


def conditions(query: Query, sort: str) -> list[tuple[str, str]]:
    """Each filter of a query in words, with the search without it."""
    return [
        (one.reading, search_page(rest.reading, sort=sort))
        for group in query.groups
        if any(term.kind in {"filter", "time"} for term in group)
        for one in [structs.replace(query, groups=(group,))]
        for rest in [structs.replace(query, groups=tuple(other for other in query.groups if other is not group))]
    ]
