"""The way to a network for libraries that speak httpx: every request goes through our manners, every answer is kept.

The library above sees an ordinary transport: `Client(request=Request(transport=PoliteTransport(…)))`.
"""

import os
import ssl
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import httpx

from connectors.base import FetchError, Report, Surroundings, TransientFetchError
from connectors.bodies import is_whole
from connectors.manners import Pass, Passage, decide

#: Files or folders of certificates, in the order in which they are looked for.
BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")

#: What describes the body as it was sent; it is decoded when the library sees it.
_HOP = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class Answer:
    """The final answer to a request: after waiting, decoded, whole."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def is_json(self) -> bool:
        return "json" in self.headers.get("content-type", "").lower()


class PoliteTransport(httpx.BaseTransport):
    """Sends requests to the hosts of one source, as often and as fast as it may, and keeps the last answer."""

    def __init__(
        self,
        surroundings: Surroundings,
        report: Report,
        servers: Iterable[str],
        inner: httpx.BaseTransport | None = None,
    ) -> None:
        """Take what a run shares.

        Args:
            surroundings: clock, sleep, limits and the name that we go by.
            report: counts requests and waits.
            servers: base addresses; requests go to their hosts alone, by their schemes alone.
            inner: what opens connections; by default, by the proxies and certificates of the environment.
        """
        self._surroundings = surroundings
        self._passage = Passage(surroundings, report, servers)
        self._inner = inner if inner is not None else EnvironmentTransport()
        self.last: Answer | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request until there is an answer worth handing on.

        Raises:
            TransientFetchError: there was none, and waiting longer is not worth it in this run.
            BudgetError: the run may not make this request.
            FetchError: another host, a bad certificate, an answer that is too large.
        """
        self.last = None
        url = str(request.url)
        self._passage.check_address(url)
        request.read()
        request.headers["user-agent"] = self._surroundings.user_agent
        request.headers["accept-encoding"] = "gzip"
        limits = self._surroundings.limits
        request.extensions["timeout"] = httpx.Timeout(limits.timeout).as_dict()
        where = f"{request.url.host}{request.url.path}"
        attempt = 0
        while True:
            attempt += 1
            self._passage.begin()
            answer, trouble = self._send(request, where)
            if answer is not None and answer.status == 200 and answer.is_json and not is_whole(answer.body, ""):
                answer, trouble = None, "the answer is not whole"
            try:
                decision = decide(
                    answer.status if answer is not None else None,
                    answer.headers if answer is not None else {},
                    attempt=attempt,
                    now=self._surroundings.now(),
                    jitter=self._surroundings.jitter(),
                    limits=limits,
                    what=trouble or "no answer",
                )
            except TransientFetchError as error:
                raise TransientFetchError(f"{where}: {error}") from error
            if isinstance(decision, Pass):
                assert answer is not None
                self.last = answer
                headers = [(name, value) for name, value in answer.headers.items() if name not in _HOP]
                return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)
            self._passage.wait(decision.seconds)

    def close(self) -> None:
        self._inner.close()

    def _send(self, request: httpx.Request, where: str) -> tuple[Answer | None, str | None]:
        """Send once. Returns an answer, or what went wrong and may go right another time."""
        try:
            response = self._inner.handle_request(request)
            try:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, self._read(response, where)), None
            finally:
                response.close()
        except httpx.TimeoutException:
            return None, "it took too long"
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            # Without the cause, which quotes headers that cannot be sent.
            raise FetchError(f"{where}: cannot be asked: {type(error).__name__}") from None
        except httpx.ConnectError as error:
            if _is_untrusted(error):
                raise FetchError(
                    f"{where}: its certificate does not verify; for one of your own, name its bundle in SSL_CERT_FILE"
                ) from error
            return None, "no connection"
        except httpx.DecodingError:
            return None, "the answer is not whole"
        except httpx.ProxyError:
            return None, "the proxy refused"
        except httpx.TransportError:
            return None, "the connection broke"

    def _read(self, response: httpx.Response, where: str) -> bytes:
        """Read a body up to the bound, without trusting what the server says about its length."""
        limits = self._surroundings.limits
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > limits.response_bytes:
                raise FetchError(f"{where}: the answer is larger than {limits.response_bytes >> 20} MiB; gave up on it")
            self._passage.check_time()
            pieces.append(piece)
        return b"".join(pieces)


class EnvironmentTransport(httpx.BaseTransport):
    """Opens connections by the proxies and certificate bundles of the environment, as curl and requests do."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._context: ssl.SSLContext | None = None
        self._ways: dict[str | None, httpx.HTTPTransport] = {}
        # A source may be dropped in the middle of a page; its connections are closed all the same.
        self._finish = weakref.finalize(self, _close, self._ways)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        proxy = proxy_for(str(request.url))
        if proxy not in self._ways:
            self._ways[proxy] = self._open(proxy)
        return self._ways[proxy].handle_request(request)

    def close(self) -> None:
        self._finish()

    def _open(self, proxy: str | None) -> httpx.HTTPTransport:
        if self._context is None:
            self._context = trusted(self._environment)
        trouble = "is not an address"
        try:
            return httpx.HTTPTransport(verify=self._context, proxy=proxy, trust_env=False)
        except ImportError:
            trouble = "is a SOCKS proxy, which needs the package socksio"
        except (ValueError, httpx.InvalidURL):
            pass
        # Without the cause, which may quote the proxy's password.
        raise FetchError(f"the proxy that the environment names (HTTPS_PROXY and the like) {trouble}")


def _close(ways: Mapping[str | None, httpx.HTTPTransport]) -> None:
    for way in ways.values():
        way.close()


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address; None for none."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def trusted(environment: Mapping[str, str]) -> ssl.SSLContext:
    """The certificates that the environment names, or those that come with certifi.

    Raises:
        FetchError: what it names cannot be read.
    """
    for name in BUNDLES:
        place = environment.get(name)
        if not place:
            continue
        try:
            if Path(place).is_dir():
                return ssl.create_default_context(capath=place)
            return ssl.create_default_context(cafile=place)
        except (OSError, ValueError) as error:
            raise FetchError(f"${name} names {place!r}, which holds no certificates that can be read") from error
    return ssl.create_default_context(cafile=certifi.where())


def _is_untrusted(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
