"""Maps what servers of Mastodon's API answer: timelines, conversations, single posts, edits, reposters, refusals.

Entities: https://docs.joinmastodon.org/entities/, and what Akkoma, Pleroma, GoToSocial and Fedibird add to them. Records
are read field by field, because every server leaves out others: only address, time and visibility must be there.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.mastodon.accounts import (
    account_uid,
    consent_of,
    count_of,
    full_handle,
    host_of,
    id_of,
    is_uri,
    map_account,
    records_of,
    text_of,
    time_of,
)
from connectors.mastodon.answers import PUBLIC, Head, Unread, nested_statuses, read_head, statuses_in
from connectors.mastodon.public import screen
from connectors.mastodon.redaction import redact
from connectors.mastodon.text import Text, read_html, tags_as_written
from connectors.redaction import MARK
from connectors.refusals import FAILURES, BadRecordError, reason
from knowarchive.model import (
    Account,
    Link,
    Mapped,
    Media,
    Mention,
    Payload,
    PollOption,
    Post,
    Quarantined,
    Repost,
    without_content,
)

__all__ = ["CUT", "count_items", "map_payload", "recognises", "redact", "screen"]

CUT = "whole"

_KINDS = {"image": "photo", "video": "video", "gifv": "gif", "audio": "audio"}
#: Languages with which servers say that they could not tell.
_NO_LANGUAGE = frozenset(("und", "zxx", "mul", "mis"))
#: A quote is shown in these states alone. https://docs.joinmastodon.org/entities/Quote/
_SHOWN = frozenset(("accepted", None))


def recognises(lines: Sequence[bytes]) -> bool:
    """Never: an answer means nothing without the head that says what was asked, and no file has one."""
    del lines
    return False


def count_items(body: bytes) -> int:
    """Count the records of a document that is one JSON value."""
    value = msgspec.json.decode(body)
    return len(value) if isinstance(value, list) else 1


def map_payload(payload: Payload) -> Mapped:
    """Map one answer. Whatever its bytes are, nothing raises."""
    out = _Page(payload)
    try:
        head = read_head(payload)
    except FAILURES:
        out.quarantine(0, payload.body, "a head that names no request")
        return out.mapped()
    out.head = head
    if head.unread is not None:
        out.quarantine_unread(head.unread)
        return out.mapped()
    if head.kind == "refusal":
        out.map_refusal()
        return out.mapped()
    try:
        value = msgspec.json.decode(payload.body)
        if value is None:
            return out.mapped()  # the one post that it held was not public
        listed = statuses_in(head.kind, value)
    except FAILURES as error:
        out.seen += 1
        out.quarantine(0, payload.body, str(error) if type(error) is ValueError else "not JSON")
        return out.mapped()
    if head.kind == "edits":
        out.map_edits(value)
    elif head.kind == "reposters":
        out.map_reposters(value)
    else:
        out.map_statuses(listed, value if head.kind == "context" else None)
    return out.mapped()


class _Page:
    """Collects what one answer says."""

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.head = Head(request="", server="")
        self.observed_at = payload.fetched_at
        self.seen = 0
        self._posts: dict[str, Post] = {}
        self._versions: list[Post] = []
        self._accounts: dict[str, Account] = {}
        self._reposts: list[Repost] = []
        self._quarantined: list[Quarantined] = []
        self._times: list[datetime] = []
        self._payload_id: str | None = None  # made when first needed: it is the hash of all bytes
        # What the server's own ids and addresses mean:
        self._uids: dict[str, str] = {}
        self._by_address: dict[str, str] = {}
        self._people: dict[str, str] = {}
        # What each post of the answer replies to: a uid, "" for nothing, None for one that is not known
        self._parents: dict[str, str | None] = {}

    @property
    def domain(self) -> str:
        return self.head.domain or self.head.host

    def mapped(self) -> Mapped:
        """Close the collection."""
        posts = [*self._versions, *self._posts.values()]
        span = (min(self._times), max(self._times)) if self._times else None
        return Mapped(posts, list(self._accounts.values()), self._reposts, self._quarantined, self.seen, span)

    def quarantine(self, index: int, record: bytes, reason: str, uid: str | None = None) -> None:
        """Set a record aside. `index` counts records of the payload from 0."""
        digest = hashlib.sha256(record).hexdigest()
        self._quarantine(index, reason, digest, len(record), uid)

    def quarantine_unread(self, unread: Unread) -> None:
        """Say what is known of an answer that was not kept."""
        self.seen += 1
        self._quarantine(0, f"not kept: {unread.reason}", unread.digest, unread.size, None)

    def map_refusal(self) -> None:
        """A post that its own server does not know any more was deleted. No other server's word counts.

        Servers forget what others sent them, hide posts of the people they block, and answer 404 for both.
        """
        subject = self.head.one_subject
        if self.head.status not in {404, 410} or subject is None or self.head.subject_id is None:
            return
        if self.head.path.rstrip("/").rpartition("/")[2] != self.head.subject_id:
            return  # of a list about the post, which older servers do not offer
        uid, made = subject
        if self.observed_at is not None and is_origin(uid, self.head):
            self._posts[uid] = Post(uid=uid, created_at=made, observed_at=self.observed_at, deleted_at=self.observed_at)

    def map_edits(self, versions: Any) -> None:
        """Each version of a post, observed at the moment when it became the text. The list does not name the post."""
        subject = self.head.one_subject
        if subject is None:
            self.quarantine(0, self.payload.body, "edits of no post")
            return
        uid, made = subject
        for index, version in enumerate(versions):
            self.seen += 1
            try:
                at = time_of(version, "created_at") if isinstance(version, dict) else None
                if at is None:
                    raise BadRecordError(f"[{index}].created_at: missing")
                self._versions.append(self._version(version, uid, made, at, is_first=index == 0))
            except FAILURES as error:
                self.quarantine(index, _bytes(version), reason(error), uid)
            else:
                self._times.append(at)

    def map_reposters(self, people: Any) -> None:
        """Everybody repeated the post that the path names; nobody says when."""
        subject = self.head.one_subject
        if subject is None:
            self.quarantine(0, self.payload.body, "reposters of no post")
            return
        uid, made = subject
        for index, person in enumerate(people):
            if not isinstance(person, dict) or text_of(person, "acct") is None:
                self.quarantine(index, _bytes(person), f"[{index}].acct: missing", uid)
                continue
            account = self._see(person)
            self._reposts.append(
                Repost(
                    post_uid=uid,
                    post_at=made,
                    account_uid=account,
                    account_handle=self._handle(person),
                    observed_at=self.observed_at,
                )
            )

    def map_statuses(self, listed: list[Any], context: dict[str, Any] | None) -> None:
        """Posts in lists, conversations and alone, and the posts that they repeat and quote."""
        if self.head.subject_id is not None and (subject := self.head.one_subject) is not None:
            self._uids[self.head.subject_id] = subject[0]
        for status in _walk(listed):
            self._index(status)
        nested: list[dict[str, Any]] = []
        for index, status in enumerate(listed):
            self.seen += 1
            try:
                if not isinstance(status, dict):
                    raise BadRecordError(f"[{index}]: expected object")
                at = self._map_status(status, nested)
            except FAILURES as error:
                uid = _uid(status) if isinstance(status, dict) else None
                self.quarantine(index, _bytes(status), reason(error), uid)
            else:
                self._times.append(at)
        for status in nested:
            try:
                self._map_status(status, [])
            except FAILURES as error:
                self.quarantine(0, _bytes(status), f"nested: {reason(error)}", _uid(status))
        if context is not None:
            self._place_subject(context)
        for uid, post in self._posts.items():
            self._posts[uid] = msgspec.structs.replace(post, conversation=self._root(uid))

    def _index(self, status: dict[str, Any]) -> None:
        """Learn what the server's ids mean before anything is mapped."""
        uid = _uid(status)
        if uid is not None:
            if (own := id_of(status)) is not None:
                self._uids[own] = uid
            if (url := text_of(status, "url")) is not None:
                self._by_address[url] = uid
            self._by_address[uid.removeprefix("mastodon:")] = uid
        account = status.get("account")
        if isinstance(account, dict) and (own := id_of(account)) is not None:
            person = account_uid(account, None if status.get("reblog") else text_of(status, "uri"))
            if person is not None:
                self._people[own] = person

    def _map_status(self, status: dict[str, Any], nested: list[dict[str, Any]]) -> datetime:
        """Map a post, and put those within it on the list. Returns when it was made."""
        uid = _uid(status)
        if uid is None:
            raise BadRecordError("uri: missing")
        made = time_of(status, "created_at")
        if made is None:
            raise BadRecordError("created_at: missing")
        visibility = text_of(status, "visibility")
        if visibility not in PUBLIC:
            raise BadRecordError("visibility: not public")
        account = status.get("account")
        if not isinstance(account, dict):
            raise BadRecordError("account: missing")
        within = nested_statuses(status)
        person = self._see(account)
        original = next((one.status for one in within if one.field == "reblog"), None)
        if original is not None:
            self._repeat(account, person, original, made)
            nested.append(original)
            nested += [one.status for one in nested_statuses(original)]
            return made
        if not isinstance(status.get("content"), str | None) or "content" not in status:
            raise BadRecordError("content: missing")
        nested += [one.status for one in within]
        if uid in self._posts:
            return made
        parent_id = id_of(status, "in_reply_to_id")
        parent = self._uids.get(parent_id) if parent_id is not None else None
        self._parents[uid] = "" if parent_id is None else parent
        content = text_of(status, "content")
        text, quote_of = self._quote(status, within, content)
        warning = text_of(status, "spoiler_text")
        url = text_of(status, "url")
        parent_author = id_of(status, "in_reply_to_account_id")
        own_id = id_of(status)
        post = Post(
            uid=uid,
            created_at=made,
            observed_at=self.observed_at,
            id=f"{own_id}@{self.head.host}" if own_id is not None else None,
            url=url if url is not None and url.startswith(("https://", "http://")) else None,
            author_uid=person,
            author_handle=self._handle(account),
            author_name=(text_of(account, "display_name") or "").strip() or None,
            edited_at=time_of(status, "edited_at"),
            text=text.text if status.get("content") is not None else None,
            warning=warning,
            lang=_language(text_of(status, "language")),
            hashtags=_hashtags(status, f"{warning or ''}\n{text.text}"),
            mentions=self._mentions(status),
            links=_links(status, text),
            media=_media(status),
            poll=_poll(status.get("poll")),
            reply_to=parent,
            reply_to_author=self._people.get(parent_author) if parent_author is not None else None,
            quote_of=quote_of,
            likes=count_of(status, "favourites_count"),
            reposts=count_of(status, "reblogs_count"),
            replies=count_of(status, "replies_count"),
            quotes=count_of(status, "quotes_count"),
            visibility=visibility,
            consent=consent_of(account),
        )
        self._posts[uid] = without_content(post) if status.get(MARK) is True else post
        return made

    def _repeat(self, account: dict[str, Any], person: str | None, original: dict[str, Any], at: datetime) -> None:
        """A post that only repeats another. It has no id of its own here: a person repeats a post once, or not.

        So that the same is known again when it comes in a list of reposters, where servers give no id.
        """
        uid = _uid(original)
        if uid is None:
            raise BadRecordError("reblog.uri: missing")
        self._reposts.append(
            Repost(
                post_uid=uid,
                post_at=time_of(original, "created_at") or at,
                account_uid=person,
                account_handle=self._handle(account),
                at=at,
                observed_at=self.observed_at,
            )
        )

    def _version(self, version: dict[str, Any], uid: str, made: datetime, at: datetime, *, is_first: bool) -> Post:
        account = version.get("account")
        author = account if isinstance(account, dict) else {}
        if not isinstance(version.get("content"), str):
            raise BadRecordError("content: missing")
        text = read_html(version["content"])
        return Post(
            uid=uid,
            created_at=made,
            observed_at=at,
            author_uid=account_uid(author, uid.removeprefix("mastodon:")),
            author_handle=self._handle(author),
            edited_at=None if is_first else at,
            text=text.text,
            warning=text_of(version, "spoiler_text"),
            links=tuple([Link(url) for url in text.links]),
            media=_media(version),
            poll=_poll(version.get("poll")),
        )

    def _quote(self, status: dict[str, Any], within: Iterable[Any], content: str | None) -> tuple[Text, str | None]:
        """The text, and the uid of the post that it quotes. The line that stands for the quote goes if it is known."""
        text = read_html(content or "")
        quoted = next((one.status for one in within if one.field == "quote"), None)
        if quoted is not None and (uid := _uid(quoted)) is not None:
            return text, uid
        quote = status.get("quote")
        state = quote.get("state") if isinstance(quote, dict) else None
        if state is not None and not (isinstance(state, str) and state in _SHOWN):
            return text, None  # pending, rejected, revoked: whoever is quoted does not want it shown
        for record, name in ((quote, "quoted_status_id"), (status, "quote_id"), (status, "quoted_status_id")):
            own = id_of(record, name) if isinstance(record, dict) else None
            if own is not None and own in self._uids:
                return text, self._uids[own]
        pleroma = status.get("pleroma")
        address = text_of(pleroma, "quote_url") if isinstance(pleroma, dict) else None
        for candidate in (text.quote, address, text_of(status, "quote_uri")):
            if candidate is None:
                continue
            if candidate in self._by_address:
                return text, self._by_address[candidate]
            if candidate == address or "/@" not in candidate:  # a page is not the post's address
                return text, f"mastodon:{candidate}" if is_uri(candidate) else None
        return (read_html(content or "", keep_quote=True) if text.quote is not None else text), None

    def _mentions(self, status: dict[str, Any]) -> tuple[Mention, ...] | None:
        mentions = records_of(status, "mentions")
        if mentions is None:
            return None
        found = []
        for mention in mentions:
            handle = self._handle(mention)
            own = id_of(mention)
            if handle is not None:
                found.append(Mention(handle, self._people.get(own) if own is not None else None))
        return tuple(found)

    def _handle(self, account: dict[str, Any]) -> str | None:
        acct = text_of(account, "acct")
        qualified = text_of(account, "fqn")
        return full_handle(qualified if acct is not None and "@" not in acct and qualified else acct, self.domain)

    def _see(self, account: dict[str, Any]) -> str | None:
        """Keep a person; returns their uid."""
        own = id_of(account)
        uid = self._people.get(own) if own is not None else None
        uid = uid or account_uid(account)
        if uid is not None and uid not in self._accounts:
            mapped = map_account(account, uid, self.domain, self.observed_at)
            self._accounts[uid] = msgspec.structs.replace(mapped, handle=self._handle(account))
        return uid

    def _place_subject(self, context: dict[str, Any]) -> None:
        """A conversation does not hold the post that was asked about; what it replies to was told before, or nobody is."""
        subject = self.head.one_subject
        if subject is None or subject[0] in self._posts:
            return
        uid, made = subject
        if self.head.parent is not None:
            self._parents[uid] = self._uids.get(self.head.parent)
        else:
            self._parents[uid] = None if context.get("ancestors") else ""
        if self._parents[uid] is not None:
            self._posts[uid] = Post(
                uid=uid, created_at=made, observed_at=self.observed_at, reply_to=self._parents[uid] or None
            )

    def _root(self, uid: str) -> str | None:
        """The post that began the conversation, if the way there is known."""
        passed = {uid}
        while parent := self._parents.get(uid):
            if parent in passed:
                return None
            passed.add(parent)
            uid = parent
        return uid if self._parents.get(uid) == "" else None

    def _quarantine(self, index: int, reason: str, digest: str, size: int, uid: str | None) -> None:
        if self._payload_id is None:
            self._payload_id = self.payload.payload_id
        self._quarantined.append(
            Quarantined(
                origin=self.payload.origin,
                position=self.payload.position + index,
                reason=reason,
                digest=digest,
                size=size,
                payload_id=self._payload_id,
                uid=uid,
            )
        )


