"""Owns what each picture of an incident report shows. Must never gather a figure, nor know the page.

Time runs from left to right and counts from the cut.
"""

from collections.abc import Callable, Iterable
from math import ceil, degrees

from firmware_py.core.frame import Decision
from firmware_py.locale import translate as _
from firmware_py.plot import Plot
from firmware_py.report.gather import AFTER_S, BEFORE_S, Report
from sensors.samples import Fault

Points = list[tuple[float, float]]

_WIDTH = 860
_MOST_POINTS = 700  # what a screen can show
_GAP_S = 0.3  # a longer gap in a curve stays a gap
_CLOSE_SHARE = 0.2  # of the deck: nearer than that, two names above it need two sides


def position(report: Report) -> Plot:
    """Where the walker was on the deck, and where they would have come to rest."""
    config = report.config
    plot = _plot(report, 250, (0.0, config.deck_length_m), _("Position of the walker on the deck over time"))
    plot.area("beyond", y=(0.0, config.front_line_m))
    plot.area("beyond", y=(config.rear_line_m, config.deck_length_m))
    plot.level(config.front_line_m, "limit", _("front line"))
    plot.level(config.rear_line_m, "limit", _("rear line"))
    forecast = series(report, lambda d: d.rest_position_m if d.run else None)
    plot.line(
        forecast, "forecast", _("rest if cut") if report.before.rest_position_m is not None else "", _GAP_S
    )
    plot.line(series(report, lambda d: d.position_m), "curve", _("walker"), _GAP_S)
    return _cut(plot, report.stop.position_m)


def velocity(report: Report) -> Plot:
    """How fast the walker moved along the deck."""
    points = series(report, lambda d: d.velocity_m_s)
    plot = _plot(report, 150, _range(points, 0.3), _("Velocity of the walker along the deck over time"))
    plot.level(0.0, "zero")
    plot.line(points, "curve", _("walker"), _GAP_S)
    return _cut(plot, report.stop.velocity_m_s)


def down_velocity(report: Report) -> Plot:
    """How fast the hip went down, and the limit of the fall rule."""
    points = series(report, lambda d: d.down_velocity_m_s, of_hip=True)
    limits = series(report, lambda d: d.down_velocity_limit_m_s if d.run else None)
    # An impact is several times faster than what decides. It goes off the scale, so that the time before is readable.
    span = _range([p for p in [*points, *limits] if p[0] <= 0.0], 0.5)
    plot = _plot(report, 170, span, _("Downward velocity of the hip against its limit over time"))
    plot.level(0.0, "zero")
    plot.line(limits, "limit", _("limit"), _GAP_S)
    plot.line(points, "curve", _("hip downward"), _GAP_S)
    return _cut(plot, report.stop.down_velocity_m_s)


def tilt(report: Report) -> Plot:
    """How far the trunk was from its usual posture."""
    points = [(t_s, degrees(v)) for t_s, v in series(report, lambda d: d.tilt_rad, of_hip=True)]
    most = max(15.0, *(1.1 * v for __, v in points), 0.0)
    plot = _plot(report, 150, (0.0, most), _("Tilt of the trunk from the walker's usual posture, in degrees"))
    plot.line(points, "curve", _("trunk tilt"), _GAP_S)
    return _cut(plot, None)


