"""A session as pages: the transcript, and one for each question; one that is too large stands on several. Pure.

Where a transcript is too large for one page, its own page keeps all that is about it, with a line for each post that leads
to where it stands, so that the addresses of posts hold; the posts stand on the pages of its parts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from markupsafe import Markup

from knowarchive.site.addresses import SitePlaces, part_page, session_page
from knowarchive.site.frame import Frame
from knowarchive.site.pictures import Counted, count
from knowarchive.web.wishes import Wishes
from transcripts.model import UNSEEN, Transcript
from transcripts.writers import as_html
from transcripts.writers.as_html import Author, Card, Line, Part
from transcripts.writers.clock import Clock, instant
from transcripts.writers.text import anchor, clean_line

OVERHEAD = 0.05  # what the frame of a page takes of its size, at most


class Facts(msgspec.Struct, frozen=True):
    """What other pages need to know of a session. Times are UTC.

    `questions` are labels, words and numbers of answers; all of them have pages. `moved` is where posts stand that are not
    on the session's page, by their anchors; `coverage` is complete, incomplete or unknown; `unfound` are the labels of
    questions whose authors do not want to be found; `counted` is what the session adds to its chat's pictures.
    """

    chat: str
    date: str
    start: datetime
    end: datetime
    posts: int
    people: int
    questions: tuple[tuple[str, str, int], ...] = ()
    moved: dict[str, str] = {}
    coverage: str = "unknown"
    unfound: tuple[str, ...] = ()
    counted: Counted | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """The sessions before and after, by their dates."""

    before: str | None = None
    after: str | None = None


def render_session(
    transcript: Transcript, frame: Frame, people: Mapping[str, str], around: Around, *, coverage: str, wishes: Wishes
) -> tuple[dict[str, str], Facts]:
    """Render the pages of a session, with everybody's wishes heeded already.

    Args:
        transcript: the session.
        frame: of the site.
        people: the main accounts of those who have pages, by all their accounts.
        around: its neighbours.
        coverage: complete, incomplete or unknown.
        wishes: of those who are shown and do not want to be found.

    Returns:
        The pages by their addresses, and what other pages need to know.
    """
    window = transcript.window
    chat, date = window.chat, window.label
    address = session_page(chat, date)
    places = SitePlaces(address, people)
    transcript = replace(transcript, notes=())
    values = as_html.page_values(transcript, places.person_page)
    posts = {post.uid: post for entry in transcript.entries for post in entry.posts}
    unfound = tuple(
        question.label
        for question in transcript.questions
        if any(not wishes.may_be_found(posts[uid]) for uid in question.parts or (question.uid,) if uid in posts)
    )
    parts = _parts(values)
    asked = [part for part in parts if part.label]
    title = f"{values['title']}, {Clock.of(window).date}"
    questions = tuple((part.label or "", part.title, part.answers) for part in asked)
    about = f"{transcript.stats['posts']} posts by {transcript.stats.get('people', 0)} people"
    about += f" on {len(asked)} questions: {' '.join(words for _, words, _ in questions)}" if asked else ""
    pages: dict[str, str] = {}
    limit = int(frame.publish.largest_page * 1_000 * (1 - OVERHEAD))
    whole = frame.page(
        "site_session.html",
        places,
        {**values, "chat": chat, "around": around, "moments": []},
        headline=title,
        about=about,
        kind="article",
        described=_described(transcript, title, questions),
    )
    moved: dict[str, str] = {}
    is_split = len(whole.encode()) > limit
    for part in parts:
        if part.label or is_split:
            pages |= _render_part(
                frame,
                people,
                {**values, "chat": chat},
                _from_part(part, _name(address)),
                asked,
                (chat, date),
                limit,
                moved,
                is_found=part.label not in unfound,
            )
    if is_split:
        elsewhere = [
            replace(
                part,
                lines=(),
                after=Markup(),
                posed=part.posed if part.label else (),
                also=(),
                elsewhere=tuple(_read_on(places, part, page) for page in [_part_page(chat, date, part)]),
            )
            for part in parts
        ]
        moments = _moments(transcript, places, moved)
        # What stood on the page and is elsewhere now leaves its anchors in the list of moments.
        stays = {card.anchor for part in elsewhere for card in (*part.posed, *part.again)}
        moments = [
            (one, words, href) if one not in stays else (f"{one}--moment", words, href) for one, words, href in moments
        ]
        whole = frame.page(
            "site_session.html",
            places,
            {**values, "parts": elsewhere, "chat": chat, "around": around, "moments": moments},
            headline=title,
            about=about,
            kind="article",
            described=_described(transcript, title, questions),
        )
        moved = {name: page for name, page in moved.items() if page != address}
    else:
        moved = {}
    pages[address] = whole
    facts = Facts(
        chat=chat,
        date=date,
        start=window.start,
        end=window.end,
        posts=transcript.stats["posts"],
        people=transcript.stats.get("people", 0),
        questions=questions,
        moved=moved,
        coverage=coverage,
        unfound=unfound,
        counted=count(transcript),
    )
    return pages, facts


def _parts(values: Mapping[str, object]) -> list[Part]:
    parts = values["parts"]
    assert isinstance(parts, list)
    return parts


def _name(address: str) -> str:
    return address.rpartition("/")[2]


def _from_part(part: Part, page: str) -> Part:
    """A part of the session's page (its name) as it is on a page one folder deeper."""

    def there(href: str) -> str:
        return href if "://" in href else f"../{page}{href}" if href.startswith("#") else f"../{href}"

    def by(author: Author) -> Author:
        return replace(author, url=there(author.url)) if author.url else author

    def shown(card: Card) -> Card:
        quoted = card.quoted
        if quoted:
            quoted = replace(
                quoted,
                href=there(quoted.href) if quoted.href else None,
                author=by(quoted.author) if quoted.author else None,
            )
        return replace(
            card,
            author=by(card.author),
            quoted=quoted,
            parent=(card.parent[0], there(card.parent[1])) if card.parent and card.parent[1] else card.parent,
            also=(card.also[0], there(card.also[1])) if card.also else None,
        )

    return replace(
        part,
        lines=tuple(replace(line, card=shown(line.card)) if line.card else line for line in part.lines),
        posed=tuple(shown(card) if isinstance(card, Card) else card for card in part.posed),
        also=tuple((words, there(href)) for words, href in part.also),
    )


