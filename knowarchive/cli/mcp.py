"""`knowarchive mcp`: tools for assistants, over standard input and output."""

import contextlib
import sys

import click

from knowarchive.cli import Context
from knowarchive.cli.output import tell


@click.command()
@click.pass_obj
def command(context: Context) -> None:
    r"""Let an assistant search, read and cite the archive.

    It speaks the Model Context Protocol on standard input and output, and is started by the assistant's program, which
    is told in its settings:

    \b
      {"mcpServers": {"knowarchive": {
        "command": "knowarchive", "args": ["--config", "/path/to/knowarchive.toml", "mcp"]}}}

    It only reads. What it hands out goes to whoever runs the assistant, so what people declared about being shown to
    others is heeded.
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    if sys.stdin.isatty():
        tell("Note: an assistant's program starts this and talks to it; see: knowarchive mcp --help")
    from knowarchive.mcp.server import serve
    from knowarchive.web.room import leave

    with contextlib.suppress(KeyboardInterrupt):  # to be stopped is how it ends
        serve(config)
    leave()
