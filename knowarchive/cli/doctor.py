"""`knowarchive doctor`: what is configured, reachable and healthy."""

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json, print_table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_obj
def command(context: Context, *, as_json: bool) -> int:
    """Show the configuration, the folders, the tables and the versions, and what is wrong with them."""
    config = context.config
    from dataclasses import asdict

    from pipelines.diagnosis import diagnose

    checks = diagnose(config)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        print_table({"status": "", "name": "Check", "finding": "Finding"}, [asdict(check) for check in checks], "")
    return 1 if any(check.status == "failed" for check in checks) else 0
