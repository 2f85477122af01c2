"""Owns the belt's speed from a hall sensor on the roller: kernel edge times in, m/s out.

Inputs are the time of every pulse, in order (`pulse`), and the time now (`speed`).
* A speed needs a whole turn of the roller, because magnets are never spaced evenly. While the belt slows, the time
  since the pulse a turn ago bounds it; when the belt gains speed it lags by at most a turn.
* A silence that allows less than `min_speed_m_s` is 0.0. A sensor without any pulse yet is NOT_READY: a torn wire and
  a resting belt look the same.
* Pulses closer than `max_speed_m_s` allows, or out of order, are BAD_VALUE until a turn has passed.

Must never guess low: an edge that is missed or doubled by noise is a fault until a turn has passed.
"""

from collections import deque

from sensors.samples import Fault


class HallSpeed:
    """Belt speed from pulses. `metres_per_pulse`: roller circumference / magnets."""

    def __init__(
        self,
        metres_per_pulse: float,
        pulses_per_turn: int = 1,
        max_speed_m_s: float = 3.0,
        min_speed_m_s: float = 0.1,
    ) -> None:
        self._turn = pulses_per_turn
        self._turn_m = metres_per_pulse * pulses_per_turn
        self._min_gap_ns = round(metres_per_pulse / max_speed_m_s * 1e9)
        self._standstill_ns = round(self._turn_m / min_speed_m_s * 1e9)
        self._pulses_ns: deque[int] = deque(maxlen=pulses_per_turn + 1)
        self._last_ns: int | None = None
        self._bad_pulses = 0

    def pulse(self, t_ns: int) -> None:
        """One edge of the sensor, at the kernel's time."""
        gap_ns = self._min_gap_ns if self._last_ns is None else t_ns - self._last_ns
        self._last_ns = t_ns
        if gap_ns >= self._standstill_ns:  # the speed before a silence is not the speed after it
            self._pulses_ns.clear()
            self._bad_pulses = 0
        elif gap_ns < self._min_gap_ns:
            self._bad_pulses = self._turn
        elif self._bad_pulses:
            self._bad_pulses -= 1
        self._pulses_ns.append(t_ns)

    def speed(self, t_ns: int) -> float | Fault:
        """The belt's speed now, in m/s."""
        if self._last_ns is None:
            return Fault.NOT_READY
        silent_ns = t_ns - self._last_ns
        if silent_ns >= self._standstill_ns:
            return 0.0
        if self._bad_pulses:
            return Fault.BAD_VALUE
        if len(self._pulses_ns) <= self._turn:
            return Fault.NOT_READY
        turn_ns = self._pulses_ns[-1] - self._pulses_ns[0]
        awaited_ns = t_ns - self._pulses_ns[1]
        return self._turn_m / (max(turn_ns, awaited_ns) * 1e-9)
