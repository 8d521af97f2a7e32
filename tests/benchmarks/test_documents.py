"""The benchmark of books and pictures runs, tiny, so that it never rots."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_books_are_measured_against_reading_their_sessions(tmp_path):
    command = [sys.executable, "benchmarks/documents.py", "--size", "3000", "--folder", str(tmp_path), "--json"]
    finished = subprocess.run([*command, "--format", "md", "svg"], cwd=ROOT, check=True, capture_output=True, text=True)
    read, book, pictures = json.loads(finished.stdout)
    assert [one["format"] for one in (read, book, pictures)] == ["read", "md", "svg"]
    assert read["sessions"] == book["sessions"] == pictures["sessions"] > 0
    assert read["posts"] == book["posts"] > 100
    assert (read["mb"], read["times_reading"]) == (0, 1)
    assert book["mb"] > 0
    assert pictures["mb"] > 0
