"""Posts and transcripts as citations: CSL-JSON, which reference managers read, and BibTeX. Pure.

CSL-JSON: https://citeproc-js.readthedocs.io/en/latest/csl-json/markup.html; `post` is a type of CSL 1.0.2.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from transcripts.model import Transcript
from transcripts.search.posts import IndexedPost
from transcripts.writers.clock import Clock
from transcripts.writers.references import NETWORKS
from transcripts.writers.text import clean_line, safe_url

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
LONGEST_TITLE = 160  # characters; APA and MLA cite a post by its first words
_SPECIAL = {character: f"\\{character}" for character in "&%$#_"}
_SPECIAL |= {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
_SPECIAL |= {"{": "\\textbraceleft{}", "}": "\\textbraceright{}"}  # BibTeX counts even those that are escaped
_NO_KEY = re.compile(r"[^A-Za-z0-9]+")


def cite_post(post: IndexedPost) -> dict[str, Any]:
    """A post as a CSL item. One that its author deleted is cited by its place alone."""
    who = author(post)
    text = clean_line(post.text or "")
    item: dict[str, Any] = {
        "id": post.uid,
        "type": "post",
        "title": text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 1].rstrip() + "…",
        "container-title": NETWORKS.get(post.platform, clean_line(post.platform)),
        "issued": _date(post.created_at),
    }
    if who:
        item["author"] = [{"literal": who}]
    if address := safe_url(post.address):
        item["URL"] = address
    return item


def author(post: IndexedPost) -> str:
    """Who wrote a post, by name and handle; empty where neither is known."""
    handle = clean_line(post.author_handle or "").removeprefix("@")
    name = clean_line(post.author_name or "")
    return f"{name} (@{handle})" if name and handle else name or (f"@{handle}" if handle else "")


def reference(item: Mapping[str, Any]) -> str:
    """A CSL item in words, without its text where it is a post: whose, where, when, and where to read it."""
    year, month, day = item["issued"]["date-parts"][0]
    who = " and ".join(one["literal"] for one in item.get("author", ()))
    network = item.get("container-title")
    what = f"{network}, {day} {MONTHS[month - 1]} {year}" if network else item["title"]  # which has the day in it
    said = [who, what, item.get("genre", "")]
    return " ".join([*(f"{one}." for one in said if one), item.get("URL") or f"({item['id']})"])


def cite_transcript(transcript: Transcript) -> dict[str, Any]:
    """A session as a CSL item; its moderators are its editors."""
    window = transcript.window
    clock = Clock.of(window)
    item: dict[str, Any] = {
        "id": f"{window.chat}-{window.label}",
        "type": "document",
        "genre": "Transcript",
        "title": f"{clean_line(transcript.title)}, {clock.date}",
        "keyword": ", ".join(f"#{clean_line(tag).removeprefix('#')}" for tag in transcript.hashtags),
        "issued": _date(clock.start, local=True),
    }
    names = [clean_line(person.name or person.handle or "") for person in transcript.moderators]
    if any(names):
        item["editor"] = [{"literal": name} for name in names if name]
    return item


def bibtex(item: Mapping[str, Any]) -> str:
    """A CSL item as a BibTeX entry, `@misc` as every style knows it."""
    year, month, day = item["issued"]["date-parts"][0]
    fields = {
        "author": " and ".join(f"{{{_escaped(one['literal'])}}}" for one in item.get("author", ())),
        "editor": " and ".join(f"{{{_escaped(one['literal'])}}}" for one in item.get("editor", ())),
        "title": f"{{{_escaped(item['title'])}}}" if item["title"] else "",
        "howpublished": _escaped(item.get("container-title") or item.get("genre") or ""),
        "keywords": _escaped(item.get("keyword", "")),
        "year": f"{year:04d}",
        "month": str(month),
        "day": str(day),
        "url": item.get("URL", "").translate(str.maketrans({"{": "%7B", "}": "%7D", "\\": "%5C"})),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{_NO_KEY.sub('-', item['id']).strip('-') or 'post'},", *lines, "}"]) + "\n"


def _date(moment: datetime, *, local: bool = False) -> dict[str, list[list[int]]]:
    day = moment if local else moment.astimezone(UTC)
    return {"date-parts": [[day.year, day.month, day.day]]}


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)
