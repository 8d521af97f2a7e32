"""How we behave towards a network, whichever library speaks to it: a pure decision after every answer.

The libraries' own waiting is switched off: tweepy's recurses, Mastodon.py's never gives up. Their transports ask here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from connectors.base import BudgetError, CredentialsError, FetchError, Limits, TransientFetchError

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
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


def check_host(url: str, allowed: frozenset[str]) -> None:
    """Refuse to send anything to a host that the source does not name.

    Raises:
        FetchError: another host; `allowed` are hosts with their port, if any, in lower case.
    """
    host = urlsplit(url).netloc.rpartition("@")[2].lower()
    if host not in allowed:
        raise FetchError(f"refused to follow the server to another host ({host[:80]!r})")


def check_budget(requests: int, started: datetime, now: datetime, limits: Limits) -> None:
    """Stop before a request that the run may not make.

    Raises:
        BudgetError: out of requests or out of time.
    """
    if requests >= limits.requests:
        raise BudgetError(f"stopped after {requests:,} requests, the bound of one run; the next goes on")
    if (now - started).total_seconds() >= limits.seconds:
        raise BudgetError(f"stopped after {limits.seconds:,.0f} s, the bound of one run; the next goes on")


def refusal(status: int, where: str, secret: str) -> FetchError:
    """The error for an answer that no waiting will change. `secret` names the variable that holds the credentials."""
    if status == 401:
        return CredentialsError(f"{where}: the credentials are wrong or have expired; renew {secret}")
    if status == 403:
        return CredentialsError(f"{where}: the credentials lack a permission; check what {secret} may do")
    return FetchError(f"{where}: refused with status {status}")


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
