"""The README's commands are run, in the demo, and say what it says they say.

Run `KNOWARCHIVE_REWRITE=1 pytest tests/test_docs.py` to put what they say now into the README.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from knowarchive.cli import COMMANDS
from tests.demo.played import collect, configure

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def examples(text: str) -> list[tuple[str, str]]:
    """Commands of the README with what they print: only blocks of one command that show any output."""
    found = []
    for block in BLOCK.findall(text):
        command, _, output = block.partition("\n")
        if command.startswith("$ knowarchive ") and output and not output.startswith("$ "):
            found.append((command.removeprefix("$ "), output))
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    configure(folder)
    run(folder, f"knowarchive import {ROOT / 'demo' / 'data'}")
    collect(folder)
    return folder


def run(folder: Path, command: str) -> str:
    arguments = shlex.split(command)[1:]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    result = subprocess.run(
        [sys.executable, "-m", "knowarchive", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def test_what_the_readme_shows_is_what_the_commands_print(demo: Path) -> None:
    text = README.read_text(encoding="utf-8")
    shown = examples(text)
    assert shown
    for command, output in shown:
        printed = run(demo, command)
        if output.rstrip().endswith("…"):  # the beginning is shown
            printed = "".join(printed.splitlines(keepends=True)[: output.count("\n") - 1]) + "…\n"
        if os.environ.get("KNOWARCHIVE_REWRITE"):
            text = text.replace(f"$ {command}\n{output}", f"$ {command}\n{printed}")
        else:
            assert printed == output, command
    if os.environ.get("KNOWARCHIVE_REWRITE"):
        README.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`knowarchive {command}" in README.read_text(encoding="utf-8")


def test_every_column_of_every_table_is_documented() -> None:
    from storage.schema import TABLES

    text = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    for table in TABLES.values():
        for column in table.columns:
            assert f"`{column}`" in text, f"{table.name}.{column}"


def test_every_make_target_is_documented() -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert targets
    assert [target for target in targets if target != "clean" and f"`make {target}`" not in text] == []


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=!\[; ]", requirement)[0]
        assert f"| {name} |" in text, name
