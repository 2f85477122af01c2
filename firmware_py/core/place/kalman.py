"""Filters range readings into position and velocity, with the sway of the steps taken out: a six-state Kalman filter.

Must never decide which reading is believed; `gate.py` does, between `expect` and `correct`.

States   0 position, 1 velocity, 2 and 3 an oscillator at step frequency, 4 and 5 one at stride frequency. The
         oscillators carry the sway of the pelvis, which is then neither position nor velocity. Each is held as cosine
         and sine amplitude in a frame that rotates with the steps, so only position and velocity move on their own.
Phase    starts at the IMU's cadence and is pulled onto the frequency that the readings show.
Noise    of the readings is learned: quickly at first, then slowly. Sensors, clothes and light differ.
Sudden   motion shows as surprises of one sign. The filter then lets the velocity follow at once.

The order of the floating-point operations is part of the contract: replay must give bit-identical decisions.
"""

from dataclasses import dataclass
from math import cos, exp, pi, sin, sqrt
from typing import NamedTuple

from firmware_py.core.deck.params import PositionParams

TREND_S = 0.12  # time over which surprises are averaged
CALM_SIGMAS = 0.9  # a mean surprise below this is noise: nearly 3 of its own standard deviations at 40 Hz
STRIDE_SHARE = 0.5  # the sway at stride frequency is at most half of that at step frequency [A]
STRIDE_VARIANCE = 0.16  # and usually 0.4 of it: squared [A]
TWO_STEPS_RAD = 4.0 * pi  # both oscillators repeat after one stride

PULL_MIN_M = 0.003  # a smaller sway has no phase worth following
PULL_GAIN = 0.6
PULL_LEAK_HZ = 0.05
PULL_TOP = 1.5  # the most that the phase is pulled, in rad/s for each Hz of cadence

LEARN_FIRST_S = 3.0  # the noise is learned quickly for so long ...
LEARN_QUICK_S, LEARN_SLOW_S = 0.7, 3.0  # ... with this time constant, and then with the other

# The upper triangle of the symmetric covariance, row by row: p00 .. p05, p11 .. p15, p22 .. p25, p33 .. p35, p44, p45,
# p55. Written out, because loops over it take three times as long at every reading.
Covariance = tuple[float, ...]
Gains = tuple[float, float, float, float, float, float]  # covariance of each state with the reading


class Expected(NamedTuple):
    """What the filter expects of the next reading. Nothing is committed until `correct`."""

    dt_s: float  # since the last believed reading
    cadence_hz: float | None
    phase_rad: float
    position_m: float
    sway_m: float
    variance_m2: float  # of the reading about position and sway, its noise included
    sigma_m: float  # its root
    covariance: Covariance
    gains: Gains


