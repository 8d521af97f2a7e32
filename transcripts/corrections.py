"""What a person said of a session's filing, and which of it can be obeyed.

Nothing that cannot be obeyed stops a transcript: it is left out, with one line that says what and why.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from transcripts.model import INTRO, NONE, WRAPUP, Question
from transcripts.questions import question_text
from transcripts.reading import Reading

ROLES = ("question", "answer", "chatter")
LABEL = re.compile(r"Q\d{1,2}")


@dataclass(frozen=True, slots=True)
class GivenQuestion:
    """A part of a question as somebody gave it. Several with one label are its parts, in the order given."""

    label: str
    uid: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Corrections:
    """Topics and roles by uid, and the whole list of questions where it had to be given."""

    topics: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[GivenQuestion, ...] = ()


NO_CORRECTIONS = Corrections()


def topics_of(questions: Sequence[Question]) -> tuple[str, ...]:
    """The topics that a post of the session can be filed under."""
    return INTRO, *(question.label for question in questions), WRAPUP, NONE


def settle_questions(
    found: Sequence[Question], corrections: Corrections, readings: Sequence[Reading], tags: frozenset[str]
) -> tuple[tuple[Question, ...], list[str]]:
    """Take the questions that were given, or those that were found but for the posts that are filed elsewhere.

    Returns:
        The questions, and a line for whatever was ignored.
    """
    notes: list[str] = []
    here = {reading.uid: reading for reading in readings}
    given: dict[str, list[GivenQuestion]] = {}
    taken: dict[str, str] = {}
    for one in corrections.questions:
        if LABEL.fullmatch(one.label) is None:
            notes.append(f"question {one.label!r}: ignored, since a label is Q and a number, as in Q1")
        elif one.uid not in here:
            notes.append(f"question {one.label}: {one.uid} ignored, since this session has no such post")
        elif taken.get(one.uid, one.label) != one.label:
            notes.append(f"question {one.label}: {one.uid} ignored, since it is given as {taken[one.uid]} already")
        elif one.uid not in taken:
            taken[one.uid] = one.label
            given.setdefault(one.label, []).append(one)
    if given:
        return tuple(_given(label, parts, here, tags) for label, parts in sorted(given.items(), key=_by_number)), notes
    kept: list[Question] = []
    for question in found:
        parts = tuple(uid for uid in question.parts if _is_still(uid, question.label, corrections))
        added = tuple(
            uid
            for uid, role in sorted(corrections.roles.items())
            if role == "question" and corrections.topics.get(uid) == question.label and uid in here and uid not in parts
        )
        if parts or added:
            parts += added
            kept.append(question if parts == question.parts else replace(question, uid=parts[0], parts=parts))
    return tuple(kept), notes


def check(
    corrections: Corrections, questions: Sequence[Question], readings: Sequence[Reading]
) -> tuple[Corrections, list[str]]:
    """Leave out what names no post or topic of the session, or contradicts the question list."""
    notes: list[str] = []
    here = {reading.uid for reading in readings}
    known = topics_of(questions)
    posed = {uid: question.label for question in questions for uid in question.parts}
    given = {one.uid for one in corrections.questions}
    topics: dict[str, str] = {}
    for uid, topic in corrections.topics.items():
        if uid not in here:
            notes.append(f"topic of {uid}: ignored, since this session has no such post")
        elif topic not in known:
            notes.append(f"topic {topic!r} of {uid}: ignored, since the topics are {', '.join(known)}")
        elif uid in given and posed.get(uid, topic) != topic:
            notes.append(f"topic {topic} of {uid}: ignored, since the question list gives it as {posed[uid]}")
        else:
            topics[uid] = topic
    roles: dict[str, str] = {}
    for uid, role in corrections.roles.items():
        if uid not in here:
            notes.append(f"role of {uid}: ignored, since this session has no such post")
        elif role not in ROLES:
            notes.append(f"role {role!r} of {uid}: ignored, since the roles are {', '.join(ROLES)}")
        else:
            roles[uid] = role
    return Corrections(topics, roles, corrections.questions), notes


def _is_still(uid: str, label: str, corrections: Corrections) -> bool:
    """Whether a post that was found to pose a question was not told to be something else."""
    return corrections.topics.get(uid, label) == label and corrections.roles.get(uid, "question") == "question"


def _given(label: str, parts: Sequence[GivenQuestion], here: Mapping[str, Reading], tags: frozenset[str]) -> Question:
    texts = [one.text if one.text is not None else question_text(here[one.uid], int(label[1:]), tags) for one in parts]
    uids = tuple(one.uid for one in parts)
    return Question(label, uids[0], uids, " ".join(text for text in texts if text))


def _by_number(item: tuple[str, object]) -> int:
    return int(item[0][1:])
