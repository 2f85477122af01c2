"""Owns the lasting connection to the broker. Must never obey a message: what one is worth, commands.py says.

Events go at QoS 1 and count as published only when the broker has acknowledged them and did not refuse them. Telemetry
goes at QoS 0 while connected; the keep-alive notices a frozen broker, so what piles up meanwhile is bounded.
What the broker refuses while connected (a subscription, a publication, the way back of a test message on the stop
topic) is a problem that is shown; `connected` alone proves nothing.

Threads: paho's own runs the callbacks; the event writer's sends events; the main thread retains telemetry and `tend`s.
paho tells of an answer while it holds a lock that every sender needs, so `_published` waits for nothing: it notes the
answer, and the writer's or the main thread looks what it belongs to.
"""

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Literal, ParamSpec

from paho.mqtt.client import MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_py.config import MqttConfig
from firmware_py.courier.events.commands import TEST, Commands
from firmware_py.courier.events.connection import (
    TAKEN_OVER,
    UNSUPPORTED_VERSION,
    BoundedClient,
    Waits,
    client_of,
    connect,
)
from firmware_py.courier.events.database import Unpublished
from firmware_py.courier.events.home_assistant import Announcement
from firmware_py.locale import mark

log = logging.getLogger(__name__)

EVENTS_IN_FLIGHT = 20
RESEND_S = 60.0  # an event that waits longer for its acknowledgement while connected is sent again
PROBE_S = 5.0  # the way back of a test message takes at most this long
PROBE_AGAIN_S = 60.0  # after a refusal
MUTE_S = 300.0  # no subscription after a message that was too large
ANNOUNCE_S = 10.0  # one announcement in this time, after ANNOUNCE_BURST of them
ANNOUNCE_BURST = 3.0
GOODBYE_S = 1.0
HEAD_BYTES = 16  # of a message, beside topic and text, at most
LOGIN_REFUSED = (134, 135, 138, 140)  # MQTT 5 reason codes: name or password, rights, banned, method

RemoteStop = Literal["off", "not connected", "ready", "not confirmed", "not permitted"]
P = ParamSpec("P")


