"""Owns the page of an incident report: one HTML file that loads nothing. Must never show what was not measured.

Written for the person who was there and for a physiotherapist, not for the maker; the maker's figures come last.
"""

import time
from collections.abc import Iterable
from html import escape
from math import degrees, isnan
from pathlib import Path

from firmware_py import __version__
from firmware_py.core.events import Event
from firmware_py.core.frame import Cause, Phase
from firmware_py.messages import RULES, STOPS, Words, figures, of_stop, of_warning
from firmware_py.report import charts
from firmware_py.report.fall import section as fall_section
from firmware_py.report.gather import Report

STYLE = Path(__file__).with_name("report.css")

GUARD_SILENT = Words(
    "The guard went silent",
    "The guard stopped sending while the belt was running.",
    "Its process ended, or the computer lost power. Without its pulses the relay drops within 60 ms.",
    "Look at the log of the guard (`journalctl -u rearguard`) before the next start.",
)

SIMULATED = (
    '<p class="simulated"><b>From the simulated rig.</b> The walker, the belt and the sensors of this incident are a '
    "program; nobody was on a treadmill. Guard, recording and report are the real ones.</p>\n"
)
_BUTTONS = ("stop_button", "remote_stop")


def render(report: Report) -> str:
    """The whole page."""
    words = words_of(report)
    title = f"{words.title} \u2013 Rearguard incident"
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style></head><body>\n"
        f"{_head(report, words)}{_tiles(report)}{_verdict(report)}{_charts(report)}{fall_section(report)}"
        f"{_course(report)}{_tables(report)}{_foot(report)}</body></html>\n"
    )


def words_of(report: Report) -> Words:
    try:
        return of_stop(Cause(report.cause), report.stop.rule)
    except ValueError:
        return GUARD_SILENT


def sentence(report: Report) -> str:
    """What happened, in one sentence."""
    words = words_of(report)
    if words is GUARD_SILENT:
        return "The guard stopped sending while the belt was running; without its pulses the relay drops by itself."
    when = (
        ""
        if report.wall_s is None
        else time.strftime("At %H:%M:%S UTC on %d %B %Y ", time.gmtime(report.wall_s))
    )
    what = words.what[0].lower() + words.what[1:].rstrip(".")
    told = f"{when}the guard switched the belt off because {what}."
    return told[0].upper() + told[1:]


def _head(report: Report, words: Words) -> str:
    do = words.do.replace("`", "")
    return (
        f"<header><p>Rearguard incident report</p><h1>{escape(words.title)}</h1></header>\n"
        f"{SIMULATED if report.simulated else ''}"
        f'<p class="lead">{escape(sentence(report))}</p>\n<p class="lead">{escape(reason(report))}</p>\n'
        f'<p class="do"><b>What to do.</b> {escape(do)}</p>\n'
    )


def reason(report: Report) -> str:
    """The rule with its figure against its limit."""
    stop, words = report.stop, words_of(report)
    if words is GUARD_SILENT or not stop.rule or stop.rule in _BUTTONS or isnan(stop.value):
        return words.why.replace("`", "")
    what = RULES.get(stop.rule, "the figure of this rule")
    value, limit = figures(stop.rule, stop.value, stop.limit)
    return (
        f"{what[0].upper()}{what[1:]} reached {value}; the limit was {limit} (rule \u201c{stop.rule}\u201d). "
        f"{words.why.replace('`', '')}"
    )


