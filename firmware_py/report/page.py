"""Owns the words and figures of an incident report and fills page.html with them: one HTML file that loads nothing.

Written for the person who was there and for a physiotherapist. Must never show what was not measured.
"""

import time
from collections.abc import Iterator
from math import degrees
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from firmware_py import __version__
from firmware_py.core.frame import Cause, Phase
from firmware_py.locale import current, mark
from firmware_py.locale import translate as _
from firmware_py.messages import WENT_SILENT, Message, headline, of_stop, rule_sentence
from firmware_py.plot import STYLE, Plot
from firmware_py.report import charts
from firmware_py.report.fall import explained
from firmware_py.report.gather import Report

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    undefined=StrictUndefined,
)
_KNOWLEDGE = {
    Phase.GUARDING: mark("gait learned, limits are this walker's own"),
    Phase.LEARNING: mark("still learning, limits at their ceilings"),
    Phase.WAITING: mark("nobody walks"),
}

Rows = list[tuple[str, str]]


def render(report: Report) -> str:
    """The whole page."""
    return _PAGES.get_template("page.html").render(
        report=report,
        _=_,
        language=current(),
        device=report.config.courier.device_id,
        version=__version__,
        chart_style=STYLE,
        message=message_of(report),
        sentence=sentence(report),
        reason=reason(report),
        tiles=list(_tiles(report)),
        deck=charts.deck(report),
        charts=_charts(report),
        fall=explained(report),
        course=_course(report),
        health=list(_health(report)),
        configuration=_configuration(report),
    )


def message_of(report: Report) -> Message:
    """What is shown of this stop, without the marks of a command."""
    try:
        message = of_stop(Cause(report.cause), report.stop.rule, report.simulated)
    except ValueError:  # no cause of the core: the device itself was gone
        message = WENT_SILENT
    return message._replace(why=message.why.replace("`", ""), do=message.do.replace("`", ""))


def sentence(report: Report) -> str:
    """What happened and when, in one or two sentences."""
    what = message_of(report).what
    if report.wall_s is None:
        return f"{_('The belt was switched off.')} {what}"
    # In the time zone of this computer, and it says which.
    when = _("At %H:%M:%S (%Z) on %d %B %Y the belt was switched off.")
    return f"{time.strftime(when, time.localtime(report.wall_s))} {what}"


def reason(report: Report) -> str:
    """The figure against its limit, and why."""
    stop, why = report.stop, message_of(report).why
    figure = "" if stop.run else rule_sentence(stop.rule, stop.value, stop.limit)
    return f"{figure} {why}".strip()


def _tiles(report: Report) -> Iterator[tuple[str, str]]:
    """(figure, what it is)."""
    stop, before = report.stop, report.before
    if stop.position_m is not None:
        room_m = report.config.rear_line_m - stop.position_m
        before_it = _("from the console at the cut, {room} m before the rear line")
        beyond_it = _("from the console at the cut, {room} m beyond the rear line")
        what = before_it if room_m >= 0 else beyond_it
        yield f"{stop.position_m:.2f} m", what.format(room=f"{abs(room_m):.2f}")
    if stop.velocity_m_s is not None:
        rearward = stop.velocity_m_s > 0
        what = _("speed toward the rear edge") if rearward else _("speed toward the console")
        yield f"{abs(stop.velocity_m_s):.2f} m/s", what
    measured = any(f.belt_speed_m_s is not None for f in report.frames)
    what = _("belt speed at the cut") if measured else _("highest belt speed allowed, not measured")
    yield f"{before.belt_speed_m_s:.2f} m/s", what
    warned_s = next((t for t, e in report.events if e.kind == "warning" and t <= -0.1), None)
    if warned_s is not None:
        yield f"{-warned_s:.1f} s", _("before the cut the buzzer warned")
    if report.rest_s is not None:
        stood = _("after the cut the belt stood still")
        yield (
            f"{report.rest_s:.1f} s",
            stood if report.rest_measured else _("after the cut the walker stood still"),
        )
    if report.health.contacts_open_ms is not None:
        yield f"{report.health.contacts_open_ms:.0f} ms", _("until both contacts reported open")
    if before.steps:
        yield f"{before.steps}", _("steps since the belt was armed")


