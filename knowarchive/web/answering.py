"""From a request to an answer: what may be asked for, how long it may take, and what is said when it goes wrong."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from knowarchive.errors import KnowarchiveError, UsageError
from knowarchive.web import places
from knowarchive.web.reading import Snapshot, WrongValueError
from knowarchive.web.room import PATIENCE, Room
from transcripts.search.results import Sort
from transcripts.writers.as_html import REL, environment

log = logging.getLogger("knowarchive.web")

SORTS: tuple[Sort, ...] = ("relevance", "newest", "oldest")
_COUNT = re.compile(r"[0-9]*[1-9][0-9]*", re.ASCII)
AT_ONCE = 8  # answers in the making
MOST_KEPT, LARGEST_KEPT = 128, 200_000  # answers of one snapshot; bytes of each
DEEPEST_PAGE = 100_000
STYLE_PAGE = "/static/room.css"


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

    def check(self) -> None:
        """See that what is asked for is what the API describes.

        Raises:
            WrongValueError: it is not.
        """
        asked = self.request.query_params
        for name in ("page", "limit"):
            if any(not _COUNT.fullmatch(value) for value in asked.getlist(name)):
                raise WrongValueError(f"{name} is a whole number from 1.")
        if any(value not in SORTS for value in asked.getlist("sort")):
            raise WrongValueError(f"sort is one of {', '.join(SORTS)}.")


Handler = Callable[[Asked], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(room: Room, handler: Handler, *, as_json: bool = False) -> Endpoint:
    """Make a handler, which reads and computes, an endpoint that answers in bounded time, whatever happens.

    An answer that took too long is given up, but its thread is taken until it ends: nobody can stop it, and those who ask
    again must not pile work upon work. The application's `state.threads` are shared by all its endpoints. What was answered
    is kept for those who ask the same of the same snapshot, as far as it is few and small.
    """

    async def answer(request: Request) -> Response:
        now, scope = room.now, request.scope
        asked = (scope.get("raw_path"), scope["path"], scope["query_string"], request.headers.get("host"), room.problem)
        if now is not None and asked in now.answers:
            return cast("Response", now.answers[asked])
        try:
            working = asyncio.get_running_loop().run_in_executor(request.app.state.threads, _answer, request, now)
            answered = await asyncio.wait_for(working, PATIENCE)
        except TimeoutError:
            return said(room, 503, "This takes too long", "Ask for less, or again in a while.", as_json)
        if now is not None and answered.status_code == 200 and len(answered.body) <= LARGEST_KEPT:
            now.answers[asked] = answered
            while len(now.answers) > MOST_KEPT:
                now.answers.pop(next(iter(now.answers)))
        return answered

    def _answer(request: Request, now: Snapshot | None) -> Response:
        if now is None:
            words = room.told(room.problem) or f"{room.seen:,} posts were read so far. Look again in a moment."
            return said(room, 503, "The index is being built", words, as_json)
        try:
            asked = Asked(request, room, now)
            if as_json:
                asked.check()
            return handler(asked)
        except WrongValueError as error:
            return said(room, 400, "This cannot be asked for", str(error), as_json)
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
    template: str, room: Room | None, values: dict[str, Any], *, code: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A page of the room; of no room where the reader is not in it yet."""
    problem = room.told(room.problem) if room else None
    shared = {"places": places, "rel": REL, "problem": problem, "query": "", "style": STYLE_PAGE}
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
