"""`knowarchive transcript` and `knowarchive export` as EPUB, PDF, books and pictures, as people run them."""

import json
import signal
import subprocess
import sys
import time
import zipfile
from xml.etree import ElementTree as ET

import pytest

from pipelines.exporting import exports_since
from storage.archive import Archive
from transcripts.writers import BOOKS

MARKS = {
    "epub": b"PK\x03\x04",
    "pdf": b"%PDF-",
    "html": b"<!doctype html>",
    "md": b"# #lanternkm, 2023",
    "txt": b"#lanternkm\n2023",
}
YEAR = ("--since", "2023-01-01", "--until", "2024-01-01")


def told(content, name):
    """The words of a book that are not in the bytes of a PDF."""
    if name != "epub":
        return content.decode()
    with zipfile.ZipFile(content) as book:
        return "\n".join(book.read(one).decode() for one in book.namelist() if one.endswith("xhtml"))


@pytest.mark.parametrize("name", ["epub", "pdf"])
def test_a_session_is_a_document_with_pages_by_the_ending_of_its_file(run, demo, name):
    result = run("transcript", "lanternkm", "2023-03-08", "--output", f"a.{name}")
    assert (result.code, result.out, result.line) == (0, "", f"Wrote a.{name}")
    assert (demo / f"a.{name}").read_bytes().startswith(MARKS[name])
    again = run("transcript", "lanternkm", "2023-03-08", "--output", f"b.{name}", "--format", name.upper())
    assert again.code == 0
    assert (demo / f"a.{name}").read_bytes() == (demo / f"b.{name}").read_bytes()


@pytest.mark.parametrize("name", BOOKS)
def test_a_year_is_a_book(run, demo, name):
    result = run("export", "lanternkm", "--format", name, *YEAR, "--output", f"year.{name}")
    assert (result.code, result.out) == (0, f"Wrote year.{name}: 249 posts of 3 sessions.\n")
    content = (demo / f"year.{name}").read_bytes()
    assert content.startswith(MARKS[name])
    if name != "pdf":
        text = told(demo / f"year.{name}" if name == "epub" else content, name)
        for day in ("1 March 2023", "8 March 2023", "15 March 2023", "Index of people", "About this book"):
            assert day in text
    assert not list(demo.glob(".*"))


def test_the_notice_and_whom_to_ask_come_from_the_configuration(run, demo):
    config = demo / "knowarchive.toml"
    config.write_text(
        config.read_text() + '[publish]\nnotice = "Lamps & <wicks>."\ncontact = "keeper@lantern.example"\n'
    )
    run("export", "lanternkm", "--format", "txt", "--session", "2023-03-08", "--output", "a.txt")
    text = (demo / "a.txt").read_text()
    assert "Lamps & <wicks>." in text
    assert "To have something taken out, write to keeper@lantern.example." in text
    run("transcript", "lanternkm", "2023-03-08", "--output", "a.epub")
    with zipfile.ZipFile(demo / "a.epub") as book:
        assert "mailto:keeper@lantern.example" in book.read("EPUB/colophon.xhtml").decode()


def test_a_book_for_everybody_shows_what_the_site_would(run, demo):
    config = demo / "knowarchive.toml"
    config.write_text(config.read_text() + '[publish]\nx = "as-archived"\nopt_out = ["x:GusDemo"]\n')
    for name in ("txt", "epub", "svg"):
        run("export", "lanternkm", "--format", name, "--session", "2023-03-08", "--output", f"own.{name}")
        result = run(
            "export", "lanternkm", "--format", name, "--session", "2023-03-08", "--public", "--output", f"all.{name}"
        )
        assert result.code == 0
    own, shown = ((demo / name).read_text() for name in ("own.txt", "all.txt"))
    said = next(line.strip() for line in own.partition("@GusDemo, ")[2].splitlines()[1:] if len(line) > 40)
    assert said not in shown
    assert "GusDemo, " not in shown
    assert "does not want shown here" in shown
    assert "What people asked to be left out of public copies is left out of this one." in " ".join(shown.split())
    assert "Gus" in (demo / "own.svg/ties.svg").read_text()
    assert "Gus" not in (demo / "all.svg/ties.svg").read_text()
    assert said.split(".")[0] not in told(demo / "all.epub", "epub")
    config.write_text(config.read_text().replace("as-archived", "refreshed"))
    run("export", "lanternkm", "--format", "txt", "--session", "2023-03-08", "--public", "--output", "late.txt")
    assert "nobody has looked for lately" in (demo / "late.txt").read_text()


