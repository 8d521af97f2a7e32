from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from knowarchive.errors import NewerArchiveError
from knowarchive.model import Mapped, Payload, Post
from storage import migrations, schema, tables
from storage.archive import Archive
from storage.preparing import prepare
from storage.staging import Staging

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def store(archive: Archive, number: int) -> None:
    post = Post(uid=f"x:{number}", created_at=NOW, author_handle="ada_demo", text=f"words {number}")
    payload = Payload(format="x-v2-jsonl", origin="a.jsonl", body=f'{{"id":"{number}"}}'.encode(), items=1)
    with Staging(archive, now=NOW) as staging:
        staging.add(prepare(payload, Mapped([post], [], [], [], 1), 40))
        staging.finish()


@pytest.fixture
def newer_version(monkeypatch: pytest.MonkeyPatch):
    """Pretend to be the next version of Knowarchive, which knows a column more."""

    def upgrade() -> None:
        columns = {**schema.POSTS.columns, "mood": pa.string()}
        fields = (*schema.POSTS.fields, "mood")
        newer = schema.Table(**{**{name: getattr(schema.POSTS, name) for name in schema.POSTS.__slots__},
                                "columns": columns, "fields": fields})  # fmt: skip
        monkeypatch.setitem(schema.TABLES, "posts", newer)
        for module in (tables, migrations):
            monkeypatch.setattr(module, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)

    return upgrade


def test_an_older_archive_is_read_with_new_columns_unknown_and_migrated_by_the_first_write(
    tmp_path: Path, newer_version
) -> None:
    store(Archive(str(tmp_path / "archive"), tmp_path / "state"), 1)
    newer_version()
    archive = Archive(str(tmp_path / "archive"), tmp_path / "state")
    stored = archive.tables["posts"]

    with archive.connect() as con:
        archive.scan(con, stored.spec, stored.files(), "stored")
        assert con.sql("SELECT uid, mood FROM stored").fetchall() == [("x:1", None)]
    assert migrations.written_by(stored.open()) == schema.SCHEMA_VERSION

    rows = pa.Table.from_pylist(
        [{"uid": "x:2", "created_at": NOW, "observed_at": NOW, "mood": "good"}], stored.spec.schema
    )
    stored.commit(stored.write(rows))

    assert migrations.written_by(stored.open()) == schema.SCHEMA_VERSION + 1
    assert "mood" in [field.name for field in stored.open().schema().fields]
    with archive.connect() as con:
        archive.scan(con, stored.spec, stored.files(), "stored")
        assert con.sql("SELECT uid, mood FROM stored ORDER BY uid").fetchall() == [("x:1", None), ("x:2", "good")]


def test_steps_run_in_order_from_the_version_that_wrote_the_table(tmp_path: Path, newer_version) -> None:
    store(Archive(str(tmp_path / "archive"), tmp_path / "state"), 1)
    newer_version()
    stored = Archive(str(tmp_path / "archive"), tmp_path / "state").tables["posts"]
    ran: list[int] = []

    changed = migrations.migrate(
        stored.open(),
        stored.spec,
        {0: lambda *_: ran.append(0), 1: lambda *_: ran.append(1), 2: lambda *_: ran.append(2)},
    )

    assert changed
    assert ran == [1]
    assert not migrations.migrate(stored.open(), stored.spec, {})


def test_an_archive_of_a_newer_version_is_refused_in_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SCHEMA_VERSION", 9)
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", 9)
    store(Archive(str(tmp_path / "archive"), tmp_path / "state"), 1)
    monkeypatch.undo()

    with pytest.raises(NewerArchiveError, match=r"schema 9.*upgrade") as error:
        Archive(str(tmp_path / "archive"), tmp_path / "state").posts(NOW, NOW)
    assert "\n" not in str(error.value)
