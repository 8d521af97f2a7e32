"""`knowarchive replay`: map what is stored again."""

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json
from knowarchive.cli.progress import Progress


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(context: Context, *, as_json: bool) -> int:
    """Map the stored payloads again, offline, with this version's understanding of them.

    For after an upgrade that understands more than the version that collected them. What payloads were understood to
    say before is replaced; payloads stay as they are.
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from datetime import UTC, datetime

    from pipelines.outcomes import add_up
    from pipelines.replaying import replay
    from storage.archive import Archive

    archive = Archive(config.archive_url, config.state_dir)
    with Progress(quiet=as_json) as progress:
        progress.begin("replay", None)
        outcome = replay(archive, now=lambda: datetime.now(UTC), on_progress=progress.advance)
    if as_json:
        print_json(
            {
                **add_up([outcome]),
                "sources": [
                    {"source": "payloads", "status": "done", "pages": outcome.payloads, "gaps": [], "cost": None}
                ],
            }
        )
    else:
        click.echo(
            f"{outcome.seen:,} posts seen in {outcome.payloads:,} payloads: {outcome.new:,} new, "
            f"{outcome.changed:,} changed, {outcome.quarantined:,} quarantined."
        )
    return 4 if outcome.quarantined else 0
