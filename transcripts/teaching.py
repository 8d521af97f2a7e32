"""Which posts' right topic would teach the most, so that a moderator is asked about few.

A question is worth what its answer is expected to put right: the post itself, if it is misfiled, and all others whose
most probable topic becomes more probable once this one is known (expected error reduction: Roy and McCallum 2001).
What one question would settle is not counted again for the next.
"""

from transcripts.filing import Inference
from transcripts.model import NONE

ASKED_ABOUT = 60  # posts that are looked at closely
LIKELY = 0.05  # the least probable topic that is followed up
Gains = dict[int, float]


def most_instructive(inference: Inference, *, number: int, known: frozenset[str] = frozenset()) -> list[str]:
    """List the uids of the posts to ask about, the most instructive first.

    Args:
        inference: of a session with questions.
        number: how many at most.
        known: uids that were answered already.
    """
    evidence, graph = inference.evidence, inference.graph
    uids = [reading.uid for reading in evidence.readings]
    doubt = [1.0 - max(graph.beliefs[index]) / sum(graph.beliefs[index]) for index in range(len(uids))]
    open_to = [index for index, uid in enumerate(uids) if index not in graph.known and uid not in known]
    promise = {index: doubt[index] * (1.0 + _hanging_on(graph.children, index)) for index in open_to}
    closely = sorted(open_to, key=lambda index: (-promise[index], index))[: max(ASKED_ABOUT, number)]
    worth = {index: _worth(inference, index, doubt, len(uids)) for index in closely}
    left = list(doubt)
    chosen: list[int] = []
    while worth and len(chosen) < number:
        best = max(worth, key=lambda index: (_still(worth[index], left), -index))
        chosen.append(best)
        for other, gain in worth.pop(best).items():
            left[other] = max(0.0, left[other] - gain)
        left[best] = 0.0
    return [uids[index] for index in chosen]


def _still(gains: Gains, left: list[float]) -> float:
    return sum(min(gain, left[index]) for index, gain in gains.items())


def _hanging_on(children: list[list[tuple[int, int]]], index: int) -> int:
    """Count the posts that take their topic from this one, two steps far."""
    first = children[index]
    return len(first) + sum(len(children[child]) for child, _ in first)


def _worth(inference: Inference, index: int, doubt: list[float], posts: int) -> Gains:
    """How much surer each post is expected to be once this one is known."""
    evidence, graph = inference.evidence, inference.graph
    belief = graph.beliefs[index]
    total = sum(belief)
    gains: Gains = {}
    followed = 0.0
    for topic, one in enumerate(belief):
        share = one / total
        if share < LIKELY or (evidence.topics[topic] == NONE and share < 2 * LIKELY):
            continue
        followed += share
        for other, after in graph.suppose(index, topic).items():
            if other < posts:
                gains[other] = gains.get(other, 0.0) + share * (1.0 - max(after) / sum(after))
    scale = 1.0 / followed if followed else 0.0
    result = {other: max(0.0, doubt[other] - after * scale) for other, after in gains.items()}
    result[index] = doubt[index]
    return result