def _charts(report: Report) -> list[tuple[str, str, Plot]]:
    """(title, unit, chart)."""
    return [
        (
            _("Position on the deck"),
            _("metres from the console; shaded: beyond the lines"),
            charts.position(report),
        ),
        (_("Speed along the deck"), _("m/s, up is toward the rear edge"), charts.velocity(report)),
        (
            _("Downward speed of the hip"),
            _("m/s, a moment ahead, with its limit; an impact may go off the scale"),
            charts.down_velocity(report),
        ),
        (_("Tilt of the trunk"), _("degrees from this walker's usual posture"), charts.tilt(report)),
    ]


def _course(report: Report) -> Rows:
    """(seconds from the cut, what happened), in order. A warning after the cut explains nothing."""
    rows = [
        (t_s, line)
        for t_s, event in report.events
        if (line := headline(event.kind, event.cause, event.rule))
        and (t_s <= 0 or not event.kind.startswith("warning"))
    ]
    if report.rest_s is not None:
        seen = _("At rest, by the belt sensor.")
        read_off = _("At rest, read off the walker: no belt sensor is fitted.")
        rows.append((report.rest_s, seen if report.rest_measured else read_off))
    if report.health.contacts_open_ms is not None:
        rows.append((report.health.contacts_open_ms / 1000, _("Both contacts report open.")))
    return [(f"{t_s:+.2f} s".replace("-", "\u2212"), line) for t_s, line in sorted(rows)]


def _health(report: Report) -> Iterator[tuple[str, str]]:
    health, before = report.health, report.before
    seconds = max(health.seconds, 0.001)
    range_faults = _faults(health.range_faults)
    yield _("Hip sensor"), _faults(health.imu_faults) or _("no fault")
    readings = _("{count} readings a second").format(count=round(health.readings / seconds))
    yield _("Distance sensor"), readings + (range_faults and ", " + range_faults)
    looks = _("{count} kept").format(count=health.frames)
    if health.expected:
        missing = max(0, health.expected - health.frames)
        all_looks = _("{count} in {seconds} s, {missing} missing")
        looks = all_looks.format(count=health.frames, seconds=f"{seconds:.1f}", missing=missing)
    yield _("Looks at the sensors"), looks
    yield _("Latest look"), _("{late} ms after its time").format(late=f"{health.latest_ms:.1f}")
    yield _("Contacts"), _("read back") if health.feedback else _("no read-back in this trace")
    yield _("Knowledge of the walker"), _(_KNOWLEDGE[before.phase])
    if before.cadence_hz:
        yield _("Steps a minute"), f"{before.cadence_hz * 60:.0f}"
    if report.stop.tilt_rad is not None:
        yield _("Tilt at the cut"), f"{degrees(report.stop.tilt_rad):.0f}\u00b0"


def _configuration(report: Report) -> Rows:
    config = report.config
    coast_down = _("{slowing} m/s\u00b2, starts {latency} ms after the cut").format(
        slowing=f"{config.belt.coast_down_m_s2:g}", latency=config.belt.stop_latency_ms
    )
    return [
        (_("Running surface"), f"{config.deck_length_m:.2f} m"),
        (_("Rear line"), f"{config.rear_line_m:.2f} m ({config.deck.rear_line_percent:g} %)"),
        (_("Front line"), f"{config.front_line_m:.2f} m"),
        (_("Highest belt speed allowed"), f"{config.belt.ceiling_km_h:g} km/h"),
        (_("Coast-down"), coast_down),
        (
            _("Commissioned"),
            _("yes") if config.belt.commissioned else _("no: the figures above are defaults"),
        ),
        (_("Hip sensor"), f"{config.imu.sensor}, {report.rate_hz:g} Hz"),
        (
            _("Distance sensor"),
            f"{config.range.sensor}, {_('at the console') if config.range.mount == 'front' else _('at the rear edge')}",
        ),
    ]


def _faults(faults: dict[str, int]) -> str:
    return ", ".join(
        f"{count} \u00d7 {name.replace('_', ' ')}" for name, count in faults.items() if name != "not_ready"
    )
