"""Killed at any moment, or torn by a power loss: the archive opens, and the next import ends as if nothing had been."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from storage import durable, tables
from storage.schema import TABLES
from tests.archives import (
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

WRITTEN = ("payloads", "posts", "accounts", "reposts", "runs")  # in this order
KILLS, MORE_KILLS = 10, 50


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A file with posts of two months, what an import of it leaves, how long that takes and how many files it makes."""
    folder = tmp_path_factory.mktemp("source")
    configure(folder)
    path = generated(folder, posts=700)
    started = time.monotonic()
    assert run(folder, "import", path).returncode == 0
    duration = time.monotonic() - started
    files = len(files_in(folder / "archive"))
    return path, contents(open_archive(folder)), duration, files


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def import_and_kill(folder, path, *, after=None, files=None):
    """Start an import and kill it after so many seconds, or when the archive has so many files. Was it in time?"""
    process = subprocess.Popen(
        command(folder, "import", path),
        env=environment(),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    if after is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after)
    else:
        while process.poll() is None and time.monotonic() < deadline:
            if sum(len(names) for _, _, names in os.walk(folder / "archive")) >= files:
                break
            time.sleep(0.0005)
    in_time = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return in_time


def moments(kills, seed, duration, files):
    """Half of the kills spread over the time after start-up, half over the files as they appear."""
    source = random.Random(seed)
    for number in range(kills):
        if number % 2:
            yield {"files": 1 + (number * files // kills + source.randrange(3)) % files}
        else:
            yield {"after": duration * (0.3 + 0.7 * source.random())}


def check_after_a_kill(folder, path, expected, *, maintain=True):
    archive = open_archive(folder)
    held = contents(archive)
    assert held["posts"] in ({}, expected["posts"]), "no post of a run is visible before all are"
    for view in ("accounts", "reposts"):
        assert held[view] in ({}, expected[view])
    assert held["payloads"] <= expected["payloads"]
    done = import_path(open_archive(folder), path)
    assert done.status == "done"
    assert contents(open_archive(folder)) == expected
    if maintain:
        archive.maintain()
        assert contents(open_archive(folder)) == expected


def kill_many(tmp_path, source, kills, seed):
    path, expected, duration, files = source
    hit = 0
    for number, moment in enumerate(moments(kills, seed, duration, files)):
        folder = tmp_path / str(number)
        configure(folder)
        hit += import_and_kill(folder, path, **moment)
        check_after_a_kill(folder, path, expected, maintain=number % 5 == 0)
    assert hit >= kills // 2, "most kills came before the end"


def test_killed_at_ten_moments_and_started_again_it_ends_as_if_never_killed(tmp_path, source):
    kill_many(tmp_path, source, KILLS, seed=1)


@pytest.mark.slow
def test_killed_at_fifty_moments_and_started_again_it_ends_as_if_never_killed(tmp_path, source):
    kill_many(tmp_path, source, MORE_KILLS, seed=2)


@pytest.mark.slow
def test_killed_many_times_in_a_row_it_still_ends_as_if_never_killed(tmp_path, source):
    path, expected, _, files = source
    configure(tmp_path)
    for part in range(1, 4):
        import_and_kill(tmp_path, path, files=part * files // 4)
    check_after_a_kill(tmp_path, path, expected)


@pytest.mark.slow
def test_compaction_killed_half_way_leaves_the_same_posts(tmp_path, source):
    path, expected, *_ = source
    configure(tmp_path)
    archive = open_archive(tmp_path)
    import_path(archive, path)
    store(archive, [post(1, text="one more file in a month")])
    store(archive, [post(1, minute=3, text="and another")])
    before = contents(archive)
    process = subprocess.Popen(
        command(tmp_path, "maintain"), env=environment(), cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    files = len(files_in(tmp_path / "archive"))
    while process.poll() is None and len(files_in(tmp_path / "archive")) <= files:
        time.sleep(0.0005)
    process.kill()
    process.wait()
    assert contents(open_archive(tmp_path)) == before
    assert run(tmp_path, "maintain").returncode == 0
    assert contents(open_archive(tmp_path)) == before
    assert before["posts"].keys() == expected["posts"].keys() | {"x:1"}


# Power loss: what was written last is cut short


def newest(table, kind):
    """The newest data file or log entry of a table."""
    patterns = {
        "data": "month=*/*.parquet",
        "entry": "_delta_log/*.json",
        "checkpoint": "_delta_log/*.checkpoint.parquet",
    }
    found = sorted(table.glob(patterns[kind]), key=lambda path: (path.stat().st_mtime_ns, path.name))
    return found[-1]


def cut(path, length):
    os.truncate(path, min(length, path.stat().st_size - 1))


@pytest.fixture(scope="module")
def two_imports(tmp_path_factory, source):
    """An archive into which something was imported before, and then the file whose import a power loss will tear."""
    folder = tmp_path_factory.mktemp("two")
    archive = open_archive(folder)
    first = generated(folder, posts=60, seed=5)
    import_path(archive, first)
    import_path(archive, source[0])
    return folder, (first, source[0], contents(archive))


@pytest.fixture
def imported(tmp_path, two_imports):
    folder, held = two_imports
    configure(tmp_path, '[[chat]]\nname = "benchchat"\nhashtags = ["benchchat"]\n')
    shutil.copytree(folder / "archive", tmp_path / "archive")
    return held


def check_after_a_power_loss(folder, first, path, expected):
    held = contents(open_archive(folder))
    assert held["posts"].items() <= expected["posts"].items()
    import_path(open_archive(folder), path)
    assert contents(open_archive(folder)) == expected
    again = import_path(open_archive(folder), first)
    assert (again.outcome.new, again.outcome.changed) == (0, 0)


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize("kind", ["data", "entry"])
@pytest.mark.parametrize("table", ["posts", *map(slow, ("payloads", "accounts", "reposts", "runs"))])
def test_the_newest_file_of_a_table_cut_short_is_imported_again(tmp_path, imported, table, kind):
    source = random.Random(f"{table} {kind}")
    path = newest(tmp_path / "archive" / table, kind)
    cut(path, source.choice((0, source.randrange(path.stat().st_size))))
    check_after_a_power_loss(tmp_path, *imported)


def test_a_file_of_a_table_that_was_never_written_out_at_all_is_imported_again(tmp_path, imported):
    newest(tmp_path / "archive" / "posts", "data").unlink()
    check_after_a_power_loss(tmp_path, *imported)


@pytest.mark.parametrize("seed", [0, *map(slow, range(1, 12))])
def test_several_torn_things_at_once_are_imported_again(tmp_path, imported, seed):
    source = random.Random(seed)
    for table in WRITTEN:
        for kind in ("data", "entry"):
            if source.random() < 0.6:
                path = newest(tmp_path / "archive" / table, kind)
                cut(path, source.randrange(path.stat().st_size))
    check_after_a_power_loss(tmp_path, *imported)


def test_every_command_that_reads_works_on_a_torn_archive_and_says_so_in_a_line(tmp_path, imported):
    for table, kind in (("posts", "entry"), ("accounts", "data"), ("runs", "entry")):
        cut(newest(tmp_path / "archive" / table, kind), 20)
    for arguments in (("doctor",), ("sessions",), ("sql", "SELECT count(*) FROM posts")):
        done = run(tmp_path, *arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done
        assert all("power loss" in line for line in done.stderr.splitlines())
    check_after_a_power_loss(tmp_path, *imported)


@pytest.mark.parametrize("length", [0, 1, 200])
def test_a_first_entry_that_is_torn_is_a_table_that_is_not_there_yet(tmp_path, length):
    archive = open_archive(tmp_path)
    store(archive, [post(1, text="a")])
    log = tmp_path / "archive" / "posts" / "_delta_log"
    for entry in log.glob("*.json"):
        cut(entry, length)
    assert rows(open_archive(tmp_path)) == {}
    store(open_archive(tmp_path), [post(1, text="a")])
    assert rows(open_archive(tmp_path))["x:1"]["text"] == "a"


@pytest.mark.parametrize("lines", [1, 2])
def test_an_entry_cut_between_two_lines_is_torn_too(tmp_path, lines):
    archive = open_archive(tmp_path)
    store(archive, [post(1), post(2, month=4), post(3, month=5)])
    before = contents(archive)
    store(archive, [post(4), post(5, month=4), post(6, month=5)])
    after = contents(archive)
    entry = newest(tmp_path / "archive" / "posts", "entry")
    entry.write_bytes(b"".join(entry.read_bytes().splitlines(keepends=True)[:lines]))
    assert contents(open_archive(tmp_path))["posts"] == before["posts"]
    store(open_archive(tmp_path), [post(4), post(5, month=4), post(6, month=5)])
    assert contents(open_archive(tmp_path)) == after


def test_what_was_torn_is_set_aside_for_whoever_looks_for_it(tmp_path, caplog):
    archive = open_archive(tmp_path)
    store(archive, [post(1)])
    store(archive, [post(2)])
    cut(newest(tmp_path / "archive" / "posts", "entry"), 30)
    assert rows(open_archive(tmp_path)).keys() == {"x:1"}
    [aside] = (tmp_path / "archive" / "torn").iterdir()
    assert aside.stat().st_size == 30
    assert "power loss" in caplog.text
    caplog.clear()
    assert rows(open_archive(tmp_path)).keys() == {"x:1"}
    assert caplog.text == "", "it is said once"


@pytest.fixture
def summed_up(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "CHECKPOINT_EVERY", 2)
    archive = open_archive(tmp_path)
    for number in range(4):
        store(archive, [post(number, minute=number, text=str(number))])
    archive.maintain()
    store(archive, [post(9, text="9")])
    return tmp_path, contents(archive)


@pytest.mark.parametrize("length", [0, 4, *map(slow, (3, 8, 900))])
@pytest.mark.parametrize("table", ["posts", slow("payloads")])
def test_a_torn_checkpoint_loses_nothing(summed_up, table, length):
    folder, expected = summed_up
    cut(newest(folder / "archive" / table, "checkpoint"), length)
    assert contents(open_archive(folder)) == expected
    store(open_archive(folder), [post(10)])
    assert contents(open_archive(folder))["posts"].keys() == expected["posts"].keys() | {"x:10"}


@pytest.mark.parametrize("content", [b"", *map(slow, (b"{", b"[]", b"{}", b'{"version": 99, "size": 1}', b"\xff\xfe"))])
def test_a_torn_pointer_to_the_checkpoint_loses_nothing(summed_up, content):
    folder, expected = summed_up
    (folder / "archive" / "posts" / "_delta_log" / "_last_checkpoint").write_bytes(content)
    assert contents(open_archive(folder)) == expected


def test_a_torn_checkpoint_and_a_torn_entry_together(summed_up):
    folder, expected = summed_up
    cut(newest(folder / "archive" / "posts", "checkpoint"), 50)
    cut(newest(folder / "archive" / "posts", "entry"), 50)
    assert contents(open_archive(folder))["posts"].keys() == expected["posts"].keys() - {"x:9"}
    store(open_archive(folder), [post(9, text="9")])
    assert contents(open_archive(folder)) == expected


def test_a_compaction_that_was_torn_is_undone(tmp_path):
    archive = open_archive(tmp_path)
    for number in range(3):
        store(archive, [post(number)])
    before = contents(archive)
    archive.maintain()
    cut(newest(tmp_path / "archive" / "posts", "data"), 100)
    assert contents(open_archive(tmp_path)) == before
    open_archive(tmp_path).maintain()
    assert contents(open_archive(tmp_path)) == before


# What is acknowledged is on the disk


def test_data_then_log_are_synced_before_anything_is_acknowledged(archive, monkeypatch):
    store(archive, [post(1)])
    order, fsync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (order.append(Path(f"/proc/self/fd/{handle}").readlink()), fsync(handle))
    )
    store(archive, [post(2, month=7)])
    root = Path(archive.url)
    written = [path.relative_to(root) for path in order if path.is_relative_to(root / "posts")]
    [data] = [path for path in data_files(archive, "posts") if "month=2015-07" in str(path)]
    data = data.relative_to(root)
    entry = Path("posts/_delta_log/00000000000000000002.json")
    for path in (data, data.parent, Path("posts"), entry, Path("posts/_delta_log")):
        assert path in written, path
    assert written.index(data) < written.index(data.parent) < written.index(entry)
    assert len(written) - 1 - written[::-1].index(Path("posts/_delta_log")) > written.index(entry)
    tables_in_order = [path.relative_to(root).parts[0] for path in order if path.is_relative_to(root) and path != root]
    assert tables_in_order.index("payloads") < tables_in_order.index("posts"), "payloads first"


def test_a_write_that_fails_leaves_no_file(tmp_path, monkeypatch):
    def refuse(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        durable.write_synced(tmp_path / "a" / "b" / "c.parquet", memoryview(b"x" * 100))
    assert files_in(tmp_path) == []


def test_whole_tables_are_not_taken_for_torn_ones(tmp_path, source):
    path, *_ = source
    archive = open_archive(tmp_path)
    import_path(archive, path)
    archive.maintain()
    for name in TABLES:
        folder = tmp_path / "archive" / name
        if folder.exists():
            assert durable.torn_entries(folder) == []
            assert durable.torn_checkpoints(folder) == []


def test_an_entry_without_any_action_is_torn(tmp_path):
    archive = open_archive(tmp_path)
    store(archive, [post(1)])
    log = tmp_path / "archive" / "posts" / "_delta_log"
    for number, content in enumerate((b"\n\n", b"[]", b"null", b"{}"), start=2):
        (log / f"{number:020d}.json").write_bytes(content)
    assert rows(open_archive(tmp_path)).keys() == {"x:1"}
    assert query(open_archive(tmp_path), "SELECT count(*) AS n FROM posts_observations") == [{"n": 1}]
