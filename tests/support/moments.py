"""Frames and decisions of one tick, with everything that a test does not care about filled in."""

from typing import Any

from firmware_py.core.frame import Cause, Decision, Frame, Phase
from sensors.samples import Fault

TICK_NS = 5_000_000


def decision(tick: int, run: bool = False, **more: Any) -> Decision:
    still = Decision(
        tick * TICK_NS, run, None if run else Cause.POWER_ON, "", 0.0, 0.0, None, None if run else Cause.SETTLING,
        Phase.WAITING, None, None, None, None, None, None, None, None, 0, 0.9, False,
    )  # fmt: skip
    return still._replace(**more)


def frame(tick: int = 0) -> Frame:
    return Frame(tick * TICK_NS, 0, Fault.NOT_READY, None, None, None, False)
