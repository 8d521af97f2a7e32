"""`knowarchive completion`: the script that makes a shell complete the command, and what it offers for arguments."""

from datetime import timedelta

import click

from knowarchive.cli import Context
from knowarchive.errors import KnowarchiveError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    For bash:  knowarchive completion bash > ~/.local/share/bash-completion/completions/knowarchive
    For zsh:   knowarchive completion zsh > "${fpath[1]}/_knowarchive"
    For fish:  knowarchive completion fish > ~/.config/fish/completions/knowarchive.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "knowarchive", "_KNOWARCHIVE_COMPLETE").source())


def complete_chat(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The configured chats."""
    try:
        chats = ctx.ensure_object(Context).config.chat
    except KnowarchiveError:
        return []
    return [chat.name for chat in chats if chat.name.startswith(incomplete)]


def complete_date(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The scheduled sessions of the chat in which there are posts, newest first."""
    from bisect import bisect_left

    from storage.archive import Archive
    from transcripts.sessions import windows

    try:
        config = ctx.ensure_object(Context).config
        chat = config.find_chat(ctx.params.get("chat") or "")
        times = Archive(config.archive_url, config.state_dir).times() if chat else []
        if chat is None or not times:
            return []
        reach = chat.length + sum(chat.margins, timedelta())
        found = windows(chat, times[0] - reach, times[-1] + reach)
    except KnowarchiveError:
        return []
    held = [one.label for one in found if bisect_left(times, one.opens) < bisect_left(times, one.closes)]
    return [label for label in reversed(held) if label.startswith(incomplete)]
