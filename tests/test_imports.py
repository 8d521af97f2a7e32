"""What each command loads, how quickly it starts, and that imports only go down."""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"pyarrow", "duckdb", "deltalake", "prefect", "jinja2", "rich", "dateutil", "zstandard", "numpy", "pandas"}
PROGRAM = """
import json, sys
sys.argv = ["knowarchive", *json.loads(sys.argv[1])]
try:
    {run}
except SystemExit:
    pass
print("\\n" + json.dumps(sorted(name.partition(".")[0] for name in sys.modules)))
"""


def loaded(folder, *arguments, run="import knowarchive.cli; knowarchive.cli.main()", **environment):
    """The heavy packages that are loaded when a command ends."""
    command = [sys.executable, "-c", PROGRAM.format(run=run), json.dumps(arguments)]
    finished = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return HEAVY & set(json.loads(finished.stdout.splitlines()[-1]))


LIGHT = {
    "help": ["--help"],
    "version": ["--version"],
    "no such command": ["sesions"],
    "help of a command": ["import", "--help"],
    "init": ["--config", "new.toml", "init", "--overwrite"],
    "completion": ["completion", "bash"],
    "no configuration": ["--config", "none.toml", "sessions"],
    "a wrong configuration": ["--config", "wrong.toml", "sql", "SELECT 1"],
}


@pytest.mark.parametrize("name", LIGHT)
def test_what_needs_no_archive_loads_nothing_heavy(tmp_path, name):
    (tmp_path / "wrong.toml").write_text("[archives]")
    # whether a schedule is a rule only dateutil knows
    assert loaded(tmp_path, *LIGHT[name]) <= ({"dateutil"} if name == "init" else set())


def test_completing_commands_loads_nothing_heavy(tmp_path):
    environment = {"_KNOWARCHIVE_COMPLETE": "bash_complete", "COMP_WORDS": "knowarchive se", "COMP_CWORD": "1"}
    assert loaded(tmp_path, **environment) == set()


@pytest.mark.parametrize(
    ("command", "not_needed"),
    {
        "sessions": {"prefect", "jinja2", "rich", "zstandard"},
        "doctor": {"prefect", "jinja2", "rich", "zstandard"},
        "sql SELECT+1": {"prefect", "jinja2", "rich", "zstandard"},
        "import a.jsonl": {"prefect", "jinja2", "rich", "zstandard"},
    }.items(),
)
def test_commands_load_only_what_they_use(tmp_path, command, not_needed):
    (tmp_path / "knowarchive.toml").write_text('[archive]\nurl = "archive"\n')
    post = {"id_str": "580930786603339776", "full_text": "a", "user": {"id_str": "1", "screen_name": "a"}}
    (tmp_path / "a.jsonl").write_text(json.dumps({**post, "created_at": "Thu Mar 26 03:00:00 +0000 2015"}))
    assert loaded(tmp_path, *(word.replace("+", " ") for word in command.split())) & not_needed <= {"rich"}


def test_importing_the_package_loads_nothing_heavy_until_a_name_is_used(tmp_path):
    assert loaded(tmp_path, run="import knowarchive; knowarchive.__version__; dir(knowarchive)") == set()
    assert loaded(tmp_path, run="import knowarchive; knowarchive.load_config") <= {"dateutil"}
    assert "duckdb" not in loaded(tmp_path, run="from knowarchive import render")


def test_every_public_name_can_be_used():
    import knowarchive

    assert set(knowarchive.__all__) <= set(dir(knowarchive))
    for name in knowarchive.__all__:
        assert callable(getattr(knowarchive, name)), name
    with pytest.raises(AttributeError, match=r"^module 'knowarchive' has no attribute 'nothing'$"):
        _ = knowarchive.nothing


def test_the_public_api_does_the_main_job(tmp_path):
    import knowarchive

    config = knowarchive.load_config(ROOT / "demo" / "knowarchive.toml")
    archive = knowarchive.Archive(str(tmp_path / "archive"), tmp_path / "state")
    path = ROOT / "demo" / "data" / "2023-03-08-search.jsonl"
    imported = knowarchive.import_file(
        archive, knowarchive.ImportSource(path.name, path=path), now=lambda: datetime.now(UTC)
    )
    assert imported.status == "done"
    (session,) = knowarchive.list_sessions(archive, config.chat[0])
    transcript = knowarchive.make_transcript(archive, config.chat[0], session.date)
    assert "lanternkm" in knowarchive.render(transcript, "md").lower()


def test_help_starts_quickly(tmp_path, capsys):
    def measure(*command):
        best = []
        for _ in range(3):
            begin = time.perf_counter()
            subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, check=True)
            best.append(time.perf_counter() - begin)
        return min(best)

    bare, start = measure("-c", "pass"), measure("-m", "knowarchive", "--help")
    with capsys.disabled():
        sys.stdout.write(f"\nknowarchive --help takes {start / bare:.1f} times as long as python -c pass\n")
    assert start < 30 * bare


def lint_imports(folder):
    # without the command's script, so that the copy is what is looked at
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    command = [sys.executable, "-c", program, "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


PACKAGES = ("knowarchive", "connectors", "storage", "transcripts", "pipelines")


def test_imports_only_go_down_and_a_wrong_one_is_found(tmp_path):
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    finished = lint_imports(tmp_path)
    assert finished.returncode == 0, finished.stdout
    for wrong, line in {
        "storage/wrong.py": "import transcripts.build\n",  # sideways
        "knowarchive/wrong_model.py": "",
        "transcripts/wrong.py": "import pipelines.sessions\n",  # up
    }.items():
        (tmp_path / wrong).write_text(line)
    finished = lint_imports(tmp_path)
    assert finished.returncode == 1, finished.stdout
    assert "storage.wrong -> transcripts.build" in finished.stdout
    assert "transcripts.wrong -> pipelines.sessions" in finished.stdout
