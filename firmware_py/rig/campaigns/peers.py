"""Owns the simpler ways to decide that we compare with. Must never make one weaker than the device it stands for.

Each peer gets what it would really see, and returns whether it cuts the belt at this tick.
"""

from math import sqrt
from typing import NamedTuple, Protocol

from firmware_py.core.deck.stopping import rest_position_m
from firmware_py.rig.world.scene import State

IN_A_ROW = 3  # readings
STEP_LOSS_S = 20.0  # LifeSpan; Star Trac and Precor wait 30 s


class Seen(NamedTuple):
    """What there is to see at one tick."""

    state: State
    reading_m: float | None  # position by a new good range reading; None: there is none at this tick
    dt_s: float


class Peer(Protocol):
    """One way to decide."""

    name: str

    def cuts(self, seen: Seen) -> bool: ...


class Line:
    """A range sensor and a line: three readings in a row beyond it cut the belt."""

    def __init__(self, name: str, line_m: float) -> None:
        self.name = name
        self._line_m = line_m
        self._beyond = 0

    def cuts(self, seen: Seen) -> bool:
        if seen.reading_m is not None:
            self._beyond = self._beyond + 1 if seen.reading_m > self._line_m else 0
        return self._beyond >= IN_A_ROW


class KalmanLine:
    """Two states, position and velocity, and a line on the filtered position: what a careful maker builds first."""

    name = "kalman_line"

    def __init__(self, line_m: float, noise_m: float = 0.015, jerk_m2_s3: float = 0.05) -> None:
        self._line_m = line_m
        self._r = noise_m * noise_m
        self._q = jerk_m2_s3
        self._x: float | None = None
        self._v = 0.0
        self._a, self._b, self._d = self._r, 0.0, 0.1
        self._gap_s = 0.0

    def cuts(self, seen: Seen) -> bool:
        reading_m = seen.reading_m
        self._gap_s += seen.dt_s
        if reading_m is None:
            return False
        if self._x is None:
            self._x = reading_m
        t, q = self._gap_s, self._q
        self._gap_s = 0.0
        x = self._x + self._v * t
        a = self._a + t * (2 * self._b + t * self._d) + q * t**3 / 3
        b = self._b + t * self._d + q * t * t / 2
        d = self._d + q * t
        s = a + self._r
        e = reading_m - x
        if abs(e) > 5 * sqrt(s) + 0.05:
            self._a, self._b, self._d = a, b, d
            self._x = x
            return False
        self._x = x + a / s * e
        self._v += b / s * e
        self._a, self._b, self._d = a - a * a / s, b - a * b / s, d - b * b / s
        return self._x > self._line_m


class Cord:
    """The safety cord: pulls its magnet when the pelvis is at 70 % of the deck."""

    name = "cord"

    def __init__(self, line_m: float) -> None:
        self._line_m = line_m

    def cuts(self, seen: Seen) -> bool:
        return seen.state.position_m >= self._line_m


class StepLoss:
    """The treadmill's own auto-stop: nobody steps for 20 s. Given the true steps, it cannot be better."""

    name = "step_loss_20s"

    def __init__(self) -> None:
        self._steps = 0
        self._since_s = 0.0

    def cuts(self, seen: Seen) -> bool:
        steps = seen.state.steps
        self._since_s = 0.0 if steps != self._steps else self._since_s + seen.dt_s
        self._steps = steps
        return self._since_s >= STEP_LOSS_S


def peers(line_m: float, ceiling_m_s: float, latency_s: float, coast_down_m_s2: float) -> list[Peer]:
    """`early_line`: the plain line moved forward by the whole way of a dead standstill. Never late, often wrong."""
    early_m = 2 * line_m - rest_position_m(line_m, ceiling_m_s, ceiling_m_s, latency_s + 0.1, coast_down_m_s2)
    return [Line("line", line_m), Line("early_line", early_m), KalmanLine(line_m), Cord(line_m), StepLoss()]
