"""Run one of our own commands as a process: for steps that stand above this layer, or whose memory should end with them."""

import subprocess
import sys
from collections.abc import Callable

from knowarchive.config import Config
from knowarchive.errors import KnowarchiveError

GOOD = {0, 4}  # done; done, but something is quarantined or incomplete

Perform = Callable[..., str]


class CommandError(KnowarchiveError):
    """A command failed; the message is what it said."""


def perform(config: Config, *arguments: str) -> str:
    """Run `knowarchive` with the configuration, to its end.

    Returns:
        What it wrote to standard output.

    Raises:
        CommandError: with the last line that it said.
    """
    command = [sys.executable, "-P", "-m", "knowarchive", "--config", str(config.path.absolute()), *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if done.returncode not in GOOD:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = said[-1].removeprefix("knowarchive: ") if said else f"it ended with code {done.returncode}"
        raise CommandError(reason)
    return done.stdout
