"""A session as plain text, 80 columns wide, for mail, for a terminal and for the far future."""

import re
from collections.abc import Iterable, Iterator
from unicodedata import combining, east_asian_width

from transcripts.model import Transcript

from .clock import Clock
from .coverage import coverage
from .outline import Section, gap, sections
from .plain import Teller, announced, figures, handle, name, names, repeated
from .references import NETWORKS, Piece, other_originals, post_url
from .text import clean_line, safe_url

WIDTH = 80
_JOINERS = re.compile("[\u200b-\u200f\ufe00-\ufe0f]")


def render(transcript: Transcript) -> str:
    """The whole session, ending with a newline."""
    return "\n".join(line.rstrip() for line in _lines(transcript)).rstrip() + "\n"


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: two for wide letters, none for marks on them."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(sign) or _JOINERS.match(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text
    )


def _cuts_anywhere(word: str) -> bool:
    """Whether a word is of a script that is written without spaces, and so may be cut between any two signs."""
    return not word.isascii() and any(east_asian_width(sign) in "WF" for sign in word)


def wrap(text: str, first: str = "", rest: str | None = None) -> Iterator[str]:
    """Break `clean` text at spaces; addresses stay whole, other words longer than a line (and CJK) are cut."""
    rest = first if rest is None else rest
    line, used, empty = first, columns(first), True
    for word in text.split():
        size = columns(word)
        gap = 0 if empty else 1
        if used + gap + size <= WIDTH:
            line, used, empty = line + " " * gap + word, used + gap + size, False
            continue
        breakable = "://" not in word and (_cuts_anywhere(word) or size > WIDTH - columns(rest))
        if not breakable:
            if not empty:
                yield line
                line = rest
            line, empty = line + word, False
            used = columns(line)
            continue
        if not empty and used + 1 < WIDTH and _cuts_anywhere(word):
            line, used = line + " ", used + 1
        elif not empty:
            yield line
            line, used = rest, columns(rest)
        for sign in word:
            wide = columns(sign)
            if used + wide > WIDTH:
                yield line
                line, used = rest, columns(rest)
            line, used = line + sign, used + wide
        empty = False
    if not empty or first.strip():
        yield line


def _text(pieces: Iterable[Piece]) -> str:
    return "".join(piece.href or piece.text if piece.kind == "url" else piece.text for piece in pieces)


def _lines(transcript: Transcript) -> Iterator[str]:
    clock = Clock.of(transcript.window)
    teller = Teller(transcript)
    title = clean_line(transcript.title or transcript.window.chat)
    yield from wrap(title)
    yield "=" * min(WIDTH, max(columns(title), 3))
    tags = " ".join("#" + clean_line(tag).removeprefix("#") for tag in transcript.hashtags)
    yield from wrap(", ".join(filter(None, (clock.date, clock.hours, tags))))
    moderators = transcript.moderators or tuple(person for person in transcript.participants if person.moderator)
    if moderators:
        yield from wrap("Moderated by " + ", ".join(name(person) for person in moderators))
    for line in announced(transcript):
        yield from wrap(line)
    yield from wrap(figures(transcript))
    for section in sections(transcript):
        yield ""
        yield from _section(section, teller, clock)
    if transcript.links:
        yield from _heading("Links shared")
    for link in transcript.links:
        yield from wrap(clean_line(link.title or "") or safe_url(link.url) or clean_line(link.url), "- ", "  ")
        if link.title and clean_line(link.title):
            yield from wrap(safe_url(link.url) or clean_line(link.url), "  ")
        by = ", ".join("@" + clean_line(who).removeprefix("@") for who in link.shared_by)
        if by:
            yield from wrap(f"shared by {by}", "  ")
    if transcript.participants:
        yield from _heading("People")
    for person in transcript.participants:
        facts = ["moderator"] if person.moderator else []
        if person.posts:
            facts.append("1 post" if person.posts == 1 else f"{person.posts} posts")
        if person.reposts:
            facts.append(f"{person.reposts} repeated")
        yield from wrap(", ".join((names(person), *facts)), "- ", "  ")
    yield from _heading("How this was collected")
    yield from wrap(f"Times are local to the chat ({clean_line(transcript.window.timezone)}).")
    for row in coverage(transcript.coverage, clock):
        yield from wrap(f"{row.source}: {', '.join((row.status, *row.facts))}", "- ", "  ")
        for remark in (*(f"gap: {words}" for words in row.missing), *row.notes):
            yield from wrap(remark, "  - ", "    ")
    if transcript.notes:
        yield from wrap("These corrections to the filing could not be followed:")
    for note in transcript.notes:
        yield from wrap(clean_line(note), "- ", "  ")


def _heading(title: str) -> Iterator[str]:
    yield ""
    yield ""
    yield title
    yield "-" * columns(title)


def _section(section: Section, teller: Teller, clock: Clock) -> Iterator[str]:
    if section.question:
        yield ""
        yield "-" * WIDTH
        yield from wrap(f"{clean_line(section.question.label)}  {clean_line(section.title)}", "", "    ")
        for entry in section.posed:
            if words := gap(entry.post):
                yield from wrap(f"[{words}]", "    ")
                continue
            told = teller.tell(entry.post, entry)
            about = ", ".join(filter(None, (f"    {told.who}, {clock.time(entry.post.created_at)}", repeated(entry))))
            yield from wrap(about.strip(), "    ")
            for url, title in told.links:
                yield from wrap(" ".join(filter(None, (title, url))), "    ")
            if entry.copies:
                yield from wrap(f"also on {', '.join(one.network for one in other_originals(entry))}", "    ")
        again = [clock.time(entry.post.created_at) for entry in section.again if not gap(entry.post)]
        if again:
            yield from wrap(f"asked again at {', '.join(again)}", "    ")
        yield "-" * WIDTH
    else:
        yield from list(_heading(section.title))[1:]
    for row in section.rows:
        indent = "    " * row.depth
        inside = indent + "    "
        yield ""
        if row.post is None or row.gap:
            yield from wrap(f"[{row.gap}]", indent)
            continue
        said = teller.tell(row.post, row.entry, row)
        head = f"{said.who}, {clock.time(row.post.created_at)}"
        remarks = [said.late] if said.late else []
        remarks += said.remarks
        if said.also:
            remarks.append(f"also fits {said.also[0]}")
        yield from wrap(clean_line(f"{head} ({', '.join(remarks)})" if remarks else head), indent)
        for paragraph in _text(said.pieces).split("\n"):
            if paragraph.strip():
                yield from wrap(paragraph, inside)
        for url, title in said.links:
            yield from wrap(" ".join(filter(None, (f"[{title}]" if title else "", url))), inside)
        if said.quoted:
            who, pieces = said.quoted
            for paragraph in f"{who}: {_text(pieces)}".split("\n"):
                yield from wrap(paragraph, inside + "> ")
        if row.entry and (times := repeated(row.entry)):
            yield from wrap(f"[{times}]", inside)
        if url := post_url(row.post):
            yield from wrap(f"[{NETWORKS.get(row.post.platform, row.post.platform)}: {url}]", inside)
        for one in other_originals(row.entry) if row.entry else ():
            yield from wrap(f"[{one.network}: {one.url or 'without an address'}]", inside)
    if section.also:
        yield ""
        others = (
            f"{handle(entry.post)}, {clock.time(entry.post.created_at)} ({clean_line(entry.filing.topic)})"
            for entry in section.also
        )
        yield from wrap(f"See also {'; '.join(others)}")
