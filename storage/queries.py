"""All the SQL of the archive. Built from the schema's own names only; values are bound, never pasted.

**Merging.** Observations of one record are ordered by `observed_at`, then by the rank of their format; field by field
the newest that knows the field wins, and of two that are equal in both, the greater value. Nothing depends on the
order in which they were stored, so importing in any order, twice, or from many processes gives the same posts.

**Folding.** An observation that wins nothing (all that it knows, newer ones know too) can be dropped without changing
any merge, now or after older observations arrive. The newest observation of a text, or of an account's handle, is
history and stays; nothing that arrives later makes an older one of the same text worth keeping.
"""

from collections.abc import Iterable

from knowarchive.model import CONTENT
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
                                 || '/post/' || split_part(uid, '/', -1) END) AS url,
         {content}),
       split_part(uid, ':', 1) AS platform
FROM ({merged})
"""


def merged(table: Table, source: str, where: str = "TRUE", *, is_distinct: bool = False) -> str:
    """One row per key of the observations in `source` that satisfy `where`; `is_distinct`: no key is there twice."""
    key = table.key
    rows = f"(SELECT * FROM {source} WHERE {where})"
    kept = _names(table.fields)
    if is_distinct:
        return f"""
        SELECT {key}, {kept}, observed_at, CASE WHEN chat IS NOT NULL THEN [chat] END AS chats, collected_at, payload_id
        FROM {rows}
        """
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


def merged_posts(source: str, where: str = "TRUE", *, is_distinct: bool = False) -> str:
    """`merged` with id, url and platform derived: the contract's `posts`. A deleted one has no content, whatever tells."""
    content = ", ".join(f'CASE WHEN deleted_at IS NULL THEN "{name}" END AS "{name}"' for name in CONTENT)
    return _DERIVED_POSTS.format(merged=merged(POSTS, source, where, is_distinct=is_distinct), content=content)


def merged_accounts(source: str, where: str = "TRUE", *, is_distinct: bool = False) -> str:
    return merged(ACCOUNTS, source, where, is_distinct=is_distinct)


def merged_reposts(source: str, where: str = "TRUE", *, is_distinct: bool = False) -> str:
    """`merged` with the network's id of the repost, which is in its key."""
    return f"""
    SELECT *, CASE WHEN NOT contains(key, ' ') THEN substr(key, strpos(key, ':') + 1) END AS id
    FROM ({merged(REPOSTS, source, where, is_distinct=is_distinct)})
    """


def wishes(source: str) -> str:
    """What people declare who declare anything that binds us. Bound: $none."""
    newest = f"SELECT uid, {_newest('consent')} AS consent FROM {source} GROUP BY uid"
    return f"SELECT uid, consent FROM ({newest}) WHERE consent <> $none"


# Two processes may have stored the same payload at once. Bodies are large: only those of such payloads are compared.
DISTINCT_PAYLOADS = """
WITH repeated AS MATERIALIZED (
    SELECT payload_id FROM {source} GROUP BY payload_id, coalesce(chat, '') HAVING count(*) > 1)
SELECT * FROM {source} ANTI JOIN repeated USING (payload_id)
UNION ALL
SELECT DISTINCT ON (payload_id, coalesce(chat, '')) * FROM {source} SEMI JOIN repeated USING (payload_id)
"""

# Bound: $prefix, $since. `stored` are payloads, `finished` runs, whose ids are the names of the pulls.
UNFINISHED = """
SELECT pull FROM stored
WHERE starts_with(pull, $prefix) AND collected_at >= $since AND pull NOT IN (SELECT run_id FROM finished)
GROUP BY pull ORDER BY max(collected_at) DESC, pull LIMIT 1
"""
# Bound: $pull.
OF_PULL = "SELECT DISTINCT ON (payload_id) * FROM stored WHERE pull = $pull ORDER BY fetched_at, payload_id"

# `erased` has the uids, `addresses` parts of web addresses that lead to them.
_IS_ERASED = "uid IN (SELECT uid FROM erased)"
_SHOWS = "len(list_filter(addresses, lambda address: contains(link.url, address))) > 0"
_ADDRESSES = "(SELECT coalesce(list(address), []) AS addresses FROM addresses)"

ASKED_FOR = """
SELECT uid, any_value(reason) AS reason, min(created_at) AS created_at, min(asked_at) AS asked_at
FROM erasures WHERE reason <> 'forgotten' GROUP BY uid
"""

