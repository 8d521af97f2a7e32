"""The tools: what each takes, and what it reads for it. All of them only read, and answer with JSON of bounded size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from knowarchive.config import Config
from knowarchive.errors import UsageError
from knowarchive.mcp.said import LONGEST_NAME, Said, page, tell
from knowarchive.site import addresses
from knowarchive.web import citations
from knowarchive.web.reading import NotHereError, Snapshot
from knowarchive.web.room import Room, moment
from knowarchive.web.rows import ChatRow, list_chats
from transcripts.model import Entry, Transcript
from transcripts.search.language import ask, parse
from transcripts.search.posts import Filed, keep
from transcripts.writers.references import post_url

MOST_HITS, SESSIONS, FACET_VALUES = 25, 100, 5  # on a page; of each facet
MOST_QUESTIONS = 40  # of a session
LONGEST_HIT = 1_500  # characters of a post in a list, or of a question

Uid = Annotated[str, Meta(description="The uid of a post, as answers give it.", min_length=1, max_length=2_000)]
ChatName = Annotated[str, Meta(description="The name of a chat, as `chats` lists them.", min_length=1, max_length=64)]
Start = Annotated[
    int, Meta(description="Which post to begin with: the `next` of the answer before.", ge=0, le=1_000_000)
]
Number = Annotated[int, Meta(description="Which page, from 1.", ge=1, le=10_000)]


class Arguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tool takes: its JSON Schema is made of it, and what is asked is held against it."""


class ChatsArguments(Arguments, frozen=True, kw_only=True):
    pass


class SearchArguments(Arguments, frozen=True, kw_only=True):
    query: Annotated[
        str,
        Meta(
            description='Words, all of which must be there in any form; "words together", -without, a OR b, librar*, #tag, '
            "from:handle, to:handle, session:2015-05-19, question:Q2, since:2015, until:2016-03, on:mastodon, has:link, "
            "link:example.org, lang:en.",
            max_length=2_000,
        ),
    ]
    chat: ChatName | None = None
    sort: Literal["relevance", "newest", "oldest"] = "relevance"
    page: Number = 1
    limit: Annotated[int, Meta(description="Posts on a page.", ge=1, le=MOST_HITS)] = 10


class SessionsArguments(Arguments, frozen=True, kw_only=True):
    chat: ChatName
    page: Number = 1


class TranscriptArguments(Arguments, frozen=True, kw_only=True):
    chat: ChatName
    date: Annotated[str, Meta(description="The session's date, as `sessions` lists it.", min_length=1, max_length=64)]
    topic: Annotated[
        str | None, Meta(description="Only what belongs to this question, such as Q2, or to intro, wrapup or none.")
    ] = None
    start: Start = 0


class PostArguments(Arguments, frozen=True, kw_only=True):
    uid: Uid


class ConversationArguments(Arguments, frozen=True, kw_only=True):
    uid: Uid
    start: Start = 0


class Chats(msgspec.Struct, frozen=True):
    chats: tuple[ChatRow, ...]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what a search found; `read_as` is how the query was understood."""

    total: int
    page: int
    pages: int
    read_as: str
    notes: tuple[str, ...]
    posts: tuple[Said, ...]
    facets: dict[str, tuple[tuple[str, int], ...]]


class SessionRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    date: str
    first: datetime
    last: datetime
    posts: int
    people: int
    questions: int
    page: str | None = None  # on the published site


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    chat: str
    total: int
    page: int
    pages: int
    sessions: tuple[SessionRow, ...]


class AskedQuestion(msgspec.Struct, frozen=True):
    label: str
    text: str
    answers: int
    uid: str


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transcript, or a part of it: `next` is where the next part starts."""

    chat: str
    date: str
    title: str
    start: datetime
    end: datetime
    timezone: str
    citation: str
    page: str | None = None
    topic: str | None = None
    moderators: tuple[str, ...] = ()
    questions: tuple[AskedQuestion, ...]
    total: int
    posts: tuple[Said, ...]
    next: int | None = None


class Cited(msgspec.Struct, frozen=True, kw_only=True):
    post: Said
    replies: tuple[str, ...]  # uids
    bibtex: str
    csl: dict[str, Any]


class Talk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reply tree, each post after what it answers; `depth` says how deep it stands."""

    uid: str
    total: int
    posts: tuple[Said, ...]
    next: int | None = None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What there is to answer from."""

    room: Room
    now: Snapshot

    @property
    def config(self) -> Config:
        return self.room.config

    def chat(self, name: str) -> str:
        """A chat's name, known to be one.

        Raises:
            NotHereError: there is no such chat; says which there are.
        """
        if self.config.find_chat(name) is None:
            known = ", ".join(chat.name for chat in self.config.chat) or "none"
            raise NotHereError(f"There is no such chat. There are: {known}")
        return name

    def page(self, chat: str, date: str) -> str | None:
        """Where a session stands on the published site; None where no address of one is configured."""
        base = self.config.publish.base
        return base + addresses.session_page(chat, date) if base else None


def chats(reading: Reading, _asked: ChatsArguments) -> Chats:
    return Chats(list_chats(reading.config, reading.now.catalogue))


