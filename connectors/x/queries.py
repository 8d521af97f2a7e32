"""What to ask X for: search queries, stretches of time, the two vocabularies, and where an interrupted search goes on.

Pure: no network, no clock. Operators: https://docs.x.com/x-api/posts/search/integrate/operators
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from connectors.base import Query, read_exchange
from connectors.refusals import FAILURES
from connectors.x.ids import is_id, snowflake_time
from knowarchive.config import MARKS_IN_HASHTAGS
from knowarchive.model import Payload, Post

LONGEST_QUERY = 512
RECENT_PAGE = 100
ARCHIVE_PAGE = 500
SMALLEST_PAGE = 10
LOOK_UP_PAGE = 100
QUOTES_PAGE = 100

#: How far recent search reaches, less what our clock and X's may differ by.
HORIZON = timedelta(days=7) - timedelta(minutes=1)
#: X refuses a search whose end is not at least 10 seconds past.
SETTLED = timedelta(seconds=15)
#: Counts of replies are believed so long after they were observed.
FRESH = timedelta(hours=1)

RECENT = "/2/tweets/search/recent"
ARCHIVE = "/2/tweets/search/all"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How the API calls things. `parameter` is what names a post's fields in a request."""

    parameter: str
    fields: Mapping[str, tuple[str, ...]]


_MEDIA = (
    "alt_text", "duration_ms", "height", "media_key", "preview_image_url", "public_metrics", "type", "url", "variants",
    "width",
)  # fmt: skip
_POLL = ("duration_minutes", "end_datetime", "id", "options", "voting_status")
_PLACE = ("contained_within", "country", "country_code", "full_name", "geo", "id", "name", "place_type")
_USER = (
    "created_at", "description", "entities", "id", "location", "name", "profile_banner_url", "profile_image_url",
    "protected", "public_metrics", "url", "username", "verified", "verified_type", "withheld",
)  # fmt: skip
_POST = (
    "article", "attachments", "card_uri", "community_id", "conversation_id", "created_at", "display_text_range",
    "edit_controls", "entities", "geo", "id", "lang", "possibly_sensitive", "public_metrics", "reply_settings", "source",
    "text", "withheld",
)  # fmt: skip
_EXPANSIONS = (
    "article.cover_media", "article.media_entities", "attachments.media_keys", "attachments.media_source_tweet",
    "attachments.poll_ids", "author_id", "entities.mentions.username", "geo.place_id", "in_reply_to_user_id",
)  # fmt: skip

