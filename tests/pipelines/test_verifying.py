"""Whatever is wrong with an archive is found, and what is right is said to be."""

import pytest

from knowarchive.config import load_config
from pipelines.indexing import bring_up_to_date, index_folder
from pipelines.verifying import verify
from storage.schema import ERASURES
from tests.archives import NOW, configure, data_files, generated, import_path, open_archive, post, rows, store
from transcripts.search.index import IndexWriter, read_state


@pytest.fixture
def config(tmp_path):
    return load_config(configure(tmp_path))


@pytest.fixture
def archive(config, tmp_path):
    archive = open_archive(tmp_path)
    import_path(archive, generated(tmp_path, posts=60))
    bring_up_to_date(archive, config)
    return archive


def found(config, archive):
    return {check.name: (check.status, check.finding) for check in verify(config, archive)}


def statuses(config, archive):
    return {name: status for name, (status, _) in found(config, archive).items()}


def test_a_whole_archive_is_whole(config, archive, tmp_path):
    checks = found(config, archive)
    assert {status for status, _ in checks.values()} == {"ok"}
    assert checks["posts"][1].endswith("each from a payload that is there")
    assert checks["index"][1].startswith("has the ")
    archive.maintain()
    assert statuses(config, archive)["index"] == "warning"  # it has not looked at what compaction did
    bring_up_to_date(archive, config)
    assert set(statuses(config, archive).values()) == {"ok"}


def test_an_empty_archive_is_whole(config, tmp_path):
    assert set(statuses(config, open_archive(tmp_path)).values()) == {"ok"}


@pytest.mark.parametrize("table", ["posts", "payloads", "accounts"])
def test_a_bit_that_fell_over_is_found(config, archive, table):
    file = archive.tables[table].folder / data_files(archive, table)[0]
    data = bytearray(file.read_bytes())
    found_in = []
    for place in range(8, len(data) - 8, max(1, len(data) // 12)):
        data[place] ^= 0x10
        file.write_bytes(data)
        found_in.append("failed" in statuses(config, open_archive(file.parents[3])).values())
        data[place] ^= 0x10
    assert all(found_in), found_in


def test_a_file_that_is_gone_or_cut_is_found(config, archive):
    file = archive.tables["reposts"].folder / data_files(archive, "reposts")[0]
    content = file.read_bytes()
    file.write_bytes(content + b"\0")
    assert statuses(config, archive)["table reposts"] == "failed"
    file.unlink()
    checks = found(config, archive)
    assert checks["table reposts"][0] == "failed"
    assert checks["contents"] == ("warning", "not looked at, since a table is damaged; restore a backup")


def test_bytes_that_are_not_those_that_came_are_found(config, archive):
    stored = archive.tables["payloads"]
    file = stored.files()[0]
    import pyarrow.parquet as pq

    with stored.open_file(file) as source:
        held = pq.read_table(source)
    other = held.set_column(held.column_names.index("body"), "body", [[b"{}"] * held.num_rows])
    stored.commit(stored.write(other.cast(stored.spec.schema)), [file])
    status, finding = found(config, archive)["payloads"]
    assert status == "failed"
    assert "have not the bytes that came" in finding


def test_posts_without_their_payload_are_found(config, archive):
    stored = archive.tables["payloads"]
    stored.commit([], stored.files())
    status, finding = found(config, archive)["posts"]
    assert (status, "payloads that are not there" in finding) == ("failed", True)


def test_words_that_should_be_erased_are_found(config, archive):
    import pyarrow as pa

    stored = archive.tables["erasures"]
    uid = next(iter(rows(archive)))
    row = {"uid": uid, "reason": "deleted", "created_at": NOW, "asked_at": NOW, "done_at": None}
    stored.commit(stored.write(pa.Table.from_pylist([row], schema=ERASURES.schema)))
    assert "still to be erased" in found(config, archive)["erasures"][1]
    stored.commit(stored.write(pa.Table.from_pylist([{**row, "done_at": NOW}], schema=ERASURES.schema)))
    status, finding = found(config, archive)["erasures"]
    assert (status, "still say something" in finding) == ("failed", True)


def test_an_index_that_is_behind_or_lacks_posts_is_told_of(config, archive):
    state = read_state(index_folder(config))
    with IndexWriter(index_folder(config), None) as writer:  # an index of nothing that says it is current
        writer.finish(setup=state.setup, tables=state.tables, corrections=state.corrections)
    status, finding = found(config, archive)["index"]
    assert (status, finding.startswith("has 0 posts, not")) == ("failed", True)
    store(archive, [post(1)])
    assert found(config, archive)["index"][0] == "warning"
