"""The application: every address and what answers it."""

from collections.abc import AsyncIterator, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from knowarchive.web import answering, api, openapi, pages
from knowarchive.web.answering import STYLE_PAGE, Endpoint, endpoint, in_json, said
from knowarchive.web.guard import DOOR, Guard
from knowarchive.web.room import Room
from knowarchive.web.safety import Safety
from transcripts.writers.as_html import style

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PAGES = {
    "/": pages.home,
    "/search": pages.found,
    "/search.atom": pages.feed,
    "/links": pages.links,
    "/chats/{chat}": pages.chat,
    "/chats/{chat}/{date}": pages.session,
    "/chats/{chat}/{date}/{label}": pages.question,
    "/people/{key:path}": pages.person,
    "/posts/{uid:path}": pages.conversation,
    "/cite/posts/{uid:path}": pages.cite_post,
    "/cite/sessions/{chat}/{date}": pages.cite_session,
}


def build_app(room: Room, names: Collection[str] = (), token: str | None = None) -> "ASGIApp":
    """The whole application for a room.

    Args:
        room: what is read.
        names: host names that it answers to besides localhost.
        token: what every reader has to show, if anything.
    """

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        room.start()
        app.state.threads = ThreadPoolExecutor(answering.AT_ONCE, "answer")
        yield
        app.state.threads.shutdown(wait=False, cancel_futures=True)
        room.stop()

    async def description(_request: Request) -> Response:
        return in_json(openapi.describe(is_private=token is not None))

    async def nowhere(request: Request, _error: Exception) -> Response:
        as_json = request.url.path.startswith("/api/")
        return said(room, 404, "There is no such page", "Look for it with the search above.", as_json)

    routes = [Route(path, endpoint(room, handler)) for path, handler in PAGES.items()]
    for path, (name, _, _) in openapi.PATHS.items():
        spelled = path.replace("{uid}", "{uid:path}")
        routes.append(Route(spelled, endpoint(room, getattr(api, name), as_json=True)))
    routes.append(Route("/api/openapi.json", description))
    routes += [Route(path, _static(name, kind)) for path, (name, kind) in STATIC.items()]
    app = Starlette(routes=routes, lifespan=life, exception_handlers={404: nowhere})
    app.router.redirect_slashes = False
    return Safety(app, names) if token is None else Safety(Guard(app, token), names, forms=(DOOR,))


STATIC = {
    STYLE_PAGE: ("room.css", "text/css; charset=utf-8"),
    "/static/search.js": ("search.js", "text/javascript; charset=utf-8"),
    "/static/cite.js": ("cite.js", "text/javascript; charset=utf-8"),
}


@cache
def _content(name: str) -> bytes:
    own = files("knowarchive.web").joinpath("static", name).read_text("utf-8")
    return (f"{style()[0]}\n{own}" if name.endswith(".css") else own).encode()


def _static(name: str, kind: str) -> Endpoint:
    async def answer(_request: Request) -> Response:
        return Response(_content(name), media_type=kind, headers={"cache-control": "no-cache"})

    return answer
