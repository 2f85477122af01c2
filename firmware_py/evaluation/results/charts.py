"""Owns what each chart of the evaluation page shows. Must never compute a score or know the page."""

from collections.abc import Callable, Iterator
from statistics import median

from firmware_py.evaluation.results.curves import Point
from firmware_py.evaluation.run.job import OURS, Excerpt
from firmware_py.evaluation.run.score import Score
from firmware_py.plot import Plot, nice_ticks

_LONGEST_LEAD_MS = 1500.0
_PERCENT = (112.0, 112.0)  # room above 100 for the words
_COLOURS = ("c1", "c2", "c3", "c4", "c5")


Legend = list[tuple[str, str]]  # class of the colour, what it stands for


def legend(names: list[str]) -> Legend:
    """The colour of each name, the same as in the charts of these names."""
    return [(_colour(name, names), name) for name in names]


def _colour(name: str, names: list[str]) -> str:
    return _COLOURS[names.index(name) % len(_COLOURS)]


def lead_survival(falls: list[Score]) -> Plot:
    """Share of falls stopped at least so many ms before the impact, a curve a detector."""
    plot = Plot(
        (0, _LONGEST_LEAD_MS),
        (0, 102),
        "lead distribution",
        "time before impact (ms)",
        "falls stopped by then (%)",
    )
    names = list(dict.fromkeys(s.detector for s in falls))
    for name in reversed(names):  # ours last, on top
        own = [s for s in falls if s.detector == name]
        leads = sorted(1000 * s.lead_s for s in own if s.lead_s is not None)
        points = [(0.0, 100 * len(leads) / len(own))]
        for count, lead in enumerate(leads):
            points += [(lead, 100 * (len(leads) - n) / len(own)) for n in (count, count + 1)]
        plot.line(points, _colour(name, names))
    return plot


def lead_by_activity(falls: list[Score]) -> Plot:
    """Every fall as a dot in its activity's column."""
    activities = sorted({s.activity for s in falls})
    plot = Plot(
        (-0.6, len(activities) - 0.4),
        (-60, _LONGEST_LEAD_MS),
        "lead by activity",
        "activity",
        "lead to impact (ms)",
        x_ticks=[(float(i), a) for i, a in enumerate(activities)],
        y_ticks=[(v, f"{v:g}") for v in (0, 300, 600, 900, 1200, 1500)],
    )
    top = 0.99 * _LONGEST_LEAD_MS
    for column, activity in enumerate(activities):
        own = [s for s in falls if s.activity == activity]
        spread = [(column + 0.5 * ((i * 0.618) % 1 - 0.5), s) for i, s in enumerate(own)]
        plot.dots([(x, min(1000 * s.lead_s, top)) for x, s in spread if s.lead_s is not None], "c1")
        plot.dots([(x, 0.0) for x, s in spread if s.lead_s is None], "missed", 3.5)
        leads = [1000 * s.lead_s for s in own if s.lead_s is not None]
        if leads:
            middle = min(median(leads), top)
            plot.area("ink", (column - 0.28, column + 0.28), (middle - 6, middle + 6))
    return plot


def trade_off(points: list[Point]) -> list[Plot]:
    """Falls, leads, walks and what leaves walking against the scale of all trip levels; of what the data set has."""
    drawn = (
        _scaled(points, "falls stopped before impact (%)", _PERCENT, _stopped_percent),
        _scaled(points, "median lead (ms)", (600.0, 900.0), _median_lead_ms),
        _scaled(points, "false stops an hour of walking", (6.0, 60.0), _false_stops_per_hour),
        _scaled(points, "leaves walking, stopped (%)", (6.0, 60.0), _others_percent),
    )
    return [plot for plot in drawn if plot is not None]


def _stopped_percent(point: Point) -> float | None:
    return point.falls.stopped_percent if point.falls else None


def _false_stops_per_hour(point: Point) -> float | None:
    return point.walks.false_stops_per_hour if point.walks else None


def _others_percent(point: Point) -> float | None:
    return 100 * point.others.trials_with_false_stop / point.others.trials if point.others else None


def _median_lead_ms(point: Point) -> float | None:
    return point.falls.lead_median_ms if point.falls else None


