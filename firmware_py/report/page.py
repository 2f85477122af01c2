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
    Phase.GUARDING: "gait learned, limits are this walker\u2019s own",
    Phase.LEARNING: "still learning, limits at their ceilings",
    Phase.WAITING: "nobody walks",
}

Rows = list[tuple[str, str]]


def render(report: Report) -> str:
    """The whole page."""
    return _PAGES.get_template("page.html").render(
        report=report,
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
        message = of_stop(Cause(report.cause), report.stop.rule)
    except ValueError:  # no cause of the core: the device itself was gone
        message = WENT_SILENT
    return message._replace(why=message.why.replace("`", ""), do=message.do.replace("`", ""))


def sentence(report: Report) -> str:
    """What happened and when, in one or two sentences."""
    what = message_of(report).what
    if report.wall_s is None:
        return f"The belt was switched off. {what}"
    when = time.strftime("At %H:%M:%S UTC on %d %B %Y", time.gmtime(report.wall_s))
    return f"{when} the belt was switched off. {what}"


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
        side = f"{abs(room_m):.2f} m {'before' if room_m >= 0 else 'beyond'} the rear line"
        yield f"{stop.position_m:.2f} m", f"from the console at the cut, {side}"
    if stop.velocity_m_s is not None:
        way = "toward the rear edge" if stop.velocity_m_s > 0 else "toward the console"
        yield f"{abs(stop.velocity_m_s):.2f} m/s", f"speed along the deck, {way}"
    measured = any(f.belt_speed_m_s is not None for f in report.frames)
    what = "belt speed at the cut" if measured else "belt ceiling, not measured"
    yield f"{before.belt_speed_m_s:.2f} m/s", what
    warned_s = next((t for t, e in report.events if e.kind == "warning" and t <= -0.1), None)
    if warned_s is not None:
        yield f"{-warned_s:.1f} s", "before the cut the buzzer warned"
    if report.rest_s is not None:
        yield (
            f"{report.rest_s:.1f} s",
            f"after the cut the {'belt' if report.rest_measured else 'walker'} stood still",
        )
    if report.health.contacts_open_ms is not None:
        yield f"{report.health.contacts_open_ms:.0f} ms", "until both contacts reported open"
    if before.steps:
        yield f"{before.steps}", "steps since the belt was armed"


def _charts(report: Report) -> list[tuple[str, str, Plot]]:
    """(title, unit, chart)."""
    return [
        (
            "Position on the deck",
            "metres from the console; shaded: beyond the lines",
            charts.position(report),
        ),
        ("Speed along the deck", "m/s, up is toward the rear edge", charts.velocity(report)),
        (
            "Downward speed of the hip",
            "m/s, 0.05 s ahead, with its limit; an impact may go off the scale",
            charts.down_velocity(report),
        ),
        ("Tilt of the trunk", "degrees from this walker\u2019s usual posture", charts.tilt(report)),
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
        how = (
            "by the belt sensor" if report.rest_measured else "read off the walker, no belt sensor is fitted"
        )
        rows.append((report.rest_s, f"At rest ({how})."))
    if report.health.contacts_open_ms is not None:
        rows.append((report.health.contacts_open_ms / 1000, "Both contacts report open."))
    return [(f"{t_s:+.2f} s".replace("-", "\u2212"), line) for t_s, line in sorted(rows)]


def _health(report: Report) -> Iterator[tuple[str, str]]:
    health, before = report.health, report.before
    seconds = max(health.seconds, 0.001)
    range_faults = _faults(health.range_faults)
    yield "Hip sensor", _faults(health.imu_faults) or "no fault"
    yield (
        "Distance sensor",
        f"{health.readings / seconds:.0f} readings a second{range_faults and ', ' + range_faults}",
    )
    looks = f"{health.frames} kept"
    if health.expected:
        missing = max(0, health.expected - health.frames)
        looks = f"{health.frames} in {seconds:.1f} s, {missing} missing"
    yield "Looks at the sensors", looks
    yield "Latest look", f"{health.latest_ms:.1f} ms after its time"
    yield "Contacts", "read back" if health.feedback else "no read-back in this trace"
    yield "Knowledge of the walker", _KNOWLEDGE[before.phase]
    if before.cadence_hz:
        yield "Cadence", f"{before.cadence_hz * 60:.0f} steps a minute"
    if report.stop.tilt_rad is not None:
        yield "Tilt at the cut", f"{degrees(report.stop.tilt_rad):.0f}\u00b0"


def _configuration(report: Report) -> Rows:
    config = report.config
    coast_down = (
        f"{config.belt.coast_down_m_s2:g} m/s\u00b2, starts {config.belt.stop_latency_ms} ms after the cut"
    )
    return [
        ("Running surface", f"{config.deck_length_m:.2f} m"),
        ("Rear line", f"{config.rear_line_m:.2f} m ({config.deck.rear_line_percent:g} %)"),
        ("Front line", f"{config.front_line_m:.2f} m"),
        ("Belt ceiling", f"{config.belt.ceiling_km_h:g} km/h"),
        ("Coast-down", coast_down),
        ("Commissioned", "yes" if config.belt.commissioned else "no: the figures above are defaults"),
        ("Hip sensor", f"{config.imu.sensor}, {report.rate_hz:g} Hz"),
        ("Distance sensor", f"{config.range.sensor}, at the {config.range.mount}"),
    ]


def _faults(faults: dict[str, int]) -> str:
    return ", ".join(
        f"{count} \u00d7 {name.replace('_', ' ')}" for name, count in faults.items() if name != "not_ready"
    )
