"""What is wrong with a part stands on the page in the language of the device."""

from collections.abc import Iterator
from typing import Any

import pytest

from firmware_py import locale
from firmware_py.courier.page.parts import courier_parts

HEALTH: dict[str, Any] = {
    "guard_connected": True,
    "dropped_ticks": 0,
    "events_problem": "",
    "events_waiting": 0,
    "broker_connected": True,
    "broker_problem": "",
    "remote_stop": "ready",
    "storage_free_mb": 5000,
    "recording": {"problem": "", "lost_frames": 0},
}


@pytest.fixture(autouse=True)
def german() -> Iterator[None]:
    locale.use("de")
    yield
    locale.use("en")


def shown(part: str, page_problem: str = "", **more: Any) -> str:
    """The text of one line of the page."""
    return next(p["text"] for p in courier_parts(HEALTH | more, page_problem) if p["name"] == part)


def test_a_refusal_is_german_with_its_reason_and_cure() -> None:
    text = shown(
        "MQTT",
        broker_problem="mqtt: remote stop not confirmed: the broker refuses the test message to the stop topic. "
        "Usually the broker's access list: allow this user to read and write rearguard/rig/# and what Home Assistant's "
        "discovery needs (docs/home-assistant.md).\n"
        "mqtt: the broker refuses to publish rearguard/rig/state. Usually the broker's access list: allow this user to "
        "read and write rearguard/rig/# and what Home Assistant's discovery needs (docs/home-assistant.md).",
    )
    assert text.count("Meist die Zugriffsliste") == 2 and "rearguard/rig/state" in text
    assert "the broker" not in text and "Usually" not in text and "remote stop" not in text


def test_a_connection_that_does_not_come_is_german() -> None:
    text = shown(
        "MQTT",
        broker_problem="mqtt: no connection to gym.lan:1883. Usually the broker is off, or mqtt.host, mqtt.port or "
        "mqtt.tls is wrong. Retrying without end; events are stored meanwhile.",
    )
    assert "keine Verbindung zu gym.lan:1883" in text and "Usually" not in text and "Retrying" not in text


def test_a_page_that_is_not_served_yet_is_german() -> None:
    assert shown("Seite", "not served yet") == "noch nicht angeboten"


def test_a_full_disk_is_german() -> None:
    problem = (
        "recorder: cannot write in /var/lib/rearguard (No space left on device). Usually the disk is full, "
        "read-only or failing; it is tried again every second."
    )
    text = shown("Aufzeichnung", recording={"problem": problem, "lost_frames": 3})
    assert "/var/lib/rearguard" in text and "Usually" not in text


def test_a_clock_that_refuses_a_certificate_is_german() -> None:
    text = shown(
        "MQTT",
        broker_problem="mqtt: no connection to gym.lan:8883. The broker's certificate has expired by this device's "
        "clock. Usually the clock, which shows 2019-01-01 00:00, is wrong: check it with timedatectl. "
        "Retrying without end; events are stored meanwhile.",
    )
    assert "2019-01-01 00:00" in text
    assert not {"Usually", "expired", "check", "Retrying"} & set(text.replace(":", " ").split())
