"""Owns what the distance sensor measures of the walker's back. Must never return a failed reading as a number.

VL53L1X: short mode to 1.3 m, one reading in 20 to 33 ms, repeatability near 1 cm on dark cloth, the range status
marks a reading that is worth nothing. TF-Luna: 1 cm repeatability, 100 Hz read at 50 Hz, no reading below
amplitude 100 (datasheets). Loose clothing, hands that swing through the beam and bursts of failures: [A].
"""

from dataclasses import dataclass
from math import exp, sqrt
from random import Random

from sensors.samples import Fault


@dataclass(frozen=True, slots=True)
class RangingParams:
    """One sensor and what hangs in front of it."""

    period_s: float = 0.025
    noise_m: float = 0.010  # at 0.5 m; grows with distance
    max_m: float = 1.36
    fail: float = 0.02  # single readings that fail
    burst_hz: float = 0.03  # bursts of failures a second, 40 to 110 ms each
    cloth_m: float = 0.006  # slow flutter, standard deviation
    # Times a second that a hand swings through the beam, 40 to 100 ms, 8 to 25 cm nearer.
    hand_hz: float = 0.05


VL53L1X = RangingParams()
TF_LUNA = RangingParams(0.020, 0.008, 8.0, 0.005, 0.02, 0.006, 0.05)


class Ranging:
    """`advance` returns True when a reading has just been finished; then `distance_m` or `fault` is new."""

    __slots__ = (
        "_burst_s",
        "_cloth_m",
        "_hand_m",
        "_hand_s",
        "_next_s",
        "_params",
        "_random",
        "count",
        "distance_m",
        "fault",
    )

    def __init__(self, params: RangingParams, random: Random) -> None:
        self._params = params
        self._random = random
        self._next_s = params.period_s * random.random()
        self._burst_s = 0.0
        self._hand_s = 0.0
        self._hand_m = 0.0
        self._cloth_m = 0.0
        self.count = 0
        self.distance_m = 0.0
        self.fault: Fault | None = Fault.NOT_READY

    def advance(self, dt_s: float, true_m: float | None, silent: bool = False) -> bool:
        """`true_m`: from the sensor to the walker's back; None: nobody in the beam. `silent`: it does not answer."""
        self._next_s -= dt_s
        if self._next_s > 0.0:
            return False
        params, random = self._params, self._random
        step = params.period_s * random.uniform(0.97, 1.03)
        self._next_s += step
        self.count = (self.count + 1) % 256
        self._burst_s -= step
        self._hand_s -= step
        if random.random() < params.burst_hz * step:
            self._burst_s = random.uniform(0.04, 0.11)
        if random.random() < params.hand_hz * step:
            self._hand_s, self._hand_m = random.uniform(0.04, 0.10), random.uniform(0.08, 0.25)
        keep = exp(-step / 0.3)
        self._cloth_m = keep * self._cloth_m + params.cloth_m * sqrt(1 - keep * keep) * random.gauss(0, 1)
        if silent:
            self.fault = Fault.NO_REPLY
        elif true_m is None or true_m > params.max_m:
            self.fault = Fault.NO_TARGET
        elif self._burst_s > 0.0 or random.random() < params.fail:
            self.fault = Fault.WEAK_SIGNAL
        else:
            self.fault = None
            seen = true_m + self._cloth_m - (self._hand_m if self._hand_s > 0.0 else 0.0)
            noise = params.noise_m * (0.6 + 0.8 * true_m)
            self.distance_m = max(0.02, seen + noise * random.gauss(0, 1))
            self.distance_m = round(self.distance_m, 3)  # both chips speak in millimetres or coarser
        return True
