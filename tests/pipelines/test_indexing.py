import itertools
import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from tantivy import Query

from knowarchive.config import load_config
from knowarchive.errors import ConflictError, StorageError
from knowarchive.model import Link, Media, Mention
from pipelines import indexing
from pipelines.helpers import Helpers
from pipelines.indexing import bring_up_to_date, finish_erasing, forget_erased, index_folder, is_current
from pipelines.sessions import list_sessions, make_transcript
from storage import changes as table_changes
from storage.archive import Archive
from tests.archives import ROOT, configure, data_files, import_path, post, store
from transcripts.search.index import ERASING, IndexWriter, open_index, read_state
from transcripts.search.language import parse
from transcripts.search.results import search

CHATS = """
[[chat]]
name = "lampchat"
hashtags = ["lampchat"]
schedule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=12;BYMINUTE=0"

[[chat]]
name = "quiet"
hashtags = ["quietchat"]
"""
NOON = datetime(2015, 3, 10, 12, tzinfo=UTC)  # a Tuesday


@pytest.fixture
def config(tmp_path):
    return load_config(configure(tmp_path, CHATS))


@pytest.fixture
def archive(config):
    return Archive(config.archive_url, config.state_dir)


def said(number, text, minute=0, *, tags=("lampchat",), **fields):
    moment = NOON + timedelta(minutes=minute)
    values = {"author_handle": f"person{number % 7}", "author_uid": f"x:{number % 7}", "lang": "en", **fields}
    return post(number, text=text, hashtags=tags, **{"created_at": moment, "observed_at": moment, **values})


def session(first=100, minute=0):
    """A small session: a moderator asks twice, people answer."""
    asked = {"author_handle": "chair", "author_uid": "x:999"}
    posts = [said(first, "Q1: What did you read this week? #lampchat", minute + 5, **asked)]
    posts += [
        said(first + n, f"A1: a book about lamp number {n} #lampchat", minute + 6 + n, reply_to=f"x:{first}")
        for n in range(1, 8)
    ]
    posts += [said(first + 20, "Q2: And what did you write, if anything? #lampchat", minute + 25, **asked)]
    posts += [said(first + 20 + n, f"A2: a letter to aunt number {n} #lampchat", minute + 26 + n) for n in range(1, 8)]
    return posts


def held(config):
    """Everything in the index, by uid."""
    index = open_index(index_folder(config))
    return {one.uid: one for one in index.find(Query.all_query(), index.state.posts or 1)}


def rebuilt(archive, config):
    """What an index built anew would hold."""
    bring_up_to_date(archive, config, rebuild=True)
    return held(config)


def test_an_index_that_was_brought_up_to_date_is_the_one_that_would_be_built(archive, config):
    posts = session()
    store(archive, posts[::2])
    assert bring_up_to_date(archive, config).changed == len(posts[::2])
    later = [*posts[1::2], said(500, "outside any session", 600), said(501, "a quiet one", 3000, tags=("quietchat",))]
    store(archive, later)
    store(archive, [said(502, "and another", 3010, tags=("quietchat",), links=(Link("https://example.org/a"),),
                         media=(Media("photo", alt="a lamp"),), mentions=(Mention("chair", "x:999"),))])  # fmt: skip
    store(
        archive,
        [
            said(
                101,
                "A1: a book about lamp number 1 #lampchat",
                7,
                reply_to="x:100",
                likes=12,
                observed_at=NOON + timedelta(days=1),
            )
        ],
    )
    told = []
    done = bring_up_to_date(archive, config, on_progress=told.append)
    assert done.rebuilt is None
    assert 0 < done.changed < told[-1], "progress is of what was looked at, not of what changed"
    amended = held(config)
    assert amended == rebuilt(archive, config)
    assert amended["x:101"].likes == 12
    assert len(amended) == len(posts) + 3


def test_others_who_read_and_file_make_the_same_index(archive, config, monkeypatch):
    weeks = [one for week in range(6) for one in session(1000 * week + 100, week * 7 * 24 * 60)]
    store(archive, [*weeks, *(said(9000 + day, "between sessions", day * 24 * 60) for day in range(40))])
    alone = rebuilt(archive, config)
    assert len(alone) == len(weeks) + 40
    monkeypatch.setattr(indexing, "AT_ONCE", 30)
    told = []
    with Helpers(2, "pipelines.indexing") as pool:
        done = bring_up_to_date(archive, config, rebuild=True, pool=pool, on_progress=told.append)
        assert pool.is_started
    assert held(config) == alone
    assert done.changed == told[-1] == len(alone)
    assert len(told) > 2


def test_what_is_small_is_not_worth_others(archive, config):
    store(archive, session())
    with Helpers(2) as pool:
        bring_up_to_date(archive, config, pool=pool)
        assert not pool.is_started


