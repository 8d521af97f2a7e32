"""What a post's text says of its place in a chat: labels such as Q1 and A1, and the phrases of hosts and guests.

Everything is matched on the text as `plain` leaves it: NFKC (so that `Ｑ１` is Q1), without addresses of pages.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
DECORATION = re.compile(r"(?:[@#][\w.@-]++|[^\w])*+")  # mentions, hashtags, punctuation, emoji
HIGHEST = 40  # of the numbers; Q365 is a device
READ_UP_TO = 10_000  # characters of a post

# Every language's words for a question and an answer that people were seen to number.
QUESTION_WORDS = "question|pregunta|pergunta|domanda|frage|vraag|kysymys|pytanie|вопрос|質問|問題|問|질문"
ANSWER_WORDS = "answer|ans|respuesta|resposta|risposta|réponse|reponse|antwort|antwoord|ответ|回答|答|답"
ANSWERS = frozenset(["a", "r", *ANSWER_WORDS.split("|")])
NUMBER_WORDS = {
    word: number
    for words in (
        "one two three four five six seven eight nine ten",
        "uno dos tres cuatro cinco seis siete ocho nueve diez",
        "un deux trois quatre cinq six sept huit neuf dix",
        "eins zwei drei vier fünf sechs sieben acht neun zehn",
    )
    for number, word in enumerate(words.split(), start=1)
}
LABEL = re.compile(
    rf"""
    (?<![0-9A-Za-zÀ-ɏ_@&/'’$€£%+=-])                       # not inside a word, a handle or an amount
    \#?
    (?P<word>[QAPFTR](?![^\W\d_])|{QUESTION_WORDS}|{ANSWER_WORDS}) # P1 and F1 stand for pregunta and Frage, T1 for topic
    (?P<space>\s?[.#:№-]?\s?|\s(?:no\.?|nr\.?|number)\s?)
    (?:(?P<number>\d{{1,2}})|(?P<spelled>{"|".join(sorted(NUMBER_WORDS, key=len, reverse=True))})\b)
    (?:\.(?P<sub>\d{{1,2}}|[a-e](?![0-9A-Za-zÀ-ɏ]))|-?(?P<letter>[ab]))?
    (?![0-9A-Za-zÀ-ɏ]|\.\d|,\d{{3}}|:\d\d(?!\d)|['’]s?\s?\d|%|\s?(?:20|19)\d\d\b|\s?(?:am|pm|st|nd|rd|th)\b)   # not Q1 2015, 3:30, A1C
    """,
    re.IGNORECASE | re.VERBOSE,
)
SPELLED = re.compile(f"{QUESTION_WORDS}|{ANSWER_WORDS}")  # in folded text; without one of them a label has a digit
DIGIT = re.compile(r"\d")
NAMES = re.compile(r"[@#][\w.@-]+")
BARE = "#"  # the script of a number without a word, as in "1. Which bird?"
NUMBERED = re.compile(r"(?P<number>\d{1,2})(?:[.)\]:]\)?(?=\s)|[．、）:]|\s[-–—]\s)(?=\s*\S)")
ALSO = re.compile(r"\s*(?:,|&|\+|and|und|et|y|e)\s*(?:[QA]\s?)?(\d{1,2})(?![\w.:/%])", re.IGNORECASE)
# What may stand before a label that is still at the head of a post.
LEAD_IN = re.compile(
    r"(?:ok(?:ay)?|so|and|now|next|re|for|on|to|my|here(?:'s| is| we go)?|great|alright|all right|late|yes|well|great|"
    r"also|moving on|onto|on to|up|first|last|final|let's (?:start|begin|go)|start(?:ing)? with|this|brings us|regarding|"
    r"answering|in response|time|bien|bueno|alors|nun|vamos|con|la|el|le|die|der)",
    re.IGNORECASE,
)


class Kind(Enum):
    QUESTION = "question"
    ANSWER = "answer"


class Place(Enum):
    """Where in the post a label stands: at its head, at its tail, or in the middle of a sentence."""

    HEAD = "head"
    TAIL = "tail"
    MIDDLE = "middle"


@dataclass(frozen=True, slots=True)
class Label:
    """`script` is the letter or word that was used (q, a, p, f, t, r), `sub` what follows, as the 2 of A1.2."""

    kind: Kind
    number: int
    place: Place
    script: str
    start: int
    end: int
    sub: str | None = None


def plain(text: str | None) -> str:
    """Normalise a post's text for matching."""
    normal = unicodedata.normalize("NFKC", (text or "")[:READ_UP_TO])
    return URL.sub(" ", normal) if "://" in normal or "www." in normal.casefold() else normal  # the search is slow


def words(text: str, labels: Sequence[Label]) -> list[str]:
    """List the words of a plain text, folded, without mentions, hashtags and its labels."""
    spans = {label.start: label.end for label in labels}  # "Q1 and Q2" are two that start as one; the longer one counts
    for start, end in reversed(spans.items()):
        text = f"{text[:start]} {text[end:]}"
    return WORDS.findall(NAMES.sub(" ", text).casefold().replace("’", "'"))


def find_labels(text: str) -> tuple[Label, ...]:
    """Find the labels in a plain text, in order. `Q1 and Q2` are two."""
    found: list[Label] = []
    if not _may_hold_label(text):
        return ()
    for match in LABEL.finditer(text):
        word = match["word"].casefold()
        number = int(match["number"]) if match["number"] else NUMBER_WORDS[match["spelled"].casefold()]
        space = match["space"]
        if number > HIGHEST:
            continue
        place = _place(text, match.start(), match.end())
        letter = len(word) == 1 and word.isascii()
        if letter and not _is_meant(match, text, word, space, place):
            continue
        if match["spelled"] and letter:
            continue
        kind = Kind.ANSWER if word in ANSWERS else Kind.QUESTION
        script = word if letter else "q" if kind is Kind.QUESTION else "a"
        sub = (match["sub"] or match["letter"] or "").casefold() or None
        found.append(Label(kind, number, place, script, match.start(), match.end(), sub))
        end = match.end()
        while sub is None and (also := ALSO.match(text, end)) and int(also[1]) == number + 1:
            number, end = number + 1, also.end()
            found.append(Label(kind, number, place, script, match.start(), end))
    unique = {(label.kind, label.number): label for label in reversed(found)}
    return tuple(label for label in found if unique[label.kind, label.number] is label)


def _may_hold_label(text: str) -> bool:
    """Whether it is worth looking closely: most posts have neither a number nor the words for one."""
    return DIGIT.search(text) is not None or SPELLED.search(text.casefold()) is not None


def find_bare(text: str) -> Label | None:
    """Find the number without a word that a plain text opens with, as in `3. Which bird?` or `3) ...`."""
    match = NUMBERED.match(text, before_words(text))
    if match is None or int(match["number"]) > HIGHEST:
        return None
    return Label(Kind.QUESTION, int(match["number"]), Place.HEAD, BARE, match.start(), match.end())


def before_words(text: str) -> int:
    """Where a plain text's first word begins, after mentions, hashtags and signs."""
    head = DECORATION.match(text)
    return head.end() if head else 0


def after_label(text: str, label: Label) -> str:
    """What a plain text says after a label."""
    return text[label.end :].lstrip(" \t\r\n:.,;)]-–—|>")


def _is_meant(match: re.Match[str], text: str, word: str, space: str, place: Place) -> bool:
    """Tell a label from an A4 sheet, an F1 race or `a 2 hour meeting`."""
    follows = text[match.end() : match.end() + 1]
    punctuated = follows in {":", ")", "-", ".", "–", "—", "]"} or match.group().startswith("#")
    if word in {"p", "f", "t", "r"}:
        return place is Place.HEAD and not space and (punctuated or "?" in text)
    if not space:
        return word == "q" or place is not Place.MIDDLE or match["word"].isupper()
    if word == "a":
        return place is Place.HEAD and (punctuated or match["word"].isupper()) and space != "-"
    return match["word"].isupper() or place is Place.HEAD


def _place(text: str, start: int, end: int) -> Place:
    at = before_words(text)
    while at < start and (lead := LEAD_IN.match(text, at)) and lead.end() <= start:
        gap = DECORATION.match(text, lead.end())
        at = gap.end() if gap else lead.end()
    if at >= start or at == start - 1:
        return Place.HEAD
    tail = DECORATION.match(text, end)
    return Place.TAIL if tail and tail.end() >= len(text) else Place.MIDDLE