def _tiles(report: Report) -> str:
    stop, before = report.stop, report.before
    tiles: list[tuple[str, str]] = []
    if stop.position_m is not None:
        room_m = report.config.rear_line_m - stop.position_m
        side = f"{abs(room_m):.2f} m {'before' if room_m >= 0 else 'beyond'} the rear line"
        tiles.append((f"{stop.position_m:.2f} m", f"from the console at the cut, {side}"))
    if stop.velocity_m_s is not None:
        way = "toward the rear" if stop.velocity_m_s > 0 else "toward the console"
        tiles.append((f"{abs(stop.velocity_m_s):.2f} m/s", f"speed along the deck, {way}"))
    measured = any(f.belt_speed_m_s is not None for f in report.frames)
    tiles.append(
        (
            f"{before.belt_speed_m_s:.2f} m/s",
            "belt speed at the cut" if measured else "belt ceiling, not measured",
        )
    )
    warned_s = next((t for t, e in report.events if e.kind == "warning" and t <= -0.1), None)
    if warned_s is not None:
        tiles.append((f"{-warned_s:.1f} s", "before the cut the buzzer warned"))
    if report.rest_s is not None:
        how = (
            "after the cut the belt stood still"
            if report.rest_measured
            else "after the cut the walker stood still"
        )
        tiles.append((f"{report.rest_s:.1f} s", how))
    if report.health.contacts_open_ms is not None:
        tiles.append((f"{report.health.contacts_open_ms:.0f} ms", "until both contacts reported open"))
    if before.steps:
        tiles.append((f"{before.steps}", "steps since the belt was armed"))
    cells = "".join(f'<div class="tile"><b>{escape(b)}</b><span>{escape(s)}</span></div>' for b, s in tiles)
    return f'<div class="wide">{charts.deck(report)}</div>\n<div class="tiles">{cells}</div>\n'


def _verdict(report: Report) -> str:
    kind, title = {
        True: ("good", "Checked by replay: the same decision again"),
        False: ("bad", "Replay does not agree"),
        None: ("", "Decided by replay"),
    }[report.agrees]
    notes = "".join(f"<br>{escape(note[0].upper() + note[1:])}." for note in report.notes)
    return f'<p class="verdict {kind}"><b>{title}</b>{escape(report.verdict)}{notes}</p>\n'


def _charts(report: Report) -> str:
    pictures = [
        (
            "Position on the deck",
            "metres from the console; shaded: beyond the lines",
            charts.position(report),
        ),
        ("Speed along the deck", "m/s, up is toward the rear", charts.velocity(report)),
        (
            "Downward speed of the hip",
            "m/s, 0.05 s ahead, with its limit; an impact may go off the scale",
            charts.down_velocity(report),
        ),
        ("Tilt of the trunk", "degrees from this walker\u2019s usual posture", charts.tilt(report)),
    ]
    shown = "".join(
        f'<div class="chart"><h3>{t} <span>{escape(u)}</span></h3><div class="wide">{p}</div></div>\n'
        for t, u, p in pictures
    )
    key = (
        '<p class="key"><span><i class="line cut"></i>belt cut</span>'
        '<span><i class="line rest"></i>at rest</span><span><i class="warned"></i>warning sounds</span>'
        '<span><i class="off"></i>belt off</span>'
        '<span><i class="line forecast"></i>where the walker would rest if cut then</span></p>'
    )
    return f"<h2>Ten seconds before, five seconds after</h2>\n{key}\n{shown}"


def _course(report: Report) -> str:
    rows = [
        (t_s, text)
        for t_s, event in report.events
        if (text := _told(event)) and (t_s <= 0 or not event.kind.startswith("warning"))
    ]
    if report.rest_s is not None:
        how = (
            "by the belt sensor" if report.rest_measured else "read off the walker, no belt sensor is fitted"
        )
        rows.append((report.rest_s, f"At rest ({how})."))
    if report.health.contacts_open_ms is not None:
        rows.append((report.health.contacts_open_ms / 1000, "Both contacts report open."))
    body = "".join(
        f'<tr><td class="when">{_seconds(t_s)}</td><td>{escape(text)}</td></tr>' for t_s, text in sorted(rows)
    )
    return f"<h2>What happened when</h2>\n<table>{body}</table>\n"