#: The OpenAPI descriptions 2.166 and 2.167. All that is public and was said by somebody: not what only the owner of an
#: app or account may see, and not X's own guesses about a post (`context_annotations` also cut pages to 100).
#: In the second, ids of other objects come with their expansion alone. tweepy's names stand on the left.
VOCABULARIES: Mapping[str, Vocabulary] = {
    "tweet": Vocabulary(
        "tweet.fields",
        {
            "tweet_fields": (
                *_POST, "author_id", "edit_history_tweet_ids", "in_reply_to_user_id", "note_tweet", "referenced_tweets",
            ),
            "user_fields": (*_USER, "pinned_tweet_id"),
            "expansions": (
                *_EXPANSIONS, "edit_history_tweet_ids", "entities.note.mentions.username", "referenced_tweets.id",
                "referenced_tweets.id.attachments.media_keys", "referenced_tweets.id.author_id",
            ),
            "media_fields": _MEDIA, "poll_fields": _POLL, "place_fields": _PLACE,
        },
    ),
    "post": Vocabulary(
        "post.fields",
        {
            "tweet_fields": (*_POST, "article_title", "note_post"),
            "user_fields": _USER,
            "expansions": (*_EXPANSIONS, "edit_history_post_ids", "referenced_posts"),
            "media_fields": _MEDIA, "poll_fields": _POLL, "place_fields": _PLACE,
        },
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Search:
    """One stretch of time of one query. `archive` is None until it is known what answers."""

    text: str
    start: datetime
    end: datetime
    archive: bool | None = None


def is_hashtag(tag: str) -> bool:
    """Whether X can search for a tag, and whether it is safe within a query: letters, digits and marks, one a letter."""
    fitting = all(
        char.isalnum() or char in MARKS_IN_HASHTAGS or unicodedata.category(char) in {"Mn", "Mc"} for char in tag
    )
    return fitting and any(char.isalpha() for char in tag) and weight(tag) < LONGEST_QUERY // 4


def weight(text: str) -> int:
    """The length of a query as X may count it: what is not ASCII, twice."""
    return sum(1 if char.isascii() else 2 for char in text)


def any_of(terms: Iterable[str], rest: str = "") -> list[str]:
    """Join terms by OR, in as few queries as the limit allows, each followed by `rest`."""
    queries: list[str] = []
    group: list[str] = []

    def close() -> None:
        if group:
            joined = " OR ".join(group)
            queries.append(f"({joined}){rest}" if rest and len(group) > 1 else f"{joined}{rest}")
            group.clear()

    room = LONGEST_QUERY - weight(rest) - 2
    used = 0
    for term in dict.fromkeys(terms):
        more = weight(term) + (4 if group else 0)
        if group and used + more > room:
            close()
            more = weight(term)
        used = more if not group else used + more
        group.append(term)
    close()
    return queries


def searches(query: Query, now: datetime) -> list[Search]:
    """The searches for a window, as far as it is past. Reposts are wanted, so nothing is excluded."""
    start, end = query.since.astimezone(UTC), _end(query.until, now)
    if start >= end:
        return []
    return [Search(text, start, end) for text in any_of(f"#{tag}" for tag in query.hashtags)]


def key(request: str) -> str:
    """What makes a request for a page the same when it is made again: what is asked, up to when, and which page.

    Not since when, because the horizon of recent search moves on; not how many, because that depends on the budget.
    """
    parts = urlsplit(request)
    asked = dict(parse_qsl(parts.query))
    return "\n".join(
        [parts.path, *(asked.get(name, "") for name in ("query", "end_time", "next_token", "pagination_token"))]
    )


def request_of(path: str, **params: object) -> str:
    """A request as `key` knows it again, of what is about to be asked."""
    known = {name: _parameter(value) for name, value in params.items() if value is not None}
    return f"{path}?{urlencode(known)}"


def divided(planned: Iterable[Search], stored: Iterable[Payload]) -> list[Search]:
    """Cut stretches where an interrupted run ended them, so that what it stored is neither asked for nor paid for again.

    What has happened since comes first.
    """
    ends: dict[str, set[datetime]] = {}
    for payload in stored:
        try:
            asked = dict(parse_qsl(urlsplit(read_exchange(payload).request).query))
            ends.setdefault(asked["query"], set()).add(datetime.fromisoformat(asked["end_time"]).astimezone(UTC))
        except (*FAILURES, KeyError):
            continue
    found = []
    for search in planned:
        cuts = sorted(end for end in ends.get(search.text, ()) if search.start < end < search.end)
        edges = [search.start, *cuts, search.end]
        found += [replace(search, start=start, end=end) for start, end in reversed(list(pairwise(edges)))]
    return found


def completed_at(stored: Iterable[Payload]) -> datetime | None:
    """When an interrupted run began to complete conversations; None if it had not come to that."""
    times = [
        payload.fetched_at
        for payload in stored
        if payload.fetched_at is not None
        and ("conversation_id%3A" in payload.origin or "/quote_tweets" in payload.origin)
    ]
    return min(times, default=None)


def _parameter(value: object) -> str:
    """As tweepy writes it."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else str(value)


def next_token(page: Any) -> str | None:
    """The token of the page after this one."""
    meta = page.get("meta") if isinstance(page, dict) else None
    token = meta.get("next_token") if isinstance(meta, dict) else None
    return token if isinstance(token, str) and token else None


def unfinished(posts: Iterable[Post], now: datetime) -> list[str]:
    """The ids of conversations that may hold more than is known, in the order of the posts.

    One is complete when its first post is known and as many replies are known as all counts of replies add up to,
    unless these counts are old.
    """
    members: dict[str, list[Post]] = {}
    for post in posts:
        own = post.conversation or (post.uid if post.reply_to is None else None)
        if own is not None and is_id(own.removeprefix("x:")):
            members.setdefault(own, []).append(post)
    return [own.removeprefix("x:") for own, known in members.items() if not _is_complete(own, known, now)]


def _is_complete(own: str, known: Sequence[Post], now: datetime) -> bool:
    by_uid = {post.uid: post for post in known}
    if own not in by_uid:
        return False
    counted = 0
    for post in by_uid.values():
        if post.replies is None or post.observed_at is None or now - post.observed_at > FRESH:
            return False
        counted += post.replies
    return sum(post.reply_to is not None for post in by_uid.values()) >= counted


def conversation_searches(ids: Sequence[str], query: Query, now: datetime) -> list[Search]:
    """The searches that complete conversations, without what the search for the window has paid for already.

    Within the window only posts without the hashtags are asked for; before and after it, all.
    """
    terms = [f"conversation_id:{own}" for own in ids]
    since, until, end = query.since.astimezone(UTC), _end(query.until, now), _end(now, now)
    roots = [made for own in ids if (made := snowflake_time(own)) is not None]
    first = min(roots, default=since)
    untagged = "".join(f" -#{tag}" for tag in query.hashtags if is_hashtag(tag))
    if weight(untagged) > LONGEST_QUERY // 2:
        untagged = ""
    found = []
    if since < until:
        found += [Search(text, since, until) for text in any_of(terms, untagged)]
    if max(until, first) < end:
        found += [Search(text, max(until, first), end) for text in any_of(terms)]
    if first < since:
        early = [f"conversation_id:{own}" for own in ids if (made := snowflake_time(own)) is None or made < since]
        found += [Search(text, first, min(since, end)) for text in any_of(early)]
    return found


def quoted(posts: Iterable[Post]) -> list[Post]:
    """The posts of whose quotes some are not known, the most quoted first."""
    known: dict[str, set[str]] = {}
    listed = {post.uid: post for post in posts}
    for post in listed.values():
        if post.quote_of is not None:
            known.setdefault(post.quote_of, set()).add(post.uid)
    lacking = [post for post in listed.values() if (post.quotes or 0) > len(known.get(post.uid, ()))]
    return sorted(lacking, key=lambda post: (-(post.quotes or 0), post.uid))


def _end(until: datetime, now: datetime) -> datetime:
    """The end of a stretch that X can search now, in whole seconds."""
    return min(_ceiling(until.astimezone(UTC)), (now.astimezone(UTC) - SETTLED).replace(microsecond=0))


def _ceiling(moment: datetime) -> datetime:
    """The request knows whole seconds; the last one belongs to the window."""
    return moment if not moment.microsecond else moment.replace(microsecond=0) + timedelta(seconds=1)
