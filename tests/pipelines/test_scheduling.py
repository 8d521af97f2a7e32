"""`knowarchive schedule` for real: a run fires by itself, both processes are killed in the middle, and nothing is lost."""

import contextlib
import http.server
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from dateutil.rrule import rrulestr

from benchmarks import generate
from knowarchive.config import Chat as Settings
from knowarchive.config import load_config
from pipelines import scheduling
from pipelines.scheduling import SchedulerError, rrules, server
from tests.archives import ROOT, command, configure, environment, open_archive, query, rows
from tests.connectors.loopback import PRIVATE, SECRETS, TAG, Chat, MachineClock
from tests.connectors.x.server import TOKEN

PLATFORMS = ("x", "bluesky", "mastodon")
PATIENCE = 300.0  # seconds; a small machine imports Prefect's server for half a minute
UNFINISHED = {"RUNNING", "PENDING", "CANCELLING"}


def free_port():
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def unit_command(folder):
    """What the systemd unit in the documentation starts, with this checkout's command and a folder's configuration."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    [line] = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, *arguments = shlex.split(line)
    assert program.endswith("/.venv/bin/knowarchive")
    assert arguments.count("/etc/knowarchive/knowarchive.toml") == 1
    config = str(folder / "knowarchive.toml")
    return [sys.executable, "-m", "knowarchive", *(config if one.endswith(".toml") else one for one in arguments)]


class Scheduler:
    """`knowarchive schedule` as a process, and the Prefect server that it starts."""

    def __init__(self, folder, port, environ=None):
        self.folder, self.port = folder, port
        self.output = (folder / "schedule.log").open("ab")
        self.process = subprocess.Popen(
            unit_command(folder), cwd=folder, env=environ or {**environment(), **SECRETS}, stdout=self.output,
            stderr=self.output, start_new_session=True,
        )  # fmt: skip

    def ask(self, path, **body):
        return httpx.post(f"http://127.0.0.1:{self.port}/api/{path}", json=body, timeout=30, trust_env=False).json()

    def flow_runs(self):
        with contextlib.suppress(httpx.HTTPError):
            return self.ask("flow_runs/filter", limit=200)
        return []

    def wait_for(self, what, happened):
        deadline = time.monotonic() + PATIENCE
        while not happened():
            said = (self.folder / "schedule.log").read_text()
            assert self.process.poll() is None, f"it ended: {said}"
            assert time.monotonic() < deadline, f"{what} did not happen: {said}"
            time.sleep(0.2)

    def kill(self):
        """Everything at once, as when the machine loses power: the command, its server, the flows' own processes."""
        for pid in descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def close(self):
        if self.process.poll() is None:
            self.kill()
        self.output.close()


def descendants(pid):
    """A process and all that it started, the youngest last."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


@pytest.fixture
def schedulers():
    started = []
    yield started
    for one in started:
        one.close()


def test_a_rule_that_ends_in_utc_is_one_that_prefect_takes():
    rule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0;UNTIL=20260107T030000Z"
    chat = Settings(name="lanternkm", hashtags=(TAG,), timezone="America/New_York", schedule=rule)
    [text] = rrules(chat)
    assert text.endswith(";UNTIL=20260106T220000")
    assert rrulestr(text)[-1] == datetime(2026, 1, 6, 21)  # noqa: DTZ001 - local


@pytest.fixture
def answering(socket_enabled):
    """A server on loopback that answers everything with a status and a body, as `PREFECT_API_URL`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = self.server.answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b'"2.20.1"', "the Prefect server is of version '2.20.1', this is "),
        (200, b"<html>", "no Prefect server answers at \\$PREFECT_API_URL"),
        (401, b"", "answers with status 401; check it and \\$PREFECT_API_AUTH_STRING"),
    ],
)
def test_an_operators_server_of_another_version_or_none_is_refused(tmp_path, answering, status, body, said):
    answering.answer = status, body
    config = load_config(configure(tmp_path))
    environ = {"PREFECT_API_URL": f"http://127.0.0.1:{answering.server_port}/api"}
    with pytest.raises(SchedulerError, match=said), server(config, environ):
        pytest.fail("it is served")


