"""Owns what an incident report says: the trace replayed, the 15 s around the stop, and whether replay agrees.

Must never smooth anything over: where replay and recording differ, it says so and takes the recorded figures.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.core.body.fall import Limit
from firmware_py.core.events import Event, EventFinder
from firmware_py.core.frame import Cause, Decision, Frame, Phase
from firmware_py.core.monitor import Monitor
from firmware_py.traces import schemas as topic
from firmware_py.traces.mcap_reader import read_topic
from firmware_py.traces.replay import DIFFERS, Summary, open_trace, prepare, replay_trace, summarize
from firmware_py.traces.trace import Trace, TraceError
from sensors.samples import Fault, RangeSample

BEFORE_S, AFTER_S = 10.0, 5.0
AT_REST_M_S, AT_REST_S = 0.05, 0.3  # without a belt sensor: the walker has stopped moving along the deck
BELT_STANDS_M_S = 0.02


@dataclass(slots=True)
class Health:
    """What the sensors and the device did in the seconds before the stop."""

    seconds: float = 0.0
    frames: int = 0
    expected: int = 0  # 0: not every frame is looked at
    imu_faults: dict[str, int] = field(default_factory=dict)
    range_faults: dict[str, int] = field(default_factory=dict)
    readings: int = 0
    latest_ms: float = 0.0  # how late the latest tick was
    # From the cut to the read-back that says "stopped"; None: no read-back.
    contacts_open_ms: float | None = None
    feedback: bool = False


@dataclass(slots=True)
class Report:
    """Everything on the page. Times `*_s` count from the stop."""

    path: Path
    wall_s: float | None
    cause: str
    stop: Decision  # the decision that cut the belt
    before: Decision  # the one before it
    config: Config
    config_hash: str
    version: str
    rate_hz: float
    simulated: bool
    decisions: list[Decision]
    frames: list[Frame]
    events: list[tuple[float, Event]]
    health: Health
    verdict: str
    sha256: str
    notes: list[str]
    agrees: bool | None  # replay and recording; None: no decisions were recorded
    rest_s: float | None = None  # when the belt came to rest
    rest_measured: bool = False  # by a belt sensor; else read off the walker
    fall_limit: Limit | None = None  # of a stop by the fall rule, when replay gives the same limit again


def gather(path: Path, config: Config | None = None) -> Report:
    """Replay `path` and collect the report on its stop. Raises TraceError when there is none to report on."""
    facts = _facts(path)
    trace = open_trace(path)
    used, monitor = prepare(trace, config)
    limits: dict[int, Limit | None] = {}
    summary = summarize(trace, _noting(replay_trace(trace, used, monitor), monitor, limits))
    agrees = _agrees(trace, summary)
    t0_ns = int(facts.get("t_ns") or _last_stop_ns(path, summary, agrees))
    steps = _as_recorded(path) if agrees is False else _again(path, config)
    window = [(f, d) for f, d in steps if -BEFORE_S <= (d.t_ns - t0_ns) / 1e9 <= AFTER_S]
    if not window:
        raise TraceError(
            f"{path}: nothing is left of the seconds around the stop. Usually a file that was cut short."
        )
    at = next((n for n, (_, d) in enumerate(window) if d.t_ns >= t0_ns), len(window) - 1)
    frames, decisions = [f for f, _ in window], [d for _, d in window]
    stop = decisions[at]
    report = Report(
        path=path,
        wall_s=(t0_ns + trace.wall_offset_ns) / 1e9 if trace.wall_offset_ns else None,
        cause=facts.get("cause") or (stop.cause.value if stop.cause else ""),
        stop=stop,
        before=decisions[max(0, at - 1)],
        config=used,
        config_hash=trace.config_hash or used.hash,
        version=trace.version,
        rate_hz=trace.rate_hz,
        simulated=trace.simulated,
        decisions=decisions,
        frames=frames,
        events=_events(decisions, t0_ns),
        health=_health(frames, t0_ns, trace, sampled=agrees is False),
        agrees=agrees,
        verdict=_verdict(trace, summary, agrees),
        sha256=summary.decisions_sha256,
        notes=summary.notes,
    )
    report.rest_s, report.rest_measured = _at_rest(frames, decisions, t0_ns)
    if stop.cause is Cause.FALL:
        report.fall_limit = fall_limit(limits.get(stop.t_ns), used, stop)
    return report


def _facts(path: Path) -> dict[str, Any]:
    """What the recorder wrote beside the incident; nothing when there is nothing, or it is damaged."""
    try:
        facts = json.loads(path.with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and isinstance(facts.get("t_ns"), int) else {}


def _agrees(trace: Trace, summary: Summary) -> bool | None:
    """Did replay decide as was recorded? None: there is no record of decisions."""
    if any(note.startswith(DIFFERS) for note in summary.notes):
        return False
    return True if trace.checkpoints else None


def _last_stop_ns(path: Path, summary: Summary, agrees: bool | None) -> int:
    if agrees is False:
        stops = [d.t_ns for d in _stops(d for _, d in _as_recorded(path))]
        if stops:
            return stops[-1]
    elif summary.stops:
        return round(float(summary.stops[-1]["t_s"]) * 1e9)
    raise TraceError(
        f"{path}: no stop in this trace, so there is nothing to report. `rearguard replay` says what is."
    )


def _stops(decisions: Iterable[Decision]) -> Iterator[Decision]:
    run = False
    for decision in decisions:
        if run and not decision.run:
            yield decision
        run = decision.run


def _noting(
    steps: Iterable[tuple[Frame, Decision]], monitor: Monitor, limits: dict[int, Limit | None]
) -> Iterator[tuple[Frame, Decision]]:
    """The same steps; what the core's limit was made of at each stop is kept in `limits`, by its time."""
    run = False
    for frame, decision in steps:
        if run and not decision.run:
            limits[decision.t_ns] = monitor.fall_limit()
        run = decision.run
        yield frame, decision


