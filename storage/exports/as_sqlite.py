"""One SQLite file with full-text search over the posts, found by Datasette because the index names its table.

Lists are JSON and times ISO 8601, as Datasette shows and facets them (https://docs.datasette.io/en/stable/full_text_search.html).
"""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from storage.exports import FORMATS, SLICE, TABLES
from storage.exports.described import COLUMNS, KEYS
from storage.exports.queries import flat

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SEARCHED = ("text", "warning", "author_handle", "author_name", "hashtags")
INDEXES = {"posts": ("created_at", "author_uid", "reply_to", "conversation"), "reposts": ("post_uid", "account_uid")}
ROWS = 2_000  # fetched at once
CACHE = 64_000  # KB of pages in memory


class Writer:
    def __init__(self, con: "DuckDBPyConnection", folder: Path) -> None:
        self._con = con
        self._db = sqlite3.connect(folder / FORMATS["sqlite"].main, isolation_level=None)
        # The file is thrown away if it is not finished: a journal would only cost.
        self._db.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE}; BEGIN"
        )
        for table in TABLES:
            columns = ", ".join(
                f'"{column.name}" {"INTEGER" if column.kind == "count" else "TEXT"}'
                f"{' PRIMARY KEY NOT NULL' if column.name == KEYS[table] else ''}"
                for column in COLUMNS[table]
            )
            self._db.execute(f"CREATE TABLE {table} ({columns})")

    def write(self, table: str) -> None:
        query = f"SELECT {', '.join(flat(column) for column in COLUMNS[table])} FROM {SLICE}"  # noqa: S608 - our own names
        marks = ", ".join("?" for _ in COLUMNS[table])
        rows = self._con.execute(query)
        while batch := rows.fetchmany(ROWS):
            self._db.executemany(f"INSERT INTO {table} VALUES ({marks})", batch)  # noqa: S608 - our own names

    def finish(self) -> None:
        searched = ", ".join(SEARCHED)
        self._db.execute(
            f"CREATE VIRTUAL TABLE posts_fts USING fts5({searched}, "
            """content="posts", tokenize='unicode61 remove_diacritics 2')"""
        )
        self._db.execute("INSERT INTO posts_fts (posts_fts) VALUES ('rebuild')")
        for table, columns in INDEXES.items():
            for column in columns:
                self._db.execute(f"CREATE INDEX {table}_{column} ON {table} ({column})")
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA optimize")
        self._db.close()

    def close(self) -> None:
        self._db.close()
