"""Owns the belt's speed from a hall sensor on the roller: kernel edge times in, m/s out.

Inputs: the time of every pulse, in order (`pulse`), and the time now (`speed`).
It says a speed only when a whole turn of the roller has been seen (magnets are never spaced evenly).
While the next pulse is awaited the speed can only have fallen: less than a turn has passed since the one that
was a turn before it. It lags by at most a turn when the belt gains speed.
It says 0.0 once a silence allows less than `min_speed_m_s`, if it has ever seen a pulse; a sensor that has
never spoken is NOT_READY, because a torn wire and a resting belt sound the same.
It says BAD_VALUE while pulses are closer than `max_speed_m_s` allows, or run backward in time.
It must never guess low: an edge that is missed or doubled by noise is a fault until a turn has passed.
"""

from collections import deque

from sensors.samples import Fault


class HallSpeed:
    """Belt speed from pulses. `metres_per_pulse`: roller circumference / magnets."""

    __slots__ = (
        "_bad_pulses",
        "_last_ns",
        "_min_gap_ns",
        "_pulses_ns",
        "_standstill_ns",
        "_turn",
        "_turn_m",
    )

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
        if gap_ns >= self._standstill_ns:  # what was before a silence says nothing about the speed after it
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
