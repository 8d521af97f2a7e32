"""What every answer is wrapped in: only reading, only for the hosts we are, and nothing that leaves the page.

A page of another site can make a browser ask us, even on loopback, by letting its own name point here (DNS rebinding);
its name is then in the Host header, so names are checked. Addresses in numbers cannot be rebound.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_TARGET = 8_192  # bytes of path and query together
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",  # a room to read in, not a publication: people here may not want to be found
}


class Safety:
    """ASGI middleware that refuses what is not meant for us, and puts the headers on whatever is answered.

    Args:
        app: what answers.
        names: the host names that we answer to, besides localhost.
        forms: the paths to which something may be sent.
    """

    def __init__(self, app: "ASGIApp", names: Collection[str] = (), forms: Collection[str] = ()) -> None:
        self.app, self.forms = app, forms
        self.names = {"localhost", *(name.casefold() for name in names)}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_safely(message: "Message") -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(one for one in added if one[0] not in given)]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send_safely)
            return
        code, words = refusal
        headers = [(b"content-type", b"text/plain; charset=utf-8")] + [(b"allow", b"GET, HEAD")] * (code == 405)
        await send_safely({"type": "http.response.start", "status": code, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else f"{words}\n".encode()
        await send_safely({"type": "http.response.body", "body": body})

    def _refusal(self, scope: "Scope") -> tuple[int, str] | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not is_ours(hosts[0], self.names):
            return 421, "This is no name of this reading room; start it with --name to add one."
        if scope["method"] not in {"GET", "HEAD"} and not (scope["method"] == "POST" and scope["path"] in self.forms):
            return 405, "The reading room can only be read."
        length = len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"])
        if length > LONGEST_TARGET:
            return (
                414,
                f"The address is too long: {length:,} bytes, of at most {LONGEST_TARGET:,}. Ask for fewer words.",
            )
        return None


def is_ours(host: bytes, names: Collection[str]) -> bool:
    """Whether a Host header is one of our names, or an address in numbers."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].decode().strip("[]").casefold().removesuffix(".")
    try:
        ip_address(name)
    except ValueError:
        return name in names
    return True
