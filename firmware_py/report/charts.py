"""Owns the pictures of an incident report: plain SVG, drawn by hand. Must never need a script, a font or a network.

Time runs from left to right and counts from the cut. Colours are classes, so that the page's style sheet decides
between light, dark and paper.
"""

from collections.abc import Callable, Iterable
from html import escape
from math import ceil, floor, log10

from firmware_py.core.frame import Decision
from firmware_py.report.gather import AFTER_S, BEFORE_S, Report
from sensors.samples import Fault

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 860, 52, 118, 8, 26
_PLOT = WIDTH - LEFT - RIGHT

Points = list[tuple[float, float]]


class Panel:
    """One chart on the common time axis. `down` draws larger values lower, as the deck lies before the walker."""

    def __init__(
        self, height: int, low: float, high: float, down: bool = False, step: float | None = None
    ) -> None:
        self.height = height
        self._low, self._high, self._down = low, high, down
        self._parts: list[str] = []
        self._labels: list[tuple[float, str, str]] = []
        self._grid(step or _nice((high - low) / 4))

    def x(self, t_s: float) -> float:
        return LEFT + (t_s + BEFORE_S) / (BEFORE_S + AFTER_S) * _PLOT

    def y(self, value: float) -> float:
        share = (min(max(value, self._low), self._high) - self._low) / (self._high - self._low)
        return TOP + (share if self._down else 1 - share) * (self.height - TOP - BOTTOM)

    def _grid(self, step: float) -> None:
        bottom, decimals = self.height - BOTTOM, max(0, -floor(log10(step) + 1e-9))
        for n in range(ceil(self._low / step - 1e-9), floor(self._high / step + 1e-9) + 1):
            y = self.y(n * step)
            self._add(f'<path class="grid" d="M{LEFT} {y:.1f}H{LEFT + _PLOT}"/>')
            self._add(
                f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{n * step:.{decimals}f}</text>'
            )
        for t_s in range(-int(BEFORE_S), int(AFTER_S) + 1, 5):
            x, word = self.x(t_s), "cut" if t_s == 0 else f"{t_s:+d} s".replace("-", "\u2212")
            self._add(f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>')
            self._add(f'<text class="tick" x="{x:.1f}" y="{bottom + 19}" text-anchor="middle">{word}</text>')

    def band(self, from_value: float, to_value: float, kind: str) -> None:
        """A strip of values over the whole time."""
        top, bottom = sorted((self.y(from_value), self.y(to_value)))
        self._add(
            f'<rect class="{kind}" x="{LEFT}" y="{top:.1f}" width="{_PLOT}" height="{bottom - top:.1f}"/>'
        )

    def span(self, from_s: float, to_s: float, kind: str) -> None:
        """A stretch of time over all values."""
        x, width = self.x(from_s), self.x(to_s) - self.x(from_s)
        self._add(
            f'<rect class="{kind}" x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{self.height - TOP - BOTTOM}"/>'
        )

    def level(self, value: float, kind: str, label: str) -> None:
        """A limit that does not change, named at the right end."""
        self._add(f'<path class="{kind}" d="M{LEFT} {self.y(value):.1f}H{LEFT + _PLOT}"/>')
        self.label(value, kind, label)

    def label(self, value: float, kind: str, text: str) -> None:
        self._labels.append((self.y(value), kind, text))

    def line(self, points: Points, kind: str, label: str = "") -> None:
        """A curve; a gap of more than 0.3 s stays a gap."""
        path, last_s = [], -1e9
        for t_s, value in points:
            path.append(f"{'M' if t_s - last_s > 0.3 else 'L'}{self.x(t_s):.1f} {self.y(value):.1f}")
            last_s = t_s
        self._add(f'<path class="{kind}" d="{"".join(path)}"/>')
        if label and points:
            self.label(points[-1][1], kind, label)

    def moment(self, t_s: float, kind: str) -> None:
        x = self.x(t_s)
        self._add(f'<path class="{kind}" d="M{x:.1f} {TOP}V{self.height - BOTTOM}"/>')

    def dot(self, t_s: float, value: float, kind: str) -> None:
        self._add(f'<circle class="{kind}" cx="{self.x(t_s):.1f}" cy="{self.y(value):.1f}" r="4.5"/>')

    def svg(self, title: str) -> str:
        """The finished picture; `title` is read aloud."""
        y_before = -1e9
        for y, kind, text in sorted(self._labels):
            y_before = max(y, y_before + 15)  # labels never lie on one another
            self._add(
                f'<text class="name {kind}" x="{LEFT + _PLOT + 8}" y="{y_before + 4:.1f}">{escape(text)}</text>'
            )
        return (
            f'<svg viewBox="0 0 {WIDTH} {self.height}" role="img" aria-label="{escape(title)}">'
            f"{''.join(self._parts)}</svg>"
        )

    def _add(self, part: str) -> None:
        self._parts.append(part)


def _nice(step: float) -> float:
    """1, 2 or 5 times a power of ten, at least `step`."""
    power = 10.0 ** floor(log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * 0.999)


def series(report: Report, value: Callable[[Decision], float | None], of_hip: bool = False) -> Points:
    """(seconds from the cut, value) of every decision that knows it, thinned to what a screen can show.

    `of_hip`: only where the hip sensor answered; what the core holds on to without it was not measured.
    """
    t0_ns = report.stop.t_ns
    points = [
        ((d.t_ns - t0_ns) / 1e9, v)
        for f, d in zip(report.frames, report.decisions, strict=True)
        if (v := value(d)) is not None and not (of_hip and isinstance(f.imu, Fault))
    ]
    return thinned(points, 700)


def thinned(points: Points, most: int) -> Points:
    """First, lowest, highest and last of each slice: nothing that sticks out is lost."""
    if len(points) <= most:
        return points
    size = ceil(len(points) / (most / 3))
    kept: Points = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        chosen = {part[0], min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1]), part[-1]}
        kept += sorted(chosen)
    return kept


