"""What was erased is in no file of the archive, everything else is as it was, and nothing brings it back."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from connectors.base import Exchange
from knowarchive.errors import ConflictError
from knowarchive.model import CONTENT, Link, Payload
from pipelines.erasing import erase_posts, finish_erasing
from pipelines.helpers import Helpers
from pipelines.understanding import understand
from storage import schema
from storage.erasure import Erasure, asked_for, redact_payloads, unerased
from storage.scratch import Scratch, sweep
from storage.staging import Staging
from storage.tables import StoredTable
from tests.archives import (
    NOW,
    ROOT,
    at,
    contents,
    generated,
    import_path,
    open_archive,
    post,
    query,
    rows,
    store,
    texts_on_disk,
)

MADE = datetime(2022, 3, 5, 7, tzinfo=UTC)
GONE, KEPT = 1500000000000000001, 1500000004194304002
SAID, STAYS = "a word that was regretted soon after", "another word that nobody regrets"


def tweet(number, text, **more):
    return {
        "id": str(number), "author_id": "7001", "text": text, "created_at": "2022-03-05T07:00:00.000Z",
        "conversation_id": str(number), "edit_history_tweet_ids": [str(number)], **more,
    }  # fmt: skip


def page(*tweets, retrieved="2022-03-06T00:00:00+00:00"):
    users = [{"id": "7001", "username": "ada_invents", "name": "Ada"}]
    return json.dumps({"data": tweets, "includes": {"users": users}, "__twarc": {"retrieved_at": retrieved}}) + "\n"


def table(*lines):
    text = io.StringIO()
    csv.writer(text).writerows([["id", "tweet_url", "created_at", "text", "user_screen_name", "retweet_id"], *lines])
    return text.getvalue()


def url(number):
    return f"https://twitter.com/ada_invents/status/{number}"


@pytest.fixture
def archive(tmp_path):
    return open_archive(tmp_path)


@pytest.fixture
def files(tmp_path):
    """A page with the post, a table with it and with a repost of it, and a row that cannot be read and names it."""
    (tmp_path / "in").mkdir()
    made = "Sat Mar 05 07:00:00 +0000 2022"
    reply = tweet(KEPT, STAYS, referenced_tweets=[{"type": "replied_to", "id": str(GONE)}])
    named = {
        "page.jsonl": page(tweet(GONE, SAID), reply),
        "table.csv": table(
            [GONE, url(GONE), made, SAID, "ada_invents", ""],
            [KEPT + 1, url(KEPT + 1), made, f"RT @ada_invents: {SAID}", "bo_builds", GONE],
            [KEPT + 2, url(KEPT + 2), made, STAYS + " here", "bo_builds", ""],
            [GONE, url(GONE), made, SAID, "ada_invents", "", "one", "too many"],
            [f"{GONE:.5E}", "", made, SAID, "ada_invents", ""],
        ),
    }
    for name, text in named.items():
        (tmp_path / "in" / name).write_text(text)
    return [tmp_path / "in" / name for name in named]


def look_up(archive):
    """The network's word that the post is gone."""
    head = Exchange(request="/2/tweets", server="https://api.x.com", subject={f"x:{GONE}": MADE}).encode()
    kind = "https://api.twitter.com/2/problems/resource-not-found"
    error = {"type": kind, "resource_type": "tweet", "resource_id": str(GONE), "parameter": "ids"}
    body = json.dumps({"errors": [error]}).encode()
    payload = Payload(format="x-api", origin="/2/tweets", body=body, items=1, head=head, fetched_at=NOW)
    with Staging(archive, now=NOW) as staging:
        staging.add(understand(payload)[0])
        staging.finish()


def erasure(number=GONE):
    return Erasure(f"x:{number}", MADE, NOW)


def on_disk(archive, text=SAID):
    return texts_on_disk(archive.state.parent / "archive", text) + texts_on_disk(archive.state, text)


def without(held, uids):
    """What an archive holds but for these posts."""
    return {**held, "posts": {uid: row for uid, row in held["posts"].items() if uid not in uids}}


@pytest.fixture(scope="module")
def generated_archives(tmp_path_factory):
    """One of each format."""
    folders = [tmp_path_factory.mktemp(form) for form in ("v1", "v2", "csv")]
    for folder in folders:
        import_path(open_archive(folder), generated(folder, folder.name[:-1], posts=60))
    return folders


def test_what_was_erased_is_in_no_file_and_the_rest_is_as_it_was(archive, files):
    for path in files:
        assert import_path(archive, path).status in {"done", "incomplete"}
    archive.maintain()  # leaves the files of before behind
    import_path(archive, files[0], chat="other")
    before, quarantined = (
        contents(archive),
        query(archive, "SELECT * EXCLUDE (collected_at) FROM quarantine ORDER BY ALL"),
    )
    assert len(quarantined) == 2
    assert len(on_disk(archive)) >= 4

    result = erase_posts(archive, [erasure()], now=NOW)

    assert (result.payloads, result.rewritten > 0) == (3, True)
    assert on_disk(archive) == []
    assert on_disk(archive, STAYS)
    uid = f"x:{GONE}"
    after = contents(archive)
    assert without(after, {uid}) == without(before, {uid})
    assert query(archive, "SELECT * EXCLUDE (collected_at) FROM quarantine ORDER BY ALL") == quarantined
    assert all(after["posts"][uid][name] is None for name in CONTENT)
    assert after["posts"][uid]["created_at"] == before["posts"][uid]["created_at"]
    assert query(archive, "SELECT sum(redacted)::INT AS records FROM payloads") == [{"records": 6}]


def test_a_file_with_it_brings_nothing_back_and_is_known_again(archive, files):
    for path in files:
        import_path(archive, path)
    before = contents(archive)["payloads"]
    erase_posts(archive, [erasure()], now=NOW)
    held = contents(archive)
    for path in files:
        assert import_path(archive, path).outcome.new == 0
    assert contents(archive) == held
    assert held["payloads"] == before
    newer = files[0].with_name("newer.jsonl")
    newer.write_text(page(tweet(GONE, SAID), retrieved="2030-01-01T00:00:00+00:00"))
    import_path(archive, newer)
    assert rows(archive)[f"x:{GONE}"]["text"] is None
    assert on_disk(archive) == []


def test_a_new_archive_that_was_told_stores_nothing_of_it(archive, files):
    erase_posts(archive, [erasure()], now=NOW)
    with Helpers(1) as helpers:
        helpers.start()
        for path in files:
            import_path(archive, path, helpers=helpers)
    assert on_disk(archive) == []
    assert f"x:{KEPT}" in rows(archive)


def test_erasing_again_changes_nothing(archive, files):
    for path in files:
        import_path(archive, path)
    erase_posts(archive, [erasure()], now=NOW)
    again = erase_posts(archive, [erasure()], now=NOW)
    assert (again.payloads, again.rewritten) == (0, 0)


@pytest.mark.parametrize("step", ["_note", "rewrite", "_blank", "sweep"])
def test_an_erasure_that_is_broken_off_is_known_and_finished(archive, files, monkeypatch, step):
    for path in files:
        import_path(archive, path)
    look_up(archive)

    def stop(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"storage.erasure.{step}", stop)
    with pytest.raises(KeyboardInterrupt):
        erase_posts(archive, [erasure()], now=NOW)
    monkeypatch.undo()
    assert [one.uid for one in unerased(archive)] == [f"x:{GONE}"]
    assert finish_erasing(archive, now=NOW) == 1
    assert on_disk(archive) == []
    assert unerased(archive) == []
    assert asked_for(archive).keys() == {f"x:{GONE}"}


def test_somebody_who_compacts_meanwhile_only_makes_it_look_again(archive, files, monkeypatch):
    for path in files:
        import_path(archive, path)
    commit, conflicts = StoredTable.commit, []

    def compacts_first(stored, added, removed=(), **more):
        if removed and len(conflicts) < 2:
            conflicts.append(stored.spec.name)
            raise ConflictError("another process was first")
        return commit(stored, added, removed, **more)

    monkeypatch.setattr(StoredTable, "commit", compacts_first)
    erase_posts(archive, [erasure()], now=NOW)
    assert conflicts
    # What was written for the commit that failed is in no version, and old enough only in an hour.
    for path in (archive.state.parent / "archive").rglob("*.parquet"):
        os.utime(path, (time.time() - 7200,) * 2)
    archive.tables["payloads"].purge()
    assert on_disk(archive) == []


def test_a_run_that_began_before_the_erasure_does_not_bring_it_back(archive, files, monkeypatch):
    import_path(archive, files[1])
    from pipelines import importing

    understand_all = importing.understand_all

    def erased_meanwhile(*args, **options):
        yield from understand_all(*args, **options)
        erase_posts(open_archive(archive.state.parent), [erasure()], now=NOW)

    monkeypatch.setattr(importing, "understand_all", erased_meanwhile)
    import_path(archive, files[0])
    assert on_disk(archive) == []
    assert rows(archive)[f"x:{KEPT}"]["text"] == STAYS


def test_a_link_to_it_loses_the_title_of_the_page(archive):
    links = (Link(url(GONE), SAID), Link("https://long.example/", "A page"))
    store(archive, [post(5, text="see there", links=links)])
    erase_posts(archive, [erasure()], now=NOW)
    assert rows(archive)["x:5"]["links"] == [
        {"url": url(GONE), "title": None},
        {"url": "https://long.example/", "title": "A page"},
    ]


def test_an_archive_from_before_there_were_erasures_can_be_compacted_and_erased_from(tmp_path, files, monkeypatch):
    """Its payloads lack a column, and its ledger too."""
    with monkeypatch.context() as patched:
        for name, column in (("payloads", "redacted"), ("runs", "notes")):
            columns = {one: kind for one, kind in schema.TABLES[name].columns.items() if one != column}
            older = {field: getattr(schema.TABLES[name], field) for field in schema.Table.__slots__}
            patched.setitem(schema.TABLES, name, schema.Table(**{**older, "columns": columns}))
        old = open_archive(tmp_path)
        write = StoredTable.write
        patched.setattr(
            StoredTable, "write", lambda stored, rows: write(stored, rows.select(list(stored.spec.columns)))
        )
        import_path(old, files[0])
        import_path(old, files[1])
        assert "redacted" not in [field.name for field in old.tables["payloads"].open().schema().fields]
    archive = open_archive(tmp_path)
    assert [run.notes for run in archive.runs()] == [(), ()]
    archive.maintain()
    erase_posts(archive, [erasure()], now=NOW)
    assert on_disk(archive) == []
    assert import_path(archive, files[0]).status == "done"


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.slow
def test_erasing_any_posts_leaves_every_other_record_as_it_was(generated_archives, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any") / "copy"
    shutil.copytree(data.draw(st.sampled_from(generated_archives)), folder)
    archive = open_archive(folder)
    before = contents(archive)
    uids = data.draw(st.sets(st.sampled_from(sorted(before["posts"])), min_size=1, max_size=5))
    made = {uid: before["posts"][uid]["created_at"] for uid in uids}
    erase_posts(archive, [Erasure(uid, made[uid], NOW) for uid in sorted(uids)], now=NOW)
    after = contents(archive)
    assert without(after, uids) == without(before, uids)
    kept = " ".join(row["text"] or "" for row in without(before, uids)["posts"].values())
    for uid in uids:
        assert all(after["posts"][uid][name] is None for name in CONTENT)
        text = before["posts"][uid]["text"]
        if len(text) > 20 and text not in kept:
            assert texts_on_disk(folder / "archive", json.dumps(text)[1:-1]) == []


def test_each_payload_of_a_file_is_redacted_once_and_stays_where_it_was(archive):
    bodies = [page(tweet(KEPT + number, f"{STAYS} {number}")).encode() for number in range(70)]
    with Staging(archive, now=NOW) as staging:
        for number, body in enumerate(bodies):
            payload = Payload(format="x-v2-jsonl", origin=f"page {number}", body=body, items=1)
            staging.add(understand(payload)[0])
        staging.finish()
    [file] = archive.tables["payloads"].files()
    with archive.tables["payloads"].open_file(file) as source:
        assert pq.ParquetFile(source).num_row_groups == 3
    before = [payload for payload, _ in archive.payloads()]
    asked = []
    touched = {before[40].payload_id, before[69].payload_id}

    def redact(payload):
        asked.append(payload.payload_id)
        return (structs.replace(payload, body=b"{}"), 1) if payload.payload_id in touched else (payload, 0)

    assert redact_payloads(archive, redact) == (2, 1)
    assert asked == [payload.payload_id for payload in before]
    after = [payload for payload, _ in archive.payloads()]
    assert after == [structs.replace(one, body=b"{}") if one.payload_id in touched else one for one in before]
    assert redact_payloads(archive, lambda payload: (payload, 0)) == (0, 0)


def test_files_that_somebody_may_be_writing_are_not_deleted(archive):
    store(archive, [post(1, text="one")])
    folder = next((archive.state.parent / "archive" / "posts").glob("month=*"))
    fresh, old = folder / "fresh.parquet", folder / "old.parquet"
    for path in (fresh, old):
        path.write_bytes(b"PAR1")
    os.utime(old, (time.time() - 7200,) * 2)
    archive.tables["posts"].purge()
    assert (fresh.exists(), old.exists()) == (True, False)
    assert rows(archive).keys() == {"x:1"}


def test_what_a_killed_process_left_in_the_scratch_folder_goes_and_what_a_living_one_has_stays(tmp_path):
    root = tmp_path / "state" / "scratch"
    script = (
        "import sys, time; from pathlib import Path; from storage.scratch import Scratch\n"
        "scratch = Scratch(Path(sys.argv[1])); (scratch.path() / 'spilled').write_text('words')\n"
        "print(scratch.path(), flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(root)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    left = process.stdout.readline().strip()
    own = Scratch(root)
    assert own.path().is_dir()
    assert sweep(root) == 0
    process.kill()
    process.wait()
    process.stdout.close()
    (root / f"duckdb-{process.pid}").mkdir()
    (root / f"duckdb-{os.getpid()}").mkdir()
    assert sweep(root) == 2
    (root / f"duckdb-{os.getpid()}").rmdir()
    assert [str(path) for path in root.iterdir()] == [str(own.path())]
    assert left != str(own.path())


def test_old_handles_of_an_account_are_kept_as_history(archive):
    from knowarchive.model import Account

    for minute, handle in enumerate(("first", "first", "second")):
        store(archive, accounts=[Account(uid="x:9", handle=handle, name="Ada", observed_at=at(minute))])
    archive.maintain()
    assert rows(archive, "accounts")["x:9"]["handle"] == "second"
    held = query(archive, "SELECT handle FROM accounts_observations ORDER BY observed_at")
    assert [row["handle"] for row in held][-1] == "second"
    assert {row["handle"] for row in held} == {"first", "second"}
