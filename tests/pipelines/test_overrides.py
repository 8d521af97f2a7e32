import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from knowarchive.errors import ConfigError
from pipelines.overrides import list_unused, load_corrections, save_corrections

ROOT = Path(__file__).parents[2]
DAY = "2026-03-04"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "birds.overrides.toml"


def test_what_is_written_is_read(path):
    save_corrections(
        path, "birdlore", DAY, [("x:1", "Q2"), ("x:2", "chatter"), ("mastodon:https://a.example/1", "none")]
    )
    corrections, notes = load_corrections(path, "birdlore", DAY)
    assert corrections.topics == {"x:1": "Q2", "mastodon:https://a.example/1": "none"}
    assert (corrections.roles, notes) == ({"x:2": "chatter"}, ())
    assert load_corrections(path, "birdlore", "2026-03-11")[0].topics == {}


def test_without_a_file_there_are_no_corrections(path):
    assert load_corrections(path, "birdlore", DAY) == load_corrections(None, "birdlore", DAY)


def test_comments_order_and_other_sessions_stay_as_they_are(path):
    path.write_text(
        f'# mine\n[birdlore."{DAY}".topics]\n"x:9" = "Q1" # a slip\n"x:1" = "Q3"\n\n'
        '[birdlore."2026-03-11".topics]\n"x:5" = "none"\n\n[[fishlore."2026-03-01".question]]\nlabel = "Q1"\nuid = "x:7"\n'
    )
    save_corrections(path, "birdlore", DAY, [("x:1", "Q2"), ("x:3", "intro")])
    text = path.read_text()
    assert text.startswith(f'# mine\n[birdlore."{DAY}".topics]\n"x:9" = "Q1" # a slip\n"x:1" = "Q2"\n"x:3" = "intro"\n')
    assert load_corrections(path, "birdlore", "2026-03-11")[0].topics == {"x:5": "none"}
    assert load_corrections(path, "fishlore", "2026-03-01")[0].questions[0].uid == "x:7"


def test_what_is_taken_back_is_gone(path):
    save_corrections(path, "birdlore", DAY, [("x:1", "Q2"), ("x:1", "chatter"), ("x:2", "Q1")])
    save_corrections(path, "birdlore", DAY, [("x:1", None)])
    corrections, _ = load_corrections(path, "birdlore", DAY)
    assert (corrections.topics, corrections.roles) == ({"x:2": "Q1"}, {})


def test_a_hostile_uid_is_a_key_like_any_other(path):
    hostile = 'x:1"]\n[[birdlore]]\nevil = "\u202e'
    save_corrections(path, "birdlore", DAY, [(hostile, "Q1")])
    assert load_corrections(path, "birdlore", DAY)[0].topics == {hostile: "Q1"}


def test_of_two_lines_that_contradict_each_other_the_first_counts(path):
    path.write_text(f'[birdlore."{DAY}".topics]\n"x:1" = "Q1"\n"x:1" = "Q2"\n"x:2" = "q2"\n')
    corrections, notes = load_corrections(path, "birdlore", DAY)
    assert corrections.topics == {"x:1": "Q1", "x:2": "Q2"}
    assert notes == ("birds.overrides.toml: line 3 ignored, since it contradicts an earlier one",)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("birdlore = 3", "birdlore ignored, since it is no table"),
        (f'[birdlore]\n"{DAY}" = []', f"{DAY} ignored, since it is no table"),
        (f'[birdlore."{DAY}".topics]\n"x:1" = 2', "topics of x:1 ignored, since its value is not in quotes"),
        (f'[birdlore."{DAY}".topic]\n"x:1" = "Q2"', f"unknown key 'topic' of {DAY} ignored"),
        (f'[[birdlore."{DAY}".question]]\nlabel = 1', f"a question of {DAY} ignored, since it needs label and uid"),
    ],
)
def test_what_is_no_correction_is_ignored_with_one_line(path, text, note):
    path.write_text(text)
    corrections, notes = load_corrections(path, "birdlore", DAY)
    assert (corrections.topics, corrections.questions, len(notes)) == ({}, (), 1)
    assert note in notes[0]


def test_a_file_that_is_not_toml_is_a_configuration_error_and_is_not_overwritten(path):
    path.write_text("<<<<<<< ours\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_corrections(path, "birdlore", DAY)
    with pytest.raises(ConfigError, match="not valid TOML"):
        save_corrections(path, "birdlore", DAY, [("x:1", "Q1")])
    assert path.read_text() == "<<<<<<< ours\n"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_corrections(path, "birdlore", DAY)


def test_two_processes_at_once_do_not_lose_each_others_corrections(path):
    program = (
        "import sys; from pathlib import Path; from pipelines.overrides import save_corrections\n"
        "for number in range(15):\n"
        f"    save_corrections(Path(sys.argv[1]), 'birdlore', '{DAY}', [(f'x:{{sys.argv[2]}}{{number}}', 'Q1')])\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), name], cwd=ROOT) for name in ("1", "2")]
    assert [process.wait(60) for process in running] == [0, 0]
    assert len(load_corrections(path, "birdlore", DAY)[0].topics) == 30
    assert tomllib.loads(path.read_text())
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_what_no_build_will_ever_use_is_said_in_a_line_each(path):
    path.write_text(
        f'[birdlore."{DAY}".topics]\n"x:9" = "Q1"\n[birdlore."2026-03-05".topics]\n"x:9" = "Q1"\n'
        '[fishlore."2026-03-04".topics]\n"x:9" = "Q1"\n'
    )
    assert list_unused(path, {"birdlore"}, lambda _, label: label == DAY) == (
        (
            "birds.overrides.toml: '2026-03-05' of birdlore is not used, since it has no such session; "
            "list them with: knowarchive sessions birdlore"
        ),
        "birds.overrides.toml: 'fishlore' is not used, since no chat has that name",
    )
    assert list_unused(path.with_name("absent.toml"), set(), lambda *_: False) == list_unused(None, set(), bool) == ()


def test_only_a_line_feed_ends_a_line(path):
    path.write_text(
        f'# mine\u2028all = mine\n[birdlore."{DAY}".topics]\n"x:1" = "Q1"\n"x:1" = "Q2"\n', encoding="utf-8"
    )
    corrections, notes = load_corrections(path, "birdlore", DAY)
    assert corrections.topics == {"x:1": "Q1"}
    assert notes == ("birds.overrides.toml: line 4 ignored, since it contradicts an earlier one",)
