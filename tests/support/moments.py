"""Frames and decisions of one tick, with everything that a test does not care about filled in."""

from typing import Any

from firmware_py.core.frame import Cause, Decision, Frame
from sensors.samples import Fault
from tests.support import decisions
from tests.support.decisions import TICK_NS


def decision(tick: int, run: bool = False, **changes: Any) -> Decision:
    """The decision of one tick: the belt runs, or the device is still settling."""
    refusal = None if run else Cause.SETTLING
    return decisions.decision(**{"t_ns": tick * TICK_NS, "run": run, "refusal": refusal, **changes})


def frame(tick: int = 0) -> Frame:
    return Frame(tick * TICK_NS, 0, Fault.NOT_READY, None, None, None, False)
