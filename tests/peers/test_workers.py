"""Four workers on a PostgreSQL-backed pool and one archive, set up by the documentation's own words."""

import contextlib
import os
import pwd
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from knowarchive.config import load_config
from pipelines.verifying import verify
from storage.archive import Archive
from tests.archives import ROOT, VIEWS, configure, contents, environment
from tests.connectors.loopback import SECRETS, TAG, Chat, MachineClock
from tests.peers.servers import AbsentError
from tests.pipelines.test_scheduling import descendants, free_port
from tests.shown import show

pytestmark = pytest.mark.slow
PLATFORMS = ("x", "bluesky", "mastodon")
WORKERS, SESSIONS, KILLS = 4, 20, 10
PATIENCE = 900.0  # seconds
BETWEEN = timedelta(minutes=90)
UNFINISHED = {"RUNNING", "PENDING", "CANCELLING"}
PASSWORD = "invented-one"
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def documented():
    """The blocks of commands with which the documentation sets a work pool up, as scripts."""
    section = OPERATING.split("## Several machines: a work pool\n")[1]
    blocks = [
        textwrap.dedent(one) for one in re.findall(r"^ *```console\n(.*?)^ *```$", section, re.DOTALL | re.MULTILINE)
    ]
    return ["\n".join(line.removeprefix("$ ") for line in block.splitlines()) for block in blocks]


