"""A real mosquitto on a free loopback port, and a listener that keeps what it receives."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

FOUND = shutil.which("mosquitto") or ("/usr/sbin/mosquitto" if Path("/usr/sbin/mosquitto").exists() else None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def by_certificate(authority: Path, acl: Path) -> str:
    """Settings of a broker that knows its clients by the fleet's certificates and keeps to its access list."""
    crl = authority / "ca.crl"
    lines = [
        "allow_anonymous false", "require_certificate true", "use_identity_as_username true",
        f"cafile {authority}/ca.pem", f"certfile {authority}/broker.pem", f"keyfile {authority}/broker.key",
        f"acl_file {acl}", *([f"crlfile {crl}"] if crl.exists() else []),
    ]  # fmt: skip
    return "\n".join(lines)


class Mosquitto:
    """Start, kill, freeze, start again: always the same port."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        # mosquitto 2.0.11 hangs up on whoever it refuses a message when its queues are unlimited
        queues = "" if "acl_file" in settings else "max_queued_messages 0\n"
        text = f"listener {self.port} 127.0.0.1\n{user}{settings}\n{queues}"
        self._config.write_text(text, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        assert FOUND
        self._process = subprocess.Popen(
            [FOUND, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline_s = time.monotonic() + 5
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                assert time.monotonic() < deadline_s and self._process.poll() is None, (
                    "mosquitto did not start"
                )
                time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def reload(self) -> None:
        """Read the access list anew."""
        assert self._process
        self._process.send_signal(signal.SIGHUP)

    def freeze(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)


class Ear:
    """Subscribes to everything; `until` waits for a message that fits."""

    def __init__(self, port: int) -> None:
        self.received: list[tuple[str, bytes, bool]] = []
        self._news = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._note("", b"subscribed", False)
        self._client.on_message = lambda _c, _d, m: self._note(m.topic, bytes(m.payload), m.retain)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.until("")
        self.received.clear()

    def _note(self, topic: str, payload: bytes, retained: bool) -> None:
        with self._news:
            self.received.append((topic, payload, retained))
            self._news.notify_all()

    def of(self, topic: str) -> list[bytes]:
        return [payload for at, payload, _ in self.received if at == topic]

    def until(self, topic: str, holds: Any = lambda payloads: payloads, timeout_s: float = 10) -> list[bytes]:
        with self._news:
            assert self._news.wait_for(lambda: holds(self.of(topic)), timeout_s), (topic, self.received[-8:])
            return self.of(topic)

    def publish(self, topic: str, payload: bytes | str, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain)

    def event_ids(self) -> list[str]:
        return [json.loads(p)["id"] for t, p, _ in self.received if "/event/" in t]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def mosquitto(folder: Path, settings: str = "allow_anonymous true") -> Iterator[Mosquitto]:
    made = Mosquitto(folder, settings)
    try:
        yield made
    finally:
        made.kill()


@contextlib.contextmanager
def knowing(folder: Path, user: str, password: str) -> Iterator[Mosquitto]:
    """A broker that lets nobody else in."""
    users = folder / "users"
    users.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", users, user, password], check=True, capture_output=True)
    with mosquitto(folder, f"allow_anonymous false\npassword_file {users}") as server:
        yield server


@contextlib.contextmanager
def ear(port: int) -> Iterator[Ear]:
    made = Ear(port)
    try:
        yield made
    finally:
        made.close()
