"""Fetches from one server of Mastodon's API through Mastodon.py; what it answers is kept as bytes.

Requests go to the configured server alone. The library builds them; its own waiting is
off, and the bytes and `Link` headers are taken below it, in `connectors.requests_transport`.

**The sweep.** A tag timeline is read from its newest post backwards, until a whole page is older than the window's edge.
One old post ends nothing: a post that reaches the server late gets an id as old as its time and appears between others
that were there before. For the same reason a window is read again later, rather than polled from the last id.

**Ids.** A server's ids are its own. `Post.id` therefore names its server (`123@example.social`), and a post is looked up
by it there alone; by the id in its address where the server is its origin; else by its address, which needs a token.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests
from mastodon import Mastodon
from mastodon.errors import MastodonError, MastodonWarning
from mastodon.types_base import PaginationInfo

from connectors import manners
from connectors.base import (
    BudgetError,
    CredentialsError,
    FetchError,
    Query,
    Report,
    Surroundings,
    TransientFetchError,
)
from connectors.mastodon.accounts import count_of, host_of, id_of, text_of, time_of
from connectors.mastodon.answers import FORMAT, PUBLIC, Head, nested_statuses, read_head
from connectors.mastodon.pages import (
    SLACK,
    below,
    depth_below,
    entries,
    husk,
    ids_of,
    is_before,
    jump,
    last_id,
    listed,
    next_id,
)
from connectors.refusals import FAILURES
from connectors.requests_transport import Answer, Sender, Transport
from connectors.resuming import Stored
from knowarchive.config import Source
from knowarchive.model import Payload, Post

PAGE = 40  # the most that a timeline gives
REPOSTERS_PAGE = 80
LOOK_UP_PAGE = 20
LONGEST_TIMELINE = 1_000  # pages of one tag
STALE_PAGES = 5  # empty pages in a row, before a cursor is held to lead nowhere; GoToSocial leaves out what it hides
LONGEST_LIST = 100  # pages of reposters of one post
FAILURES_IN_A_ROW = 3  # conversations that fail before the server is taken to be down
LONGEST_LINK = 4_096  # characters of a header
LONGEST_REFRESH = 30.0  # seconds that we wait for a server to ask others for replies
#: What a stranger gets of a conversation, besides 40 posts up. https://docs.joinmastodon.org/methods/statuses/#context
STRANGERS_REPLIES, STRANGERS_DEPTH = 60, 20

_ID_IN_ADDRESS = re.compile(r"/statuses/([A-Za-z0-9]+)$")
_REFRESH = re.compile(r"retry=(\d+)")

T = TypeVar("T")


@dataclass(slots=True)
class _Known:
    """What the server said of a post in this run, as far as it decides what to ask next."""

    id: str
    made: datetime
    parent: str | None
    replies: int
    reposts: int
    quotes: int
    edited_at: datetime | None


class _RefusedError(FetchError):
    """The server answered and said no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _RefusedCredentialsError(_RefusedError, CredentialsError):
    """The server wants other credentials."""


def token_variable(server: str) -> str:
    """Name the variable that holds the token for a server: its host in capitals, every other character `_`."""
    return "KNOWARCHIVE_MASTODON_TOKEN__" + re.sub(r"[^A-Z0-9]", "_", urlsplit(server).netloc.upper())


def open_connector(source: Source, surroundings: Surroundings) -> "MastodonConnector":
    """Connect to nothing yet: the first request tells what the server is."""
    return MastodonConnector(source, surroundings)


