"""The `knowarchive` command. Each subcommand is a module that is imported only when it is used."""

import contextlib
import gc
import io
import logging
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from knowarchive import __version__
from knowarchive.cli.output import OneLineFormatter, tell
from knowarchive.errors import ConfigError, KnowarchiveError, StoppedError, UsageError

if TYPE_CHECKING:
    from knowarchive.config import Config

LOG = logging.getLogger("knowarchive")

# name: (module, one line for `--help`); the module defines `command`
COMMANDS = {
    "init": ("knowarchive.cli.init", "Write a commented configuration."),
    "import": ("knowarchive.cli.import_files", "Import archive files: JSON lines or CSV, plain or compressed."),
    "collect": ("knowarchive.cli.collect", "Fetch sessions from X, Bluesky and Mastodon."),
    "refresh": ("knowarchive.cli.refresh", "Ask again: late replies, edits, counts, deletions."),
    "sessions": ("knowarchive.cli.sessions", "List the sessions with posts, people and coverage."),
    "transcript": ("knowarchive.cli.transcript", "Write one session as HTML, Markdown, text, JSON, EPUB or PDF."),
    "review": ("knowarchive.cli.review", "Correct the filing: the posts that teach the most first."),
    "search": ("knowarchive.cli.search", "Find posts: ranked, highlighted, counted."),
    "index": ("knowarchive.cli.index", "Bring the search index up to date by hand."),
    "export": ("knowarchive.cli.export", "Write data (JSON lines, CSV, Parquet, …), books or pictures."),
    "publish": ("knowarchive.cli.publish", "Write the site, or bring it up to date."),
    "policy": ("knowarchive.cli.policy", "Explain what would be public, and why not the rest."),
    "web": ("knowarchive.cli.web", "Read the archive in a browser."),
    "mcp": ("knowarchive.cli.mcp", "Let an assistant search, read and cite the archive."),
    "schedule": ("knowarchive.cli.schedule", "Keep every chat collected and refreshed on time."),
    "status": ("knowarchive.cli.status", "Show what comes next, how each source does, what needs you."),
    "sql": ("knowarchive.cli.sql", "Ask DuckDB about the archive."),
    "replay": ("knowarchive.cli.replay", "Map the stored payloads again, offline."),
    "forget": ("knowarchive.cli.forget", "Erase a person, or posts, and keep them from coming back."),
    "maintain": ("knowarchive.cli.maintain", "Fold and compact the archive, and delete what no reader needs."),
    "verify": ("knowarchive.cli.verify", "Prove that the archive, or a backup, is whole."),
    "backup": ("knowarchive.cli.backup", "Keep a copy of the archive elsewhere."),
    "restore": ("knowarchive.cli.restore", "Make an archive of a backup."),
    "doctor": ("knowarchive.cli.doctor", "Show what is configured, reachable and healthy."),
    "completion": ("knowarchive.cli.completion", "Print the completion script of a shell."),
}


class Context:
    """What every subcommand shares. The configuration is read when first asked for."""

    def __init__(self) -> None:
        self.given: str | None = None  # with --config
        self._config: Config | None = None

    @property
    def config_path(self) -> Path:
        """The configuration that is read, and that `init` writes."""
        from knowarchive.config import find_config

        return find_config(self.given)

    @property
    def config(self) -> "Config":
        from knowarchive.config import load_served_config

        if self._config is None:
            self._config = load_served_config(self.config_path, os.environ)
        return self._config


def _take_config(ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value == "":
        raise ConfigError("--config is empty; name the configuration file")
    if value is not None:
        ctx.ensure_object(Context).given = value


def _take_debug(_ctx: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - as click calls it
    if value:
        LOG.setLevel(logging.DEBUG)  # ours alone: other libraries would print secrets


def shared_options() -> list[click.Parameter]:
    """The options that stand before a subcommand or after it."""
    return [
        click.Option(
            ["--config"],
            metavar="FILE",
            is_eager=True,
            expose_value=False,
            callback=_take_config,
            help="Configuration; else $KNOWARCHIVE_CONFIG, else ./knowarchive.toml.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_take_debug,
            help="Show tracebacks and what is going on.",
        ),
    ]


class _SignalError(KeyboardInterrupt):
    """Another signal than Ctrl-C's, which ends the command in the same way: scratch files are removed."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports none of them for `--help`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        if all(option.name != "debug" for option in command.params):
            command.params += shared_options()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = click.utils.make_str(args[0])
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(name.lower(), COMMANDS, n=1)
            hint = f"; did you mean {close[0]}?" if close else "; see: knowarchive --help"
            raise UsageError(f"no command named {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:  # for which click would print an empty line
            raise StoppedError("stopped; what was not finished is done again by the next run") from error
        except BrokenPipeError:  # which click takes for a failure; the reader of the pipe has seen enough
            _abandon_output()
            return 0


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, params=shared_options())
@click.version_option(__version__, prog_name="knowarchive")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Keep what communities say in hashtag chats.

    One chat on X, Bluesky and Mastodon is one transcript. Start with: knowarchive init
    """
    ctx.ensure_object(Context)


def main() -> None:
    """Run the command, and turn every error into one line and its exit code."""
    _prepare_streams()
    _heed_signals()
    try:
        code = cli.main(prog_name="knowarchive", standalone_mode=False)
        if sys.stdout:
            sys.stdout.flush()
    except StoppedError as error:
        cause = error.__cause__
        code = _report(error, 128 + cause.number if isinstance(cause, _SignalError) else error.exit_code)
    except KnowarchiveError as error:
        code = _report(error, error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = 2
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        code = _report(UsageError(_usage(error)), 2, error)
    except (click.Abort, KeyboardInterrupt) as error:
        code = _report(StoppedError("stopped"), StoppedError.exit_code, error)
    except OSError as error:
        _abandon_output()
        where = f"{error.filename}: " if error.filename else ""
        code = _report(KnowarchiveError(f"{where}{error.strerror or error}"), 1, error)
    except MemoryError as error:
        code = _report(KnowarchiveError("out of memory; close other programs and try again"), 1, error)
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, a person gets one line
        what = " ".join(str(error).split())[:200]
        message = f"unexpected {type(error).__name__}: {what}; show the details with --debug"
        code = _report(KnowarchiveError(message), 1, error)
    _end_quickly()
    sys.exit(code if isinstance(code, int) else 0)


def _end_quickly() -> None:
    """Keep the interpreter from looking through all that was loaded before it ends: a sixth of a short command.

    Not where duckdb is loaded: it complains of what is left, and whoever waited for it does not notice.
    """
    if "duckdb" not in sys.modules:
        gc.freeze()


def _usage(error: click.ClickException) -> str:
    """What click says of a wrong call, with where to read more unless it says so itself."""
    message = error.format_message().strip().rstrip(".")
    if not isinstance(error, click.UsageError) or not error.ctx or "Did you mean" in message:
        return message
    return f"{message}; see: {error.ctx.command_path} --help"


def _prepare_streams() -> None:
    """Write what any post says: UTF-8 into files and pipes; on a terminal, what it can show."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter("knowarchive: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    LOG.setLevel(logging.NOTSET)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")


def _heed_signals() -> None:
    def stop(number: int, _frame: object) -> None:
        raise _SignalError(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` has others
            signal.signal(number, stop)


def _abandon_output() -> None:
    """Forget what waits to be written: the interpreter would try again, and complain, when it ends."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: Exception, code: int, cause: BaseException | None = None) -> int:
    if LOG.isEnabledFor(logging.DEBUG):
        import traceback

        traceback.print_exception(cause or error)
    tell(f"knowarchive: {error}")
    return code