def test_an_operators_server_that_is_not_there_is_one_line(tmp_path, socket_enabled):
    environ = {"PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api"}
    with (
        pytest.raises(SchedulerError, match="no Prefect server answers"),
        server(load_config(configure(tmp_path)), environ),
    ):
        pytest.fail("it is served")


def test_an_operators_server_of_the_same_version_is_used(tmp_path, answering):
    answering.answer = 200, f'"{version("prefect")}"'.encode()
    environ = {"PREFECT_API_URL": f"http://127.0.0.1:{answering.server_port}/api"}
    with server(load_config(configure(tmp_path)), environ):
        pass


def test_a_database_that_another_process_holds_is_one_line(home, socket_enabled):
    with contextlib.closing(sqlite3.connect(home.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(SchedulerError, match=r"prefect\.db: database is locked; end what holds it, "),
            home.server(),
        ):
            pytest.fail("it is served")


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "unable to open database file"), (b"x" * 9999, "file is not a database")]
)
def test_a_database_that_is_none_is_one_line(home, socket_enabled, content, reason):
    home.database.mkdir(parents=True) if content is None else home.database.write_bytes(content)
    with pytest.raises(SchedulerError, match=rf"prefect\.db: {reason}; .* deleting it loses the history of runs alone"), home.server():  # fmt: skip
        pytest.fail("it is served")


def test_a_database_that_may_only_be_read_is_one_line(home, socket_enabled):
    sqlite3.connect(home.database).execute("CREATE TABLE run (id)")
    home.database.chmod(0o444)
    with (
        as_nobody(),
        pytest.raises(
            SchedulerError, match=r"prefect\.db: attempt to write a readonly database; .* check its permissions"
        ),
        home.server(),
    ):
        pytest.fail("it is served")


def test_a_folder_of_prefects_that_may_not_be_written_is_one_line(home, socket_enabled):
    home.database.parent.rmdir()
    home.database.parent.parent.chmod(0o555)
    with as_nobody(), pytest.raises(SchedulerError, match=r"prefect\.db: Permission denied; "), home.server():
        pytest.fail("it is served")


def test_a_port_that_is_in_use_is_one_line(home, socket_enabled):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.port))
        taken.listen()
        with (
            pytest.raises(SchedulerError, match=f"port {home.port} is in use; stop what listens there, "),
            home.server(),
        ):
            pytest.fail("it is served")


@dataclass
class Home:
    """A state folder of an archive, with what Prefect keeps in it."""

    path: Path
    port: int

    @property
    def database(self):
        return self.path / "state" / "prefect" / "prefect.db"

    def server(self):
        config = load_config(configure(self.path, f"[schedule]\nport = {self.port}\n"))
        return server(config, scheduling.environment(config, {}))


@pytest.fixture
def home(monkeypatch):
    """In a folder that everybody may enter; pytest's own are root's alone."""
    monkeypatch.setattr(scheduling, "LOCKED", 0.1)
    with tempfile.TemporaryDirectory(prefix="knowarchive-test-") as folder:
        made = Home(Path(folder), free_port())
        made.path.chmod(0o777)
        made.database.parent.mkdir(parents=True)
        made.database.parent.chmod(0o777)
        made.database.parent.parent.chmod(0o777)
        yield made
        made.database.parent.parent.chmod(0o777)


