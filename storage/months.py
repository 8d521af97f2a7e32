"""Months in UTC, by which tables are partitioned: "YYYY-MM", and from when until when that is."""

from datetime import UTC, datetime


def bounds(month: str) -> tuple[datetime, datetime]:
    """From the first moment of a month to the first of the next.

    Raises:
        ValueError: it is none; rows without a time are filed under such a name.
    """
    first = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC)
    return first, after(first)


def after(first: datetime) -> datetime:
    """The first moment of the month after the one that begins then."""
    return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