def position(report: Report) -> str:
    """Where the walker was on the deck, and where they would have come to rest."""
    config, panel = report.config, Panel(250, 0.0, report.config.deck_length_m, down=True, step=0.2)
    front_m = config.deck.front_line_mm / 1000
    panel.band(0.0, front_m, "beyond")
    panel.band(config.rear_line_m, config.deck_length_m, "beyond")
    _times(panel, report)
    panel.level(front_m, "limit", "front line")
    panel.level(config.rear_line_m, "limit", "rear line")
    panel.line(series(report, lambda d: d.rest_position_m if d.run else None), "forecast")
    walked = series(report, lambda d: d.position_m)
    panel.line(walked, "curve", "walker")
    if report.before.rest_position_m is not None and report.stop.run is False:
        panel.label(report.before.rest_position_m, "forecast", "rest if cut")
    _cut(panel, report.stop.position_m)
    return panel.svg("Position of the walker on the deck over time")


def velocity(report: Report) -> str:
    points = series(report, lambda d: d.velocity_m_s)
    panel = Panel(150, *_range(points, 0.3))
    _times(panel, report)
    panel.level(0.0, "zero", "")
    panel.line(points, "curve", "toward rear")
    _cut(panel, report.stop.velocity_m_s)
    return panel.svg("Velocity of the walker along the deck over time")


def down_velocity(report: Report) -> str:
    points = series(report, lambda d: d.down_velocity_m_s, of_hip=True)
    limits = series(report, lambda d: d.down_velocity_limit_m_s if d.run else None)
    # The impact is several times what decides: it goes off the scale, or nothing before it could be read.
    panel = Panel(170, *_range([p for p in [*points, *limits] if p[0] <= 0.0], 0.5))
    _times(panel, report)
    panel.level(0.0, "zero", "")
    panel.line(limits, "limit", "limit")
    panel.line(points, "curve", "hip downward")
    _cut(panel, report.stop.down_velocity_m_s)
    return panel.svg("Downward velocity of the hip against its limit over time")


def tilt(report: Report) -> str:
    points = [(t_s, v * 57.29578) for t_s, v in series(report, lambda d: d.tilt_rad, of_hip=True)]
    panel = Panel(150, 0.0, max(15.0, max((v for _, v in points), default=0.0) * 1.1))
    _times(panel, report)
    panel.line(points, "curve", "trunk tilt")
    _cut(panel, None)
    return panel.svg("Tilt of the trunk against the walker's own posture over time, in degrees")


