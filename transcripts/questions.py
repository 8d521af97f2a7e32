"""Who moderates a session, and the questions that they pose.

Nothing tells a moderator from a participant who labels answers `Q1: ...`, except what both do: a moderator is first
with a number, others then take it up, and at the end it is the moderator who is thanked.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from transcripts.labels import BARE, Kind, Label, Place, after_label, find_bare, find_labels
from transcripts.model import Question, SessionPosts
from transcripts.people import is_configured
from transcripts.reading import Reading, read
from transcripts.sessions import fold_tag
from transcripts.similarity import RESTATES, overlap, telling

ACCEPTED = 0.84  # the score from which a numbered post is an official question
SUPPORTED = 0.5  # by other signs of a moderator
TAKEN_UP = 0.99  # the score of a number that is new, asks, and was taken up by four people
SAME = 0.8  # of the words of two texts that are one
FIRST_SUBS = (None, "a", "1")  # Q1a and Q1.1 open a question, Q1b does not
SCRIPTS = ("q", "t", "p", "f", BARE)  # tried in this order: Q1, Topic 1, Pregunta 1, Frage 1, "1."

SENTENCE = re.compile(r"(?:^|[.!?:;…–—-])[\s(\[*_]*$")
FIRST_PART = re.compile(r"\(?1\s?(?:/|of)\s?[2-9]", re.IGNORECASE)
CONTINUED = re.compile(r"(?<![\w/])(?:\(?[1-9]\s?(?:/|of)\s?[1-9]\)?|cont(?:\.|'?d|inued)?)(?![\w/])", re.IGNORECASE)
SECOND_PART = re.compile(r"\(?(?:cont(?:\.|'?d|inued)?(?!\w)|[2-9]\s?(?:/|of)\s?[2-9])", re.IGNORECASE)
AGAIN = re.compile(
    r"\b(?:again|repeat\w*|reminder|icymi|in case you|re-?post\w*|once more|rephras\w*|put (?:another|differently)|"
    r"still (?:on|discussing|talking)|follow[- ]?up|part (?:2|two|b))\b",
    re.IGNORECASE,
)
COPIED = re.compile(r"^\W*(?:RT|MT|HT)\s*[:@]|^\s*[\"“”]\s*@", re.IGNORECASE)
HOSTS = re.compile(
    r"\b(?:(?:i'?m|i am|i'll be|we'?re|your|1 of your|one of (?:your|the)|another one of the|tonight's|today's)\b.{0,40}"
    r"\b(?:mods?\b|moderat\w+|hosts?\b|hosting|facilitat\w+)|(?:welcome|hello|hi|hey)\b.{0,40}\b(?:tonight|today) we\b|"
    r"let'?s (?:get started|begin|start)|(?:first|next|last|final) (?:question|q)\b|here (?:comes|is) (?:q|question))",
    re.IGNORECASE,
)
THANKS = re.compile(
    r"\b(?:thank\w*|thx|thnx|ty|kudos|gracias|merci|danke|props|great job|awesome job)\b", re.IGNORECASE
)
CHAIRING = re.compile(r"\b(?:moderat\w+|mods?|host\w*|facilitat\w+|lead(?:ing)?|questions)\b", re.IGNORECASE)
TAIL_TAG = re.compile(r" ?[#＃](\w+)[.,;:]*$")
HEAD_TAG = re.compile(r"[#＃](\w+)[.,;:]* ?")

UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
)  # Thai, Lao, Burmese, Khmer, kana, Han

SOON = timedelta(minutes=3)
LATER = timedelta(minutes=10)


@dataclass(slots=True)
class _Candidate:
    reading: Reading
    label: Label
    score: float


@dataclass(slots=True)
class _Draft:
    """A question while its parts are collected."""

    first: Reading
    parts: list[Reading] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    words: set[str] = field(default_factory=set)

    def add(self, reading: Reading, text: str | None) -> None:
        self.parts.append(reading)
        if text:
            self.said.append(text)
            self.words |= telling(reading.words)


class _Response:
    """Who took up each post, in a reply or a quote, and how often it was repeated; by uid."""

    def __init__(self, session: SessionPosts, readings: Sequence[Reading]) -> None:
        self.repeats = Counter(repost.post_uid for repost in session.reposts)
        self.takers: dict[str, set[str]] = {}
        for reading in readings:
            for target in (reading.post.reply_to, reading.quotes):
                if target is not None:
                    self.takers.setdefault(target, set()).add(reading.author)


def find_questions(
    session: SessionPosts, readings: Sequence[Reading] | None = None
) -> tuple[tuple[str, ...], tuple[Question, ...]]:
    """Find who moderates and the numbered questions, in order of their numbers.

    Configured moderators weigh, and others are still found: a guest may host. A number that nobody takes up, posed by
    somebody who shows no other sign of a moderator, is a joke and no question.

    Args:
        session: in any order.
        readings: what `read(session)` returned, if it was called before.

    Returns:
        The keys of the moderators (see `people.author_key`), in order of their first question or post; the questions,
        with `answers` still 0.
    """
    readings = read(session) if readings is None else readings
    hosts = _host_scores(session, readings)
    best: dict[int, _Candidate] = {}
    candidates: dict[int, list[_Candidate]] = {}
    response = _Response(session, readings)
    for script in SCRIPTS:
        posed_so = _candidates(readings, response, script)
        chosen = _choose(posed_so, hosts)
        if len(chosen) > len(best):
            candidates, best = posed_so, chosen
    posers = {candidate.reading.author for candidate in best.values()}
    chairs = posers | {author for author, score in hosts.items() if score >= 1} | _cross_posters(candidates, best)
    drafts = _collect_parts(readings, best, chairs)
    tags = frozenset(fold_tag(tag) for tag in session.hashtags)
    questions = [
        Question(
            label=f"Q{number}",
            uid=draft.parts[0].uid,
            parts=tuple(part.uid for part in draft.parts),
            text=" ".join(_trim(text, tags) for text in draft.said).strip(),
        )
        for number, draft in sorted(drafts.items())
    ]
    order = {author: index for index, author in reversed(list(enumerate(reading.author for reading in readings)))}
    posed = {draft.first.author: draft.first.at for draft in sorted(drafts.values(), key=_started, reverse=True)}
    latest = readings[-1].at if readings else session.window.end
    moderators = sorted(chairs, key=lambda author: (author not in posed, posed.get(author, latest), order[author]))
    return tuple(moderators), tuple(questions)


def _started(draft: _Draft) -> tuple[datetime, str]:
    return draft.first.at, draft.first.uid


def _host_scores(session: SessionPosts, readings: Sequence[Reading]) -> dict[str, float]:
    """Score what else shows a moderator: configured, says so, is thanked for it by others."""
    keys = {
        reading.post.author_handle.removeprefix("@").casefold(): reading.author
        for reading in readings
        if reading.post.author_handle
    }
    scores: dict[str, float] = {}
    thankers: dict[str, dict[str, bool]] = {}
    said: set[str] = set()
    for reading in readings:
        author = reading.author
        if author not in scores:
            configured = is_configured(author, reading.post.author_handle, session.moderators)
            scores[author] = 1.5 if configured else 0.0
        if author not in said and not reading.answers_somebody and HOSTS.search(reading.text):
            said.add(author)
            scores[author] += 0.3
        named = {keys[handle] for handle in reading.mentions if handle in keys} - {author}
        if named and len(named) <= 4:
            for_chairing = CHAIRING.search(reading.text) is not None
            if (for_chairing or reading.at > session.window.end) and THANKS.search(reading.text):
                for key in named:
                    thanked = thankers.setdefault(key, {})
                    thanked[author] = for_chairing or thanked.get(author, False)
    for key, thanked in thankers.items():
        clearly = sum(thanked.values())
        scores[key] += min(1.5, clearly / 2 + min(0.6, (len(thanked) - clearly) / 5))
    return scores


def _choose(candidates: Mapping[int, list[_Candidate]], hosts: Mapping[str, float]) -> dict[int, _Candidate]:
    """Choose the post that poses each number."""
    strength: dict[str, dict[int, float]] = {}
    for number, posed in candidates.items():
        for candidate in posed:
            mine = strength.setdefault(candidate.reading.author, {})
            mine[number] = max(candidate.score, mine.get(number, 0.0))
    totals = {author: sum(mine.values()) for author, mine in strength.items()}
    clear = max(totals.values(), default=0.0) >= 2.0  # somebody leads: others need more than one number that asks
    chosen: dict[int, _Candidate] = {}
    for number, posed in candidates.items():
        standing: list[tuple[float, _Candidate]] = []
        for candidate in posed:
            author = candidate.reading.author
            others = totals[author] - strength[author][number]
            support = min(others, 2.0) + min(hosts.get(author, 0.0), 2.0)
            known = not clear or support >= SUPPORTED or candidate.score >= TAKEN_UP
            if known and candidate.score + support >= ACCEPTED:
                standing.append((candidate.score + support, candidate))
        if standing:
            best = max(standing, key=lambda one: (one[0], -one[1].reading.at.timestamp(), one[1].reading.uid))[1]
            # What the same moderator asked just before under the same number is the question, and this restates it.
            chosen[number] = min(
                (one for _, one in standing if _precedes(one.reading, best.reading)),
                key=lambda one: (one.reading.at, one.reading.uid),
                default=best,
            )
    return chosen


def _cross_posters(candidates: Mapping[int, list[_Candidate]], best: Mapping[int, _Candidate]) -> set[str]:
    """Find who poses the same questions in the same words: on another network, or as one of several moderators."""
    same: dict[str, int] = {}
    for number, chosen in best.items():
        words = telling(chosen.reading.words)
        for candidate in candidates[number]:
            reading = candidate.reading
            mine = telling(reading.words)
            if (
                reading.author != chosen.reading.author
                and len(words & mine) >= SAME * max(1, len(words | mine))
                and abs(reading.at - chosen.reading.at) <= LATER
            ):
                twin = reading.post.platform != chosen.reading.post.platform and _name(reading) == _name(chosen.reading)
                same[reading.author] = same.get(reading.author, 0) + (2 if twin else 1)
    return {author for author, count in same.items() if count >= 2}


def _name(reading: Reading) -> str:
    return (reading.post.author_handle or reading.uid).removeprefix("@").partition("@")[0].partition(".")[0].casefold()


def _precedes(reading: Reading, other: Reading) -> bool:
    asks = "?" in reading.text or "?" not in other.text
    return reading.author == other.author and asks and timedelta() <= other.at - reading.at <= SOON


def _candidates(readings: Sequence[Reading], response: _Response, script: str) -> dict[int, list[_Candidate]]:
    """Score every post that could pose a number: first with it, asks, and others take it up."""
    labelled: dict[int, list[Reading]] = {}
    for reading in readings:
        if not reading.labels and (script != BARE or reading.bare is None):
            continue
        for number in _numbers(reading, script):
            labelled.setdefault(number, []).append(reading)
    found: dict[int, list[_Candidate]] = {}
    for number, using in labelled.items():
        posing = [_posing(reading, number, script) for reading in using]
        if not any(posing):
            continue
        after: list[int] = []
        users: set[str] = set()
        for reading in reversed(using):
            after.append(len(users) - (reading.author in users))
            users.add(reading.author)
        after.reverse()
        last_use = {reading.author: place for place, reading in enumerate(using)}
        before: set[str] = set()
        for place, (reading, label, followers) in enumerate(zip(using, posing, after, strict=True)):
            ahead = len(before) - (reading.author in before)
            if label is not None and ahead <= 2:
                repeated = max(reading.post.reposts or 0, response.repeats[reading.uid])
                answering = response.takers.get(reading.uid, set()) - {reading.author}
                unlabelled = sum(last_use.get(author, -1) <= place for author in answering)
                taken = followers + unlabelled + (repeated > 0)
                lead = (1.0, 0.5, 0.25)[ahead]
                opens = number <= 1 and taken > 0
                asks = "?" in reading.text or FIRST_PART.match(after_label(reading.text, label)) is not None
                score = lead * (0.4 + 0.3 * asks + 0.3 * min(taken, 4) / 4 + 0.15 * opens)
                found.setdefault(number, []).append(_Candidate(reading, label, score))
            before.add(reading.author)
    return found


def _numbers(reading: Reading, script: str) -> frozenset[int]:
    """The numbers that a post poses or takes up."""
    if script == BARE:
        return reading.numbers | ({reading.bare.number} if reading.bare else set())
    return reading.numbers | {label.number for label in reading.labels if _poses(reading, label, script)}


def _posing(reading: Reading, number: int, script: str) -> Label | None:
    """The label with which a post could pose a number."""
    if script == BARE:
        label = reading.bare
        asks = label is not None and label.number == number and "?" in reading.text
        return label if asks and not reading.answers_somebody and not COPIED.search(reading.text) else None
    return next((one for one in reading.labels if one.number == number and _poses(reading, one, script)), None)


def _poses(reading: Reading, label: Label, script: str) -> bool:
    """Whether a label could open a question: it asks at the head, or in the middle goes on to ask."""
    if label.kind is not Kind.QUESTION or label.script != script or label.sub not in FIRST_SUBS:
        return False
    if reading.answers_somebody or COPIED.search(reading.text) or len({one.number for one in reading.labels}) > 2:
        return False
    following = [one for one in reading.labels if one.start >= label.end and one.number != label.number]
    rest = after_label(reading.text, label)
    if following:
        rest = reading.text[label.end : following[0].start]
    if any(one.number > label.number for one in reading.labels) and "?" not in rest:
        return False  # as in "so much for Q1, on to Q2"; two that both ask are two questions in one post
    if SECOND_PART.match(after_label(reading.text, label)):
        return False
    if label.place is Place.HEAD:
        return _count_words(rest) >= 2
    if label.place is Place.TAIL:
        rest = reading.text
    elif FIRST_PART.match(rest) and SENTENCE.search(reading.text[: label.start]):
        return True
    return "?" in rest and _count_words(rest) >= 4


def _count_words(text: str) -> int:
    """Count words, and two letters for one where words are not separated."""
    return len(text.split()) + len(UNSPACED.findall(text)) // 2


def _collect_parts(
    readings: Sequence[Reading], best: Mapping[int, _Candidate], chairs: Collection[str]
) -> dict[int, _Draft]:
    """Add to each question what its moderators pose under the same number: parts and restatements."""
    drafts: dict[int, _Draft] = {}
    by_uid: dict[str, int] = {}
    firsts: dict[str, list[int]] = {}
    for number, candidate in sorted(best.items()):
        firsts.setdefault(candidate.reading.uid, []).append(number)
    current: int | None = None
    for reading in readings:
        posed = firsts.get(reading.uid, [])
        for number in posed:
            drafts[number] = _Draft(reading)
            drafts[number].add(reading, _posed_text(reading, number, bare=best[number].label.script == BARE))
            current = number
        of = posed[0] if posed else None
        if not posed and reading.author in chairs and not reading.is_answer and not COPIED.search(reading.text):
            of, text = _part_of(reading, drafts, by_uid, current)
            if of is not None:
                drafts[of].add(reading, text)
        if of is not None:
            by_uid[reading.uid] = of
    return drafts


def _part_of(
    reading: Reading, drafts: Mapping[int, _Draft], by_uid: Mapping[str, int], current: int | None
) -> tuple[int | None, str | None]:
    """Say which question a moderator's later post is part of, and what it adds to its text (None for a repetition)."""
    asks = "?" in reading.text
    for label in reading.labels:
        draft = drafts.get(label.number)
        if draft is None or label.kind is not Kind.QUESTION or (reading.answers_somebody and not asks):
            continue
        since = reading.at - draft.parts[-1].at
        similar = overlap(telling(reading.words), draft.words)
        if similar >= RESTATES:
            return label.number, None
        head = label.place is Place.HEAD
        if (
            (head and CONTINUED.search(reading.text) and since <= LATER)
            or (asks and AGAIN.search(reading.text))
            or (head and asks and label.sub not in FIRST_SUBS)
            or (head and asks and since <= SOON and not reading.answers_somebody)
        ):
            return label.number, _posed_text(reading, label.number)
    if reading.labels or current is None:
        return None, None
    above = by_uid.get(reading.post.reply_to or "")
    draft = drafts[current]
    if reading.author == draft.first.author:
        since = reading.at - draft.parts[-1].at
        continues = CONTINUED.search(reading.text) or (asks and above == current)
        if since <= SOON and continues and not reading.answers_somebody:
            return current, _posed_text(reading, None)
    if overlap(telling(reading.words), draft.words) >= 0.75 and asks and not reading.answers_somebody:
        return current, None
    return None, None


