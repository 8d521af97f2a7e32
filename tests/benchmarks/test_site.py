"""The benchmark of the site runs, tiny, so that it never rots."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_new_session_is_measured_against_the_first_build(tmp_path):
    command = [sys.executable, "-m", "benchmarks.site", "--sessions", "3", "--folder", str(tmp_path), "--json"]
    found = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert found["sessions"] == 4
    assert found["idle_changed"] == 0
    assert 0 < found["new_session_changed"] < found["files"]
    assert found["largest_page_kb"] <= 1_000
    assert found["ratio"] > 0
