"""`knowarchive schedule`: what comes next, the calendar, and doing what is due without a scheduler."""

import logging
import re
from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest
from icalendar import Calendar

from benchmarks import generate
from pipelines import collecting, inbox
from tests.connectors.loopback import DAILY, LATELY, PRIVATE, SECRETS, Chat, Faults, MachineClock
from tests.connectors.x.server import TOKEN

from .test_collect import PLATFORMS, configure


class Down(Faults):
    def next(self):
        return "500"


@pytest.fixture(autouse=True)
def logs():
    """As they were before, for other tests."""
    before = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(before)


@pytest.fixture
def servers(socket_enabled, monkeypatch):
    monkeypatch.setattr(collecting, "Surroundings", partial(collecting.Surroundings, sleep=lambda _: None))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with Chat(LATELY, MachineClock).served() as servers:
        yield servers


def once(home, servers):
    """One session only, yesterday's."""
    day = LATELY.date()
    rule = f'schedule = [{{rule = "{DAILY}", from = {day}, until = {day}}}]'
    configure(home, servers, schedule=rule, more="[schedule]\nrefresh = []")


def test_the_list_shows_what_comes_next_in_local_time_and_in_utc(run):
    result = run("schedule", "--list", "--count", "10")
    assert result.code == 0
    lines = result.out.splitlines()[2:]
    assert len(lines) == 60  # opens, closes, four refreshes
    opens = [line for line in lines if "opens" in line]
    assert len(opens) == 10
    for line in opens:
        assert "Wed" in line
        assert " 20:45 E" in line  # EST or EDT
    moments = [row["at"] for row in run("schedule", "--list", "--json").json]
    assert all(earlier <= later for earlier, later in pairwise(moments))
    assert {row["chat"] for row in run("schedule", "--list", "--json").json} == {"lanternkm"}


def test_a_session_that_begins_before_another_ends_is_a_line_of_the_list_and_of_the_doctor(run, home, servers):
    rules = [
        '{rule = "FREQ=WEEKLY;BYDAY=WE;BYHOUR=20;BYMINUTE=0"}',
        '{rule = "FREQ=WEEKLY;BYDAY=WE;BYHOUR=20;BYMINUTE=30"}',
    ]
    configure(home, servers, schedule=f"schedule = [{', '.join(rules)}]")
    listed, doctor = run("schedule", "--list", "--count", "1"), run("doctor")
    assert listed.code == 0
    [line] = listed.err.splitlines()
    said = r"lanternkm: (\S+)@2030 begins before \1 ends, and takes over from it then; if that is not meant, correct "
    assert re.match(f"knowarchive: {said}", line)
    assert re.search(said, doctor.out)


def test_a_configuration_without_schedules_says_what_to_add(run, home):
    (home / "knowarchive.toml").write_text('[archive]\nurl = "archive"\nstate = "state"\n')
    result = run("schedule", "--list")
    assert result.code == 0
    assert "No chat has a schedule" in result.line


def test_the_calendar_is_written_to_a_file_or_to_standard_output(run, home):
    assert run("schedule", "--ical", "chats.ics").code == 0
    [event] = Calendar.from_ical((home / "chats.ics").read_bytes()).walk("VEVENT")
    assert str(event["SUMMARY"]) == "#lanternkm"
    assert run("schedule", "--ical", "-").out.startswith("BEGIN:VCALENDAR")


def test_a_calendar_that_cannot_be_written_is_one_line(run):
    result = run("schedule", "--ical", "nowhere/chats.ics")
    assert result.code == 1
    assert "nowhere/chats.ics: cannot be written" in result.line


def test_what_is_due_is_done_once_and_then_nothing_is(run, home, servers):
    once(home, servers)
    result = run("schedule", "--once")
    assert result.code == 0, result.err
    assert result.out.startswith("collect lanternkm ")
    assert " (sweep): " in result.out
    again = run("schedule", "--once")
    assert (again.code, again.out) == (0, "Nothing is due.\n")
    for path in home.rglob("*"):
        if path.is_file():
            assert PRIVATE.encode() not in path.read_bytes()
            assert TOKEN.encode() not in path.read_bytes()


