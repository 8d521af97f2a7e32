"""Where each page of the site is: names that never change, and that no file system or browser takes for another's. Pure.

A name that is plain (lower-case letters and digits) stays; of every other a digest of the whole is part, so that two that
differ in case alone, or in what cannot be in a file's name, are two, and 10 kB of it are as good as ten letters.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote, urlencode

from transcripts.writers.text import anchor

HOME, ABOUT, SEARCH = "index.html", "about.html", "search.html"
STYLE, SCRIPT, FINDER = "style.css", "search.js", "finder.js"
SITEMAP, ROBOTS = "sitemap.xml", "robots.txt"

_PLAIN = re.compile(r"[a-z0-9]+(?::[a-z0-9]+)*")
_CHAT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_OTHER = re.compile(r"[^a-z0-9]+")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(10))}
LONGEST = 40  # characters of a name that people can read, before its digest


def slug(name: str) -> str:
    """A name as part of an address: injective, lower-case, short, and no name of a device.

    A plain one has no hyphen but between its parts, so none looks like one with a digest, which stands after two.
    """
    if _PLAIN.fullmatch(name) and len(name) <= LONGEST and name not in _RESERVED:
        return name.replace(":", "-")
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    readable = _OTHER.sub("-", folded)[:LONGEST].strip("-")
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{readable or 'page'}--{digest}"


def chat_folder(chat: str) -> str:
    """By its name, of which the configuration sees to it that it is plain."""
    plain = _CHAT.fullmatch(chat) and chat not in _RESERVED and "--" not in chat
    return f"chats/{chat if plain else slug(f'chat {chat}')}"


def chat_page(chat: str) -> str:
    return f"{chat_folder(chat)}/index.html"


def session_page(chat: str, date: str) -> str:
    return f"{_session(chat, date)}.html"


def part_page(chat: str, date: str, part: str, number: int = 1) -> str:
    """A question, or another part of a session; `number` counts the pages of one that is too long for one."""
    more = f".{number}" if number > 1 else ""
    return f"{_session(chat, date)}/{slug(part.lower() if part.isascii() else part)}{more}.html"


def month_page(chat: str, month: str, number: int = 1) -> str:
    """The posts of a month ("2015-05") between the sessions."""
    return f"{chat_folder(chat)}/between-{month}{f'.{number}' if number > 1 else ''}.html"


def pictures_page(chat: str) -> str:
    return f"{chat_folder(chat)}/pictures.html"


def chat_feed(chat: str) -> str:
    return f"{chat_folder(chat)}/feed.xml"


def chat_calendar(chat: str) -> str:
    return f"{chat_folder(chat)}/calendar.ics"


def person_page(key: str, number: int | None = None) -> str:
    """By the key of any of their accounts; `number` is that of a page of older posts, from 1, the oldest."""
    more = f".{number}" if number else ""
    return f"people/{slug(key)}{more}.html"


def links_page(month: str = "", number: int = 1) -> str:
    return f"links/{month}{f'.{number}' if number > 1 else ''}.html" if month else "links/index.html"


def _session(chat: str, date: str) -> str:
    return f"{chat_folder(chat)}/{date.replace('@', '-')}"


@dataclass(frozen=True, slots=True)
class SitePlaces:
    """Where pages are as seen from a page of the site: relative, so that it can stand anywhere, a plain folder too.

    Args:
        page: where the page is that leads to them.
        people: the main accounts of people by the keys of their accounts; who is not in it has no page.
        questions: which questions have pages: (chat, date, label).
        posts: where posts stand: the address of the page of each by uid.
        has_feeds: whether there are feeds, which need an address of the site.
    """

    page: str
    people: Mapping[str, str] = field(default_factory=dict)
    questions: frozenset[tuple[str, str, str]] = frozenset()
    posts: Mapping[str, str] = field(default_factory=dict)
    has_feeds: bool = False

    def to(self, page: str) -> str:
        """The way from this page to another, which may have a fragment."""
        return "../" * self.page.count("/") + quote(page, safe="/#.-_~@%")

    def home_page(self) -> str:
        return self.to(HOME)

    def chat_page(self, chat: str) -> str:
        return self.to(chat_page(chat))

    def session_page(self, chat: str, date: str) -> str:
        return self.to(session_page(chat, date))

    def question_page(self, chat: str, date: str, label: str) -> str | None:
        return self.to(part_page(chat, date, label)) if (chat, date, label) in self.questions else None

    def person_page(self, key: str) -> str | None:
        person = self.people.get(key)
        return self.to(person_page(person)) if person else None

    def post_page(self, uid: str) -> str | None:
        page = self.posts.get(uid)
        return self.to(f"{page}#{anchor(uid)}") if page else None

    def citation_page(self, uid: str) -> None:  # noqa: ARG002 - as the room's
        return None

    def search_page(self, query: str = "") -> str:
        return self.to(SEARCH) + (f"?{urlencode({'q': query})}" if query else "")

    def links_page(self) -> str:
        return self.to(links_page())

    def about_page(self) -> str:
        return self.to(ABOUT)
