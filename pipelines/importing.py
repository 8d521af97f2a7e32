"""Import archive files: read, screen, map, store; a line in the ledger for each."""

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from connectors.files.errors import CutError
from connectors.files.reader import read_file
from knowarchive import __version__
from knowarchive.errors import ConfigError, KnowarchiveError, ReadError, StorageError
from knowarchive.model import Quarantined
from pipelines.erasing import erase_learnt
from pipelines.forgetting import forget_meanwhile
from pipelines.helpers import Helpers
from pipelines.remembering import open_memory
from pipelines.understanding import understand_all
from storage.archive import Archive, Run
from storage.erasure import asked_for
from storage.forgetting import RedactedPayloads
from storage.staging import Outcome, Staging


@dataclass(frozen=True, slots=True)
class ImportSource:
    """A file to import, or a stream. `name` is what messages call it: the path as it was given."""

    name: str
    path: Path | None = None
    stream: BinaryIO | None = None

    @property
    def origin(self) -> str:
        """What the archive calls it: the file's name, without the folders of somebody's machine."""
        return os.fsencode(self.path.name).decode("utf-8", "replace") if self.path else self.name

    @property
    def size(self) -> int | None:
        """Bytes on disk, where known."""
        return self.path.stat().st_size if self.path and self.path.is_file() else None


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one file. `status` is done, incomplete (something is missing, see `gaps`) or failed."""

    source: str
    status: str
    outcome: Outcome | None = None
    screened: int = 0
    reasons: tuple[tuple[str, int], ...] = ()  # why posts were quarantined, most frequent first
    gaps: tuple[str, ...] = ()
    error: str | None = None


def import_file(
    archive: Archive,
    source: ImportSource,
    *,
    now: Callable[[], datetime],
    chat: str | None = None,
    format_name: str = "auto",
    helpers: Helpers | None = None,
    on_progress: Callable[[int, int], None] = lambda _bytes, _posts: None,
) -> Imported:
    """Import one file. One that cannot be read comes back as failed, so that it does not stop the next.

    Args:
        archive: where to.
        source: the file.
        now: the clock; aware.
        chat: the chat that everything in the file belongs to, hashtag or not.
        format_name: a key of `connectors.FORMATS`, or "auto" to find it by content.
        helpers: processes that may compute too.
        on_progress: told after each payload: bytes read so far, posts seen so far.

    Raises:
        ConfigError: people were forgotten here, and the key by which they are known again is missing.
        StorageError: the archive cannot be written.
    """
    started = now()
    gaps: list[str] = []
    reasons: dict[str, int] = {}
    screened = seen = read = 0

    def count(consumed: int) -> None:
        nonlocal read
        read = consumed

    try:
        with Staging(archive, chat=chat, now=started) as staging:
            erased, memory = asked_for(archive), open_memory(archive)
            stored = RedactedPayloads(archive).find if memory else lambda _payload: None
            try:
                records = read_file(
                    source.path, stream=source.stream, origin=source.origin, format=format_name, on_progress=count
                )
                for record in understand_all(
                    records, erased=frozenset(erased), memory=memory, stored=stored, helpers=helpers
                ):
                    if isinstance(record, Quarantined):
                        staging.quarantine(record)
                        quarantined = [record]
                    else:
                        prepared, dropped = record
                        staging.add(prepared)
                        quarantined = prepared.quarantined
                        screened, seen = screened + dropped, seen + prepared.seen
                    for one in quarantined:
                        reasons[one.reason] = reasons.get(one.reason, 0) + 1
                    on_progress(read, seen)
            except CutError as error:
                gaps.append(_named(error, source))
            outcome = staging.finish()
        erase_learnt(archive, erased, now=now())
        forget_meanwhile(archive, memory, now=now())
    except (StorageError, ConfigError):
        raise
    except (ReadError, OSError) as error:
        imported = Imported(source=source.name, status="failed", error=_named(error, source))
    else:
        imported = Imported(
            source=source.name,
            status="incomplete" if gaps or outcome.quarantined else "done",
            outcome=outcome,
            screened=screened,
            reasons=tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
            gaps=tuple(gaps),
        )
    archive.record(_run(imported, source, chat, started, now()))
    return imported


def _run(imported: Imported, source: ImportSource, chat: str | None, started: datetime, finished: datetime) -> Run:
    """The ledger's line. A file that could not be read at all covers no window."""
    outcome = imported.outcome
    return Run(
        run_id=uuid.uuid4().hex,
        kind="import",
        chat=chat,
        source=source.origin,
        status=imported.status,
        started_at=started,
        finished_at=finished,
        since=outcome.first if outcome else None,
        until=outcome.last if outcome else None,
        pages=outcome.payloads if outcome else 0,
        seen=outcome.seen if outcome else 0,
        new=outcome.new if outcome else 0,
        changed=outcome.changed if outcome else 0,
        quarantined=outcome.quarantined if outcome else 0,
        screened=imported.screened,
        gaps=imported.gaps,
        error=imported.error,
        version=__version__,
    )


def _named(error: Exception, source: ImportSource) -> str:
    """The message of an error, which begins with the file as it was given."""
    if isinstance(error, KnowarchiveError):
        return source.name + str(error).removeprefix(source.origin)
    return f"{source.name}: {getattr(error, 'strerror', None) or error}"
