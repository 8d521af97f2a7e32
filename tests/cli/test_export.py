"""`knowarchive export` as people run it."""

import json
import resource
import signal
import subprocess
import sys
import time

import pytest

from storage.exports import FORMATS

LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
sys.argv[0] = "knowarchive"
runpy.run_module("knowarchive", run_name="__main__")
"""


def test_the_help_names_every_format(run):
    shown = run("export", "--help").out
    for name, form in FORMATS.items():
        assert f"{name:9} {form.text}" in shown


def test_a_chat_is_exported_and_said_to_be(demo, run):
    result = run("export", "lanternkm", "--format", "csv", "--output", "out")
    assert result.code == 0
    assert result.out == "Wrote out: 250 posts, 162 reposts, 27 accounts.\n"
    names = sorted(path.name for path in (demo / "out").iterdir())
    assert names == ["README.md", "accounts.csv", "datapackage.json", "posts.csv", "reposts.csv"]


def test_one_session_is_one_file_by_its_ending_and_told_as_json(own_demo, run):
    result = run(
        "export", "lanternkm", "--session", "2023-03-08", "--format", "jsonl", "--output", "march.jsonl", "--json"
    )
    told = result.json
    lines = (own_demo / "march.jsonl").read_text().splitlines()
    assert told["rows"] == {"posts": len(lines)}
    assert [file["name"] for file in told["files"]] == ["march.jsonl"]
    assert all(json.loads(line)["created_at"].startswith("2023-03-0") for line in lines)
    again = run("--config", "knowarchive.toml", "import", "march.jsonl", "--json")
    assert (again.json["seen"], again.json["changed"], again.json["new"]) == (len(lines), 0, 0)


def test_what_a_search_found_is_exported(demo, run):
    run("export", "--format", "ids", "--output", "ids")
    uids = [f"x:{own}" for own in (demo / "ids/x.txt").read_text().split()[:3]]
    result = run("export", "--uids", "-", "--format", "jsonl", "--output", "found", stdin="\n".join(uids).encode())
    assert result.code == 0
    assert sorted(json.loads(line)["uid"] for line in (demo / "found/posts.jsonl").read_text().splitlines()) == sorted(
        uids
    )


def test_an_export_for_research_says_what_it_hides_where_its_key_is_and_what_leads_to_people(own_demo, run):
    result = run("export", "lanternkm", "--format", "jsonl", "--pseudonymise", "--output", "out")
    assert (result.code, result.out) == (0, "Wrote out: 250 posts, 162 reposts, 27 accounts.\n")
    assert "was thrown away" in result.err
    assert "can be searched for on the web" in result.err
    assert "person_" in (own_demo / "out/posts.jsonl").read_text()
    again = run("export", "--format", "csv", "--pseudonymise", "--key", "my.key", "--output", "more")
    assert "is my.key" in again.err
    key = (own_demo / "my.key").read_text().strip()
    assert len(key) == 64
    assert not [path for path in (own_demo / "more").iterdir() if key in path.read_text()]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    {
        "format": (["--format", "xls", "--output", "o"], 2, "no export format 'xls'; there are: jsonl, csv"),
        "no chat": (["nochat", "--format", "csv", "--output", "o"], 2, "no chat named 'nochat'"),
        "no session": (
            ["lanternkm", "--session", "2023-03-09", "--format", "csv", "--output", "o"], 2, "has no session",
        ),
        "session alone": (["--session", "2023-03-08", "--format", "csv", "--output", "o"], 2, "a session is one of a chat"),
        "date": (["--since", "yesterday", "--format", "csv", "--output", "o"], 2, "'yesterday' is not a date"),
        "both": (
            ["lanternkm", "--session", "2023-03-08", "--since", "2023-01-01", "--format", "csv", "--output", "o"],
            2, "choose by --session, by --since and --until, or by --uids",
        ),
        "stdout": (["--format", "csv", "--output", "-"], 2, "give --output a folder or a file"),
        "missing": (["--format", "csv", "--output", "no/where"], 1, "there is no folder no; make it first"),
        "file": (["--format", "csv", "--output", "knowarchive.toml"], 1, "is a file"),
        "taken": (["--format", "csv", "--output", "archive", "--overwrite"], 1, "holds other things than an export"),
        "long": (["--format", "csv", "--output", "a" * 10_000], 1, "File name too long"),
        "uids": (["--uids", "knowarchive.toml", "--format", "csv", "--output", "o"], 2, "is not a uid"),
        "no pseudonyms": (["--pseudonymise", "--format", "ids", "--output", "o"], 2, "identifiers are what pseudonyms hide"),
        "a book of nobody": (["lanternkm", "--pseudonymise", "--format", "epub", "--output", "o"], 2, "it is made for reading"),
        "key alone": (["--key", "k", "--format", "csv", "--output", "o"], 2, "add --pseudonymise"),
        "key within": (
            ["--pseudonymise", "--key", "o/k", "--format", "csv", "--output", "o"], 2, "is in the export that it is the key of",
        ),
        "payloads": (["--public", "--format", "payloads", "--output", "o"], 2, "payloads are whole"),
    }.values(),
)  # fmt: skip
def test_what_cannot_be_is_said_in_a_line_and_nothing_is_written(demo, run, arguments, code, message):
    before = sorted(path.name for path in demo.iterdir())
    result = run("export", *arguments)
    assert result.code == code
    assert message in result.line
    assert len(result.line) < 400
    assert [name for name in sorted(path.name for path in demo.iterdir()) if name != "state"] == before


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet", "duckdb", "sqlite", "payloads"])
def test_a_disk_that_fills_midway_leaves_nothing(demo, name):
    finished = subprocess.run(
        [sys.executable, "-B", "-c", LIMITED, "export", "--format", name, "--output", "out"],
        cwd=demo, capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    before = {"knowarchive.toml", "archive", "state"}
    if name == "parquet":  # it is smaller than the limit
        assert finished.returncode == 0
        return
    assert finished.returncode == 1, finished.stderr
    assert finished.stderr.startswith("knowarchive: out: cannot be written: ")
    assert finished.stderr.count("\n") == 1
    assert {path.name for path in demo.iterdir()} <= before


def environment():
    import os

    from tests.cli.conftest import ROOT

    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_an_export_that_is_stopped_leaves_nothing(demo, start):
    process = start("export", "--format", "sqlite", "--output", "out")
    while process.poll() is None and not [
        path for path in demo.iterdir() if path.name.startswith(".knowarchive-export")
    ]:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert {path.name for path in demo.iterdir()} <= {"knowarchive.toml", "archive", "state"}
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
