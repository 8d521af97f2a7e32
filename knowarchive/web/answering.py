"""From a request to an answer: what may be asked for, how long it may take, and what is said when it goes wrong."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from anyio import CapacityLimiter, fail_after, to_thread
from starlette.requests import Request
from starlette.responses import Response

from knowarchive.errors import KnowarchiveError, UsageError
from knowarchive.web import places
from knowarchive.web.room import PATIENCE, Room, Snapshot
from transcripts.writers.as_html import REL, environment

log = logging.getLogger("knowarchive.web")

AT_ONCE = 8  # answers in the making
DEEPEST_PAGE = 100_000
STYLE_PAGE = "/static/room.css"


class NotHereError(UsageError):
    """There is no such page: a chat, person, post or session that the archive does not hold."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and what there is to answer it from."""

    request: Request
    room: Room
    now: Snapshot

    def value(self, name: str) -> str:
        """A value of the query, or an empty one."""
        return self.request.query_params.get(name, "")

    def step(self, name: str) -> str:
        """A value of the path."""
        return str(self.request.path_params[name])

    @property
    def page(self) -> int:
        """Which page is asked for: 1 where it is none, or too deep a one where there are not so many."""
        return _number(self.value("page"), 1, DEEPEST_PAGE)

    def limit(self, default: int, most: int) -> int:
        return _number(self.value("limit"), default, most)


Handler = Callable[[Asked], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(room: Room, handler: Handler, *, as_json: bool = False) -> Endpoint:
    """Make a handler, which reads and computes, an endpoint that answers in bounded time, whatever happens."""

    async def answer(request: Request) -> Response:
        shared = request.app.state  # by all endpoints; the limiter belongs to the event loop, which runs only now
        if not hasattr(shared, "limiter"):
            shared.limiter = CapacityLimiter(AT_ONCE)
        try:
            with fail_after(PATIENCE):
                return await to_thread.run_sync(_answer, request, abandon_on_cancel=True, limiter=shared.limiter)
        except TimeoutError:
            return said(room, 503, "This takes too long", "Ask for less, or again in a while.", as_json)

    def _answer(request: Request) -> Response:
        now = room.now
        if now is None:
            words = room.told(room.problem) or f"{room.seen:,} posts were read so far. Look again in a moment."
            return said(room, 503, "The index is being built", words, as_json)
        try:
            return handler(Asked(request, room, now))
        except UsageError as error:
            return said(room, 404, "There is no such page", str(error), as_json)
        except KnowarchiveError as error:
            log.warning("%s", error)
            return said(room, 503, "The archive cannot be read", room.told(str(error)) or "", as_json)
        except Exception:
            log.exception("%s", request.url.path)
            words = "This should not happen. What went wrong is in the log of the reading room."
            return said(room, 500, "Something went wrong", words, as_json)

    return answer


def said(room: Room, code: int, title: str, words: str, as_json: bool) -> Response:  # noqa: FBT001 - as the endpoint was made
    """An answer that is only words."""
    headers = {"retry-after": "5"} if code == 503 else {}
    if as_json:
        return in_json({"error": {"status": code, "title": title, "detail": words}}, code, headers)
    return page("message.html", room, {"title": title, "words": words}, code=code, headers=headers)


def page(
    template: str, room: Room, values: dict[str, Any], *, code: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A page of the room."""
    shared = {"places": places, "rel": REL, "problem": room.told(room.problem), "query": "", "style": STYLE_PAGE}
    text = environment("knowarchive.web").get_template(template).render({**shared, **values})
    return Response(
        text.encode("utf-8", "replace"),
        code,
        {"cache-control": "private, no-cache", **(headers or {})},
        "application/atom+xml; charset=utf-8" if template.endswith(".xml") else "text/html; charset=utf-8",
    )


def in_json(value: Any, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer of the API."""
    said = {"cache-control": "private, no-cache", **(headers or {})}
    return Response(msgspec.json.encode(value), code, said, "application/json")


def _number(text: str, default: int, most: int) -> int:
    if not (text.isascii() and text.isdigit()):
        return default
    return min(max(int(text[:12]), 1), most) if len(text) <= 12 else most
