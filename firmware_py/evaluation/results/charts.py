"""Owns what each plot of the report shows. Must never compute a score or know the page."""

from collections.abc import Callable
from html import escape
from statistics import median

from firmware_py.evaluation.results.curves import Point
from firmware_py.evaluation.results.svg import Plot, nice_ticks
from firmware_py.evaluation.run.campaign import OURS, Excerpt
from firmware_py.evaluation.run.score import Score

_LONGEST_LEAD_MS = 1500.0
_PERCENT = (112.0, 112.0)  # room above 100 for the words
_COLOURS = ("d0", "d1", "d2", "d3", "d4")


def legend(names: list[str]) -> str:
    items = (f'<span><i style="background:var(--{_colour(n, names)})"></i>{escape(n)}</span>' for n in names)
    return f'<div class="legend">{"".join(items)}</div>'


def _colour(name: str, names: list[str]) -> str:
    return _COLOURS[names.index(name) % len(_COLOURS)]


def lead_survival(falls: list[Score]) -> str:
    """Share of falls stopped at least so many ms before the impact, a curve a detector."""
    plot = Plot(
        (0, _LONGEST_LEAD_MS),
        (0, 102),
        "time before impact (ms)",
        "falls stopped by then (%)",
        title="lead distribution",
    )
    names = list(dict.fromkeys(s.detector for s in falls))
    for name in reversed(names):  # ours last, on top
        own = [s for s in falls if s.detector == name]
        leads = sorted(1000 * s.lead_s for s in own if s.lead_s is not None)
        xs: list[float] = [0.0]
        ys: list[float | None] = [100 * len(leads) / len(own)]
        for count, lead in enumerate(leads):
            xs += [lead, lead]
            ys += [100 * (len(leads) - count) / len(own), 100 * (len(leads) - count - 1) / len(own)]
        plot.line(xs, ys, _colour(name, names))
    return plot.svg()


def lead_by_activity(falls: list[Score]) -> str:
    """Every fall as a dot in its activity's column."""
    activities = sorted({s.activity for s in falls})
    plot = Plot(
        (-0.6, len(activities) - 0.4),
        (-60, _LONGEST_LEAD_MS),
        "activity",
        "lead to impact (ms)",
        x_ticks=[(float(i), a) for i, a in enumerate(activities)],
        y_ticks=[(v, f"{v:g}") for v in (0, 300, 600, 900, 1200, 1500)],
        title="lead by activity",
    )
    top = 0.99 * _LONGEST_LEAD_MS
    for column, activity in enumerate(activities):
        own = [s for s in falls if s.activity == activity]
        spread = [(column + 0.5 * ((i * 0.618) % 1 - 0.5), s) for i, s in enumerate(own)]
        plot.dots([(x, min(1000 * s.lead_s, top)) for x, s in spread if s.lead_s is not None], "d0")
        plot.dots([(x, 0.0) for x, s in spread if s.lead_s is None], "bad", 3.5)
        leads = [1000 * s.lead_s for s in own if s.lead_s is not None]
        if leads:
            middle = min(median(leads), top)
            plot.bar(column, middle - 6, middle + 6, 0.56, "median")
    return plot.svg()


def trade_off(points: list[Point]) -> list[str]:
    """Falls, leads, walks and other activities against the scale of all trip levels; of what the data set has."""
    drawn = (
        _scaled(points, "falls stopped before impact (%)", _PERCENT, _stopped_percent),
        _scaled(points, "median lead (ms)", (600.0, 900.0), _median_lead_ms),
        _scaled(points, "false stops an hour of walking", (6.0, 60.0), _false_stops_per_hour),
        _scaled(points, "other activities stopped (%)", (6.0, 60.0), _others_percent),
    )
    return [plot for plot in drawn if plot]


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
) -> str:
    """Nothing where there is no value. The axis is as high as the values, within `top`."""
    values = [v for p in points if (v := value(p)) is not None]
    if not values:
        return ""
    span = 0.0, min(top[1], max(top[0], 1.05 * max(values)))
    scales = [p.scale for p in points]
    ticks = [t for t in nice_ticks(*span) if top != _PERCENT or t[0] <= 100]
    plot = Plot((min(scales), max(scales)), span, "all trip levels x", label, y_ticks=ticks, title=label)
    plot.upright(1.0, "now", "as shipped")
    names = list(dict.fromkeys(p.detector for p in points))
    for name in reversed(names):
        own = [p for p in points if p.detector == name]
        plot.line([p.scale for p in own], [value(p) for p in own], _colour(name, names))
    return plot.svg()


def sensitivity(name: str, points: list[Point]) -> str:
    """One setting: falls and other activities stopped (per cent); on the same scale false stops an hour, and leads."""
    own = [p for p in points if p.detector == OURS]
    xs = [p.scale for p in own]
    plot = Plot((min(xs), max(xs)), (0, 105), f"{name} x", "%, stops/h, cs", 300, 210, title=name)
    plot.upright(1.0, "now")
    plot.line(xs, [_least_lead_cs(p) for p in own], "d3")
    plot.line(xs, [_others_percent(p) for p in own], "d2")
    plot.line(xs, [_false_stops_per_hour(p) for p in own], "d1")
    plot.line(xs, [_stopped_percent(p) for p in own], "d0")
    plot.dots([(p.scale, percent) for p in own if (percent := _stopped_percent(p)) is not None], "d0")
    return plot.svg()


def sensitivity_legend() -> str:
    return legend(
        [
            "falls stopped before impact (%)",
            "false stops an hour of walking",
            "other activities stopped (%)",
            "lead, 5th percentile (hundredths of a second)",
        ]
    )


def excerpt(item: Excerpt) -> str:
    """Three small plots over one time axis: acceleration, downward velocity and limit, tilt."""
    span = (item.t_s[0], item.t_s[-1])
    tilts = [abs(v) for v in item.tilt_deg if v is not None]
    downs = [v for v in (*item.down_m_s, *item.limit_m_s) if v is not None]
    plots = [
        Plot(span, (0, max(3.0, max(item.accel_g) * 1.05)), "", "|a| (g)", 380, 130),
        Plot(span, (min(-0.6, *downs, 0), max(1.2, *downs, 0) * 1.05), "", "down (m/s)", 380, 150),
        Plot(span, (0, max(45.0, *tilts, 0) * 1.05), "time in the trial (s)", "tilt (°)", 380, 140),
    ]
    plots[0].line(item.t_s, list(item.accel_g), "thin")
    plots[1].line(item.t_s, item.limit_m_s, "limit")
    plots[1].line(item.t_s, item.down_m_s, "thin")
    plots[2].line(item.t_s, item.tilt_deg, "thin")
    score = item.score
    for number, plot in enumerate(plots):
        if span[0] < 0.0:
            plot.upright(0.0, "now", "")  # where the trial was put after the walk
        if score.impact_s is not None:
            plot.upright(score.impact_s, "impact", "impact" if number == 0 else "")
        if score.stop_s is not None:
            plot.upright(score.stop_s, "stop", "stop" if number == 0 else "")
        for at_s, rule in score.false_stops:
            plot.upright(at_s, "stop", rule.partition(":")[0] if number == 0 else "")
    return "".join(plot.svg() for plot in plots)
