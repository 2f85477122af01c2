import json
import logging
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from firmware_py.config import MqttConfig
from firmware_py.courier.events import mqtt
from firmware_py.courier.events.database import read_only
from firmware_py.courier.events.envelope import Stamp
from firmware_py.courier.events.home_assistant import discovery
from firmware_py.courier.events.mqtt import Broker
from firmware_py.courier.events.writer import EventWriter
from sensors.advice import Failure
from tests.support.broker import FOUND, Mosquitto, ear, mosquitto
from tests.support.process import wait_for

pytestmark = pytest.mark.skipif(
    not FOUND, reason="mosquitto is not installed: sh tests/system-packages.sh test"
)

BASE = "rearguard/rig"
OWN = Stamp("rig", "courier", "courierboot", "c0ffee", "0.1.0")


@contextmanager
def publishing(
    port: int, folder: Path, on_stop: Callable[[], None] | None = None, **settings: Any
) -> Iterator[tuple[Broker, EventWriter, threading.Event]]:
    """A broker connection with an event writer behind it, as the courier builds them."""
    stop = threading.Event()
    config = MqttConfig(enabled=True, host="127.0.0.1", port=port, **settings)
    events = EventWriter(folder / "e.sqlite", OWN, 90, lambda seq: None, lambda e: None)
    broker = Broker(
        config, "rig", lambda: discovery("rig", "0.1.0", True, None), on_stop or stop.set, events.wake
    )
    broker._client.reconnect_delay_set(1, 1)
    broker.start()
    events.start(broker)
    try:
        yield broker, events, stop
    finally:
        events.close()
        broker.close()


def unpublished(folder: Path) -> int:
    db = read_only(folder / "e.sqlite")
    try:
        return int(db.execute("SELECT count(*) FROM events WHERE published_s IS NULL").fetchone()[0])
    finally:
        db.close()


def test_what_is_retained_is_there_for_a_later_listener(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server, publishing(server.port, tmp_path) as (broker, _, _):
        broker.retain("state", {"run": True})
        with ear(server.port) as early:
            early.until("homeassistant/device/rearguard_rig/config")
            early.until(f"{BASE}/state")
        with ear(server.port) as listener:
            assert listener.until(f"{BASE}/status") == [b"online"]
            assert json.loads(listener.until(f"{BASE}/state")[0]) == {"run": True}
            listener.until("homeassistant/device/rearguard_rig/config")
            first = {topic: retained for topic, _, retained in reversed(listener.received)}
            assert all(
                first.values()
            )  # a second, live one may follow: published while the connection came up


def test_the_will_publishes_offline_when_the_courier_dies_and_a_good_end_publishes_it_too(
    tmp_path: Path,
) -> None:
    with mosquitto(tmp_path) as server, ear(server.port) as listener:
        with publishing(server.port, tmp_path) as (broker, _, _):
            listener.until(f"{BASE}/status", lambda payloads: payloads == [b"online"])
            broker._client._sock_close()  # as a killed process does: no goodbye
            listener.until(f"{BASE}/status", lambda payloads: b"offline" in payloads)
            listener.until(f"{BASE}/status", lambda payloads: payloads[-1] == b"online")
        listener.until(f"{BASE}/status", lambda payloads: payloads[-1] == b"offline")


def test_events_recorded_while_the_broker_is_away_come_when_it_is_back(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        server.kill()
        with publishing(server.port, tmp_path) as (_, events, _):
            for _ in range(100):
                events.record("guard_lost")
            wait_for(lambda: events.waiting == 0)
            assert unpublished(tmp_path) == 100
            server.start()
            wait_for(lambda: unpublished(tmp_path) == 0)


def test_a_broker_killed_in_the_middle_of_a_flood_gets_every_event(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server, publishing(server.port, tmp_path) as (broker, events, _):
        wait_for(lambda: broker.connected)
        for burst in range(5):
            for _ in range(100):
                events.record("guard_lost")
            if burst in (1, 3):
                server.kill()
                server.start()
        wait_for(lambda: events.waiting == 0 and unpublished(tmp_path) == 0, 20)
        assert len(broker.in_flight()) == 0


def test_a_frozen_broker_holds_back_events_without_holding_up_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "KEEPALIVE_S", 1)
    with (
        mosquitto(tmp_path) as server,
        ear(server.port) as listener,
        publishing(server.port, tmp_path) as (broker, events, _),
    ):
        wait_for(lambda: broker.connected)
        server.freeze()
        began_s = time.monotonic()
        for n in range(200):
            events.record("guard_lost")
            broker.retain("state", {"n": n})
        wait_for(lambda: events.waiting == 0)
        assert time.monotonic() - began_s < 2.0
        assert len(broker.in_flight()) <= mqtt.EVENTS_IN_FLIGHT
        wait_for(lambda: not broker.connected)  # the keep-alive has noticed
        server.thaw()
        wait_for(lambda: unpublished(tmp_path) == 0, 20)
        wait_for(lambda: len(set(listener.event_ids())) == 200)


def test_an_event_that_is_never_acknowledged_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "RESEND_S", 0.2)
    with (
        mosquitto(tmp_path) as server,
        ear(server.port) as listener,
        publishing(server.port, tmp_path) as (broker, events, _),
    ):
        wait_for(lambda: broker.connected)
        real = broker._client.on_publish
        broker._client.on_publish = lambda *_: None  # the acknowledgement is lost
        events.record("guard_lost")
        listener.until(f"{BASE}/event/guard_lost", lambda payloads: len(payloads) >= 2)
        broker._client.on_publish = real
        wait_for(lambda: unpublished(tmp_path) == 0)
        assert len(set(listener.event_ids())) == 1  # the same id: a listener recognises it


def test_a_remote_stop_asks_for_a_stop_and_nothing_else_is_obeyed(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path) as server,
        ear(server.port) as listener,
        publishing(server.port, tmp_path) as (broker, _, stop),
    ):
        wait_for(lambda: broker.connected)
        refused = [b"", b"start", b"run", b'{"stop":true}', b"stop\0", b"S" * 1_000_000, b"\xff\xfe"]
        for payload in refused:
            listener.publish(f"{BASE}/command/stop", payload)
        for other in ("start", "arm", "reset", "set"):
            listener.publish(f"{BASE}/command/{other}", "stop")
        wait_for(lambda: broker.refused_commands == len(refused))
        assert not stop.is_set()
        listener.publish(f"{BASE}/command/stop", "stop")
        wait_for(stop.is_set)
        stop.clear()
        for _ in range(50):
            listener.publish(f"{BASE}/command/stop", "stop")
        listener.publish(f"{BASE}/command/stop", "end of the flood")
        wait_for(lambda: broker.refused_commands == len(refused) + 1)
        assert not stop.is_set()  # within a second of the first
        assert broker.connected