# What an erasure left undone, or nobody has begun: deletions that were learnt of, and erasures that are not done.
UNERASED = """
WITH asked AS (
    SELECT uid, any_value(reason) AS reason, min(created_at) AS created_at, min(asked_at) AS asked_at,
           bool_or(done_at IS NOT NULL) AS is_done
    FROM erasures WHERE reason <> 'forgotten' GROUP BY uid)
SELECT uid, reason, created_at, asked_at FROM asked WHERE NOT is_done
UNION ALL
SELECT uid, 'deleted', min(created_at), min(deleted_at) FROM stored
WHERE deleted_at IS NOT NULL AND deleted_at <> created_at  -- places of people who were forgotten: nothing is left in them
  AND uid NOT IN (SELECT uid FROM asked) GROUP BY uid
ORDER BY uid
"""

REDACTED = "SELECT DISTINCT payload_id, format, position FROM payloads WHERE redacted IS NOT NULL"

# Bound: $id.
STORED_PAYLOAD = "SELECT * FROM payloads WHERE payload_id = $id ORDER BY redacted DESC NULLS LAST LIMIT 1"

MADE_AT = "SELECT uid, min(created_at) AS made_at FROM stored WHERE uid IN (SELECT uid FROM wanted) GROUP BY uid"

FORGOTTEN = "SELECT uid, bool_or(done_at IS NOT NULL) AS is_done FROM erasures WHERE reason = 'forgotten' GROUP BY uid"

# Who is named at all; `all_posts` and so on are observations.
SIGHTS = """
SELECT DISTINCT split_part(uid, ':', 1), author_uid, author_handle FROM all_posts
WHERE author_uid IS NOT NULL OR author_handle IS NOT NULL
UNION SELECT split_part(post_uid, ':', 1), account_uid, account_handle FROM all_reposts
UNION SELECT split_part(uid, ':', 1), uid, handle FROM all_accounts
UNION SELECT split_part(uid, ':', 1), one.uid, one.handle FROM (SELECT uid, unnest(mentions) AS one FROM all_posts)
"""

# `wanted_accounts` are uids, `wanted_handles` are `platform:handle` of those who are known by it alone.
_THEIRS = """({uid} IN (SELECT uid FROM wanted_accounts) OR ({uid} IS NULL AND
    split_part({of}, ':', 1) || ':' || {handle} IN (SELECT handle FROM wanted_handles)))"""
OWN_POSTS = f"""
SELECT 'posts' AS "table", uid, id, url, author_uid AS account, author_handle AS handle, author_name AS name, text,
       warning, list_transform(media, lambda one: one.alt) AS alts, list_transform(poll, lambda one: one.text) AS options,
       collected_at, payload_id
FROM all_posts WHERE {_THEIRS.format(uid="author_uid", of="uid", handle="author_handle")}
"""
OWN_ACCOUNTS = """
SELECT 'accounts' AS "table", uid AS account, handle, name, bio, url AS site, avatar, collected_at, payload_id
FROM all_accounts
WHERE uid IN (SELECT uid FROM wanted_accounts)
"""
OWN_REPOSTS = f"""
SELECT 'reposts' AS "table", key, post_uid, account_uid AS account, account_handle AS handle, collected_at, payload_id
FROM all_reposts WHERE {_THEIRS.format(uid="account_uid", of="post_uid", handle="account_handle")}
"""
COUNT_MENTIONS = f"""
SELECT count(DISTINCT post) FROM (SELECT uid AS post, author_uid, unnest(mentions) AS one FROM all_posts)
WHERE {_THEIRS.format(uid="one.uid", of="post", handle="one.handle")}
  AND coalesce(author_uid, '') NOT IN (SELECT uid FROM wanted_accounts)
"""
TEXTS = "SELECT DISTINCT uid, text FROM posts WHERE length(text) > 20"

# Bound: $uid.
VERSIONS = """
SELECT *, CASE WHEN chat IS NOT NULL THEN [chat] END AS chats, split_part(uid, ':', 1) AS platform
FROM (SELECT *, lag(text) OVER (ORDER BY observed_at, rank, text) AS before
      FROM stored WHERE uid = $uid AND text IS NOT NULL)
WHERE text IS DISTINCT FROM before ORDER BY observed_at, rank, text
"""

