"""A book as Markdown: its sessions as `as_markdown` writes them, each under one heading."""

from collections.abc import Iterator

from . import as_markdown
from .as_markdown import link, plain
from .books import Binder, Book, Matter, paragraphs
from .text import escape_markdown_start


def bind(book: Book) -> bytes:
    """The whole book as UTF-8. Pure: equal books give equal bytes."""
    binder = Binder(book)
    chapters = []
    for transcript in book.sessions:
        binder.chapter(transcript)
        chapters.append(as_markdown.render_below(transcript, 1))
    matter = binder.matter()
    lines = [*_front(matter), *chapters, *_back(matter)]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _front(matter: Matter) -> Iterator[str]:
    yield f"# {plain(matter.title)}{f', {plain(matter.heading)}' if matter.heading else ''}"
    yield ""
    if matter.tags:
        yield escape_markdown_start(plain(" ".join(f"#{tag}" for tag in matter.tags)))
        yield ""
    yield f"{matter.figures}."
    yield ""
    yield "## Contents"
    yield ""
    for line in matter.contents:
        yield f"- {plain(f'{line.date}: {line.topic}' if line.topic else line.date)}"
        if matter.shows_questions:
            yield from (
                f"    - {escape_markdown_start(plain(f'{label} {title}'))}" for _, label, title in line.questions
            )
    yield ""


def _back(matter: Matter) -> Iterator[str]:
    if matter.index:
        yield "## Index of people"
        yield ""
    for one in matter.index:
        days = ", ".join(day for _, day, _ in one.chapters)
        yield f"- {escape_markdown_start(link(one.name, one.href))}: {plain(days)}"
    yield ""
    yield "## About this book"
    for line in paragraphs(matter):
        yield ""
        yield escape_markdown_start(plain(line))
