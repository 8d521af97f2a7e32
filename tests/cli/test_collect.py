"""`knowarchive collect` as people run it, against three servers on loopback: one transcript, exit codes, bad input."""

import re
from datetime import timedelta
from functools import partial

import pytest

from pipelines import collecting
from tests.archives import texts_on_disk
from tests.connectors.loopback import DAILY, LATELY, PRIVATE, SECRETS, TAG, Chat, Faults, MachineClock
from tests.connectors.x.server import TOKEN

PLATFORMS = ("x", "bluesky", "mastodon")
HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}


class Down(Faults):
    def next(self):
        return "500"


@pytest.fixture
def chat():
    return Chat(LATELY, MachineClock)


@pytest.fixture
def servers(chat, socket_enabled):
    with chat.served() as servers:
        yield servers


@pytest.fixture
def secrets(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def configure(home, servers, more="", schedule=f'schedule = "{DAILY}"', platforms=PLATFORMS):
    sources = "".join(
        f'[[chat.source]]\nplatform = "{name}"\nserver = "{servers[name].address}"\n' for name in platforms
    )
    (home / "knowarchive.toml").write_text(
        f'[archive]\nurl = "archive"\nstate = "state"\n{more}\n'
        f'[[chat]]\nname = "lanternkm"\nhashtags = ["{TAG}"]\n{schedule}\n{sources}'
    )


@pytest.fixture
def collect(run, home, servers, chat, secrets, monkeypatch):
    """Configure and collect yesterday's session."""
    monkeypatch.setattr(collecting, "Surroundings", partial(collecting.Surroundings, sleep=lambda _: None))

    def collect(*arguments, **options):
        configure(home, servers, **options)
        return run("collect", "lanternkm", "--session", f"{chat.start:%Y-%m-%d}", *arguments)

    return collect


def test_one_chat_on_three_networks_is_one_transcript_with_nobody_missing(collect, run, chat, home):
    result = collect("--json")
    assert result.code == 0
    assert {(row["source"].partition(":")[0], row["status"]) for row in result.json["sources"]} == {
        (name, "done") for name in PLATFORMS
    }
    assert result.json["seen"] >= result.json["new"] >= len(chat.expected)
    transcript = run("transcript", "lanternkm", f"{chat.start:%Y-%m-%d}", "--format", "json").json
    assert chat.expected == {post["uid"] for post in transcript["posts"]}
    assert {post["topic"] for post in transcript["posts"] if post["text"].startswith("A1")} == {"Q1"}
    assert texts_on_disk(home, PRIVATE) == []
    assert texts_on_disk(home, TOKEN) == []
    assert texts_on_disk(home, next(post["text"] for post in transcript["posts"] if post["text"].startswith("A1")))
    (session,) = (home / "state").glob("bluesky-*.session")
    assert session.stat().st_mode & 0o777 == 0o600


def test_a_source_that_is_down_is_named_and_the_others_are_kept(collect, run, servers):
    servers["bluesky"].meet(Down(0))
    result = collect()
    assert result.code == 4
    assert "bluesky" in result.err.splitlines()[0]
    ledger = run("sql", "--json", "SELECT source, status, error FROM runs ORDER BY source").json
    assert [row["status"] for row in ledger] == ["failed", "done", "done"]
    assert "500" in ledger[0]["error"]


def test_when_nothing_could_be_had_it_has_failed(collect, servers):
    for server in servers.values():
        server.meet(Down(0))
    result = collect()
    assert result.code == 1
    assert result.err.count("\n") == 3


def test_without_more_than_a_budget_it_stops_and_the_next_run_goes_on(collect, run, servers):
    result = collect("--source", "x", more="[limits]\ndollars_a_month = 0.32")
    assert result.code == 4
    assert "stopped before the budget of $0.32 a month is exceeded" in result.err
    assert "raise limits.dollars_a_month" in result.err
    paid = run("sql", "--json", "SELECT sum(cost) AS dollars FROM runs").json[0]["dollars"]
    assert 0 < paid <= 0.32
    result = collect("--source", "x")
    assert result.code == 0


BAD = {
    "a web page": ((200, HTML, b"<html>Welcome to our hotel</html>"), "does not speak|is this"),
    "another host": ((302, {"Location": "https://elsewhere.example/"}, b""), "refused to follow the server to another host"),
    "giant": ((200, JSON, b"[" + b" " * (40 << 20)), "MB|MiB"),
    "wrong credentials": ((401, JSON, b'{"error": "AuthenticationRequired", "message": "x"}'), "renew|wrong|members"),
    "no permission": ((403, JSON, b'{"error": "Forbidden", "message": "x"}'), "permission|members"),
    "not found": ((404, JSON, b'{"error": "NotFound", "message": "x"}'), "404|check the server"),
    "no JSON": ((200, JSON, b"[[[["), "whole"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_server_that_is_none_is_one_line_and_nothing_is_lost(collect, servers, platform, what, home):
    servers[platform].instead, words = BAD[what]
    result = collect("--source", platform)
    assert result.code == 1
    assert re.search(words, result.line), result.line
    assert servers[platform].address.removeprefix("http://") in result.line
    assert TOKEN not in result.err


def test_missing_credentials_name_the_variable(collect, monkeypatch):
    monkeypatch.delenv("KNOWARCHIVE_X_BEARER")
    result = collect("--source", "x")
    assert result.code == 1
    assert "set KNOWARCHIVE_X_BEARER" in result.line


def test_a_window_past_the_horizon_is_a_gap(collect, run, home, servers, chat):
    servers["x"].network.has_archive = False
    configure(home, servers)
    result = run("collect", "--source", "x", "--session", f"{chat.start - timedelta(days=20):%Y-%m-%d}")
    assert result.code in {1, 4}
    assert "need full-archive search" in result.line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--session", "{tomorrow}"], "has not begun"),
        (["--session", "yesterday"], "is not"),
        (["--session", "2026-03-10", "--since", "2026-03-01"], "not both"),
        (["--since", "soon"], "'soon' is not a date"),
        (["--until", "0001-01-01"], "'0001-01-01' is not a date of any session"),
        (["--source", "myspace"], "myspace"),
        (["nobody"], "nobody"),
    ],
)
def test_what_cannot_be_asked_for_is_said(run, home, servers, chat, secrets, arguments, words):
    configure(home, servers)
    tomorrow = f"{chat.start + timedelta(days=2):%Y-%m-%d}"
    result = run("collect", *(word.format(tomorrow=tomorrow) for word in arguments))
    assert result.code == 2
    assert words in result.line
    assert not [server.log for server in servers.values() if server.log]


def test_a_chat_that_cannot_be_collected_says_why(run, home, servers, secrets):
    configure(home, servers, platforms=("x",))
    assert "lanternkm has no mastodon source" in run("collect", "--source", "mastodon").line
    configure(home, servers, schedule="")
    result = run("collect")
    assert result.code == 2
    assert "lanternkm has no schedule" in result.line


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("requests = 0", "limits.requests cannot be 0"),
        ("minutes = -1", "limits.minutes cannot be -1"),
        ("minutes = nan", "limits.minutes cannot be nan"),
        ("dollars_a_month = -5", "limits.dollars_a_month cannot be -5"),
        ("dolars_a_run = 5", "did you mean `dollars_a_run`?"),
        ('requests = "many"', "`requests` in [limits] must be a whole number"),
    ],
)
def test_bounds_that_are_none_are_errors_of_configuration(run, home, servers, limits, words):
    configure(home, servers, more=f"[limits]\n{limits}")
    result = run("collect")
    assert result.code == 3
    assert words in result.line
