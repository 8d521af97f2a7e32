"""Joint inference: what all posts together say of each one's topic.

The story that the model tells of a chat: whoever writes a post takes up the topic of one earlier post (the one that it
replies to, most likely, or what its author said before, or what it resembles), or else a topic of the moment. So each
node has sources with the probabilities that it copies them, a prior for when it copies none, and what its own text
says. The beliefs are found by loopy belief propagation (Pearl 1988; Murphy, Weiss and Jordan 1999), there and back in
order of time until nothing changes. Pure numbers: this module knows nothing of posts.
"""

from collections.abc import Mapping, Sequence

SETTLED = 0.002  # a change by less is not passed on
SWEEPS = 10  # there and back; loops that still turn are left as they are
STEPS = 300  # nodes that one supposition may reach
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
            total = 1.0 + sum(pull for _, pull in pulls)
            scale = 1.0 / ((sum(prior) or 1.0) * total)
            self.priors.append([one * scale + LEAST for one in prior])
            self.sources.append([(source, pull / total) for source, pull in pulls])
            for slot, (source, _) in enumerate(pulls):
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
            below = [one * other for one, other in zip(below, self.messages[child][slot], strict=True)]
        total = sum(below) or 1.0
        below = [one / total + LEAST for one in below]
        prior = self.priors[node]
        above = prior
        heard: list[Row] = []
        for (source, pull), message in zip(self.sources[node], self.messages[node], strict=True):
            without = [one / other for one, other in zip(self.beliefs[source], message, strict=True)]
            scale = pull / sum(without)
            without = [one * scale for one in without]
            heard.append(without)
            above = [one + other for one, other in zip(above, without, strict=True)]
        belief = _normal([one * other for one, other in zip(above, below, strict=True)])
        concerns: list[int] = []
        if _differ(belief, self.beliefs[node]):
            concerns = [child for child, _ in self.children[node]]
        self.beliefs[node] = belief
        if heard:
            fits = sum([one * other for one, other in zip(above, below, strict=True)])
            told: list[Row] = []
            for (source, pull), without, message in zip(self.sources[node], heard, self.messages[node], strict=True):
                rest = fits - sum([one * other for one, other in zip(without, below, strict=True)])
                answer = [rest + pull * one for one in below]
                scale = self.topics / sum(answer)
                answer = [one * scale for one in answer]
                told.append(answer)
                if _differ(answer, message):
                    concerns.append(source)
            self.messages[node] = told
        return concerns

    def _certain(self, topic: int) -> Row:
        return [1.0 if one == topic else LEAST * LEAST for one in range(self.topics)]


def _differ(one: Row, other: Row) -> bool:
    for first, second in zip(one, other, strict=True):
        difference = first - second
        if difference > SETTLED or difference < -SETTLED:
            return True
    return False


def _normal(row: Row) -> Row:
    total = sum(row) or 1.0
    return [one / total + LEAST for one in row]
