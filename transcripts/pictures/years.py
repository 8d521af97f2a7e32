"""Every session of a chat, a row a year."""

from collections.abc import Iterable, Sequence
from datetime import date

from . import svg

_LEFT, _RIGHT, _ROW, _TOP, _TALLEST = 44, 72, 46, 22, 34
_DAYS = 371  # of a row: a bar is five wide
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def draw(sessions: Iterable[tuple[date, int]], *, title: str = "Sessions over the years") -> svg.Picture:
    """Bars at the days on which sessions were held, as tall as they have posts.

    Args:
        sessions: (local date, posts), in any order.
        title: what the picture is called.
    """
    held = sorted(sessions)
    by_year: dict[int, list[tuple[date, int]]] = {}
    for day, posts in held:
        by_year.setdefault(day.year, []).append((day, posts))
    years = range(held[0][0].year, held[-1][0].year + 1) if held else range(0)
    peak = max((posts for _, posts in held), default=0) or 1
    wide = svg.WIDTH - _LEFT - _RIGHT
    body = [
        svg.label(_LEFT + wide * month * 30.5 / _DAYS, 14, name, "quiet") for month, name in enumerate(_MONTHS) if held
    ]
    for row, year in enumerate(years):
        base = _TOP + _ROW * (row + 1) - 6
        body.append(svg.label(0, base, str(year)))
        body.append(svg.line(_LEFT, base + 0.5, _LEFT + wide, base + 0.5))
        for day, posts in by_year.get(year, ()):
            x = _LEFT + wide * (day - date(year, 1, 1)).days / _DAYS
            tall = max(1.5, _TALLEST * posts / peak) if posts else 0
            said = f"{day}: {svg.many(posts, 'post', 'posts')}"
            body.append(svg.bar(x, base - tall, wide / _DAYS * 5, tall, said=said))
        total = sum(posts for _, posts in by_year.get(year, ()))
        body.append(svg.label(svg.WIDTH, base, f"{total:,}", "quiet", "end"))
    height = _TOP + _ROW * max(1, len(years)) + 4
    return svg.Picture("years", title, _words(held, by_year), height, body)


def _words(held: Sequence[tuple[date, int]], by_year: dict[int, list[tuple[date, int]]]) -> str:
    if not held:
        return "No session has been held."
    busiest = max(held, key=lambda one: (one[1], one[0]))
    told = "; ".join(
        f"{year}: {svg.many(len(own), 'session', 'sessions')}, {svg.many(sum(posts for _, posts in own), 'post', 'posts')}"
        for year, own in sorted(by_year.items())
    )
    return f"{told}. The busiest was on {busiest[0]}, with {svg.many(busiest[1], 'post', 'posts')}."
