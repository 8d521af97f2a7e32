"""Importing: again, as its CSV twin, overlapping and in any order, the archive holds the same posts."""

import gzip
import io
import json
from collections import Counter
from itertools import permutations

import pytest

import connectors
from knowarchive import __version__
from knowarchive.errors import StorageError
from knowarchive.model import Mapped
from pipelines.importing import ImportSource, import_file
from pipelines.replaying import replay
from storage.staging import Staging
from tests.archives import NOW, ROOT, contents, data_files, generated, import_path, open_archive, rows

DEMO = ROOT / "demo" / "data"
CRITLIB = ROOT.parent / "shared" / "data" / "critlib"
VIEWS = ("posts", "accounts", "reposts")


def same_posts(one, other):
    """Compare posts in every column but where they came from, naming what differs rather than showing it all."""
    if one == other:
        return []
    keys = one.keys() | other.keys()
    return sorted(
        {
            (uid, name, str((one.get(uid) or {}).get(name)), str((other.get(uid) or {}).get(name)))
            for uid in keys
            for name in (one.get(uid) or other[uid])
            if (one.get(uid) or {}).get(name) != (other.get(uid) or {}).get(name)
        }
    )[:20]


def import_all(folder, paths, *, maintain=False):
    archive = open_archive(folder)
    for path in paths:
        assert import_path(archive, path).status in {"done", "incomplete"}
        if maintain:
            archive.maintain()
    return archive


def check_every_order(tmp_path, paths, orders=None):
    """Import the files in every order; the posts are the same, and a further import of each adds nothing."""
    expected = None
    for number, order in enumerate(orders or permutations(paths)):
        archive = import_all(tmp_path / str(number), order, maintain=number == 1)
        held = rows(archive)
        expected = expected or held
        assert same_posts(expected, held) == [], [path.name for path in order]
    files = data_files(archive, "posts")
    for path in paths:
        again = import_path(archive, path)
        assert (again.outcome.new, again.outcome.changed) == (0, 0)
    assert data_files(archive, "posts") == files
    assert same_posts(expected, rows(archive)) == []
    return archive


def slices(folder, path, bounds):
    """Cut the lines of a file into overlapping pieces."""
    lines = path.read_bytes().splitlines(keepends=True)
    head, lines = ([lines[0]], lines[1:]) if path.suffix == ".csv" else ([], lines)
    pieces = []
    for number, (start, stop) in enumerate(bounds):
        first, last = int(start * len(lines)), int(stop * len(lines))
        piece = folder / f"piece-{number}{path.suffix}"
        piece.write_bytes(b"".join([*head, *lines[first:last]]))
        pieces.append(piece)
    return pieces


# Again, twins, overlaps


@pytest.mark.parametrize("form", ["v2", "v1", "csv"])
def test_importing_a_file_again_changes_nothing(archive, tmp_path, form):
    path = generated(tmp_path, form, posts=150)
    first = import_path(archive, path)
    before, files = contents(archive), data_files(archive, "posts")
    assert first.outcome.new == len(before["posts"]) > 0
    assert (first.outcome.seen, first.outcome.changed, first.status) == (150, 0, "done")
    again = import_path(archive, path)
    assert (again.outcome.seen, again.outcome.new, again.outcome.changed) == (150, 0, 0)
    assert contents(archive) == before
    assert data_files(archive, "posts") == files


def test_the_csv_twin_of_a_file_adds_nothing_in_either_order(tmp_path):
    check_every_order(tmp_path, [generated(tmp_path, form, posts=150) for form in ("v1", "csv")])


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_overlapping_pulls_give_the_same_posts_in_every_order(tmp_path, every):
    path = generated(tmp_path, "v1", posts=100)
    first, second, third = pieces = slices(tmp_path, path, [(0, 0.6), (0.3, 0.8), (0.5, 1)])
    some = [(first, second, third), (third, second, first)]
    archive = check_every_order(tmp_path, pieces, None if every else some)
    whole = rows(import_all(tmp_path / "whole", [path]))
    assert rows(archive).keys() == whole.keys()


def test_overlapping_pages_give_the_same_posts_in_every_order(tmp_path):
    path = generated(tmp_path, "v2", posts=500)
    check_every_order(tmp_path, slices(tmp_path, path, [(0, 0.7), (0.3, 1)]))


@pytest.mark.slow
def test_the_demo_gives_the_same_posts_forwards_and_backwards(tmp_path):
    paths = sorted(DEMO.iterdir())
    forwards = import_all(tmp_path / "a", paths)
    backwards = import_all(tmp_path / "b", paths[::-1])
    backwards.maintain()
    assert same_posts(rows(forwards), rows(backwards)) == []


@pytest.mark.slow
def test_the_csv_of_the_demo_adds_nothing_to_its_json_lines(tmp_path):
    twins = [DEMO / "2023-03-01-search.jsonl.gz", DEMO / "2023-03-01-search.csv"]
    archive = check_every_order(tmp_path, twins)
    assert same_posts(rows(import_all(tmp_path / "alone", twins[:1])), rows(archive)) == []


