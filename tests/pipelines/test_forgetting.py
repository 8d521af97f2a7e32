"""Somebody who was forgotten is in no file any more, everybody else is as they were, and nothing brings them back."""

import csv
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from connectors.forgetting import is_distinctive, is_pseudonym
from knowarchive.config import load_config
from knowarchive.errors import ConfigError, UsageError
from knowarchive.model import CONTENT
from pipelines import forgetting
from pipelines.diagnosis import diagnose
from pipelines.forgetting import find, finish_forgetting, forget_person
from pipelines.helpers import Helpers
from pipelines.remembering import KEY, key_file
from pipelines.replaying import replay
from storage.archive import Archive
from storage.forgetting import records_of, remembered, unfinished
from tests.archives import ROOT, configure, contents, environment, found_on_disk, import_path, query, rows
from tests.demo.played import DEMO, collect
from tests.demo.played import configure as configure_demo

SHARED = ROOT.parent / "shared" / "data" / "critlib"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SENTENCE = re.compile(r"[^.!?…\n]+")


def open_home(folder):
    config = load_config(folder / "knowarchive.toml")
    return Archive(config.archive_url, config.state_dir), config


def home(folder, chats=""):
    configure(folder, chats)
    return open_home(folder)


def marks(person):
    """All by which somebody is named: handles, uids, ids, names."""
    found = {name.partition(":")[2] for name in person.handles}
    found = {name if is_distinctive(name) else f"@{name}" for name in found}
    found |= {uid.partition(":")[2] for uid in person.accounts | person.posts if len(uid) > 8}
    found |= {uid.rpartition("/")[2] for uid in person.posts if uid.startswith("bluesky:")}
    return found | {one.partition(":")[2] for one in person.ids} | set(person.names)


def traces(archive, person):
    """All by which somebody can be found: what names them, and every sentence of theirs."""
    found = marks(person)
    for row in records_of(archive, person.accounts, person.alone):
        for text in (row.get("text"), row.get("bio")):
            plain = re.sub(r"https?://\S+|@[\w.@-]+", "\n", text or "")
            found |= {one.strip() for one in SENTENCE.findall(plain) if len(re.findall(r"[^\W_]+", one)) >= 5}
    return found


def forgotten(archive, config, who):
    found = find(archive, config, who)
    return found, forget_person(archive, config, found, environ={}, now=lambda: NOW)


def check_others(before, after, person, *, renamed=("text", "links", "mentions", "media", "poll", "url")):
    """Everybody else's records are as they were, but for where they named the person."""
    for view in ("posts", "accounts", "reposts"):
        for key, row in before[view].items():
            own = row.get("author_uid") or row.get("account_uid") or (key if view == "accounts" else None)
            handle = row.get("author_handle") or row.get("account_handle")
            platform = (own or row.get("post_uid") or key).partition(":")[0]
            if person.is_account(platform, own.partition(":")[2] if own else None, handle):
                continue
            if view == "reposts" and row["post_uid"] in person.posts:
                continue
            now = after[view][key]
            for name, value in row.items():
                if now[name] != value:
                    assert name in {*renamed, "bio", "reply_to", "reply_to_author", "conversation", "quote_of"}, (
                        key,
                        name,
                    )
                    assert "erased" in repr(now[name]) or re.search(r"x:\d+", repr(now[name])), (name, value, now[name])


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory):
    """The demo: files of three sessions, and one collected from three networks that are played."""
    folder = tmp_path_factory.mktemp("demo")
    configure_demo(folder)
    command = [sys.executable, "-m", "knowarchive", "import", str(DEMO / "data")]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)
    collect(folder)
    return folder


@pytest.fixture
def demo(demo_home, tmp_path):
    shutil.copytree(demo_home, tmp_path / "demo")
    return tmp_path / "demo"


