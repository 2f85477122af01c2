"""Owns the question which chips of ours answer on a bus, wherever they sit. Must never write to a chip."""

from collections.abc import Iterator

from firmware_py.config import ADDRESSES
from sensors import lsm6dsox, mpu6050, tf_luna, vl53l1x
from sensors.i2c import Bus
from sensors.samples import Fault

VL53L1X_ID = vl53l1x.CHIP_ID.to_bytes(2, "big")


def answers(bus: Bus) -> Iterator[tuple[int, str, str]]:
    """(address, name of the sensor in the configuration, name of the chip) of every chip that answers with its id."""
    for sensor, known in ADDRESSES.items():
        for address in known:
            chip = _chip(bus, sensor, address)
            if chip is not None:
                yield address, sensor, chip


def _chip(bus: Bus, sensor: str, address: int) -> str | None:
    if sensor == "lsm6dsox":
        return {lsm6dsox.CHIP_ID: "LSM6DSOX"}.get(_byte(bus, address, lsm6dsox.WHO_AM_I))
    if sensor == "mpu6050":
        return mpu6050.CHIPS.get(_byte(bus, address, mpu6050.WHO_AM_I))
    if sensor == "vl53l1x":
        return "VL53L1X" if bus.read(address, vl53l1x.MODEL_ID, 2, 2) == VL53L1X_ID else None
    signature = bus.read(address, tf_luna.SIGNATURE, len(tf_luna.CHIP_ID))
    return "TF-Luna" if signature == tf_luna.CHIP_ID else None


def _byte(bus: Bus, address: int, register: int) -> int:
    """One byte; -1 when nobody answers."""
    held = bus.read(address, register, 1)
    return -1 if isinstance(held, Fault) else held[0]
