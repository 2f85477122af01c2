"""Owns a second monitor that steps the frames of the guard, so that a trace may begin in mid-run.

Must never act: it is only compared. Its state is the guard's as long as every decision is byte for byte the same.
"""

import logging
from typing import Any

from firmware_py.config import ConfigError, parse
from firmware_py.core.frame import Frame
from firmware_py.core.monitor import Monitor
from firmware_py.core.state import StateError, restore, save
from firmware_py.core.wire import pack_decision

log = logging.getLogger(__name__)


class Shadow:
    """Follows one guard from the first state it sends; `exact`: it still agrees."""

    def __init__(self, hello: dict[str, Any]) -> None:
        self.exact = False
        self._monitor: Monitor | None = None
        self._known = False
        try:
            self._monitor = Monitor(parse(hello["config"]).monitor_params(), float(hello["rate_hz"]))
        except (ConfigError, KeyError, TypeError, ValueError, OverflowError) as error:
            log.warning(
                "recorder: the guard's configuration is not understood (%s); traces will hold no state", error
            )

    def take(self, state: dict[str, Any]) -> None:
        """The guard's state after the tick it has just sent."""
        if self._monitor is None:
            return
        try:
            restore(self._monitor, state)
        except StateError as error:
            self.exact = self._known = False
            log.warning("recorder: %s Traces that begin in mid-run will hold no state.", error)
        else:
            self.exact = self._known = True

    def step(self, frame: Frame, decision: bytes) -> None:
        """One tick; a decision that differs means that ticks were lost on the way."""
        if self._monitor is not None and self._known:
            same = pack_decision(self._monitor.step(frame)) == decision
            self.exact = self.exact and same

    def state(self) -> dict[str, Any] | None:
        """The state after the last tick; None when it was never known."""
        return save(self._monitor) if self._monitor is not None and self._known else None
