"""What lies beside every export: `datapackage.json` (Frictionless) and a README. Pure: values in, text out.

https://specs.frictionlessdata.io/data-package/ and https://specs.frictionlessdata.io/tabular-data-resource/
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from storage.archive import Run
from storage.exports import FORMATS, TABLES, Format
from storage.exports.described import COLUMNS, KEYS, Column

DESCRIPTION = "datapackage.json"
README = "README.md"
MARK = "knowarchive"  # the key in `datapackage.json` by which a folder is known to be an export

_TYPES = {"text": "string", "time": "datetime", "count": "integer", "list": "array"}
_CELLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#!|~$&])")

#: What binds whoever uses posts of a network, by platform: its own words decide, these are where to find them.
CONDITIONS: dict[str, tuple[str, str]] = {
    "x": (
        (
            "Posts of X may be used and handed on only as X's Developer Agreement and Policy allow: to others give the ids "
            "alone, and drop what was deleted or made private since."
        ),
        "https://developer.x.com/en/developer-terms/policy",
    ),
    "bluesky": (
        (
            "Posts of Bluesky are public records of their authors; honour deletions, and what a person declares on their "
            "profile (`!no-unauthenticated`, #nobot, #noarchive)."
        ),
        "https://bsky.social/about/support/tos",
    ),
    "mastodon": (
        (
            "Every Mastodon server has rules of its own; honour deletions, and what a person declares on their profile "
            "(`noindex`, #nobot, #noarchive)."
        ),
        "https://joinmastodon.org/about",
    ),
}


#: What the README of an export for research says of its pseudonyms.
PSEUDONYMS = (
    (
        "People, their posts and pages have pseudonyms, the same throughout this export, made under a key that is not in it. "
        "Left out are the networks' ids and addresses of posts, and people's biographies, pictures and pages; numbers of "
        "profiles are rounded to a digit, and the moment when one was made to its year."
    ),
    (
        "What people wrote is as they wrote it but for the names in it, and so are times and numbers of posts. **Whoever "
        "searches the web for a sentence finds who said it**: these are personal data still."
    ),
)


@dataclass(frozen=True, slots=True)
class File:
    """A file of an export: its name, the table in it ("" for several), rows where it has any, bytes and SHA-256."""

    name: str
    table: str
    rows: int | None
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """What the ledger tells of one source."""

    name: str
    kinds: tuple[str, ...]
    runs: int
    statuses: Mapping[str, int]
    first: datetime  # when it was first asked or imported
    last: datetime
    since: datetime | None  # of the posts in it
    until: datetime | None
    versions: tuple[str, ...]  # of Knowarchive
    gaps: tuple[str, ...]
    quarantined: int
    screened: int


@dataclass(frozen=True, slots=True)
class Export:
    """All that is said about an export. `title` names what was chosen; times are aware."""

    format: str
    title: str
    made_at: datetime
    version: str
    chat: str | None
    since: datetime | None
    until: datetime | None
    session: str | None
    is_public: bool
    changes_since: datetime | None
    counts: Mapping[str, int]
    platforms: Sequence[str]
    files: Sequence[File]
    sources: Sequence[Source]
    is_pseudonymised: bool = False


def sum_up(runs: Iterable[Run]) -> tuple[Source, ...]:
    """What the ledger knows, a line a source, in the order in which they were first used."""
    by_source: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.started_at, run.run_id)):
        if run.kind not in {"replay", "publish"}:  # which bring nothing
            by_source.setdefault(run.source, []).append(run)
    return tuple(_sum_up(name, own) for name, own in by_source.items())


def _sum_up(name: str, runs: Sequence[Run]) -> Source:
    statuses: dict[str, int] = {}
    for run in runs:
        statuses[run.status] = statuses.get(run.status, 0) + 1
    return Source(
        name=name,
        kinds=tuple(dict.fromkeys(run.kind for run in runs)),
        runs=len(runs),
        statuses=statuses,
        first=runs[0].started_at,
        last=max(run.finished_at for run in runs),
        since=min((run.since for run in runs if run.since), default=None),
        until=max((run.until for run in runs if run.until), default=None),
        versions=tuple(dict.fromkeys(run.version for run in runs if run.version)),
        gaps=tuple(dict.fromkeys(gap for run in runs for gap in run.gaps)),
        quarantined=sum(run.quarantined or 0 for run in runs),
        screened=sum(run.screened or 0 for run in runs),
    )


def without_names(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Sources, numbered instead of named: a file may be called after a person, a gap by the post before it."""
    return tuple(
        replace(source, name=f"source {number}", gaps=(f"{len(source.gaps)} in all",) if source.gaps else ())
        for number, source in enumerate(sources, 1)
    )


def describe(export: Export) -> bytes:
    """The `datapackage.json` of an export."""
    form = FORMATS[export.format]
    package = {
        "profile": "data-package",
        "name": _slug(f"knowarchive-{export.title}-{export.format}"),
        "title": export.title,
        "created": export.made_at,
        "sources": [{"title": source.name} for source in export.sources],
        "resources": [_resource(file, form) for file in export.files],
        MARK: {
            "version": export.version,
            "format": export.format,
            "chat": export.chat,
            "session": export.session,
            "since": export.since,
            "until": export.until,
            "public": export.is_public,
            "pseudonymised": export.is_pseudonymised,
            "changes_since": export.changes_since,
            "counts": dict(export.counts),
            "coverage": [msgspec.to_builtins(source) for source in export.sources],
            "conditions": {platform: CONDITIONS[platform][1] for platform in export.platforms},
        },
    }
    return msgspec.json.format(msgspec.json.encode(package), indent=2) + b"\n"


