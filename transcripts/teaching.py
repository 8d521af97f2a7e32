"""Which posts' right topic would teach the most, so that a moderator is asked about few.

A question is worth what its answer is expected to put right: the post itself, if it is misfiled, and all others whose
most probable topic becomes more probable once this one is known (expected error reduction: Roy and McCallum 2001). In a
list, each question is chosen as if those before it had been answered with what is most probable.
"""

from transcripts.belief import Graph
from transcripts.filing import Inference
from transcripts.model import NONE

ASKED_ABOUT = 60  # posts that are looked at closely
LIKELY = 0.05  # the least probable topic that is followed up


def most_instructive(inference: Inference, *, number: int, known: frozenset[str] = frozenset()) -> list[str]:
    """List the uids of the posts to ask about, the most instructive first.

    Args:
        inference: of a session with questions.
        number: how many at most.
        known: uids that were answered already.
    """
    evidence, graph = inference.weighing.evidence, inference.weighing.graph.copy()
    none, uids = evidence.number[NONE], [reading.uid for reading in evidence.readings]
    open_to = [index for index, uid in enumerate(uids) if index not in graph.known and uid not in known]
    promise = {index: _doubt(graph.beliefs[index]) * (1.0 + _hanging_on(graph.children, index)) for index in open_to}
    closely = sorted(open_to, key=lambda index: (-promise[index], index))[: max(ASKED_ABOUT, number)]
    worth = {index: _worth(graph, index, none, len(uids)) for index in closely}
    current = set(worth)  # the others' worth is that before the last answer, mostly more, and looked at once it leads
    chosen: list[int] = []
    while worth and len(chosen) < number:
        best = max(worth, key=lambda index: (worth[index], -index))
        if best not in current:
            worth[best] = _worth(graph, best, none, len(uids))
            current.add(best)
            continue
        del worth[best]
        chosen.append(best)
        if len(chosen) < number:
            belief = graph.beliefs[best]
            graph.know(best, belief.index(max(belief)))
            graph.settle()
            current.clear()
    return [uids[index] for index in chosen]


def _doubt(belief: list[float]) -> float:
    return 1.0 - max(belief) / sum(belief)


def _hanging_on(children: list[list[tuple[int, int]]], index: int) -> int:
    """Count the posts that take their topic from this one, two steps far."""
    first = children[index]
    return len(first) + sum(len(children[child]) for child, _ in first)


def _worth(graph: Graph, index: int, none: int, posts: int) -> float:
    """How much surer all posts together are expected to be once this one is known."""
    belief = graph.beliefs[index]
    total = sum(belief)
    gains: dict[int, float] = {}
    followed = 0.0
    for topic, one in enumerate(belief):
        share = one / total
        if share < LIKELY or (topic == none and share < 2 * LIKELY):
            continue
        followed += share
        for other, after in graph.suppose(index, topic).items():
            if other < posts and other != index:
                gains[other] = gains.get(other, 0.0) + share * (_doubt(graph.beliefs[other]) - _doubt(after))
    return _doubt(belief) + sum(gain for gain in gains.values() if gain > 0) / (followed or 1.0)
