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

    Nothing but the archive can be read, and nothing written.

    \b
    Examples:
      knowarchive sql "SELECT author_handle, count(*) AS posts FROM posts GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
      knowarchive sql "DESCRIBE posts"
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    import duckdb

    from knowarchive.errors import UsageError
    from storage.archive import Archive

    if query is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError('give a query, as in: knowarchive sql "SELECT count(*) FROM posts"')
        query = sys.stdin.buffer.read().decode("utf-8", "replace")
    archive = Archive(config.archive_url, config.state_dir)
    with archive.connect(alone=True) as con:
        archive.create_views(con)
        con.execute("SET python_enable_replacements = false")  # a table is never one of our variables
        archive.lock_down(con)
        try:
            statements = con.extract_statements(query)
            # COPY and ATTACH could write into the archive's folder, which may be read
            if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
                raise UsageError(
                    "give one query that only reads, as in: SELECT count(*) FROM posts; others are not run"
                )
            rows = con.sql(query).to_arrow_table()
            names = _unique(rows.column_names)
            records = rows.rename_columns(names).to_pylist()
        except (duckdb.Error, ValueError, OverflowError) as error:  # pyarrow's errors are ValueErrors
            raise UsageError(f"the query fails: {' '.join(str(error).split())}") from error
    if as_json:
        print_json(records)
    else:
        print_table({name: name for name in names}, records, "No rows.")


def _unique(names: list[str]) -> list[str]:
    """Column names as keys: a second `count` becomes `count_2`."""
    unique: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in unique:
            number += 1
            candidate = f"{name}_{number}"
        unique.append(candidate)
    return unique
