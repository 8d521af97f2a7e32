"""A session as one HTML page that needs nothing else: no request, no script, its one style sheet named by its hash."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from zlib import crc32

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from knowarchive.model import Post
from transcripts.model import UNSEEN, Entry, Person, Transcript
from transcripts.people import author_key
from transcripts.threads import quoted

from . import activity
from .addresses import uid_url
from .clock import Clock, instant
from .coverage import coverage
from .outline import TITLES, Row, Section, gap, runner_up, sections
from .plain import copied, handles, numbers
from .references import NETWORKS, Original, Piece, other_links, other_originals, pieces, post_url, profile_url
from .text import anchor, clean, clean_line, safe_url, show_url

UNSURE = 0.6  # below this confidence the filing is marked
_REASONS = {
    "label": "by its label",
    "reply": "by what it replies to",
    "quote": "by what it quotes",
    "content": "by its words",
    "time": "by its time",
    "review": "by a person",
}
_HUES = 8
_QUOTED = 240  # characters of a post that is on the page anyway
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_NO_LANGUAGE = {"und", "zxx", "mul", "mis", "art"} | {f"q{second}{third}" for second in "ame" for third in "mehtls"}
_RENAMED = {"in": "id", "iw": "he", "ji": "yi", "no": "nb"}  # what X still calls Indonesian, Hebrew, Yiddish
REL = "noopener noreferrer nofollow ugc"


@dataclass(frozen=True, slots=True)
class Author:
    name: str | None  # None where only the handle is known
    handle: str | None
    url: str | None
    initial: str
    hue: int
    moderator: bool


@dataclass(frozen=True, slots=True)
class Quoted:
    """What a post quotes: a question (`label`), a post (`author` and `body`), or something that is not kept."""

    href: str | None
    label: str | None = None
    author: Author | None = None
    body: Markup | None = None
    lang: str | None = None
    here: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One post, ready to print."""

    anchor: str | None
    author: Author
    stamp: str
    time: str
    url: str | None
    network: str
    elsewhere: tuple[tuple[str | None, Original], ...]  # the anchors and addresses of copies on other networks
    body: Markup
    lang: str | None
    warning: str | None
    media: tuple[tuple[str, str | None, str | None], ...]
    links: tuple[tuple[str, str], ...]
    poll: tuple[tuple[str, str | None], ...]
    quoted: Quoted | None
    edited: str | None
    withheld: str | None
    repeated: tuple[int, tuple[str, ...]] | None
    unsure: str | None
    outside: bool
    parent: tuple[str, str | None] | None
    late: str | None
    also: tuple[str, str] | None  # the label of a question that it fits too, and where that stands


@dataclass(frozen=True, slots=True)
class Gap:
    """What stands in the place of a post that cannot be shown."""

    words: str
    anchor: str | None
    href: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a thread with the list markup around it: flat in the template, nested on the page."""

    before: Markup
    card: Card | None
    gap: Gap | None


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the page."""

    id: str
    label: str | None
    title: str
    posed: tuple[Card | Gap, ...]
    again: tuple[Card | Gap, ...]
    lines: tuple[Line, ...]
    after: Markup
    also: tuple[tuple[str, str], ...]  # (who and when, where) of posts under other questions that fit here too
    answers: int
    people: int
    elsewhere: tuple[tuple[str, str], ...] = ()  # words and addresses of the pages on which its rows stand, if not here


@cache
def environment(*packages: str) -> Environment:
    """Templates of these packages, then ours, in which what is not marked as safe is cleaned and escaped."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in (*packages, "transcripts")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        lstrip_blocks=True,
        # The last line of defence: whatever reaches the page as plain text has been cleaned.
        finalize=lambda value: clean(value) if type(value) is str else value,
    )


@cache
def style() -> tuple[Markup, str]:
    """The style sheet, and its hash as a Content-Security-Policy names it."""
    css = files("transcripts").joinpath("templates", "transcript.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return Markup(css), f"'sha256-{digest}'"  # noqa: S704  # our own file


def render(transcript: Transcript) -> str:
    """The whole page. Pure: equal transcripts give equal bytes."""
    return environment().get_template("transcript.html").render(page_values(transcript))


def page_values(
    transcript: Transcript, page_of: Callable[[str], str | None] = lambda _: None, page: str = ""
) -> dict[str, object]:
    """What `transcript.html` shows of a session.

    Args:
        transcript: the session.
        page_of: the address of a person's page by their key, where there is one; else their network's is taken.
        page: the address of the page that has all of the session, where that is another one.
    """
    return _Page(transcript, page_of, page).values()


def language(lang: str | None) -> str | None:
    """The value of a `lang` attribute, or None where the page's own English holds or nothing is known."""
    if not lang or not _LANGUAGE.fullmatch(lang):
        return None
    primary, _, rest = lang.partition("-")
    if primary in _NO_LANGUAGE or primary == "en":
        return None
    primary = _RENAMED.get(primary, primary)
    return f"{primary}-{rest}" if rest else primary


