"""Who answers whom, legible for thirty people and for three hundred.

Communities like these have a few at the heart and many who come by, so people stand in rings: the most connected in the
middle, everybody else as far out as they are less so, turned towards those they talk with. A force-directed drawing of the
same is a ball of yarn around the moderator. Only each person's strongest ties are drawn, and as many names as fit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import atan2, ceil, cos, hypot, pi, sin, sqrt

from . import svg

_MOST = 320  # people; of more, the most connected
_TIES = 2.5  # lines for each person, if there are so many ties
_FIRST, _STEP = 74.0, 52.0  # radius of the first ring, and between rings
_LEAST = 100.0  # how far out the last ring is at least
_WIDE = 262.0  # how far out the last ring may be, so that names fit beside it
_ROOM, _DENSE = 58.0, 12.0  # units of a ring for each person on it: at first, and from the fifth on
_LINE = 12.0  # height of a label
_ALWAYS = 12  # people who are named wherever there is room between names
_SWEEPS = 12  # times that everybody turns towards their partners


@dataclass(frozen=True, slots=True)
class _Dot:
    x: float
    y: float
    radius: float


def draw(
    ties: Mapping[tuple[str, str], float],
    names: Mapping[str, str],
    *,
    title: str = "Who answers whom",
) -> svg.Picture:
    """People as dots, larger the more they talk with others; lines, thicker the more two of them talk.

    Args:
        ties: how often the first answered the second, by their keys. Whoever answers themselves is left out.
        names: what people are called, by key.
        title: what the picture is called.
    """
    pairs: dict[tuple[str, str], float] = {}
    for (one, other), weight in ties.items():
        if one != other and weight > 0:
            pair = (one, other) if one < other else (other, one)
            pairs[pair] = pairs.get(pair, 0.0) + weight
    strength: dict[str, float] = {}
    for pair, weight in pairs.items():
        for key in pair:
            strength[key] = strength.get(key, 0.0) + weight
    people = sorted(strength, key=lambda key: (-strength[key], names.get(key, key).casefold(), key))
    shown = people[:_MOST]
    known = set(shown)
    kept = {pair: weight for pair, weight in pairs.items() if known.issuperset(pair)}
    dots, height = _arrange(shown, kept, strength)
    drawn = _strongest(kept, shown)
    heaviest = max(drawn.values(), default=1.0)
    body = [
        _tie(dots[one], dots[other], 0.6 + 5.4 * sqrt(weight / heaviest), 0.15 + 0.6 * sqrt(weight / heaviest))
        for (one, other), weight in sorted(drawn.items(), key=lambda each: (each[1], each[0]))
    ]
    for key in reversed(shown):
        dot = dots[key]
        said = svg.text(f"{svg.shorten(names.get(key, key), 80)}: {strength[key]:g}")
        place = f'cx="{svg.number(dot.x)}" cy="{svg.number(dot.y)}" r="{svg.number(dot.radius)}"'
        body.append(f'<circle class="deep" {place}><title>{said}</title></circle>')
    body += _labels(shown, dots, names, height)
    return svg.Picture("ties", title, _words(people, shown, pairs, names), height, body)


def _rings(number: int) -> list[int]:
    """How many stand on each ring, the middle first."""
    found = [min(1, number)]
    left = number - found[0]
    while left > 0:
        ring = len(found)
        room = _ROOM - (_ROOM - _DENSE) * min(1.0, (ring - 1) / 4)
        take = min(left, int(2 * pi * min(_FIRST + _STEP * (ring - 1), _WIDE) / room))
        if 0 < left - take < take / 3:  # a few are not left to stand alone outside
            take = left
        found.append(take)
        left -= take
    return found


def _arrange(
    people: Sequence[str], pairs: Mapping[tuple[str, str], float], strength: Mapping[str, float]
) -> tuple[dict[str, _Dot], float]:
    """Where everybody stands, and how high the picture is."""
    if not people:
        return {}, 40.0
    rings: list[list[str]] = []
    start = 0
    for size in _rings(len(people)):
        rings.append(list(people[start : start + size]))
        start += size
    partners: dict[str, list[tuple[str, float]]] = {key: [] for key in people}
    for (one, other), weight in sorted(pairs.items()):
        partners[one].append((other, weight))
        partners[other].append((one, weight))
    angle = {
        key: 2 * pi * place / len(ring) + 0.3 * number
        for number, ring in enumerate(rings)
        for place, key in enumerate(ring)
    }
    middle = people[0]
    for _ in range(_SWEEPS):
        for ring in rings[1:]:
            wanted = {key: _towards(key, partners[key], angle, middle) for key in ring}
            ring.sort(key=lambda key: (wanted[key], key))
            turn = _turn(ring, wanted)
            for place, key in enumerate(ring):
                angle[key] = 2 * pi * place / len(ring) + turn
    outer = max(1, len(rings) - 1)
    # Ellipses, as wide as the page however few there are: names need the width.
    tall = min(max(_FIRST + _STEP * (outer - 1), _LEAST), _WIDE + 20)
    wide = max(tall, min(_WIDE, tall * 1.5))
    height = 2 * (tall + 30)
    heaviest = strength[people[0]]
    dots = {}
    for out, members in enumerate(rings):
        for key in members:
            x = svg.WIDTH / 2 + wide * out / outer * cos(angle[key])
            y = height / 2 + tall * out / outer * sin(angle[key])
            dots[key] = _Dot(round(x, 1), round(y, 1), round(2.4 + 8.6 * sqrt(strength[key] / heaviest), 1))
    return dots, height


def _towards(key: str, partners: Sequence[tuple[str, float]], angle: Mapping[str, float], middle: str) -> float:
    """The direction in which somebody's partners stand; whoever stands in the middle is in none."""
    x = sum(weight * cos(angle[other]) for other, weight in partners if other != middle)
    y = sum(weight * sin(angle[other]) for other, weight in partners if other != middle)
    return round((atan2(y, x) if hypot(x, y) > 1e-9 else angle[key]) % (2 * pi), 6)


