"""Gathers what the records of one payload say, whatever generation of the API each record is of."""

import hashlib
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from knowarchive.model import Account, Mapped, Payload, Post, Quarantined, Repost

DAWN = datetime(1, 1, 1, tzinfo=UTC)


class User(Protocol):
    """A user as a platform's API describes one; knows how to become an account."""

    def account(self, uid: str, observed_at: datetime | None) -> Account: ...


class Collector:
    """Collects the outcome of one payload. The lists are filled by the mappings, record by record."""

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.posts: list[Post] = []
        self.reposts: list[Repost] = []
        self.quarantined: list[Quarantined] = []
        self.seen = 0
        #: When each record of the payload was made.
        self.times: list[datetime] = []
        #: The newest sight of each user: when, and when observed.
        self.users: dict[str, tuple[datetime, User, datetime | None]] = {}
        #: What was already mapped, by id: the same original comes with each of its reposts.
        self.known: dict[str, Post] = {}
        self.known_records: dict[str, object] = {}
        self._places: dict[str, int] = {}
        self._payload_id: str | None = None

    def see(self, uid: str, user: User, at: datetime | None, observed_at: datetime | None) -> None:
        """Keep a user, if this is the newest sight of them."""
        last = self.users.get(uid)
        if last is None:
            self.users[uid] = (at or DAWN, user, observed_at)
        elif at is not None and at > last[0]:
            self.users[uid] = (at, user, observed_at)

    def add(self, post_id: str, post: Post, record: object) -> None:
        """Keep a post, unless the same was kept last. `record` is what it was made of, if that alone decides."""
        if self.known.get(post_id) != post:
            self._places[post_id] = len(self.posts)
            self.posts.append(post)
            self.known[post_id] = post
        self.known_records[post_id] = record

    def add_again(self, post_id: str, handle: str | None, name: str | None, observed_at: datetime | None) -> bool:
        """Take what is known of a post as observed at another time too. False if the author is not the same any more.

        The older of two observations that say the same adds nothing, so only the newer is kept.
        """
        place = self._places[post_id]
        post = self.posts[place]
        if post.author_handle != handle or post.author_name != name:
            return False
        before = post.observed_at
        if before != observed_at:
            if before is None or observed_at is None:
                return False
            if before < observed_at:
                self.posts[place] = self.known[post_id] = msgspec.structs.replace(post, observed_at=observed_at)
        return True

    def quarantine(self, index: int, record: bytes | memoryview, reason: str, uid: str | None = None) -> None:
        """Set a record aside. `index` counts records of the payload from 0."""
        if self._payload_id is None:
            self._payload_id = self.payload.payload_id
        self.quarantined.append(
            Quarantined(
                origin=self.payload.origin,
                position=self.payload.position + index,
                reason=reason,
                digest=hashlib.sha256(record).hexdigest(),
                size=len(record),
                payload_id=self._payload_id,
                uid=uid,
            )
        )

    def mapped(self) -> Mapped:
        """Close the collection."""
        self.quarantined.sort(key=lambda record: record.position)
        accounts = [user.account(uid, observed_at) for uid, (_, user, observed_at) in self.users.items()]
        span = (min(self.times), max(self.times)) if self.times else None
        return Mapped(self.posts, accounts, self.reposts, self.quarantined, self.seen, span)
