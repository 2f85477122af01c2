import json
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from firmware_py.config import MqttConfig
from firmware_py.courier.events import connection, mqtt
from firmware_py.courier.events.database import read_only
from firmware_py.courier.events.envelope import Stamp
from firmware_py.courier.events.home_assistant import Announcement, announcement
from firmware_py.courier.events.login import attempt
from firmware_py.courier.events.mqtt import Broker
from firmware_py.courier.events.writer import EventWriter
from sensors.advice import Failure
from tests.support.broker import FOUND, Mosquitto, ear, knowing, mosquitto
from tests.support.process import wait_for

pytestmark = pytest.mark.skipif(
    not FOUND, reason="mosquitto is not installed: sh tests/system-packages.sh test"
)

BASE = "rearguard/rig"
ANNOUNCED = announcement("rig", "0.1.0", MqttConfig())
OWN = Stamp("rig", "courier", "courierboot", "c0ffee", "0.1.0")


@contextmanager
def publishing(
    port: int,
    folder: Path,
    on_stop: Callable[[], None] | None = None,
    announced: Announcement | None = ANNOUNCED,
    forgotten: tuple[str, ...] = (),
    **settings: Any,
) -> Iterator[tuple[Broker, EventWriter, threading.Event]]:
    """A broker connection with an event writer behind it, as the courier builds them."""
    stop = threading.Event()
    config = MqttConfig(enabled=True, host="127.0.0.1", port=port, **settings)
    events = EventWriter(folder / "e.sqlite", OWN, 90, lambda seq: None, lambda e: None)
    broker = Broker(config, "rig", announced, on_stop or stop.set, events.wake, forgotten)
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
            assert [topic for topic, _, retained in listener.received if not retained] == []


def test_in_a_fleet_the_broker_keeps_the_last_stop_and_no_state(tmp_path: Path) -> None:
    """Ten thousand retained states would be written by each node of a cluster; the fleet keeps the newest itself."""
    with (
        mosquitto(tmp_path) as server,
        ear(server.port) as early,
        publishing(server.port, tmp_path, profile="fleet") as (broker, _, _),
    ):
        for tail in ("state", "health", "last_stop"):
            broker.retain(tail, {"run": True})
            early.until(f"{BASE}/{tail}")
        with ear(server.port) as late:
            late.until(f"{BASE}/status")
            late.until(f"{BASE}/last_stop")
            assert late.of(f"{BASE}/state") == late.of(f"{BASE}/health") == []


