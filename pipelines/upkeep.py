"""Keep an archive small and quick: fold, compact, and delete the files that no reader needs any more."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from knowarchive.config import ANCHOR, Config, parse_rule
from pipelines.claims import claim
from storage.archive import Archive

MARK = "maintained"  # among what is derived: an empty file, as old as the last time
KEPT = timedelta(days=7)  # for readers of older versions, and who only compares


def keep_up(archive: Archive, keep: timedelta = KEPT) -> dict[str, int]:
    """Fold and compact. Returns files before and after, and how many old ones were deleted.

    Args:
        archive: which.
        keep: how long files stay that only older versions have.

    Raises:
        StorageError: it cannot be written.
    """
    done = {**archive.maintain(), "deleted": archive.vacuum(keep)}
    archive.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    (archive.state / MARK).touch()
    return done


def keep_up_if_due(config: Config, archive: Archive, now: datetime) -> bool:
    """Do so if it was not done since the schedule last asked for it. Returns whether it was done.

    Args:
        config: its `schedule.maintain` says when.
        archive: which.
        now: aware.

    Raises:
        StorageError: the archive cannot be written.
    """
    rule = parse_rule(config.schedule.maintain, datetime.combine(ANCHOR, time()), ZoneInfo("UTC"))
    asked = rule.before(now.astimezone(UTC).replace(tzinfo=None), inc=True)
    mark = archive.state / MARK
    if asked is None or (mark.exists() and mark.stat().st_mtime >= asked.replace(tzinfo=UTC).timestamp()):
        return False
    with claim(config.state_dir, "maintain") as is_mine:
        if is_mine:
            keep_up(archive)
    return is_mine
