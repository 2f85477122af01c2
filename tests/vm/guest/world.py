"""Runs the rig's world inside the virtual machine: what the simulated header's chips measure and its pins carry.

Must never talk to the guard but through the header: registers, levels, edges.
"""

import os
import struct
import sys
import time
from pathlib import Path

from firmware_py.config import load
from firmware_py.guard.process import build_sensors
from firmware_py.notify import ServiceManager
from firmware_py.rig.harness.world import World
from sensors.i2c import Bus

HEADER = Path("/sys/kernel/debug/pisim")
LINE = struct.Struct("<BBHIQ")  # level, out, used, changes, last_ns
STEP_S = 0.010
IMU_IDENTITY, IMU_DATA = (0x0F, 1), (0x22, 12)
RANGE_DATA, RANGE_IDENTITY = (0x00, 8), (0x3C, 4)


def main(config_path: str, scenario: str) -> None:
    config = load(Path(config_path))
    world = World(config, scenario, 1, 3.0)  # type: ignore[arg-type]
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
        now_ns = time.monotonic_ns()
        world.advance(now_ns)
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
        next_s = max(next_s + STEP_S, time.monotonic())
        time.sleep(max(0.0, next_s - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
