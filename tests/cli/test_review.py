"""`knowarchive review` on the demo, whose people are invented."""

import os
import pty
import re
import select
import subprocess
import sys
import time
import tomllib

import pytest

DATE = "2023-03-15"
BOTH = "x:1636174674808187487"  # answers two questions at once


@pytest.fixture
def archive(demo):
    return demo


def overrides(folder):
    return tomllib.loads((folder / "knowarchive.overrides.toml").read_text())


def test_the_posts_worth_asking_about_are_listed(archive, run):
    rows = run("review", "lanternkm", DATE, "--json", "--limit", "5").json
    assert len(rows) == 5
    assert all(set(row) == {"uid", "text", "topic", "confidence", "alternatives"} for row in rows)
    assert len({row["uid"] for row in rows}) == 5
    table = run("review", "lanternkm", DATE, "--limit", "2").out
    assert rows[0]["uid"] in table
    assert not (archive / "knowarchive.overrides.toml").exists()


def test_a_correction_is_kept_and_every_later_build_obeys_it(archive, run):
    result = run("review", "lanternkm", DATE, "--set", f"{BOTH}=q2", "--set", f"{BOTH[:-1]}8=Q1")
    assert (result.code, "has no post" in result.line) == (2, True)
    result = run("review", "lanternkm", DATE, "--set", f"{BOTH}=q2")
    assert result.out.startswith(f"{BOTH} is Q2; ")
    assert overrides(archive) == {"lanternkm": {DATE: {"topics": {BOTH: "Q2"}}}}
    posts = run("transcript", "lanternkm", DATE, "--format", "json").json["posts"]
    filed = next(post for post in posts if post["uid"] == BOTH)
    assert (filed["topic"], filed["confidence"], filed["reason"]) == ("Q2", 1.0, "review")
    assert BOTH not in {row["uid"] for row in run("review", "lanternkm", DATE, "--json").json}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x:1=Q1", "lanternkm 2023-03-15 has no post 'x:1'"),
        (f"{BOTH}=Q9", "no topic 'Q9'; there are: intro, Q1, Q2, Q3, Q4, Q5, wrapup, none; or a role: question,"),
        (BOTH, "is not UID=TOPIC"),
        ("=Q1", "is not UID=TOPIC"),
        (f"{BOTH}=", "is not UID=TOPIC"),
    ],
)
def test_what_cannot_be_set_is_a_usage_error(archive, run, given, said):
    result = run("review", "lanternkm", DATE, "--set", given)
    assert result.code == 2
    assert said in result.line
    assert not (archive / "knowarchive.overrides.toml").exists()


def test_a_post_cannot_be_two_things_at_once(archive, run):
    result = run("review", "lanternkm", DATE, "--set", f"{BOTH}=Q1", "--set", f"{BOTH}=Q2")
    assert (result.code, "twice" in result.line) == (2, True)


def test_what_is_ignored_is_said_in_one_line(archive, run):
    (archive / "knowarchive.overrides.toml").write_text(f'[lanternkm."{DATE}".topics]\n"x:9" = "Q1"\n')
    for command in (("review", "lanternkm", DATE, "--json"), ("transcript", "lanternkm", DATE)):
        result = run(*command)
        assert result.code == 0
        assert result.line == "topic of x:9: ignored, since this session has no such post"


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, folder, *arguments):
        self.screen, theirs = pty.openpty()
        command = [sys.executable, "-m", "knowarchive", *arguments]
        self.process = subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.shown = ""

    def wait_for(self, text, seconds=40):
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self.screen], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self.screen, 65536).decode()
                except OSError:  # it has ended
                    break
        assert text in self.shown, self.shown
        before, _, self.shown = self.shown.partition(text)
        return re.sub(r"\x1b\[[0-9;]*m", "", before)

    def press(self, key):
        time.sleep(0.3)  # a person is slower
        os.write(self.screen, key.encode())


def test_a_moderator_answers_with_single_keys(archive):
    terminal = Terminal(archive, "review", "lanternkm", DATE, "--limit", "3")
    shown = terminal.wait_for("q quit")
    assert "Q5  Last one" in shown
    assert "1 of at most 3" in shown
    terminal.press("w")
    terminal.wait_for("wrapup")
    terminal.wait_for("q quit")
    assert len(overrides(archive)["lanternkm"][DATE]["topics"]) == 1
    terminal.press("u")
    assert "taken back" in terminal.wait_for("q quit")
    assert not overrides(archive)["lanternkm"][DATE]["topics"]
    terminal.press("c")
    terminal.wait_for("chatter")
    terminal.press("\r")
    terminal.wait_for("q quit")
    terminal.press("s")
    terminal.wait_for("skipped")
    terminal.wait_for("q quit")
    terminal.press("q")
    terminal.wait_for("1 correction kept in")
    assert terminal.process.wait(20) == 0
    os.close(terminal.screen)
    session = overrides(archive)["lanternkm"][DATE]
    assert (len(session["topics"]), list(session["roles"].values())) == (1, ["chatter"])


def test_keys_typed_ahead_are_all_obeyed_and_arrows_are_none(archive):
    terminal = Terminal(archive, "review", "lanternkm", DATE, "--limit", "5")
    terminal.wait_for("q quit")
    terminal.press("\x1b[A\x1bOB" + "wni" + "q")
    terminal.wait_for("3 corrections kept in")
    assert terminal.process.wait(20) == 0
    os.close(terminal.screen)
    session = overrides(archive)["lanternkm"][DATE]
    assert sorted(session["topics"].values()) == ["intro", "none", "wrapup"]
    assert "roles" not in session


def test_corrections_of_a_session_that_there_is_not_are_said(archive, run):
    given = f'[lanternkm."{DATE}".topics]\n"{BOTH}" = "Q2"\n'
    for other in ("2023-03-16", f"{DATE}@2100", "soon"):
        given += f'[lanternkm."{other}".topics]\n"{BOTH}" = "Q1"\n'
    (archive / "knowarchive.overrides.toml").write_text(given)
    said = run("review", "lanternkm", DATE, "--json").err.splitlines()
    assert len(said) == 3
    assert all("has no such session; list them with: knowarchive sessions lanternkm" in line for line in said)


def test_what_is_undone_leaves_what_was_said_of_the_post_before(archive):
    terminal = Terminal(archive, "review", "lanternkm", DATE, "--limit", "3")
    terminal.wait_for("q quit")
    terminal.press("c")
    terminal.wait_for("chatter")
    terminal.press("n")
    terminal.wait_for("q quit")
    terminal.press("u")
    assert "taken back" in terminal.wait_for("q quit")
    terminal.press("q")
    terminal.wait_for("1 correction kept in")
    assert terminal.process.wait(20) == 0
    os.close(terminal.screen)
    session = overrides(archive)["lanternkm"][DATE]
    assert (list(session["roles"].values()), session["topics"]) == (["chatter"], {})