def fall_limit(made: Limit | None, config: Config, stop: Decision) -> Limit | None:
    """What the limit of this stop was made of in replay; None when that does not come to the limit of the stop."""
    balance = config.monitor_params().balance
    more_m_s = balance.recovery_m_s if balance.stumbles == "warn" else 0.0
    return made if made is not None and made.m_s + more_m_s == stop.limit else None


def _again(path: Path, config: Config | None) -> Iterator[tuple[Frame, Decision]]:
    trace = open_trace(path)
    return replay_trace(trace, *prepare(trace, config))


def _as_recorded(path: Path) -> Iterator[tuple[Frame, Decision]]:
    """The recorded decisions (20 a second and at each change) with their frames."""
    told = {message["t_ns"]: message for message in read_topic(path, topic.DECISION)}
    for frame in open_trace(path).frames:
        if frame.t_ns in told:
            yield frame, decision_of(told[frame.t_ns])


def decision_of(message: dict[str, Any]) -> Decision:
    """A decision out of its recorded message."""
    known = {name: message[name] for name in Decision._fields}
    for name in ("cause", "warning", "refusal", "refused"):
        known[name] = Cause(known[name]) if known[name] else None
    known["phase"] = Phase(known["phase"])
    for name in ("value", "limit"):
        known[name] = nan if known[name] is None else known[name]
    return Decision(**known)


def _events(decisions: list[Decision], t0_ns: int) -> list[tuple[float, Event]]:
    finder = EventFinder()
    finder.update(decisions[0])
    return [((d.t_ns - t0_ns) / 1e9, event) for d in decisions[1:] for event in finder.update(d)]


def _health(frames: list[Frame], t0_ns: int, trace: Trace, sampled: bool) -> Health:
    before = [f for f in frames if f.t_ns < t0_ns]
    health = Health(frames=len(before))
    if not before:
        return health
    health.seconds = (t0_ns - before[0].t_ns) / 1e9
    health.expected = 0 if sampled else round(health.seconds * trace.rate_hz)
    for frame in before:
        if isinstance(frame.imu, Fault):
            health.imu_faults[frame.imu.value] = health.imu_faults.get(frame.imu.value, 0) + 1
        if isinstance(frame.belt, RangeSample):
            health.readings += 1
        elif frame.belt is not None:
            health.range_faults[frame.belt.value] = health.range_faults.get(frame.belt.value, 0) + 1
        health.latest_ms = max(health.latest_ms, frame.late_ns / 1e6)
    if not trace.feedback_recorded:
        return health
    health.feedback = before[-1].feedback is not None
    opened = next((f.t_ns for f in frames if f.t_ns >= t0_ns and f.feedback is False), None)
    health.contacts_open_ms = None if opened is None else (opened - t0_ns) / 1e6
    return health


def _at_rest(frames: list[Frame], decisions: list[Decision], t0_ns: int) -> tuple[float | None, bool]:
    """When the belt came to rest after the cut, and whether a belt sensor saw it."""
    speeds = [(f.t_ns, f.belt_speed_m_s) for f in frames if f.t_ns >= t0_ns and f.belt_speed_m_s is not None]
    if speeds:
        stands = next((t_ns for t_ns, speed in speeds if speed < BELT_STANDS_M_S), None)
        return (None if stands is None else (stands - t0_ns) / 1e9), True
    since_ns: int | None = None
    for d in decisions:
        if d.t_ns < t0_ns + round(0.1e9) or d.velocity_m_s is None or abs(d.velocity_m_s) >= AT_REST_M_S:
            since_ns = None
            continue
        since_ns = since_ns or d.t_ns
        if d.t_ns - since_ns >= AT_REST_S * 1e9:
            return (since_ns - t0_ns) / 1e9, False
    return None, False


def _verdict(trace: Trace, summary: Summary, agrees: bool | None) -> str:
    if agrees is None:
        return (
            "This trace holds sensor data only, no recorded decisions to compare with. What you read here is what "
            f"version {__version__} of the guard's core decides on it, with the configuration below. What follows the "
            "cut was recorded without it."
        )
    if agrees:
        return (
            f"Replayed with version {__version__} and the recorded configuration while this page was made, the trace "
            f"gave the same decision at the same tick: all {summary.frames} decisions are the recorded ones, bit for "
            "bit."
        )
    why = "ticks were lost on the way to the recorder"
    if trace.version != __version__:
        why = f"it was recorded with version {trace.version or 'unknown'} and replayed with {__version__}"
    elif trace.state is None:
        why = "it begins while the belt ran, and the recorder had not heard the guard's state"
    return (
        f"Replayed, this trace does NOT give the recorded decisions again; most likely {why}. The figures on this page "
        "are those recorded at the time, 20 a second."
    )
