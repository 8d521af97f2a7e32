"""Tables on a folder: written, read by window, compacted under readers, kept whole when the disk is full or read-only."""

import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from knowarchive.errors import ConflictError, KnowarchiveError, NewerArchiveError, StorageError
from knowarchive.model import Account, Payload, Repost
from pipelines.understanding import understand
from storage import tables
from storage.archive import SMALL_FILES, Archive
from storage.changes import changes
from storage.schema import TABLES
from storage.staging import Staging
from tests.archives import (
    NOW,
    at,
    command,
    configure,
    contents,
    data_files,
    environment,
    generated,
    import_path,
    open_archive,
    post,
    query,
    rows,
    run,
    store,
)


def months_of(archive, table="posts", *window):
    return [file.month for file in archive.tables[table].files(*window)]


def fill(archive, runs=4, months=(3, 4)):
    """Several small files to a month, with edits, accounts and reposts."""
    for number in range(runs):
        posts = [
            post(uid, minute=number, month=month, text=f"{uid} {number}", likes=number, author_uid="x:9")
            for month in months
            for uid in (month * 100, month * 100 + number)
        ]
        store(
            archive,
            posts,
            accounts=[Account(uid="x:9", handle="ann", followers=number, observed_at=at(number))],
            reposts=[Repost(post_uid=f"x:{number}", post_at=at(), account_uid="x:9", observed_at=at(number))],
        )


def log_entries(archive, table="posts"):
    folder = archive.tables[table].folder / "_delta_log"
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in sorted(folder.glob("*.json"))]


# Writing and reading


def test_an_archive_that_was_never_written_is_empty_and_makes_no_folder(archive, tmp_path):
    assert rows(archive) == {}
    assert archive.extent() is None
    assert archive.posts(at(), at(month=5)) == []
    assert archive.runs() == []
    assert not (tmp_path / "archive").exists()


def test_what_is_stored_is_read_by_another_opening(archive, tmp_path):
    store(archive, [post(1, text="a")])
    assert rows(open_archive(tmp_path))["x:1"]["text"] == "a"


def test_an_open_archive_sees_what_others_store(archive, tmp_path):
    store(archive, [post(1)])
    assert len(rows(archive)) == 1
    store(open_archive(tmp_path), [post(2)])
    assert len(rows(archive)) == 2


def test_a_window_is_read_from_the_files_of_its_months_alone(archive):
    store(archive, [post(month, month=month) for month in range(1, 7)])
    assert months_of(archive) == [f"2015-{month:02d}" for month in range(1, 7)]
    assert months_of(archive, "posts", at(month=3), at(month=4) + timedelta.resolution) == ["2015-03", "2015-04"]
    assert months_of(archive, "posts", at(month=3), at(month=4)) == ["2015-03"], "the end is not in the window"
    assert months_of(archive, "posts", at(1, month=3), at(month=4)) == []
    assert [one.uid for one in archive.posts(at(month=2), at(month=4))] == ["x:2", "x:3"]
    assert archive.extent() == (at(month=1), at(month=6))


def test_posts_come_in_order_of_time_within_the_window(archive):
    minutes = {1: 9, 2: 3, 3: 6, 4: 20}
    store(archive, [post(uid, created_at=at(minute)) for uid, minute in minutes.items()])
    assert [one.uid for one in archive.posts(at(3), at(20))] == ["x:2", "x:3", "x:1"]


def test_the_cost_of_a_window_does_not_grow_with_the_archive(archive, monkeypatch):
    for month in range(1, 9):
        store(archive, [post(month, month=month)])
    scanned = []
    scan = Archive.scan
    monkeypatch.setattr(
        Archive,
        "scan",
        lambda self, con, spec, files, name: (scanned.append(len(files)), scan(self, con, spec, files, name)),
    )
    archive.posts(at(month=5), at(month=6))
    store(archive, [post(5, minute=9, month=5, likes=3)])
    assert max(scanned) == 1


