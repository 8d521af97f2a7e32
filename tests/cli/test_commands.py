"""Every command: its help, its wrong use, and how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from knowarchive import __version__
from knowarchive.cli import COMMANDS

from .bad_files import GOOD


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_and_every_option(run, name):
    result = run(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: knowarchive {name} [OPTIONS]")
    described = [line for line in result.out.split("Options:\n")[1].splitlines() if line.strip().startswith("-")]
    assert all("  " in line.strip() or len(line.strip()) > 20 for line in described), described
    assert {"--config", "--debug", "--help"} <= {word for word in result.out.split() if word.startswith("--")}
    assert max(map(len, result.out.splitlines())) <= 125
    assert run(name, "-h").out == result.out


def test_the_overview_has_every_command_with_a_line_that_fits(run):
    result = run("--help")
    lines = result.out.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert max(map(len, result.out.splitlines())) <= 80


def test_without_a_command_the_overview_is_an_error(run):
    result = run()
    assert (result.code, result.out) == (2, "")
    assert result.err == run("--help").out


def test_the_version_is_the_packages(run):
    assert run("--version").out == f"knowarchive, version {__version__}\n"


WRONG = {
    ("sesions",): "no command named 'sesions'; did you mean sessions?",
    ("IMPORT",): "no command named 'IMPORT'; did you mean import?",
    ("qqq",): "no command named 'qqq'; see: knowarchive --help",
    ("\x1b[31m\n",): "no command named '\\x1b[31m\\n'; see: knowarchive --help",
    ("--jsn",): "No such option '--jsn'",
    ("sessions", "--jsno"): "No such option '--jsno'. Did you mean '--json'?",
    ("sessions", "lanternkm", "more"): "Got unexpected extra argument (more); see: knowarchive sessions --help",
    ("sessions", "critlib"): "no chat named 'critlib'; knowarchive.toml has: lanternkm",
    ("import",): "Missing argument 'FILE...'; see: knowarchive import --help",
    ("transcript",): "Missing argument 'CHAT'; see: knowarchive transcript --help",
    ("transcript", "lanternkm"): "Missing argument 'DATE'; see: knowarchive transcript --help",
    ("completion", "csh"): "Invalid value for '{bash|zsh|fish}': 'csh' is not one of",
    ("--config",): "Option '--config' requires an argument",
    ("maintain", "--keep", "soon"): '--keep: "soon" is not a duration; write "15m", "1h" or "1d"',
    ("maintain", "--keep", "0d"): "--keep 0d is less than 1h, and would delete what others are writing or reading",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_use_is_one_line_with_a_hint(run, arguments):
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.line.startswith(f"knowarchive: {WRONG[arguments]}")


NEED_CONFIGURATION = [
    ["import", "."],
    ["sessions"],
    ["transcript", "a", "2023-01-01"],
    ["sql", "SELECT 1"],
    ["replay"],
    ["maintain"],
    ["doctor"],
]


@pytest.mark.parametrize("arguments", NEED_CONFIGURATION)
def test_without_a_configuration_a_command_says_how_to_write_one(run, home, arguments):
    (home / "knowarchive.toml").unlink()
    result = run(*arguments)
    assert (result.code, result.out) == (3, "")
    assert result.line == (
        "knowarchive: knowarchive.toml: no such file; write one with: knowarchive init, or name one with --config"
    )
    assert not list(home.iterdir())


def test_the_configuration_comes_from_option_or_environment_before_or_after_the_command(run, demo, monkeypatch):
    other = demo / "other.toml"
    (demo / "knowarchive.toml").rename(other)
    expected = run("--config", other, "sessions", "--json").json
    assert len(expected) == 3
    assert run("sessions", "--json", "--config", other).json == expected
    monkeypatch.setenv("KNOWARCHIVE_CONFIG", str(other))
    assert run("sessions", "--json").json == expected
    assert run("--config", "none.toml", "sessions").code == 3
    assert run("--config", "", "sessions").code == 3


def test_a_wrong_configuration_is_one_line_and_exit_code_3(run, home):
    (home / "knowarchive.toml").write_text("[archive]\nurl = 'a'\nurls = '\x7f'\n")
    result = run("sessions")
    assert result.code == 3
    (home / "knowarchive.toml").write_text('[archive]\nurl = "a"\n"\\u001b[31m\\n" = 1\n')
    result = run("sessions")
    assert result.code == 3
    assert result.line.startswith("knowarchive: knowarchive.toml: unknown key `\N{REPLACEMENT CHARACTER}[31m")


@pytest.mark.parametrize("arguments", [["--debug", "sessions", "nobody"], ["sessions", "nobody", "--debug"]])
def test_debug_shows_the_traceback_before_the_line(run, arguments):
    result = run(*arguments)
    assert result.code == 2
    assert result.err.startswith("Traceback (most recent call last):")
    assert result.err.splitlines()[-1].startswith("knowarchive: no chat named 'nobody'")
    assert "Traceback" not in run("sessions", "nobody").err


def test_what_nobody_expected_is_one_line_too(run, monkeypatch):
    import pipelines.sessions

    def fail(*_arguments):
        raise ZeroDivisionError("first\nsecond \x1b[31m")

    monkeypatch.setattr(pipelines.sessions, "list_sessions", fail)
    result = run("sessions")
    assert result.code == 1
    assert result.line == (
        "knowarchive: unexpected ZeroDivisionError: first second \N{REPLACEMENT CHARACTER}[31m; "
        "show the details with --debug"
    )
    assert "ZeroDivisionError: first\n" in run("--debug", "sessions").err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError(), 1, "out of memory; close other programs and try again"),
        (OSError(28, "No space left on device", "/a/b"), 1, "/a/b: No space left on device"),
        (KeyboardInterrupt(), 130, "stopped; what was not finished is done again by the next run"),
    ],
)
def test_what_the_machine_does_is_one_line_too(run, monkeypatch, error, code, said):
    import pipelines.sessions

    def fail(*_arguments):
        raise error

    monkeypatch.setattr(pipelines.sessions, "list_sessions", fail)
    result = run("sessions")
    assert (result.code, result.line) == (code, f"knowarchive: {said}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_an_import_is_one_line_and_leaves_nothing(run, home, start, number, code):
    process = start("import", "-", stdin=subprocess.PIPE)
    process.stdin.write(GOOD)
    process.stdin.flush()
    scratch = home / "state" / "scratch"
    for _ in range(200):  # until it reads
        if scratch.exists() and list(scratch.iterdir()):
            break
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (code, b"")
    assert err == b"knowarchive: stopped; what was not finished is done again by the next run\n"
    assert not list(scratch.iterdir())
    assert run("sql", "--json", "SELECT count(*) AS n FROM posts").json == [{"n": 0}]


def test_a_reader_that_has_seen_enough_is_no_error(demo, start):
    """As in `| head -1`: the pipe is closed before everything is written."""
    ours, theirs = os.pipe()
    process = start("sql", "SELECT repeat('x', 100000) FROM range(100)", stdout=theirs)
    os.close(theirs)
    os.close(ours)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")


def test_nobody_listening_to_messages_does_not_stop_an_import(run, home, start):
    (home / "a").write_bytes(b"junk")
    (home / "b").write_bytes(GOOD)
    ours, theirs = os.pipe()
    os.close(ours)
    process = start("import", "a", "b", stderr=theirs)
    os.close(theirs)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 4
    assert out == b"3 posts seen in 1 file: 3 new, 0 changed, 0 quarantined. 1 could not be read.\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110 - a path of the system
def test_output_onto_a_full_disk_is_one_line(demo, start):
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a path of the system
        process = start("sessions", stdout=full)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (1, b"knowarchive: No space left on device\n")


def test_closed_output_is_no_traceback(demo, start):
    command = f"exec {sys.executable} -m knowarchive sessions >&- 2>&-"
    assert subprocess.run(["bash", "-c", command], cwd=demo, env={**os.environ}, check=False).returncode == 0


def test_a_terminal_of_another_encoding_shows_what_it_can(demo, start):
    process = start("transcript", "lanternkm", "2023-03-08", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")
    assert "–" in out.decode("utf-8")


def test_pipes_get_no_colours_even_where_they_are_forced(demo, start):
    process = start("doctor", env={"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TERM": "xterm-256color"})
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")
    assert b"\x1b" not in out


def test_json_stays_json_whatever_is_said_beside_it(run, home):
    (home / "a").write_bytes(GOOD + b"junk\n")
    (home / "b").write_bytes(b"?")
    result = run("import", "--json", "a", "b")
    assert result.code == 4
    assert [source["status"] for source in result.json["sources"]] == ["incomplete", "failed"]
    assert result.json["sources"][1]["gaps"][0].startswith("b: begins with '?'")
    for arguments in (["sessions", "--json"], ["doctor", "--json"], ["maintain", "--json"], ["replay", "--json"]):
        json.loads(run(*arguments).out)


def test_replay_says_what_it_did(run, own_demo):
    result = run("replay")
    assert result.code == 0
    assert result.out.startswith("635 posts seen in 6 payloads: 0 new, 0 changed, 0 quarantined.")
    before = run("sql", "--json", "SELECT * EXCLUDE (collected_at, payload_id) FROM posts ORDER BY uid").out
    assert re.fullmatch(r"\d+ data files are now \d+; 0 old ones were deleted.\n", run("maintain").out)
    assert run("sql", "--json", "SELECT * EXCLUDE (collected_at, payload_id) FROM posts ORDER BY uid").out == before


def test_doctor_on_a_fresh_configuration_is_healthy_and_makes_nothing(run, home):
    result = run("doctor", "--json")
    assert result.code == 0
    assert {check["status"] for check in result.json} == {"ok"}
    assert [path.name for path in home.iterdir()] == ["knowarchive.toml"]
