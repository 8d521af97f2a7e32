"""The shape that all writers share: sections in reading order, each a flat list of rows with their depth.

Threads are drawn no deeper than `DEEPEST`, so that a chain of thousands of replies does not run off the page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from knowarchive.model import Post
from transcripts.model import INTRO, NONE, WRAPUP, Entry, Question, Transcript
from transcripts.people import author_key
from transcripts.threads import Node, build_forest, walk

DEEPEST = 3  # four levels: 0 to 3


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a thread: an entry of the session, a post from outside it, or (neither) one that is missing.

    `parent` is the uid that it replies to, where the place in the thread alone does not say so.
    """

    uid: str
    depth: int
    entry: Entry | None = None
    outside: Post | None = None
    parent: str | None = None

    @property
    def post(self) -> Post | None:
        return self.entry.post if self.entry else self.outside


@dataclass(frozen=True, slots=True)
class Section:
    """What belongs together. `posed` are the entries that ask the question, `rows` all the rest."""

    topic: str
    title: str
    question: Question | None
    posed: tuple[Entry, ...]
    rows: tuple[Row, ...]
    answers: int
    people: int


def sections(transcript: Transcript) -> list[Section]:
    """Before the first question, the questions, winding down, other posts: those that have anything in them."""
    labels = {question.label for question in transcript.questions}
    asking = {uid for question in transcript.questions for uid in question.parts or (question.uid,)}
    filed: dict[str, list[Entry]] = {}
    posed: dict[str, Entry] = {}
    for entry in transcript.entries:
        if entry.post.uid in asking:
            posed[entry.post.uid] = entry
            continue
        topic = entry.filing.topic
        filed.setdefault(topic if topic in labels or topic in {INTRO, WRAPUP} else NONE, []).append(entry)

    entries = {entry.post.uid: entry for entry in transcript.entries}

    def section(topic: str, title: str, question: Question | None = None) -> Section:
        asked = (question.parts or (question.uid,)) if question else ()
        members = filed.pop(topic, [])
        answers = [entry for entry in members if entry.filing.role == "answer"]
        return Section(
            topic=topic,
            title=title,
            question=question,
            posed=tuple(posed.pop(uid) for uid in asked if uid in posed),
            rows=tuple(_rows(members, set(asked), entries, transcript.context)),
            answers=max(len(answers), question.answers if question else 0),
            people=len({author_key(entry.post) for entry in answers}),
        )

    if not labels:
        filed = {NONE: list(transcript.entries)}
        return [section(NONE, "The conversation")] if transcript.entries else []
    ordered = [
        section(INTRO, "Before the first question"),
        *(section(question.label, question.text, question) for question in transcript.questions),
        section(WRAPUP, "Winding down"),
        section(NONE, "Other posts"),
    ]
    return [each for each in ordered if each.question or each.rows]


def _rows(
    members: list[Entry], asked: set[str], entries: Mapping[str, Entry], context: Mapping[str, Post]
) -> Iterator[Row]:
    """The members as threads, roots in the order of their first post, replies after what they answer."""
    here = {entry.post.uid: entry for entry in members}
    roots: list[tuple[Node, str | None]] = []
    for node in build_forest((entry.post for entry in members), context):
        if node.post is None and node.uid in entries:
            # The question itself, or a post filed under another one: said where that matters, not moved.
            roots.extend((child, None if node.uid in asked else node.uid) for child in node.children)
        else:
            roots.append((node, None))
    roots.sort(key=lambda root: _first(root[0]))  # what is filed elsewhere has come in out of order
    for top, elsewhere in roots:
        for depth, node in walk((top,)):
            entry = here.get(node.uid)
            parent = elsewhere if depth == 0 else entry.post.reply_to if depth > DEEPEST and entry else None
            yield Row(node.uid, min(depth, DEEPEST), entry, None if entry else node.post, parent)


def _first(top: Node) -> tuple[datetime, str]:
    """When a thread begins here: at its first post of the session, not at the older one above it."""
    return min(
        ((node.post.created_at, node.uid) for _, node in walk((top,)) if node.post and not node.outside),
        default=(datetime.max.replace(tzinfo=UTC), top.uid),
    )
