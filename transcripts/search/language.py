"""The query language: what a person types, read leniently into a tree, and what was understood, said back.

Words and "phrases" must all be there; `a OR b` is either; `-` excludes; `knowl*` is any word that begins so; `#tag` and
`@handle` are exact; `name:value` asks for a property (`FILTERS`). Whatever does not fit is read as a word, or left out
with a note. Reading takes time in proportion to the length, which is limited.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, tzinfo
from typing import Literal

import msgspec

from transcripts.search import words

LONGEST = 1_000  # characters that are read
MOST = 32  # terms that are read

Kind = Literal["word", "phrase", "prefix", "tag", "handle", "filter", "time"]


class Term(msgspec.Struct, frozen=True):
    """One condition. `name` is the filter's, `value` as it is compared; of a time, ISO 8601 in UTC."""

    kind: Kind
    value: str
    name: str = ""
    negated: bool = False
    shown: str = ""  # how it is said back


class Query(msgspec.Struct, frozen=True):
    """Groups of alternatives: one of each group must hold. `notes` say what was read otherwise than typed."""

    groups: tuple[tuple[Term, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def reading(self) -> str:
        """What was understood, in the query language."""
        return " ".join(" OR ".join(_say(term) for term in group) for group in self.groups)

    @property
    def terms(self) -> tuple[Term, ...]:
        return tuple(term for group in self.groups for term in group)

    def narrowed(self, *terms: Term) -> "Query":
        """The same query with further conditions."""
        return Query((*self.groups, *((term,) for term in terms)), self.notes)


# What can be asked for: the name typed, and the one it stands for
FILTERS = {
    "from": "from", "author": "from", "to": "to", "mentions": "mentions", "chat": "chat", "session": "session",
    "on": "on", "platform": "on", "network": "on", "question": "question", "topic": "question", "role": "role",
    "since": "since", "until": "until", "has": "has", "link": "link", "lang": "lang", "is": "is", "year": "year",
    "tag": "tag",
}  # fmt: skip
_NETWORKS = {
    "x": "x", "twitter": "x", "bluesky": "bluesky", "bsky": "bluesky", "mastodon": "mastodon", "fediverse": "mastodon"
}  # fmt: skip
_HAS = {name: name.rstrip("s") for name in ("link", "links", "quote", "quotes")}
_HAS |= {"media": "media", "replies": "replies", "reply": "replies", "image": "media", "images": "media"}
_ROLES = {"question": "question", "answer": "answer", "chatter": "chatter"}
_IS = {"question": "question", "answer": "answer", "deleted": "deleted"}
_CHOICES = {"on": _NETWORKS, "has": _HAS, "role": _ROLES, "is": _IS}

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"') | {"：": ":", "＊": "*", "＃": "#", "＠": "@"})
_TERM = re.compile(
    r"""(?P<sign>[-+−–]?)(?:(?P<field>[A-Za-z]{2,12}):(?=[^\s/]))?(?:"(?P<phrase>[^"]*)(?P<end>"?)|(?P<word>[^\s"]+))"""
)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_QUESTION = re.compile(r"[qQ]?(\d{1,3})")


def parse(text: str, zone: tzinfo = UTC) -> Query:
    """Read a query. Nothing that a person types is an error.

    Args:
        text: as typed.
        zone: whose days `since:` and `until:` mean.
    """
    notes: list[str] = []
    text = _CONTROL.sub(" ", text).translate(_QUOTES)
    if len(text) > LONGEST:
        notes.append(f"only the first {LONGEST:,} characters were read")
        text = text[:LONGEST].rpartition(" ")[0] or text[:LONGEST]
    groups: list[list[Term]] = []
    is_or = is_not = False
    count = 0
    for match in _TERM.finditer(text):
        word = match["word"]
        if word in {"OR", "|", "||"} and not match["field"]:
            is_or = bool(groups)
            continue
        if word in {"AND", "&", "&&"} and not match["field"]:
            continue
        if word == "NOT" and not match["field"]:
            is_not = True
            continue
        if match["phrase"] is not None and not match["end"]:
            notes.append("the quotation marks were not closed, so the phrase reaches to the end")
        negated = is_not or match["sign"] not in {"", "+"}
        found = _term(match, negated, zone, notes)
        is_not = False
        if not found:
            continue
        count += len(found)
        if count > MOST:
            notes.append(f"only the first {MOST} terms were read")
            break
        for term in found:
            if is_or:
                groups[-1].append(term)
            else:
                groups.append([term])
            is_or = False
    return Query(tuple(tuple(dict.fromkeys(group)) for group in groups), tuple(dict.fromkeys(notes)))


def ask(name: str, value: str, zone: tzinfo = UTC) -> tuple[Term | None, str]:
    """One filter by its name and value, as from a form; else None with what is wrong with the value."""
    notes: list[str] = []
    return _filter(FILTERS[name], value, False, zone, notes), " ".join(notes)


def _term(match: re.Match[str], negated: bool, zone: tzinfo, notes: list[str]) -> list[Term]:  # noqa: FBT001 - a part of the term
    name = (match["field"] or "").lower()
    value = match["phrase"] if match["phrase"] is not None else match["word"]
    if name in FILTERS:
        term = _filter(FILTERS[name], value, negated, zone, notes)
        return [term] if term else []
    if name and match["phrase"] is None:
        if close := _close(name, FILTERS):
            notes.append(f"there is no {name}: to ask for; did you mean {close}:? it was read as words")
        value = f"{name}:{value}"
    if match["phrase"] is not None:
        return _words(value, "phrase", negated, notes)
    value = value.strip("()[]{},;")
    if value[:1] == "#" and (tag := words.exact(value.lstrip("#").rstrip(".!?:"))) and words.words(tag):
        return [Term("tag", tag, negated=negated, shown=f"#{tag}")]
    if value[:1] == "@" and (handle := words.exact(value.lstrip("@").rstrip(".!?:"))) and words.words(handle):
        return [Term("handle", handle, negated=negated, shown=f"@{handle}")]
    if value.endswith("*"):
        found = words.words(value)
        if len(found) == 1 and len(found[0]) > 1:
            return [Term("prefix", found[0], negated=negated, shown=f"{found[0]}*")]
        notes.append(f"{_short(value)} was read without the asterisk, which needs one word of two letters or more")
    return _words(value, "word", negated, notes)


def _words(value: str, kind: Kind, negated: bool, notes: list[str]) -> list[Term]:  # noqa: FBT001 - as above
    found = words.words(value)
    if not found:
        if value.strip():
            notes.append(f"{_short(value)} holds no word and was left out")
        return []
    if len(found) == 1:
        return [Term("word", found[0], negated=negated, shown=found[0])]
    shown = " ".join(value.split()) if kind == "word" else f'"{" ".join(value.split())}"'
    return [Term("phrase", " ".join(found), negated=negated, shown=shown)]


def _filter(name: str, value: str, negated: bool, zone: tzinfo, notes: list[str]) -> Term | None:  # noqa: FBT001 - as above
    value = value.strip().strip("()[]{},;")
    if name in {"since", "until"}:
        moment = _moment(value, zone)
        if moment is None:
            notes.append(f"{name}:{_short(value)} is no date and was left out; write 2023, 2023-03 or 2023-03-01")
            return None
        return Term("time", moment.isoformat(), name, negated, f"{name}:{value}")
    folded = words.exact(value)
    if name in _CHOICES:
        choices = _CHOICES[name]
        if folded not in choices:
            close = _close(folded, choices)
            known = ", ".join(dict.fromkeys(choices.values()))
            hint = f"did you mean {close}?" if close else f"there are {known}"
            notes.append(f"{name}:{_short(value)} was left out; {hint}")
            return None
        folded = choices[folded]
    elif name == "question":
        number = _QUESTION.fullmatch(folded)
        folded = f"Q{int(number[1])}" if number else folded
    elif name in {"from", "to", "mentions"}:
        folded = folded.removeprefix("@")
    elif name == "tag":
        folded = folded.lstrip("#")
        return Term("tag", folded, negated=negated, shown=f"#{folded}") if folded else None
    elif name == "link":
        folded = re.sub(r"^(?:https?://)?(?:www\.)?", "", folded).partition("/")[0]
    if not folded:
        return None
    quoted = f'"{folded}"' if " " in folded else folded
    return Term("filter", folded, name, negated, f"{name}:{quoted}")


def _close(name: str, known: Iterable[str]) -> str | None:
    """The known name that one was most probably meant to be."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, [*known], n=1, cutoff=0.7)), None)


def _moment(value: str, zone: tzinfo) -> datetime | None:
    """The first moment of a day, month or year."""
    match = _DATE.fullmatch(value)
    try:
        day = date(int(match[1]), int(match[2] or 1), int(match[3] or 1)) if match else None
        return datetime.combine(day, time(), zone).astimezone(UTC) if day else None
    except (ValueError, OverflowError):
        return None


def _say(term: Term) -> str:
    return f"-{term.shown}" if term.negated else term.shown


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
