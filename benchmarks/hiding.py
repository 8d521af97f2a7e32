"""Hide what posts say of themselves and file them again: every chat whose people label their answers is a test.

Whoever wrote `A2` has said where the post belongs. Take the label away, from a share of the posts, and the filing has
to find it out again; take away replies too, as a pull does that lost half of a conversation.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from transcripts.evidence import Evidence
from transcripts.filing import Inference, Prepared, infer
from transcripts.labels import LABEL
from transcripts.reading import Reading

Topics = Mapping[str, str]  # by uid


@dataclass(frozen=True, slots=True)
class Damage:
    """What is taken away: shares of the labels, and of the replies and quotes."""

    name: str
    labels: float
    links: float = 0.0

    @property
    def draws(self) -> bool:
        """Whether what is taken away is drawn by lot."""
        return 0 < self.labels < 1 or 0 < self.links < 1


DAMAGES = (
    Damage("half of the labels", 0.5),
    Damage("all labels", 1.0),
    Damage("half of the labels, a third of the links", 0.5, 1 / 3),
)


def own_labels(prepared: Prepared) -> Topics:
    """The topics that posts give themselves: one label, at the head or tail, of a question that was posed before."""
    posed = {question.label: question.uid for question in prepared.questions}
    at = {reading.uid: reading.at for reading in prepared.readings}
    parts = {uid for question in prepared.questions for uid in question.parts}
    found: dict[str, str] = {}
    for reading in prepared.readings:
        topics = {f"Q{number}" for number in reading.numbers}
        for topic in topics & posed.keys():
            if len(topics) == 1 and reading.uid not in parts and at[posed[topic]] <= reading.at:
                found[reading.uid] = topic
    return found


def hide(prepared: Prepared, damage: Damage, seed: int) -> tuple[tuple[Reading, ...], frozenset[str]]:
    """Take away what a damage says; the question posts stay as they are.

    Returns:
        The readings, in the same order, and the uids of the posts that lost a label.
    """
    draw = random.Random(f"{seed}/{damage.name}")
    parts = {uid for question in prepared.questions for uid in question.parts}
    lost: set[str] = set()
    left: list[Reading] = []
    for reading in prepared.readings:
        label, links = draw.random() < damage.labels, draw.random() < damage.links
        poorer = reading
        if label and reading.labels and reading.uid not in parts:
            lost.add(reading.uid)
            poorer = replace(poorer, labels=(), text=LABEL.sub(" ", reading.text))
        if links and reading.uid not in parts:
            post = structs.replace(reading.post, reply_to=None, reply_to_author=None, conversation=None)
            poorer = replace(poorer, post=post, quotes=None, answers_somebody=False)
        left.append(poorer)
    return tuple(left), frozenset(lost)


def infer_damaged(prepared: Prepared, readings: Sequence[Reading]) -> Inference:
    """File damaged readings under the questions that were found in the whole ones."""
    return infer(Evidence(prepared.session, readings, prepared.questions, prepared.moderators, prepared.weights))