class MastodonConnector:
    """One server. See `connectors.base.Connector`."""

    platform: ClassVar[str] = "mastodon"

    def __init__(self, source: Source, surroundings: Surroundings, sender: Sender | None = None) -> None:
        self.report = Report()
        self._server = source.server.rstrip("/")
        self._host = urlsplit(self._server).netloc.lower()
        self._surroundings = surroundings
        self._variable = token_variable(self._server)
        token = surroundings.secrets.get(self._variable, "").strip() or None
        if token is not None and not (token.isascii() and token.isprintable()):
            raise CredentialsError(f"{self._host}: {self._variable} holds no token; copy it again")
        if token is not None:
            manners.check_secrecy(self._server, self._variable)
        self._has_token = token is not None
        self._stored = Stored()
        self._transport = Transport(
            self._host, self._server, surroundings, self.report, sender, recall=self._recall, hand_on=husk
        )
        session = requests.Session()
        session.mount("https://", self._transport)
        session.mount("http://", self._transport)
        session.max_redirects = 5
        self._api = Mastodon(
            api_base_url=self._server,
            access_token=_Token(token) if token is not None else None,
            ratelimit_method="throw",
            request_timeout=surroundings.limits.timeout,
            version_check_mode="none",
            session=session,
            user_agent=surroundings.user_agent,
        )
        self._domain: str | None = None
        self._greeted = False
        self._known: dict[str, _Known] = {}
        self._batches = True  # until the server refuses to be asked for many posts at once
        self._was_cut = False  # whether some conversation may have been more than strangers are shown
        self._refused: set[str] = set()  # lists that the server does not show us

    def search(self, query: Query, stored: Sequence[Payload] = ()) -> Iterator[Payload]:
        """Tag timelines, one tag after another: the library cannot ask for several at once, and most servers neither.

        Answers from before the window was over are asked for again: there may be newer posts.
        """
        if query.since >= self._surroundings.now():
            self.report.notes.append("the window is in the future; nothing was asked")
            return
        self._stored = Stored(stored, not_before=query.until)
        self._greet()
        for tag in dict.fromkeys(query.hashtags):
            yield from self._timeline(tag, query)

    def complete(self, posts: Sequence[Post], query: Query) -> Iterator[Payload]:
        """Conversations, then what was edited, who reposted, and who quoted."""
        self._greet()
        there = [post for post in posts if post.platform == self.platform and post.deleted_at is None]
        mine = [(post, own) for post in there if (own := self._own_id(post)) is not None]
        yield from self._conversations(mine, query)
        for post, own in mine:
            known = self._known.get(post.uid)
            if (known.edited_at if known is not None else post.edited_at) is not None:
                yield from self._list(post, own, "history", "edits")
        for post, own in mine:
            if self._count(post, "reposts"):
                yield from self._list(post, own, "reblogged_by", "reposters", REPOSTERS_PAGE)
            if self._count(post, "quotes"):
                yield from self._list(post, own, "quotes", "quotes", PAGE)

    def look_up(self, posts: Sequence[Post]) -> Iterator[Payload]:
        """Posts by their ids here: many at once where the server can, and alone each that did not come along."""
        self._greet()
        asked = [post for post in posts if post.platform == self.platform and post.deleted_at is None]
        strangers = [post for post in asked if self._own_id(post) is None]
        mine = {own: post for post in asked if (own := self._own_id(post)) is not None}
        ids = list(mine)
        for start in range(0, len(ids), LOOK_UP_PAGE):
            chunk = ids[start : start + LOOK_UP_PAGE]
            found: set[str] = set()
            if self._batches and len(chunk) > 1:
                page = self._batch(chunk, mine)
                if page is not None:
                    found = {own for status in listed(page) or [] if (own := id_of(status)) is not None}
                    yield page
            for own in chunk:
                if own not in found:
                    yield from self._look_up_one(own, mine[own])
        for own, post in mine.items():
            known = self._known.get(post.uid)
            if known is not None and known.edited_at not in {None, post.edited_at}:
                yield from self._list(post, own, "history", "edits")
        yield from self._resolve(strangers)

    def close(self) -> None:
        """Give connections back."""
        self._transport.close()

    # Requests

    def _recall(self, path: str) -> Answer | None:
        """What an interrupted run stored of an answer, as far as it is needed to go on."""
        found = self._stored.take(path)
        if found is None or (at := found[0].fetched_at) is None:
            return None
        link = read_head(found[0]).link
        return Answer(path, found[1].status, found[0].body, {"link": link} if link else {}, at)

    def _greet(self) -> None:
        """Ask the server once what it is: that it speaks this API, and what it calls its people."""
        if self._greeted:
            return
        try:
            answer = self._ask(self._api.instance_v2)
        except _RefusedError as error:
            if error.status not in {404, 405, 501}:
                raise
            try:
                answer = self._ask(self._api.instance_v1)
            except _RefusedError as older:
                if older.status in {404, 405, 501}:
                    raise FetchError(self._not_mastodon(f"status {older.status}")) from None
                raise
        try:
            value = msgspec.json.decode(answer.body)
        except FAILURES:
            value = None
        if not isinstance(value, dict) or not isinstance(value.get("version"), str):
            raise FetchError(self._not_mastodon("an answer that is not its own"))
        name = text_of(value, "domain") or text_of(value, "uri") or ""
        domain = host_of(name) if "//" in name else name.strip("/").lower()
        self._domain = domain if domain != self._host and re.fullmatch(r"[\w.:-]{1,253}", domain) else None
        self._greeted = True

    def _ask(self, call: Callable[[], object]) -> Answer:
        """Make one request through the library, and give back the bytes below it.

        Raises:
            _RefusedError: the server said no.
            FetchError: whatever else went wrong, without a trace of the request.
        """
        self._transport.forget()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MastodonWarning)
                call()
        except (MastodonError, requests.RequestException, ValueError, TypeError, AttributeError, KeyError):
            pass  # what the library makes of an answer is not needed; whether there was one is asked next
        if self._transport.error is not None:
            raise self._transport.error
        answer = self._transport.last
        if answer is None:
            raise FetchError(f"{self._host}: the request could not be made")
        if 300 <= answer.status < 400:
            raise FetchError(f"{self._host}: redirects in circles; check the server's address")
        if answer.status >= 400:
            raise self._refusal(answer)
        if answer.is_html:
            raise FetchError(self._not_mastodon("a web page"))
        return answer

    def _get(self, path: str, **params: str | int) -> tuple[Answer, str | None]:
        """Ask for a page of a list by its path; with the answer comes the next page's `max_id`, if there is one.

        `fetch_next` is the library's one public way to page through lists for which its own methods take no cursor.
        """
        request = PaginationInfo({"_pagination_method": "GET", "_pagination_endpoint": path, **params})
        answer = self._ask(lambda: self._api.fetch_next(request))
        return answer, next_id(answer)

    def _payload(self, answer: Answer, subject: dict[str, datetime] | None = None, **more: str | None) -> Payload:
        """Keep an answer, and remember what it says of posts that are asked about later."""
        head = Head(
            request=answer.path,
            server=self._server,
            status=answer.status,
            subject=subject or {},
            domain=self._domain,
            parent=more.get("parent"),
            link=answer.headers.get("link", "")[:LONGEST_LINK] or None,
        )
        self.report.pages += 1
        payload = Payload(
            format=FORMAT,
            origin=f"{self._server}{answer.path}",
            body=answer.body,
            items=1,
            head=head.encode(),
            fetched_at=answer.at,
        )
        statuses = listed(payload) or []
        for status in statuses:
            self._remember(status)
        return msgspec.structs.replace(payload, items=max(1, len(statuses)))

    def _remember(self, status: dict[str, Any]) -> None:
        for one in (status, *[nested.status for nested in nested_statuses(status)]):
            uri, own, made = text_of(one, "uri"), id_of(one), time_of(one, "created_at")
            if uri is None or own is None or made is None or one.get("visibility") not in {*PUBLIC}:
                continue
            self._known[f"mastodon:{uri}"] = _Known(
                id=own,
                made=made,
                parent=id_of(one, "in_reply_to_id"),
                replies=count_of(one, "replies_count") or 0,
                reposts=count_of(one, "reblogs_count") or 0,
                quotes=count_of(one, "quotes_count") or 0,
                edited_at=time_of(one, "edited_at"),
            )

    # Tag timelines

    def _timeline(self, tag: str, query: Query) -> Iterator[Payload]:
        edge = query.since - SLACK
        max_id: str | None = None
        path = f"/api/v1/timelines/tag/{quote(tag, safe='')}"
        asked: set[str | None] = set()
        seen: set[str] = set()
        again, stale = False, 0
        for _ in range(LONGEST_TIMELINE):
            params: dict[str, str | int] = {"limit": PAGE}
            if max_id is not None:
                params["max_id"] = max_id
            answer, following = self._get(path, **params)
            payload = self._payload(answer)
            statuses = listed(payload)
            if statuses is None:
                raise FetchError(self._not_mastodon("something that is no list of posts"))
            ids = ids_of(statuses)
            repeated = bool(ids) and not set(ids) - seen
            if repeated and not again:
                again = True  # a cache on the way may have answered for another page
                continue
            yield payload
            if repeated:
                self._gap(f"#{tag}: the server repeats its pages; older posts may be missing")
                return
            if (ids and is_before(statuses, edge)) or (following is None and (not ids or "link" in answer.headers)):
                return  # beyond the edge, or the last page
            stale = 0 if ids else stale + 1
            if stale >= STALE_PAGES:
                self._gap(f"#{tag}: the server gives empty pages without end; older posts may be missing")
                return
            asked.add(max_id)
            seen.update(ids)
            skipped = jump(statuses, query.until, following) if max_id is None else None
            max_id, again = skipped or following or last_id(ids), False
            if max_id in asked:
                self._gap(f"#{tag}: the server's pages go in circles; older posts may be missing")
                return
        self._gap(f"#{tag}: more than {LONGEST_TIMELINE * PAGE:,} posts since the session; older ones may be missing")

    # Conversations

    def _conversations(self, mine: list[tuple[Post, str]], query: Query) -> Iterator[Payload]:
        """Whole conversations, each branch asked for once. What is cut is asked for from where it was cut."""
        limits = self._surroundings.limits
        waiting: list[tuple[str, str, datetime, int]] = []
        queued: set[str] = set()

        def enqueue(uid: str, own: str, made: datetime, depth: int) -> None:
            if uid not in queued and depth <= limits.conversation_depth:
                queued.add(uid)
                waiting.append((uid, own, made, depth))

        shown: set[str] = set()  # those whose replies have come
        roots = {post.uid for post, _ in mine if post.conversation == post.uid}
        for post, own in mine:
            if post.conversation == post.uid and self._count(post, "replies") != 0:
                enqueue(post.uid, own, post.created_at, 0)
        for post, own in mine:
            is_placed = post.conversation is not None
            if post.conversation != post.uid and not (is_placed and self._count(post, "replies") == 0):
                enqueue(post.uid, own, post.created_at, 0)
        refreshing: dict[str, tuple[str, datetime]] = {}
        retry = 0.0
        posts = failed = 0
        while waiting:
            uid, own, made, depth = waiting.pop(0)
            if uid in shown:
                continue
            if posts >= limits.conversation_posts:
                self._gap(f"more than {limits.conversation_posts:,} posts in conversations; the rest was not asked for")
                break
            try:
                if uid not in self._known and uid not in roots:
                    yield from self._look_up_one(own, Post(uid=uid, created_at=made))  # what it replies to
                answer, payload = self._context(uid, own, made)
                failed = 0
            except BudgetError:
                raise
            except TransientFetchError:
                failed += 1
                if failed >= FAILURES_IN_A_ROW:
                    raise
                self._gap(f"the conversation of {own} did not come; the next run asks again")
                continue
            if payload is None or answer is None:
                continue
            yield payload
            found = listed(payload) or []
            posts += len(found)
            if (offer := answer.headers.get("mastodon-async-refresh")) is not None:
                refreshing[uid] = (own, made)
                match = _REFRESH.search(offer)
                retry = max(retry, float(match[1]) if match else 5.0)
            self._weigh(uid, own, found, shown, query, depth, enqueue)
        if refreshing:
            yield from self._refreshed(refreshing, min(retry, LONGEST_REFRESH))
        if hidden := self._hidden(queued):
            told = (
                f"{hidden:,} {'reply is' if hidden == 1 else 'replies are'} counted but not shown: not public, deleted"
            )
            if self._was_cut:
                self._gap(f"{told}, never sent to this server, or more than strangers are shown; set {self._variable}")
            else:  # nobody could show more: those who may see them are not everybody
                self._note(f"{told}, or never sent to this server")

    def _context(self, uid: str, own: str, made: datetime) -> tuple[Answer | None, Payload | None]:
        parent = self._known[uid].parent if uid in self._known else None
        try:
            answer = self._ask(lambda: self._api.status_context(own))
        except _RefusedError as error:
            if error.status in {404, 410}:
                return None, None  # `look_up` finds out what became of it
            raise
        return answer, self._payload(answer, {uid: made}, parent=parent)

    def _weigh(
        self,
        uid: str,
        own: str,
        found: list[dict[str, Any]],
        shown: set[str],
        query: Query,
        depth: int,
        enqueue: Callable[[str, str, datetime, int], None],
    ) -> None:
        """Decide what of a conversation to ask for further."""
        children: dict[str, int] = {}
        for parent in {id_of(status): id_of(status, "in_reply_to_id") for status in found}.values():
            if parent is not None:
                children[parent] = children.get(parent, 0) + 1
        shown.add(uid)
        replies = below(own, found)
        if not self._has_token and (len(replies) >= STRANGERS_REPLIES or depth_below(own, found) >= STRANGERS_DEPTH):
            self._was_cut = True
        for status in found:
            its_id, made, uri = id_of(status), time_of(status, "created_at"), text_of(status, "uri")
            if its_id is None or made is None or uri is None or status.get("visibility") not in {*PUBLIC}:
                continue
            its_uid = f"mastodon:{uri}"
            if its_id in replies:
                if (count_of(status, "replies_count") or 0) <= children.get(its_id, 0):
                    shown.add(its_uid)
                else:
                    enqueue(its_uid, its_id, made, depth + 1)
            elif id_of(status, "in_reply_to_id") is None and query.since - SLACK <= made < query.until:
                enqueue(its_uid, its_id, made, depth)  # the conversation that the session's post belongs to

    def _hidden(self, asked: set[str]) -> int:
        """How many replies the server counts below the posts that were asked about, and showed nowhere."""
        came: dict[str, int] = {}
        for known in self._known.values():
            if known.parent is not None:
                came[known.parent] = came.get(known.parent, 0) + 1
        about = [self._known[uid] for uid in asked if uid in self._known]
        return sum(max(0, known.replies - came.get(known.id, 0)) for known in about)

    def _refreshed(self, refreshing: dict[str, tuple[str, datetime]], seconds: float) -> Iterator[Payload]:
        """Ask again, after the server itself has asked the others for replies that it lacks (Mastodon 4.5)."""
        self.report.waited += seconds
        self._surroundings.sleep(seconds)
        unfinished = 0
        for uid, (own, made) in refreshing.items():
            answer, payload = self._context(uid, own, made)
            if payload is not None and answer is not None:
                unfinished += "mastodon-async-refresh" in answer.headers
                yield payload
        if unfinished:
            self._gap(f"{unfinished} conversations were still being completed by the server; refresh later")

    # Lists about one post

    def _list(self, post: Post, own: str, name: str, what: str, limit: int | None = None) -> Iterator[Payload]:
        if name in self._refused:
            return
        max_id: str | None = None
        seen: set[str] = set()
        for _ in range(LONGEST_LIST):
            params: dict[str, str | int] = {"limit": limit} if limit else {}
            if max_id is not None:
                params["max_id"] = max_id
            try:
                answer, max_id = self._get(f"/api/v1/statuses/{own}/{name}", **params)
            except _RefusedError as error:
                if error.status in {401, 403, 422, 501}:
                    self._refused.add(name)
                    self._gap(f"the server does not show {what} {self._advice()}")
                return
            yield self._payload(answer, {post.uid: post.created_at})
            if max_id is None or limit is None:
                return
            listed_here = entries(answer)
            if not listed_here - seen:
                break
            seen |= listed_here
        self._gap(f"the server's list of {what} of {own} does not end; some may be missing")

    # Single posts

    def _batch(self, ids: list[str], mine: dict[str, Post]) -> Payload | None:
        """Many posts at once: Mastodon 4.3 and later. Those that do not come along are not gone yet."""
        try:
            answer = self._ask(lambda: self._api.statuses(list(ids)))
        except _RefusedError:
            self._batches = False
            return None
        return self._payload(answer, {mine[own].uid: mine[own].created_at for own in ids})

    def _look_up_one(self, own: str, post: Post) -> Iterator[Payload]:
        subject = {post.uid: post.created_at}
        try:
            answer = self._ask(lambda: self._api.status(own))
        except _RefusedError as error:
            gone = self._transport.last
            if error.status in {401, 403} and self._known:  # it shows us others
                self._note(f"{own} is not shown to us any more, as its author or the server wishes; kept")
                return
            if error.status not in {404, 410} or gone is None or gone.is_html:
                raise
            yield self._payload(gone, subject)
            if host_of(post.uid.removeprefix("mastodon:")) not in {self._host, self._domain}:
                self._note(f"{own} is gone from this server, which is not its own: deleted, or only forgotten here")
            return
        yield self._payload(answer, subject)

    def _resolve(self, posts: list[Post]) -> Iterator[Payload]:
        """Find posts by their address, which needs a token."""
        if not posts:
            return
        if not self._has_token:
            self._gap(f"{len(posts):,} posts are not known here by an id, and were not looked up; set {self._variable}")
            return
        for post in posts:
            address = post.uid.removeprefix("mastodon:")
            answer = self._ask(lambda: self._api.search_v2(address, resolve=True, result_type="statuses"))  # noqa: B023
            yield self._payload(answer, {post.uid: post.created_at})

    def _own_id(self, post: Post) -> str | None:
        """The id of a post on this server, if it is known."""
        if (known := self._known.get(post.uid)) is not None:
            return known.id
        own, _, host = (post.id or "").rpartition("@")
        if own and host == self._host:
            return own
        address = post.uid.removeprefix("mastodon:")
        match = _ID_IN_ADDRESS.search(urlsplit(address).path) if host_of(address) == self._host else None
        return match[1] if match else None

    def _count(self, post: Post, name: str) -> int | None:
        """A count as the server tells it now, or as it is stored; None where neither is known."""
        known = self._known.get(post.uid)
        count: int | None = getattr(known if known is not None else post, name)
        return count

    # Words

    def _gap(self, text: str) -> None:
        if (gap := f"{self._host}: {text}") not in self.report.gaps:
            self.report.gaps.append(gap)

    def _note(self, text: str) -> None:
        if (note := f"{self._host}: {text}") not in self.report.notes:
            self.report.notes.append(note)

    def _advice(self) -> str:
        if self._has_token:
            return f"to this token; check what {self._variable} may do"
        return f"to strangers; set {self._variable}"

    def _not_mastodon(self, what: str) -> str:
        return f"{self._host}: answers with {what}, so it does not speak the Mastodon API; check the server's address"

    def _refusal(self, answer: Answer) -> FetchError:
        """What to do about an answer that is an error."""
        status = answer.status
        if status in {401, 403, 422} and not self._has_token and not answer.is_html:
            return _RefusedCredentialsError(
                f"{self._host}: shows this to its members alone; set {self._variable}", status
            )
        if status in {401, 403}:
            return _RefusedCredentialsError(str(manners.refusal(status, self._host, self._variable)), status)
        if answer.is_html and status in {404, 405}:
            return _RefusedError(self._not_mastodon("a web page"), status)
        return _RefusedError(f"{self._host}: refused {answer.path.partition('?')[0]} with status {status}", status)


class _Token(str):
    """A token that does not show itself in tracebacks and logs that print values."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"
