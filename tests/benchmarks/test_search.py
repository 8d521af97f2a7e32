import json
import subprocess
import sys

import pytest

from tests.archives import ROOT


@pytest.mark.slow
def test_the_benchmark_of_the_search_runs(tmp_path):
    command = [sys.executable, "-m", "benchmarks.search", "--posts", "1500", "--queries", "5", "--json"]
    done = subprocess.run([*command, "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    assert figures["posts"] > 500
    assert all(value > 0 for value in figures.values())
    assert list(tmp_path.iterdir()) == []