def test_a_source_that_is_down_makes_exit_code_4(run, home, servers):
    once(home, servers)
    servers["mastodon"].meet(Down(0))
    result = run("schedule", "--once", "--json")
    assert result.code == 4
    [job] = result.json
    assert job["sources"] == len(PLATFORMS)
    assert job["incomplete"] == 1


SITE = '[publish]\ncontact = "keeper@example.org"\n'


def publish_once(run, home, servers, more):
    once(home, servers)
    path = home / "knowarchive.toml"
    path.write_text(path.read_text().replace("refresh = []", f"refresh = []\n{more}"))
    return run("schedule", "--once")


@pytest.mark.slow
def test_what_is_in_the_inbox_is_imported_and_the_site_published_once(run, home, servers, monkeypatch):
    monkeypatch.setattr(inbox, "SETTLED", timedelta(0))
    (home / "inbox").mkdir()
    (home / "inbox" / "none.csv").write_text("a,b\n1,2\n")
    (home / "inbox" / "pull.jsonl").write_bytes(b"".join(generate.FORMATS["v2"](5, 1)))
    result = publish_once(run, home, servers, f'inbox = "inbox"\n{SITE}')
    swept, imported, published = result.out.splitlines()
    assert " (sweep): " in swept
    assert imported.startswith("import pull.jsonl: ")
    assert not imported.endswith(": 0 new, 0 changed")
    assert published.startswith("publish: ")
    assert (result.code, "import none.csv: " in result.line) == (1, True)
    day = LATELY.date()
    assert (home / "site" / "chats" / "lanternkm" / f"{day}.html").exists()
    again = run("schedule", "--once")
    assert (again.code, again.out, again.err) == (0, "Nothing is due.\n", "")
    assert [one["kind"] for one in run("status", "--json").json["troubles"]] == ["import"]


@pytest.mark.slow
def test_a_site_that_cannot_be_built_is_one_line_and_the_rest_is_done(run, home, servers):
    (home / "site").mkdir()
    (home / "site" / "mine.html").touch()
    result = publish_once(run, home, servers, SITE)
    assert result.code == 1
    assert " (sweep): " in result.out
    assert "knowarchive: publish: " in result.line
    assert "site" in result.line
    later = run("schedule", "--once")
    assert (later.code, later.out) == (0, "Nothing is due.\n")  # not at once again
    assert [one["kind"] for one in run("status", "--json").json["troubles"]] == ["site"]


def test_the_status_is_quiet_when_all_is_well_and_says_what_comes_next(run, home, servers):
    day = LATELY.date()
    rule = f'schedule = [{{rule = "{DAILY}", from = {day}, until = {day + timedelta(days=3)}}}]'
    configure(home, servers, schedule=rule, more="[schedule]\nrefresh = []")
    assert run("schedule", "--once").code == 0
    result = run("status")
    assert (result.code, result.err) == (0, "")
    assert f"{day}" in result.out
    assert result.out.count(" done") == len(PLATFORMS)
    document = run("status", "--json").json
    assert document["status"] == "ok"
    assert len(document["next"]) == 1


def test_the_status_names_what_needs_a_person_and_exits_with_4(run, home, servers):
    once(home, servers)
    servers["mastodon"].meet(Down(0))
    run("schedule", "--once")
    result = run("status")
    assert result.code == 4
    nothing, trouble = result.err.splitlines()
    assert nothing == "No session is coming"
    assert "mastodon" in trouble
    assert " is failed; see: knowarchive collect lanternkm --session " in trouble
    assert [one["kind"] for one in run("status", "--json").json["troubles"]] == ["incomplete"]
