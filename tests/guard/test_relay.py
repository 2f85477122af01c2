"""The relay's pin: never high before it is asked, low after every way out."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from firmware_py.guard.relay import Relay, claim, real_pins
from sensors.advice import HardwareError

PIN, READBACK = 17, 22


def levels(pins: MockFactory) -> list[bool]:
    """Every level the relay's pin has had, oldest first."""
    return [bool(state.state) for state in pins.pin(PIN).states]


@pytest.mark.parametrize("drive", ["level", "pulse"])
def test_the_pin_is_an_output_and_low_until_it_is_asked_to_run(pins: MockFactory, drive: Any) -> None:
    with Relay(PIN, drive, READBACK) as relay:
        assert pins.pin(PIN).function == "output"
        relay.feedback()
        relay.set(False)
        assert levels(pins) == [False]


def test_level_drive_follows_run(pins: MockFactory) -> None:
    with Relay(PIN, "level", None) as relay:
        for run in (True, True, True, False, False, True, True):
            relay.set(run)
            assert bool(pins.pin(PIN).state) is run, "held, tick after tick, and never turned over"
    assert levels(pins) == [False, True, False, True, False]
    assert relay.error is None


def test_pulse_drive_turns_over_once_a_tick(pins: MockFactory) -> None:
    with Relay(PIN, "pulse", None) as relay:
        for _ in range(6):
            relay.set(True)
        assert levels(pins) == [False, True, False, True, False, True, False]


@pytest.mark.parametrize("rate_hz", [100, 200, 400])
def test_pulses_come_often_enough_for_the_watchdog(rate_hz: int) -> None:
    """The outside one-shot drops 50 ms after the last edge; a rising edge comes every other tick."""
    assert 2 / rate_hz <= 0.050 / 2


@pytest.mark.parametrize("ticks", [1, 2])
def test_a_stop_is_low_at_once_whatever_the_pulse_was_doing(pins: MockFactory, ticks: int) -> None:
    with Relay(PIN, "pulse", None) as relay:
        for _ in range(ticks):
            relay.set(True)
        relay.set(False)
        assert not pins.pin(PIN).state
        relay.set(False)
        relay.set(True)
        assert pins.pin(PIN).state, "after a stop the first pulse is high again"


@pytest.mark.parametrize("drive", ["level", "pulse"])
def test_the_pin_is_low_after_an_exception(pins: MockFactory, drive: Any) -> None:
    with pytest.raises(RuntimeError), Relay(PIN, drive, READBACK) as relay:
        relay.set(True)
        raise RuntimeError
    assert levels(pins)[-1] is False
    assert pins.pin(PIN).function == "input"


def test_after_a_drop_nothing_makes_it_run_again(pins: MockFactory) -> None:
    with Relay(PIN, "level", None) as relay:
        relay.set(True)
        relay.drop()
        relay.set(True)
        relay.set(True)
    assert levels(pins) == [False, True, False]


