"""Whatever is imported: one clear line for what is wrong, the right exit code, and the rest is kept."""

import bz2
import gzip
import os
import re
import resource
import socket
import sys

import pytest
import zstandard

from .bad_files import CSV, GOOD, PNG, PROSE, WHOLE_FILES, post, posts


def count(run):
    return run("sql", "--json", "SELECT count(*) AS n FROM posts").json[0]["n"]


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_a_wrong_file_is_one_line_and_keeps_what_is_right(run, home, name):
    content, code, said, kept = WHOLE_FILES[name]
    (home / "file").write_bytes(content)
    result = run("import", "file", "--json")
    assert result.code == code
    assert result.json["new"] == kept
    assert [re.sub(r"[\d,]+ record", "N record", line) for line in result.err.splitlines()] == [
        f"knowarchive: file: {line}" for line in said
    ]
    assert (home / "archive" / "posts").exists() == (code != 1)
    assert run("sql", "--json", "SELECT status FROM runs").json == [
        {"status": {0: "done", 1: "failed", 4: "incomplete"}[code]}
    ]


def test_what_was_stored_before_is_untouched_by_a_wrong_file(run, home):
    (home / "good").write_bytes(GOOD)
    assert run("import", "good").code == 0
    before = run("sql", "--json", "SELECT * FROM posts ORDER BY uid").out
    for name, (content, code, _said, _kept) in WHOLE_FILES.items():
        if code == 1:
            (home / "file").write_bytes(content)
            assert run("import", "file").code == 1, name
    assert run("sql", "--json", "SELECT * FROM posts ORDER BY uid").out == before
    assert run("sql", "--json", "SELECT * FROM quarantine").json == []


def test_a_quarantined_record_is_counted_and_findable(run, home):
    (home / "file").write_bytes(GOOD + b"not JSON\n" + post(9))
    result = run("import", "--json", "file")
    assert result.code == 4
    assert {key: result.json[key] for key in ("seen", "new", "changed", "quarantined")} == {
        "seen": 5, "new": 4, "changed": 0, "quarantined": 1
    }  # fmt: skip
    assert result.json["sources"] == [{"source": "file", "status": "incomplete", "pages": 1, "gaps": [], "cost": None}]
    rows = run("sql", "--json", "SELECT origin, position, reason FROM quarantine").json
    assert rows == [{"origin": "file", "position": 4, "reason": "not JSON"}]


def test_a_folder_of_good_and_bad_files_imports_the_good_ones(run, home):
    pulls = home / "pulls"
    (pulls / "deep" / "er").mkdir(parents=True)
    (pulls / "a.jsonl").write_bytes(posts(2))
    (pulls / "b.png").write_bytes(PNG)
    (pulls / "deep" / "c.txt").write_bytes(PROSE)
    (pulls / "deep" / "er" / "d.csv.gz").write_bytes(gzip.compress(posts(5)))
    (pulls / ".hidden").write_bytes(PROSE)
    (pulls / "loop").symlink_to(pulls)
    (pulls / "itself").symlink_to(pulls / "itself")
    (pulls / "gone").symlink_to(pulls / "nowhere")
    os.mkfifo(pulls / "pipe")
    result = run("import", "pulls")
    assert result.code == 4
    assert result.out == "7 posts seen in 2 files: 5 new, 0 changed, 0 quarantined. 2 could not be read.\n"
    assert [line.split(": ")[1] for line in result.err.splitlines()] == ["pulls/b.png", "pulls/deep/c.txt"]
    assert count(run) == 5


def test_a_folder_without_files_says_so(run, home):
    (home / "pulls").mkdir()
    result = run("import", "pulls")
    assert (result.code, result.out, result.line) == (0, "", "knowarchive: pulls: no files in this folder")


@pytest.mark.parametrize("twice", [["a", "a"], ["a", "./a"], [".", "a"], ["a", "link"], ["-", "-"]])
def test_a_file_named_twice_is_read_once(run, home, twice):
    folder = home / "pulls"
    folder.mkdir()
    (folder / "a").write_bytes(GOOD)
    (folder / "link").symlink_to("a")
    if "." in twice:
        (folder / "link").unlink()
    arguments = [name if name == "-" else folder / name for name in twice]
    result = run("import", *arguments, stdin=GOOD)
    assert (result.code, result.out) == (0, "3 posts seen in 1 file: 3 new, 0 changed, 0 quarantined.\n")


