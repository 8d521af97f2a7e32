"""The shape that all writers share: sections in reading order, each a flat list of rows with their depth.

Threads are drawn no deeper than `DEEPEST`, so that a chain of thousands of replies does not run off the page.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from knowarchive.model import Post
from transcripts.labels import find_labels, plain, words
from transcripts.model import INTRO, NONE, WRAPUP, Entry, Filing, Question, Transcript
from transcripts.people import author_key
from transcripts.similarity import RESTATES, overlap, telling
from transcripts.threads import Node, build_forest, walk

from .addresses import uid_url
from .clock import Clock

DEEPEST = 3  # four levels: 0 to 3
FITS = 0.30  # from this probability on, the second best topic of a post is mentioned
PAUSE = timedelta(minutes=15)  # silence that parts a session without questions
STRETCH = timedelta(minutes=30)  # the longest run of conversations under one heading
TITLES = {INTRO: "Before the first question", WRAPUP: "Winding down", NONE: "Other posts"}

_MISSING = "a post that is not in the archive"
_PLACEHOLDERS = {
    "not-found": _MISSING,
    "blocked": "a post that its network does not show",
    "unwanted": "a post that its author does not want shown here",
    "unchecked": "a post that nobody has looked for lately, so that it may be gone",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a thread: an entry of the session, a post from outside it, or (neither) one that is missing.

    `parent` is the uid that it replies to, where the place in the thread alone does not say so. `late` says when a
    latecomer's answer came, only at the head of a thread, and `also` which other question it fits, once in a thread.
    """

    uid: str
    depth: int
    entry: Entry | None = None
    outside: Post | None = None
    parent: str | None = None
    late: str | None = None
    also: str | None = None

    @property
    def post(self) -> Post | None:
        return self.entry.post if self.entry else self.outside

    @property
    def gap(self) -> str | None:
        return gap(self.post)

    @property
    def href(self) -> str | None:
        """Where to look for what is missing."""
        return uid_url(self.uid) if self.post is None or not self.post.deleted_at else None


@dataclass(frozen=True, slots=True)
class Section:
    """What belongs together. `posed` are the entries that ask the question, `rows` all the rest.

    `again` are those that ask it in the same words once more, `also` the entries filed elsewhere that fit here too.
    """

    topic: str
    title: str
    question: Question | None
    posed: tuple[Entry, ...]
    rows: tuple[Row, ...]
    answers: int
    people: int
    again: tuple[Entry, ...] = ()
    also: tuple[Entry, ...] = ()


def gap(post: Post | None) -> str | None:
    """What to say in the place of a post of which nothing can be shown."""
    if post is None:
        return _MISSING
    if post.deleted_at:
        return "a post that its author deleted"
    return _PLACEHOLDERS.get(post.visibility or "") if post.text is None else None


def runner_up(filing: Filing) -> tuple[str, float] | None:
    """The topic that a post most probably belongs to if not to its own."""
    return next(((topic, share) for topic, share in filing.alternatives if topic != filing.topic), None)


def sections(transcript: Transcript) -> list[Section]:
    """Before the first question, the questions, winding down, other posts: those that have anything in them.

    A session without questions is told by the clock: its conversations, parted where it fell silent.
    """
    entries = {entry.post.uid: entry for entry in transcript.entries}
    labels = {question.label for question in transcript.questions}
    if not labels:
        return _by_time(transcript, entries)
    asking = {uid for question in transcript.questions for uid in question.parts or (question.uid,)}
    filed: dict[str, list[Entry]] = {}
    for entry in transcript.entries:
        if entry.post.uid not in asking:
            topic = entry.filing.topic
            filed.setdefault(topic if topic in labels or topic in {INTRO, WRAPUP} else NONE, []).append(entry)

    notes = _Notes(transcript, entries)
    persons = transcript.person_keys()
    found: list[Section] = []

    def add(topic: str, title: str, question: Question | None = None) -> None:
        asked = (question.parts or (question.uid,)) if question else ()
        members = filed.pop(topic, [])
        answers = [entry for entry in members if entry.filing.role == "answer"]
        posed, again = _restated([entries[uid] for uid in dict.fromkeys(asked) if uid in entries])
        rows = tuple(_rows(members, set(asked), entries, transcript.context, notes.of))
        if question or rows:
            count = max(len(answers), question.answers if question else 0)
            people = _people(answers, persons)
            found.append(Section(topic, title, question, posed, rows, count, people, again))

    add(INTRO, TITLES[INTRO])
    for question in transcript.questions:
        add(question.label, question.text, question)
    add(WRAPUP, TITLES[WRAPUP])
    add(NONE, TITLES[NONE])
    return _cross_referenced(found)


