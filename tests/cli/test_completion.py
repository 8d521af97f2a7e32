"""The shell completes commands, options, chats and dates."""

import subprocess

import pytest


@pytest.fixture
def complete(run, monkeypatch):
    def complete(*words):
        with monkeypatch.context() as patch:
            patch.setenv("_KNOWARCHIVE_COMPLETE", "bash_complete")
            patch.setenv("COMP_WORDS", " ".join(["knowarchive", *words]))
            patch.setenv("COMP_CWORD", str(len(words)))
            result = run()
        assert result.code == 0
        return [line.split(",", 1)[1] for line in result.out.split()]  # for nothing, click says an empty line

    return complete


def test_commands_and_options_are_completed(complete):
    assert complete("ses") == ["sessions"]
    assert {"import", "transcript", "sql"} <= set(complete(""))
    assert complete("sessions", "--j") == ["--json"]
    assert complete("--conf") == ["--config"]
    assert complete("completion", "") == ["bash", "zsh", "fish"]


def test_chats_and_dates_are_completed_newest_first(complete, demo):
    assert complete("transcript", "l") == ["lanternkm"]
    assert complete("sessions", "") == ["lanternkm"]
    assert complete("transcript", "lanternkm", "") == ["2023-03-15", "2023-03-08", "2023-03-01"]
    assert complete("transcript", "lanternkm", "2023-03-0") == ["2023-03-08", "2023-03-01"]
    assert complete("import", "--chat", "l") == ["lanternkm"]


def test_without_an_archive_or_a_configuration_nothing_is_offered_and_nothing_said(complete, home):
    assert complete("transcript", "lanternkm", "") == []
    assert complete("transcript", "other", "") == []
    (home / "knowarchive.toml").write_text("nonsense")
    assert complete("transcript", "") == []
    assert complete("transcript", "lanternkm", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_name_the_command(run, shell):
    result = run("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert "_KNOWARCHIVE_COMPLETE" in result.out


def test_bash_accepts_its_script(run):
    script = run("completion", "bash").out
    subprocess.run(["bash", "-n"], input=script.encode(), check=True)
