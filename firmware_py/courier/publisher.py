"""Owns what is published over MQTT besides events: state, health and the last stop, all retained.

Must never hold anything up: without a broker, or while it is away, every call returns at once.

Thread: the main thread, but `stored`, which runs on the event writer's. The network is paho's own (events/mqtt.py).
State: what was published last, and when.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.courier.events.envelope import Envelope
from firmware_py.courier.events.home_assistant import STATUS_PERIOD_S, discovery
from firmware_py.courier.events.mqtt import Broker
from sensors.advice import Failure

log = logging.getLogger(__name__)

STATE_S = 0.5  # at most twice a second
HEALTH_S = 10.0
LAST_STOP_TYPES = ("stopped", "stopped_by_fault")


class Publisher:
    """`on_stop` is called for a valid remote stop, `on_room` when more events may be sent to the broker."""

    def __init__(self, config: Config, on_stop: Callable[[], None], on_room: Callable[[], None]) -> None:
        self.broker: Broker | None = None
        if config.mqtt.enabled:
            device = config.courier.device_id
            announced = discovery(device, __version__, config.mqtt.allow_remote_stop, None)
            announce = (lambda: announced) if config.mqtt.home_assistant else None
            self.broker = Broker(config.mqtt, device, announce, on_stop, on_room)
        self._shape = ""  # the last state without its position
        self._state_s = self._health_s = 0.0

    def start(self, last_stop: str | None) -> None:
        """Connect, and again after each loss. `last_stop` is the event that an earlier courier stored, as JSON."""
        if self.broker is None:
            return
        if last_stop is not None:
            self.broker.retain("last_stop", json.loads(last_stop))
        try:
            self.broker.start()
        except Failure as error:
            self.broker.problem = str(error)
            log.error("%s", error)

    def stored(self, event: Envelope) -> None:
        """An event is on disk."""
        if self.broker and event.kind in LAST_STOP_TYPES:
            self.broker.retain("last_stop", json.loads(event.text))

    def update(
        self, urgent: bool, state: Callable[[], dict[str, Any]], health: Callable[[], dict[str, Any]]
    ) -> None:
        """Call it often: publishes what is due."""
        if self.broker is None:
            return
        now_s = time.monotonic()
        age_s = now_s - self._state_s
        if urgent or age_s >= STATE_S:
            made = state()
            shape = json.dumps({**made, "position_m": None}, sort_keys=True)
            if urgent or made["run"] or shape != self._shape or age_s >= STATUS_PERIOD_S:
                self.broker.retain("state", made)
                self._shape, self._state_s = shape, now_s
        if now_s - self._health_s >= HEALTH_S:
            self.broker.retain("health", health())
            self._health_s = now_s

    def figures(self) -> dict[str, Any]:
        """The broker's part of the health figures; connected is None when MQTT is off."""
        broker = self.broker
        return {
            "broker_connected": broker.connected if broker else None,
            "broker_problem": broker.problem if broker else "",
            "refused_commands": broker.refused_commands if broker else 0,
        }

    def close(self) -> None:
        if self.broker:
            self.broker.close()
