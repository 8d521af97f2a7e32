"""Collects a chat from X: searches a window, completes conversations, looks posts up again; answers are kept as bytes.

Asked for: `/2/tweets/search/recent` and `/all`, `/2/tweets/counts/recent` and `/all`, `/2/tweets` and
`/2/tweets/:id/quote_tweets`. Host: the source's server, or else api.twitter.com; no other.

**Money.** Reading is paid for. The posts of a window are counted before they are read, pages are made as small as the
budget asks for, and nothing is asked for that could exceed it; see `connectors.x.costs`.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec

from connectors.base import (
    BudgetError,
    Exchange,
    FetchError,
    Query,
    Report,
    Surroundings,
    read_exchange,
)
from connectors.requests_transport import Answer, Sender
from connectors.resuming import Stored
from connectors.x import queries
from connectors.x.answers import FORMAT, GONE, HIDDEN, problems
from connectors.x.api import Api, ForbiddenError, InvalidError, Page, clean
from connectors.x.costs import Costs
from connectors.x.ids import snowflake_time
from connectors.x.queries import Search
from knowarchive.config import Source
from knowarchive.model import Payload, Post

LONGEST_SEARCH = 1_000  # pages
STALE_PAGES = 5  # pages in a row that bring nothing new, before a cursor is held to lead nowhere
REPEATS = 2  # how often a question is asked again whose answer is of another, or leads back to where it came from
COUNT_PAGES = 24  # of 31 days each
QUOTED = 20  # posts whose quotes are asked for
QUOTE_PAGES = 5
PACE = 1.0  # seconds between two requests to the full archive
GIVEN_OF_COUNTED = 0.99  # X counts what it does not give: posts of protected and suspended accounts


def open_connector(source: Source, surroundings: Surroundings) -> "XConnector":
    """Open a source. Nothing is asked of the network yet.

    Raises:
        CredentialsError: the token is not one, or would travel unprotected.
        ConfigError: a variable holds what it cannot.
    """
    return XConnector(source, surroundings)


class XConnector:
    """One way to X. See `connectors.base.Connector`.

    Args:
        source: its server replaces the API's host, for tests and gateways.
        surroundings: the token is in its secrets, and what a month has cost in its state folder.
        sender: sends one request; a test's stand-in for the network.
    """

    platform: ClassVar[str] = "x"

    def __init__(
        self,
        source: Source,
        surroundings: Surroundings,
        sender: Sender | None = None,
    ) -> None:
        self.report = Report()
        self._surroundings = surroundings
        self._costs = Costs(surroundings, self.report)
        self._api = Api(source.server, surroundings, self.report, sender)
        self._host = self._api.host
        self._has_archive = True  # until the full archive is refused to us
        self._last_archive: float | None = None
        self._answered: dict[bytes, str] = {}  # what every answer was to, by its digest
        self._last = b""
        self._stored = Stored()
        self._interrupted: Sequence[Payload] = ()

    def search(self, query: Query, stored: Sequence[Payload] = ()) -> Iterator[Payload]:
        """Search for the hashtags, newest first: the last seven days, or the full archive where the token may."""
        self._stored = Stored(stored, key=queries.key)
        self._interrupted = stored
        query = replace(query, hashtags=self._hashtags(query))
        now = self._surroundings.now()
        planned = queries.searches(query, now)
        if not planned:
            self._note("the window is in the future; nothing was asked")
            return
        if planned[0].end < query.until:
            self._note(f"the window is not over; asked up to {planned[0].end:%Y-%m-%d %H:%M:%S} UTC")
        planned = queries.divided(planned, stored)
        counted = [self._count(search) for search in planned]
        self._estimate(counted)
        for search, expected in zip(planned, counted, strict=True):
            yield from self._search(search, expected)

    def complete(self, posts: Sequence[Post], query: Query) -> Iterator[Payload]:
        """Replies in the posts' conversations, above all those without the hashtags, then quotes of the most quoted."""
        mine = [post for post in posts if post.platform == self.platform and post.deleted_at is None]
        now = self._surroundings.now()
        bound = self._surroundings.limits.conversation_posts
        found = 0
        unfinished = queries.unfinished(mine, queries.completed_at(self._interrupted) or now)
        planned = queries.conversation_searches(unfinished, query, now)
        for search in queries.divided(planned, self._interrupted):
            if found >= bound:
                break
            for payload in self._search(search):
                yield payload
                found += payload.items
                if found >= bound:
                    self._gap(f"more than {bound:,} posts in conversations; the rest was not asked for")
                    break
        quoted = queries.quoted(mine)
        for post in quoted[:QUOTED]:
            try:
                yield from self._quotes(post)
            except ForbiddenError as error:
                self._gap(f"quotes are refused to this token: {str(error).removeprefix(f'{self._host}: ')}")
                return
            except InvalidError as error:
                self._gap(f"quotes of {post.uid} did not come: {str(error).removeprefix(f'{self._host}: ')}")
        if len(quoted) > QUOTED:
            self._gap(f"quotes of {len(quoted) - QUOTED:,} posts were not asked for, only of the {QUOTED} most quoted")

    def look_up(self, posts: Sequence[Post]) -> Iterator[Payload]:
        """The posts as they are now, 100 at a time, by their first ids: newer versions come along.

        What is not found any more is in the answer's `errors`, and the payload's head says when it was made.
        """
        made = {post.uid: post.created_at for post in posts if post.platform == self.platform and not post.deleted_at}
        uids = list(made)
        hidden = silent = 0
        while uids:
            size = self._reserve(min(queries.LOOK_UP_PAGE, len(uids)), least=1)
            batch, uids = uids[:size], uids[size:]
            answer, page = self._read(self._api.library.get_tweets, [uid.removeprefix("x:") for uid in batch])
            yield self._payload(answer, page, {uid: made[uid] for uid in batch})
            refused = {problem.uid: problem.kind for problem in problems(page)}
            missing = set(batch) - {f"x:{own}" for own in _posts(page)}
            hidden += sum(refused.get(uid) == HIDDEN for uid in missing)
            silent += sum(refused.get(uid) not in {HIDDEN, GONE} for uid in missing)
        if hidden:
            self._note(f"{hidden:,} posts are hidden now: their accounts are protected or suspended")
        if silent:
            self._gap(f"X said nothing of {silent:,} posts that were looked up")

    def close(self) -> None:
        """Give connections back."""
        self._api.close()

    # Searching

    def _hashtags(self, query: Query) -> tuple[str, ...]:
        """The tags that X can search for.

        Raises:
            FetchError: none of them.
        """
        good = tuple(tag for tag in dict.fromkeys(query.hashtags) if queries.is_hashtag(tag))
        bad = ", ".join(clean(f"#{tag}") for tag in query.hashtags if not queries.is_hashtag(tag))
        if not good:
            what = f"{bad} is no hashtag on X" if bad else "there is no hashtag to search for"
            raise FetchError(f"{self._host}: {what}; write letters and digits, without spaces and without #")
        if bad:
            self._gap(f"{bad} is no hashtag on X and was not searched for")
        return good

    def _count(self, search: Search) -> int | None:
        """How many posts X counts for a search; None where it does not say. Counting is free."""
        is_archive = self._is_archive(search)
        count = self._api.library.get_all_tweets_count if is_archive else self._api.library.get_recent_tweets_count
        params: dict[str, object] = {"start_time": search.start, "end_time": search.end, "granularity": "day"}
        total = 0
        for _ in range(COUNT_PAGES):
            number = None
            for _ in range(REPEATS):  # an answer that is no count is of another question
                if is_archive:
                    self._pace()
                try:
                    _, page = self._ask(count, search.text, fields=False, may_be_empty=True, **params)
                except BudgetError:
                    raise
                except FetchError:
                    return None  # the search will say what is wrong, unless it is only that counting is not offered
                if (number := _counted(page)) is not None:
                    break
            if number is None:
                return None
            total += number
            token = queries.next_token(page)
            if token is None:
                return total
            if not is_archive:
                break  # seven days are one page
            params["next_token"] = token
        return None

    def _estimate(self, counted: Sequence[int | None]) -> None:
        """Say what a search will cost, before it does."""
        total = sum(number for number in counted if number is not None)
        left = self._costs.left()
        cost = total * self._costs.per_result
        if left is not None and cost > left:
            self._note(
                f"X counts {total:,} posts, which cost up to ${cost / 1000:,.2f}; ${left / 1000:,.2f} may be spent, so "
                "the newest come first"
            )

    def _search(self, search: Search, expected: int | None = None) -> Iterator[Payload]:
        """All pages of a search, from recent search or the full archive."""
        is_archive = self._is_archive(search)
        if is_archive and self._has_archive:
            try:
                yield from self._pages(replace(search, archive=True), expected)
            except ForbiddenError:
                self._has_archive = False
            else:
                return
        if is_archive:
            horizon = (self._surroundings.now().astimezone(UTC) - queries.HORIZON).replace(microsecond=0)
            self.report.horizon = horizon
            self._gap(f"posts from before {horizon:%Y-%m-%d} need full-archive search, which is refused to this token")
            if search.end <= horizon:
                return
            search, expected = replace(search, start=max(search.start, horizon)), None
        yield from self._pages(replace(search, archive=False), expected)

    def _pages(self, search: Search, expected: int | None) -> Iterator[Payload]:
        """Pages of one stretch. X names the next page by a token; one that leads back is not followed."""
        token: str | None = None
        asked: set[str | None] = {token}
        seen: set[str] = set()
        stale = repeats = 0
        was_recalled = False
        for _ in range(LONGEST_SEARCH):
            try:
                payload, page, is_recalled = self._page(search, token, len(seen), expected)
            except InvalidError:
                if not was_recalled:
                    raise
                self._note("X does not know any more where the last run stopped; the search goes on by time")
                oldest = min((made for own in seen if (made := snowflake_time(own)) is not None), default=search.end)
                search = replace(search, end=min(search.end, oldest.replace(microsecond=0) + timedelta(seconds=1)))
                token, was_recalled = None, False
                continue
            was_recalled = is_recalled
            if not isinstance(page.get("meta"), dict) or "result_count" not in page["meta"]:
                self._gap(f"X gave no posts and did not say that there are none{_reason(page)}; some may be missing")
                return
            following, ids = queries.next_token(page), set(_posts(page))
            leads_back = following is not None and following in asked
            is_stale = not ids - seen
            if not (leads_back and is_stale and repeats < REPEATS):
                yield payload
            seen |= ids
            stale = stale + 1 if is_stale else 0
            if is_stale and expected is not None and len(seen) >= expected:
                return  # all that is counted has come, wherever the cursor leads
            if following is None:
                if expected is not None and len(seen) < GIVEN_OF_COUNTED * expected:
                    self._gap(f"X counts {expected:,} posts for the search, and gave {len(seen):,}")
                return
            if leads_back and repeats < REPEATS:
                repeats += 1
                continue
            if leads_back or stale >= STALE_PAGES:
                self._gap("X repeats its pages; older posts may be missing")
                return
            if expected is None and token is None:
                expected = self._count(search)  # of one page nothing can be lost without notice, of several it can
            asked.add(following)
            token, repeats = following, 0
        self._gap(f"more than {LONGEST_SEARCH:,} pages; older posts may be missing")

    def _page(self, search: Search, token: str | None, seen: int, expected: int | None) -> tuple[Payload, Page, bool]:
        """One page of a stretch, and whether an interrupted run has stored it, so that it is not paid for again."""
        path = queries.ARCHIVE if search.archive else queries.RECENT
        found = self._stored.take(queries.request_of(path, query=search.text, end_time=search.end, next_token=token))
        if found is not None:
            return found[0], self._recalled(found[0]), True
        if search.archive:
            self._pace()
        library = self._api.library
        size = self._reserve(queries.ARCHIVE_PAGE if search.archive else queries.RECENT_PAGE, queries.SMALLEST_PAGE)
        answer, page = self._read(
            library.search_all_tweets if search.archive else library.search_recent_tweets,
            search.text,
            may_be_empty=expected is not None and seen >= expected,
            start_time=search.start,
            end_time=search.end,
            max_results=size,
            next_token=token,
        )
        return self._payload(answer, page), page, False

    def _quotes(self, post: Post) -> Iterator[Payload]:
        own, token = post.uid.removeprefix("x:"), None
        seen: set[str] = set()
        wanted = min(queries.QUOTES_PAGE, max(queries.SMALLEST_PAGE, post.quotes or 0))
        for _ in range(QUOTE_PAGES):
            found = self._stored.take(queries.request_of(f"/2/tweets/{own}/quote_tweets", pagination_token=token))
            if found is not None:
                payload, page = found[0], self._recalled(found[0])
            else:
                size = self._reserve(wanted, queries.SMALLEST_PAGE)
                answer, page = self._read(
                    self._api.library.get_quote_tweets,
                    own,
                    exclude=["retweets"],
                    max_results=size,
                    pagination_token=token,
                )
                payload = self._payload(answer, page)
            yield payload
            token = queries.next_token(page)
            if token is None:
                return
            if not set(_posts(page)) - seen:
                if len(seen) >= (post.quotes or 0):
                    return  # all that is counted has come, wherever the cursor leads
                break
            seen.update(_posts(page))
        self._gap(f"quotes of {post.uid} go on; some may be missing")

    def _is_archive(self, search: Search) -> bool:
        if search.archive is not None:
            return search.archive
        return search.start < self._surroundings.now() - queries.HORIZON

    def _pace(self) -> None:
        """Ask the full archive once a second."""
        if self._last_archive is not None:
            wait = PACE - (self._surroundings.elapsed() - self._last_archive)
            if wait > 0:
                self.report.waited += wait
                self._surroundings.sleep(wait)
        self._last_archive = self._surroundings.elapsed()

    # Requests

    def _reserve(self, most: int, least: int) -> int:
        """Pay ahead for as many results as may be asked for."""
        try:
            return self._costs.reserve(most, least)
        except BudgetError as error:
            raise BudgetError(f"{self._host}: {error}") from None

    def _read(
        self, method: Callable[..., object], *arguments: object, may_be_empty: bool = False, **params: object
    ) -> tuple[Answer, Page]:
        """Make a request that was paid for ahead, and settle what it cost."""
        try:
            answer, page = self._ask(method, *arguments, fields=True, may_be_empty=may_be_empty, **params)
            included = page.get("includes")
            listed = included if isinstance(included, dict) else {}
            posts = {*_posts(page), *_ids(listed.get("tweets")), *_ids(listed.get("posts"))}
            self._costs.settle(posts, set(_ids(listed.get("users"))), len(_posts(page)))
        finally:
            self._costs.release()
        return answer, page

    def _ask(
        self, method: Callable[..., object], *arguments: object, fields: bool, may_be_empty: bool, **params: object
    ) -> tuple[Answer, Page]:
        """Ask, and ask again where the answer is one that was already given to another question.

        Caches on the way do that. Answers without posts are often equal, and suspicious only one after the other, where
        no count says that there are none.
        """
        for attempt in range(1 + REPEATS):
            answer, page = self._api.ask(method, *arguments, fields=fields, **params)
            digest = hashlib.sha256(answer.body).digest()
            is_repeated = self._answered.setdefault(digest, answer.path) != answer.path
            if not page.get("data"):
                is_repeated = is_repeated and digest == self._last and attempt == 0 and not may_be_empty
            self._last = digest
            if not is_repeated:
                return answer, page
        self._gap("X gave the same answer to different questions; posts may be missing")
        return answer, page

    def _recalled(self, payload: Payload) -> Page:
        """What a stored page says. Another question is not answered by the same bytes."""
        page: Page = msgspec.json.decode(payload.body)
        self._answered[hashlib.sha256(payload.body).digest()] = read_exchange(payload).request
        return page

    def _payload(self, answer: Answer, page: Page, subject: dict[str, datetime] | None = None) -> Payload:
        self.report.pages += 1
        head = Exchange(request=answer.path, server=self._api.server, status=answer.status, subject=subject or {})
        return Payload(
            format=FORMAT,
            origin=f"{self._api.server}{answer.path}",
            body=answer.body,
            items=max(1, len(_posts(page))),
            head=head.encode(),
            fetched_at=answer.at,
        )

    def _gap(self, text: str) -> None:
        if (gap := f"{self._host}: {text}") not in self.report.gaps:
            self.report.gaps.append(gap)

    def _note(self, text: str) -> None:
        if (note := f"{self._host}: {text}") not in self.report.notes:
            self.report.notes.append(note)


def _posts(page: Page) -> list[str]:
    data = page.get("data")
    return _ids(data if isinstance(data, list) else [data])


def _ids(items: Any) -> list[str]:
    """The ids of a list of objects, as far as they have one."""
    if not isinstance(items, list):
        return []
    return [item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]


def _counted(page: Page) -> int | None:
    meta = page.get("meta")
    if not isinstance(meta, dict):
        return None
    found = (meta.get("total_tweet_count"), meta.get("total_post_count"))
    return next((number for number in found if isinstance(number, int)), None)


def _reason(page: Page) -> str:
    kinds = sorted({clean(problem.kind) for problem in problems(page)})
    return f" ({', '.join(kinds)})" if kinds else ""