@contextlib.contextmanager
def as_nobody():
    """Root may do everything, so root steps down meanwhile."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.slow
def test_a_session_whose_scheduler_and_server_are_killed_is_complete_after_a_restart(
    tmp_path, socket_enabled, schedulers
):
    begin = (datetime.now(UTC) + timedelta(minutes=3)).replace(second=0, microsecond=0)
    chat = Chat(begin - timedelta(minutes=2), MachineClock)
    port, health = free_port(), free_port()
    with chat.served() as servers:
        sources = "".join(
            f'[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"\n' for name in PLATFORMS
        )
        rule = f'{{rule = "FREQ=DAILY;BYHOUR={begin.hour};BYMINUTE={begin.minute}", from = {begin.date()}, until = {begin.date()}}}'
        about = f'schedule = [{rule}]\nduration = "3m"\nmargin = ["0m", "1m"]\n'
        configure(
            tmp_path,
            f'[schedule]\npoll = "1m"\nrefresh = []\nport = {port}\nhealth = {health}\ninbox = "inbox"\n'
            '[publish]\ncontact = "keeper@example.org"\n'
            f'[[chat]]\nname = "lanternkm"\nhashtags = ["{TAG}"]\n{about}{sources}',
        )
        (tmp_path / "inbox").mkdir()
        (tmp_path / "inbox" / "pull.jsonl").write_bytes(b"".join(generate.FORMATS["v2"](5, 1)))
        schedulers.append(Scheduler(tmp_path, port))
        first = schedulers[-1]
        archive = open_archive(tmp_path)
        first.wait_for("a page", (tmp_path / "archive" / "payloads" / "_delta_log").exists)
        assert datetime.now(UTC) >= begin, "nothing fires before its time"
        fired = [run for run in first.flow_runs() if run["name"] == "collect lanternkm"]
        assert [run["state_type"] for run in fired] == ["RUNNING"]
        assert fired[0]["auto_scheduled"], "Prefect's schedule woke it, nobody else"
        first.kill()

        schedulers.append(Scheduler(tmp_path, port))
        second = schedulers[-1]
        closes = begin + timedelta(minutes=4)
        second.wait_for("the sweep", lambda: len(swept(archive, closes)) == 3)
        second.wait_for("the import", lambda: "import" in {line.kind for line in archive.runs()})
        second.wait_for("the site", (tmp_path / "site" / "chats" / "lanternkm" / f"{begin:%Y-%m-%d}.html").exists)
        second.wait_for("the end of all runs", lambda: not {
            run["state_type"] for run in second.flow_runs() if run["id"] == fired[0]["id"] or run["name"] == "collect lanternkm"
        } & UNFINISHED)  # fmt: skip
        second.wait_for("health", lambda: healthy(health))
        left = {run["id"]: run["state_type"] for run in second.flow_runs()}
        assert left[fired[0]["id"]] == "CRASHED"

        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(120) == 0
        apart = tmp_path / "apart"
        configure(apart, f'[[chat]]\nname = "lanternkm"\nhashtags = ["{TAG}"]\n{about}{sources}')
        subprocess.run(
            command(apart, "collect", "--session", f"{begin:%Y-%m-%d}"),
            cwd=apart,
            env={**environment(), **SECRETS},
            check=True,
        )
    held, whole = (
        {uid for uid, post in rows(open_archive(folder)).items() if begin <= post["created_at"] < closes}
        for folder in (tmp_path, apart)
    )
    assert held == whole
    assert {uid.partition(":")[0] for uid in held & chat.expected} == set(PLATFORMS)
    assert {run["status"] for run in query(archive, "SELECT status FROM runs")} == {"done"}
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert PRIVATE.encode() not in content, path
            assert TOKEN.encode() not in content, path
            if "prefect" in path.parts:
                assert b"what do we keep" not in content, "nobody's words reach Prefect"
                assert b"moderator" not in content


def healthy(port):
    answer = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30, trust_env=False)
    assert {one["kind"] for one in answer.json()["troubles"]} <= {"incomplete", "disk"}  # incomplete until the sweep
    return answer.status_code == 200


def swept(archive, closes):
    return {
        run.source
        for run in archive.runs()
        if run.kind == "collect" and run.status == "done" and run.started_at >= closes
    }
