"""Owns how alike the strides are: Ad1 and Ad2 of the acceleration along up, over 30 s, every 10 s. Must never decide.

Ad1 and Ad2 are the unbiased autocorrelation at the lag of one step and of one stride, after Moe-Nilssen and Helbostad,
J Biomech 37 (2004) 121-126: 1 when each is like the next, 0 when they share nothing. Times of foot contacts are not
used: an IMU finds them 18 ms too early or late in backward walking (Sensors 2020, 20:6331), as much as the change that
is looked for. In 10 s the noise of Ad2 within one walker is 0.12, in 30 s it is 0.07 (docs/coach.md).
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from operator import mul
from statistics import fmean, pstdev
from typing import NamedTuple

from sensors.samples import Vec3

RATE_HZ = 50
BIN_NS = 1_000_000_000 // RATE_HZ
WINDOW_S = 30
EVERY_S = 10
GAP_NS = 1_000_000_000  # a longer silence, and what came before is another walk
STILL_M_S2 = 0.1  # standard deviation: sensor noise and breathing
STEP_SPAN = (0.75, 1.25)  # where a step's lag is sought, of 1 / cadence
STRIDE_SPAN = (0.85, 1.15)  # and a stride's, of 2 / cadence


class Second(NamedTuple):
    """The means of one second of walking."""

    accel_m_s2: Vec3  # body frame
    position_m: float | None
    cadence_hz: float | None


class Window(NamedTuple):
    """The last 30 s of walking."""

    ad1: float  # how much a step is like the next
    ad2: float  # how much a stride is like the next
    jerk_per_s: float  # RMS jerk over RMS acceleration: lower is softer
    cadence_hz: float
    wander_m: float | None  # standard deviation of the place; None: no distance sensor

    @property
    def evenness(self) -> float:
        """Left like right: 1 when a step is as like the next step as a stride is like the next stride."""
        return min(max(self.ad1 / self.ad2, 0.0), 1.0) if self.ad2 > 0.0 else 0.0


@dataclass(slots=True)
class Strides:
    """Feed it every tick of walking. `second` and `window` hold what this tick completed, else None."""

    second: Second | None = None
    window: Window | None = None
    _bins: deque[Vec3] = field(default_factory=lambda: deque(maxlen=WINDOW_S * RATE_HZ))
    _seconds: deque[Second] = field(default_factory=lambda: deque(maxlen=WINDOW_S))
    _t_ns: int = 0
    _bin_ns: int = 0
    _sum_x: float = 0.0
    _sum_y: float = 0.0
    _sum_z: float = 0.0
    _count: int = 0
    _since_window_s: int = 0
    _places: list[float] = field(default_factory=list)
    _cadences: list[float] = field(default_factory=list)

    def restart(self) -> None:
        """What comes now is another walk."""
        self._bins.clear()
        self._seconds.clear()
        self._places.clear()
        self._cadences.clear()
        self._count = self._since_window_s = self._bin_ns = 0
        self._sum_x = self._sum_y = self._sum_z = 0.0
        self.second = self.window = None

    def update(self, t_ns: int, accel_m_s2: Vec3, position_m: float | None, cadence_hz: float | None) -> None:
        """One tick."""
        if not 0 <= t_ns - self._t_ns <= GAP_NS:
            self.restart()
        self._t_ns = t_ns
        self.second = self.window = None
        self._sum_x += accel_m_s2[0]
        self._sum_y += accel_m_s2[1]
        self._sum_z += accel_m_s2[2]
        self._count += 1
        if t_ns < self._bin_ns:
            return
        self._bin_ns = max(self._bin_ns + BIN_NS, t_ns + BIN_NS // 2)
        n = self._count
        self._bins.append((self._sum_x / n, self._sum_y / n, self._sum_z / n))
        self._sum_x = self._sum_y = self._sum_z = 0.0
        self._count = 0
        if position_m is not None:
            self._places.append(position_m)
        if cadence_hz is not None:
            self._cadences.append(cadence_hz)
        self._since_window_s += 1
        if self._since_window_s % RATE_HZ == 0:
            self._end_second()

    def _end_second(self) -> None:
        newest = [self._bins[-k] for k in range(1, min(RATE_HZ, len(self._bins)) + 1)]
        x, y, z = (fmean(axis) for axis in zip(*newest, strict=True))
        self.second = Second(
            (x, y, z),
            fmean(self._places) if self._places else None,
            fmean(self._cadences) if self._cadences else None,
        )
        self._places.clear()
        self._cadences.clear()
        self._seconds.append(self.second)
        if len(self._seconds) == WINDOW_S and self._since_window_s >= EVERY_S * RATE_HZ:
            self._since_window_s = 0
            self.window = self._look()

    def _look(self) -> Window | None:
        cadences = [s.cadence_hz for s in self._seconds if s.cadence_hz is not None]
        if len(cadences) < WINDOW_S // 2:
            return None
        cadence_hz = fmean(cadences)
        up = along_up(self._bins)
        power = sum(map(mul, up, up)) / len(up)
        if power < STILL_M_S2**2:
            return None
        jerk = [b - a for a, b in pairwise(up)]
        places = [s.position_m for s in self._seconds if s.position_m is not None]
        return Window(
            alike(up, power, 1.0 / cadence_hz, STEP_SPAN),
            alike(up, power, 2.0 / cadence_hz, STRIDE_SPAN),
            RATE_HZ * sqrt(sum(map(mul, jerk, jerk)) / len(jerk) / power),
            cadence_hz,
            pstdev(places) if len(places) >= WINDOW_S // 2 else None,
        )


def along_up(accels: deque[Vec3]) -> list[float]:
    """The part of each along the mean direction of gravity, without its mean."""
    x, y, z = (fmean(axis) for axis in zip(*accels, strict=True))
    length = sqrt(x * x + y * y + z * z) or 1.0
    x, y, z = x / length, y / length, z / length
    return [a * x + b * y + c * z - length for a, b, c in accels]


def alike(values: list[float], power: float, lag_s: float, span: tuple[float, float]) -> float:
    """The highest unbiased autocorrelation of `values` at a lag within `span` of `lag_s`."""
    first = max(1, round(span[0] * lag_s * RATE_HZ))
    last = min(len(values) // 2, max(first, round(span[1] * lag_s * RATE_HZ)))
    best = -1.0
    for lag in range(first, last + 1):
        both = sum(map(mul, values, values[lag:])) / (len(values) - lag)
        best = max(best, both / power)
    return min(best, 1.0)
