"""The demo's newest session: collected from three networks that are played, and one transcript."""

import json
import re
import subprocess
import sys

import pytest

from tests.demo.played import DEMO, SESSION, collect, configure, replay

PRIVATE = "Entre nous seulement"
TOKEN = "invented-token"


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms")
    configure(folder)
    result = collect(folder, "--json")
    return folder, json.loads(result.stdout), result.stderr


@pytest.fixture(scope="module")
def transcript(collected):
    folder, *_ = collected
    return json.loads(knowarchive(folder, "transcript", "lanternkm", SESSION, "--format", "json"))


def knowarchive(folder, *arguments):
    command = [sys.executable, "-m", "knowarchive", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def entry(transcript, words):
    (found,) = [post for post in transcript["posts"] if words in (post["text"] or "") and not post.get("copy_of")]
    return found


def held():
    """The uids of the public posts that the networks hold."""
    x, bluesky, mastodon = (
        json.loads((DEMO / "networks" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("x", "bluesky", "mastodon")
    )
    yield from (
        f"x:{one['id']}"
        for one in x["tweets"]
        if "retweeted" not in {to["type"] for to in one.get("referenced_tweets", ())}
    )
    yield from (f"bluesky:{one['uri'].removeprefix('at://')}" for one in bluesky["posts"])
    yield from (f"mastodon:{one['uri']}" for one in mastodon["statuses"] if one["visibility"] == "public")


def test_every_public_post_of_the_three_networks_comes_and_no_other(collected, transcript):
    _, result, said = collected
    assert {row["source"].partition(":")[0]: row["status"] for row in result["sources"]} == {
        "x": "done", "bluesky": "done", "mastodon": "done",
    }  # fmt: skip
    assert result["quarantined"] == 0
    assert not any(row["gaps"] for row in result["sources"])
    assert {post["uid"] for post in transcript["posts"] if post["text"]} == set(held())
    assert "1 not public, not stored" in said


def test_what_is_for_followers_alone_is_nowhere(collected):
    folder, *_ = collected
    assert PRIVATE in (DEMO / "networks" / "mastodon.json").read_text(encoding="utf-8")
    public = "It was Mr Pettigrew."  # what is kept is found in the same way
    query = f"SELECT sum(contains(body::VARCHAR, '{PRIVATE}')::INT), sum(contains(body::VARCHAR, '{public}')::INT) FROM payloads"
    private, kept = json.loads(knowarchive(folder, "sql", "--json", query))[0].values()
    assert private == 0
    assert kept > 0
    assert PRIVATE not in knowarchive(folder, "sql", "--json", "SELECT * FROM posts_observations")


def test_five_questions_are_asked_once_in_three_rooms_and_answered_in_all(transcript):
    assert [question["label"] for question in transcript["questions"]] == ["Q1", "Q2", "Q3", "Q4", "Q5"]
    networks = {uid.partition(":")[0] for question in transcript["questions"] for uid in question["parts"]}
    assert len(networks) == 1  # one main post each, the copies folded into it
    for label in ("Q1", "Q2", "Q3", "Q4", "Q5"):
        rooms = {
            post["platform"] for post in transcript["posts"] if post["topic"] == label and post["role"] == "answer"
        }
        assert rooms == {"x", "bluesky", "mastodon"}
    for post in transcript["posts"]:
        if label := re.match(r"(?:@\S+ )*A(\d)", post["text"] or ""):
            assert post["topic"] == f"Q{label[1]}", post["text"]


def test_people_in_several_rooms_are_one_person(transcript):
    people = [person["name"] for person in transcript["participants"]]
    assert len(people) == len(set(people))
    assert [person["name"] for person in transcript["session"]["moderators"]] == ["Ottoline Marsh", "Desmond Pikestaff"]


def test_sessions_and_the_transcript_count_the_same_posts(collected, transcript):
    folder, *_ = collected
    (row,) = json.loads(knowarchive(folder, "sessions", "--json"))
    assert row["posts"] == transcript["stats"]["posts"] == len(list(held()))


def test_what_each_network_alone_has_is_told(transcript):
    posts = {post["uid"]: post for post in transcript["posts"]}
    bridged = entry(transcript, "Provenance always travels in the last van")
    assert posts[bridged["reply_to"]]["text"].startswith("A2: Who said it.")
    assert entry(transcript, "a near miss of ours")["warning"] == "An accident at sea, in which nobody was hurt"
    assert entry(transcript, "we kept this board")["media"][0]["alt"].startswith("A cork board")
    assert entry(transcript, "Correct nothing but the")["text"].endswith("spelling. #LanternKM")
    assert "Q3 how do you" in posts[entry(transcript, "One memory is what the office wants")["quotes"]]["text"]
    assert [option["votes"] for option in entry(transcript, "Numbers for Q3")["poll"]] == [9, 22, 31, 17]


def test_a_command_gets_invented_tokens_and_not_the_real_ones(tmp_path):
    ports = configure(tmp_path)
    names = [
        "KNOWARCHIVE_X_BEARER",
        "KNOWARCHIVE_BLUESKY_APP_PASSWORD",
        f"KNOWARCHIVE_MASTODON_TOKEN__127_0_0_1_{ports[2]}",
    ]
    script = f"import os; print(*(os.environ[name] for name in {names}))"
    result = replay(tmp_path, sys.executable, "-c", script, **dict.fromkeys(names, "real"))
    assert result.stdout.split() == [TOKEN] * 3


def test_the_commands_exit_code_is_the_replays(tmp_path):
    configure(tmp_path)
    assert replay(tmp_path, sys.executable, "-c", "raise SystemExit(4)", check=False).returncode == 4


@pytest.mark.parametrize(
    ("change", "command", "code", "words"),
    [
        (None, [], 2, "usage: python replay.py COMMAND"),
        (None, ["no-such-command"], 1, "no-such-command"),
        ((r"127\.0\.0\.1:\d+", "api.example.org:80"), ["true"], 1, "only this machine is played on"),
        ((r"(127\.0\.0\.1:)\d+", r"\g<1>1"), ["true"], 1, "give the source another port"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_one_line(tmp_path, change, command, code, words):
    configure(tmp_path)
    config = tmp_path / "knowarchive.toml"
    if change:
        config.write_text(re.sub(*change, config.read_text(encoding="utf-8")), encoding="utf-8")
    result = replay(tmp_path, *command, check=False)
    assert result.returncode == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
