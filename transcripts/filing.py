"""Which question each post belongs to: the evidence is collected, weighed together, and read off.

`evidence` says what speaks for which topic, `weighing` weighs it all at once. This module turns the outcome into
filings: the most probable topic, how probable it is, what speaks for it most, and what else it may be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from transcripts.corrections import NO_CORRECTIONS, Corrections, check, settle_questions
from transcripts.cues import is_contribution
from transcripts.evidence import Evidence
from transcripts.model import INTRO, NONE, WRAPUP, Filing, Question, SessionPosts
from transcripts.questions import find_questions
from transcripts.reading import Reading, read
from transcripts.sessions import fold_tag
from transcripts.weighing import Weighing
from transcripts.weights import TUNED, Weights

POSED = 0.99  # the confidence that a post found to pose a question does
WORTH_SAYING = 0.05  # the least probability of an alternative
ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Inference:
    """One session filed, with what it was concluded from."""

    filings: dict[str, Filing]
    weighing: Weighing


@dataclass(frozen=True, slots=True)
class Prepared:
    """A session read, asked and filed: all that a transcript or a review needs to know.

    `found` are the questions before anybody corrected them, `inference` needs questions, `notes` say which corrections
    could not be obeyed.
    """

    session: SessionPosts
    readings: tuple[Reading, ...]
    moderators: tuple[str, ...]
    found: tuple[Question, ...]
    weights: Weights
    corrections: Corrections = NO_CORRECTIONS
    questions: tuple[Question, ...] = ()
    filings: dict[str, Filing] = field(default_factory=dict)
    inference: Inference | None = None
    notes: tuple[str, ...] = ()


def prepare(session: SessionPosts, corrections: Corrections = NO_CORRECTIONS, weights: Weights = TUNED) -> Prepared:
    """Read a session's posts, find who moderates and what was asked, and file everything."""
    readings = read(session)
    moderators, found = find_questions(session, readings)
    return file_again(Prepared(session, readings, moderators, found, weights), corrections)


def file_again(prepared: Prepared, corrections: Corrections) -> Prepared:
    """File a session anew, obeying these corrections and no others. As long as its questions stay, so does the evidence."""
    session, readings = prepared.session, prepared.readings
    tags = frozenset(fold_tag(tag) for tag in session.hashtags)
    questions, notes = settle_questions(prepared.found, corrections, readings, tags)
    usable, more = check(corrections, questions, readings)
    inference = None
    if questions:
        if prepared.inference and questions == prepared.questions:
            evidence = prepared.inference.weighing.evidence
        else:
            evidence = Evidence(session, readings, questions, prepared.moderators, prepared.weights)
        inference = infer(evidence, usable)
    return replace(
        prepared,
        corrections=usable,
        questions=questions,
        filings=inference.filings if inference else _file_unasked(readings, usable),
        inference=inference,
        notes=tuple(dict.fromkeys(notes + more)),
    )


def file_posts(
    session: SessionPosts, questions: Sequence[Question], moderators: Sequence[str] = ()
) -> dict[str, Filing]:
    """File every post of a session under exactly one topic.

    Args:
        session: whose posts, in any order.
        questions: as `find_questions` found them, or as given; without any, every post is filed under `none`.
        moderators: the keys of the moderators.

    Returns:
        A filing for each uid in `session.posts`.
    """
    readings = read(session)
    if not questions:
        return _file_unasked(readings, NO_CORRECTIONS)
    return infer(Evidence(session, readings, questions, moderators, TUNED)).filings


def infer(evidence: Evidence, corrections: Corrections = NO_CORRECTIONS) -> Inference:
    """File the posts of a session that has questions, and keep what it was concluded from."""
    weighing = Weighing(evidence, corrections.topics)
    filings = {
        reading.uid: _file(place, reading, weighing, corrections) for place, reading in enumerate(evidence.readings)
    }
    return Inference(filings, weighing)


def _file(place: int, reading: Reading, weighing: Weighing, corrections: Corrections) -> Filing:
    topics = weighing.evidence.topics
    corrected = corrections.topics.get(reading.uid)
    part = weighing.evidence.parts.get(reading.uid)
    if corrected is not None or part is not None:
        topic = corrected or part or NONE
        role = "question" if part == topic else _role(reading, topic)
        role = corrections.roles.get(reading.uid, role)
        return Filing(topic, role, *((1.0, "review") if corrected is not None else (POSED, "label")))
    belief = weighing.graph.beliefs[place]
    total = sum(belief)
    best = max(belief)
    number = belief.index(best)
    least = WORTH_SAYING * total
    others = sorted([(-one, other) for other, one in enumerate(belief) if one >= least and other != number])
    alternatives = tuple([(topics[other], round(-one / total, 3)) for one, other in others[:ALTERNATIVES]])
    role = corrections.roles.get(reading.uid) or _role(reading, topics[number])
    reason = weighing.reason(place, number)
    return Filing(topics[number], role, round(min(best / total, POSED), 3), reason, alternatives)


def _file_unasked(readings: Sequence[Reading], corrections: Corrections) -> dict[str, Filing]:
    """File the posts of a session without questions: under `none`, unless somebody said otherwise."""
    filings: dict[str, Filing] = {}
    for reading in readings:
        topic = corrections.topics.get(reading.uid)
        role = corrections.roles.get(reading.uid) or ("answer" if is_contribution(reading) else "chatter")
        filings[reading.uid] = Filing(topic, role, 1.0, "review") if topic else Filing(NONE, role, POSED, "time")
    return filings


def _role(reading: Reading, topic: str) -> str:
    """Tell a contribution from thanks, jokes and logistics."""
    return "chatter" if topic in {INTRO, WRAPUP, NONE} or not is_contribution(reading) else "answer"
