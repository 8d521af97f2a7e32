"""What may not be read or written is one clear line. Root may do everything, so root steps down first."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from .bad_files import GOOD
from .conftest import CONFIG, ROOT

# Runs commands one after another as nobody; the first, before stepping down, loads what is loaded lazily.
PROGRAM = """
import contextlib, io, json, os, sys
from knowarchive.cli import main

def run(arguments):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    sys.argv = ["knowarchive", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as left:
            code = left.code
    out.flush(), err.flush()
    return [code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()]

warm, *commands = json.load(sys.stdin)
for arguments in warm:
    run(arguments)
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print(json.dumps([run(arguments) for arguments in commands]))
"""


@pytest.fixture
def folder():
    """A folder that nobody may enter and write; pytest's own are root's alone."""
    path = Path(tempfile.mkdtemp(prefix="knowarchive-test-"))
    path.chmod(0o777)
    (path / "knowarchive.toml").write_text(CONFIG)
    yield path
    for one in [path, *path.rglob("*")]:
        if one.is_dir():
            one.chmod(0o777)
    for one in path.rglob("*"):
        if one.is_dir():
            one.chmod(0o777)
    shutil.rmtree(path)


@pytest.fixture
def as_nobody(folder):
    def run(*commands):
        with tempfile.TemporaryDirectory() as elsewhere:
            (warm := Path(elsewhere) / "warm.toml").write_text(CONFIG)
            (good := Path(elsewhere) / "good").write_bytes(GOOD)
            (Path(elsewhere) / "bad").write_bytes(b"?")
            config = ["--config", str(warm)]
            steps = [
                [*config, "import", str(good)],
                [*config, "import", elsewhere + "/bad", elsewhere + "/none"],
                [*config, "sessions"],
                [*config, "doctor"],
                [*config, "transcript", "lanternkm", "2023-03-08"],
                [*config, "sql", "--json", "FROM posts"],
            ]
            finished = subprocess.run(
                [sys.executable, "-c", PROGRAM],
                input=json.dumps([steps, *([str(one) for one in command] for command in commands)]),
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)},
                capture_output=True,
                text=True,
                check=False,
            )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    return run


def test_files_and_folders_that_may_not_be_read(folder, as_nobody):
    pulls = folder / "pulls"
    pulls.mkdir()
    (pulls / "a.jsonl").write_bytes(GOOD)
    (pulls / "b.jsonl").write_bytes(GOOD)
    (pulls / "b.jsonl").chmod(0)
    locked = folder / "locked"
    locked.mkdir()
    (locked / "a.jsonl").write_bytes(GOOD)
    locked.chmod(0)
    config = folder / "config.toml"
    config.write_text(CONFIG)
    config.chmod(0)
    assert as_nobody(
        ["import", "locked"],
        ["import", "locked/a.jsonl"],
        ["import", "pulls/b.jsonl"],
        ["import", "pulls"],
        ["--config", "config.toml", "sessions"],
        ["--config", "locked/config.toml", "sessions"],
        ["--config", "locked/config.toml", "init"],
        ["transcript", "lanternkm", "2023-03-08", "--output", "locked/a.md"],
    ) == [
        [1, "", "knowarchive: locked: cannot be read: Permission denied\n"],
        [1, "", "knowarchive: locked/a.jsonl: cannot be read: Permission denied\n"],
        [1, "", "knowarchive: pulls/b.jsonl: cannot be read: Permission denied\n"],
        [
            4,
            "3 posts seen in 1 file: 3 new, 0 changed, 0 quarantined. 1 could not be read.\n",
            "knowarchive: pulls/b.jsonl: cannot be read: Permission denied\n",
        ],
        [3, "", "knowarchive: config.toml: Permission denied; check the path and its permissions\n"],
        [3, "", "knowarchive: locked/config.toml: Permission denied; check the path and its permissions\n"],
        [3, "", "knowarchive: locked/config.toml: cannot be written: Permission denied; name another with --config\n"],
        [1, "", "knowarchive: locked/a.md: cannot be written: Permission denied; name another file\n"],
    ]


def test_an_archive_that_may_only_be_read_is_read_and_left_alone(folder, as_nobody, demo_folder):
    shutil.copytree(demo_folder / "archive", folder / "archive")
    for path in [folder / "archive", *(folder / "archive").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    (folder / "good").write_bytes(GOOD)
    before = {path: path.stat().st_mtime_ns for path in (folder / "archive").rglob("*")}
    results = as_nobody(
        ["sessions", "--json"],
        ["transcript", "lanternkm", "2023-03-08"],
        ["sql", "--json", "SELECT count(*) AS n FROM posts"],
        ["doctor", "--json"],
        ["import", "good"],
        ["replay"],
        ["maintain"],
    )
    assert [code for code, _out, _err in results] == [0, 0, 0, 0, 1, 1, 1]
    assert [check["finding"] for check in json.loads(results[3][1]) if check["status"] == "warning"] == [
        f"{folder / 'archive'}: cannot be written; reading works"
    ]
    for _code, out, err in results[4:]:
        assert out == ""
        assert err.count("\n") == 1, err
        assert err.startswith(f"knowarchive: {folder / 'archive'}")
        assert "ermission denied" in err
    assert {path: path.stat().st_mtime_ns for path in (folder / "archive").rglob("*")} == before


@pytest.mark.slow
def test_folders_that_may_not_be_written(folder, as_nobody, demo_folder):
    shutil.copytree(demo_folder / "archive", folder / "archive")
    (folder / "good").write_bytes(GOOD)
    (folder / "nothing.toml").write_text(CONFIG.replace('"archive"', '"none/archive"').replace('"state"', '"x/state"'))
    (folder / "none").mkdir(mode=0o555)
    folder.chmod(0o755)
    results = as_nobody(
        ["import", "good"],
        ["init"],
        ["--config", "new.toml", "init"],
        ["transcript", "lanternkm", "2023-03-08", "--output", "a.md"],
        ["sessions", "--json"],
        ["--config", "nothing.toml", "sessions", "--json"],
    )
    assert results[:4] == [
        [
            1,
            "",
            f"knowarchive: {folder / 'state/scratch'}: cannot be made: Permission denied; set archive.state to a folder\n",
        ],
        [3, "", "knowarchive: knowarchive.toml: exists already; edit it, or replace it with --overwrite\n"],
        [3, "", "knowarchive: new.toml: cannot be written: Permission denied; name another with --config\n"],
        [1, "", "knowarchive: a.md: cannot be written: Permission denied; name another file\n"],
    ]
    assert [code for code, _out, _err in results[4:]] == [0, 0]
