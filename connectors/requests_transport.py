"""A transport for libraries that speak through `requests`: our manners, whatever the library would do by itself.

Mount it on the library's session for `https://` and `http://`. It sends to the hosts of the source alone, waits and
asks again as `connectors.manners` decides, reads answers up to a bound, counts into the report and keeps the bytes of
the last answer for the payload. What goes wrong is raised as a `FetchError` without cause or context: the errors of
`requests` carry the request, and with it the token.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.exceptions import HTTPError, NameResolutionError

from connectors import bodies, manners
from connectors.base import FetchError, Report, Surroundings

CHUNK = 1 << 16
REDIRECTS = frozenset((301, 302, 303, 307, 308))

#: What failed, in words, and whether asking again can help. The first that fits counts.
_FAILURES: tuple[tuple[type[BaseException], str, bool], ...] = (
    (requests.exceptions.SSLError, "its certificate does not verify", False),
    (requests.exceptions.ProxyError, "the proxy does not answer; see HTTPS_PROXY", True),
    (requests.exceptions.ConnectTimeout, "no connection in time", True),
    (requests.exceptions.Timeout, "no answer in time", True),
    (requests.exceptions.ChunkedEncodingError, "the answer was cut off", True),
    (requests.exceptions.ContentDecodingError, "the answer was garbled", True),
    (requests.exceptions.ConnectionError, "no connection", True),
    (requests.exceptions.InvalidURL, "its address is wrong", False),
    (requests.exceptions.InvalidSchema, "its address is wrong", False),
    (requests.exceptions.RequestException, "the request failed", False),
    (HTTPError, "the answer was cut off", True),
    (OSError, "no connection", True),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer. `path` is what was asked, with its parameters, without server and secrets."""

    path: str
    status: int
    body: bytes
    headers: Mapping[str, str]  # names in lower case
    at: datetime

    @property
    def is_html(self) -> bool:
        """Whether a web page came where JSON was asked for."""
        return bodies.is_html(self.body, self.headers.get("content-type", ""))

    @property
    def is_whole(self) -> bool:
        """Whether it is JSON to its end, or something else altogether. Proxies cut answers and say nothing."""
        return bodies.is_whole(self.body, self.headers.get("content-type", ""))


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why there was no answer, in words that hold nothing of the request."""

    what: str
    is_transient: bool


class Sender(Protocol):
    """What of an adapter is needed to send one request."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = ...,  # noqa: FBT001 - as requests has it
        timeout: Any = ...,
        verify: Any = ...,
        cert: Any = ...,
        proxies: Any = ...,
    ) -> requests.Response: ...


