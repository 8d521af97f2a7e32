"""What `knowarchive doctor` looks at."""

import os
import platform
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from knowarchive import __version__
from knowarchive.config import Config
from knowarchive.errors import KnowarchiveError
from pipelines.agenda import clashes
from pipelines.standing import LOW_DISK, nearest
from storage.archive import Archive
from storage.erasure import unerased
from storage.forgetting import unfinished

LIBRARIES = ("deltalake", "duckdb", "pyarrow", "msgspec")

MANY_FILES = 64  # data files of one month


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the diagnosis. `status` is ok, warning or failed."""

    status: str
    name: str
    finding: str


def diagnose(config: Config) -> list[Check]:
    """Look at everything without changing anything but mending what a power loss tore."""
    checks = [
        Check("ok", "versions", ", ".join([f"knowarchive {__version__}", f"python {platform.python_version()}", *(
            f"{name} {metadata.version(name)}" for name in LIBRARIES)])),
        Check("ok", "configuration", str(config.path)),
    ]  # fmt: skip
    if not config.chat:
        checks.append(Check("warning", "chats", "none configured; add a [[chat]] to see sessions and transcripts"))
    for chat in config.chat:
        rule = chat.rules[-1].rule if chat.rules else "no schedule, sessions are found by activity"
        tags = " ".join(f"#{tag}" for tag in chat.tags)
        checks.append(Check("ok", f"chat {chat.name}", f"{tags}; {rule}; {chat.timezone}"))
    checks += [Check("warning", "schedule", said) for said in clashes(config.chat, datetime.now(UTC))]
    checks.append(_folder("state", config.state_dir))
    if "://" not in config.archive_url:
        checks.append(_folder("archive", Path(config.archive_url)))
    try:
        archive = Archive(config.archive_url, config.state_dir)
    except KnowarchiveError as error:
        return [*checks, Check("failed", "archive", str(error))]
    for name, table in archive.tables.items():
        try:
            files = table.files()
        except KnowarchiveError as error:
            checks.append(Check("failed", f"table {name}", str(error)))
            continue
        crowded = [month for month, count in Counter(file.month for file in files).items() if count > MANY_FILES]
        size = sum(file.size for file in files)
        finding = f"{sum(file.rows for file in files):,} rows in {len(files):,} files, {size / 1e6:,.1f} MB"
        if crowded:
            finding += f"; {len(crowded)} months are in many pieces, join them with: knowarchive maintain"
        checks.append(Check("warning" if crowded else "ok", f"table {name}", finding))
    checks += _unerased(archive)
    return checks


def _unerased(archive: Archive) -> list[Check]:
    """What was to be erased and is not, because somebody stopped it."""
    try:
        posts, people = len(unerased(archive)), len(unfinished(archive))
    except KnowarchiveError:
        return []  # its tables have said so
    checks = []
    if posts:
        checks.append(Check("warning", "erasures", f"{posts:,} posts are still to be erased; run: knowarchive refresh"))
    if people:
        finding = "somebody is not wholly forgotten yet; run: knowarchive forget --finish"
        checks.append(Check("warning", "forgetting", finding))
    return checks


def _folder(name: str, folder: Path) -> Check:
    existing = nearest(folder)
    if not existing.is_dir():
        return Check("failed", name, f"{existing}: is not a folder")
    if not os.access(existing, os.R_OK | os.X_OK):
        return Check("failed", name, f"{folder}: cannot be read; check its permissions")
    if not os.access(existing, os.W_OK):
        return Check("warning", name, f"{folder}: cannot be written; reading works")
    free = shutil.disk_usage(existing).free
    finding = f"{folder}{'' if folder.exists() else ' (not there yet)'}; {free / 1e9:,.1f} GB free"
    return Check("warning" if free < LOW_DISK else "ok", name, finding)
