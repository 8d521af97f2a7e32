"""`knowarchive init` writes a configuration that works, and never over another."""

import tomllib

import pytest

from knowarchive.config import load_config


@pytest.fixture
def empty(home):
    (home / "knowarchive.toml").unlink()
    return home


def test_what_it_writes_is_read_and_every_key_is_explained(run, empty):
    result = run("init")
    assert (result.code, result.err) == (0, "")
    assert result.out == "Wrote knowarchive.toml. Edit it, then import a file with: knowarchive import FILE\n"
    config = load_config(empty / "knowarchive.toml")
    assert [(chat.name, chat.title, chat.hashtags) for chat in config.chat] == [("mychat", "#mychat", ("mychat",))]
    assert run("doctor").code == 0
    text = (empty / "knowarchive.toml").read_text()
    assert max(map(len, text.splitlines())) <= 120


def test_what_is_commented_out_is_valid_too(run, empty):
    run("init")
    lines = (empty / "knowarchive.toml").read_text().splitlines()
    start = lines.index("# schedule = [")
    schedule = "\n".join(line.removeprefix("# ") for line in lines[start : lines.index("# ]") + 1])
    rules = tomllib.loads(schedule)["schedule"]
    others = [line for line in lines if not line.startswith("schedule =")]
    at = others.index("# schedule = [")
    (empty / "knowarchive.toml").write_text("\n".join([*others[:at], *schedule.splitlines(), *others[at + 4 :]]))
    assert len(load_config(empty / "knowarchive.toml").chat[0].rules) == len(rules) == 2


def test_options_fill_it_in(run, empty):
    options = [
        "--name",
        "critlib",
        "--title",
        'Critical "lib" \\ \x1b',
        "--hashtag",
        "#critlib",
        "--timezone",
        "Europe/London",
    ]
    assert run("init", *options[:2], *options[4:]).code == 0
    (chat,) = load_config(empty / "knowarchive.toml").chat
    assert (chat.name, chat.title, chat.hashtags, chat.timezone) == (
        "critlib",
        "#critlib",
        ("critlib",),
        "Europe/London",
    )
    assert run("init", "--overwrite", "--title", 'Critical "lib" \\').code == 0
    assert load_config(empty / "knowarchive.toml").chat[0].title == 'Critical "lib" \\'


@pytest.mark.parametrize(
    "options",
    [["--name", "../../x"], ["--hashtag", "a b"], ["--timezone", "Mars"], ["--title", "a\nb"], ["--title", "\x1b[31m"]],
)
def test_what_could_not_be_read_back_is_not_written(run, empty, options):
    result = run("init", *options)
    assert (result.code, result.out) == (2, "")
    assert result.line.startswith('knowarchive: chat "')
    assert not list(empty.iterdir())


def test_a_configuration_that_is_there_stays(run, home):
    before = (home / "knowarchive.toml").read_text()
    result = run("init")
    assert (result.code, result.line) == (
        3,
        "knowarchive: knowarchive.toml: exists already; edit it, or replace it with --overwrite",
    )
    assert (home / "knowarchive.toml").read_text() == before
    assert run("init", "--overwrite").code == 0
    assert (home / "knowarchive.toml").read_text() != before
    assert [path.name for path in home.iterdir()] == ["knowarchive.toml"]


def test_it_writes_where_it_is_told(run, empty, monkeypatch):
    assert run("--config", "a.toml", "init").code == 0
    assert run("init", "--config", "b.toml").out.startswith("Wrote b.toml. ")
    monkeypatch.setenv("KNOWARCHIVE_CONFIG", str(empty / "c.toml"))
    assert run("init").code == 0
    assert sorted(path.name for path in empty.iterdir()) == ["a.toml", "b.toml", "c.toml"]


def test_a_place_where_no_file_can_be_is_one_line(run, empty):
    result = run("--config", "none/a.toml", "init")
    assert (result.code, result.line) == (3, "knowarchive: none/a.toml: there is no folder none; make it first")
    (empty / "folder").mkdir()
    result = run("--config", "folder", "init", "--overwrite")
    assert (result.code, result.line) == (3, "knowarchive: folder: is a folder; name a file in it with --config")
