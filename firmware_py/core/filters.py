"""Owns the small filters that the core is built from: coefficients in closed form, plain floats, one sample at
a time. Must never know what it filters, nor look ahead.
"""

from math import exp, sqrt, tan
from math import pi as _PI


class Held:
    """Says when something has held long enough: fills at 1 while it is true, drains at 1/4 while it is not.

    A condition that flickers still gets there; a single sample never does, unless the hold is 0.
    """

    __slots__ = ("_filled_s", "hold_s")

    def __init__(self, hold_s: float) -> None:
        self.hold_s = hold_s
        self._filled_s = 0.0

    def update(self, true: bool, dt_s: float) -> bool:
        """One tick; returns whether it has held."""
        if true:
            self._filled_s = min(self._filled_s + dt_s, self.hold_s)
            return self._filled_s >= self.hold_s - 1e-9
        self._filled_s = max(0.0, self._filled_s - 0.25 * dt_s)
        return False

    def clear(self) -> None:
        """Forget."""
        self._filled_s = 0.0


class Biquad:
    """One second-order section (direct form II transposed), the form and sign of scipy.signal's `sos`."""

    __slots__ = ("_z1", "_z2", "a1", "a2", "b0", "b1", "b2")

    def __init__(self, b0: float, b1: float, b2: float, a1: float, a2: float) -> None:
        self.b0, self.b1, self.b2, self.a1, self.a2 = b0, b1, b2, a1, a2
        self._z1 = 0.0
        self._z2 = 0.0

    def update(self, x: float) -> float:
        """One sample in, one sample out."""
        y = self.b0 * x + self._z1
        self._z1 = self.b1 * x - self.a1 * y + self._z2
        self._z2 = self.b2 * x - self.a2 * y
        return y


def low_pass(cutoff_hz: float, rate_hz: float) -> Biquad:
    """Butterworth, 2nd order, bilinear with pre-warping: scipy.signal.butter(2, cutoff_hz, fs=rate_hz)."""
    k = tan(_PI * cutoff_hz / rate_hz)
    n = 1.0 / (1.0 + sqrt(2.0) * k + k * k)
    b = k * k * n
    return Biquad(b, 2.0 * b, b, 2.0 * (k * k - 1.0) * n, (1.0 - sqrt(2.0) * k + k * k) * n)


def high_pass(cutoff_hz: float, rate_hz: float) -> Biquad:
    """Butterworth, 2nd order: scipy.signal.butter(2, cutoff_hz, "high", fs=rate_hz)."""
    k = tan(_PI * cutoff_hz / rate_hz)
    n = 1.0 / (1.0 + sqrt(2.0) * k + k * k)
    return Biquad(n, -2.0 * n, n, 2.0 * (k * k - 1.0) * n, (1.0 - sqrt(2.0) * k + k * k) * n)


def decay(dt_s: float, tau_s: float) -> float:
    """What is left of a leaky state after dt_s."""
    return exp(-dt_s / tau_s)
