"""Keep a copy of an archive, and make an archive of it again.

A copy is the archive as it was at one moment: its live files, and the log that names them. It is a mirror, not a history:
what was erased from the archive is gone from the copy when the next one is made. Files never change, so only new ones
are copied. The list of all files with their digests is written last; until then the copy is the one that was there before.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from knowarchive import __version__
from knowarchive.config import Config
from knowarchive.errors import ConflictError, StorageError, UsageError
from pipelines.erasing import finish_erasing
from pipelines.forgetting import DERIVED, finish_forgetting
from storage.archive import Archive
from storage.changes import ENTRY_DIGITS, LOG, SUM
from storage.erasure import note_again
from storage.forgetting import unfinished
from storage.places import Folder, Place, copy, digest, place_at

LIST = "knowarchive-backup.json"
FORMAT = "knowarchive.backup/1"
SETTINGS = "configuration"  # the folder with the configuration and the corrections
TRIES = 5
#: What refers to others is looked at before them, since writers write it after them: no line of the ledger without posts.
ORDER = ("erasures", "runs", "posts", "accounts", "reposts", "quarantine", "payloads")


class File(msgspec.Struct, frozen=True):
    """A file of a copy: bytes, and SHA-256 in hexadecimal digits."""

    size: int
    digest: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy holds. `tables` has the id and version of each table, `made_at` is in UTC."""

    format: str = FORMAT
    made_at: datetime
    version: str = __version__
    tables: dict[str, tuple[str, int]]
    files: dict[str, File]


class Copied(msgspec.Struct, frozen=True):
    """What a backup did: files and bytes of the copy, those that were copied now, and files that are gone from it."""

    files: int
    bytes: int
    copied: int
    copied_bytes: int
    removed: int