def test_what_is_read_at_once_cuts_no_session_leaves_nothing_out_and_is_of_about_one_size(archive, config, monkeypatch):
    weeks = [one for week in range(12) for one in session(1000 * week + 100, week * 7 * 24 * 60)]
    store(archive, [*weeks, said(9000, "years later", 3 * 365 * 24 * 60)])
    monkeypatch.setattr(indexing, "AT_ONCE", 50)
    work = indexing._Work(archive, config)
    since, until = archive.extent()
    pieces = list(work.cut([(since, until + timedelta(seconds=1))]))
    assert pieces[0][0] <= since
    assert pieces[-1][1] > until
    assert all(earlier[1] == later[0] for earlier, later in itertools.pairwise(pieces))
    assert not any(window.opens < end < window.closes for _, window in work.windows for _, end in pieces)
    counts = [len(work.read(*piece)) for piece in pieces]
    assert sum(counts) == len(weeks) + 1
    assert 30 <= max(counts) <= 100
    assert len(pieces) < 12


def test_the_filing_in_the_index_is_that_of_the_transcripts(tmp_path):
    shutil.copy(ROOT / "demo" / "knowarchive.toml", tmp_path)
    config = load_config(tmp_path / "knowarchive.toml")
    archive = Archive(config.archive_url, config.state_dir)
    for path in sorted((ROOT / "demo" / "data").iterdir()):
        import_path(archive, path)
    bring_up_to_date(archive, config)
    found = held(config)
    [chat] = config.chat
    filed = 0
    for row in list_sessions(archive, chat):
        for entry in make_transcript(archive, chat, row.date).entries:
            [one] = found[entry.post.uid].filed
            assert (one.session, one.topic, one.role) == (row.date, entry.filing.topic, entry.filing.role)
            filed += 1
    assert filed > 200


def test_a_correction_is_in_the_index_and_so_is_taking_it_back(archive, config):
    store(archive, session())
    bring_up_to_date(archive, config)
    config.overrides_path.write_text('[lampchat.2015-03-10.topics]\n"x:101" = "Q2"\n')
    assert not is_current(config)
    assert bring_up_to_date(archive, config).rebuilt is None
    assert held(config)["x:101"].filed[0].topic == "Q2"
    config.overrides_path.unlink()
    bring_up_to_date(archive, config)
    assert held(config)["x:101"].filed[0].topic == "Q1"


@pytest.mark.parametrize(
    "change",
    [
        (
            'FREQ=WEEKLY;BYDAY=TU;BYHOUR=12;BYMINUTE=0"\n',
            'FREQ=WEEKLY;BYDAY=TU;BYHOUR=12;BYMINUTE=0"\nskip = [2015-03-10]\n',
        ),
        (
            '[[chat]]\nname = "quiet"',
            '[[chat.session]]\ndate = 2015-03-11\nstart = "09:00"\n\n[[chat]]\nname = "quiet"',
        ),
        ('[[chat]]\nname = "lamp', '[[person]]\nname = "A"\naccounts = ["x:a", "x:b"]\n\n[[chat]]\nname = "lamp'),
    ],
    ids=["skip", "session", "person"],
)
def test_whatever_decides_on_sessions_and_people_makes_the_index_stale(archive, config, tmp_path, change):
    store(archive, session())
    bring_up_to_date(archive, config)
    assert held(config)["x:101"].filed[0].session == "2015-03-10"
    assert CHATS.replace(*change) != CHATS
    edited = load_config(configure(tmp_path, CHATS.replace(*change)))
    assert not is_current(edited)
    bring_up_to_date(archive, edited)
    assert (held(edited)["x:101"].filed[0].session is None) == ("skip" in change[1])


def test_what_was_erased_leaves_the_index_or_it_is_said_that_it_has_not(archive, config, caplog):
    store(archive, [*session(), said(300, "xylophonist", 9)])
    forget_erased(archive, config)
    assert not index_folder(config).exists(), "there is none, and nobody asked for one"
    bring_up_to_date(archive, config)
    gone = said(300, None, 9, deleted_at=NOON + timedelta(days=1), observed_at=NOON + timedelta(days=1))
    store(archive, [gone])
    with IndexWriter(index_folder(config), read_state(index_folder(config))):
        forget_erased(archive, config)
    assert "still in the search index" in caplog.text
    forget_erased(archive, config)
    assert search(open_index(index_folder(config)), parse("xylophonist")).total == 0


def test_compaction_changes_nothing(archive, config):
    posts = session()
    for one in posts:
        store(archive, [one])
    bring_up_to_date(archive, config)
    archive.maintain()
    archive.vacuum(timedelta())
    assert not is_current(config)
    done = bring_up_to_date(archive, config)
    assert (done.changed, done.rebuilt) == (0, None)
    assert is_current(config)


def test_what_was_added_before_a_compaction_that_took_its_file_away_is_found_all_the_same(archive, config):
    store(archive, session())
    bring_up_to_date(archive, config)
    store(archive, [said(300, "the late zebra", 40)])
    archive.maintain()
    archive.vacuum(timedelta())
    assert bring_up_to_date(archive, config).rebuilt is None
    assert search(open_index(index_folder(config)), parse("zebra")).total == 1


