"""Owns whether somebody walks, and in what time: steps, cadence, and how much is known of this walker's gait.
Must never stop anything, and never need a forward heel strike: backward gait lands softly, toes first.

A step is one swing of the pelvis: its downward velocity rises by more than a hysteresis and falls again. Walking is
several such swings in a row, evenly timed and of a size that walking makes, by a body that stands upright. Sitting,
bending and lying down swing once; jogging and jumping swing too far; who rolls on a mat is not upright.
"""

from dataclasses import dataclass, field

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.frame import Phase


@dataclass(frozen=True, slots=True)
class GaitParams:
    """What counts as walking. Figures: docs/balance.md."""

    swing_m_s: float = 0.06  # smallest change of downward velocity that is a step: shuffling after a stroke
    swing_share: float = 0.35  # and at least this share of the usual swing: no double count of a bumpy step
    largest_swing_m_s: float = 1.3  # more is a jog or a jump
    shortest_s: float = 0.28  # 3.6 steps a second; sooner is the bump of a foot within a step
    longest_s: float = 1.4  # a step of a very slow shuffle
    uneven: float = 2.4  # one step may take this many times as long as the one before: a limp
    firm_swing_m_s: float = 0.2  # a swing that only walking makes ...
    firm_steps: int = 2  # ... is believed after so many evenly timed steps
    faint_steps: int = 4  # a smaller one after so many
    known_steps: int = 6  # from here on the limits may be the walker's own
    usual_steps: int = 12  # so many name the walker's own usual swing ...
    usual_memory_steps: int = 40  # ... and so many it remembers
    # The part of up along the body's own: within 60 degrees, slouch and mounting included.
    upright: float = 0.5
    lost_steps: float = 3.0  # no step for the time of so many of this walker's own: nobody walks any more ...
    lost_least_s: float = 1.4  # ... but never sooner than this: people stand a moment before they faint
    lost_s: float = 1.8  # ... and never later
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
    _usual_swing_m_s: float = 0.0
    _interval_s: float = 0.0
    _rising: bool = True  # the hip's downward velocity, towards the end of a swing
    _high_m_s: float = 0.0
    _low_m_s: float = 0.0
    _in_a_row: int = 0
    _not_upright: int = 0  # steps in a row
    _lost_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._lost_s = self.params.lost_s

    @property
    def upward_speed_m_s(self) -> float:
        """The highest before the hip came down, or of a hip that rises now; negative: it did not rise."""
        return -self._low_m_s

    @property
    def swing_of_usual(self) -> float:
        """The swing of the last steps as a share of this walker's usual one; 0: not known yet."""
        return self.swing_m_s / self._usual_swing_m_s if self.steps >= self.params.usual_steps else 0.0

    @property
    def loose(self) -> bool:
        """Whether somebody walks on whose pod does not stand upright: it hangs loose."""
        return self.phase is not Phase.WAITING and self._not_upright >= self.params.loose_steps

    def relearn(self) -> None:
        """Forget the walker."""
        self.steps = 0
        self._usual_swing_m_s = 0.0
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
        self._lost_s = self.params.lost_s

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
        if self.since_step_s > self._lost_s:
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
        if swing_m_s > p.largest_swing_m_s or interval_s > p.longest_s or not even:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        self.steps += 1
        self._usual_swing_m_s += (self.swing_m_s - self._usual_swing_m_s) / min(
            self.steps, p.usual_memory_steps
        )
        self._not_upright = 0 if upright or self._in_a_row < p.known_steps else self._not_upright + 1
        rate_hz = 1.0 / interval_s
        self.cadence_hz = (
            rate_hz if self.cadence_hz is None else self.cadence_hz + 0.25 * (rate_hz - self.cadence_hz)
        )
        self._lost_s = min(max(p.lost_steps / self.cadence_hz, p.lost_least_s), p.lost_s)
        if self.phase is Phase.WAITING:
            enough = p.firm_steps if self.swing_m_s > p.firm_swing_m_s else p.faint_steps
            if upright and self._in_a_row >= enough:
                self.phase = Phase.LEARNING
        elif self._in_a_row >= p.known_steps:
            self.phase = Phase.GUARDING
