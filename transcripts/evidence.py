"""What the posts of a session say of each one's topic, whatever a person said of the filing.

Nodes are the posts, in order of time, and after them the posts that somebody replied to and nobody has. Each node has
what its own text and time say; edges join posts that are likely to have one topic. `weighing` weighs it all.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp, inf

from transcripts.cues import CONTINUES, LEAVES, greets, says_goodbye
from transcripts.labels import Place
from transcripts.model import INTRO, NONE, WRAPUP, Question, SessionPosts
from transcripts.reading import Reading
from transcripts.sessions import fold_tag
from transcripts.similarity import Likeness, centre, nearest, vectors
from transcripts.weights import Weights

SKEW = 2.0  # minutes by which the clocks of two networks may differ
NEVER = 1e-4  # the weight of a topic that nobody can have thought of yet
LAST_FADES = 3  # times as slowly as the others, since nothing follows it
LAST_QUESTION = 8.0  # minutes that the last question has, even after the hour
CIRCLES = 60  # posts back that are looked at for the same people
CONTINUED = 5.0  # minutes in which somebody goes on with (2/2)
FAR = 30.0  # minutes over which what is said joins two posts
SHORT = 3  # letters; words no longer tell nothing
STEM = 7  # letters: enough to tell words, few enough to join their forms
ALIKE = 0.12  # the least similarity that counts
NEIGHBOURS = 3
SOON, INSTANT = 0.5, 0.001  # minutes after which a post is answered, most likely and at least
WEAK = 0.02  # a pull below it is none
X_EPOCH = 1288834974657  # milliseconds, of the time in X's ids
TID = "234567abcdefghijklmnopqrstuvwxyz"  # of the time in Bluesky's


@dataclass(slots=True)
class Node:
    """One post's evidence: `clock` weighs the topics of the moment, `says` has odds by reason, `pulls` are its sources.

    `instead` has what its text says of the moment, in place of the clock and of what is said nearby.
    """

    at: float
    clock: list[float] = field(default_factory=list)
    instead: dict[int, float] = field(default_factory=dict)
    says: list[tuple[str, dict[int, float]]] = field(default_factory=list)
    pulls: dict[int, tuple[float, str]] = field(default_factory=dict)  # node: how strongly, and why


class Evidence:
    """All that speaks for a topic, before it is weighed together. It never changes, so that any filing can use it."""

    def __init__(
        self,
        session: SessionPosts,
        readings: Sequence[Reading],
        questions: Sequence[Question],
        moderators: Sequence[str],
        weights: Weights,
    ) -> None:
        """Collect the evidence.

        Args:
            session: whose posts.
            readings: of the same.
            questions: at least one.
            moderators: their keys.
            weights: what each kind is worth.
        """
        self.weights = weights
        self.readings = readings
        self.moderators = frozenset(moderators)
        self.zero = session.window.start
        self.index = {reading.uid: index for index, reading in enumerate(readings)}
        self.nodes = [Node(self._minutes(reading.at)) for reading in readings]
        self.parts: dict[str, str] = {}
        for question in questions:
            for uid in question.parts:
                self.parts.setdefault(uid, question.label)
        posed = sorted((self._posed(question), question.label) for question in questions)
        self.times = [moment for moment, _ in posed]
        self.topics = [INTRO, *(label for _, label in posed), WRAPUP, NONE]
        self.number = {topic: index for index, topic in enumerate(self.topics)}
        self.asked = {label: index for index, (_, label) in enumerate(posed)}
        self.end = self._minutes(session.window.end)
        self.opens = self._minutes(session.window.opens)
        self.here = {reading.author for reading in readings}
        self.close = self._find_close()
        self.over = max(self.end, self.times[-1] + LAST_QUESTION)
        self.posing = {self.index[uid]: self.number[topic] for uid, topic in self.parts.items() if uid in self.index}
        self.labelled: dict[int, int] = {}
        self.slips: set[tuple[str, str]] = set()
        self.turning: set[int] = set()  # posts that greet or part: they take up nothing that was said
        self._read_texts()
        self._compare(session, questions)
        for node in self.nodes:
            node.clock = self._by_clock(node.at)
        self._join_replies()
        self._join_people()

    # The text

    def _read_texts(self) -> None:
        """Take what each post says in so many words: labels, greetings, thanks, whom it speaks to."""
        weights = self.weights
        present = {
            reading.post.author_handle.removeprefix("@").casefold()
            for reading in self.readings
            if reading.post.author_handle
        }
        early = self.times[1] if len(self.times) > 1 else self.times[0] + 10
        for index, (reading, node) in enumerate(zip(self.readings, self.nodes, strict=True)):
            if self._labels(index, reading):
                continue
            replies = reading.post.reply_to is not None
            if not replies and node.at < self.end and greets(reading, early=node.at < early):
                node.instead[self.number[INTRO]] = 1.0
                self._say(index, "content", INTRO, weights.greets)
                self.turning.add(index)
            closing = node.at >= self.close
            leaves = (closing or not replies) and node.at > self.times[0] and LEAVES.search(reading.text) is not None
            bids = leaves + says_goodbye(reading) if closing else 0
            if bids > 1 or (leaves and not replies):
                node.instead[self.number[WRAPUP]] = weights.closing
                self._say(index, "content", WRAPUP, weights.parts)
                self.turning.add(index)
            elif bids:
                self._say(index, "content", WRAPUP, weights.thanks)
            elif reading.author in self.moderators and not replies and node.at >= self.over:
                self._say(index, "content", WRAPUP, weights.chairs)
            first = next(iter(reading.mentions), None)
            if first is not None and reading.post.reply_to not in self.index:
                addressed = reading.text.lstrip(' ."“').startswith("@")
                named = replies and reading.post.reply_to_author in self.here
                if addressed and not named and not present.intersection(reading.mentions):
                    self._say(index, "content", NONE, weights.outsider)

    def _labels(self, index: int, reading: Reading) -> bool:
        """Take the labels; say whether one stands at the head or tail."""
        weights, at = self.weights, self.nodes[index].at
        chairs = reading.author in self.moderators
        firm: list[str] = []
        passing: list[str] = []
        coming: list[str] = []
        announced: list[str] = []
        for label in reading.labels:
            name = f"Q{label.number}"
            if name not in self.asked:
                continue
            if self.times[self.asked[name]] > at + SKEW:
                (announced if chairs else coming).append(name)
            elif label.place is Place.MIDDLE:
                passing.append(name)
            else:
                firm.append(name)
        for name in firm:
            self._say(index, "label", name, weights.label if len(firm) == 1 else weights.two_labels)
        if len(firm) == 1:
            self.labelled[index] = self.number[firm[0]]
        elif not firm:
            for name in passing:
                self._say(index, "label", name, weights.passing)
            for name in announced:
                self._foresee(index, name, weights.announced)
            for name in coming:
                if (reading.author, name) not in self.slips:  # one mistake, however often it is repeated
                    self.slips.add((reading.author, name))
                    self._foresee(index, name, weights.slip)
        return bool(firm)

    def _compare(self, session: SessionPosts, questions: Sequence[Question]) -> None:
        """Compare words, links and hashtags: with the questions, and with each other."""
        weights = self.weights
        tags = frozenset(fold_tag(tag) for tag in session.hashtags)
        made = self.vectors = vectors([_terms(reading, tags) for reading in self.readings])
        asked = [
            (self.number[question.label], centre(made[self.index[uid]] for uid in question.parts if uid in self.index))
            for question in questions
        ]
        likeness = Likeness([column for _, column in asked])
        for index, vector in enumerate(made):
            if vector:
                said = {asked[place][0]: weights.like_question**value for place, value in likeness.of(vector).items()}
                if said:
                    self.nodes[index].says.append(("content", said))
        alone = {
            index
            for index, reading in enumerate(self.readings)
            if reading.post.reply_to not in self.index and index not in self.labelled
        }
        for later, earlier, similarity in nearest(
            made, number=NEIGHBOURS, least=ALIKE, alone=alone, skip=self.posing.keys()
        ):
            apart = self.nodes[later].at - self.nodes[earlier].at
            pull = weights.similar * similarity * similarity * exp(-apart / weights.similar_fade)
            if self.readings[later].author == self.readings[earlier].author:
                pull *= weights.similar_own
            self._join(later, earlier, pull, "content")

    # The time

    def _by_clock(self, at: float) -> list[float]:
        """Weigh each topic by the time since it was posed."""
        weights, last = self.weights, len(self.times) - 1
        first, late = at - self.times[0], at - self.close
        row = [1.0 if first < 0 else weights.floor / 3 + 0.5 * exp(-first / weights.arrivals)]
        for place, posed in enumerate(self.times):
            since = at - posed
            if since < 0:
                share = weights.floor * exp(since / 0.5) + NEVER  # clocks differ
            elif place < last and at > self.times[place + 1]:
                share = exp(-(at - self.times[place + 1]) / weights.fade) + weights.floor
            elif place == last and at > self.over:
                share = exp(-(at - self.over) / (LAST_FADES * weights.fade)) + weights.floor
            else:
                share = 1 - exp(-(since + 0.1) / weights.ramp)
            row.append(share)
        closing = weights.closing / (1 + exp(-max(-30.0, min(30.0, late)) / 2)) + NEVER
        return [*row, closing, weights.nothing]

    # What joins posts

    def _join_replies(self) -> None:
        """Join replies and quotes to what they answer; a post that nobody has stands for itself."""
        weights = self.weights
        missing: dict[str, int] = {}
        self.spoken_to: dict[int, tuple[str, ...]] = {}  # by a post that nobody has: whoever answers it, most likely
        self.authors: list[str | None] = [reading.author for reading in self.readings]
        for index, reading in enumerate(self.readings):
            above = reading.post.reply_to
            if above is not None and above != reading.uid:
                parent = self.index.get(above)
                if parent is None:
                    parent = missing.get(above)
                    if parent is None:
                        parent = missing[above] = self._stand_in(above, reading)
                    strength = weights.reply
                elif above in self.parts:
                    strength = weights.reply_to_question
                else:
                    strength = weights.reply if reading.answers_somebody else weights.own_reply
                self._join(index, parent, strength, "reply")
            root = reading.post.conversation
            if above is not None and above not in self.index and root != above and root in self.index:
                self._join(index, self.index[root], weights.conversation, "reply")
            quoted = self.index.get(reading.quotes or "")
            if quoted is not None and quoted != index and reading.quotes != above:
                asks = reading.quotes in self.parts
                self._join(index, quoted, weights.quote_of_question if asks else weights.quote, "quote")

    def _stand_in(self, uid: str, reply: Reading) -> int:
        """Make a node for a post that nobody has: of somebody who is here or not, at the time that its id tells."""
        answered = self._minutes(reply.at)
        made = _time_of(uid)
        at = min(self._minutes(made) if made else answered - SOON, answered - INSTANT)
        here = at >= self.opens
        node = Node(at if here else answered)
        node.clock = self._by_clock(node.at)
        author = reply.post.reply_to_author
        if not here or (author is not None and author not in self.here):
            node.instead[self.number[NONE]] = self.weights.stranger
        self.nodes.append(node)
        self.authors.append(author if here else None)
        self.spoken_to[len(self.nodes) - 1] = (reply.author,)
        return len(self.nodes) - 1

    def _join_people(self) -> None:
        """Join a person's posts, what the same people said to each other, and a post to the last of whom it names."""
        weights = self.weights
        handles = {
            reading.post.author_handle.removeprefix("@").casefold(): reading.author
            for reading in self.readings
            if reading.post.author_handle
        }
        order = sorted(range(len(self.nodes)), key=lambda index: (self.nodes[index].at, index))
        last_of: dict[str, int] = {}
        circles: list[tuple[float, int, frozenset[str]]] = []  # who spoke to whom
        for index in order:
            author = self.authors[index]
            if author is None:
                continue
            at = self.nodes[index].at
            last = last_of.get(author)
            last_of[author] = index
            reading = self.readings[index] if index < len(self.readings) else None
            named = self._named(reading, handles) if reading else list(self.spoken_to.get(index, ()))
            circle = frozenset((author, *named))
            if index not in self.turning:
                if last is not None and at - self.nodes[last].at <= FAR:
                    self._join_author(index, last, reading)
                if named and (reading is None or reading.post.reply_to not in self.index):
                    self._join_circle(index, circle, circles)
                    for partner in named[:2]:
                        spoke = last_of.get(partner)
                        if spoke is not None and at - self.nodes[spoke].at <= FAR:
                            apart = at - self.nodes[spoke].at
                            self._join(index, spoke, weights.mention * exp(-apart / weights.mention_fade), "reply")
                if named:
                    circles.append((at, index, circle))

    def _join_author(self, index: int, last: int, reading: Reading | None) -> None:
        weights = self.weights
        apart = self.nodes[index].at - self.nodes[last].at
        if reading and apart <= CONTINUED and not reading.labels and CONTINUES.search(reading.text):
            self._join(index, last, weights.continued, "time")
        else:
            base = weights.moderator if self.authors[index] in self.moderators else weights.author
            self._join(index, last, base * exp(-apart / weights.author_fade), "time")

    def _join_circle(
        self, index: int, circle: frozenset[str], circles: list[tuple[float, int, frozenset[str]]]
    ) -> None:
        """Join a post to the last one that mostly the same people exchanged."""
        weights = self.weights
        at = self.nodes[index].at
        best, found, before = 0.0, None, -inf
        for then, one, other in reversed(circles[-CIRCLES:]):
            if then < before:
                break  # even the very same people weighed less
            shared = len(circle & other)
            if shared >= 2:
                weight = shared / len(circle | other) / (1 + (at - then) / weights.circle_fade)
                if weight > best:
                    best, found = weight, one
                    before = at - weights.circle_fade * (1 / best - 1)
        if found is not None:
            self._join(index, found, weights.circle * best, "reply")

    def _named(self, reading: Reading, handles: Mapping[str, str]) -> list[str]:
        """Whom a post speaks to, of those who are here; whom it replies to first."""
        named: dict[str, None] = {}
        if reading.answers_somebody and reading.post.reply_to_author:
            named[reading.post.reply_to_author] = None
        for handle in reading.mentions:
            named[handles.get(handle, handle)] = None
        named.pop(reading.author, None)
        return list(named)

    # Small things

    def _foresee(self, index: int, topic: str, odds: float) -> None:
        """Let a post speak of a question that is still to come."""
        self.nodes[index].instead[self.number[topic]] = odds
        self._say(index, "label", topic, self.weights.passing)

    def _say(self, index: int, why: str, topic: str, odds: float) -> None:
        self.nodes[index].says.append((why, {self.number[topic]: odds}))

    def _join(self, node: int, source: int, pull: float, why: str) -> None:
        """Let a node take its topic from another; of two ways to the same one the stronger counts."""
        pulls = self.nodes[node].pulls
        if pull >= WEAK and node != source and pull > pulls.get(source, (0.0, ""))[0]:
            pulls[source] = (pull, why)

    def _minutes(self, moment: datetime) -> float:
        return (moment - self.zero) / timedelta(minutes=1)

    def _posed(self, question: Question) -> float:
        index = self.index.get(question.uid)
        return self.nodes[index].at if index is not None else 0.0

    def _find_close(self) -> float:
        """Find when the session closes: a moderator thanks after the last question, or the hour is over."""
        end = max(self.end - 2, self.times[-1] + LAST_QUESTION / 2)
        for reading, node in zip(self.readings, self.nodes, strict=True):
            if node.at < self.times[-1] or reading.answers_somebody or reading.author not in self.moderators:
                continue
            if says_goodbye(reading) > 1:
                return min(end, node.at)
        return end


def _terms(reading: Reading, tags: frozenset[str]) -> list[str]:
    """The words of a post that may tell its topic, shortened; its links and its hashtags."""
    terms = [word[:STEM] for word in reading.words if len(word) > SHORT]
    terms += [folded[:STEM] for tag in reading.post.hashtags or () if (folded := fold_tag(tag)) not in tags]
    terms += [link.url for link in reading.post.links or ()]
    return terms


def _time_of(uid: str) -> datetime | None:
    """When a post was made, from its id alone: X and Bluesky count time in theirs."""
    platform, _, rest = uid.partition(":")
    try:
        if platform == "x" and len(rest) > 14 and rest.isdecimal():
            return datetime.fromtimestamp(((int(rest) >> 22) + X_EPOCH) / 1000, UTC)
        key = rest.rpartition("/")[2]
        if platform == "bluesky" and re.fullmatch(f"[{TID}]{{13}}", key):
            ticks = 0
            for letter in key:
                ticks = ticks * 32 + TID.index(letter)
            return datetime.fromtimestamp((ticks >> 10) / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
