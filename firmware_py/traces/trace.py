"""Owns what a trace is: recorded frames and what must be known to play them again. Must never decide or write."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_py.core.frame import Frame
from sensors.advice import Failure

SUFFIXES = (".mcap", ".mcap.part", ".csv", ".csv.gz")
RATE_MIN_HZ = 40.0  # a fall of 0.6 s needs some 20 samples; below it the filters have no room either
RATE_MAX_HZ = 1000.0


@dataclass(slots=True)
class Trace:
    """One recording. `frames` can be walked once and may raise Failure on the way."""

    path: Path
    rate_hz: float
    frames: Iterator[Frame]
    button_recorded: bool  # False: replay presses the button itself
    feedback_recorded: bool  # False: replay stands in a relay that always obeys
    distance_recorded: bool  # False: replay holds a walker in mid-deck
    config: dict[str, Any] | None = None  # the configuration it was recorded with
    config_hash: str = ""
    simulated: bool = False  # recorded on the rig: nobody was on a belt
    version: str = ""
    usual_distance_m: float = 0.0  # the median of a table; 0: not looked at
    usual_speed_m_s: float = 0.0  # the same of the moving belt
    wall_offset_ns: int = 0  # wall clock minus the trace's own; 0: not known
    # The monitor's state before the first frame (a trace that begins mid-run).
    state: dict[str, Any] | None = None
    # (frames so far, SHA-256 of their decisions when recorded), filled while `frames` is walked
    checkpoints: dict[int, str] = field(default_factory=dict)
    # what the reader had to leave out or the recorder could not keep, filled while `frames` is walked
    notes: list[str] = field(default_factory=list)


def find_traces(path: Path) -> list[Path]:
    """The trace at `path`, or every trace in that folder and below, in name order. Raises Failure for none."""
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if is_trace(p) and p.is_file())
        if not found:
            raise Failure(f"{path}: no trace in this folder. Traces end in {', '.join(SUFFIXES)}.")
        return found
    if not path.exists():
        raise Failure(f"{path}: no such file or folder. Check the path.")
    if not is_trace(path):
        raise Failure(f"{path}: not a trace by its name. Traces end in {', '.join(SUFFIXES)}.")
    return [path]


def is_trace(path: Path) -> bool:
    return path.name.endswith(SUFFIXES)


def check_rate(path: Path, median_step_ns: float) -> float:
    """The rate in hertz. Raises Failure when no walk can be judged at it."""
    rate_hz = 1e9 / median_step_ns
    if RATE_MIN_HZ <= rate_hz <= RATE_MAX_HZ:
        return rate_hz
    step_s = median_step_ns / 1e9
    raise Failure(
        f"{path}: a frame every {step_s:g} s is {rate_hz:g} Hz, outside {RATE_MIN_HZ:g} to {RATE_MAX_HZ:g} Hz. "
        f"Usually {_likely(step_s)}"
    )


def _likely(step_s: float) -> str:
    """What gives such steps, if the recording was made at 40 to 1000 Hz."""
    if step_s == 1:
        return "t_s counts samples or milliseconds: `rearguard trace import --time-unit samples --rate-hz 100`, or ms."
    for unit, seconds in (("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        if 1 / RATE_MAX_HZ <= step_s / seconds <= 1 / RATE_MIN_HZ:
            name = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}[unit]
            return f"t_s in {name}: `rearguard trace import --time-unit {unit}`."
    if step_s > 1 / RATE_MIN_HZ:
        return "a sensor that was set too slow: record at 100 Hz or more."
    return (
        "times of arrival in bursts, or t_s in minutes or hours: write the times of measurement in seconds."
    )
