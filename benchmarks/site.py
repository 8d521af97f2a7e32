"""Measure the site: the first build, a build after nothing changed, and one after a new session, each as people run it.

Each figure is taken from a command of its own, index included. Seconds are those of the clock and of all its processors
(`cpu`): on a busy machine only the latter tell. `ratio` is what a new session costs against the first build.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.generate import PAGE, Generator, configuration, v2_page
from pipelines.helpers import processors

ROOT = Path(__file__).resolve().parents[1]
RECORDS = 745  # of a session, about
PUBLISH = '\n[publish]\nurl = "https://site.example/"\ncontact = "keeper@site.example"\nx = "as-archived"\n'


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=500, help="before the new one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-") as folder:
        found = run(Path(folder), options.sessions, options.seed)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:24} {value:,.3g}" if isinstance(value, float) else f"{name:24} {value:,}")


def run(folder: Path, sessions: int, seed: int) -> dict[str, Any]:
    """Build the site of some sessions, and again with one more."""
    posts = (sessions + 2) * RECORDS
    (folder / "knowarchive.toml").write_text(configuration(posts) + PUBLISH, encoding="utf-8")
    old, new = folder / "old.jsonl", folder / "new.jsonl"
    with old.open("wb") as held, new.open("wb") as newest:
        for number, session in enumerate(Generator(posts, seed).sessions()):
            if number > sessions:
                break
            records = session.posts[::-1]
            for place, start in enumerate(range(0, len(records), PAGE)):
                page = v2_page(session, records[start : start + PAGE], place, None)
                (held if number < sessions else newest).write(page)
    _run(folder, "import", str(old))
    first = _publish(folder)
    idle = _publish(folder)
    _run(folder, "import", str(new))
    again = _publish(folder)
    files = [path.stat().st_size for path in (folder / "site").rglob("*") if path.is_file()]
    pages = [path.stat().st_size for path in (folder / "site").rglob("*.html")]
    return {
        "sessions": again["sessions"],
        "people": again["people"],
        "files": len(files),
        "megabytes": sum(files) / 1e6,
        "largest_page_kb": max(pages) / 1e3,
        "processors": processors(),
        **{f"{name}_{key}": took[key] for name, took in (("first", first), ("idle", idle), ("new_session", again))
           for key in ("wall", "cpu", "changed")},
        "ratio": again["cpu"] / first["cpu"],
    }  # fmt: skip


def _publish(folder: Path) -> dict[str, Any]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = json.loads(_run(folder, "publish", "--json"))
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**said, "wall": wall, "cpu": cpu}


def _run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "knowarchive", *arguments]
    finished = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True, text=True
    )
    return finished.stdout


if __name__ == "__main__":
    main()
