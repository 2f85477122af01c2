"""The steps one by one: every no, what is asked of the bus, the board's lines, the network, the broker, the sheet."""

import json
from collections.abc import Iterator
from math import cos, radians, sin
from pathlib import Path
from typing import Any

import pytest

from firmware_py import locale
from firmware_py.config import Config, load
from firmware_py.device.commission.deck_drawing import KM_H, at_most
from firmware_py.device.setup.engine import run
from firmware_py.device.setup.steps import STEPS
from firmware_py.device.setup.steps.board import lines, with_lines
from firmware_py.device.setup.steps.calibrate import front
from firmware_py.device.setup.steps.sheet import page
from firmware_py.device.setup.steps.treadmill import NO_KEY
from sensors.advice import Failure
from sensors.emulated import EmulatedLsm6dsox, EmulatedTfLuna
from sensors.samples import ImuSample
from tests.device.setup.support import Device, Script
from tests.device.test_german import english
from tests.support.broker import FOUND, Mosquitto, knowing


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


@pytest.mark.parametrize(
    "answers",
    [
        {"motor": "no"},
        *({"key": kind} for kind in NO_KEY),
        {"key_stops": "no"},
        {"low_voltage": "no"},
        {"deck": 799},
        {"deck": 2201},
        {"by_themselves": "no"},
    ],
)
def test_each_no_ends_it_clearly_and_changes_nothing(device: Device, answers: dict[str, Any]) -> None:
    before = device.config.read_text()
    script = device.run(**answers)
    assert script.results() == {"treadmill": False}
    assert "not for Rearguard" in script.of("result")[0]["text"]
    assert device.config.read_text() == before


@pytest.mark.parametrize("deck", [800, 2200])
def test_the_shortest_and_the_longest_deck_are_suitable(device: Device, deck: int) -> None:
    assert device.run("treadmill", deck=deck).results() == {"treadmill": True}
    assert load(device.config).deck.length_mm == deck


def test_another_length_is_another_treadmill_which_has_to_be_measured(device: Device) -> None:
    device.all_of_it()
    device.run("treadmill", deck="")
    assert load(device.config).belt.commissioned
    script = Script(deck=1500)
    with device.opened(script) as setup:
        run(setup, STEPS, "treadmill")
        assert not setup.progress.proved("commission")
    assert not load(device.config).belt.commissioned


WANTED = lines(17)


def test_the_board_gets_each_line_once_and_keeps_its_own() -> None:
    mine = "dtparam=audio=on\n[pi4]\narm_boost=1\n"
    once = with_lines(mine, WANTED)
    assert once.startswith(mine)
    assert set(WANTED) <= set(once.splitlines())
    assert with_lines(once, WANTED) == once


def test_only_what_is_missing_is_added() -> None:
    mine = "[all]\n" + "\n".join(WANTED[1:]) + "\n"
    assert with_lines(mine, WANTED).count(WANTED[1]) == 1
    assert with_lines("", WANTED).splitlines()[0] == "[all]"


def test_a_line_with_a_comment_behind_it_does_not_count() -> None:
    assert WANTED[0] in with_lines(f"{WANTED[0]}  # mine\n", WANTED).splitlines()


def test_the_board_is_written_after_a_yes_with_the_old_file_beside_it(device: Device) -> None:
    file = device.folder / "boot/firmware/config.txt"
    before = file.read_text()
    device.run("treadmill")
    script = device.run("board", write_boot="no")
    assert file.read_text() == before and script.results() == {"board": False}
    assert "+dtparam=i2c_arm=on" in "\n".join(m["text"] for m in script.of("note"))
    assert device.run("board", reboot="no").results() == {"board": False}
    assert file.with_name("config.txt.before-rearguard").read_text() == before
    # Without a restart the lines do not count, however often it is asked.
    assert device.run("board", reboot="no").results() == {"board": False}
    (device.folder / "boot_id").write_text("2")
    assert device.run("board").results() == {"board": True}