@pytest.mark.slow
def test_a_person_on_three_networks_is_nowhere_and_all_others_are_as_they_were(demo):
    archive, config = open_home(demo)
    (demo / "knowarchive.overrides.toml").write_text(
        '[lanternkm.2026-03-11.topics]\n"x:1" = "Q1"  # as DesmondDemo said\n"mastodon:https://halcyon.example/users/desmond" = "Q2"\n'
    )
    with sqlite3.connect(archive.state / "runs.db") as con:
        con.execute("CREATE TABLE run (name TEXT)")
        con.execute("INSERT INTO run VALUES ('desmond.example.org said')")
    subprocess.run(
        [sys.executable, "-m", "knowarchive", "index"], cwd=demo, env=environment(), check=True, capture_output=True
    )
    person = find(archive, config, "Desmond Pikestaff").person
    assert {uid.partition(":")[0] for uid in person.accounts} == {"x", "bluesky", "mastodon"}
    wanted, before = traces(archive, person), contents(archive)
    assert found_on_disk(demo, wanted) == wanted
    threads = query(archive, "SELECT count(*) AS n FROM posts a JOIN posts b ON a.reply_to = b.uid")

    found, done = forgotten(archive, config, "x:DesmondDemo")

    assert found.person == person
    assert found_on_disk(demo / "archive", wanted) | found_on_disk(demo / "state", wanted) == set()
    assert "desmond" not in (demo / "knowarchive.overrides.toml").read_text().casefold()
    assert any("configuration names them" in place for place in done.elsewhere)
    after = contents(archive)
    check_others(before, after, person)
    assert query(archive, "SELECT count(*) AS n FROM posts a JOIN posts b ON a.reply_to = b.uid") == threads
    places = [row for row in after["posts"].values() if is_pseudonym(row["author_uid"])]
    assert len(places) == found.posts
    assert all(row[name] is None for row in places for name in (*CONTENT, "author_handle", "author_name"))
    assert unfinished(archive) == frozenset()
    replay(archive, now=lambda: NOW)
    assert contents(archive) == after
    archive.maintain()
    assert contents(archive) == after
    for path in sorted((DEMO / "data").iterdir()):
        assert import_path(archive, path).outcome.new == 0, path
    assert contents(archive) == after
    collect(demo)
    assert found_on_disk(demo / "archive", wanted) | found_on_disk(demo / "state", wanted) == set()
    again = rows(archive)
    assert all(again[row["uid"]] == {**row, "observed_at": again[row["uid"]]["observed_at"]} for row in places)
    assert again.keys() == after["posts"].keys()


# Without the demo


CHAT = "a chat of many voices about keeping things"
MADE = "2022-03-05T07:00:{:02}.000Z"
FIRST = 1500000000000000001


def tweet(number, author, text, **more):
    own = str(FIRST + number * 4194304)
    return {"id": own, "author_id": author, "text": text, "created_at": MADE.format(number), "conversation_id": own,
            "edit_history_tweet_ids": [own], **more}  # fmt: skip


def page(*tweets, users=(), retrieved="2022-03-06T00:00:00+00:00"):
    people = [{"id": own, "username": handle, "name": name} for own, handle, name in users]
    return json.dumps({"data": tweets, "includes": {"users": people}, "__twarc": {"retrieved_at": retrieved}}) + "\n"


ADA, ADAM, BO = (
    ("7000000000001", "ada", "Ada Wick"),
    ("7000000000002", "ada_m", "Ada Wickham"),
    ("7000000000003", "bo", "Bo"),
)
SAID = "What nobody else would ever say of lanterns"


def write_page(folder, name="page.jsonl", **more):
    """Ada asks, others answer, name and quote her; and somebody whose handle and name begin as hers."""
    mention = {"entities": {"mentions": [{"start": 0, "end": 4, "username": "ada", "id": ADA[0]}]}}
    reply = {"referenced_tweets": [{"type": "replied_to", "id": str(FIRST)}], "conversation_id": str(FIRST),
             "in_reply_to_user_id": ADA[0]}  # fmt: skip
    path = folder / name
    path.write_text(
        page(
            tweet(0, ADA[0], f"Q1: {SAID}? Indeed."),
            tweet(1, BO[0], "@ada I think so, says Bo", **mention, **reply),
            tweet(2, BO[0], f'As Ada  Wick put it, "{SAID}", and @ada_m and Ada Wickham agree. Dana Ada, no.'),
            tweet(3, ADAM[0], f"see https://twitter.com/ada/status/{FIRST} and https://twitter.com/ada_m"),
            tweet(4, ADA[0], "RT @bo: @ada I think so, says Bo",
                  referenced_tweets=[{"type": "retweeted", "id": str(FIRST + 4194304)}]),
            users=(ADA, ADAM, BO), **more,
        )
    )  # fmt: skip
    return path


def texts(archive):
    return [row["text"] for row in query(archive, "SELECT text FROM posts ORDER BY created_at, uid")]


def in_files(folder, *wanted):
    return found_on_disk(folder / "archive", wanted) | found_on_disk(folder / "state", wanted)


HERS = (SAID, "@ada ", "Ada Wick ", "ada/status", str(FIRST), ADA[0], "7000000000001")