def search(reading: Reading, asked: SearchArguments) -> Found:
    query = parse(asked.query)
    if asked.chat is not None:
        term, _ = ask("chat", reading.chat(asked.chat))
        assert term is not None
        query = query.narrowed(term)
    found = reading.now.search(query, sort=asked.sort, page=asked.page, limit=asked.limit)
    return Found(
        total=found.total,
        page=found.page,
        pages=found.pages,
        read_as=query.reading,
        notes=found.notes,
        posts=tuple(
            tell(hit.post, filed=hit.filed, also=[one.address for one in hit.also], longest=LONGEST_HIT)
            for hit in found.hits
        ),
        facets={name: values[:FACET_VALUES] for name, values in found.facets.items() if len(values) > 1},
    )


def sessions(reading: Reading, asked: SessionsArguments) -> Sessions:
    chat = reading.chat(asked.chat)
    rows = reading.now.catalogue.rows("sessions", chat=chat, limit=-1, offset=0)
    pages = max(1, -(-len(rows) // SESSIONS))
    number = min(asked.page, pages)
    return Sessions(
        chat=chat,
        total=len(rows),
        page=number,
        pages=pages,
        sessions=tuple(
            SessionRow(
                date=row["date"],
                first=moment(row["began"]),
                last=moment(row["ended"]),
                posts=row["posts"],
                people=row["people"],
                questions=row["questions"],
                page=reading.page(chat, row["date"]),
            )
            for row in rows[(number - 1) * SESSIONS : number * SESSIONS]
        ),
    )


def transcript(reading: Reading, asked: TranscriptArguments) -> Session:
    made = reading.room.transcript(reading.now, reading.chat(asked.chat), asked.date)
    window = made.window
    entries = [entry for entry in made.entries if asked.topic in {None, entry.filing.topic}]
    if not entries:
        known = ", ".join(dict.fromkeys(entry.filing.topic for entry in made.entries))
        raise UsageError(f"Nothing of this session belongs to that topic. There are: {known}")
    posts, after = page([_entry(made, entry) for entry in entries], asked.start)
    citation = citations.reference(citations.cite_transcript(made))
    where = reading.page(window.chat, window.label)
    return Session(
        chat=window.chat,
        date=window.label,
        title=made.title,
        start=window.start,
        end=window.end,
        timezone=window.timezone,
        citation=f"{citation} {where}" if where else citation,
        page=where,
        topic=made.topic,
        moderators=tuple((one.name or one.handle or one.key)[:LONGEST_NAME] for one in made.moderators),
        questions=tuple(
            AskedQuestion(one.label, one.text[:LONGEST_HIT], one.answers, one.uid)
            for one in made.questions[:MOST_QUESTIONS]
        ),
        total=len(entries),
        posts=posts,
        next=after,
    )


def post(reading: Reading, asked: PostArguments) -> Cited:
    found = reading.now.post(asked.uid)
    below = [row["uid"] for row in reading.now.catalogue.rows("below", uid=found.uid, limit=SESSIONS)]
    replies = [one.uid for one in reading.now.posts(below) if one.reply_to == found.uid]
    item = citations.cite_post(found)
    return Cited(post=tell(found), replies=tuple(replies), bibtex=citations.bibtex(item), csl=item)


def conversation(reading: Reading, asked: ConversationArguments) -> Talk:
    found = reading.now.conversation(asked.uid)
    posts, after = page([tell(one, depth=depth) for depth, one in found.tree], asked.start)
    return Talk(uid=found.post.uid, total=len(found.tree), posts=posts, next=after, is_cut=found.is_cut)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its name in words, what it does, what it takes, and what answers."""

    title: str
    about: str
    arguments: type[Arguments]
    answer: Callable[[Reading, Any], msgspec.Struct]

    @property
    def schema(self) -> dict[str, Any]:
        """What it takes, as JSON Schema."""
        _, shapes = msgspec.json.schema_components([self.arguments])
        shape: dict[str, Any] = {**shapes[self.arguments.__name__]}
        return {name: value for name, value in shape.items() if name not in {"title", "description"}}

    def call(self, reading: Reading, given: Mapping[str, Any]) -> msgspec.Struct:
        """Answer.

        Raises:
            UsageError: what is given is not what it takes, or there is no such thing.
            KnowarchiveError: the archive cannot be read.
        """
        try:
            asked = msgspec.convert(given, self.arguments, strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"This is not what the tool takes: {error}") from error
        return self.answer(reading, asked)


TOOLS: dict[str, Tool] = {
    "chats": Tool("Chats", "List the chats of the archive with their figures.", ChatsArguments, chats),
    "search": Tool(
        "Search",
        "Find posts in the archive by words, people, time, link. The best first, each with its citation and its session.",
        SearchArguments,
        search,
    ),
    "sessions": Tool("Sessions", "List the sessions of a chat, the newest first.", SessionsArguments, sessions),
    "transcript": Tool(
        "Transcript",
        "Read a session of a chat: the questions that were asked, and every post in order of time with the question that "
        "it belongs to. A long one comes in parts; `start` goes on.",
        TranscriptArguments,
        transcript,
    ),
    "post": Tool("Post", "Read one post, and cite it in BibTeX or CSL-JSON.", PostArguments, post),
    "conversation": Tool(
        "Conversation", "Read the whole conversation that a post is part of.", ConversationArguments, conversation
    ),
}


def _entry(made: Transcript, entry: Entry) -> Said:
    """What was said once in a session."""
    main, window = entry.posts[0], made.window
    filed = Filed(window.chat, window.label, entry.filing.topic, entry.filing.role)
    return tell(keep(main, [filed]), also=[post_url(one) for one in entry.posts[1:]])
