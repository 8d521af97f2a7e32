"""How alike posts are in their words, links and hashtags: as sets, and by tf-idf within the session."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from math import log, sqrt

COMMON = 0.2  # a word in more than this share of the posts says nothing of the topic
FEW = 12  # posts in which a word may always be
RESTATES = 0.6  # of the shorter text's words: it asks the same question again
SHORT = 3  # letters; words no longer say nothing of a question
MOST = 40  # posts with one word that are compared
LEAST = 1e-6  # a similarity below it is none
NOWHERE: Mapping[int, float] = {}
Vector = list[tuple[int, float]]  # by the number of each word


def telling(words: Iterable[str]) -> set[str]:
    """The words by which two questions are compared."""
    return {word for word in words if len(word) > SHORT}


def overlap(one: AbstractSet[str], other: AbstractSet[str]) -> float:
    """How much of the smaller of two sets of words is in the other; 0 where there is too little to compare."""
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller >= 4 else 0.0


def vectors(documents: Sequence[Iterable[str]]) -> list[Vector]:
    """Turn each post's words into a vector of length 1; empty where nothing tells."""
    counts: list[dict[str, int]] = []
    for words in documents:
        count: dict[str, int] = {}
        for word in words:
            count[word] = count.get(word, 0) + 1
        counts.append(count)
    within = Counter(chain.from_iterable(counts))
    limit = max(FEW, COMMON * len(counts))
    telling_words = [(word, number) for word, number in within.items() if number <= limit]
    weight = {word: (place, log((1 + len(counts)) / number)) for place, (word, number) in enumerate(telling_words)}
    made: list[Vector] = []
    for count in counts:
        vector: Vector = []
        for word, number in count.items():
            if word in weight:
                place, value = weight[word]
                vector.append((place, value if number == 1 else value * (1 + log(number))))
        made.append(_of_length_one(vector))
    return made


def _of_length_one(vector: Vector) -> Vector:
    length = sqrt(sum([value * value for _, value in vector]))
    return [(word, value / length) for word, value in vector] if length else []


class Likeness:
    """Compares vectors with a few fixed ones, all of length 1, by their cosine."""

    def __init__(self, columns: Sequence[Vector]) -> None:
        self._holding: dict[int, list[tuple[int, float]]] = {}
        for place, column in enumerate(columns):
            for word, value in column:
                self._holding.setdefault(word, []).append((place, value))

    def of(self, vector: Vector) -> dict[int, float]:
        """The similarity to each column that has one, by its place."""
        found: dict[int, float] = {}
        holding = self._holding
        for word, value in vector:
            if word in holding:
                for place, its in holding[word]:
                    found[place] = found.get(place, 0.0) + value * its
        return found


class Middles:
    """The middle of each topic's posts, to compare a post with: without the post itself."""

    def __init__(
        self, many: Sequence[Vector], shares: Mapping[int, Mapping[int, float]], topics: Sequence[int]
    ) -> None:
        """Add up.

        Args:
            many: the posts' vectors, of length 1.
            shares: by a post's place, how far it belongs to which topics.
            topics: those that are compared.
        """
        self._many, self._shares, self._topics = many, shares, topics
        words = 1 + max((word for vector in many for word, _ in vector), default=0)
        totals = {topic: [0.0] * words for topic in topics}
        for index, mine in shares.items():
            for topic, share in mine.items():
                if topic in totals:
                    total = totals[topic]
                    for word, value in many[index]:
                        total[word] += share * value
        self._totals = [totals[topic] for topic in topics]
        self._squares = [sum([value * value for value in total]) for total in self._totals]

    def of(self, index: int) -> list[float]:
        """The similarity of a post to each topic's others, as if one of quite other words were among them.

        So few posts tell little; 0 where there is none.
        """
        vector, mine = self._many[index], self._shares.get(index, NOWHERE)
        found: list[float] = []
        for topic, total, square in zip(self._topics, self._totals, self._squares, strict=True):
            along = sum([value * total[word] for word, value in vector])
            share = mine.get(topic, 0.0)
            near = along - share > LEAST
            found.append((along - share) / sqrt(square - 2 * share * along + share * share + 1.0) if near else 0.0)
        return found


def centre(many: Iterable[Vector]) -> Vector:
    """The middle of several vectors, of length 1."""
    total: dict[int, float] = {}
    for vector in many:
        for word, value in vector:
            total[word] = total.get(word, 0.0) + value
    return _of_length_one(list(total.items()))


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
    holding: defaultdict[int, deque[tuple[int, float]]] = defaultdict(lambda: deque(maxlen=MOST))
    pairs: list[tuple[int, int, float]] = []
    for index, vector in enumerate(many):
        if index in skip:
            continue
        if index in alone:
            scores: defaultdict[int, float] = defaultdict(float)
            for word, value in vector:
                for other, its in holding[word]:
                    scores[other] += value * its
            best = sorted([(score, -other) for other, score in scores.items() if score >= least], reverse=True)
            pairs.extend((index, -other, score) for score, other in best[:number])
        for word, value in vector:
            holding[word].append((index, value))
    return pairs