def test_others_whose_names_begin_alike_keep_theirs_and_the_thread_its_shape(tmp_path):
    archive, config = home(tmp_path)
    import_path(archive, write_page(tmp_path))
    assert in_files(tmp_path, *HERS) >= {SAID, "@ada ", str(FIRST), ADA[0]}
    found, _ = forgotten(archive, config, "ada")
    assert (found.accounts, found.posts, found.reposts, found.mentions) == ((f"x:{ADA[0]}", "x:ada"), 1, 1, 1)
    place, answer, copy, link = query(archive, "SELECT * FROM posts ORDER BY created_at")
    assert (place["text"], place["author_name"], place["created_at"] == place["deleted_at"]) == (None, None, True)
    assert (answer["text"], answer["reply_to"], answer["conversation"]) == (
        "@[erased] I think so, says Bo", place["uid"], place["uid"],
    )  # fmt: skip
    assert answer["mentions"] == [{"handle": "[erased]", "uid": place["author_uid"]}]
    assert copy["text"] == 'As [erased] put it, "[erased]", and @ada_m and Ada Wickham agree. Dana Ada, no.'
    assert "https://twitter.com/ada_m" in link["text"]
    assert re.search(r"twitter\.com/erased_[0-9a-f]{8}/status/" + place["uid"][2:], link["text"])
    assert query(archive, "SELECT * FROM reposts") == []
    assert {row["handle"] for row in query(archive, "SELECT handle FROM accounts")} == {"ada_m", "bo"}
    assert in_files(tmp_path, *HERS) == set()
    assert (tmp_path / "state" / "forget.key").stat().st_mode & 0o777 == 0o600


def test_nothing_brings_her_back(tmp_path):
    archive, config = home(tmp_path)
    path = write_page(tmp_path)
    import_path(archive, path)
    forgotten(archive, config, "x:ada")
    held = contents(archive)
    assert import_path(archive, path).outcome.new == 0
    assert contents(archive) == held
    with Helpers(1) as helpers:
        helpers.start()
        later = write_page(tmp_path, "later.jsonl", retrieved="2025-01-01T00:00:00+00:00")
        assert import_path(archive, later, helpers=helpers).outcome.new == 0
    again = contents(archive)
    assert {uid: row["text"] for uid, row in again["posts"].items()} == {
        uid: row["text"] for uid, row in held["posts"].items()
    }
    (tmp_path / "one.jsonl").write_text(page(tweet(9, BO[0], "late", conversation_id=str(FIRST)), users=[BO]))
    import_path(archive, tmp_path / "one.jsonl")  # names a post of hers, and her nowhere
    replay(archive, now=lambda: NOW)
    assert in_files(tmp_path, *HERS) == set()
    assert next(row for row in rows(archive).values() if row["text"] == "late")["conversation"] in held["posts"]


def test_an_archive_that_was_told_before_anything_came_stores_nothing_of_her(tmp_path):
    archive, config = home(tmp_path)
    forgotten(archive, config, "x:ada")
    import_path(archive, write_page(tmp_path))
    assert in_files(tmp_path, *HERS) == set()
    assert None in texts(archive)


TABLE = [
    "id",
    "tweet_url",
    "created_at",
    "text",
    "user_screen_name",
    "user_name",
    "retweet_id",
    "in_reply_to_status_id",
]


def write_table(folder):
    """The same as rows of a spreadsheet, without ids of accounts."""
    made = "Sat Mar 05 07:00:{:02} +0000 2022"
    records = [
        (0, f"Q1: {SAID}? Indeed.", "Ada", "Ada Wick", "", ""),
        (1, "@ada I think so, says Bo", "bo", "Bo", "", FIRST),
        (4, "RT @bo: @ada I think so, says Bo", "Ada", "Ada Wick", FIRST + 4194304, ""),
    ]
    path = folder / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(TABLE)
        for number, text, handle, name, repeated, above in records:
            own = FIRST + number * 4194304
            url = f"https://twitter.com/{handle}/status/{own}"
            writer.writerow([own, url, made.format(number), text, handle, name, repeated, above])
    return path


def test_somebody_known_by_handle_alone_is_forgotten_and_known_again_with_an_id(tmp_path):
    archive, config = home(tmp_path)
    import_path(archive, write_table(tmp_path))
    found, _ = forgotten(archive, config, "x:ADA")
    assert (found.accounts, found.posts, found.reposts) == (("x:ada",), 1, 1)
    place, answer = query(archive, "SELECT * FROM posts ORDER BY created_at")
    assert (place["text"], place["author_handle"], answer["reply_to"]) == (None, None, place["uid"])
    assert in_files(tmp_path, *HERS) == set()
    held = contents(archive)
    assert import_path(archive, write_table(tmp_path)).outcome.new == 0
    assert contents(archive) == held
    import_path(archive, write_page(tmp_path))
    assert in_files(tmp_path, *HERS) == set()
    assert place["uid"] in rows(archive)


