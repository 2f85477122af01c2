"""Owns the treadmill belt: how it starts, and how it comes to rest after the cut. Must never know who asked for it.

Deceleration after a cut: 0.5 to 2 m/s2, and 50 to 400 ms until the motor current is really gone [A]; the
figures of one machine are what `rearguard commission` measures.
"""

from dataclasses import dataclass
from math import inf

from firmware_py.config import BeltConfig

_DEFAULTS = BeltConfig()
_SILENT_S = 2.0  # without a pulse for so long the belt counts as standing


@dataclass(frozen=True, slots=True)
class BeltParams:
    """One treadmill."""

    speed_m_s: float = 0.45  # what the walker dials in
    coast_down_m_s2: float = _DEFAULTS.coast_down_m_s2
    stop_latency_s: float = _DEFAULTS.stop_latency_ms / 1000
    start_delay_s: float = 1.5  # from the relay to the person pressing start [A]
    ramp_m_s2: float = 0.25  # treadmills take seconds to reach their speed [A]


class Belt:
    """`advance` moves time; `speed_m_s` is what the surface really does; `dial` changes the set speed."""

    __slots__ = ("_cut_for_s", "_params", "_run_for_s", "_set_m_s", "speed_m_s", "travel_m")

    def __init__(self, params: BeltParams) -> None:
        self._params = params
        self._set_m_s = params.speed_m_s
        self._run_for_s = 0.0
        self._cut_for_s = inf
        self.speed_m_s = 0.0
        self.travel_m = 0.0

    @property
    def set_m_s(self) -> float:
        return self._set_m_s

    def dial(self, speed_m_s: float) -> None:
        self._set_m_s = speed_m_s

    def advance(self, dt_s: float, run: bool) -> None:
        params = self._params
        if run:
            self._cut_for_s = 0.0
            self._run_for_s += dt_s
            if self._run_for_s > params.start_delay_s:
                step = params.ramp_m_s2 * dt_s
                self.speed_m_s += min(step, max(-step, self._set_m_s - self.speed_m_s))
        else:
            self._run_for_s = 0.0
            self._cut_for_s += dt_s
            if self._cut_for_s > params.stop_latency_s:
                self.speed_m_s = max(0.0, self.speed_m_s - params.coast_down_m_s2 * dt_s)
        self.travel_m += self.speed_m_s * dt_s


class Hall:
    """A magnet on the roller: the belt's speed as its pulses show it, late by up to one pulse."""

    __slots__ = ("_next_m", "_pitch_m", "_since_s", "_speed_m_s", "pulses")

    def __init__(self, pitch_m: float = _DEFAULTS.hall_mm_per_pulse / 1000) -> None:
        self._pitch_m = pitch_m
        self._next_m = pitch_m
        self._since_s = inf
        self._speed_m_s = 0.0
        self.pulses = 0

    def advance(self, dt_s: float, travel_m: float) -> float:
        """The speed known now: that of the last pulse, and less as soon as the next one is overdue."""
        self._since_s += dt_s
        if travel_m >= self._next_m:
            self._next_m += self._pitch_m
            self.pulses += 1
            self._speed_m_s = self._pitch_m / self._since_s
            self._since_s = 0.0
        overdue = self._pitch_m / self._since_s if self._since_s > 0.0 else inf
        return 0.0 if self._since_s > _SILENT_S else min(self._speed_m_s, overdue)
