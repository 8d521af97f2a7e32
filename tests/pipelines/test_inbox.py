"""What lies in the inbox is imported once, the chat's as the chat's, and again when it has changed."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from knowarchive.config import load_config
from knowarchive.errors import ConfigError, ReadError
from pipelines.inbox import Pull, choose, find_pulls
from storage.archive import Run
from tests.archives import configure

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHATS = '[[chat]]\nname = "lanternkm"\nhashtags = ["lanternkm"]\n'


@pytest.fixture
def pull(tmp_path):
    return Pull(tmp_path / "pull.jsonl", None, NOW - HOUR)


def tried(pull, at, status="done"):
    return Run(
        run_id=f"{at}", kind="import", chat=pull.chat, source=pull.source, status=status, started_at=at, finished_at=at
    )


def test_a_file_is_imported_once_and_again_when_it_changed(pull):
    assert choose([pull], [], NOW) == [pull]
    assert choose([pull], [tried(pull, NOW - HOUR / 2)], NOW) == []
    assert choose([pull], [tried(pull, NOW - 2 * HOUR)], NOW) == [pull]


def test_a_file_that_cannot_be_read_is_not_tried_until_it_changes(pull):
    failed = tried(pull, NOW - HOUR / 2, "failed")
    assert choose([pull], [failed], NOW) == []
    mended = replace(pull, changed=NOW - HOUR / 4)
    assert choose([mended], [failed], NOW) == [mended]


def test_a_file_that_may_still_be_written_is_waited_for(pull):
    fresh = replace(pull, changed=NOW - timedelta(seconds=20))
    assert choose([fresh], [], NOW) == []
    assert choose([fresh], [], NOW + HOUR) == [fresh]


def test_two_files_of_one_name_are_two_where_one_is_a_chats_own(pull):
    own = replace(pull, chat="lanternkm", changed=pull.changed - HOUR)
    assert choose([pull, own], [], NOW) == [own, pull]
    assert choose([pull, own], [tried(pull, NOW)], NOW) == [own]


def test_files_lie_in_the_inbox_or_in_the_folder_of_a_chat(tmp_path):
    config = load_config(configure(tmp_path, f'[schedule]\ninbox = "inbox"\n{CHATS}'))
    for name in (
        "b.jsonl",
        "a.csv",
        "lanternkm/c.jsonl",
        "strangers/d.jsonl",
        ".part",
        "lanternkm/.e",
        "lanternkm/x/f",
    ):
        path = tmp_path / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))  # as a copy that keeps its time
    found = list(find_pulls(config))
    assert [one.name for one in found] == ["import a.csv", "import b.jsonl", "import lanternkm/c.jsonl"]
    assert [one.chat for one in found] == [None, None, "lanternkm"]
    assert all(datetime.now(UTC) - one.changed < HOUR for one in found)


@pytest.mark.parametrize("folder", [" ", "a\\u0000b", "~nobody-of-this-name/x"])
def test_what_no_folder_can_be_is_refused(tmp_path, folder):
    with pytest.raises(ConfigError, match=r"\[schedule\]: inbox cannot be \""):
        load_config(configure(tmp_path, f'[schedule]\ninbox = "{folder}"\n'))
    with pytest.raises(ConfigError, match=r"publish.folder cannot be \""):
        load_config(configure(tmp_path, f'[publish]\nfolder = "{folder}"\n'))


def test_without_an_inbox_nothing_is_looked_for_and_one_that_is_gone_is_one_line(tmp_path):
    assert list(find_pulls(load_config(configure(tmp_path, CHATS)))) == []
    config = load_config(configure(tmp_path, '[schedule]\ninbox = "inbox"\n'))
    with pytest.raises(ReadError, match=r"inbox: cannot be read: No such file or directory; make it"):
        list(find_pulls(config))
