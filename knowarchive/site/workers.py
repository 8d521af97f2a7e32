"""The part of a build that several processes share: each makes some pages and puts them into the staging folder."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from knowarchive.config import Config
from knowarchive.site import addresses, frame, pages
from knowarchive.site.finding import Found, Segment, write_segment
from knowarchive.site.folder import read_digests, stage
from knowarchive.site.frame import Frame
from knowarchive.site.pages import Shelf
from knowarchive.site.sessions import Around, Facts, render_session
from knowarchive.web import catalogue
from knowarchive.web.catalogue import account_of
from knowarchive.web.reading import Snapshot
from knowarchive.web.room import MOST_AT_ONCE
from knowarchive.web.wishes import Wishes, heeded
from pipelines.indexing import index_folder
from pipelines.overrides import load_corrections
from pipelines.sessions import load_session
from storage.archive import Archive
from transcripts.build import build_transcript
from transcripts.model import Window
from transcripts.people import author_key
from transcripts.search.index import SearchIndex, open_index
from transcripts.search.posts import IndexedPost, seconds
from transcripts.search.schema import schema
from transcripts.writers.text import anchor

Written = dict[str, str]  # digests of pages, by their addresses
TEMPLATES = (
    "base.html", "bar.html", "head.html", "foot.html", "parts.html", "posts.html", "transcript.html", "session.html",
    "site_session.html", "question.html", "person.html", "links.html", "site_links.html", "site_pictures.html",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """Where a build stands: what is made from what, and put where. Small, as it goes to every process with all work.

    `list` is the file with digests of the pages that the site has, `facts` one with those of the sessions, once they are
    made; `build` and `step` are those of no other, so that nothing is kept open that is old.
    """

    build: str
    config: Config
    folder: Path
    list: Path
    catalogue: Path
    wishes: Wishes
    facts: Path | None = None
    step: int = 0


@dataclass(slots=True)
class _Bench:
    """What a process keeps open while a build lasts."""

    task: Task
    archive: Archive
    frame: Frame
    known: dict[str, str]
    shelf: Shelf | None = None


_bench: list[_Bench] = []


def get_ready() -> None:
    """Compile the templates of what is made here, before there is anything to make."""
    frame.compile_templates(TEMPLATES)


def make_sessions(task: Task, wanted: Sequence[tuple[Window, Around]]) -> tuple[dict[str, Written], list[Facts]]:
    """Make the pages of sessions; those of which nothing is there to be shown are left out."""
    bench = _at(task)
    found: dict[str, Written] = {}
    facts: list[Facts] = []
    with_catalogue = catalogue.read(task.catalogue)
    people = {row["key"]: row["person"] for row in with_catalogue.rows("keys")}
    for window, around in wanted:
        chat = task.config.require_chat(window.chat)
        session = load_session(bench.archive, chat, window, task.config.person)
        if not session.posts:
            continue
        session = heeded(session, task.wishes)
        corrections, _ = load_corrections(task.config.overrides_path, chat.name, window.label)
        transcript = build_transcript(session, corrections)
        states = {str(source["status"]) for source in session.coverage}
        coverage = "unknown" if not states else "complete" if states == {"done"} else "incomplete"
        here = {key for post in session.posts if (key := author_key(post))}
        here |= {people[key] for key in here if key in people}
        rendered, about = render_session(
            transcript,
            bench.frame,
            {key: people[key] for key in here if key in people},
            around,
            coverage=coverage,
            wishes=task.wishes,
        )
        found[f"session:{window.chat}/{window.label}"] = _staged(task, rendered.items())
        facts.append(about)
    return found, facts


def make_people(task: Task, wanted: Sequence[tuple[str, int | None]]) -> dict[str, Written]:
    """Make the pages of people, by the keys of their main accounts, each with when what changed began."""
    shelf, known = _shelf(task), _at(task).known
    return {f"person:{key}": _staged(task, pages.person(shelf, key, since, known)) for key, since in wanted}


def make_month(task: Task, chat: str, month: str) -> dict[str, Written]:
    """Make the pages of what was said in a month between a chat's sessions."""
    return {f"month:{chat}/{month}": _staged(task, pages.month(_shelf(task), chat, month))}


