"""A book as plain text, 80 columns wide: its sessions as `as_text` writes them."""

from collections.abc import Iterator

from . import as_text
from .as_text import WIDTH, wrap
from .books import Binder, Book, Matter, paragraphs


def bind(book: Book) -> bytes:
    """The whole book as UTF-8. Pure: equal books give equal bytes."""
    binder = Binder(book)
    chapters = []
    for transcript in book.sessions:
        binder.chapter(transcript)
        chapters.append(f"\n\n{'=' * WIDTH}\n\n{as_text.render(transcript)}")
    matter = binder.matter()
    lines = [*_front(matter), *chapters, *_back(matter)]
    return ("\n".join(line.rstrip() for line in lines).rstrip() + "\n").encode()


def _front(matter: Matter) -> Iterator[str]:
    yield from wrap(matter.title)
    if matter.heading:
        yield from wrap(matter.heading)
    yield "=" * WIDTH
    yield from wrap(" ".join(f"#{tag}" for tag in matter.tags))
    yield from wrap(matter.figures)
    yield from ("", "Contents", "--------")
    for line in matter.contents:
        yield from wrap(f"{line.date}: {line.topic}" if line.topic else line.date, "- ", "  ")
        if matter.shows_questions:
            for _, label, title in line.questions:
                yield from wrap(f"{label} {title}", "  - ", "    ")


def _back(matter: Matter) -> Iterator[str]:
    yield from ("", "=" * WIDTH)
    if matter.index:
        yield from ("", "Index of people", "---------------")
    for one in matter.index:
        yield from wrap(f"{one.name}: {', '.join(day for _, day, _ in one.chapters)}", "- ", "  ")
    yield from ("", "About this book", "---------------")
    for line in paragraphs(matter):
        yield from wrap(line)
        yield ""
