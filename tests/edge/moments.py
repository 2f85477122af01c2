"""Frames and decisions of one tick, with everything that a test does not care about filled in."""

from firmware_py.core.frame import Cause, Decision, Frame, Phase
from sensors.samples import Fault

TICK_NS = 5_000_000


def decision(tick: int, run: bool = False, **more: object) -> Decision:
    values: dict[str, object] = dict(
        t_ns=tick * TICK_NS, run=run, cause=None if run else Cause.POWER_ON, rule="", value=0.0, limit=0.0,
        warning=None, refusal=None if run else Cause.SETTLING, phase=Phase.WAITING, position_m=None,
        velocity_m_s=None, rest_position_m=None, stop_margin_m=None, tilt_rad=None, down_velocity_m_s=None,
        down_velocity_limit_m_s=None, cadence_hz=None, steps=0, belt_speed_m_s=0.9, soft_stop=False,
    )  # fmt: skip
    return Decision(**{**values, **more})  # type: ignore[arg-type]


def frame(tick: int = 0) -> Frame:
    return Frame(tick * TICK_NS, 0, Fault.NOT_READY, None, None, None, False)
