import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archives import ROOT, at, open_archive, post, store
from transcripts.search.index import IndexWriter, read_state

HEAVY = {
    "pyarrow",
    "duckdb",
    "deltalake",
    "rich",
    "jinja2",
    "prefect",
    "numpy",
    "storage.archive",
    "transcripts.filing",
}


@pytest.fixture
def indexed(demo, run):
    """The demo, indexed."""
    result = run("index")
    assert result.code == 0
    assert "250 posts in the index" in result.out
    return demo


def test_the_index_is_built_by_the_first_search_and_read_by_the_next(demo, run):
    assert "wiki" in run("search", "wiki").out
    assert run("index", "--json").json == {"posts": 250, "changed": 0, "rebuilt": None}
    assert run("index", "--rebuild", "--json").json == {"posts": 250, "changed": 250, "rebuilt": "asked for"}


def test_the_json_is_the_contract_s(indexed, run):
    found = run("search", "wiki", "--json").json
    assert found["query"] == "wiki"
    assert found["total"] == 6
    assert len(found["hits"]) == 6
    hit = found["hits"][0]
    assert {"uid", "chat", "session", "topic", "url", "created_at", "author", "text", "highlight", "score"} <= set(hit)
    assert set(hit["author"]) == {"handle", "name"}
    assert hit["created_at"].endswith("Z")
    assert "<mark>wiki</mark>" in hit["highlight"]
    assert found["facets"]["chat"] == [["lanternkm", 6]]


def test_options_narrow_the_query(indexed, run):
    everything = run("search", "--json").json["total"]
    assert everything == 250
    one = run("search", "wiki", "--chat", "lanternkm", "--platform", "x", "--author", "@TobiasDemo", "--json").json
    assert 0 < one["total"] < 6
    assert all(hit["author"]["handle"] == "TobiasDemo" for hit in one["hits"])
    before = run("search", "--until", "2023-03-10", "--json").json["total"]
    after = run("search", "--since", "2023-03-10", "--json").json["total"]
    assert before + after == everything
    assert before
    assert after


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--chat", "nobody"], "no chat named 'nobody'"),
        (["--platform", "myspace"], "there are x, bluesky, mastodon"),
        (["--since", "tomorrow"], "is no date"),
    ],
)
def test_an_option_that_cannot_be_is_a_wrong_call(indexed, run, arguments, line):
    result = run("search", "wiki", *arguments)
    assert result.code == 2
    assert line in result.line


def test_a_page_is_pleasant_in_a_pipe_and_holds_no_control_characters(indexed, run):
    result = run("search", "wiki", "--limit", 2)
    assert result.code == 0
    assert "\x1b" not in result.out
    assert result.out.endswith("6 posts, page 1 of 3; more with --page 2\n")
    assert "page 3 of 3" in run("search", "wiki", "--limit", 2, "--page", 10**18).out


def test_what_was_read_otherwise_is_said(indexed, run):
    result = run("search", "wikki", "on:twiter")
    assert "Read as: wikki" in result.err
    assert "did you mean twitter?" in result.err
    assert "no post has 'wikki'; showing wiki" in result.err
    assert "@" in result.out


def test_the_conversation_is_shown_when_asked_for(indexed, run):
    assert "answered by" in run("search", "is:question", "--around").out
    hits = run("search", "is:question", "--around", "--json").json["hits"]
    assert any(hit["replies"] for hit in hits)


@pytest.mark.parametrize(
    "query",
    ['"', "(((", "-", "OR", "*", "'; DROP TABLE posts; --", "\x1b[31m", "from:", "x" * 100_000, "a" + "?" * 5000],
)
def test_nothing_that_is_typed_is_a_failure(indexed, run, query):
    result = run("search", "--", query)
    assert result.code == 0
    assert "\x1b" not in result.out + result.err


def test_hostile_posts_stay_text(home, run):
    hostile = "zebra <script>alert(1)</script> \x1b[31mred\x07 \u202eevil"
    store(
        open_archive(home), [post(1, text=hostile, created_at=at(), author_handle="a\x1b[2Jb", author_name="<b>x</b>")]
    )
    shown = run("search", "zebra")
    assert not set("\x1b\x07\u202e") & set(shown.out)
    raw = run("search", "zebra script", "--json")
    assert not set("\x1b\x07\x9b") & set(raw.out)
    assert "<script" not in raw.json["hits"][0]["highlight"]


def test_an_empty_archive_says_how_to_fill_it(home, run):
    result = run("search", "wiki")
    assert result.code == 0
    assert result.line == "No posts in the archive yet; import a file with: knowarchive import FILE"
    assert run("search", "wiki", "--json").json["total"] == 0


def test_a_damaged_index_is_built_anew(indexed, run):
    for file in (indexed / "state").rglob("*.term"):
        file.write_bytes(b"")
    assert run("search", "wiki", "--json").json["total"] == 6


def test_an_archive_that_cannot_be_read_is_searched_as_far_as_it_was_indexed(own_demo, run):
    assert run("search", "wiki", "--json").json["total"] == 6
    log = own_demo / "archive" / "posts" / "_delta_log"
    newest = max(log.glob("*.json"))
    (log / f"{int(newest.stem) + 2:020d}.json").write_bytes(newest.read_bytes())  # copied while it was written
    for file in log.glob("0*0.json"):
        file.unlink()
    result = run("search", "wiki")
    assert result.code == 0
    assert "was not brought up to date" in result.err
    assert "wiki" in result.out


@pytest.mark.parametrize("lost", ["*.parquet", "*.json"])
def test_half_an_archive_is_no_traceback(own_demo, run, lost):
    for file in sorted((own_demo / "archive" / "posts").rglob(lost))[::2]:
        file.unlink()
    result = run("search", "wiki")
    assert result.code in {0, 1}
    assert "unexpected" not in result.err


def test_searching_loads_nothing_of_the_archive_while_the_index_is_current(indexed):
    program = "import sys, runpy; sys.argv = ['knowarchive', 'search', 'wiki', '--json']\ntry: runpy.run_module('knowarchive', run_name='__main__')\nexcept SystemExit: pass\nprint('\\n' + ' '.join(sys.modules), file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["total"] == 6
    slow = {"dataclasses", "shutil"}  # each takes as long to load as some searches, and was once loaded for nothing
    assert (HEAVY | slow) & set(done.stderr.split()) == set()


def test_state_that_cannot_be_written_is_one_line(demo, run):
    Path("state").write_text("a file")
    result = run("search", "wiki")
    assert result.code == 1
    assert "set archive.state to a folder" in result.err


def test_while_another_process_indexes_what_is_there_is_searched(own_demo, run):
    assert run("search", "wiki", "--json").json["total"] == 6
    store(open_archive(own_demo), [post(1, text="another wiki", created_at=at())])
    folder = next((own_demo / "state" / "search").iterdir())
    with IndexWriter(folder, read_state(folder)):
        result = run("search", "wiki", "--json")
        assert result.json["total"] == 6
        assert result.line == "Note: the index is being written; what is newest may be missing"
        assert run("index").code == 1
    assert run("search", "wiki", "--json").json["total"] == 7