def test_a_book_is_told_as_json(run, demo):
    result = run("export", "lanternkm", "--format", "epub", "--session", "2023-03-08", "--output", "a.epub", "--json")
    assert result.json == {"output": "a.epub", "format": "epub", "sessions": 1, "posts": 81, "files": ["a.epub"]}


def test_pictures_are_files_in_a_folder_of_their_own(run, demo):
    result = run("export", "lanternkm", "--format", "svg", "--output", "pictures")
    assert (result.code, result.out) == (0, "Wrote pictures: 249 posts of 3 sessions.\n")
    names = sorted(str(path.relative_to(demo / "pictures")) for path in (demo / "pictures").rglob("*.*"))
    assert names == [
        "datapackage.json", "regulars.svg", "sessions/2023-03-01.svg", "sessions/2023-03-08.svg",
        "sessions/2023-03-15.svg", "ties.svg", "waits.svg", "years.svg",
    ]  # fmt: skip
    described = json.loads((demo / "pictures/datapackage.json").read_text())
    assert sorted(one["path"] for one in described["resources"]) == names[1:]
    for name in names[1:]:
        assert ET.parse(demo / "pictures" / name).getroot().get("role") == "img"
    ties = (demo / "pictures/ties.svg").read_text()
    assert ties.count("<circle") > 15
    assert run("export", "lanternkm", "--format", "svg", "--output", "pictures").line.endswith("with --overwrite")
    (demo / "pictures" / "old.svg").write_text("")
    assert run("export", "lanternkm", "--format", "svg", "--output", "pictures", "--overwrite").code == 0
    assert not (demo / "pictures/old.svg").exists()
    (demo / "mine").mkdir()
    (demo / "mine" / "thesis.txt").write_text("years of work")
    result = run("export", "lanternkm", "--format", "svg", "--output", "mine", "--overwrite")
    assert result.line.startswith("knowarchive: mine: holds other things than an export")
    assert not list(demo.glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    {
        "no chat": (["--format", "epub", "--output", "a.epub"], 2, "epub is of one chat's sessions; write: knowarchive"),
        "uids": (["--format", "pdf", "--uids", "-", "--output", "a.pdf"], 2, "pdf is of one chat's sessions"),
        "since last": (["lanternkm", "--format", "svg", "--since-last", "--output", "a"], 2, "svg is of one chat's"),
        "no sessions": (
            ["lanternkm", "--format", "pdf", "--since", "2020-01-01", "--until", "2021-01-01", "--output", "a.pdf"], 2,
            "lanternkm: no session with posts in this time; list them with: knowarchive sessions lanternkm",
        ),
        "no session": (
            ["lanternkm", "--format", "pdf", "--session", "2023-03-09", "--output", "a.pdf"], 2, "has no session",
        ),
        "no posts": (
            ["lanternkm", "--format", "epub", "--session", "2023-03-22", "--output", "a.pdf"], 2, "no session with posts",
        ),
        "nowhere": (["lanternkm", "--format", "epub", "--output", "none/a.epub"], 1, "there is no folder none"),
        "folder": (["lanternkm", "--format", "epub", "--output", "archive"], 1, "archive: is a folder; name a file in it"),
        "taken": (["lanternkm", "--format", "pdf", "--output", "knowarchive.toml"], 1, "exists already; name another"),
        "long": (["lanternkm", "--format", "epub", "--output", "a" * 10_000], 1, "File name too long"),
        "long draft": (["lanternkm", "--format", "txt", "--output", "a" * 254], 1, "File name too long"),
    }.values(),
)  # fmt: skip
def test_what_will_not_work_is_said_in_a_line_and_leaves_nothing(run, demo, arguments, code, message):
    before = sorted(demo.iterdir())
    result = run("export", *arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.line
    assert [path for path in sorted(demo.iterdir()) if path not in before and path.name != "state"] == []


@pytest.mark.parametrize("name", ["-a.epub", "a\n\u202eb.epub", "'; rm -rf ~小雨.epub"])
def test_whatever_a_file_is_called_it_is_written(run, demo, name):
    result = run("transcript", "lanternkm", "2023-03-08", f"--output={name}")
    assert result.code == 0
    assert zipfile.is_zipfile(demo / name)
    assert result.err.count("\n") == 1
    assert "\u202e" not in result.err


def test_a_document_with_pages_goes_into_a_pipe_but_not_to_a_terminal(demo, start, monkeypatch, run):
    process = start("transcript", "lanternkm", "2023-03-08", "--format", "epub")
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(MARKS["epub"])
    run("transcript", "lanternkm", "2023-03-08", "--output", "a.epub")
    assert out == (demo / "a.epub").read_bytes()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    result = run("transcript", "lanternkm", "2023-03-08", "--format", "pdf")
    assert (result.code, result.line) == (2, "knowarchive: pdf is nothing for a terminal; name a file with --output")


@pytest.mark.parametrize("name", ["epub", "svg"])
def test_a_full_disk_leaves_what_was_there(demo, tmp_path, name):
    limited = (  # with -B, or the byte code of what is imported is cut short too, for whoever imports it next
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000)); "
        "sys.argv[0] = 'knowarchive'; runpy.run_module('knowarchive', run_name='__main__')"
    )
    (demo / "old").write_text("old")
    arguments = ["export", "lanternkm", "--format", name, "--output", "old" if name == "epub" else "new", "--overwrite"]
    result = subprocess.run(
        [sys.executable, "-B", "-c", limited, *arguments], cwd=demo, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.endswith("name another file\n" if name == "epub" else "nothing was left there\n")
    assert result.stderr.count("\n") == 1
    assert (demo / "old").read_text() == "old"
    assert not (demo / "new").exists()
    assert [path for path in demo.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_export_leaves_no_half_file(demo, start, stop):
    for wait in (0.3, 0.8, 1.2):
        process = start("export", "lanternkm", "--format", "epub", "--output", "a.epub", "--overwrite")
        time.sleep(wait)
        process.send_signal(stop)
        process.communicate(timeout=30)
        assert not (demo / "a.epub").exists() or zipfile.ZipFile(demo / "a.epub").testzip() is None
        if stop == signal.SIGTERM:
            assert not [path for path in demo.iterdir() if path.name.startswith(".")]


def test_what_was_written_is_remembered_for_whoever_is_forgotten(run, demo):
    run("export", "lanternkm", "--format", "epub", *YEAR, "--output", "year.epub")
    run("export", "lanternkm", "--format", "svg", "--session", "2023-03-08", "--output", "pictures")
    archive = Archive(str(demo / "archive"), demo / "state")
    from datetime import UTC, datetime

    made = exports_since(archive, datetime(2020, 1, 1, tzinfo=UTC))
    assert sorted(one.path for one in made) == [str(demo / "pictures"), str(demo / "year.epub")]


@pytest.mark.slow
def test_typst_is_loaded_for_pdf_alone(demo):
    program = (
        "import runpy, sys\ntry:\n    runpy.run_module('knowarchive', run_name='__main__')\n"
        "finally:\n    print('typst' in sys.modules, file=sys.stderr)\n"
    )
    for name, loaded in (("epub", "False"), ("pdf", "True")):
        arguments = ["transcript", "lanternkm", "2023-03-08", "--output", f"a.{name}"]
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=demo, capture_output=True, text=True, check=False
        )
        assert result.stderr.splitlines()[-1] == loaded, result.stderr
