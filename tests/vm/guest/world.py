"""Runs the rig's world inside the virtual machine: what the simulated header's chips measure and its pins carry.

`world.py CONFIG SCENARIO`; `world.py - stage` is the treadmill of a device that has no configuration yet, with a person
who does what person.py asks. Must never talk to the guard but through the header: registers, levels, edges.
"""

import os
import socket
import struct
import sys
import time
from pathlib import Path

from firmware_py.config import Config, load
from firmware_py.guard.process import build_sensors
from firmware_py.notify import ServiceManager
from firmware_py.rig.harness.stage import IMU_ADDRESS, RANGE_ADDRESS, Stage
from firmware_py.rig.harness.world import World
from sensors.emulated import EmulatedTfLuna
from sensors.i2c import Bus

HEADER = Path("/sys/kernel/debug/pisim")
LINE = struct.Struct("<BBHIQ")  # level, out, used, changes, last_ns
STEP_S, FINE_S = 0.010, 0.002  # set-up times the contacts, and wants each of 200 readings a second to be new
IMU_IDENTITY, IMU_DATA = (0x0F, 1), (0x22, 12)
RANGE_DATA, RANGE_IDENTITY = (0x00, 8), (0x3C, 4)
PERSON = "/run/person.sock"  # one datagram: the key of what set-up asks for
SEED, LUNA_ADDRESS = 3, 0x10
WALK_M_S, DRIFT_M_S = 0.15, 0.45


class LunaStage(Stage):
    """With a TF-Luna: the header knows chips with registers of 8 bits only."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, SEED)
        self._range = EmulatedTfLuna()  # type: ignore[assignment]
        self.bus.detach(RANGE_ADDRESS)
        self.bus.attach(LUNA_ADDRESS, self._range)


def bare() -> Config:
    """The chips that are soldered in, for a device that has not looked for them yet."""
    settings = {"imu": {"address": IMU_ADDRESS}, "range": {"sensor": "tf_luna", "address": LUNA_ADDRESS}}
    return Config.model_validate(settings)


def main(config_path: str, scenario: str) -> None:
    person = None
    world: World | Stage
    if scenario == "stage":
        config = bare()
        world = LunaStage(config)
        person = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        person.setblocking(False)
        Path(PERSON).unlink(missing_ok=True)
        person.bind(PERSON)
    else:
        config = load(Path(config_path))
        steady_s, speed_m_s = (3600.0, WALK_M_S) if scenario == "walk" else (3.0, DRIFT_M_S)
        world = World(config, scenario, 1, steady_s, speed_m_s=speed_m_s)  # type: ignore[arg-type]
    world.advance(time.monotonic_ns())
    imu, belt = config.imu.address, config.range.address
    drivers = build_sensors(config, lambda _: Bus(world.bus))
    for driver in drivers:  # sets the emulated chips up as the guard will set up the header's
        driver._sleep = world.bus.sleep  # type: ignore[union-attr]
        driver.open()
    files = {address: os.open(HEADER / f"i2c-{address:02x}", os.O_RDWR) for address in (imu, belt)}
    lines = os.open(HEADER / "lines", os.O_RDONLY)
    drive = os.open(HEADER / "drive", os.O_WRONLY)
    outputs = (config.relay.pin, config.panel.lamp_pin)
    seen = dict.fromkeys(outputs, 0)
    told: dict[int, bool] = {}
    manager = ServiceManager.of_this_process()

    def copy(address: int, register: int, n: int) -> None:
        data = world.bus.transfer(((address, bytes((register,)), 0), (address, b"", n)))
        os.pwrite(files[address], data, register)

    copy(imu, *IMU_IDENTITY)
    copy(belt, *RANGE_IDENTITY)
    next_s = time.monotonic()
    while True:
        if person is not None:
            asked(person, world)
        world.advance(time.monotonic_ns())
        copy(imu, *IMU_DATA)
        copy(belt, *RANGE_DATA)
        state = os.pread(lines, LINE.size * 54, 0)
        for pin in outputs:
            level, _, _, changes, last_ns = LINE.unpack_from(state, LINE.size * pin)
            for _ in range(min(changes - seen[pin], 2)):
                world.drive(pin, bool(level), last_ns)
            seen[pin] = changes
        for pin, wanted in world.levels.items():
            if pin >= 0 and told.get(pin) != wanted:
                os.write(drive, b"%d %d" % (pin, wanted))
                told[pin] = wanted
        if (
            manager is not None
        ):  # the contacts can be read now: a guard that finds none would call them welded
            manager.send("READY=1")
            manager = None
        step_s = FINE_S if isinstance(world, Stage) else STEP_S
        next_s = max(next_s + step_s, time.monotonic())
        time.sleep(max(0.0, next_s - time.monotonic()))


def asked(person: socket.socket, stage: World | Stage) -> None:
    """What person.py was asked for since the last look is done."""
    while True:
        try:
            key = person.recv(100)
        except BlockingIOError:
            return
        assert isinstance(stage, Stage)
        stage.do(key.decode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