def make_pictures(task: Task, chat: str) -> dict[str, Written]:
    """Make the page of a chat's pictures."""
    return {f"pictures:{chat}": _staged(task, [pages.pictures(_shelf(task), chat)])}


def make_links(task: Task, month: str, numbers: Sequence[int]) -> dict[str, Written]:
    """Make pages of the links first shared in a month."""
    shelf = _shelf(task)
    return {
        f"links:{month}.{number}": _staged(task, pages.links_of_month(shelf, month, [number])) for number in numbers
    }


def make_segment(task: Task, name: str, since: datetime, until: datetime) -> tuple[dict[str, Written], Segment]:
    """Make a segment of what the search looks up: posts of a stretch of time."""
    shelf = _shelf(task)
    there = {row["uid"] for row in shelf.catalogue.rows("findable", since=seconds(since), until=seconds(until))}
    posts = [post for post in posts_of(shelf.now.index, since, until) if post.uid in there and not post.deleted]
    places = shelf.places("", [post.uid for post in posts])
    found = [
        Found(
            post,
            f"{page}#{anchor(post.uid)}",
            addresses.person_page(key) if (key := account_of(post)) else None,
            " ".join(filter(None, (post.filed[0].chat, post.filed[0].session, _asked(post)))),
        )
        for post in posts
        if (page := places.posts.get(post.uid))
    ]
    segment, files = write_segment(name, found)
    return {f"segment:{name}": _staged(task, files)}, segment


def posts_of(index: SearchIndex, since: datetime, until: datetime) -> list[IndexedPost]:
    """The posts of an index that were made in a stretch of time, of whole seconds."""
    from tantivy import FieldType, Query

    within = Query.range_query(
        schema(), "created", FieldType.Integer, seconds(since), seconds(until), include_upper=False
    )
    return index.find(within, MOST_AT_ONCE)


def open_shelf(task: Task) -> Shelf:
    """What pages are made from, as a build has it now.

    Raises:
        StorageError: the index is damaged.
    """
    index = open_index(index_folder(task.config))
    assert index is not None, "it was brought up to date"
    rows = catalogue.read(task.catalogue)
    sessions = read_facts(task.facts)
    return Shelf(
        task.config,
        Frame.of(task.config),
        Snapshot(index, rows),
        {(facts.chat, facts.date): facts for facts in sessions},
        {row["key"]: row["person"] for row in rows.rows("keys")},
        dict(_between(rows)),
        frozenset((facts.chat, facts.date, label) for facts in sessions for label, _, _ in facts.questions),
    )


def _between(rows: catalogue.Catalogue) -> Iterator[tuple[str, str]]:
    """Where posts between sessions stand."""
    last: tuple[str, str] | None = None
    number = 0
    for row in rows.rows("between"):
        chat, month = row["chat"], row["month"]
        number = number + 1 if (chat, month) == last else 0
        last = chat, month
        yield row["uid"], addresses.month_page(chat, month, number // pages.MONTHLY + 1)


def _asked(post: IndexedPost) -> str | None:
    topic = post.filed[0].topic
    return topic if topic and topic.startswith("Q") else None


def _at(task: Task) -> _Bench:
    if not _bench or _bench[0].task != task:
        archive = Archive(task.config.archive_url, task.config.state_dir)
        known = read_digests(task.list)
        _bench[:] = [_Bench(task, archive, Frame.of(task.config), known)]
    return _bench[0]


def _shelf(task: Task) -> Shelf:
    bench = _at(task)
    if bench.shelf is None:
        bench.shelf = open_shelf(task)
    return bench.shelf


def _staged(task: Task, made: Iterable[tuple[str, str | bytes | None]]) -> Written:
    """Stage what was made; None is what stands there."""
    known, site = _at(task).known, task.list.parent
    return {
        name: known[name]
        if content is None
        else stage(task.folder, name, content, known.get(name) if (site / name).is_file() else None)
        for name, content in made
    }


def read_facts(path: Path | None) -> list[Facts]:
    """Read what `make_sessions` told of sessions, as it was put down."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[Facts]) if path else []
