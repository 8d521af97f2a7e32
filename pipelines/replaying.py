"""Map the stored payloads again: a mapping that was wrong has lost nothing."""

import uuid
from collections.abc import Callable
from datetime import datetime

import connectors
from knowarchive import __version__
from storage.archive import Archive, Run
from storage.preparing import prepare
from storage.staging import Outcome, Staging


def replay(
    archive: Archive,
    *,
    now: Callable[[], datetime],
    on_progress: Callable[[int, int], None] = lambda _bytes, _posts: None,
) -> Outcome:
    """Replace what every payload was understood to say by what it is understood to say now. No network.

    Raises:
        ConflictError: somebody stored or compacted meanwhile; nothing of that table changed, run it again.
    """
    started = now()
    outcome = derive(archive, now=started, on_progress=on_progress)
    archive.record(
        Run(
            run_id=uuid.uuid4().hex,
            kind="replay",
            source="payloads",
            status="done",
            started_at=started,
            finished_at=now(),
            since=outcome.first,
            until=outcome.last,
            pages=outcome.payloads,
            seen=outcome.seen,
            new=outcome.new,
            changed=outcome.changed,
            quarantined=outcome.quarantined,
            version=__version__,
        )
    )
    return outcome


def derive(
    archive: Archive, *, now: datetime, on_progress: Callable[[int, int], None] = lambda _bytes, _posts: None
) -> Outcome:
    """The work of `replay`, without its line in the ledger."""
    seen = size = 0
    with Staging(archive, now=now) as staging:
        for payload, stored in archive.payloads():
            mapped = connectors.map_payload(payload)
            staging.add_stored(prepare(payload, mapped, connectors.rank(payload.format)), stored)
            seen, size = seen + mapped.seen, size + len(payload.body)
            on_progress(size, seen)
        return staging.finish_replacing()
