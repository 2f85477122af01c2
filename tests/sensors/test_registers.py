"""A chip's table: no row twice, every row written, and each single wrong row found."""

from typing import Any

import pytest

from sensors import lsm6dsox, mpu6050, tf_luna, vl53l1x
from sensors.emulated import Kind, Trouble
from sensors.i2c import SensorError
from sensors.registers import Registers, Row
from sensors.samples import Fault

TABLES = {
    "lsm6dsox": (0x6A, lsm6dsox.ROWS, 1),
    "mpu6050": (0x68, mpu6050.ROWS, 1),
    "mpu6500": (0x68, mpu6050.ROWS_6500, 1),
    "vl53l1x": (0x29, vl53l1x.rows(0x0272), 2),
    "tf_luna": (0x10, tf_luna.ROWS, 1),
}
WATCHED = [(name, row) for name, (_, rows, _) in TABLES.items() for row in rows if row.mask]


def registers(world: Any, name: str) -> Registers:
    address, rows, register_bytes = TABLES[name]
    world.wire.advance(100_000_000)
    return Registers(world.bus, address, name, rows, register_bytes)


@pytest.mark.parametrize("name", TABLES)
def test_no_register_and_no_name_comes_twice(name: str) -> None:
    rows = TABLES[name][1]
    assert len({row.address for row in rows}) == len(rows)
    assert len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("name", TABLES)
def test_every_row_says_what_it_is_for_and_fits_into_a_byte(name: str) -> None:
    for row in TABLES[name][1]:
        assert row.meaning and 0 <= row.value <= 0xFF and 0 <= row.mask <= 0xFF


@pytest.mark.parametrize("name", TABLES)
def test_an_applied_table_is_found_good_row_by_row_for_ever(world: Any, name: str) -> None:
    table = registers(world, name)
    table.apply()
    assert {table.recheck() for _ in range(2 * len(TABLES[name][1]))} == {None}


@pytest.mark.parametrize(("name", "row"), WATCHED, ids=[f"{name}-{row.name}" for name, row in WATCHED])
def test_each_single_wrong_row_is_found_once_in_a_round_and_at_the_start(
    world: Any, name: str, row: Row
) -> None:
    address, rows, _ = TABLES[name]
    table = registers(world, name)
    table.apply()
    chip = world.wire._chips[address]
    bit = 0x10 if row.mask & 0x10 else 0x01
    chip.registers[row.address] ^= bit
    watched = [each for each in rows if each.mask]
    expected = [Fault.REGISTER_CHANGED if each is row else None for each in watched]
    assert [table.recheck() for _ in watched] == expected

    real_store = chip._store

    def store(register: int, value: int) -> None:
        real_store(register, value ^ bit if register == row.address else value)

    chip._store = store
    with pytest.raises(SensorError) as caught:
        table.apply()
    message = str(caught.value)
    assert f"{name}: wrote 0x{row.value:02x} to {row.name}, read back 0x{row.value ^ bit:02x}." in message
    assert "Usually a loose wire or too weak a supply: check" in message


def test_bits_outside_the_mask_may_differ(world: Any) -> None:
    table = Registers(world.bus, 0x68, "imu", (Row("ACCEL_CONFIG_2", 0x1D, 0x03, 0x0F, "test"),))
    table.apply()
    world.mpu.registers[0x1D] = 0xF3
    assert table.recheck() is None
    world.mpu.registers[0x1D] = 0xFB
    assert table.recheck() is Fault.REGISTER_CHANGED


def test_a_chip_that_does_not_answer_is_a_fault_later_and_an_error_at_the_start(world: Any) -> None:
    table = registers(world, "lsm6dsox")
    world.lsm.trouble = [Trouble(Kind.BUS_TIMEOUT)]
    assert table.recheck() is Fault.BUS_TIMEOUT
    with pytest.raises(SensorError, match=r"0x6a on i2c-1: the bus timed out \(errno 110\)\. Usually"):
        table.apply()
