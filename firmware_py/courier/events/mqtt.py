"""Owns the connection to the broker (the only paho import). Must never start anything: one command exists, `stop`.

Events go at QoS 1 and count as published only when the broker's acknowledgement has come back (`acknowledged`).
Telemetry goes at QoS 0 while connected; the keep-alive notices a frozen broker, so what piles up meanwhile is bounded.

Threads: paho's own runs the callbacks; the event writer's sends events; the main thread retains telemetry.
"""

import json
import logging
import os
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ParamSpec

from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from firmware_py.config import MqttConfig
from firmware_py.courier.events.database import Unpublished
from sensors.advice import Failure

log = logging.getLogger(__name__)

KEEPALIVE_S = 15
EVENTS_IN_FLIGHT = 20
RESEND_S = 60.0  # an event that waits longer for its acknowledgement while connected is sent again
STOP_INTERVAL_S = 1.0  # a stop is latched: one a second is as good as a thousand
STOP_WORDS = (b"stop", b"STOP")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HOME_ASSISTANT_STATUS = "homeassistant/status"

P = ParamSpec("P")


def password(config: MqttConfig) -> str | None:
    """From mqtt.password_file, else the systemd credential `mqtt_password`; None when there is neither.

    Raises Failure when it cannot be read; its message never holds the password.
    """
    path = Path(config.password_file) if config.password_file else None
    if path is None and (folder := os.environ.get("CREDENTIALS_DIRECTORY")):
        path = Path(folder) / "mqtt_password"
        if not path.exists():
            return None
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(
            f"mqtt: cannot read the password file {path}: {type(error).__name__}",
            "Usually its owner or its mode is wrong",
            "check them and mqtt.password_file, or use a systemd credential",
        ) from None