def test_what_is_retained_while_the_connection_comes_up_is_published_once(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        for n in range(20):
            with ear(server.port) as listener:
                config = MqttConfig(enabled=True, host="127.0.0.1", port=server.port)
                broker = Broker(config, f"d{n}", None, lambda: None, lambda: None)
                retained = threading.Thread(
                    target=lambda broker=broker: (
                        wait_for(lambda: broker.connected, step_s=0),
                        broker.retain("state", {"n": 1}),
                    )
                )
                retained.start()
                broker.start()
                retained.join()
                listener.publish("end", "")
                listener.until(f"rearguard/d{n}/state")
                broker.close()
                listener.until(f"rearguard/d{n}/status", lambda payloads: payloads[-1] == b"offline")
                assert listener.of(f"rearguard/d{n}/state") == [b'{"n":1}']


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
    monkeypatch.setattr(connection, "KEEPALIVE_S", 1)
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
        wait_for(lambda: broker.remote_stop == "ready")
        refused = [
            b"",
            b"start",
            b"run",
            b'{"stop":true}',
            b"stop\0",
            b"S" * 60_000,
            b"\xff\xfe",
            b"test 1" * 20,
        ]
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
        wait_for(lambda: broker.remote_stop == "ready")
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
    with knowing(tmp_path, "rig", "open sesame") as server:
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


@pytest.mark.parametrize("text", ["\ufeffopen sesame\r\n", "open sesame", " open sesame\n\n"])
def test_what_an_editor_puts_around_a_password_is_no_part_of_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "word"
    path.write_text(text, encoding="utf-8", newline="")
    assert connection.password(MqttConfig(user="rig", password_file=str(path))) == "open sesame"


def test_a_password_file_that_cannot_be_read_is_named_and_nothing_else(tmp_path: Path) -> None:
    config = MqttConfig(enabled=True, user="rig", password_file=str(tmp_path / "nowhere"))
    with pytest.raises(Failure, match=r"nowhere.*mqtt\.password_file"):
        connection.password(config)


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


# -- what a broker refuses ------------------------------------------------------------------------------------


@contextmanager
def restricted(folder: Path, *rights: str) -> Iterator[Mosquitto]:
    (folder / "rights").write_text("\n".join(rights) + "\n")
    (folder / "rights").chmod(0o600)
    with mosquitto(folder, f"allow_anonymous true\nacl_file {folder / 'rights'}") as server:
        yield server


OWN_TREE = "topic readwrite rearguard/rig/#"
HOME = "topic readwrite homeassistant/#"


@pytest.mark.parametrize("version", [5, 3])
def test_a_stop_topic_that_is_not_passed_on_is_shown_although_connected(
    tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mosquitto's access list accepts the subscription and then passes nothing on."""
    monkeypatch.setattr(mqtt, "PROBE_S", 0.3)
    if version == 3:
        monkeypatch.setattr(connection, "MQTTv5", connection.MQTTv311)
    rights = ("topic write rearguard/rig/#", HOME)
    with restricted(tmp_path, *rights) as server, publishing(server.port, tmp_path) as (broker, _, _):
        wait_for(lambda: broker.tend() or broker.remote_stop == "not permitted")
        assert broker.connected and "remote stop not permitted" in broker.problem


def test_a_test_message_that_may_not_be_sent_leaves_the_remote_stop_unconfirmed(tmp_path: Path) -> None:
    rights = (OWN_TREE, HOME, "topic deny rearguard/rig/command/#")
    with restricted(tmp_path, *rights) as server, publishing(server.port, tmp_path) as (broker, _, _):
        wait_for(lambda: broker.remote_stop == "not confirmed")
        assert "remote stop not confirmed" in broker.problem


@pytest.mark.parametrize("topic", ["homeassistant/device/rearguard_rig/config", "rearguard/rig/status"])
def test_a_publication_that_the_broker_refuses_is_shown(tmp_path: Path, topic: str) -> None:
    rights = ("topic readwrite #", f"topic deny {topic}")
    with restricted(tmp_path, *rights) as server, publishing(server.port, tmp_path) as (broker, _, _):
        wait_for(lambda: f"refuses to publish {topic}" in broker.problem)


def test_events_that_the_broker_refuses_are_kept_and_sent_when_it_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "RESEND_S", 0.2)
    rights = ("topic readwrite #", "topic deny rearguard/rig/event/#")
    with restricted(tmp_path, *rights) as server, publishing(server.port, tmp_path) as (broker, events, _):
        events.record("guard_lost")
        wait_for(lambda: "refuses this device's events" in broker.problem)
        assert unpublished(tmp_path) == 1
        (tmp_path / "rights").write_text("topic readwrite #\n")
        server.reload()
        wait_for(lambda: unpublished(tmp_path) == 0)
        assert broker.problem == ""


@pytest.mark.parametrize("tail", ["state", "health", "last_stop"])
def test_telemetry_that_the_broker_refuses_is_shown_until_it_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tail: str
) -> None:
    """At QoS 0 a broker does not answer: page and check said "connected", and Home Assistant never had a state."""
    monkeypatch.setattr(mqtt, "PROBE_AGAIN_S", 0.2)
    rights = ("topic readwrite #", f"topic deny rearguard/rig/{tail}")
    with restricted(tmp_path, *rights) as server, publishing(server.port, tmp_path) as (broker, _, _):
        wait_for(lambda: broker.connected)
        wait_for(
            lambda: broker.retain(tail, {}) or f"refuses to publish rearguard/rig/{tail}" in broker.problem
        )
        (tmp_path / "rights").write_text("topic readwrite #\n")
        server.reload()
        wait_for(lambda: broker.retain(tail, {}) or broker.problem == "")