def body(parts: Iterable[Piece], own_tags: Collection[str] = ()) -> Markup:
    """A post's text as HTML; `own_tags` are the chat's own hashtags, folded, which stand back."""
    out = []
    for piece in parts:
        shown = escape(piece.text)
        if piece.kind == "url" and piece.href:
            short = show_url(piece.href if "%" not in piece.href else piece.text)
            cut = " cut" if short.endswith("…") else ""
            out.append(
                f'<a class="url{cut}" href="{escape(piece.href)}" rel="{REL}" '
                f'referrerpolicy="no-referrer" title="{escape(piece.href)}">{escape(short)}</a>'
            )
        elif piece.kind == "mention" and piece.href:
            out.append(
                f'<a class="mention" href="{escape(piece.href)}" rel="{REL}" referrerpolicy="no-referrer">{shown}</a>'
            )
        elif piece.kind == "tag":
            own = " own" if piece.text[1:].casefold() in own_tags else ""
            out.append(f'<span class="tag{own}">{shown}</span>')
        else:
            out.append(shown.replace("\n", Markup("<br>")))
    return Markup("").join(Markup(each) for each in out)  # noqa: S704  # every variable part is escaped above


def initial(name: str | None, handle: str | None) -> str:
    """The letter that stands for somebody."""
    return next((letter for letter in name or handle or "" if letter.isalnum()), "·").upper()[:1]


def hue(key: str) -> int:
    """The colour of somebody's initial, by their key: a number of the style sheet's."""
    return crc32(key.encode("utf-8", "replace")) % _HUES


