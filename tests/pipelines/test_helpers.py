"""Processes that compute beside this one."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from pipelines.helpers import Helpers
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


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.skipif(not Path("/proc").exists(), reason="asks the kernel which processes there are")
def test_a_helper_whose_parent_is_killed_ends(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, script], env=environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        helper = int(parent.stdout.readline())
        assert alive(helper)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while alive(helper) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(helper)


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
