"""What goes wrong or changes while `knowarchive schedule` serves is a line of its log, and everything else goes on."""

import contextlib
import sqlite3
import subprocess
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.archives import configure, environment, open_archive
from tests.connectors.loopback import SECRETS, TAG, Chat, MachineClock
from tests.pipelines.test_scheduling import PLATFORMS, UNFINISHED, Scheduler, free_port, unit_command

HELD = 45.0  # seconds for which another process holds Prefect's database


class Place:
    """A configuration that is edited, and the service that goes by it."""

    def __init__(self, folder, servers, more=""):
        self.folder, self.port, self.health = folder, free_port(), free_port()
        self.archive = open_archive(folder)
        self._sources = "".join(
            f'[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"\n' for name in PLATFORMS
        )

    def write(self, more="", **chats):
        """Write the configuration: chats with the minutes from now at which their sessions begin and how long they are."""
        text = f'[schedule]\npoll = "1m"\nrefresh = []\nport = {self.port}\nhealth = {self.health}\n'
        for name, sessions in chats.items():
            text += f'[[chat]]\nname = "{name}"\nhashtags = ["{TAG}"]\nmargin = ["0m", "0m"]\n{self._sources}'
            for begin, length in sessions:
                text += f'[[chat.session]]\ndate = {begin:%Y-%m-%d}\nstart = "{begin:%H:%M}"\nduration = "{length}m"\n'
        configure(self.folder, text + more)

    @property
    def log(self):
        return (self.folder / "schedule.log").read_text()

    def lines(self, *parts):
        return [line for line in self.log.splitlines() if all(part in line for part in parts)]

    def collected(self, chat, since):
        """The sources that were asked about a chat since then."""
        return {run.source for run in self.archive.runs() if run.chat == chat and run.started_at >= since}

    def swept(self, chat):
        """How many sources of each session were asked after its end."""
        found = {}
        for run in self.archive.runs():
            if run.chat == chat and run.status == "done" and run.started_at >= run.until:
                found.setdefault(run.since, set()).add(run.source)
        return sorted((since, len(sources)) for since, sources in found.items())


def run_again(folder):
    """Start another service; its exit code and what it says."""
    done = subprocess.run(
        unit_command(folder), cwd=folder, env={**environment(), **SECRETS}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stderr.splitlines()


@pytest.mark.slow
def test_edits_and_troubles_while_it_serves_are_a_line_each_and_the_rest_goes_on(tmp_path, socket_enabled):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    with Chat(now - timedelta(minutes=10), MachineClock).served() as servers:
        place = Place(tmp_path, servers)
        place.write(lanternkm=[(now, 55)])
        service = Scheduler(tmp_path, place.port)
        try:
            service.wait_for("a poll", lambda: len(place.collected("lanternkm", now)) == 3)
            service.wait_for("serving", lambda: place.lines("serving 1 chat"))
            a_broken_file_stops_nothing(service, place)
            a_renamed_chat_is_followed_by_its_new_name_and_sessions_that_overlap_both(service, place, now)
            a_database_that_is_held_for_a_while_stops_nothing_for_good(service, place)
            a_second_service_ends_with_a_line(service, place, tmp_path)
            a_chat_that_is_taken_out_is_left_alone(service, place, now)
            service.process.terminate()
            assert service.process.wait(120) == 0
        finally:
            service.close()
    assert "Traceback" not in place.log
    assert not list((tmp_path / "state" / "served").iterdir())


def a_broken_file_stops_nothing(service, place):
    with (place.folder / "knowarchive.toml").open("a") as file:
        file.write("[[chat\n")
    broken = datetime.now(UTC)
    service.wait_for("a refusal", lambda: place.lines("is not valid TOML", "; the schedule stays as it was"))
    service.wait_for("the next poll", lambda: len(place.collected("lanternkm", broken)) == 3)
    answer = httpx.get(f"http://127.0.0.1:{place.health}/healthz", timeout=30, trust_env=False)
    assert answer.status_code == 503
    assert "is not valid TOML" in answer.json()["error"]
    wake(service, "catch up", "due")
    assert len(place.lines("is not valid TOML")) == 1


def a_renamed_chat_is_followed_by_its_new_name_and_sessions_that_overlap_both(service, place, now):
    edited = datetime.now(UTC)
    first = edited.replace(second=0, microsecond=0)
    second = first + timedelta(minutes=3)
    place.write(harbourkm=[(now, 55)], quietkm=[(first, 5), (second, 2)])
    service.wait_for(
        "the edit", lambda: place.lines("2 chats; harbourkm is new; quietkm is new; lanternkm is no longer ")
    )
    service.wait_for(
        "a warning", lambda: place.lines("quietkm: ", " begins before ", ", and takes over from it then; ")
    )
    service.wait_for("the new name", lambda: len(place.collected("harbourkm", edited)) == 3)
    service.wait_for("the end of the old", lambda: not running(service, "collect lanternkm"))
    service.wait_for("both sessions", lambda: place.swept("quietkm") == [(first, 3), (second, 3)])
    assert set(deployments(service)) == {"due", "archive", "harbourkm", "quietkm"}
    before = len(place.archive.runs())
    wake(service, "catch up", "due")
    assert not [run for run in place.archive.runs()[before:] if run.chat == "quietkm"], (
        "nothing is due of them any more"
    )


def a_database_that_is_held_for_a_while_stops_nothing_for_good(service, place):
    with contextlib.closing(sqlite3.connect(place.folder / "state" / "prefect" / "prefect.db", timeout=60, isolation_level=None)) as other:  # fmt: skip
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(HELD)
    free = datetime.now(UTC)
    service.wait_for("the next poll", lambda: len(place.collected("harbourkm", free)) == 3)


def a_second_service_ends_with_a_line(service, place, tmp_path):
    code, [line] = run_again(tmp_path)
    assert (code, line) == (1, "knowarchive: another `knowarchive schedule` serves this archive already; nothing to do")
    other = tmp_path / "other"
    configure(other, f"[schedule]\nport = {place.port}\nhealth = {free_port()}\n")
    code, [line] = run_again(other)
    assert code == 1
    assert line.startswith(f"knowarchive: port {place.port} is in use; stop what listens there, ")
    assert service.process.poll() is None


def a_chat_that_is_taken_out_is_left_alone(service, place, now):
    assert running(service, "collect harbourkm")
    place.write(quietkm=[(now + timedelta(days=1), 5)])
    service.wait_for(
        "the edit", lambda: place.lines("1 chat; harbourkm is no longer collected; what is stored of it stays")
    )
    service.wait_for("the end of its run", lambda: not running(service, "collect harbourkm"))
    assert set(deployments(service)) == {"due", "archive", "quietkm"}
    gone = datetime.now(UTC)
    wake(service, "catch up", "due")
    assert not place.collected("harbourkm", gone)


def running(service, name):
    return [run for run in service.flow_runs() if run["name"] == name and run["state_type"] in UNFINISHED]


def deployments(service):
    return {one["name"]: one["id"] for one in service.ask("deployments/filter", limit=200)}


def wake(service, flow, deployment):
    """Have a deployment run, to its end; it must not fail."""
    run = service.ask(f"deployments/{deployments(service)[deployment]}/create_flow_run")
    states = {}

    def is_over():
        states.update({one["id"]: one["state_type"] for one in service.flow_runs()})
        return states.get(run["id"], "SCHEDULED") not in UNFINISHED | {"SCHEDULED"}

    service.wait_for(f"the end of {flow}", is_over)
    assert states[run["id"]] in {"COMPLETED", "CANCELLED"}
