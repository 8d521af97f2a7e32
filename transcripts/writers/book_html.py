"""A book as one HTML page that needs nothing else: no request, no script, its pictures within it."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from transcripts.pictures import session

from .as_html import REL, environment
from .books import Binder, Book


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture in a book: where it is, what it is called, and the same in words."""

    href: str
    title: str
    words: str


def bind(book: Book) -> bytes:
    """The whole book as UTF-8. Pure: equal books give equal bytes."""
    binder = Binder(book)
    macros = environment().get_template("book/chapter.xhtml").make_module({"epub": False, "rel": REL})
    chapters = []
    for transcript in book.sessions:
        chapter = binder.chapter(transcript)
        picture = _embedded(session.draw(chapter.activity).file) if chapter.activity else None
        heading = f"{chapter.date}: {chapter.topic}" if chapter.topic else chapter.date
        chapters.append(macros.chapter_of(chapter, 2, picture, heading))  # type: ignore[attr-defined]
    matter = binder.matter()
    shown = [Shown(_embedded(one.file), one.title, one.words) for one in binder.pictures()]
    css, digest = _style()
    page = environment().get_template("book/book.html")
    text = page.render(
        matter=matter,
        chapters=chapters,
        shown=shown,
        before=[("pictures", "In pictures")] if shown else [],
        after=[*([("people", "Index of people")] if matter.index else []), ("colophon", "About this book")],
        href_of=lambda chapter, part=None: f"#{part or chapter}",
        epub=False,
        rel=REL,
        css=css,
        digest=digest,
    )
    return text.encode()


def _embedded(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


@cache
def _style() -> tuple[Markup, str]:
    """The style sheet, and its hash as a Content-Security-Policy names it."""
    folder = files("transcripts").joinpath("templates", "book")
    css = "".join(folder.joinpath(name).read_text("utf-8") for name in ("book.css", "page.css"))
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return Markup(css), f"'sha256-{digest}'"  # noqa: S704  # our own files
