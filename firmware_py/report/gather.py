"""Owns what an incident report shows: the trace replayed once, the 15 s around the stop, and whether replay agrees.

Must never smooth anything over: where replay and recording differ, it says so and takes the recorded figures.
"""

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.core.body.fall import Limit
from firmware_py.core.events import Event, EventFinder, event_of
from firmware_py.core.frame import Cause, Decision, Frame, Phase
from firmware_py.core.monitor import Monitor
from firmware_py.core.near_miss import NearMisses
from firmware_py.locale import translate as _
from firmware_py.traces import schemas as topic
from firmware_py.traces.mcap_reader import read_topic
from firmware_py.traces.replay import Summary, open_trace, prepare, replay_trace, summarize
from firmware_py.traces.trace import Trace
from sensors.advice import Failure
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


Step = tuple[Frame, Decision]


def gather(path: Path, config: Config | None = None) -> Report:
    """Replay `path` and collect the report on its stop. Raises Failure when there is none to report on."""
    facts = _facts(path)
    trace = open_trace(path)
    used, monitor = prepare(trace, config)
    limits: dict[int, Limit | None] = {}
    around = _Around(facts.get("t_ns"))
    steps = _noting(replay_trace(trace, used, monitor), monitor, limits)
    summary = summarize(trace, around.watch(steps))
    agrees = summary.agrees
    if agrees is False:  # show the figures of the time, not those of the replay
        around = _Around(facts.get("t_ns"))
        for __ in around.watch(_as_recorded(path)):
            pass
    if around.t0_ns is None:
        raise Failure(
            f"{path}: no stop in this trace, so there is nothing to report. `rearguard replay` shows what is in it."
        )
    if not around.steps:
        raise Failure(
            f"{path}: nothing is left of the seconds around the stop. Usually a file that was cut short."
        )
    report = _report(trace, used, summary, around.steps, around.t0_ns, agrees)
    report.cause = facts.get("cause") or report.cause
    if report.stop.cause is Cause.FALL:
        report.fall_limit = fall_limit(limits.get(report.stop.t_ns), used, report.stop)
    return report


def _report(
    trace: Trace, config: Config, summary: Summary, window: list[Step], t0_ns: int, agrees: bool | None
) -> Report:
    at = next((n for n, (__, d) in enumerate(window) if d.t_ns >= t0_ns), len(window) - 1)
    frames, decisions = [f for f, _ in window], [d for _, d in window]
    stop = decisions[at]
    rest_s, rest_measured = _at_rest(frames, decisions, t0_ns)
    return Report(
        path=trace.path,
        wall_s=(t0_ns + trace.wall_offset_ns) / 1e9 if trace.wall_offset_ns else None,
        cause=stop.cause.value if stop.cause else "",
        stop=stop,
        before=decisions[max(0, at - 1)],
        config=config,
        config_hash=trace.config_hash or config.hash,
        version=trace.version,
        rate_hz=trace.rate_hz,
        simulated=trace.simulated,
        decisions=decisions,
        frames=frames,
        events=_events(frames, decisions, t0_ns),
        health=_health(frames, t0_ns, trace, sampled=agrees is False),
        agrees=agrees,
        verdict=_verdict(trace, summary, agrees),
        sha256=summary.decisions_sha256,
        notes=summary.notes,
        rest_s=rest_s,
        rest_measured=rest_measured,
    )


class _Around:
    """Keeps the seconds around the stop at `t0_ns`, or around the latest stop while none is given."""

    def __init__(self, t0_ns: int | None) -> None:
        self.t0_ns = t0_ns
        self.steps: list[Step] = []
        self._given = t0_ns is not None

    def watch(self, steps: Iterable[Step]) -> Iterator[Step]:
        """The same steps. Those around the stop are kept on their way."""
        run = False
        recent: deque[Step] = deque()
        for step in steps:
            decision = step[1]
            recent.append(step)
            while decision.t_ns - recent[0][1].t_ns > BEFORE_S * 1e9:
                recent.popleft()
            if run and not decision.run and not self._given:
                self.t0_ns, self.steps = decision.t_ns, list(recent)
            elif self.t0_ns is not None and -BEFORE_S <= (decision.t_ns - self.t0_ns) / 1e9 <= AFTER_S:
                self.steps.append(step)
            run = decision.run
            yield step


def _facts(path: Path) -> dict[str, Any]:
    """What the recorder wrote beside the incident; nothing when there is nothing, or it is damaged."""
    try:
        facts = json.loads(path.with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and isinstance(facts.get("t_ns"), int) else {}


def _noting(steps: Iterable[Step], monitor: Monitor, limits: dict[int, Limit | None]) -> Iterator[Step]:
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


def _as_recorded(path: Path) -> Iterator[Step]:
    """The recorded decisions (20 a second and at each change) with their frames."""
    recorded = {message["t_ns"]: message for message in read_topic(path, topic.DECISION)}
    for frame in open_trace(path).frames:
        if frame.t_ns in recorded:
            yield frame, decision_of(recorded[frame.t_ns])


def decision_of(message: dict[str, Any]) -> Decision:
    """A decision out of its recorded message."""
    known = {name: message[name] for name in Decision._fields}
    for name in ("cause", "warning", "refusal", "refused"):
        known[name] = Cause(known[name]) if known[name] else None
    known["phase"] = Phase(known["phase"])
    for name in ("value", "limit"):
        known[name] = nan if known[name] is None else known[name]
    return Decision(**known)


def _events(frames: list[Frame], decisions: list[Decision], t0_ns: int) -> list[tuple[float, Event]]:
    finder, near_misses = EventFinder(), NearMisses()
    finder.update(decisions[0])
    found = []
    for frame, d in zip(frames[1:], decisions[1:], strict=False):
        t_s = (d.t_ns - t0_ns) / 1e9
        found += [(t_s, event) for event in finder.update(d)]
        if near_misses.update(frame, d):
            found.append((t_s, event_of("near_miss", d, None)))
    return found


def _health(frames: list[Frame], t0_ns: int, trace: Trace, sampled: bool) -> Health:
    before = [f for f in frames if f.t_ns < t0_ns]
    health = Health(frames=len(before))
    if not before:
        return health
    health.seconds = (t0_ns - before[0].t_ns) / 1e9
    health.expected = 0 if sampled else round(health.seconds * trace.rate_hz)
    health.imu_faults = Counter(f.imu.value for f in before if isinstance(f.imu, Fault))
    health.range_faults = Counter(f.belt.value for f in before if isinstance(f.belt, Fault))
    health.readings = sum(isinstance(f.belt, RangeSample) for f in before)
    health.latest_ms = max(f.late_ns for f in before) / 1e6
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
        return _(
            "This trace holds sensor data only, and no recorded decisions to compare with. The figures here are "
            "what version {version} decides on it, with the configuration below. What follows the cut was recorded "
            "without that decision."
        ).format(version=__version__)
    if agrees:
        return _(
            "Version {version} replayed the trace with the recorded configuration while this page was made. All "
            "{count} decisions equal the recorded ones, bit for bit."
        ).format(version=__version__, count=summary.frames)
    why = _("Most likely samples were lost on the way to the recorder.")
    if trace.version != __version__:
        other = _("Most likely because it was recorded with version {old} and replayed with {new}.")
        why = other.format(old=trace.version or "?", new=__version__)
    elif trace.state is None:
        why = _("Most likely because it begins while the belt ran, without the state at its start.")
    differs = _("Replayed, this trace does NOT give the recorded decisions again.")
    return f"{differs} {why} " + _("The figures on this page are those recorded at the time, 20 a second.")
