"""A session or a year as an EPUB 3 book (https://www.w3.org/TR/epub-33/), the same bytes from the same sessions.

The container is written here: EbookLib's licence (AGPL) is not ours, and there is little to it.
"""

import io
import zipfile
from collections.abc import Callable
from importlib.resources import files

from markupsafe import Markup

from transcripts.pictures import session

from .as_html import REL, environment
from .book_html import Shown
from .books import Binder, Book
from .chapters import Chapter

_XHTML, _SVG, _CSS = "application/xhtml+xml", "image/svg+xml", "text/css"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip can name; any fixed time will do
_CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""


def bind(book: Book) -> bytes:
    """The whole book. Pure: equal books give equal bytes."""
    return _Epub(book).bind()


class _Epub:
    """An EPUB on its way: what is in the zip, the manifest and the spine."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.binder = Binder(book)
        self.bytes = io.BytesIO()
        self.zip = zipfile.ZipFile(self.bytes, "w")
        self.items: list[tuple[str, str, str, str]] = []  # id, name, media type, properties
        self.has_pictures = False
        self.macros = environment().get_template("book/chapter.xhtml").make_module({"epub": True, "rel": REL})

    def bind(self) -> bytes:
        with self.zip:
            # First and not compressed, so that the kind of file can be told from its beginning (OCF 4.3).
            self._put("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
            self._put("META-INF/container.xml", _CONTAINER)
            spine = [self._chapter(self.binder.chapter(transcript)) for transcript in self.book.sessions]
            matter = self.binder.matter()
            shown = [
                Shown(self._picture(f"picture-{one.name}", one.file), one.title, one.words)
                for one in self.binder.pictures()
            ]
            title = environment().get_template("book/title.xhtml").module
            self._page("title", matter.title, title.title(matter, 1))  # type: ignore[attr-defined]
            before = ["title"]
            if shown:
                self._page("pictures", "In pictures", self._macro("pictures")(shown, 1))
                before.append("pictures")
            after = []
            if matter.index:
                self._page("people", "Index of people", self._macro("index")(matter, _href, 1))
                after.append("people")
            self._page("colophon", "About this book", self._macro("colophon")(matter, 1))
            after.append("colophon")
            names = {
                "title": "Title",
                "pictures": "In pictures",
                "people": "Index of people",
                "colophon": "About this book",
            }
            nav = environment().get_template("book/nav.xhtml")
            contents = nav.render(
                matter=matter,
                href_of=_href,
                before=[(one, names[one]) for one in before],
                after=[(one, names[one]) for one in after],
                epub=True,
                rel=REL,
            )
            self._page("nav", "Contents", Markup(contents), "nav")  # noqa: S704  # a template, escaped
            style = files("transcripts").joinpath("templates", "book", "book.css").read_text("utf-8")
            self._file("style", "book.css", _CSS, style)
            package = environment().get_template("book/package.opf")
            self._put(
                "EPUB/package.opf",
                package.render(
                    matter=matter,
                    items=self.items,
                    spine=[before[0], "nav", *before[1:], *spine, *after],
                    has_pictures=self.has_pictures,
                ),
            )
        return self.bytes.getvalue()

    def _chapter(self, chapter: Chapter) -> str:
        picture = None
        if chapter.activity:
            picture = self._picture(f"picture-{chapter.id}", session.draw(chapter.activity).file)
        heading = f"{chapter.date}: {chapter.topic}" if chapter.topic else chapter.date
        self._page(chapter.id, heading, self._macro("chapter_of")(chapter, 1, picture, heading))
        return chapter.id

    def _macro(self, name: str) -> Callable[..., str]:
        macro: Callable[..., str] = getattr(self.macros, name)
        return macro

    def _picture(self, ident: str, svg: str) -> str:
        self.has_pictures = True
        name = f"pictures/{ident}.svg"
        self._file(ident, name, _SVG, svg)
        return name

    def _page(self, ident: str, title: str, body: str, properties: str = "") -> None:
        page = environment().get_template("book/page.xhtml").render(title=title, body=body)
        self._file(ident, f"{ident}.xhtml", _XHTML, page, properties)

    def _file(self, ident: str, name: str, kind: str, text: str, properties: str = "") -> None:
        self.items.append((ident, name, kind, properties))
        self._put(f"EPUB/{name}", text)

    def _put(self, name: str, text: str, method: int = zipfile.ZIP_DEFLATED) -> None:
        entry = zipfile.ZipInfo(name, _EARLIEST)
        entry.compress_type = method
        entry.external_attr = 0o644 << 16
        entry.create_system = 3  # the same on every system
        self.zip.writestr(entry, text.encode(), compresslevel=9)


def _href(chapter: str, part: str | None = None) -> str:
    return f"{chapter}.xhtml" + (f"#{part}" if part else "")