def back_up(
    archive: Archive,
    config: Config,
    address: str,
    *,
    now: datetime,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Copied:
    """Bring a copy up to date.

    Args:
        archive: of what.
        config: the archive's; it and the corrections are copied too. It holds no secrets.
        address: where to: an empty folder or prefix, or an earlier copy of this archive.
        now: aware.
        on_progress: told how many files are done, of how many.

    Raises:
        UsageError: something else is there, or a copy of another archive, or of a later state of this one.
        ConflictError: others kept rewriting the archive; run it again.
        StorageError: the archive cannot be read, or the copy not be written.
    """
    place = place_at(address)
    _check_apart(archive, address)
    before = read_list(place, address)
    there = _sizes(place, address)
    if before is None and there:
        raise UsageError(f"{address}: holds something else than a backup; give an empty folder")
    for attempt in range(1, TRIES + 1):
        try:
            if before is None:  # so that one that is broken off is known for what it is
                before = Listing(made_at=now, tables={}, files={})
                _write_list(place, before)
            with archive.gate.shared():
                return _mirror(archive, config, place, before, there, now, on_progress, address)
        except FileNotFoundError as error:  # compacted or erased meanwhile
            if attempt == TRIES:
                raise ConflictError(f"{archive.url}: others keep rewriting it; run the backup again") from error
        except OSError as error:
            raise StorageError(f"{address}: cannot be written: {error.strerror or error}") from error
    raise AssertionError


def restore(
    address: str,
    config: Config,
    *,
    now: datetime,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Listing:
    """Make an archive of a copy. Every file is checked against the list; nothing is there until all are.

    What was erased, or forgotten, after the copy was made is taken out again, as far as this machine's state folder knows
    of it.

    Args:
        address: of the copy.
        config: says where to. Corrections are restored where there is no overrides file yet.
        now: aware.
        on_progress: told how many files are done, of how many.

    Raises:
        ConfigError: people were forgotten, and the key by which they are known again is missing.
        UsageError: there is no copy, or an archive is there already.
        StorageError: a file is missing or damaged, or the archive cannot be written.
    """
    place = place_at(address)
    listing = _whole_list(place, address)
    target = place_at(config.archive_url)
    if _sizes(target, config.archive_url):
        raise UsageError(
            f"{config.archive_url}: is there already, and nothing is overwritten; set archive.url elsewhere"
        )
    made: Place = target
    if isinstance(target, Folder):
        made = Folder(target.path.with_name(f"{target.path.name}.restoring"))
    try:
        _bring_back(place, made, listing, on_progress)
        if isinstance(made, Folder) and isinstance(target, Folder):
            if target.path.exists():
                target.path.rmdir()
            made.path.rename(target.path)
        _restore_corrections(place, listing, config)
        for derived in DERIVED:  # of the archive that was there before, whose versions may be numbered alike
            shutil.rmtree(config.state_dir / derived, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"{config.archive_url}: cannot be restored: {error.strerror or error}") from error
    archive = Archive(config.archive_url, config.state_dir)
    note_again(archive)
    finish_erasing(archive, now=now)
    if unfinished(archive):
        finish_forgetting(archive, config, now=now)
    return listing


def damaged(address: str, *, on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> Iterator[str]:
    """Name the files of a copy that are missing, or not what they were.

    Raises:
        UsageError: there is no copy.
    """
    place = place_at(address)
    listing = _whole_list(place, address)
    there = _sizes(place, address)
    for number, (name, file) in enumerate(sorted(listing.files.items()), 1):
        if there.get(name) != file.size or digest(name, place) != file.digest:
            yield name
        on_progress(number, len(listing.files))


def read_list(place: Place, address: str) -> Listing | None:
    """The list of a copy; None where there is none.

    Raises:
        StorageError: it cannot be read, or a newer version wrote it.
    """
    try:
        with place.open(LIST) as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"{address}: cannot be read: {error.strerror or error}") from error
    try:
        listing = msgspec.json.decode(content, type=Listing)
    except msgspec.DecodeError as error:
        raise StorageError(f"{address}: {LIST} is damaged ({error}); make a new backup elsewhere") from error
    if listing.format != FORMAT:
        raise StorageError(f"{address}: was made by a newer version of Knowarchive; upgrade to use it")
    return listing


def _whole_list(place: Place, address: str) -> Listing:
    listing = read_list(place, address)
    if listing is None:
        raise UsageError(f"{address}: is no backup: it has no {LIST}")
    if not listing.files:
        raise UsageError(f"{address}: was broken off before it was whole; run the backup again")
    return listing


def _mirror(
    archive: Archive,
    config: Config,
    place: Place,
    before: Listing,
    there: dict[str, int],
    now: datetime,
    on_progress: Callable[[int, int], None],
    address: str,
) -> Copied:
    tables, wanted = _snapshot(archive)
    _check_same(before, tables, address)
    source = place_at(archive.url)
    files: dict[str, File] = {}
    copied = copied_bytes = 0
    for number, (name, size) in enumerate(wanted.items(), 1):
        held = before.files.get(name)
        if held is not None and held.size == size == there.get(name):
            files[name] = held
        else:
            files[name] = File(size, copy(name, source, place))
            copied, copied_bytes = copied + 1, copied_bytes + size
        on_progress(number, len(wanted))
    for name, content in _settings(config):
        place.write(name, [content])
        files[name] = File(len(content), digest(name, place))
    listing = Listing(made_at=now, tables=tables, files=files)
    _write_list(place, listing)
    stale = [name for name in _sizes(place, address) if name != LIST and name not in files]
    for name in stale:
        place.delete(name)
    return Copied(len(files), sum(file.size for file in files.values()), copied, copied_bytes, len(stale))


def _write_list(place: Place, listing: Listing) -> None:
    place.write(LIST, [msgspec.json.format(msgspec.json.encode(listing), indent=1)])


def _snapshot(archive: Archive) -> tuple[dict[str, tuple[str, int]], dict[str, int]]:
    """The tables' ids and versions, and the files that they need, each with its size: data before the log that names it."""
    source = place_at(archive.url)
    tables: dict[str, tuple[str, int]] = {}
    data: dict[str, int] = {}
    entries: dict[str, int] = {}
    sums: dict[str, tuple[int, str, int]] = {}  # the newest of each table's log, whose first entries may be gone
    for name in (*ORDER, *(name for name in archive.tables if name not in ORDER)):
        delta = archive.tables[name].open()
        if delta is None:
            continue
        version = delta.version()
        tables[name] = (str(delta.metadata().id), version)
        data |= {f"{name}/{file.path}": file.size for file in archive.tables[name].files_of(delta)}
    for path, size in source.sizes().items():
        name, _, rest = path.partition("/")
        folder, _, entry = rest.partition("/")
        number, _, kind = entry.partition(".")
        is_log = folder == LOG and len(number) == ENTRY_DIGITS and number.isdecimal()
        if not is_log or name not in tables or int(number) > tables[name][1]:
            continue
        if kind == "json":
            entries[path] = size
        elif kind == SUM:
            sums[name] = max(sums.get(name, (-1, "", 0)), (int(number), path, size))
    return tables, {**data, **{path: size for _, path, size in sums.values()}, **dict(sorted(entries.items()))}


def _check_same(before: Listing, tables: dict[str, tuple[str, int]], address: str) -> None:
    for name, (identity, version) in before.tables.items():
        now = tables.get(name)
        if now is None or now[0] != identity:
            raise UsageError(f"{address}: is the backup of another archive; give another folder")
        if now[1] < version:
            raise UsageError(f"{address}: is of a later state of this archive; restore it, or give another folder")


def _check_apart(archive: Archive, address: str) -> None:
    """A copy inside of what it is a copy of would be lost with it."""
    if "://" not in address and "://" not in archive.url:
        inner, outer = Path(address).resolve(), Path(archive.url).resolve()
        if inner == outer or outer in inner.parents:
            raise UsageError(f"{address}: lies in the archive itself; give a folder elsewhere, on another disk at best")


def _bring_back(place: Place, made: Place, listing: Listing, on_progress: Callable[[int, int], None]) -> None:
    wanted = {name: file for name, file in listing.files.items() if not name.startswith(f"{SETTINGS}/")}
    there = made.sizes()
    for number, (name, file) in enumerate(wanted.items(), 1):
        if there.get(name) != file.size or digest(name, made) != file.digest:  # else of a try that was broken off
            try:
                found = copy(name, place, made)
            except FileNotFoundError as error:
                raise StorageError(f"{name}: is missing in the backup; nothing was restored") from error
            if found != file.digest:
                raise StorageError(f"{name}: is damaged in the backup; nothing was restored")
        on_progress(number, len(wanted))
    for name in made.sizes():
        if name not in wanted:
            made.delete(name)


def _settings(config: Config) -> Iterator[tuple[str, bytes]]:
    for path, name in ((config.path, "knowarchive.toml"), (config.overrides_path, "knowarchive.overrides.toml")):
        if path.is_file():
            yield f"{SETTINGS}/{name}", path.read_bytes()


def _restore_corrections(place: Place, listing: Listing, config: Config) -> None:
    name = f"{SETTINGS}/knowarchive.overrides.toml"
    if name in listing.files and not config.overrides_path.exists():
        copied = Folder(config.overrides_path.parent)
        with place.open(name) as file:
            copied.write(config.overrides_path.name, [file.read()])


def _sizes(place: Place, address: str) -> dict[str, int]:
    try:
        return place.sizes()
    except OSError as error:
        raise StorageError(f"{address}: cannot be read: {error.strerror or error}") from error
