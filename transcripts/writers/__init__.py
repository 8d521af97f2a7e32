"""A transcript in each format that people take away. A new format is a new module and one line in `FORMATS`.

Several sessions together are a book, in the formats of `BOOKS`; a single session is a book too where that has pages.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from transcripts.model import Transcript
    from transcripts.writers.books import Book

FORMATS: Mapping[str, str] = {
    "html": "transcripts.writers.as_html",
    "md": "transcripts.writers.as_markdown",
    "txt": "transcripts.writers.as_text",
    "json": "transcripts.writers.as_json",
}
BOOKS: Mapping[str, str] = {
    "epub": "transcripts.writers.book_epub",
    "pdf": "transcripts.writers.book_pdf",
    "html": "transcripts.writers.book_html",
    "md": "transcripts.writers.book_markdown",
    "txt": "transcripts.writers.book_text",
}


class Writer(Protocol):
    def render(self, transcript: "Transcript") -> str: ...


class Binder(Protocol):
    def bind(self, book: "Book") -> bytes: ...


def writer(name: str) -> Writer:
    """The module that writes format `name`, loaded when first asked for. Raises KeyError for an unknown one."""
    return cast("Writer", import_module(FORMATS[name]))


def render(transcript: "Transcript", name: str) -> str:
    """The whole transcript in format `name`, a key of `FORMATS`. Pure: equal transcripts give equal text."""
    return writer(name).render(transcript)


def bind(book: "Book", name: str) -> bytes:
    """The whole book in format `name`, a key of `BOOKS`. Its sessions are read once, one at a time."""
    return cast("Binder", import_module(BOOKS[name])).bind(book)
