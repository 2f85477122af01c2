"""Owns where the walker is on the deck and how fast the pelvis moves along it, from the range sensor's readings.

Must never judge whether that is dangerous, and never turn a failed reading into a number.

Specification
  Inputs   one reading, fault or None a tick, and the cadence of the steps when somebody walks.
  Model    position and velocity, plus two oscillators at step and stride frequency that carry the sway of
           the pelvis, so that the sway is neither position nor velocity. One Kalman filter over the six.
           The oscillators start at the IMU's cadence and pull onto the frequency that the readings show.
  Doubts   a reading far from the expected one is not used (an arm, a sleeve). Readings that agree with each
           other are believed in the end: after 60 ms when they lie farther from the sensor (nothing sees
           through a body) or begin where a belt could have carried the walker since the last believed one,
           after 90 ms when they are nearer by a jump. They give a place and never a velocity. Readings beyond
           the deck are never believed.
           As nothing sees through a body, one farther reading soon after a nearer place ends it: that was a hand, and
           the velocity is what it was before. Until then, or until a hand would have gone, `hand` says of a place
           found by a jump that it may be that of one.
  Silence  between readings the position coasts on its velocity; `age_s` says since when. Older than
           `max_age_s` is not known, and three readings that agree are needed again.

Frame: position grows the way the belt carries the walker. On a normal deck that is from the console end to the
rear. On a reverse belt the walker faces the console, the belt carries toward it, and position counts from the
physical rear edge: "rear" is then always the end the belt carries to, "front" the end overlong steps lead to.
"""

from dataclasses import dataclass
from math import cos, exp, pi, sin, sqrt
from typing import Literal

from sensors.samples import Fault, RangeSample

# Mean normalised innovation below this is noise: nearly 3 of its own standard deviations at 40 Hz.
_CALM = 0.9
TREND_S = 0.12  # time over which surprises are averaged
_MIN_SWAY_M = 0.003  # a smaller sway has no phase worth following
# Readings that do not fit are believed after this [A]: a hand swings by in 0.1 s. At the slowest rate of a sensor,
# 33 ms, that is before the last believed one is too old.
FAR_HOLD_S, NEAR_HOLD_S = 0.06, 0.09
MOST_M2 = 0.04**2  # a rejected reading counts as noise of 4 cm at most: a hand is not noise
HAND_NS = 100_000_000
# A hand has gone after this, and was further from the body than this [A].
RETURN_NS, RETURN_M = 400_000_000, 0.05
_AGREE_M_S = 2.5  # readings that differ by more than a body can move do not agree
_CARRIED_M_S, _CARRIED_M = 1.5, 0.03  # nobody is carried faster (3 mph is 1.34), but for noise
_MOVED_M = 0.06  # readings that agree and wander less than this stand: the scatter of two of them is 2 cm
# What the velocity is sure to at a place that was found again: it may have changed, or only a hand came or went.
# It is never taken from so few readings: one hand after another would be a metre a second.
_FOUND_M_S, _KEPT_M_S = 0.3, 0.1


@dataclass(frozen=True, slots=True)
class PositionParams:
    """Where the sensor sits, and how noisy it and people are."""

    mount: Literal["front", "rear"] = "front"
    zero_m: float = 0.0  # sensor outside its edge of the deck: positive
    half_body_m: float = 0.0  # from the surface that is seen to the middle of the pelvis
    deck_length_m: float = 1.40
    direction: Literal["normal", "reverse"] = "normal"
    max_age_s: float = 0.150  # promise P6
    noise_m: float = 0.015  # one reading, start value; VL53L1X datasheet repeatability and cloth [A]
    noise_min_m: float = 0.006
    noise_max_m: float = 0.035
    # Speed changes of a steady walker: wander of 8 cm has slips of 0.03 m/s over 1.5 s [A].
    calm_m2_s3: float = 0.004
    sudden_m2_s3: float = 0.30  # a foot that stays down: 0.9 m/s within 0.2 s
    sway_m: float = 0.012  # amplitude at step frequency, 1-2 cm [A]
    sway_max_m: float = 0.022  # at step frequency; half of that at stride frequency
    sway_tau_s: float = 5.0  # how fast amplitude and phase of the sway may change [A]
    far_sigma: float = 5.0  # farther readings: nothing but the walker's own motion makes them
    near_sigma: float = 3.5  # nearer readings: also hands and sleeves in the beam
    hand_sigma: float = 2.0  # just after such a reading
    beyond_m: float = 0.25  # past the rear end by more than this: the reading is the room, not the walker


