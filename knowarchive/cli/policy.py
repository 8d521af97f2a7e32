"""`knowarchive policy`: what would be public, and why not the rest."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from knowarchive.cli import Context
from knowarchive.cli.completion import complete_chat
from knowarchive.cli.output import print_json, print_table

if TYPE_CHECKING:
    from knowarchive.config import Config
    from knowarchive.site.policy import Explained

COLUMNS = {"what": "What", "network": "Network", "posts": "Posts"}


@click.command()
@click.argument("chat", required=False, shell_complete=complete_chat)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@click.pass_obj
def command(context: Context, chat: str | None, *, as_json: bool) -> None:
    """Explain what knowarchive publish would show of a chat, or of all, and why not the rest."""
    config = context.config  # before what is heavy, so that a mistake is said at once
    name = config.require_chat(chat).name if chat else None
    from knowarchive.site.policy import explain_archive
    from storage.archive import Archive

    archive = Archive(config.archive_url, config.state_dir)
    explained = explain_archive(archive, config, datetime.now(UTC), name)
    if as_json:
        print_json({"chat": name, "public": dict(explained.public), "left_out": _plain(explained)})
    else:
        _say(config, explained)


def _plain(explained: "Explained") -> dict[str, dict[str, int]]:
    return {reason: dict(counts) for reason, counts in explained.reasons.items()}


def _say(config: "Config", explained: "Explained") -> None:
    from knowarchive.site.policy import REASONS, REMEDIES, words_of_x
    from transcripts.writers.references import NETWORKS

    rows = [
        {"what": "Shown on the site", "network": NETWORKS.get(network, network), "posts": posts}
        for network, posts in sorted(explained.public.items())
    ]
    for reason, counts in explained.reasons.items():
        rows += [
            {"what": REASONS[reason], "network": NETWORKS.get(network, network), "posts": posts}
            for network, posts in sorted(counts.items())
        ]
    print_table(COLUMNS, rows, "No posts yet; import a file with: knowarchive import FILE")
    if not rows:
        return
    click.echo()
    click.echo(words_of_x(config.publish))
    click.echo("Of posts that are left out, threads keep a line that something is missing.")
    for reason in explained.reasons:
        if reason in REMEDIES:
            click.echo(f"{REASONS[reason]}: {REMEDIES[reason]}")
    if not config.publish.contact:
        click.echo(f"Nothing can be published yet: [publish] in {config.path} names nobody to ask (contact).")