# Bound: $prefix, $seen_from, $seen_before, $since, $until. Posts of a stretch that were last seen in another.
LAST_SEEN = """
SELECT uid, max(created_at) AS created_at FROM stored
WHERE starts_with(uid, $prefix) AND created_at >= $since AND created_at < $until
GROUP BY uid HAVING max(observed_at) >= $seen_from AND max(observed_at) < $seen_before
"""

# Bound: $since. Accounts that are called otherwise, or say otherwise of themselves, than before `since`.
RENAMED_SINCE = """
WITH said AS (SELECT uid, observed_at, struct_pack(handle, name, bio, url) AS said FROM stored)
SELECT uid FROM said GROUP BY uid
HAVING max(observed_at) >= $since AND min(observed_at) < $since
   AND arg_max(said, observed_at) IS DISTINCT FROM arg_max(said, observed_at) FILTER (observed_at < $since)
"""

DISTINCT_QUARANTINE = """
SELECT DISTINCT ON (digest, origin, position) * FROM {source} ORDER BY digest, origin, position, collected_at
"""


def fold_equal(table: Table, source: str, more: str = "") -> str:
    """Fold observations of the same moment, rank and chat into one: of equals the greater value, field by field.

    `more` are further aggregates.
    """
    same = f"{table.key}, chat, observed_at, rank"
    greatest = ", ".join(f'max("{name}") AS "{name}"' for name in (*table.fields, "collected_at", "payload_id"))
    return f"""
    SELECT {_names(table.columns)}{", * EXCLUDE (" + _names(table.columns) + ")" if more else ""}
    FROM (SELECT {same}, {greatest}{more} FROM {source} GROUP BY {same})
    """


def staged(table: Table, *sources: str) -> str:
    """What waits in several places for a stretch of time, as it waits there. Bound: $since, $until, $part, $parts.

    Its bounds stand on a column as it lies in spill files, so that most of these are not even read. What has no moment of
    its own comes along.
    """
    return f"""
    SELECT * FROM ({" UNION ALL ".join(f"SELECT * FROM {source}" for source in sources)})
    WHERE ({table.month_of} IS NULL OR ({within(table)})) AND {_in_part(table)}
    """


def known(table: Table) -> tuple[str, str]:
    """The table `known`: what is stored of the records in `batch`. Bound in the first: $since, $until."""
    key = table.key
    return (
        f"""CREATE OR REPLACE TEMP TABLE same AS
            SELECT * FROM stored WHERE {within(table)} AND {key} IN (SELECT {key} FROM batch)""",
        f"CREATE OR REPLACE TEMP TABLE known AS SELECT *, {knows(table)} AS knows FROM ({fold_equal(table, 'same')})",
    )


def nothing_known(table: Table) -> str:
    return f"CREATE OR REPLACE TEMP TABLE known AS SELECT {_names(table.columns)}, knows FROM batch LIMIT 0"


def batch_of_stored(table: Table) -> tuple[str, str]:
    """The view `batch`: all that is in `stored`, to see what of it is worth keeping."""
    return (
        f"CREATE OR REPLACE TEMP TABLE united AS SELECT {_names(table.columns)} FROM stored",
        f"CREATE OR REPLACE TEMP VIEW batch AS SELECT *, rowid AS row, {knows(table)} AS knows FROM united",
    )


def stretch(table: Table) -> str:
    """The table `stretch`: what is stored of it now. Bound: $since, $until, $part, $parts."""
    return f"""
    CREATE OR REPLACE TEMP TABLE stretch AS
    SELECT {_names(table.columns)} FROM stored WHERE {within(table)} AND {_in_part(table)}
    """


# What the stretch will hold still, of other payloads than those that are `replayed`.
STAYING = "SELECT * FROM stretch ANTI JOIN replayed USING (payload_id)"


def knows(table: Table) -> str:
    """A number with a bit for each thing that an observation can tell, set where it does."""
    return _mask(f'"{name}" IS NOT NULL' for name in table.told)


def contested(table: Table) -> str:
    """The table `contested`: records that are in `batch` more than once, or in `known` too."""
    key = table.key
    return f"""
    CREATE OR REPLACE TEMP TABLE contested AS
    SELECT {key} FROM batch GROUP BY {key} HAVING count(*) > 1 UNION SELECT {key} FROM known
    """