def test_importing_again_changes_nothing(run, home):
    (home / "file").write_bytes(GOOD)
    run("import", "file")
    assert run("import", "file").out == "3 posts seen in 1 file: 0 new, 0 changed, 0 quarantined.\n"


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, zstandard.compress])
def test_standard_input_is_read_however_compressed(run, home, compress):
    result = run("import", "-", stdin=compress(GOOD))
    assert (result.code, result.err) == (0, "")
    assert result.out == "3 posts seen in 1 file: 3 new, 0 changed, 0 quarantined.\n"


def test_empty_standard_input_is_one_line(run, home):
    result = run("import", "-")
    assert (result.code, result.line.startswith("knowarchive: standard input: is empty")) == (1, True)


def test_what_does_not_exist_stops_before_anything_is_imported(run, home):
    (home / "good").write_bytes(GOOD)
    result = run("import", "good", "nowhere/../x")
    assert (result.code, result.line) == (2, "knowarchive: nowhere/../x: no such file or folder")
    assert run("import", "itself/" * 900).code == 1
    assert sorted(path.name for path in home.iterdir()) == ["good", "knowarchive.toml"]


def test_what_is_no_file_is_refused_and_not_waited_for(run, home):
    os.mkfifo(home / "pipe")
    advice = "not a file or folder; what a program writes is read with: … | knowarchive import -"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for name, kind in {
            "pipe": "a pipe",
            "socket": "a socket",
            "/dev/zero": "a device",
            "/dev/null": "a device",
        }.items():
            result = run("import", name)
            assert (result.code, result.line) == (2, f"knowarchive: {name}: is {kind}, {advice}")
            assert run("import", "--format", "x-v1-jsonl", name).code == 2


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="no /dev/fd here")  # noqa: PTH110 - a path of the system
def test_what_a_shell_substitutes_is_read(run, home):
    ours, theirs = os.pipe()
    os.write(theirs, GOOD)
    os.close(theirs)
    assert run("import", f"/dev/fd/{ours}").code == 0
    os.close(ours)


def test_an_unknown_format_or_chat_says_which_there_are(run, home):
    (home / "file").write_bytes(GOOD)
    result = run("import", "--format", "xml", "file")
    assert result.code == 2
    assert result.line.startswith("knowarchive: no format named 'xml'; there are: auto, knowarchive-jsonl, ")
    result = run("import", "--chat", "critlib", "file")
    assert (result.code, result.line) == (
        2,
        "knowarchive: no chat named 'critlib'; knowarchive.toml has: lanternkm",
    )


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fx", "a\nb\x1b[31m", "\u202etxt.x", "-x", "sp ace", b"\xff\xfe", "x" * 255, "*[a]?"]
)
def test_a_file_of_any_name_is_imported_and_only_shown(run, home, name):
    path = home / os.fsdecode(name)
    path.write_bytes(GOOD + b"junk\n")
    result = run("import", path)
    assert result.code == 4
    assert result.line.endswith(": 1 quarantined: not JSON")
    assert not set(result.err[:-1]) & set("\n\x1b\u202e")
    again = run("import", "--json", path)
    assert again.json["seen"] == 4
    assert sorted(one.name for one in home.iterdir()) == sorted([path.name, "archive", "knowarchive.toml", "state"])


def test_hostile_text_is_stored_as_it_is_and_only_shown(run, home):
    texts = ["<script>alert(1)</script>", "\x1b[31mred\x07", "=cmd|' /C calc'!A0", "\u202egnp.exe", "a\r\nb\x9b2J"]
    (home / "file").write_bytes(b"".join(post(n, text=f"{text} #lanternkm") for n, text in enumerate(texts)))
    assert run("import", "file").code == 0
    rows = run("sql", "--json", "SELECT text FROM posts ORDER BY uid")
    assert [row["text"] for row in rows.json] == [f"{text} #lanternkm" for text in texts]
    shown = [rows.out, run("sql", "SELECT text FROM posts").out]
    shown += [
        run("transcript", "lanternkm", "2023-03-08", "--format", name).out for name in ("txt", "md", "json", "html")
    ]
    for document in shown:
        assert not set(document) & set("\x1b\x07\x9b\r")
        assert "\u202e" not in document


