"""Making a folder survive a power loss: delta-rs syncs nothing, so we do, and mend what was torn on opening.

The order is: data files and their folders, then the log entry and its folder, then the caller is told. What a power
loss tears is therefore never acknowledged: a log entry that is cut short, or that names a data file that is cut short
or gone, is set aside when the table is next opened, and what it held is imported again.

Only folders need this. Object stores make a whole object visible at once or not at all.
"""

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote

LOG_ENTRY = re.compile(r"(\d{20})\.json")
PARQUET_MAGIC = b"PAR1"
FILES_KEY = "knowarchive.files"  # how many files an entry adds and removes: one that is cut between lines has fewer


def sync(path: Path) -> None:
    """Force a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, data: memoryview) -> None:
    """Write a new file whole, or raise OSError and leave nothing. Its folders are made, and synced too."""
    made = []
    folder = path.parent
    while not folder.exists():
        made.append(folder)
        folder = folder.parent
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    sync(path.parent)
    for folder in made:
        sync(folder.parent)


def sync_log(table: Path) -> None:
    """Sync the newest entries of a table's log, back to one that surely is (the newest few: writers overlap)."""
    log = table / "_delta_log"
    for name in sorted(_entries(log))[-4:]:
        sync(log / name)
    sync(log)


def torn_entries(table: Path) -> list[Path]:
    """Name the entries at the end of a table's log that a power loss tore, newest first."""
    log = table / "_delta_log"
    torn = []
    for name in sorted(_entries(log), reverse=True):
        if _is_whole(table, log / name):
            break
        torn.append(log / name)
    return torn


def torn_checkpoints(table: Path) -> list[Path]:
    """Name damaged checkpoints and the pointer to them. The log's entries hold all that a checkpoint does."""
    log = table / "_delta_log"
    torn = [path for path in log.glob("*.checkpoint*.parquet") if not _is_parquet(path)]
    pointer = log / "_last_checkpoint"
    if pointer.exists():
        try:
            version = json.loads(pointer.read_bytes())["version"]
            whole = any(path not in torn for path in log.glob(f"{version:020d}.checkpoint*.parquet"))
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            torn.append(pointer)
    return torn


def set_aside(paths: list[Path], folder: Path) -> None:
    """Move damaged files where nobody reads them but a person who looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        target, n = folder / f"{path.parent.parent.name}-{path.name}", 0
        while target.exists():
            n += 1
            target = folder / f"{path.parent.parent.name}-{path.name}.{n}"
        path.rename(target)
        sync(path.parent)


def _entries(log: Path) -> list[str]:
    try:
        return [name for name in os.listdir(log) if LOG_ENTRY.fullmatch(name)]  # noqa: PTH208 - names are enough
    except FileNotFoundError:
        return []


def _is_whole(table: Path, entry: Path) -> bool:
    try:
        actions = [json.loads(line) for line in entry.read_bytes().splitlines() if line.strip()]
    except ValueError:
        return False
    if not actions or not all(isinstance(action, dict) and action for action in actions):
        return False
    found = [name for action in actions for name in action]
    if int(entry.stem) == 0 and not {"protocol", "metaData"} <= set(found):
        return False
    promised = next((action["commitInfo"].get(FILES_KEY) for action in actions if "commitInfo" in action), None)
    if promised is not None and found.count("add") + found.count("remove") != int(promised):
        return False
    for action in actions:
        add = action.get("add")
        if add is None:
            continue
        try:
            if (table / unquote(add["path"])).stat().st_size != add["size"]:
                return False
        except OSError:
            return False
    return True


def _is_parquet(path: Path) -> bool:
    """Whether a file ends as Parquet does, with a footer that fits into it."""
    try:
        with path.open("rb") as file:
            file.seek(-8, os.SEEK_END)
            end = file.read()
            return end[4:] == PARQUET_MAGIC and int.from_bytes(end[:4], "little") + 12 <= path.stat().st_size
    except OSError:
        return False