def weighed(table: Table) -> str:
    """The narrow table `weighed`: of every contested observation in `batch`, what newer ones know, by bit masks.

    `tells` says whether it wins anything, `is_history` whether its moment is the last with its text, or handle, and newer
    ones have another; `is_alone` whether no other observation is of the same moment.
    """
    key = table.key
    text = f'"{table.history}"' if table.history else "NULL::VARCHAR"
    moment = "(epoch_us(observed_at) * 256 + rank)"  # a pair takes twice the time; a rank is a byte
    return f"""
    CREATE OR REPLACE TEMP TABLE weighed AS
    WITH narrow AS (
        SELECT row, {key} AS key, chat, {moment} AS moment, knows AS mask, {text} AS text
        FROM batch SEMI JOIN contested USING ({key})
        UNION ALL
        SELECT NULL, {key}, chat, {moment}, knows, {text} FROM known),
    moments AS (  -- the hash of NULL is a number too, and would make a text of what is unknown
        SELECT key, chat, moment, bit_or(mask) AS mask, count(*) AS size,
               CASE WHEN max(text) IS NOT NULL THEN hash(max(text)) END AS text
        FROM narrow GROUP BY ALL),
    newer AS (
        SELECT key, chat, moment, size, coalesce(bit_or(mask) OVER before, 0) AS known,
               text IS NOT NULL AND moment = max(moment) OVER (PARTITION BY key, chat, text) AS is_last_of_text,
               bool_or(text IS NOT NULL) OVER before AS has_newer_text
        FROM moments
        WINDOW before AS (PARTITION BY key, chat ORDER BY moment DESC
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
    SELECT row, known, coalesce(is_last_of_text AND has_newer_text, FALSE) AS is_history,
           mask & ~known <> 0 OR is_history AS tells, size = 1 AS is_alone
    FROM narrow JOIN newer ON narrow.key = newer.key AND narrow.moment = newer.moment
                          AND narrow.chat IS NOT DISTINCT FROM newer.chat
    WHERE row IS NOT NULL
    """


COUNT_TIED = "SELECT count(*) FROM weighed WHERE tells AND NOT is_alone"


def told(table: Table) -> tuple[str, str]:
    """The table `told`: observations that share their moment, folded, where they beat what is known of that moment."""
    key = table.key
    wins = _mask(f'f."{name}" IS NOT NULL' for name in table.told)
    beaten = _mask(f'coalesce(k."{name}" >= f."{name}", FALSE)' for name in table.told)
    tied = "(SELECT * FROM batch JOIN weighed USING (row) WHERE tells AND NOT is_alone)"
    verdict = ", any_value(known) AS known, bool_or(is_history) AS is_history"
    return (
        f"CREATE OR REPLACE TEMP TABLE fresh AS {fold_equal(table, tied, more=verdict)}",
        f"""CREATE OR REPLACE TEMP TABLE told AS
            SELECT f.* EXCLUDE (known, is_history) FROM fresh f
            LEFT JOIN known k ON k.{key} = f.{key} AND k.chat IS NOT DISTINCT FROM f.chat
                             AND k.observed_at = f.observed_at AND k.rank = f.rank
            WHERE {wins} & ~f.known & ~{beaten} <> 0
               OR (f.is_history AND {beaten} & {_bit(table, table.history)} = 0)""",
    )


TOLD = "SELECT * FROM told"
# The numbers of the observations in `batch` that are not stored.
LEFT_OUT = "SELECT row FROM weighed WHERE NOT (tells AND is_alone)"


def added(table: Table, *, contested: bool, tied: bool) -> str:
    """The view `added`: what of `batch` tells something new. What was not contested has not been weighed."""
    names = _names(table.columns)
    return f"""
    CREATE OR REPLACE TEMP VIEW added AS
    SELECT {names} FROM batch {f"WHERE row NOT IN ({LEFT_OUT})" if contested else ""}
    {f"UNION ALL SELECT {names} FROM told" if tied else ""}
    """


def after(table: Table) -> str:
    """The view `after`: what will be stored of the records in `known`."""
    names = _names(table.columns)
    return f"""
    CREATE OR REPLACE TEMP VIEW after AS
    SELECT {names} FROM known UNION ALL SELECT {names} FROM added SEMI JOIN known USING ({table.key})
    """


def count_new(table: Table, known: str = "known") -> str:
    """Count the records in `batch` that are not in `known`."""
    return f"SELECT count(DISTINCT {table.key}) FROM batch ANTI JOIN {known} USING ({table.key})"


