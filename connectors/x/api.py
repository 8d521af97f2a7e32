"""Requests to X's API v2 through tweepy, and what its answers and errors mean; what is asked is the client's business.

tweepy builds the requests. Its own waiting is off, and it never holds the token, because it logs every header: the token
is put on below it. What it cannot do, other servers and the API's new names, happens in an adapter between the two.
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import requests
import tweepy  # type: ignore[import-untyped]
from requests.adapters import BaseAdapter, HTTPAdapter
from tweepy.errors import TweepyException  # type: ignore[import-untyped]

from connectors import manners
from connectors.base import BudgetError, CredentialsError, FetchError, Report, Surroundings
from connectors.requests_transport import Answer, Sender, Transport
from connectors.x.queries import VOCABULARIES, Vocabulary
from knowarchive.errors import ConfigError

TOKEN = "KNOWARCHIVE_X_BEARER"  # noqa: S105 - the variable's name
VOCABULARY = "KNOWARCHIVE_X_FIELDS"  # "tweet" or "post": which names the API is asked with first

LIBRARYS_SERVER = "https://api.twitter.com"  # tweepy knows no other
NOT_THE_TOKEN = "kept below"  # noqa: S105 - what tweepy is given, sends and logs

#: What only money or the next month helps against, by the last part of the problem's type or by its title.
_USED_UP = frozenset(
    {"usage-capped", "credits", "UsageCapExceeded", "CreditsDepleted", "SpendCapReached", "Payment Required"}
)
#: https://docs.x.com/x-api/fundamentals/response-codes-and-errors
_FORBIDDEN = {
    "client-not-enrolled": "the app belongs to no project, or its plan does not include this; see the developer console",
    "official-client-forbidden": "the app may not do this; see its plan in the developer console",
    "unsupported-authentication": f"this needs another kind of token; {TOKEN} takes the app's bearer token",
}
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e\xa1-\U0010ffff]+")

Page = dict[str, Any]


class ForbiddenError(CredentialsError):
    """The token may not do this; it may do other things."""


class InvalidError(FetchError):
    """The API holds the request to be wrong, or what it names not to be there."""


class Api:
    """One server and one token.

    Args:
        server: the source's, or empty for X's own.
        surroundings: holds the token.
        report: counts requests and waits.
        sender: sends one request; a test's stand-in for the network.

    Raises:
        CredentialsError: the token is not one, or would travel unprotected.
        ConfigError: the vocabulary is not one.
    """

    def __init__(self, server: str, surroundings: Surroundings, report: Report, sender: Sender | None = None) -> None:
        self.server = (server or LIBRARYS_SERVER).rstrip("/")
        self.host = urlsplit(self.server).netloc.lower()
        self._token = _token(surroundings.secrets)
        if self._token:
            manners.check_secrecy(self.server, TOKEN)
        self._transport = Transport(
            self.host,
            self.server,
            surroundings,
            report,
            _Signer(self._token, sender),
            is_final=_is_used_up,
        )
        self.library = tweepy.Client(NOT_THE_TOKEN, return_type=requests.Response, wait_on_rate_limit=False)
        session = self.library.session
        session.mount("https://", self._transport)
        session.mount("http://", self._transport)
        self._router = _Router(self.server, session, self._transport, _vocabulary(surroundings.secrets))
        session.mount(LIBRARYS_SERVER, self._router)
        session.max_redirects = 5
        self._tried_both = False

    def close(self) -> None:
        """Give connections back."""
        self.library.session.close()

    def ask(
        self, method: Callable[..., object], *arguments: object, fields: bool, **params: object
    ) -> tuple[Answer, Page]:
        """Make one request by a method of the library, and give back the bytes below it and what they mean as JSON.

        Where the API does not know the fields and expansions that are asked for, its other names are tried, once.

        Raises:
            ForbiddenError, InvalidError: as the API says.
            FetchError: whatever else went wrong, without a trace of the request.
        """
        answer = self._ask(method, arguments, params, fields=fields)
        if fields and not self._tried_both and _is_about_fields(answer):
            self._tried_both = True
            self._router.switch()
            other = self._ask(method, arguments, params, fields=fields)
            if _is_about_fields(other):
                self._router.switch()
            else:
                answer = other
        page = _decoded(answer)
        if not 200 <= answer.status < 300:
            raise self._refusal(answer, page)
        if page is None:
            raise FetchError(self._not_x("a web page" if answer.is_html else "something else"))
        return answer, page

    def _ask(
        self,
        method: Callable[..., object],
        arguments: tuple[object, ...],
        params: Mapping[str, object],
        *,
        fields: bool,
    ) -> Answer:
        if not self._token:
            raise CredentialsError(f"{self.host}: there is no token; set {TOKEN} to the app's bearer token")
        self._transport.forget()
        wanted = {name: list(values) for name, values in self._router.vocabulary.fields.items()} if fields else {}
        # What the library makes of an answer is not needed; whether there was one is asked below.
        with contextlib.suppress(
            TweepyException, requests.RequestException, FetchError, ValueError, TypeError, AttributeError, KeyError
        ):
            method(*arguments, **params, **wanted)
        if self._transport.error is not None:
            raise self._transport.error
        answer = self._transport.last
        if answer is None:
            raise FetchError(f"{self.host}: the request could not be made")
        if 300 <= answer.status < 400:
            raise FetchError(f"{self.host}: redirects in circles; check the source's server")
        if self._token.encode() in answer.body:
            self._transport.forget()
            del answer  # tools that print the values of a traceback would print it
            raise FetchError(self._not_x("our own token"))
        return answer

    def _not_x(self, what: str) -> str:
        return f"{self.host}: answers with {what}, so it does not speak X's API; check the source's server"

    def _refusal(self, answer: Answer, page: Page | None) -> FetchError:
        """What to do about an answer that is an error."""
        status = answer.status
        if _is_used_up(answer):
            return BudgetError(
                f"{self.host}: what the plan includes is used up{_said(page)}; add credits or wait for the next period, "
                "see the developer console"
            )
        if status == 403 and page is None:
            return FetchError(f"{self.host}: refused with status 403, by something before X; see the network's proxy")
        if status == 403:
            words = {str((page or {}).get("reason")), str((page or {}).get("type")).rpartition("/")[2]}
            known = next((_FORBIDDEN[word] for word in words if word in _FORBIDDEN), None)
            return ForbiddenError(f"{self.host}: {known}" if known else str(manners.refusal(status, self.host, TOKEN)))
        if status == 401:
            return manners.refusal(status, self.host, TOKEN)
        if status == 404 and page is None:
            return FetchError(self._not_x("status 404"))
        kind = InvalidError if status in {400, 404, 422} else FetchError
        return kind(f"{self.host}: refused {answer.path.partition('?')[0]} with status {status}{_said(page)}")


class _Signer(BaseAdapter):
    """Puts the token on a request at the last moment, where no library logs it, and takes it off what comes back."""

    def __init__(self, token: str, sender: Sender | None) -> None:
        super().__init__()
        self._header = "Bearer " + token
        self._sender: Sender = sender or HTTPAdapter(max_retries=0)

    def send(self, request: requests.PreparedRequest, *options: Any, **more: Any) -> requests.Response:
        signed = request.copy()
        signed.headers["Authorization"] = self._header
        response = self._sender.send(signed, *options, **more)
        response.request = request
        return response

    def close(self) -> None:
        if isinstance(self._sender, BaseAdapter):
            self._sender.close()


class _Router(BaseAdapter):
    """Sends what tweepy meant for its own server to ours, and calls a post's fields as the vocabulary does."""

    def __init__(self, server: str, session: requests.Session, transport: Transport, vocabulary: str) -> None:
        super().__init__()
        self._server = server
        self._session = session
        self._transport = transport
        self._name = vocabulary

    @property
    def vocabulary(self) -> Vocabulary:
        return VOCABULARIES[self._name]

    def switch(self) -> None:
        """Use the other names from now on."""
        self._name = next(name for name in VOCABULARIES if name != self._name)

    def send(self, request: requests.PreparedRequest, *options: Any, **more: Any) -> requests.Response:
        routed = request.copy()
        parts, base = urlsplit(request.url or ""), urlsplit(self._server)
        params = [
            (self.vocabulary.parameter if name == "tweet.fields" else name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        routed.url = urlunsplit((base.scheme, base.netloc, base.path + parts.path, urlencode(params), ""))
        if self._server != LIBRARYS_SERVER:  # proxies and certificates depend on the address
            more |= self._session.merge_environment_settings(routed.url, {}, None, None, None)
        return self._transport.send(routed, *options, **more)

    def close(self) -> None:
        self._transport.close()


def _token(secrets: Mapping[str, str]) -> str:
    token = secrets.get(TOKEN, "").strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise CredentialsError(f"{TOKEN} holds no token; copy it again")
    return token


def _vocabulary(secrets: Mapping[str, str]) -> str:
    name = secrets.get(VOCABULARY, "").strip() or "tweet"
    if name not in VOCABULARIES:
        raise ConfigError(f"{VOCABULARY} is not one of {', '.join(VOCABULARIES)}")
    return name


def _decoded(answer: Answer) -> Page | None:
    try:
        value = msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_used_up(answer: Answer) -> bool:
    """Whether a plan or a balance is used up: 402, and a 429 whose remaining count is not zero. Waiting is in vain."""
    if answer.status == 402:
        return True
    page = _decoded(answer) or {}
    listed = page.get("errors")
    said = [page, *(listed if isinstance(listed, list) else ())]
    return any(
        isinstance(one, dict)
        and not _USED_UP.isdisjoint((str(one.get("type")).rpartition("/")[2], str(one.get("title"))))
        for one in said
    )


def _is_about_fields(answer: Answer) -> bool:
    """Whether a request was refused for the names of fields or expansions, or without a word of why."""
    if answer.status not in {400, 422}:
        return False
    page = _decoded(answer)
    if page is not None and not page.get("errors") and not page.get("detail"):
        return True
    return b".fields" in answer.body or b"xpansions" in answer.body


def _said(page: Page | None) -> str:
    """What the API gives as the reason, made fit for a line."""
    if page is None:
        return ""
    listed = page.get("errors")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    said = first.get("message") or first.get("detail") or page.get("detail") or page.get("title")
    return f" ({clean(said)})" if isinstance(said, str) and said.strip() else ""


def clean(text: str) -> str:
    """Make what somebody else wrote fit for a line."""
    text = _NOT_PRINTABLE.sub(" ", text)
    return " ".join(text.split())[:160]
