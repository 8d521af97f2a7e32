"""Which question each post belongs to.

The simple filing takes the first evidence that there is: an explicit label; thanks at the end; the post that it
replies to; a label in passing; the post that it quotes; a greeting; what two persons last talked about; what its author
did a moment ago; the question current at that time.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from transcripts.labels import Place, before_words
from transcripts.model import INTRO, NONE, WRAPUP, Filing, Question, SessionPosts
from transcripts.reading import Reading, read

# How often each reason was right on hand-labelled chats (see tests/transcripts/test_gold.py).
LABELLED, TWO_LABELS, MENTIONED, SLIPPED = 0.97, 0.75, 0.8, 0.5
QUOTED, GREETED, CLOSED, BESIDE, PARTNERED, CONTINUED, TIMED = 0.8, 0.95, 0.92, 0.6, 0.6, 0.65, 0.52
FAINT = 0.45  # the least that a reply or quote says, however long the chain
SHORT = 8  # words
STEP = {True: 0.95, False: 0.985}  # what a reply keeps of the confidence of a labelled, of any other parent

GREETING = re.compile(
    r"(?:hi+|hello+|hey+|hiya|heya|howdy|greetings|good (?:evening|morning|afternoon|day)|"
    r"hola|bonjour|salut|hallo|ciao|olá)\b",
    re.IGNORECASE,
)
PRESENTS = re.compile(
    r"\b(?:i'm|i am|im|my name is|this is|name'?s|\w+ here|here (?:from|in)|from|librarian|teacher|student|joining|"
    r"(?:first|1st)[- ]timer?|lurking|in and out|in & out|introduc\w+|intros?)\b",
    re.IGNORECASE,
)
ARRIVES = re.compile(
    r"(?:(?:a bit |little |so )?late to\b|(?:showing up|arriving|running|joining|coming in|jumping in) (?:a bit |so |very )?late\b|"
    r"(?:just )?(?:joining|tuning) in|this is \w+,|\w+ (?:here )?from @?\w+\b.{0,40}\b(?:lurking|joining|here)|"
    r"\w+ here[.,!]|(?:lurking|joining) (?:tonight|today|in|from))",
    re.IGNORECASE,
)
THANKS = re.compile(r"\b(?:thank(?:s|\s?you)?|thx|thnx|ty|gracias|merci|danke|obrigad[oa]|kudos)\b", re.IGNORECASE)
FAREWELL = re.compile(
    r"\b(?:good ?night|g'night|nite nite|night all|signing off|heading (?:out|to bed)|head out|gotta (?:go|call it|run)|bye|see (?:you|ya)|"
    r"(?:great|good|awesome|terrific|excellent|fab|fabulous|wonderful|amazing|fantastic|exciting) (?:\w+ ){0,2}(?:chat|#?\w*chat|discussion|"
    r"conversation|convo|session|hour|talk)|next (?:#?\w+ ){0,2}(?:chat|week|session|month)|storify|recap|transcript|our (?:hour|time) is|"
    r"for moderating|for hosting|for facilitating|until next|missed (?:\w+ )?(?:tonight|today|it|the)|time'?s up)\b",
    re.IGNORECASE,
)
OWN_THREAD = timedelta(minutes=6)  # how long a person stays with a topic
LAST_QUESTION = timedelta(minutes=8)  # how long a moderator stays with the last one
RECENT = timedelta(minutes=30)  # how long two persons do
SKEW = timedelta(minutes=2)  # how far the clocks of two networks may differ


def file_posts(
    session: SessionPosts,
    questions: Sequence[Question],
    moderators: Sequence[str] = (),
    readings: Sequence[Reading] | None = None,
) -> dict[str, Filing]:
    """File every post of a session under exactly one topic.

    Args:
        session: whose posts, in any order.
        questions: as `find_questions` found them, or as given; without any, every post is filed under `none`.
        moderators: the keys of the moderators.
        readings: what `read(session)` returned, if it was called before.

    Returns:
        A filing for each uid in `session.posts`.
    """
    readings = read(session) if readings is None else readings
    if not questions:
        return {reading.uid: Filing(NONE, _role(reading, NONE), TIMED, "time") for reading in readings}
    filer = _Filer(session, questions, moderators, readings)
    for reading in _parents_first(readings):
        filer.file(reading)
    return {reading.uid: filer.filed[reading.uid] for reading in readings}


class _Filer:
    """The state of one filing: what was filed so far, and when each question was posed."""

    def __init__(
        self,
        session: SessionPosts,
        questions: Sequence[Question],
        moderators: Sequence[str],
        readings: Sequence[Reading],
    ) -> None:
        self.window = session.window
        self.moderators = frozenset(moderators)
        self.filed: dict[str, Filing] = {}
        self.parts = {uid: question.label for question in questions for uid in question.parts}
        at = {reading.uid: reading.at for reading in readings}
        posed = sorted((at[question.uid], question.label) for question in questions if question.uid in at)
        self.times = [moment for moment, _ in posed]
        self.labels = [label for _, label in posed]
        self.posed = {label: moment for moment, label in posed}
        self.closing = self._find_closing(readings)
        self.over = max(self.window.end, self.times[-1] + LAST_QUESTION) if self.times else self.window.end
        self.by_author: dict[str, list[tuple[datetime, str]]] = {}
        self.beside: dict[str, tuple[datetime, str]] = {}  # topics of replies to posts that nobody has
        self.by_pair: dict[tuple[str, str], tuple[datetime, str]] = {}
        self.by_handle = {
            reading.post.author_handle.removeprefix("@").casefold(): reading.author
            for reading in readings
            if reading.post.author_handle
        }

    def file(self, reading: Reading) -> None:
        filing = self._decide(reading)
        self.filed[reading.uid] = filing
        if filing.topic in self.posed:
            self.by_author.setdefault(reading.author, []).append((reading.at, filing.topic))
        for partner in self._partners(reading):
            if filing.topic != INTRO:
                self.by_pair[reading.author, partner] = self.by_pair[partner, reading.author] = (
                    reading.at,
                    filing.topic,
                )
        above = reading.post.reply_to
        if above is not None and above not in self.beside:
            self.beside[above] = (reading.at, filing.topic)

    def _decide(self, reading: Reading) -> Filing:
        part = self.parts.get(reading.uid)
        if part is not None:
            return Filing(part, "question", 0.99, "label")
        topic, confidence, reason = self._topic(reading)
        return Filing(topic, _role(reading, topic), round(confidence, 3), reason)

    def _topic(self, reading: Reading) -> tuple[str, float, str]:
        """Take the first evidence that there is, in the order of how often each is right."""
        return (
            self._by_label(reading, firm=True)
            or self._by_farewell(reading)
            or self._by_reply(reading)
            or self._by_label(reading, firm=False)
            or self._by_quote(reading)
            or self._by_greeting(reading)
            or self._by_partner(reading)
            or self._by_time(reading)
        )

    def _by_label(self, reading: Reading, *, firm: bool) -> tuple[str, float, str] | None:
        """Follow a label: firm at the head or tail, and in the middle of a sentence only without better evidence.

        Of two labels the one of the post replied to counts, or else the question posed last. The label of a question
        that is still to come is a slip; a moderator's announces the question.
        """
        named = [
            f"Q{label.number}"
            for label in reading.labels
            if (label.place is not Place.MIDDLE) is firm and f"Q{label.number}" in self.posed
        ]
        if not named:
            return None
        if reading.author in self.moderators:
            return named[0], LABELLED if firm else MENTIONED, "label"
        posed = [name for name in named if self.posed[name] <= reading.at + SKEW]
        if not posed:
            topic = self._current(reading)
            return (topic, SLIPPED, "time") if firm and reading.post.reply_to is None else None
        parent = self.filed.get(reading.post.reply_to or "")
        topic = parent.topic if parent and parent.topic in posed else max(posed, key=self.posed.__getitem__)
        return topic, (LABELLED if firm else MENTIONED) if len(posed) == 1 else TWO_LABELS, "label"

    def _by_reply(self, reading: Reading) -> tuple[str, float, str] | None:
        above = reading.post.reply_to
        parent = self.filed.get(above or "")
        if parent is not None:
            return parent.topic, max(FAINT, parent.confidence * STEP[parent.reason == "label"]), "reply"
        if above in self.beside:
            moment, topic = self.beside[above]
            if abs(reading.at - moment) <= RECENT:
                return topic, BESIDE, "reply"
        return None

    def _by_quote(self, reading: Reading) -> tuple[str, float, str] | None:
        target = self.filed.get(reading.quotes or "")
        return (target.topic, max(FAINT, target.confidence * QUOTED), "quote") if target else None

    def _by_farewell(self, reading: Reading) -> tuple[str, float, str] | None:
        if not self.is_closing(reading):
            return None
        thanks, farewell = THANKS.search(reading.text), FAREWELL.search(reading.text)
        if (thanks and farewell) or ((thanks or farewell) and reading.post.reply_to not in self.filed):
            return WRAPUP, CLOSED, "content"
        if reading.author in self.moderators and reading.post.reply_to is None and reading.at >= self.over:
            return WRAPUP, TIMED, "time"
        return None

    def _by_greeting(self, reading: Reading) -> tuple[str, float, str] | None:
        if reading.post.reply_to is not None or reading.at >= self.window.end:
            return None
        greets, presents = GREETING.match(reading.text, before_words(reading.text)), PRESENTS.search(reading.text)
        arrives = ARRIVES.match(reading.text, before_words(reading.text)) and (presents or len(reading.words) <= SHORT)
        if arrives or (greets and (presents or self._is_early(reading))):
            return INTRO, GREETED, "content"
        return None

    def _by_partner(self, reading: Reading) -> tuple[str, float, str] | None:
        """File a reply whose parent nobody has with what the two last talked about, or what the other last did."""
        if reading.post.reply_to is None:
            return None
        partners = self._partners(reading)
        pairs = [self.by_pair[reading.author, one] for one in partners if (reading.author, one) in self.by_pair]
        recent = [pair for pair in pairs if abs(reading.at - pair[0]) <= RECENT]
        if recent:
            return max(recent)[1], PARTNERED, "reply"
        own = [self.by_author[one][-1] for one in partners if one in self.by_author]
        recent = [last for last in own if abs(reading.at - last[0]) <= RECENT]
        return (max(recent)[1], PARTNERED, "reply") if recent else None

    def _by_time(self, reading: Reading) -> tuple[str, float, str]:
        index = bisect_right(self.times, reading.at)
        if index == 0:
            return INTRO, GREETED, "time"
        current = self.labels[index - 1]
        own = self.by_author.get(reading.author)
        if own and reading.author not in self.moderators and abs(reading.at - own[-1][0]) <= OWN_THREAD:
            return own[-1][1], CONTINUED if own[-1][1] == current else TIMED, "time"
        return current, TIMED, "time"

    def _current(self, reading: Reading) -> str:
        index = bisect_right(self.times, reading.at)
        return self.labels[index - 1] if index else INTRO

    def _partners(self, reading: Reading) -> list[str]:
        replied = reading.post.reply_to_author
        if replied is not None and replied in self.by_author:
            return [replied]
        first = next(iter(reading.mentions), None)
        named = self.by_handle.get(first) if first else None
        return [named] if named else []

    def is_closing(self, reading: Reading) -> bool:
        return reading.at >= self.closing

    def _is_early(self, reading: Reading) -> bool:
        return len(self.times) < 2 or reading.at < self.times[1]

    def _find_closing(self, readings: Sequence[Reading]) -> datetime:
        """Find when the session closes: a moderator thanks after the last question, or the hour is over."""
        end = self.window.end - timedelta(minutes=2)
        for reading in readings:
            if reading.at < self.times[-1] or reading.answers_somebody or reading.author not in self.moderators:
                continue
            if THANKS.search(reading.text) and FAREWELL.search(reading.text):
                return min(end, reading.at)
        return max(end, self.times[-1])


def _parents_first(readings: Sequence[Reading]) -> Iterator[Reading]:
    """Go through the posts in order of time, but a parent (or what is quoted) before those who refer to it."""
    by_uid = {reading.uid: reading for reading in readings}
    done: set[str] = set()
    for reading in readings:
        path = [reading]
        on_path = {reading.uid}
        while path:
            top = path[-1]
            waiting = next(
                (
                    by_uid[uid]
                    for uid in (top.post.reply_to, top.quotes)
                    if uid is not None and uid in by_uid and uid not in done and uid not in on_path
                ),
                None,
            )
            if waiting is not None:
                path.append(waiting)
                on_path.add(waiting.uid)
                continue
            path.pop()
            if top.uid not in done:
                done.add(top.uid)
                yield top


# Words that add nothing of their own.
AGREEMENT = re.compile(
    r"yes|yeah|yep|yup|no|nope|agreed|agree|exactly|this|true|totally|same|great|good|"
    r"awesome|amazing|lol|haha|ha|hah|thanks|thank|you|thx|ty|love|it|so|much|indeed|"
    r"absolutely|definitely|ok|okay|cool|nice|wow|welcome|sorry|oh|hmm|hm|brilliant|idea|"
    r"point|title|too|me|and|a|the|that|that's|is|i|very|really|well|said|of|course|"
    r"right|problem|np|here"
)


def _role(reading: Reading, topic: str) -> str:
    """Tell a contribution from thanks, jokes and logistics."""
    if reading.repeats or topic in {INTRO, WRAPUP, NONE}:
        return "chatter"
    said = reading.words
    substance = [word for word in said if not AGREEMENT.fullmatch(word)]
    if len(substance) <= 2 and not any(label.place is not Place.MIDDLE for label in reading.labels):
        return "chatter"
    return "answer"
