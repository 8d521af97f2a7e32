"""What every connector to a network offers, and what it needs. Fetching here, mapping in each format's own module.

A connector turns a question about a chat into requests, and yields what the network answered as payloads, unchanged. It
understands of an answer only what it needs to go on: where the next page is, and whether the window's edge is reached.
What the posts say is for `connectors.map_payload`, offline, now or years later.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Protocol

import msgspec

from knowarchive.config import Source
from knowarchive.errors import KnowarchiveError
from knowarchive.model import Payload, Post


class FetchError(KnowarchiveError):
    """A network did not give what was asked. The message names the source and what to do; never a secret."""


class TransientFetchError(FetchError):
    """Asking again later can succeed: the network was down, busy or slow."""

    retryable = True


class CredentialsError(FetchError):
    """A token is missing, wrong, expired or lacks a permission."""


class BudgetError(FetchError):
    """Going on would cost more requests, time or money than is allowed. What was fetched is kept."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for: posts with one of `hashtags` (without the sign) made in [since, until), aware."""

    hashtags: tuple[str, ...]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run of one source. A wait longer than `longest_wait` is a gap, not a wait."""

    requests: int = 2_000
    seconds: float = 1_800.0
    longest_wait: float = 960.0  # X's window is 15 minutes
    attempts: int = 5
    timeout: float = 30.0  # of one request, to connect and between bytes
    response_bytes: int = 32 << 20
    dollars: float | None = None  # what a run may pay; None: no bound of its own
    dollars_a_month: float | None = None  # what all runs of a UTC month may pay together
    conversation_depth: int = 20
    conversation_posts: int = 2_000


@dataclass(slots=True)
class Report:
    """What a source did in this run. Connectors count as they go, so that it holds when they fail in the middle."""

    pages: int = 0
    requests: int = 0
    waited: float = 0.0  # seconds
    cost: float = 0.0  # US dollars
    gaps: list[str] = field(default_factory=list)  # what is, or may be, missing, for a person to read
    notes: list[str] = field(default_factory=list)  # what a reader should know though nothing is missing: reply gates
    horizon: datetime | None = None  # the oldest moment that the network still answers for, if it said so


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connector may use of the world, all of it replaceable in a test.

    `secrets` is the environment or what stands in for it; `state` a private folder for session strings (mode 0600);
    `user_agent` says honestly who is asking. `now` is the wall clock, aware, for what is said of posts; `elapsed` counts
    seconds for waits and bounds, because a wall clock may jump.
    """

    secrets: Mapping[str, str] = field(repr=False)
    state: Path
    user_agent: str = "knowarchive (archives public hashtag chats)"
    limits: Limits = Limits()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class Connector(Protocol):
    """One source of one network."""

    platform: ClassVar[str]
    report: Report

    def search(self, query: Query, stored: Sequence[Payload] = ()) -> Iterator[Payload]:
        """Pages of posts with the hashtags, newest first where the network has an order, down to the window's edge.

        Args:
            query: what to look for. Pages may hold posts outside the window; they are not cut.
            stored: what an interrupted run for the same query stored, in order, of its search and of its completing.
                None of it is asked for again, nor paid for; it is yielded again where its turn comes.

        Raises:
            FetchError: whatever the network did; pages yielded before are good.
        """
        ...

    def complete(self, posts: Sequence[Post], query: Query) -> Iterator[Payload]:
        """The conversations around posts: replies without the hashtag, parents, quotes. Bounded by the limits."""
        ...

    def look_up(self, posts: Sequence[Post]) -> Iterator[Payload]:
        """The same posts as they are now: edits, counts, deletions as the network states them."""
        ...

    def close(self) -> None:
        """Give connections back. Nothing can be asked after that."""
        ...


class Opener(Protocol):
    """What a network's module offers as `open_connector`."""

    def __call__(self, source: Source, surroundings: Surroundings) -> Connector: ...


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `head` of a payload that came over the network: what was asked, and how it was answered.

    `request` is the path with its parameters, without secrets. `server` is the API's base address. Mappings need both:
    a 404 names no post, and the id in a page is only as good as its server. `subject` is what the request is about,
    where the answer may not say: the uids of posts, and when each was made as stored, so that a deletion lands there.
    """

    request: str
    server: str
    status: int = 200
    subject: dict[str, datetime] = {}

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


def read_exchange(payload: Payload) -> Exchange:
    """The inverse of `Exchange.encode` for a payload's head."""
    return msgspec.json.decode(payload.head, type=Exchange)
