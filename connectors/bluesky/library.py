"""What of the atproto library is needed: its requests and its sessions, without the classes of every lexicon.

Those take a second and a half of processor time to load, and none of them is used: methods are asked for by name, and
answers are read as JSON. The library's packages load everything as soon as one of their modules is asked for, so the
modules are loaded with the packages standing by empty.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec


@contextmanager
def _empty(*packages: str) -> Iterator[None]:
    """Let modules of packages be loaded without the packages themselves, which can be loaded afterwards all the same."""
    added = []
    for name in packages:
        spec = importlib.util.find_spec(name) if name not in sys.modules else None
        if spec is not None:
            sys.modules[name] = importlib.util.module_from_spec(spec)
            added.append(name)
    try:
        yield
    finally:
        for name in added:
            sys.modules.pop(name, None)


with _empty("atproto_client", "atproto_client.client"):
    from atproto_client.client.base import ClientBase  # type: ignore[import-untyped]
    from atproto_client.client.methods_mixin.session import (  # type: ignore[import-untyped]
        SessionDispatchMixin,
        SessionMethodsMixin,
    )
    from atproto_client.client.session import Session, SessionEvent  # type: ignore[import-untyped]
    from atproto_client.exceptions import LoginRequiredError, RequestErrorBase  # type: ignore[import-untyped]
    from atproto_client.models.dot_dict import DotDict  # type: ignore[import-untyped]
    from atproto_client.request import Request  # type: ignore[import-untyped]
    from atproto_core.exceptions import AtProtocolError  # type: ignore[import-untyped]

__all__ = [
    "AtProtocolError",
    "DotDict",
    "LoginRequiredError",
    "Request",
    "RequestErrorBase",
    "Session",
    "SessionClient",
    "SessionEvent",
]


class SessionClient(SessionDispatchMixin, SessionMethodsMixin, ClientBase):  # type: ignore[misc]
    """Asks one server, which it does not leave, and renews its session a quarter of an hour before that ends.

    `on_session_change` is called when a session is opened, taken up or renewed.
    """

    def log_in(self, handle: str, password: str) -> None:
        """Open a session.

        Raises:
            AtProtocolError: the server did not; or what the transport raises.
            ValueError, TypeError: it answered something that is no session.
        """
        content = msgspec.json.encode({"identifier": handle, "password": password})
        answer = self._post("com.atproto.server.createSession", {"Content-Type": "application/json"}, content)
        self._keep(SessionEvent.CREATE, answer)

    def take_up(self, session: Session) -> None:
        """Go on with the session of an earlier run."""
        self._session_dispatcher.set_session(session)
        self._call_on_session_change_callbacks(SessionEvent.IMPORT)

    def _invoke(self, invoke_type: Any, **options: Any) -> Any:
        if self._session is not None and self._should_refresh_session():
            answer = self._post("com.atproto.server.refreshSession", self._get_refresh_auth_headers())
            self._keep(SessionEvent.REFRESH, answer)
        return super()._invoke(invoke_type, **options)

    def _post(self, method: str, headers: dict[str, str], content: bytes | None = None) -> Any:
        return self.request.post(url=self._build_url(method), headers=headers, content=content).content

    def _keep(self, event: SessionEvent, answer: Any) -> None:
        if not isinstance(answer, dict):
            raise TypeError("no session")
        told = [answer.get(name) for name in ("handle", "did", "accessJwt", "refreshJwt")]
        if not all(isinstance(one, str) and one for one in told):
            raise ValueError("no session")
        self._session_dispatcher.set_session(Session(*told, self._base_url))
        self._call_on_session_change_callbacks(event)
