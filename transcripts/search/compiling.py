"""From a query as it was read to one that tantivy runs."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import product
from math import prod
from typing import Protocol

from tantivy import FieldType, Occur
from tantivy import Query as Compiled

from transcripts.search import words
from transcripts.search.language import Query, Term
from transcripts.search.posts import number, seconds
from transcripts.search.schema import schema

FORM, NAME = 0.7, 0.5  # what another form of a word, or it in the author's name, counts against the word itself
MOST_COMBINATIONS = 12  # of forms of all words, that are asked for one by one
_ASPECTS = {"chat": "chat", "on": "platform", "year": "year", "question": "question"}  # the rest are marks
_ROLES = ("question", "answer")  # what `is:` asks of roles


class Vocabulary(Protocol):
    """The words that an index holds: what no post has need not be asked for."""

    def forms(self, word: str) -> Collection[str]:
        """The other forms of a word."""
        ...

    def holds(self, field: str, value: str | int) -> bool:
        """Whether any post has a value in a field."""
        ...


def compile_query(query: Query, vocabulary: Vocabulary, forgiven: Collection[str] = frozenset()) -> Compiled:
    """Build what tantivy runs.

    Args:
        query: as it was read.
        vocabulary: of the index that it is for.
        forgiven: words of the query that may differ in a letter or two.
    """
    listed: list[list[Compiled]] = []
    parts: list[tuple[Occur, Compiled]] = []
    for group in query.groups:
        ways = [one for term in group for one in _ways(term, vocabulary, forgiven)]
        if all(_is_listed(term, forgiven) for term in group):
            listed.append(ways)
        else:
            parts.append((Occur.Must, _any(ways)))
    parts += [(Occur.Must, one) for one in _together(listed)]
    if all(term.negated for group in query.groups for term in group):
        parts.append((Occur.Must, _free(Compiled.all_query())))
    if not any(term.name == "is" and term.value == "deleted" for term in query.terms):
        parts.append((Occur.MustNot, _exactly("marks", "is=deleted")))
    return Compiled.boolean_query(parts)


def allowed_typos(word: str) -> int:
    """How many letters of a word may differ."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def says_words(query: Query) -> bool:
    """Whether anything of a query can fit better or worse, and not only hold or not."""
    return any(term.kind in {"word", "phrase", "prefix"} and not term.negated for term in query.terms)


def _is_listed(term: Term, forgiven: Collection[str]) -> bool:
    """Whether the index lists the posts that fulfil a term, and nothing has to be worked out to find them."""
    return term.kind == "word" and not term.negated and term.value not in forgiven


def _together(ways: list[list[Compiled]]) -> list[Compiled]:
    """What must hold so that one of each list of ways does.

    tantivy is quicker at what two lists of posts share than at what either holds, so a few combinations are spelled out;
    a post counts as the best of them.
    """
    if len(ways) > 1 and 1 < prod(map(len, ways)) <= MOST_COMBINATIONS:
        return [Compiled.disjunction_max_query([_all(one) for one in product(*ways)])]
    return [*map(_any, ways)]


def _ways(term: Term, vocabulary: Vocabulary, forgiven: Collection[str]) -> list[Compiled]:
    """What fulfils a term, or its being left out: any of these."""
    found = [*_term(term, vocabulary, forgiven)]
    if not term.negated:
        return found
    return [Compiled.boolean_query([(Occur.Must, _free(Compiled.all_query())), (Occur.MustNot, _any(found))])]


def _term(term: Term, vocabulary: Vocabulary, forgiven: Collection[str]) -> Iterator[Compiled]:
    """What fulfils a term: any of these."""
    match term.kind:
        case "word":
            word = term.value
            if word in forgiven:
                yield Compiled.fuzzy_term_query(schema(), "words", word, allowed_typos(word))
                return
            yield Compiled.term_query(schema(), "words", word, "freq")
            for form in sorted(vocabulary.forms(word)):
                yield Compiled.boost_query(Compiled.term_query(schema(), "words", form, "freq"), FORM)
            if vocabulary.holds("names", word):
                yield Compiled.boost_query(_named(word), NAME)
            if vocabulary.holds("author", number(word)):
                yield Compiled.boost_query(Compiled.term_query(schema(), "author", number(word)), NAME)
        case "phrase":
            yield Compiled.phrase_query(schema(), "words", [*term.value.split()])
            if all(vocabulary.holds("names", word) for word in term.value.split()):
                yield Compiled.boost_query(_all([_named(word) for word in term.value.split()]), NAME)
        case "prefix":
            yield Compiled.fuzzy_term_query(schema(), "words", term.value, 0, prefix=True)
            yield Compiled.boost_query(Compiled.fuzzy_term_query(schema(), "names", term.value, 0, prefix=True), NAME)
        case "tag":
            yield _exactly("marks", f"tag={term.value}")
        case "handle":
            yield from _by(term.value)
            yield _exactly("marks", f"mentions={term.value}")
        case "time":
            yield _free(_time(term))
        case "filter":
            yield from _filter(term)


def _filter(term: Term) -> Iterator[Compiled]:
    if term.name in _ASPECTS:
        yield _exactly("aspect", number(f"{_ASPECTS[term.name]}={term.value}"))
    elif term.name == "is" and term.value in _ROLES:
        yield _exactly("marks", f"role={term.value}")
    elif term.name == "from":
        yield from _by(term.value)
    else:
        yield _exactly("marks", f"{term.name}={term.value}")


def _by(author: str) -> Iterator[Compiled]:
    """Posts by somebody, by handle, short handle or name."""
    yield _free(Compiled.term_query(schema(), "author", number(author)))
    yield _exactly("marks", f"from={author}")
    if len(name := words.words(author)) > 1:
        yield _free(_all([_named(word) for word in name]))


def _time(term: Term) -> Compiled:
    moment = seconds(datetime.fromisoformat(term.value))
    if term.name == "since":
        return Compiled.range_query(schema(), "created", FieldType.Integer, lower_bound=moment)
    return Compiled.range_query(schema(), "created", FieldType.Integer, upper_bound=moment, include_upper=False)


def _named(word: str) -> Compiled:
    return Compiled.term_query(schema(), "names", word, "freq")


def _all(queries: Iterable[Compiled]) -> Compiled:
    return Compiled.boolean_query([(Occur.Must, one) for one in queries])


def _any(queries: list[Compiled]) -> Compiled:
    return queries[0] if len(queries) == 1 else Compiled.boolean_query([(Occur.Should, one) for one in queries])


def _exactly(field: str, value: str | int) -> Compiled:
    return _free(Compiled.term_query(schema(), field, value, "basic"))


def _free(query: Compiled) -> Compiled:
    """A condition that holds or does not, and says nothing of how well a post fits."""
    return Compiled.const_score_query(query, 0.0)
