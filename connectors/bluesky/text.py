"""The text of a post on Bluesky: its facets, which are ranges of UTF-8 bytes, and the hashtags that have none."""

import unicodedata
from typing import Any, NamedTuple

from connectors.bluesky.ids import account_uid
from connectors.bluesky.shapes import items, part, words
from knowarchive.model import Link, Mention

_FACET = "app.bsky.richtext.facet#"
_SIGNS = "#＃"
_JOINING = "_·・\u200c\u200d"  # besides letters, digits and the marks on them
_NOT_BEFORE = "/&=?@-" + _SIGNS + _JOINING  # a sign after one of these is part of an address or a word
_LONGEST_TAG = 640
_MOST_FACETS = 1_000  # a text has 300 characters


class RichText(NamedTuple):
    """A text with its links in full, and what was marked in it, in its order."""

    text: str
    hashtags: tuple[str, ...]
    mentions: tuple[Mention, ...]
    links: tuple[Link, ...]


class _Mark(NamedTuple):
    start: int  # in characters
    end: int
    features: list[Any]


def read_text(text: str, facets: Any, more_tags: Any) -> RichText:
    """Read a text by its facets.

    Args:
        text: as the author wrote it.
        facets: as the record has them; those that make no sense are passed over.
        more_tags: tags outside the text (`tags` of the record).
    """
    marks = _read_marks(text, facets)
    tags: list[tuple[int, str]] = []
    mentions: dict[str, Mention] = {}
    links: dict[str, Link] = {}
    pieces: list[str] = []
    done = 0
    for mark in marks:
        shown = text[mark.start : mark.end]
        for feature in mark.features:
            name = part(feature, "$type")
            if name == _FACET + "tag" and (tag := _clean_tag(part(feature, "tag"))):
                tags.append((mark.start, tag))
            elif name == _FACET + "mention" and (uid := account_uid(part(feature, "did"))):
                mentions.setdefault(uid, Mention(shown.strip().lstrip("@").strip() or uid.partition(":")[2], uid))
            elif name == _FACET + "link" and (url := web_address(part(feature, "uri"))):
                links.setdefault(url, Link(url))
                if mark.start >= done and is_shortened(shown, url):
                    pieces += [text[done : mark.start], url]
                    done = mark.end
    covered = [(mark.start, mark.end) for mark in marks]
    tags += [(at, tag) for at, tag in bare_hashtags(text) if not any(start <= at < end for start, end in covered)]
    tags.sort(key=lambda found: found[0])
    named = [tag for _, tag in tags] + [tag for word in items(more_tags) if (tag := _clean_tag(word))]
    hashtags: dict[str, str] = {}
    for tag in named:
        hashtags.setdefault(fold(tag), tag)
    return RichText(
        "".join([*pieces, text[done:]]), tuple(hashtags.values()), tuple(mentions.values()), tuple(links.values())
    )


def fold(tag: str) -> str:
    """Hashtags match by NFKC and casefold."""
    return unicodedata.normalize("NFKC", tag).casefold()


def bare_hashtags(text: str) -> list[tuple[int, str]]:
    """Find the hashtags in a text, with where their sign stands. Digits alone are none."""
    found = []
    for at, sign in enumerate(text):
        if sign not in _SIGNS or (at and (text[at - 1].isalnum() or text[at - 1] in _NOT_BEFORE)):
            continue
        end = at + 1
        while end < len(text) and (text[end] in _JOINING or unicodedata.category(text[end])[0] in "LMN"):
            end += 1
        tag = text[at + 1 : end].strip("·・\u200c\u200d")
        if len(tag) <= _LONGEST_TAG and any(letter.isalpha() for letter in tag):
            found.append((at, tag))
    return found


def is_shortened(shown: str, url: str) -> bool:
    """Whether a text is an address that was cut for show, as Bluesky's own apps do: `example.com/a-long-pa...`."""
    start = shown.strip()
    cut = start.removesuffix("…") if start.endswith("…") else start.removesuffix("...")
    if cut == start or "." not in cut:
        return False
    return _bare(url).casefold().startswith(_bare(cut).casefold())


def web_address(value: Any) -> str | None:
    """An address that a browser opens; None for any other."""
    address = words(value)
    if address is None or not address.lower().startswith(("http://", "https://")):
        return None
    return address.strip()


def _bare(address: str) -> str:
    lowered = address.lower()
    for scheme in ("https://", "http://"):
        if lowered.startswith(scheme):
            address = address[len(scheme) :]
            break
    return address[4:] if address.lower().startswith("www.") else address


def _read_marks(text: str, facets: Any) -> list[_Mark]:
    """Turn ranges of bytes into ranges of characters; one that is outside the text or splits a character is none."""
    if not items(facets):
        return []
    data = text.encode()
    marks = []
    for facet in items(facets)[:_MOST_FACETS]:
        start, end = part(facet, "index", "byteStart"), part(facet, "index", "byteEnd")
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(data):
            continue
        try:
            before, shown = data[:start].decode(), data[start:end].decode()
        except UnicodeDecodeError:
            continue
        marks.append(_Mark(len(before), len(before) + len(shown), items(part(facet, "features"))))
    return sorted(marks, key=lambda mark: mark.start)


def _clean_tag(value: Any) -> str | None:
    tag = words(value)
    return tag.strip().lstrip(_SIGNS) or None if tag is not None and len(tag) <= _LONGEST_TAG else None