def test_a_computer_that_is_no_pi_is_named(device: Device) -> None:
    device.run("treadmill")
    (device.folder / "boot/firmware/config.txt").unlink()
    assert "no Raspberry Pi" in device.run("board").of("result")[0]["text"]


@pytest.mark.parametrize("name", ["", " ", "-a", "a-", "a b", "x" * 33, "küche"])
def test_a_name_that_a_network_cannot_hold_is_asked_again(device: Device, name: str) -> None:
    device.run("treadmill")
    script = device.run("network", name=[name or "!", "gym-2"])
    assert script.results() == {"network": True}
    assert "expected" in script.of("refused")[0]["text"]
    assert load(device.config).courier.device_id == "gym-2"


def test_a_short_password_and_two_different_ones_are_asked_again(device: Device) -> None:
    device.run("treadmill")
    script = device.run(
        "network",
        password=["1234567", "12345678", "12345678"],
        password_again=["12345679", "12345678"],
    )
    assert script.results() == {"network": True}
    assert len(script.of("refused")) == 2
    assert (device.folder / "etc/rearguard/page_password").read_text() == "12345678\n"


def test_the_page_is_shown_as_soon_as_it_has_its_password(device: Device) -> None:
    """Whoever stands at the treadmill reads the next steps on it."""
    device.run("treadmill")
    with device.opened(Script()) as setup:
        run(setup, STEPS, "network")
        assert setup.machine.log == ["guard stopped", "page shown", "guard started"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "answers", [{"motor": "nein"}, {"low_voltage": "nein"}, {"by_themselves": "nein"}, {"key_stops": "nein"}]
)
def test_each_no_is_said_in_german_too(device: Device, answers: dict[str, Any]) -> None:
    try:
        text = device.run(language="de", **answers).of("result")[0]["text"]
        assert english(text) == []
    finally:
        locale.use(locale.ENGLISH)


def test_without_the_page_there_is_no_password_and_no_open_port(device: Device) -> None:
    device.run("treadmill")
    script = device.run("network", page="no")
    assert load(device.config).page.host == "127.0.0.1"
    assert "password" not in {m["key"] for m in script.of("question")}


def test_a_pod_that_does_not_answer_is_named(device: Device) -> None:
    device.all_of_it()
    script = Script()
    with device.opened(script) as setup:
        setup.machine.stage.bus.detach(0x6B)  # type: ignore[attr-defined]

        run(setup, STEPS, "chips")
    assert "The pod does not answer" in script.of("result")[0]["text"]


def test_two_pods_are_asked_about_and_another_sensor_place_is_measured_again(device: Device) -> None:
    device.all_of_it()
    script = Script(which_pod="2", mount="rear")
    with device.opened(script) as setup:
        setup.machine.stage.bus.attach(0x6A, EmulatedLsm6dsox())  # type: ignore[attr-defined]
        run(setup, STEPS, "chips")
        assert not setup.progress.proved("commission")
    config = load(device.config)
    assert (config.imu.address, config.range.mount, config.belt.commissioned) == (0x6B, "rear", False)


def test_two_distance_sensors_are_asked_about(device: Device) -> None:
    """Usually one is left from a trial; the first of the list is not always the one at the deck."""
    device.all_of_it()
    script = Script(which_distance="2")
    with device.opened(script) as setup:
        setup.machine.stage.bus.attach(0x10, EmulatedTfLuna())  # type: ignore[attr-defined]
        run(setup, STEPS, "chips")
        assert not setup.progress.proved("commission")
    config = load(device.config)
    assert (config.range.sensor, config.range.address) == ("tf_luna", 0x10)


