"""What tests of the archive share: making small archives, filling them, and comparing what they hold."""

import contextlib
import gzip
import html
import os
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import zstandard

from benchmarks import generate
from knowarchive.model import Mapped, Payload, Post
from pipelines.importing import ImportSource, import_file
from storage.archive import Archive
from storage.preparing import prepare
from storage.staging import Staging

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MERGED = "SELECT * EXCLUDE (collected_at, payload_id) FROM {}"
VIEWS = {"posts": "uid", "accounts": "uid", "reposts": "key"}


def at(minute=0, *, month=3, day=10):
    return datetime(2015, month, day, 12, tzinfo=UTC) + timedelta(minutes=minute)


def post(number=1, minute=0, *, month=3, **fields):
    """A post of the network X, made in that month of 2015 whatever else is said of it."""
    values = {"uid": f"x:{number}", "created_at": at(month=month), "observed_at": at(minute), **fields}
    return Post(**values)


def open_archive(folder):
    return Archive(str(folder / "archive"), folder / "state")


def store(archive, posts=(), *, accounts=(), reposts=(), rank=30, chat=None, now=NOW):
    """Store what one payload says, as a run of its own."""
    return store_runs(archive, [(rank, posts)], accounts=accounts, reposts=reposts, chat=chat, now=now)


def store_runs(archive, payloads, *, accounts=(), reposts=(), chat=None, now=NOW):
    """Store several payloads, each a pair of its format's rank and its posts, in one run."""
    with Staging(archive, now=now, chat=chat) as staging:
        for rank, posts in payloads:
            body = repr((rank, posts, accounts, reposts)).encode()
            payload = Payload(format="invented", origin="invented", body=body, items=len(posts))
            mapped = Mapped(
                posts=list(posts), accounts=list(accounts), reposts=list(reposts), quarantined=[], seen=len(posts)
            )
            staging.add(prepare(payload, mapped, rank))
        return staging.finish()


def query(archive, sql):
    with archive.connect() as con:
        archive.create_views(con)
        return con.sql(sql).to_arrow_table().to_pylist()


def rows(archive, view="posts"):
    """The merged rows of a view by key, in every column but where and when they were collected."""
    return _by_key(query(archive, MERGED.format(view)), view)


def _by_key(found, view):
    by_key = {row[VIEWS[view]]: row for row in found}
    assert len(by_key) == len(found), "one row per record"
    return by_key


def contents(archive):
    """Everything that two archives of the same posts have in common."""
    with archive.connect() as con:
        archive.create_views(con)
        held = {view: _by_key(con.sql(MERGED.format(view)).to_arrow_table().to_pylist(), view) for view in VIEWS}
        held["payloads"] = set(con.sql("SELECT payload_id FROM payloads").to_arrow_table()["payload_id"].to_pylist())
    return held


def data_files(archive, table):
    return sorted(Path(uri) for uri in archive.tables[table].uris(archive.tables[table].files()))


def import_path(archive, path, now=lambda: NOW, **options):
    """Import a file in this process."""
    return import_file(archive, ImportSource(path.name, path=path), now=now, **options)


def generated(folder, form="v2", posts=900, seed=1):
    """A file from the seeded generator."""
    path = folder / f"{form}-{posts}-{seed}.{'csv' if form == 'csv' else 'jsonl'}"
    path.write_bytes(b"".join(generate.FORMATS[form](posts, seed)))
    return path


def configure(folder, chats="", *, archive="archive"):
    """Write a configuration whose archive and state lie beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "knowarchive.toml"
    path.write_text(f'[archive]\nurl = "{archive}"\nstate = "state"\n\n{chats}', encoding="utf-8")
    return path


def command(folder, *arguments):
    """The command line of `knowarchive` under the configuration in that folder."""
    return [sys.executable, "-m", "knowarchive", "--config", str(folder / "knowarchive.toml"), *map(str, arguments)]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run(folder, *arguments, **options):
    """Run a command to its end."""
    return subprocess.run(
        command(folder, *arguments),
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def texts_on_disk(folder, text):
    """The files below a folder that hold a text anywhere: as they lie there, unpacked, or in a Parquet file's cells."""
    wanted = text.encode()
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in paths if any(wanted in content for content in _contents(path))]


def found_on_disk(folder, texts):
    """Which of some texts are in any file below a folder, whatever their case and however JSON escapes them."""
    left = {text: text.casefold() for text in texts}
    found = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        plain = "\0".join(_readable(content) for content in _contents(path))
        found |= {text for text, folded in left.items() if folded in plain}
    return found


def _readable(content):
    text = content.decode("utf-8", "replace")
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text).replace("\\/", "/")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # pairs of halves
    return html.unescape(text.replace('\\"', '"').replace("\\n", "\n").replace('""', '"')).casefold()


def _contents(path):
    content = path.read_bytes()
    yield content
    if content.startswith(b"SQLite format 3"):
        with contextlib.closing(sqlite3.connect(path)) as con:
            yield "\n".join(con.iterdump()).encode()
    if path.suffix == ".parquet":
        yield _unpacked(path)
    elif content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.startswith(b"\x28\xb5\x2f\xfd"):
        yield zstandard.ZstdDecompressor().decompressobj().decompress(content)


def _unpacked(path):
    """Every byte that the columns of a Parquet file hold, nested ones too."""
    table = pq.read_table(path, partitioning=None)
    buffers = [buffer for column in table.columns for chunk in column.chunks for buffer in chunk.buffers()]
    return b"\0".join(buffer.to_pybytes() for buffer in buffers if buffer is not None)
