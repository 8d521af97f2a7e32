"""`knowarchive web`: the reading room."""

import contextlib

import click

from knowarchive.cli import Context
from knowarchive.cli.output import tell

PORT = 8765


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others can read elsewhere.")
@click.option("--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0 takes any free one.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="A host name to answer to; can be given again.")
@click.pass_obj
def command(context: Context, host: str, port: int, names: tuple[str, ...]) -> None:
    """Read the archive in a browser.

    Pages, search, feeds and an API, which only read. It listens on this machine alone, unless --host says otherwise; to
    others it does not show what people do not want shown. Where $KNOWARCHIVE_WEB_TOKEN is set, or [web] names a
    token_file, every reader is asked for that token.
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from knowarchive.web.guard import read_token
    from knowarchive.web.room import leave
    from knowarchive.web.server import is_loopback, listen, serve

    token = read_token(config)

    with contextlib.suppress(KeyboardInterrupt), listen(host, port) as opened:  # to be stopped is how it ends
        address, taken = opened.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        if not is_loopback(address):
            who = "who have the token" if token else "(all who can reach it: it asks for no token)"
            tell(f"Note: others {who} can read this; posts of X are shown as they were archived")
        serve(
            config,
            opened,
            names,
            token,
            on_ready=lambda: click.echo(f"The reading room is at http://{shown}:{taken}/ (stop it with Ctrl-C)"),
        )
    leave()
