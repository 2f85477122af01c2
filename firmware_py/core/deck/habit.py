"""Learns how this walker wanders: the usual place and its spread, the spread of velocity and its recent peak.

Must never learn from the last half second: a walker who is carried away now would raise the limit for it.
"""

from collections import deque
from dataclasses import dataclass, field
from math import sqrt

from firmware_py.core.deck.params import DriftParams

TRACK_S, TRACK_N = 0.05, 10  # half a second of places is remembered before it is learned ...
TRACK_SKIP = 4  # ... and the newest four are the motion itself
# A velocity is believed when it has carried the walker this far beyond those places: this far, or for so long.
NEW_GROUND_M, NEW_GROUND_S = 0.03, 0.15
EARLY_S = 3.0  # the spread of velocity starts as if it had been learned for so long
CLIP = 16.0  # one velocity counts for at most 4 spreads: squared
PEAK_TAUS = 3.0  # the peak is forgotten three times as slowly as the rest
AWAY2 = 6.25  # 2.5 spreads of place are away from it: squared


@dataclass(slots=True)
class Habit:
    """`follow` at every tick on a moving belt."""

    params: DriftParams
    learned_s: float = 0.0  # seconds of walking that were learned from
    place_m: float = 0.0  # the usual place
    place_m2: float = 0.0  # variance of place about it
    velocity_m2_s2: float = field(init=False)  # mean square of the fastest velocities toward the rear
    peak_m_s: float = 0.0
    spread_m_s: float = field(init=False)  # root of velocity_m2_s2
    usual_m_s: float = field(init=False)  # this walker's own wander stays below
    _since_s: float = 0.0
    _fastest_m_s: float = 0.0  # since the last remembered place
    _places_m: deque[float] = field(default_factory=lambda: deque(maxlen=TRACK_N))
    _speeds_m_s: deque[float] = field(default_factory=lambda: deque(maxlen=TRACK_N))

    def __post_init__(self) -> None:
        p = self.params
        self.velocity_m2_s2 = p.wander_m_s**2
        self.spread_m_s = p.wander_m_s
        self.usual_m_s = p.wander_sigmas * p.wander_m_s

    def follow(self, at_m: float, v: float, walking: bool, dt_s: float) -> None:
        """Remember this tick; while somebody walks, learn from half a second ago."""
        self._since_s += dt_s
        if v > self._fastest_m_s:
            self._fastest_m_s = v
        if self._since_s < TRACK_S:
            return
        if walking and len(self._places_m) == TRACK_N:
            self._learn(self._places_m[0], self._speeds_m_s[0])
        self._places_m.append(at_m)
        self._speeds_m_s.append(self._fastest_m_s)
        self._since_s = 0.0
        self._fastest_m_s = v

    def on_new_ground(self, at_m: float, v: float) -> bool:
        """Nearer the rear than for half a second? An estimate that springs back from a hand in the beam is not."""
        places_m = list(self._places_m)[:-TRACK_SKIP]
        return not places_m or at_m > max(places_m) + max(NEW_GROUND_M, v * NEW_GROUND_S)

    def is_away(self, at_m: float) -> bool:
        """Nearer the rear than the usual place, by more than this walker's wander?"""
        away_m = at_m - self.place_m
        return away_m > self.params.leave_m and away_m * away_m > AWAY2 * self.place_m2

    def _learn(self, at_m: float, v: float) -> None:
        p = self.params
        self.learned_s += TRACK_S
        part = TRACK_S / min(p.learn_tau_s, self.learned_s)
        away_m = at_m - self.place_m
        self.place_m += part * away_m
        self.place_m2 += part * (away_m * away_m - self.place_m2)
        old = self.velocity_m2_s2
        part = TRACK_S / min(p.learn_tau_s, self.learned_s + EARLY_S)
        self.velocity_m2_s2 = old + part * (min(v * v, CLIP * old) - old)
        self.spread_m_s = sqrt(self.velocity_m2_s2)
        self.peak_m_s = max(v, self.peak_m_s * (1.0 - TRACK_S / (PEAK_TAUS * p.learn_tau_s)))
        self.usual_m_s = max(p.still_m_s, p.wander_sigmas * self.spread_m_s, p.wander_peaks * self.peak_m_s)