class Broker:
    """One lasting connection. `on_stop` is called for a valid remote stop, `on_room` when more events may be sent.

    `forgotten` are topics whose retained message is to be deleted; `on_forgotten` is called for each that was.
    `on_acknowledged(alert)`: somebody is on the way; None: nobody is asked to say so.
    """

    def __init__(
        self,
        config: MqttConfig,
        device: str,
        announcement: Announcement | None,
        on_stop: Callable[[], None],
        on_room: Callable[[], None],
        forgotten: Iterable[str] = (),
        on_forgotten: Callable[[str], None] = lambda _: None,
        on_acknowledged: Callable[[str], None] | None = None,
    ) -> None:
        self._config = config
        self._device = device
        self._announcement = announcement
        births = announcement.status_topic if announcement else ""
        self.commands = Commands(
            config, device, births, on_stop, on_acknowledged, self._home_assistant_is_back, self._tested
        )
        self._on_room = on_room
        self._forgotten = set(forgotten)
        self._on_forgotten = on_forgotten
        self._lock = threading.Lock()  # what is retained is published once: on connecting or on changing
        self._retained: dict[str, str] = {}
        self._asked_s: dict[
            str, float
        ] = {}  # tail of what is retained -> when it was last sent with an answer
        # mid and whether it was taken: as paho has told them, and then those of events
        self._answers: deque[tuple[int, bool]] = deque()
        self._acknowledged: deque[tuple[int, bool]] = deque()
        # mid -> (row, sent); the event writer's thread only
        self._in_flight: dict[int, tuple[int, float]] = {}
        self._asked: dict[int, str] = {}  # mid -> topic of what is no event
        self._refused: dict[str, str] = {}  # topic -> what the broker refuses
        self._most_bytes = 0  # of a message, as the broker says; 0: it does not
        self._stop_topic = self.commands.stop_topic
        self._probe, self._probe_sent_s, self._probe_next_s = b"", 0.0, 0.0
        self._muted_until_s, self._muted = 0.0, ""
        self._announcements, self._announced_s, self._announce_later = ANNOUNCE_BURST, 0.0, False
        self._client: BoundedClient | None = None
        self.connected = False
        self.remote_stop: RemoteStop = "not connected" if config.allow_remote_stop else "off"
        self.trouble = mark("not connected yet")  # with the connection itself

    def topic(self, tail: str) -> str:
        return self._config.topic(self._device, tail)

    @property
    def refused_commands(self) -> int:
        return self.commands.refused

    @property
    def problem(self) -> str:
        """What is wrong with the connection, or what the broker refuses, a line each; "" when nothing is."""
        return self.trouble or "\n".join(list(self._refused.values()))

    def start(self) -> None:
        """Begin to connect, and retry without end. Raises Failure when login or TLS cannot be set up."""
        client = client_of(self._config, f"rearguard-{self._device}")
        client.max_inflight_messages_set(EVENTS_IN_FLIGHT)
        client.max_queued_messages_set(4 * EVENTS_IN_FLIGHT)
        client.will_set(self.topic("status"), "offline", qos=1, retain=True)
        client.on_connect = lambda _c, _d, _f, code, props: self._safely(self._connected, code, props)
        client.on_connect_fail = lambda _c, _d: self._safely(self._failed)
        client.on_disconnect = lambda _c, _d, _f, code, _p: self._safely(self._disconnected, code)
        client.on_publish = lambda _c, _d, mid, code, _p: self._safely(self._published, mid, code)
        client.on_subscribe = lambda _c, _d, mid, codes, _p: self._safely(self._subscribed, mid, codes)
        client.on_message = lambda _c, _d, message: self._safely(self._message, message)
        self._client, self._waits = client, Waits(client, self._config.profile)
        connect(client, self._config)

    def close(self) -> None:
        if self._client is None:
            return
        if self.connected:
            said = self._client.publish(self.topic("status"), "offline", qos=1, retain=True)
            self.connected = False  # wanted: not a connection that was lost
            if said.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                said.wait_for_publish(GOODBYE_S)
        self._client.disconnect()
        self._client.loop_stop()

    def retain(self, tail: str, payload: dict[str, Any]) -> None:
        """Publish retained telemetry now if connected, and again after each reconnect (a broker may forget).

        In a fleet the broker keeps the last stop only: the fleet keeps the rest itself, and a cluster would write each.
        """
        text = json.dumps(payload, separators=(",", ":"))
        with self._lock:
            self._retained[tail] = text
            if self.connected:
                self._retain(tail, text)

    def _retain(self, tail: str, text: str) -> None:
        """At QoS 0, which no broker answers; with an answer at first, and again now and then after a refusal."""
        topic, now_s = self.topic(tail), time.monotonic()
        sent_s = self._asked_s.get(tail)
        if sent_s is None or (topic in self._refused and now_s - sent_s >= PROBE_AGAIN_S):
            self._asked_s[tail] = now_s
            self._publish(topic, text, self._keeps(tail))
        else:
            self._send(topic, text, 0, self._keeps(tail))

    def _keeps(self, tail: str) -> bool:
        return self._config.profile == "home" or tail == "last_stop"

    def tend(self) -> None:
        """Call it often from the main thread: what was to be done later is done when its time has come."""
        self._take_answers()
        now_s = time.monotonic()
        if not self.connected or self._client is None:
            return
        if self._announce_later and self._may_announce(now_s):
            self._announce_later = False
            with self._lock:
                self._announce()
        if self._config.allow_remote_stop:
            if self._probe and now_s - self._probe_sent_s > PROBE_S:
                self._probe = b""
                self._no_remote_stop("not permitted", "a test message did not come back to this device")
            elif not self._probe and now_s >= max(self._probe_next_s, self._muted_until_s):
                with self._lock:
                    if self.remote_stop == "ready":
                        self._test_stop_topic()
                    else:
                        self._subscribe()

    # -- events: the event writer's thread ---------------------------------------------------------------

    def room(self) -> int:
        """How many more events may be sent now."""
        return EVENTS_IN_FLIGHT - len(self._in_flight) if self.connected else 0

    def send(self, events: Iterable[Unpublished]) -> int:
        """Hand events to the network; the highest row number that was dealt with, 0 when none was.

        One that is too large for the broker stays stored, and those behind it go.
        """
        sent = 0
        for event in events:
            info = self._send(self.topic(f"event/{event.type}"), event.event, 1, retain=False)
            if info and info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                break
            if info:
                self._in_flight[info.mid] = (event.n, time.monotonic())
            sent = event.n
        return sent

    def acknowledged(self) -> list[int]:
        """Row numbers of the events that the broker has taken since the last call.

        An event that it refused stays in flight until it is overdue, and is then sent again.
        """
        self._take_answers()
        rows = []
        while self._acknowledged:
            mid, taken = self._acknowledged.popleft()
            if mid not in self._in_flight:
                continue
            if taken:
                rows.append(self._in_flight.pop(mid)[0])
                self._refused.pop("events", None)
            else:
                self._refuse(
                    "events", "the broker refuses this device's events; they are stored and sent again"
                )
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

    def _take_answers(self) -> None:
        """Finds what each answer belongs to: an event, or what `_publish` has asked for."""
        asked = []
        with self._lock:  # whoever publishes has noted the number before the lock is free
            while self._answers:
                mid, taken = self._answers.popleft()
                topic = self._asked.pop(mid, None)
                if topic is None:
                    self._acknowledged.append((mid, taken))
                else:
                    asked.append((topic, taken))
        for topic, taken in asked:
            self._answered(topic, taken)

    def _answered(self, topic: str, taken: bool) -> None:
        if topic in self._forgotten:
            if taken:
                self._forgotten.discard(topic)
                self._on_forgotten(topic)
        elif topic == self._stop_topic:  # a test message counts when it comes back
            if not taken:
                self._probe = b""
                self._no_remote_stop("not confirmed", "the broker refuses the test message to the stop topic")
        elif taken:
            self._refused.pop(topic, None)
        else:
            self._refuse(topic, f"the broker refuses to publish {topic}")

    # -- callbacks: paho's network thread ------------------------------------------------------------------

    def _safely(self, callback: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """An exception in a callback would kill the network thread while it still looks connected."""
        try:
            callback(*args, **kwargs)
        except Exception:
            log.exception("mqtt: %s failed; the connection goes on", callback)

    def _connected(self, code: ReasonCode, properties: Properties | None) -> None:
        assert self._client is not None
        if code.is_failure:
            self._waits.failed()
            if code.value == UNSUPPORTED_VERSION:
                self._client.speak_3_1_1()
            elif code.value in LOGIN_REFUSED:
                self._note(
                    f"mqtt: the broker refused the connection: {code}. Check mqtt.user and the password, and the "
                    "broker's access list."
                )
            else:
                self._note(
                    f"mqtt: the broker refused the connection: {code}. Usually a setting of the broker: this device "
                    "needs retained messages and QoS 1, and a client id of its own."
                )
            return
        self._waits.connected()
        log.info("mqtt: connected to %s:%d", self._config.host, self._config.port)
        with self._lock:
            self.trouble = ""
            self._refused.clear()
            self._asked.clear()
            self._asked_s.clear()
            self._most_bytes = getattr(properties, "MaximumPacketSize", 0)
            self.connected = True
            if time.monotonic() >= self._muted_until_s:
                self._subscribe()
            else:
                self._refused[self._stop_topic] = self._muted
                self.remote_stop = "not permitted"
            for topic in list(self._forgotten):
                self._publish(topic, "")
            self._announce()
            self._publish(self.topic("status"), "online")
            self._publish_retained()
        self._on_room()  # the event writer may send again

    def _subscribe(self) -> None:
        """Ask for the topics that this device listens to; the answers come to `_subscribed`."""
        assert self._client is not None
        self._probe_next_s = time.monotonic() + PROBE_AGAIN_S
        for topic in self.commands.topics:
            _, mid = self._client.subscribe(topic, 1)
            if mid is not None:
                self._asked[mid] = topic

    def _subscribed(self, mid: int, codes: list[ReasonCode]) -> None:
        assert self._client is not None
        with self._lock:
            topic = self._asked.pop(mid, "")
        refused = any(code.is_failure for code in codes)
        if topic != self._stop_topic:
            if refused:
                self._refuse(topic, f"the broker refuses the subscription of {topic}")
        elif refused:
            self._no_remote_stop("not permitted", "the broker refuses the subscription of the stop topic")
        else:
            with self._lock:
                self._test_stop_topic()

    def _test_stop_topic(self) -> None:
        """Send a message that must come back; a broker may accept a subscription and still pass nothing on."""
        assert self._client is not None
        now_s = time.monotonic()
        self._probe, self._probe_sent_s = TEST + os.urandom(8).hex().encode(), now_s
        self._probe_next_s = now_s + PROBE_AGAIN_S
        self._asked[self._client.publish(self._stop_topic, self._probe, qos=1).mid] = self._stop_topic

    def _no_remote_stop(self, state: RemoteStop, why: str) -> None:
        self.remote_stop = state
        self._refuse(self._stop_topic, f"remote stop {state}: {why}")

    def _refuse(self, topic: str, what: str) -> None:
        problem = (
            f"mqtt: {what}. Usually the broker's access list: allow this user to read and write "
            f"{self.topic('#')} and what Home Assistant's discovery needs (docs/home-assistant.md)."
        )
        self._show(topic, problem)

    def _show(self, topic: str, problem: str) -> None:
        if self._refused.get(topic) != problem:
            log.warning("%s", problem)
        self._refused[topic] = problem

    def _publish(self, topic: str, text: str, retain: bool = True) -> None:
        """The broker's answer is looked at."""
        info = self._send(topic, text, 1, retain)
        if info:
            self._asked[info.mid] = topic

    def _send(self, topic: str, text: str, qos: int, retain: bool) -> MQTTMessageInfo | None:
        """What is too large for the broker would end the connection: it is shown, and not sent."""
        assert self._client is not None
        size = len(topic.encode()) + len(text.encode()) + HEAD_BYTES
        if 0 < self._most_bytes < size:
            problem = (
                f"mqtt: the broker takes messages of {self._most_bytes} bytes at most; {topic} has {size}. "
                "Usually its max_packet_size: raise it, or leave it out."
            )
            self._show(topic, problem)
            return None
        return self._client.publish(topic, text, qos=qos, retain=retain)

    def _publish_retained(self) -> None:
        for tail, text in self._retained.items():
            self._retain(tail, text)

    def _announce(self) -> None:
        if self._announcement:
            self._publish(self._announcement.topic, self._announcement.payload)

    def _failed(self) -> None:
        assert self._client is not None
        self._waits.failed()
        why = "Usually the broker is off, or mqtt.host, mqtt.port or mqtt.tls is wrong."
        why = self._client.refusal or why
        self._note(
            f"mqtt: no connection to {self._config.host}:{self._config.port}. {why} Retrying without end; "
            "events are stored meanwhile."
        )

    def _disconnected(self, code: ReasonCode) -> None:
        assert self._client is not None
        was, self.connected = self.connected, False
        self.remote_stop = "not connected" if self._config.allow_remote_stop else "off"
        self._probe = b""
        size, self._client.refused_bytes = self._client.refused_bytes, 0
        if size:
            self._muted_until_s = time.monotonic() + MUTE_S
            problem = (
                f"mqtt: the broker sent a message of {size} bytes and was disconnected. Usually somebody has left a "
                f"retained message at {self._stop_topic}: delete it (mosquitto_pub -r -n -t {self._stop_topic}). "
                f"Remote stop is off for {MUTE_S / 60:g} minutes."
            )
            self._muted = problem
            self._note(problem)
        if not was:
            if self._client.refusal:
                self._failed()  # TLS came up, and then the broker refused our certificate
            return
        again = self._waits.lost()
        if self._refused:
            problem = f"mqtt: the connection was lost ({code}) after a refusal."
            self._note("\n".join((problem, *self._refused.values())))
        elif again or code.value == TAKEN_OVER:
            self._note(
                f"mqtt: connections are lost again and again ({code}): usually another device with the same "
                f"device_id, {self._device}. Give each its own courier.device_id. Events are stored meanwhile."
            )
        elif not size:
            self._note(
                f"mqtt: the connection was lost ({code}). Retrying without end; events are stored meanwhile."
            )

    def _published(self, mid: int, code: ReasonCode) -> None:
        self._answers.append((mid, not code.is_failure))
        self._on_room()

    def _message(self, message: MQTTMessage) -> None:
        self.commands.take(message.topic, bytes(message.payload), bool(message.retain))

    def _tested(self, payload: bytes) -> None:
        """A test message came along the stop topic; it counts when it is our own."""
        if self._probe and payload == self._probe:
            self._probe = b""
            self.remote_stop = "ready"
            self._refused.pop(self._stop_topic, None)

    def _home_assistant_is_back(self) -> None:
        if self._may_announce(time.monotonic()):
            with self._lock:
                self._announce()
                self._publish_retained()
        else:
            self._announce_later = True

    def _may_announce(self, now_s: float) -> bool:
        since_s, self._announced_s = now_s - self._announced_s, now_s
        self._announcements = min(ANNOUNCE_BURST, self._announcements + since_s / ANNOUNCE_S)
        if self._announcements < 1.0:
            return False
        self._announcements -= 1.0
        return True

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble
