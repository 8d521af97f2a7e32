"""A backup is the archive at one moment; what is restored from it is that archive, or nothing."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from knowarchive.config import load_config
from knowarchive.errors import StorageError, UsageError
from pipelines import backups
from pipelines.backups import LIST, back_up, damaged, restore
from pipelines.erasing import erase_posts
from pipelines.forgetting import find, forget_person
from storage import tables
from storage.erasure import Erasure
from storage.places import Folder
from tests.archives import configure, contents, generated, import_path, open_archive, post, store, texts_on_disk

NOW = datetime(2026, 3, 11, tzinfo=UTC)
GONE = 1500000000000000001


def said(folder, author="7001", handle="ada_invents", first=GONE, more=""):
    """A page of two posts, as X gives it."""
    texts = {first: f"a word{more} that was regretted soon after", first + 1: f"another word{more} that stays"}
    tweets = [
        {"id": str(number), "author_id": author, "text": text, "created_at": "2022-03-05T07:00:00.000Z",
         "conversation_id": str(number), "edit_history_tweet_ids": [str(number)]}
        for number, text in texts.items()
    ]  # fmt: skip
    users = [{"id": author, "username": handle, "name": handle.title()}]
    path = folder / f"said-{author}.jsonl"
    page = {"data": tweets, "includes": {"users": users}, "__twarc": {"retrieved_at": "2022-03-06T00:00:00+00:00"}}
    path.write_text(json.dumps(page) + "\n")
    return path


@pytest.fixture
def own(tmp_path):
    config = load_config(configure(tmp_path / "own"))
    archive = open_archive(tmp_path / "own")
    import_path(archive, generated(tmp_path, posts=60))
    import_path(archive, said(tmp_path))
    config.overrides_path.write_text('[lanternkm."2026-03-04".topics]\n"x:1" = "Q1"\n')
    return archive, config, str(tmp_path / "copy")


def elsewhere(tmp_path):
    return load_config(configure(tmp_path / "elsewhere"))


def files_below(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_what_is_restored_is_the_archive_as_it_was(own, tmp_path):
    archive, config, copy = own
    back_up(archive, config, copy, now=NOW)
    before = contents(archive)
    store(archive, [post(3, text="said later")])
    restored = elsewhere(tmp_path)
    listing = restore(copy, restored, now=NOW)
    assert listing.made_at == NOW
    assert contents(open_archive(tmp_path / "elsewhere")) == before
    assert restored.overrides_path.read_text() == config.overrides_path.read_text()
    assert list(damaged(copy)) == []
    store(open_archive(tmp_path / "elsewhere"), [post(4, text="it lives")])


def test_an_archive_whose_log_was_shortened_is_restored_too(own, tmp_path, monkeypatch):
    archive, config, copy = own
    monkeypatch.setattr(tables, "CHECKPOINT_EVERY", 2)
    for number in range(3, 7):
        store(archive, [post(number, text=f"said {number}")])
    archive.maintain()
    for path in (tmp_path / "own" / "archive").rglob("*"):
        os.utime(path, (0, 0))
    archive.vacuum()
    assert not (tmp_path / "own" / "archive" / "posts" / "_delta_log" / f"{0:020d}.json").exists()
    before = contents(archive)
    back_up(archive, config, copy, now=NOW)
    restore(copy, elsewhere(tmp_path), now=NOW)
    assert contents(open_archive(tmp_path / "elsewhere")) == before
    assert list(damaged(copy)) == []


def test_only_what_is_new_is_copied(own, tmp_path):
    archive, config, copy = own
    first = back_up(archive, config, copy, now=NOW)
    assert first.copied > 5
    before = files_below(tmp_path / "copy")
    again = back_up(archive, config, copy, now=NOW + timedelta(days=1))
    assert (again.copied, again.removed, again.files) == (0, 0, first.files)
    store(archive, [post(3, text="said later")])
    more = back_up(archive, config, copy, now=NOW + timedelta(days=2))
    assert 0 < more.copied < 6
    kept = [path for path, at in files_below(tmp_path / "copy").items() if before.get(path) == at]
    assert len(kept) > len(before) // 2
    restore(copy, elsewhere(tmp_path), now=NOW)
    assert contents(open_archive(tmp_path / "elsewhere")) == contents(archive)


def test_what_was_erased_is_gone_from_the_next_backup(own, tmp_path):
    archive, config, copy = own
    back_up(archive, config, copy, now=NOW)
    assert texts_on_disk(tmp_path / "copy", "regretted soon")
    erase_posts(archive, [Erasure(f"x:{GONE}", datetime(2022, 3, 5, 7, tzinfo=UTC), NOW)], now=NOW)
    back_up(archive, config, copy, now=NOW)
    assert not texts_on_disk(tmp_path / "copy", "regretted soon")
    assert texts_on_disk(tmp_path / "copy", "another word")


def test_compaction_is_followed_and_a_file_that_goes_meanwhile_is_no_failure(own, tmp_path, monkeypatch):
    archive, config, copy = own
    store(archive, [post(3)])
    looks = []
    snapshot = backups._snapshot

    def look(archive):
        found = snapshot(archive)
        looks.append(found)
        if len(looks) == 1:  # by somebody else, between the look and the copying
            archive.maintain()
            archive.vacuum(timedelta())
        return found

    monkeypatch.setattr(backups, "_snapshot", look)
    back_up(archive, config, copy, now=NOW)
    assert len(looks) == 2
    restore(copy, elsewhere(tmp_path), now=NOW)
    assert contents(open_archive(tmp_path / "elsewhere")) == contents(archive)


@pytest.mark.parametrize("after", [6, -1, *(pytest.param(one, marks=pytest.mark.slow) for one in (1, -2))])
def test_a_backup_that_was_broken_off_leaves_the_one_before_it(own, tmp_path, monkeypatch, after):
    archive, config, copy = own
    back_up(archive, config, copy, now=NOW)
    before = contents(archive)
    for number in range(3, 8):
        store(archive, [post(number)])
    archive.maintain()
    write = Folder.write
    made = []

    def fail(self, name, chunks):
        made.append(name)
        if (len(made) == after) or (after == -1 and name == LIST) or (after == -2 and name.endswith(".toml")):
            raise OSError(28, "No space left on device")
        write(self, name, chunks)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", fail)
        with pytest.raises(StorageError, match="No space left on device"):
            back_up(archive, config, copy, now=NOW)
    restore(copy, elsewhere(tmp_path), now=NOW)
    assert contents(open_archive(tmp_path / "elsewhere")) == before
    back_up(archive, config, copy, now=NOW)
    assert list(damaged(copy)) == []


def test_a_first_backup_that_was_broken_off_is_no_backup_and_is_gone_on_with(own, tmp_path, monkeypatch):
    archive, config, copy = own
    write = Folder.write

    def fail(self, name, chunks):
        if "_delta_log" in name:
            raise OSError(5, "Input/output error")
        write(self, name, chunks)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", fail)
        with pytest.raises(StorageError, match="Input/output error"):
            back_up(archive, config, copy, now=NOW)
    with pytest.raises(UsageError, match="was broken off before it was whole"):
        restore(copy, elsewhere(tmp_path), now=NOW)
    back_up(archive, config, copy, now=NOW)
    restore(copy, elsewhere(tmp_path), now=NOW)
    assert contents(open_archive(tmp_path / "elsewhere")) == contents(archive)


def test_a_damaged_backup_is_named_and_not_restored(own, tmp_path):
    archive, config, copy = own
    back_up(archive, config, copy, now=NOW)
    name = max(json.loads((tmp_path / "copy" / LIST).read_text())["files"], key=lambda one: "payloads" in one)
    data = bytearray((tmp_path / "copy" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "copy" / name).write_bytes(data)
    assert list(damaged(copy)) == [name]
    with pytest.raises(StorageError, match="is damaged in the backup; nothing was restored"):
        restore(copy, elsewhere(tmp_path), now=NOW)
    assert not (tmp_path / "elsewhere" / "archive").exists()
    (tmp_path / "copy" / name).unlink()
    with pytest.raises(StorageError, match="is missing in the backup"):
        restore(copy, elsewhere(tmp_path), now=NOW)


def test_nothing_is_overwritten_and_nothing_else_is_taken_for_a_backup(own, tmp_path):
    archive, config, copy = own
    with pytest.raises(UsageError, match="is no backup"):
        restore(copy, elsewhere(tmp_path), now=NOW)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "letters.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something else"):
        back_up(archive, config, copy, now=NOW)
    (tmp_path / "copy" / "letters.txt").unlink()
    back_up(archive, config, copy, now=NOW)
    with pytest.raises(UsageError, match="is there already"):
        restore(copy, config, now=NOW)
    other = elsewhere(tmp_path)
    store(open_archive(tmp_path / "elsewhere"), [post(1)])
    with pytest.raises(UsageError, match="of another archive"):
        back_up(open_archive(tmp_path / "elsewhere"), other, copy, now=NOW)
    with pytest.raises(UsageError, match="in the archive itself"):
        back_up(archive, config, f"{archive.url}/copy", now=NOW)


def test_a_backup_of_a_later_state_is_not_overwritten_by_an_earlier_one(own, tmp_path):
    archive, config, copy = own
    back_up(archive, config, str(tmp_path / "early"), now=NOW)
    store(archive, [post(3)])
    back_up(archive, config, copy, now=NOW)
    restored = elsewhere(tmp_path)
    restore(str(tmp_path / "early"), restored, now=NOW)
    with pytest.raises(UsageError, match="later state"):
        back_up(open_archive(tmp_path / "elsewhere"), restored, copy, now=NOW)


def test_what_was_erased_or_forgotten_since_does_not_come_back_with_a_backup(own, tmp_path):
    archive, config, copy = own
    import_path(archive, said(tmp_path, author="7002000000123", handle="bo_invents", first=GONE + 10, more=" of Bo's"))
    back_up(archive, config, copy, now=NOW)
    erase_posts(archive, [Erasure(f"x:{GONE}", datetime(2022, 3, 5, 7, tzinfo=UTC), NOW)], now=NOW)
    forget_person(archive, config, find(archive, config, "x:bo_invents"), environ={}, now=lambda: NOW)
    assert not texts_on_disk(tmp_path / "own", "of Bo's")
    shutil.rmtree(archive.url)
    restore(copy, config, now=NOW)
    for text in ("regretted soon after", "of Bo's", "bo_invents", "7002000000123"):
        assert texts_on_disk(tmp_path / "copy", text)
        assert texts_on_disk(tmp_path / "own" / "archive", text) == []
    assert texts_on_disk(tmp_path / "own" / "archive", "another word that stays")
