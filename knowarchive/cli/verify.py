"""`knowarchive verify`: prove that an archive, or a backup of it, is whole."""

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json, print_table
from knowarchive.cli.progress import Progress


@click.command()
@click.option("--backup", metavar="ADDRESS", help="Look at this backup instead of the archive.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_obj
def command(context: Context, backup: str | None, *, as_json: bool) -> int:
    """Read everything to its end, and say whether tables, payloads, erasures and index agree.

    Exit code 1 says that something is damaged; `doctor` is the quick look.
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from dataclasses import asdict

    from pipelines.verifying import verify, verify_backup
    from storage.archive import Archive

    with Progress(quiet=as_json, unit="files" if backup else "rows") as progress:
        progress.begin("verify", None)
        if backup:
            checks = [verify_backup(backup, on_progress=progress.advance)]
        else:
            archive = Archive(config.archive_url, config.state_dir)
            checks = list(verify(config, archive, on_progress=progress.advance))
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        print_table({"status": "", "name": "Check", "finding": "Finding"}, [asdict(check) for check in checks], "")
    return 1 if any(check.status == "failed" for check in checks) else 0
