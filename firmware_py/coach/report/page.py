"""Owns the one page for the physiotherapist: HTML that loads nothing and prints on A4.

Must never claim what a sensor at the hip cannot see.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from firmware_py import __version__
from firmware_py.coach import words
from firmware_py.coach.report.account import Account, Series
from firmware_py.core.frame import Cause
from firmware_py.locale import current, mark
from firmware_py.locale import translate as _
from firmware_py.messages import of_stop
from firmware_py.plot import STYLE, Plot

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    undefined=StrictUndefined,
)
BLIND = (
    mark("Knees, feet, toes, back and head: the only sensor on the body sits at the hip."),
    mark("Whether toes or heels land first."),
    mark("The deck's incline: a person enters it. Pulse and breath: ask."),
    mark("Whether the rails were held, pain and effort: these are the walker's own words."),
    mark("Tiredness itself: \u201cenough\u201d is a hint against the same walker's first minutes."),
    mark("Nobody has tested that hint on tired people who walk backward."),
)
WIDE = (330.0, 148.0)
SMALL = (236.0, 158.0)


def render(account: Account) -> str:
    """The whole page. `account.past` must not be empty."""
    return _PAGES.get_template("page.html").render(
        account=account,
        version=__version__,
        style=STYLE,
        _=_,
        language=current(),
        by=words.by(account.plan),
        span=_("{first} to {last}").format(
            first=_day(account.past[0].started_s), last=_day(account.past[-1].started_s)
        ),
        made=f"{account.made.astimezone():%Y-%m-%d}",
        tiles=list(_tiles(account)),
        dose=[_chart(s, account, WIDE) for s in account.dose()],
        quality=[_chart(s, account, SMALL) for s in account.quality()],
        answers=[_chart(s, account, SMALL) for s in account.answers()],
        speed=f"{account.usual_speed_km_h:.1f} km/h",
        not_done=", ".join(f"{_why(cause)}: {n}" for cause, n in account.not_done.most_common()) or _("none"),
        goal=words.dose(account.plan.goal),
        next=words.dose(account.next.dose),
        reason=account.next.reason,
        spotter=_(words.COMPANY) if account.next.spotter else "",
        blind=[_(line) for line in BLIND],
    )


def _tiles(account: Account) -> Iterator[tuple[str, str]]:
    warnings, stops = account.per_10_min
    margin = account.least_margin_m
    yield f"{len(account.past)} / {account.planned}", _("sessions / planned")
    yield f"{account.minutes:.0f} min", _("backward")
    yield f"{sum(s.ended == 'done' for s in account.sets)} / {len(account.sets)}", _("sets walked to the end")
    yield f"{warnings:.1f}", _("warnings in 10 min")
    yield f"{stops:.1f}", _("stops in 10 min")
    yield f"{sum(r.stops_by_fall for r in account.past)}", _("stops for lost balance")
    yield "-" if margin is None else f"{100 * margin:.0f} cm", _("least room left to a line")
    yield f"{sum(s.enough_s is not None for s in account.sets)}", _("\u201cenough\u201d said")
    plan = account.plan
    if plan.backward_3_m_s is not None:
        yield f"{plan.backward_3_m_s:.1f} s", _("3 m backward walk test")
    if plan.forward_speed_km_h is not None:
        yield f"{plan.forward_speed_km_h:.1f} km/h", _("usual forward speed")


def _chart(series: Series, account: Account, size: tuple[float, float]) -> tuple[str, str, Plot | None]:
    """Name, unit and chart; None: nothing was measured."""
    if not series.points:
        return series.name, series.unit, None
    last = max(2, len(account.past))
    values = [v for _, v in series.points] + [v for v in (series.low, series.high) if v is not None]
    low, high = min(values), max(values)
    room = 0.15 * (high - low) or 0.1 * abs(high) or 1.0
    floor = min(0.0, low) if series.low is None else low - room  # without a band the zero is shown
    plot = Plot(
        (0.5, last + 0.5),
        (floor, high + room),
        _("{figure}, by session").format(figure=f"{series.name}, {series.unit}"),
        width=size[0],
        height=size[1],
    )
    if series.low is not None and series.high is not None:
        plot.area("off", y=(series.low, series.high))
    plot.line(series.points, "c1")
    plot.dots(series.points, "c1", 3.0)
    return series.name, series.unit, plot


def _why(cause: str) -> str:
    """Why a set was not walked to the end, in words."""
    if cause == "guard_lost":
        return _("the device was switched off")
    try:
        return of_stop(Cause(cause), "").title
    except ValueError:
        return {"stopped early": _("stopped early"), "cut short": _("cut short")}.get(
            cause, cause or _("not ended")
        )


def _day(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC).astimezone():%Y-%m-%d}"
