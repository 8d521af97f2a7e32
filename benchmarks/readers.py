"""Measure the reading room while it is read and written: many readers who ask once a second each, and an import.

    .venv/bin/python -m benchmarks.readers --posts 200000

The room is `knowarchive web` in a process of its own, asked over HTTP on loopback; each reader keeps a connection, as a
browser does. Two runs are compared: in the first nobody writes; in the second archives are imported one after the other,
so that the room also brings its index and its catalogue up to date. Processor time of the room tells what an answer costs
on a machine that is busy with others.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.search import ROOT, generate
from knowarchive.web.room import OUTDATED

IMPORTED = 2_000  # posts of each archive that is imported meanwhile
READY = 1_800  # seconds until the room must have an index
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=200_000, help="records to generate; about half are reposts")
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=60, help="of each run")
    parser.add_argument("--page", default="/")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument(
        "--archive", type=Path, help="a configuration whose archive is there already, and is written to"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-readers-") as folder:
        config = options.archive or generate(Path(folder), options.posts, options.seed)
        figures = measure(config, Path(folder), options)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:<40}{value:>12,.2f}" if isinstance(value, float) else f"{name:<40}{value:>12,}")


def measure(config: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Ask as readers do, without and with an import beside them."""
    figures: dict[str, Any] = {"readers": options.readers}
    with room(config) as (process, port):
        figures["posts"] = posts_of(port)
        for name, beside in (("alone", nobody), ("importing", lambda: importing(config, folder))):
            before = cpu_seconds(process.pid)
            with beside() as imported:
                took, failed = ask(port, options.page, options.readers, options.seconds)
            figures[f"{name}: imports"] = len(imported)  # one that outlasts the readers too
            used = cpu_seconds(process.pid) - before
            figures |= {
                f"{name}: answers": len(took),
                f"{name}: failures": failed,
                f"{name}: median ms": statistics.median(took) * 1e3,
                f"{name}: p95 ms": statistics.quantiles(took, n=20)[-1] * 1e3,
                f"{name}: worst ms": max(took) * 1e3,
                f"{name}: room's processor ms an answer": used / len(took) * 1e3,
            }
        figures["posts in the end"] = posts_of(port)
    figures["importing / alone, medians"] = figures["importing: median ms"] / figures["alone: median ms"]
    return figures


@contextmanager
def room(config: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A room whose index is up to date."""
    command = [sys.executable, "-m", "knowarchive", "--config", str(config), "web", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r":(\d+)/", process.stdout.readline())
            assert found is not None, "the room did not open"
            deadline = time.monotonic() + READY
            while not is_ready(*get(connected(int(found[1])), "/")):
                assert time.monotonic() < deadline, "the index takes too long"
                time.sleep(0.2)
            yield process, int(found[1])
        finally:
            process.terminate()


@contextmanager
def nobody() -> Iterator[list[int]]:
    yield []


@contextmanager
def importing(config: Path, folder: Path) -> Iterator[list[int]]:
    """Archives of new posts, imported one after the other as long as the context lasts."""
    done: list[int] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            seed = 1_000 + time.time_ns() % 1_000_000_000
            file = folder / f"{seed}.jsonl"
            made = [sys.executable, "-m", "benchmarks.generate", "--posts", str(IMPORTED), "--seed", str(seed)]
            subprocess.run([*made, "--output", str(file)], check=True, cwd=ROOT)
            command = [sys.executable, "-m", "knowarchive", "--config", str(config), "import", str(file)]
            done.append(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).returncode)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def ask(port: int, page: str, readers: int, seconds: int) -> tuple[list[float], int]:
    """Let readers ask for a page once a second each, not all at the same moment; seconds of the answers, and failures."""
    took: list[float] = []
    failed: list[int] = []
    begin = time.perf_counter()

    def read(number: int) -> None:
        connection = connected(port)
        for second in range(seconds):
            time.sleep(max(0.0, begin + second + number / readers - time.perf_counter()))
            start = time.perf_counter()
            status, _ = get(connection, page)
            took.append(time.perf_counter() - start)
            if status != 200:
                failed.append(status)

    run_all([lambda number=number: read(number) for number in range(readers)])  # type: ignore[misc]
    return took, len(failed)


def run_all(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def connected(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def get(connection: http.client.HTTPConnection, page: str) -> tuple[int, bytes]:
    connection.request("GET", page)
    answer = connection.getresponse()
    return answer.status, answer.read()


def is_ready(status: int, content: bytes) -> bool:
    return status == 200 and OUTDATED.encode() not in content


def posts_of(port: int) -> int:
    _, content = get(connected(port), "/api/search?limit=1")
    return int(json.loads(content)["total"])


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
