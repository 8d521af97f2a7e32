"""Decide which observations are worth keeping. See `storage/queries.py` for the rules.

All work on temporary tables and views of one connection.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from storage import batches, queries
from storage.batches import Stretch
from storage.schema import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Folded:
    """What is to be stored of a batch, in the order of data files; how many records are new by it, and how many changed."""

    added: pa.Table
    new: int
    changed: int


def fold_into(con: "DuckDBPyConnection", table: Table, batch: pa.Table, stretch: Stretch, *, stored: bool) -> Folded:
    """Weigh a batch, of a stretch of time, against `stored`.

    Args:
        con: has the view `stored`, if `stored` says so.
        table: what they are.
        batch: all columns of the table.
        stretch: from when until when it is.
        stored: whether the archive holds anything of the stretch.
    """
    con.register("batch", batches.with_masks(table, batch))
    if stored:
        same, known = queries.known(table)
        con.execute(same, {"since": stretch.since, "until": stretch.until})
        con.execute(known)
    else:
        con.execute(queries.nothing_known(table))
    added = _worth_keeping(con, table, batch)
    new, changed = count(con, queries.count_new(table)), 0
    if stored and count(con, "SELECT count(*) FROM known"):
        con.register("added", added)
        con.execute(queries.after(table))
        changed = count(con, queries.count_changed(table, "known", "after"))
    con.unregister("batch")
    return Folded(added, new, changed)


def fold_replacing(con: "DuckDBPyConnection", table: Table, batch: pa.Table, stretch: Stretch) -> Folded:
    """Like `fold_into`, but `added` is all that the stretch will hold: what `replayed` payloads said before is gone."""
    con.execute(queries.stretch(table), asdict(stretch))
    staying = con.sql(queries.STAYING).to_arrow_table().cast(table.schema)
    batch = pa.concat_tables([batch, staying])
    con.register("batch", batches.with_masks(table, batch))
    con.execute(queries.nothing_known(table))
    added = _worth_keeping(con, table, batch)
    con.register("added", added)
    new = count(con, queries.count_new(table, "stretch"))
    changed = count(con, queries.count_changed(table, "stretch", "added"))
    con.unregister("batch")
    return Folded(added, new, changed)


def fold_stored(con: "DuckDBPyConnection", table: Table) -> None:
    """Weigh all that is in `stored` against itself: the view `added` is what is worth keeping of it.

    It may be more than memory holds, and stays with the database.
    """
    for statement in queries.batch_of_stored(table):
        con.execute(statement)
    con.execute(queries.nothing_known(table))
    contested, tied = _weigh(con, table)
    con.execute(queries.added(table, contested=contested, tied=tied))


def count(con: "DuckDBPyConnection", query: str) -> int:
    """The one number that a query gives."""
    [(number,)] = con.sql(query).fetchall()
    return int(number)


def _worth_keeping(con: "DuckDBPyConnection", table: Table, batch: pa.Table) -> pa.Table:
    """What is to be stored of the batch that is in `batch`."""
    contested, tied = _weigh(con, table)
    left_out = con.sql(queries.LEFT_OUT).to_arrow_table()["row"] if contested else pa.chunked_array([], pa.int64())
    told = con.sql(queries.TOLD).to_arrow_table() if tied else table.schema.empty_table()
    return batches.in_order(table, batch, left_out, told.cast(table.schema))


def _weigh(con: "DuckDBPyConnection", table: Table) -> tuple[bool, bool]:
    """Decide about `batch`, given `known`, in the tables `weighed` and `told`. Most records are seen once, and pass.

    Returns:
        Whether any are contested: if not, there is no `weighed`. And whether any observations share their moment: if
        not, there is no `told`.
    """
    con.execute(queries.contested(table))
    if not count(con, "SELECT count(*) FROM contested"):
        return False, False
    con.execute(queries.weighed(table))
    if not count(con, queries.COUNT_TIED):
        return True, False
    for statement in queries.told(table):
        con.execute(statement)
    return True, True
