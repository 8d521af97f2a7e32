"""`knowarchive sql`: DuckDB over the archive, read-only."""

import sys

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json, print_table


@click.command()
@click.argument("query", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a list of row objects.")
@click.pass_obj
def command(context: Context, query: str | None, *, as_json: bool) -> None:
    r"""Run one SQL query (or the one on standard input) over posts, accounts, reposts, payloads, quarantine and runs.

    \b
    Example:
      knowarchive sql "SELECT author_handle, count(*) AS posts FROM posts GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
    """
    import duckdb
    import pyarrow as pa

    from knowarchive.errors import UsageError
    from storage.archive import Archive

    if query is None:
        if sys.stdin.isatty():
            raise UsageError('give a query, as in: knowarchive sql "SELECT count(*) FROM posts"')
        query = sys.stdin.read()
    config = context.config
    archive = Archive(config.archive_url, config.state_dir)
    with archive.connect(alone=True) as con:
        archive.create_views(con)
        archive.lock_down(con)
        try:
            result: duckdb.DuckDBPyRelation | None = con.sql(query)
            rows = result.to_arrow_table() if result is not None else pa.table({})
        except duckdb.Error as error:
            raise UsageError(f"the query fails: {' '.join(str(error).split())}") from error
        names = _unique(rows.column_names)
        records = rows.rename_columns(names).to_pylist()
    if as_json:
        print_json(records)
    else:
        print_table({name: name for name in names}, records, "No rows.")


def _unique(names: list[str]) -> list[str]:
    """Column names as keys: a second `count` becomes `count_2`."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique
