"""What may be published and what not: wishes read from the archive and the configuration, and said in plain words."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from knowarchive.config import Config, Publish
from knowarchive.site.current import checked_since
from knowarchive.web.catalogue import NOT_FOUND, Judgement
from knowarchive.web.room import every_post
from knowarchive.web.wishes import OPTED_OUT, UNCHECKED, Wishes, opted_out
from pipelines.indexing import bring_up_to_date, index_folder
from storage.archive import Archive
from transcripts.search.index import open_index
from transcripts.search.posts import IndexedPost

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DELETED, ELSEWHERE = "deleted", "elsewhere"
REASONS: Mapping[str, str] = {
    "no-unauthenticated": "Their authors show them only to people who are logged in (Bluesky)",
    "noarchive": "Their authors ask bots and archives to keep away (#nobot, #noarchive)",
    OPTED_OUT: "Their authors are on the list of those who opted out",
    UNCHECKED: "Nobody has looked lately whether they are still there",
    DELETED: "Their authors deleted them; only their places in the threads are left",
    ELSEWHERE: "They belong to none of the chats",
    NOT_FOUND: "Shown, but found by no search and in no feed or list for search engines, as their authors wish",
}  # in words that stand before "12 on Bluesky"
REMEDIES: Mapping[str, str] = {
    UNCHECKED: 'look with: knowarchive refresh, or set publish.x = "as-archived"',
    OPTED_OUT: "to erase them from the archive too: knowarchive forget",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """What would become of the posts of a chat, or of all: numbers by network, and by reason and network."""

    public: Mapping[str, int]
    reasons: Mapping[str, Mapping[str, int]]


def read_wishes(archive: Archive, config: Config, now: datetime) -> Wishes:
    """All that keeps posts off a page, as of a moment, except for what posts say themselves and for posts not looked for.

    Raises:
        StorageError: the archive cannot be read.
    """
    return Wishes(archive.wishes(), opted_out(config), checked_since(config.publish, now))


def judge(wishes: Wishes, post: IndexedPost) -> Judgement:
    """What becomes of a post of the index. A deleted one has nothing to show, and is shown as such."""
    if post.deleted:
        return Judgement()
    if not post.filed:
        return Judgement(ELSEWHERE)
    return Judgement(wishes.against(post), wishes.may_be_found(post))


def explain(posts: Iterable[IndexedPost], wishes: Wishes, chat: str | None = None) -> Explained:
    """Count what would become of posts; with `chat`, of those of that chat alone."""
    public: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for post in posts:
        if chat is not None and all(one.chat != chat for one in post.filed):
            continue
        judged = judge(wishes, post)
        reason = DELETED if post.deleted else judged.withheld
        if reason is None:
            public[post.platform] += 1
            reason = None if judged.is_found else NOT_FOUND
        if reason:
            reasons.setdefault(reason, Counter())[post.platform] += 1
    return Explained(public, {name: reasons[name] for name in REASONS if name in reasons})


def explain_archive(archive: Archive, config: Config, now: datetime, chat: str | None) -> Explained:
    """`explain` all that an archive holds, or a chat's part of it; the index is brought up to date for that.

    Raises:
        ConflictError: another process is indexing.
        StorageError: the archive cannot be read.
    """
    bring_up_to_date(archive, config)
    index = open_index(index_folder(config))
    extent = archive.extent()
    wishes = read_wishes(archive, config, now)
    if wishes.checked_since and extent:
        seen = EPOCH, wishes.checked_since
        unchecked = archive.last_seen("x", seen, extent[0], extent[1] + timedelta.resolution)
        wishes = replace(wishes, unchecked=frozenset(unchecked))
    return explain(every_post(index) if index else (), wishes, chat)


def words_of_x(publish: Publish) -> str:
    """What is done about posts of X, which may be gone there by now."""
    if publish.x == "as-archived":
        return "Posts of X are shown as they were archived; some may have been changed or deleted there since."
    days = publish.x_age.days
    return f"Posts of X are shown only if somebody has looked in the last {days} days whether they are still there."
