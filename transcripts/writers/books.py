"""A chat over a stretch of time as a book: what stands before and after its chapters, gathered while they are made.

A book is bound in one pass over its sessions, so that no more than one of them is in memory at a time.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import NAMESPACE_URL, uuid5

from knowarchive.model import NO_WISH
from transcripts.model import Person, Transcript
from transcripts.persons import Persons
from transcripts.pictures.gathering import Gathered
from transcripts.pictures.svg import Picture

from .chapters import Chapter, make_chapter, profile
from .clock import Clock, instant
from .plain import names
from .references import NETWORKS
from .text import clean_line

MANY = 12  # sessions: from more on, the contents are those alone, without their questions
_WISHES = {
    "noindex": "do not want their posts to be found by search",
    "no-unauthenticated": "want their posts to be seen only by those who are signed in",
    "noarchive": "do not want their posts to be archived by others",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What the configuration adds to everything that is handed on: the community's own words, and whom to ask."""

    words: str = ""
    contact: str = ""  # for takedowns: an address of mail, or a page
    href: str = ""  # where that leads


@dataclass(frozen=True, slots=True)
class Book:
    """What is to be bound. `sessions` are in order of time, and read once.

    `since` and `until` are the local dates [since, until) that were asked for, None where there is no bound.
    `version` is that of the program, `is_public` whether wishes have been heeded in `sessions`.
    """

    chat: str
    title: str
    hashtags: tuple[str, ...]
    sessions: Iterable[Transcript]
    since: date | None = None
    until: date | None = None
    is_session: bool = False  # one session, which needs neither a title page nor an index
    is_public: bool = False
    notice: Notice = Notice()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """A line of the contents: a chapter with its questions, as (id, label, words)."""

    id: str
    date: str
    topic: str
    questions: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Indexed:
    """Somebody in the index: names, address, posts in the book, and the chapters as (id, short date, posts)."""

    name: str
    href: str | None
    posts: int
    chapters: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Matter:
    """Everything in a book but its chapters. `heading` names the stretch of time; `identifier` is the same in every build.

    The book of one session has no index: its chapter lists the people.
    """

    title: str
    heading: str
    tags: tuple[str, ...]
    figures: str
    is_session: bool
    shows_questions: bool
    contents: tuple[Contents, ...]
    index: tuple[Indexed, ...]
    colophon: tuple[str, ...]
    notice: str
    contact: str
    contact_href: str | None
    identifier: str
    modified: str  # the latest time that anything in it tells of, UTC


