"""How alike posts are in their words, links and hashtags: as sets, and by tf-idf within the session."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import log, sqrt

COMMON = 0.2  # a word in more than this share of the posts says nothing of the topic
FEW = 12  # posts in which a word may always be
RESTATES = 0.6  # of the shorter text's words: it asks the same question again
SHORT = 3  # letters; words no longer say nothing of a question
MOST = 40  # posts with one word that are compared
LEAST = 1e-6  # a similarity below it is none
Vector = Mapping[str, float]


def telling(words: Iterable[str]) -> set[str]:
    """The words by which two questions are compared."""
    return {word for word in words if len(word) > SHORT}


def overlap(one: AbstractSet[str], other: AbstractSet[str]) -> float:
    """How much of the smaller of two sets of words is in the other; 0 where there is too little to compare."""
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller >= 4 else 0.0


def vectors(documents: Sequence[Iterable[str]]) -> list[dict[str, float]]:
    """Turn each post's words into a vector of length 1; empty where nothing tells."""
    counts = [Counter(words) for words in documents]
    within: Counter[str] = Counter()
    for count in counts:
        within.update(count.keys())
    limit = max(FEW, COMMON * len(counts))
    weight = {word: log((1 + len(counts)) / number) for word, number in within.items() if number <= limit}
    made: list[dict[str, float]] = []
    for count in counts:
        vector = {word: (1 + log(number)) * weight[word] for word, number in count.items() if word in weight}
        length = sqrt(sum(value * value for value in vector.values()))
        made.append({word: value / length for word, value in vector.items()} if length else {})
    return made


class Likeness:
    """Compares vectors with a few fixed ones, all of length 1, by their cosine."""

    def __init__(self, columns: Sequence[Vector]) -> None:
        self._holding: dict[str, list[tuple[int, float]]] = {}
        for place, column in enumerate(columns):
            for word, value in column.items():
                self._holding.setdefault(word, []).append((place, value))

    def of(self, vector: Vector) -> dict[int, float]:
        """The similarity to each column that has one, by its place."""
        found: dict[int, float] = {}
        holding = self._holding
        for word, value in vector.items():
            if word in holding:
                for place, its in holding[word]:
                    found[place] = found.get(place, 0.0) + value * its
        return found


class Middles:
    """The middle of each topic's posts, to compare a post with: without the post itself."""

    def __init__(self, many: Sequence[Vector], shares: Mapping[int, Mapping[int, float]], topics: int) -> None:
        """Add up.

        Args:
            many: the posts' vectors, of length 1.
            shares: by a post's place, how far it belongs to which topics.
            topics: how many there are.
        """
        self._many, self._shares, self._topics = many, shares, topics
        self._totals: dict[str, list[float]] = {}
        for index, mine in shares.items():
            for word, value in many[index].items():
                row = self._totals.get(word)
                if row is None:
                    row = self._totals[word] = [0.0] * topics
                for topic, share in mine.items():
                    row[topic] += share * value
        self._squares = [0.0] * topics
        for row in self._totals.values():
            self._squares = [one + value * value for one, value in zip(self._squares, row, strict=True)]

    def of(self, index: int) -> dict[int, float]:
        """The similarity of a post to each topic's others, where there is any."""
        vector, mine = self._many[index], self._shares.get(index, {})
        along = [0.0] * self._topics
        for word, value in vector.items():
            row = self._totals.get(word)
            if row is not None:
                along = [one + value * its for one, its in zip(along, row, strict=True)]
        found: dict[int, float] = {}
        for topic, one in enumerate(along):
            share = mine.get(topic, 0.0)
            if one - share > LEAST:
                found[topic] = (one - share) / sqrt(self._squares[topic] - 2 * share * one + share * share)
        return found


def centre(many: Iterable[Vector]) -> dict[str, float]:
    """The middle of several vectors, of length 1."""
    total: dict[str, float] = {}
    for vector in many:
        for word, value in vector.items():
            total[word] = total.get(word, 0.0) + value
    length = sqrt(sum(value * value for value in total.values()))
    return {word: value / length for word, value in total.items()} if length else {}


def nearest(
    many: Sequence[Vector], *, number: int, least: float, alone: AbstractSet[int], skip: AbstractSet[int] = frozenset()
) -> list[tuple[int, int, float]]:
    """Pair posts with the earlier ones most like them: (later, earlier, similarity), at most `number` for each.

    Args:
        many: the posts' vectors, in order of time.
        number: how many at most for each.
        least: the least similarity.
        alone: the posts that are paired with earlier ones; all others are only found by later ones.
        skip: posts that are not compared at all.
    """
    holding: dict[str, list[tuple[int, float]]] = {}
    pairs: list[tuple[int, int, float]] = []
    for index, vector in enumerate(many):
        if index in skip:
            continue
        if index in alone:
            scores: dict[int, float] = {}
            for word, value in vector.items():
                for other, its in holding.get(word, ())[-MOST:]:
                    scores[other] = scores.get(other, 0.0) + value * its
            best = sorted([(score, -other) for other, score in scores.items() if score >= least], reverse=True)
            pairs.extend((index, -other, score) for score, other in best[:number])
        for word, value in vector.items():
            holding.setdefault(word, []).append((index, value))
    return pairs