def test_a_button_that_nobody_presses_is_named(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    device.all_of_it()
    monkeypatch.setattr("firmware_py.rig.harness.stage.Stage._press", lambda _self, _key: None)
    script = device.run("check")
    assert script.results() == {"check": False}
    assert "arming button" in script.of("result")[0]["text"]


def leaning(degrees: float, sideways: float = 0.0) -> list[ImuSample]:
    """A pod worn with +x up and +z to the back, its wearer leaning."""
    a, b = radians(degrees), radians(sideways)
    up = (cos(a), sin(a) * sin(b), sin(a) * cos(b))
    return [ImuSample(0, (9.8 * up[0], 9.8 * up[1], 9.8 * up[2]), (0.0, 0.0, 0.0))] * 10


def test_leaning_shows_the_front() -> None:
    assert front(leaning(0), leaning(25)) == (0.0, 0.0, -1.0)
    assert front(leaning(0), leaning(10.5)) == (0.0, 0.0, -1.0)
    assert front(leaning(0), leaning(25, 30)) == (0.0, 0.0, -1.0)


@pytest.mark.parametrize(("lean", "words"), [((9.5, 0), "too small"), ((25, 34), "not along a side")])
def test_a_small_or_an_oblique_lean_is_not_guessed_from(lean: tuple[float, float], words: str) -> None:
    with pytest.raises(Failure, match=words):
        front(leaning(0), leaning(*lean))


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker that knows one user."""
    if not FOUND:
        pytest.skip("mosquitto is not installed")
    with knowing(tmp_path_factory.mktemp("broker"), "me", "s3cret") as server:
        yield server


def asked_for_a_broker(device: Device, **answers: Any) -> Script:
    usual = {"mqtt": "yes", "broker": "127.0.0.1", "broker_user": "me", "broker_password": "s3cret"}
    return device.after_the_needed("mqtt", **(usual | {"not_proved": "next"} | answers))


def test_a_broker_that_takes_the_login_is_proved_and_its_password_has_its_own_file(
    device: Device, locked: Mosquitto
) -> None:
    script = asked_for_a_broker(device, port=locked.port)
    assert script.results() == {"mqtt": True}
    file, config = device.folder / "etc/rearguard/mqtt_password", load(device.config).mqtt
    assert (config.enabled, config.user, config.port) == (True, "me", locked.port)
    assert file.read_text() == "s3cret\n" and file.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in device.config.read_text() and "s3cret" not in json.dumps(script.messages)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"broker_password": "wrong"}, "refuses the login"),
        ({"broker_user": "-"}, "refuses the login"),
        ({"port": 1}, "does not answer (Connection refused)"),
        ({"broker": "nobody.invalid"}, "does not answer ("),
        ({"broker": "a..b"}, "does not answer ("),
        ({"broker": "mqtt://127.0.0.1"}, "a name or an address alone"),
    ],
)
def test_a_broker_that_does_not_do_stops_nobody_and_changes_nothing(
    device: Device, locked: Mosquitto, answers: dict[str, Any], words: str
) -> None:
    before = device.config.read_text()
    script = asked_for_a_broker(device, **({"port": locked.port} | answers))
    text = script.of("result")[0]["text"]
    assert script.results() == {"mqtt": False}
    assert words in text and "Nothing was changed" in text and "rrno" not in text
    assert device.config.read_text() == before
    assert not (device.folder / "etc/rearguard/mqtt_password").exists()


@pytest.mark.parametrize(("km_h", "shown"), [(1.0, "1.0"), (1.049, "1.0"), (1.099, "1.0"), (1.5, "1.5")])
def test_a_speed_that_nobody_may_exceed_is_never_rounded_up(km_h: float, shown: str) -> None:
    assert at_most(km_h / 3.6, KM_H) == shown


def test_an_unmeasured_treadmill_gets_no_speed_on_its_sheet() -> None:
    html = page(Config(), "http://192.0.2.7:8765/", {"Pod": None}, "2026-11-30")
    assert "has not been measured" in html and "km/h" not in html
    assert "not done" in html and "<svg" in html and "http://192.0.2.7:8765/" in html


def test_a_measured_one_shows_its_speed_and_a_name_is_only_text(device: Device) -> None:
    device.all_of_it()
    config = load(device.config)
    html = page(
        config, "http://192.0.2.7:8765/", {"Pod": {"proved": True, "text": "<b>well</b>"}}, "2026-11-30"
    )
    assert "km/h" in html and "&lt;b&gt;well" in html
