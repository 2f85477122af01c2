"""Owns drawing one plot as inline SVG: axes with units, lines, dots, marks. Must never fetch or embed anything.

Colours are CSS classes, so the page's light and dark themes reach into the plots.
"""

from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10

_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 12.0, 40.0


@dataclass(slots=True)
class Plot:
    """A rectangle of data space. Values outside it are clipped, missing ones (None) break a line."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str = ""
    y_label: str = ""
    width: float = 640
    height: float = 300
    x_ticks: list[tuple[float, str]] | None = None
    y_ticks: list[tuple[float, str]] | None = None
    title: str = ""
    _parts: list[str] = field(default_factory=list)
    _over: list[str] = field(default_factory=list)

    def line(self, xs: list[float], ys: list[float | None], css: str) -> None:
        """A line through the points."""
        run: list[str] = []
        for x, y in [*zip(xs, ys, strict=True), (0.0, None)]:
            if y is not None:
                run.append(f"{self._px(x):.1f},{self._py(y):.1f}")
            elif run:
                self._parts.append(f'<polyline class="{css}" points="{" ".join(run)}"/>')
                run = []

    def dots(self, points: list[tuple[float, float]], css: str, radius: float = 2.5) -> None:
        self._parts += [
            f'<circle class="{css}" cx="{self._px(x):.1f}" cy="{self._py(y):.1f}" r="{radius}"/>'
            for x, y in points
        ]

    def bar(self, x: float, y0: float, y1: float, width: float, css: str) -> None:
        """An upright bar, `width` in data units."""
        left, right = self._px(x - width / 2), self._px(x + width / 2)
        low, high = sorted((self._py(y0), self._py(y1)))
        self._parts.append(
            f'<rect class="{css}" x="{left:.1f}" y="{low:.1f}" width="{right - left:.1f}" height="{high - low:.1f}"/>'
        )

    def upright(self, x: float, css: str, label: str = "") -> None:
        """A vertical mark over the whole height, named at the top."""
        if not self.x[0] <= x <= self.x[1]:
            return
        at = self._px(x)
        self._parts.append(
            f'<line class="{css}" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{self.height - _BOTTOM}"/>'
        )
        if label:
            anchor, shift = ("end", -4) if at > self.width * 0.75 else ("start", 4)
            self._over.append(_text(at + shift, _TOP + 10, label, f"mark {css}-text", anchor))

    def level(self, y: float, css: str) -> None:
        """A horizontal line over the whole width."""
        at = self._py(y)
        self._parts.append(
            f'<line class="{css}" x1="{_LEFT}" x2="{self.width - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )

    def text(
        self, x: float, y: float, words: str, css: str = "", anchor: str = "start", dy: float = 0
    ) -> None:
        self._over.append(_text(self._px(x), self._py(y) + dy, words, css, anchor))

    def svg(self) -> str:
        """The finished drawing."""
        right, floor_y = self.width - _RIGHT, self.height - _BOTTOM
        clip = f"c{id(self):x}"
        out = [
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{escape(self.title)}">',
            f'<clipPath id="{clip}"><rect x="{_LEFT - 2}" y="{_TOP - 2}" width="{right - _LEFT + 4}" ',
            f'height="{floor_y - _TOP + 4}"/></clipPath>',
        ]
        for value, words in self.y_ticks if self.y_ticks is not None else nice_ticks(*self.y):
            at = self._py(value)
            out.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>')
            out.append(
                f'<text class="tick" x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{escape(words)}</text>'
            )
        for value, words in self.x_ticks if self.x_ticks is not None else nice_ticks(*self.x):
            at = self._px(value)
            out.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{floor_y}" y2="{floor_y + 4}"/>')
            out.append(
                f'<text class="tick" x="{at:.1f}" y="{floor_y + 16}" text-anchor="middle">{escape(words)}</text>'
            )
        out.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{floor_y}" y2="{floor_y}"/>')
        out.append(_text((_LEFT + right) / 2, self.height - 6, self.x_label, "label", "middle"))
        out.append(f'<g transform="translate(13 {(_TOP + floor_y) / 2}) rotate(-90)">')
        out.append(_text(0, 0, self.y_label, "label", "middle") + "</g>")
        return "".join([*out, f'<g clip-path="url(#{clip})">', *self._parts, "</g>", *self._over, "</svg>"])

    def _px(self, x: float) -> float:
        return _LEFT + (x - self.x[0]) / (self.x[1] - self.x[0]) * (self.width - _LEFT - _RIGHT)

    def _py(self, y: float) -> float:
        return (
            self.height - _BOTTOM - (y - self.y[0]) / (self.y[1] - self.y[0]) * (self.height - _TOP - _BOTTOM)
        )


def _text(x: float, y: float, words: str, css: str, anchor: str) -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def nice_ticks(low: float, high: float, about: int = 6) -> list[tuple[float, str]]:
    """Round numbers inside the span, and how to write them."""
    raw = (high - low) / about
    power = 10.0 ** floor(log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    digits = max(0, -floor(log10(step) + 1e-9)) + (1 if f"{step / power:g}" == "2.5" else 0)
    first = ceil(low / step - 1e-9)
    return [(n * step, f"{n * step:.{digits}f}") for n in range(first, floor(high / step + 1e-9) + 1)]
