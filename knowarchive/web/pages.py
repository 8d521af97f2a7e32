"""The pages: what each reads, and what its template shows of it."""

import json
from collections.abc import Collection
from typing import Any

from starlette.responses import Response

from knowarchive.web import calendar, cards, citations, narrowing, places
from knowarchive.web.answering import SORTS, Asked, page
from knowarchive.web.catalogue import LATELY
from knowarchive.web.reading import NotHereError
from knowarchive.web.room import moment
from knowarchive.web.rows import LATEST, REGULARS, SHARES, as_account, as_link
from transcripts.labels import Place, after_label, find_labels
from transcripts.model import Transcript
from transcripts.search.language import Query, parse
from transcripts.search.results import Results, Sort
from transcripts.search.words import exact
from transcripts.writers import as_html
from transcripts.writers.text import clean_line

ON_A_PAGE = 20  # posts, links
BIBTEX = "application/x-bibtex; charset=utf-8"
FEED = 50  # posts in a feed


def home(asked: Asked) -> Response:
    """The chats, the latest sessions, and what is being talked about."""
    catalogue = asked.now.catalogue
    chats = catalogue.rows("chats")
    sessions = catalogue.rows("sessions", chat=None, limit=LATEST, offset=0)
    newest = max((row["ended"] for row in chats), default=0)
    own = {exact(tag) for chat in asked.room.config.chat for tag in chat.tags}
    tags = [row for row in catalogue.rows("tags", lately=LATELY, limit=40) if row["tag"] not in own][:16]
    shared = catalogue.rows("popular_links", **_any(since=newest - LATELY), limit=6, offset=0)
    return page(
        "home.html",
        asked.room,
        {
            "chats": [(row, _title(asked, row["name"])) for row in chats],
            "sessions": [(row, _title(asked, row["chat"])) for row in sessions],
            "questions": _questions(asked, sessions[0]["chat"], sessions[0]["date"]) if sessions else [],
            "tags": tags,
            "links": [as_link(row, []) for row in shared],
            "moment": moment,
        },
    )


def chat(asked: Asked) -> Response:
    """A chat: its years, sessions, regulars and links."""
    name = asked.step("chat")
    catalogue = asked.now.catalogue
    row = next((one for one in catalogue.rows("chats") if one["name"] == name), None)
    configured = asked.room.config.find_chat(name)
    if row is None and configured is None:
        raise NotHereError(f"No chat is called {clean_line(name)[:80]!r}.")
    sessions = catalogue.rows("sessions", chat=name, limit=100_000, offset=0)
    return page(
        "chat.html",
        asked.room,
        {
            "chat": name,
            "title": _title(asked, name),
            "row": row,
            "more": [
                ("Search this chat", places.search_page(f"chat:{name}")),
                ("Its links", places.links_page(chat=name)),
                ("Feed", places.feed_page(f"chat:{name}")),
            ],
            "feed": places.feed_page(f"chat:{name}"),
            "months": [],
            "moment": moment,
            "years": calendar.years((one["date"], one["posts"]) for one in sessions),
            "sessions": sessions,
            "regulars": catalogue.rows("members", chat=name, limit=REGULARS),
            "links": [
                as_link(one, []) for one in catalogue.rows("popular_links", **_any(chat=name), limit=8, offset=0)
            ],
        },
    )


def session(asked: Asked) -> Response:
    """A session's transcript, as the writer makes it, in the room's frame."""
    transcript, values = _transcript(asked)
    around = asked.now.catalogue.one("neighbours", chat=transcript.window.chat, date=transcript.window.label)
    return page("session.html", asked.room, {**values, "around": around, "chat": transcript.window.chat})


def question(asked: Asked) -> Response:
    """One question of a session with every answer to it."""
    transcript, values = _transcript(asked, places.session_page(asked.step("chat"), asked.step("date")))
    label = asked.step("label")
    parts = values["parts"]
    assert isinstance(parts, list)
    number = next((number for number, part in enumerate(parts) if part.label == label), None)
    if number is None:
        raise NotHereError(
            f"{transcript.window.chat} {transcript.window.label} has no question {clean_line(label)[:20]!r}."
        )
    labels = [part.label for part in parts if part.label]
    place = labels.index(label)
    return page(
        "question.html",
        asked.room,
        {
            **values,
            "chat": transcript.window.chat,
            "part": parts[number],
            "before": labels[place - 1] if place else None,
            "after": labels[place + 1] if place + 1 < len(labels) else None,
        },
    )


def found(asked: Asked) -> Response:
    """The search page; with `part=results` only what changes on it while somebody types."""
    typed, query, results = look(asked)
    values = {
        "query": typed[:1000],
        "results": results,
        "hits": [cards.show(hit.post, passage=hit.passage, also=hit.also) for hit in results.hits],
        "facets": narrowing.facets(query, results.facets, asked.value("sort")),
        "conditions": narrowing.conditions(query, asked.value("sort")),
        "reading": query.reading,
        "read_otherwise": bool(query.reading) and query.reading != " ".join(typed.split()),
        "sort": results.sort,
        "sorts": SORTS,
        "first": (results.page - 1) * ON_A_PAGE + 1,
        "empty": not asked.now.index.state.posts,
        **_pages("/search", {"q": typed[:1000], "sort": asked.value("sort")}, results.page, results.pages),
    }
    return page("results.html" if asked.value("part") == "results" else "search.html", asked.room, values)


