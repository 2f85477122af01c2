"""Draws a chart as SVG text: axes, lines, areas, marks. Must never load, embed or compute anything, nor know who asks.

Each thing drawn carries a CSS class; STYLE gives every class one colour for light and one for dark. A template may
print a Plot as it is: all text in it is escaped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, inf, log10

Points = Iterable[tuple[float, float | None]]
Ticks = Sequence[tuple[float, str]]

_LEFT, _TOP, _RIGHT, _RIGHT_WITH_NAMES, _BOTTOM, _BOTTOM_WITH_LABEL = 52.0, 10.0, 14.0, 118.0, 26.0, 42.0
_TICK_EVERY_PX = (45, 30)  # roughly, along x and along y
_LINE_HEIGHT_PX = 15

STYLE = """\
:root { color-scheme: light dark; --ink: #16202b; --soft: #5a6774; --paper: #ffffff; --card: #f6f8fa; --rule: #d9e0e7;
  --blue: #1d5fd1; --orange: #c2410c; --green: #0f7b3e; --purple: #7a3fc4; --brown: #946200; --red: #c81e1e;
  --amber: #fbbf24; --slate: #64748b; --rubber: #e7ecf1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf4; --soft: #9aa8b6; --paper: #11171e; --card: #1a222c;
  --rule: #2d3945; --blue: #6ea8ff; --orange: #fb923c; --green: #56d364; --purple: #c19bff; --brown: #e3b341;
  --red: #ff6b6b; --amber: #f59e0b; --slate: #94a3b8; --rubber: #232e3a; } }
.plot { overflow: visible; font: 13px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink); }
.plot path { stroke: currentColor; fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.plot rect, .plot circle, .plot text { fill: currentColor; }
.plot .tick, .plot .label { color: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.plot .grid { color: var(--rule); stroke-width: 1; }
.plot .zero, .plot .axis { color: var(--soft); stroke-width: 1; }
.plot .paper { color: var(--paper); }
.plot text.title { font-size: 15px; font-weight: 600; }
.plot text.mark { font-size: 12px; font-weight: 600; }
.c1, .curve { color: var(--blue); } .c2 { color: var(--orange); } .c3 { color: var(--green); }
.c4, .forecast { color: var(--purple); } .c5 { color: var(--brown); } .ink { color: var(--ink); }
.plot path.c1 { stroke-width: 2.8; } .plot circle.c1 { fill-opacity: 0.5; } .plot path.ink { stroke-width: 1.4; }
.plot path.forecast { stroke-width: 1.4; opacity: 0.85; }
.limit { color: var(--orange); } .plot path.limit { stroke-dasharray: 6 4; stroke-width: 1.6; }
.now, .rest { color: var(--soft); } .plot path.now, .plot path.rest { stroke-dasharray: 2 3; stroke-width: 1.6; }
.cut, .impact, .missed, .walker { color: var(--red); } .stop, .armed { color: var(--green); }
.reading, .off { color: var(--slate); } .warned { color: var(--amber); } .beyond { color: var(--red); }
.rubber { color: var(--rubber); } .plot circle.reading { fill-opacity: 0.6; }
.plot rect.warned { fill-opacity: 0.24; } .plot rect.off { fill-opacity: 0.16; }
.plot rect.beyond { fill-opacity: 0.11; } .plot circle.rested { fill: none; stroke: currentColor; stroke-width: 2; }
.plot path.moved { stroke-width: 1.5; stroke-dasharray: 3 3; }
"""


@dataclass(slots=True)
class Plot:
    """A rectangle of data between the spans `x` and `y`. A value outside is drawn at the edge.

    `title` is read aloud. `down`: larger values of y lie lower. `names`: lines and levels are named to their right.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    title: str
    x_label: str = ""
    y_label: str = ""
    width: float = 640
    height: float = 300
    x_ticks: Ticks | None = None
    y_ticks: Ticks | None = None
    down: bool = False
    names: bool = False
    _parts: list[str] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _names: list[tuple[float, str, str]] = field(default_factory=list)
    _marks: int = 0

    def line(self, points: Points, css: str, name: str = "", gap: float = inf) -> None:
        """A line through the points. A missing value breaks it, and so does a step along x of more than `gap`."""
        path: list[str] = []
        last_x, last_y = -inf, 0.0
        for x, y in points:
            if y is None:
                last_x = -inf
                continue
            path.append(f"{'L' if x - last_x <= gap and last_x > -inf else 'M'}{self._at(x, y)}")
            last_x, last_y = x, y
        if path:
            self._parts.append(f'<path class="{css}" d="{"".join(path)}"/>')
            self.name(last_y, css, name)

    def dots(self, points: Iterable[tuple[float, float]], css: str, radius: float = 2.5) -> None:
        """A circle at each point."""
        for x, y in points:
            at = f'cx="{self._x(x):.1f}" cy="{self._y(y):.1f}"'
            self._parts.append(f'<circle class="{css}" {at} r="{radius:g}"/>')

    def area(
        self, css: str, x: tuple[float, float] | None = None, y: tuple[float, float] | None = None
    ) -> None:
        """A rectangle; without `x` or `y` it fills the plot in that direction."""
        left, right = sorted(map(self._x, x or self.x))
        top, bottom = sorted(map(self._y, y or self.y))
        size = f'width="{right - left:.1f}" height="{bottom - top:.1f}"'
        self._parts.append(f'<rect class="{css}" x="{left:.1f}" y="{top:.1f}" {size}/>')

    def level(self, y: float, css: str, name: str = "") -> None:
        """A line from side to side."""
        self.line([(self.x[0], y), (self.x[1], y)], css, name)

    def upright(self, x: float, css: str, words: str = "") -> None:
        """A line from top to bottom with words beside it; nothing outside the plot."""
        if not self.x[0] <= x <= self.x[1]:
            return
        self.line([(x, self.y[0]), (x, self.y[1])], css)
        if words:
            anchor, shift = ("end", -5) if self._x(x) > self.width * 0.55 else ("start", 5)
            y_px = _TOP + 11 + self._marks * _LINE_HEIGHT_PX  # each one lower: they never lie on one another
            self._texts.append(_text(self._x(x) + shift, y_px, words, f"mark {css}", anchor))
            self._marks += 1

    def text(
        self, x: float, y: float, words: str, css: str = "", anchor: str = "start", shift: float = 0
    ) -> None:
        """Words at a point, `shift` pixels to the right of it."""
        self._texts.append(_text(self._x(x) + shift, self._y(y) + 4, words, css, anchor))

    def name(self, y: float, css: str, words: str) -> None:
        """A name to the right of the plot, level with `y`."""
        if words:
            self._names.append((self._y(y), css, words))

    def svg(self, top: float | None = None) -> str:
        """The finished drawing; with `top` as a part of a larger one, that far down."""
        place = "" if top is None else f'y="{top:g}" width="{self.width:g}" height="{self.height:g}" '
        box = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        parts = [*self._axes(), *self._parts, *self._texts, *self._named()]
        return f'<svg class="plot" {place}{box} role="img" aria-label="{escape(self.title)}">{"".join(parts)}</svg>'

    __html__ = svg  # what Jinja asks for

    def _axes(self) -> Iterable[str]:
        right, floor_px = self._right, self._floor
        about_x = (right - _LEFT) / _TICK_EVERY_PX[0]
        about_y = (floor_px - _TOP) / _TICK_EVERY_PX[1]
        for value, words in nice_ticks(*self.y, about_y) if self.y_ticks is None else self.y_ticks:
            yield f'<path class="grid" d="M{_LEFT:g} {self._y(value):.1f}H{right:g}"/>'
            yield _text(_LEFT - 8, self._y(value) + 4, words, "tick", "end")
        for value, words in nice_ticks(*self.x, about_x) if self.x_ticks is None else self.x_ticks:
            yield f'<path class="grid" d="M{self._x(value):.1f} {_TOP:g}V{floor_px:g}"/>'
            yield _text(self._x(value), floor_px + 18, words, "tick", "middle")
        if self.x_label:
            yield _text((_LEFT + right) / 2, self.height - 6, self.x_label, "label", "middle")
        if self.y_label:
            yield f'<g transform="translate(13 {(_TOP + floor_px) / 2:g}) rotate(-90)">'
            yield _text(0, 0, self.y_label, "label", "middle") + "</g>"

    def _named(self) -> Iterable[str]:
        before_px = -inf
        for y_px, css, words in sorted(self._names):
            before_px = max(y_px, before_px + _LINE_HEIGHT_PX)
            yield _text(self._right + 8, before_px + 4, words, f"name {css}")

    @property
    def _right(self) -> float:
        return self.width - (_RIGHT_WITH_NAMES if self.names else _RIGHT)

    @property
    def _floor(self) -> float:
        return self.height - (_BOTTOM_WITH_LABEL if self.x_label else _BOTTOM)

    def _x(self, x: float) -> float:
        return _LEFT + _share(x, self.x) * (self._right - _LEFT)

    def _y(self, y: float) -> float:
        share = _share(y, self.y)
        return _TOP + (share if self.down else 1 - share) * (self._floor - _TOP)

    def _at(self, x: float, y: float) -> str:
        return f"{self._x(x):.1f} {self._y(y):.1f}"


def drawing(title: str, note: str, plots: Sequence[Plot]) -> str:
    """An SVG file of its own: the plots one below the other, under a title and a line of words."""
    width, top = max(plot.width for plot in plots), 52.0
    parts = [_text(_LEFT, 22, title, "title"), _text(_LEFT, 42, note, "label")]
    for plot in plots:
        parts.append(plot.svg(top))
        top += plot.height
    size = f'width="{width:g}" height="{top:g}" viewBox="0 0 {width:g} {top:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" {size}><style>{STYLE}</style>'
        f'<rect class="paper" width="100%" height="100%"/>{"".join(parts)}</svg>\n'
    )


def nice_ticks(low: float, high: float, about: float = 6) -> list[tuple[float, str]]:
    """Round numbers inside the span, `about` so many, and how to write them."""
    least = (high - low) / about
    power = 10.0 ** floor(log10(least))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= least * 0.999)
    digits = max(0, -floor(log10(step) + 1e-9))
    numbers = range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)
    return [(n * step, f"{n * step:.{digits}f}".replace("-", "\u2212")) for n in numbers]


def _share(value: float, span: tuple[float, float]) -> float:
    return (min(max(value, span[0]), span[1]) - span[0]) / (span[1] - span[0])


def _text(x: float, y: float, words: str, css: str, anchor: str = "") -> str:
    at = f'x="{x:.1f}" y="{y:.1f}"' + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text class="{css}" {at}>{escape(words)}</text>'
