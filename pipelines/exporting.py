"""Export what the archive holds: choose, write beside, describe, put in place."""

import contextlib
import hashlib
import json
import logging
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from knowarchive import __version__
from knowarchive.config import Chat, digest_of
from knowarchive.errors import KnowarchiveError, UsageError
from knowarchive.model import NO_WISH, Post
from pipelines.keys import KEY_BYTES, make_key_file
from pipelines.pseudonymising import REFUSED, make_rewriting, tell_keys_apart
from storage.archive import Archive, Run
from storage.changes import Changes, changes, newest_version
from storage.durable import sync
from storage.exports import FORMATS, TABLES, Format, load_writer
from storage.exports.as_payloads import write_payloads
from storage.exports.package import (
    DESCRIPTION,
    MARK,
    README,
    Export,
    File,
    describe,
    sum_up,
    without_names,
    write_readme,
)
from storage.exports.rows import Rows, Selection
from transcripts.model import Window
from transcripts.sessions import select

log = logging.getLogger("knowarchive.pipelines")

MEMORY_LIMIT = "256MB"  # DuckDB spills beyond it
BACK = timedelta(days=31)  # how long before a stretch the conversations may have begun that reach into it


class ExportError(KnowarchiveError):
    """An export could not be written. Nothing stands under its name that did not before."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of pseudonyms; `is_kept` if another export can have the same."""

    secret: bytes = field(repr=False)
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Request:
    """What to export. All that is None does not limit it.

    Args:
        format: a key of `storage.exports.FORMATS`.
        chat: the posts of a chat; with `window`, of one session of it.
        window: the session.
        since: posts made from then on; aware.
        until: posts made before; aware.
        uids: these posts.
        is_public: a file for everybody, see `forbids_bulk`.
        since_last: only what changed since the last export of the same.
        pseudonyms: the key under which nobody is named but by pseudonyms.
    """

    format: str
    chat: Chat | None = None
    window: Window | None = None
    since: datetime | None = None
    until: datetime | None = None
    uids: frozenset[str] | None = None
    is_public: bool = False
    since_last: bool = False
    pseudonyms: Key | None = None

    @property
    def title(self) -> str:
        """What it is called in its README."""
        if self.window is not None:
            return f"{self.window.chat} {self.window.label}"
        return self.chat.name if self.chat else "archive"

    @property
    def key(self) -> str:
        """The name under which it is remembered: another choice is another export."""
        chosen = {
            "format": self.format,
            "chat": [self.chat.name, sorted(self.chat.hashtags)] if self.chat else None,
            "session": self.window.label if self.window else None,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "uids": sorted(self.uids) if self.uids is not None else None,
            "public": self.is_public,
        }
        if self.pseudonyms is not None:
            chosen["pseudonyms"] = tell_keys_apart(self.pseudonyms.secret) if self.pseudonyms.is_kept else "thrown away"
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. `counts` are rows by table; `changes_since` is set where only changes were."""

    path: Path
    format: str
    counts: Mapping[str, int]
    files: Sequence[File]
    changes_since: datetime | None


class Last(msgspec.Struct, frozen=True):
    """What is remembered of an export: when it was made, the versions of the tables that it was made from, and where to."""

    made_at: datetime
    versions: dict[str, int | None]
    path: str = ""  # the name by which the operator finds it again


def forbids_bulk(consent: str) -> bool:
    """Whether what a person declares keeps their posts out of a file for everybody.

    Anything declared does, but that there is no wish: a word that this version does not know was meant somehow.
    """
    return consent != NO_WISH


def choose_key(path: Path | None, output: Path) -> Key:
    """The key of an export's pseudonyms: that in a file, which is made if there is none, or one that nobody keeps.

    Raises:
        ConfigError: what is in the file is no key.
        StorageError: the file cannot be written.
        UsageError: it would lie in the export.
    """
    if path is None:
        return Key(secrets.token_bytes(KEY_BYTES), is_kept=False)
    if path.resolve().is_relative_to(output.resolve()):
        raise UsageError(f"{path}: is in the export that it is the key of; name a file elsewhere")
    return Key(make_key_file(path, "name another place"), is_kept=True)


def check_target(path: Path, form: Format, *, overwrite: bool) -> None:
    """Refuse before the work is done what will not work.

    Raises:
        ExportError: something stands there that may not be replaced, or there is no folder for it.
        UsageError: the format has no single file, and the path names one.
    """
    if not path.name or path.name == "..":
        raise UsageError(f"{path}: is a folder that is in use; name a new one for --output")
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ExportError(f"{str(path)[:100]}: cannot be written: {error.strerror}; name another place") from error
    if not path.absolute().parent.is_dir():
        raise ExportError(f"{path}: there is no folder {path.parent}; make it first")
    if is_single(path, form):
        taken = next((one for one in (path, *_beside(path)) if os.path.lexists(one)), None)
        if taken is not None and (not overwrite or taken.is_dir()):
            kind = "is a folder" if taken.is_dir() else "exists already"
            raise ExportError(f"{taken}: {kind}; name another file, or replace it with --overwrite")
        return
    if not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
        return
    if not path.is_dir():
        raise ExportError(f"{path}: is a file, and {form.main} and what describes it need a folder; name one")
    if not overwrite:
        raise ExportError(f"{path}: exists already; name another folder, or replace it with --overwrite")
    if not _is_export(path):
        raise ExportError(f"{path}: holds other things than an export, which are not overwritten; name another folder")


def is_single(path: Path, form: Format) -> bool:
    """Whether a path means one file of this format, and not a folder."""
    return path.suffix.lower() in form.suffixes and not path.is_dir()


def export(
    archive: Archive,
    request: Request,
    path: Path,
    *,
    now: Callable[[], datetime],
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Exported:
    """Export into a folder, or into a file where the path ends as the format's files do.

    It is made beside, under a hidden name, and put in place when it is whole. The same archive gives the same bytes,
    but for the formats of databases and for the time that descriptions name.

    Args:
        archive: where from.
        request: what.
        path: where to.
        now: the clock; aware.
        overwrite: replace an export that stands there.
        on_progress: told how many observations are read, of how many.

    Raises:
        ExportError: it cannot be written.
        StorageError: the archive cannot be read.
        UsageError: what was asked for does not go together.
    """
    form = FORMATS[request.format]
    if request.format == "payloads" and (request.is_public or request.since_last):
        raise UsageError("payloads are whole, so they cannot be exported with --public or --since-last")
    if request.pseudonyms is not None:
        _check_pseudonyms(request, request.pseudonyms)
    check_target(path, form, overwrite=overwrite)
    made_at = now()
    last = _remembered(archive, request) if request.since_last else None
    versions = {table: newest_version(archive.url, table) for table in TABLES}
    draft = make_draft(path)
    is_one = is_single(path, form)
    try:
        counts, platforms = _write(archive, request, draft, _selection(archive, request, last, versions), on_progress)
        names: Mapping[str, str] = form.files
        if is_one:
            _name_single(draft, form, path.resolve().name)
            table = next(table for table, name in form.files.items() if name == form.main)
            names = {table: path.resolve().name}
            counts = {table: counts[table]} if table else counts
        sources = sum_up(run for run in archive.runs(*_bounds(request)) if _concerns(run, request.chat))
        described = Export(
            format=request.format,
            title=request.title,
            made_at=made_at,
            version=__version__,
            chat=request.chat.name if request.chat else None,
            since=request.since,
            until=request.until,
            session=request.window.label if request.window else None,
            is_public=request.is_public,
            changes_since=last.made_at if last else None,
            counts=counts,
            platforms=platforms,
            files=list(_list_files(draft, names, counts)),
            sources=without_names(sources) if request.pseudonyms else sources,
            is_pseudonymised=request.pseudonyms is not None,
        )
        (draft / DESCRIPTION).write_bytes(describe(described))
        (draft / README).write_text(write_readme(described), encoding="utf-8")
        publish(draft, path, is_one=is_one)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ExportError(f"{path}: cannot be written: {reason}; nothing was left there") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    remember(archive, request, Last(made_at, versions, str(path.absolute())))
    return Exported(path, request.format, counts, described.files, described.changes_since)


def _check_pseudonyms(request: Request, key: Key) -> None:
    if (reason := REFUSED.get(request.format)) is not None:
        fit = ", ".join(name for name in FORMATS if name not in REFUSED)
        raise UsageError(f"{request.format} cannot be exported with --pseudonymise: {reason}; choose one of {fit}")
    if request.is_public:
        raise UsageError(
            "--public and --pseudonymise do not go together: of X a file for everybody has ids alone, and what people "
            "wrote leads to them; choose one"
        )
    if request.since_last and not key.is_kept:
        raise UsageError(
            "--since-last with --pseudonymise needs --key FILE: under another key nobody is called the same"
        )


# Choosing


def _selection(archive: Archive, request: Request, last: Last | None, versions: Mapping[str, int | None]) -> Selection:
    since, until = _bounds(request)
    found: dict[str, Changes] | None = None
    if last is not None:
        found = {}
        for table, version in versions.items():
            what = changes(archive, table, last.versions.get(table), -1 if version is None else version)
            if what is not None:
                found[table] = what
    return Selection(
        since=since,
        until=until,
        choose=_chooser(archive, request),
        changes=found,
        is_forbidding=forbids_bulk if request.is_public else None,
        rewriting=make_rewriting(archive, request.pseudonyms.secret) if request.pseudonyms else None,
    )


def _bounds(request: Request) -> tuple[datetime | None, datetime | None]:
    if request.window is not None:
        return request.window.opens, request.window.closes
    return request.since, request.until


def _chooser(archive: Archive, request: Request) -> Callable[[datetime, datetime], Sequence[str]] | None:
    uids, chat = request.uids, request.chat
    if uids is not None:
        return lambda _since, _until: sorted(uids)
    if chat is None:
        return None
    if request.window is not None:
        window = request.window
        return lambda _since, _until: _uids(
            select(archive.posts(window.opens, window.closes), window, chat.hashtags, chat.name)
        )

    def choose(since: datetime, until: datetime) -> Sequence[str]:
        """The posts of the chat, by the rule of its sessions, whenever they were made."""
        stretch = Window(chat.name, "", since, until, since, until, chat.timezone)
        with contextlib.suppress(OverflowError):
            since -= BACK
        return _uids(select(archive.posts(since, until), stretch, chat.hashtags, chat.name))

    return choose


def _uids(posts: Sequence[Post]) -> list[str]:
    return [post.uid for post in posts]


# Writing


def _write(
    archive: Archive, request: Request, draft: Path, selection: Selection, on_progress: Callable[[int, int], None]
) -> tuple[dict[str, int], list[str]]:
    """Write the files of an export. Returns the rows of each table, and the platforms that they are from."""
    import duckdb

    counts = dict.fromkeys(TABLES, 0)
    with archive.connect(alone=True) as con:
        con.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET preserve_insertion_order = true")
        rows = Rows(archive, con, selection)
        expected = rows.expected
        try:
            if request.format == "payloads":
                counts = {"payloads": write_payloads(rows.payloads(), draft, FORMATS["payloads"].main)}
                return counts, rows.platforms
            writer = load_writer(request.format)(con, draft)
            with contextlib.closing(writer):
                for table, count in rows.slices(lambda done: on_progress(done, expected)):
                    writer.write(table)
                    counts[table] += count
                writer.finish()
        except duckdb.Error as error:
            if str(draft) not in str(error):
                raise  # it is about the archive
            raise OSError(" ".join(str(error).rpartition('": ')[2].split())) from error
        return counts, rows.platforms


def make_draft(path: Path) -> Path:
    """A new folder beside the path, on the same file system."""
    draft = path.absolute().parent / f".knowarchive-export-{secrets.token_hex(6)}"
    try:
        draft.mkdir()
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror}; name another place") from error
    return draft


def _name_single(draft: Path, form: Format, name: str) -> None:
    """Leave of a draft the one file that was asked for, under its name."""
    for other in form.files.values():
        if other != form.main:
            (draft / other).unlink()
    (draft / form.main).rename(draft / name)


def _list_files(draft: Path, names: Mapping[str, str], counts: Mapping[str, int]) -> Iterator[File]:
    """The files that are described, each read once for its digest; `names` maps tables to them."""
    for table, name in names.items():
        with (draft / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        tables = table if table in TABLES else ""
        yield File(name, tables, counts.get(table or name), (draft / name).stat().st_size, digest)


def publish(draft: Path, path: Path, *, is_one: bool) -> None:
    """Put a finished draft in its place, on the disk before it has its name."""
    for file in (*(one for one in draft.rglob("*") if one.is_file()), draft):
        sync(file)
    target = path.resolve()  # what a link stands for, not the link
    if is_one:
        descriptions = _beside(target)
        for made, place in zip((README, DESCRIPTION), descriptions, strict=True):
            (draft / made).replace(place)
        (draft / target.name).replace(target)
    else:
        old = draft.with_name(f"{draft.name}-old")
        is_replacing = target.exists()
        if is_replacing:
            target.rename(old)
        try:
            draft.rename(target)
        except OSError:
            if is_replacing:
                old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    sync(target.parent)


def _beside(path: Path) -> tuple[Path, Path]:
    """Where the README and the description of a single file lie."""
    return path.with_name(f"{path.name}.{README}"), path.with_name(f"{path.name}.{DESCRIPTION}")


def _is_export(path: Path) -> bool:
    """Whether a folder was made by an export, so that nobody's own files are in it."""
    try:
        return MARK in json.loads((path / DESCRIPTION).read_bytes())
    except (OSError, ValueError, TypeError):
        return False