def _told(event: Event) -> str:
    if event.kind in ("stopped", "stopped_by_fault") and event.cause:
        return f"Belt cut: {of_stop(event.cause, event.rule).title.lower()}."
    if event.kind == "warning" and event.cause:
        return f"The buzzer warns: {of_warning(event.cause).title.lower()}."
    if event.kind == "reset_refused" and event.cause:
        return f"A press of the arming button is refused: {STOPS[event.cause].title.lower()}."
    return {"warning_cleared": "The warning ends.", "armed": "Armed at the button: the belt may run.",
            "walking": "Walking is recognised."}.get(event.kind, "")  # fmt: skip


def _tables(report: Report) -> str:
    health, before, config = report.health, report.before, report.config
    seconds = max(health.seconds, 0.001)
    missing = max(0, health.expected - health.frames)
    looks = f"{health.frames} kept"
    if health.expected:
        looks = f"{health.frames} in {seconds:.1f} s, {missing} missing"
    knowledge = {
        Phase.GUARDING: "gait learned, limits are this walker\u2019s own",
        Phase.LEARNING: "still learning, limits at their ceilings",
        Phase.WAITING: "nobody walks",
    }
    range_faults = _faults(health.range_faults)
    sensors = [
        ("Hip sensor", _faults(health.imu_faults) or "no fault"),
        (
            "Distance sensor",
            f"{health.readings / seconds:.0f} readings a second{range_faults and ', ' + range_faults}",
        ),
        ("Looks at the sensors", looks),
        ("Latest look", f"{health.latest_ms:.1f} ms after its time"),
        ("Contacts", "read back" if health.feedback else "no read-back in this trace"),
        ("Knowledge of the walker", knowledge[before.phase]),
    ]
    if before.cadence_hz:
        sensors.append(("Cadence", f"{before.cadence_hz * 60:.0f} steps a minute"))
    if report.stop.tilt_rad is not None:
        sensors.append(("Tilt at the cut", f"{degrees(report.stop.tilt_rad):.0f}\u00b0"))
    deck = [
        ("Running surface", f"{config.deck_length_m:.2f} m"),
        ("Rear line", f"{config.rear_line_m:.2f} m ({config.deck.rear_line_percent:g} %)"),
        ("Front line", f"{config.deck.front_line_mm / 1000:.2f} m"),
        ("Belt ceiling", f"{config.belt.ceiling_km_h:g} km/h"),
        (
            "Coast-down",
            f"{config.belt.coast_down_m_s2:g} m/s\u00b2, starts {config.belt.stop_latency_ms} ms after the cut",
        ),
        ("Commissioned", "yes" if config.belt.commissioned else "no: the figures above are defaults"),
        ("Hip sensor", f"{config.imu.sensor}, {report.rate_hz:g} Hz"),
        ("Distance sensor", f"{config.range.sensor}, at the {config.range.mount}"),
    ]
    return (
        '<div class="columns"><div><h2>Health before the cut</h2>\n'
        f"{_table(sensors)}</div><div><h2>Configuration</h2>\n{_table(deck)}</div></div>\n"
    )


def _foot(report: Report) -> str:
    lines = [
        f"Trace <code>{escape(report.path.name)}</code>, recorded by version {escape(report.version or 'not said')}, "
        f"configuration <code>{escape(report.config_hash)}</code>, report by version {__version__}.",
        f"Decisions SHA-256 <code>{report.sha256}</code>. Replay it yourself: <code>rearguard replay "
        f"{escape(report.path.name)}</code>.",
        "Rearguard supplements the treadmill\u2019s own safety key and cord and never replaces them. It is not a "
        "certified medical device.",
    ]
    return f"<footer>{'<br>'.join(lines)}</footer>\n"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return f"<table>{''.join(f'<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b in rows)}</table>"


def _faults(faults: dict[str, int]) -> str:
    return ", ".join(
        f"{count} \u00d7 {name.replace('_', ' ')}" for name, count in faults.items() if name != "not_ready"
    )


def _seconds(t_s: float) -> str:
    return f"{t_s:+.2f} s".replace("-", "\u2212")
