"""Reads the conversations in `demo/script/`: who says what, when, to whom and where.

Nothing here is random: what a network would have chosen (ids, milliseconds, reposters) is drawn from a hash.
"""

import hashlib
import html
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

DEMO = Path(__file__).parents[1]
SCRIPTS = DEMO / "script"
ZONE = ZoneInfo("America/Toronto")
HASHTAG = "LanternKM"
SNOWFLAKE_EPOCH = 1288834974657  # milliseconds since 1970 of X's id zero
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MARKUP = re.compile(r"(?P<link>https://\S+[^\s.,!?)])|@(?P<mention>\w+)|#(?P<tag>\w+)")

#: How long after the first copy of a cross-posted post the others follow, in seconds.
ROOMS = {"x": 0, "bluesky": 4, "mastodon": 9}

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


def iso_time(at: datetime) -> str:
    """A time in UTC to the millisecond, as Bluesky and Mastodon write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


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
    on: tuple[str, ...] = ("x",)  # the networks
    server: str = "halcyon.example"  # their home on Mastodon
    says_where: bool = True  # whether their profiles name each other

    def handle_on(self, network: str) -> str:
        """What they are called there, with the server on Mastodon."""
        return {"x": self.handle, "bluesky": f"{self.key}.example.org", "mastodon": f"{self.key}@{self.server}"}[
            network
        ]

    def bio_on(self, network: str) -> str:
        """What they say of themselves there, and where else they are."""
        others = [other for other in self.on if other != network] if self.says_where else []
        shown = [f"{'x.com/' if other == 'x' else '@'}{self.handle_on(other)}" for other in others]
        return f"{self.bio} Also {' and '.join(shown)}" if shown else self.bio

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
    network: str = "x"
    is_bridged: bool = False  # a bridge made it of a post on Bluesky
    is_private: bool = False  # for followers alone
    warning: str = ""
    people: dict[str, Person] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def id(self) -> int:
        """As X numbers them."""
        return snowflake(self.at, "post", self.key)

    @property
    def words_with_tag(self) -> str:
        """What was said, and the hashtag at the end where it does not stand in it."""
        lacks = self.tagged and f"#{HASHTAG}".casefold() not in self.words.casefold()
        return f"{self.words} #{HASHTAG}" if lacks else self.words

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
        words = line.words_with_tag
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

    def on(self, network: str) -> "Session":
        """As much of it as was held there."""
        lines, edits, reposts = (
            [line for line in kind if line.network == network] for kind in (self.lines, self.edits, self.reposts)
        )
        return replace(self, lines=lines, edits=edits, reposts=reposts)

    @cached_property
    def everything(self) -> list[Line]:
        return sorted([*self.lines, *self.edits, *self.reposts], key=lambda line: line.id)


def read_people() -> dict[str, Person]:
    tables = tomllib.loads((SCRIPTS / "people.toml").read_text("utf-8"))
    return {key: Person(key=key, **table) for key, table in tables.items()}


def read_cards() -> dict[str, str]:
    """The titles that networks show of the pages that are linked, by address."""
    return tomllib.loads((SCRIPTS / "cards.toml").read_text("utf-8"))


def read_session(path: Path, everybody: dict[str, Person]) -> Session:
    """Place a script in time and bind every reply and quote to the post that it means, on the same network."""
    script = tomllib.loads(path.read_text("utf-8"))
    day: date = script["date"]
    people = everybody
    if "people" in script:
        moved = {key: table | {"on": tuple(table["on"])} for key, table in script["people"].items()}
        people = {key: replace(everybody[key], **table) for key, table in moved.items()}

    def moment(clock: str, name: str, days: int = 0) -> datetime:
        local = datetime.combine(day + timedelta(days=days), time.fromisoformat(clock), ZONE)
        return local.astimezone(UTC) + timedelta(milliseconds=draw("ms", day, name) % 1000)

    lines: list[Line] = []
    edits: list[Line] = []
    by_key: dict[tuple[str, str], Line] = {}
    last: dict[tuple[str, str], Line] = {}
    for number, entry in enumerate(script["posts"]):
        name = entry.get("key", f"line {number}")
        author = people[entry["by"]]
        first = moment(entry["at"], name, entry.get("day", 0))
        for place, network in enumerate(entry.get("on", author.on)):
            at = first + timedelta(seconds=ROOMS[network] if place else 0)
            key = f"{day} {name}" if network == "x" else f"{day} {name} on {network}"
            parent = (
                by_key[entry["re"], network]
                if "re" in entry
                else last[entry["re_last"], network]
                if "re_last" in entry
                else None
            )
            for lost in ("re_missing", "re_deleted"):
                if lost in entry:
                    parent = Line(
                        key=f"{day} lost {name}",
                        author=people[entry[lost]],
                        at=at - timedelta(seconds=95),
                        words="",
                        known=False,
                        deleted=lost == "re_deleted",
                        network=network,
                    )
            line = Line(
                key=key,
                author=author,
                at=at,
                words=entry["text"],
                lang=entry.get("lang", "en"),
                tagged=entry.get("tag", True),
                reply_to=parent,
                quote_of=by_key[entry["quote"], network] if "quote" in entry else None,
                photo=entry.get("photo"),
                poll=tuple((label, votes) for label, votes in entry.get("poll", [])),
                likes=entry.get("likes", 0) // (place + 1),
                reposts_wanted=-(-entry.get("rt", 0) // (place + 1)),
                network=network,
                is_private=entry.get("private", False),
                warning=entry.get("warning", ""),
                people=people,
            )
            assert parent is None or parent.at < at, f"{path.name}: {name} comes before what it replies to"
            lines.append(line)
            by_key[name, network] = last[entry["by"], network] = line
            if entry.get("bridged"):
                copy = replace(
                    line, key=f"{key}, bridged", network="mastodon", is_bridged=True, reposts_wanted=0, likes=2
                )
                lines.append(copy)
                by_key[name, "mastodon"] = copy
            if "edit" in entry:
                later = moment(entry["edit"]["at"], f"{name} edited")
                edits.append(
                    replace(line, key=f"{key} edited", at=later, words=entry["edit"]["text"], edit_of=line, likes=9)
                )
    pulls = {
        name: moment(script[f"{name}_at"], name, script.get(f"{name}_day", days))
        for name, days in (("search", 0), ("conversations", 1), ("fetched", 1))
        if f"{name}_at" in script
    }
    before = min(pulls.values())
    reposts = [repost for line in lines for repost in make_reposts(line, people, before)]
    return Session(day, lines, edits, reposts, {name: at.replace(microsecond=0) for name, at in pulls.items()})


def make_reposts(line: Line, people: dict[str, Person], before: datetime) -> Iterator[Line]:
    """Choose who passed a post on, and when: soon after, mostly."""
    others = sorted(
        (p for p in people.values() if p != line.author and line.network in p.on),
        key=lambda p: draw("reposter", line.key, p.key),
    )
    for person in others[: line.reposts_wanted]:
        spread = draw("delay", line.key, person.key) % 1000 / 1000
        delay = timedelta(milliseconds=round(9_000 + 1_500_000 * spread**3) + draw("ms", line.key, person.key) % 1000)
        at = min(line.at + delay, before - timedelta(seconds=20 + draw(line.key, person.key) % 40))
        yield replace(
            line,
            key=f"{line.key} reposted by {person.key}",
            author=person,
            at=at,
            words="",
            tagged=True,
            reply_to=None,
            quote_of=None,
            repost_of=line,
            photo=None,
            poll=(),
            likes=0,
            reposts_wanted=0,
            warning="",
        )


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


def pieces(line: Line) -> Iterator[tuple[str, str, Person | None]]:
    """The words of a post cut into text, links, mentions of people who are on its network, and hashtags, in order.

    Yields:
        A kind (text, link, mention, hashtag), what it stands for (a mention's is the handle), and who is mentioned.
    """
    words, done = line.words_with_tag, 0
    for match in MARKUP.finditer(words):
        named = line.people.get(match["mention"] or "")
        if match["mention"] and (named is None or line.network not in named.on):
            continue
        if match.start() > done:
            yield "text", words[done : match.start()], None
        done = match.end()
        if named:
            yield "mention", named.handle_on(line.network), named
        else:
            yield ("link", match["link"], None) if match["link"] else ("hashtag", match["tag"], None)
    if done < len(words):
        yield "text", words[done:], None


def carded(line: Line, cards: dict[str, str]) -> str | None:
    """The link of a post that its network shows a card of: the first whose page has a title."""
    return next((value for kind, value, _ in pieces(line) if kind == "link" and value in cards), None)


def picture(line: Line) -> str:
    """The address of a post's picture, which leads nowhere."""
    return f"https://example.org/lantern/photos/{short_code('photo', line.key)}.jpg"
