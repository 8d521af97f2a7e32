"""A session or a year as PDF, set by typst: tagged, with bookmarks, the same bytes from the same sessions and fonts.

All text goes in as JSON that the template (`templates/book/book.typ`) shows as strings: typst never reads it as markup.
Nothing is fetched: the template imports no package. Fonts are typst's own, then whatever the system has for scripts that
those lack; a sign that none of them has is printed as an empty box, and said.
"""

import logging
import re
from dataclasses import replace
from datetime import datetime
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, cast

import msgspec

from knowarchive.errors import KnowarchiveError
from transcripts.pictures import session

from .books import Binder, Book
from .chapters import Chapter, Told, Words

if TYPE_CHECKING:
    import typst

log = logging.getLogger("knowarchive.transcripts")

PAPER = "a4"
_UNBROKEN = re.compile(r"\S{40}(?=\S)")  # what is longer may run off the page
_BREAK = "\u200b"
_MISSING = re.compile(r'the text `"(.+?)"` could not be displayed')
_SHOWN = 20  # signs that are named
_LONGEST_LINK = 2000  # characters; typst refuses longer than 8000


class TypesettingError(KnowarchiveError):
    """typst could not set a document."""


def bind(book: Book) -> bytes:
    """The whole book. Pure but for the fonts of this machine.

    Raises:
        TypesettingError: typst refuses.
    """
    data, modified = lay_out(book)
    return _typeset(data, modified)


def lay_out(book: Book) -> tuple[str, datetime]:
    """What the template shows, as JSON, and the time that the document bears."""
    binder = Binder(book)
    chapters = []
    for transcript in book.sessions:
        chapter = _fit(binder.chapter(transcript))
        picture = session.draw(chapter.activity).printed if chapter.activity else None
        chapters.append({"chapter": chapter, "picture": picture})
    matter = binder.matter()
    data = {
        "paper": PAPER,
        "matter": matter,
        "chapters": chapters,
        "pictures": [{"svg": one.printed, "title": one.title, "words": one.words} for one in binder.pictures()],
    }
    return msgspec.json.encode(data).decode(), datetime.fromisoformat(matter.modified)


def _typeset(data: str, modified: datetime) -> bytes:
    """Set the template with some data: as PDF/UA-1, which is read aloud well, but that forbids signs without a font."""
    import typst

    stamp = int(modified.timestamp())
    with as_file(files("transcripts").joinpath("templates", "book", "book.typ")) as template:
        compiler = typst.Compiler(template, root=template.parent, sys_inputs={"data": data})
        try:
            return _compile(compiler, stamp, "ua-1")
        except typst.TypstError as error:
            missing = dict.fromkeys(map(_named, _MISSING.findall(f"{error.message}\n{error.diagnostic}")))
            refused = error.message
        if missing:
            log.warning(
                "no font here has %s: printed as empty boxes; install fonts for them, such as Noto, and write it again",
                " ".join([*missing][:_SHOWN]) + (" …" if len(missing) > _SHOWN else ""),
            )
        try:
            content = _compile(compiler, stamp)
        except typst.TypstError as error:
            raise TypesettingError(f"the PDF could not be set: {error.message[:200]}; choose another format") from error
        if not missing:
            log.warning("the PDF is tagged, but no PDF/UA: %s", refused[:200])
        return content


def _named(sign: str) -> str:
    """A sign as typst names it (in Rust's way), to be read by people."""
    code = re.fullmatch(r"\\u\{([0-9a-f]+)\}", sign)
    return f"U+{int(code[1], 16):04X}" if code else sign


def _compile(compiler: "typst.Compiler", stamp: int, *standards: "typst.PDFStandard") -> bytes:
    return cast("bytes", compiler.compile(format="pdf", timestamp=stamp, pdf_standards=list(standards)))


def _fit(chapter: Chapter) -> Chapter:
    """A chapter in which every word can be broken somewhere, and no link is too long for typst."""
    return replace(
        chapter,
        parts=tuple(
            replace(
                part,
                title=_breakable(part.title),
                posed=tuple(map(_fit_post, part.posed)),
                rows=tuple(map(_fit_post, part.rows)),
            )
            for part in chapter.parts
        ),
        links=tuple(
            replace(link, title=_breakable(link.title), shown=_breakable(link.shown), href=_short(link.href))
            for link in chapter.links
        ),
        notes=tuple(
            replace(note, places=tuple((network, url) for network, url in note.places if _short(url)))
            for note in chapter.notes
        ),
        people=tuple((_breakable(shown), _short(href), facts) for shown, href, facts in chapter.people),
    )


def _fit_post(told: Told) -> Told:
    return replace(
        told,
        name=_breakable(told.name),
        words=_fit_words(told.words),
        beside=tuple((_short(href), _breakable(shown)) for href, shown in told.beside),
        quoted=(_breakable(told.quoted[0]), _fit_words(told.quoted[1])) if told.quoted else None,
    )


def _fit_words(said: Words) -> Words:
    pieces = tuple(replace(piece, text=_breakable(piece.text), href=_short(piece.href)) for piece in said.pieces)
    return replace(said, pieces=pieces)


def _breakable(words: str) -> str:
    return _UNBROKEN.sub(lambda match: match[0] + _BREAK, words)


def _short(href: str | None) -> str | None:
    return href if href and len(href) <= _LONGEST_LINK else None