def is_origin(uid: str, head: Head) -> bool:
    """Whether a post was made on the server that answered: only that one knows when it is gone."""
    host = host_of(uid.removeprefix("mastodon:"))
    return host != "" and host in {head.host, (head.domain or "").lower()}


def _uid(status: dict[str, Any]) -> str | None:
    uri = text_of(status, "uri")
    return f"mastodon:{uri}" if is_uri(uri) else None


def _walk(statuses: Iterable[Any]) -> Iterable[dict[str, Any]]:
    pending = [status for status in statuses if isinstance(status, dict)]
    while pending:
        status = pending.pop()
        yield status
        pending += [one.status for one in nested_statuses(status)]


def _language(code: str | None) -> str | None:
    return None if code is None or code.casefold() in _NO_LANGUAGE or len(code) > 35 else code


def _hashtags(status: dict[str, Any], text: str) -> tuple[str, ...] | None:
    tags = records_of(status, "tags")
    if tags is None:
        return None
    names = [(text_of(tag, "name") or "").removeprefix("#") for tag in tags]
    return tags_as_written(text, [name for name in names if name])


def _links(status: dict[str, Any], text: Text) -> tuple[Link, ...]:
    card = status.get("card")
    of_card = card if isinstance(card, dict) else {}
    titles = {text_of(of_card, "url"): text_of(of_card, "title")}
    return tuple([Link(url, titles.get(url)) for url in text.links])


def _media(status: dict[str, Any]) -> tuple[Media, ...] | None:
    attachments = records_of(status, "media_attachments")
    if attachments is None:
        return None
    found = []
    for one in attachments:
        alt = text_of(one, "description")
        # The copy on the author's server outlives that in another server's cache.
        url = text_of(one, "remote_url") or text_of(one, "url") or text_of(one, "preview_url")
        found.append(
            Media(_KINDS.get(text_of(one, "type") or "", "unknown"), url, alt.strip() or None if alt else None)
        )
    return tuple(found)


def _poll(poll: Any) -> tuple[PollOption, ...] | None:
    options = records_of(poll, "options") if isinstance(poll, dict) else None
    if not options:
        return None
    return tuple([PollOption(text_of(option, "title") or "", count_of(option, "votes_count")) for option in options])


def _bytes(record: Any) -> bytes:
    try:
        return msgspec.json.encode(record)
    except FAILURES:
        return b""
