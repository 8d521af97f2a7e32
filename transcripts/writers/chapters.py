"""A session as a chapter of a book: the shape that EPUB, PDF and the book as one page share, ready to be printed.

Every foreign string in it has been cleaned, every address is safe. What is left to a writer is markup.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from unicodedata import bidirectional

from knowarchive.model import Post
from transcripts.model import INTRO, NONE, WRAPUP, Entry, Filing, Person, Transcript
from transcripts.people import author_key

from .activity import Activity, draw
from .as_html import UNSURE, language
from .clock import Clock, instant
from .coverage import coverage
from .outline import Row, Section, gap, sections
from .plain import Teller, announced, figures, name, names, repeated
from .references import NETWORKS, Piece, other_originals, post_url, profile_url
from .text import anchor, clean_line, safe_url, show_url

LONGEST_SHOWN = 300  # characters of an address in the list of links, which is printed
_NO_ID = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Words:
    """A text with what points out of it; `rtl` where it runs from right to left, `lang` where it is not English."""

    pieces: tuple[Piece, ...]
    rtl: bool = False
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One post, or (`missing`) what stands in the place of one that cannot be shown.

    `note` is the number of the note with its addresses, `beside` what stands beside its words: (address, text).
    """

    anchor: str | None
    depth: int = 0
    missing: str = ""
    name: str = ""
    handle: str | None = None
    is_moderator: bool = False
    time: str = ""
    stamp: str = ""
    remarks: tuple[str, ...] = ()
    words: Words = Words(())
    beside: tuple[tuple[str | None, str], ...] = ()
    quoted: tuple[str, Words] | None = None
    repeated: str = ""
    note: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Where a post can be read and answered: (network, address) of each of its originals."""

    number: int
    places: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A question with its answers (`label`), or posts that belong to none."""

    id: str
    label: str | None
    title: str
    posed: tuple[Told, ...]
    again: tuple[str, ...]  # when it was asked once more
    count: str | None
    rows: tuple[Told, ...]
    also: tuple[tuple[str, str | None], ...]  # (who, when and under what, anchor) of posts elsewhere that fit here too


@dataclass(frozen=True, slots=True)
class Shared:
    """A link that was shared: its words, its address where that is safe, the address as people read it, and by whom."""

    title: str
    href: str | None
    shown: str
    by: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """One session. `id` is unique in the book, and so are all anchors."""

    id: str
    label: str
    date: str
    hours: str
    start: str
    tags: tuple[str, ...]
    topic: str
    held: tuple[str, ...]  # lines: who moderated, who came as a guest
    figures: str
    activity: Activity | None
    parts: tuple[Part, ...]
    links: tuple[Shared, ...]
    people: tuple[tuple[str, str | None, str], ...]  # (names, address, what they did)
    notes: tuple[Note, ...]
    extent: str
    coverage: tuple[tuple[str, tuple[str, ...]], ...]  # of each source a line, with what is missing and remarks
    corrections: tuple[str, ...]


def make_chapter(transcript: Transcript, taken: set[str]) -> Chapter:
    """Make a chapter of a session.

    Args:
        transcript: the session.
        taken: the ids that the book has already; those of the chapter are added.
    """
    return _Maker(transcript, taken).chapter()


def is_rtl(text: str) -> bool:
    """Whether a paragraph runs from right to left: by most of its letters, since posts begin with labels and mentions.

    The first strong letter (UAX 9, P2) would set a Hebrew answer that begins with "A1:" from left to right.
    """
    kinds = Counter(map(bidirectional, text))
    return kinds["R"] + kinds["AL"] > kinds["L"]