def _least_lead_cs(point: Point) -> float | None:
    return point.falls.lead_p5_ms / 10 if point.falls and point.falls.lead_p5_ms is not None else None


def _scaled(
    points: list[Point], label: str, top: tuple[float, float], value: Callable[[Point], float | None]
) -> Plot | None:
    """Nothing where there is no value. The axis is as high as the values, within `top`."""
    values = [v for p in points if (v := value(p)) is not None]
    if not values:
        return None
    span = 0.0, min(top[1], max(top[0], 1.05 * max(values)))
    scales = [p.scale for p in points]
    ticks = [t for t in nice_ticks(*span) if top != _PERCENT or t[0] <= 100]
    plot = Plot((min(scales), max(scales)), span, label, "all trip levels x", label, y_ticks=ticks)
    plot.upright(1.0, "now", "as shipped")
    names = list(dict.fromkeys(p.detector for p in points))
    for name in reversed(names):
        plot.line([(p.scale, value(p)) for p in points if p.detector == name], _colour(name, names))
    return plot


_SENSITIVITY: tuple[tuple[str, str, Callable[[Point], float | None]], ...] = (
    ("c1", "falls stopped before impact (%)", _stopped_percent),
    ("c2", "false stops an hour of walking", _false_stops_per_hour),
    ("c3", "leaves walking, stopped (%)", _others_percent),
    ("c4", "lead, 5th percentile (hundredths of a second)", _least_lead_cs),
)
SENSITIVITY_LEGEND: Legend = [(css, what) for css, what, _ in _SENSITIVITY]


def sensitivity(name: str, points: list[Point]) -> Plot:
    """One setting: falls and trials that leave walking stopped (per cent); false stops an hour; leads."""
    own = [p for p in points if p.detector == OURS]
    scales = [p.scale for p in own]
    plot = Plot((min(scales), max(scales)), (0, 105), name, f"{name} x", "%, stops/h, cs", 300, 210)
    plot.upright(1.0, "now")
    for css, _, value in reversed(_SENSITIVITY):  # falls last, on top
        plot.line([(p.scale, value(p)) for p in own], css)
    plot.dots([(p.scale, percent) for p in own if (percent := _stopped_percent(p)) is not None], "c1")
    return plot


def excerpt(item: Excerpt) -> list[Plot]:
    """Three small charts over one time axis: acceleration, downward velocity and limit, tilt."""
    span = (item.t_s[0], item.t_s[-1])
    tilts = [abs(v) for v in item.tilt_deg if v is not None]
    downs = [v for v in (*item.down_m_s, *item.limit_m_s) if v is not None]
    accel = Plot(span, (0, max(3.0, max(item.accel_g) * 1.05)), "acceleration", "", "|a| (g)", 380, 116)
    low, high = min(-0.6, *downs, 0), max(1.2, *downs, 0)
    down = Plot(span, (low * 1.05, high * 1.05), "downward velocity", "", "down (m/s)", 380, 136)
    tilt = Plot(span, (0, max(45.0, *tilts, 0) * 1.05), "tilt", "time in the trial (s)", "tilt (°)", 380, 142)
    accel.line(zip(item.t_s, item.accel_g, strict=True), "ink")
    down.line(zip(item.t_s, item.limit_m_s, strict=True), "limit")
    down.line(zip(item.t_s, item.down_m_s, strict=True), "ink")
    tilt.line(zip(item.t_s, item.tilt_deg, strict=True), "ink")
    for plot in (accel, down, tilt):
        for at_s, css, words in _moments(item):
            plot.upright(at_s, css, words if plot is accel else "")
    return [accel, down, tilt]


def _moments(item: Excerpt) -> Iterator[tuple[float, str, str]]:
    score = item.score
    if item.t_s[0] < 0.0:
        yield 0.0, "now", ""  # where the trial was put after the walk
    if score.impact_s is not None:
        yield score.impact_s, "impact", "impact"
    if score.stop_s is not None:
        yield score.stop_s, "stop", "stop"
    for at_s, rule in score.false_stops:
        yield at_s, "stop", cause_of(rule)


def cause_of(false_stop: str) -> str:
    """The cause of a false stop, without its rule."""
    return false_stop.split(":", 1)[0]
