"""`rearguard check` on emulated chips and mock pins: every trouble has its line, every line its cause and cure."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from firmware_py.config import Config, parse
from firmware_py.device.check import look
from firmware_py.device.check.line import FAIL, PASS, WARN, Line
from firmware_py.guard.service import only_instance
from sensors.advice import HardwareError
from sensors.emulated import (
    Chip,
    EmulatedBus,
    EmulatedLsm6dsox,
    EmulatedMpu6050,
    EmulatedTfLuna,
    EmulatedVl53l1x,
    Kind,
    Trouble,
)
from sensors.i2c import Bus

G = 9.80665


class Bench:
    """A whole healthy device on the table; tests break one thing of it."""

    def __init__(self, folder: Path, pins: MockFactory) -> None:
        self.folder, self.pins = folder, pins
        self.settings: dict[str, dict[str, object]] = {
            "courier": {"socket": str(folder / "run/courier.sock"), "state_dir": "/state"},
            "belt": {"commissioned": True},
        }
        self.bus = EmulatedBus()
        self.imu = EmulatedLsm6dsox()
        self.range = EmulatedVl53l1x()
        self.bus.attach(0x6A, self.imu)
        self.bus.attach(0x29, self.range)
        self.range.set(0.5)
        self.random = Random(1)
        self.gravity = G
        (folder / "sys/class/hwmon").mkdir(parents=True)
        self.levels = {22: False, 23: True, 24: False}

    def drive(self, pin: int, high: bool) -> None:
        self.levels[pin] = high

    def noise(self, probability: float = 1.0, count: int | None = None) -> None:
        self.imu.trouble.append(Trouble(Kind.NOISE, from_ns=10**9, probability=probability, count=count))

    def sleep(self, seconds: float) -> None:
        self.imu.set((self.random.gauss(0, 0.05), 0.0, self.gravity), (self.random.gauss(0, 0.01), 0.0, 0.0))
        self.bus.sleep(seconds)
        for pin, high in self.levels.items():  # a mock pin forgets its wire when a pull is set
            it = self.pins.pin(f"GPIO{pin}")
            it.drive_high() if high else it.drive_low()

    @property
    def config(self) -> Config:
        return parse(self.settings)

    def look(self, seconds: float = 1.0) -> dict[str, Line]:
        lines = list(look(self.config, seconds, self.folder, lambda _: Bus(self.bus), self.sleep))
        assert all(line.advice.do and line.advice.why for line in lines if line.verdict != PASS), lines
        return {line.name: line for line in lines}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    before, Device.pin_factory = Device.pin_factory, MockFactory(revision="902120")
    yield Bench(tmp_path, Device.pin_factory)
    Device.pin_factory.reset()
    Device.pin_factory = before


def test_a_healthy_device_has_no_line_that_fails(bench: Bench) -> None:
    lines = bench.look()
    assert {name for name, line in lines.items() if line.verdict == FAIL} == set()
    assert lines["imu"].advice.what == "LSM6DSOX answers at 0x6a"
    assert lines["imu cable"].advice.what == "0 errors in 200 reads (0.00%)"
    assert lines["range view"].advice.what == "sees 0.50 m"
    assert lines["relay read-back"].advice.what == "both contacts dropped"
    assert not bench.pins.pin("GPIO17").state


NO_BROKER: dict[str, object] = {"enabled": True, "host": "127.0.0.1", "port": 1}
BREAKS: list[tuple[str, Callable[[Bench], object], str, str, str]] = [
    ("imu gone", lambda b: b.bus.detach(0x6A), "imu", FAIL, "no reply"),
    ("range gone", lambda b: b.bus.detach(0x29), "range", FAIL, "no reply"),
    ("noise", lambda b: b.noise(probability=0.05), "imu cable", FAIL, "noise"),
    ("a little noise", lambda b: b.noise(count=1), "imu cable", WARN, "noise"),
    ("nobody there", lambda b: b.range.set(0.0, 2), "range view", FAIL, ""),
    ("window dirty", lambda b: b.range.set(0.03), "range view", FAIL, "0.03 m"),
    ("beyond the deck", lambda b: b.range.set(1.45), "range view", WARN, "beyond"),
    ("poor chip", lambda b: setattr(b, "gravity", 1.19 * G), "imu gravity", WARN, "1.19 g"),
    ("other chip", lambda b: setattr(b, "gravity", 0.5 * G), "imu gravity", FAIL, "0.50 g"),
    ("light", lambda b: setattr(b, "gravity", 0.79 * G), "imu gravity", FAIL, "0.79 g"),
    ("heavy", lambda b: setattr(b, "gravity", 1.21 * G), "imu gravity", FAIL, "1.21 g"),
    ("welded", lambda b: b.drive(22, True), "relay read-back", FAIL, "pulled"),
    ("button stuck", lambda b: b.drive(23, False), "arming button", FAIL, "pressed"),
    ("stop pressed", lambda b: b.drive(24, True), "stop button", FAIL, "pressed"),
    ("not commissioned", lambda b: b.settings.update(belt={}), "commissioning", WARN, "not been measured"),
    ("no read-back", lambda b: b.settings.update(relay={"readback": "none"}), "relay read-back", WARN, "not fitted"),
    ("a core too many", lambda b: b.settings.update(loop={"cpu": 15}), "core", WARN, "core 15 does not exist"),
    ("a core that must be", lambda b: b.settings.update(loop={"cpu": 15, "require_realtime": True}), "core", FAIL,
     "core 15 does not exist"),
    ("a second pod", lambda b: b.bus.attach(0x6B, EmulatedLsm6dsox()), "imu besides", WARN, "at 0x6b, too"),
    ("a pod of another kind", lambda b: b.bus.attach(0x68, EmulatedMpu6050()), "imu besides", WARN, "at 0x68, too"),
    ("a second distance sensor", lambda b: b.bus.attach(0x10, EmulatedTfLuna()), "range besides", WARN, "at 0x10, too"),
    ("no broker", lambda b: b.settings.update(mqtt=NO_BROKER), "broker", WARN, "does not answer"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("break_it", "name", "verdict", "words"), [b[1:] for b in BREAKS], ids=[b[0] for b in BREAKS]
)
def test_each_trouble_has_its_line(
    bench: Bench, break_it: Callable[[Bench], object], name: str, verdict: str, words: str
) -> None:
    break_it(bench)
    line = bench.look(3.0)[name]
    assert line.verdict == verdict, line
    assert words in line.advice.what


def test_gravity_at_half_names_the_chip_that_reads_so(bench: Bench) -> None:
    bench.gravity = 0.5 * G
    assert "LSM6DSO32" in bench.look()["imu gravity"].advice.why


def test_a_clone_is_named(bench: Bench) -> None:
    bench.settings["imu"] = {"sensor": "mpu6050", "address": 0x68}
    clone = EmulatedMpu6050(who_am_i=0x70)
    clone.set((0.0, 0.0, G), (0.0, 0.0, 0.0))
    bench.bus.attach(0x68, clone)
    line = bench.look()["imu"]
    assert line.verdict == WARN
    assert "MPU-6500" in line.advice.what


@pytest.mark.parametrize(
    ("address", "chip", "name", "sensor"),
    [
        (0x6B, EmulatedLsm6dsox(), "imu", "lsm6dsox"),
        (0x68, EmulatedMpu6050(), "imu", "mpu6050"),
        (0x69, EmulatedMpu6050(who_am_i=0x71), "imu", "mpu6050"),
        (0x10, EmulatedTfLuna(), "range", "tf_luna"),
    ],
)
def test_a_chip_that_answers_elsewhere_is_named_with_the_setting_that_finds_it(
    bench: Bench, address: int, chip: Chip, name: str, sensor: str
) -> None:
    bench.bus.detach(0x6A if name == "imu" else 0x29)
    bench.bus.attach(address, chip)
    line = bench.look()[f"{name} elsewhere"]
    assert line.verdict == FAIL
    assert f"at 0x{address:02x}" in line.advice.what
    assert f'{name}.sensor = "{sensor}"' in line.advice.do


def test_a_range_sensor_where_the_tf_luna_is_set_is_named(bench: Bench) -> None:
    bench.settings["range"] = {"sensor": "tf_luna"}
    assert "VL53L1X answers at 0x29" in bench.look()["range elsewhere"].advice.what


def test_where_nothing_else_answers_no_line_says_so(bench: Bench) -> None:
    bench.bus.detach(0x6A)
    assert not {name for name in bench.look() if name.endswith("elsewhere")}


def test_without_a_bus_the_pins_are_still_looked_at(bench: Bench) -> None:
    def no_bus(_: int) -> Bus:
        raise HardwareError("i2c-1: /dev/i2c-1 does not exist", "Usually I2C is not enabled", "enable it")

    lines = {line.name: line for line in look(bench.config, 1.0, bench.folder, no_bus, bench.sleep)}
    assert lines["bus"].verdict == FAIL
    assert lines["pins"].verdict == PASS


def test_while_the_guard_runs_neither_bus_nor_pins_are_touched(bench: Bench) -> None:
    with only_instance(Path(bench.config.courier.socket).with_name("guard.lock")):
        lines = bench.look()
    assert lines["safety monitor"].verdict == WARN
    assert "systemctl stop" in lines["safety monitor"].advice.do
    assert "bus" not in lines and "pins" not in lines


def test_a_configuration_that_lost_everything_fails(bench: Bench) -> None:
    file = bench.folder / "config.toml"
    file.write_text("")
    lines = list(look(bench.config, 1.0, bench.folder, lambda _: Bus(bench.bus), bench.sleep, file))
    assert (lines[0].name, lines[0].verdict) == ("configuration", FAIL)
    assert "no setting at all" in lines[0].advice.what


@pytest.mark.parametrize("place", ["/etc", "/state", "/"])
def test_storage_that_forgets_fails(bench: Bench, place: str) -> None:
    table = bench.folder / "proc/self/mountinfo"
    table.parent.mkdir(parents=True)
    table.write_text(f"29 1 179:2 / / rw - ext4 /dev/x rw\n30 29 0:25 / {place} rw - tmpfs t rw\n")
    line = bench.look()["storage"]
    assert line.verdict == FAIL
    assert "forgets" in line.advice.what


@pytest.mark.parametrize(
    ("bits", "verdict"), [("0x0", PASS), ("0x50000", WARN), ("0x50005", FAIL), ("0x80008", FAIL)]
)
def test_throttling_now_fails_and_throttling_since_boot_warns(bench: Bench, bits: str, verdict: str) -> None:
    place = bench.folder / "sys/devices/platform/soc/soc:firmware/get_throttled"
    place.parent.mkdir(parents=True)
    place.write_text(bits + "\n")
    assert bench.look()["throttling"].verdict == verdict


def test_under_voltage_fails(bench: Bench) -> None:
    alarm = bench.folder / "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
    alarm.parent.mkdir()
    alarm.write_text("1\n")
    assert bench.look()["supply"].verdict == FAIL


def test_a_wire_that_flickers_is_told_from_one_that_hangs(bench: Bench) -> None:
    turns = 0
    quiet = bench.sleep

    def flicker(seconds: float) -> None:
        nonlocal turns
        turns += 1
        bench.drive(22, turns % 2 == 0)
        bench.drive(23, turns % 3 != 0)
        quiet(seconds)

    bench.sleep = flicker  # type: ignore[method-assign]
    lines = bench.look()
    assert (lines["relay read-back"].verdict, lines["relay read-back"].advice.what) == (FAIL, "flickers")
    assert lines["arming button"].verdict == WARN
