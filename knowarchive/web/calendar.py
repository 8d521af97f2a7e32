"""A chat's years as a grid of weeks, one square a session, as dark as it was busy. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

LEVELS = 4


@dataclass(frozen=True, slots=True)
class Square:
    """One day with a session. `x` and `y` are squares: the week of the year from 0, and Monday 0 to Sunday 6."""

    x: int
    y: int
    level: int  # from 1 to LEVELS
    label: str
    posts: int


@dataclass(frozen=True, slots=True)
class Year:
    number: int
    squares: tuple[Square, ...]
    sessions: int
    posts: int


def years(sessions: Iterable[tuple[str, int]]) -> list[Year]:
    """The years of a chat, the newest first.

    Args:
        sessions: label and number of posts of each; what is no date is left out.
    """
    known = [(day, label, posts) for label, posts in sessions if (day := _day(label))]
    most = max((1, *(posts for _, _, posts in known)))
    found = []
    for year in sorted({day.year for day, _, _ in known}, reverse=True):
        here = [one for one in known if one[0].year == year]
        first = date(year, 1, 1).weekday()
        squares = [
            Square(
                (day.timetuple().tm_yday - 1 + first) // 7, day.weekday(), -(-posts * LEVELS // most) or 1, label, posts
            )
            for day, label, posts in sorted(here)
        ]
        found.append(Year(year, tuple(squares), len(here), sum(posts for _, _, posts in here)))
    return found


def _day(label: str) -> date | None:
    try:
        return date.fromisoformat(label.partition("@")[0])
    except ValueError:
        return None
