"""Joint inference: what all posts together say of each one's topic.

The story that the model tells of a chat: whoever writes a post takes up the topic of one earlier post (the one that it
replies to, most likely, or what its author said before, or what it resembles), or else a topic of the moment. So each
node has sources with the probabilities that it copies them, a prior for when it copies none, and what its own text
says. The beliefs are found by loopy belief propagation (Pearl 1988; Murphy, Weiss and Jordan 1999), there and back in
order of time until nothing changes. Pure numbers: this module knows nothing of posts.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from math import dist
from operator import mul, truediv

SETTLED = 0.02  # a change by less is not passed on
SWEEPS = 10  # there and back; loops that still turn are left as they are
STEPS = 300  # nodes that one supposition may reach
FAINT = 0.05  # the least share of a pull that is followed
LEAST = 1e-9
Row = list[float]


class Graph:
    """Nodes, in order of time as far as it is known.

    Args:
        priors: for each node the weight of each topic when it copies nobody; any scale.
        evidence: for each node the odds that its own text gives each topic.
        sources: for each node the nodes that it may take its topic from, with how strongly each pulls, where the
            prior pulls with 1.
        known: nodes whose topic is certain.
    """

    def __init__(
        self,
        priors: Sequence[Row],
        evidence: Sequence[Row],
        sources: Sequence[Sequence[tuple[int, float]]],
        known: Mapping[int, int],
    ) -> None:
        self.topics = len(priors[0]) if priors else 0
        self.evidence = [_normal(row) for row in evidence]
        self.known = dict(known)
        self.sources: list[list[tuple[int, float]]] = []
        self.priors: list[Row] = []
        self.children: list[list[tuple[int, int]]] = [[] for _ in priors]  # child, the slot of its message to us
        for node, (prior, pulls) in enumerate(zip(priors, sources, strict=True)):
            least = FAINT * (1.0 + sum([pull for _, pull in pulls]))
            kept = [(source, pull) for source, pull in pulls if pull >= least]
            total = 1.0 + sum([pull for _, pull in kept])
            scale = 1.0 / ((sum(prior) or 1.0) * total)
            self.priors.append([one * scale + LEAST for one in prior])
            self.sources.append([(source, pull / total) for source, pull in kept])
            for slot, (source, _) in enumerate(kept):
                self.children[source].append((node, slot))
        for node, topic in self.known.items():
            self.evidence[node] = self._certain(topic)
        self.nothing = [1.0] * self.topics  # rows are replaced, never changed, so one will do
        self.messages: list[list[Row]] = [[self.nothing] * len(slots) for slots in self.sources]
        self.dirty = bytearray([1]) * len(self.priors)
        self.beliefs: list[Row] = list(self.priors)

    def weigh(self, node: int, evidence: Row) -> None:
        """Give a node other evidence; the beliefs follow when they are settled again."""
        if node not in self.known:
            self.evidence[node] = _normal(evidence)
            self.dirty[node] = 1

    def copy(self) -> "Graph":
        """The same nodes, whose beliefs can change while these stay."""
        twin = copy(self)
        twin.evidence, twin.known, twin.dirty = list(self.evidence), dict(self.known), bytearray(self.dirty)
        twin.beliefs, twin.messages = list(self.beliefs), list(self.messages)  # rows are replaced, never changed
        return twin

    def know(self, node: int, topic: int) -> None:
        """Take a node's topic for certain; the beliefs follow when they are settled again."""
        self.known[node] = topic
        self.evidence[node] = self._certain(topic)
        self.dirty[node] = 1

    def settle(self, sweeps: int = SWEEPS) -> None:
        """Find all beliefs, or nearly, when fewer sweeps are allowed."""
        size, dirty = len(self.priors), self.dirty
        for sweep in range(sweeps):
            for node in range(size) if sweep % 2 == 0 else range(size - 1, -1, -1):
                if dirty[node]:
                    dirty[node] = 0
                    for one in self._update(node):
                        dirty[one] = 1
            if not any(dirty):
                break

    def suppose(self, node: int, topic: int) -> dict[int, Row]:
        """Say which beliefs would change, and to what, if this node's topic were known. Changes nothing."""
        was, self.evidence[node] = self.evidence[node], self._certain(topic)
        saved: dict[int, tuple[Row, list[Row]]] = {}
        ahead = [node]
        steps = 0
        while ahead and steps < STEPS:
            following: dict[int, None] = {}
            for one in ahead:
                if one not in saved:
                    saved[one] = (self.beliefs[one], self.messages[one])
                following.update(dict.fromkeys(self._update(one)))
                steps += 1
            ahead = list(following)
        changed = {one: self.beliefs[one] for one in saved}
        for one, (belief, messages) in saved.items():
            self.beliefs[one], self.messages[one] = belief, messages
        self.evidence[node] = was
        return changed

    def _update(self, node: int) -> list[int]:
        """Work out one node's belief and what it tells its sources; return the nodes that this concerns."""
        below, children, messages = self.evidence[node], self.children[node], self.messages
        if children:
            for child, slot in children:
                below = [*map(mul, below, messages[child][slot])]
            scale = 1.0 / (sum(below) or 1.0)
            below = [one * scale + LEAST for one in below]
        belief, sources, beliefs = [*map(mul, self.priors[node], below)], self.sources[node], self.beliefs
        fits: list[float] = []  # how well what each source says fits what is said below
        for (source, pull), message in zip(sources, messages[node], strict=True):
            without = beliefs[source] if message is self.nothing else [*map(truediv, beliefs[source], message)]
            scale = pull / sum(without)
            copied = [*map(mul, without, below)]
            belief = [one + scale * other for one, other in zip(belief, copied, strict=True)]
            fits.append(scale * sum(copied))
        total = sum(belief)
        scale = 1.0 / (total or 1.0)
        belief = [one * scale + LEAST for one in belief]
        concerns: list[int] = []
        if children and _differ(belief, beliefs[node]):
            concerns = [child for child, _ in children]
        beliefs[node] = belief
        if sources:
            told: list[Row] = []
            known, topics = self.known, self.topics
            for (source, pull), fit, message in zip(sources, fits, messages[node], strict=True):
                if source in known:
                    told.append(message)
                    continue
                rest = total - fit
                scale = topics / (topics * rest + pull)
                rest *= scale
                scale *= pull
                answer = [rest + scale * one for one in below]
                told.append(answer)
                if _differ(answer, message):
                    concerns.append(source)
            messages[node] = told
        return concerns

    def _certain(self, topic: int) -> Row:
        return [1.0 if one == topic else LEAST * LEAST for one in range(self.topics)]


def _differ(one: Row, other: Row) -> bool:
    return dist(one, other) > SETTLED


def _normal(row: Row) -> Row:
    total = sum(row) or 1.0
    return [one / total + LEAST for one in row]
