"""Many processes at one archive: nothing is lost, nothing is doubled, and nobody who reads notices."""

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from knowarchive.errors import ConflictError
from tests.archives import (
    ROOT,
    command,
    configure,
    contents,
    environment,
    generated,
    import_path,
    open_archive,
    query,
    run,
)

IMPORTERS = 8

# Every importer loads its modules, says that it is ready, and starts when all are: they meet at the first commit.
IMPORTER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import connectors.x.v1, duckdb
from pipelines.importing import ImportSource, import_file
from storage.archive import Archive

folder, *files = map(Path, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
for file in files:
    result = import_file(Archive(str(folder / "archive"), folder / "state"), ImportSource(file.name, path=file), now=lambda: datetime.now(UTC))
    assert result.status == "done", result
"""


def overlapping(folder, path, pieces):
    """Cut a file into pieces, each of which overlaps its neighbours by half."""
    lines = path.read_bytes().splitlines(keepends=True)
    width = -(-len(lines) // pieces)
    made = []
    for number in range(pieces):
        piece = folder / f"slice-{number}.jsonl"
        piece.write_bytes(b"".join(lines[max(0, number * width - width // 2) : (number + 1) * width + width // 2]))
        made.append(piece)
    return made


def start(folder, *files):
    return subprocess.Popen(
        [sys.executable, "-c", IMPORTER, folder, *files],
        env=environment(),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def together(processes):
    """Let the processes start at once, and wait for them. Returns what each of them complained of."""
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate(timeout=120) for process in processes]
    return [
        (process.returncode, err) for process, (_, err) in zip(processes, results, strict=True) if process.returncode
    ]


def sequential(folder, files):
    archive = open_archive(folder)
    for file in files:
        import_path(archive, file)
    return contents(archive)


def check_whole(folder, expected):
    archive = open_archive(folder)
    assert contents(archive) == expected
    [counts] = query(archive, "SELECT count(*) AS n, count(DISTINCT uid) AS uids FROM posts")
    assert counts["n"] == counts["uids"] == len(expected["posts"])
    archive.maintain()
    assert contents(archive) == expected


def test_eight_processes_that_import_overlapping_files_at_once_lose_and_double_nothing(tmp_path):
    files = overlapping(tmp_path, generated(tmp_path, "v1", posts=1200), IMPORTERS)
    expected = sequential(tmp_path / "expected", files)
    assert together([start(tmp_path, file) for file in files]) == []
    check_whole(tmp_path, expected)
    [runs] = query(open_archive(tmp_path), "SELECT count(*) AS n, sum(seen) AS seen FROM runs")
    assert runs == {"n": IMPORTERS, "seen": sum(file.read_bytes().count(b"\n") for file in files)}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_eight_processes_that_import_all_files_in_another_order_lose_and_double_nothing(tmp_path, seed):
    files = overlapping(tmp_path, generated(tmp_path, "v1", posts=2000, seed=seed), IMPORTERS)
    expected = sequential(tmp_path / "expected", files)
    orders = [files[number:] + files[:number] for number in range(IMPORTERS)]
    assert together([start(tmp_path, *order) for order in orders]) == []
    check_whole(tmp_path, expected)


class Beside(threading.Thread):
    """Does something again and again in a thread, until told to stop, and remembers what went wrong."""

    def __init__(self, action):
        super().__init__()
        self.action, self.failures, self.times = action, [], 0
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                self.action()
            except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
                self.failures.append(repr(error))
            self.times += 1
            time.sleep(0.02)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


@pytest.mark.slow
def test_a_reader_beside_importers_never_fails_and_never_sees_posts_go(tmp_path):
    files = overlapping(tmp_path, generated(tmp_path, "v1", posts=1200), 4)
    expected = sequential(tmp_path / "expected", files)
    counts = []

    def read():
        [row] = query(open_archive(tmp_path), "SELECT count(*) AS n, count(DISTINCT uid) AS uids FROM posts")
        assert row["n"] == row["uids"]
        counts.append(row["n"])

    processes = [start(tmp_path, *files[:2]), start(tmp_path, *files[2:])]
    with Beside(read) as reader:
        failed = together(processes)
    read()
    assert (failed, reader.failures) == ([], [])
    assert counts == sorted(counts)
    assert counts[-1] == len(expected["posts"])
    assert reader.times > 3


@pytest.mark.slow
def test_maintenance_beside_importers_and_readers_loses_nothing(tmp_path):
    files = overlapping(tmp_path, generated(tmp_path, "v1", posts=1200), 6)
    expected = sequential(tmp_path / "expected", files)
    archive, counts, compacted = open_archive(tmp_path), [], []

    def maintain():
        folded = archive.maintain()
        compacted.append(folded["files_before"] - folded["files_after"])

    def read():
        counts.extend(row["n"] for row in query(open_archive(tmp_path), "SELECT count(*) AS n FROM posts"))

    processes = [start(tmp_path, *files[:3]), start(tmp_path, *files[3:])]
    with Beside(maintain) as maintainer, Beside(read) as reader:
        failed = together(processes)
    assert (failed, maintainer.failures, reader.failures) == ([], [], [])
    assert counts == sorted(counts)
    assert sum(compacted) > 0
    check_whole(tmp_path, expected)


@pytest.mark.slow
def test_a_replay_beside_an_import_is_refused_or_loses_nothing(tmp_path):
    from datetime import UTC, datetime

    from pipelines.replaying import replay

    first, second = overlapping(tmp_path, generated(tmp_path, "v1", posts=400), 2)
    expected = sequential(tmp_path / "expected", [first, second])
    import_path(open_archive(tmp_path), first)
    process = start(tmp_path, second)

    def again():
        with suppress(ConflictError):
            replay(open_archive(tmp_path), now=lambda: datetime.now(UTC))

    with Beside(again) as replayer:
        failed = together([process])
    assert (failed, replayer.failures) == ([], [])
    again()
    check_whole(tmp_path, expected)


@pytest.mark.slow
def test_the_command_itself_runs_beside_itself(tmp_path):
    configure(tmp_path)
    path = generated(tmp_path, "v1", posts=150)
    processes = [
        subprocess.Popen(
            command(tmp_path, "import", "--json", path),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    results = [process.communicate(timeout=60) for process in processes]
    assert [(process.returncode, err) for process, (_, err) in zip(processes, results, strict=True)] == [(0, b"")] * 3
    assert all(json.loads(out)["seen"] == 150 for out, _ in results)
    done = run(tmp_path, "sql", "--json", "SELECT count(*) AS n, count(DISTINCT uid) AS uids FROM posts")
    [row] = json.loads(done.stdout)
    assert row["n"] == row["uids"] > 0
