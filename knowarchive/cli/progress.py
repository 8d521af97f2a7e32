"""Progress of long work: a bar with rate and time left on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from knowarchive.cli.output import one_line, tell

if TYPE_CHECKING:
    import rich.progress

PLAIN_EVERY = 10.0  # seconds between lines where there is no terminal


class Progress:
    """Shows how far each of several files is. Use it as a context; `begin` a file, then `advance`."""

    def __init__(self, *, quiet: bool = False, unit: str = "posts") -> None:
        self._bar = None if quiet or not sys.stderr.isatty() else _make_bar(unit)
        self._unit = unit
        self._task = self._bar.add_task("", total=None, posts=0) if self._bar else None
        self._quiet = quiet
        self._name = ""
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def begin(self, name: str, size: int | None) -> None:
        """Start on a file of `size` bytes, if known."""
        self._name = one_line(name)
        if self._bar and self._task is not None:
            self._bar.reset(self._task, total=size, description=self._name[-40:], posts=0)

    def advance(self, consumed: int, posts: int) -> None:
        """Say how many bytes are read, and posts seen, of the file so far."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=consumed, posts=posts)
        elif not self._quiet and time.monotonic() - self._said >= PLAIN_EVERY:
            self._said = time.monotonic()
            tell(f"{self._name}: {posts:,} {self._unit} so far")


def _make_bar(unit: str) -> "rich.progress.Progress":
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            posts, elapsed = task.fields["posts"], task.elapsed or 0
            return Text(f"{posts:>9,} {unit} {posts / elapsed:>8,.0f}/s" if elapsed else "")

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        Rate(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
