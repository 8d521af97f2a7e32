"""`knowarchive restore`: make an archive of a backup."""

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json
from knowarchive.cli.progress import Progress


@click.command()
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(context: Context, address: str, *, as_json: bool) -> None:
    """Make the configured archive of the backup at ADDRESS, a folder or s3://bucket/prefix.

    Every file is checked as it is copied. Nothing is overwritten: where an archive is already, move it away first.
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from datetime import UTC, datetime

    from pipelines.backups import restore

    with Progress(quiet=as_json, unit="files") as progress:
        progress.begin("restore", None)
        listing = restore(address, config, now=datetime.now(UTC), on_progress=progress.advance)
    if as_json:
        print_json({"made_at": listing.made_at, "version": listing.version, "files": len(listing.files)})
    else:
        click.echo(f"{config.archive_url}: {len(listing.files):,} files as of {listing.made_at:%Y-%m-%d %H:%M} UTC.")
