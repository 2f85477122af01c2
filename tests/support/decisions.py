"""Makes one decision with everything filled in that the test does not name. The only such factory of the tests."""

from typing import Any

from firmware_py.core.frame import Cause, Decision, Phase

TICK_NS = 5_000_000


def decision(**changes: Any) -> Decision:
    """A healthy device after power-on, nobody in sight. `run=True`: the belt may run, for no cause it is off."""
    known: dict[str, Any] = dict.fromkeys(Decision._fields) | {
        "t_ns": 0, "run": False, "cause": None if changes.get("run") else Cause.POWER_ON, "rule": "", "value": 0.0,
        "limit": 0.0, "phase": Phase.WAITING, "steps": 0, "belt_speed_m_s": 0.9, "soft_stop": False,
    }  # fmt: skip
    return Decision(**known | changes)
