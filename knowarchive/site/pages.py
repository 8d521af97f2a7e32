"""The pages that count and list: home, chats, people, links, what was said between sessions, about the archive.

They read the catalogue and the index, as the reading room's pages do, and are shown by its templates.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from knowarchive.config import Config
from knowarchive.site import addresses
from knowarchive.site import pictures as site_pictures
from knowarchive.site.addresses import SitePlaces
from knowarchive.site.frame import Frame, title_of
from knowarchive.site.policy import REASONS, words_of_x
from knowarchive.site.sessions import Facts
from knowarchive.web import calendar, cards
from knowarchive.web.catalogue import LATELY, NOT_FOUND, Catalogue
from knowarchive.web.reading import Snapshot
from knowarchive.web.room import moment
from knowarchive.web.rows import LATEST, REGULARS, SHARES, as_account, as_link
from transcripts.search.words import exact
from transcripts.writers.references import NETWORKS
from transcripts.writers.text import anchor, clean_line

if TYPE_CHECKING:
    import sqlite3

CHUNK = 20  # posts on a page of somebody's older ones
MONTHLY = 100  # posts or links of a month on a page
POPULAR = 100  # links on the first page of the library
Page = tuple[str, str]  # its address, and what stands there


@dataclass(frozen=True)
class Shelf:
    """What the pages are made from. `sessions` are those that have pages, by chat and date."""

    config: Config
    frame: Frame
    now: Snapshot
    sessions: Mapping[tuple[str, str], Facts]
    people: Mapping[str, str]  # the main account of each person, by all their accounts
    between: Mapping[str, str]  # where posts between sessions stand, by uid
    questions: frozenset[tuple[str, str, str]]  # (chat, date, label) of those that have pages

    @property
    def catalogue(self) -> Catalogue:
        return self.now.catalogue

    @cached_property
    def names(self) -> "list[sqlite3.Row]":
        """Who everybody is, by the names that they have now."""
        return self.catalogue.rows("names")

    @cached_property
    def link_months(self) -> dict[str, int]:
        """How many pages were first shared in each month ("2015-05"), the oldest first."""
        return {row["month"]: row["pages"] for row in self.catalogue.rows("link_months")}

    def places(self, page: str, uids: Iterable[str] = ()) -> SitePlaces:
        """Where everything is as seen from a page that shows, or refers to, these posts."""
        wanted = [*dict.fromkeys(uids)]
        posts: dict[str, str] = {}
        for row in self.catalogue.rows("filed", uids=json.dumps(wanted)) if wanted else ():
            facts = self.sessions.get((row["chat"], row["session"]))
            if facts and row["uid"] not in posts:
                there = addresses.session_page(facts.chat, facts.date)
                posts[row["uid"]] = facts.moved.get(anchor(row["uid"]), there)
        posts |= {uid: self.between[uid] for uid in wanted if uid not in posts and uid in self.between}
        return SitePlaces(page, self.people, self.questions, posts, bool(self.frame.publish.base))

    def of_chat(self, chat: str) -> list[Facts]:
        """The sessions of a chat, the newest first."""
        found = [facts for facts in self.sessions.values() if facts.chat == chat]
        return sorted(found, key=lambda one: one.date, reverse=True)


def home(shelf: Shelf) -> Page:
    """The chats, the latest sessions, and what is being talked about."""
    catalogue = shelf.catalogue
    chats = [row for row in catalogue.rows("chats") if shelf.config.find_chat(row["name"])]
    latest = sorted(shelf.sessions.values(), key=lambda one: (one.date, one.chat), reverse=True)[:LATEST]
    newest = max((row["ended"] for row in chats), default=0)
    own = {exact(tag) for chat in shelf.config.chat for tag in chat.tags}
    tags = [row for row in catalogue.rows("tags", lately=LATELY, limit=40) if row["tag"] not in own][:16]
    shared = catalogue.rows(
        "popular_links", chat=None, host=None, person=None, since=newest - LATELY, limit=6, offset=0
    )
    places = shelf.places(addresses.HOME)
    asked = latest[0].questions if latest else ()
    return addresses.HOME, shelf.frame.page(
        "site_home.html",
        places,
        {
            "chats": [(row, title_of(shelf.config, row["name"])) for row in chats],
            "sessions": [(_row(facts), title_of(shelf.config, facts.chat)) for facts in latest],
            "questions": [
                (label, words, places.to(addresses.part_page(latest[0].chat, latest[0].date, label)))
                for label, words, _ in asked
                if words
            ],
            "tags": tags,
            "links": [as_link(row, [], places) for row in shared],
            "moment": moment,
        },
        headline=shelf.frame.title,
        about=f"Transcripts of {', '.join(title_of(shelf.config, row['name']) for row in chats)}",
        described={"@type": "WebSite", "name": shelf.frame.title},
    )


def chat(shelf: Shelf, name: str) -> Page:
    """A chat: its years, sessions, regulars, links, and what was said between."""
    page, title = addresses.chat_page(name), title_of(shelf.config, name)
    places = shelf.places(page)
    catalogue = shelf.catalogue
    row = next((one for one in catalogue.rows("chats") if one["name"] == name), None)
    sessions = shelf.of_chat(name)
    feed = places.to(addresses.chat_feed(name)) if places.has_feeds else None
    configured = shelf.config.find_chat(name)
    more = [("Search this chat", places.search_page(f"chat:{name}"))]
    more += [("Pictures", places.to(addresses.pictures_page(name)))] if sessions else []
    more += [("Feed", feed)] if feed else []
    more += [("Calendar", places.to(addresses.chat_calendar(name)))] if configured and configured.rules else []
    popular = catalogue.rows("popular_links", chat=name, host=None, person=None, since=None, limit=8, offset=0)
    return page, shelf.frame.page(
        "chat.html",
        places,
        {
            "chat": name,
            "title": title,
            "row": {**row, "sessions": len(sessions)} if row else None,
            "more": more,
            "feed": feed,
            "moment": moment,
            "years": calendar.years((one.date, one.posts) for one in sessions),
            "sessions": [_row(one) for one in sessions],
            "regulars": catalogue.rows("members", chat=name, limit=REGULARS),
            "months": [
                (one["month"], places.to(addresses.month_page(name, one["month"])), one["posts"])
                for one in reversed(catalogue.rows("months", chat=name))
            ],
            "links": [as_link(one, [], places) for one in popular],
        },
        headline=title,
        about=f"{len(sessions)} sessions of {title}",
        described={"@type": "CollectionPage", "name": title},
    )


def pictures(shelf: Shelf, name: str) -> Page:
    """A chat in pictures."""
    page, title = addresses.pictures_page(name), title_of(shelf.config, name)
    return page, shelf.frame.page(
        "site_pictures.html",
        shelf.places(page),
        {"chat": name, "title": title, "pictures": site_pictures.draw(*_drawn(shelf, name))},
        headline=f"{title} in pictures",
        about=f"When {title} was held, who answers whom, who came, and how long questions waited",
    )


def tell_pictures_apart(shelf: Shelf, name: str) -> str:
    """A digest of all that the pictures of a chat depend on."""
    return site_pictures.tell_apart(*_drawn(shelf, name))


def _drawn(shelf: Shelf, name: str) -> tuple[list[site_pictures.Counted], Mapping[str, str], dict[str, str]]:
    """What a chat's pictures are drawn from: see `knowarchive.site.pictures.draw`."""
    counted = [one.counted for one in reversed(shelf.of_chat(name)) if one.counted]
    names = {
        row["person"]: clean_line(row["name"] or "") or clean_line(row["handle"] or "").removeprefix("@")
        for row in shelf.names
    }
    return counted, shelf.people, {person: known or "Unknown account" for person, known in names.items()}