def _range(points: Points, least: float) -> tuple[float, float]:
    values = [v for _, v in points]
    low, high = min([-least / 2, *values]), max([least, *values])
    room = (high - low) * 0.06
    return low - room, high + room


def _times(panel: Panel, report: Report) -> None:
    """Behind everything: warned in amber, belt off in grey."""
    t0_ns = report.stop.t_ns
    for from_s, to_s in stretches(
        ((d.t_ns - t0_ns) / 1e9, d.warning is not None and d.run) for d in report.decisions
    ):
        panel.span(from_s, to_s, "warned")
    for from_s, to_s in stretches(((d.t_ns - t0_ns) / 1e9, not d.run) for d in report.decisions):
        panel.span(from_s, to_s, "off")
    if report.rest_s is not None:
        panel.moment(report.rest_s, "rest")


def _cut(panel: Panel, value: float | None) -> None:
    panel.moment(0.0, "cut")
    if value is not None:
        panel.dot(0.0, value, "cutdot")


def stretches(flags: Iterable[tuple[float, bool]]) -> list[tuple[float, float]]:
    """From when to when a flag was up."""
    found: list[tuple[float, float]] = []
    up_s: float | None = None
    t_s = 0.0
    for t_s, flag in flags:
        if flag and up_s is None:
            up_s = t_s
        elif not flag and up_s is not None:
            found.append((up_s, t_s))
            up_s = None
    return found if up_s is None else [*found, (up_s, t_s)]


def deck(report: Report) -> str:
    """The deck from above at the moment of the cut: console left, rear end right."""
    config, length_m = report.config, report.config.deck_length_m
    left, width, top, height = 70, 720, 34, 76

    def x(position_m: float) -> float:
        return left + min(max(position_m, -0.05), length_m + 0.05) / length_m * width

    front, rear, middle = x(config.deck.front_line_mm / 1000), x(config.rear_line_m), top + height / 2
    parts = [
        f'<rect class="belt" x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>',
        f'<rect class="beyond" x="{left}" y="{top}" width="{front - left:.1f}" height="{height}"/>',
        f'<rect class="beyond" x="{rear:.1f}" y="{top}" width="{left + width - rear:.1f}" height="{height}"/>',
        f'<path class="limit" d="M{front:.1f} {top}v{height}M{rear:.1f} {top}v{height}"/>',
        f'<text class="tick" x="{left - 10}" y="{middle + 4}" text-anchor="end">console</text>',
        f'<text class="tick" x="{left + width + 10}" y="{middle + 4}">rear</text>',
        f'<text class="tick" x="{front:.1f}" y="{top + height + 18}" text-anchor="middle">front line</text>',
        f'<text class="tick" x="{rear:.1f}" y="{top + height + 18}" text-anchor="middle">'
        f"rear line {config.rear_line_m:.2f} m</text>",
    ]
    at_m = report.stop.position_m
    rest_m = _rested(report)
    if at_m is not None and rest_m is not None and abs(rest_m - at_m) > 0.01:
        parts.append(f'<path class="moved" d="M{x(at_m):.1f} {middle}H{x(rest_m):.1f}"/>')
        parts.append(f'<circle class="rested" cx="{x(rest_m):.1f}" cy="{middle}" r="11"/>')
        side = "start" if rest_m > at_m else "end"
        parts.append(
            f'<text class="name" x="{x(rest_m):.1f}" y="{top - 10}" text-anchor="{side}">'
            f"belt at rest {rest_m:.2f} m</text>"
        )
    if at_m is not None:
        close = rest_m is not None and abs(x(rest_m) - x(at_m)) < 150
        anchor = "middle" if not close or rest_m is None else "end" if rest_m >= at_m else "start"
        parts.append(f'<circle class="walker" cx="{x(at_m):.1f}" cy="{middle}" r="13"/>')
        parts.append(
            f'<text class="name" x="{x(at_m):.1f}" y="{top - 10}" text-anchor="{anchor}">cut {at_m:.2f} m</text>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} 136" role="img" aria-label="The deck from above">{"".join(parts)}</svg>'
    )


def _rested(report: Report) -> float | None:
    if report.rest_s is None:
        return None
    rest_ns = report.stop.t_ns + report.rest_s * 1e9
    return next(
        (d.position_m for d in report.decisions if d.t_ns >= rest_ns and d.position_m is not None), None
    )