class Binder:
    """Makes chapters of sessions, and remembers what the rest of the book needs of them."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.taken: set[str] = {"title", "contents", "people", "colophon", "pictures", "main"}
        self.contents: list[Contents] = []
        self.people = _Index()
        self.gathered = Gathered()
        self.counts: Counter[str] = Counter()
        self.platforms: Counter[str] = Counter()
        self.wishes: Counter[str] = Counter()
        self.coverage: Counter[str] = Counter()
        self.first: str | None = None
        self.last = ""
        self.modified = datetime.min.replace(tzinfo=UTC)

    def chapter(self, transcript: Transcript) -> Chapter:
        """The next session's chapter."""
        chapter = make_chapter(transcript, self.taken)
        clock = Clock.of(transcript.window)
        self.contents.append(
            Contents(
                chapter.id,
                chapter.date,
                chapter.topic,
                tuple((part.id, part.label, part.title) for part in chapter.parts if part.label),
            )
        )
        self.people.add(transcript, chapter.id, f"{clock.start:%Y-%m-%d}" if self.spans_years else _short(clock))
        self.first = self.first or clock.day(clock.start)
        self.last = clock.day(clock.start)
        self._count(transcript)
        self.gathered.add(transcript)
        return chapter

    def pictures(self) -> tuple[Picture, ...]:
        """Pictures of the chat, where there are sessions to compare."""
        return self.gathered.pictures() if len(self.contents) > 1 else ()

    @property
    def spans_years(self) -> bool:
        """Whether a day needs its year in the index."""
        since, until = self.book.since, self.book.until
        return since is None or until is None or (until - since).days > 366

    def _count(self, transcript: Transcript) -> None:
        self.counts["sessions"] += 1
        for each in ("posts", "questions", "links"):
            self.counts[each] += transcript.stats.get(each, 0)
        states = {row.get("status") for row in transcript.coverage}
        self.coverage["complete" if states == {"done"} else "incomplete" if states else "unknown"] += 1
        times = [transcript.window.end]
        for entry in transcript.entries:
            for post in entry.posts:
                self.platforms[post.platform] += 1
                times.append(post.observed_at or post.created_at)
                if post.consent not in {None, NO_WISH}:
                    self.wishes[str(post.consent)] += 1
        self.modified = max(self.modified, *times)

    def matter(self) -> Matter:
        """The rest of the book, when all its chapters are made."""
        book = self.book
        people = self.people.entries()
        counted = [
            (self.counts["sessions"], "session", "sessions"),
            (self.counts["posts"], "post", "posts"),
            (len(people), "person", "people"),
            (self.counts["questions"], "question", "questions"),
            (self.counts["links"], "link", "links"),
        ]
        if book.is_session:
            counted = counted[1:]
        title = clean_line(book.title) or clean_line(book.chat) or "A chat"
        identity = "\n".join(["knowarchive", book.chat, *map(str, (book.since, book.until)), self._labels()])
        return Matter(
            title=title,
            heading=self._heading(),
            tags=tuple(clean_line(tag).removeprefix("#") for tag in book.hashtags),
            figures=", ".join(f"{number:,} {one if number == 1 else many}" for number, one, many in counted),
            is_session=book.is_session,
            shows_questions=len(self.contents) <= MANY,
            contents=tuple(self.contents),
            index=() if book.is_session else people,
            colophon=tuple(self._colophon()),
            notice=clean_line(book.notice.words),
            contact=clean_line(book.notice.contact),
            contact_href=book.notice.href or None,
            identifier=f"urn:uuid:{uuid5(NAMESPACE_URL, identity)}",
            modified=instant(max(self.modified, datetime(1970, 1, 1, tzinfo=UTC)).replace(microsecond=0)),
        )

    def _labels(self) -> str:
        """What tells one session's book from another's; a stretch of time is the same book when sessions are added."""
        return self.contents[0].id if self.book.is_session and self.contents else ""

    def _heading(self) -> str:
        book = self.book
        if book.is_session and self.contents:
            return self.contents[0].date
        if book.since and book.until and (book.since, book.until) == (_new_year(book.since), _new_year(book.until)):
            years = book.since.year, book.until.year - 1
            return f"{years[0]}" if years[0] == years[1] else f"{years[0]}–{years[1]}"
        if self.first is None:
            return ""
        return self.first if self.first == self.last else f"{self.first} – {self.last}"

    def _colophon(self) -> Iterable[str]:
        version = clean_line(self.book.version)
        *others, last = [NETWORKS.get(each, clean_line(each)) for each, _ in self.platforms.most_common()] or [""]
        where = f"{', '.join(others)} and {last}" if others else last
        yield (
            f"Made by Knowarchive{' ' + version if version else ''} from an archive of what was posted in public"
            + (f" on {where}" if where else "")
            + f", as the archive knew it on {Clock(UTC, self.modified, self.modified).day(self.modified)}."
            if self.contents
            else "Made by Knowarchive. The archive holds no session in this time."
        )
        states = [
            f"{self.coverage[state]} {words}"
            for state, words in (
                ("complete", "collected completely"),
                ("incomplete", "with gaps, which are named at the end of each"),
                ("unknown", "without a record of how they were collected"),
            )
            if self.coverage[state]
        ]
        if states and not self.book.is_session:
            yield f"Of the sessions: {', '.join(states)}."
        yield (
            "Which posts answer which question was worked out from labels, replies, quotes, words and times; what may belong "
            "elsewhere is marked. Posts that their authors deleted are left out once that is known, and a "
            "post shown several times by its author on several networks is shown once, with all its addresses."
        )
        for wish, number in sorted(self.wishes.items()):
            words = _WISHES.get(wish, f"declare a wish ({clean_line(wish)})")
            yield f"{number} {'post is' if number == 1 else 'posts are'} by people who {words}."
        if self.wishes and not self.book.is_public:
            yield "This copy is for whoever keeps the archive: do not put it where everybody can read it."
        if self.book.is_public:
            yield "What people asked to be left out of public copies is left out of this one."
        yield "The words are their authors’ own. Cite a post by the address in its note, where it can also be answered."


class _Index:
    """Who spoke in which chapters."""

    def __init__(self) -> None:
        self.persons = Persons()
        self.spoke: list[tuple[Person, str, str]] = []  # (who, chapter, short date)

    def add(self, transcript: Transcript, chapter: str, day: str) -> None:
        for person in transcript.participants:
            if person.posts:
                self.persons.join(person)
                self.spoke.append((person, chapter, day))

    def entries(self) -> tuple[Indexed, ...]:
        by_person: dict[str, list[tuple[Person, str, str]]] = {}
        for one in self.spoke:
            by_person.setdefault(self.persons.of(one[0].key), []).append(one)
        found = []
        for spoke in by_person.values():
            fullest = max((person for person, _, _ in reversed(spoke)), key=lambda person: len(person.accounts))
            chapters: dict[tuple[str, str], int] = {}
            for person, chapter, day in spoke:
                chapters[chapter, day] = chapters.get((chapter, day), 0) + person.posts
            stood = tuple((chapter, day, posts) for (chapter, day), posts in chapters.items())
            found.append(Indexed(names(fullest), profile(fullest), sum(chapters.values()), stood))
        return tuple(sorted(found, key=lambda one: (one.name.lstrip("@").casefold(), one.name, one.href or "")))


def paragraphs(matter: Matter) -> Sequence[str]:
    """The colophon, with the community's own notice and whom to ask."""
    asking = f"To have something taken out, write to {matter.contact}." if matter.contact else ""
    return [line for line in (*matter.colophon, matter.notice, asking) if line]


def _short(clock: Clock) -> str:
    return clock.day(clock.start).rpartition(" ")[0]


def _new_year(day: date) -> date:
    return date(day.year, 1, 1)