def month(shelf: Shelf, name: str, of: str) -> Iterator[Page]:
    """What was said in a chat in a month ("2015-05") between its sessions."""
    total = next(row["posts"] for row in shelf.catalogue.rows("months", chat=name) if row["month"] == of)
    pages = -(-total // MONTHLY)
    title = title_of(shelf.config, name)
    for number in range(1, pages + 1):
        rows = shelf.catalogue.rows("of_month", chat=name, month=of, limit=MONTHLY, offset=(number - 1) * MONTHLY)
        page = addresses.month_page(name, of, number)
        posts = shelf.now.posts([row["uid"] for row in rows])
        places = shelf.places(page, _mentioned(posts))
        yield (
            page,
            shelf.frame.page(
                "site_month.html",
                places,
                {
                    "chat": name,
                    "title": title,
                    "month": of,
                    "total": total,
                    "posts": [cards.show(post, where=places) for post in posts],
                    **_pager(places, lambda other: addresses.month_page(name, of, other), number, pages),
                },
                headline=f"{title}, {of}",
                about=f"What was said in {of} between the sessions of {title}",
            ),
        )


def person(
    shelf: Shelf, key: str, since: int | None = None, known: Collection[str] = ()
) -> Iterator[tuple[str, str | None]]:
    """Somebody on all their networks, the newest first; what is older stands on pages that fill up and then stay.

    Args:
        shelf: what there is.
        key: of their main account.
        since: when what changed began, in seconds since 1970: pages that only hold what is older stay as they are.
        known: the addresses of pages that are there.

    Yields:
        Addresses, with what is to stand there, or None where that is what stands there.
    """
    catalogue, who = shelf.catalogue, {"person": key}
    accounts = catalogue.rows("accounts", **who)
    if not accounts:
        return
    row = catalogue.one("count_said", **who)
    total = int(row["total"]) if row else 0
    older = max(0, total // CHUNK - 1)
    found = catalogue.one("is_found", **who)
    is_found = bool(found and found["is_found"])
    name = clean_line(accounts[0]["name"] or accounts[0]["handle"] or "Unknown account")
    main = addresses.person_page(key)

    def at(number: int) -> str:
        return addresses.person_page(key, number) if number <= older else main

    for number in range(older + 1, 0, -1):  # the last are on the main page
        page, is_main = at(number), number > older
        rows = catalogue.rows("from_oldest", **who, limit=total if is_main else CHUNK, offset=(number - 1) * CHUNK)
        is_old = since is not None and rows[-1]["at"] < since
        if is_old and not is_main and page in known and at(number + 1) in known:
            yield page, None
            continue
        posts = shelf.now.posts([one["uid"] for one in reversed(rows)])
        places = shelf.places(page, _mentioned(posts))
        values: dict[str, Any] = {
            "name": name,
            "counts": {"said": total, "addressed": 0},
            "shown": "said",
            "here": places.to(main),
            "posts": [cards.show(post, where=places) for post in posts],
            "page": None,
            "pages": 2 if older else 1,
            "previous": None if is_main else places.to(at(number + 1)),
            "next": places.to(at(number - 1)) if number > 1 else None,
            **dict.fromkeys(("accounts", "chats", "answered", "answering", "links"), ()),
        }
        described = None
        if is_main:
            shown = [as_account(one) for one in accounts]
            values |= {
                "accounts": shown,
                "chats": [(one, title_of(shelf.config, one["chat"])) for one in catalogue.rows("memberships", **who)],
                "answered": catalogue.rows("answered", **who, limit=12),
                "answering": catalogue.rows("answering", **who, limit=12),
                "links": [as_link(one, [], places) for one in catalogue.rows("own_links", **who, limit=6)],
            }
            same = [href for _, _, href, _ in shown if href]
            told = {"@type": "Person", "name": name, "sameAs": same}
            described = {"@type": "ProfilePage", "mainEntity": told} if is_found else None
        yield (
            page,
            shelf.frame.page(
                "person.html",
                places,
                values,
                headline=name,
                about=f"What {name} said",
                kind="profile",
                described=described,
                is_found=is_found,
            ),
        )
    for one in accounts:
        if one["key"] != key:
            yield _moved(shelf.frame, addresses.person_page(one["key"]), main, name, is_found=is_found)


def links(shelf: Shelf) -> Page:
    """The library: what most people shared, and where the rest is."""
    catalogue = shelf.catalogue
    row = catalogue.one("count_links", chat=None, host=None, person=None, since=None)
    rows = catalogue.rows("popular_links", chat=None, host=None, person=None, since=None, limit=POPULAR, offset=0)
    return _links(shelf, addresses.links_page(), rows, "", int(row["total"]) if row else 0, 1, 1)


def links_of_month(shelf: Shelf, of: str, numbers: Iterable[int] | None = None) -> Iterator[Page]:
    """What was first shared in a month ("2015-05"); of its pages those of some `numbers`, or all."""
    total = shelf.link_months.get(of, 0)
    pages = -(-total // MONTHLY)
    for number in range(1, pages + 1) if numbers is None else sorted(numbers):
        rows = shelf.catalogue.rows("links_of_month", month=of, limit=MONTHLY, offset=(number - 1) * MONTHLY)
        if rows:
            yield _links(shelf, addresses.links_page(of, number), rows, of, total, number, pages)


def _links(shelf: Shelf, page: str, rows: Sequence[Any], of: str, total: int, number: int, pages: int) -> Page:
    catalogue = shelf.catalogue
    shares = catalogue.rows("shares", pages=json.dumps([row["page"] for row in rows]), limit=SHARES)
    places = shelf.places(page, [row["uid"] for row in shares])
    spots = {row["uid"]: row for row in catalogue.rows("places", uids=json.dumps([row["uid"] for row in shares]))}
    shared: dict[str, list[Any]] = {}
    for share in shares:
        shared.setdefault(share["page"], []).append((share, spots.get(share["uid"])))
    months = [(month, places.to(addresses.links_page(month)), count) for month, count in shelf.link_months.items()]
    headline = f"Links first shared in {of}" if of else "Links"
    return page, shelf.frame.page(
        "site_links.html",
        places,
        {
            "total": total,
            "links": [as_link(row, shared.get(row["page"], []), places) for row in rows],
            "chosen": [],
            "hosts": [],
            "popular": True,
            "by_people": "",
            "by_time": "",
            "moment": moment,
            "month": of,
            "months": months[::-1],
            **_pager(places, lambda other: addresses.links_page(of, other), number, pages),
            "page": None,  # a number of pages would change them all
        },
        headline=headline,
        about="What people shared",
    )


def about(shelf: Shelf) -> Page:
    """What the archive is, how it was collected, what is left out, and whom to ask."""
    catalogue = shelf.catalogue
    extent = catalogue.one("extent")
    left: dict[str, list[tuple[str, int]]] = {}
    for row in catalogue.rows("withheld", chat=None):
        if row["reason"] != NOT_FOUND:
            left.setdefault(row["reason"], []).append((NETWORKS.get(row["platform"], row["platform"]), row["posts"]))
    unfound = catalogue.one("unfound")
    places = shelf.places(addresses.ABOUT)
    words = {"complete": "collected whole", "incomplete": "with something missing", "unknown": "without a record"}
    chats = []
    for one in shelf.config.chat:
        sessions = shelf.of_chat(one.name)
        states = [(sum(facts.coverage == state for facts in sessions), said) for state, said in words.items()]
        chats.append((one.name, title_of(shelf.config, one.name), len(sessions), [each for each in states if each[0]]))
    began, ended = (extent["began"], extent["ended"]) if extent else (None, None)
    return addresses.ABOUT, shelf.frame.page(
        "site_about.html",
        places,
        {
            "chats": chats,
            "posts": extent["posts"] if extent else 0,
            "people": extent["people"] if extent else 0,
            "sessions": len(shelf.sessions),
            "first": _day(began),
            "last": _day(ended),
            "left_out": [(REASONS[reason], counts) for reason, counts in left.items()],
            "unfound": unfound["total"] if unfound else 0,
            "x_words": words_of_x(shelf.config.publish),
        },
        headline="About this archive",
        about=f"How {shelf.frame.title} was collected, what is left out, and whom to ask",
        described={"@type": "AboutPage", "name": f"About {shelf.frame.title}"},
    )


def search(shelf: Shelf) -> Page:
    """The page that searches."""
    places = shelf.places(addresses.SEARCH)
    return addresses.SEARCH, shelf.frame.page(
        "site_search.html", places, {}, headline="Search", about=f"Search {shelf.frame.title}", is_found=False
    )


def _row(facts: Facts) -> dict[str, Any]:
    """A session as the room's templates list it."""
    return {
        "chat": facts.chat,
        "date": facts.date,
        "posts": facts.posts,
        "people": facts.people,
        "questions": len(facts.questions),
    }


def _moved(frame: Frame, page: str, to: str, name: str, *, is_found: bool) -> Page:
    places = SitePlaces(page)
    values = {"to": places.to(to)}
    return page, frame.page(
        "site_moved.html", places, values, headline=name, is_found=is_found, canonical=to, kind="profile"
    )


def _mentioned(posts: Iterable[Any]) -> list[str]:
    """The posts that a page shows, and those that they answer."""
    return [uid for post in posts for uid in (post.uid, post.reply_to) if uid]


def _pager(places: SitePlaces, at: Any, number: int, pages: int) -> dict[str, Any]:
    return {
        "page": number,
        "pages": pages,
        "previous": places.to(at(number - 1)) if number > 1 else None,
        "next": places.to(at(number + 1)) if number < pages else None,
    }


def _day(at: int | None) -> str | None:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" if at is not None else None