def test_the_archives_address_may_not_be_a_file(run, home):
    (home / "good").write_bytes(GOOD)
    (home / "archive").write_text("mine")
    for arguments in (["import", "good"], ["sessions"], ["transcript", "lanternkm", "2023-03-08"], ["sql", "SELECT 1"]):
        result = run(*arguments)
        assert (result.code, result.line) == (
            1,
            f"knowarchive: {home / 'archive'}: is a file, not a folder; set archive.url to a folder",
        )
    assert run("doctor").code == 1
    assert (home / "archive").read_text() == "mine"


def test_an_archive_of_a_newer_version_is_neither_read_nor_written(run, own_demo):
    entry = own_demo / "archive" / "posts" / "_delta_log" / f"{0:020d}.json"
    text = entry.read_text()
    assert '"knowarchive.schema":"1"' in text
    entry.write_text(text.replace('"knowarchive.schema":"1"', '"knowarchive.schema":"9"'))
    (own_demo / "good").write_bytes(GOOD)
    before = sorted(path for path in (own_demo / "archive" / "posts").rglob("*"))
    for arguments in (["import", "good"], ["sessions"], ["transcript", "lanternkm", "2023-03-08"], ["sql", "FROM posts"],
                      ["replay"], ["maintain"]):  # fmt: skip
        result = run(*arguments)
        assert result.code == 1, arguments
        assert result.line.endswith(
            "written by a newer version of Knowarchive (schema 9, this one knows 1); upgrade to read it"
        )
    result = run("doctor", "--json")
    assert result.code == 1
    assert [check["name"] for check in result.json if check["status"] == "failed"] == ["table posts"]
    assert sorted(path for path in (own_demo / "archive" / "posts").rglob("*")) == before


def test_a_file_that_shrinks_while_it_is_read_gives_what_was_there(run, home, monkeypatch):
    import connectors.files.streams

    path = home / "file"
    path.write_bytes(posts(2000))
    monkeypatch.setattr(connectors.files.streams, "CHUNK", 1 << 14)
    chunks = connectors.files.streams._chunks

    def shrinking(stream, first, size, on_progress):
        for number, chunk in enumerate(chunks(stream, first, size, on_progress)):
            if number == 5:
                os.truncate(path, 0)
            yield chunk

    monkeypatch.setattr(connectors.files.streams, "_chunks", shrinking)
    result = run("import", "file")
    assert result.code in {0, 4}
    assert 100 < count(run) < 2000


LINES_PROGRAM = """
import resource, runpy, sys
sys.argv = ["knowarchive", "import", "-"]
try:
    runpy.run_module("knowarchive", run_name="__main__")
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.parametrize("size", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_a_line_of_many_megabytes_is_passed_over_in_little_memory(run, home, start, size):
    import subprocess

    def import_(content):
        command = [sys.executable, "-c", LINES_PROGRAM]
        process = subprocess.Popen(
            command, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for piece in content:
            process.stdin.write(piece)
        out, err = process.communicate()
        *said, peak = err.decode().splitlines()
        unit = 1 if sys.platform == "darwin" else 1024
        return process.returncode, out.decode(), said, int(peak) * unit

    *_, usual = import_([GOOD])
    megabyte = b"x" * (1 << 20)
    long_line = [b'{"id_str": "', *[megabyte] * size, b'"}\n']
    code, out, said, peak = import_([GOOD, *long_line, post(9)])
    assert code == 4
    assert out == "5 posts seen in 1 file: 1 new, 0 changed, 1 quarantined.\n"
    assert said == ["knowarchive: standard input: 1 quarantined: longer than 16 MB"]
    assert peak - usual < 64e6  # measured: 16 MB and a little
    assert count(run) == 4


def test_a_csv_of_headings_alone_is_an_empty_result(run, home):
    (home / "file").write_bytes(CSV)
    result = run("import", "file")
    assert (result.code, result.out) == (0, "0 posts seen in 1 file: 0 new, 0 changed, 0 quarantined.\n")


def test_a_full_disk_is_one_line_and_stores_nothing_by_halves(run, home, start):
    """A limit on the size of files stands for a full disk: writing fails in the middle."""
    (home / "file").write_bytes(posts(3000))

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))

    process = start("import", "file", preexec_fn=limit, env={"PYTHONDONTWRITEBYTECODE": "1"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert err.count(b"\n") == 1
    assert err.startswith(b"knowarchive: ")
    assert b"Traceback" not in err
    assert run("import", "file").out == "3,000 posts seen in 1 file: 3,000 new, 0 changed, 0 quarantined.\n"
    assert count(run) == 3000
