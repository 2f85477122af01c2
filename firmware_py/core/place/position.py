"""Joins sensor, gate and filter: where the walker is on the deck, how fast they move along it, and how old that is.

Must never judge whether that is dangerous, and never turn a failed reading into a number.

Between readings the position coasts on its velocity, and `age_s` counts from the last believed reading. Once that is
older than the patience of silence.py, the walker is lost, and three readings that agree are needed again.

Frame: position grows the way the belt carries the walker. On a normal deck that is from the console end to the
rear. On a reverse belt the walker faces the console, the belt carries toward it, and position counts from the
physical rear edge: "rear" is then always the end the belt carries to, "front" the end overlong steps lead to.
"""

from dataclasses import dataclass, field

from firmware_py.core.deck.params import PositionParams
from firmware_py.core.deck.silence import LEAST_S
from firmware_py.core.place.gate import Gate, Reading, Trust
from firmware_py.core.place.kalman import Kalman
from sensors.samples import Fault, RangeSample

MISFIT_M2 = 0.04**2  # a reading that does not fit is noise of 4 cm at most: a hand is not noise
# The velocity is never taken from the few readings of a candidate: one hand after another would be a metre a second.
# It stays, and is uncertain by this: it may have changed ...
FOUND_M_S = 0.3
KEPT_M_S = 0.1  # ... or only a hand came or went


@dataclass(slots=True)
class Position:
    """`update` at every tick, then read the attributes. While not `known`, none of the numbers means anything."""

    params: PositionParams
    known: bool = False
    position_m: float = 0.0
    velocity_m_s: float = 0.0
    velocity_sigma_m_s: float = 1.0
    age_s: float = 1e9
    may_be_hand: bool = False  # the place was found nearer by a jump a moment ago
    beyond: bool = False  # the newest reading lies past the rear end of the deck
    rejected: int = 0  # readings that were not believed
    _count: int = -1
    _nearer_before_m_s: float = 0.0  # the velocity when a nearer place was found
    _offset_m: float = field(init=False)
    _sign: float = field(init=False)
    _gate: Gate = field(init=False)
    _filter: Kalman = field(init=False)

    def __post_init__(self) -> None:
        self._offset_m, self._sign = _offset_and_sign(self.params)
        self._gate = Gate(self.params)
        self._filter = Kalman(self.params, self.params.noise_m**2)

    @property
    def believed_m(self) -> float:
        """The place at the last believed reading."""
        return self._filter.position_m

    def update(
        self,
        t_ns: int,
        belt: RangeSample | Fault | None,
        cadence_hz: float | None,
        patience_s: float = LEAST_S,
    ) -> None:
        """One tick; `cadence_hz` is steps a second, None when nobody walks."""
        gate = self._gate
        if isinstance(belt, RangeSample) and belt.count != self._count:
            self._count = belt.count
            self._read(t_ns, self._offset_m + self._sign * belt.distance_m, cadence_hz)
        if self.may_be_hand and t_ns >= gate.nearer_until_ns:
            self.may_be_hand = False
        if gate.believed_ns:
            self.age_s = (t_ns - gate.believed_ns) / 1e9  # divided: 150 ms is 0.150 exactly
            if self.age_s > patience_s:
                gate.trust = Trust.LOST
                self.known = False
            elif self.known:
                self.position_m = self._filter.position_m + self.velocity_m_s * self.age_s

    def _read(self, t_ns: int, seen_m: float, cadence_hz: float | None) -> None:
        p = self.params
        self.beyond = seen_m > p.deck_length_m + p.beyond_m
        if self.beyond or seen_m < -p.beyond_m:
            self.rejected += 1
        elif self.known:
            self._follow(t_ns, seen_m, cadence_hz)
        elif self._gate.judge_lost(t_ns, seen_m) is Reading.AGREED:
            self._filter.learned_s = 0.0
            self._place(seen_m, 0.0, FOUND_M_S)

    def _follow(self, t_ns: int, seen_m: float, cadence_hz: float | None) -> None:
        gate = self._gate
        dt_s = (t_ns - gate.believed_ns) * 1e-9
        if dt_s <= 0.0:
            return
        expected = self._filter.expect(dt_s, cadence_hz)
        surprise_m = seen_m - expected.position_m - expected.sway_m
        farther_m = surprise_m * self._sign
        reading = gate.judge(t_ns, seen_m, farther_m, expected.sigma_m)
        if reading is Reading.FITS:
            self._filter.correct(expected, surprise_m)
            gate.remember(surprise_m, dt_s)
            self._publish()
        elif reading is Reading.RETURNED:
            self._place(seen_m, self._nearer_before_m_s, KEPT_M_S)
        else:
            self.rejected += 1
            self._filter.learn_noise(min(surprise_m * surprise_m, MISFIT_M2) - expected.variance_m2, dt_s)
            if reading is Reading.AGREED:
                self._find_again(seen_m, nearer=farther_m < 0.0)

    def _find_again(self, seen_m: float, nearer: bool) -> None:
        """The candidate is where the walker is."""
        candidate = self._gate.candidate
        if nearer:
            self._nearer_before_m_s = self.velocity_m_s
        sigma_m_s = KEPT_M_S if candidate.stands and not candidate.reachable else FOUND_M_S
        self._place(seen_m, self.velocity_m_s, sigma_m_s, may_be_hand=nearer and not candidate.reachable)

    def _place(self, seen_m: float, velocity_m_s: float, sigma_m_s: float, may_be_hand: bool = False) -> None:
        """The walker is here: the filter starts again."""
        self._filter.place(seen_m, velocity_m_s, sigma_m_s)
        self.may_be_hand = may_be_hand
        self._publish()

    def _publish(self) -> None:
        self.known = True
        self.position_m = self._filter.position_m
        self.velocity_m_s = self._filter.velocity_m_s
        self.velocity_sigma_m_s = self._filter.velocity_sigma_m_s


def _offset_and_sign(params: PositionParams) -> tuple[float, float]:
    """position = offset + sign x distance: first in the deck's own frame, then mirrored for a reverse belt."""
    length_m = params.deck_length_m
    if params.mount == "front":
        offset_m, sign = params.half_body_m - params.zero_m, 1.0
    else:
        offset_m, sign = length_m + params.zero_m - params.half_body_m, -1.0
    if params.direction == "reverse":
        return length_m - offset_m, -sign
    return offset_m, sign
