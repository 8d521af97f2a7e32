"""`knowarchive refresh` as people run it, against three servers on loopback."""

from functools import partial

import pytest

from knowarchive.config import load_config
from pipelines import collecting
from pipelines.indexing import is_current
from tests.archives import texts_on_disk
from tests.cli.test_collect import Down, configure
from tests.connectors.loopback import DAILY, LATELY, SECRETS, TAG, Chat, MachineClock

GONE = "regrettable lighthouse remark"
OTHER = "what others may still read"


@pytest.fixture
def chat():
    chat = Chat(LATELY, MachineClock, more=0)
    chat.gone = chat.bluesky.say("fay", f"{GONE} #{TAG}", 20), chat.mastodon.post("fay", GONE, 20)
    chat.bluesky.say("gus", f"{OTHER} #{TAG}", 21)
    return chat


@pytest.fixture
def servers(chat, socket_enabled):
    with chat.served() as servers:
        yield servers


@pytest.fixture
def collected(run, home, servers, monkeypatch):
    """Yesterday's session, collected; then two posts of it are deleted."""
    monkeypatch.setattr(collecting, "Surroundings", partial(collecting.Surroundings, sleep=lambda _: None))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    configure(home, servers)
    assert run("collect").code == 0


def test_a_refresh_erases_what_was_deleted_and_says_so(run, home, chat, collected):
    assert texts_on_disk(home, GONE)
    assert run("search", "lighthouse", "--json").json["total"] == 2
    chat.bluesky.deleted.add(chat.gone[0])
    chat.mastodon.deleted.add(chat.gone[1])
    label = chat.start.date().isoformat()
    first = run("refresh", "lanternkm", "--session", label)
    assert first.code == 0
    assert first.line.endswith("1 not public, not stored")
    assert first.out.splitlines()[-1] == "2 posts were deleted by their authors, and are erased."
    assert texts_on_disk(home, GONE) == []
    assert texts_on_disk(home, OTHER)
    assert is_current(load_config(home / "knowarchive.toml")), "the index forgot them too"
    assert run("search", "lighthouse", "--json").json["total"] == 0
    again = run("refresh", "--json").json
    assert again["deleted"] == 0
    assert {source["status"] for source in again["sources"]} == {"done"}
    assert len(again["sources"]) == 6  # two sessions of the last week have posts
    shown = run("transcript", "lanternkm", label, "--format", "json").json
    assert sum(post["deleted"] for post in shown["posts"]) == 2


@pytest.mark.slow
def test_a_source_that_is_down_leaves_the_others_refreshed(run, chat, servers, collected):
    chat.bluesky.deleted.add(chat.gone[0])
    servers["mastodon"].faults = Down(0)
    result = run("refresh", "--json", "--session", chat.start.date().isoformat())
    assert result.code == 4
    assert [source["status"] for source in result.json["sources"]] == ["done", "done", "failed"]
    assert result.json["deleted"] == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nochat"], "no chat named 'nochat'"),
        (["lanternkm", "--session", "someday"], '"someday" is not the name of a session'),
        (["lanternkm", "--session", "2099-01-01"], "has not begun"),
    ],
)
def test_what_cannot_be_refreshed_is_said_in_one_line(run, home, arguments, line):
    (home / "knowarchive.toml").write_text(
        '[archive]\nurl = "archive"\nstate = "state"\n[[chat]]\nname = "lanternkm"\nhashtags = ["lanternkm"]\n'
        f'schedule = "{DAILY}"\n[[chat.source]]\nplatform = "bluesky"\n'
    )
    result = run("refresh", *arguments)
    assert result.code == 2
    assert line in result.line