def _part_page(chat: str, date: str, part: Part, number: int = 1) -> str:
    return part_page(chat, date, part.label or part.id.removeprefix("s-"), number)


def _read_on(places: SitePlaces, part: Part, page: str) -> tuple[str, str]:
    count = sum(line.card is not None for line in part.lines)
    if part.label:
        return f"Read the {count:,} posts under {part.label}", places.to(page)
    return f"Read these {count:,} posts", places.to(page)


def _render_part(
    frame: Frame,
    people: Mapping[str, str],
    values: dict[str, Any],
    part: Part,
    asked: Sequence[Part],
    session: tuple[str, str],
    limit: int,
    moved: dict[str, str],
    *,
    is_found: bool,
) -> dict[str, str]:
    """The page of a part, or its pages, none larger than `limit`; notes in `moved` where each post stands."""
    chat, date = session
    labels = [one.label for one in asked]
    place = labels.index(part.label) if part.label else -1
    chunks = [part.lines]
    while True:
        pages = {}
        for number, lines in enumerate(chunks, 1):
            address = _part_page(chat, date, part, number)
            places = SitePlaces(address, people, frozenset((chat, date, label) for label in labels if label))
            shown = replace(
                part, lines=_opened(lines), after=_closing(lines), posed=part.posed if number == 1 else (),
                also=part.also if number == len(chunks) else (),
            )  # fmt: skip
            pages[address] = frame.page(
                "question.html",
                places,
                {
                    **values,
                    "part": shown,
                    "before": labels[place - 1] if place > 0 else None,
                    "after": labels[place + 1] if 0 <= place < len(labels) - 1 else None,
                    "page": number,
                    "pages": len(chunks),
                    "previous": places.to(_part_page(chat, date, part, number - 1)) if number > 1 else None,
                    "next": places.to(_part_page(chat, date, part, number + 1)) if number < len(chunks) else None,
                },
                headline=f"{part.label}: {part.title}" if part.label else part.title,
                about=f"{part.answers} answers to a question of {values['title']}" if part.label else "",
                kind="article",
                described=_described_question(part) if part.label and number == 1 and is_found else None,
                is_found=is_found,
            )
        largest = max(len(page.encode()) for page in pages.values())
        if largest <= limit or all(len(lines) < 2 for lines in chunks):
            break
        wanted = len(chunks) * 2 if largest > 2 * limit else len(chunks) + 1
        divided = _divided(part.lines, wanted)
        if len(divided) <= len(chunks):  # one thread is too long
            divided = _divided(part.lines, wanted, anywhere=True)
        if len(divided) <= len(chunks):
            break
        chunks = divided
    for address, lines in zip(pages, chunks, strict=True):
        for line in lines:
            names = [line.card.anchor, *(one for one, _ in line.card.elsewhere)] if line.card else []
            names += [line.gap.anchor] if line.gap else []
            moved |= {name: address for name in names if name}
    return pages


