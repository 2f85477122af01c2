"""Owns what is published over MQTT besides events: state, health and the last stop, all retained.

Must never hold anything up: without a broker, or while it is away, every call returns at once.

Thread: the main thread, but `stored`, which runs on the event writer's. The network is paho's own (events/mqtt.py).
State: what was published last, and when; which topics of Home Assistant hold an announcement of this device.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.courier.events.envelope import STOPPED, Envelope, rfc3339
from firmware_py.courier.events.home_assistant import REST_S, announcement, topic_of
from firmware_py.courier.events.mqtt import Broker
from sensors.advice import Failure

log = logging.getLogger(__name__)

STATE_S = 0.5  # at most twice a second


class Pace(NamedTuple):
    """The longest pauses: between two states while the belt may run and at rest, and between two healths."""

    running_s: float
    rest_s: float
    health_s: float


PACES = {"home": Pace(STATE_S, REST_S["home"], 10.0), "fleet": Pace(10.0, REST_S["fleet"], 300.0)}
FIGURES = {
    "position_m": None,
    "cadence_per_min": None,
    "steps": None,
    "session_minutes": None,
}  # no change in words
LOOK_S = 1.0  # how often health is looked at for a change of anything but a figure
ANNOUNCED = "announced"  # the mark in the database: a JSON list of topics
LAST_STOP_TYPES = STOPPED


class Publisher:
    """`on_stop` is called for a valid remote stop, `on_room` when more events may be sent to the broker.

    `on_acknowledged(alert)` is called when somebody says over MQTT that they are on the way.
    `mark(ANNOUNCED, text)` stores for the next courier what Home Assistant may still know.
    """

    def __init__(
        self,
        config: Config,
        on_stop: Callable[[], None],
        on_room: Callable[[], None],
        mark: Callable[[str, str], None],
        on_acknowledged: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.broker: Broker | None = None
        self._config = config
        self._on_stop, self._on_room, self._mark = on_stop, on_room, mark
        self._on_acknowledged = on_acknowledged if config.alerts.enabled else None
        self._pace = PACES[config.mqtt.profile]
        self._announced: set[str] = set()
        self._shape = ""  # the last state without its figures
        self._words: dict[str, Any] = {}  # the last health without its figures
        self._state_s = self._health_s = self._look_s = 0.0

    def start(self, last_stop: str | None, announced: str | None) -> None:
        """Connect, and again after each loss.

        `last_stop` is the event that an earlier courier stored, as JSON; `announced` is its mark.
        """
        mqtt = self._config.mqtt
        if not mqtt.enabled:
            return
        device = self._config.courier.device_id
        made = announcement(device, __version__, mqtt)
        here = {made.topic} if mqtt.home_assistant else set()
        self._announced = here | _topics(announced) | {topic_of(mqtt.discovery_prefix, device)}
        self._mark(ANNOUNCED, json.dumps(sorted(self._announced)))
        gone = self._announced - here
        self.broker = Broker(
            mqtt,
            device,
            made if here else None,
            self._on_stop,
            self._on_room,
            gone,
            self._forgotten,
            self._on_acknowledged,
        )
        if last_stop is not None:
            event = json.loads(last_stop)
            self.broker.retain("last_stop", event)
            self.broker.commands.stopped(event["id"])
        try:
            self.broker.start()
        except Failure as error:
            self.broker.trouble = str(error)
            log.error("%s", error)

    def _forgotten(self, topic: str) -> None:
        """On the network's thread: the broker has deleted an announcement that no longer holds."""
        self._announced.discard(topic)
        self._mark(ANNOUNCED, json.dumps(sorted(self._announced)))

    def stored(self, event: Envelope) -> None:
        """An event is on disk."""
        if self.broker and event.kind in LAST_STOP_TYPES:
            self.broker.retain("last_stop", json.loads(event.text))
            self.broker.commands.stopped(event.id)

    def update(
        self, urgent: bool, state: Callable[[], dict[str, Any]], health: Callable[[], dict[str, Any]]
    ) -> None:
        """Call it often: publishes what is due."""
        if self.broker is None:
            return
        self.broker.tend()
        now_s = time.monotonic()
        age_s = now_s - self._state_s
        if urgent or age_s >= STATE_S:
            made = state()
            shape = json.dumps(made | FIGURES, sort_keys=True)
            longest_s = self._pace.running_s if made["run"] else self._pace.rest_s
            if urgent or shape != self._shape or age_s >= longest_s:
                # What this device takes the time for: whoever listens can tell a late event from a wrong clock.
                self.broker.retain("state", made | {"time": rfc3339(time.time())})
                self._shape, self._state_s = shape, now_s
        if urgent or now_s - self._look_s >= LOOK_S:
            self._look_s = now_s
            figures = health()
            words = {key: value for key, value in figures.items() if isinstance(value, bool | str)}
            if words != self._words or now_s - self._health_s >= self._pace.health_s:
                self.broker.retain("health", figures)
                self._words, self._health_s = words, now_s

    def figures(self) -> dict[str, Any]:
        """The broker's part of the health figures; connected is None when MQTT is off."""
        broker = self.broker
        return {
            "broker_connected": broker.connected if broker else None,
            "broker_problem": broker.problem if broker else "",
            "remote_stop": broker.remote_stop if broker else "off",
            "refused_commands": broker.refused_commands if broker else 0,
        }

    def close(self) -> None:
        if self.broker:
            self.broker.close()


def _topics(mark: str | None) -> set[str]:
    try:
        found = json.loads(mark or "[]")
    except ValueError:
        return set()
    return {str(topic) for topic in found} if isinstance(found, list) else set()