def test_a_folder_that_is_a_file_is_said_to_be_one(tmp_path):
    (tmp_path / "archive").write_text("x")
    with pytest.raises(StorageError, match="is a file, not a folder"):
        open_archive(tmp_path)


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


STRANGE = [
    "it's \"a[x]b*?[!a]",
    "100% ünï·文字 😀 a#b&c;d=e {f} ~",
    *map(slow, ("with space", "a[x]b", "[!a]", "star*", "what?", "100%", "a#b", "a&b;c=d", "~tilde", "{brace}")),
]


@pytest.mark.parametrize("name", STRANGE)
def test_an_archive_may_lie_in_a_folder_of_any_name(tmp_path, name):
    archive = open_archive(tmp_path / name)
    fill(archive, 2, (3,))
    before = contents(archive)
    assert len(before["posts"]) == 2
    archive.maintain()
    archive.vacuum(timedelta(0))
    assert contents(open_archive(tmp_path / name)) == before
    assert len(list(archive.payloads())) == 2
    with archive.connect(alone=True) as con:
        archive.create_views(con)
        archive.lock_down(con)
        assert con.sql("SELECT count(*) AS n FROM posts").to_arrow_table().to_pylist() == [{"n": 2}]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["per%20cent", "back\\slash"])
def test_a_folder_that_the_log_would_be_lost_in_is_refused_at_once(tmp_path, name):
    with pytest.raises(StorageError, match="choose another"):
        open_archive(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_locked_down_connection_reads_the_archive_and_nothing_else(archive, tmp_path):
    import duckdb

    store(archive, [post(1)])
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with archive.connect(alone=True) as con:
        archive.create_views(con)
        archive.lock_down(con)
        for hostile in (
            f"SELECT * FROM '{tmp_path}/secret.csv'",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                con.execute(hostile)
    assert not (tmp_path / "out.csv").exists()


def test_two_connections_have_their_own_view_of_one_name(archive):
    fill(archive, 1, (3,))
    with archive.connect() as one, archive.connect() as other:
        for con, table in ((one, "posts"), (other, "accounts")):
            archive.scan(con, TABLES[table], archive.tables[table].files(), "stored")
        assert "text" in one.sql("SELECT * FROM stored").columns
        assert "bio" in other.sql("SELECT * FROM stored").columns


def test_what_was_empty_in_one_stretch_is_not_taken_for_empty_in_the_next(archive):
    fill(archive, 1, (3,))
    spec, files = TABLES["posts"], archive.tables["posts"].files()
    with archive.connect() as con:
        for wanted in ([], files, [], files):
            archive.scan(con, spec, wanted, "stored")
            rows_there = con.sql("SELECT count(*) AS n FROM stored").to_arrow_table().to_pylist()
            assert rows_there == [{"n": sum(file.rows for file in wanted)}]


# Compaction


def test_compaction_leaves_one_file_a_month_and_the_same_posts(archive):
    fill(archive)
    before = contents(archive)
    assert months_of(archive) == ["2015-03"] * 4 + ["2015-04"] * 4
    folded = archive.maintain()
    assert contents(archive) == before
    for table in ("posts", "accounts", "reposts", "payloads"):
        assert len(months_of(archive, table)) == len(set(months_of(archive, table)))
    assert folded["files_after"] < folded["files_before"]
    assert archive.maintain()["files_before"] == folded["files_after"]


def test_pages_that_came_one_by_one_are_compressed_together(archive):
    for number in range(40):
        page = {
            "data": [
                {"id": str(1_000 + number), "text": f"swift number {number}", "created_at": "2015-03-05T07:00:00Z"}
            ]
        }
        with Staging(archive, now=NOW) as staging:
            payload = Payload(format="x-v2-jsonl", origin=f"page {number}", body=json.dumps(page).encode(), items=1)
            staging.add(understand(payload)[0])
            staging.finish()
    stored = archive.tables["payloads"]
    before = [payload for payload, _ in archive.payloads()]
    assert len(stored.files()) == len(before) == 40
    archive.maintain()
    [file] = stored.files()
    with stored.open_file(file) as source:
        assert pq.ParquetFile(source).num_row_groups == 2
    assert sorted(payload.body for payload, _ in archive.payloads()) == sorted(payload.body for payload in before)


def test_tables_are_made_while_payloads_come_and_show_nothing_before_all_have(archive, tmp_path):
    page = {"data": [{"id": "1000", "text": "a swift", "created_at": "2015-03-05T07:00:00Z"}]}
    with Staging(archive, now=NOW) as staging:
        payload = Payload(format="x-v2-jsonl", origin="page", body=json.dumps(page).encode(), items=1)
        staging.add(understand(payload)[0])
        log = tmp_path / "archive" / "posts" / "_delta_log"
        until = time.monotonic() + 30
        while not list(log.glob("*.json")) and time.monotonic() < until:
            time.sleep(0.01)
        assert log_entries(archive)
        assert open_archive(tmp_path).size() == 0
        staging.finish()
    assert archive.size() == 1
    assert not (log.parent.parent / "accounts").exists()  # nobody was told of


def test_compaction_says_in_the_log_that_no_data_changed(archive):
    fill(archive, 3, (3,))
    entries = len(log_entries(archive))
    archive.maintain()
    [compaction] = log_entries(archive)[entries:]
    changes = [action[kind]["dataChange"] for action in compaction for kind in ("add", "remove") if kind in action]
    assert changes == [False] * 4, "one added, three removed"


def test_a_reader_of_the_old_version_reads_on_until_the_vacuum(archive):
    fill(archive, 3, (3,))
    before = rows(archive)
    with archive.connect(alone=True) as con:
        archive.create_views(con)
        count = "SELECT count(*) AS n FROM posts"
        archive.maintain()
        assert archive.vacuum() == 0, "within a week nothing is deleted"
        assert con.sql(count).to_arrow_table().to_pylist() == [{"n": len(before)}]
    assert archive.vacuum(timedelta(0)) > 0
    assert rows(archive) == before


def test_a_file_that_was_never_committed_is_not_read_and_goes_with_the_vacuum(archive):
    store(archive, [post(1)])
    archive.maintain()
    archive.vacuum(timedelta(0))
    [file] = data_files(archive, "posts")
    orphan = file.with_name("0" * 32 + ".parquet")
    shutil.copy(file, orphan)
    torn = file.with_name("1" * 32 + ".parquet")
    torn.write_bytes(b"PAR1 and then the power went")
    assert query(archive, "SELECT count(*) AS n FROM posts_observations") == [{"n": 1}]
    archive.maintain()
    archive.vacuum()
    assert orphan.exists(), "it may be somebody's who is about to commit it"
    archive.vacuum(timedelta(0))
    assert not orphan.exists()
    assert not torn.exists()
    assert data_files(archive, "posts") == [file]
    assert file.exists()


def test_files_that_somebody_else_rewrote_are_not_rewritten_again(archive, tmp_path):
    fill(archive, 2, (3,))
    stored, other = archive.tables["posts"], open_archive(tmp_path)
    before = rows(archive)
    old = stored.files()
    added = stored.write(
        pq.read_table(data_files(archive, "posts")[0], schema=TABLES["posts"].schema, partitioning=None)
    )
    other.maintain()
    with pytest.raises(ConflictError) as caught:
        stored.commit(added, old, data_change=False)
    assert caught.value.retryable
    assert rows(archive) == before


def test_a_log_that_cannot_be_summed_up_fails_no_run(archive, monkeypatch, caplog):
    def refuse(_table):
        raise DeltaError("no space left")

    fill(archive)
    monkeypatch.setattr("storage.tables.CHECKPOINT_EVERY", 1)
    monkeypatch.setattr(DeltaTable, "create_checkpoint", refuse)
    archive.tidy()
    assert "the log cannot be summed up: no space left" in caplog.text


def test_old_files_that_cannot_be_deleted_are_a_storage_error(archive, monkeypatch):
    def refuse(*_arguments, **_options):
        raise DeltaError("not permitted")

    fill(archive)
    monkeypatch.setattr(DeltaTable, "vacuum", refuse)
    with pytest.raises(StorageError, match="old files cannot be deleted: not permitted"):
        archive.vacuum()


@pytest.mark.slow
def test_two_that_maintain_at_once_do_no_harm(tmp_path):
    fill(open_archive(tmp_path), 5)
    before = contents(open_archive(tmp_path))
    start, failures = threading.Barrier(3), []

    def maintain():
        archive = open_archive(tmp_path)
        start.wait()
        try:
            archive.maintain()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
            failures.append(error)

    threads = [threading.Thread(target=maintain) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    archive = open_archive(tmp_path)
    assert contents(archive) == before
    archive.maintain()
    assert contents(archive) == before
    assert len(set(months_of(archive))) == len(months_of(archive))


def age(folder, days=40):
    """Make files as old as they will be one day."""
    then = time.time() - days * 86_400
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


def test_a_log_of_more_than_a_month_ago_is_shortened_and_nothing_else_changes(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "CHECKPOINT_EVERY", 3)
    fill(archive, 4, (3,))
    archive.maintain()
    reader = open_archive(tmp_path)
    before = contents(reader)
    log = tmp_path / "archive" / "posts" / "_delta_log"
    entries = {path.name for path in log.glob("*.json")}
    archive.vacuum(timedelta(days=7))
    assert {path.name for path in log.glob("*.json")} == entries, "what is younger stays"
    age(tmp_path / "archive")
    version = archive.tables["posts"].open().version()
    archive.vacuum(timedelta(days=7))
    assert {path.name for path in log.glob("*.json")} < entries
    assert contents(reader) == contents(open_archive(tmp_path)) == before
    assert changes(archive, "posts", 0, version) is None, "it tells no more what changed since then"
    store(reader, [post(7, text="after")])
    assert contents(archive)["posts"].keys() == before["posts"].keys() | {"x:7"}


def test_the_log_is_summed_up_when_it_has_grown(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "CHECKPOINT_EVERY", 3)
    fill(archive, 4, (3,))
    before = contents(archive)
    archive.maintain()
    log = tmp_path / "archive" / "posts" / "_delta_log"
    assert (log / "_last_checkpoint").exists()
    assert len(list(log.glob("*.checkpoint.parquet"))) == 1
    archive.maintain()
    assert len(list(log.glob("*.checkpoint.parquet"))) == 1, "not again before it has grown again"
    store(archive, [post(7, text="after")])
    after = contents(open_archive(tmp_path))
    assert after["posts"].keys() == before["posts"].keys() | {"x:7"}
    assert len(list(log.glob("*.json"))) == 1 + 4 + 1 + 1, "the entries stay"


# What stands outside the rows


def test_the_log_and_the_footers_tell_nothing_of_anybody(archive, monkeypatch):
    monkeypatch.setattr(tables, "CHECKPOINT_EVERY", 1)
    secret = "zzsecret"
    for minute in range(2):
        store(
            archive,
            [
                post(
                    1,
                    minute,
                    text=secret,
                    author_handle=secret,
                    author_name=secret,
                    author_uid=f"x:{secret}",
                    url=secret,
                )
            ],
            accounts=[Account(uid=f"x:{secret}", handle=secret, bio=secret, name=secret, observed_at=at(minute))],
            reposts=[Repost(post_uid=secret, post_at=at(), account_handle=secret, observed_at=at(minute))],
        )
    archive.maintain()
    root = Path(archive.url)
    logs = [path for path in root.glob("*/_delta_log/*") if path.is_file()]
    assert {path.suffix for path in logs} == {".json", ".parquet", ""}
    for path in logs:
        assert secret.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":
            assert secret not in str(pq.read_table(path).to_pylist())
    for table, spec in TABLES.items():
        for entry in log_entries(archive, table) if (root / table).exists() else ():
            for action in entry:
                stats = json.loads(action["add"]["stats"]) if "add" in action else {}
                for kind in ("minValues", "maxValues", "nullCount"):
                    assert stats.get(kind, {}).keys() <= {spec.month_of}
    for path in root.glob("*/month=*/*.parquet"):
        footer = pq.ParquetFile(path).metadata
        group = footer.row_group(0)
        told = {
            group.column(i).path_in_schema
            for i in range(group.num_columns)
            if group.column(i).statistics and group.column(i).statistics.has_min_max
        }
        assert told == {TABLES[path.parent.parent.name].month_of}
        assert secret not in str(footer.metadata)


def test_the_folder_is_a_delta_table_that_others_read(archive):
    fill(archive, 2, (3,))
    delta = DeltaTable(str(archive.tables["posts"].folder))
    assert delta.to_pyarrow_table(columns=["uid", "month"]).num_rows == 3
    assert delta.metadata().partition_columns == ["month"]


# Versions


def newer(archive, table="posts"):
    delta = DeltaTable(str(archive.tables[table].folder))
    delta.alter.set_table_properties({"knowarchive.schema": "99"}, raise_if_not_exists=False)


def test_an_archive_of_a_newer_version_is_left_alone_with_one_clear_line(archive, tmp_path):
    store(archive, [post(1)])
    newer(archive)
    files = sorted(path for path in Path(archive.url).rglob("*") if path.is_file())
    for use in (
        rows,
        lambda one: store(one, [post(2)]),
        lambda one: one.maintain(),
        lambda one: one.posts(at(), at(9)),
    ):
        with pytest.raises(NewerArchiveError, match="newer version"):
            use(open_archive(tmp_path))
    left = sorted(path for path in Path(archive.url).rglob("*") if path.is_file())
    assert [path for path in files if path not in left] == []
    assert not [path for path in left if path not in files and path.parts[-3] in {"posts", "accounts", "reposts"}]


def test_the_command_says_that_an_archive_is_newer(tmp_path):
    configure(tmp_path)
    archive = open_archive(tmp_path)
    store(archive, [post(1)])
    newer(archive)
    done = run(tmp_path, "import", generated(tmp_path, posts=20))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "newer version" in done.stderr


# Disks that refuse


def as_ordinary_user(arguments):
    """The command without the right to write everywhere that tests running as root have."""
    if os.geteuid():
        return arguments
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root writes everywhere, and there is no setpriv")
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search", *arguments]


@pytest.fixture
def read_only(tmp_path):
    """A configured archive with a few posts that may be read and not written."""
    configure(tmp_path, '[[chat]]\nname = "benchchat"\nhashtags = ["benchchat"]\n')
    archive = open_archive(tmp_path)
    import_path(archive, generated(tmp_path, posts=60))
    everything = [Path(archive.url), *Path(archive.url).rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield archive
    for path in everything:
        path.chmod(0o755)


def run_unprivileged(folder, *arguments):
    return subprocess.run(
        as_ordinary_user(command(folder, *arguments)),
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_read_only_archive_is_read_and_says_that_it_cannot_be_written(read_only, tmp_path):
    before = contents(read_only)
    done = run_unprivileged(tmp_path, "sql", "--json", "SELECT count(*) AS n FROM posts")
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [{"n": len(before["posts"])}], "")
    done = run_unprivileged(tmp_path, "sessions")
    assert (done.returncode, done.stderr) == (0, "")
    done = run_unprivileged(tmp_path, "import", generated(tmp_path, posts=60, seed=2))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "archive" in done.stderr
    assert contents(open_archive(tmp_path)) == before


def test_a_torn_entry_of_a_read_only_archive_is_read_around(read_only, tmp_path):
    entry = max((tmp_path / "archive" / "posts" / "_delta_log").glob("*.json"))
    os.truncate(entry, 10)
    done = run_unprivileged(tmp_path, "sql", "--json", "SELECT count(*) AS n FROM posts")
    assert (done.returncode, json.loads(done.stdout)) == (0, [{"n": 0}])
    assert "read-only" in done.stderr
    assert entry.exists()


LIMITED = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); sys.argv[0] = 'knowarchive'; runpy.run_module('knowarchive', run_name='__main__')"


@pytest.mark.parametrize("kilobytes", [30, *map(slow, (0, 100))])
@pytest.mark.slow
def test_a_file_that_cannot_grow_stops_the_import_and_leaves_all_as_it_was(tmp_path, kilobytes):
    configure(tmp_path)
    archive = open_archive(tmp_path)
    import_path(archive, generated(tmp_path, posts=60, seed=2))
    before = contents(archive)
    path = generated(tmp_path, posts=1500)
    arguments = command(tmp_path, "import", path)
    limited = [sys.executable, "-B", "-c", LIMITED.format(kilobytes << 10), *arguments[3:]]
    done = subprocess.run(limited, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "not" in done.stderr
    held = contents(open_archive(tmp_path))
    assert held["posts"] == before["posts"]
    assert held["payloads"] >= before["payloads"]
    check_the_next_import(tmp_path, path, [generated(tmp_path, posts=60, seed=2), path])


def check_the_next_import(folder, path, whole):
    """Once there is room again, an import ends as if the disk had never been full."""
    done = run(folder, "import", path)
    assert (done.returncode, done.stderr) == (0, "")
    expected = open_archive(folder / "expected")
    for one in whole:
        import_path(expected, one)
    assert contents(open_archive(folder)) == contents(expected)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of which a test says how big it is."""
    if os.geteuid():
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "archive"
    folder.mkdir()

    def resize(kilobytes):
        remount = "remount," if os.path.ismount(folder) else ""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"{remount}size={kilobytes}k", "none", folder],
            check=False,
            capture_output=True,
        )
        if done.returncode:
            pytest.skip("cannot mount a small disk here")

    yield resize
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("room", [260, *map(slow, (24, 120, 180, 300))])
def test_a_full_disk_stops_the_import_and_leaves_all_as_it_was(tmp_path, small_disk, room):
    small_disk(10_000)
    configure(tmp_path)
    archive = open_archive(tmp_path)
    first = generated(tmp_path, posts=60, seed=2)
    import_path(archive, first)
    before = contents(archive)
    usage = shutil.disk_usage(tmp_path / "archive")
    small_disk((usage.used >> 10) + room)
    path = generated(tmp_path, posts=1500)
    done = run(tmp_path, "import", path)
    held = contents(open_archive(tmp_path))
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1
    whole = len(before["posts"].keys() & held["posts"].keys()) == len(before["posts"])
    assert whole, "what was stored before is there"
    fresh = len(held["posts"]) - len(before["posts"])
    small_disk(20_000)
    check_the_next_import(tmp_path, path, [first, path])
    assert fresh in {0, len(contents(open_archive(tmp_path))["posts"]) - len(before["posts"])}, "all or nothing"


def test_the_limits_of_this_process_are_not_touched():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_errors_of_storage_are_errors_of_the_program():
    assert issubclass(StorageError, KnowarchiveError)
    assert (StorageError.exit_code, ConflictError.retryable, StorageError.retryable) == (1, True, False)
    assert NOW.tzinfo is not None


@pytest.mark.slow
def test_a_month_that_has_come_to_lie_in_many_files_is_joined_after_a_run_and_posts_stay_the_same(tmp_path):
    archive = open_archive(tmp_path)
    for number in range(SMALL_FILES + 1):
        store(archive, [post(number + 1)])
    before = rows(archive)
    assert len(archive.tables["posts"].files()) == SMALL_FILES + 1

    archive.tidy()

    assert len(archive.tables["posts"].files()) == 1
    assert rows(archive) == before
