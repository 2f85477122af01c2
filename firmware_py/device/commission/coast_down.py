"""Owns how a belt comes to rest: latency and deceleration, fitted to the way of a box that the belt carries.

Must never be used in the guard: it needs scipy, and is used once, at commissioning.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares

SIGMAS = 1.5  # assumed slower than the best fit by this much: latency and deceleration blur into each other
_LOW, _HIGH = (0.01, 0.2), (0.60, 5.0)  # what the configuration takes: s, m/s2

# Times and places of the box from before the cut to rest; the cut.
Drop = tuple[list[tuple[float, float]], float]


class Coast(NamedTuple):
    """How one belt comes to rest."""

    latency_s: float
    deceleration_m_s2: float

    def way_m(self, speed_m_s: float) -> float:
        """From the cut to rest."""
        return speed_m_s * self.latency_s + speed_m_s**2 / (2.0 * self.deceleration_m_s2)


class Fit(NamedTuple):
    """All drops together."""

    best: Coast
    cautious: Coast  # the slowest stop from `ceiling_m_s` that the drops allow
    noise_m: float  # standard deviation of what the fit leaves
    drops: tuple[tuple[float, float], ...]  # speed and way of each


def fit(drops: list[Drop], ceiling_m_s: float) -> Fit:
    """One latency and one deceleration for all drops, each with its own speed and start."""
    times = [np.array([t for t, _ in way]) - cut_s for way, cut_s in drops]
    places = [np.array([x for _, x in way]) for way, _ in drops]
    first: list[float] = []
    for t, x in zip(times, places, strict=True):
        first += [float(value) for value in np.polyfit(t[t <= 0.0], x[t <= 0.0], 1)]
    rest_m = [float(np.median(x[t > t[-1] - 0.3])) for t, x in zip(times, places, strict=True)]
    ways = [rest - start for rest, start in zip(rest_m, first[1::2], strict=True)]

    def miss(guess: Any) -> Any:
        latency, deceleration = guess[:2]
        parts = []
        for t, x, v, start in zip(times, places, guess[2::2], guess[3::2], strict=True):
            coasting = np.clip(t - latency, 0.0, v / deceleration)
            moving = v * np.minimum(t, latency) + v * coasting - 0.5 * deceleration * coasting**2
            parts.append(start + moving - x)
        return np.concatenate(parts)

    low = [*_LOW] + [0.02, -9.0] * len(drops)
    high = [*_HIGH] + [3.0, 9.0] * len(drops)
    found = least_squares(
        miss, np.clip([0.15, 1.0, *first], low, high), bounds=(low, high), loss="soft_l1", f_scale=0.02
    )
    best = Coast(*(float(value) for value in found.x[:2]))
    noise_m = float(np.std(miss(found.x)))
    jac: Any = found.jac
    spread = np.linalg.pinv(jac.T @ jac)[:2, :2] * noise_m**2
    slope = np.array([ceiling_m_s, -(ceiling_m_s**2) / (2.0 * best.deceleration_m_s2**2)])
    slower = SIGMAS * (spread @ slope) / np.sqrt(max(1e-12, slope @ spread @ slope))
    cautious = Coast(*(float(value) for value in np.clip(found.x[:2] + slower, _LOW, _HIGH)))
    speeds = [float(v) for v in found.x[2::2]]
    return Fit(best, cautious, noise_m, tuple(zip(speeds, ways, strict=True)))
