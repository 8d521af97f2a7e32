# ruff: noqa: INP001 - a program beside its data, not a package
"""Turns the conversations in `demo/script/` into the archive files in `demo/data/`, as the platform would have sent them.

The files are committed, so that the demo needs no build; `tests/demo` asserts that this program still makes them.
Nothing here is random: what a platform would have chosen (ids, milliseconds, short links) is drawn from a hash.
"""

import csv
import gzip
import hashlib
import html
import io
import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
ZONE = ZoneInfo("America/Toronto")
HASHTAG = "LanternKM"
SNOWFLAKE_EPOCH = 1288834974657  # milliseconds since 1970 of X's id zero
PAGE = 100
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MARKUP = re.compile(r"(?P<link>https://\S+[^\s.,!?)])|@(?P<mention>\w+)|#(?P<tag>\w+)")

Json = dict[str, Any]


def draw(*parts: object) -> int:
    """A number below 2**64 that depends on nothing but its arguments."""
    return int.from_bytes(hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:8])


def short_code(*parts: object) -> str:
    """Ten characters as X's link shortener makes them."""
    number = draw("code", *parts)
    return "".join(BASE62[number // 62**place % 62] for place in range(10))


def snowflake(at: datetime, *parts: object) -> int:
    """An id of X for that moment: milliseconds, then 22 bits of machine and sequence."""
    milliseconds = round(at.timestamp() * 1000) - SNOWFLAKE_EPOCH
    return milliseconds << 22 | draw("low bits", *parts) & (1 << 22) - 1


def escape(text: str) -> str:
    """The three characters that X escapes."""
    return html.escape(text, quote=False)


@dataclass(frozen=True)
class Person:
    key: str
    handle: str
    name: str
    bio: str
    location: str
    joined: date
    followers: int
    url: str | None = None

    @cached_property
    def created(self) -> datetime:
        start = datetime.combine(self.joined, time(), UTC)
        return start + timedelta(milliseconds=draw("joined", self.key) % 86_400_000)

    @cached_property
    def id(self) -> int:
        return snowflake(self.created, "person", self.key)

    def some(self, what: str, least: int, most: int) -> int:
        """A plausible number about a person."""
        return least + draw(what, self.key) % (most - least)


@dataclass(frozen=True)
class Line:
    """One post of the script, placed in time and bound to what it refers to."""

    key: str
    author: Person
    at: datetime
    words: str
    lang: str = "en"
    tagged: bool = True
    reply_to: "Line | None" = None
    quote_of: "Line | None" = None
    repost_of: "Line | None" = None
    photo: str | None = None
    poll: tuple[tuple[str, int], ...] = ()
    likes: int = 0
    reposts_wanted: int = 0
    known: bool = True  # False: somebody replied to it, but nobody has it
    deleted: bool = False
    edit_of: "Line | None" = None
    people: dict[str, Person] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def id(self) -> int:
        return snowflake(self.at, "post", self.key)

    @cached_property
    def root(self) -> "Line":
        return self.reply_to.root if self.reply_to else self

    @cached_property
    def addressed(self) -> tuple[Person, ...]:
        """Whom a reply names before its own words: the author above, and whoever that one named; never oneself."""
        if self.reply_to is None:
            return ()
        above = (self.reply_to.author, *self.reply_to.addressed)
        return tuple(dict.fromkeys(person for person in above if person != self.author))

    @property
    def address(self) -> str:
        return f"https://twitter.com/{self.author.handle}/status/{self.id}"

    @cached_property
    def body(self) -> "Body":
        return Body.repost(self.repost_of) if self.repost_of else Body.compose(self)


@dataclass(frozen=True)
class Span:
    """A link, mention, hashtag or picture in an escaped text, in code points."""

    kind: str
    start: int
    end: int
    value: str
    person: Person | None = None

    @property
    def display(self) -> str:
        if self.kind == "media":
            return f"pic.twitter.com/{short_code(self.value)}"
        shown = self.value.removeprefix("https://")
        return shown if len(shown) <= 27 else shown[:26] + "…"


@dataclass(frozen=True)
class Body:
    """The text of a post as X sends it, with its entities."""

    text: str
    spans: tuple[Span, ...]
    visible_from: int = 0
    visible_to: int = 0

    def of(self, kind: str) -> list[Span]:
        return [span for span in self.spans if span.kind == kind]

    @classmethod
    def compose(cls, line: Line) -> "Body":
        """Write a post: names addressed, words, hashtag, then the links of picture and quoted post."""
        text, spans = "", []

        def add(kind: str, value: str, shown: str, person: Person | None = None) -> None:
            nonlocal text
            spans.append(Span(kind, len(text), len(text) + len(shown), value, person))
            text += shown

        def add_link(kind: str, address: str) -> None:
            add(kind, address, f"https://t.co/{short_code(line.key, address)}")

        for person in line.addressed:
            add("mention", person.handle, f"@{person.handle}", person)
            text += " "
        visible_from = len(text)
        words = line.words
        if line.tagged and f"#{HASHTAG}".casefold() not in words.casefold():
            words += f" #{HASHTAG}"
        done = 0
        for match in MARKUP.finditer(words):
            named = line.people.get(match["mention"] or "")
            if match["mention"] and named is None:
                continue
            text += escape(words[done : match.start()])
            done = match.end()
            if match["link"]:
                add_link("link", match["link"])
            elif named:
                add("mention", named.handle, f"@{named.handle}", named)
            else:
                add("hashtag", match["tag"], match[0])
        text += escape(words[done:])
        assert weight(html.unescape(text[visible_from:])) <= 280, f"{line.key}: too long for X"
        visible_to = len(text)
        if line.quote_of:
            text += " "
            add_link("link", line.quote_of.address)
            visible_to = len(text)
        if line.photo:
            text += " "
            add_link("media", f"{line.address}/photo/1")
        return cls(text, tuple(spans), visible_from, visible_to)

    @classmethod
    def repost(cls, original: Line) -> "Body":
        """Cut the original behind `RT @…:` at 140 characters, as X still does."""
        intro = f"RT @{original.author.handle}: "
        text = intro + original.body.text
        if len(text) > 140:
            text = text[:139].rstrip() + "…"
        first = Span("mention", 3, len(intro) - 2, original.author.handle, original.author)
        moved = (
            replace(span, start=span.start + len(intro), end=span.end + len(intro)) for span in original.body.spans
        )
        kept = (span for span in moved if span.end < len(text) or not text.endswith("…"))
        return cls(text, (first, *kept), 0, len(text))


def weight(text: str) -> int:
    """Length as X counts it, where most scripts weigh one and the rest two."""
    light = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
    return sum(1 if any(low <= ord(char) <= high for low, high in light) else 2 for char in text)


@dataclass(frozen=True)
class Session:
    """A script, read: what was said, and what became of one post afterwards."""

    date: date
    lines: list[Line]
    edits: list[Line]
    reposts: list[Line]
    pulls: dict[str, datetime]

    @cached_property
    def everything(self) -> list[Line]:
        return sorted([*self.lines, *self.edits, *self.reposts], key=lambda line: line.id)


def read_people() -> dict[str, Person]:
    tables = tomllib.loads((HERE / "script" / "people.toml").read_text("utf-8"))
    return {key: Person(key=key, **table) for key, table in tables.items()}


def read_session(path: Path, people: dict[str, Person]) -> Session:
    """Place a script in time and bind every reply and quote to the post that it means."""
    script = tomllib.loads(path.read_text("utf-8"))
    day: date = script["date"]

    def moment(clock: str, name: str, days: int = 0) -> datetime:
        local = datetime.combine(day + timedelta(days=days), time.fromisoformat(clock), ZONE)
        return local.astimezone(UTC) + timedelta(milliseconds=draw("ms", day, name) % 1000)

    lines: list[Line] = []
    edits: list[Line] = []
    by_key: dict[str, Line] = {}
    last: dict[str, Line] = {}
    for number, entry in enumerate(script["posts"]):
        name = entry.get("key", f"line {number}")
        author = people[entry["by"]]
        at = moment(entry["at"], name, entry.get("day", 0))
        parent = by_key.get(entry["re"]) if "re" in entry else last[entry["re_last"]] if "re_last" in entry else None
        for lost in ("re_missing", "re_deleted"):
            if lost in entry:
                parent = Line(
                    key=f"{day} lost {name}",
                    author=people[entry[lost]],
                    at=at - timedelta(seconds=95),
                    words="",
                    known=False,
                    deleted=lost == "re_deleted",
                )
        assert "re" not in entry or parent, f"{path.name}: {name} replies to an unknown key"
        line = Line(
            key=f"{day} {name}",
            author=author,
            at=at,
            words=entry["text"],
            lang=entry.get("lang", "en"),
            tagged=entry.get("tag", True),
            reply_to=parent,
            quote_of=by_key[entry["quote"]] if "quote" in entry else None,
            photo=entry.get("photo"),
            poll=tuple((label, votes) for label, votes in entry.get("poll", [])),
            likes=entry.get("likes", 0),
            reposts_wanted=entry.get("rt", 0),
            people=people,
        )
        assert parent is None or parent.at < at, f"{path.name}: {name} comes before what it replies to"
        lines.append(line)
        by_key[name] = last[entry["by"]] = line
        if "edit" in entry:
            later = moment(entry["edit"]["at"], f"{name} edited")
            edits.append(
                replace(line, key=f"{line.key} edited", at=later, words=entry["edit"]["text"], edit_of=line, likes=9)
            )
    pulls = {"search": moment(script["search_at"], "search", script.get("search_day", 0))}
    if "conversations_at" in script:
        pulls["conversations"] = moment(script["conversations_at"], "conversations", 1)
    reposts = [repost for line in lines for repost in make_reposts(line, people, pulls["search"])]
    return Session(day, lines, edits, reposts, {name: at.replace(microsecond=0) for name, at in pulls.items()})


def make_reposts(line: Line, people: dict[str, Person], before: datetime) -> Iterator[Line]:
    """Choose who passed a post on, and when: soon after, mostly."""
    others = sorted((p for p in people.values() if p != line.author), key=lambda p: draw("reposter", line.key, p.key))
    for person in others[: line.reposts_wanted]:
        spread = draw("delay", line.key, person.key) % 1000 / 1000
        delay = timedelta(milliseconds=round(9_000 + 1_500_000 * spread**3) + draw("ms", line.key, person.key) % 1000)
        at = min(line.at + delay, before - timedelta(seconds=20 + draw(line.key, person.key) % 40))
        key = f"{line.key} reposted by {person.key}"
        yield Line(key=key, author=person, at=at, words="", lang=line.lang, repost_of=line, people=people)


class Pull:
    """What somebody who asks at one moment sees of a session: the counts as they stood then."""

    def __init__(self, session: Session, at: datetime) -> None:
        self.at = at
        self.seen = [line for line in session.everything if line.at <= at]
        self.edits = {edit.edit_of.key: edit for edit in session.edits if edit.edit_of and edit.at <= at}
        self.replies: dict[str, int] = defaultdict(int)
        self.quotes: dict[str, int] = defaultdict(int)
        self.reposts: dict[str, int] = defaultdict(int)
        for line in self.seen:
            if line.repost_of:
                self.reposts[line.repost_of.key] += 1
            elif line.edit_of is None:
                if line.reply_to:
                    self.replies[line.reply_to.key] += 1
                if line.quote_of:
                    self.quotes[line.quote_of.key] += 1

    def likes(self, line: Line) -> int:
        """Most likes come within the hour; some wait until the morning."""
        return line.likes if self.at - line.at > timedelta(hours=4) else round(line.likes * 0.85)


# X API v1.1, as twarc 1 asks for it (tweet_mode=extended, include_ext_alt_text=true).


def v1_time(at: datetime) -> str:
    return at.strftime("%a %b %d %H:%M:%S +0000 %Y")


def v1_user(person: Person) -> Json:
    link = f"https://t.co/{short_code(person.key)}" if person.url else None
    entities: Json = {"description": {"urls": []}}
    if person.url:
        entities["url"] = {"urls": [v1_link(Span("link", 0, 23, person.url), link or "")]}
    avatar = f"example.org/avatars/{person.key}_normal.png"
    return {
        "id": person.id,
        "id_str": str(person.id),
        "name": person.name,
        "screen_name": person.handle,
        "location": person.location,
        "description": escape(person.bio),
        "url": link,
        "entities": entities,
        "protected": False,
        "followers_count": person.followers,
        "friends_count": person.some("following", 60, 900),
        "listed_count": person.followers // 40,
        "created_at": v1_time(person.created),
        "favourites_count": person.some("likes", 300, 9000),
        "utc_offset": None,
        "time_zone": None,
        "geo_enabled": False,
        "verified": False,
        "statuses_count": person.some("posts", 200, 12000),
        "lang": None,
        "contributors_enabled": False,
        "is_translator": False,
        "is_translation_enabled": False,
        "profile_background_color": "F5F8FA",
        "profile_background_image_url": None,
        "profile_background_image_url_https": None,
        "profile_background_tile": False,
        "profile_image_url": f"http://{avatar}",
        "profile_image_url_https": f"https://{avatar}",
        "profile_link_color": "1DA1F2",
        "profile_use_background_image": True,
        "has_extended_profile": False,
        "default_profile": True,
        "default_profile_image": False,
        "following": None,
        "follow_request_sent": None,
        "notifications": None,
        "translator_type": "none",
        "withheld_in_countries": [],
    }


def v1_link(span: Span, short: str) -> Json:
    return {
        "url": short,
        "expanded_url": span.value,
        "display_url": span.display,
        "indices": [span.start, span.end],
    }


def v1_media(line: Line, body: Body, *, extended: bool) -> list[Json]:
    origin = line.repost_of or line
    items = []
    for span in body.of("media"):
        number = snowflake(origin.at - timedelta(seconds=8), "media", origin.key)
        address = f"example.org/lantern/photos/{short_code('photo', origin.key)}.jpg"
        item: Json = {
            "id": number,
            "id_str": str(number),
            "indices": [span.start, span.end],
            "media_url": f"http://{address}",
            "media_url_https": f"https://{address}",
            "url": body.text[span.start : span.end],
            "display_url": span.display,
            "expanded_url": span.value,
            "type": "photo",
            "sizes": {
                "thumb": {"w": 150, "h": 150, "resize": "crop"},
                "large": {"w": 1600, "h": 1200, "resize": "fit"},
            },
        }
        if line.repost_of:
            item |= {"source_status_id": origin.id, "source_status_id_str": str(origin.id)}
            item |= {"source_user_id": origin.author.id, "source_user_id_str": str(origin.author.id)}
        if extended:
            item["ext_alt_text"] = origin.photo
        items.append(item)
    return items


def v1_post(line: Line, pull: Pull, *, embedded: bool = False) -> Json:
    """One status. `embedded`: it stands inside another, where X does not go deeper."""
    body = line.body
    clients = ("Twitter Web App", "Twitter for iPhone", "Twitter for Android")
    client = clients[draw("client", line.author.key) % len(clients)]
    entities: Json = {
        "hashtags": [{"text": span.value, "indices": [span.start, span.end]} for span in body.of("hashtag")],
        "symbols": [],
        "user_mentions": [
            {
                "screen_name": span.person.handle,
                "name": span.person.name,
                "id": span.person.id,
                "id_str": str(span.person.id),
                "indices": [span.start, span.end],
            }
            for span in body.of("mention")
            if span.person
        ],
        "urls": [v1_link(span, body.text[span.start : span.end]) for span in body.of("link")],
    }
    parent = line.reply_to
    post: Json = {
        "created_at": v1_time(line.at),
        "id": line.id,
        "id_str": str(line.id),
        "full_text": body.text,
        "truncated": False,
        "display_text_range": [body.visible_from, body.visible_to],
        "entities": entities,
    }
    if body.of("media"):
        entities["media"] = v1_media(line, body, extended=False)
        post["extended_entities"] = {"media": v1_media(line, body, extended=True)}
    original = line.repost_of or line
    post |= {
        "metadata": {"iso_language_code": line.lang, "result_type": "recent"},
        "source": f'<a href="https://mobile.twitter.com" rel="nofollow">{client}</a>',
        "in_reply_to_status_id": parent.id if parent else None,
        "in_reply_to_status_id_str": str(parent.id) if parent else None,
        "in_reply_to_user_id": parent.author.id if parent else None,
        "in_reply_to_user_id_str": str(parent.author.id) if parent else None,
        "in_reply_to_screen_name": parent.author.handle if parent else None,
        "user": v1_user(line.author),
        "geo": None,
        "coordinates": None,
        "place": None,
        "contributors": None,
    }
    if line.repost_of:
        post["retweeted_status"] = v1_post(line.repost_of, pull)
    post["is_quote_status"] = original.quote_of is not None
    if original.quote_of:
        post |= {"quoted_status_id": original.quote_of.id, "quoted_status_id_str": str(original.quote_of.id)}
        if not line.repost_of and not embedded:
            post["quoted_status"] = v1_post(original.quote_of, pull, embedded=True)
    post |= {
        "retweet_count": pull.reposts[original.key],
        "favorite_count": 0 if line.repost_of else pull.likes(line),
        "favorited": False,
        "retweeted": False,
    }
    if body.of("link") or body.of("media"):
        post["possibly_sensitive"] = False
    return post | {"lang": line.lang}


def v1_search(session: Session) -> list[Json]:
    """What a search for the hashtag returned, newest first."""
    pull = Pull(session, session.pulls["search"])
    assert not session.edits, "v1.1 does not tell of edits"
    return [v1_post(line, pull) for line in reversed(pull.seen) if line.tagged]


# The CSV that twarc 1's converter makes of those lines.


def referenced(post: Json) -> Json:
    return post.get("retweeted_status") or post.get("quoted_status") or {}


def kind_of(post: Json) -> str:
    if post["in_reply_to_status_id"]:
        return "reply"
    if "retweeted_status" in post:
        return "retweet"
    return "quote" if "quoted_status" in post else "original"


def joined(items: Iterable[Json], key: str) -> str:
    return " ".join(item[key] for item in items)


COLUMNS: dict[str, Callable[[Json], object]] = {
    "id": lambda post: post["id_str"],
    "tweet_url": lambda post: f"https://twitter.com/{post['user']['screen_name']}/status/{post['id_str']}",
    "created_at": lambda post: post["created_at"],
    "parsed_created_at": lambda post: datetime.strptime(post["created_at"], "%a %b %d %H:%M:%S %z %Y"),
    "user_screen_name": lambda post: post["user"]["screen_name"],
    "text": lambda post: post["full_text"],
    "tweet_type": kind_of,
    "coordinates": lambda _: None,
    "hashtags": lambda post: joined(post["entities"]["hashtags"], "text"),
    "media": lambda post: joined(post.get("extended_entities", {}).get("media", []), "expanded_url") or None,
    "urls": lambda post: joined(post["entities"]["urls"], "expanded_url"),
    "favorite_count": lambda post: post["favorite_count"],
    "in_reply_to_screen_name": lambda post: post["in_reply_to_screen_name"],
    "in_reply_to_status_id": lambda post: post["in_reply_to_status_id"],
    "in_reply_to_user_id": lambda post: post["in_reply_to_user_id"],
    "lang": lambda post: post["lang"],
    "place": lambda _: None,
    "possibly_sensitive": lambda post: post.get("possibly_sensitive"),
    "retweet_count": lambda post: post["retweet_count"],
    "retweet_or_quote_id": lambda post: referenced(post).get("id_str"),
    "retweet_or_quote_screen_name": lambda post: referenced(post).get("user", {}).get("screen_name"),
    "retweet_or_quote_user_id": lambda post: referenced(post).get("user", {}).get("id_str"),
    "source": lambda post: post["source"],
    "user_id": lambda post: post["user"]["id_str"],
    "user_created_at": lambda post: post["user"]["created_at"],
    "user_default_profile_image": lambda post: post["user"]["default_profile_image"],
    "user_description": lambda post: post["user"]["description"],
    "user_favourites_count": lambda post: post["user"]["favourites_count"],
    "user_followers_count": lambda post: post["user"]["followers_count"],
    "user_friends_count": lambda post: post["user"]["friends_count"],
    "user_listed_count": lambda post: post["user"]["listed_count"],
    "user_location": lambda post: post["user"]["location"],
    "user_name": lambda post: post["user"]["name"],
    "user_statuses_count": lambda post: post["user"]["statuses_count"],
    "user_time_zone": lambda post: post["user"]["time_zone"],
    "user_urls": lambda post: joined(post["user"]["entities"].get("url", {}).get("urls", []), "expanded_url"),
    "user_verified": lambda post: post["user"]["verified"],
}


def v1_csv(posts: list[Json]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([column(post) for column in COLUMNS.values()] for post in posts)
    return out.getvalue().encode()


# X API v2, as twarc 2 asks for it.


def v2_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def v2_user(person: Person) -> Json:
    user: Json = {
        "id": str(person.id),
        "username": person.handle,
        "name": person.name,
        "created_at": v2_time(person.created),
        "description": escape(person.bio),
        "profile_image_url": f"https://example.org/avatars/{person.key}_normal.png",
        "protected": False,
        "verified": False,
        "public_metrics": {
            "followers_count": person.followers,
            "following_count": person.some("following", 60, 900),
            "tweet_count": person.some("posts", 200, 12000),
            "listed_count": person.followers // 40,
        },
    }
    if person.location:
        user["location"] = person.location
    if person.url:
        link = Span("link", 0, 23, person.url)
        user["url"] = f"https://t.co/{short_code(person.key)}"
        user["entities"] = {"url": {"urls": [{"start": 0, "end": 23, "url": user["url"]} | v2_target(link)]}}
    return user


def v2_target(span: Span) -> Json:
    return {"expanded_url": span.value, "display_url": span.display}


def v2_link(line: Line, span: Span, cards: dict[str, str]) -> Json:
    origin = line.repost_of or line
    link = {"start": span.start, "end": span.end, "url": line.body.text[span.start : span.end]} | v2_target(span)
    if span.kind == "media":
        link["media_key"] = media_key(origin)
    elif span.value in cards:
        link |= {"status": 200, "title": cards[span.value], "unwound_url": span.value}
    return link


def v2_entities(line: Line, cards: dict[str, str]) -> Json:
    body = line.body
    entities = {
        "hashtags": [{"start": span.start, "end": span.end, "tag": span.value} for span in body.of("hashtag")],
        "mentions": [
            {"start": span.start, "end": span.end, "username": span.value, "id": str(span.person.id)}
            for span in body.of("mention")
            if span.person
        ],
        "urls": [v2_link(line, span, cards) for span in body.spans if span.kind in {"link", "media"}],
    }
    return {kind: found for kind, found in entities.items() if found}


def media_key(line: Line) -> str:
    return f"3_{snowflake(line.at - timedelta(seconds=8), 'media', line.key)}"


def poll_id(line: Line) -> str:
    return str(snowflake(line.at - timedelta(seconds=1), "poll", line.key))


def references(line: Line) -> list[tuple[str, Line]]:
    pairs = (("retweeted", line.repost_of), ("quoted", line.quote_of), ("replied_to", line.reply_to))
    return [(kind, other) for kind, other in pairs if other]


def v2_post(line: Line, pull: Pull, cards: dict[str, str]) -> Json:
    versions = [line.edit_of or line, *([pull.edits[line.key]] if line.key in pull.edits else [])]
    if line.edit_of:
        versions.append(line)
    counted = line.edit_of or line
    engagement = {
        "retweet_count": pull.reposts[(line.repost_of or counted).key],
        "reply_count": pull.replies[counted.key],
        "like_count": pull.likes(line),
        "quote_count": pull.quotes[counted.key],
        "impression_count": 0 if line.repost_of else 40 + 23 * pull.likes(line) + draw("views", line.key) % 60,
    }
    post: Json = {
        "id": str(line.id),
        "text": line.body.text,
        "author_id": str(line.author.id),
        "conversation_id": str(line.root.id),
        "created_at": v2_time(line.at),
        "edit_history_tweet_ids": [str(version.id) for version in versions],
        "edit_controls": {
            "edits_remaining": 6 - len(versions),
            "is_edit_eligible": not references(line),
            "editable_until": v2_time(versions[0].at + timedelta(minutes=30)),
        },
        "entities": v2_entities(line, cards),
        "lang": line.lang,
        "possibly_sensitive": False,
        "public_metrics": engagement,
        "reply_settings": "everyone",
    }
    if not post["entities"]:
        del post["entities"]
    if line.reply_to:
        post["in_reply_to_user_id"] = str(line.reply_to.author.id)
    if references(line):
        post["referenced_tweets"] = [{"type": kind, "id": str(other.id)} for kind, other in references(line)]
    if line.photo:
        post["attachments"] = {"media_keys": [media_key(line)]}
    if line.poll:
        post["attachments"] = {"poll_ids": [poll_id(line)]}
    return post


def v2_media(line: Line) -> Json:
    return {
        "media_key": media_key(line),
        "type": "photo",
        "url": f"https://example.org/lantern/photos/{short_code('photo', line.key)}.jpg",
        "width": 1600,
        "height": 1200,
        "alt_text": line.photo,
    }


def v2_poll(line: Line, pull: Pull) -> Json:
    ends = line.at + timedelta(hours=1)
    so_far = 1.0 if pull.at >= ends else 0.9
    return {
        "id": poll_id(line),
        "duration_minutes": 60,
        "end_datetime": v2_time(ends),
        "voting_status": "closed" if pull.at >= ends else "open",
        "options": [
            {"position": place, "label": label, "votes": round(votes * so_far)}
            for place, (label, votes) in enumerate(line.poll, start=1)
        ],
    }


def v2_missing(line: Line) -> Json:
    return {
        "value": str(line.id),
        "detail": f"Could not find tweet with referenced_tweets.id: [{line.id}].",
        "title": "Not Found Error",
        "resource_type": "tweet",
        "parameter": "referenced_tweets.id",
        "resource_id": str(line.id),
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }


def v2_page(lines: list[Line], pull: Pull, cards: dict[str, str], query: str, number: int) -> Json:
    """One answer of the API with what it expands: people, posts referred to, pictures, polls."""
    others = {other.key: other for line in lines for _, other in references(line)}
    found = [other for other in others.values() if other.known]
    named = [span.person for line in [*lines, *found] for span in line.body.of("mention") if span.person]
    authors = [line.author for line in [*lines, *found]]
    withheld = [v2_missing(other) for other in others.values() if not other.known]
    pictures = {line.key: line for line in [*lines, *found] if line.photo}
    polls = {line.key: line for line in [*lines, *found] if line.poll}
    page: Json = {"data": [v2_post(line, pull, cards) for line in lines]}
    page["includes"] = {
        "users": [v2_user(person) for person in dict.fromkeys([*authors, *named])],
        "tweets": [v2_post(other, pull, cards) for other in found],
    }
    if pictures:
        page["includes"]["media"] = [v2_media(line) for line in pictures.values()]
    if polls:
        page["includes"]["polls"] = [v2_poll(line, pull) for line in polls.values()]
    if withheld:
        page["errors"] = withheld
    ids = [line.id for line in lines]
    page["meta"] = {"newest_id": str(max(ids)), "oldest_id": str(min(ids)), "result_count": len(ids)}
    page["__twarc"] = {
        "url": f"https://api.twitter.com/2/tweets/search/all?max_results=100&query={query}",
        "version": "2.13.0",
        "retrieved_at": (pull.at + timedelta(seconds=2 * number)).isoformat(),
    }
    return page


def v2_pages(lines: list[Line], pull: Pull, cards: dict[str, str], query: str) -> list[Json]:
    newest_first = sorted(lines, key=lambda line: -line.id)
    batches = [newest_first[start : start + PAGE] for start in range(0, len(newest_first), PAGE)]
    pages = [v2_page(batch, pull, cards, query, number) for number, batch in enumerate(batches)]
    for number, page in enumerate(pages[:-1]):
        page["meta"]["next_token"] = f"b26v89c19zqg8o3f{short_code(query, number).lower()}"
    return pages


def v2_search(session: Session, cards: dict[str, str]) -> list[Json]:
    """The search of that night: what carried the hashtag, each edited post still as it first stood."""
    pull = Pull(session, session.pulls["search"])
    pull.edits.clear()  # the search index was behind
    lines = [line for line in pull.seen if (line.repost_of or line.tagged) and not line.edit_of]
    return v2_pages(lines, pull, cards, f"%23{HASHTAG}")


def v2_conversations(session: Session, cards: dict[str, str]) -> list[Json]:
    """Whole conversations, fetched later: wherever the search left something out, and the edited posts as they stand."""
    pull = Pull(session, session.pulls["conversations"])
    incomplete = {
        line.root.id for line in session.lines if not line.tagged or line.at > session.pulls["search"] or line.deleted
    }
    incomplete |= {edit.edit_of.root.id for edit in session.edits if edit.edit_of}
    lines = [
        line
        for line in pull.seen
        if not line.repost_of and line.key not in pull.edits and (line.root.id in incomplete or line.edit_of)
    ]
    return v2_pages(lines, pull, cards, "conversation_id")


def json_lines(items: list[Json]) -> bytes:
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def compress(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=9, mtime=0)


def build() -> dict[str, bytes]:
    """Make every file of `demo/data/`, by name."""
    people = read_people()
    cards = tomllib.loads((HERE / "script" / "cards.toml").read_text("utf-8"))
    files: dict[str, bytes] = {}
    for path in sorted((HERE / "script").glob("2*.toml")):
        session = read_session(path, people)
        if "conversations" in session.pulls:
            files[f"{path.stem}-search.jsonl"] = json_lines(v2_search(session, cards))
            files[f"{path.stem}-conversations.jsonl"] = json_lines(v2_conversations(session, cards))
        else:
            posts = v1_search(session)
            files[f"{path.stem}-search.jsonl.gz"] = compress(json_lines(posts))
            files[f"{path.stem}-search.csv"] = v1_csv(posts)
    return files


def main() -> None:
    for name, data in build().items():
        (HERE / "data" / name).write_bytes(data)
        sys.stdout.write(f"{len(data):>9,} bytes  demo/data/{name}\n")


if __name__ == "__main__":
    main()
