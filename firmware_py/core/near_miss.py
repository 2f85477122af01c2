"""Finds near misses in what the guard recorded: a walker who was unsteady and recovered.

Must never reach the relay: nothing here is part of a decision. Courier and report feed it the same ticks.

Unsteady are at least two of these within WINDOW_S: a step that takes much longer than this walker's own, an
acceleration well above the usual peak of a step, a lean beyond the usual one, a hip that goes down at a good part of
the fall limit. Recovered is who shows none of it for CALM_S, within RECOVERED_S, and has walked on.
"""

from dataclasses import dataclass, field
from math import radians, sqrt

from firmware_py.core.frame import Decision, Frame, Phase
from sensors.samples import ImuSample

SLOW_STEP, HARD_PEAK, LEAN_RAD, DOWN_SHARE = 1.5, 1.6, radians(15.0), 0.6
NEEDED = 2
WINDOW_S, CALM_S, RECOVERED_S = 1.0, 0.5, 3.0
APART_S = 10.0  # at most one in so long
KNOWN_STEPS = 12  # seen since arming: the walker's own figures are known
STEPS_REMEMBERED, LEAN_TAU_S = 10.0, 10.0


@dataclass(slots=True)
class NearMisses:
    """`update` at every tick; True at the tick at which a near miss has ended well."""

    _t_ns: int = 0
    _steps: int = 0  # of the last decision: a recording may begin in mid-walk
    _seen_steps: int = 0
    _step_ns: int = 0
    _peak_m_s2: float = 0.0  # of the step now
    _usual_peak_m_s2: float = 0.0
    _usual_lean_rad: float = 0.0
    _shown_ns: dict[str, int] = field(default_factory=dict)  # when each sign was last seen
    _since_ns: int | None = None  # unsteady since then
    _last_ns: int | None = None

    def update(self, frame: Frame, d: Decision) -> bool:
        """One tick."""
        dt_s = min(max(0.0, (d.t_ns - self._t_ns) / 1e9), 0.1)
        self._t_ns = d.t_ns
        if not d.run or d.phase is Phase.WAITING:
            # A stop, or the end of the walk, is told as such.
            self._since_ns = None
            self._shown_ns.clear()
            self._steps, self._step_ns = d.steps, d.t_ns
            if not d.run:
                self._seen_steps = 0
            return False
        for sign in self._signs(frame, d, dt_s):
            self._shown_ns[sign] = d.t_ns
        self._count_step(d)
        return self._recovered(d.t_ns)

    def _signs(self, frame: Frame, d: Decision, dt_s: float) -> list[str]:
        """What is unusual at this tick; learns what is usual."""
        known = self._seen_steps >= KNOWN_STEPS
        found = []
        since_step_s = (d.t_ns - self._step_ns) / 1e9
        if d.cadence_hz is not None and since_step_s * d.cadence_hz > SLOW_STEP:
            found.append("step")
        if isinstance(frame.imu, ImuSample):
            x, y, z = frame.imu.accel_m_s2
            size_m_s2 = sqrt(x * x + y * y + z * z)
            self._peak_m_s2 = max(self._peak_m_s2, size_m_s2)
            if size_m_s2 > HARD_PEAK * self._usual_peak_m_s2:
                found.append("impact")
        if d.tilt_rad is not None:
            if d.tilt_rad > self._usual_lean_rad + LEAN_RAD:
                found.append("lean")
            self._usual_lean_rad += (d.tilt_rad - self._usual_lean_rad) * dt_s / LEAN_TAU_S
        limit_m_s = d.down_velocity_limit_m_s
        if d.down_velocity_m_s is not None and limit_m_s and d.down_velocity_m_s > DOWN_SHARE * limit_m_s:
            found.append("down")
        return found if known else []

    def _count_step(self, d: Decision) -> None:
        if d.steps == self._steps:
            return
        self._steps, self._step_ns = d.steps, d.t_ns
        self._seen_steps += 1
        part = 1.0 / min(STEPS_REMEMBERED, self._seen_steps)
        self._usual_peak_m_s2 += part * (self._peak_m_s2 - self._usual_peak_m_s2)
        self._peak_m_s2 = 0.0

    def _recovered(self, t_ns: int) -> bool:
        shown = [t_ns - seen_ns for seen_ns in self._shown_ns.values()]
        if sum(ago_ns <= WINDOW_S * 1e9 for ago_ns in shown) >= NEEDED and self._since_ns is None:
            self._since_ns = t_ns
        if self._since_ns is None or min(shown) < CALM_S * 1e9 or self._step_ns <= self._since_ns:
            return False
        lasted_ns, self._since_ns = t_ns - self._since_ns, None
        self._shown_ns.clear()
        if lasted_ns > RECOVERED_S * 1e9:
            return False
        if self._last_ns is not None and t_ns - self._last_ns < APART_S * 1e9:
            return False
        self._last_ns = t_ns
        return True
