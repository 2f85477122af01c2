"""The path of one sample that firmware_py's docstring shows is the path that a real tick takes."""

import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from gpiozero.pins.mock import MockFactory

import firmware_py
from firmware_py.config import Config
from firmware_py.core.monitor import Monitor
from firmware_py.guard.loop import Loop
from firmware_py.guard.panel import Panel
from firmware_py.guard.process import build_sensors
from firmware_py.guard.relay import Relay
from firmware_py.notify import ServiceManager
from sensors.emulated import EmulatedBus, EmulatedLsm6dsox, EmulatedVl53l1x
from sensors.i2c import Bus

ROOT = Path(__file__).parents[2]
HOP = re.compile(r"^    (\S+\.py) +([A-Z]\w+\.\w+|[a-z]\w+) {2,}\S", re.MULTILINE)


def written() -> list[tuple[str, str]]:
    path = (firmware_py.__doc__ or "").split("The path of one IMU sample")[1]
    return HOP.findall(path)


def walked(pins: MockFactory) -> list[tuple[str, str]]:
    """Every function of ours that a running loop calls, in order, up to the first call of the relay."""
    config = Config()
    bus = EmulatedBus()
    for address, chip in ((0x6A, EmulatedLsm6dsox()), (0x29, EmulatedVl53l1x())):
        bus.attach(address, chip)
    imu, belt = build_sensors(config, lambda _: Bus(bus), bus.sleep)
    imu.open()
    belt.open()
    calls: list[tuple[str, str]] = []

    def sleep_until(slot_ns: int) -> None:
        bus.advance(slot_ns)
        loop.stopping = len(calls) > 1  # one tick is enough

    def note(called: FrameType, event: str, _: Any) -> None:
        file = Path(called.f_code.co_filename)
        ours = any(file.is_relative_to(ROOT / room) for room in ("sensors", "firmware_py"))
        if event == "call" and ours:
            calls.append((str(file.relative_to(ROOT)), called.f_code.co_qualname))

    with Relay(config.relay.pin, config.relay.drive, config.relay.readback_pin) as relay:
        panel = Panel(config.panel, config.belt)
        loop = Loop(
            config.loop.rate_hz, imu, belt, relay, panel, Monitor(config.monitor_params(), config.loop.rate_hz),
            [], ServiceManager(None), lambda: None, lambda: bus.t_ns, sleep_until,
        )  # fmt: skip
        sys.setprofile(note)
        try:
            loop.run()
        finally:
            sys.setprofile(None)
        panel.close()
    return calls[: calls.index(("firmware_py/guard/relay.py", "Relay.set")) + 1]


def test_a_tick_walks_the_path_that_is_written_down_hop_by_hop(pins: MockFactory) -> None:
    calls = iter(walked(pins))
    missing = [hop for hop in written() if hop not in calls]  # `in` goes on from the hop before
    assert missing == []


def test_the_path_is_short(pins: MockFactory) -> None:
    hops = written()
    assert len(hops) <= 10
    assert len({file for file, _ in hops}) <= 7


def test_no_function_between_chip_and_core_is_left_out(pins: MockFactory) -> None:
    """What the hip sensor's reading runs through before the next thing is asked for."""
    calls = walked(pins)
    start = calls.index(("sensors/imu.py", "Pod.read"))
    end = next(i for i, (file, _) in enumerate(calls) if file == "firmware_py/guard/watch.py")
    own = {call for call in calls[start:end] if "emulated" not in call[0] and "__post_init__" not in call[1]}
    assert own <= set(written())
