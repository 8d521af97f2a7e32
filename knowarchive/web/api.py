"""The API: what the pages show, as JSON. Its shapes are described by `openapi.describe`, from the same types."""

from datetime import datetime

import msgspec
from msgspec import Struct
from starlette.responses import Response

from knowarchive.web import pages
from knowarchive.web.answering import Asked, in_json
from knowarchive.web.reading import NotHereError
from knowarchive.web.room import moment
from knowarchive.web.rows import ChatRow, list_chats
from transcripts.search.answer import Answer, FoundPost, answer, found_post
from transcripts.writers import as_json

MOST = 100  # hits on a page


class Place(Struct, frozen=True):
    """Where a post belongs in one chat."""

    chat: str
    session: str | None
    topic: str | None
    role: str | None


class Chats(Struct, frozen=True):
    """Every chat that is configured."""

    chats: tuple[ChatRow, ...]


class SessionOfChat(Struct, frozen=True):
    """A session with its figures; times are those of its first and last post, in UTC."""

    chat: str
    date: str
    first: datetime
    last: datetime
    posts: int
    people: int
    questions: int


class Sessions(Struct, frozen=True):
    """The sessions of a chat, the newest first."""

    total: int
    page: int
    pages: int
    sessions: tuple[SessionOfChat, ...]


class PostAnswer(Struct, frozen=True, kw_only=True):
    """A post, where it belongs, what it answers, and its answers in order of time."""

    post: FoundPost
    places: tuple[Place, ...]
    reply_to: str | None
    quotes: str | None
    replies: tuple[FoundPost, ...]


def search(asked: Asked) -> Response:
    """What `knowarchive search --json` prints."""
    typed, _, results = pages.look(asked, asked.limit(10, MOST))
    return in_json(answer(typed, results))


def chats(asked: Asked) -> Response:
    """Every chat with its figures."""
    return in_json(Chats(list_chats(asked.room.config, asked.now.catalogue)))


def sessions(asked: Asked) -> Response:
    """The sessions of a chat."""
    chat = asked.step("chat")
    if asked.room.config.find_chat(chat) is None:
        raise NotHereError("There is no such chat; /api/chats lists them.")
    rows = asked.now.catalogue.rows("sessions", chat=chat, limit=-1, offset=0)
    size = asked.limit(50, 1_000)
    count = max(1, -(-len(rows) // size))
    page = min(asked.page, count)
    shown = rows[(page - 1) * size : page * size]
    return in_json(
        Sessions(
            len(rows),
            page,
            count,
            tuple(
                SessionOfChat(
                    row["chat"],
                    row["date"],
                    moment(row["began"]),
                    moment(row["ended"]),
                    row["posts"],
                    row["people"],
                    row["questions"],
                )
                for row in shown
            ),
        )
    )


def session(asked: Asked) -> Response:
    """A session as `knowarchive transcript --format json` writes it."""
    transcript = asked.room.transcript(asked.now, asked.step("chat"), asked.step("date"))
    return in_json(msgspec.Raw(as_json.render(transcript).encode()))


def post(asked: Asked) -> Response:
    """A post by its uid."""
    one = asked.now.post(asked.step("uid"))
    below = asked.now.catalogue.rows("below", uid=one.uid, limit=MOST)
    replies = [other for other in asked.now.posts([row["uid"] for row in below]) if other.reply_to == one.uid]
    replies.sort(key=lambda other: (other.created_at, other.uid))
    return in_json(
        PostAnswer(
            post=found_post(one),
            places=tuple(Place(*msgspec.structs.astuple(filed)) for filed in one.filed),
            reply_to=one.reply_to,
            quotes=one.quote_of,
            replies=tuple(map(found_post, replies)),
        )
    )


ANSWERS: dict[str, type | None] = {
    "search": Answer,
    "chats": Chats,
    "sessions": Sessions,
    "session": None,  # the contract knowarchive.transcript/1
    "post": PostAnswer,
}
