"""The SQL of exports. Built from our own names only; values are bound, never pasted."""
# ruff: noqa: S608 - as above

from storage.exports import SLICE
from storage.exports.described import COLUMNS, KEYS, ORDERS, Column, names
from storage.queries import merged_accounts, merged_posts, merged_reposts, within
from storage.schema import Table

_MERGES = {"posts": merged_posts, "reposts": merged_reposts, "accounts": merged_accounts}

#: What is left of a post on X in a file for everybody: X lets ids be handed on, and nothing else.
_HYDRATABLE = ("uid", "platform", "id")


def strays(table: Table) -> tuple[str, str]:
    """The table `strays`: merged records whose observations lie in more than one month of `stored`. They are few."""
    key, time = table.key, table.month_of
    moved = f"""SELECT hash({key}) FROM stored GROUP BY 1
                HAVING date_trunc('month', min({time})) <> date_trunc('month', max({time}))"""
    return (
        f"CREATE OR REPLACE TEMP TABLE moved AS SELECT DISTINCT {key} FROM stored WHERE hash({key}) IN ({moved})",
        f"""CREATE OR REPLACE TEMP TABLE strays AS
            SELECT {names(table.name)} FROM ({_merge(table, f"{key} IN (FROM moved)")})""",
    )


def stands_in_order(table: Table) -> str:
    """Whether the observations in `stored` lie in order and are of one record each: nothing to merge, nothing to sort."""
    place = f"{{'at': {table.month_of}, 'key': {table.key}}}"
    return f"SELECT coalesce(bool_and(later), TRUE) FROM (SELECT {place} > lag({place}) OVER () AS later FROM stored)"


def span(table: Table, *, any_moved: bool, is_distinct: bool) -> str:
    """The rows of a table made in [$since, $until), one a record."""
    ours = within(table)
    columns = names(table.name)
    if not any_moved:
        return f"SELECT {columns} FROM ({_MERGES[table.name]('stored', ours, is_distinct=is_distinct)})"
    return f"""
    SELECT {columns} FROM ({_merge(table, f"{ours} AND {table.key} NOT IN (FROM moved)")})
    UNION ALL SELECT {columns} FROM strays WHERE {ours}
    """


def people(part: str) -> str:
    """Merged accounts of which `part` says which; they are observed in many months."""
    return f"SELECT {names('accounts')} FROM ({merged_accounts('stored', part)})"


PART = "hash(uid) % $parts = $part"


def staged(table: str, rows: str, conditions: list[str], *, public: bool, sort: bool, salted: bool = False) -> str:
    """The temporary table `staged`: rows that satisfy all conditions, in order; `sort` unless they come in it.

    With `salted`, keys stand in the order of their digests with $salt, since their own would tell them.
    """
    where = " AND ".join(conditions) or "TRUE"
    *times, key = ORDERS[table]
    order = f"ORDER BY {', '.join([*times, f'sha256($salt || {key})' if salted else key])}" if sort else ""
    shown = names(table)
    if public and table == "posts":
        shown = ", ".join(_only_id(column) for column in COLUMNS["posts"])
    return f"""
    CREATE OR REPLACE TEMP TABLE staged AS
    SELECT {shown} FROM (SELECT * FROM ({rows}) WHERE {where} {order})
    """


def slice_of_staged(first: int, until: int) -> str:
    """The view `slice`: some rows of `staged`, in its order."""
    return f"CREATE OR REPLACE TEMP VIEW {SLICE} AS SELECT * FROM staged WHERE rowid >= {first} AND rowid < {until}"


ROWS_OF_SLICE = f"FROM {SLICE}"
SLICE_OF_REWRITTEN = f"CREATE OR REPLACE TEMP VIEW {SLICE} AS FROM rewritten"

# Conditions. `chosen`, `changed`, `hidden`, `written` and `repeated` are tables of one connection.
CHOSEN = "uid IN (SELECT uid FROM chosen)"
PUBLIC_POST = """
    deleted_at IS NULL AND NOT coalesce(list_contains($forbidding, consent), FALSE)
    AND coalesce(author_uid NOT IN (SELECT uid FROM hidden), TRUE)"""
PUBLIC_REPOST = """
    NOT starts_with(post_uid, 'x:') AND coalesce(account_uid NOT IN (SELECT uid FROM hidden), TRUE)"""
PUBLIC_ACCOUNT = "NOT starts_with(uid, 'x:') AND uid NOT IN (SELECT uid FROM hidden)"
OF_WRITTEN = "post_uid IN (SELECT uid FROM written)"
WROTE_OR_REPEATED = "(uid IN (SELECT author_uid FROM written) OR uid IN (SELECT account_uid FROM repeated))"

