"""Maps rows of an export, whatever file they came in: the columns of posts, reposts and accounts, already understood.

An export has merged rows, so a row is one observation of everything that was known then. What follows from the uid is
dropped again (see `Post`), what no archive of ours would hold is refused: files can be made by anybody.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime

import msgspec

from connectors.bluesky.ids import post_uid
from connectors.mastodon.accounts import is_uri
from connectors.refusals import FAILURES, BadRecordError, reason
from connectors.times import believed
from connectors.x.ids import is_id
from knowarchive.model import Account, Mapped, Payload, Post, Quarantined, Repost

TABLES = ("posts", "reposts", "accounts")
PUBLIC = frozenset((None, "public", "unlisted"))
#: Columns that tell the tables apart; an export has all columns of a table, always.
SIGNS = {"posts": {"uid", "author_uid", "created_at", "text"}, "reposts": {"key", "post_uid", "post_at"},
         "accounts": {"uid", "handle", "followers", "bio"}}  # fmt: skip

_UID = re.compile(r"(x|bluesky|mastodon):[^\s\x00-\x1f\x7f]{1,2000}")
_LARGEST = (1 << 63) - 1

_posts = msgspec.json.Decoder(Post)
_reposts = msgspec.json.Decoder(Repost)
_accounts = msgspec.json.Decoder(Account)


def table_of(columns: Iterable[str]) -> str | None:
    """The table that has these columns; None for a table of somebody else's."""
    there = set(columns)
    return next((table for table in TABLES if there >= SIGNS[table]), None)


class Reader:
    """Takes the rows of one payload, and says what they are."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._mapped = Mapped([], [], [], [], 0)
        self._seen = 0
        self._payload_id: str | None = None  # made when first needed: it is the hash of all bytes

    def take(self, index: int, table: str | None, row: bytes) -> None:
        """Map a row, a JSON object. `index` counts rows of the payload from 0."""
        self._seen += table != "accounts"
        try:
            if table is None:
                raise BadRecordError("not a row of an export")
            if table == "accounts":
                self._mapped.accounts.append(_checked_account(_accounts.decode(row)))
                return
            if table == "reposts":
                self._mapped.reposts.append(_checked_repost(_reposts.decode(row)))
            else:
                self._mapped.posts.append(_checked_post(_posts.decode(row)))
        except FAILURES as error:
            if self._payload_id is None:
                self._payload_id = self._payload.payload_id
            self._mapped.quarantined.append(
                Quarantined(
                    origin=self._payload.origin,
                    position=self._payload.position + index,
                    reason=reason(error),
                    digest=hashlib.sha256(row).hexdigest(),
                    size=len(row),
                    payload_id=self._payload_id,
                )
            )

    def mapped(self) -> Mapped:
        """All that the rows say."""
        times = [post.created_at for post in self._mapped.posts]
        span = (min(times), max(times)) if times else None
        return msgspec.structs.replace(self._mapped, seen=self._seen, span=span)


def _checked_post(post: Post) -> Post:
    _check_post(post.uid)
    _check_uids(post.author_uid, post.reply_to, post.reply_to_author, post.conversation, post.quote_of)
    _check_times(post.created_at, post.observed_at, post.edited_at, post.deleted_at)
    _check_counts(post.likes, post.reposts, post.replies, post.quotes, *(one.votes for one in post.poll or ()))
    if post.visibility not in PUBLIC:
        raise BadRecordError("visibility: not public")
    own, url = derived(post)
    return msgspec.structs.replace(
        post,
        id=None if post.id == own else post.id,
        url=None if post.url == url else post.url,
        chats=post.chats or None,
        collected_at=None,
        payload_id=None,
    )


def _checked_repost(repost: Repost) -> Repost:
    _check_post(repost.post_uid)
    _check_uids(repost.account_uid)
    _check_times(repost.post_at, repost.at, repost.observed_at)
    if repost.account_uid is None and repost.account_handle is None:
        raise BadRecordError("account_uid: missing, and so is account_handle")
    return msgspec.structs.replace(repost, chats=repost.chats or None, collected_at=None, payload_id=None)


def _checked_account(account: Account) -> Account:
    _check_uids(account.uid)
    _check_times(account.created_at, account.observed_at)
    _check_counts(account.followers, account.following, account.posts)
    return msgspec.structs.replace(account, chats=account.chats or None, collected_at=None, payload_id=None)


def derived(post: Post) -> tuple[str | None, str | None]:
    """The id and address that readers of the archive are given where a post has none of its own."""
    network, _, rest = post.uid.partition(":")
    if network == "x":
        return rest, f"https://x.com/{post.author_handle or 'i'}/status/{rest}"
    if network == "bluesky":
        key = rest.rpartition("/")[2]
        return key, f"https://bsky.app/profile/{rest.partition('/')[0]}/post/{key}"
    return None, None


def _check_post(uid: str) -> None:
    """What connectors are given to look up again has the shape that their networks' ids have."""
    network, _, own = uid.partition(":")
    if not (uid == post_uid(f"at://{own}") if network == "bluesky" else is_id(own) if network == "x" else is_uri(own)):
        raise BadRecordError("uid: not one")
    _check_uids(uid)


def _check_uids(*uids: str | None) -> None:
    for uid in uids:
        if uid is not None and not _UID.fullmatch(uid):
            raise BadRecordError("uid: not one")


def _check_times(*times: datetime | None) -> None:
    for time in times:
        if time is not None and (time.tzinfo is None or believed(time) is None):
            raise BadRecordError("a time without a zone, before 1970 or after 2199")


def _check_counts(*counts: int | None) -> None:
    for count in counts:
        if count is not None and not 0 <= count <= _LARGEST:
            raise BadRecordError("a count is out of range")
