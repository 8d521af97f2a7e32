"""`knowarchive sessions` and `knowarchive transcript`: what there is, and one session of it as a document."""

import json

import pytest

SESSIONS = ["2023-03-01", "2023-03-08", "2023-03-15"]


def test_sessions_are_listed_in_the_contracts_shape(run, demo):
    rows = run("sessions", "--json").json
    assert [row["date"] for row in rows] == SESSIONS
    assert [list(row) for row in rows] == [
        ["chat", "date", "start", "end", "posts", "people", "questions", "coverage"]
    ] * 3
    assert rows[0]["start"] == "2023-03-02T02:00:00Z"
    assert run("sessions", "lanternkm", "--json").json == rows


def test_sessions_say_of_each_source_what_was_collected(run, demo):
    rows = run("sessions", "--sources", "--json").json
    names = [source["source"] for source in rows[0]["sources"]]
    assert [name.rpartition("/")[2] for name in names] == ["2023-03-01-search.csv", "2023-03-01-search.jsonl.gz"]
    assert {
        "asked",
        "answered",
        "pages",
        "seen",
        "new",
        "changed",
        "quarantined",
        "waited",
        "gaps",
        "notes",
        "cost",
    } < set(rows[0]["sources"][0])
    lines = run("sessions", "--sources").out.splitlines()
    assert lines[0].startswith("Chat       Session     Source")
    assert len(lines) == 2 + sum(len(row["sources"]) for row in rows)
    assert "01:46–03:16" in lines[2]


def test_sessions_are_a_table_for_people(run, demo):
    lines = run("sessions").out.splitlines()
    assert lines[0].split() == ["Chat", "Session", "Start", "(UTC)", "Posts", "People", "Questions", "Coverage"]
    assert lines[2].startswith("lanternkm  2023-03-01  2023-03-02 02:00")
    assert len({line.index("2023-03-") for line in lines[2:]}) == 1


def test_before_anything_is_imported_there_are_no_sessions_and_no_folders(run, home):
    result = run("sessions")
    assert (result.code, result.out) == (0, "")
    assert result.line == "No sessions yet; import a file with: knowarchive import FILE"
    assert run("sessions", "--json").json == []
    assert run("transcript", "lanternkm", "2023-03-08").code == 2
    assert [path.name for path in home.iterdir()] == ["knowarchive.toml"]


def test_an_archive_without_posts_of_the_chat_says_where_to_look(run, demo):
    config = demo / "knowarchive.toml"
    config.write_text(config.read_text().replace('hashtags = ["lanternkm"]', 'hashtags = ["lantern"]'))
    assert run("sessions").line == (
        "No posts of these chats in the archive; check hashtags and schedule in knowarchive.toml"
    )
    config.write_text('[archive]\nurl = "archive"\n')
    assert run("sessions").line == "No chats yet; add a [[chat]] to knowarchive.toml"


WRONG = {
    ("critlib", "2023-03-08"): "no chat named 'critlib'; knowarchive.toml has: lanternkm",
    ("lanternkm", "2023-03-09"): "lanternkm has no session '2023-03-09'; list them with: knowarchive sessions lanternkm",
    ("lanternkm", "2023-03-08@0900"): "lanternkm has no session '2023-03-08@0900'; list them with",
    ("lanternkm", "2023-03-22"): "lanternkm 2023-03-22: no posts in the archive between 2023-03-23 00:45 and 02:30 UTC; ",
    ("lanternkm", "8 March"): '"8 March" is not the name of a session; write its date, as in 2015-05-19',
    ("lanternkm", "2023-02-30"): '"2023-02-30" is not the name of a session; write its date',
    ("lanternkm", "9999-12-31"): "lanternkm has no session '9999-12-31'",
    ("lanternkm", "../../x"): '"../../x" is not the name of a session',
    ("lanternkm", "2023-03-08", "--format", "doc"): "no transcript format 'doc'; there are: html, md, txt, json, epub, pdf",
    ("lanternkm", "2023-03-08", "--output", "a.doc"): "a.doc: its ending is no transcript format; choose one with "
    "--format: html, md, txt, json, epub, pdf",
    ("lanternkm", "2023-03-08", "--output", "a"): "a: its ending is no transcript format",
}  # fmt: skip


@pytest.mark.parametrize("arguments", WRONG)
def test_what_does_not_exist_is_wrong_use_and_says_what_does(run, demo, arguments):
    result = run("transcript", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.line.startswith(f"knowarchive: {WRONG[arguments]}")


@pytest.mark.parametrize(
    ("name", "start"),
    {"a.html": "<!doctype html>", "a.HTM": "<!doctype html>", "a.md": "# ", "a.markdown": "# ", "a.txt": "#lanternkm", "a.json": "{"}.items(),
)  # fmt: skip
def test_the_ending_of_the_file_chooses_the_format(run, demo, name, start):
    result = run("transcript", "lanternkm", "2023-03-08", "--output", name)
    assert (result.code, result.out, result.line) == (0, "", f"Wrote {name}")
    assert (demo / name).read_text().lower().startswith(start)


def test_the_option_is_stronger_than_the_ending(run, demo):
    run("transcript", "lanternkm", "2023-03-08", "--output", "a.txt", "--format", "json")
    document = json.loads((demo / "a.txt").read_text())
    assert document["schema"] == "knowarchive.transcript/1"
    assert run("transcript", "lanternkm", "2023-03-08", "--format", "JSON").json == document


def test_standard_output_gets_text_unless_told_otherwise(run, demo):
    text = run("transcript", "lanternkm", "2023-03-08").out
    assert text.startswith("#lanternkm\n")
    assert run("transcript", "lanternkm", "2023-03-08@2100", "--output", "-").out == text
    assert not text.endswith("\n\n")


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(run, demo):
    (demo / "a.md").write_text("mine")
    result = run("transcript", "lanternkm", "2023-03-08", "--output", "a.md")
    assert (result.code, result.line) == (
        1,
        "knowarchive: a.md: exists already; name another, or replace it with --overwrite",
    )
    assert (demo / "a.md").read_text() == "mine"
    (demo / "link.md").symlink_to("a.md")
    assert run("transcript", "lanternkm", "2023-03-08", "--output", "link.md", "--overwrite").code == 0
    assert (demo / "link.md").is_symlink()
    assert (demo / "a.md").read_text() != "mine"
    assert not list(demo.glob(".*"))


def test_a_place_where_no_file_can_be_is_said_first(run, demo):
    result = run("transcript", "lanternkm", "2023-03-08", "--output", "none/a.md")
    assert (result.code, result.line) == (1, "knowarchive: none/a.md: there is no folder none; make it first")
    (demo / "folder.md").mkdir()
    result = run("transcript", "lanternkm", "2023-03-08", "--output", "folder.md", "--overwrite")
    assert (result.code, result.line) == (1, "knowarchive: folder.md: is a folder; name a file in it")
    assert not list((demo / "folder.md").iterdir())


def test_a_device_is_written_into_and_not_replaced(run, demo, start):
    process = start("transcript", "lanternkm", "2023-03-08", "--output", "/dev/stdout", "--format", "md", "--overwrite")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"Wrote /dev/stdout\n")
    assert out.startswith(b"# ")
