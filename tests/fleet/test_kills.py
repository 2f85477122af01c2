"""Fifty treadmills, a real broker, the fleet process killed again and again: nothing lost, nothing stored twice.

Clusters, PostgreSQL and thousands of treadmills: tests/proof/fleet.py.
"""

import os
import time
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine

from firmware_py.fleet import store
from firmware_py.fleet.ingest import Ingest, Waiting, _addresses
from tests.fleet.test_fleet import event
from tests.proof.fleet import run_load, why_not
from tests.proof.load import Load
from tests.support.broker import FOUND, Mosquitto, mosquitto
from tests.support.process import wait_for

SECONDS = 8.0 if int(os.environ.get("REARGUARD_REPETITIONS", "1")) == 1 else 60.0
needs_mosquitto = pytest.mark.skipif(not FOUND, reason=why_not("mosquitto", "sqlite"))


@needs_mosquitto
def test_a_killed_fleet_process_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:
    load = Load(devices=50, seconds=SECONDS, events_per_s=40, connections=50)
    found = run_load(tmp_path, "mosquitto", "sqlite", load, kill_s=2.0)
    assert found["kills"] >= 1
    assert found["events"] > 30 * SECONDS and found["not_taken"] == 0
    assert (found["stored"], found["lost"], found["twice"]) == (found["events"], 0, 0)
    assert found["rss_mb"] <= 150


def publish(server: Mosquitto, *messages: tuple[str, bytes]) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", server.port)
    client.loop_start()
    for topic, payload in messages:
        client.publish(topic, payload, qos=1).wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


@needs_mosquitto
def test_an_event_is_acknowledged_only_when_it_is_on_disk(tmp_path: Path) -> None:
    """The database refuses for a while; then the process ends without having written. The next one gets it again."""
    with mosquitto(tmp_path) as server:
        engine = store.open_store(f"sqlite:///{tmp_path}/fleet.sqlite")
        first = Ingest(f"mqtt://127.0.0.1:{server.port}", "", engine)
        first.start()
        wait_for(lambda: not first.problem)
        with engine.connect() as other:
            other.exec_driver_sql("begin exclusive")
            publish(server, ("rearguard/a/event/stopped", event("a", 1).text.encode()))
            wait_for(lambda: first.problem, timeout_s=30)
            assert first.problem == "the database cannot be used now"
            first.close()
        assert first.stored == 0
        second = Ingest(f"mqtt://127.0.0.1:{server.port}", "", engine)
        second.start()
        wait_for(lambda: second.stored == 1, timeout_s=30)
        second.close()
        engine.dispose()


@needs_mosquitto
def test_ten_megabytes_and_foreign_topics_are_counted_and_the_next_event_is_stored(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        engine = store.open_store(f"sqlite:///{tmp_path}/fleet.sqlite")
        ingest = Ingest(f"mqtt://127.0.0.1:{server.port}", "", engine)
        ingest.start()
        wait_for(lambda: not ingest.problem)
        publish(
            server,
            ("rearguard/big/state", b"[" * 10_000_000),
            ("rearguard/a b/status", b"online"),
            ("x/y/rearguard/<b>/event/stopped", b"{}"),
            ("rearguard/a/event/stopped", event("a", 1).text.encode()),
        )
        wait_for(lambda: ingest.stored == 1)
        ingest.close()
        with engine.connect() as db:
            assert {(r["device"], r["reason"], r["count"]) for r in store.refusals(db)} == {
                ("big", "too long", 1),
                ("", "foreign topic", 2),
            }
            assert [t["device"] for t in store.floor(db, ["*"], time.time())] == ["a"]
        engine.dispose()


@needs_mosquitto
def test_when_one_broker_is_away_the_next_is_asked(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        engine = store.open_store(f"sqlite:///{tmp_path}/fleet.sqlite")
        ingest = Ingest(f"mqtt://127.0.0.1:1,127.0.0.1:{server.port}", "", engine)
        ingest.start()
        wait_for(lambda: not ingest.problem, timeout_s=30)
        server.kill()
        wait_for(lambda: ingest.problem)
        server.start()
        wait_for(lambda: not ingest.problem, timeout_s=60)
        ingest.close()
        engine.dispose()


@pytest.mark.parametrize(
    ("url", "brokers"),
    [
        ("mqtt://one", [("one", 1883)]),
        ("mqtts://one", [("one", 8883)]),
        ("mqtt://a:b%40@one:1,two:2,three", [("one", 1), ("two", 2), ("three", 1883)]),
    ],
)
def test_an_address_names_one_broker_or_a_cluster(url: str, brokers: list[tuple[str, int]]) -> None:
    assert _addresses(url) == brokers


def test_an_acknowledgement_never_goes_to_another_connection(engine: Engine) -> None:
    """The next broker numbers its messages anew: the old number may name one that is not on disk."""
    made = Ingest("mqtt://127.0.0.1", "", engine)
    acknowledged: list[int] = []
    made._client.ack = lambda mid, qos: acknowledged.append(mid)  # type: ignore[method-assign,assignment,func-returns-value]
    made._connection = 2
    batch = [Waiting(event("a", 1), 7, 1, 1), Waiting(event("a", 2), 8, 1, 2)]
    assert made._write(batch, [one.message for one in batch])
    assert acknowledged == [8]
