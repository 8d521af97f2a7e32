"""Moments as a transcript tells them: in the chat's own time zone, with the UTC instant beside for machines."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from transcripts.model import Window

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def instant(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`, with a fraction only where there is one."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells times of one session. English month names whatever the locale, so that a build is the same anywhere."""

    zone: tzinfo
    start: datetime
    end: datetime

    @classmethod
    def of(cls, window: Window) -> "Clock":
        try:
            zone: tzinfo = ZoneInfo(window.timezone)
        except (KeyError, ValueError, OSError):  # an unknown name; the configuration reports it, a page must not fail
            zone = UTC
        return cls(zone, window.start.astimezone(zone), window.end.astimezone(zone))

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    @property
    def date(self) -> str:
        """The day of the session: "Tuesday 19 May 2015"."""
        return f"{_DAYS[self.start.weekday()]} {self.day(self.start)}"

    @property
    def hours(self) -> str:
        """From when to when: "21:00–22:00 EDT"."""
        name = self.start.tzname() or "UTC"
        return f"{self.start:%H:%M}–{self.end:%H:%M} {'UTC' + name if name[0] in '+-' else name}"

    def day(self, moment: datetime) -> str:
        local = self.local(moment)
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year:04d}"

    def time(self, moment: datetime) -> str:
        """The time of day, with the day where it is another than the session's."""
        local = self.local(moment)
        if local.date() == self.start.date():
            return f"{local:%H:%M}"
        if local - self.start < timedelta(hours=12) and local > self.start:
            return f"{local:%H:%M}"  # past midnight, still the same evening
        year = f" {local.year:04d}" if local.year != self.start.year else ""
        return f"{local.day} {_MONTHS[local.month - 1]}{year}, {local:%H:%M}"
