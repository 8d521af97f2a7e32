"""The benchmark of the scheduler runs, briefly, so that it never rots; what it measures stays within its bounds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_what_the_scheduler_costs_is_measured():
    command = [sys.executable, "-m", "benchmarks.schedule", "--idle", "10", "--json"]
    found = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert found["plain_s"] > 0
    assert 0 < found["scheduled_s"] < 60
    assert found["overhead_s"] == pytest.approx(found["scheduled_s"] - found["plain_s"])
    assert 0 < found["idle_cpu"] < 1
    assert 50 < found["idle_mb"] <= found["peak_mb"]
