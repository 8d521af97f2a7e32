"""Dates as options take them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from knowarchive.errors import UsageError

if TYPE_CHECKING:
    from knowarchive.config import Chat


def local_moment(text: str, chat: "Chat | None") -> datetime:
    """The moment that a date or time means, in UTC: local to the chat, or of UTC without one.

    Raises:
        UsageError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=chat.zone if chat else UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is not a date; write 2015-05-19") from error