def _divided(lines: Sequence[Line], number: int, *, anywhere: bool = False) -> list[tuple[Line, ...]]:
    """Lines in about `number` stretches of like length, cut where a thread begins, or anywhere."""
    size = -(-len(lines) // number)
    found: list[list[Line]] = [[]]
    for depth, line in _depths(lines):
        if len(found[-1]) >= size and (depth == 0 or anywhere):
            found.append([])
        found[-1].append(line)
    return [tuple(one) for one in found]


def _depths(lines: Sequence[Line]) -> Iterator[tuple[int, Line]]:
    depth = 0
    for line in lines:
        depth += line.before.count("<ol>") - line.before.count("</ol>")
        yield depth, line


def _opened(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Lines whose first begins a list, whatever it stood under."""
    if not lines:
        return ()
    found = [replace(lines[0], before=Markup("<li>"))]
    depth = 0
    for line in lines[1:]:
        down = line.before.count("</ol>")
        before = line.before
        if down > depth:  # it closes what was opened on another page
            before = Markup("</li>" + "</ol></li>" * depth + "<li>")  # noqa: S704 - constants
            depth = 0
        else:
            depth += line.before.count("<ol>") - down
        found.append(replace(line, before=before))
    return tuple(found)


def _closing(lines: Sequence[Line]) -> Markup:
    opened = _opened(lines)
    depth = sum(line.before.count("<ol>") - line.before.count("</ol>") for line in opened)
    return Markup("</li>" + "</ol></li>" * depth if opened else "")  # noqa: S704 - constants


def _moments(transcript: Transcript, places: SitePlaces, moved: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Every post of a session that is too large, in order of time: its anchor, who and when, where it stands."""
    clock = Clock.of(transcript.window)
    found = []
    for post in (post for entry in transcript.entries for post in entry.posts):
        name = anchor(post.uid)
        if page := moved.get(name):
            handle = clean_line(post.author_handle or post.author_name or "").removeprefix("@")
            who = f"@{handle}" if handle and post.visibility not in UNSEEN else "A post"
            found.append((name, f"{clock.time(post.created_at)} {who}", places.to(f"{page}#{name}")))
    return found


def _described(transcript: Transcript, title: str, questions: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    """A session as schema.org has it: the page of an event."""
    window = transcript.window
    return {
        "@type": "WebPage",
        "name": title,
        "about": {
            "@type": "Event",
            "name": title,
            "startDate": instant(window.start),
            "endDate": instant(window.end),
            "eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode",
            "keywords": [f"#{clean_line(tag).removeprefix('#')}" for tag in transcript.hashtags],
        },
        "hasPart": [
            {"@type": "Question", "name": words or label, "answerCount": answers} for label, words, answers in questions
        ],
    }


def _described_question(part: Part) -> dict[str, Any]:
    return {
        "@type": "QAPage",
        "mainEntity": {"@type": "Question", "name": part.title or part.label, "answerCount": part.answers},
    }
