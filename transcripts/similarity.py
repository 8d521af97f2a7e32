"""How alike the posts of one session are in their words, links and hashtags: tf-idf within the session."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from math import log, sqrt

COMMON = 0.2  # a word in more than this share of the posts says nothing of the topic
FEW = 12  # posts in which a word may always be
MOST = 60  # posts with one word that are compared
Vector = Mapping[str, float]


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


def cosine(one: Vector, other: Vector) -> float:
    """The similarity of two vectors of length 1."""
    if len(one) > len(other):
        one, other = other, one
    return sum(value * other[word] for word, value in one.items() if word in other)


def centre(many: Iterable[Vector]) -> dict[str, float]:
    """The middle of several vectors, of length 1."""
    total: dict[str, float] = {}
    for vector in many:
        for word, value in vector.items():
            total[word] = total.get(word, 0.0) + value
    length = sqrt(sum(value * value for value in total.values()))
    return {word: value / length for word, value in total.items()} if length else {}


def nearest(many: Sequence[Vector], *, number: int, least: float, skip: Set[int] = frozenset()) -> list[tuple[int, int, float]]:
    """Pair each post with the earlier ones most like it: (later, earlier, similarity), at most `number` for each."""
    holding: dict[str, list[tuple[int, float]]] = {}
    pairs: list[tuple[int, int, float]] = []
    for index, vector in enumerate(many):
        if index in skip:
            continue
        scores: dict[int, float] = {}
        for word, value in vector.items():
            earlier = holding.setdefault(word, [])
            for other, its in earlier[-MOST:]:
                scores[other] = scores.get(other, 0.0) + value * its
            earlier.append((index, value))
        best = sorted(((score, -other) for other, score in scores.items() if score >= least), reverse=True)[:number]
        pairs.extend((index, -other, score) for score, other in best)
    return pairs
