"""Owns one try at the broker as the courier would use it: log in, subscribe to the stop topic, send a test message.

Must never take the running courier's connection, and never ask for a stop.
"""

import os
import threading

from paho.mqtt.client import MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from firmware_py.config import MqttConfig
from firmware_py.courier.events.commands import STOP, TEST
from firmware_py.courier.events.connection import (
    UNSUPPORTED_VERSION,
    BoundedClient,
    client_of,
    connect,
)

LOGIN_S = 5.0


class _Try:
    """What came of it; `done` is set when nothing more can come."""

    def __init__(self, config: MqttConfig, device: str, secret: str | None) -> None:
        self._config = config
        self._topic = config.topic(device, STOP)
        self._test = TEST + os.urandom(8).hex().encode()
        self.client: BoundedClient = client_of(config, f"rearguard-check-{os.urandom(4).hex()}")
        if secret is not None:
            self.client.username_pw_set(config.user, secret)
        # The courier has a last will; a broker that takes none refuses it. This one would leave nothing behind.
        self.client.will_set(config.topic(device, "check"), b"", qos=1, retain=True)
        self.done = threading.Event()
        self.problem = "does not answer"
        self.client.on_connect_fail = lambda _c, _d: self._failed()
        self.client.on_disconnect = lambda _c, _d, _f, _code, _p: self._failed()
        self.client.on_connect = lambda _c, _d, _f, code, _p: self._connected(code)
        self.client.on_subscribe = lambda _c, _d, _m, codes, _p: self._subscribed(codes)
        self.client.on_publish = lambda _c, _d, _m, code, _p: self._published(code)
        self.client.on_message = lambda _c, _d, message: self._message(message)

    def _end(self, problem: str) -> None:
        self.problem = problem
        self.done.set()

    def _failed(self) -> None:
        if self.client.refusal:
            self._end(f"cannot be trusted. {self.client.refusal}")

    def _connected(self, code: ReasonCode) -> None:
        if code.value == UNSUPPORTED_VERSION:
            self.client.speak_3_1_1()
        elif code.is_failure:
            self._end(f"refuses the login ({code})")
        elif not self._config.allow_remote_stop:
            self._end("")
        else:
            self.problem = "passes no message on to the stop topic: remote stop not permitted"
            self.client.subscribe(self._topic, 1)

    def _subscribed(self, codes: list[ReasonCode]) -> None:
        if any(code.is_failure for code in codes):
            self._end("refuses the subscription of the stop topic: remote stop not permitted")
        else:
            self.client.publish(self._topic, self._test, qos=1)

    def _published(self, code: ReasonCode) -> None:
        if code.is_failure:
            self._end("refuses a test message to the stop topic: remote stop not confirmed")

    def _message(self, message: MQTTMessage) -> None:
        if message.payload == self._test:
            self._end("")


def attempt(config: MqttConfig, device: str, timeout_s: float = LOGIN_S, secret: str | None = None) -> str:
    """What the broker does not do for this device, as the end of a sentence that begins with its address; "": nothing.

    `secret`: a password to try instead of the one that is set.
    Raises Failure when the password or the certificate authority cannot be read.
    """
    tried = _Try(config, device, secret)
    connect(tried.client, config)
    tried.done.wait(timeout_s)
    problem = tried.problem
    tried.client.disconnect()
    tried.client.loop_stop()
    return problem
