"""Numbers as spreadsheets leave them: which ids are whole, which were rounded, and what they were before."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import msgspec

from connectors.x.ids import is_id

#: Spreadsheets keep 15 digits of a number.
_DIGITS = 15
#: Ids that differ by less were given out within the same millisecond: then a rounded one is as good as whole.
SURE = 10**6

_SCIENTIFIC = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})")


class Id(msgspec.Struct, frozen=True):
    """An id in a cell: `whole`, or rounded to `near` within `unit`."""

    whole: str | None = None
    near: int = 0
    unit: int = 0

    def fits(self, candidate: str) -> bool:
        """Whether the candidate, rounded, would look like this."""
        return self.unit > 0 and abs(int(candidate) - self.near) < self.unit


def read_id(cell: str | None) -> Id | None:
    """Read an id; None where the cell is empty or holds something else."""
    if not cell:
        return None
    text = cell.strip().removeprefix("'").removeprefix("=").strip('"')
    text = text.removesuffix(".0")
    if text.isdecimal():
        if not is_id(text):
            return None
        digits = text.rstrip("0")
        if len(text) > _DIGITS and len(digits) <= _DIGITS:
            return Id(near=int(text), unit=10 ** (len(text) - _DIGITS))
        return Id(whole=text)
    match = _SCIENTIFIC.fullmatch(text)
    if match is None:
        return None
    decimals = match[2] or ""
    power = int(match[3]) - len(decimals)
    if power < 0 or int(match[3]) > 18:
        return None
    number = int(match[1] + decimals) * 10**power
    return Id(whole=str(number)) if power == 0 else Id(near=number, unit=10**power)


class Known:
    """The whole ids in a table, by which its rounded ones can be recognised."""

    def __init__(self, posts: Iterable[tuple[str, str | None]]) -> None:
        found = sorted({(int(post_id), (handle or "").lower()) for post_id, handle in posts})
        self._ids = [number for number, _ in found]
        self._handles = [handle for _, handle in found]

    def whole(self, cell: str | None, handle: str | None) -> tuple[str | None, bool]:
        """Make an id in a cell whole.

        Args:
            cell: as the table has it.
            handle: the author of the post it names, where the table says.

        Returns:
            The id, None where there is none or it is lost, and whether it is lost.
        """
        read = read_id(cell)
        if read is None:
            return None, False
        if read.whole is not None:
            return read.whole, False
        if read.unit > SURE:
            return None, True
        start = bisect_right(self._ids, read.near - read.unit)
        end = bisect_left(self._ids, read.near + read.unit)
        wanted = (handle or "").lower()
        fitting = {
            number
            for number, author in zip(self._ids[start:end], self._handles[start:end], strict=True)
            if not wanted or not author or author == wanted
        }
        return (str(fitting.pop()), False) if len(fitting) == 1 else (None, True)
