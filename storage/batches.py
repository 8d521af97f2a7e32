"""Observations of one kind that are in memory, as columns: filled in, marked with what they know, and put in order.

What decides about them is SQL (see `storage/folding.py`) that reads a few narrow columns. The wide ones stay here: to take
them through a database and back takes longer than all that is asked of it.
"""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from storage.schema import SOURCES, Table


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole months, from their first moment to the first after them; of one that is too large, one of `parts`, by keys."""

    since: datetime
    until: datetime
    part: int = 0
    parts: int = 1


def filled(table: Table, staged: pa.Table, sources: pa.Table, stretch: Stretch) -> pa.Table:
    """All columns of a table, from those of its own and what the records of a payload have in common.

    Args:
        table: what they are.
        staged: the columns of `columns.staged_schema`.
        sources: of the shape `schema.SOURCES`; `staged` numbers its rows.
        stretch: by which those without a moment of their own are chosen too.
    """
    common = {name: sources[name].take(staged["source"]) for name in SOURCES.names}
    columns = {
        "observed_at": pc.coalesce(staged["observed_at"], common["source_observed_at"]),
        "rank": common["source_rank"],
        "chat": pc.coalesce(staged["chat"], common["source_chat"]),
        "collected_at": common["source_at"],
        "payload_id": common["source_payload"],
    }
    rows = pa.table([columns[name] if name in columns else staged[name] for name in table.columns], schema=table.schema)
    if staged[table.month_of].null_count:
        moment = pc.field(table.month_of)
        rows = rows.filter((moment >= stretch.since) & (moment < stretch.until))
    return rows


def with_masks(table: Table, batch: pa.Table) -> pa.Table:
    """The same with `row`, which numbers the observations, and `knows`: see `queries.knows`, which says it in SQL."""
    always = 0
    masks = []
    for bit, name in enumerate(table.told):
        column = batch[name]
        if not column.null_count:
            always |= 1 << bit
        elif column.null_count < len(column):
            masks.append(pc.if_else(column.is_valid(), pa.scalar(1 << bit), pa.scalar(0)))
    knows = pa.chunked_array([pa.repeat(pa.scalar(always), batch.num_rows)])
    for mask in masks:
        knows = pc.bit_wise_or(knows, mask)
    return batch.append_column("row", pa.arange(0, batch.num_rows)).append_column("knows", knows)


def in_order(table: Table, batch: pa.Table, left_out: pa.ChunkedArray, told: pa.Table) -> pa.Table:
    """What is to be stored, sorted as data files are: by time, so that a window is a short stretch.

    Args:
        table: what they are.
        batch: observations.
        left_out: the numbers of those that are not stored.
        told: what is stored besides.
    """
    found = pa.concat_tables([batch, told]) if told.num_rows else batch
    order = pc.sort_indices(
        found.select([table.month_of, table.key]), [(table.month_of, "ascending"), (table.key, "ascending")]
    )
    if len(left_out):
        order = order.filter(pc.invert(pc.is_in(order, left_out.cast(order.type))))
    return found.take(order)
