"""What the posts of a session say of each one's topic, as a graph for `belief`.

Nodes are the posts, in order of time, and after them the posts that somebody replied to and nobody has. Each node has
what its own text and time say; edges join posts that are likely to have one topic.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp

from transcripts.belief import Graph
from transcripts.cues import CONTINUES, LEAVES, greets, says_goodbye
from transcripts.labels import Place
from transcripts.model import INTRO, NONE, WRAPUP, Question, SessionPosts
from transcripts.reading import Reading
from transcripts.sessions import fold_tag
from transcripts.similarity import Likeness, Middles, centre, nearest, vectors
from transcripts.weights import Weights

SKEW = 2.0  # minutes by which the clocks of two networks may differ
NEVER = 1e-4  # the weight of a topic that nobody can have thought of yet
LAST_FADES = 3  # times as slowly as the others, since nothing follows it
LAST_QUESTION = 8.0  # minutes that the last question has, even after the hour
CIRCLES = 60  # posts back that are looked at for the same people
FAR = 30.0  # minutes over which what is said joins two posts
LIKELY = 0.3  # the least share of a topic with which a post teaches its words
STEM = 7  # letters: enough to tell words, few enough to join their forms
ALIKE = 0.12  # the least similarity that counts
NEIGHBOURS = 3
SOON, INSTANT = 0.5, 0.001  # minutes after which a post is answered, most likely and at least
LONG = 10  # words; whoever says so much without thanks has not come to say goodbye
WEAK = 0.02  # a pull below it is none
X_EPOCH = 1288834974657  # milliseconds, of the time in X's ids
TID = "234567abcdefghijklmnopqrstuvwxyz"  # of the time in Bluesky's


@dataclass(slots=True)
class Node:
    """One post's evidence: `clock` weighs the topics of the moment, `says` has odds by reason, `pulls` are its sources.

    `resembles` has the odds that its words give each topic, for what is filed there.
    """

    at: float
    clock: dict[int, float] = field(default_factory=dict)
    says: list[tuple[str, dict[int, float]]] = field(default_factory=list)
    resembles: dict[int, float] = field(default_factory=dict)
    pulls: dict[int, tuple[float, str]] = field(default_factory=dict)  # node: how strongly, and why


class Evidence:
    """All that speaks for a topic, before it is weighed together."""

    def __init__(
        self,
        session: SessionPosts,
        readings: Sequence[Reading],
        questions: Sequence[Question],
        moderators: Sequence[str],
        known: Mapping[str, str],
        weights: Weights,
    ) -> None:
        """Collect the evidence.

        Args:
            session: whose posts.
            readings: of the same.
            questions: at least one.
            moderators: their keys.
            known: topics by uid that a person gave.
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
        self.known = {self.index[uid]: self.number[topic] for uid, topic in self.parts.items() if uid in self.index}
        self.corrected = {
            self.index[uid]: self.number[topic]
            for uid, topic in known.items()
            if uid in self.index and topic in self.number
        }
        self.known |= self.corrected
        self.labelled: dict[int, int] = {}
        self.slips: set[tuple[str, str]] = set()
        self.turning: set[int] = set()  # posts that greet or part: they take up nothing that was said
        self._read_texts()
        self._compare(session, questions)
        self._weigh_time()
        self._join_replies()
        self._join_people()

    def graph(self) -> Graph:
        """Weigh each node's own evidence and join the nodes."""
        topics = range(len(self.topics))
        priors = [[node.clock.get(topic, NEVER) for topic in topics] for node in self.nodes]
        sources = [[(source, pull) for source, (pull, _) in node.pulls.items()] for node in self.nodes]
        return Graph(priors, [self._odds(node) for node in self.nodes], sources, self.known)

    def learn(self, graph: Graph) -> None:
        """Learn the words of each topic from what the graph files there, and weigh its nodes by them anew."""
        shares: dict[int, dict[int, float]] = {}
        for index in range(len(self.readings)):
            belief = graph.beliefs[index]
            least = LIKELY * sum(belief)
            likely = {topic: one for topic, one in enumerate(belief) if one >= least}
            if likely:
                scale = LIKELY / least
                shares[index] = {topic: one * scale for topic, one in likely.items()}
        self._resemble(shares)
        for index, node in enumerate(self.nodes):
            if node.resembles:
                graph.weigh(index, self._odds(node))

    def _odds(self, node: Node) -> list[float]:
        """Multiply what speaks for each topic."""
        row = [1.0] * len(self.topics)
        for _, odds in node.says:
            for topic, factor in odds.items():
                row[topic] *= factor
        for topic, factor in node.resembles.items():
            row[topic] *= factor
        return row

    def reason(self, graph: Graph, index: int, topic: int) -> str:
        """Say what spoke most for a topic: label, reply, quote, content or time."""
        node = self.nodes[index]
        others = len(self.topics) - 1
        strength: dict[str, float] = {}
        for why, odds in (*node.says, ("content", node.resembles)):
            mine, rest = 1.0, sum(odds.values()) + others - len(odds)
            if topic in odds:
                mine = odds[topic]
                rest += 1.0 - mine
            strength[why] = strength.get(why, 1.0) * mine * others / rest
        own = max(strength, key=lambda why: (strength[why], why))
        above: dict[str, float] = {"time": graph.priors[index][topic]}
        for source, pull in graph.sources[index]:
            why = node.pulls[source][1]
            above[why] = above.get(why, 0.0) + pull * graph.beliefs[source][topic]
        total = sum(above.values())
        if strength[own] * (1.0 - total) > total * others:
            return own
        return max(above, key=lambda why: (above[why], why))

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
                node.clock[self.number[INTRO]] = 1.0
                self._say(index, "content", INTRO, weights.greets)
                self.turning.add(index)
            closing = node.at >= self.close
            leaves = (closing or not replies) and node.at > self.times[0] and LEAVES.search(reading.text) is not None
            bids = leaves + says_goodbye(reading) if closing else 0
            if bids > 1 or (leaves and not replies):
                node.clock[self.number[WRAPUP]] = weights.closing
                self._say(index, "content", WRAPUP, weights.parts)
                self.turning.add(index)
            elif bids:
                self._say(index, "content", WRAPUP, weights.thanks)
            elif reading.author in self.moderators and not replies and node.at >= self.over:
                self._say(index, "content", WRAPUP, weights.chairs)
            if len(reading.words) >= LONG and not self.nodes[index].says:
                self._say(index, "content", WRAPUP, weights.talks)
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
        """Compare words, links and hashtags: with the questions, with what is labelled, and with each other."""
        weights = self.weights
        tags = frozenset(fold_tag(tag) for tag in session.hashtags)
        documents = [list(_terms(reading, tags)) for reading in self.readings]
        made = self.vectors = vectors(documents)
        asked = [
            (self.number[question.label], centre(made[self.index[uid]] for uid in question.parts if uid in self.index))
            for question in questions
        ]
        likeness = Likeness([column for _, column in asked])
        for index, vector in enumerate(made):
            if vector and index not in self.known:
                said = {asked[place][0]: weights.like_question**value for place, value in likeness.of(vector).items()}
                if said:
                    self.nodes[index].says.append(("content", said))
        self._resemble({index: {topic: 1.0} for index, topic in {**self.labelled, **self.known}.items()})
        alone = {
            index
            for index, reading in enumerate(self.readings)
            if reading.post.reply_to not in self.index and index not in self.labelled
        }
        for later, earlier, similarity in nearest(
            made, number=NEIGHBOURS, least=ALIKE, alone=alone, skip=self._asking()
        ):
            apart = self.nodes[later].at - self.nodes[earlier].at
            pull = weights.similar * similarity * similarity * exp(-apart / weights.similar_fade)
            if self.readings[later].author == self.readings[earlier].author:
                pull *= weights.similar_own
            self._join(later, earlier, pull, "content")

    def _resemble(self, shares: Mapping[int, Mapping[int, float]]) -> None:
        """Compare each post with the middle of the others in each topic, given how far each post belongs there."""
        middles = Middles(self.vectors, shares, len(self.topics))
        asked, odds = range(1, 1 + len(self.times)), self.weights.like_answers
        for index in range(len(self.readings)):
            if self.vectors[index] and index not in self.known:
                alike = middles.of(index)
                self.nodes[index].resembles = {topic: odds ** alike[topic] for topic in asked if topic in alike}

    def _asking(self) -> set[int]:
        return {self.index[uid] for uid in self.parts if uid in self.index}

    # The time

    def _weigh_time(self) -> None:
        """Weigh each topic by the time since it was posed, and by what is labelled nearby."""
        labelled = {index: topic for index, topic in self.labelled.items() if index not in self.corrected}
        labelled |= {index: self.known[index] for index in self._asking()}  # those who were asked about are exceptions
        crowd: list[dict[int, float]] = [{} for _ in self.nodes]
        for order in (range(len(self.nodes)), range(len(self.nodes) - 1, -1, -1)):
            heard: dict[int, float] = {}
            last = self.nodes[order[0]].at if order else 0.0
            for index in order:
                faded = exp(-abs(self.nodes[index].at - last) / self.weights.nearby)
                last = self.nodes[index].at
                for topic in heard:
                    heard[topic] *= faded
                mine = crowd[index]
                for topic, weight in heard.items():
                    mine[topic] = mine.get(topic, 0.0) + weight
                if index in labelled:
                    heard[labelled[index]] = heard.get(labelled[index], 0.0) + self.weights.crowd
        for index, node in enumerate(self.nodes):
            if index not in self.known:
                odds = self._by_clock(node.at)
                for topic, weight in crowd[index].items():
                    odds[topic] = odds.get(topic, 0.0) + weight
                node.clock = {**odds, **node.clock}

    def _by_clock(self, at: float) -> dict[int, float]:
        weights = self.weights
        odds: dict[int, float] = {}
        for place, posed in enumerate(self.times):
            since = at - posed
            if since < 0:
                odds[1 + place] = weights.floor * exp(since / 0.5) + NEVER  # clocks differ
                continue
            share = 1 - exp(-(since + 0.1) / weights.ramp)
            if place + 1 < len(self.times) and at > self.times[place + 1]:
                share = exp(-(at - self.times[place + 1]) / weights.fade) + weights.floor
            elif place + 1 == len(self.times) and at > self.over:
                share = exp(-(at - self.over) / (LAST_FADES * weights.fade)) + weights.floor
            odds[1 + place] = share
        first = at - self.times[0]
        odds[self.number[INTRO]] = 1.0 if first < 0 else weights.floor / 3 + 0.5 * exp(-first / weights.arrivals)
        late = at - self.close
        odds[self.number[WRAPUP]] = weights.closing / (1 + exp(-max(-30.0, min(30.0, late)) / 2)) + NEVER
        odds[self.number[NONE]] = weights.nothing
        return odds

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
            node.clock[self.number[NONE]] = self.weights.stranger
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
        if reading and CONTINUES.search(reading.text) and apart <= 5 and not reading.labels:
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
        best, found = 0.0, None
        for then, one, other in reversed(circles[-CIRCLES:]):
            shared = len(circle & other)
            if shared >= 2:
                weight = shared / len(circle | other) / (1 + (at - then) / weights.circle_fade)
                if weight > best:
                    best, found = weight, one
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
        self.nodes[index].clock[self.number[topic]] = odds
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


def _terms(reading: Reading, tags: frozenset[str]) -> Iterator[str]:
    """The words of a post that may tell its topic, shortened; its links and its hashtags."""
    for word in reading.words:
        if len(word) > 3:
            yield word[:STEM]
    for tag in reading.post.hashtags or ():
        folded = fold_tag(tag)
        if folded not in tags:
            yield folded[:STEM]
    for link in reading.post.links or ():
        yield link.url


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