def feed(asked: Asked) -> Response:
    """What a search finds, the newest first, as an Atom feed (RFC 4287)."""
    typed = asked.value("q")
    query = parse(typed)
    results = asked.now.search(query, sort="newest", limit=FEED)
    base = str(asked.request.base_url).rstrip("/")
    return page(
        "feed.xml",
        asked.room,
        {
            "base": base,
            "reading": query.reading,
            "address": base + places.with_values("/search.atom", {"q": typed[:1000]}),
            "page_address": base + places.search_page(typed[:1000], sort="newest"),
            "hits": [
                (hit.post, cards.card(hit.post), cards.place(hit.post))
                for hit in results.hits
                if hit.post.text is not None
            ],
            "updated": results.hits[0].post.created_at if results.hits else moment(0),
        },
    )


def person(asked: Asked) -> Response:
    """Somebody on all their networks: what they said or what was addressed to them, whom they answer, who answers."""
    catalogue = asked.now.catalogue
    found = catalogue.one("person", key=asked.step("key"))
    if found is None:
        raise NotHereError("The archive holds no post of this account.")
    who = {"person": found["person"]}
    accounts = catalogue.rows("accounts", **who)
    shown = "addressed" if asked.value("show") == "addressed" else "said"
    counts = {name: _total(asked, f"count_{name}", **who) for name in ("said", "addressed")}
    pages = max(1, -(-counts[shown] // ON_A_PAGE))
    number = min(asked.page, pages)
    uids = catalogue.rows(shown, **who, limit=ON_A_PAGE, offset=(number - 1) * ON_A_PAGE)
    here = places.person_page(found["person"])
    return page(
        "person.html",
        asked.room,
        {
            "name": clean_line(accounts[0]["name"] or accounts[0]["handle"] or "Unknown account"),
            "accounts": [as_account(row) for row in accounts],
            "counts": counts,
            "shown": shown,
            "here": here,
            "chats": [(row, _title(asked, row["chat"])) for row in catalogue.rows("memberships", **who)],
            "answered": catalogue.rows("answered", **who, limit=12),
            "answering": catalogue.rows("answering", **who, limit=12),
            "links": [as_link(row, []) for row in catalogue.rows("links", **_any(**who), limit=6, offset=0)],
            "posts": list(map(cards.show, asked.now.posts([row["uid"] for row in uids]))),
            **_pages(here, {"show": "addressed" if shown == "addressed" else ""}, number, pages),
        },
    )


def conversation(asked: Asked) -> Response:
    """The whole reply tree that a post is part of, the post marked."""
    found = asked.now.conversation(asked.step("uid"))
    return page(
        "conversation.html",
        asked.room,
        {
            "missing": found.tree[0][1].reply_to,
            "posts": [cards.show(one, depth=depth, asked=one.uid == found.post.uid) for depth, one in found.tree],
            "cut": found.is_cut,
            "places_of": cards.place(found.post),
        },
    )


def links(asked: Asked) -> Response:
    """Every link that was ever shared, by whom, and in answer to what."""
    catalogue = asked.now.catalogue
    chosen = {name: asked.value(name)[:300] or None for name in ("chat", "host", "person")}
    popular = asked.value("sort") == "people"
    total = _total(asked, "count_links", **_any(**chosen))
    pages = max(1, -(-total // ON_A_PAGE))
    number = min(asked.page, pages)
    order = "popular_links" if popular else "links"
    rows = catalogue.rows(order, **_any(**chosen), limit=ON_A_PAGE, offset=(number - 1) * ON_A_PAGE)
    shares = catalogue.rows("shares", pages=json.dumps([row["page"] for row in rows]), limit=SHARES)
    spots = {row["uid"]: row for row in catalogue.rows("places", uids=json.dumps([row["uid"] for row in shares]))}
    shared: dict[str, list[Any]] = {}
    for share in shares:
        shared.setdefault(share["page"], []).append((share, spots.get(share["uid"])))
    values: dict[str, str | None] = {**chosen, "sort": "people" if popular else None}
    return page(
        "links.html",
        asked.room,
        {
            "total": total,
            "links": [as_link(row, shared.get(row["page"], [])) for row in rows],
            "chosen": [
                (name, value, places.with_values("/links", {**values, name: None}))
                for name, value in chosen.items()
                if value
            ],
            "hosts": [
                (row, places.with_values("/links", {**values, "host": row["host"]}))
                for row in catalogue.rows("hosts", **_any(**chosen), limit=12)
            ],
            "popular": popular,
            "by_people": places.with_values("/links", {**values, "sort": "people"}),
            "by_time": places.with_values("/links", {**values, "sort": None}),
            "moment": moment,
            **_pages("/links", values, number, pages),
        },
    )


def cite_post(asked: Asked) -> Response:
    """A post as a citation: as a page, or alone where `format` is csl or bibtex."""
    post = asked.now.post(asked.step("uid"))
    return _cited(
        asked, citations.cite_post(post), places.citation_page(post.uid), places.post_page(post.uid), "The post"
    )


def cite_session(asked: Asked) -> Response:
    """A transcript as a citation, as a post is cited."""
    made = asked.room.transcript(asked.now, asked.step("chat"), asked.step("date"))
    there = places.session_page(made.window.chat, made.window.label)
    here = places.session_citation_page(made.window.chat, made.window.label)
    return _cited(asked, citations.cite_transcript(made), here, there, "The transcript")


def look(asked: Asked, limit: int = ON_A_PAGE) -> tuple[str, Query, Results]:
    """What is asked for with `q`, `sort` and `page`: as typed, as read, and what is found."""
    typed = asked.value("q")
    query = parse(typed)
    wanted = asked.value("sort")
    sort: Sort = next((one for one in SORTS if one == wanted), "relevance")
    results = asked.now.search(query, sort=sort, page=asked.page, limit=limit)
    return typed, query, results


def _cited(asked: Asked, item: dict[str, Any], here: str, back: str, back_words: str) -> Response:
    csl, entry = json.dumps([item], ensure_ascii=False, indent=2), citations.bibtex(item)
    files = {"csl": (csl, "application/vnd.citationstyles.csl+json", "json"), "bibtex": (entry, BIBTEX, "bib")}
    if (form := asked.value("format")) in files:
        text, kind, ending = files[form]
        headers = {"content-disposition": f'attachment; filename="citation.{ending}"'}
        return Response(text.encode("utf-8", "replace"), media_type=kind, headers=headers)
    forms = [
        ("words", "In words", citations.reference(item), None),
        ("bibtex", "BibTeX", entry, places.with_values(here, {"format": "bibtex"})),
        ("csl", "CSL-JSON", csl, places.with_values(here, {"format": "csl"})),
    ]
    return page("cite.html", asked.room, {"forms": forms, "back": back, "back_words": back_words})


def _transcript(asked: Asked, page: str = "") -> tuple[Transcript, dict[str, Any]]:
    transcript = asked.room.transcript(asked.now, asked.step("chat"), asked.step("date"))
    keys = [account.key for person in transcript.participants for account in person.accounts]
    known = {row["key"] for row in asked.now.catalogue.rows("known", keys=json.dumps(keys))}  # others only repeated

    def page_of(key: str) -> str | None:
        return places.person_page(key) if key in known else None

    return transcript, as_html.page_values(transcript, page_of, page)


def _questions(asked: Asked, chat: str, date: str) -> list[tuple[str, str, str]]:
    """The questions of a session: label, words, address."""
    rows = asked.now.catalogue.rows("questions", chat=chat, date=date)
    topics: dict[str, str] = {}
    for row in rows:
        topics.setdefault(row["topic"], row["uid"])
    texts = {post.uid: clean_line(post.text or "") for post in asked.now.posts([*topics.values()])}
    configured = asked.room.config.find_chat(chat)
    tags = {exact(tag) for tag in configured.tags} if configured else set()
    return [
        (topic, _without_label(texts[uid], topic, tags), places.question_page(chat, date, topic))
        for topic, uid in topics.items()
        if texts.get(uid)
    ]


def _without_label(text: str, topic: str, tags: Collection[str]) -> str:
    """A question as it stands beside its label: without that, and without the chat's hashtags at its end."""
    head = (one for one in find_labels(text) if f"Q{one.number}" == topic and one.place is Place.HEAD)
    words = (after_label(text, label) if (label := next(head, None)) else text).split()
    while len(words) > 1 and words[-1].startswith("#") and exact(words[-1][1:]) in tags:
        words.pop()
    return " ".join(words) or text


def _title(asked: Asked, name: str) -> str:
    configured = asked.room.config.find_chat(name)
    return clean_line(configured.title) if configured and configured.title else f"#{clean_line(name)}"


def _total(asked: Asked, statement: str, **values: Any) -> int:
    row = asked.now.catalogue.one(statement, **values)
    return int(row["total"]) if row else 0


def _any(**values: Any) -> dict[str, Any]:
    """What links can be chosen by, the rest open."""
    return {"chat": None, "host": None, "person": None, "since": None, **values}


def _pages(path: str, values: dict[str, str | None] | dict[str, str], number: int, pages: int) -> dict[str, Any]:
    """Where the pages before and after are."""

    def at(other: int) -> str:
        return places.with_values(path, {**values, "page": other if other > 1 else None})

    return {
        "page": number,
        "pages": pages,
        "previous": at(number - 1) if number > 1 else None,
        "next": at(number + 1) if number < pages else None,
    }