class _Page:
    """The lookups that every post on a page shares."""

    def __init__(
        self, transcript: Transcript, page_of: Callable[[str], str | None] = lambda _: None, page: str = ""
    ) -> None:
        self.transcript = transcript
        self.page_of = page_of
        self.page = page
        self.clock = Clock.of(transcript.window)
        self.entries = {entry.post.uid: entry for entry in transcript.entries}
        self.people = {person.key: person for person in transcript.participants}
        self.persons = transcript.person_keys()
        self.moderators = {
            person.key for person in (*transcript.moderators, *transcript.participants) if person.moderator
        }
        self.moderators |= {person.key for person in transcript.moderators}
        self.profiles = {
            person.handle: url
            for person in reversed(transcript.participants)
            if person.handle and (url := _profile(person))
        }
        self.questions: dict[str, str] = {}
        for question in transcript.questions:
            for uid in question.parts or (question.uid,):
                self.questions.setdefault(uid, clean_line(question.label))
        self.targets: dict[str, str] = {}  # the section of each question, by its label
        self.posed: set[str] = set()  # the posts whose anchors are on the page already
        self.own_tags = {tag.removeprefix("#").casefold() for tag in transcript.hashtags}

    def values(self) -> dict[str, object]:
        transcript, clock = self.transcript, self.clock
        css, digest = style()
        parts = self.parts(sections(transcript))
        networks = Counter(
            post.platform for entry in transcript.entries for post in entry.posts if post.visibility not in UNSEEN
        )
        people = [self.person(person) for person in transcript.participants]
        moderators = [self.person(person) for person in transcript.moderators] or [
            each for each in people if each[0].moderator
        ]
        return {
            "title": clean_line(transcript.title) or clean_line(transcript.window.chat),
            "hashtags": [clean_line(tag).removeprefix("#") for tag in transcript.hashtags],
            "clock": clock,
            "window": transcript.window,
            "start": instant(transcript.window.start),
            "day": transcript.window.label.partition("@")[0],
            "moderators": moderators,
            "topic": clean_line(transcript.topic or ""),
            "guests": [self.person(person) for person in transcript.guests],
            "numbers": numbers(transcript),
            "copied": copied(transcript),
            "networks": [(NETWORKS.get(name, name.capitalize()), count) for name, count in networks.most_common()],
            "activity": activity.draw(transcript, clock),
            "top": activity.TOP,
            "base": activity.BASE,
            "parts": parts,
            "participants": people,
            "links": self.links(),
            "coverage": coverage(transcript.coverage, clock),
            "notes": [clean_line(note) for note in transcript.notes],
            "css": css,
            "digest": digest,
            "rel": REL,
        }

    def author(self, post: Post) -> Author:
        key = author_key(post) or post.uid
        key = self.persons.get(key, key)
        person = self.people.get(key)
        handle = clean_line(post.author_handle or (person.handle if person else None) or "").removeprefix("@") or None
        name = clean_line(post.author_name or (person.name if person else None) or "") or None
        return Author(
            name=name or (None if handle else "Unknown account"),
            handle=handle,
            url=self.page_of(key) or profile_url(post.platform, handle, post.author_uid),
            initial=initial(name, handle),
            hue=hue(key),
            moderator=key in self.moderators,
        )

    def person(self, person: Person) -> tuple[Author, Person, list[tuple[str, str, str | None]]]:
        """A person with what else they are called, where that is more than one account."""
        handle = clean_line(person.handle or "").removeprefix("@") or None
        name = clean_line(person.name or "") or (None if handle else "Unknown account")
        moderator = person.moderator or person.key in self.moderators
        others = [(shown, network, safe_url(url)) for shown, network, url in handles(person)]
        url = self.page_of(person.key) or _profile(person)
        return Author(name, handle, url, "", 0, moderator), person, others if len(others) > 1 else []

    def card(self, post: Post, entry: Entry | None = None, row: Row | None = None, *, sure: bool = False) -> Card:
        quotes = self.quotes(post)
        return Card(
            anchor=self.anchor(post.uid) if entry else None,
            author=self.author(post),
            stamp=instant(post.created_at),
            time=self.clock.time(post.created_at),
            url=post_url(post),
            network=NETWORKS.get(post.platform, clean_line(post.platform)),
            elsewhere=tuple((self.anchor(one.uid), one) for one in other_originals(entry)) if entry else (),
            body=body(pieces(post, quotes), self.own_tags),
            lang=language(post.lang),
            warning=clean_line(post.warning or "") or None,
            media=tuple(self.media(post)),
            links=tuple((href, title or show_url(href)) for href, title in other_links(post, quotes)),
            poll=tuple(_poll(post)),
            quoted=self.quoted(quotes),
            edited=self.clock.time(post.edited_at) if post.edited_at else None,
            withheld=", ".join(clean_line(country) for country in post.withheld or ()) or None,
            repeated=_repeated(entry) if entry else None,
            unsure=_unsure(entry) if entry and not sure else None,
            outside=entry is None,
            parent=self.parent(row.parent) if row and row.parent else None,
            late=row.late if row else None,
            also=(clean_line(row.also), f"{self.page}#{self.targets[row.also]}")
            if row and row.also in self.targets
            else None,
        )

    def at(self, uid: str) -> str:
        """Where a post of the session stands."""
        return f"{self.page}#{anchor(uid)}"

    def anchor(self, uid: str) -> str | None:
        """The anchor of a post of the session, the first time that it is shown: one may pose two questions."""
        if uid in self.posed:
            return None
        self.posed.add(uid)
        return anchor(uid)

    def asked(self, entry: Entry) -> Card | Gap:
        words = gap(entry.post)
        return self.gap(words, entry.post.uid, uid_url(entry.post.uid)) if words else self.card(entry.post, entry)

    def gap(self, words: str, uid: str, href: str | None) -> Gap:
        entry = self.entries.get(uid)
        if entry and entry.post.deleted_at:
            href = None
        return Gap(words[:1].upper() + words[1:], self.anchor(uid) if entry else None, href)

    def media(self, post: Post) -> Iterable[tuple[str, str | None, str | None]]:
        """(what it is, its description, where it is) for each attachment."""
        for media in post.media or ():
            kind = {"photo": "Photo", "video": "Video", "gif": "Animation", "audio": "Audio"}.get(
                media.kind, "Attachment"
            )
            yield kind, clean(media.alt or "").strip() or None, safe_url(media.url)

    def parent(self, uid: str) -> tuple[str, str | None]:
        """Who or what is replied to, and where it stands on this page."""
        if label := self.questions.get(uid):
            return label, self.at(uid)
        if entry := self.entries.get(uid):
            handle = None if gap(entry.post) else self.author(entry.post).handle
            return (f"@{handle}" if handle else "a post"), self.at(uid)
        return "a post that is not in the archive", None

    def quotes(self, post: Post) -> str | None:
        """The uid of what a post quotes. A link alone counts as a quote only where the page has what it leads to."""
        uid = quoted(post)
        if uid == post.uid:
            return None
        return uid if post.quote_of or uid in self.entries or uid in self.transcript.context else None

    def quoted(self, uid: str | None) -> Quoted | None:
        if uid is None:
            return None
        if label := self.questions.get(uid):
            return Quoted(self.at(uid) if uid in self.entries else uid_url(uid), label=label)
        entry = self.entries.get(uid)
        other = entry.post if entry else self.transcript.context.get(uid)
        if other is None or gap(other):
            return Quoted(None if other and other.deleted_at else uid_url(uid))
        parts = pieces(other)
        if entry and sum(len(piece.text) for piece in parts) > _QUOTED:
            parts = [Piece("text", "".join(piece.text for piece in parts)[:_QUOTED].rstrip() + "…")]
        if other.warning:
            parts = [Piece("text", f"Content warning: {clean_line(other.warning)}")]
        href = self.at(uid) if entry else post_url(other)
        return Quoted(
            href, None, self.author(other), body(parts, self.own_tags), language(other.lang), entry is not None
        )

    def lines(self, rows: Iterable[Row]) -> tuple[tuple[Line, ...], Markup]:
        """Rows with the markup of nested lists between them; the depth is bounded, so is the nesting."""
        found = []
        depth = -1
        rows = tuple(rows)
        here = {row.uid for row in rows if row.entry}
        for row in rows:
            if row.depth > depth:
                before = "<ol>" * (row.depth - depth) if depth >= 0 else ""
            else:
                before = "</li>" + "</ol></li>" * (depth - row.depth)
            depth = row.depth
            post = row.post
            # A reply stands under what it answers, whatever its own filing: only the head of a thread can be misplaced.
            sure = row.entry is not None and row.entry.post.reply_to in here
            words = row.gap
            card = None if words or post is None else self.card(post, row.entry, row, sure=sure)
            missing = self.gap(words, row.uid, row.href) if words else None
            found.append(Line(Markup(before + "<li>"), card, missing))  # noqa: S704  # constants
        after = "</li>" + "</ol></li>" * depth if depth >= 0 else ""
        return tuple(found), Markup(after)  # noqa: S704  # constants

    def parts(self, outline: list[Section]) -> list[Part]:
        names: list[str] = []
        taken: set[str] = set()
        for section in outline:
            name = ident = f"q-{anchor(section.topic)[2:]}" if section.question else f"s-{section.topic}"
            number = 2
            while name in taken:
                name, number = f"{ident}--{number}", number + 1
            taken.add(name)
            names.append(name)
            if section.question:
                self.targets.setdefault(section.topic, name)
        found = []
        for name, section in zip(names, outline, strict=True):
            question = section.question
            posed, again = tuple(map(self.asked, section.posed)), tuple(map(self.asked, section.again))
            lines, after = self.lines(section.rows)
            found.append(
                Part(
                    id=name,
                    label=clean_line(question.label) if question else None,
                    title=clean_line(section.title) or (clean_line(question.label) if question else ""),
                    posed=posed,
                    again=again,
                    lines=lines,
                    after=after,
                    also=tuple((self.mention(entry), self.at(entry.post.uid)) for entry in section.also),
                    answers=section.answers,
                    people=section.people,
                )
            )
        return found

    def mention(self, entry: Entry) -> str:
        author = self.author(entry.post)
        who = f"@{author.handle}" if author.handle else author.name
        return f"{who}, {self.clock.time(entry.post.created_at)}"

    def links(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for link in self.transcript.links:
            href = safe_url(link.url)
            shown = show_url(link.url)
            title = clean_line(link.title) if link.title else None
            found.append(
                {
                    "href": href,
                    "title": title or shown,
                    "shown": shown if title else None,
                    "by": [(clean_line(who), self.profiles.get(who)) for who in link.shared_by],
                    "topics": [
                        (clean_line(topic), self.targets[topic]) for topic in link.topics if topic in self.targets
                    ],
                    "post": next((self.at(uid) for uid in link.uids if uid in self.entries), None),
                }
            )
        return found


def _profile(person: Person) -> str | None:
    platform = person.key.partition(":")[0]
    uid = None if ":@" in person.key else person.key
    return safe_url(person.url) or profile_url(platform, person.handle, uid)


def _poll(post: Post) -> Iterable[tuple[str, str | None]]:
    total = sum(option.votes or 0 for option in post.poll or ())
    for option in post.poll or ():
        if option.votes is None:
            yield clean_line(option.text), None
        else:
            votes = "1 vote" if option.votes == 1 else f"{option.votes} votes"
            yield clean_line(option.text), f"{votes}, {round(100 * option.votes / total)}%" if total else votes


def _repeated(entry: Entry) -> tuple[int, tuple[str, ...]] | None:
    named = tuple(clean_line(handle).removeprefix("@") for handle in entry.all_reposted_by)
    count = max(entry.all_reposts or 0, len(named))
    return (count, named) if count else None


def _unsure(entry: Entry) -> str | None:
    filing = entry.filing
    if filing.confidence >= UNSURE or filing.topic == "none":
        return None
    reason = _REASONS.get(filing.reason, "")
    said = f"Filed here {reason + ', ' if reason else ''}{round(filing.confidence * 100)}% sure"
    if other := runner_up(filing):
        topic, share = other
        where = f"“{TITLES[topic]}”" if topic in TITLES else clean_line(topic)
        said += f"; or else {where}, {round(share * 100)}%"
    return said