def test_a_post_that_its_author_deleted_leaves_its_words_nowhere(archive, config):
    store(archive, [*session(), said(300, "xylophonist", 9)])
    bring_up_to_date(archive, config)
    gone = said(300, None, 9, deleted_at=NOON + timedelta(days=1), observed_at=NOON + timedelta(days=1))
    store(archive, [gone])
    bring_up_to_date(archive, config)
    assert search(open_index(index_folder(config)), parse("xylophonist")).total == 0
    folder = index_folder(config)
    assert [one for one in folder.rglob("*") if one.is_file() and b"xylophonist" in one.read_bytes()] == []


def test_taking_what_was_erased_off_the_disk_can_wait_for_the_answer(archive, config):
    store(archive, [*session(), said(300, "xylophonist", 9)])
    bring_up_to_date(archive, config)
    store(archive, [said(300, None, 9, deleted_at=NOON + timedelta(days=1), observed_at=NOON + timedelta(days=1))])
    bring_up_to_date(archive, config, purge=False)
    folder = index_folder(config)
    before = read_state(folder)
    assert search(open_index(folder), parse("xylophonist")).total == 0
    assert (folder / ERASING).exists()
    finish_erasing(config)
    assert not (folder / ERASING).exists()
    assert [one for one in folder.rglob("*") if one.is_file() and b"xylophonist" in one.read_bytes()] == []
    assert read_state(folder) == before
    assert is_current(config)
    assert search(open_index(folder), parse("letter")).total == 7


def test_another_hashtag_schedule_or_chat_builds_the_index_anew(archive, config, tmp_path):
    store(archive, session())
    bring_up_to_date(archive, config)
    changed = load_config(configure(tmp_path, CHATS.replace('"quietchat"', '"silentchat"')))
    assert bring_up_to_date(archive, changed).rebuilt == "the configuration of the chats, or the program, changed"
    renamed = load_config(configure(tmp_path, CHATS.replace('"quietchat"', '"silentchat"') + 'title = "Quiet"\n'))
    assert is_current(renamed)


def test_another_version_of_the_program_builds_the_index_anew(archive, config, monkeypatch):
    store(archive, session())
    bring_up_to_date(archive, config)
    assert is_current(config)
    monkeypatch.setattr("pipelines.indexing._code", lambda: "another")
    assert not is_current(config)
    assert bring_up_to_date(archive, config).rebuilt


def test_a_log_with_a_gap_does_not_tell_what_changed(archive, config):
    store(archive, session())
    bring_up_to_date(archive, config)
    store(archive, [said(300, "one", 40)])
    store(archive, [said(301, "two", 41)])
    log = sorted((data_files(archive, "posts")[0].parents[1] / "_delta_log").glob("*.json"))
    log[-2].rename(log[-2].with_suffix(".gone"))
    assert table_changes.changes(archive, "posts", 1, 3) is None


@pytest.mark.parametrize("damage", ["no state", "torn state", "older code", "no folder", "torn index"])
def test_an_index_that_is_missing_damaged_or_older_is_built_anew(archive, config, damage):
    store(archive, session())
    bring_up_to_date(archive, config)
    folder = index_folder(config)
    state = folder / "state.json"
    if damage == "no state":
        state.unlink()
    elif damage == "torn state":
        state.write_bytes(state.read_bytes()[:20])
    elif damage == "older code":
        state.write_text(json.dumps({**json.loads(state.read_bytes()), "code": 0}))
    elif damage == "no folder":
        shutil.rmtree(folder / read_state(folder).folder)
    else:
        for file in (folder / read_state(folder).folder).glob("*.idx"):
            file.write_bytes(b"")
        with pytest.raises(StorageError, match="knowarchive index --rebuild"):
            open_index(folder)
    assert is_current(config) is (damage == "torn index")  # nobody opens it to find out
    assert bring_up_to_date(archive, config).rebuilt
    assert len(held(config)) == 16
    assert [one.name for one in folder.iterdir() if one.is_dir()] == [read_state(folder).folder]


def test_one_process_indexes_at_a_time_and_readers_go_on(archive, config):
    store(archive, session())
    bring_up_to_date(archive, config)
    reader = open_index(index_folder(config))
    with IndexWriter(index_folder(config), reader.state):
        with pytest.raises(ConflictError, match="another process is indexing"):
            bring_up_to_date(archive, config, rebuild=True)
        assert search(reader, parse("letter")).total == 7
    bring_up_to_date(archive, config, rebuild=True)
    assert search(reader, parse("letter")).total == 7  # what it read from is gone from the folder, and not for it


def test_a_build_that_is_cut_short_leaves_the_old_index_and_nothing_else(archive, config):
    store(archive, session())
    bring_up_to_date(archive, config)
    folder = index_folder(config)
    before = sorted(folder.iterdir())

    def stop(_posts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring_up_to_date(archive, config, rebuild=True, on_progress=stop)
    assert sorted(folder.iterdir()) == before
    assert search(open_index(folder), parse("letter")).total == 7


def test_an_empty_archive_has_an_empty_index_that_grows(archive, config):
    assert bring_up_to_date(archive, config).posts == 0
    assert is_current(config)
    store(archive, session())
    assert bring_up_to_date(archive, config).posts == 16


def test_the_index_is_for_its_owner_alone(archive, config):
    bring_up_to_date(archive, config)
    assert index_folder(config).stat().st_mode & 0o077 == 0
