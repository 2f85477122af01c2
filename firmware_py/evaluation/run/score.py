"""Owns the rules by which a detector is judged: whole trials and hours, never windows.

A fall: the first stop from `EARLIEST_S` before the impact decides. A stop before the impact sample counts as stopped;
its lead is the time left. A stop within `LATEST_S` after the impact is late, no stop is a miss. A stop earlier than
`EARLIEST_S` (with a video label: than `ONSET_MARGIN_S` before the onset) is a false stop; when the belt is still off
as the fall begins, the fall counts as not guarded, never as detected. In any other trial every stop counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from firmware_py.evaluation.datasets.trials import Kind, Trial
from firmware_py.evaluation.run.replay import Stop

# Real falls take 1271 +- 648 ms from imbalance to pelvis impact: an earlier stop than mean + 2 SD saw something else.
EARLIEST_S = 2.5
LATEST_S = 2.0
ONSET_MARGIN_S = 0.2  # video labels mark the onset when a person can see it


class Outcome(Enum):
    """What became of one fall."""

    STOPPED = "stopped"
    LATE = "late"
    MISSED = "missed"
    UNGUARDED = "unguarded"  # the belt was not running, or not yet armed, when the fall began


@dataclass(frozen=True, slots=True)
class Score:
    """One trial by one detector. Times are seconds from the start of the trial."""

    detector: str
    protocol: str
    variant: str
    dataset: str
    person: str
    activity: str
    trial: str
    kind: Kind
    backward: bool
    reverse: bool
    duration_s: float
    armed_s: float  # how long the belt could run; for a fall, until the fall
    outcome: Outcome | None  # None: not a fall
    stop_s: float | None  # the stop that decided a fall
    impact_s: float | None
    lead_s: float | None
    rule: str
    false_stops: tuple[tuple[float, str], ...]  # when and by which rule
    walked_s: float | None = None  # of a walk: the time from the third step on, while the belt could run ...
    watched_s: float | None = None  # ... and that part of it in which the fall rule watched


def judge(
    trial: Trial,
    stops: Iterable[Stop],
    armed: Iterable[tuple[int, int]],
    detector: str,
    protocol: str,
    variant: str = "",
) -> Score:
    """Score one trial. Indices of stops and armed intervals count from the first sample of the trial."""
    rate_hz, impact = trial.rate_hz, trial.impact_index
    stops = [stop for stop in stops if stop.at >= 0]
    armed = list(armed)
    outcome: Outcome | None = None
    decisive: Stop | None = None
    lead_s: float | None = None
    end = len(trial.accel_m_s2)
    false = stops
    if trial.kind.is_fall and impact is not None:
        begins = impact - round(EARLIEST_S * rate_hz)
        if trial.onset_index is not None:
            begins = trial.onset_index - round(ONSET_MARGIN_S * rate_hz)
        end = begins
        false = [stop for stop in stops if stop.at < begins]
        decisive = next((s for s in stops if begins <= s.at <= impact + round(LATEST_S * rate_hz)), None)
        if decisive is None:
            guarded = any(start < impact and stop > begins for start, stop in armed)
            outcome = Outcome.MISSED if guarded else Outcome.UNGUARDED
        elif decisive.at < impact:
            outcome, lead_s = Outcome.STOPPED, (impact - decisive.at) / rate_hz
        else:
            outcome = Outcome.LATE
    samples = sum(max(0, min(stop, end) - max(start, 0)) for start, stop in armed)
    return Score(
        detector,
        protocol,
        variant,
        trial.dataset,
        trial.person,
        trial.activity,
        trial.name,
        trial.kind,
        trial.backward,
        trial.reverse,
        trial.duration_s,
        samples / rate_hz,
        outcome,
        None if decisive is None else decisive.at / rate_hz,
        None if impact is None else impact / rate_hz,
        lead_s,
        decisive.rule if decisive is not None else "",
        tuple((stop.at / rate_hz, f"{stop.cause.value}:{stop.rule}") for stop in false),
    )