def count_changed(table: Table, before: str, after: str) -> str:
    """Count the records in both whose merge differs."""
    columns = (*table.fields, "chats")
    old = ", ".join(f'b."{name}"' for name in columns)
    new = ", ".join(f'a."{name}"' for name in columns)
    return f"""
    SELECT count(*) FROM ({merged(table, before)}) b JOIN ({merged(table, after)}) a USING ({table.key})
    WHERE ({old}) IS DISTINCT FROM ({new})
    """


def blanked(source: str) -> str:
    """Observations of posts, those that are `erased` without content, and links to them without the page's title."""
    content = ", ".join(
        f'CASE WHEN {_IS_ERASED} THEN NULL ELSE "{name}" END AS "{name}"' for name in CONTENT if name != "links"
    )
    links = (
        f"CASE WHEN {_IS_ERASED} THEN NULL ELSE list_transform(links, lambda link: CASE WHEN {_SHOWS} "
        "THEN {'url': link.url, 'title': NULL} ELSE link END) END AS links"
    )
    return f"(SELECT * EXCLUDE (addresses) REPLACE ({content}, {links}) FROM {source} CROSS JOIN {_ADDRESSES})"


def count_content(source: str) -> str:
    """Count the observations that `blanked` would change."""
    known = " OR ".join(f'"{name}" IS NOT NULL' for name in CONTENT)
    shown = f"len(list_filter(links, lambda link: link.title IS NOT NULL AND {_SHOWS})) > 0"
    return f"SELECT count(*) FROM {source} CROSS JOIN {_ADDRESSES} WHERE ({_IS_ERASED} AND ({known})) OR {shown}"


def in_order(table: Table, source: str) -> str:
    """All columns of `source`, sorted as data files are: by time, so that a window is a short stretch."""
    order = f"{table.month_of}, {table.key}" if table.key else table.month_of
    return f"SELECT {_names(table.columns)} FROM {source} ORDER BY {order}"


def in_shape(name: str) -> str:
    """A view of files that lack columns, which `{name}_shape` has."""
    return f"""
    CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {name}_older UNION ALL BY NAME SELECT * FROM {name}_shape
    """


def chosen(source: str, where: str) -> str:
    """A temporary table `chosen` of the rows that satisfy a condition."""
    return f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT * FROM {source} WHERE {where}"


def count_repeated(table: Table, source: str) -> str:
    """How many rows there are besides the first of every key."""
    return f"SELECT count({table.key}) - count(DISTINCT {table.key}) FROM {source}"


def within(table: Table) -> str:
    """The condition that a row is of a stretch of time. Bound: $since, $until."""
    return f"{table.month_of} >= $since AND {table.month_of} < $until"


def _in_part(table: Table) -> str:
    """The condition that a record is of the part of a stretch. Bound: $part, $parts."""
    return f"hash({table.key}) % $parts = $part"


def _names(names: Iterable[str]) -> str:
    """Quoted, because `at` is a word of DuckDB's."""
    return ", ".join(f'"{name}"' for name in names)


def _newest(name: str) -> str:
    return f"(max({{'o': observed_at, 'r': rank, 'v': \"{name}\"}}) FILTER (\"{name}\" IS NOT NULL)).v"


def _mask(conditions: Iterable[str]) -> str:
    """A number with a bit for each condition. DuckDB plans a deep expression for longer than most of these run."""
    bits = [f"(({condition})::BIGINT * {1 << n})" for n, condition in enumerate(conditions)]
    while len(bits) > 1:
        bits = [f"({' | '.join(bits[n : n + 2])})" for n in range(0, len(bits), 2)]
    return bits[0]


def _bit(table: Table, name: str) -> int:
    return 1 << table.told.index(name) if name in table.fields else 0


# How many observations of posts there are, and how many of a payload that is not there. Ids of payloads may be unknown.
ORPHANS = """
SELECT count(*), count(*) FILTER (payload_id IS NOT NULL AND payload_id NOT IN (SELECT payload_id FROM payloads))
FROM posts_observations"""

# Observations of erased posts that still say something.
STILL_SAID = f"""
SELECT count(*) FROM stored SEMI JOIN erased USING (uid)
WHERE {" OR ".join(f'"{name}" IS NOT NULL' for name in CONTENT)}"""

# All that was ever asked to go, each once.
EVER_ASKED = """
SELECT uid, arg_min(reason, asked_at) AS reason, min(created_at) AS created_at, min(asked_at) AS asked_at
FROM erasures GROUP BY uid ORDER BY asked_at, uid"""
