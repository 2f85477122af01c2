"""A chip's table: no row twice, every row written, and each single wrong row found."""

from typing import Any

import pytest

from sensors import lsm6dsox, mpu6050, tf_luna, vl53l1x
from sensors.advice import HardwareError
from sensors.emulated import Kind, Trouble
from sensors.registers import Registers, Row, Span, spans
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
def test_each_single_wrong_row_is_found_in_a_round_and_stays_found_until_it_is_good(
    world: Any, name: str, row: Row
) -> None:
    address, rows, _ = TABLES[name]
    table = registers(world, name)
    table.apply()
    chip = world.wire.chip(address)
    bit = 0x10 if row.mask & 0x10 else 0x01
    chip.registers[row.address] ^= bit
    a_round = [table.recheck() for _ in spans(rows)]
    assert a_round[-1] is Fault.REGISTER_CHANGED
    assert [table.recheck() for _ in range(5)] == [Fault.REGISTER_CHANGED] * 5
    chip.registers[row.address] ^= bit
    assert [table.recheck() for _ in range(20)] == [None] * 20


@pytest.mark.parametrize(("name", "row"), WATCHED, ids=[f"{name}-{row.name}" for name, row in WATCHED])
def test_each_single_row_that_does_not_hold_is_named_at_the_start(world: Any, name: str, row: Row) -> None:
    chip = world.wire._chips[TABLES[name][0]]
    table = registers(world, name)
    bit = 0x10 if row.mask & 0x10 else 0x01
    real_store = chip._store

    def store(register: int, value: int) -> None:
        real_store(register, value ^ bit if register == row.address else value)

    chip._store = store
    with pytest.raises(HardwareError) as caught:
        table.apply()
    message = str(caught.value)
    assert f"{name}: wrote 0x{row.value:02x} to {row.name}, read back 0x{row.value ^ bit:02x}." in message
    assert "Usually a loose wire or too weak a supply: check" in message


# Said a second time on purpose: a table that changes must change here too, with a reason.
MPU = {0x6B: 0x01, 0x6C: 0x00, 0x19: 0x00, 0x1A: 0x03, 0x1B: 0x18, 0x1C: 0x18}
LSM = {0x12: 0x44, 0x10: 0x66, 0x17: 0x20, 0x11: 0x6C, 0x13: 0x02, 0x14: 0, 0x15: 0x04, 0x16: 0, 0x18: 0xE2}
VL = bytes.fromhex(
    "00010101 0200 02080008 10010100 000000ff 000f0000 000000200b 0000 021421 0000 05 00000000 c8 0000"
    "38ff01 00 08 0000 0051 07 006e 05 0168 0080 08 38 0000 000041b7 0000 00000000 00 01 0705 0606 0000"
    "02 c7ff 9b 000000 01 01"
)
LUNA = {0x25: 1, 0x23: 0, 0x26: 100, 0x27: 0, 0x28: 0, 0x2A: 10, 0x2B: 0}


def test_the_tables_are_what_the_data_sheets_ask_for() -> None:
    for name, expected in (
        ("lsm6dsox", LSM),
        ("mpu6050", MPU),
        ("mpu6500", MPU | {0x1D: 0x03}),
        ("tf_luna", LUNA),
    ):
        rows = TABLES[name][1]
        assert {row.address: row.value for row in rows} == expected
        assert {row.mask for row in rows if row.address != 0x1D} == {0xFF}
    assert mpu6050.ROWS_6500[-1].mask == 0x0F
    assert bytes(row.value for row in TABLES["vl53l1x"][1]) == VL


def test_of_the_vl53l1x_all_that_its_maker_describes_is_watched() -> None:
    masks = {row.address: row.mask for row in TABLES["vl53l1x"][1]}
    assert masks.pop(0x2E) == masks.pop(0x2F) == 0x01
    assert {address for address, mask in masks.items() if mask == 0xFF} == {
        0x30, 0x46, 0x4B, *range(0x5E, 0x68), 0x69, *range(0x6C, 0x70), *range(0x78, 0x7C), *range(0x7F, 0x82),
    }  # fmt: skip
    assert set(masks.values()) == {0x00, 0xFF}


@pytest.mark.parametrize("name", TABLES)
def test_the_spans_of_a_table_are_its_watched_rows_and_short_enough_for_a_tick(name: str) -> None:
    rows = TABLES[name][1]
    bytes_of_spans = {
        (span.address + i, span.value.to_bytes(span.n)[i], span.mask.to_bytes(span.n)[i])
        for span in spans(rows)
        for i in range(span.n)
    }
    assert bytes_of_spans == {(row.address, row.value, row.mask) for row in rows if row.mask}
    assert all(span.n <= 12 for span in spans(rows))  # no longer than the IMU's own burst


def test_only_neighbours_are_joined_in_the_order_of_their_addresses() -> None:
    rows = [
        Row(str(address), address, address, mask, "") for address, mask in ((5, 1), (4, 2), (7, 3), (8, 0))
    ]
    assert spans(rows) == (Span(4, 2, 0x0405, 0x0201), Span(7, 1, 7, 3))


def test_spans_are_looked_at_in_turn(world: Any) -> None:
    table = registers(world, "tf_luna")
    table.apply()
    looked: list[int] = []
    real = world.luna.read

    def read(n: int) -> bytes:
        looked.append(world.luna._pointer)
        data: bytes = real(n)
        return data

    world.luna.read = read
    for _ in range(4):
        table.recheck()
    assert looked == [0x23, 0x25, 0x2A, 0x23]


def test_a_bit_error_on_the_wire_passes_with_the_next_look_at_the_same_span(world: Any) -> None:
    table = registers(world, "mpu6050")
    table.apply()
    world.mpu.trouble = [Trouble(Kind.BIT_FLIP, count=1)]
    assert [table.recheck() for _ in range(3)] == [Fault.REGISTER_CHANGED, None, None]


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
    with pytest.raises(HardwareError, match=r"0x6a on i2c-1: the bus timed out \(errno 110\)\. Usually"):
        table.apply()
