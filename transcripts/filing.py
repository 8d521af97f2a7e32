"""Which question each post belongs to: the evidence is collected, weighed together, and read off.

`evidence` says what speaks for which topic, `belief` weighs it all at once, twice: what the posts are filed under teaches
the words of each topic, which are evidence again. This module turns the outcome into filings: the most probable topic, how probable it is, what speaks for it most, and what else it may be.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transcripts.belief import Graph
from transcripts.corrections import NO_CORRECTIONS, Corrections, check, settle_questions
from transcripts.cues import is_contribution
from transcripts.evidence import Evidence
from transcripts.model import INTRO, NONE, WRAPUP, Filing, Question, SessionPosts
from transcripts.questions import find_questions
from transcripts.reading import Reading, read
from transcripts.sessions import fold_tag
from transcripts.weights import TUNED, Weights

POSED = 0.99  # the confidence that a post found to pose a question does
WORTH_SAYING = 0.05  # the least probability of an alternative
ALTERNATIVES = 3
ROUGHLY = 2  # sweeps, there and back: enough to learn the words of a topic from what is filed there


@dataclass(frozen=True, slots=True)
class Inference:
    """One session filed, with what it was concluded from; `index` is each post's place among the nodes."""

    filings: dict[str, Filing]
    evidence: Evidence
    graph: Graph


@dataclass(frozen=True, slots=True)
class Prepared:
    """A session read, asked and filed: all that a transcript or a review needs to know. `inference` needs questions."""

    session: SessionPosts
    corrections: Corrections
    readings: tuple[Reading, ...]
    moderators: tuple[str, ...]
    questions: tuple[Question, ...]
    filings: dict[str, Filing]
    inference: Inference | None
    notes: tuple[str, ...]


def prepare(session: SessionPosts, corrections: Corrections = NO_CORRECTIONS, weights: Weights = TUNED) -> Prepared:
    """Read a session's posts, find who moderates and what was asked, and file everything."""
    readings = read(session)
    moderators, found = find_questions(session, readings)
    return file_again(session, corrections, readings, moderators, found, weights)


def file_again(
    session: SessionPosts,
    corrections: Corrections,
    readings: tuple[Reading, ...],
    moderators: tuple[str, ...],
    found: Sequence[Question],
    weights: Weights = TUNED,
) -> Prepared:
    """File a session that is read already, obeying corrections."""
    tags = frozenset(fold_tag(tag) for tag in session.hashtags)
    questions, notes = settle_questions(found, corrections, readings, tags)
    usable, more = check(corrections, questions, readings)
    inference = infer(session, questions, moderators, readings, usable, weights) if questions else None
    filings = (
        inference.filings if inference else file_posts(session, questions, moderators, readings, corrections=usable)
    )
    return Prepared(
        session, usable, readings, moderators, questions, filings, inference, tuple(dict.fromkeys(notes + more))
    )


def file_posts(
    session: SessionPosts,
    questions: Sequence[Question],
    moderators: Sequence[str] = (),
    readings: Sequence[Reading] | None = None,
    corrections: Corrections = NO_CORRECTIONS,
) -> dict[str, Filing]:
    """File every post of a session under exactly one topic.

    Args:
        session: whose posts, in any order.
        questions: as `find_questions` found them, or as given; without any, every post is filed under `none`.
        moderators: the keys of the moderators.
        readings: what `read(session)` returned, if it was called before.
        corrections: what a person said, as `corrections.check` let it pass.

    Returns:
        A filing for each uid in `session.posts`.
    """
    readings = read(session) if readings is None else readings
    if not questions:
        return {reading.uid: _unasked(reading, corrections) for reading in readings}
    return infer(session, questions, moderators, readings, corrections).filings


def infer(
    session: SessionPosts,
    questions: Sequence[Question],
    moderators: Sequence[str],
    readings: Sequence[Reading],
    corrections: Corrections = NO_CORRECTIONS,
    weights: Weights = TUNED,
) -> Inference:
    """File the posts of a session that has questions, and keep what it was concluded from."""
    evidence, graph = weigh(session, questions, moderators, readings, corrections, weights)
    filings: dict[str, Filing] = {}
    for index, reading in enumerate(readings):
        filings[reading.uid] = _file(index, reading, evidence, graph, corrections)
    return Inference(filings, evidence, graph)


def weigh(
    session: SessionPosts,
    questions: Sequence[Question],
    moderators: Sequence[str],
    readings: Sequence[Reading],
    corrections: Corrections = NO_CORRECTIONS,
    weights: Weights = TUNED,
) -> tuple[Evidence, Graph]:
    """Collect the evidence and settle all beliefs, before they are read off."""
    evidence = Evidence(session, readings, questions, moderators, corrections.topics, weights)
    graph = evidence.graph()
    graph.settle(ROUGHLY)
    evidence.learn(graph)
    graph.settle()
    return evidence, graph


def _file(index: int, reading: Reading, evidence: Evidence, graph: Graph, corrections: Corrections) -> Filing:
    corrected = corrections.topics.get(reading.uid)
    part = evidence.parts.get(reading.uid)
    if corrected is not None or part is not None:
        topic = corrected or part or NONE
        role = "question" if part == topic else _role(reading, topic)
        role = corrections.roles.get(reading.uid, role)
        return Filing(topic, role, *((1.0, "review") if corrected is not None else (POSED, "label")))
    belief = graph.beliefs[index]
    total = sum(belief)
    ranked = sorted(((-one / total, place) for place, one in enumerate(belief)))
    best, place = ranked[0]
    topic = evidence.topics[place]
    alternatives = tuple(
        (evidence.topics[other], round(-share, 3))
        for share, other in ranked[1 : ALTERNATIVES + 1]
        if -share >= WORTH_SAYING
    )
    role = corrections.roles.get(reading.uid) or _role(reading, topic)
    return Filing(topic, role, round(min(-best, POSED), 3), evidence.reason(graph, index, place), alternatives)


def _unasked(reading: Reading, corrections: Corrections) -> Filing:
    """File a post of a session without questions: under `none`, unless somebody said otherwise."""
    topic = corrections.topics.get(reading.uid)
    role = corrections.roles.get(reading.uid) or ("answer" if is_contribution(reading) else "chatter")
    return Filing(topic, role, 1.0, "review") if topic else Filing(NONE, role, POSED, "time")


def _role(reading: Reading, topic: str) -> str:
    """Tell a contribution from thanks, jokes and logistics."""
    return "chatter" if topic in {INTRO, WRAPUP, NONE} or not is_contribution(reading) else "answer"