def deck(report: Report) -> Plot:
    """The deck from above at the moment of the cut: console left, rear end right."""
    config = report.config
    length_m, front_m, rear_m = config.deck_length_m, config.front_line_m, config.rear_line_m
    lines = [(front_m, _("front line")), (rear_m, f"{_('rear line')} {rear_m:.2f} m")]
    plot = Plot(
        (0.0, length_m), (0.0, 1.0), _("The deck from above"), "", "", _WIDTH, 136, lines, [], names=True
    )
    walkway = (0.0, 0.7)  # the names of the places stand above
    middle = sum(walkway) / 2
    plot.area("paper", y=(walkway[1], 1.0))
    plot.area("rubber", y=walkway)
    plot.area("beyond", (0.0, front_m), walkway)
    plot.area("beyond", (rear_m, length_m), walkway)
    for line_m, __ in lines:
        plot.line([(line_m, walkway[0]), (line_m, walkway[1])], "limit")
    plot.text(0.0, 0.5, _("console"), "tick", "start", 8)
    plot.text(length_m, 0.5, _("rear edge"), "tick", "end", -8)
    at_m, rest_m = report.stop.position_m, _rest_position_m(report)
    if at_m is None:
        return plot
    moved = rest_m is not None and abs(rest_m - at_m) > 0.01
    close = rest_m is not None and abs(rest_m - at_m) < _CLOSE_SHARE * length_m
    rest_is_right = rest_m is not None and rest_m >= at_m
    if rest_m is not None and moved:
        plot.line([(at_m, middle), (rest_m, middle)], "moved")
        plot.dots([(rest_m, middle)], "rested", 11)
        plot.text(
            rest_m, 0.88, f"{_('belt at rest')} {rest_m:.2f} m", "", "start" if rest_is_right else "end"
        )
    plot.dots([(at_m, middle)], "walker", 13)
    anchor = ("end" if rest_is_right else "start") if close and moved else "middle"
    plot.text(at_m, 0.88, f"{_('cut')} {at_m:.2f} m", "", anchor, {"end": -8, "start": 8}.get(anchor, 0))
    return plot


def _plot(report: Report, height: int, span: tuple[float, float], title: str) -> Plot:
    """A chart on the common time axis. Behind everything: warned in amber, belt off in grey."""
    ticks = [
        (float(t_s), f"{t_s:+d} s".replace("-", "\u2212") if t_s else _("cut"))
        for t_s in range(-int(BEFORE_S), int(AFTER_S) + 1, 5)
    ]
    plot = Plot((-BEFORE_S, AFTER_S), span, title, "", "", _WIDTH, height, x_ticks=ticks, names=True)
    times_s = [(d.t_ns - report.stop.t_ns) / 1e9 for d in report.decisions]
    for css, flags in (
        ("warned", [d.warning is not None and d.run for d in report.decisions]),
        ("off", [not d.run for d in report.decisions]),
    ):
        for stretch in stretches(zip(times_s, flags, strict=True)):
            plot.area(css, x=stretch)
    if report.rest_s is not None:
        plot.upright(report.rest_s, "rest")
    return plot


def _cut(plot: Plot, value: float | None) -> Plot:
    """The moment of the cut, on top of everything."""
    plot.upright(0.0, "cut")
    if value is not None:
        plot.dots([(0.0, value)], "cut", 4.5)
    return plot


def _range(points: Points, least: float) -> tuple[float, float]:
    values = [v for __, v in points]
    low, high = min([-least / 2, *values]), max([least, *values])
    room = (high - low) * 0.06
    return low - room, high + room


def series(report: Report, value: Callable[[Decision], float | None], of_hip: bool = False) -> Points:
    """(seconds from the cut, value) of every decision that knows it, thinned to what a screen can show.

    `of_hip`: only where the hip sensor answered. What the core holds without it was not measured.
    """
    t0_ns = report.stop.t_ns
    points = [
        ((d.t_ns - t0_ns) / 1e9, v)
        for f, d in zip(report.frames, report.decisions, strict=True)
        if (v := value(d)) is not None and not (of_hip and isinstance(f.imu, Fault))
    ]
    return thinned(points, _MOST_POINTS)


def thinned(points: Points, most: int) -> Points:
    """First, lowest, highest and last of each slice, so that every peak stays."""
    if len(points) <= most:
        return points
    size = ceil(len(points) / (most / 3))
    kept: Points = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        chosen = {part[0], min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1]), part[-1]}
        kept += sorted(chosen)
    return kept


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


def _rest_position_m(report: Report) -> float | None:
    if report.rest_s is None:
        return None
    rest_ns = report.stop.t_ns + report.rest_s * 1e9
    later = (d.position_m for d in report.decisions if d.t_ns >= rest_ns)
    return next((position_m for position_m in later if position_m is not None), None)
