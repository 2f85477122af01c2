"""A guard without sensors: invented frames and decisions over the guard's own end of the link.

Run as a program it walks for ever in real time: python -m tests.support.fake_guard SOCKET [SCENE]
"""

import math
import os
import sys
import time

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.core.events import Event, EventFinder
from firmware_py.core.frame import Cause, Decision, Frame, Phase
from firmware_py.guard.link import Link
from sensors.samples import Fault, ImuSample, RangeSample
from tests.support import moments

RATE_HZ = 200


def frame(t_ns: int, **changes: object) -> Frame:
    """A healthy frame of somebody who walks."""
    phase = 2 * math.pi * 1.6 * t_ns / 1e9
    accel = (0.3 * math.sin(phase / 2), 0.4 * math.sin(phase / 2), 9.81 + 2.0 * math.sin(phase))
    position_m = 0.58 + 0.06 * math.sin(2 * math.pi * t_ns / 9e9)
    belt = RangeSample(t_ns, position_m, t_ns // 20_000_000 % 256)
    made = Frame(t_ns, 60_000, ImuSample(t_ns, accel, (0.1, 0.2, 0.0)), belt, 0.8, True, False)
    return made._replace(**changes)  # type: ignore[arg-type]


def decision(t_ns: int, **changes: object) -> Decision:
    """A running, guarding decision on such a frame."""
    position_m = 0.58 + 0.06 * math.sin(2 * math.pi * t_ns / 9e9)
    velocity_m_s = 0.06 * 2 * math.pi / 9 * math.cos(2 * math.pi * t_ns / 9e9)
    made = {
        "t_ns": t_ns, "run": True, "phase": Phase.GUARDING, "position_m": position_m, "velocity_m_s": velocity_m_s,
        "rest_position_m": position_m + 3 * velocity_m_s, "stop_margin_m": 0.98 - position_m - 3 * velocity_m_s,
        "tilt_rad": 0.03 + 0.02 * math.sin(8 * t_ns / 1e9), "down_velocity_limit_m_s": 0.62,
        "down_velocity_m_s": 0.11 + 0.09 * math.sin(10 * t_ns / 1e9),
        "cadence_hz": 1.6, "steps": int(1.6 * t_ns / 1e9) % 100_000, "belt_speed_m_s": 0.8,
    }  # fmt: skip
    return moments.decision(**made | changes)


def stopped(t_ns: int, cause: Cause, **changes: object) -> Decision:
    rule = {Cause.FALL: "down_velocity_m_s", Cause.DRIFT_REAR: "rest_position_m"}.get(cause, cause.value)
    values = {"rule": rule, "value": 0.83, "limit": 0.62} if cause is not Cause.POWER_ON else {}
    return decision(t_ns, run=False, cause=cause, **values, **changes)


class FakeGuard:
    """The guard's end of the link; call `tick` and `send` as the loop would."""

    def __init__(self, path: str, boot_id: str | None = None) -> None:
        hello = {
            "boot_id": boot_id or os.urandom(8).hex(),
            "version": __version__,
            "config": Config().model_dump(mode="json"),
            "config_hash": Config().hash,
            "rate_hz": RATE_HZ,
            "pid": os.getpid(),
            "realtime": [{"what": "SCHED_FIFO", "ok": True, "why": ""}],
        }
        self.boot_id = hello["boot_id"]
        self.link = Link(path, hello)
        self.stop_asked = False
        self._finder = EventFinder()
        self.sent = 0

    def tick(self, f: Frame, d: Decision) -> None:
        self.link.connect(time.monotonic_ns())
        self.link.tick(f, d)
        for event in self._finder.update(d):
            self.send(event)
        self.stop_asked |= self.link.poll(time.monotonic_ns())

    def send(self, event: Event) -> None:
        self.sent += 1
        self.link.event(event)

    @property
    def unacknowledged(self) -> list[int]:
        """Events that the courier has not acknowledged yet."""
        return list(self.link._pending)

    def counters(self) -> None:
        lateness = {"p50": 60.0, "p99": 110.0}
        self.link.counters({"ticks": 1, "late_ticks": 0, "lateness_us": lateness})


SCENES = {
    "running": {},
    "warning": {
        "warning": Cause.DRIFT_REAR,
        "position_m": 0.82,
        "rest_position_m": 0.93,
        "stop_margin_m": 0.05,
    },
    "fall": {"cause": Cause.FALL, "position_m": 0.71, "tilt_rad": 0.6},
    "fault": {"cause": Cause.IMU},
    "ready": {"cause": Cause.POWER_ON},
}


def main() -> None:
    path, scene = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "running"
    guard = FakeGuard(path)
    began_ns = time.monotonic_ns()
    next_ns, ticks = began_ns, 0
    while True:
        next_ns += 1_000_000_000 // RATE_HZ
        time.sleep(max(0, next_ns - time.monotonic_ns()) / 1e9)
        now_ns, ticks = time.monotonic_ns(), ticks + 1
        walked = scene in ("running", "warning") or (now_ns - began_ns < 12_000_000_000 and scene != "ready")
        f, d = frame(now_ns), decision(now_ns)
        change = SCENES[scene]
        if not walked:
            d = stopped(
                now_ns, **change, velocity_m_s=None, rest_position_m=None, cadence_hz=None, belt_speed_m_s=0.0
            )  # type: ignore[arg-type]
            f = f._replace(
                feedback=False, belt_speed_m_s=0.0, imu=Fault.NO_REPLY if scene == "fault" else f.imu
            )
        elif scene == "warning" and now_ns - began_ns > 10_000_000_000:
            d = d._replace(**change)  # type: ignore[arg-type]
        guard.tick(f, d)
        if ticks % RATE_HZ == 0:
            guard.counters()


if __name__ == "__main__":
    main()
