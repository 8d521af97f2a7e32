"""Run the queries that decide which observations are worth keeping. See `storage/queries.py` for the rules.

All work on temporary tables and views of one connection, and leave what is to be stored in the view `added`.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from storage import queries
from storage.schema import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def fold_into(
    con: "DuckDBPyConnection", table: Table, since: datetime, until: datetime, *, stored: bool
) -> tuple[int, int]:
    """Weigh what is in `staged`, of a stretch of time, against `stored`. Returns how many records are new, and changed.

    Args:
        con: has the views `staged` and, if `stored` says so, `stored`.
        table: what they are.
        since: the first moment of the stretch.
        until: the first moment after it.
        stored: whether the archive holds anything of the stretch.
    """
    stretch = {"since": since, "until": until}
    con.execute(queries.batch_of_stretch(table), stretch)
    if stored:
        same, known = queries.known(table)
        con.execute(same, stretch)
        con.execute(known)
    else:
        con.execute(queries.nothing_known(table))
    _weigh(con, table)
    new, changed = count(con, queries.count_new(table)), 0
    if stored and count(con, "SELECT count(*) FROM known"):
        con.execute(queries.after(table))
        changed = count(con, queries.count_changed(table, "known", "after"))
    return new, changed


def fold_replacing(con: "DuckDBPyConnection", table: Table, since: datetime, until: datetime) -> tuple[int, int]:
    """Like `fold_into`, but `added` is all that the stretch will hold: what `replayed` payloads said before is gone."""
    stretch, united, batch = queries.batch_replacing(table)
    con.execute(stretch, {"since": since, "until": until})
    con.execute(united, {"since": since, "until": until})
    con.execute(batch)
    con.execute(queries.nothing_known(table))
    _weigh(con, table)
    return (
        count(con, queries.count_new(table, "stretch")),
        count(con, queries.count_changed(table, "stretch", "added")),
    )


def fold_stored(con: "DuckDBPyConnection", table: Table) -> None:
    """Weigh all that is in `stored` against itself: `added` is what is worth keeping of it."""
    for statement in queries.batch_of_stored(table):
        con.execute(statement)
    con.execute(queries.nothing_known(table))
    _weigh(con, table)


def count(con: "DuckDBPyConnection", query: str) -> int:
    """The one number that a query gives."""
    [(number,)] = con.sql(query).fetchall()
    return int(number)


def _weigh(con: "DuckDBPyConnection", table: Table) -> None:
    """From `batch` and `known` to `added`. Most records are seen once: they pass without being weighed."""
    con.execute(queries.contested(table))
    if not count(con, "SELECT count(*) FROM contested"):
        con.execute(queries.all_added(table))
        return
    con.execute(queries.weighed(table))
    if count(con, queries.COUNT_TIED):
        for statement in queries.told(table):
            con.execute(statement)
    else:
        con.execute(queries.nothing_told(table))
    con.execute(queries.added(table))
