"""Collects a chat from Bluesky: searches a window, completes conversations, and looks posts up again.

Asked for: `com.atproto.server.createSession` and `refreshSession` where there are credentials, and the queries
`app.bsky.feed.searchPosts`, `getPostThread`, `getQuotes`, `getRepostedBy`, `getPosts`, `app.bsky.actor.getProfiles` and
`com.atproto.repo.getRecord`. Hosts: the source's server, or else bsky.social with an account and public.api.bsky.app
without; no other, whatever a server says. Direct messages are never asked for.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from connectors.base import (
    BudgetError,
    CredentialsError,
    FetchError,
    Query,
    Report,
    Surroundings,
    TransientFetchError,
)
from connectors.bluesky.api import Answered, Api, RefusedError
from connectors.bluesky.hashtags import bears
from connectors.bluesky.ids import GONE, POSTS, collection, made_at, owner, post_uid, post_uri
from connectors.bluesky.shapes import items, part
from connectors.bluesky.text import fold
from connectors.resuming import Stored
from knowarchive.config import Source
from knowarchive.model import Payload, Post

if TYPE_CHECKING:
    import httpx

SEARCH = "app.bsky.feed.searchPosts"
THREAD = "app.bsky.feed.getPostThread"
QUOTES = "app.bsky.feed.getQuotes"
REPOSTERS = "app.bsky.feed.getRepostedBy"
LOOK_UP = "app.bsky.feed.getPosts"
PROFILES = "app.bsky.actor.getProfiles"
RECORD = "com.atproto.repo.getRecord"

PAGE = 100
BATCH = 25  # posts or profiles in one look-up
STALE_PAGES = 3  # pages in a row that bring nothing new, before a cursor is held to lead nowhere
FAILED_IN_A_ROW = 10  # requests about single posts, before it is the server that fails

#: What a server says of a post, or of what hangs on it, when it does not show it.
_NOT_SHOWN = frozenset({"NotFound", "RecordNotFound", "BlockedActor", "BlockedByActor"})
#: How a repository says that it has no such record, or is not to be read itself.
_NO_RECORD = frozenset(
    {
        "RecordNotFound",
        "InvalidRequest",
        "RepoNotFound",
        "RepoTakendown",
        "RepoSuspended",
        "RepoDeactivated",
        "RepoDesynchronized",
    }
)


def open_connector(source: Source, surroundings: Surroundings) -> "BlueskyConnector":
    """Open a source. Nothing is asked of the network yet.

    Raises:
        CredentialsError: only half of them is set.
    """
    return BlueskyConnector(source, surroundings)


class BlueskyConnector:
    """One source on Bluesky."""

    platform: ClassVar[str] = "bluesky"

    def __init__(self, source: Source, surroundings: Surroundings, inner: "httpx.BaseTransport | None" = None) -> None:
        """Take a source; `inner` replaces what opens connections, in tests."""
        self.report = Report()
        self._surroundings = surroundings
        self._limits = surroundings.limits
        self._api = Api(source.server, surroundings, self.report, inner)
        self._failed = 0

    def search(self, query: Query, stored: Sequence[Payload] = ()) -> Iterator[Payload]:
        """Search for each spelling of each hashtag, in the text and among the tags; newest first.

        Servers may tell capitals apart, may ignore `tag`, `since` and `until`, and none shows a tag that has no facet
        to a search by tag: so the text is searched first, then the tags, and pages are read far enough to see where
        the window's edge is and whether the search did what it was asked to. Answers from before the window was over
        are asked for again: there may be newer posts.
        """
        if query.since >= self._surroundings.now():
            self.report.notes.append("the window is in the future; nothing was asked")
            return
        self._api.stored = Stored(stored, not_before=query.until)
        known: set[str] = set()
        first_pages: set[tuple[str, ...]] = set()
        for sweep in _sweeps(query):
            yield from self._sweep(sweep, query, known, first_pages)

    def complete(self, posts: Sequence[Post], query: Query) -> Iterator[Payload]:
        """Fetch the threads of the posts in the window, both ways, then their quotes and reposters, then the profiles.

        Profiles, because what people declare about archives stands there.
        """
        work = _Conversations(query, self._limits.conversation_posts)
        for post in posts:
            if post.platform == self.platform and collection(post.uid) == POSTS and post.deleted_at is None:
                work.know(post)
        while work.threads or work.quotes:
            if work.threads:
                yield from self._thread(work.threads.popleft(), work)
            else:
                yield from self._quotes(work.quotes.popleft(), work)
        if work.cut:
            self.report.gaps.append(
                f"{len(work.cut):,} conversation(s) have more than {self._limits.conversation_posts:,} posts; cut there"
            )
        for uid in work.reposted:
            yield from self._reposters(uid, work.made[uid])
        yield from self._profiles(work.people)

    def look_up(self, posts: Sequence[Post]) -> Iterator[Payload]:
        """Fetch posts as they are now, 25 at a time.

        What is not in an answer may be hidden for many reasons; its repository is asked for each. Where that has the
        record, or cannot be asked, nothing is said of the post but a gap.
        """
        made = {post.uid: post.created_at for post in posts if post.platform == self.platform and not post.deleted_at}
        uids = list(made)
        for start in range(0, len(uids), BATCH):
            batch = uids[start : start + BATCH]
            answer = self._ask(LOOK_UP, {"uris": [post_uri(uid) for uid in batch]})
            if answer is None:
                continue
            found = _uids(answer.content)
            if found:
                yield answer.payload
            for uid in batch:
                if uid not in found:
                    yield from self._confirm(uid, made[uid])

    def close(self) -> None:
        """Give connections back."""
        self._api.close()

    def _sweep(
        self,
        sweep: Mapping[str, Any],
        query: Query,
        known: set[str],
        first_pages: set[tuple[str, ...]],
    ) -> Iterator[Payload]:
        """Follow one search to the window's edge. Pages that hold nothing new are not kept."""
        what = f"the search for {sweep['q']}"
        cursor: str | None = None
        cursors: set[str | None] = {None}
        found: set[str] = set()
        stale, first, hits, again = 0, True, 0, False
        while True:
            try:
                answer = self._api.ask(SEARCH, {**sweep, "cursor": cursor})
            except RefusedError as error:
                if first and not first_pages:
                    raise
                self.report.gaps.append(f"{what} stopped after {len(found):,} posts: {error}")
                return
            if not isinstance(answer.content.get("posts"), list):
                if first and not first_pages:
                    raise FetchError(f"{what} was answered without a list of posts; is this a Bluesky server?")
                self.report.gaps.append(f"{what} stopped after {len(found):,} posts: an answer without a list of posts")
                return
            page = items(answer.content.get("posts"))
            uids = _uids(answer.content)
            if first:
                sight = (*uids, str(answer.content.get("cursor")))
                if sight in first_pages or ("tag" in sweep and not all(bears(view, sweep["tag"][0]) for view in page)):
                    return  # the same search by other words, or a server that does not search by tag
                first_pages.add(sight)
            first = False
            new = [uid for uid in uids if uid not in known]
            if new:
                yield answer.payload
            stale = 0 if set(uids) - found else stale + 1
            known.update(uids)
            found.update(uids)
            hits = max(hits, _number(answer.content.get("hitsTotal")))
            times = [moment for view in page if (moment := _made(view)) is not None]
            if times and max(times) < query.since:
                return
            cursor = answer.content.get("cursor")
            if not isinstance(cursor, str) or not cursor:
                break
            if (cursor in cursors and again) or stale >= STALE_PAGES:
                self.report.gaps.append(f"{what} repeats itself after {len(found):,} posts; older ones may be missing")
                return
            again = again or cursor in cursors  # a server may give a page twice; asked once more, it goes on
            cursors.add(cursor)
        if hits * 0.9 - 1 > len(found):  # the count is rounded, and hidden posts are in it
            self.report.gaps.append(f"{what} counts {hits:,} posts and gave {len(found):,}")

    def _thread(self, uid: str, work: "_Conversations") -> Iterator[Payload]:
        """Fetch one post with what is above and below it."""
        if uid in work.seen:
            return
        work.seen.add(uid)
        depth = self._limits.conversation_depth
        answer = self._ask(
            THREAD, {"uri": post_uri(uid), "depth": depth, "parentHeight": depth}, expected=_NOT_SHOWN, about="thread"
        )
        if answer is None or answer.error is not None:
            return
        self._note_gate(answer.content)
        yield answer.payload
        work.read_thread(answer.content.get("thread"))

    def _quotes(self, uid: str, work: "_Conversations") -> Iterator[Payload]:
        def read(content: dict[str, Any]) -> list[str]:
            for view in items(content.get("posts")):
                work.read_view(view, is_quote=True)
            return _uids(content)

        yield from self._pages(QUOTES, uid, {}, read)

    def _reposters(self, uid: str, made: datetime) -> Iterator[Payload]:
        def read(content: dict[str, Any]) -> list[str]:
            return [did for one in items(content.get("repostedBy")) if isinstance(did := part(one, "did"), str)]

        yield from self._pages(REPOSTERS, uid, {uid: made}, read)

    def _pages(
        self, method: str, uid: str, subject: Mapping[str, datetime], read: Callable[[dict[str, Any]], list[str]]
    ) -> Iterator[Payload]:
        """Follow a list that hangs on one post to its end."""
        cursor: str | None = None
        cursors: set[str | None] = {None}
        found: set[str] = set()
        stale = 0
        while True:
            answer = self._ask(
                method,
                {"uri": post_uri(uid), "limit": PAGE, "cursor": cursor},
                subject=subject,
                expected=_NOT_SHOWN,
                about=method.rpartition(".get")[2],
            )
            if answer is None or answer.error is not None:
                return
            entries = read(answer.content)
            if entries:
                yield answer.payload
            stale = 0 if set(entries) - found else stale + 1
            found.update(entries)
            cursor = answer.content.get("cursor")
            if not isinstance(cursor, str) or not cursor:
                return
            if cursor in cursors or stale >= STALE_PAGES or len(found) >= self._limits.conversation_posts:
                self.report.gaps.append(f"{method} of {post_uri(uid)}: cut after {len(found):,}")
                return
            cursors.add(cursor)

    def _profiles(self, people: Iterable[str]) -> Iterator[Payload]:
        dids = [uid.partition(":")[2] for uid in people]
        for start in range(0, len(dids), BATCH):
            answer = self._ask(PROFILES, {"actors": dids[start : start + BATCH]}, about="profiles")
            if answer is not None and items(answer.content.get("profiles")):
                yield answer.payload

    def _confirm(self, uid: str, made: datetime) -> Iterator[Payload]:
        """Ask a repository for a record that the AppView does not show, and keep its word."""
        did, name, key = post_uri(uid).removeprefix("at://").split("/")
        answer = self._ask(
            RECORD,
            {"repo": did, "collection": name, "rkey": key},
            subject={uid: made},
            expected=_NO_RECORD,
            about="record",
        )
        if answer is None:
            return
        yield answer.payload
        if answer.error is None:
            self.report.notes.append(f"{post_uri(uid)} is in its repository, but the network does not show it")
        elif answer.error != "RecordNotFound" and GONE.encode() not in answer.payload.body:
            self.report.notes.append(f"{post_uri(uid)}: its account is closed, suspended or gone for now; kept")

    def _ask(
        self,
        method: str,
        parameters: Mapping[str, Any],
        *,
        subject: Mapping[str, datetime] | None = None,
        expected: frozenset[str] = frozenset(),
        about: str = "",
    ) -> Answered | None:
        """Ask about single posts: where one cannot be had, that is a gap, and the others are asked for all the same."""
        try:
            answer = self._api.ask(method, parameters, subject=subject, expected=expected)
        except (TransientFetchError, CredentialsError, BudgetError):
            raise
        except FetchError as error:
            self._failed += 1
            if self._failed >= FAILED_IN_A_ROW:
                raise
            self.report.gaps.append(f"{about or method}: {error}")
            return None
        self._failed = 0
        return answer

    def _note_gate(self, content: dict[str, Any]) -> None:
        """Say that not everybody could reply: silence then means something else."""
        allow = part(content.get("threadgate"), "record", "allow")
        if isinstance(allow, list):
            root = part(content.get("threadgate"), "record", "post")
            rules = ", ".join(
                sorted(name.rpartition("#")[2] for rule in allow if isinstance(name := part(rule, "$type"), str))
            )
            uid = post_uid(root)
            note = f"{post_uri(uid) if uid else 'a thread'}: replies were limited to {rules or 'nobody'}"
            if note not in self.report.notes:
                self.report.notes.append(note[:300])


