"""The `knowarchive` command. Each subcommand is a module that is imported only when it is used."""

import logging
import os
import sys
from importlib import import_module
from pathlib import Path

import click

from knowarchive import __version__
from knowarchive.config import Config, find_config, load_config
from knowarchive.errors import KnowarchiveError, UsageError

# name: (module, one line for `--help`); the module defines `command`
COMMANDS = {
    "init": ("knowarchive.cli.init", "Write a commented configuration."),
    "import": ("knowarchive.cli.import_files", "Import archive files: JSON lines or CSV, plain or compressed."),
    "sessions": ("knowarchive.cli.sessions", "List the sessions with posts, people and coverage."),
    "transcript": ("knowarchive.cli.transcript", "Write one session as HTML, Markdown, text or JSON."),
    "sql": ("knowarchive.cli.sql", "Ask DuckDB about the archive."),
    "replay": ("knowarchive.cli.replay", "Map the stored payloads again, offline."),
    "maintain": ("knowarchive.cli.maintain", "Fold and compact the archive, and delete what no reader needs."),
    "doctor": ("knowarchive.cli.doctor", "Show what is configured, reachable and healthy."),
    "completion": ("knowarchive.cli.completion", "Print the completion script of a shell."),
}


class Context:
    """What every subcommand shares. The configuration is read when first asked for."""

    def __init__(self, config: str | None) -> None:
        self._given = config
        self._config: Config | None = None

    @property
    def config(self) -> Config:
        if self._config is None:
            self._config = load_config(find_config(self._given))
        return self._config

    @property
    def config_path(self) -> str | None:
        return self._given


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports none of them for `--help`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = click.utils.make_str(args[0])
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            close = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"; did you mean {close[0]}?" if close else "; see knowarchive --help"
            ctx.fail(f"no command named {name!r}{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", help="Configuration; else $KNOWARCHIVE_CONFIG, else ./knowarchive.toml.")
@click.option("--debug", is_flag=True, help="Show tracebacks and what is going on.")
@click.version_option(__version__, prog_name="knowarchive")
@click.pass_context
def cli(ctx: click.Context, config: str | None, *, debug: bool) -> None:
    """Keep what communities say in hashtag chats.

    One chat on X, Bluesky and Mastodon is one transcript. Start with: knowarchive init
    """
    ctx.obj = Context(config)
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING, format="knowarchive: %(message)s", stream=sys.stderr
    )


def main() -> None:
    """Run the command, and turn every error into one line and its exit code."""
    debug = "--debug" in sys.argv[1:]
    try:
        code = cli.main(prog_name="knowarchive", standalone_mode=False)
        sys.stdout.flush()
    except KnowarchiveError as error:
        code = _report(error, error.exit_code, debug=debug)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        hint = f"; see: {error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        message = error.format_message().rstrip(".")
        code = _report(UsageError(f"{message}{'' if 'see' in message or 'mean' in message else hint}"), 2, debug=debug)
    except click.Abort:
        stopped = KnowarchiveError("stopped; what was not finished is done again by the next run")
        code = _report(stopped, 130, debug=False)
    except BrokenPipeError:
        # the reader of the pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        code = _report(OSError(f"{where}{error.strerror or error}"), 1, debug=debug)
    except MemoryError as error:
        code = _report(MemoryError("out of memory; close other programs and try again"), 1, debug=debug, cause=error)
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, a person gets one line
        what = " ".join(str(error).split())[:200]
        message = f"unexpected {type(error).__name__}: {what}; show the details with --debug"
        code = _report(RuntimeError(message), 1, debug=debug, cause=error)
    sys.exit(code if isinstance(code, int) else 0)


def _report(error: Exception, code: int, *, debug: bool, cause: BaseException | None = None) -> int:
    if debug:
        import traceback

        traceback.print_exception(cause or error)
    from knowarchive.cli.output import one_line

    click.echo(f"knowarchive: {one_line(str(error))}", err=True)
    return code


def default_config_path(context: Context) -> Path:
    """Where `init` writes: the file named with --config, or the default."""
    return Path(context.config_path or os.environ.get("KNOWARCHIVE_CONFIG") or "knowarchive.toml")
