"""Cuts a table into its rows. A quoted field may hold line feeds, so rows are not lines."""

from collections import deque
from collections.abc import Iterable, Iterator

from connectors.files.lines import LONGEST, Overlong, split_lines

#: A row that is still open after so many bytes began with a stray quote: its first line stands alone. Each such row halves
#: what the next may have, and what is read well adds to it again, so that a file of stray quotes is read about twice.
LONGEST_ROW = 262_144

DELIMITERS = (b",", b"\t", b";")


def delimiter_of(header: bytes) -> bytes:
    """The character between the columns of a header: the most frequent of the three in use."""
    return max(DELIMITERS, key=header.count)


def split_rows(chunks: Iterable[bytes], delimiter: bytes, longest: int = LONGEST) -> Iterator[bytes | Overlong]:
    """Yield every row that is not blank, without its last line feed."""
    lines = split_lines(chunks, longest, blank=True)
    again: deque[bytes | Overlong] = deque()  # lines to be read again after a stray quote
    held: list[bytes] = []
    size = 0
    patience = LONGEST_ROW
    is_open = False
    while True:
        line = again.popleft() if again else next(lines, None)
        if isinstance(line, bytes):
            if not held and (not line or line.isspace()):
                continue
            held.append(line)
            size += len(line) + 1
            if is_open or b'"' in line:
                is_open = _is_open(line, delimiter, within=is_open)
            if is_open and size <= patience:
                continue
        elif not held:
            if line is None:
                return
            yield line
            continue
        if is_open:  # the file, or patience, ended within a quoted field
            if line is not None and not isinstance(line, bytes):
                again.appendleft(line)
            again.extendleft(reversed(held[1:]))
            del held[1:]
            patience //= 2
        else:
            patience = min(patience + size, LONGEST_ROW)
        yield b"\n".join(held)
        held, size, is_open = [], 0, False


def _is_open(line: bytes, delimiter: bytes, *, within: bool) -> bool:
    """Whether a quoted field is still open at the end of a line, by the rules of Python's `csv`."""
    position = 0
    while True:
        if not within:
            # A field begins here. It is quoted only if the quote is its first character.
            if line[position : position + 1] != b'"':
                following = line.find(delimiter, position)
                quoted = line.find(delimiter + b'"', position)
                if following < 0 or quoted < 0:
                    return False
                position = quoted + 1
            position += 1
        within = False
        while True:
            end = line.find(b'"', position)
            if end < 0:
                return True
            if line[end + 1 : end + 2] != b'"':
                break
            position = end + 2
        following = line.find(delimiter, end + 1)
        if following < 0:
            return False
        position = following + 1