class Broker:
    """One lasting connection. `on_stop` is called for a valid remote stop, `on_room` when more events may be sent."""

    def __init__(
        self,
        config: MqttConfig,
        device: str,
        discovery: Callable[[], tuple[str, str]] | None,
        on_stop: Callable[[], None],
        on_room: Callable[[], None],
    ) -> None:
        self._config = config
        self._base = f"rearguard/{device}"
        self._discovery = discovery
        self._on_stop = on_stop
        self._on_room = on_room
        self._retained: dict[str, str] = {}
        self._acknowledged: deque[int] = deque()
        # mid -> (row, sent); the event writer's thread only
        self._in_flight: dict[int, tuple[int, float]] = {}
        self._last_stop_s = -STOP_INTERVAL_S
        self.connected = False
        self.problem = "not connected yet"
        self.refused_commands = 0
        self._client = client = Client(CallbackAPIVersion.VERSION2, f"rearguard-{device}", protocol=MQTTv311)
        client.max_inflight_messages_set(EVENTS_IN_FLIGHT)
        client.max_queued_messages_set(4 * EVENTS_IN_FLIGHT)
        client.reconnect_delay_set(1, 30)
        client.will_set(self.topic("status"), "offline", qos=1, retain=True)
        client.on_connect = lambda _c, _d, _f, code, _p: self._safely(self._connected, code)
        client.on_connect_fail = lambda _c, _d: self._safely(self._failed)
        client.on_disconnect = lambda _c, _d, _f, code, _p: self._safely(self._disconnected, code)
        client.on_publish = lambda _c, _d, mid, _r, _p: self._safely(self._published, mid)
        client.on_message = lambda _c, _d, message: self._safely(self._message, message)

    def topic(self, tail: str) -> str:
        return f"{self._base}/{tail}"

    def start(self) -> None:
        """Begin to connect, and retry without end. Raises Failure when login or TLS cannot be set up."""
        config = self._config
        if config.user:
            self._client.username_pw_set(config.user, password(config))
            if not config.tls and config.host not in LOOPBACK:
                log.warning(
                    "mqtt: the password goes to %s in clear text. Set mqtt.tls and, for a home-made certificate, "
                    "mqtt.ca_file.",
                    config.host,
                )
        if config.tls:
            try:
                context = ssl.create_default_context(cafile=config.ca_file or None)
                # Python 3.13 asks for extensions that home-made authorities rarely set. Chain, dates and the
                # broker's name are checked all the same.
                context.verify_flags &= ~ssl.VERIFY_X509_STRICT
                self._client.tls_set_context(context)
            except (OSError, ssl.SSLError) as error:
                raise Failure(
                    f"mqtt: the certificate authority {config.ca_file} cannot be used ({error})",
                    "Usually it is no PEM file, or the courier may not read it",
                    "check mqtt.ca_file",
                ) from None
        self._client.connect_async(config.host, config.port, KEEPALIVE_S)
        self._client.loop_start()

    def close(self) -> None:
        if self.connected:
            self._client.publish(self.topic("status"), "offline", qos=1, retain=True)
        self.connected = False  # wanted: not a connection that was lost
        self._client.disconnect()
        self._client.loop_stop()

    def retain(self, tail: str, payload: dict[str, Any]) -> None:
        """Publish retained telemetry now if connected, and again after each reconnect (a broker may forget)."""
        text = json.dumps(payload, separators=(",", ":"))
        self._retained[tail] = text
        if self.connected:
            self._client.publish(self.topic(tail), text, qos=0, retain=True)

    # -- events: the event writer's thread ---------------------------------------------------------------

    def room(self) -> int:
        """How many more events may be sent now."""
        return EVENTS_IN_FLIGHT - len(self._in_flight) if self.connected else 0

    def send(self, events: Iterable[Unpublished]) -> int:
        """Hand events to the network; the highest row number that was sent, 0 when none was."""
        sent = 0
        for event in events:
            info = self._client.publish(self.topic(f"event/{event.type}"), event.event, qos=1)
            if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                break
            self._in_flight[info.mid] = (event.n, time.monotonic())
            sent = event.n
        return sent

    def acknowledged(self) -> list[int]:
        """Row numbers of the events whose acknowledgement has come since the last call."""
        rows = []
        while self._acknowledged:
            if flight := self._in_flight.pop(self._acknowledged.popleft(), None):
                rows.append(flight[0])
        return rows

    def overdue(self) -> bool:
        """True when an event has waited too long for its acknowledgement; it is then no longer in flight."""
        limit_s = time.monotonic() - RESEND_S
        late = [mid for mid, (_, sent_s) in self._in_flight.items() if self.connected and sent_s < limit_s]
        for mid in late:
            del self._in_flight[mid]
        return bool(late)

    def in_flight(self) -> set[int]:
        return {row for row, _ in self._in_flight.values()}

    # -- callbacks: paho's network thread ------------------------------------------------------------------

    def _safely(self, callback: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """An exception in a callback would kill the network thread while it still looks connected."""
        try:
            callback(*args, **kwargs)
        except Exception:
            log.exception("mqtt: %s failed; the connection goes on", callback)

    def _connected(self, code: ReasonCode) -> None:
        if code.is_failure:
            self._note(
                f"mqtt: the broker refused the connection: {code}. Check mqtt.user and the password, and the "
                "broker's access list."
            )
            return
        topics = [(HOME_ASSISTANT_STATUS, 1)] if self._discovery else []
        if self._config.allow_remote_stop:
            topics.append((self.topic("command/stop"), 1))
        if topics:
            self._client.subscribe(topics)
        self.connected = True
        self.problem = ""
        log.info("mqtt: connected to %s:%d", self._config.host, self._config.port)
        self._announce()
        self._client.publish(self.topic("status"), "online", qos=1, retain=True)
        for tail, text in list(self._retained.items()):
            self._client.publish(self.topic(tail), text, qos=0, retain=True)
        self._on_room()  # the event writer may send again

    def _announce(self) -> None:
        if self._discovery:
            topic, payload = self._discovery()
            self._client.publish(topic, payload, qos=1, retain=True)

    def _failed(self) -> None:
        self._note(
            f"mqtt: no connection to {self._config.host}:{self._config.port}. Usually the broker is off, or mqtt.host, "
            "mqtt.port or mqtt.tls is wrong. Retrying without end; events are stored meanwhile."
        )

    def _disconnected(self, code: ReasonCode) -> None:
        if self.connected:
            self._note(
                f"mqtt: the connection was lost ({code}). Retrying without end; events are stored meanwhile."
            )
        self.connected = False

    def _published(self, mid: int) -> None:
        self._acknowledged.append(mid)
        self._on_room()

    def _message(self, message: MQTTMessage) -> None:
        if message.topic == HOME_ASSISTANT_STATUS:
            if message.payload == b"online":
                self._announce()
                for tail, text in list(self._retained.items()):
                    self._client.publish(self.topic(tail), text, qos=0, retain=True)
        elif message.topic == self.topic("command/stop"):
            self._command(message)

    def _command(self, message: MQTTMessage) -> None:
        now_s = time.monotonic()
        if message.retain or message.payload not in STOP_WORDS:
            self.refused_commands += 1
            if self.refused_commands in (1, 10, 100, 1000):
                log.warning(
                    "mqtt: refused a command of %d bytes%s. The only command is the word stop, not retained.",
                    len(message.payload),
                    ", retained" if message.retain else "",
                )
        elif now_s - self._last_stop_s >= STOP_INTERVAL_S:
            self._last_stop_s = now_s
            log.warning("mqtt: a remote stop was requested")
            self._on_stop()

    def _note(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem
