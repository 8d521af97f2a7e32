"""Processes that work beside this one, and end with it."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from pipelines.helpers import HelperError, Helpers
from tests.archives import ROOT, environment

PARENT = """
import os
import time
from pipelines.helpers import Helpers

if __name__ == "__main__":
    with Helpers(1) as helpers:
        helpers.start()
        print(helpers.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""

TETHERING = """
import subprocess
import sys
import time

command = [sys.executable, "-m", "pipelines.tethered", "http.server", "--bind", "127.0.0.1", "0"]
with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
    server.stdout.readline()  # it serves
    print(server.pid, flush=True)
    time.sleep(60)
"""


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.skipif(not Path("/proc").exists(), reason="asks the kernel which processes there are")
@pytest.mark.parametrize("source", [PARENT, TETHERING], ids=["a helper", "a server"])
def test_what_was_started_ends_when_its_parent_is_killed(tmp_path, source):
    script = tmp_path / "parent.py"
    script.write_text(source)
    with subprocess.Popen(
        [sys.executable, script],
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        started = int(parent.stdout.readline())
        assert alive(started)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while alive(started) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(started)


def test_without_any_there_is_nothing_to_start():
    with Helpers(0) as helpers:
        helpers.start()
        assert not helpers.is_started


def test_what_they_are_given_is_done_elsewhere():
    with Helpers(1, "pipelines.helpers") as helpers:
        helpers.start()
        helpers.start()
        asked: Future[int] = helpers.submit(os.getpid)
        assert asked.result() != os.getpid()


def test_that_one_was_killed_is_said_as_what_it_is():
    def ask():
        with Helpers(1) as helpers:
            helpers.start()
            helpers.submit(os._exit, 9).result()

    with pytest.raises(HelperError, match="was killed, as systems do that run out of memory"):
        ask()