class Transport(BaseAdapter):
    """One source's way to its network.

    Args:
        name: what messages call the source.
        server: its base address; requests go to its host alone.
        surroundings: clock, sleep, limits and the name by which we introduce ourselves.
        report: counts requests and waits.
        sender: sends one request; a plain HTTP adapter unless a test replays an exchange.
        is_final: whether an answer of a status that mostly passes will not: a paid quota that is used up. It is handed
            on, and waiting for it would be in vain.
        recall: an answer that is stored already, by its path with parameters; then nothing is sent.
        hand_on: what of an answer's body the library gets to see, where it would make much of it for nothing.
    """

    def __init__(
        self,
        name: str,
        server: str,
        surroundings: Surroundings,
        report: Report,
        sender: Sender | None = None,
        is_final: Callable[[Answer], bool] = lambda _: False,
        recall: Callable[[str], Answer | None] = lambda _: None,
        hand_on: Callable[[Answer], bytes] = lambda answer: answer.body,
    ) -> None:
        super().__init__()
        self.last: Answer | None = None
        self.error: FetchError | None = None  # what the library may hide behind an error of its own
        self._name = name
        self._passage = manners.Passage(surroundings, report, [server])
        self._surroundings = surroundings
        self._sender: Sender = sender or HTTPAdapter(max_retries=0)
        self._is_final = is_final
        self._recall = recall
        self._hand_on = hand_on

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - as requests has it
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send a request as often as it takes, within the bounds. `stream` and `timeout` are ours to decide.

        Raises:
            FetchError: there is no answer, or none that may be read.
        """
        del stream, timeout
        self.forget()
        self.last = self._recall(_path(request.url or ""))
        if self.last is not None:
            return _response(request, self.last, self._hand_on(self.last))
        request.headers["User-Agent"] = self._surroundings.user_agent
        options = {"verify": verify, "cert": cert, "proxies": proxies}
        attempt = 0
        while True:
            attempt += 1
            response = self._attempt(request, attempt, options)
            if self.error is not None:
                raise self.error
            if response is not None:
                return response

    def forget(self) -> None:
        """Forget the last answer and error: a request that never gets here leaves none."""
        self.last = self.error = None

    def close(self) -> None:
        """Close connections."""
        if isinstance(self._sender, BaseAdapter):
            self._sender.close()

    def _attempt(
        self, request: requests.PreparedRequest, attempt: int, options: dict[str, Any]
    ) -> requests.Response | None:
        """Send once. None means again, after the wait that was due, unless `error` is set.

        Every error ends here and is raised by `send`, so that it carries nothing of those that led to it.
        """
        surroundings = self._surroundings
        limits, address = surroundings.limits, request.url or ""
        try:
            self._passage.check_address(address)
            self._passage.begin()
            outcome = self._exchange(request, options)
            status: int | None = None
            what, headers = "no answer", {}
            if isinstance(outcome, _Failed):
                what = outcome.what
                if not outcome.is_transient:
                    raise FetchError(what)  # noqa: TRY301 - all that ends a request ends here
            else:
                answer = self._answer(request, outcome)
                self._check_redirect(address, answer)
                if answer.status >= 400 and self._is_final(answer):
                    self.last = answer
                    return outcome
                headers = dict(answer.headers)
                if answer.status < 300 and not answer.is_whole:
                    what = "an answer that is not whole"
                else:
                    status = answer.status
            decision = manners.decide(
                status,
                headers,
                attempt=attempt,
                now=surroundings.now(),
                jitter=surroundings.jitter(),
                limits=limits,
                what=what,
            )
            if isinstance(decision, manners.Pass) and not isinstance(outcome, _Failed):
                self.last = answer
                outcome._content = self._hand_on(answer)  # noqa: SLF001 - where requests keeps what it has read
                return outcome
            if isinstance(decision, manners.Wait):
                self._passage.wait(decision.seconds)
        except FetchError as error:
            self.error = type(error)(f"{self._name}: {error}")
        return None

    def _exchange(self, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response | _Failed:
        """Send and read to the end. The errors of libraries become words."""
        timeout = self._surroundings.limits.timeout
        try:
            response = self._sender.send(request, stream=True, timeout=(timeout, timeout), **options)
            try:
                response._content = self._read(response)  # noqa: SLF001 - as requests itself does after reading
                response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - as above
            finally:
                response.close()
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            return _describe(error)
        return response

    def _read(self, response: requests.Response) -> bytes:
        limits = self._surroundings.limits
        chunks, size = [], 0
        for chunk in response.iter_content(CHUNK):
            size += len(chunk)
            if size > limits.response_bytes:
                raise FetchError(f"an answer of more than {limits.response_bytes / (1 << 20):,.0f} MB; not read")
            self._passage.check_time()
            chunks.append(chunk)
        return b"".join(chunks)

    def _answer(self, request: requests.PreparedRequest, response: requests.Response) -> Answer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        path = _path(request.url or "")
        return Answer(path, response.status_code, response.content or b"", headers, self._surroundings.now())

    def _check_redirect(self, address: str, answer: Answer) -> None:
        """Let the library follow a redirect within the server, but never to another, nor from https to http."""
        target = answer.headers.get("location")
        if answer.status not in REDIRECTS or target is None:
            return
        try:
            target = urljoin(address, target)
        except ValueError:
            raise FetchError("a redirect that leads nowhere") from None
        self._passage.check_address(target)


def _path(url: str) -> str:
    """What is asked for, with its parameters, without the server."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _response(request: requests.PreparedRequest, answer: Answer, body: bytes) -> requests.Response:
    """An answer as the library sees it."""
    response = requests.Response()
    response.status_code = answer.status
    response.headers.update(answer.headers)
    response.url, response.request = request.url or "", request
    response._content, response._content_consumed = body, True  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    return response


def _describe(error: BaseException) -> _Failed:
    """Say what failed. Never the error's own text: it can hold addresses with credentials, of proxies for one."""
    if _is_caused_by(error, NameResolutionError):
        return _Failed("no server has this name", is_transient=True)
    for kind, what, is_transient in _FAILURES:
        if isinstance(error, kind):
            return _Failed(what, is_transient=is_transient)
    return _Failed("the request failed", is_transient=False)


def _is_caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether an error, or one that requests and urllib3 wrapped in it, is of a kind."""
    pending: list[object] = [error]
    for _ in range(10):
        if not pending:
            return False
        one = pending.pop()
        if isinstance(one, kind):
            return True
        if isinstance(one, BaseException):
            pending += [*one.args, getattr(one, "reason", None)]
    return False
