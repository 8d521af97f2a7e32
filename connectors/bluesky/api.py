"""Asks a Bluesky server through the atproto library, with or without a session, and keeps its answers as payloads.

The library brings addresses, sessions and their renewal. Its models are not used for answers: an embed that they do
not know would lose the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from connectors.base import CredentialsError, Exchange, FetchError, Report, Surroundings, TransientFetchError
from connectors.bluesky.library import (
    AtProtocolError,
    DotDict,
    LoginRequiredError,
    Request,
    RequestErrorBase,
    Session,
    SessionClient,
    SessionEvent,
)
from connectors.bluesky.mapping import count_items
from connectors.bluesky.session import SessionFile
from connectors.bluesky.shapes import decode
from connectors.httpx_transport import PoliteTransport
from connectors.manners import check_secrecy, refusal
from connectors.refusals import FAILURES
from connectors.resuming import Stored
from knowarchive.model import Payload

HANDLE = "KNOWARCHIVE_BLUESKY_HANDLE"
PASSWORD = "KNOWARCHIVE_BLUESKY_APP_PASSWORD"  # noqa: S105 - the name of a variable
CREDENTIALS = f"{HANDLE} and {PASSWORD}"

#: Where an account logs in, and where anybody may read; the only hosts asked where a source names none.
ENTRYWAY = "https://bsky.social"
PUBLIC = "https://public.api.bsky.app"

#: How a server says that a session is over, or never was.
_STALE = frozenset(
    {"ExpiredToken", "InvalidToken", "AuthenticationRequired", "AuthMissing", "BadJwt", "BadJwtSignature"}
)
_NOT_SERVED = frozenset({404, 405, 501})
_ANY = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: as received, and decoded as far as to see where to go on."""

    payload: Payload
    content: dict[str, Any]
    error: str | None = None  # the network's name for a refusal that was expected


class RefusedError(FetchError):
    """The server understood and said no (status 400 and the like); `error` is its own word for why."""

    def __init__(self, message: str, error: str) -> None:
        super().__init__(message)
        self.error = error


