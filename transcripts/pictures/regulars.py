"""Newcomers and regulars, session by session."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from . import svg

_LEFT, _TOP, _TALLEST, _FOOT = 34, 30, 150, 26
_MOST = 110  # bars; of more sessions, several make one
_KINDS = (("newcomers", "warm"), ("returning", "pale"), ("regulars", "bar"))


@dataclass(frozen=True, slots=True)
class Attendance:
    """Who spoke in a session: `newcomers` for the first time, `regulars` often of late, `returning` the rest."""

    label: str
    newcomers: int
    returning: int
    regulars: int

    @property
    def people(self) -> int:
        return self.newcomers + self.returning + self.regulars


def draw(sessions: Sequence[Attendance], *, title: str = "Newcomers and regulars") -> svg.Picture:
    """A bar a session: regulars below, those who came back upon them, newcomers on top.

    Args:
        sessions: in order of time. Of more than fit, several are one bar, with their mean.
        title: what the picture is called.
    """
    step = -(-len(sessions) // _MOST) or 1
    groups = [sessions[start : start + step] for start in range(0, len(sessions), step)]
    wide = svg.WIDTH - _LEFT
    unit = wide / max(1, len(groups))
    peak = 2 * ceil(max((sum(one.people for one in group) / len(group) for group in groups), default=0) / 2) or 1
    base = _TOP + _TALLEST
    body = []
    x = float(_LEFT)
    for name, kind in _KINDS:
        body += [svg.bar(x, 6, 11, 11, kind), svg.label(x + 16, 16, name, "quiet")]
        x += 36 + len(name) * svg.LETTER
    for share in (0.5, 1.0):
        y = base - _TALLEST * share
        body += [
            svg.line(_LEFT, y, svg.WIDTH, y),
            svg.label(_LEFT - 6, y + 4, f"{round(peak * share, 1):g}", "quiet", "end"),
        ]
    every = -(-len(groups) // 8) or 1
    for index, group in enumerate(groups):
        x = _LEFT + unit * index
        y = float(base)
        for name, kind in reversed(_KINDS):
            mean = sum(getattr(one, name) for one in group) / len(group)
            tall = _TALLEST * mean / peak
            if tall:
                y -= tall
                body.append(svg.bar(x + unit * 0.1, y, min(unit * 0.8, 40), tall, kind, _said(group, name)))
        if index % every == 0 and (x + 72 <= svg.WIDTH or not index):
            body.append(svg.label(x, base + 18, group[0].label.partition("@")[0], "quiet"))
    body.append(svg.line(_LEFT, base + 0.5, svg.WIDTH, base + 0.5))
    return svg.Picture("regulars", title, _words(sessions, step), base + _FOOT, body)


def _said(group: Sequence[Attendance], name: str) -> str:
    numbers = sum(getattr(one, name) for one in group)
    if len(group) == 1:
        return f"{group[0].label}: {numbers} {name}"
    return f"{group[0].label} to {group[-1].label}: {numbers / len(group):.1f} {name} a session"


def _words(sessions: Sequence[Attendance], step: int) -> str:
    if not sessions:
        return "No session has been held."
    new = sum(one.newcomers for one in sessions)
    mean = sum(one.people for one in sessions) / len(sessions)
    often = sum(one.regulars for one in sessions) / len(sessions)
    grouped = f" A bar stands for {step} sessions." if step > 1 else ""
    return (
        f"{svg.many(len(sessions), 'session', 'sessions')} from {sessions[0].label} to {sessions[-1].label}. "
        f"{svg.many(new, 'newcomer', 'newcomers')} in all; {mean:.1f} people a session, {often:.1f} of them regulars.{grouped}"
    )
