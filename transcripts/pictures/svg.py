"""The frame of every picture, and how foreign words get into it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from transcripts.writers.text import clean_line

WIDTH = 720  # units, as wide as a page's column
LETTER = 6.9  # units that a letter of a label takes, about

_LIGHT = {
    "paper": "#fcfbf8", "ink": "#23262b", "quiet": "#5b606a", "rule": "#d9d3c6", "bar": "#5a8a94", "deep": "#14586a",
    "pale": "#b9d2d6", "warm": "#a3431f", "hour": "#f2eee4",
}  # fmt: skip
_DARK = {
    "paper": "#16181b", "ink": "#e6e3dc", "quiet": "#a5a9b0", "rule": "#3a3f45", "bar": "#4f7f89", "deep": "#8fcbd8",
    "pale": "#2f4a50", "warm": "#f0a283", "hour": "#1e2125",
}  # fmt: skip
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,Inter,'Noto Sans','Helvetica Neue',Arial,sans-serif"


def _rules(colour: dict[str, str], root: str) -> str:
    """Classes by what they colour; the last few are those of the picture on a session's page."""
    rules = {
        f".{name}": f"fill:{colour[name]}" for name in ("paper", "ink", "quiet", "bar", "deep", "pale", "warm")
    } | {
        ".rule": f"stroke:{colour['rule']};stroke-width:1;fill:none",
        ".tie": f"stroke:{colour['bar']};fill:none",
        ".halo": f"paint-order:stroke;stroke:{colour['paper']};stroke-width:3;stroke-linejoin:round",
        ".hour": f"fill:{colour['hour']}",
        ".base": f"stroke:{colour['quiet']};stroke-width:1;opacity:.55",
        ".tick": f"fill:{colour['quiet']}",
        "line.asked": f"stroke:{colour['warm']};stroke-width:1;stroke-dasharray:2 3",
        "text.asked": f"fill:{colour['warm']};font-weight:700",
    }
    return "".join(f"{root}{selector}{{{rule}}}" for selector, rule in rules.items())


def _style(root: str) -> str:
    font = f"font:12px {_FONT}"
    return f"{_rules(_LIGHT, root)}@media (prefers-color-scheme:dark){{{_rules(_DARK, root)}}}{root}text{{{font}}}"


#: What a page with pictures in it has in its style sheet.
STYLE = _style(".picture ")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: `name` is an id that distinguishes it on a page, `words` say the same as it, `body` are its elements.

    Foreign words may be in `title` and `words`; `body` is markup, escaped. `height` is in units, of `WIDTH` to a width.
    """

    name: str
    title: str
    words: str
    height: float
    body: Sequence[str]

    @property
    def element(self) -> str:
        """To put into a page that has `STYLE` in its style sheet."""
        return f'{self._head} width="100%" class="picture">{self._told}\n{"".join(self.body)}\n</svg>'

    @property
    def file(self) -> str:
        """A file of its own, for light and dark."""
        return self._whole(_style(""), f'<rect class="paper" {self._size}/>')

    @property
    def printed(self) -> str:
        """The same for paper: light, and without a ground."""
        return self._whole(f"{_rules(_LIGHT, '')}text{{font:12px {_FONT}}}", "")

    def _whole(self, style: str, ground: str) -> str:
        inside = "\n".join((f"<style>{style}</style>", ground, *self.body))
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{self._head} {self._size}>{self._told}\n{inside}\n</svg>\n'

    @property
    def _size(self) -> str:
        return f'width="{WIDTH}" height="{number(self.height)}"'

    @property
    def _head(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {number(self.height)}" role="img"'
            f' aria-labelledby="picture-{self.name}-title picture-{self.name}-words"'
        )

    @property
    def _told(self) -> str:
        return (
            f'<title id="picture-{self.name}-title">{text(self.title)}</title>'
            f'<desc id="picture-{self.name}-words">{text(self.words)}</desc>'
        )


def text(words: str) -> str:
    """Foreign words as text of an element or of an attribute."""
    return escape(clean_line(words))


def number(value: float) -> str:
    """A length with no more digits than can be seen."""
    shown = f"{value:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def label(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start") -> str:
    """A line of text, each of its directions by itself."""
    side = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}"{side}>{text(words)}</text>'


def bar(x: float, y: float, width: float, height: float, kind: str = "bar", said: str = "") -> str:
    """A rectangle; `said` is shown where the pointer rests on it."""
    told = f"<title>{text(said)}</title>" if said else ""
    end = f">{told}</rect>" if told else "/>"
    return (
        f'<rect class="{kind}" x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"{end}'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "rule") -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"/>'


def shorten(words: str, most: int = 24) -> str:
    """A name as it fits beside a dot."""
    words = clean_line(words)
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def many(count: int, one: str, more: str) -> str:
    """A number with its noun."""
    return f"{count:,} {one if count == 1 else more}"