HIDDEN = """
CREATE OR REPLACE TEMP TABLE hidden AS
SELECT uid FROM people WHERE coalesce(list_contains($forbidding, consent), FALSE)
"""
CONSENTS = "SELECT DISTINCT consent FROM stored WHERE consent IS NOT NULL ORDER BY consent"

NOTE = {
    "posts": "INSERT INTO written SELECT uid, author_uid FROM staged",
    "reposts": "INSERT INTO repeated SELECT DISTINCT account_uid FROM staged WHERE account_uid IS NOT NULL",
}
COUNT_MOVED = "SELECT count(*) FROM moved"
PLATFORMS = "SELECT DISTINCT platform FROM staged"
PAYLOADS_OF_WRITTEN = "SELECT DISTINCT payload_id FROM stored WHERE uid IN (SELECT uid FROM written)"
NOTES = """
CREATE OR REPLACE TEMP TABLE written (uid VARCHAR, author_uid VARCHAR);
CREATE OR REPLACE TEMP TABLE repeated (account_uid VARCHAR)
"""


def changed(table: Table) -> str:
    """The table `changed`: keys of records that were observed anew. `moments` and `months` say when."""
    time = table.month_of
    return f"""
    CREATE OR REPLACE TEMP TABLE changed AS
    SELECT DISTINCT {table.key} FROM stored
    WHERE {time} IN (SELECT moment FROM moments) OR EXISTS (FROM months WHERE {time} >= since AND {time} < until)
    """


def changed_of_staged(table: str) -> str:
    """Leave in `staged` what is `changed`, in its order."""
    return f"CREATE OR REPLACE TEMP TABLE staged AS SELECT * FROM staged WHERE {KEYS[table]} IN (FROM changed)"


def iso(name: str) -> str:
    """A time as text: UTC, "Z", fractions only where there are any. A time without a zone is written twice as fast."""
    return f"""replace(make_timestamp(epoch_us("{name}"))::VARCHAR, ' ', 'T') || 'Z'"""


def json_rows(table: str) -> str:
    """The rows of `slice` as JSON has them."""
    shown = [f'{iso(column.name)} AS "{column.name}"' if column.kind == "time" else f'"{column.name}"'
             for column in COLUMNS[table]]  # fmt: skip
    return f"SELECT {', '.join(shown)} FROM {SLICE}"


def flat(column: Column) -> str:
    """A column of `slice` as a single value: times and lists as text."""
    if column.kind == "time":
        return iso(column.name)
    return f'to_json("{column.name}")::VARCHAR' if column.kind == "list" else f'"{column.name}"'


def _merge(table: Table, where: str) -> str:
    return _MERGES[table.name]("stored", where)


def _only_id(column: Column) -> str:
    if column.name in _HYDRATABLE:
        return f'"{column.name}"'
    return f"""CASE WHEN platform <> 'x' THEN "{column.name}" END AS "{column.name}\""""


# Who is named. `all_posts`, `all_reposts` and `all_accounts` are observations, `candidates` are words in small letters.
ALL_HANDLES = """
SELECT DISTINCT platform, handle FROM (
    SELECT split_part(uid, ':', 1) AS platform, author_handle AS handle FROM all_posts
    UNION ALL SELECT split_part(uid, ':', 1), one.handle FROM (SELECT uid, unnest(mentions) AS one FROM all_posts)
    UNION ALL SELECT split_part(post_uid, ':', 1), account_handle FROM all_reposts
    UNION ALL SELECT split_part(uid, ':', 1), handle FROM all_accounts)
WHERE handle IS NOT NULL
"""
OWNERS = """
SELECT lower(handle), min(uid) FROM (
    SELECT author_handle AS handle, author_uid AS uid FROM all_posts
    UNION ALL SELECT one.handle, one.uid FROM (SELECT unnest(mentions) AS one FROM all_posts)
    UNION ALL SELECT account_handle, account_uid FROM all_reposts
    UNION ALL SELECT handle, uid FROM all_accounts)
WHERE handle IS NOT NULL AND starts_with(uid, 'bluesky:') GROUP BY 1
"""
ALL_NAMES = """
SELECT DISTINCT name FROM (SELECT author_name AS name FROM all_posts UNION ALL SELECT name FROM all_accounts)
WHERE name IS NOT NULL
"""
ALL_PAGES = "SELECT DISTINCT url FROM all_accounts WHERE url IS NOT NULL"
WORDS_AMONG = r"""
SELECT word FROM (
    SELECT DISTINCT lower(unnest(regexp_extract_all(text, '(?:^|[^\w@#/.=&-])(\w{5,})', 1))) AS word,
           coalesce(author_uid, author_handle) AS who
    FROM all_posts)
WHERE word IN (SELECT word FROM candidates) GROUP BY word HAVING count(DISTINCT who) >= $least
"""
