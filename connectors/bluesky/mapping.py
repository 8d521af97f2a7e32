"""Maps answers of Bluesky's API: searches, threads, look-ups, quotes, feeds, reposters, profiles and single records.

From the JSON itself, never through a library's models, which refuse a whole page for one embed that they do not know.
Fields: https://github.com/bluesky-social/atproto/tree/main/lexicons/app/bsky
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from connectors.base import Exchange, read_exchange
from connectors.bluesky.embeds import quoted, read_embed
from connectors.bluesky.ids import GONE, account_uid, key_time, made_at, owner, post_uid, read_time
from connectors.bluesky.redaction import redact
from connectors.bluesky.shapes import (
    AUTHOR,
    ITEM,
    LIST,
    NODE,
    OBJECT,
    POST,
    Author,
    PostView,
    Record,
    decode,
    items,
    part,
    present,
    words,
)
from connectors.bluesky.text import read_text
from connectors.refusals import FAILURES, BadRecordError, reason
from knowarchive.model import NO_WISH, Account, Mapped, Payload, Post, Quarantined, Repost, without_content

__all__ = ["CUT", "count_items", "map_payload", "recognises", "redact", "screen"]

CUT = "whole"

INVALID_HANDLE = "handle.invalid"
NO_STRANGERS = "!no-unauthenticated"
_KEEP_OUT = re.compile(r"[#＃](?:nobots?|noarchive)\b", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")

#: Labels that stand between a reader and a post, in the words of the apps.
#: https://docs.bsky.app/docs/advanced-guides/moderation
WARNINGS = {
    "!hide": "hidden",
    "!warn": "warning",
    "porn": "adult content",
    "sexual": "sexually suggestive",
    "sexual-figurative": "sexually suggestive",
    "nudity": "nudity",
    "graphic-media": "graphic media",
    "gore": "graphic media",
    "self-harm": "self-harm",
    "sensitive": "sensitive",
    "extremist": "extremist",
    "intolerant": "intolerance",
    "threat": "threats",
    "rude": "rude",
    "illicit": "illicit",
    "security": "security concerns",
    "unsafe-link": "unsafe link",
    "misinformation": "misinformation",
    "unverified": "unverified claims",
    "scam": "scam",
    "spam": "spam",
}

#: Where the places in a page are that hold posts.
_LISTS = ("posts", "records")
_PEOPLE = ("profiles", "actors", "followers", "follows")


class Page:
    """Collects what one answer says."""

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.observed_at = payload.fetched_at
        try:
            self.exchange = read_exchange(payload)
        except FAILURES:  # not ours, or older than the head
            self.exchange = Exchange(request="", server="")
        self.posts: dict[str, list[Post]] = {}
        self.accounts: dict[str, Account] = {}
        self.reposts: list[Repost] = []
        self.quarantined: list[Quarantined] = []
        self.times: list[datetime] = []
        self._payload_id: str | None = None  # made when first needed: it is the hash of all bytes
        self.seen = 0

    def each(self, raw: msgspec.Raw, what: Callable[[bytes], Post | None]) -> Post | None:
        """Map one record, or set it aside."""
        position = self.payload.position + self.seen
        self.seen += 1
        record = bytes(raw)
        try:
            post = what(record)
        except FAILURES as error:
            self.quarantine(position, record, error)
            return None
        if post is not None:
            self.times.append(post.created_at)
        return post

    def quarantine(self, position: int, record: bytes, error: BaseException) -> None:
        if self._payload_id is None:
            self._payload_id = self.payload.payload_id
        self.quarantined.append(
            Quarantined(
                origin=self.payload.origin,
                position=position,
                reason=reason(error),
                digest=sha256(record).hexdigest(),
                size=len(record),
                payload_id=self._payload_id,
            )
        )

    def add(self, post: Post) -> Post:
        """Keep a post, unless the same is kept: threads and feeds repeat them."""
        same = self.posts.setdefault(post.uid, [])
        if post not in same:
            same.append(post)
        return post

    def add_account(self, author: Author) -> Account | None:
        """Keep a person; of two sights in one page, what either knows."""
        uid = account_uid(author.did)
        if uid is None:
            return None
        account = map_account(author, uid, self.observed_at)
        before = self.accounts.get(uid)
        if before is not None:
            known = {name: value for name in account.__struct_fields__ if (value := getattr(before, name)) is not None}
            account = msgspec.structs.replace(account, **known)
        self.accounts[uid] = account
        return account

    def mapped(self) -> Mapped:
        posts = [post for same in self.posts.values() for post in same]
        span = (min(self.times), max(self.times)) if self.times else None
        return Mapped(posts, list(self.accounts.values()), self.reposts, self.quarantined, self.seen, span)


def recognises(lines: Sequence[bytes]) -> bool:  # noqa: ARG001
    """Whether a file that begins so is of this format: none is, these come over the network alone."""
    return False


def screen(payload: Payload) -> tuple[Payload, int]:
    """Drop what is not public: nothing, for all that this connector asks for is public."""
    return payload, 0


def count_items(body: bytes) -> int:
    """How many records an answer has; 1 where that cannot be told."""
    try:
        keys = decode(OBJECT, body)
        for name in (*_LISTS, "feed", "repostedBy", *_PEOPLE):
            if name in keys:
                return len(LIST.decode(keys[name]))
    except FAILURES:
        pass
    return 1


def map_payload(payload: Payload) -> Mapped:
    """Map one answer, whichever of the methods gave it."""
    page = Page(payload)
    try:
        keys = decode(OBJECT, payload.body)
    except FAILURES as error:
        page.seen += 1
        page.quarantine(payload.position, payload.body, error)
        return page.mapped()
    for name in _LISTS:
        for record in _records(page, keys, name):
            page.each(record, lambda body: map_view(decode(POST, body), page))
    for record in _records(page, keys, "feed"):
        page.each(record, lambda body: _map_item(body, page))
    if "thread" in keys:
        _map_thread(keys["thread"], page)
    if "repostedBy" in keys:
        _map_reposters(keys, page)
    for name in _PEOPLE:
        for record in _records(page, keys, name):
            _map_person(record, page)
    if "value" in keys and "uri" in keys:
        page.each(msgspec.Raw(payload.body), lambda body: map_view(decode(POST, body), page))
    elif "did" in keys and "handle" in keys and "accessJwt" not in keys:
        _map_person(msgspec.Raw(payload.body), page)
    elif "error" in keys and page.exchange.status >= 400:
        _map_refusal(keys, page)
    return page.mapped()


def map_view(view: PostView, page: Page, *, is_quoted: bool = False) -> Post:
    """Map a post as it is shown in any place, and what it quotes: one step, `is_quoted` ends there.

    Raises:
        BadRecordError: it is no post.
    """
    uid = post_uid(view.uri)
    if uid is None:
        raise BadRecordError("uri: not the address of a record")
    record = view.record or view.value
    if record is None or record.text is None:
        raise BadRecordError("record.text: missing")
    author = view.author or Author(did=owner(uid).partition(":")[2])
    if account_uid(author.did) != owner(uid):
        raise BadRecordError("author: not the owner of the record")
    created_at = made_at(record.created_at, view.indexed_at)
    if view.indexed_at is None:
        # A repository does not tell when the network first saw the record.
        if created_at is not None and page.observed_at is not None and created_at > page.observed_at:
            created_at = None
        created_at = page.exchange.subject.get(uid) or created_at
    if created_at is None:
        created_at = key_time(uid)
    if created_at is None:
        raise BadRecordError("record.createdAt: not a time")
    shown = view.embed if view.embed is not None else next(iter(items(view.embeds)), None)
    attached = read_embed(record.embed, shown)
    rich = read_text(record.text, record.facets, record.tags)
    links = {link.url: link for link in rich.links}
    links.update({link.url: link for link in attached.links})
    parent = post_uid(part(record.reply, "parent", "uri"))
    account = page.add_account(author) if view.author is not None else None
    post = Post(
        uid=uid,
        created_at=created_at,
        observed_at=page.observed_at,
        author_uid=owner(uid),
        author_handle=account.handle if account else None,
        author_name=words(author.display_name),
        text=rich.text,
        warning=_warning(record, view.labels),
        lang=_language(record.langs),
        hashtags=rich.hashtags,
        mentions=rich.mentions,
        links=tuple(links.values()),
        # Who looks a record up knows the post: its pictures have had their addresses, which records lack.
        media=None if view.indexed_at is None and uid in page.exchange.subject else attached.media,
        reply_to=parent,
        reply_to_author=owner(parent) if parent else None,
        conversation=(post_uid(part(record.reply, "root", "uri")) or parent) if parent else uid,
        quote_of=attached.quote_of,
        likes=view.like_count,
        reposts=view.repost_count,
        replies=view.reply_count,
        quotes=view.quote_count,
        visibility="public",
        consent=account.consent if account else None,
    )
    post = page.add(without_content(post) if record.erased is True else post)
    if not is_quoted:
        _map_quoted(quoted(shown), page)
    return post


def map_account(author: Author, uid: str, observed_at: datetime | None) -> Account:
    """Map a profile, as much of it as is shown."""
    handle = words(author.handle)
    return Account(
        uid=uid,
        handle=handle if handle != INVALID_HANDLE else None,
        observed_at=observed_at,
        name=words(author.display_name),
        bio=words(author.description),
        avatar=words(author.avatar),
        created_at=read_time(author.created_at),
        followers=author.followers_count,
        following=author.follows_count,
        posts=author.posts_count,
        consent=_consent(author),
    )


def _consent(author: Author) -> str | None:
    """What a person has declared; `NO_WISH` in whole profiles without any. None where the page would not show it."""
    if NO_STRANGERS in _labels(author.labels):
        return "no-unauthenticated"
    if author.description and _KEEP_OUT.search(author.description):
        return "noarchive"
    return NO_WISH if author.followers_count is not None else None  # only whole profiles have counts, and every bio


def _labels(labels: Any) -> list[str]:
    found: dict[str, None] = {}
    for label in items(labels):
        name = part(label, "val")
        if isinstance(name, str):
            if part(label, "neg") is True:
                found.pop(name, None)
            else:
                found[name] = None
    return list(found)


def _warning(record: Record, labels: Any) -> str | None:
    """What stands between a reader and the post: by the author's own labels and the network's."""
    names = [*_labels(part(record.labels, "values")), *_labels(labels)]
    said = dict.fromkeys(WARNINGS[name] for name in names if name in WARNINGS)
    return ", ".join(said) or None


def _language(langs: Any) -> str | None:
    first = next(iter(items(langs)), None)
    return first if isinstance(first, str) and _LANGUAGE.fullmatch(first) else None


def _map_quoted(shown: Any, page: Page) -> None:
    """Map the post that another shows as its quote, or keep its place."""
    if not isinstance(shown, dict):
        return
    name = shown.get("$type")
    if name == "app.bsky.embed.record#viewRecord":
        if part(shown, "value", "$type") in {"app.bsky.feed.post", None}:
            # A quoted post that is no good costs nothing but itself: who quotes it is mapped.
            position = page.payload.position + max(page.seen - 1, 0)
            try:
                map_view(msgspec.convert(shown, PostView), page, is_quoted=True)
            except FAILURES as error:
                page.quarantine(position, msgspec.json.encode(shown), error)
    elif name == "app.bsky.embed.record#viewNotFound":
        add_placeholder(shown.get("uri"), "not-found", page)
    elif name == "app.bsky.embed.record#viewBlocked":
        add_placeholder(shown.get("uri"), "blocked", page)


def add_placeholder(uri: Any, what: str, page: Page, conversation: str | None = None) -> None:
    """Keep the place of a post that the network does not show, and why.

    It is not a deletion. It is observed when it was made, so that any sight of the post itself is newer and wins.
    """
    uid = post_uid(uri)
    made = (page.exchange.subject.get(uid) or key_time(uid)) if uid else None
    if uid is not None and made is not None:
        page.add(
            Post(
                uid=uid,
                created_at=made,
                observed_at=made,
                author_uid=owner(uid),
                conversation=conversation,
                visibility=what,
            )
        )


def _records(page: Page, keys: dict[str, msgspec.Raw], name: str) -> list[msgspec.Raw]:
    if name not in keys or not present(keys[name]):
        return []
    try:
        return LIST.decode(keys[name])
    except FAILURES as error:
        page.quarantine(page.payload.position + page.seen, bytes(keys[name]), error)
        page.seen += 1
        return []


def _map_person(raw: msgspec.Raw, page: Page) -> None:
    try:
        page.add_account(decode(AUTHOR, raw))
    except FAILURES as error:
        page.quarantine(page.payload.position + page.seen, bytes(raw), error)


def _map_item(record: bytes, page: Page) -> Post | None:
    """Map an item of a feed: a post with what it answers, or somebody's repost of one."""
    item = decode(ITEM, record)
    if not present(item.post):  # a person who likes, which is none of our business
        return None
    post = map_view(decode(POST, item.post), page)
    for name in ("root", "parent"):
        above = (item.reply or {}).get(name, msgspec.Raw())
        if present(above):
            _map_other(above, page, post.conversation)
    by = part(item.reason, "by")
    if part(item.reason, "$type") == "app.bsky.feed.defs#reasonRepost" and isinstance(by, dict):
        account = page.add_account(msgspec.convert(by, Author))
        at = read_time(part(item.reason, "indexedAt"))
        if account is not None:
            _add_repost(post.uid, post.created_at, account, at, page)
            if at is not None:
                page.times.append(at)
    return post


