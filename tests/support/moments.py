"""Makes the frame and the decision of one tick, with everything filled in that a test does not name."""

from typing import Any

from firmware_py.core.frame import Cause, Decision, Frame, Phase
from sensors.samples import Fault

TICK_NS = 5_000_000


def decision(tick: int = 0, **changes: Any) -> Decision:
    """A healthy device after power-on, nobody in sight. `run=True`: the belt may run, for no cause it is off."""
    known: dict[str, Any] = dict.fromkeys(Decision._fields) | {
        "t_ns": tick * TICK_NS, "run": False, "cause": None if changes.get("run") else Cause.POWER_ON, "rule": "",
        "value": 0.0, "limit": 0.0, "phase": Phase.WAITING, "steps": 0, "belt_speed_m_s": 0.9, "soft_stop": False,
    }  # fmt: skip
    return Decision(**known | changes)


def frame(tick: int = 0, **changes: Any) -> Frame:
    """No reading yet and nobody at a button."""
    return Frame(tick * TICK_NS, 0, Fault.NOT_READY, None, None, None, False)._replace(**changes)
