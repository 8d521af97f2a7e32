"""The evidence of a session and what a person said of its filing, weighed together.

Beliefs are settled twice: the first time, roughly, with the words of the posts that say where they belong; then what
the posts are filed under teaches each topic's words, which are evidence again.
"""

from collections.abc import Mapping
from math import exp
from operator import mul

from transcripts.belief import Graph, Row
from transcripts.evidence import NEVER, Evidence
from transcripts.similarity import Middles

LIKELY = 0.3  # the least share of a topic with which a post teaches its words
ROUGHLY = 2  # sweeps, there and back: enough to learn the words of a topic from what is filed there


class Weighing:
    """What evidence and corrections lead to: `graph` has the beliefs.

    Args:
        evidence: of the session, left as it is.
        corrections: topics by uid that a person gave.
    """

    def __init__(self, evidence: Evidence, corrections: Mapping[str, str]) -> None:
        self.evidence = evidence
        corrected = {
            evidence.index[uid]: evidence.number[topic]
            for uid, topic in corrections.items()
            if uid in evidence.index and topic in evidence.number
        }
        self._known = evidence.posing | corrected
        self._said = [self._multiply(place) for place in range(len(evidence.nodes))]
        self._alike: dict[int, Row] = {}  # by place, the odds that its words give each topic
        self._compare({place: {topic: 1.0} for place, topic in (evidence.labelled | self._known).items()})
        self.graph = Graph(
            self._moments(corrected),
            [self._odds(place) for place in range(len(evidence.nodes))],
            [[(source, pull) for source, (pull, _) in node.pulls.items()] for node in evidence.nodes],
            self._known,
        )
        self.graph.settle(ROUGHLY)
        self._learn()
        self.graph.settle()

    def reason(self, place: int, topic: int) -> str:
        """Say what spoke most for a topic: label, reply, quote, content or time."""
        node, graph = self.evidence.nodes[place], self.graph
        others = graph.topics - 1
        strength: dict[str, float] = {"content": 1.0}
        for why, odds in node.says:
            mine, rest = 1.0, sum(odds.values()) + others - len(odds)
            if topic in odds:
                mine = odds[topic]
                rest += 1.0 - mine
            strength[why] = strength.get(why, 1.0) * mine * others / rest
        if place in self._alike:
            row = self._alike[place]
            strength["content"] *= row[topic] * others / (sum(row) - row[topic])
        own = max(strength, key=lambda why: (strength[why], why))
        above: dict[str, float] = {"time": graph.priors[place][topic]}
        for source, pull in graph.sources[place]:
            why = node.pulls[source][1]
            above[why] = above.get(why, 0.0) + pull * graph.beliefs[source][topic]
        total = sum(above.values())
        if strength[own] * (1.0 - total) > total * others:
            return own
        return max(above, key=lambda why: (above[why], why))

    def _moments(self, corrected: Mapping[int, int]) -> list[Row]:
        """Weigh each node's topics of the moment: by the clock, by what is labelled nearby, by what its text says."""
        evidence = self.evidence
        labelled = {place: topic for place, topic in evidence.labelled.items() if place not in corrected}
        labelled |= {place: self._known[place] for place in evidence.posing}  # whoever was asked about is an exception
        moments = [list(node.clock) for node in evidence.nodes]
        posts = range(len(evidence.readings))
        for order in (posts, reversed(posts)):
            heard, last = [0.0] * len(evidence.topics), 0.0
            for place in order:
                at = evidence.nodes[place].at
                faded = exp(-abs(at - last) / evidence.weights.nearby)
                last = at
                heard = [one * faded for one in heard]
                moments[place] = [one + other for one, other in zip(moments[place], heard, strict=True)]
                if place in labelled:
                    heard[labelled[place]] += evidence.weights.crowd
        for moment, node in zip(moments, evidence.nodes, strict=True):
            for topic, weight in node.instead.items():
                moment[topic] = weight
        for place in self._known:
            moments[place] = [NEVER] * len(evidence.topics)
        return moments

    def _multiply(self, place: int) -> Row:
        """Multiply what a node's own text says for each topic."""
        row = [1.0] * len(self.evidence.topics)
        for _, odds in self.evidence.nodes[place].says:
            for topic, factor in odds.items():
                row[topic] *= factor
        return row

    def _odds(self, place: int) -> Row:
        """The same, and what its words are like."""
        said = self._said[place]
        return list(map(mul, said, self._alike[place])) if place in self._alike else said

    def _compare(self, shares: Mapping[int, Mapping[int, float]]) -> None:
        """Compare each post with the middle of the others of each question, given how far each post belongs there."""
        evidence = self.evidence
        middles = Middles(evidence.vectors, shares, range(1, 1 + len(evidence.times)))
        odds = evidence.weights.like_answers
        self._alike = {
            place: [1.0, *[odds**alike for alike in middles.of(place)], 1.0, 1.0]
            for place, vector in enumerate(evidence.vectors)
            if vector and place not in self._known
        }

    def _learn(self) -> None:
        """Learn the words of each topic from what the graph files there, and weigh its nodes by them anew."""
        shares: dict[int, dict[int, float]] = {}
        for place in range(len(self.evidence.readings)):
            belief = self.graph.beliefs[place]
            scale = 1.0 / sum(belief)
            shares[place] = {topic: one * scale for topic, one in enumerate(belief) if one * scale >= LIKELY}
        self._compare(shares)
        for place in self._alike:
            self.graph.weigh(place, self._odds(place))
