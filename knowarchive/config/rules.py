"""Durations, and RFC 5545 rules by the clock of a time zone, as the configuration gives them."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from knowarchive.errors import ConfigError

if TYPE_CHECKING:
    from dateutil.rrule import rrule, rruleset

DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
ANCHOR = date(2006, 1, 2)
"""Where a rule without `from` starts: a Monday, older than any hashtag. INTERVAL and COUNT are counted from it."""
UNTIL_IN_UTC = re.compile(r"UNTIL=(\d{8}T\d{6})Z", re.IGNORECASE)
TOO_OFTEN = re.compile(r"FREQ=(?:MINUTELY|SECONDLY)", re.IGNORECASE)
EXAMPLE_RULE = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0"


def parse_duration(text: str) -> timedelta:
    """Read "90s", "15m", "1h" or "2d".

    Raises:
        ConfigError: anything else.
    """
    match = DURATION.fullmatch(text)
    if not match:
        raise ConfigError(f'"{text}" is not a duration; write "15m", "1h" or "1d"')
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]
    try:
        return timedelta(**{unit: int(match[1])})
    except OverflowError as error:
        raise ConfigError(f'"{text}" is too long; write "15m", "1h" or "1d"') from error


def parse_rule(text: str, start: datetime, zone: ZoneInfo) -> "rrule | rruleset":
    """Read an RFC 5545 rule as wall-clock times in a time zone; an UNTIL in UTC becomes local.

    Args:
        text: the rule, without DTSTART.
        start: its DTSTART, naive.
        zone: whose clock it is.

    Raises:
        ConfigError: it is none, or gives a session every minute or second.
    """
    from dateutil.rrule import rrulestr

    if TOO_OFTEN.search(text):
        raise ConfigError(f'"{text}" gives a session every minute or second; write FREQ=DAILY with BYHOUR and BYMINUTE')
    try:
        return rrulestr(with_local_until(text, zone), dtstart=start)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ConfigError(f'"{text}" is not an RFC 5545 rule ({error}); an example is "{EXAMPLE_RULE}"') from error


def with_local_until(text: str, zone: tzinfo) -> str:
    """An RFC 5545 rule whose UNTIL, where it was in UTC, is by the clock of a zone, as a naive DTSTART wants it."""

    def localise(match: re.Match[str]) -> str:
        moment = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).astimezone(zone)
        return f"UNTIL={moment:%Y%m%dT%H%M%S}"

    return UNTIL_IN_UTC.sub(localise, text)
