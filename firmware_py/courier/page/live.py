"""Owns the picture of this moment: what the page and the telemetry show. Must never decide anything.

Threads: the link's writes it at every tick; the main thread reads it ten times a second.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from firmware_py.core.events import DEVICE_CAUSES
from firmware_py.core.frame import LOCK_OUTS, Cause, Decision, Frame
from firmware_py.courier.events.envelope import rounded
from firmware_py.messages import Message, rule_sentence, tone_and_message
from sensors.samples import Fault, ImuSample, RangeSample

DANGERS = frozenset(Cause) - DEVICE_CAUSES - {Cause.POWER_ON} | LOCK_OUTS
CHARTED = ("t_s", "position_m", "down_m_s", "down_limit_m_s", "tilt_deg")
RECENT = 200  # rows: 20 s of charts
SILENT_S = 1.0  # without a tick for this long the picture is called old


class Live:
    """Latest values, and the peaks since they were last looked at (a fall is shorter than a page update)."""

    def __init__(self, notice: Callable[[], Message | None] = lambda: None) -> None:
        self._notice = notice  # shown while nothing comes
        self.hello: dict[str, Any] = {}
        self.counters: dict[str, Any] = {}
        self.clock_offset_ns = 0  # this machine's monotonic clock minus the guard's
        self.decision: Decision | None = None
        self.frame: Frame | None = None
        self.ticks = 0
        self._seen_s = -math.inf
        self._accel_max = 0.0
        self._down_max = 0.0
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self.imu: ImuSample | Fault | None = None
        self.distance: RangeSample | Fault | None = None

    def tick(self, frame: Frame, decision: Decision) -> bool:
        """Take a tick; True when it changes what a person must see at once."""
        before = self.decision
        self.frame, self.decision = frame, decision
        self.ticks += 1
        self._seen_s = time.monotonic()
        self.imu = frame.imu
        if frame.belt is not None and frame.belt is not Fault.NOT_READY:
            self.distance = frame.belt
        if isinstance(frame.imu, ImuSample):
            self._accel_max = max(self._accel_max, math.hypot(*frame.imu.accel_m_s2))
        if decision.down_velocity_m_s is not None:
            self._down_max = max(self._down_max, decision.down_velocity_m_s)
        return (
            before is None
            or before.run != decision.run
            or before.cause is not decision.cause
            or before.warning is not decision.warning
        )

    def wall_s(self, t_ns: int) -> float:
        """Wall time of the guard's `t_ns`, by this machine's clock now."""
        ago_s = (time.monotonic_ns() - self.clock_offset_ns - t_ns) / 1e9
        return time.time() - max(0.0, ago_s)

    @property
    def fresh(self) -> bool:
        return time.monotonic() - self._seen_s < SILENT_S

    def _now(self) -> tuple[Decision | None, str, Message]:
        """The decision, None when it is old, with its tone and its message."""
        d = self.decision if self.fresh else None
        return d, *tone_and_message(d, self.hello.get("simulated") is True)

    def view(self) -> dict[str, Any]:
        """What the page draws ten times a second; small, and takes the peaks with it."""
        d, tone, message = self._now()
        shown: dict[str, Any] = {"tone": tone, **message._asdict(), "wall_ms": int(time.time() * 1000)}
        if d is None:
            notice = self._notice()
            return shown if notice is None else shown | notice._asdict() | {"notice": True}
        accel, self._accel_max = self._accel_max, 0.0
        down, self._down_max = self._down_max, 0.0
        # Of a belt that is off, only a sensor knows a speed; the highest allowed one would be nonsense.
        measured = self.frame is not None and self.frame.belt_speed_m_s is not None
        shown |= {
            "t_s": round(d.t_ns / 1e9, 3),
            "run": d.run,
            "locked_out": d.cause in LOCK_OUTS,
            "cause": _word(d.cause),
            "warning": _word(d.warning if d.run else None),
            "refusal": _word(d.refusal),
            "rule": rule_sentence(d.rule, d.value, d.limit) if not d.run else "",
            "phase": d.phase.value,
            "position_m": rounded(d.position_m, 3),
            "velocity_m_s": rounded(d.velocity_m_s, 3),
            "rest_m": rounded(d.rest_position_m, 3),
            "margin_m": rounded(d.stop_margin_m, 3),
            "tilt_deg": rounded(math.degrees(d.tilt_rad) if d.tilt_rad is not None else None, 1),
            "down_m_s": rounded(down if d.down_velocity_m_s is not None else None, 3),
            "down_limit_m_s": rounded(d.down_velocity_limit_m_s, 3),
            "accel_m_s2": rounded(accel, 1) if accel else None,
            "cadence_per_min": rounded(d.cadence_hz * 60 if d.cadence_hz is not None else None, 0),
            "steps": d.steps,
            "belt_km_h": rounded(d.belt_speed_m_s * 3.6, 1) if d.run or measured else None,
            "belt_measured": measured,
        }
        self._recent.append({key: shown[key] for key in CHARTED})
        return shown

    def recent(self) -> list[dict[str, Any]]:
        """The last 20 s of the charts, oldest first."""
        return list(self._recent)

    def state(self) -> dict[str, Any]:
        """The retained MQTT state."""
        d, tone, message = self._now()
        cause = d.cause if d and not d.run else None
        return {
            "tone": tone,
            "run": bool(d and d.run),
            "cause": _word(cause),
            "warning": _word(d.warning) if d and d.run else None,
            "refusal": _word(d.refusal) if d else None,
            "danger": cause in DANGERS,
            "problem": d is None or tone == "fault",
            "phase": d.phase.value if d else None,
            "what": message.what,
            "do": message.do,
            "position_m": rounded(d.position_m, 2) if d else None,
            "cadence_per_min": rounded(d.cadence_hz * 60, 0) if d and d.cadence_hz is not None else None,
            "steps": d.steps if d else None,
        }


def _word(cause: Cause | None) -> str | None:
    return cause.value if cause is not None else None