@pytest.fixture(scope="module")
def twins():
    names = ("mar102015.jsonl.gz", "mar102015.csv.gz")
    if not (CRITLIB / names[0]).exists():
        pytest.skip(f"no real data in {CRITLIB}")
    return [CRITLIB / name for name in names]


def test_real_pulls_and_their_csv_twins_give_the_same_posts_in_every_order(tmp_path, twins):
    lines, table = twins
    both = rows(import_all(tmp_path / "a", [lines, table]))
    assert same_posts(both, rows(import_all(tmp_path / "b", [table, lines, table, lines]))) == []


def test_the_csv_twin_of_a_real_pull_changes_no_post_of_it(tmp_path, twins):
    lines, table = twins
    archive = import_all(tmp_path, [lines])
    alone = rows(archive)
    outcome = import_path(archive, table).outcome
    assert (outcome.new, outcome.changed, same_posts(alone, rows(archive))) == (0, 0, [])


@pytest.mark.slow
def test_all_real_pulls_give_the_same_posts_in_many_orders(tmp_path, twins):
    paths = sorted(CRITLIB.iterdir())
    expected = rows(import_all(tmp_path / "a", paths))
    for number, order in enumerate((paths[::-1], paths[3:] + paths[:3] + paths)):
        assert same_posts(expected, rows(import_all(tmp_path / str(number), order, maintain=True))) == []


# Replay


def test_replay_leaves_the_same_posts(tmp_path):
    paths = [generated(tmp_path, "v2", posts=250), generated(tmp_path, "v1", posts=150), *sorted(DEMO.iterdir())[:2]]
    archive = import_all(tmp_path, paths)
    before = contents(archive)
    outcome = replay(archive, now=lambda: NOW)
    assert (outcome.new, outcome.changed) == (0, 0)
    assert contents(archive) == before


@pytest.mark.slow
def test_replay_replaces_what_was_understood_wrongly(archive, tmp_path, monkeypatch):
    path = generated(tmp_path, "v2", posts=250)
    right = contents(import_all(tmp_path / "right", [path]))
    understood = connectors.map_payload

    def misunderstand(payload):
        mapped = understood(payload)
        posts = [
            one.__class__(
                **{
                    **{name: getattr(one, name) for name in one.__struct_fields__},
                    "text": "zzz wrong",
                    "warning": "wrong",
                }
            )
            for one in mapped.posts
        ]
        return Mapped(posts, mapped.accounts[:3], [], mapped.quarantined, mapped.seen, mapped.span)

    with monkeypatch.context() as wrong:
        wrong.setattr(connectors, "map_payload", misunderstand)
        import_path(archive, path)
    assert {row["text"] for row in rows(archive).values()} == {"zzz wrong"}
    outcome = replay(archive, now=lambda: NOW)
    assert (outcome.new, outcome.changed) == (0, len(right["posts"]))
    assert contents(archive) == right
    again = import_path(archive, path)
    assert (again.outcome.new, again.outcome.changed) == (0, 0)
    assert contents(archive) == right


def test_replay_needs_no_file_and_no_network(archive, tmp_path):
    path = generated(tmp_path, "v2", posts=60)
    import_path(archive, path)
    before = contents(archive)
    path.unlink()
    replay(archive, now=lambda: NOW)
    assert contents(archive) == before


def test_replay_of_an_empty_archive_is_nothing(archive):
    assert replay(archive, now=lambda: NOW).seen == 0


# The ledger, and what goes wrong


def test_every_import_leaves_a_line_in_the_ledger(archive, tmp_path):
    path = generated(tmp_path, "v1", posts=150)
    result = import_path(archive, path, chat="benchchat")
    again = import_path(archive, path, chat="benchchat", now=lambda: NOW.replace(year=2027))
    first, second = archive.runs()
    created = [one.created_at for one in archive.posts(*whole(archive))]
    assert (first.kind, first.source, first.status, first.chat) == ("import", path.name, "done", "benchchat")
    assert (first.seen, first.new, first.changed, first.quarantined) == (150, result.outcome.new, 0, 0)
    assert (second.seen, second.new, second.changed) == (150, 0, 0)
    assert (first.pages, first.screened, first.gaps, first.error, first.cost) == (1, 0, (), None, None)
    assert (first.started_at, first.finished_at, first.version) == (NOW, NOW, __version__)
    assert first.since <= min(created)
    assert first.until >= max(created)
    assert len({first.run_id, second.run_id}) == 2
    assert again.status == "done"


def whole(archive):
    first, last = archive.extent()
    return first, last.replace(year=last.year + 1)


