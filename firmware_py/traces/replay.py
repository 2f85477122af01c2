"""Owns replay: recorded frames through the same core as live ones, and a summary of it. Must never decide.

Same frames, same configuration, same version: bit-identical decisions, named by one SHA-256.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from firmware_py.config import Config, ConfigError, parse
from firmware_py.core.events import Event, EventFinder
from firmware_py.core.frame import Cause, Decision, Frame, Phase
from firmware_py.core.monitor import Monitor
from firmware_py.core.state import StateError, restore
from firmware_py.core.wire import pack_decision
from firmware_py.traces.csv_trace import read_csv
from firmware_py.traces.mcap_reader import read_mcap
from firmware_py.traces.tables import plausible
from firmware_py.traces.trace import Trace
from sensors.advice import Failure
from sensors.samples import RangeSample

# What in a recording usually brings these refusals.
REFUSED = {
    Cause.SETTLING: "Usually shorter than what the filters need: record a minute of walking.",
    Cause.IMU: "Usually gaps, repeated or frozen samples: `rearguard trace info` counts the ticks without one.",
    Cause.RANGE: "Usually distances that begin late or come too seldom: leave out the column, or record 20 a second.",
    Cause.NOT_WORN: "Usually a sensor that was worn another way: `rearguard trace import --axes`.",
    Cause.STEP_OFF: "Usually distances measured from another place, or nobody in the beam.",
    Cause.LATE: "Usually times of arrival instead of times of measurement.",
    Cause.BUTTON_STUCK: "The recorded button is held for too long.",
}
PRESS_S = 0.2  # how long the button is held: the latch takes 0.1 to 3 s
REARM_AFTER_S = 3.0  # a person reads the reason and steps back on
RANGE_STEP_NS = 20_000_000  # the walker held in mid-deck is seen at 50 Hz


T = TypeVar("T")


class Hand:
    """Presses the arming button as soon as the core accepts it: once, or again after each stop."""

    def __init__(self, rearm: bool = False) -> None:
        self._rearm = rearm
        self._wanted = True
        self._was_running = False
        self._down_ns: int | None = None
        self._not_before_ns: int | None = None

    def update(self, t_ns: int, last: Decision) -> bool:
        """Is the button down in the frame at `t_ns`, which comes after the decision `last`?"""
        if last.run:
            self._was_running, self._wanted = True, self._rearm
            return False
        if self._was_running:
            self._was_running = False
            self._not_before_ns = last.t_ns + round(REARM_AFTER_S * 1e9)
        if self._down_ns is not None:
            if t_ns - self._down_ns < PRESS_S * 1e9:
                return True
            self._down_ns = None
            self._not_before_ns = t_ns + round(PRESS_S * 1e9)  # up for as long before another try
            return False
        early = self._not_before_ns is not None and t_ns < self._not_before_ns
        if self._wanted and not early and not last.run and last.refusal is None:
            self._down_ns = t_ns
            return True
        return False


def replay_frames(
    frames: Iterable[Frame], monitor: Monitor, hand: Hand | None = None, obedient_relay: bool = True
) -> Iterator[tuple[Frame, Decision]]:
    """Step `monitor` through `frames`, yielding each frame as it was stepped and the decision on it.

    `hand` presses the button; None leaves it as recorded. `obedient_relay`: the read-back of each frame is the
    decision before it, as a relay in order answers; False leaves it as recorded. Frames are taken in batches ahead of
    the decisions: a world that answers to decisions must step the monitor itself.
    """
    step = monitor.step
    last: Decision | None = None
    for frame in in_batches(frames):
        if last is None:
            if obedient_relay:
                frame = frame._replace(feedback=False)
        elif hand is not None or obedient_relay:
            pressed = frame.reset_pressed if hand is None else hand.update(frame.t_ns, last)
            feedback = last.run if obedient_relay else frame.feedback
            frame = Frame._make((*frame[:5], feedback, pressed, *frame[7:]))
        last = step(frame)
        yield frame, last


def in_batches(things: Iterable[T], size: int = 64) -> Iterator[T]:
    """The same things in the same order, made `size` at a time.

    Reading, stepping and hashing each frame in turn is up to a tenth slower (measured): each pushes the others out of
    the processor's cache. Batches of more than a few hundred do so, too.
    """
    source = iter(things)
    while batch := list(islice(source, size)):
        yield from batch


def hold_in_mid_deck(frames: Iterable[Frame], config: Config) -> Iterator[Frame]:
    """For a trace without distances: the frames of a walker who never leaves the middle of the deck."""
    distance_m = config.deck_length_m / 2 + (config.range.zero_mm - config.range.half_body_mm) / 1000
    seen_ns: int | None = None
    count = 0
    for frame in frames:
        if seen_ns is None or frame.t_ns - seen_ns >= RANGE_STEP_NS:
            seen_ns, count = frame.t_ns, (count + 1) & 255
            frame = frame._replace(belt=RangeSample(frame.t_ns, distance_m, count))
        yield frame


@dataclass(slots=True)
class Summary:
    """The result of one replay. Times are on the trace's own clock."""

    trace: str
    duration_s: float = 0.0
    walking_s: float = 0.0
    frames: int = 0
    armed_t_s: float | None = None
    stops: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    decisions_sha256: str = ""
    notes: list[str] = field(default_factory=list)
    # Are all decisions the recorded ones? None: no decisions were recorded.
    agrees: bool | None = None

    def row(self) -> dict[str, Any]:
        """The public JSON object of `rearguard replay --json`."""
        row = asdict(self)
        del row["notes"], row["agrees"]
        return row