def test_every_format_of_every_network_loses_somebody(tmp_path):
    from pipelines.remembering import open_memory
    from pipelines.understanding import understand
    from storage.staging import Staging
    from tests.connectors.test_redaction import PAYLOADS

    archive, config = home(tmp_path)

    def store():
        with Staging(archive, now=NOW) as staging:
            memory = open_memory(archive, {})
            for payload in PAYLOADS:
                if not payload.format.startswith("knowarchive"):
                    staging.add(understand(payload, memory=memory)[0])
            staging.finish()

    store()
    for who in ("x:bo_builds", "bluesky:did:plc:bobaaaaaaaaaaaaaaaaaaaaa", "mastodon:ada@harbour.example"):
        try:
            person = find(archive, config, who).person
        except UsageError as error:
            pytest.fail(str(error))
        wanted, before = traces(archive, person), contents(archive)
        assert wanted
        forgotten(archive, config, who)
        left = {one for one in in_files(tmp_path, *wanted) if is_distinctive(one) and len(one) > 7}
        assert left == set(), who
        check_others(before, contents(archive), person)
    held = contents(archive)
    store()
    again = contents(archive)
    assert {name: again[name] for name in ("posts", "reposts", "accounts")} == {
        name: held[name] for name in ("posts", "reposts", "accounts")
    }