@dataclass(slots=True)
class Kalman:
    """Six states and their covariance as of the last believed reading. `place` must come first."""

    params: PositionParams
    noise_m2: float
    position_m: float = 0.0
    velocity_m_s: float = 0.0
    velocity_sigma_m_s: float = 1.0
    sway_m: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    covariance: Covariance = ()
    phase_rad: float = 0.0
    pull_rad_s: float = 0.0
    trend_sigmas: float = 0.0
    sudden: float = 0.0  # 0 steady, 1 the velocity may change as fast as a body's can
    learned_s: float = 0.0

    def place(self, position_m: float, velocity_m_s: float, velocity_sigma_m_s: float) -> None:
        """Start again at a known place; phase, pull and learned noise stay."""
        self.position_m, self.velocity_m_s = position_m, velocity_m_s
        self.velocity_sigma_m_s = velocity_sigma_m_s
        self.sway_m = (0.0, 0.0, 0.0, 0.0)
        self.trend_sigmas = self.sudden = 0.0
        p00, p11 = self.params.noise_m**2, velocity_sigma_m_s * velocity_sigma_m_s
        p22 = p33 = self.params.sway_m**2
        p44 = p55 = STRIDE_VARIANCE * p22
        self.covariance = (
            p00, 0.0, 0.0, 0.0, 0.0, 0.0,
            p11, 0.0, 0.0, 0.0, 0.0,
            p22, 0.0, 0.0, 0.0,
            p33, 0.0, 0.0,
            p44, 0.0,
            p55,
        )  # fmt: skip

    def expect(self, dt_s: float, cadence_hz: float | None) -> Expected:
        """The reading to expect `dt_s` after the last believed one; `cadence_hz` None: nobody walks."""
        p = self.params
        (
            p00, p01, p02, p03, p04, p05,
            p11, p12, p13, p14, p15,
            p22, p23, p24, p25,
            p33, p34, p35,
            p44, p45,
            p55,
        ) = self.covariance  # fmt: skip

        # position moves on by velocity x dt; white acceleration of density q widens both
        q = p.calm_m2_s3 + self.sudden * p.sudden_m2_s3
        p01_moved = p01 + dt_s * p11
        p00 += dt_s * (p01 + p01_moved) + q * dt_s * dt_s * dt_s / 3.0
        p01 = p01_moved + q * dt_s * dt_s * 0.5
        p11 += q * dt_s
        p02 += dt_s * p12
        p03 += dt_s * p13
        p04 += dt_s * p14
        p05 += dt_s * p15

        # the oscillators turn with the steps; they drift in amplitude and phase while somebody walks
        phase = self.phase_rad
        h2 = h3 = h4 = h5 = 0.0
        if cadence_hz is not None:
            step_m2 = 2.0 * p.sway_m * p.sway_m / p.sway_tau_s * dt_s
            stride_m2 = STRIDE_VARIANCE * step_m2
            p22 += step_m2
            p33 += step_m2
            p44 += stride_m2
            p55 += stride_m2
            phase += (2.0 * pi * cadence_hz + self.pull_rad_s) * dt_s
            h2, h3, h4, h5 = cos(phase), sin(phase), cos(0.5 * phase), sin(0.5 * phase)

        # a reading is h x state with h = (1, 0, h2, h3, h4, h5)
        s2, s3, s4, s5 = self.sway_m
        sway_m = s2 * h2 + s3 * h3 + s4 * h4 + s5 * h5
        g0 = p00 + p02 * h2 + p03 * h3 + p04 * h4 + p05 * h5
        g1 = p01 + p12 * h2 + p13 * h3 + p14 * h4 + p15 * h5
        g2 = p02 + p22 * h2 + p23 * h3 + p24 * h4 + p25 * h5
        g3 = p03 + p23 * h2 + p33 * h3 + p34 * h4 + p35 * h5
        g4 = p04 + p24 * h2 + p34 * h3 + p44 * h4 + p45 * h5
        g5 = p05 + p25 * h2 + p35 * h3 + p45 * h4 + p55 * h5
        variance_m2 = g0 + g2 * h2 + g3 * h3 + g4 * h4 + g5 * h5 + self.noise_m2
        covariance = (
            p00, p01, p02, p03, p04, p05,
            p11, p12, p13, p14, p15,
            p22, p23, p24, p25,
            p33, p34, p35,
            p44, p45,
            p55,
        )  # fmt: skip
        position_m = self.position_m + self.velocity_m_s * dt_s
        gains = (g0, g1, g2, g3, g4, g5)
        sigma_m = sqrt(variance_m2)
        return Expected(dt_s, cadence_hz, phase, position_m, sway_m, variance_m2, sigma_m, covariance, gains)

    def correct(self, expected: Expected, surprise_m: float) -> None:
        """Believe the reading that lies `surprise_m` from the expected one."""
        dt_s, cadence_hz, phase, position_m, _, variance_m2, sigma_m, covariance, gains = expected
        self.phase_rad = phase - TWO_STEPS_RAD if phase > TWO_STEPS_RAD else phase
        g0, g1, g2, g3, g4, g5 = gains
        k = surprise_m / variance_m2
        self.position_m = position_m + g0 * k
        self.velocity_m_s += g1 * k
        s2, s3, s4, s5 = self.sway_m
        shift2, shift3 = g2 * k, g3 * k
        if cadence_hz is not None:
            self._pull_phase(s2 * shift3 - s3 * shift2, s2 * s2 + s3 * s3, cadence_hz, dt_s)
        most_m = self.params.sway_max_m
        step = _at_most(most_m, s2 + shift2, s3 + shift3)
        stride = _at_most(STRIDE_SHARE * most_m, s4 + g4 * k, s5 + g5 * k)
        self.sway_m = step + stride
        self._reduce_covariance(covariance, gains, variance_m2)
        self._follow_trend(surprise_m, sigma_m, variance_m2, dt_s)

    def _reduce_covariance(self, covariance: Covariance, gains: Gains, variance_m2: float) -> None:
        """A believed reading makes every state more certain: P - g g' / variance."""
        (
            p00, p01, p02, p03, p04, p05,
            p11, p12, p13, p14, p15,
            p22, p23, p24, p25,
            p33, p34, p35,
            p44, p45,
            p55,
        ) = covariance  # fmt: skip
        g0, g1, g2, g3, g4, g5 = gains
        i = 1.0 / variance_m2
        j0, j1, j2, j3, j4 = g0 * i, g1 * i, g2 * i, g3 * i, g4 * i
        p11 -= g1 * j1
        self.covariance = (
            p00 - g0 * j0, p01 - g1 * j0, p02 - g2 * j0, p03 - g3 * j0, p04 - g4 * j0, p05 - g5 * j0,
            p11, p12 - g2 * j1, p13 - g3 * j1, p14 - g4 * j1, p15 - g5 * j1,
            p22 - g2 * j2, p23 - g3 * j2, p24 - g4 * j2, p25 - g5 * j2,
            p33 - g3 * j3, p34 - g4 * j3, p35 - g5 * j3,
            p44 - g4 * j4, p45 - g5 * j4,
            p55 - g5 * g5 * i,
        )  # fmt: skip
        self.velocity_sigma_m_s = sqrt(p11)

    def _pull_phase(self, turn_m2: float, power_m2: float, cadence_hz: float, dt_s: float) -> None:
        """A sway that turns in the rotating frame is faster or slower than the cadence says."""
        if power_m2 <= PULL_MIN_M * PULL_MIN_M:
            return
        pull = self.pull_rad_s * (1.0 - PULL_LEAK_HZ * dt_s) - PULL_GAIN * turn_m2 / power_m2
        top = PULL_TOP * cadence_hz
        self.pull_rad_s = top if pull > top else (-top if pull < -top else pull)

    def _follow_trend(self, surprise_m: float, sigma_m: float, variance_m2: float, dt_s: float) -> None:
        """Surprises of one sign are sudden motion; other surprises are noise, to be learned."""
        keep = exp(-dt_s / TREND_S)
        self.trend_sigmas = keep * self.trend_sigmas + (1.0 - keep) * surprise_m / sigma_m
        excess = abs(self.trend_sigmas) - CALM_SIGMAS
        if excess > 0.0:
            self.sudden = min(excess, 1.0)
        else:
            self.sudden = 0.0
            self.learn_noise(surprise_m * surprise_m - variance_m2, dt_s)

    def learn_noise(self, excess_m2: float, dt_s: float) -> None:
        """A squared surprise was so much larger than its expected variance."""
        p = self.params
        self.learned_s += dt_s
        tau_s = LEARN_SLOW_S if self.learned_s > LEARN_FIRST_S else LEARN_QUICK_S
        noise_m2 = self.noise_m2 + excess_m2 * dt_s / tau_s
        low_m2, high_m2 = p.noise_min_m * p.noise_min_m, p.noise_max_m * p.noise_max_m
        self.noise_m2 = low_m2 if noise_m2 < low_m2 else (high_m2 if noise_m2 > high_m2 else noise_m2)


def _at_most(most_m: float, cosine_m: float, sine_m: float) -> tuple[float, float]:
    """A body's sway is small: what a longer swing would explain is motion along the deck."""
    size_m = sqrt(cosine_m * cosine_m + sine_m * sine_m)
    if size_m > most_m:
        return cosine_m * (most_m / size_m), sine_m * (most_m / size_m)
    return cosine_m, sine_m
