"""From the schema that an archive was written with to the one that this version writes.

A new column needs no step: it is added to the table's schema before the first write, and files without it are read as
unknown. Anything else is a step here, which must be safe to run twice and in two processes at once.
"""

from collections.abc import Callable, Mapping

from deltalake import DeltaTable
from deltalake import Field as DeltaField
from deltalake import Schema as DeltaSchema

from storage.schema import SCHEMA_VERSION, Table

VERSION_KEY = "knowarchive.schema"

# The version that a step starts from: the step, given the table and its columns.
STEPS: Mapping[int, Callable[[DeltaTable, Table], None]] = {}


def written_by(delta: DeltaTable) -> int:
    """The schema version that a table was last written with."""
    return int(delta.metadata().configuration.get(VERSION_KEY, SCHEMA_VERSION))


def migrate(delta: DeltaTable, spec: Table, steps: Mapping[int, Callable[[DeltaTable, Table], None]] = STEPS) -> bool:
    """Bring a table to this version's schema. Returns whether anything changed.

    Raises:
        DeltaError: another process did it at the same time; open the table again.
    """
    before = written_by(delta)
    for version in range(before, SCHEMA_VERSION):
        if version in steps:
            steps[version](delta, spec)
    there = {field.name for field in delta.schema().fields}
    wanted: list[DeltaField] = DeltaSchema.from_arrow(spec.table_schema).fields
    missing = [field for field in wanted if field.name not in there]
    if missing:
        delta.alter.add_columns(missing)
    if before < SCHEMA_VERSION:
        delta.alter.set_table_properties({VERSION_KEY: str(SCHEMA_VERSION)}, raise_if_not_exists=False)
    return bool(missing) or before < SCHEMA_VERSION