@dataclass(slots=True)
class _Conversations:
    """What is still to be asked around the posts of a window, and what was seen already."""

    query: Query
    bound: int
    threads: deque[str] = field(default_factory=deque)
    quotes: deque[str] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)  # posts whose place in their thread is known, with all below
    made: dict[str, datetime] = field(default_factory=dict)
    reposted: dict[str, None] = field(default_factory=dict)
    people: dict[str, None] = field(default_factory=dict)
    queued: set[str] = field(default_factory=set)
    quoted: set[str] = field(default_factory=set)
    sizes: dict[str, set[str]] = field(default_factory=dict)  # posts seen, by conversation
    cut: set[str] = field(default_factory=set)

    def know(self, post: Post) -> None:
        """Take a post that was collected. Those made outside the window came along with others, and are not followed.

        One without replies that replies to none needs no thread of its own.
        """
        if not self._is_within(post.created_at):
            return
        if post.reply_to is not None or post.replies != 0:
            self._queue(post.conversation or post.uid)
            self._queue(post.uid)  # where the thread of the first does not show it
        self._count(post.uid, post.created_at, post.quotes, post.reposts)

    def read_view(self, view: Any, *, is_quote: bool = False) -> str | None:
        """Read of a post what to ask next."""
        uid, made = post_uid(part(view, "uri")), _made(view)
        if uid is None or made is None:
            return None
        self._count(uid, made, _number(part(view, "quoteCount")), _number(part(view, "repostCount")))
        if is_quote and self._is_within(made) and _number(part(view, "replyCount")):
            self._queue(uid)
        return uid

    def read_thread(self, tree: Any) -> None:
        """Walk a thread: mark what it shows whole, and queue the places where it was cut."""
        waiting = [(tree, False)]
        while waiting:
            node, is_above = waiting.pop()
            view = part(node, "post")
            if not isinstance(node, dict) or view is None:
                continue
            replies = items(node.get("replies"))
            waiting += [(reply, False) for reply in replies]
            waiting.append((node.get("parent"), True))
            uid = self.read_view(view)
            if uid is None:
                continue
            root = post_uid(part(view, "record", "reply", "root", "uri")) or uid
            self.sizes.setdefault(root, set()).add(uid)
            if node is tree or uid in self.seen:
                continue
            if _number(part(view, "replyCount")) and (is_above or not replies):
                if len(self.sizes[root]) < self.bound:
                    self._queue(uid)
                else:
                    self.cut.add(root)
            else:
                self.seen.add(uid)

    def _queue(self, uid: str) -> None:
        if uid not in self.queued and uid not in self.seen:
            self.queued.add(uid)
            self.threads.append(uid)

    def _count(self, uid: str, made: datetime, quotes: int | None, reposts: int | None) -> None:
        """Note who and what is in the window; what is not belongs to others, who may be legion."""
        if not self._is_within(made):
            return
        self.people.setdefault(owner(uid))
        self.made.setdefault(uid, made)
        if reposts:
            self.reposted.setdefault(uid)
        if quotes and uid not in self.quoted:
            self.quoted.add(uid)
            self.quotes.append(uid)

    def _is_within(self, made: datetime) -> bool:
        return self.query.since <= made < self.query.until


def _sweeps(query: Query) -> Iterator[dict[str, Any]]:
    """The searches for a window: every spelling by text, then every one by tag."""
    window = {"since": _iso(query.since), "until": _iso(query.until), "sort": "latest", "limit": PAGE}
    tags = [tag.lstrip("#＃") for tag in query.hashtags]
    spellings = list(dict.fromkeys(spelling for tag in tags for spelling in (tag, fold(tag))))
    for spelling in spellings:
        yield {"q": f"#{spelling}", **window}
    for spelling in spellings:
        yield {"q": spelling, "tag": [spelling], **window}


def _uids(content: dict[str, Any]) -> list[str]:
    """The posts of a page."""
    return [uid for view in items(content.get("posts")) if (uid := post_uid(part(view, "uri"))) is not None]


def _made(view: Any) -> datetime | None:
    return made_at(part(view, "record", "createdAt"), part(view, "indexedAt"))


def _number(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
