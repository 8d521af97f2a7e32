"""Joint inference: what all posts together say of each one's topic.

A factor graph in which a node is a post and an edge says "with this probability these two have one topic, and
otherwise one says nothing of the other" (a Potts model). The beliefs are found by loopy belief propagation (Pearl
1988; Murphy, Weiss and Jordan 1999), node by node in order of time and back, until nothing changes. Pure numbers: it
knows nothing of posts.
"""

from collections.abc import Mapping, Sequence

SETTLED = 0.002  # a message that changed by less is not sent
SWEEPS = 8  # there and back; loops that still turn are left as they are
STEPS = 400  # nodes that one question may reach, when asked what would follow from it
NOTHING = 1e-9


class Graph:
    """Nodes with what each one's own evidence says, and edges between them.

    Args:
        evidence: for each node a weight for each topic; any scale.
        edges: pairs of nodes with the probability that they share a topic. Of two edges between the same nodes, the
            second is further evidence.
        known: nodes whose topic is certain.
    """

    def __init__(
        self,
        evidence: Sequence[Sequence[float]],
        edges: Sequence[tuple[int, int, float]],
        known: Mapping[int, int] | None = None,
    ) -> None:
        self.topics = len(evidence[0]) if evidence else 0
        self.own = [_normal(row) for row in evidence]
        self.known = dict(known or {})
        for node, topic in self.known.items():
            self.own[node] = self._certain(topic)
        self.edges: list[list[tuple[int, float, int]]] = [[] for _ in evidence]  # neighbour, strength, its slot for us
        for one, other, strength in edges:
            first, second = self.edges[one], self.edges[other]
            first.append((other, strength, len(second)))
            second.append((one, strength, len(first) - 1))
        self.inbox: list[list[list[float]]] = [[[1.0] * self.topics for _ in slots] for slots in self.edges]
        self.beliefs: list[list[float]] = [list(row) for row in self.own]

    def settle(self) -> None:
        """Find all beliefs."""
        dirty = bytearray([1]) * len(self.own)
        order = range(len(self.own))
        for sweep in range(SWEEPS):
            for node in order if sweep % 2 == 0 else reversed(order):
                if dirty[node]:
                    dirty[node] = 0
                    self._send(node, dirty, None)
            if not any(dirty):
                break

    def suppose(self, node: int, topic: int) -> dict[int, list[float]]:
        """Say which beliefs would change, and to what, if this node's topic were known. Changes nothing."""
        log: list[tuple[int, int, list[float]]] = []
        before: dict[int, list[float]] = {}
        own = self.own[node]
        was_known = self.known.get(node)
        self.own[node], self.known[node] = self._certain(topic), topic
        ahead = [node]
        steps = 0
        dirty = bytearray(len(self.own))
        while ahead and steps < STEPS:
            following: list[int] = []
            for one in ahead:
                before.setdefault(one, self.beliefs[one])
                dirty[one] = 0
                following += self._send(one, dirty, log)
                steps += 1
            ahead = following
        changed = {one: self.beliefs[one] for one in before}
        for one, belief in before.items():
            self.beliefs[one] = belief
        for one, slot, message in reversed(log):
            self.inbox[one][slot] = message
        self.own[node] = own
        if was_known is None:
            del self.known[node]
        else:
            self.known[node] = was_known
        return changed

    def _send(self, node: int, dirty: bytearray, log: list[tuple[int, int, list[float]]] | None) -> list[int]:
        """Work out one node's belief and tell its neighbours; return those that did not know."""
        inbox = self.inbox[node]
        belief = self.own[node]
        certain = node in self.known
        if not certain:
            for message in inbox:
                belief = [one * other for one, other in zip(belief, message, strict=True)]
            total = sum(belief) or 1.0
            belief = [one / total + NOTHING for one in belief]
        self.beliefs[node] = belief
        told: list[int] = []
        topics = self.topics
        for (neighbour, strength, slot), message in zip(self.edges[node], inbox, strict=True):
            if neighbour in self.known and log is None:
                continue
            without = belief if certain else [one / other for one, other in zip(belief, message, strict=True)]
            scale = strength * topics / (sum(without) or 1.0)
            rest = 1.0 - strength
            answer = [rest + scale * one for one in without]
            last = self.inbox[neighbour][slot]
            if max(map(_difference, answer, last)) > SETTLED:
                if log is not None:
                    log.append((neighbour, slot, last))
                self.inbox[neighbour][slot] = answer
                if not dirty[neighbour]:
                    dirty[neighbour] = 1
                    told.append(neighbour)
        return told

    def _certain(self, topic: int) -> list[float]:
        return [1.0 if one == topic else NOTHING for one in range(self.topics)]


def _difference(one: float, other: float) -> float:
    return abs(one - other)


def _normal(row: Sequence[float]) -> list[float]:
    total = sum(row)
    return [one / total + NOTHING for one in row] if total > 0 else [1.0 / len(row)] * len(row)
