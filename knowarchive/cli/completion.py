"""`knowarchive completion`: the script that makes a shell complete the command."""

import click
from click.shell_completion import get_completion_class


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
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "knowarchive", "_KNOWARCHIVE_COMPLETE").source())
