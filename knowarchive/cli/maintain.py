"""`knowarchive maintain`: keep the archive small and quick."""

from datetime import timedelta

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json
from knowarchive.config import parse_duration
from knowarchive.errors import ConfigError, UsageError

SHORTEST = timedelta(hours=1)  # files that are being written right now are in no version yet


@click.command()
@click.option("--keep", default="7d", show_default=True, help="How long files stay that only older readers use.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(context: Context, keep: str, *, as_json: bool) -> None:
    """Fold and compact the archive. Reading and writing go on meanwhile; posts stay the same."""
    config = context.config  # before what is heavy, so that a mistake is said at once
    from pipelines.upkeep import keep_up
    from storage.archive import Archive

    retention = _retention(keep)
    archive = Archive(config.archive_url, config.state_dir)
    result = keep_up(archive, retention)
    if as_json:
        print_json(result)
    else:
        click.echo(
            f"{result['files_before']} data files are now {result['files_after']}; "
            f"{result['deleted']} old ones were deleted."
        )


def _retention(keep: str) -> timedelta:
    try:
        retention = parse_duration(keep)
    except ConfigError as error:
        raise UsageError(f"--keep: {error}") from error
    if retention < SHORTEST:
        raise UsageError(f"--keep {keep} is less than 1h, and would delete what others are writing or reading")
    return retention
