"""Owns whether somebody walks, and in what time: steps, cadence, and how much is known of this walker's gait.
Must never stop anything, and never need a forward heel strike: backward gait lands softly, toes first.

A step is one swing of the pelvis: its downward velocity rises by more than a hysteresis and falls again. Walking is
several such swings in a row, evenly timed and of a size that walking makes. Sitting, bending and lying down swing
once; jogging and jumping swing too far.
"""

from dataclasses import dataclass

from firmware_py.core.attitude import Attitude
from firmware_py.core.frame import Phase


@dataclass(frozen=True, slots=True)
class GaitParams:
    """What counts as walking."""

    swing_m_s: float = 0.06  # smallest change of downward velocity that is a step: shuffling after a stroke
    swing_share: float = 0.35  # and at least this share of the usual swing: no double count of a bumpy step
    largest_swing_m_s: float = 1.3  # more is a jog or a jump
    shortest_s: float = 0.25  # 4 steps a second
    longest_s: float = 1.4
    steps: int = 3  # evenly timed steps in a row that make a walk
    uneven: float = 2.2  # one step interval may be this much longer than the one before: a limp
    lost_s: float = 2.0  # no step for so long: nobody walks
    known_steps: int = 10  # from here on the thresholds may be the walker's own


class Gait:
    """Counts steps and names the phase."""

    __slots__ = (
        "_high",
        "_interval_s",
        "_low",
        "_params",
        "_rising",
        "_row",
        "_swing",
        "cadence_hz",
        "phase",
        "since_step_s",
        "steps",
        "swing_m_s",
        "walking_s",
    )

    def __init__(self, params: GaitParams, rate_hz: float) -> None:
        self._params = params
        self.swing_m_s = 0.0
        self._high = 0.0
        self._low = 0.0
        self._rising = True
        self.relearn()

    def relearn(self) -> None:
        """Forget the walker."""
        self._swing = 0.0
        self._row = 0
        self._interval_s = 0.0
        self.phase = Phase.WAITING
        self.cadence_hz: float | None = None
        self.steps = 0
        self.since_step_s = 0.0
        self.walking_s = 0.0

    def update(self, t_ns: int, attitude: Attitude, dt_s: float) -> None:
        """One tick."""
        p = self._params
        v = attitude.down_velocity_m_s
        self.since_step_s += dt_s
        edge = max(p.swing_m_s, p.swing_share * self._swing)
        if self._rising:
            if v > self._high:
                self._high = v
            elif v < self._high - edge:
                self._rising = False
                self._step(self._high - self._low)
                self._low = v
        elif v < self._low:
            self._low = v
        elif v > self._low + edge:
            self._rising = True
            self._high = v
        if self.since_step_s > p.lost_s:
            self._row = 0
            self._swing = 0.0
            self.phase = Phase.WAITING
            self.cadence_hz = None
            self.walking_s = 0.0
        elif self.phase is not Phase.WAITING:
            self.walking_s += dt_s

    def _step(self, swing_m_s: float) -> None:
        p = self._params
        self.swing_m_s = swing_m_s
        interval_s, self.since_step_s = self.since_step_s, 0.0
        self._swing += 0.25 * (min(swing_m_s, p.largest_swing_m_s) - self._swing)
        before_s, self._interval_s = self._interval_s, interval_s
        even = before_s <= p.uneven * interval_s and interval_s <= p.uneven * before_s
        if swing_m_s > p.largest_swing_m_s or not p.shortest_s <= interval_s <= p.longest_s or not even:
            self._row = 0
            return
        self._row += 1
        self.steps += 1
        rate = 1.0 / interval_s
        self.cadence_hz = (
            rate if self.cadence_hz is None else self.cadence_hz + 0.25 * (rate - self.cadence_hz)
        )
        if self._row >= p.steps and self.phase is Phase.WAITING:
            self.phase = Phase.LEARNING
        if self._row >= p.known_steps:
            self.phase = Phase.GUARDING
