"""A calendar to subscribe to: read back by another library's rules, it holds exactly the sessions of the schedule."""

from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from icalendar import Calendar

from knowarchive.config import Chat, Occasion, Rule
from transcripts.calendars import write_calendar
from transcripts.sessions import windows

NOW = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = NOW + timedelta(days=300)
WEEKLY = "FREQ=WEEKLY;BYDAY=WE;BYHOUR=20;BYMINUTE=0"
PLAIN = Chat(name="lanternkm", hashtags=("lanternkm",), timezone="America/Toronto", schedule=WEEKLY)
CHATS = {
    "weekly across both changes of the clocks": PLAIN,
    "every other week": Chat(
        name="noonchat", hashtags=("noonchat",), timezone="Europe/Berlin",
        schedule="FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;BYHOUR=12;BYMINUTE=0",
    ),
    "the first Tuesday of the month, south of the equator": Chat(
        name="southkm", hashtags=("southkm",), timezone="Australia/Sydney",
        schedule="FREQ=MONTHLY;BYDAY=1TU;BYHOUR=19;BYMINUTE=30",
    ),
    "two rules one after the other": Chat(
        name="moved", hashtags=("moved",), timezone="America/New_York",
        schedule=(Rule(rule=WEEKLY, since=date(2025, 1, 1), until=date(2026, 5, 31)),
                  Rule(rule="FREQ=WEEKLY;BYDAY=TH;BYHOUR=21;BYMINUTE=0", since=date(2026, 6, 1))),
    ),
    "with skipped, extra and special sessions": Chat(
        name="lanternkm", hashtags=("lanternkm",), timezone="America/Toronto", schedule=WEEKLY,
        skip=(date(2026, 3, 11), date(2026, 7, 1)),
        session=(Occasion(date=date(2026, 3, 12), start="19:00", duration="2h", topic="Maps"),
                 Occasion(date=date(2026, 3, 18), topic="Lamps; oil, and wicks", guests=("x:ada", "bluesky:bo.example"))),
    ),
}  # fmt: skip


def events(chats):
    return Calendar.from_ical(write_calendar(chats, NOW)).walk("VEVENT")


def occurrences(event):
    """When an event takes place, in UTC, as a calendar program works it out: wall-clock times in the event's zone."""
    start = event["DTSTART"].dt
    zone = start.tzinfo
    if "RRULE" not in event:
        return [start.astimezone(UTC)]
    text = event["RRULE"].to_ical().decode()
    rule = rrulestr(text, dtstart=start if "UNTIL" in text else start.replace(tzinfo=None))
    excluded = event.get("EXDATE", [])
    without = {moment.dt.astimezone(UTC) for one in (excluded if isinstance(excluded, list) else [excluded])
               for moment in one.dts}  # fmt: skip
    limit = UNTIL if "UNTIL" in text else UNTIL.replace(tzinfo=None)
    found = []
    for moment in rule:
        if moment > limit:
            break
        found.append(moment.replace(tzinfo=zone).astimezone(UTC))
    return [moment for moment in found if moment not in without]


@pytest.mark.parametrize("name", CHATS)
def test_the_calendar_holds_exactly_the_sessions_of_the_schedule(name):
    chat = CHATS[name]
    found = sorted(moment for event in events([chat]) for moment in occurrences(event) if NOW <= moment < UNTIL)
    assert found == [window.start for window in windows(chat, NOW, UNTIL)]


def test_every_event_is_as_long_as_its_session_and_has_a_name_of_its_own():
    chats = list(CHATS.values())[:4]
    found = events(chats)
    assert {event["DTEND"].dt - event["DTSTART"].dt for event in found} == {timedelta(hours=1)}
    uids = [str(event["UID"]) for event in found]
    assert len(set(uids)) == len(uids) == 5


def test_a_session_with_a_topic_says_so_and_names_its_guests():
    special = {str(event["SUMMARY"]): event for event in events([CHATS["with skipped, extra and special sessions"]])}
    assert special["#lanternkm: Maps"]["DTEND"].dt - special["#lanternkm: Maps"]["DTSTART"].dt == timedelta(hours=2)
    lamps = special["#lanternkm: Lamps; oil, and wicks"]
    assert str(lamps["DESCRIPTION"]) == "#lanternkm\nWith ada, bo.example"


def test_the_time_zones_travel_with_the_calendar():
    zones = Calendar.from_ical(write_calendar(CHATS.values(), NOW)).walk("VTIMEZONE")
    assert {str(zone["TZID"]) for zone in zones} == {
        "America/Toronto", "Europe/Berlin", "Australia/Sydney", "America/New_York",
    }  # fmt: skip


def test_it_is_the_same_whenever_it_is_written_in_a_year():
    assert write_calendar([PLAIN], NOW) == write_calendar([PLAIN], NOW + timedelta(days=40))


def test_chats_without_a_schedule_and_rules_that_are_over_are_left_out():
    silent = Chat(name="silent", hashtags=("silent",))
    over = Chat(name="over", hashtags=("over",), schedule=(Rule(rule=WEEKLY, until=date(2020, 1, 1)),))
    assert events([silent, over]) == []


def test_lines_are_as_short_as_the_standard_wants():
    long = Chat(name="lanternkm", hashtags=("lanternkm",), title="Ünïcode 🌱 " * 20, schedule=WEEKLY)
    text = write_calendar([long], NOW)
    assert text.endswith(b"END:VCALENDAR\r\n")
    assert max(map(len, text.split(b"\r\n"))) <= 75
