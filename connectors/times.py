"""Which times are believed: one that no clock shows is none, and no calendar could go on from it."""

from datetime import UTC, datetime

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def believed(time: datetime | None) -> datetime | None:
    """An aware time in UTC; None for one before 1970 or after 2199, for which there may be no date in UTC at all."""
    if time is None or not EARLIEST <= time < LATEST:
        return None
    return time if time.tzinfo is UTC else time.astimezone(UTC)
