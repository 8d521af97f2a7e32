"""Single keys from a terminal, one after the other, however fast they are typed."""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ESCAPE = b"\x1b"
END_OF_INPUT = (b"", b"\x04")  # the terminal is gone; Ctrl-D
AT_ONCE = 0.05  # seconds within which the rest of an arrow key follows


@contextmanager
def single_keys() -> Iterator[Callable[[], str]]:
    """Read keys without waiting for Enter, and keep what was typed ahead.

    Click's `getchar` changes the terminal for each key, and whatever was typed meanwhile is lost or runs together.

    Yields:
        A function that waits for the next key. It raises EOFError at the end of input, and gives "" for a key that is
        no character, such as an arrow.
    """
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSADRAIN)
    try:
        yield lambda: _read_key(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read_key(terminal: int) -> str:
    key = os.read(terminal, 1)
    if key in END_OF_INPUT:
        raise EOFError
    if key != ESCAPE:
        return key.decode("ascii", "ignore")
    opened = False
    while select.select([terminal], [], [], AT_ONCE)[0]:
        part = os.read(terminal, 1)
        if not part or (opened and b"@" <= part <= b"~"):
            break
        if not opened and part not in {b"[", b"O"}:
            break  # Alt and a letter
        opened = True
    return ""