def test_posts_imported_for_a_chat_belong_to_it(archive, tmp_path):
    import_path(archive, generated(tmp_path, "v2", posts=60), chat="benchchat")
    assert {tuple(row["chats"]) for row in rows(archive).values()} == {("benchchat",)}


def test_a_file_cut_in_the_middle_gives_what_it_has_and_says_what_is_missing(archive, tmp_path):
    whole_file = gzip.compress(generated(tmp_path, "v1", posts=200).read_bytes())
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole_file[: len(whole_file) // 2])
    result = import_path(archive, path)
    assert result.status == "incomplete"
    assert len(result.gaps) == 1
    assert 0 < result.outcome.new < 200
    assert archive.runs()[0].gaps == result.gaps
    assert import_path(archive, path).outcome.new == 0


def test_a_record_that_cannot_be_understood_is_quarantined_once_and_stops_nothing(archive, tmp_path):
    lines = generated(tmp_path, "v1", posts=30).read_bytes().splitlines(keepends=True)
    path = tmp_path / "odd.jsonl"
    broken = json.dumps({**json.loads(lines[3]), "created_at": "the day after tomorrow"}).encode() + b"\n"
    path.write_bytes(b"".join([*lines[:3], broken, *lines[4:]]))
    result = import_path(archive, path)
    assert (result.status, result.outcome.seen, result.outcome.quarantined) == ("incomplete", 30, 1)
    import_path(archive, path)
    archive.maintain()
    with archive.connect() as con:
        archive.create_views(con)
        [row] = con.sql("SELECT origin, position, reason, payload_id FROM quarantine").to_arrow_table().to_pylist()
    assert (row["origin"], row["position"]) == ("odd.jsonl", 4)
    assert row["reason"]
    assert row["payload_id"] in contents(archive)["payloads"]
    before = contents(archive)
    replay(archive, now=lambda: NOW)
    assert contents(archive) == before


def test_an_unreadable_file_does_not_stop_the_next(archive, tmp_path):
    bad = tmp_path / "bad.bin"
    bad.write_bytes(b"\x7fELF nothing of ours")
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    missing = tmp_path / "missing.jsonl"
    good = generated(tmp_path, "v1", posts=30)
    results = [import_path(archive, path) for path in (bad, empty, missing, good)]
    assert [result.status for result in results] == ["failed", "failed", "failed", "done"]
    for path, result in zip((bad, empty, missing), results[:3], strict=True):
        assert path.name in result.error
        assert "\n" not in result.error
        assert result.outcome is None
    assert len(rows(archive)) == results[3].outcome.new > 0


def test_a_stream_is_imported_like_a_file(archive, tmp_path):
    path = generated(tmp_path, "v1", posts=30)
    source = ImportSource("standard input", stream=io.BytesIO(path.read_bytes()))
    assert source.size is None
    result = import_file(archive, source, now=lambda: NOW)
    assert result.status == "done"
    assert rows(archive) == rows(import_all(tmp_path / "file", [path]))


def test_an_archive_that_cannot_be_written_stops_the_import(tmp_path):
    path = generated(tmp_path, "v1", posts=30)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "payloads").write_text("in the way")
    with pytest.raises(StorageError):
        import_path(open_archive(tmp_path), path)


def test_nothing_is_left_in_the_scratch_folder(archive, tmp_path, monkeypatch):
    path = generated(tmp_path, "v1", posts=30)
    import_path(archive, path)

    def fail(_self):
        raise StorageError("the disk is full")

    monkeypatch.setattr(Staging, "finish", fail)
    with pytest.raises(StorageError):
        import_path(archive, path)
    assert list((tmp_path / "state" / "scratch").glob("staging*")) == []
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_progress_is_told_in_bytes_and_posts(archive, tmp_path):
    path = generated(tmp_path, "v1", posts=200)
    told = []
    import_path(archive, path, on_progress=lambda read, posts: told.append((read, posts)))
    assert told == sorted(told)
    assert told[-1] == (path.stat().st_size, 200)


def test_observations_that_do_not_fit_into_memory_give_the_same_archive(archive, tmp_path, monkeypatch):
    from storage import staging

    path = generated(tmp_path, "v1", posts=700)
    expected = contents(import_all(tmp_path / "expected", [path]))
    monkeypatch.setattr(staging, "BYTES_IN_MEMORY", 1)
    monkeypatch.setattr(staging, "ROWS_AT_ONCE", 50)
    monkeypatch.setattr(staging, "PAYLOAD_BYTES", 1)
    monkeypatch.setattr(staging, "ACCOUNTS_FOR_A_POST", 1)
    assert import_path(archive, path).outcome.new == len(rows(archive, "posts"))
    assert contents(archive) == expected
    assert any(count > 1 for count in Counter(file.month for file in archive.tables["posts"].files()).values())
    assert import_path(archive, path).outcome.new == 0
    outcome = replay(archive, now=lambda: NOW)
    assert (outcome.new, outcome.changed) == (0, 0)
    assert contents(archive) == expected
