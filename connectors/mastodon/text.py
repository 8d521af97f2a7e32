"""The text of a post on Mastodon as its author meant it: HTML without the HTML, links in full, `#Tag` and `@user` kept.

Servers shorten links for the eye (`<span class="invisible">`) and clean what other servers send, each in its own way.
Nothing is trusted here: an unknown tag is dropped and what it holds is text; a script is dropped whole.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser

LONGEST = 500_000  # characters of HTML; the longest that a server known to us allows is 100,000

_BLOCKS = frozenset(
    ("p", "div", "blockquote", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "table", "section")
)
_LINES = frozenset(("li", "tr", "dt", "dd", "figcaption"))
_UNSEEN = frozenset(("script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head"))
_VOID = frozenset(("br", "hr", "img", "input", "wbr", "meta", "link", "source", "embed"))
#: What shows a quoted post to readers whose server knows no quotes: Mastodon's class, and the older one of Misskey.
#: https://codeberg.org/fediverse/fep/src/branch/main/fep/044f/fep-044f.md
_QUOTE_CLASSES = frozenset(("quote-inline", "reference-link-inline"))

_SPACE = re.compile(r"[ \t]*[\r\n]\s*")
_TRAILING = re.compile(r"[ \t]+\n")
_MANY_LINES = re.compile(r"\n{3,}")
#: A hashtag as Mastodon finds it: letters, digits, marks, `_`, `·` and joiners, not all digits.
HASHTAG = re.compile(r"(?<![\w/&])[#\uff03]([\w\u0300-\u036f·・\u200c\u200d]+)")
_REFERENCE = re.compile(r"(?:^|\n)\s*(?:RE|QT):?\s+(https?://\S+)\s*$")


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
        text = _SPACE.sub(" ", html) if html.strip() != html else html
        return _without_reference(Text(text.strip("\n ")), keep_quote=keep_quote)
    reader = _Reader(keep_quote=keep_quote)
    reader.feed(html[:LONGEST])
    reader.close()
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


class _Reader(HTMLParser):
    """Collects text. Links are written when they end, because only then is it known what they show."""

    def __init__(self, *, keep_quote: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._keep_quote = keep_quote
        self._parts: list[str] = []
        self._links: dict[str, None] = {}
        self._quote: str | None = None
        self._unseen: list[str] = []  # elements whose content is not shown
        self._quoting: list[str] = []  # elements within the line that stands for a quoted post
        self._lists: list[int | None] = []  # the next number; None for bullets
        self._pre = 0
        self._quoted = 0  # depth of block quotations
        self._link: tuple[str, bool, int] | None = (
            None  # address, whether it names a person or tag, where its text starts
        )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unseen:
            if tag not in _VOID:
                self._unseen.append(tag)
            return
        known = {name: value or "" for name, value in attrs}
        classes = frozenset(known.get("class", "").split())
        if self._quoting:
            if tag not in _VOID:
                self._quoting.append(tag)
            if tag == "a" and _is_address(known.get("href", "")):
                self._quote = known["href"]
            return
        if tag in _UNSEEN:
            self._unseen.append(tag)
        elif classes & _QUOTE_CLASSES and tag in {"p", "span", "div"} and not self._keep_quote:
            self._quoting.append(tag)
        elif tag == "br":
            self._parts.append("\n")
        elif tag == "img":
            self._parts.append(known.get("alt") or known.get("title", ""))
        elif tag == "a":
            self._end_link()
            rel = known.get("rel", "").split()
            is_name = bool(classes & {"mention", "hashtag", "u-url"}) or "tag" in rel
            self._link = (known.get("href", ""), is_name, len(self._parts))
        elif tag in _BLOCKS:
            self._parts.append("\n\n" if not self._lists or tag not in {"p", "ul", "ol"} else "\n")
            if tag == "pre":
                self._pre += 1
            elif tag in {"ul", "ol"}:
                self._lists.append(1 if tag == "ol" else None)
            elif tag == "blockquote":
                self._quoted += 1
                self._parts.append("> ")
        elif tag in _LINES:
            self._parts.append("\n")
            if tag == "li":
                self._parts.append(self._mark())

    def handle_endtag(self, tag: str) -> None:
        for open_tags in (self._unseen, self._quoting):
            if open_tags:
                if tag in open_tags:  # close what was left open within it
                    while open_tags.pop() != tag:
                        pass
                return
        if tag == "a":
            self._end_link()
        elif tag in _BLOCKS:
            if tag == "pre":
                self._pre = max(0, self._pre - 1)
            elif tag in {"ul", "ol"} and self._lists:
                self._lists.pop()
            elif tag == "blockquote":
                self._quoted = max(0, self._quoted - 1)
            self._parts.append("\n\n" if not self._lists else "\n")

    def handle_data(self, data: str) -> None:
        if self._unseen or self._quoting:
            return
        if not self._pre:
            data = _SPACE.sub(" ", data)
            if data == " " and (not self._parts or self._parts[-1].endswith("\n")):
                return  # the layout of the HTML, not of the text
        self._parts.append(data)

    def close(self) -> None:
        super().close()
        self._end_link()

    def result(self) -> Text:
        text = _TRAILING.sub("\n", "".join(self._parts).replace("\x00", ""))
        text = _MANY_LINES.sub("\n\n", text).replace("> \n\n", "> ").strip("\n ")
        return Text(text, tuple(self._links), self._quote)

    def _mark(self) -> str:
        indent = "  " * max(0, len(self._lists) - 1)
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
