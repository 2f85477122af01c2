"""Owns whether somebody walks, and in what time: steps, cadence, and how much is known of this walker's gait.
Must never stop anything, and never need a forward heel strike: backward gait lands softly, toes first.

A step is one swing of the pelvis: its downward velocity rises by more than a hysteresis and falls again. Walking is
several such swings in a row, evenly timed, by a body that stands upright. Sitting,
bending and lying down swing once; jogging and jumping swing too far; who rolls on a mat is not upright.
"""

from dataclasses import dataclass

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.frame import Phase


@dataclass(frozen=True, slots=True)
class GaitParams:
    """What counts as walking. Figures: docs/balance.md."""

    swing_m_s: float = 0.05  # smallest change of downward velocity that is a step: |a| moves by 0.05 g
    swing_share: float = 0.35  # and at least this share of the usual swing: no double count of a bumpy step
    largest_swing_m_s: float = 1.3  # more is a jog or a jump
    shortest_s: float = 0.28  # 3.6 steps a second; sooner is the bump of a foot within a step
    uneven: float = 2.4  # one step may take this many times as long as the one before: a limp
    even_steps: int = 2  # so many evenly timed steps in a row are a walk
    known_steps: int = 6  # from here on the walk is known
    # The part of up along the body's own: within 60 degrees, slouch and mounting included.
    upright: float = 0.5
    # No step for so long: nobody walks any more. People stand a moment before they faint, and shuffle slowly.
    lost_s: float = 1.8
    # So many of a long row under a pod that is not upright: it hangs loose. Who lies down makes one at most.
    loose_steps: int = 2


@dataclass(slots=True)
class Gait:
    """Counts steps and names the phase."""

    params: GaitParams
    phase: Phase = Phase.WAITING
    steps: int = 0  # since arming
    cadence_hz: float | None = None  # steps a second
    since_step_s: float = 0.0
    walking_s: float = 0.0
    swing_m_s: float = 0.0  # of the last steps: the mean of some four
    _interval_s: float = 0.0
    _rising: bool = True  # the hip's downward velocity, towards the end of a swing
    _high_m_s: float = 0.0
    _low_m_s: float = 0.0
    _in_a_row: int = 0
    _not_upright: int = 0  # steps in a row

    @property
    def loose(self) -> bool:
        """Whether somebody walks on whose pod does not stand upright: it hangs loose."""
        return self.phase is not Phase.WAITING and self._not_upright >= self.params.loose_steps

    def relearn(self) -> None:
        """Forget the walker."""
        self.steps = 0
        self._interval_s = 0.0
        self.since_step_s = 0.0
        self._wait()

    def _wait(self) -> None:
        self.swing_m_s = 0.0
        self._in_a_row = 0
        self._not_upright = 0
        self.phase = Phase.WAITING
        self.cadence_hz = None
        self.walking_s = 0.0

    def update(self, attitude: Attitude, dt_s: float) -> None:
        """One tick."""
        p = self.params
        v = attitude.down_velocity_m_s
        self.since_step_s += dt_s
        share_m_s = p.swing_share * self.swing_m_s
        turn_m_s = share_m_s if share_m_s > p.swing_m_s else p.swing_m_s
        if self._rising:
            if v > self._high_m_s:
                self._high_m_s = v
            elif v < self._high_m_s - turn_m_s:
                self._rising = False
                if self.since_step_s >= p.shortest_s:
                    self._step(self._high_m_s - self._low_m_s, attitude.up[2] > p.upright)
                self._low_m_s = v
        elif v < self._low_m_s:
            self._low_m_s = v
        elif v > self._low_m_s + turn_m_s:
            self._rising = True
            self._high_m_s = v
        if self.since_step_s > p.lost_s:
            self._wait()
        elif self.phase is not Phase.WAITING:
            self.walking_s += dt_s

    def _step(self, swing_m_s: float, upright: bool) -> None:
        """A swing has ended: is it one more step of a walk?"""
        p = self.params
        interval_s, self.since_step_s = self.since_step_s, 0.0
        before_s, self._interval_s = self._interval_s, interval_s
        self.swing_m_s += 0.25 * (min(swing_m_s, p.largest_swing_m_s) - self.swing_m_s)
        even = before_s <= p.uneven * interval_s and interval_s <= p.uneven * before_s
        if swing_m_s > p.largest_swing_m_s or interval_s > p.lost_s or not even:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        self.steps += 1
        self._not_upright = 0 if upright or self._in_a_row < p.known_steps else self._not_upright + 1
        rate_hz = 1.0 / interval_s
        self.cadence_hz = (
            rate_hz if self.cadence_hz is None else self.cadence_hz + 0.25 * (rate_hz - self.cadence_hz)
        )
        if self.phase is Phase.WAITING:
            if upright and self._in_a_row >= p.even_steps:
                self.phase = Phase.LEARNING
        elif self._in_a_row >= p.known_steps:
            self.phase = Phase.GUARDING
