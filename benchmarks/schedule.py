"""Measure the scheduler: what a scheduled session costs over the plain command, and what it costs while nothing happens.

`knowarchive schedule` is run as people run it, with a session that opens at the next minute but one, on three networks
that are played on loopback. `overhead_s` is how much later the first poll of the session is stored, counted from the
minute at which it opens, than the plain command takes: less than nothing where the run's process was started ahead of
its time. `idle_cpu` is the share of one core that all its processes use together, and `idle_mb` their memory
(proportional set size: what they share is counted once), `peak_mb` the most of it.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage.archive import Archive, Run
from tests.connectors.loopback import SECRETS, TAG, Chat, MachineClock

ROOT = Path(__file__).resolve().parents[1]
PLATFORMS = ("x", "bluesky", "mastodon")
REPEATS = 3
START = timedelta(seconds=75)  # until the session opens: Prefect's server comes up meanwhile
PATIENCE = 300.0
IDLE = 2  # processes while nothing runs: the command and Prefect's server
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--idle", type=float, default=300.0, help="seconds to look on; in 300 it is looked once what is due"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = run(Path(folder), options.idle)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(
            f"{'the scheduler':24} {'schedule':12} " + "  ".join(f"{name} {value:.3g}" for name, value in found.items())
        )


def run(folder: Path, idle: float) -> dict[str, float]:
    """Have a session collected by the scheduler and by the plain command, then look on while nothing is due."""
    opens = (datetime.now(UTC) + START + timedelta(minutes=1)).replace(second=0, microsecond=0)
    world: Any = Chat(opens - timedelta(hours=1), MachineClock)  # type: ignore[no-untyped-call]
    with world.served() as servers:
        scheduled = _configure(folder / "scheduled", servers, opens)
        with _scheduler(scheduled.parent) as process:
            first = _first_poll(scheduled.parent, opens)
            _sweep(scheduled.parent, opens)
            plain = [
                _collect(_configure(folder / f"plain{number}", servers, opens), opens) for number in range(REPEATS)
            ]
            while len(_tree(process.pid)) > IDLE:  # the session's run still writes its report
                time.sleep(0.5)
            quiet = _look_on(process.pid, idle)
    took = (first.finished_at - opens).total_seconds()
    return {
        "scheduled_s": took,
        "plain_s": statistics.median(plain),
        "overhead_s": took - statistics.median(plain),
        **quiet,
    }


def _configure(folder: Path, servers: Mapping[str, Any], opens: datetime) -> Path:
    folder.mkdir()
    sources = "".join(
        f'[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"\n' for name in PLATFORMS
    )
    rule = f'{{rule = "FREQ=DAILY;BYHOUR={opens.hour};BYMINUTE={opens.minute}", from = {opens.date()}, until = {opens.date()}}}'
    path = folder / "knowarchive.toml"
    path.write_text(
        f'[archive]\nurl = "archive"\nstate = "state"\n'
        f'[schedule]\npoll = "1m"\nrefresh = []\nport = {_free_port()}\nhealth = {_free_port()}\n'
        f'[[chat]]\nname = "lanternkm"\nhashtags = ["{TAG}"]\nschedule = [{rule}]\n'
        f'duration = "1m"\nmargin = ["0m", "0m"]\n{sources}',
        encoding="utf-8",
    )
    return path


def _free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


def _command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "knowarchive", "--config", str(folder / "knowarchive.toml"), *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **SECRETS}


@contextlib.contextmanager
def _scheduler(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            _command(folder, "schedule"), cwd=folder, env=_environment(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()


def _first_poll(folder: Path, opens: datetime) -> Run:
    """The ledger's line that ended the first poll."""
    return max(_wait(folder, opens, timedelta()), key=lambda line: line.finished_at)


def _sweep(folder: Path, opens: datetime) -> None:
    _wait(folder, opens, timedelta(minutes=1))


def _wait(folder: Path, opens: datetime, since: timedelta) -> list[Run]:
    """The first line of each source that was begun so long after the opening."""
    archive = Archive(str(folder / "archive"), folder / "state")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (folder / "archive" / "runs").exists():
            lines: dict[str, Run] = {}
            for line in archive.runs():
                if line.started_at >= opens + since:
                    lines.setdefault(line.source, line)
            if len(lines) == len(PLATFORMS):
                return list(lines.values())
        time.sleep(0.5)
    raise SystemExit(f"nothing was collected: {(folder / 'log').read_text()}")


def _collect(config: Path, opens: datetime) -> float:
    began = time.monotonic()
    command = _command(config.parent, "collect", "lanternkm", "--session", f"{opens:%Y-%m-%d}")
    subprocess.run(command, cwd=config.parent, env=_environment(), check=True, capture_output=True)
    return time.monotonic() - began


def _look_on(pid: int, seconds: float) -> dict[str, float]:
    """What a process and all that it started use while nothing is due."""
    began, used = time.monotonic(), _ticks(pid)
    memory = []
    while (left := began + seconds - time.monotonic()) > 0:
        memory.append(sum(_memory(one) for one in _tree(pid)))
        time.sleep(min(left, 2.0))
    share = (_ticks(pid) - used) / TICKS / (time.monotonic() - began)
    return {"idle_cpu": share, "idle_mb": statistics.median(memory) / 1e6, "peak_mb": max(memory) / 1e6}


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _ticks(pid: int) -> int:
    """Processor time of a tree, with that of children that ended."""
    total = 0
    for one in _tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total


def _memory(pid: int) -> int:
    """Bytes."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
