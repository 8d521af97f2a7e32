import json
import subprocess
import sys

import pytest

from tests.archives import ROOT


@pytest.mark.slow
def test_the_benchmark_of_the_readers_runs(tmp_path):
    command = [
        sys.executable,
        "-m",
        "benchmarks.readers",
        "--posts",
        "1500",
        "--readers",
        "4",
        "--seconds",
        "3",
        "--json",
    ]
    done = subprocess.run([*command, "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    assert figures["alone: answers"] == figures["importing: answers"] == 12
    assert figures["alone: failures"] == figures["importing: failures"] == 0
    assert figures["importing: imports"] >= 1
    assert list(tmp_path.iterdir()) == []