class Api:
    """One server, and one session with it if there are credentials."""

    def __init__(
        self, server: str, surroundings: Surroundings, report: Report, inner: httpx.BaseTransport | None = None
    ) -> None:
        handle = surroundings.secrets.get(HANDLE, "").strip().lstrip("@")
        password = surroundings.secrets.get(PASSWORD, "").strip()
        if bool(handle) != bool(password):
            raise CredentialsError(f"bluesky: only one of {CREDENTIALS} is set; set both, or neither")
        self.server = (server or (ENTRYWAY if handle else PUBLIC)).rstrip("/").removesuffix("/xrpc")
        if handle:
            check_secrecy(self.server, PASSWORD)
        self._credentials = (handle, password) if handle else None
        self._file = SessionFile.of(surroundings.state, self.server, handle) if handle else None
        self._surroundings = surroundings
        self._report = report
        self._transport = PoliteTransport(surroundings, report, [self.server], inner)
        self._client: SessionClient | None = None
        self.stored = Stored()  # what an interrupted run left, and needs not be asked for again
        self._content: dict[str, Any] | None = None  # of the last answer, if it was a JSON object

    def ask(
        self,
        method: str,
        parameters: Mapping[str, Any],
        *,
        subject: Mapping[str, datetime] | None = None,
        expected: frozenset[str] = frozenset(),
    ) -> Answered:
        """Make one request.

        Args:
            method: the lexicon's name of a query.
            parameters: its parameters; those that are None are left out.
            subject: what the request is about, where the answer may not say.
            expected: refusals that are answers too, by the network's name for them.

        Raises:
            FetchError: and its kinds, by what happened.
        """
        known = {name: value for name, value in parameters.items() if value is not None}
        request = f"/xrpc/{method}?{httpx.QueryParams(known)}"
        if (found := self.stored.take(request)) is not None and (recalled := _recalled(*found)) is not None:
            return recalled
        trouble = self._invoke(method, known)
        if trouble is not None and self._is_stale(trouble):
            # It expired, or was revoked; one new login must do.
            self._forget()
            trouble = self._invoke(method, known)
        answer = self._transport.last
        if trouble is None and answer is None:
            raise FetchError(f"{self._where(method)}: there was no answer")
        content = self._content
        error: str | None = None
        if trouble is not None:
            error = self._refusal()
            if error not in expected or answer is None:
                raise self._explained(method, trouble)  # without its cause: a server may echo what it was sent
            content = {}
        if content is None or answer is None:
            raise FetchError(f"{self._where(method)}: answered no JSON object; is this an AT Protocol server?")
        self._report.pages += 1
        exchange = Exchange(request=request, server=self.server, status=answer.status, subject=dict(subject or {}))
        payload = Payload(
            format="bluesky-json",
            origin=f"{self.server}{exchange.request}",
            body=answer.body,
            items=count_items(answer.body),
            head=exchange.encode(),
            fetched_at=self._surroundings.now(),
        )
        return Answered(payload, content, error)

    def close(self) -> None:
        self._transport.close()

    def _invoke(self, method: str, parameters: dict[str, Any]) -> AtProtocolError | None:
        """Send a request with the session; returns the library's error, if it is about the answer."""
        self._content = None
        try:
            client = self._opened()
            response = client.invoke_query(method, DotDict(parameters))
        except (RequestErrorBase, LoginRequiredError) as error:
            if isinstance(error, RequestErrorBase) and error.response is None:
                raise TransientFetchError(f"{self._where(method)}: no answer; try again later") from error
            return error
        except httpx.HTTPError as error:
            raise FetchError(f"{self._where(method)}: {type(error).__name__}: the server redirects wrongly") from error
        except ValueError:  # says JSON, and is none
            return None
        if isinstance(response.content, dict):
            self._content = response.content
        return None

    def _opened(self) -> SessionClient:
        """The client, logged in where there are credentials."""
        if self._client is None:
            client = self._new_client()
            if self._credentials is not None and self._file is not None and not self._resume(client):
                client = self._log_in()
            self._client = client
        return self._client

    def _new_client(self) -> SessionClient:
        client = SessionClient(base_url=self.server, request=Request(transport=self._transport, trust_env=False))

        def keep(event: SessionEvent, session: Session) -> None:
            if event is not SessionEvent.IMPORT and self._file is not None:
                self._file.write(session.export())

        client.on_session_change(keep)
        return client

    def _resume(self, client: SessionClient) -> bool:
        """Take up the session of an earlier run."""
        kept = self._file.read() if self._file is not None else None
        if kept is None or self._file is None:
            return False
        try:
            session = Session.decode(kept)
            token = session.access_jwt_payload
            if token is not None and token.exp:
                client.take_up(session)
                return True
        except (AtProtocolError, ValueError, TypeError):
            pass  # cut, or of another version
        self._file.forget()
        return False

    def _log_in(self) -> SessionClient:
        """Open a session. No error carries its cause: the library's quote what was sent or received."""
        assert self._credentials is not None
        handle, password = self._credentials
        client = self._new_client()
        where = self._where("com.atproto.server.createSession")
        trouble: FetchError
        try:
            client.log_in(handle, password)
        except RequestErrorBase as error:
            status = error.response.status_code if error.response is not None else None
            name = self._refusal()
            if status in _NOT_SERVED:
                self._credentials = self._file = None  # an AppView alone: anybody may read it
                return self._new_client()
            if name == "AuthFactorTokenRequired":
                trouble = CredentialsError(f"{where}: {PASSWORD} is the account's main password; make an app password")
            elif status in {400, 401}:
                trouble = CredentialsError(f"{where}: wrong handle or app password; check {CREDENTIALS}")
            elif status is None:
                trouble = TransientFetchError(f"{where}: no answer; try again later")
            else:
                trouble = refusal(status, where, CREDENTIALS)
        except (AtProtocolError, ValueError, TypeError, httpx.HTTPError):
            trouble = FetchError(f"{where}: answered no session; is this an AT Protocol server?")
        else:
            return client
        raise trouble

    def _is_stale(self, trouble: AtProtocolError) -> bool:
        if self._credentials is None:
            return False
        return not isinstance(trouble, RequestErrorBase) or self._refusal() in _STALE or _status(trouble) == 401

    def _forget(self) -> None:
        if self._file is not None:
            self._file.forget()
        self._client = None

    def _explained(self, method: str, trouble: AtProtocolError) -> FetchError:
        where, status, name = self._where(method), _status(trouble), self._refusal()
        if status is None:
            return CredentialsError(f"{where}: the session is over; check {CREDENTIALS}")
        if status in {401, 403}:
            if self._credentials is None:
                return CredentialsError(f"{where}: needs a session; set {CREDENTIALS}")
            return refusal(status, where, CREDENTIALS)
        if status in _NOT_SERVED and not name:
            return FetchError(f"{where}: no such method (status {status}); is this an AT Protocol server?")
        return RefusedError(f"{where}: refused with status {status}{f' ({name})' if name else ''}", name)

    def _refusal(self) -> str:
        """Why the last answer said no."""
        answer = self._transport.last
        try:
            content = msgspec.json.decode(answer.body) if answer is not None else None
        except (ValueError, RecursionError):
            return ""
        return _name_of(content)

    def _where(self, method: str) -> str:
        return f"{urlsplit(self.server).netloc}: {method}"


def _recalled(payload: Payload, exchange: Exchange) -> Answered | None:
    """A stored answer, as `Api.ask` gave it when it came; None where too little is left of it."""
    try:
        content = decode(_ANY, payload.body)
    except FAILURES:
        return None
    if not isinstance(content, dict):
        return None
    if exchange.status < 400:
        return Answered(payload, content)
    return Answered(payload, {}, error=_name_of(content))


def _name_of(content: Any) -> str:
    """The network's name for why it said no, cut to what a name is: it comes from outside."""
    name = content.get("error") if isinstance(content, dict) else None
    return name[:60] if isinstance(name, str) and name.isidentifier() else ""


def _status(trouble: AtProtocolError) -> int | None:
    response = trouble.response if isinstance(trouble, RequestErrorBase) else None
    return response.status_code if response is not None else None
