"""A session as Markdown that pastes cleanly into a blog: CommonMark, four spaces to a level, readable as it stands."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from knowarchive.model import Post
from transcripts.model import Entry, Transcript

from .clock import Clock
from .coverage import coverage
from .outline import Section, gap, sections
from .plain import Saying, Teller, announced, figures, handle, name, names, repeated
from .references import NETWORKS, Piece, other_originals, post_url
from .text import clean_line, escape_markdown, escape_markdown_start, safe_url, show_url

_LEVEL = "    "  # four spaces: right for CommonMark, and the only depth that Python-Markdown takes
_NEWLINE = "  \n"  # a hard line break in every dialect


def render(transcript: Transcript) -> str:
    """The whole session, ending with a newline."""
    return render_below(transcript, 0)


def render_below(transcript: Transcript, levels: int) -> str:
    """The same with its headings some levels lower, as a part of something larger."""
    return "\n".join(_lines(transcript, "#" * levels)).rstrip() + "\n"


def plain(text: str) -> str:
    """Foreign words on one line, as text."""
    return escape_markdown(clean_line(text))


def _address(url: str) -> str:
    """A safe address as a link's destination. Parentheses, asterisks and the like are encoded: all parsers agree."""
    for sign, code in (
        ("(", "%28"),
        (")", "%29"),
        ("*", "%2A"),
        ("[", "%5B"),
        ("]", "%5D"),
        ("'", "%27"),
        ("!", "%21"),
    ):
        url = url.replace(sign, code) if sign not in "[]" or "://[" not in url else url
    return url.replace("&", "&amp;") if "&" in url and ";" in url else url


def link(text: str, url: str | None) -> str:
    shown = plain(text)
    return f"[{shown}]({_address(url)})" if url else shown


def _words(pieces: Iterable[Piece], indent: str) -> str:
    """A post's text with its addresses as links, later lines indented to stay inside their list item."""
    whole = "".join(
        link(show_url(piece.text), piece.href)
        if piece.kind == "url"
        else "\n".join(map(escape_markdown, piece.text.split("\n")))
        for piece in pieces
    )
    lines = [line for line in whole.split("\n") if line.strip()]
    return f"{_NEWLINE}{indent}".join([*(line.strip() for line in lines[:1]), *map(escape_markdown_start, lines[1:])])


def _lines(transcript: Transcript, above: str) -> Iterator[str]:
    """The lines; `above` are the signs before those of each heading."""
    clock = Clock.of(transcript.window)
    teller = Teller(transcript)
    tags = " ".join("#" + clean_line(tag).removeprefix("#") for tag in transcript.hashtags)
    yield f"{above}# {plain(transcript.title or transcript.window.chat)}, {clock.date}"
    yield ""
    yield f"{escape_markdown_start(plain(tags))}, {clock.hours}" if tags else clock.hours
    moderators = transcript.moderators or tuple(person for person in transcript.participants if person.moderator)
    if moderators:
        yield ""
        yield "Moderated by " + ", ".join(plain(name(person)) for person in moderators) + "."
    for line in announced(transcript):
        yield ""
        yield plain(line) + "."
    yield ""
    yield figures(transcript) + "."
    for section in sections(transcript):
        yield ""
        yield from _section(section, teller, clock, above)
    yield from _links(transcript, above)
    yield from _people(transcript, above)
    yield ""
    yield f"{above}## How this was collected"
    yield ""
    yield f"Times are local to the chat ({plain(transcript.window.timezone)})."
    rows = coverage(transcript.coverage, clock)
    if rows:
        yield ""
    for row in rows:
        yield f"- {escape_markdown_start(plain(row.source))}: {', '.join(map(plain, (row.status, *row.facts)))}"
        yield from (f"{_LEVEL}- {escape_markdown_start(plain(line))}" for line in (*map(_gap, row.missing), *row.notes))
    if transcript.notes:
        yield ""
        yield "These corrections to the filing could not be followed:"
        yield ""
        yield from (f"- {escape_markdown_start(plain(note))}" for note in transcript.notes)


