"""`knowarchive backup`: keep a copy of the archive elsewhere."""

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json
from knowarchive.cli.progress import Progress


@click.command()
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(context: Context, address: str, *, as_json: bool) -> None:
    """Bring the copy at ADDRESS, a folder or s3://bucket/prefix, up to date; only what is new is copied.

    It is a mirror: what was erased from the archive is gone from the copy too. The configuration and the corrections
    are copied with it, secrets and the key to forgotten people are not.
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from datetime import UTC, datetime

    import msgspec

    from pipelines.backups import back_up
    from storage.archive import Archive

    archive = Archive(config.archive_url, config.state_dir)
    with Progress(quiet=as_json, unit="files") as progress:
        progress.begin("backup", None)
        done = back_up(archive, config, address, now=datetime.now(UTC), on_progress=progress.advance)
    if as_json:
        print_json(msgspec.to_builtins(done))
    else:
        click.echo(
            f"{done.files:,} files, {done.bytes / 1e6:,.1f} MB; {done.copied:,} of them new ({done.copied_bytes / 1e6:,.1f} "
            f"MB), {done.removed:,} old ones removed."
        )
