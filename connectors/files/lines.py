"""Cuts a stream of bytes into records without ever holding an overlong one: lines, or rows of a table."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

#: A record longer than this is not a post; it is never held in memory whole.
LONGEST = 16_000_000


@dataclass(frozen=True, slots=True)
class Overlong:
    """A record that was too long to keep."""

    digest: str
    size: int


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


def cut(chunk: bytes) -> list[bytes]:
    """Cut at line feeds, as `split` does, which looks at every byte by itself: quicker by far where lines are long."""
    pieces, start = [], 0
    while (end := chunk.find(b"\n", start)) >= 0:
        pieces.append(chunk[start:end])
        start = end + 1
    pieces.append(chunk[start:])
    return pieces


def split_lines(chunks: Iterable[bytes], longest: int = LONGEST, *, blank: bool = False) -> Iterator[bytes | Overlong]:
    """Yield every line without its line feed; blank lines only if asked for."""
    pending: list[bytes] = []
    held = 0
    digest: _Hash | None = None  # of the overlong line that is being passed over
    for chunk in chunks:
        first, *rest = cut(chunk)
        held += len(first)
        if digest is not None:
            digest.update(first)
        elif held > longest:
            digest = hashlib.sha256(b"".join(pending))
            digest.update(first)
            pending.clear()
        else:
            pending.append(first)
        if not rest:
            continue
        if digest is not None:
            yield Overlong(digest.hexdigest(), held)
            digest = None
        else:
            line = b"".join(pending)
            if blank or (line and not line.isspace()):
                yield line
        last = rest.pop()
        for line in rest:
            if blank or (line and not line.isspace()):
                yield line if len(line) <= longest else Overlong(hashlib.sha256(line).hexdigest(), len(line))
        pending = [last]
        held = len(last)
        if held > longest:
            digest = hashlib.sha256(last)
            pending = []
    if digest is not None:
        yield Overlong(digest.hexdigest(), held)
    else:
        line = b"".join(pending)
        if line and not line.isspace():
            yield line
