"""All the SQL of the archive. Built from the schema's own names only; values are bound, never pasted.

**Merging.** Observations of one record are ordered by `observed_at`, then by the rank of their format; field by field
the newest that knows the field wins, and of two that are equal in both, the greater value. Nothing depends on the
order in which they were stored, so importing in any order, twice, or from many processes gives the same posts.

**Folding.** An observation that wins nothing (all that it knows, newer ones know too) can be dropped without changing
any merge, now or after older observations arrive; one whose text differs from every newer text is history and stays.
"""

from collections.abc import Iterable

from storage.schema import ACCOUNTS, POSTS, REPOSTS, Table

# Columns that readers see but that are not stored where they follow from the uid.
_DERIVED_POSTS = """
SELECT * REPLACE (
         coalesce(id, CASE WHEN starts_with(uid, 'x:') THEN substr(uid, 3)
                           WHEN starts_with(uid, 'bluesky:') THEN split_part(uid, '/', -1) END) AS id,
         coalesce(url, CASE WHEN starts_with(uid, 'x:')
                            THEN 'https://x.com/' || coalesce(author_handle, 'i') || '/status/' || substr(uid, 3)
                            WHEN starts_with(uid, 'bluesky:')
                            THEN 'https://bsky.app/profile/' || substr(split_part(uid, '/', 1), 9)
                                 || '/post/' || split_part(uid, '/', -1) END) AS url),
       split_part(uid, ':', 1) AS platform
FROM ({merged})
"""


def merged(table: Table, source: str, where: str = "TRUE") -> str:
    """One row per key of the observations in `source` that satisfy `where`."""
    key = table.key
    rows = f"(SELECT * FROM {source} WHERE {where})"
    kept = _names(table.fields)
    newest = ", ".join(f'{_newest(name)} AS "{name}"' for name in table.fields)
    return f"""
    WITH repeated AS MATERIALIZED (SELECT {key} FROM {rows} GROUP BY {key} HAVING count(*) > 1)
    SELECT {key}, {kept}, observed_at, CASE WHEN chat IS NOT NULL THEN [chat] END AS chats, collected_at, payload_id
    FROM {rows} ANTI JOIN repeated USING ({key})
    UNION ALL
    SELECT {key}, {newest}, max(observed_at) AS observed_at, list_sort(list(DISTINCT chat) FILTER (chat IS NOT NULL)),
           max(collected_at), {_newest("payload_id")}
    FROM {rows} SEMI JOIN repeated USING ({key}) GROUP BY {key}
    """


def merged_posts(source: str, where: str = "TRUE") -> str:
    """`merged` with id, url and platform derived: the contract's `posts`."""
    return _DERIVED_POSTS.format(merged=merged(POSTS, source, where))


def merged_accounts(source: str, where: str = "TRUE") -> str:
    return merged(ACCOUNTS, source, where)


def merged_reposts(source: str, where: str = "TRUE") -> str:
    return merged(REPOSTS, source, where)


DISTINCT_PAYLOADS = """
SELECT DISTINCT ON (payload_id, coalesce(chat, '')) * FROM {source} ORDER BY payload_id, coalesce(chat, ''), collected_at
"""

DISTINCT_QUARANTINE = """
SELECT DISTINCT ON (digest, origin, position) * FROM {source} ORDER BY digest, origin, position, collected_at
"""


def fold_equal(table: Table, source: str) -> str:
    """Fold observations of the same moment, rank and chat into one: of equals the greater value, field by field."""
    same = f"{table.key}, chat, observed_at, rank"
    greatest = ", ".join(f'max("{name}") AS "{name}"' for name in (*table.fields, "collected_at", "payload_id"))
    columns = _names(table.columns)
    return f"""
    WITH repeated AS MATERIALIZED (
        SELECT {table.key} FROM {source} GROUP BY {table.key} HAVING count(*) > 1),
    folded AS (SELECT {same}, {greatest} FROM {source} SEMI JOIN repeated USING ({table.key}) GROUP BY {same})
    SELECT {columns} FROM {source} ANTI JOIN repeated USING ({table.key})
    UNION ALL
    SELECT {columns} FROM folded
    """


def telling(table: Table, fresh: str, known: str) -> str:
    """The rowids of the observations in `fresh` that add something to those in `known` and to each other.

    Both must be folded by `fold_equal`.
    """
    key = table.key
    mask = _mask(f'f."{name}" IS NOT NULL' for name in table.fields)
    beaten = _mask(f'coalesce(k."{name}" >= f."{name}", FALSE)' for name in table.fields)
    text = "text" if "text" in table.fields else "NULL::VARCHAR"
    return f"""
    WITH contested AS MATERIALIZED (
        SELECT {key} FROM (SELECT {key} FROM {fresh} UNION ALL SELECT {key} FROM {known})
        GROUP BY {key} HAVING count(*) > 1),
    observations AS (
        SELECT f.rowid AS row, f.{key} AS key, f.chat, f.observed_at, f.rank, {text.replace("text", "f.text")} AS text,
               {mask} AS mask, {beaten} AS beaten
        FROM (SELECT rowid, * FROM {fresh} SEMI JOIN contested USING ({key})) f
        LEFT JOIN {known} k ON k.{key} = f.{key} AND k.chat IS NOT DISTINCT FROM f.chat
                           AND k.observed_at = f.observed_at AND k.rank = f.rank
        UNION ALL
        SELECT NULL, f.{key}, f.chat, f.observed_at, f.rank, {text.replace("text", "f.text")}, {mask}, 0::BIGINT
        FROM {known} f),
    ranked AS (
        SELECT row, text, mask, beaten,
               coalesce(bit_or(mask) OVER newer, 0) AS known, min(text) OVER newer AS low, max(text) OVER newer AS high
        FROM observations
        WINDOW newer AS (PARTITION BY key, chat ORDER BY observed_at DESC, rank DESC
                         RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP))
    SELECT rowid FROM {fresh} ANTI JOIN contested USING ({key})
    UNION ALL
    SELECT row FROM ranked
    WHERE row IS NOT NULL
      AND (mask & ~known & ~beaten <> 0
           OR ((text <> low OR text <> high) AND beaten & {_bit(table, "text")} = 0))
    """


