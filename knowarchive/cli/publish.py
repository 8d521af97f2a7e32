"""`knowarchive publish`: the site."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json, tell
from knowarchive.cli.progress import Progress

if TYPE_CHECKING:
    from knowarchive.site.building import Published


@click.command()
@click.option(
    "--output", metavar="DIR", help="The site's folder.  [default: publish.folder, else site, beside the configuration]"
)
@click.option("--rebuild", is_flag=True, help="Make every page anew, not only what changed.")
@click.option("--overwrite", is_flag=True, help="Write into a folder that holds other things too; these stay.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(context: Context, output: str | None, *, rebuild: bool, overwrite: bool, as_json: bool) -> None:
    """Write a site of all chats for any web server, or bring the one in the folder up to date.

    Only what changed since the last time is made anew. What people declared is heeded, and whoever opted out is left out:
    knowarchive policy says what that comes to. [publish] in the configuration names whom to ask for something to be taken
    down, and where the site will stand.
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from knowarchive.site.building import publish

    folder = Path(output) if output else config.site_dir
    with Progress(quiet=as_json, unit="done") as progress:
        making = ""

        def show(what: str, done: int, total: int) -> None:
            nonlocal making
            if what != making:
                making = what
                progress.begin(what, total or None)
            progress.advance(done, done)

        published = publish(
            config,
            folder,
            now=datetime.now(UTC),
            overwrite=overwrite,
            rebuild=rebuild,
            on_progress=show,
        )
    if as_json:
        print_json(
            {
                "output": str(published.path),
                "files": published.files,
                "changed": published.changed,
                "removed": published.removed,
                "sessions": published.sessions,
                "people": published.people,
                "left_out": published.left_out,
            }
        )
        return
    _report(published, has_address=bool(config.publish.url))


def _report(published: "Published", *, has_address: bool) -> None:
    from knowarchive.site.policy import REASONS, REMEDIES
    from knowarchive.web.catalogue import NOT_FOUND

    removed = f", {published.removed:,} taken away" if published.removed else ""
    click.echo(
        f"{published.path}: {published.sessions:,} sessions and {published.people:,} people in {published.files:,} files; "
        f"{published.changed:,} changed{removed}."
    )
    for reason, counts in published.left_out.items():
        if reason != NOT_FOUND:
            number = sum(counts.values())
            remedy = f" ({REMEDIES[reason]})" if reason in REMEDIES else ""
            click.echo(f"Left out: {number:,} {'post' if number == 1 else 'posts'}. {REASONS[reason]}{remedy}.")
    click.echo("What would be public, and why not the rest: knowarchive policy")
    if not has_address:
        tell(
            "Note: without url in [publish] there are no feeds, no sitemap and no previews, which need whole addresses"
        )
