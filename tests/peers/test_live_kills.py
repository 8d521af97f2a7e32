"""A chat is held live on the peers while the schedule's processes are killed, one by one or all at once: nobody is missing.

What ends is started again, as the systemd unit in the documentation does it. Killed are the command itself, Prefect's
server below it, the processes of single runs, or everything at once, as when the power fails.
"""

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from knowarchive.config import load_config
from pipelines.verifying import verify
from tests.archives import command, contents, open_archive
from tests.peers import script
from tests.peers.test_chat import begin
from tests.pipelines.test_scheduling import UNFINISHED, Scheduler, descendants, free_port, swept
from tests.shown import show

pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings("ignore"),  # of libraries that only post
]
KILLS = int(os.environ.get("KNOWARCHIVE_LIVE_KILLS") or 30)
PAUSE = (1, 25)  # seconds between two kills: some meet the start, some a poll
PATIENCE = 900.0  # seconds


class Unit:
    """`knowarchive schedule`, started again when it ends."""

    def __init__(self, folder, port, environment):
        self.folder, self.port, self.environment = folder, port, environment
        self.starts = 0
        self.start()

    def start(self):
        self.scheduler = Scheduler(self.folder, self.port, self.environment)
        self.starts += 1

    def keep(self):
        if self.scheduler.process.poll() is not None:
            self.scheduler.close()
            self.start()

    def close(self):
        self.scheduler.close()

    def kill(self, chance):
        """Kill something; returns what it was."""
        top = self.scheduler.process.pid
        below = {pid: said for pid in descendants(top)[1:] if (said := command_line(pid))}
        servers = [pid for pid, said in below.items() if "prefect server start" in said]
        runs = [pid for pid, said in below.items() if pid not in servers]
        kinds = {"everything": [top, *below], "the command": [top], "the server": servers, "a run": runs[-1:]}
        kind = chance.choice([name for name, pids in kinds.items() if pids])
        for pid in kinds[kind]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return kind


def command_line(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def talk(stages, seconds, failures):
    """Hold the chat, its lines spread over so many seconds."""
    try:
        for line in script.EVENING:
            for stage in stages:
                if line.on and stage.network in line.on:
                    stage.say(line)
            time.sleep(seconds / len(script.EVENING))
        for stage in stages:
            for who, key in script.REPOSTS:
                stage.repost(who, key)
            stage.settle()
    except Exception as error:  # noqa: BLE001 - told by the test's own thread
        failures.append(error)


def held(archive):
    """The merged rows, in all but when they were seen, and by which of several equal payloads."""
    found = contents(archive)
    return {view: {key: {**row, "observed_at": None} for key, row in found[view].items()}
            for view in ("posts", "accounts", "reposts")}  # fmt: skip


def test_whatever_is_killed_while_people_talk_the_archive_is_the_undisturbed_one(tmp_path, request):
    lasts = timedelta(minutes=1 + KILLS * sum(PAUSE) // 120)
    opens = (datetime.now(UTC) + timedelta(minutes=2)).replace(second=0, microsecond=0)
    chance = random.Random(seed := int(time.time()))
    with ExitStack() as stack:
        chat = begin(stack, tmp_path, opens)
        for line in chat.lines.values():
            line.meet(None)
        plain = (tmp_path / "knowarchive.toml").read_text()
        daily = f'"FREQ=DAILY;BYHOUR={opens.hour};BYMINUTE={opens.minute}"'
        once = f"[{{rule = {daily}, from = {opens.date()}, until = {opens.date()}}}]"
        length = f'duration = "{lasts.seconds // 60}m"\nmargin = ["0m", "1m"]\n'
        plain = plain.replace(f"schedule = {daily}\n", f"schedule = {once}\n{length}")
        assert length in plain
        port, health = free_port(), free_port()
        (tmp_path / "knowarchive.toml").write_text(
            f'[schedule]\npoll = "1m"\nrefresh = []\nport = {port}\nhealth = {health}\n\n{plain}'
        )
        unit = Unit(tmp_path, port, chat.environment)
        stack.callback(unit.close)
        archive, closes = open_archive(tmp_path), opens + lasts + timedelta(minutes=1)
        failures = []
        people = threading.Thread(target=talk, args=(list(chat.stages.values()), lasts.seconds - 60, failures))
        time.sleep(max(0, (opens - datetime.now(UTC)).total_seconds() + 1))
        people.start()
        killed = []
        for _ in range(KILLS):
            time.sleep(chance.uniform(*PAUSE))
            unit.keep()
            killed.append(unit.kill(chance))
            time.sleep(0.5)
            unit.keep()
        people.join()
        assert not failures, failures
        deadline = time.monotonic() + (closes - datetime.now(UTC)).total_seconds() + PATIENCE
        while len(swept(archive, closes)) < len(chat.stages):
            said = (tmp_path / "schedule.log").read_text()[-3_000:]
            assert time.monotonic() < deadline, f"seed {seed}, {killed}: {said}"
            time.sleep(1)
            unit.keep()
        unit.scheduler.wait_for("the end of all runs", lambda: not UNFINISHED & {
            run["state_type"] for run in unit.scheduler.flow_runs()
        })  # fmt: skip
        unit.scheduler.process.send_signal(signal.SIGTERM)
        assert unit.scheduler.process.wait(120) == 0
        apart = tmp_path / "apart"
        apart.mkdir()
        (apart / "knowarchive.toml").write_text(plain)
        subprocess.run(
            command(apart, "collect", "--session", f"{opens:%Y-%m-%d}"), cwd=apart, env=chat.environment, check=True
        )
    whole, ours = held(open_archive(apart)), held(archive)
    rows = f"{len(ours['posts'])} posts, {len(ours['accounts'])} accounts, {len(ours['reposts'])} reposts"
    show(
        request.config,
        f"{KILLS} kills of a live session (seed {seed}; {dict(Counter(killed))}; {unit.starts} starts): {rows}",
    )
    assert ours == whole
    assert {post.partition(":")[0] for post in whole["posts"]} == set(chat.stages)
    checks = verify(load_config(tmp_path / "knowarchive.toml"), archive)
    assert {check.status for check in checks} == {"ok"}