def test_an_answer_never_waits_for_who_is_sending(tmp_path: Path) -> None:
    """paho holds a lock of its own while it tells of an answer, and who sends needs that one: both hung."""
    with mosquitto(tmp_path) as server, publishing(server.port, tmp_path) as (broker, _, _):
        wait_for(lambda: broker.connected)
        taken = ReasonCode(PacketTypes.PUBACK, "Success")
        with broker._lock:  # as `retain` does while it sends
            told = threading.Thread(target=broker._published, args=(1, taken), daemon=True)
            told.start()
            told.join(5)
            assert not told.is_alive()


def losses(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows by one with each connection that is lost from now on."""
    lost: list[object] = []
    real = broker._disconnected
    monkeypatch.setattr(broker, "_disconnected", lambda code: (lost.append(code), real(code)))
    return lost


def the_next_event_arrives(server: Mosquitto, events: EventWriter) -> None:
    with ear(server.port) as listener:
        events.record("guard_lost")
        listener.until(f"{BASE}/event/guard_lost")


def test_an_announcement_too_large_for_the_broker_is_named_and_not_sent(tmp_path: Path) -> None:
    """The broker ended the connection each time, and the page blamed another device with the same name."""
    settings = "allow_anonymous true\nmax_packet_size 2000"
    with mosquitto(tmp_path, settings) as server, publishing(server.port, tmp_path) as (broker, events, _):
        wait_for(lambda: "takes messages of 2000 bytes at most; homeassistant/device" in broker.problem)
        the_next_event_arrives(server, events)
        assert broker.connected and "another device" not in broker.problem


def test_telemetry_too_large_for_the_broker_is_never_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one was held back, and the second, at QoS 0, ended the connection."""
    settings = "allow_anonymous true\nmax_packet_size 2000"
    with mosquitto(tmp_path, settings) as server, publishing(server.port, tmp_path) as (broker, events, _):
        wait_for(lambda: broker.connected)
        lost = losses(broker, monkeypatch)
        for _ in range(3):
            broker.retain("health", {"word": "x" * 3000})
        the_next_event_arrives(server, events)
        assert lost == [] and f"at most; {BASE}/health has 3" in broker.problem


def test_an_event_too_large_for_the_broker_stays_stored_and_the_others_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended the connection, was sent again on the next one, and nothing behind it ever arrived."""
    settings = "allow_anonymous true\nmax_packet_size 1000"
    with mosquitto(tmp_path, settings) as server, publishing(server.port, tmp_path) as (broker, events, _):
        wait_for(lambda: broker.connected)
        lost = losses(broker, monkeypatch)
        long = "x" * 600
        events.record("storage_changed", part="events", ok=True, detail=long, message=long)
        the_next_event_arrives(server, events)
        assert lost == [] and f"at most; {BASE}/event/storage_changed has 1" in broker.problem
        wait_for(lambda: unpublished(tmp_path) == 1)


@pytest.mark.parametrize("setting", ["retain_available false", "max_qos 0"])
def test_a_broker_that_cannot_do_what_is_needed_is_not_taken_for_a_wrong_password(
    tmp_path: Path, setting: str
) -> None:
    with (
        mosquitto(tmp_path, f"allow_anonymous true\n{setting}") as server,
        publishing(server.port, tmp_path) as (broker, _, _),
    ):
        wait_for(lambda: "needs retained messages and QoS 1" in broker.problem)
        assert "password" not in broker.problem
        assert "refuses the login" in attempted(server.port)


def test_with_every_right_nothing_is_wrong(tmp_path: Path) -> None:
    with restricted(tmp_path, OWN_TREE, HOME) as server, publishing(server.port, tmp_path) as (broker, _, _):
        wait_for(lambda: broker.remote_stop == "ready")
        assert broker.problem == ""
    with (
        mosquitto(tmp_path) as server,
        publishing(server.port, tmp_path, allow_remote_stop=False) as (broker, _, _),
    ):
        wait_for(lambda: broker.connected)
        assert broker.remote_stop == "off" and broker.problem == ""


def test_two_devices_of_one_name_are_named_as_the_cause_and_slow_down(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        mosquitto(tmp_path) as server,
        ear(server.port) as listener,
        publishing(server.port, tmp_path / "a") as (first, _, _),
        publishing(server.port, tmp_path / "b") as (second, _, _),
    ):
        began_s = time.monotonic()
        wait_for(lambda: "another device with the same device_id" in first.problem + second.problem)
        births = [p for p in listener.of(f"{BASE}/status") if p == b"online"]
        assert len(births) <= 3 + time.monotonic() - began_s


def test_waits_grow_with_each_quick_loss_and_are_never_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Fake:
        def reconnect_delay_set(self, least: float, most: float) -> None:
            assert least == most
            waits.append(least)

    made = connection.Waits(Fake())  # type: ignore[arg-type]
    told = []
    for _ in range(8):
        made.connected()
        told.append(made.lost())
    assert told == [False, False] + [True] * 6
    assert all(min(60, 2.0**n) / 2 <= wait <= min(60, 2.0**n) for n, wait in enumerate(waits, 1))
    assert len(set(waits)) == 8
    monkeypatch.setattr(connection, "SHORT_S", 0.0)
    made = connection.Waits(Fake())  # type: ignore[arg-type]
    assert [(made.connected(), made.lost())[1] for _ in range(5)] == [False] * 5  # long connections


def test_a_fleet_comes_back_over_half_a_minute_and_a_home_at_once() -> None:
    """10,000 treadmills lose one broker together: not more than about 330 of them may come in one second."""
    waits: dict[str, list[float]] = {"home": [], "fleet": []}
    for profile, found in waits.items():

        class Fake:
            def reconnect_delay_set(self, least: float, _most: float, found: list[float] = found) -> None:
                found.append(least)

        for _ in range(2000):
            made = connection.Waits(Fake(), profile)  # type: ignore[arg-type]
            made.connected()
            made.lost()
    assert max(waits["home"]) <= 2.0
    in_a_second = [sum(n <= wait < n + 1 for wait in waits["fleet"]) for n in range(40)]
    assert max(in_a_second) < 2 * 2000 / connection.SPREAD_S
    assert max(waits["fleet"]) <= connection.SPREAD_S + 2.0


@pytest.mark.parametrize("version", [5, 3])
def test_a_huge_message_is_never_read_and_the_courier_goes_on(
    tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version == 3:
        monkeypatch.setattr(connection, "MQTTv5", connection.MQTTv311)
    with mosquitto(tmp_path) as server, ear(server.port) as listener:
        listener.publish(f"{BASE}/command/stop", b"x" * 20_000_000, retain=True)
        listener.until(f"{BASE}/command/stop")
        with publishing(server.port, tmp_path) as (broker, events, stop):
            if version == 5:
                wait_for(lambda: broker.remote_stop == "ready")  # MQTT 5: the broker keeps it to itself
            else:
                wait_for(lambda: "20000" in broker.problem and "Remote stop is off" in broker.problem)
                wait_for(lambda: broker.connected)
            events.record("guard_lost")
            wait_for(lambda: events.waiting == 0 and unpublished(tmp_path) == 0)
            assert not stop.is_set()
            if version == 3:
                assert "Remote stop is off" in broker.problem  # still shown while connected


def test_a_broker_that_knows_only_3_1_1_is_spoken_to_in_it(tmp_path: Path) -> None:
    """A stand-in: mosquitto refuses MQTT 5 only in versions that Debian does not have yet."""
    levels: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in (b"\x20\x02\x00\x01", b"\x20\x02\x00\x00"):
                caller, _ = listening.accept()
                with caller:
                    levels.append(caller.recv(1000)[8])
                    caller.sendall(answer)
                    if answer[-1] == 0:
                        done.wait(10)

        done = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        port = listening.getsockname()[1]
        broker = Broker(
            MqttConfig(enabled=True, host="127.0.0.1", port=port), "rig", None, lambda: None, lambda: None
        )
        broker.start()
        wait_for(lambda: broker.connected)
        done.set()
        thread.join(10)
        broker.close()
    assert levels == [5, 4]


def test_a_flood_of_births_is_answered_a_few_times(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path) as server,
        ear(server.port) as listener,
        publishing(server.port, tmp_path) as (broker, _, _),
    ):
        wait_for(lambda: broker.remote_stop == "ready")
        for _ in range(500):
            listener.publish("homeassistant/status", "online")
        listener.publish(f"{BASE}/command/stop", "the last")
        wait_for(lambda: broker.refused_commands == 1)
        assert len(listener.of(ANNOUNCED.topic)) <= 5
        broker._announcements = 1.0
        wait_for(lambda: broker.tend() or not broker._announce_later)  # and once more when the flood is over


@pytest.mark.parametrize(
    "announced", [None, announcement("rig", "0.1.0", MqttConfig(discovery_prefix="other"))]
)
def test_an_announcement_that_no_longer_holds_is_taken_back(
    tmp_path: Path, announced: Announcement | None
) -> None:
    with mosquitto(tmp_path) as server, ear(server.port) as listener:
        with publishing(server.port, tmp_path):
            listener.until(ANNOUNCED.topic)
        with publishing(server.port, tmp_path, announced=announced, forgotten=(ANNOUNCED.topic,)) as (
            broker,
            _,
            _,
        ):
            listener.until(ANNOUNCED.topic, lambda payloads: payloads[-1] == b"")
            wait_for(lambda: not broker._forgotten)


def test_a_clean_end_waits_for_the_acknowledgement(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server, ear(server.port) as listener:
        for n in range(20):
            with publishing(server.port, tmp_path / str(n)) as (broker, events, _):
                wait_for(lambda broker=broker: broker.connected)
                events.record("guard_lost")
            assert unpublished(tmp_path / str(n)) == 0
        listener.until(f"{BASE}/event/guard_lost", lambda payloads: len(payloads) == 20)


# -- what `rearguard check` tries -----------------------------------------------------------------------------


def attempted(port: int, **settings: Any) -> str:
    return attempt(MqttConfig(enabled=True, host="127.0.0.1", port=port, **settings), "rig", 2.0)


def test_check_logs_in_and_leaves_the_courier_its_connection(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server, publishing(server.port, tmp_path) as (broker, _, stop):
        wait_for(lambda: broker.remote_stop == "ready")
        assert attempted(server.port) == ""
        assert attempted(server.port, allow_remote_stop=False) == ""
        assert broker.connected and not stop.is_set() and broker.refused_commands == 0


def test_check_reads_the_password_where_the_service_has_it_from(
    tmp_path: Path, locked: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's command has no credential of systemd."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(connection, "INSTALLED", tmp_path / "config.toml")
    assert "refuses the login" in attempted(locked.port, user="rig")
    password_file(tmp_path, "open sesame").rename(tmp_path / "mqtt_password")
    assert attempted(locked.port, user="rig") == ""


def test_check_names_what_the_broker_refuses(tmp_path: Path, locked: Mosquitto) -> None:
    wrong = str(password_file(tmp_path, "open barley"))
    assert "refuses the login" in attempted(locked.port, user="rig", password_file=wrong)
    assert "refuses the login" in attempted(locked.port)
    locked.kill()
    assert attempted(locked.port) == "does not answer"
    with restricted(tmp_path, "topic write rearguard/rig/#") as server:
        assert "remote stop not permitted" in attempted(server.port)
        assert attempted(server.port, allow_remote_stop=False) == ""
    with restricted(tmp_path, "topic read rearguard/rig/#") as server:
        assert "remote stop not confirmed" in attempted(server.port)
