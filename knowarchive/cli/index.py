"""`knowarchive index`: bring the search index up to date by hand."""

import sys

import click

from knowarchive.cli import Context
from knowarchive.cli.output import print_json


@click.command()
@click.option("--rebuild", is_flag=True, help="Build it anew, as it is when it is missing, damaged or too old.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def command(context: Context, *, rebuild: bool, as_json: bool) -> None:
    """Bring the search index up to date.

    `knowarchive search` does this by itself; after a large import it takes a while, and can be done ahead with this.
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from knowarchive.cli.progress import Progress
    from pipelines.helpers import Helpers, processors
    from pipelines.indexing import bring_up_to_date
    from storage.archive import Archive

    archive = Archive(config.archive_url, config.state_dir)
    with Progress(quiet=as_json) as progress, Helpers(processors(), "pipelines.indexing") as pool:
        progress.begin("indexing", None)
        done = bring_up_to_date(
            archive, config, rebuild=rebuild, pool=pool, on_progress=lambda posts: progress.advance(posts, posts)
        )
    if as_json:
        print_json({"posts": done.posts, "changed": done.changed, "rebuilt": done.rebuilt})
        return
    built = f"; built anew: {done.rebuilt}" if done.rebuilt else ""
    changed = f"{done.changed:,} of them indexed just now" if done.changed else "nothing to do"
    sys.stdout.write(f"{done.posts:,} posts in the index, {changed}{built}.\n")
