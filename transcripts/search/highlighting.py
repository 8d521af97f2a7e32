"""What of a text a query meant, and the passage worth showing. Gives segments; whoever writes them escapes them."""

from collections.abc import Callable, Collection, Sequence
from itertools import accumulate

import msgspec

from transcripts.search import words
from transcripts.search.compiling import Vocabulary, allowed_typos
from transcripts.search.language import Query

PASSAGE = 280  # characters; a text that is not longer is shown whole


class Segment(msgspec.Struct, frozen=True):
    """A stretch of a text, and whether the query meant it."""

    text: str
    marked: bool = False


class Passage(msgspec.Struct, frozen=True):
    """The part of a text worth showing; `before` and `after` say that there is more."""

    segments: tuple[Segment, ...]
    before: bool = False
    after: bool = False


Matches = Callable[[str], bool]  # whether a word is meant


class Meant(msgspec.Struct, frozen=True):
    """What a query marks: single words as the index holds them, and what has to be tried, as sequences of tests."""

    words: frozenset[str] = frozenset()
    sequences: tuple[tuple[Matches, ...], ...] = ()


def marker(query: Query, vocabulary: Vocabulary, forgiven: Collection[str] = frozenset()) -> Meant:
    """What a query marks."""
    single: set[str] = set()
    sequences: list[tuple[Matches, ...]] = []
    for term in query.terms:
        if term.negated:
            continue
        if term.kind == "word" and term.value in forgiven:
            sequences.append((_resembles(term.value),))
        elif term.kind == "word":
            single.add(term.value)
            single.update(vocabulary.forms(term.value))
        elif term.kind == "phrase":
            sequences.append(tuple(_equal(word) for word in term.value.split()))
        elif term.kind == "prefix":
            sequences.append((_begins(term.value),))
        elif term.kind in {"tag", "handle"}:
            sequences.append(tuple(_equal(word) for word in words.words(term.value)))
    return Meant(frozenset(single), tuple(sequences))


def mark(text: str, meant: Meant, length: int = PASSAGE) -> Passage:
    """Cut a text into segments, and to the passage of about `length` characters where most is marked."""
    spans = words.find(text, meant.words)
    if meant.sequences:
        spans += _tried(text, meant.sequences)
    spans = _joined(spans, text)
    start, end = _window(spans, text, length)
    segments: list[Segment] = []
    done = start
    for low, high in spans:
        if low < start or high > end:
            continue
        if low > done:
            segments.append(Segment(text[done:low]))
        segments.append(Segment(text[low:high], marked=True))
        done = high
    if done < end:
        segments.append(Segment(text[done:end]))
    return Passage(tuple(segments), before=start > 0, after=end < len(text))


def _tried(text: str, sequences: Sequence[Sequence[Matches]]) -> list[tuple[int, int]]:
    """Where the words of a text pass one test after the other."""
    found, places = words.places(text)
    spans: list[tuple[int, int]] = []
    for first, *rest in sequences:
        begun = [index for index, word in enumerate(found) if first(word)]
        for away, matches in enumerate(rest, 1):
            begun = [index for index in begun if index + away < len(found) and matches(found[index + away])]
        spans += [(places[index][0], places[index + len(rest)][1]) for index in begun]
    return spans


def differs(one: str, other: str, most: int) -> bool:
    """Whether more than `most` letters must be changed, added, left out or swapped to make one word the other."""
    if abs(len(one) - len(other)) > most:
        return True
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        line = [i]
        for j, there in enumerate(other, 1):
            cost = min(row[j] + 1, line[-1] + 1, row[j - 1] + (letter != there))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == there:
                cost = min(cost, before[j - 2] + 1)
            line.append(cost)
        before, row = row, line
    return row[-1] > most


def _resembles(word: str) -> Matches:
    most = allowed_typos(word)
    return lambda other: not differs(other, word, most)


def _equal(word: str) -> Matches:
    return word.__eq__


def _begins(beginning: str) -> Matches:
    return lambda word: word.startswith(beginning)


def _joined(spans: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Spans in order that do not overlap; words that were both meant are one span with the space between them."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if joined and (low <= joined[-1][1] or text[joined[-1][1] : low] == " "):
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _window(spans: list[tuple[int, int]], text: str, length: int) -> tuple[int, int]:
    """Where the passage begins and ends: at words, around the most that is marked."""
    size = len(text)
    if size <= length:
        return 0, size
    _, places = words.places(text)
    marked = list(accumulate((high - low for low, high in spans), initial=0))
    best, first = -1, 0
    last = 0
    for index, (low, _) in enumerate(spans):
        last = max(last, index)
        while last < len(spans) and spans[last][1] - low <= length * 2 // 3:
            last += 1
        if marked[last] - marked[index] > best:
            best, first = marked[last] - marked[index], low
    start = max(0, first - length // 3)
    end = min(size, start + length)
    start = max(0, min(start, end - length))
    starts = [low for low, _ in places if start <= low <= first] if start else [0]
    ends = [high for _, high in places if first < high <= end] if end < size else [size]
    return (starts[0] if starts else start), (ends[-1] if ends else end)