def _map_other(raw: msgspec.Raw, page: Page, conversation: str | None) -> None:
    """Map a post that stands beside another, or what stands in its place."""
    try:
        view = msgspec.json.decode(raw)
        if part(view, "notFound") is True:
            add_placeholder(part(view, "uri"), "not-found", page, conversation)
        elif part(view, "blocked") is True:
            add_placeholder(part(view, "uri"), "blocked", page, conversation)
        else:
            map_view(decode(POST, raw), page)
    except FAILURES as error:
        page.quarantine(page.payload.position + max(page.seen - 1, 0), bytes(raw), error)


def _add_repost(uid: str, post_at: datetime, account: Account, at: datetime | None, page: Page) -> None:
    """Keep a repost. Without the network's id: an account can repeat a post once, and most pages have no id for it."""
    page.reposts.append(
        Repost(
            post_uid=uid,
            post_at=post_at,
            account_uid=account.uid,
            account_handle=account.handle,
            at=at,
            observed_at=page.observed_at,
        )
    )


def _map_reposters(keys: dict[str, msgspec.Raw], page: Page) -> None:
    try:
        uid = post_uid(msgspec.json.decode(keys.get("uri", msgspec.Raw(b"null"))))
    except FAILURES:
        uid = None
    made = (page.exchange.subject.get(uid) or key_time(uid) or page.observed_at) if uid else None

    def reposter(body: bytes) -> None:
        account = page.add_account(decode(AUTHOR, body))
        if account is None:
            raise BadRecordError("did: not an account")
        if uid is None or made is None:
            raise BadRecordError("uri: does not say which post was reposted")
        _add_repost(uid, made, account, None, page)
        page.times.append(made)

    for record in _records(page, keys, "repostedBy"):
        page.each(record, reposter)