def _turn(ring: Sequence[str], wanted: Mapping[str, float]) -> float:
    """By how much a ring is turned so that its people stand nearest to where they want to."""
    x = y = 0.0
    for place, key in enumerate(ring):
        off = wanted[key] - 2 * pi * place / len(ring)
        x, y = x + cos(off), y + sin(off)
    return round(atan2(y, x), 6) if hypot(x, y) > 1e-9 else 0.0


def _strongest(pairs: Mapping[tuple[str, str], float], people: Iterable[str]) -> dict[tuple[str, str], float]:
    """Each person's strongest tie, then the strongest of all the others."""
    order = sorted(pairs, key=lambda pair: (-pairs[pair], pair))
    has = dict.fromkeys(people, 0)
    chosen: dict[tuple[str, str], float] = {}
    for pair in order:
        if min(has[key] for key in pair) == 0:
            chosen[pair] = pairs[pair]
            for key in pair:
                has[key] += 1
    room = max(0, int(_TIES * len(has)) - len(chosen))
    for pair in [pair for pair in order if pair not in chosen][:room]:
        chosen[pair] = pairs[pair]
    return chosen


def _tie(one: _Dot, other: _Dot, width: float, strength: float) -> str:
    """A line, bent a little towards the middle so that parallels part."""
    middle_x, middle_y = (one.x + other.x) / 2, (one.y + other.y) / 2
    bend_x, bend_y = (other.y - one.y) * 0.08, (one.x - other.x) * 0.08
    points = " ".join(
        svg.number(value) for value in (one.x, one.y, middle_x + bend_x, middle_y + bend_y, other.x, other.y)
    ).split(" ")
    path = f"M{points[0]} {points[1]}Q{points[2]} {points[3]} {points[4]} {points[5]}"
    return f'<path class="tie" d="{path}" stroke-width="{svg.number(width)}" opacity="{strength:.2f}"/>'


def _labels(people: Sequence[str], dots: Mapping[str, _Dot], names: Mapping[str, str], height: float) -> Iterable[str]:
    """Names beside their dots, the most connected first, where they touch nothing."""
    taken, labels = _Taken(), _Taken()
    for dot in dots.values():
        taken.add(dot.x - dot.radius, dot.y - dot.radius, dot.x + dot.radius, dot.y + dot.radius)
    for place, key in enumerate(people):
        dot, name = dots[key], svg.shorten(names.get(key, key), 20)
        if not name:
            continue
        wide = svg.LETTER * sum(1.0 if letter.isascii() else 1.7 for letter in name)
        away = dot.radius + 3
        right = (dot.x + away, dot.y + 4, "start", dot.x + away, dot.y - 6)
        left = (dot.x - away, dot.y + 4, "end", dot.x - away - wide, dot.y - 6)
        below = (dot.x, dot.y + away + 9, "middle", dot.x - wide / 2, dot.y + away)
        above = (dot.x, dot.y - away, "middle", dot.x - wide / 2, dot.y - away - 10)
        sides = (right, left, below, above) if dot.x >= svg.WIDTH / 2 else (left, right, below, above)
        boxes = [
            (x, y, anchor, (at_x, at_y, at_x + wide, at_y + _LINE))
            for x, y, anchor, at_x, at_y in sides
            if at_x >= 2 and at_x + wide <= svg.WIDTH - 2 and at_y >= 2 and at_y + _LINE <= height - 2
        ]
        free = [one for one in boxes if taken.is_free(*one[3])]
        if not free and place < _ALWAYS:  # over dots, rather than not at all
            free = [one for one in boxes if labels.is_free(*one[3])]
        if free:
            x, y, anchor, box = free[0]
            taken.add(*box)
            labels.add(*box)
            yield svg.label(x, y, name, "ink halo", anchor)


class _Taken:
    """Rectangles that are in use, in cells so that asking stays quick."""

    _CELL = 40.0

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], list[tuple[float, float, float, float]]] = {}

    def _over(self, left: float, top: float, right: float, bottom: float) -> Iterable[tuple[int, int]]:
        for x in range(int(left // self._CELL), ceil(right / self._CELL) + 1):
            for y in range(int(top // self._CELL), ceil(bottom / self._CELL) + 1):
                yield x, y

    def add(self, left: float, top: float, right: float, bottom: float) -> None:
        for cell in self._over(left, top, right, bottom):
            self.cells.setdefault(cell, []).append((left, top, right, bottom))

    def is_free(self, left: float, top: float, right: float, bottom: float) -> bool:
        return not any(
            left < one[2] and right > one[0] and top < one[3] and bottom > one[1]
            for cell in self._over(left, top, right, bottom)
            for one in self.cells.get(cell, ())
        )


def _words(
    people: Sequence[str], shown: Sequence[str], pairs: Mapping[tuple[str, str], float], names: Mapping[str, str]
) -> str:
    if not people:
        return "Nobody has answered anybody."
    best = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:5]
    told = ", ".join(
        f"{svg.shorten(names.get(one, one), 40)} and {svg.shorten(names.get(other, other), 40)} ({pairs[one, other]:g})"
        for one, other in best
    )
    most = ", ".join(svg.shorten(names.get(key, key), 40) for key in people[:5])
    left = f" The {len(shown)} most connected are shown." if len(shown) < len(people) else ""
    return (
        f"{svg.many(len(people), 'person', 'people')} who answered each other. Most connected: {most}. "
        f"Strongest ties: {told}.{left}"
    )
