"""The door of a private reading room: nothing is answered to who does not show its token.

Programs show it as a bearer token, feed readers as a password, and people once, in a form; their browser then keeps a cookie
that is made of it, until it is closed. It is drawn at random by whoever keeps the room and long, so nobody can guess it.
"""

import base64
import binascii
import os
from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from knowarchive.config import Config
from knowarchive.errors import ConfigError
from knowarchive.web.answering import STYLE_PAGE, in_json, page

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

VARIABLE = "KNOWARCHIVE_WEB_TOKEN"
SHORTEST, LONGEST = 16, 512  # characters of a token
LARGEST_FORM = 16_384  # bytes
DOOR = "/enter"
COOKIE = "knowarchive_room"


def read_token(config: Config) -> str | None:
    """The token that the room asks for, from the environment or the file that is configured; None: it asks for none.

    Raises:
        ConfigError: there should be one, and it cannot be read or is none.
    """
    given, path = os.environ.get(VARIABLE), config.token_path
    if given is not None:
        return _checked(given, f"${VARIABLE}")
    return None if path is None else _checked(_content(path), str(path))


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LONGEST + 2).decode("ascii", "replace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ConfigError(f"web.token_file: {path}: {reason}; write a token into it, for its owner alone") from error


def _checked(token: str, where: str) -> str:
    token = token.strip()
    if not (SHORTEST <= len(token) <= LONGEST and token.isascii() and token.isprintable() and " " not in token):
        raise ConfigError(
            f"{where}: is no token, which has {SHORTEST} to {LONGEST} letters, digits and signs on one line; "
            'make one with: python3 -c "import secrets; print(secrets.token_urlsafe())"'
        )
    return token


class Guard:
    """ASGI middleware that lets only those in who show the token.

    Args:
        app: what answers them.
        token: as `read_token` gives it.
    """

    def __init__(self, app: "ASGIApp", token: str) -> None:
        self.app = app
        self._token = _digest(token)
        self._cookie = sha256(b"cookie\0" + token.encode()).hexdigest()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request, or ask for the token."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        if scope["path"] == DOOR:
            answer = await self._at_the_door(request)
            await answer(scope, receive, send)
        elif scope["path"] == STYLE_PAGE or self._is_shown(request):
            await self.app(scope, receive, _kept_private(send))
        else:
            await _refusal(request)(scope, receive, send)

    def _is_shown(self, request: Request) -> bool:
        if compare_digest(request.cookies.get(COOKIE, "").encode(), self._cookie.encode()):
            return True
        return any(self._is_token(one) for one in _shown(request.headers.getlist("authorization")))

    def _is_token(self, given: str) -> bool:
        return compare_digest(_digest(given), self._token)  # of digests, so that not even the length is told

    async def _at_the_door(self, request: Request) -> Response:
        if request.method != "POST":
            return _form(request.query_params.get("next", "/"))
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
            return _form("/", "The form came from another page.", 403)
        sent = await _body(request)
        if sent is None:
            return _form("/", "That is too long to be a token.", 413)
        values = parse_qs(sent.decode("utf-8", "replace"))
        ahead = values.get("next", ["/"])[0]
        if not self._is_token(values.get("token", [""])[0].strip()):
            return _form(ahead, "That is not the token.", 401)
        answer = RedirectResponse(_inside(ahead), 303, {"cache-control": "no-store"})
        secure = "https" in {request.url.scheme, request.headers.get("x-forwarded-proto")}
        answer.set_cookie(COOKIE, self._cookie, httponly=True, samesite="strict", secure=secure)
        return answer


def _shown(headers: Iterable[str]) -> Iterable[str]:
    """The tokens in headers: after `Bearer`, or as the password of whatever user."""
    for header in headers:
        kind, _, value = header.partition(" ")
        if kind.lower() == "bearer":
            yield value.strip()
        elif kind.lower() == "basic":
            try:
                yield base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
            except binascii.Error:
                continue


async def _body(request: Request) -> bytes | None:
    """What was sent; None where it is too long."""
    sent = b""
    async for chunk in request.stream():
        sent += chunk
        if len(sent) > LARGEST_FORM:
            return None
    return sent


def _refusal(request: Request) -> Response:
    """What somebody gets who shows nothing: people the form, programs a reason."""
    path = request.url.path
    if path.startswith("/api/"):
        words = {"status": 401, "title": "This room is private", "detail": "Send its token: Authorization: Bearer …"}
        return in_json({"error": words}, 401, {"www-authenticate": "Bearer", "cache-control": "no-store"})
    if path.endswith(".atom"):
        challenge = 'Basic realm="Reading room: the token is the password"'
        return Response("The token of this room is the password.\n", 401, {"www-authenticate": challenge})
    raw = (request.scope.get("raw_path") or b"/").decode("ascii", "replace")  # as it was asked: uids hold slashes
    return _form(f"{raw}?{request.url.query}" if request.url.query else raw, code=401)


def _form(ahead: str, problem: str = "", code: int = 200) -> Response:
    values = {"ahead": _inside(ahead), "wrong": problem, "door": DOOR}
    headers = {"cache-control": "no-store"} | ({"www-authenticate": "Bearer"} if code == 401 else {})
    return page("enter.html", None, values, code=code, headers=headers)


def _inside(ahead: str) -> str:
    """Where to go from the door: a page of the room, whatever somebody put into the form."""
    is_path = ahead.startswith("/") and ahead[1:2] not in {"/", "\\"} and ahead.isprintable()
    return ahead if is_path and not ahead.startswith(DOOR) else "/"


def _kept_private(send: "Send") -> "Send":
    """Let no cache between us and a reader hand an answer to the next."""

    async def privately(message: "Message") -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            added = [(b"vary", b"authorization, cookie")]
            added += [(b"cache-control", b"private, no-cache")] * (b"cache-control" not in given)
            message["headers"] = [*message["headers"], *added]
        await send(message)

    return privately


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
