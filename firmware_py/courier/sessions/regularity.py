"""Owns one number: how much a stride resembles the next, 0 to 1. Must never be used to decide anything.

The unbiased autocorrelation of the acceleration's magnitude at the lag of one stride (two steps), after
Moe-Nilssen and Helbostad, J Biomech 37 (2004) 121-126.
"""

from collections import deque
from math import hypot

RATE_HZ = 25.0
WINDOW_S = 10.0
GAP_NS = 1_000_000_000  # a longer silence begins a new window
STILL_M2_S4 = 0.1**2  # variance of the acceleration: sensor noise and breathing
STRIDE_S = (0.7, 2.6)  # backward walking on a belt: a stride of two steps


class Regularity:
    """Feed it every tick; once per window `update` returns the regularity of that window, else None."""

    def __init__(self) -> None:
        self._values: deque[float] = deque()
        self._next_ns = 0
        self._sum = 0.0
        self._count = 0

    def update(self, t_ns: int, accel_m_s2: tuple[float, float, float]) -> float | None:
        self._sum += hypot(*accel_m_s2)
        self._count += 1
        if t_ns < self._next_ns:
            return None
        behind = t_ns - self._next_ns > GAP_NS
        self._next_ns = t_ns + int(1e9 / RATE_HZ) if behind else self._next_ns + int(1e9 / RATE_HZ)
        if behind:
            self._values.clear()
        self._values.append(self._sum / self._count)
        self._sum, self._count = 0.0, 0
        if len(self._values) < WINDOW_S * RATE_HZ:
            return None
        found = stride_regularity(list(self._values), RATE_HZ)
        self._values.clear()
        return found


def stride_regularity(values: list[float], rate_hz: float) -> float | None:
    """The highest autocorrelation at a lag that can be a stride; None when nothing moves."""
    mean = sum(values) / len(values)
    x = [v - mean for v in values]
    power = sum(v * v for v in x) / len(x)
    if power < STILL_M2_S4:
        return None
    best = 0.0
    for lag in range(int(STRIDE_S[0] * rate_hz), min(int(STRIDE_S[1] * rate_hz), len(x) // 2) + 1):
        both = sum(a * b for a, b in zip(x, x[lag:], strict=False)) / (len(x) - lag)
        best = max(best, both / power)
    return min(best, 1.0)