@pytest.mark.parametrize(
    ("step", "how"),
    [("note", "again"), ("redact_payloads", "again"), ("redact_payloads", "finish"), ("scrub_folder", "finish"),
     ("derive", "again"), ("purge", "finish")],
)  # fmt: skip
def test_a_forgetting_that_is_broken_off_is_finished_by_the_next(tmp_path, monkeypatch, step, how):
    archive, config = home(tmp_path)
    import_path(archive, write_page(tmp_path))
    real, calls = getattr(forgetting, step), []

    def stop(*args, **more):
        calls.append(step)
        if step != "note":
            real(*args, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(forgetting, step, stop)
    with pytest.raises(KeyboardInterrupt):
        forgotten(archive, config, "x:ada")
    monkeypatch.undo()
    archive, config = open_home(tmp_path)
    if how == "again":
        forgotten(archive, config, "x:ada")
    else:
        assert unfinished(archive)
        assert [check.name for check in diagnose(config) if check.status == "warning"] == ["chats", "forgetting"]
        finish_forgetting(archive, config, now=NOW)
    assert in_files(tmp_path, *HERS) == set()
    assert unfinished(archive) == frozenset()
    assert None in texts(archive)


def test_a_run_on_another_machine_that_began_before_does_not_bring_her_back(tmp_path, monkeypatch):
    from contextlib import nullcontext

    from pipelines import importing
    from storage.gate import Gate

    archive, config = home(tmp_path)
    import_path(archive, write_table(tmp_path))
    understand_all = importing.understand_all

    def forgotten_meanwhile(*args, **options):
        yield from understand_all(*args, **options)
        forgotten(open_home(tmp_path)[0], config, "x:ada")

    monkeypatch.setattr(importing, "understand_all", forgotten_meanwhile)
    monkeypatch.setattr(Gate, "alone", lambda _self: nullcontext())  # which another machine does not know of
    import_path(archive, write_page(tmp_path))
    assert in_files(tmp_path, *HERS) == set()
    assert None in texts(archive)


def test_without_the_key_nothing_is_written_and_one_line_says_why(tmp_path, monkeypatch):
    archive, config = home(tmp_path)
    path = write_page(tmp_path)
    import_path(archive, path)
    forgotten(archive, config, "x:ada")
    key = key_file(archive.state).read_text().strip()
    key_file(archive.state).write_text("ab" * 32)
    with pytest.raises(ConfigError, match="is another; put it back as"):
        import_path(archive, path)
    key_file(archive.state).unlink()
    with pytest.raises(ConfigError, match="is missing") as caught:
        import_path(archive, path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="is missing"):
        forgotten(archive, config, "x:bo")
    monkeypatch.setenv(KEY, "not a key")
    with pytest.raises(ConfigError, match="hexadecimal"):
        import_path(archive, path)
    monkeypatch.setenv(KEY, key)
    assert import_path(archive, path).status == "done"
    assert in_files(tmp_path, *HERS) == set()


def test_who_is_meant_is_said_exactly_or_asked(tmp_path):
    archive, config = home(tmp_path)
    (tmp_path / "two.jsonl").write_text(
        page(tweet(20, "71", "one"), tweet(21, "72", "two"), users=(("71", "twin", "A"), ("72", "Twin", "B")))
    )
    import_path(archive, write_page(tmp_path))
    import_path(archive, tmp_path / "two.jsonl")
    with pytest.raises(UsageError, match="may be several: x:71; x:72"):
        find(archive, config, "twin")
    with pytest.raises(UsageError, match="no account 'ad' in the archive; is it x:ada, x:ada_m"):
        find(archive, config, "ad")
    with pytest.raises(UsageError, match="name an account"):
        find(archive, config, " @ ")
    found = find(archive, config, "x:71")
    assert (found.person.handles, found.shared) == (frozenset(), ("x:twin",))
    forgotten(archive, config, "x:71")
    assert texts(archive).count("two") == 1
    place = next(row["author_uid"] for row in rows(archive).values() if is_pseudonym(row["author_uid"]))
    with pytest.raises(UsageError, match="forgotten already"):
        find(archive, config, place)


def test_exports_made_since_are_named(tmp_path):
    from pipelines.exporting import Request, export

    archive, config = home(tmp_path)
    import_path(archive, write_page(tmp_path))
    later = datetime(2026, 11, 23, tzinfo=UTC)
    export(archive, Request(format="jsonl"), tmp_path / "out", now=lambda: later)
    _, done = forgotten(archive, config, "x:ada")
    assert [one.path for one in done.exports] == [str(tmp_path / "out")]
    assert any("backups" in place for place in done.elsewhere)


@pytest.mark.parametrize(
    "name", ["jsonl", pytest.param("csv", marks=pytest.mark.slow), pytest.param("parquet", marks=pytest.mark.slow)]
)
def test_our_own_exports_do_not_bring_her_back(tmp_path, name):
    from pipelines.exporting import Request, export

    archive, config = home(tmp_path)
    import_path(archive, write_page(tmp_path))
    export(archive, Request(format=name), tmp_path / name, now=lambda: NOW)
    forgotten(archive, config, "x:ada")
    for path in sorted((tmp_path / name).glob(f"*.{name}")):
        assert import_path(archive, path).outcome.quarantined == 0
    assert in_files(tmp_path, *HERS) == set()


def test_whoever_wants_to_be_alone_waits_for_those_who_write(tmp_path):
    import threading

    from storage.gate import Gate

    one, other = Gate(tmp_path, "archive"), Gate(tmp_path, "archive")
    order = []

    def alone():
        with other.alone():
            order.append("alone")

    with one.shared(), one.shared():
        waiting = threading.Thread(target=alone)
        waiting.start()
        time.sleep(0.2)
        order.append("written")
    waiting.join()
    assert order == ["written", "alone"]


# Real pulls


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    "files", [("mar102015.jsonl.gz", "mar102015.csv.gz", "critlib15.csv.gz"), ("mar102015.csv.gz", "apr232015.csv.gz")]
)
def test_a_person_of_a_real_pull_is_nowhere(tmp_path, files):
    archive, config = home(tmp_path)
    for name in files:
        import_path(archive, SHARED / name)
    [who] = query(
        archive,
        "SELECT author_handle AS handle FROM posts WHERE author_handle <> lower(author_handle) OR author_handle LIKE '%_%' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    )
    person = find(archive, config, f"x:{who['handle']}").person
    wanted, before = traces(archive, person), contents(archive)
    wanted = found_on_disk(tmp_path, wanted)
    assert len(wanted) > 40
    forgotten(archive, config, f"x:{who['handle']}")
    assert in_files(tmp_path, *wanted) == set()
    after = contents(archive)
    check_others(before, after, person)
    for name in files:
        assert import_path(archive, SHARED / name).outcome.new == 0
    assert contents(archive) == after
    replay(archive, now=lambda: NOW)
    archive.maintain()
    assert contents(archive) == after
    assert in_files(tmp_path, *wanted) == set()


@pytest.mark.slow
def test_killed_at_any_moment_it_is_finished_by_the_next(tmp_path):
    archive, config = home(tmp_path)
    import_path(archive, write_page(tmp_path))
    command = [sys.executable, "-m", "knowarchive", "forget", "x:ada", "--yes"]
    for delay in (1.2, 1.5, 1.8, 2.1, 2.4, 2.7, 3.0):
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**environment(), "PYTHONUNBUFFERED": "1"},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(delay)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
    archive, config = open_home(tmp_path)
    if remembered(archive):
        finish_forgetting(archive, config, now=NOW)
    else:
        forgotten(archive, config, "x:ada")
    assert in_files(tmp_path, *HERS) == set()
    assert None in texts(archive)
