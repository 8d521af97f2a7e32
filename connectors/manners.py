"""How we behave towards a network, whichever library speaks to it: a pure decision after every answer.

The libraries' own waiting is switched off: tweepy's recurses, Mastodon.py's never gives up. Their transports ask here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from connectors.base import (
    BudgetError,
    CredentialsError,
    FetchError,
    Limits,
    Report,
    Surroundings,
    TransientFetchError,
)

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SLOWEST_RETRY = 60.0  # seconds, where the network names no time


@dataclass(frozen=True, slots=True)
class Pass:
    """Hand the answer on."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again after so many seconds."""

    seconds: float


def decide(
    status: int | None,
    headers: Mapping[str, str],
    *,
    attempt: int,
    now: datetime,
    jitter: float,
    limits: Limits,
    what: str = "no answer",
) -> Pass | Wait:
    """What to do after an answer, or after none.

    Args:
        status: of the answer; None where the connection failed or timed out.
        headers: of the answer, names in lower case.
        attempt: how often this request has been sent, from 1.
        now: aware.
        jitter: in [0, 1); spreads those who wait for the same moment.
        limits: of the run.
        what: in words, what came where `status` is None.

    Raises:
        TransientFetchError: it is not worth waiting any more in this run.
    """
    if status is not None and status not in TRANSIENT:
        return Pass()
    if attempt >= limits.attempts:
        last = what if status is None else f"status {status}"
        raise TransientFetchError(f"{last} after {attempt} attempts; try again later")
    named = reset_after(headers, now) if status in {429, 503} else None
    backoff = min(2.0**attempt, SLOWEST_RETRY)
    seconds = backoff * (0.5 + jitter / 2)
    if named is not None:
        # What is named again and again, as when a clock is wrong, is not believed the second time.
        seconds = named + jitter * 2 if attempt == 1 else max(named + jitter * 2, seconds)
    if seconds > limits.longest_wait:
        raise TransientFetchError(f"asked to wait {seconds:,.0f} s, more than this run may; try again later")
    return Wait(seconds)


def reset_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until the network answers again, as it says itself: Retry-After, or its own reset header.

    X sends seconds since 1970, Mastodon an ISO time, Bluesky seconds since 1970 under another name. A moment is
    measured by the network's own clock, where it says what that shows.
    """
    its_now = _moment(headers.get("date", ""), now) or now
    for name in ("retry-after", "x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset"):
        value = headers.get(name, "").strip()
        if not value:
            continue
        moment = _moment(value, its_now)
        if moment is not None:
            return max(0.0, (moment - its_now).total_seconds())
    return None


class Passage:
    """What a source may still do in a run: whom it may ask, how often, for how long. One for all of its requests.

    Args:
        surroundings: its clock is the one that does not jump.
        report: counts requests and waits.
        servers: base addresses. Requests go to their hosts alone, and never from https to http.
    """

    def __init__(self, surroundings: Surroundings, report: Report, servers: Iterable[str]) -> None:
        self._surroundings = surroundings
        self._limits = surroundings.limits
        self._report = report
        self._origins = frozenset(_origin(server) for server in servers)
        self._started = surroundings.elapsed()

    def check_address(self, url: str) -> None:
        """Refuse to send anything where the source does not say.

        Raises:
            FetchError: another host, or one that would be asked without encryption.
        """
        try:
            scheme, host = _origin(url)
        except ValueError:
            raise FetchError("refused to follow the server to what is no address") from None
        allowed = {scheme for scheme, known in self._origins if known == host}
        if not allowed:
            raise FetchError(f"refused to follow the server to another host ({host[:80]!r})")
        if scheme not in {*allowed, "https"}:
            raise FetchError(f"refused to follow the server from https to {scheme[:10]}")

    def begin(self) -> None:
        """Count a request that is about to be sent.

        Raises:
            BudgetError: out of requests or out of time.
        """
        if self._report.requests >= self._limits.requests:
            raise BudgetError(
                f"stopped after {self._limits.requests:,} requests, the bound of one run; the next goes on"
            )
        self.check_time()
        self._report.requests += 1

    def check_time(self) -> None:
        """While an answer comes: a server that sends a byte now and then never runs into the timeout.

        Raises:
            BudgetError: out of time.
        """
        if self._left() <= 0:
            raise BudgetError(f"stopped after {self._limits.seconds:,.0f} s, the bound of one run; the next goes on")

    def wait(self, seconds: float) -> None:
        """Wait.

        Raises:
            BudgetError: longer than what is left of the run.
        """
        if seconds >= self._left():
            raise BudgetError(
                f"stopped rather than wait {seconds:,.0f} s: a run may take {self._limits.seconds:,.0f} s; the next goes on"
            )
        self._surroundings.sleep(seconds)
        self._report.waited += seconds

    def _left(self) -> float:
        return self._limits.seconds - (self._surroundings.elapsed() - self._started)


def check_secrecy(server: str, secret: str) -> None:
    """Refuse to send a secret where everybody on the way can read it.

    Args:
        server: its base address.
        secret: the variable that holds what would be sent.

    Raises:
        CredentialsError: the server is asked without encryption, and is not this machine.
    """
    parts = urlsplit(server)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise CredentialsError(f"{parts.netloc}: {secret} is not sent over http; write https in the source's server")


def refusal(status: int, where: str, secret: str) -> FetchError:
    """The error for an answer that no waiting will change. `secret` names the variable that holds the credentials."""
    if status == 401:
        return CredentialsError(f"{where}: the credentials are wrong or have expired; renew {secret}")
    if status == 403:
        return CredentialsError(f"{where}: the credentials lack a permission; check what {secret} may do")
    return FetchError(f"{where}: refused with status {status}")


def _origin(url: str) -> tuple[str, str]:
    """Scheme and host of an address, the host with its port if that is unusual. Raises ValueError for none."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    port = f":{parts.port}" if parts.port not in {None, usual} else ""
    return parts.scheme, f"{(parts.hostname or '').lower()}{port}"


def _moment(value: str, now: datetime) -> datetime | None:
    """Read a number of seconds from now or since 1970, an ISO time or an HTTP date; None for anything else."""
    try:
        number = float(value)
    except ValueError:
        number = None
    try:
        if number is not None:
            since = number if number > 1_000_000_000 else now.timestamp() + number
            return datetime.fromtimestamp(since, UTC)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = parsedate_to_datetime(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