class Postgres:
    """A server of Debian's PostgreSQL on loopback, with an empty cluster."""

    def __init__(self):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            raise AbsentError("PostgreSQL is not here: apt-get install postgresql")
        self.binaries, self.port = found[-1].parent, free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a short path, for its socket
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)

    def command(self, name, *arguments):
        subprocess.run(
            [self.binaries / name, "-D", self.folder / "data", *arguments], check=True, stdout=subprocess.DEVNULL,
            cwd=self.folder, user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[],
        )  # fmt: skip

    def __enter__(self):
        self.command("initdb", "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256")
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder}"
        self.command("pg_ctl", "-w", "-l", self.folder / "log", "-o", options, "start")
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.command("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def superuser(self):
        return {"PGHOST": str(self.folder), "PGPORT": str(self.port), "PGUSER": "postgres"}


class Pool:
    """Everything that the documentation sets up, in processes of our own.

    Args:
        folder: to work in; `machine0`… in it are the machines, each with a configuration.
        chats: the names and rules of those that are deployed.
    """

    def __init__(self, folder, postgres, chats):
        self.folder, self.postgres, self.chats = folder, postgres, chats
        self.port = free_port()
        self.started = {}
        self.setup, self.server, self.deploy, self.worker, self.catch_up = documented()

    def environment(self, **more):
        path = f"{Path(sys.executable).parent}:{self.postgres.binaries}:{os.environ['PATH']}"
        return {**environment(), "PATH": path, "PREFECT_HOME": str(self.folder / "prefect"), **more}

    def script(self, text, **places):
        text = text.replace("PASSWORD@", f"{PASSWORD}@").replace(":5432/", f":{self.postgres.port}/")
        text = text.replace("4200", str(self.port))
        for shown, meant in places.items():
            assert text.count(shown), shown
            text = text.replace(shown, str(meant))
        return ["bash", "-euc", text]

    def run(self, text, *, said="", **more):
        done = subprocess.run(
            self.script(text), input=said, env=self.environment(**more), cwd=self.folder, capture_output=True, text=True,
            check=False, start_new_session=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name, text, places=(), **more):
        with (self.folder / f"{name}.log").open("ab") as log:
            self.started[name] = subprocess.Popen(
                self.script(text, **dict(places)), env=self.environment(**more), cwd=self.folder, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def start_server(self):
        self.start("server", self.server)
        self.wait_for("the server", lambda: self.ask("get", "health") is not None)

    def start_worker(self, number):
        config = self.folder / f"machine{number}" / "knowarchive.toml"
        self.start(f"worker{number}", self.worker, {"/etc/knowarchive/knowarchive.toml": config}.items(), **SECRETS)

    def __enter__(self):
        self.run(self.setup, said=f"{PASSWORD}\n{PASSWORD}\n", **self.postgres.superuser)
        self.start_server()
        shown = yaml.safe_load((ROOT / "prefect.yaml").read_text())
        [model] = [one for one in shown["deployments"] if one["entrypoint"] == "pipelines.flows.collect"]
        others = [one for one in shown["deployments"] if one is not model]
        own = [
            {**model, "name": name, "parameters": {"chat": name}, "schedules": [{"rrule": rule, "timezone": "UTC"}]}
            for name, rule in self.chats.items()
        ]
        (self.folder / "prefect.yaml").write_text(yaml.safe_dump({**shown, "deployments": own + others}))
        shutil.copy(ROOT / "prefect-automation.yaml", self.folder)
        self.run(self.deploy)
        for number in range(WORKERS):
            self.start_worker(number)
        return self

    def __exit__(self, *_):
        for process in self.started.values():
            kill(process)

    def ask(self, method, path, **body):
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.request(
                method, f"http://127.0.0.1:{self.port}/api/{path}", json=body or None, timeout=30, trust_env=False
            )
            return answer.json() if answer.is_success else None
        return None

    def flow_runs(self):
        """Those that began; what is planned is not among them."""
        began = {"state": {"type": {"not_any_": ["SCHEDULED"]}}}
        return self.ask("post", "flow_runs/filter", flow_runs=began, sort="START_TIME_ASC", limit=200) or []

    def settle(self):
        self.wait_for("the end of all runs", lambda: not UNFINISHED & {one["state_type"] for one in self.flow_runs()})

    def wait_for(self, what, happened):
        deadline = time.monotonic() + PATIENCE
        while not happened():
            said = "\n".join(log.read_text()[-3_000:] for log in self.folder.glob("*.log"))
            assert time.monotonic() < deadline, f"{what} did not happen: {said}"
            time.sleep(1)


def kill(process, number=signal.SIGKILL):
    """A process and all that it started, at once."""
    for pid in descendants(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    process.wait(30)


@pytest.fixture
def postgres():
    try:
        server = Postgres()
    except (AbsentError, KeyError) as error:
        pytest.skip(str(error))
    with server:
        yield server


class Chats:
    """Many chats, each with one session that is over, on three networks that are each one server."""

    def __init__(self):
        first = (datetime.now(UTC) - SESSIONS * BETWEEN - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
        self.world = Chat(first, MachineClock)
        self.starts = {f"chat{number:02}": first + number * BETWEEN for number in range(SESSIONS)}
        for number in range(1, SESSIONS):
            self._hold(number * int(BETWEEN.total_seconds() // 60))

    def _hold(self, offset):
        world = self.world
        asked = world.x.add("moderator", "Q1: what do we keep?", offset + 1)
        told = world.bluesky.say("moderator", f"Q1: what do we keep? #{TAG}", offset + 1)
        posted = world.mastodon.post("moderator", "Q1: what do we keep?", offset + 1)
        for number in range(8):
            world.x.add(f"guest{number}", f"A1: thought {number}", offset + 5 + number * 6, reply_to=asked)
            world.bluesky.say(f"guest{number}", f"thought {number} #{TAG}", offset + 5 + number * 6, reply_to=told)
            world.mastodon.post(f"guest{number}", f"thought {number}", offset + 5 + number * 6, reply_to=posted)

    @property
    def rules(self):
        return {
            name: f"DTSTART:{start:%Y%m%dT000000}\nRRULE:FREQ=DAILY;COUNT=1;BYHOUR={start.hour};BYMINUTE={start.minute}"
            for name, start in self.starts.items()
        }

    def configure(self, folder, servers, archive="archive"):
        sources = "".join(
            f'[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"\n' for name in PLATFORMS
        )
        chats = "".join(
            f'[[chat]]\nname = "{name}"\nhashtags = ["{TAG}"]\nmargin = ["0m", "0m"]\n'
            f'schedule = [{{rule = "FREQ=DAILY;BYHOUR={start.hour};BYMINUTE={start.minute}", '
            f"from = {start.date()}, until = {start.date()}}}]\n{sources}"
            for name, start in self.starts.items()
        )
        return configure(folder, f"[schedule]\nrefresh = []\n{chats}", archive=archive)

    def expected(self):
        return Counter({(name, platform): 1 for name in self.starts for platform in PLATFORMS})


def asked_for(servers):
    """How often each address was asked for, whatever the time, but for logging in, which each machine does."""
    return Counter(
        path.partition("?")[0] for server in servers.values() for path, _ in server.log if "createSession" not in path
    )  # fmt: skip


def held(archive):
    """The merged rows, in all but when they were seen."""
    found = contents(archive)
    return {
        view: {key: {**row, "observed_at": None} for key, row in found[view].items()}
        for view in VIEWS
    }  # fmt: skip


def swept(archive):
    return Counter((line.chat, line.source.partition(":")[0]) for line in archive.runs() if line.kind == "collect")


@pytest.fixture
def alone(tmp_path, socket_enabled):
    """What one machine makes of it: the chats, their servers, the archive, and what was asked."""
    chats = Chats()
    with chats.world.served() as servers:
        folder = tmp_path / "alone"
        chats.configure(folder, servers)
        for _ in range(2):  # what is in the way of the first is done by the second
            done = subprocess.run(
                [sys.executable, "-m", "knowarchive", "--config", folder / "knowarchive.toml", "schedule", "--once"],
                env={**environment(), **SECRETS}, cwd=folder, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        archive = Archive(str(folder / "archive"), folder / "state")
        assert swept(archive) == chats.expected()
        asked = asked_for(servers)
        for server in servers.values():
            server.meet(None)
        yield chats, servers, archive, asked


@pytest.fixture(params=["a folder", "an object store"])
def shared(request, tmp_path):
    """Where the archive of all machines is."""
    if request.param == "a folder":
        return str(tmp_path / "shared")
    return request.getfixturevalue("bucket")


def test_four_workers_collect_twenty_sessions_into_one_archive_each_once(tmp_path, postgres, alone, shared, request):
    chats, servers, whole, asked = alone
    for number in range(WORKERS):
        chats.configure(tmp_path / f"machine{number}", servers, shared)
    archive = Archive(shared, tmp_path / "machine0" / "state")
    with Pool(tmp_path, postgres, chats.rules) as pool:
        began = time.monotonic()
        pool.run(pool.catch_up)
        pool.wait_for("the last sweep", lambda: len(swept(archive)) == len(chats.expected()))
        took = (
            f"{SESSIONS} sessions in {request.node.callspec.id} by {WORKERS} workers: {time.monotonic() - began:.0f} s"
        )
        show(request.config, took)
        pool.settle()
        before = len(pool.flow_runs())
        pool.run(pool.catch_up)
        pool.wait_for("another look", lambda: len(pool.flow_runs()) > before)
        pool.settle()
        runs = pool.flow_runs()
    assert swept(archive) == chats.expected(), "no work is done twice"
    assert {line.status for line in archive.runs()} == {"done"}
    assert asked_for(servers) == asked, "nothing is asked for twice"
    collected = Counter(one["name"] for one in runs if one["name"].startswith("collect "))
    assert collected == {f"collect {name}": 1 for name in chats.starts}
    assert {one["state_type"] for one in runs if one["name"] != "catch up"} == {"COMPLETED"}
    looks = {one["state_type"] for one in runs if one["name"] == "catch up"}
    assert looks <= {"COMPLETED", "CANCELLED"}, "the one by the clock and the one by hand may meet"
    assert held(archive) == held(whole), "the same posts as one machine makes"
    assert len(contents(archive)["payloads"]) == len(contents(whole)["payloads"])
    assert {check.status for check in verify(load_config(tmp_path / "machine0" / "knowarchive.toml"), archive)} == {
        "ok"
    }
    busy = [number for number in range(WORKERS) if (tmp_path / f"machine{number}" / "state" / "locks").exists()]
    assert busy == list(range(WORKERS))


def test_whatever_is_killed_meanwhile_the_archive_is_that_of_one_machine_and_no_run_is_left(
    tmp_path, postgres, alone, request
):
    chats, servers, whole, _ = alone
    shared = str(tmp_path / "shared")
    for number in range(WORKERS):
        chats.configure(tmp_path / f"machine{number}", servers, shared)
    archive = Archive(shared, tmp_path / "machine0" / "state")
    seed = int(time.time())
    chance = random.Random(seed)
    killed = []
    with Pool(tmp_path, postgres, chats.rules) as pool:
        pool.run(pool.catch_up)
        pool.wait_for("the first session", lambda: swept(archive))
        for _ in range(KILLS):
            time.sleep(chance.uniform(1, 12))
            name = chance.choice(list(pool.started))
            kill(pool.started[name])
            killed.append(name)
            if name == "server":
                pool.start_server()
            else:
                pool.start_worker(int(name.removeprefix("worker")))
        began = time.monotonic()
        while len(swept(archive)) < len(chats.expected()):
            assert time.monotonic() - began < PATIENCE, f"seed {seed}, {killed}: {swept(archive)}"
            pool.run(pool.catch_up)
            time.sleep(30)
        pool.settle()
        states = Counter(one["state_type"] for one in pool.flow_runs())
    line = f"{KILLS} kills (seed {seed}: {', '.join(killed)}): {dict(states)}, {swept(archive).total()} sweeps for {len(chats.expected())}"
    show(request.config, line)
    assert held(archive) == held(whole)
    assert {line.status for line in archive.runs()} == {"done"}
