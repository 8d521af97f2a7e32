"""Questions by the time to their first answer."""

from collections.abc import Sequence
from statistics import median

from . import svg

_LEFT, _ROW, _TOP = 120, 24, 8
_EACH = 16  # questions: up to here each has a bar of its own
_BINS = ((1, "under a minute"), (2, "1 to 2 minutes"), (5, "2 to 5 minutes"), (10, "5 to 10 minutes"), (30, "10 to 30"), (60, "30 to 60"), (None, "over an hour"))  # fmt: skip


def draw(questions: Sequence[tuple[str, float | None]], *, title: str = "Time to the first answer") -> svg.Picture:
    """How long questions waited: each by itself, or (of many) how many waited how long.

    Args:
        questions: (what it is called, minutes to its first answer, or None where there was none), in order of time.
        title: what the picture is called.
    """
    rows = _each(questions) if len(questions) <= _EACH else _binned(questions)
    peak = max((length for _, length, _, _ in rows), default=0) or 1
    wide = svg.WIDTH - _LEFT - 70
    body = []
    for row, (name, length, said, kind) in enumerate(rows):
        y = _TOP + _ROW * row
        body.append(svg.label(_LEFT - 10, y + 13, svg.shorten(name, 18), "ink", "end"))
        if length:
            body.append(svg.bar(_LEFT, y + 2, max(1.5, wide * length / peak), 14, kind, f"{name}: {said}"))
        body.append(svg.label(_LEFT + (wide * length / peak if length else 0) + 6, y + 13, said, "quiet"))
    height = _TOP + _ROW * max(1, len(rows))
    return svg.Picture("waits", title, _words(questions), height, body)


def _each(questions: Sequence[tuple[str, float | None]]) -> list[tuple[str, float, str, str]]:
    return [
        (name, max(0.0, minutes or 0.0), "no answer" if minutes is None else _minutes(minutes), "bar")
        for name, minutes in questions
    ]


def _binned(questions: Sequence[tuple[str, float | None]]) -> list[tuple[str, float, str, str]]:
    known = [minutes for _, minutes in questions if minutes is not None]
    rows = []
    above = float("-inf")
    for top, name in _BINS:
        count = sum(above <= minutes and (top is None or minutes < top) for minutes in known)
        rows.append((name, float(count), str(count), "bar"))
        above = top or above
    silent = len(questions) - len(known)
    rows.append(("no answer", float(silent), str(silent), "warm"))
    return rows


def _minutes(minutes: float) -> str:
    if minutes < 1:
        return f"{max(0.0, minutes) * 60:.0f} s"
    return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"


def _words(questions: Sequence[tuple[str, float | None]]) -> str:
    known = [minutes for _, minutes in questions if minutes is not None]
    if not questions:
        return "No question has been asked."
    silent = len(questions) - len(known)
    said = f"{svg.many(len(questions), 'question', 'questions')}"
    if known:
        said += f"; half of those answered had their first answer within {_minutes(median(known))}"
    return f"{said}; {silent or 'none'} without an answer."