def replay_trace(
    trace: Trace, config: Config, monitor: Monitor, rearm: bool = False
) -> Iterator[tuple[Frame, Decision]]:
    """`replay_frames` with stand-ins for what the trace does not hold: hand, relay, walker in mid-deck."""
    frames: Iterable[Frame] = trace.frames
    if not trace.distance_recorded:
        trace.notes.append("no distance_m: a walker in mid-deck stands in, so drift is not judged")
        frames = hold_in_mid_deck(frames, config)
    hand = None if trace.button_recorded else Hand(rearm)
    return replay_frames(frames, monitor, hand, not trace.feedback_recorded)


def summarize(trace: Trace, steps: Iterable[tuple[Frame, Decision]]) -> Summary:
    """Run a replay to its end and sum it up. Raises Failure when the trace breaks off on the way."""
    out = Summary(str(trace.path))
    finder, digest = EventFinder(), hashlib.sha256()
    update, find, pack, waiting = digest.update, finder.update, pack_decision, Phase.WAITING
    checkpoints, agrees = trace.checkpoints, True
    first_ns = last_ns = count = walking = 0
    refusal, since_ns = None, 0
    for _, decision in in_batches(steps):
        update(pack(decision))
        count += 1
        if decision.phase is not waiting:
            walking += 1
        for event in find(decision):
            _note(out, event)
        if count == 1:
            first_ns = decision.t_ns
        if decision.refusal is not refusal:
            refusal, since_ns = decision.refusal, decision.t_ns
        if agrees and count in checkpoints and checkpoints[count] != digest.hexdigest():
            agrees = False
            out.notes.append(
                f"other decisions than recorded, before frame {count} at {decision.t_ns / 1e9:g} s"
            )
        last_ns = decision.t_ns
    out.frames, out.duration_s = count, (last_ns - first_ns) / 1e9
    out.walking_s = round(walking / trace.rate_hz, 3)
    out.decisions_sha256 = digest.hexdigest()
    out.agrees = agrees if checkpoints else None
    out.notes += trace.notes
    if out.armed_t_s is None:
        out.notes.append(_never_armed(trace, refusal, since_ns / 1e9))
    return out


def _never_armed(trace: Trace, refusal: Cause | None, since_s: float) -> str:
    """Why a replay judged nothing."""
    start = "never armed, so nothing was judged"
    if refusal is not None:
        return f"{start}: refused since {since_s:g} s, cause {refusal.value}. {REFUSED.get(refusal, '')}".rstrip()
    if trace.button_recorded:
        return f"{start}: ready since {since_s:g} s, but the recorded button was not pressed and released after that."
    return f"{start}: ready since {since_s:g} s, and the trace ends before a press. Usually a recording cut short."


def _note(out: Summary, event: Event) -> None:
    t_s = event.t_ns / 1e9
    cause = event.cause.value if event.cause else None
    if event.kind == "armed" and out.armed_t_s is None:
        out.armed_t_s = t_s
    elif event.kind == "warning":
        out.warnings.append({"t_s": t_s, "cause": cause})
    elif event.kind in ("stopped", "stopped_by_fault"):
        out.stops.append(
            {
                "t_s": t_s,
                "cause": cause,
                "rule": event.rule,
                "value": event.value if isfinite(event.value) else None,
                "limit": event.limit if isfinite(event.limit) else None,
                "position_m": event.position_m,
                "velocity_m_s": event.velocity_m_s,
            }
        )


def open_trace(path: Path, as_is: bool = False) -> Trace:
    """Open a trace by its name. Raises Failure, unless `as_is` for numbers of another unit, too."""
    if path.name.endswith((".csv", ".csv.gz")):
        return read_csv(path, judge=not as_is)
    return read_mcap(path)


def replay_file(path: Path, config: Config | None = None, rearm: bool = False) -> Summary:
    """Replay one file: with `config`, or what the trace was recorded with, or the defaults. Raises Failure."""
    trace = open_trace(path)
    steps = replay_trace(trace, *prepare(trace, config), rearm)
    try:
        return summarize(trace, steps)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        if trace.state is None:
            raise
        raise Failure(
            f"{path}: replay cannot continue from the state at its start ({error!r}). Usually a damaged file or one of "
            "another version: replay it with the version that recorded it."
        ) from error


def prepare(trace: Trace, config: Config | None) -> tuple[Config, Monitor]:
    """The configuration and the monitor for this trace, the state restored when it began mid-run."""
    if config is None:
        try:
            config = parse(trace.config or {})
        except ConfigError as error:
            raise Failure(
                f"{trace.path}: recorded with settings that this version does not have:\n{error}\n"
                "Give a configuration with --config."
            ) from None
    trace.notes += plausible.notes_for(trace, config)
    monitor = Monitor(config.monitor_params(), trace.rate_hz)
    if trace.state is not None:
        if trace.config_hash not in ("", config.hash):
            trace.notes.append("recorded with another configuration: replayed from a device just switched on")
        else:
            try:
                restore(monitor, trace.state)
            except StateError as error:
                raise Failure(
                    f"{trace.path}: {error}. Replay it with the version that recorded it."
                ) from None
    return config, monitor
