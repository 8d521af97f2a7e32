"""The benchmark of exports runs, tiny, so that it never rots."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_exports_are_measured_against_duckdb(tmp_path):
    command = [sys.executable, "benchmarks/exports.py", "--size", "200", "--folder", str(tmp_path), "--json"]
    finished = subprocess.run(
        [*command, "--format", "jsonl", "ids"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    jsonl, ids = json.loads(finished.stdout)
    assert jsonl["ratio"] > 0
    assert jsonl["rows"] == ids["rows"] > 100
    assert "ratio" not in ids
