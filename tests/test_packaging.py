"""The wheel holds our packages and nothing else, and works where only it is installed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"knowarchive", "connectors", "storage", "transcripts", "pipelines"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_its_top_levels_are_exactly_ours(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    (metadata,) = (name for name in top if name.endswith(".dist-info"))
    assert metadata.startswith("knowarchive-")
    assert top - {metadata} == PACKAGES


def test_it_holds_every_file_of_ours_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()
        scripts = archive.read(next(name for name in archive.namelist() if name.endswith("entry_points.txt"))).decode()
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert found == expected
    assert {
        "knowarchive/py.typed",
        "transcripts/templates/transcript.html",
        "transcripts/templates/transcript.css",
    } <= found
    assert {Path(name).suffix for name in found} <= {
        ".py", ".typed", ".html", ".xhtml", ".css", ".md", ".js", ".xml", ".opf", ".svg", ".typ",
    }  # fmt: skip
    assert "Classifier: Private :: Do Not Upload" in metadata
    assert scripts.strip() == "[console_scripts]\nknowarchive = knowarchive.cli:main"


def test_it_imports_and_writes_a_transcript_where_only_it_is_installed(wheel, tmp_path):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", str(site), str(wheel)], check=True)
    (tmp_path / "knowarchive.toml").write_bytes((ROOT / "demo" / "knowarchive.toml").read_bytes())
    # Our own checkout is installed in place in this environment: it must not be what answers.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PYTHONPATH": str(site)}

    def run(*arguments):
        command = [sys.executable, "-m", "knowarchive", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    where = "import knowarchive, transcripts; print(knowarchive.__file__, transcripts.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert all(path.startswith(str(site)) for path in found.stdout.split())
    assert run("--version").startswith("knowarchive, version ")
    assert "79 posts" not in run("import", ROOT / "demo" / "data" / "2023-03-08-search.jsonl")
    run("transcript", "lanternkm", "2023-03-08", "--output", "a.html")
    page = (tmp_path / "a.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert "<style>" in page
    assert page.rstrip().endswith("</html>")