class _Maker:
    """What the posts of a chapter share: who is who, which ids are taken, and the notes so far."""

    def __init__(self, transcript: Transcript, taken: set[str]) -> None:
        self.transcript = transcript
        self.taken = taken
        self.clock = Clock.of(transcript.window)
        self.teller = Teller(transcript)
        self.persons = transcript.person_keys()
        self.people = {person.key: person for person in transcript.participants}
        self.moderators = {person.key for person in transcript.moderators} | {
            person.key for person in transcript.participants if person.moderator
        }
        self.anchors: dict[str, str] = {}
        self.notes: list[Note] = []
        label = _NO_ID.sub("-", transcript.window.label).strip("-") or "session"
        self.id = self.free(f"s-{label}")

    def free(self, wanted: str) -> str:
        """An id that nothing else in the book has."""
        found, number = wanted, 2
        while found in self.taken:
            found, number = f"{wanted}--{number}", number + 1
        self.taken.add(found)
        return found

    def chapter(self) -> Chapter:
        transcript, clock = self.transcript, self.clock
        outline = sections(transcript)
        ids = [self.free(f"{self.id}-{number}") for number in range(1, len(outline) + 1)]
        bodies = [self.part(ident, section) for ident, section in zip(ids, outline, strict=True)]
        parts = tuple(  # what fits elsewhere too may stand in any part, so the anchors are known only now
            replace(part, also=tuple(map(self.mention, section.also)))
            for part, section in zip(bodies, outline, strict=True)
        )
        moderators = transcript.moderators or tuple(one for one in transcript.participants if one.moderator)
        held = [f"Moderated by {', '.join(map(name, moderators))}"] if moderators else []
        held += [line for line in announced(transcript) if not line.startswith("Topic: ")]
        window = transcript.window
        return Chapter(
            id=self.id,
            label=clean_line(window.label),
            date=clock.date,
            hours=clock.hours,
            start=instant(window.start),
            tags=tuple(clean_line(tag).removeprefix("#") for tag in transcript.hashtags),
            topic=clean_line(transcript.topic or ""),
            held=tuple(held),
            figures=figures(transcript),
            activity=draw(transcript, clock),
            parts=parts,
            links=tuple(self.links()),
            people=tuple(map(self.person, transcript.participants)),
            notes=tuple(self.notes),
            extent=(
                f"Posts made between {clock.time(window.opens)} and {clock.time(window.closes)} on the day of the chat; "
                f"times are in its own time zone, {clean_line(window.timezone)}."
            ),
            coverage=tuple(
                (
                    ", ".join((f"{row.source}: {row.status}", *row.facts)),
                    (*(f"Gap: {words}" for words in row.missing), *row.notes),
                )
                for row in coverage(transcript.coverage, clock)
            ),
            corrections=tuple(map(clean_line, transcript.notes)),
        )

    def part(self, ident: str, section: Section) -> Part:
        question = section.question
        label = clean_line(question.label) if question else None
        count = None
        if question:
            count = f"{section.answers} {'answer' if section.answers == 1 else 'answers'}" if section.answers else None
            if count and section.people:
                count += f" from {section.people} {'person' if section.people == 1 else 'people'}"
            count = count or "No answers"
        return Part(
            id=ident,
            label=label,
            title=clean_line(section.title) or label or "A question",
            posed=tuple(self.posed(entry) for entry in section.posed),
            again=tuple(self.clock.time(entry.post.created_at) for entry in section.again if not gap(entry.post)),
            count=count,
            rows=tuple(self.rows(section.rows)),
            also=(),
        )

    def posed(self, entry: Entry) -> Told:
        """A post that asks a question. Its words are the heading."""
        if words := gap(entry.post):
            return Told(self.anchor(entry.post.uid), missing=_sentence(words))
        return replace(self.told(entry.post, entry), words=Words(()))

    def rows(self, rows: Sequence[Row]) -> Iterable[Told]:
        here = {row.uid for row in rows if row.entry}
        for row in rows:
            if row.post is None or row.gap:
                yield Told(self.anchor(row.uid) if row.entry else None, row.depth, missing=_sentence(row.gap or ""))
                continue
            told = self.told(row.post, row.entry, row)
            # A reply stands under what it answers: only the head of a thread can be misplaced.
            if row.entry and row.post.reply_to not in here and _is_unsure(row.entry.filing):
                told = replace(told, remarks=(*told.remarks, "may belong elsewhere"))
            yield told

    def told(self, post: Post, entry: Entry | None, row: Row | None = None) -> Told:
        said = self.teller.tell(post, entry, row)
        key = author_key(post) or post.uid
        key = self.persons.get(key, key)
        person = self.people.get(key)
        handle = clean_line(post.author_handle or (person.handle if person else None) or "").removeprefix("@")
        shown = clean_line(post.author_name or (person.name if person else None) or "")
        remarks = [said.late] if said.late else []
        remarks += said.remarks
        remarks += [f"also fits {said.also[0]}"] if said.also else []
        remarks += [f"edited {self.clock.time(post.edited_at)}"] if post.edited_at else []
        return Told(
            anchor=self.anchor(post.uid) if entry else None,
            depth=row.depth if row else 0,
            name=shown or (f"@{handle}" if handle else "Unknown account"),
            handle=f"@{handle}" if shown and handle else None,
            is_moderator=key in self.moderators,
            time=self.clock.time(post.created_at),
            stamp=instant(post.created_at.replace(microsecond=0)),
            remarks=tuple(map(clean_line, remarks)),
            words=_words(said.pieces, post.lang),
            beside=tuple((url, title or show_url(url or "")) for url, title in said.links),
            quoted=(said.quoted[0], _words(said.quoted[1])) if said.quoted else None,
            repeated=_sentence(repeated(entry) or "") if entry else "",
            note=self.note(post, entry),
        )

    def anchor(self, uid: str) -> str | None:
        """The anchor of a post, the first time that it is shown: one may pose two questions."""
        if uid in self.anchors:
            return None
        self.anchors[uid] = self.free(anchor(uid))
        return self.anchors[uid]

    def note(self, post: Post, entry: Entry | None) -> int | None:
        network = NETWORKS.get(post.platform, clean_line(post.platform))
        places = [(network, post_url(post))]
        places += [(one.network, one.url) for one in other_originals(entry)] if entry else []
        known = tuple((where, url) for where, url in places if url)
        if not known:
            return None
        self.notes.append(Note(len(self.notes) + 1, known))
        return len(self.notes)

    def mention(self, entry: Entry) -> tuple[str, str | None]:
        who = clean_line(entry.post.author_handle or "").removeprefix("@")
        words = f"@{who}" if who else clean_line(entry.post.author_name or "") or "a post"
        when = self.clock.time(entry.post.created_at)
        return f"{words}, {when}, under {clean_line(entry.filing.topic)}", self.anchors.get(entry.post.uid)

    def person(self, person: Person) -> tuple[str, str | None, str]:
        facts = ["moderator"] if person.moderator or person.key in self.moderators else []
        if person.posts:
            facts.append("1 post" if person.posts == 1 else f"{person.posts} posts")
        if person.reposts:
            facts.append(f"{person.reposts} repeated")
        return names(person), profile(person), ", ".join(facts)

    def links(self) -> Iterable[Shared]:
        for link in self.transcript.links:
            by = ", ".join("@" + clean_line(who).removeprefix("@") for who in link.shared_by)
            topics = [topic for topic in link.topics if topic not in {INTRO, WRAPUP, NONE}]
            under = ", ".join(map(clean_line, topics))
            said = (f"shared by {by}" if by else "shared") + (f" under {under}" if under else "")
            yield Shared(
                title=clean_line(link.title or "") or show_url(link.url),
                href=safe_url(link.url),
                shown=show_url(link.url, LONGEST_SHOWN),
                by=said,
            )


def profile(person: Person) -> str | None:
    """The address of a person's page on their network."""
    uid = None if ":@" in person.key else person.key
    return safe_url(person.url) or profile_url(person.key.partition(":")[0], person.handle, uid)


def _is_unsure(filing: Filing) -> bool:
    return filing.confidence < UNSURE and filing.topic != NONE


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _words(pieces: Iterable[Piece], lang: str | None = None) -> Words:
    shown = tuple(
        replace(piece, text=show_url(piece.href if "%" not in piece.href else piece.text))
        if piece.kind == "url" and piece.href
        else piece
        for piece in pieces
    )
    return Words(shown, is_rtl("".join(piece.text for piece in shown if piece.kind == "text")), language(lang))