def _map_thread(raw: msgspec.Raw, page: Page) -> None:
    """Walk a thread without recursion: parents up, replies down, each place by itself."""
    waiting: list[tuple[msgspec.Raw, str | None]] = [(raw, None)]
    while waiting:
        place, conversation = waiting.pop()
        try:
            node = decode(NODE, place)
        except FAILURES as error:
            page.quarantine(page.payload.position + page.seen, bytes(place), error)
            page.seen += 1
            continue
        if node.type == "app.bsky.feed.defs#notFoundPost":
            add_placeholder(node.uri, "not-found", page, conversation)
        elif node.type == "app.bsky.feed.defs#blockedPost":
            add_placeholder(node.uri, "blocked", page, conversation)
        elif present(node.post):
            post = page.each(node.post, lambda body: map_view(decode(POST, body), page))
            conversation = post.conversation if post is not None else conversation
        waiting += [(reply, conversation) for reply in reversed(node.replies or []) if present(reply)]
        if present(node.parent):
            waiting.append((node.parent, conversation))


def _map_refusal(keys: dict[str, msgspec.Raw], page: Page) -> None:
    """Map an error that says that a post is gone: a repository's own word, about the posts that were asked for.

    The AppView's `NotFound` is no such word: it also stands for what was never indexed, or is hidden for a while.
    """
    try:
        error, message = (msgspec.json.decode(keys.get(name, msgspec.Raw(b"null"))) for name in ("error", "message"))
    except FAILURES:
        return
    if "com.atproto.repo.getRecord" not in page.exchange.request or page.observed_at is None:
        return
    if error == "RecordNotFound" or (
        error == "InvalidRequest" and isinstance(message, str) and message.startswith(GONE)
    ):
        for uid, made in page.exchange.subject.items():
            if post_uid("at://" + uid.removeprefix("bluesky:")) is None:
                continue
            page.seen += 1
            page.times.append(made)
            page.add(
                Post(
                    uid=uid,
                    created_at=made,
                    observed_at=page.observed_at,
                    author_uid=owner(uid),
                    deleted_at=page.observed_at,
                )
            )
