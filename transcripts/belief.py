"""Joint inference: what all posts together say of each one's topic.

The story that the model tells of a chat: whoever writes a post takes up the topic of one earlier post (the one that it
replies to, most likely, or what its author said before, or what it resembles), or else a topic of the moment. So each
node has sources with the probabilities that it copies them, a prior for when it copies none, and what its own text
says. The beliefs are found by loopy belief propagation (Pearl 1988; Murphy, Weiss and Jordan 1999), there and back in
order of time until nothing changes. Pure numbers: this module knows nothing of posts.
"""

from collections.abc import Mapping, Sequence
from operator import mul, sub, truediv

SETTLED = 0.01  # a change by less is not passed on
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
        self.evidence = [list(row) for row in evidence]
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
        self.messages: list[list[Row]] = [[[1.0] * self.topics for _ in slots] for slots in self.sources]
        self.beliefs: list[Row] = [_normal(prior) for prior in self.priors]

    def settle(self) -> None:
        """Find all beliefs."""
        size = len(self.priors)
        dirty = bytearray([1]) * size
        for sweep in range(SWEEPS):
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
        below = self.evidence[node]
        for child, slot in self.children[node]:
            below = list(map(mul, below, self.messages[child][slot]))
        scale = 1.0 / (sum(below) or 1.0)
        below = [one * scale + LEAST for one in below]
        above = self.priors[node]
        fits: list[float] = []  # how well what each source says fits what is said below
        beliefs = self.beliefs
        for (source, pull), message in zip(self.sources[node], self.messages[node], strict=True):
            without = list(map(truediv, beliefs[source], message))
            scale = pull / sum(without)
            above = [one + other * scale for one, other in zip(above, without, strict=True)]
            fits.append(scale * sum(map(mul, without, below)))
        belief = list(map(mul, above, below))
        total = sum(belief)
        scale = 1.0 / (total or 1.0)
        belief = [one * scale + LEAST for one in belief]
        concerns: list[int] = []
        if _differ(belief, beliefs[node]):
            concerns = [child for child, _ in self.children[node]]
        beliefs[node] = belief
        if fits:
            told: list[Row] = []
            known = self.known
            for (source, pull), fit, message in zip(self.sources[node], fits, self.messages[node], strict=True):
                if source in known:
                    told.append(message)
                    continue
                rest = total - fit
                scale = self.topics / (self.topics * rest + pull)
                rest *= scale
                scale *= pull
                answer = [rest + scale * one for one in below]
                told.append(answer)
                if _differ(answer, message):
                    concerns.append(source)
            self.messages[node] = told
        return concerns

    def _certain(self, topic: int) -> Row:
        return [1.0 if one == topic else LEAST * LEAST for one in range(self.topics)]


def _differ(one: Row, other: Row) -> bool:
    most: float = max(map(abs, map(sub, one, other)))
    return most > SETTLED


def _normal(row: Row) -> Row:
    total = sum(row) or 1.0
    return [one / total + LEAST for one in row]
