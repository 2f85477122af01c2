"""Owns what this device hears: a closed list of topics, and what a message at each of them is worth.

Must never do more than ask for a stop, note that somebody is on the way, or announce the device to Home Assistant.
A message at any other topic, retained, or of other words means nothing; it is counted.
"""

import logging
import re
import time
from collections import deque
from collections.abc import Callable

from firmware_py.config import MqttConfig

log = logging.getLogger(__name__)

STOP, ACK = "command/stop", "command/ack"
STOP_INTERVAL_S = 1.0  # a stop is latched: one a second is as good as a thousand
STOP_WORDS = (b"stop", b"STOP")
TEST = b"test "  # what a test message on the stop topic begins with; it asks for nothing
TEST_MOST = 64  # bytes
BIRTH = b"online"  # what Home Assistant says when it has started
STOPS_KEPT = 64  # the newest stops; only these can be acknowledged, each once
_ALERT = re.compile(rb"([0-7][0-9A-HJKMNP-TV-Z]{25})(-no-sign)?")  # a stop, or that nobody moved after it


class Commands:
    """`topics` is the whole subscription: each topic with what hears its messages."""

    def __init__(
        self,
        config: MqttConfig,
        device: str,
        births: str,
        on_stop: Callable[[], None],
        on_acknowledged: Callable[[str], None] | None,
        on_birth: Callable[[], None],
        on_test: Callable[[bytes], None],
    ) -> None:
        """`births` is the topic at which Home Assistant reports its start; "" or None: not wanted."""
        self.refused = 0
        self.stop_topic = config.topic(device, STOP)
        self.topics: dict[str, Callable[[bytes, bool], None]] = {}
        if births:
            self.topics[births] = self._birth
        if config.allow_remote_stop:
            self.topics[self.stop_topic] = self._stop
        if on_acknowledged is not None:
            self.topics[config.topic(device, ACK)] = self._acknowledge
        self._on_stop, self._on_acknowledged = on_stop, on_acknowledged
        self._on_birth, self._on_test = on_birth, on_test
        self._last_stop_s = -STOP_INTERVAL_S
        self._stops: deque[str] = deque(maxlen=STOPS_KEPT)
        self._taken: deque[str] = deque(maxlen=2 * STOPS_KEPT)

    def stopped(self, event_id: str) -> None:
        """A stop of this device is on disk: somebody may say that they are on the way. Any thread."""
        self._stops.append(event_id)

    def take(self, topic: str, payload: bytes, retained: bool) -> None:
        """One message, on the network's thread."""
        if topic in self.topics:
            self.topics[topic](payload, retained)

    def _birth(self, payload: bytes, retained: bool) -> None:
        if payload == BIRTH and not retained:  # retained: announced on connecting just now
            self._on_birth()

    def _stop(self, payload: bytes, retained: bool) -> None:
        now_s = time.monotonic()
        if payload.startswith(TEST) and len(payload) <= TEST_MOST:
            self._on_test(payload)
        elif retained or payload not in STOP_WORDS:
            self._refuse(payload, retained, "Only the word stop is taken there, not retained.")
        elif now_s - self._last_stop_s >= STOP_INTERVAL_S:
            self._last_stop_s = now_s
            log.warning("mqtt: a remote stop was requested")
            self._on_stop()

    def _acknowledge(self, payload: bytes, retained: bool) -> None:
        """Somebody is on the way: the reminders of one alert end, and nothing else."""
        found = _ALERT.fullmatch(payload)
        alert = payload.decode("ascii") if found else ""
        known = found is not None and found[1].decode("ascii") in tuple(self._stops)
        if retained or not known or alert in self._taken or self._on_acknowledged is None:
            self._refuse(payload, retained, "Only the id of a stop of this device is taken there, once.")
            return
        self._taken.append(alert)
        self._on_acknowledged(alert)

    def _refuse(self, payload: bytes, retained: bool, why: str) -> None:
        self.refused += 1
        if self.refused in (1, 10, 100, 1000):
            kept = ", retained" if retained else ""
            log.warning("mqtt: refused a command of %d bytes%s. %s", len(payload), kept, why)