def _posed_text(reading: Reading, number: int | None, *, bare: bool = False) -> str:
    """What a part asks, from the post as it was written: after its label up to the next, or before one at the tail."""
    text = unicodedata.normalize("NFKC", reading.post.text or "")
    if bare:
        head = find_bare(text)
        return CONTINUED.sub(" ", after_label(text, head) if head else text).strip(" :;,-–—")
    label = next((one for one in find_labels(text) if one.number == number and one.kind is Kind.QUESTION), None)
    if label is not None and label.place is not Place.TAIL:
        text = after_label(text, label)
        again = next(iter(find_labels(text)), None)
        if again is not None and again.number == number and again.place is Place.HEAD:
            text = after_label(text, again)  # as in "on to Q3! Q3 ..."
        other = next((one for one in find_labels(text) if one.number != number and "?" in text[one.end :]), None)
        if other is not None and "?" in text[: other.start]:
            text = text[: other.start]
    elif label is not None:
        text = text[: label.start].rstrip(" ([")
    return CONTINUED.sub(" ", text).strip(" :;,-–—")


def question_text(reading: Reading, number: int, tags: Collection[str]) -> str:
    """What a post asks under a number, as it is shown: without labels and the chat's hashtag."""
    return _trim(_posed_text(reading, number), tags).strip()


def _trim(text: str, tags: Collection[str]) -> str:
    """Take the chat's hashtags off both ends and single the spaces."""
    text = " ".join(text.split())
    while (tail := TAIL_TAG.search(text)) and fold_tag(tail[1]) in tags:
        text = text[: tail.start()]
    while (head := HEAD_TAG.match(text)) and fold_tag(head[1]) in tags:
        text = text[head.end() :]
    return text