def staged(table: Table, spilled: str, in_memory: str, sources: str) -> str:
    """A view `staged` with the columns of the table, of what waits in two places."""
    filled = {
        "observed_at": "coalesce(observed_at, source_observed_at) AS observed_at",
        "rank": "source_rank AS rank",
        "chat": "source_chat AS chat",
        "collected_at": "source_at AS collected_at",
        "payload_id": "source_payload AS payload_id",
    }
    names = ", ".join(filled.get(name, f'"{name}"') for name in table.columns)
    return f"""
    CREATE TEMP VIEW staged AS
    SELECT {names} FROM (SELECT * FROM {spilled} UNION ALL SELECT * FROM {in_memory}) JOIN {sources} USING (source)
    """


def count_by_month(table: Table) -> str:
    return f"SELECT date_trunc('month', {table.month_of}) AS month, count(*) AS rows FROM staged GROUP BY 1"


def fold_into(table: Table) -> tuple[str, ...]:
    """Statements that make of `staged` and `stored` the tables `fresh`, `known` (of the same keys) and `added`.

    Bound: $since and $until, a stretch of `month_of`. The view `after` is what will be known.
    """
    key, within = table.key, _within(table)
    return (
        f"CREATE OR REPLACE TEMP TABLE batch AS SELECT * FROM staged WHERE {within}",
        f"CREATE OR REPLACE TEMP TABLE fresh AS {fold_equal(table, 'batch')}",
        f"CREATE OR REPLACE TEMP TABLE same AS SELECT * FROM stored WHERE {within} AND {key} IN (SELECT {key} FROM fresh)",
        f"CREATE OR REPLACE TEMP TABLE known AS {fold_equal(table, 'same')}",
        f"CREATE OR REPLACE TEMP TABLE added AS SELECT * FROM fresh WHERE rowid IN ({telling(table, 'fresh', 'known')})",
        f"""CREATE OR REPLACE TEMP VIEW after AS
            SELECT * FROM known UNION ALL SELECT * FROM added SEMI JOIN known USING ({key})""",
    )


def fold_replacing(table: Table) -> tuple[str, ...]:
    """Like `fold_into`, but `added` is all that the stretch will hold: what `replayed` payloads said before is gone."""
    names, within = _names(table.columns), _within(table)
    return (
        f"CREATE OR REPLACE TEMP TABLE known AS SELECT {names} FROM stored WHERE {within}",
        f"""CREATE OR REPLACE TEMP TABLE batch AS
            SELECT {names} FROM staged WHERE {within}
            UNION ALL SELECT {names} FROM known ANTI JOIN replayed USING (payload_id)""",
        f"CREATE OR REPLACE TEMP TABLE fresh AS {fold_equal(table, 'batch')}",
        "CREATE OR REPLACE TEMP TABLE nothing AS SELECT * FROM fresh LIMIT 0",
        f"CREATE OR REPLACE TEMP TABLE added AS SELECT * FROM fresh WHERE rowid IN ({telling(table, 'fresh', 'nothing')})",
    )


def count_new(table: Table) -> str:
    return f"SELECT count(DISTINCT {table.key}) FROM fresh ANTI JOIN known USING ({table.key})"


def count_changed(table: Table, before: str, after: str) -> str:
    """Count the records in both whose merge differs."""
    columns = (*table.fields, "chats")
    old = ", ".join(f'b."{name}"' for name in columns)
    new = ", ".join(f'a."{name}"' for name in columns)
    return f"""
    SELECT count(*) FROM ({merged(table, before)}) b JOIN ({merged(table, after)}) a USING ({table.key})
    WHERE ({old}) IS DISTINCT FROM ({new})
    """


def in_order(table: Table, source: str) -> str:
    """All columns of `source`, sorted as data files are: by time, so that a window is a short stretch."""
    order = f"{table.month_of}, {table.key}" if table.key else table.month_of
    return f"SELECT {_names(table.columns)} FROM {source} ORDER BY {order}"


def window(table: Table, source: str) -> str:
    """A temporary table `windowed` of the rows in [$since, $until)."""
    return f"CREATE OR REPLACE TEMP TABLE windowed AS SELECT * FROM {source} WHERE {_within(table)}"


def _within(table: Table) -> str:
    return f"{table.month_of} >= $since AND {table.month_of} < $until"


def _names(names: Iterable[str]) -> str:
    """Quoted, because `at` is a word of DuckDB's."""
    return ", ".join(f'"{name}"' for name in names)


def _newest(name: str) -> str:
    return f"(max({{'o': observed_at, 'r': rank, 'v': \"{name}\"}}) FILTER (\"{name}\" IS NOT NULL)).v"


def _mask(conditions: Iterable[str]) -> str:
    bits = [f"({condition})::BIGINT << {n}" for n, condition in enumerate(conditions)]
    return "(" + " | ".join(f"({bit})" for bit in bits) + ")"


def _bit(table: Table, name: str) -> int:
    return 1 << table.fields.index(name) if name in table.fields else 0