def test_a_signal_in_the_middle_of_set_still_ends_low(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relay(PIN, "level", None) as relay:
        pin = pins.pin(PIN)
        write = pin._set_state

        def interrupted(value: bool) -> None:
            monkeypatch.setattr(pin, "_set_state", write)
            relay.drop()  # the handler runs between the question and the pin
            write(value)

        monkeypatch.setattr(pin, "_set_state", interrupted)
        relay.set(True)
        assert not pin.state


def test_closing_twice_is_harmless(pins: MockFactory) -> None:
    relay = Relay(PIN, "level", READBACK)
    relay.set(True)
    relay.close()
    relay.close()
    assert relay.error is None
    assert levels(pins)[-1] is False


def test_a_pin_that_fails_on_the_way_up_is_taken_low_and_said(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relay(PIN, "level", None) as relay:
        pin = pins.pin(PIN)
        write = pin._set_state
        seen = []

        def fails_high(value: bool) -> None:
            seen.append(bool(value))
            if value:
                raise OSError(5, "no such line")
            write(value)

        monkeypatch.setattr(pin, "_set_state", fails_high)
        with pytest.raises(OSError, match="no such line"):
            relay.set(True)
        assert seen == [True, False]


def test_a_pin_that_cannot_be_driven_low_never_raises_but_is_said(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relay(PIN, "pulse", None) as relay:
        pin = pins.pin(PIN)

        def fails(value: bool) -> None:
            raise OSError(5, "gone")

        with monkeypatch.context() as broken:
            broken.setattr(pin, "_set_state", fails)
            relay.set(False)
            relay.drop()
        assert relay.error is not None
        assert "pull the safety key" in relay.error


def test_contacts_at_rest_close_the_read_back_pair_to_ground(pins: MockFactory) -> None:
    with Relay(PIN, "level", READBACK) as relay:
        pins.pin(READBACK).drive_low()
        assert relay.feedback() is False
        pins.pin(READBACK).drive_high()
        assert relay.feedback() is True


def test_a_broken_read_back_wire_reads_run_so_that_it_is_found(pins: MockFactory) -> None:
    with Relay(PIN, "level", READBACK) as relay:  # nothing drives the pin: the pull-up does
        assert relay.feedback() is True


def test_without_read_back_the_answer_is_none(pins: MockFactory) -> None:
    with Relay(PIN, "level", None) as relay:
        assert relay.feedback() is None


def test_a_read_back_pin_that_is_taken_gives_the_relay_pin_back(pins: MockFactory) -> None:
    with (
        Relay(PIN, "level", None),
        pytest.raises(HardwareError, match=r"relay\.readback_pin = 17 cannot be used"),
    ):
        Relay(18, "level", PIN)
    with Relay(18, "level", None):
        pass


def test_a_pin_the_kernel_refuses_is_explained(pins: MockFactory) -> None:
    def busy(pin: int) -> None:
        raise OSError(16, "GPIO busy")

    with pytest.raises(HardwareError, match="stop the other program"):
        claim(busy, "relay.pin", PIN)  # type: ignore[arg-type]


def test_without_a_gpio_chip_the_factory_does_not_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        raise OSError("can not open gpiochip")

    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", SimpleNamespace(LGPIOFactory=nothing))
    before = Device.pin_factory
    with pytest.raises(HardwareError, match="rearguard demo"):
        real_pins()
    assert Device.pin_factory is before


@pytest.mark.parametrize(("user", "folder"), [(0, "/run"), (1000, None)], ids=["root", "another user"])
def test_roots_lgpio_makes_its_pipe_where_only_root_may_write(
    user: int, folder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    library = SimpleNamespace(LGPIOFactory=lambda: seen.append(os.environ.get("LG_WD")))
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", library)
    monkeypatch.setenv("LG_WD", "")
    monkeypatch.delenv("LG_WD")
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    real_pins()
    assert seen == [folder]


def test_pins_that_somebody_has_put_there_stay(pins: MockFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", SimpleNamespace(LGPIOFactory=object))
    real_pins()
    assert Device.pin_factory is pins


def test_a_missing_lgpio_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", None)
    with pytest.raises(HardwareError, match="python3-lgpio"):
        real_pins()


def test_gpiozero_itself_takes_the_pin_low_when_the_program_forgets_to(tmp_path: Path) -> None:
    """Its exit handler closes the devices of Device.pin_factory: the reason why the factory is put there."""
    program = (
        "from gpiozero import Device\n"
        "from gpiozero.pins.mock import MockFactory, MockPin\n"
        "class Told(MockPin):\n"
        "    def _change_state(self, value):\n"
        "        print(self.info.name, int(value)); return super()._change_state(value)\n"
        "Device.pin_factory = MockFactory(revision='902120', pin_class=Told)\n"
        "from firmware_py.guard.relay import Relay\n"
        "relay = Relay(17, 'level', None); relay.set(True)\n"
        "Device.pin_factory.pin(17)._pull = 'down'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.split("\n")[-2] == "GPIO17 0", done.stdout


def test_a_pin_that_cannot_be_given_back_is_said_and_the_other_one_still_is(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay(PIN, "level", READBACK)

    def fails() -> None:
        raise OSError(5, "gone")

    with monkeypatch.context() as broken:
        broken.setattr(relay._pin, "close", fails)
        relay.close()
    assert relay.error is not None
    assert "given back" in relay.error
    assert relay._contacts is not None
    assert relay._contacts.closed
    relay.close()
