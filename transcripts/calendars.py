"""A chat's schedule as an iCalendar (RFC 5545) to subscribe to, so that nobody misses a session. Pure."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from icalendar import Calendar, Event
from icalendar.prop import vRecur

from knowarchive.config import ANCHOR, Chat, Rule
from transcripts.model import Window
from transcripts.sessions import find_occasion, windows

AHEAD = timedelta(days=366)  # how far sessions with a topic, guests or a time of their own are looked up
PRODUCT = "-//Knowarchive//chat schedule//EN"
REFRESH = timedelta(hours=12)
LONGEST_PAUSE = timedelta(days=366 * 5)  # between two sessions of one rule
YEARS_OF_CLOCKS = timedelta(days=366 * 12)  # for which changes of the clocks are written


def write_calendar(chats: Iterable[Chat], now: datetime) -> bytes:
    """Write the schedules as one calendar: an event for each rule, and one for each session that differs from it.

    Args:
        chats: those without a schedule are left out.
        now: aware; rules that ended before are left out.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    names = []
    for chat in chats:
        found = [event for number, rule in enumerate(chat.rules)
                 if (event := _rule_event(chat, rule, number, now)) is not None]  # fmt: skip
        found += _single_events(chat, now)
        for event in found:
            calendar.add_component(event)
        if found:
            names.append(_title(chat))
    calendar.add("x-wr-calname", ", ".join(names) or "No chats")
    calendar.add_missing_timezones(first_date=_last_year(now), last_date=_last_year(now) + YEARS_OF_CLOCKS)
    return bytes(calendar.to_ical())


def _rule_event(chat: Chat, rule: Rule, number: int, now: datetime) -> Event | None:
    """The event that repeats by a rule, without the dates that are skipped or have an event of their own."""
    today = now.astimezone(chat.zone).date()
    if rule.until and rule.until < today:
        return None
    begin = rule.since or ANCHOR
    if "COUNT=" not in rule.rule.upper():
        begin = max(begin, _last_year(now))  # nobody's calendar needs twenty years of the past
    alone = Chat(
        name=chat.name, hashtags=chat.hashtags, timezone=chat.timezone, schedule=(rule,), duration=chat.duration
    )
    start = datetime.combine(begin, time(), chat.zone)
    first = next(iter(windows(alone, start, start + LONGEST_PAUSE)), None)
    if first is None:
        return None
    recurrence = vRecur.from_ical(rule.rule)
    if rule.until:
        recurrence["UNTIL"] = [datetime.combine(rule.until, time.max, chat.zone).astimezone(UTC).replace(microsecond=0)]
    event = _event(chat, first, f"{chat.name}-{number}@knowarchive")
    event.add("rrule", recurrence)
    own = {window.start.astimezone(chat.zone) for window in _own_windows(chat, now)}
    scheduled = {window.start.astimezone(chat.zone) for day in chat.skip for window in _on(alone, day)}
    for moment in sorted(scheduled | own & {window.start.astimezone(chat.zone) for window in _near(alone, now)}):
        event.add("exdate", moment)
    return event


def _single_events(chat: Chat, now: datetime) -> list[Event]:
    return [_event(chat, window, f"{chat.name}-{window.label}@knowarchive") for window in _own_windows(chat, now)]


def _own_windows(chat: Chat, now: datetime) -> list[Window]:
    """The coming sessions of which the configuration says something of their own."""
    return [window for window in _near(chat, now) if find_occasion(chat, window)]


def _near(chat: Chat, now: datetime) -> list[Window]:
    return windows(chat, now - timedelta(days=31), now + AHEAD)


def _on(chat: Chat, day: date) -> list[Window]:
    noon = datetime.combine(day, time(12), chat.zone)
    near = windows(chat, noon - timedelta(days=1), noon + timedelta(days=1))
    return [window for window in near if window.start.astimezone(chat.zone).date() == day]


def _event(chat: Chat, window: Window, uid: str) -> Event:
    occasion = find_occasion(chat, window)
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", window.start)  # RFC 5545 wants one; of the calendar's making it would change every file
    event.add("dtstart", window.start.astimezone(chat.zone))
    event.add("dtend", window.end.astimezone(chat.zone))
    event.add("summary", _title(chat) + (f": {occasion.topic}" if occasion and occasion.topic else ""))
    tags = " ".join(f"#{tag.removeprefix('#')}" for tag in chat.hashtags)
    guests = ", ".join(guest.partition(":")[2] for guest in occasion.guests) if occasion else ""
    event.add("description", f"{tags}\nWith {guests}" if guests else tags)
    return event


def _last_year(now: datetime) -> date:
    return date(now.year - 1, 1, 1)


def _title(chat: Chat) -> str:
    return chat.title or f"#{chat.hashtags[0].removeprefix('#')}"
