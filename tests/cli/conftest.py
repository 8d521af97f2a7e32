"""The command as people run it, in this process where that is the same thing, and in one of its own where it is not."""

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import knowarchive.cli

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo" / "data"
CONFIG = """
[archive]
url = "archive"
state = "state"

[[chat]]
name = "lanternkm"
hashtags = ["lanternkm"]
timezone = "America/Toronto"
schedule = "FREQ=WEEKLY;BYDAY=WE;BYHOUR=21;BYMINUTE=0"
"""


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    @property
    def line(self):
        """The one line on standard error."""
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        return self.err[:-1]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder to work in, with a configuration, where nothing of this machine's user is seen."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KNOWARCHIVE_CONFIG", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "knowarchive.toml").write_text(CONFIG)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Run `knowarchive` with arguments and standard input, in this process."""
    monkeypatch.setattr(knowarchive.cli, "_heed_signals", lambda: None)  # they are this process's

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["knowarchive", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            knowarchive.cli.main()
        out, err = capsys.readouterr()
        return Result(left.value.code, out, err)

    return run


@pytest.fixture
def start(home):
    """Start `knowarchive` in a process of its own; options are those of Popen."""
    started = []

    def start(*arguments, **options):
        command = [sys.executable, "-m", "knowarchive", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(command, cwd=home, env=environment, **settings)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    """The demo's chat, imported once."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "knowarchive.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "knowarchive", "import", str(DEMO)]
    subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    return folder


@pytest.fixture
def demo(demo_folder, home):
    """The folder to work in, with the demo's archive. It is linked, not copied: read it only."""
    (home / "archive").symlink_to(demo_folder / "archive")
    return home


@pytest.fixture
def own_demo(demo_folder, home):
    """The same, to be written to."""
    shutil.copytree(demo_folder / "archive", home / "archive")
    return home