def test_a_retained_stop_is_refused_at_each_reconnect(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server, ear(server.port) as listener:
        listener.publish(f"{BASE}/command/stop", "stop", retain=True)
        listener.until(f"{BASE}/command/stop")
        with publishing(server.port, tmp_path) as (broker, _, stop):
            wait_for(lambda: broker.refused_commands == 1)
            assert not stop.is_set()


def test_home_assistant_receives_everything_again_after_its_birth_message(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path) as server,
        ear(server.port) as listener,
        publishing(server.port, tmp_path) as (broker, _, _),
    ):
        broker.retain("state", {"run": False})
        topic = "homeassistant/device/rearguard_rig/config"
        listener.until(topic)
        listener.publish("homeassistant/status", "offline")
        listener.publish("homeassistant/status", "online")
        listener.until(topic, lambda payloads: len(payloads) == 2)
        listener.until(f"{BASE}/state", lambda payloads: len(payloads) >= 2)


def test_a_callback_that_raises_does_not_end_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with (
        mosquitto(tmp_path) as server,
        ear(server.port) as listener,
        publishing(server.port, tmp_path, fail) as (broker, events, _),
    ):
        wait_for(lambda: broker.connected)
        listener.publish(f"{BASE}/command/stop", "stop")
        wait_for(lambda: "ZeroDivisionError" in caplog.text)
        events.record("guard_lost")
        wait_for(lambda: events.waiting == 0 and unpublished(tmp_path) == 0)


def password_file(folder: Path, text: str) -> Path:
    path = folder / "secret"
    path.write_text(text + "\n", encoding="utf-8")
    return path


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Mosquitto]:
    users = tmp_path / "users"
    users.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", users, "rig", "open sesame"], check=True, capture_output=True)
    with mosquitto(tmp_path, f"allow_anonymous false\npassword_file {users}") as server:
        yield server


def test_a_wrong_password_is_reported_and_never_shown(
    tmp_path: Path, locked: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = str(password_file(tmp_path, "open barley"))
    with publishing(locked.port, tmp_path, user="rig", password_file=wrong) as (broker, events, _):
        events.record("guard_lost")
        wait_for(lambda: "refused the connection" in broker.problem)
        assert not broker.connected and "mqtt.user" in broker.problem
    assert "barley" not in caplog.text


def test_the_right_password_opens_from_a_file_or_a_systemd_credential(
    tmp_path: Path, locked: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = password_file(tmp_path, "open sesame")
    with publishing(locked.port, tmp_path, user="rig", password_file=str(right)) as (broker, _, _):
        wait_for(lambda: broker.connected)
    right.rename(tmp_path / "mqtt_password")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with publishing(locked.port, tmp_path, user="rig") as (broker, _, _):
        wait_for(lambda: broker.connected)


def test_a_password_file_that_cannot_be_read_is_named_and_nothing_else(tmp_path: Path) -> None:
    config = MqttConfig(enabled=True, user="rig", password_file=str(tmp_path / "nowhere"))
    with pytest.raises(Failure, match=r"nowhere.*mqtt\.password_file"):
        mqtt.password(config)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves a refused socket open
def test_tls_talks_to_the_broker_it_can_check_and_to_no_other(tmp_path: Path) -> None:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)

    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    openssl("req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA")
    openssl("req", "-x509", *ec, "-keyout", "other.key", "-out", "other.pem", "-subj", "/CN=Other CA")
    openssl("req", *ec, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=broker")
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
    openssl("x509", "-req", "-in", "server.csr", *signing, "-out", "server.pem")
    settings = f"allow_anonymous true\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key"
    with mosquitto(tmp_path, settings) as server:
        with publishing(server.port, tmp_path, tls=True, ca_file=str(tmp_path / "ca.pem")) as (
            broker,
            events,
            _,
        ):
            wait_for(lambda: broker.connected)
            events.record("guard_lost")
            wait_for(lambda: events.waiting == 0 and unpublished(tmp_path) == 0)
        with publishing(server.port, tmp_path, tls=True, ca_file=str(tmp_path / "other.pem")) as (
            broker,
            _,
            _,
        ):
            wait_for(lambda: "no connection" in broker.problem)
            assert not broker.connected


def test_a_certificate_authority_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("not a certificate")
    config = MqttConfig(enabled=True, tls=True, ca_file=str(tmp_path / "bad.pem"))
    with pytest.raises(Failure, match="PEM"):
        Broker(config, "rig", None, lambda: None, lambda: None).start()
