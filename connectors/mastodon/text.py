"""The text of a post on Mastodon as its author meant it: HTML without the HTML, links in full, `#Tag` and `@user` kept.

Servers shorten links for the eye (`<span class="invisible">`) and clean what other servers send, each in its own way.
Nothing is trusted here: an unknown tag is dropped and what it holds is text; a script is dropped whole.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape

LONGEST = 500_000  # characters of HTML; the longest that a server known to us allows is 100,000

_BLOCKS = frozenset(
    ("p", "div", "blockquote", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "table", "section")
)
_LINES = frozenset(("li", "tr", "dt", "dd", "figcaption"))
_UNSEEN = frozenset(("script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head"))
#: What shows a quoted post to readers whose server knows no quotes: Mastodon's class, and the older one of Misskey.
#: https://codeberg.org/fediverse/fep/src/branch/main/fep/044f/fep-044f.md
_QUOTE_CLASSES = frozenset(("quote-inline", "reference-link-inline"))

# Python 3.11's own HTML parser takes time that grows with the square of some inputs (CVE-2025-6069 is one), so tags are
# found by expressions that never go back.
_TAG_NAME = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,63})")
_TAG_REST = re.compile(r"""(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>""")
_ATTRIBUTE = re.compile(r"""([A-Za-z][\w:-]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++)))?""")
_RAW = {name: re.compile(rf"</{name}", re.IGNORECASE) for name in ("script", "style")}

_SPACE = re.compile(r"(?<![ \t])[ \t]*[\r\n]\s*")
_TRAILING = re.compile(r"(?<![ \t])[ \t]+\n")
_MANY_LINES = re.compile(r"\n{3,}")
#: A hashtag as Mastodon finds it: letters, digits, marks, `_`, `·` and joiners, not all digits.
HASHTAG = re.compile(r"(?<![\w/&])[#\uff03]([\w\u0300-\u036f·・\u200c\u200d]+)")
_REFERENCE = re.compile(r"(?:^|\n)[^\S\n]*(?:RE|QT):?\s+(https?://\S+)\s*$")


@dataclass(frozen=True, slots=True)
class Text:
    """What a post says. `links` are the addresses in it, mentions and hashtags left out.

    `quote` is the address by which the text refers to a quoted post. That line is not in `text`.
    """

    text: str
    links: tuple[str, ...] = ()
    quote: str | None = None


def read_html(html: str, *, keep_quote: bool = False) -> Text:
    """Turn the HTML of a post into text. Never raises.

    Args:
        html: as the server sent it.
        keep_quote: leave the line that stands for a quoted post in the text, because nothing else tells of it.
    """
    if "<" not in html and "&" not in html:
        return _without_reference(Text(html.replace("\x00", "").strip("\n ")), keep_quote=keep_quote)
    reader = _Reader(keep_quote=keep_quote)
    reader.read(html[:LONGEST])
    return _without_reference(reader.result(), keep_quote=keep_quote)


def fold_tag(tag: str) -> str:
    """Fold a hashtag as Mastodon compares them: width, case, and accents of Latin letters.

    https://github.com/mastodon/mastodon/blob/main/app/lib/hashtag_normalizer.rb
    """
    decomposed = unicodedata.normalize("NFKD", tag.casefold())
    return unicodedata.normalize("NFC", "".join(char for char in decomposed if not "\u0300" <= char <= "\u036f"))


def tags_as_written(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Name the hashtags of a post as its author wrote them; the server's list is in lower case.

    Args:
        text: plain.
        names: as the server lists them. One that is not in the text is kept as listed.
    """
    written: dict[str, str] = {}
    for match in HASHTAG.finditer(text):
        written.setdefault(fold_tag(match[1]), match[1])
    found = (written.get(fold_tag(name), name) for name in names)
    return tuple(dict.fromkeys(tag for tag in found if tag))


def _without_reference(found: Text, *, keep_quote: bool) -> Text:
    """Cut the `RE: <address>` that Misskey and Fedibird end a quoting post with."""
    if found.quote is not None:
        return found
    match = _REFERENCE.search(found.text)
    if match is None:
        return found
    if keep_quote:
        return Text(found.text, found.links, match[1])
    links = tuple(link for link in found.links if link != match[1])
    return Text(found.text[: match.start()].rstrip(), links, match[1])


def _is_same(shown: str, href: str) -> bool:
    """Whether a link's text is its address, or a part of it that was cut for the eye."""
    shown = shown.strip().removesuffix("…").removesuffix("...").strip()
    return not shown or shown.casefold() in href.casefold()


class _Reader:
    """Collects text. Links are written when they end, because only then is it known what they show."""

    def __init__(self, *, keep_quote: bool) -> None:
        self._keep_quote = keep_quote
        self._parts: list[str] = []
        self._links: dict[str, None] = {}
        self._quote: str | None = None
        self._skipped: tuple[str, int] | None = None  # an element whose content is not shown, and how often it is open
        self._in_quote = False  # whether that is the line that stands for a quoted post
        self._lists: list[int | None] = []  # the next number; None for bullets
        self._pre = 0
        self._link: tuple[str, bool, int] | None = None  # address, whether it names a person or tag, its text's start

    def read(self, html: str) -> None:
        """Go through the HTML once, whatever is in it: no character is looked at more than a few times."""
        position, is_quoted = 0, True
        while (start := html.find("<", position)) >= 0:
            opened = _TAG_NAME.match(html, start)
            if opened is None:
                end = _comment_end(html, start)
                if end is None:  # a sign, not a tag
                    self._text(html[position : start + 1])
                    position = start + 1
                    continue
            else:
                closed = _TAG_REST.match(html, opened.end()) if is_quoted else None
                if closed is None:  # a quote in it never ends: from here on, quotes mean nothing
                    is_quoted = False
                end = closed.end() if closed is not None else html.find(">", start) + 1
                if end == 0:
                    break
            self._text(html[position:start])
            position = end
            if opened is not None:
                name = opened[2].lower()
                if opened[1]:
                    self._end(name)
                else:
                    self._start(name, html[opened.end() : end - 1])
                    if name in _RAW:
                        match = _RAW[name].search(html, position)
                        position = match.start() if match is not None else len(html)
        self._text(html[position:])
        self._end_link()

    def _start(self, tag: str, attributes: str) -> None:
        if self._skipped is not None:
            if tag == self._skipped[0]:
                self._skipped = (tag, self._skipped[1] + 1)
            if tag == "a" and self._in_quote and _is_address(href := _read_attributes(attributes).get("href", "")):
                self._quote = href
            return
        if tag in _UNSEEN:
            self._skipped, self._in_quote = (tag, 1), False
            return
        if tag == "br":
            self._parts.append("\n")
            return
        known = _read_attributes(attributes)
        classes = frozenset(known.get("class", "").split())
        if tag in {"p", "span", "div"} and classes & _QUOTE_CLASSES and not self._keep_quote:
            self._skipped, self._in_quote = (tag, 1), True
        elif tag == "img":
            self._parts.append(known.get("alt") or known.get("title", ""))
        elif tag == "a":
            self._end_link()
            is_name = bool(classes & {"mention", "hashtag", "u-url"}) or "tag" in known.get("rel", "").split()
            self._link = (known.get("href", ""), is_name, len(self._parts))
        elif tag in _BLOCKS:
            self._parts.append("\n" if self._lists and tag in {"p", "ul", "ol"} else "\n\n")
            if tag == "pre":
                self._pre += 1
            elif tag in {"ul", "ol"}:
                self._lists.append(1 if tag == "ol" else None)
            elif tag == "blockquote":
                self._parts.append("> ")
            elif tag == "p" and self._lists:
                self._parts.pop()  # an item's first paragraph stands beside its mark
        elif tag in _LINES:
            self._parts.append("\n")
            if tag == "li":
                self._parts.append(self._mark())

    def _end(self, tag: str) -> None:
        if self._skipped is not None:
            name, depth = self._skipped
            if tag == name:
                self._skipped = (name, depth - 1) if depth > 1 else None
            return
        if tag == "a":
            self._end_link()
        elif tag in _BLOCKS:
            if tag == "pre":
                self._pre = max(0, self._pre - 1)
            elif tag in {"ul", "ol"} and self._lists:
                self._lists.pop()
            self._parts.append("\n" if self._lists else "\n\n")

    def _text(self, raw: str) -> None:
        if self._skipped is not None or not raw:
            return
        data = unescape(raw) if "&" in raw else raw
        if not self._pre:
            data = _SPACE.sub(" ", data)
            if data == " " and (not self._parts or self._parts[-1].endswith("\n")):
                return  # the layout of the HTML, not of the text
        self._parts.append(data)

    def result(self) -> Text:
        text = "".join(self._parts).replace("\x00", "").replace("> \n\n", "> ")
        text = _MANY_LINES.sub("\n\n", _TRAILING.sub("\n", text)).strip("\n ")
        return Text(text, tuple(self._links), self._quote)

    def _mark(self) -> str:
        indent = "  " * min(8, max(0, len(self._lists) - 1))
        if self._lists and (number := self._lists[-1]) is not None:
            self._lists[-1] = number + 1
            return f"{indent}{number}. "
        return f"{indent}- "

    def _end_link(self) -> None:
        """Write a link as its address; one whose text says something else as both."""
        if self._link is None:
            return
        href, is_name, start = self._link
        self._link = None
        shown = "".join(self._parts[start:])
        # `u-url` alone may be any link: a person's begins with @ and a tag's with #.
        if (is_name and shown.lstrip()[:1] in {"@", "#", "\uff03", "\uff20"}) or not _is_address(href):
            return
        self._links[href] = None
        stripped = shown.strip()
        del self._parts[start:]
        if _is_same(stripped, href):
            self._parts.append(href)
        else:
            self._parts += [shown.rstrip(), f" ({href})"]


def _is_address(href: str) -> bool:
    return href.startswith(("https://", "http://"))


def _read_attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        found.setdefault(match[1].lower(), unescape(match[2] or match[3] or match[4] or ""))
    return found


def _comment_end(html: str, start: int) -> int | None:
    """Where a comment or declaration that starts here ends; None if none starts here."""
    if html.startswith("<!--", start):
        end = html.find("-->", start + 4)
        return end + 3 if end >= 0 else len(html)
    if html.startswith(("<!", "<?", "</"), start):
        end = html.find(">", start)
        return end + 1 if end >= 0 else len(html)
    return None