class _Notes:
    """Says of entries when they came and what else they fit."""

    def __init__(self, transcript: Transcript, entries: Mapping[str, Entry]) -> None:
        self.end = transcript.window.end
        self.asked: dict[str, datetime] = {}
        for question in transcript.questions:
            times = [entries[uid].began for uid in question.parts or (question.uid,) if uid in entries]
            if times:
                self.asked.setdefault(question.label, min(times))
        self.labels = {question.label for question in transcript.questions}
        self.order = sorted((when, label) for label, when in self.asked.items())

    def of(self, entry: Entry) -> tuple[str | None, str | None]:
        if gap(entry.post) or entry.filing.role == "question":
            return None, None
        return self.late(entry), self.also(entry)

    def late(self, entry: Entry) -> str | None:
        """When an answer came, if another question had been posed since its own."""
        own = self.asked.get(entry.filing.topic)
        at = entry.post.created_at
        if own is None or entry.filing.role != "answer":
            return None
        since = [(when, label) for when, label in self.order if own < when <= at]
        if not since:
            return None
        when, label = since[-1]
        return "after the hour" if when < self.end <= at else f"during {label}"

    def also(self, entry: Entry) -> str | None:
        """The other question that an entry fits nearly as well."""
        other = runner_up(entry.filing)
        return other[0] if other and other[1] >= FITS and other[0] in self.labels else None


def _cross_referenced(found: list[Section]) -> list[Section]:
    """Give each question the posts that stand under another and fit it too."""
    fitting: dict[str, list[Entry]] = {}
    for section in found:
        for row in section.rows:
            if row.also and row.entry:
                fitting.setdefault(row.also, []).append(row.entry)
    if not fitting:
        return found
    linked = []
    for section in found:
        more = fitting.pop(section.topic, []) if section.question else []
        more.sort(key=lambda entry: (entry.post.created_at, entry.post.uid))
        linked.append(replace(section, also=tuple(more)))
    return linked


def _restated(asked: list[Entry]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Part what asks a question from what asks the same again, on another network or later."""
    posed: list[Entry] = []
    again: list[Entry] = []
    known: set[str] = set()
    texts: set[str] = set()
    for entry in asked:
        text = plain(entry.post.text)
        said = words(text, find_labels(text))
        telltale, bare = telling(said), " ".join(said)
        if posed and (overlap(telltale, known) >= RESTATES or (bare and bare in texts)):
            again.append(entry)
        else:
            posed.append(entry)
        known |= telltale
        texts.add(bare)
    return tuple(posed), tuple(again)


def _by_time(transcript: Transcript, entries: Mapping[str, Entry]) -> list[Section]:
    """Conversations in order of their first post, under the times at which people talked."""
    clock = Clock.of(transcript.window)
    persons = transcript.person_keys()
    runs: list[list[Row]] = []
    began: datetime | None = None  # the run
    latest: datetime | None = None  # the conversation before
    for thread in _threads(_rows(list(transcript.entries), set(), entries, transcript.context)):
        start = min((row.entry.post.created_at for row in thread if row.entry), default=latest)
        if began is None or latest is None or start is None or start - latest >= PAUSE or start - began >= STRETCH:
            runs.append([])
            began = start
        runs[-1].extend(thread)
        latest = start
    found = []
    for rows in runs:
        members = [row.entry for row in rows if row.entry]
        times = [clock.time(each.post.created_at) for each in sorted(members, key=_when)] or [""]
        title = times[0] if times[0] == times[-1] else f"{times[0]}–{times[-1]}"
        people = _people(members, persons)
        topic = f"at-{clock.local(_when(members[0])):%H%M}" if members else NONE
        found.append(
            Section(topic, title if len(runs) > 1 else "The conversation", None, (), tuple(rows), len(members), people)
        )
    return found


def _when(entry: Entry) -> datetime:
    return entry.post.created_at


def _people(entries: Iterable[Entry], persons: Mapping[str, str]) -> int:
    """How many people, whatever number of accounts, wrote these."""
    keys = {author_key(entry.post) for entry in entries}
    return len({persons.get(key or "", key) for key in keys})


def _threads(rows: Iterator[Row]) -> Iterator[list[Row]]:
    thread: list[Row] = []
    for row in rows:
        if row.depth == 0 and thread:
            yield thread
            thread = []
        thread.append(row)
    if thread:
        yield thread


def _rows(
    members: list[Entry],
    asked: set[str],
    entries: Mapping[str, Entry],
    context: Mapping[str, Post],
    notes: Callable[[Entry], tuple[str | None, str | None]] = lambda _: (None, None),
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
        fits: list[str | None] = []  # what has been said in the thread above the row, by depth
        for depth, node in walk((top,)):
            entry = here.get(node.uid)
            parent = elsewhere if depth == 0 else entry.post.reply_to if depth > DEEPEST and entry else None
            above = fits[depth - 1] if depth else None
            late, also = notes(entry) if entry else (None, None)
            del fits[depth:]
            fits.append(also or above)
            yield Row(
                uid=node.uid,
                depth=min(depth, DEEPEST),
                entry=entry,
                outside=None if entry else node.post,
                parent=parent,
                late=None if entry and entry.post.reply_to in here else late,
                also=None if also == above else also,
            )


def _first(top: Node) -> tuple[datetime, str]:
    """When a thread begins here: at its first post of the session, not at the older one above it."""
    return min(
        ((node.post.created_at, node.uid) for _, node in walk((top,)) if node.post and not node.outside),
        default=(datetime.max.replace(tzinfo=UTC), top.uid),
    )