class Position:
    """`update` at every tick; then read the attributes. Without `known` none of the numbers means anything."""

    __slots__ = (
        "_P",
        "_base_m",
        "_before_m_s",
        "_boost",
        "_count",
        "_doubt_carried",
        "_doubt_first_m",
        "_doubt_m",
        "_doubt_n",
        "_doubt_ns",
        "_doubt_since_ns",
        "_hand_ns",
        "_near_until_ns",
        "_noise_m2",
        "_offset_m",
        "_p",
        "_phase_rad",
        "_pull_rad_s",
        "_seen_m",
        "_seen_s",
        "_sign",
        "_sway",
        "_t_ns",
        "_trend",
        "age_s",
        "beyond",
        "hand",
        "known",
        "position_m",
        "rejected",
        "velocity_m_s",
        "velocity_sigma_m_s",
    )

    def __init__(self, params: PositionParams, rate_hz: float) -> None:
        self._p = params
        length_m = params.deck_length_m
        # position = offset + sign * distance, first in the deck's own frame, then mirrored for a reverse belt
        if params.mount == "front":
            offset_m, sign = params.half_body_m - params.zero_m, 1.0
        else:
            offset_m, sign = length_m + params.zero_m - params.half_body_m, -1.0
        if params.direction == "reverse":
            offset_m, sign = length_m - offset_m, -sign
        self._offset_m = offset_m
        self._sign = sign
        self._count = -1
        self._t_ns = 0
        self._seen_s = 0.0
        self._seen_m = 0.0  # the newest believed reading
        self._base_m = 0.0
        self._sway = (0.0, 0.0, 0.0, 0.0)
        self._P: tuple[float, ...] = ()
        self._hand_ns = 0
        self._near_until_ns = 0
        self._before_m_s = 0.0  # the velocity when the nearer place was found
        self._noise_m2 = params.noise_m**2
        self._phase_rad = 0.0
        self._pull_rad_s = 0.0
        self._trend = 0.0
        self._boost = 0.0
        self._doubt_first_m = 0.0
        self._doubt_carried = False
        self._doubt_m = 0.0
        self._doubt_n = 0
        self._doubt_ns = 0
        self._doubt_since_ns = 0
        self.known = False
        self.hand = False  # the place was found nearer by a jump a moment ago
        self.beyond = False  # the newest reading lies past the rear end of the deck
        self.position_m = 0.0
        self.velocity_m_s = 0.0
        self.velocity_sigma_m_s = 1.0
        self.age_s = 1e9
        self.rejected = 0

    def update(self, t_ns: int, belt: RangeSample | Fault | None, cadence_hz: float | None) -> None:
        """One tick; `cadence_hz` is steps a second, None when nobody walks."""
        if isinstance(belt, RangeSample) and belt.count != self._count:
            self._count = belt.count
            self._reading(t_ns, self._offset_m + self._sign * belt.distance_m, cadence_hz)
        if self.hand and t_ns >= self._near_until_ns:
            self.hand = False
        if self._t_ns:
            age_s = (t_ns - self._t_ns) / 1e9  # divided: 150 ms is 0.150 exactly
            self.age_s = age_s
            if age_s > self._p.max_age_s:
                self.known = False
            elif self.known:
                self.position_m = self._base_m + self.velocity_m_s * age_s

    def _reading(self, t_ns: int, seen_m: float, cadence_hz: float | None) -> None:
        p = self._p
        self.beyond = seen_m > p.deck_length_m + p.beyond_m
        if self.beyond or seen_m < -p.beyond_m:
            self.rejected += 1
            return
        if not self.known:
            self._doubt(t_ns, seen_m, False)
            return
        dt_s = (t_ns - self._t_ns) * 1e-9
        if dt_s <= 0.0:
            return

        # predict: only position and velocity move, the sway is constant in its own rotating frame
        (a, b, c2, c3, c4, c5, d, d2, d3, d4, d5, e22, e23, e24, e25, e33, e34, e35, e44, e45, e55) = self._P
        q = p.calm_m2_s3 + self._boost * p.sudden_m2_s3
        b_mid = b + dt_s * d
        a += dt_s * (b + b_mid) + q * dt_s * dt_s * dt_s / 3.0
        b = b_mid + q * dt_s * dt_s * 0.5
        d += q * dt_s
        c2 += dt_s * d2
        c3 += dt_s * d3
        c4 += dt_s * d4
        c5 += dt_s * d5
        expected_m = self._base_m + self.velocity_m_s * dt_s
        s2, s3, s4, s5 = self._sway
        phase = self._phase_rad  # as of the last believed reading: a doubted one moves nothing
        if cadence_hz is None:
            h2 = h3 = h4 = h5 = 0.0
            sway_m = 0.0
        else:
            free = 2.0 * p.sway_m * p.sway_m / p.sway_tau_s * dt_s
            e22 += free
            e33 += free
            e44 += 0.16 * free
            e55 += 0.16 * free
            phase += (2.0 * pi * cadence_hz + self._pull_rad_s) * dt_s
            h2, h3, h4, h5 = cos(phase), sin(phase), cos(0.5 * phase), sin(0.5 * phase)
            sway_m = s2 * h2 + s3 * h3 + s4 * h4 + s5 * h5

        # update with h = (1, 0, h2, h3, h4, h5)
        g0 = a + c2 * h2 + c3 * h3 + c4 * h4 + c5 * h5
        g1 = b + d2 * h2 + d3 * h3 + d4 * h4 + d5 * h5
        g2 = c2 + e22 * h2 + e23 * h3 + e24 * h4 + e25 * h5
        g3 = c3 + e23 * h2 + e33 * h3 + e34 * h4 + e35 * h5
        g4 = c4 + e24 * h2 + e34 * h3 + e44 * h4 + e45 * h5
        g5 = c5 + e25 * h2 + e35 * h3 + e45 * h4 + e55 * h5
        noise = self._noise_m2
        spread = g0 + g2 * h2 + g3 * h3 + g4 * h4 + g5 * h5 + noise
        surprise_m = seen_m - expected_m - sway_m
        sigma_m = sqrt(spread)
        farther_m = surprise_m * self._sign
        if farther_m > RETURN_M and t_ns < self._near_until_ns:
            self._doubt_n = 0
            self.hand = False
            self.velocity_m_s = self._before_m_s
            self._place(t_ns, seen_m, _KEPT_M_S)
            return
        near = p.near_sigma if t_ns > self._hand_ns else p.hand_sigma
        if farther_m > p.far_sigma * sigma_m or farther_m < -near * sigma_m:
            self.rejected += 1
            self._learn_noise(min(surprise_m * surprise_m, MOST_M2) - spread, dt_s)
            self._doubt(t_ns, seen_m, farther_m < 0.0)
            return
        self._doubt_n = 0
        self._seen_m = seen_m

        k = surprise_m / spread
        self._t_ns = t_ns
        self._phase_rad = phase - 4.0 * pi if phase > 4.0 * pi else phase
        self._base_m = expected_m + g0 * k
        self.velocity_m_s += g1 * k
        t2, t3 = g2 * k, g3 * k
        u2, u3, u4, u5 = s2 + t2, s3 + t3, s4 + g4 * k, s5 + g5 * k
        # the sway of a body is small: what a longer swing would explain is motion along the deck
        size = sqrt(u2 * u2 + u3 * u3)
        if size > p.sway_max_m:
            u2 *= p.sway_max_m / size
            u3 *= p.sway_max_m / size
        size = 2.0 * sqrt(u4 * u4 + u5 * u5)
        if size > p.sway_max_m:
            u4 *= p.sway_max_m / size
            u5 *= p.sway_max_m / size
        self._sway = (u2, u3, u4, u5)
        i = 1.0 / spread
        j0, j1, j2, j3, j4 = g0 * i, g1 * i, g2 * i, g3 * i, g4 * i
        d -= g1 * j1
        self._P = (
            a - g0 * j0,
            b - g1 * j0,
            c2 - g2 * j0,
            c3 - g3 * j0,
            c4 - g4 * j0,
            c5 - g5 * j0,
            d,
            d2 - g2 * j1,
            d3 - g3 * j1,
            d4 - g4 * j1,
            d5 - g5 * j1,
            e22 - g2 * j2,
            e23 - g3 * j2,
            e24 - g4 * j2,
            e25 - g5 * j2,
            e33 - g3 * j3,
            e34 - g4 * j3,
            e35 - g5 * j3,
            e44 - g4 * j4,
            e45 - g5 * j4,
            e55 - g5 * g5 * i,
        )
        self.velocity_sigma_m_s = sqrt(d)

        # the readings' own frequency: a sway that turns in the rotating frame is faster or slower than thought
        power = s2 * s2 + s3 * s3
        if power > _MIN_SWAY_M * _MIN_SWAY_M and cadence_hz is not None:
            pull = self._pull_rad_s * (1.0 - 0.05 * dt_s) - 0.6 * (s2 * t3 - s3 * t2) / power
            top = 1.5 * cadence_hz
            self._pull_rad_s = top if pull > top else (-top if pull < -top else pull)

        # sudden motion: surprises with one sign; then the filter lets the velocity follow at once
        keep = exp(-dt_s / TREND_S)
        trend = keep * self._trend + (1.0 - keep) * surprise_m / sigma_m
        self._trend = trend
        over = (trend if trend > 0.0 else -trend) - _CALM
        if over > 0.0:
            self._boost = over if over < 1.0 else 1.0
        else:
            self._boost = 0.0
            self._learn_noise(surprise_m * surprise_m - spread, dt_s)

    def _learn_noise(self, more_m2: float, dt_s: float) -> None:
        """Quickly in the first seconds, then slowly: sensors, clothes and light differ."""
        p = self._p
        self._seen_s += dt_s
        noise = self._noise_m2 + more_m2 * dt_s / (3.0 if self._seen_s > 3.0 else 0.7)
        low, high = p.noise_min_m * p.noise_min_m, p.noise_max_m * p.noise_max_m
        self._noise_m2 = low if noise < low else (high if noise > high else noise)

    def _doubt(self, t_ns: int, seen_m: float, nearer: bool) -> None:
        """Collect readings that do not fit; three that agree long enough are where the walker really is."""
        gap_s = (t_ns - self._doubt_ns) * 1e-9
        if self._doubt_n and abs(seen_m - self._doubt_m) <= 0.05 + _AGREE_M_S * gap_s and gap_s <= 0.15:
            self._doubt_n += 1
        else:
            self._doubt_n = 1
            self._doubt_since_ns = t_ns
            self._doubt_first_m = seen_m
            way_m = seen_m - self._seen_m
            most_m = _CARRIED_M + _CARRIED_M_S * (t_ns - self._t_ns) * 1e-9
            self._doubt_carried = -_CARRIED_M <= way_m <= most_m
        self._doubt_m = seen_m
        self._doubt_ns = t_ns
        hand = nearer and not self._doubt_carried
        if hand:
            self._hand_ns = t_ns + HAND_NS
        since_s = (t_ns - self._doubt_since_ns) * 1e-9
        if self._doubt_n < 3 or (self.known and since_s < (NEAR_HOLD_S if hand else FAR_HOLD_S)):
            return
        self._doubt_n = 0
        self.hand = hand
        if nearer:
            self._near_until_ns = t_ns + RETURN_NS
            self._before_m_s = self.velocity_m_s
        moved_m = seen_m - self._doubt_first_m
        sigma_m_s = _FOUND_M_S
        if not self.known:
            self._seen_s = self.velocity_m_s = 0.0
        elif not self._doubt_carried and -_MOVED_M <= moved_m <= _MOVED_M:
            sigma_m_s = _KEPT_M_S
        self.known = True
        self._place(t_ns, seen_m, sigma_m_s)

    def _place(self, t_ns: int, seen_m: float, sigma_m_s: float) -> None:
        """The walker is here: begin anew, with the velocity as it stands."""
        p = self._p
        self._t_ns = t_ns
        self._base_m = self._seen_m = self.position_m = seen_m
        self.velocity_sigma_m_s = sigma_m_s
        self._sway = (0.0, 0.0, 0.0, 0.0)
        self._trend = self._boost = 0.0
        n, w = p.noise_m**2, p.sway_m**2
        self._P = (
            n, 0.0, 0.0, 0.0, 0.0, 0.0, sigma_m_s * sigma_m_s, 0.0, 0.0, 0.0, 0.0,
            w, 0.0, 0.0, 0.0, w, 0.0, 0.0, 0.16 * w, 0.0, 0.16 * w,
        )  # fmt: skip
