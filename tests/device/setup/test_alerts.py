"""The step of the alerts: nothing is written before a channel has taken a test and somebody has seen it arrive."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_py.alerts import people
from firmware_py.alerts.people import People, Person
from firmware_py.config import load
from tests.device.setup.support import Device, Script
from tests.support.phone import Phone, ringing


@pytest.fixture
def phone() -> Iterator[Phone]:
    with ringing() as it:
        yield it


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def asked(device: Device, **answers: Any) -> Script:
    usual = {"alerts": "yes", "alert_name": "front desk", "arrived": "yes", "not_proved": "next"}
    return device.after_the_needed("alerts", **(usual | answers))


def listed(device: Device) -> Path:
    return device.folder / "etc/rearguard/alerts.toml"


@pytest.mark.parametrize("channel", ["ntfy", "webhook"])
def test_a_test_message_that_has_arrived_is_proved_and_the_person_is_on_the_list(
    device: Device, phone: Phone, channel: str
) -> None:
    script = asked(device, alert_channel=channel, alert_address=phone.address, alert_token="t0ken")
    assert script.results() == {"alerts": True}
    (headers, body), config = phone.got[0], load(device.config)
    assert headers["Authorization"] == "Bearer t0ken" and b"only a test" in body
    assert config.alerts.enabled and config.alerts.people_file == str(listed(device))
    assert [one.name for one in people.load(listed(device)).to] == ["front desk"]
    assert listed(device).stat().st_mode & 0o777 == 0o640
    holding = [p.name for p in device.folder.rglob("*") if p.is_file() and b"t0ken" in p.read_bytes()]
    assert holding == ["alerts.toml"]
    assert "t0ken" not in json.dumps(script.messages)


@pytest.mark.parametrize(
    ("answer", "answers", "words"),
    [
        (404, {}, "answered 404"),
        (200, {"alert_address": "http://127.0.0.1:1/x"}, "Connection refused"),
        (200, {"alert_address": "http://127.0.0.1:port/x"}, "was not taken"),
        (200, {"arrived": "no"}, "not to the right place"),
        (
            200,
            {
                "alert_channel": "mail",
                "alert_address": "a@b",
                "mail_server": "127.0.0.1:1",
                "mail_sender": "c@d",
            },
            "Connection refused",
        ),
    ],
)
def test_what_did_not_arrive_is_not_proved_and_changes_nothing(
    device: Device, phone: Phone, answer: int, answers: dict[str, Any], words: str
) -> None:
    before, phone.answer = device.config.read_text(), answer
    script = asked(device, **({"alert_address": phone.address} | answers))
    text = script.of("result")[0]["text"]
    assert script.results() == {"alerts": False}
    assert words in text and "Nothing was changed" in text and "rrno" not in text and "urlopen" not in text
    assert device.config.read_text() == before and not listed(device).exists()


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({"alert_name": ["x" * 61, "x" * 60]}, 1),
        ({"alert_name": ["", "x"]}, 1),
        ({"alert_channel": ["3,5", "pigeon", "1"]}, 2),
        ({"alert_address": ["ntfy.example/hall", "ftp://x", "PHONE"]}, 2),
        ({"alert_channel": "mail", "alert_address": ["desk", "back"], "mail_server": "m", "mail_sender": "c@d"}, 1),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_met_with_what_is_expected_and_a_way_back(
    device: Device, phone: Phone, answers: dict[str, Any], wrong: int
) -> None:
    given = {"alert_address": phone.address, "alerts": ["yes", "no"]} | answers
    if isinstance(given["alert_address"], list):
        given["alert_address"] = [phone.address if one == "PHONE" else one for one in given["alert_address"]]
    script = asked(device, **given)
    assert [m["text"] for m in script.of("refused") if "expected" in m["text"]] != []
    assert len(script.of("refused")) == wrong
    assert script.results() == {"alerts": True}


def test_another_person_is_added_and_the_same_one_is_replaced(device: Device, phone: Phone) -> None:
    asked(device, alert_address=phone.address)
    asked(device, alert_address=phone.address, alert_name="duty phone")
    asked(device, alert_address=phone.address + "2")
    found = {one.name: one.address for one in people.load(listed(device)).to}
    assert found == {"duty phone": phone.address, "front desk": phone.address + "2"}


def test_no_more_alerts_leaves_the_list_where_it_is(device: Device, phone: Phone) -> None:
    asked(device, alert_address=phone.address)
    assert asked(device, alerts="no").results() == {"alerts": True}
    assert not load(device.config).alerts.enabled and listed(device).exists()


def test_a_list_that_cannot_be_read_is_named_and_kept(device: Device, phone: Phone) -> None:
    listed(device).write_text("[[to]]\nname = ")
    script = asked(device, alert_address=phone.address)
    assert script.results() == {"alerts": False}
    assert "alerts.toml is not TOML" in script.of("result")[0]["text"]
    assert listed(device).read_text() == "[[to]]\nname = "


def test_the_list_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    odd = 'Küche "7" \\ \x7f 📱'
    one = Person(name=odd, channel="ntfy", address="http://x", after_s=7.5, classes=())
    other = Person(
        name="b", channel="mail", address="a@b", server="m:587", sender="c@d", user="u", password="p"
    )
    everybody = People(to=(one, other))
    file = tmp_path / "alerts.toml"
    file.write_text(people.text(everybody), encoding="utf-8")
    assert people.load(file) == everybody
