"""The guard's object graph: what a config becomes, what a signal does, and how a start that fails is explained."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.config import Config, parse
from firmware_py.core.frame import Cause
from firmware_py.guard import process as guard
from firmware_py.guard.relay import Relay
from firmware_py.guard.service import Asked
from sensors.advice import HardwareError
from sensors.emulated import EmulatedBus
from sensors.i2c import Bus
from sensors.lsm6dsox import Lsm6dsox
from sensors.mpu6050 import Mpu6050
from sensors.tf_luna import TfLuna
from sensors.vl53l1x import Vl53l1x


@pytest.mark.parametrize(("imu", "kind"), [("lsm6dsox", Lsm6dsox), ("mpu6050", Mpu6050)])
@pytest.mark.parametrize(("ranging", "range_kind"), [("vl53l1x", Vl53l1x), ("tf_luna", TfLuna)])
def test_each_sensor_of_the_config_has_a_driver(imu: str, kind: type, ranging: str, range_kind: type) -> None:
    config = parse({"imu": {"sensor": imu}, "range": {"sensor": ranging}})
    first, second = guard.build_sensors(config, lambda _: Bus(EmulatedBus()))
    assert (type(first), type(second)) == (kind, range_kind)


@pytest.mark.parametrize(("other", "opened"), [(1, [1]), (4, [1, 4])])
def test_sensors_on_one_bus_share_it(other: int, opened: list[int]) -> None:
    numbers: list[int] = []

    def open_a_bus(number: int) -> Bus:
        numbers.append(number)
        return Bus(EmulatedBus())

    guard.build_sensors(parse({"range": {"bus": other}}), open_a_bus)
    assert sorted(numbers) == opened


@pytest.mark.parametrize(
    ("low", "required", "granted", "refusal"),
    [
        (False, False, False, None),
        (False, True, True, None),
        (False, True, False, Cause.REALTIME),
        (True, False, True, Cause.SUPPLY),
        (True, True, False, Cause.SUPPLY),
    ],
)
def test_a_computer_that_must_not_arm_says_why(
    monkeypatch: pytest.MonkeyPatch, low: bool, required: bool, granted: bool, refusal: Cause | None
) -> None:
    monkeypatch.setattr(guard, "under_voltage", lambda: low)
    config = parse({"loop": {"require_realtime": required}})
    assert guard.platform_refusal(config, granted) is refusal


def test_hello_names_this_start_and_everything_it_runs_with() -> None:
    config = Config()
    one = guard._hello(config, [Asked("SCHED_FIFO", False, "no")])
    two = guard._hello(config, [])
    assert one["boot_id"] != two["boot_id"], "seq starts anew with each start, so the name must be new too"
    assert parse(one["config"]) == config
    assert one["config_hash"] == config.hash
    assert one["realtime"] == [{"what": "SCHED_FIFO", "ok": False, "why": "no"}]
    assert (one["pid"], one["rate_hz"]) == (os.getpid(), 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_drops_the_relay_in_the_handler_itself(pins: MockFactory, number: signal.Signals) -> None:
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}

    class Looping:
        stopping = False

    loop: Any = Looping()
    try:
        with Relay(17, "level", None) as relay:
            guard._stop_on_signals(relay, loop)
            relay.set(True)
            os.kill(os.getpid(), number)
            assert not pins.pin(17).state
            assert loop.stopping
            relay.set(True)
            assert not pins.pin(17).state
    finally:
        for n, handler in before.items():
            signal.signal(n, handler)


def test_a_start_that_fails_ends_with_3_and_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pins() -> None:
        raise HardwareError("no chip", "Usually no Pi", "try the demo")

    monkeypatch.setattr(guard, "real_pins", no_pins)
    monkeypatch.delenv("LG_WD", raising=False)
    config = tmp_path / "config.toml"
    config.write_text(f'[courier]\nsocket = "{tmp_path}/run/courier.sock"\n')
    done = CliRunner().invoke(build(["run"]), ["run", "--config", str(config)])
    assert done.exit_code == 3
    assert done.stderr == "no chip. Usually no Pi: try the demo.\n"
    assert os.environ.pop("LG_WD") == str(tmp_path / "run")


def test_a_world_that_is_not_there_ends_with_3_too(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[courier]\nsocket = "{tmp_path}/courier.sock"\n')
    module = "firmware_py.rig.harness.guard"
    command = [sys.executable, "-m", module, "--config", str(config), "--world", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "rearguard demo" in done.stderr


def test_the_guard_is_lean() -> None:
    program = "import sys, firmware_py.guard.process; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {
        "numpy",
        "scipy",
        "paho",
        "rich",
        "asyncio",
        "multiprocessing",
        "sqlite3",
        "mcap",
        "lgpio",
        "uvicorn",
    }
    assert not heavy & set(loaded)


def test_a_configuration_that_lost_everything_starts_a_guard_that_does_not_arm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(guard, "guard", lambda config, wiring, wrong: seen.append(wrong))
    (tmp_path / "c.toml").write_text("")
    guard.run(tmp_path / "c.toml")
    (tmp_path / "c.toml").write_text("[loop]\nrate_hz = 100\n")
    guard.run(tmp_path / "c.toml")
    guard.run(None)
    assert ["no setting at all" in wrong for wrong in seen] == [True, False, False]
    assert seen[1:] == ["", ""]