def _gap(words: str) -> str:
    return f"gap: {words}"


def _section(section: Section, teller: Teller, clock: Clock, above: str) -> Iterator[str]:
    question = section.question
    if question is None:
        yield f"{above}## {section.title}"
    else:
        label = clean_line(question.label)
        yield f"{above}## {plain(label)}"
        yield ""
        yield f"> {escape_markdown_start(plain(question.text) or plain(label))}"
        for entry in section.posed:
            yield ">"
            if words := gap(entry.post):
                yield f"> — {words}"
                continue
            said = replace(teller.tell(entry.post, entry), pieces=())  # the words are the question itself
            yield f"> — {_told(entry.post, entry, said, clock, '> ')}"
        again = [_original(entry.post, clock) for entry in section.again if not gap(entry.post)]
        if again:
            yield ">"
            yield f"> — asked again at {', '.join(again)}"
    if section.rows:
        yield ""
    for row in section.rows:
        indent = _LEVEL * row.depth
        if row.post is None or row.gap:
            yield f"{indent}- {link(row.gap or '', row.href)}"
            continue
        said = teller.tell(row.post, row.entry, row)
        yield f"{indent}- {_told(row.post, row.entry, said, clock, indent + _LEVEL)}"
    if section.also:
        yield ""
        yield "See also " + "; ".join(
            f"{link(f'{handle(entry.post)}, {clock.time(entry.post.created_at)}', post_url(entry.post))}"
            f" under {plain(entry.filing.topic)}"
            for entry in section.also
        )


def _original(post: Post, clock: Clock) -> str:
    return link(f"{clock.time(post.created_at)} on {NETWORKS.get(post.platform, post.platform)}", post_url(post))


def _told(post: Post, entry: Entry | None, said: Saying, clock: Clock, indent: str) -> str:
    """A post's author, words, time and link, remarks, and what stands beside the words."""
    facts = [_original(post, clock)]
    if entry and entry.copies:
        facts.append("also on " + ", ".join(link(one.network, one.url) for one in other_originals(entry)))
    if said.late:
        facts.append(plain(said.late))
    facts += map(plain, said.remarks)
    if said.also:
        facts.append(f"also fits {link(*said.also)}")
    if entry and (times := repeated(entry)):
        facts.append(plain(times))
    words = _words(said.pieces, indent)
    line = f"**{plain(said.who)}** {words + ' ' if words else ''}({', '.join(facts)})"
    for url, title in said.links:
        line += f"{_NEWLINE}{indent}{link(title or show_url(url or ''), url)}"
    if said.quoted:
        who, pieces = said.quoted
        line += f"{_NEWLINE}{indent}Quoting **{plain(who)}**: “{_words(pieces, indent)}”"
    return line


def _links(transcript: Transcript, above: str) -> Iterator[str]:
    if not transcript.links:
        return
    yield ""
    yield f"{above}## Links shared"
    yield ""
    for shared in transcript.links:
        title = clean_line(shared.title or "") or show_url(shared.url)
        by = ", ".join("@" + clean_line(who).removeprefix("@") for who in shared.shared_by)
        under = ", ".join(clean_line(topic) for topic in shared.topics if topic not in {"intro", "wrapup", "none"})
        said = "shared" + (f" by {by}" if by else "") + (f" under {under}" if under else "")
        yield f"- {escape_markdown_start(link(title, safe_url(shared.url)))} ({plain(said)})"


def _people(transcript: Transcript, above: str) -> Iterator[str]:
    if not transcript.participants:
        return
    yield ""
    yield f"{above}## People"
    yield ""
    for person in transcript.participants:
        facts = []
        if person.moderator:
            facts.append("moderator")
        if person.posts:
            facts.append("1 post" if person.posts == 1 else f"{person.posts} posts")
        if person.reposts:
            facts.append(f"{person.reposts} repeated")
        yield f"- {escape_markdown_start(plain(names(person)))}{': ' if facts else ''}{', '.join(facts)}"