# Remembering, for --since-last


def exports_since(archive: Archive, moment: datetime) -> list[Last]:
    """The exports that are remembered as made at a moment or later: of each choice the last."""
    found = [_read_memory(path) for path in (archive.state / "exports").glob(f"{digest_of(archive.url)}-*.json")]
    return sorted((one for one in found if one and one.made_at >= moment), key=lambda one: (one.made_at, one.path))


def _concerns(run: Run, chat: Chat | None) -> bool:
    """Whether a chat's posts may have come from a run: an import that names no chat may have brought those of any."""
    return chat is None or run.chat in {None, chat.name}


def _memory(archive: Archive, request: Request) -> Path:
    """By archive too, since several can share a state folder, and each counts its versions by itself."""
    return archive.state / "exports" / f"{digest_of(archive.url)}-{request.key}.json"


def _remembered(archive: Archive, request: Request) -> Last | None:
    """The last export of the same; None where there was none, or what is remembered of it cannot be read."""
    return _read_memory(_memory(archive, request))


def _read_memory(path: Path) -> Last | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Last)
    except (OSError, msgspec.DecodeError):
        return None


def remember(archive: Archive, request: Request, last: Last) -> None:
    """Remember what was exported, for `--since-last` and for whoever has to be told that a copy holds somebody."""
    path = _memory(archive, request)
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    try:
        archive.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        draft.write_bytes(msgspec.json.encode(last))
        draft.replace(path)
    except OSError as error:
        log.warning("%s: cannot be written: %s; the next export with --since-last is whole", path, error.strerror)