def _resource(file: File, form: Format) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "name": _slug(file.name),
        "path": file.name,
        "format": file.name.rpartition(".")[2],
        "mediatype": form.mediatype,
        "bytes": file.size,
        "hash": f"sha256:{file.sha256}",
    }
    if form.mediatype.startswith("text/") or "json" in form.mediatype:
        resource["encoding"] = "utf-8"
    if file.table:
        resource["schema"] = {
            "fields": [_field(column) for column in COLUMNS[file.table]],
            "primaryKey": KEYS[file.table],
            "missingValues": [""],
        }
    if file.table and form.mediatype == "text/csv":
        resource["profile"] = "tabular-data-resource"
        resource["dialect"] = {"delimiter": ",", "quoteChar": '"', "doubleQuote": True, "header": True}
    return resource


def _field(column: Column) -> dict[str, str]:
    field = {"name": column.name, "type": _TYPES[column.kind], "description": column.text}
    return {**field, "format": "any"} if column.kind == "time" else field


def write_readme(export: Export) -> str:
    """The README of an export, as Markdown."""
    return "\n".join(
        [
            f"# {_text(export.title)}",
            "",
            (f"Exported by Knowarchive {_text(export.version)} on {_day(export.made_at)} at "
            f"{export.made_at.astimezone(UTC):%H:%M} UTC. Format: {export.format} ({FORMATS[export.format].text})."),
            *_scope(export),
            *(PSEUDONYMS if export.is_pseudonymised else ()),
            "",
            "| file | rows | bytes | SHA-256 |",
            "|---|---:|---:|---|",
            *(f"| {_text(file.name)} | {'' if file.rows is None else f'{file.rows:,}'} | {file.size:,} | `{file.sha256}` |"
              for file in export.files if "/" not in file.name),
            "",
            "Rows are in order of time, one a record, whatever number of sources saw it. Missing is null, never 0 or empty.",
            "Times are UTC. `datapackage.json` says the same for programs.",
            "",
            "## Provenance and coverage",
            "",
            *_provenance(export.sources),
            "",
            "## Licence and conditions",
            "",
            "The posts belong to the people who wrote them. Being public is no licence: none is given with this export.",
            *_audience(export),
            "",
            *(f"- {CONDITIONS[platform][0]} <{CONDITIONS[platform][1]}>" for platform in export.platforms),
            *_columns(export),
            "",
        ]
    )  # fmt: skip


def _scope(export: Export) -> list[str]:
    lines = []
    if export.since or export.until:
        first = _day(export.since) if export.since else "the beginning"
        lines.append(
            f"Posts made from {first} to {f'before {_day(export.until)}' if export.until else 'the end'} (UTC)."
        )
    if export.changes_since:
        lines.append(
            f"Only what changed since the export of {export.changes_since.astimezone(UTC):%Y-%m-%d %H:%M} UTC, "
            "with whatever is of the same moment."
        )
    return lines


def _provenance(sources: Sequence[Source]) -> list[str]:
    if not sources:
        return ["The ledger has no line about these posts."]
    lines = [
        "| source | how | runs | from | to | posts of | state |",
        "|---|---|---:|---|---|---|---|",
    ]
    for source in sources:
        span = f"{_day(source.since)} to {_day(source.until)}" if source.since and source.until else ""
        state = ", ".join(f"{count} {_text(status)}" for status, count in sorted(source.statuses.items()))
        lost = [f"{number:,} {what}" for number, what in
                ((source.quarantined, "quarantined"), (source.screened, "not public")) if number]  # fmt: skip
        lines.append(
            f"| {_text(source.name)} | {_text(', '.join(source.kinds))} | {source.runs} | {_day(source.first)} "
            f"| {_day(source.last)} | {span} | {', '.join([state, *lost])} |"
        )
    gaps = [f"- {_text(source.name)}: {_text(gap)}" for source in sources for gap in source.gaps]
    return [*lines, *(["", "Known gaps:", "", *gaps] if gaps else [])]


def _audience(export: Export) -> list[str]:
    if export.is_pseudonymised:
        return [
            (
                "This is an export for research, with posts of people who asked not to be indexed or archived: their words lead "
                "to them. Do not publish it."
            )
        ]
    if export.is_public:
        return [
            (
                "This is a file for everybody: of X it has ids alone; who asks not to be indexed or archived is left out, and "
                "so is what was deleted."
            )
        ]
    return [
        (
            "This is the operator's own copy, with posts of people who asked not to be indexed or archived. Do not publish it: "
            "`knowarchive export --public` makes a file for everybody."
        )
    ]


def _columns(export: Export) -> list[str]:
    if export.format not in {"jsonl", "csv", "parquet", "duckdb", "sqlite"}:
        return []
    lines = ["", "## Columns"]
    tables = [file.table for file in export.files if file.table] or TABLES
    for table in tables:
        lines += ["", f"### {table}", "", "| column | type | what |", "|---|---|---|"]
        lines += [f"| `{column.name}` | {column.kind} | {column.text} |" for column in COLUMNS[table]]
    return lines


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _text(text: str) -> str:
    """Somebody's text as one line that Markdown and terminals only show."""
    shown = _CELLS.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))[:500]
    return _MARKDOWN.sub(r"\\\1", shown)


def _slug(text: str) -> str:
    """A name as Frictionless wants it: lower case letters, digits, dots, dashes."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-")[:100] or "export"
