"""Decides which range reading is believed: the walker, or a hand, a sleeve, the room.

Must never turn a single reading that does not fit into a place, and never a series of them into a velocity.

A hand beside the body comes into the beam, nearer to the sensor than the walker, and leaves again. Nothing sees
through a body. So a reading that does not fit becomes a candidate, and readings that agree with each other are
believed in the end:

  farther   after 60 ms: nothing but the walker's own motion puts the walker farther away.
  reachable after 60 ms: a belt could have carried the walker there since the last believed reading.
  nearer    and out of reach, a jump: after 90 ms. It may still be a hand (`may_be_hand` of position.py) for 400 ms.
            For 100 ms after each such reading, nearer readings fit less easily.
  lively    A walker who swings by more than the filter can call sway or noise is expected as loosely as the last
            believed readings lay: true readings must not become candidates, one after the other, until they age out.
  returned  one reading farther than a nearer place that is not yet 400 ms old ends that place: it was a hand.

While the walker is lost, any three readings that agree are a place.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from math import sqrt

from firmware_py.core.deck.params import PositionParams


class Trust(IntEnum):
    """What is known of the walker's place."""

    LOST = 0  # nothing, or nothing recent
    TRUSTED = 1  # the last reading was believed
    CANDIDATE = 2  # a place is known, and the last readings do not fit it


class Reading(IntEnum):
    """What a reading is beside the expected one."""

    FITS = 0
    MISFIT = 1  # it does not fit, and it has not agreed with others for long enough
    AGREED = 2  # it does not fit either, but it has
    RETURNED = 3  # farther, soon after a nearer place was believed


# The state after each reading. A lost walker is not expected anywhere, so nothing fits or returns; and a single reading
# agrees with none. Silence leads from every state to LOST (position.py). Readings off the deck change nothing.
TABLE: dict[tuple[Trust, Reading], Trust] = {
    (Trust.LOST, Reading.MISFIT): Trust.LOST,
    (Trust.LOST, Reading.AGREED): Trust.TRUSTED,
    (Trust.TRUSTED, Reading.FITS): Trust.TRUSTED,
    (Trust.TRUSTED, Reading.MISFIT): Trust.CANDIDATE,
    (Trust.TRUSTED, Reading.RETURNED): Trust.TRUSTED,
    (Trust.CANDIDATE, Reading.FITS): Trust.TRUSTED,
    (Trust.CANDIDATE, Reading.MISFIT): Trust.CANDIDATE,
    (Trust.CANDIDATE, Reading.AGREED): Trust.TRUSTED,
    (Trust.CANDIDATE, Reading.RETURNED): Trust.TRUSTED,
}

AGREE_READINGS = 3
# A hand swings by in 0.1 s [A]. At the slowest rate of a sensor, 33 ms, these end before the last believed reading is
# too old.
FAR_HOLD_NS, NEAR_HOLD_NS = 60_000_000, 90_000_000
AGREE_GAP_NS = 150_000_000  # readings this far apart do not agree
AGREE_M, AGREE_M_S = 0.05, 2.5  # nor do readings that differ by more than noise and the motion of a body
REACH_M, REACH_M_S = 0.03, 1.5  # nobody is carried faster (3 mph is 1.34 m/s), but for noise
STANDS_M = 0.06  # candidates that move by less stand still: the scatter of two of them is 2 cm
HAND_NS = 100_000_000
SPREAD_S = 2.0  # some steps
RETURN_NS, RETURN_M = 400_000_000, 0.05  # by then a hand has gone; it was further than this from the body [A]


@dataclass(slots=True)
class Candidate:
    """Readings that do not fit but agree with each other; `count` 0: there are none."""

    count: int = 0
    first_m: float = 0.0
    last_m: float = 0.0
    first_ns: int = 0
    last_ns: int = 0
    reachable: bool = False  # a belt could have carried the walker to the first of them

    @property
    def stands(self) -> bool:
        return -STANDS_M <= self.last_m - self.first_m <= STANDS_M


@dataclass(slots=True)
class Gate:
    """`judge` every reading on the deck: all but a misfit are where the walker is."""

    params: PositionParams
    trust: Trust = Trust.LOST
    candidate: Candidate = field(default_factory=Candidate)
    believed_m: float = 0.0  # the last believed reading
    believed_ns: int = 0  # 0: none yet
    spread_m2: float = 0.0  # mean square of what the last believed readings lay from the expected ones
    hand_until_ns: int = 0
    nearer_until_ns: int = 0

    def judge_lost(self, t_ns: int, seen_m: float) -> Reading:
        """A reading while the walker is lost."""
        return self._collect(t_ns, seen_m, nearer=False)

    def judge(self, t_ns: int, seen_m: float, farther_m: float, sigma_m: float) -> Reading:
        """A reading that is `farther_m` farther from the sensor than expected, give or take `sigma_m`."""
        p = self.params
        lively = self.spread_m2 > p.noise_max_m * p.noise_max_m
        if lively:
            sigma_m = max(sigma_m, sqrt(self.spread_m2))
        if farther_m > RETURN_M and t_ns < self.nearer_until_ns:
            return self._turn(Reading.RETURNED, t_ns, seen_m)
        near_sigmas = p.near_sigma if lively or t_ns > self.hand_until_ns else p.hand_sigma
        if -near_sigmas * sigma_m <= farther_m <= p.far_sigma * sigma_m:
            return self._turn(Reading.FITS, t_ns, seen_m)
        return self._collect(t_ns, seen_m, nearer=farther_m < 0.0)

    def _collect(self, t_ns: int, seen_m: float, nearer: bool) -> Reading:
        """Readings that agree with each other for long enough are where the walker really is."""
        new = self.candidate
        gap_ns = t_ns - new.last_ns
        agree_m = AGREE_M + AGREE_M_S * (gap_ns * 1e-9)
        if new.count and abs(seen_m - new.last_m) <= agree_m and gap_ns < AGREE_GAP_NS:
            new.count += 1
        else:
            new.count = 1
            new.first_ns, new.first_m = t_ns, seen_m
            new.reachable = self._in_reach(t_ns, seen_m)
        new.last_ns, new.last_m = t_ns, seen_m
        jump = nearer and not new.reachable
        if jump:
            self.hand_until_ns = t_ns + HAND_NS
        hold_ns = 0 if self.trust is Trust.LOST else (NEAR_HOLD_NS if jump else FAR_HOLD_NS)
        if new.count < AGREE_READINGS or t_ns - new.first_ns < hold_ns:
            return self._turn(Reading.MISFIT, t_ns, seen_m)
        if nearer:
            self.nearer_until_ns = t_ns + RETURN_NS
        return self._turn(Reading.AGREED, t_ns, seen_m)

    def remember(self, surprise_m: float, dt_s: float) -> None:
        """A believed reading lay so far from the expected one, `dt_s` after the one before it."""
        part = dt_s / (SPREAD_S + dt_s)
        self.spread_m2 += part * (surprise_m * surprise_m - self.spread_m2)

    def _in_reach(self, t_ns: int, seen_m: float) -> bool:
        most_m = REACH_M + REACH_M_S * (t_ns - self.believed_ns) * 1e-9
        return -REACH_M <= seen_m - self.believed_m <= most_m

    def _turn(self, reading: Reading, t_ns: int, seen_m: float) -> Reading:
        self.trust = TABLE[self.trust, reading]
        if reading is not Reading.MISFIT:
            self.candidate.count = 0
            self.believed_ns, self.believed_m = t_ns, seen_m
        return reading
