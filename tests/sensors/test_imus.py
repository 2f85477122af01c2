"""LSM6DSOX and MPU-6050: bytes in, samples in body axes out; every way to be dead has its fault."""

import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors import lsm6dsox, mpu6050
from sensors.advice import HardwareError
from sensors.emulated import EmulatedMpu6050, Kind, Trouble
from sensors.imu import AXES_ALIGNED, FROZEN_READS, NO_BIAS, Mounting, check
from sensors.lsm6dsox import Lsm6dsox
from sensors.mpu6050 import CHIPS, Mpu6050
from sensors.samples import Fault, ImuSample

Imu = Lsm6dsox | Mpu6050
MAKE: dict[str, tuple[Callable[..., Imu], str]] = {"lsm6dsox": (Lsm6dsox, "lsm"), "mpu6050": (Mpu6050, "mpu")}


def opened(world: Any, name: str, **settings: Any) -> tuple[Imu, Any]:
    make, chip = MAKE[name]
    driver = make(world.bus, sleep=world.wire.sleep, **settings)
    driver.open()
    return driver, getattr(world, chip)


both = pytest.mark.parametrize("name", MAKE)


def lsm_bytes(*counts: int) -> bytes:
    accel, gyro = counts[:3], counts[3:]
    return struct.pack("<6h", *gyro, *accel)


def mpu_bytes(*counts: int) -> bytes:
    return struct.pack(">7h", *counts[:3], 1234, *counts[3:])


codecs = pytest.mark.parametrize(
    ("decode", "encode", "size"),
    [(lsm6dsox.decode, lsm_bytes, 12), (mpu6050.decode, mpu_bytes, 14)],
    ids=MAKE,
)


@codecs
def test_counts_come_out_accel_first_whatever_the_chip_sends(decode: Any, encode: Any, size: int) -> None:
    assert decode(encode(1, -2, 3, -4, 5, -6)) == (1, -2, 3, -4, 5, -6)


@codecs
@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize(
    ("count", "saturated"),
    [(32766, False), (32767, True), (-32766, False), (-32767, False), (-32768, True)],
)
def test_the_ends_of_the_range_are_saturated_on_every_axis(
    decode: Any, encode: Any, size: int, axis: int, count: int, saturated: bool
) -> None:
    counts = [5, 5, 5, 5, 5, 5]
    counts[axis] = count
    assert decode(encode(*counts)) == (Fault.SATURATED if saturated else tuple(counts))


@codecs
def test_zeros_are_a_sleeping_chip_and_ones_a_line_that_nobody_drives(
    decode: Any, encode: Any, size: int
) -> None:
    assert decode(bytes(size)) is Fault.ASLEEP
    assert decode(b"\xff" * size) is Fault.BAD_VALUE
    for axis in range(6):
        almost_zero, almost_ones = [0] * 6, [-1] * 6
        almost_zero[axis], almost_ones[axis] = 1, 0
        assert decode(encode(*almost_zero)) == tuple(almost_zero)
        assert decode(encode(*almost_ones)) == tuple(almost_ones)


@codecs
def test_a_burst_of_the_wrong_length_is_not_read(decode: Any, encode: Any, size: int) -> None:
    for length in (0, 1, size - 1, size + 1):
        assert decode(b"\x05" * length) is Fault.BAD_VALUE


@given(st.binary(max_size=20))
def test_random_bytes_never_raise_and_never_make_a_number_that_is_not_finite(data: bytes) -> None:
    for decode in (lsm6dsox.decode, mpu6050.decode):
        counts = decode(data)
        if not isinstance(counts, Fault):
            assert check(counts) is None
            sample = Mounting(AXES_ALIGNED, NO_BIAS, 1e-3, 1e-3).sample(0, counts)
            assert isinstance(sample, ImuSample)
            assert all(map(math.isfinite, sample.accel_m_s2 + sample.gyro_rad_s))


def test_si_units_follow_the_data_sheets() -> None:
    assert pytest.approx(16 * 9.80665, rel=1e-3) == lsm6dsox.ACCEL_M_S2_PER_COUNT * 32768
    assert pytest.approx(16 * 9.80665) == mpu6050.ACCEL_M_S2_PER_COUNT * 32768
    assert math.degrees(lsm6dsox.GYRO_RAD_S_PER_COUNT) == pytest.approx(0.070)
    assert math.degrees(mpu6050.GYRO_RAD_S_PER_COUNT) * 32768 == pytest.approx(2000, rel=1e-3)


def test_the_mounting_turns_chip_axes_into_body_axes_and_takes_the_bias_off_in_chip_axes() -> None:
    rotation = ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    mounting = Mounting(rotation, (0.1, 0.2, 0.3), 2.0, 10.0)
    sample = mounting.sample(7, (1, 2, 3, 4, 5, 6))
    assert isinstance(sample, ImuSample)
    assert sample.t_ns == 7
    assert sample.accel_m_s2 == pytest.approx((4.0, -2.0, 6.0))
    assert sample.gyro_rad_s == pytest.approx((50.0 - 0.2, -(40.0 - 0.1), 60.0 - 0.3))


@given(st.permutations([0, 1, 2]), st.tuples(*[st.integers(-32767, 32766)] * 6))
def test_every_axis_of_any_rotation_is_its_own_row(order: list[int], counts: tuple[int, ...]) -> None:
    rows: Any = tuple(tuple(1.0 if column == axis else 0.0 for column in range(3)) for axis in order)
    sample = Mounting(rows, NO_BIAS, 1.0, 1.0).sample(0, counts)  # type: ignore[arg-type]
    assert isinstance(sample, ImuSample)
    assert sample.accel_m_s2 == tuple(counts[axis] for axis in order)
    assert sample.gyro_rad_s == tuple(counts[3 + axis] for axis in order)


def test_a_repeated_reading_is_not_new_and_the_fourth_in_a_row_is_frozen() -> None:
    mounting = Mounting(AXES_ALIGNED, NO_BIAS, 1.0, 1.0)
    still, moved = (1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 7)
    assert FROZEN_READS == 4
    for counts in (still, moved):  # and a new reading starts the count anew
        assert isinstance(mounting.sample(0, counts), ImuSample)
        answers = [mounting.sample(0, counts) for _ in range(5)]
        assert answers == [Fault.NOT_READY] * 2 + [Fault.FROZEN] * 3


@both
def test_a_pod_at_rest_reads_one_g_up_and_the_truth_in_si(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    world.tick()
    chip.set((1.5, -2.5, 9.5), (0.5, -1.0, 2.0))
    world.wire.advance(world.wire.t_ns + 5_000_000)
    sample = driver.read(123)
    assert isinstance(sample, ImuSample)
    assert sample.t_ns == 123
    assert sample.accel_m_s2 == pytest.approx((1.5, -2.5, 9.5), abs=0.003)
    assert sample.gyro_rad_s == pytest.approx((0.5, -1.0, 2.0), abs=0.0007)


@both
def test_mounting_and_bias_reach_the_sample(world: Any, name: str) -> None:
    upside_down = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0))
    driver, chip = opened(world, name, mounting=upside_down, gyro_bias_rad_s=(0.0, 0.0, 0.5))
    chip.set((0.0, 0.0, -9.80665), (0.0, 0.0, 0.5))
    world.wire.advance(world.wire.t_ns + 5_000_000)
    sample = driver.read(0)
    assert isinstance(sample, ImuSample)
    assert sample.accel_m_s2[2] == pytest.approx(9.80665, abs=0.003)
    assert sample.gyro_rad_s[2] == pytest.approx(0.0, abs=0.001)


@both
def test_every_tick_at_200_hz_has_a_new_reading(world: Any, name: str) -> None:
    driver, _ = opened(world, name)
    assert all(isinstance(driver.read(world.tick()), ImuSample) for _ in range(1000))


@both
def test_a_whole_reading_is_one_transfer(world: Any, name: str) -> None:
    driver, _ = opened(world, name)
    world.tick()
    transfers = 0
    transfer = world.wire.transfer

    def counted(messages: Any) -> Any:
        nonlocal transfers
        transfers += 1
        return transfer(messages)

    world.wire.transfer = counted
    driver.read(0)
    assert transfers == 1
    driver.recheck()
    assert transfers == 2


ERRNO_KINDS = [
    (Kind.NACK, Fault.NO_REPLY),
    (Kind.BUS_TIMEOUT, Fault.BUS_TIMEOUT),
    (Kind.NOISE, Fault.BUS_NOISE),
    (Kind.BUSY, Fault.BUS_BUSY),
    (Kind.GONE, Fault.BUS_GONE),
]


@both
@pytest.mark.parametrize(("kind", "fault"), ERRNO_KINDS)
def test_bus_trouble_in_mid_run_is_its_fault_and_passes_with_the_trouble(
    world: Any, name: str, kind: Kind, fault: Fault
) -> None:
    driver, chip = opened(world, name)
    assert isinstance(driver.read(world.tick()), ImuSample)
    chip.trouble = [Trouble(kind, count=3)]
    assert [driver.read(world.tick()) for _ in range(3)] == [fault] * 3
    assert isinstance(driver.read(world.tick()), ImuSample)


@both
def test_bus_trouble_at_any_message_of_open_is_a_clear_error(world: Any, name: str) -> None:
    make, chip_name = MAKE[name]
    chip = getattr(world, chip_name)
    went_well = 0
    for nth in range(100):
        chip.power_on()
        chip.trouble = [trouble := Trouble(Kind.NACK, skip=nth, count=1)]
        try:
            make(world.bus, sleep=world.wire.sleep).open()
        except HardwareError as error:
            assert "no reply" in str(error)
        else:
            went_well += 1
            if trouble.count:
                break
    assert nth > 20 and trouble.count == 1
    assert went_well == 3, "only the two messages of the discarded reading may be refused without an error"


@both
def test_a_frozen_chip_is_found_within_25_ms(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    driver.read(world.tick())
    chip.trouble = [Trouble(Kind.FROZEN)]
    answers = [driver.read(world.tick()) for _ in range(5)]
    assert answers == [Fault.NOT_READY, Fault.NOT_READY, Fault.FROZEN, Fault.FROZEN, Fault.FROZEN]


@both
def test_a_dead_data_ready_is_found_like_a_frozen_chip(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    driver.read(world.tick())
    chip.trouble = [Trouble(Kind.NO_DATA_READY)]
    assert [driver.read(world.tick()) for _ in range(3)][-1] is Fault.FROZEN


@both
def test_a_duplicate_frame_is_not_new_and_the_next_one_is(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    driver.read(world.tick())
    chip.trouble = [Trouble(Kind.FROZEN, count=1)]
    assert driver.read(world.tick()) is Fault.NOT_READY
    assert isinstance(driver.read(world.tick()), ImuSample)


@both
@pytest.mark.parametrize(
    ("kind", "fault"),
    [(Kind.ZEROS, Fault.ASLEEP), (Kind.ONES, Fault.BAD_VALUE), (Kind.SATURATE, Fault.SATURATED)],
)
def test_zeros_ones_and_saturation_have_their_faults(world: Any, name: str, kind: Kind, fault: Fault) -> None:
    driver, chip = opened(world, name)
    chip.trouble = [Trouble(kind)]
    assert driver.read(world.tick()) is fault
    chip.trouble = []
    assert isinstance(driver.read(world.tick()), ImuSample)


@both
def test_flipped_bits_give_samples_or_faults_and_never_raise(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    chip.trouble = [Trouble(Kind.BIT_FLIP, seed=1)]
    for _ in range(500):
        answer = driver.read(world.tick())
        assert isinstance(answer, (ImuSample, Fault))


@both
def test_a_reset_in_mid_run_shows_as_sleep_and_in_the_registers(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    driver.read(world.tick())
    chip.trouble = [Trouble(Kind.RESET, count=1)]
    assert driver.read(world.tick()) is Fault.ASLEEP
    assert driver.recheck() is Fault.REGISTER_CHANGED
    driver.open()
    assert isinstance(driver.read(world.tick()), ImuSample)
    assert driver.recheck() is None


@both
def test_an_unplugged_chip_does_not_reply_and_works_again_once_opened(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    address = 0x6A if name == "lsm6dsox" else 0x68
    world.wire.detach(address)
    assert driver.read(world.tick()) is Fault.NO_REPLY
    chip.power_on()
    world.wire.attach(address, chip)
    assert driver.read(world.tick()) is Fault.ASLEEP
    driver.open()
    assert isinstance(driver.read(world.tick()), ImuSample)


@both
def test_a_closed_chip_sleeps(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    driver.read(world.tick())
    driver.close()
    asleep = {"lsm6dsox": (0x10, b"\x00\x00"), "mpu6050": (0x6B, b"\x40\x00")}  # the values after power-on
    first, values = asleep[name]
    assert chip.registers[first : first + 2] == values
    assert [driver.read(world.tick()) for _ in range(4)][-1] is Fault.FROZEN


@both
def test_another_chip_at_the_address_is_refused_with_both_ids(world: Any, name: str) -> None:
    make, chip_name = MAKE[name]
    chip = getattr(world, chip_name)
    chip._who_am_i = 0x55
    chip.power_on()
    with pytest.raises(HardwareError) as caught:
        make(world.bus, sleep=world.wire.sleep).open()
    assert "WHO_AM_I is 0x55" in str(caught.value)
    assert ("0x6c" if name == "lsm6dsox" else "0x68, 0x70, 0x71, 0x72, 0x74, 0x75, 0x98") in str(caught.value)
    assert "Usually another chip at this address, or a loose wire: check" in str(caught.value)


@both
def test_nobody_at_the_address_is_a_clear_error(world: Any, name: str) -> None:
    world.wire.detach(0x6A if name == "lsm6dsox" else 0x68)
    with pytest.raises(HardwareError, match=r"no reply .*Usually wiring, address or power: check"):
        MAKE[name][0](world.bus, sleep=world.wire.sleep).open()


@both
def test_the_other_address_can_be_set(world: Any, name: str) -> None:
    make, chip_name = MAKE[name]
    world.wire.attach(0x6B, getattr(world, chip_name))
    driver = make(world.bus, 0x6B, sleep=world.wire.sleep)
    world.wire.detach(0x6A)
    world.wire.detach(0x68)
    driver.open()
    assert isinstance(driver.read(world.tick()), ImuSample)


@pytest.mark.parametrize("who_am_i", range(256))
def test_every_id_is_either_named_or_refused(world: Any, who_am_i: int) -> None:
    world.wire.attach(0x68, EmulatedMpu6050(who_am_i))
    driver = Mpu6050(world.bus, sleep=world.wire.sleep)
    if who_am_i in CHIPS:
        driver.open()
        assert driver.name == CHIPS[who_am_i]
    else:
        with pytest.raises(HardwareError, match="none of the MPU-6050 family"):
            driver.open()


def test_the_newer_chips_get_their_second_low_pass_and_the_old_ones_do_not(world: Any) -> None:
    for who_am_i in CHIPS:
        chip = EmulatedMpu6050(who_am_i)
        world.wire.attach(0x68, chip)
        Mpu6050(world.bus, sleep=world.wire.sleep).open()
        assert chip.registers[0x1D] == (0x00 if who_am_i in (0x68, 0x72) else 0x03)


def test_the_mpu_is_reset_and_given_its_time_before_it_is_configured(world: Any) -> None:
    writes: list[tuple[int, bytes]] = []
    real = world.mpu.write

    def write(data: bytes) -> None:
        writes.append((world.wire.t_ns, data))
        real(data)

    world.mpu.write = write
    Mpu6050(world.bus, sleep=world.wire.sleep).open()
    stores = [(t_ns, data) for t_ns, data in writes if len(data) > 1]
    assert [data for _, data in stores[:2]] == [b"\x6b\x80", b"\x6b\x00"]
    assert stores[1][0] - stores[0][0] >= 100_000_000
    assert stores[2][0] - stores[1][0] >= 10_000_000


@both
def test_an_imu_whose_second_opening_fails_gives_no_sample_until_one_succeeds(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    for nth in range(20):
        chip.trouble = [Trouble(Kind.NACK, skip=nth)]
        with pytest.raises(HardwareError):
            driver.open()
        chip.trouble = []
        assert [driver.read(world.tick()) for _ in range(5)] == [Fault.REGISTER_CHANGED] * 5
        driver.open()
        assert isinstance(driver.read(world.tick()), ImuSample)


@both
def test_an_imu_that_was_never_opened_is_a_fault_and_not_an_exception(world: Any, name: str) -> None:
    driver = MAKE[name][0](world.bus)
    assert driver.read(0) is Fault.REGISTER_CHANGED
    assert driver.recheck() is Fault.REGISTER_CHANGED
    driver.close()


@both
def test_opening_clears_what_somebody_else_has_set_and_the_table_does_not_name(world: Any, name: str) -> None:
    chip = getattr(world, MAKE[name][1])
    chip.registers[0x73] = 0x11  # LSM6DSOX: a user offset of the accelerometer
    opened(world, name)
    assert chip.registers[0x73] == 0x00


def test_the_chips_get_the_time_that_their_data_sheets_ask_for(world: Any) -> None:
    naps: list[float] = []

    def sleep(duration_s: float) -> None:
        naps.append(duration_s)
        world.wire.sleep(duration_s)

    Lsm6dsox(world.bus, sleep=sleep).open()
    Mpu6050(world.bus, sleep=sleep).open()
    assert naps == [0.02, 0.08, 0.1, 0.01, 0.05]


@both
def test_opening_begins_with_one_byte_of_identity(world: Any, name: str) -> None:
    transfers: list[Any] = []
    real = world.wire.transfer

    def transfer(messages: Any) -> bytes:
        transfers.append([(data, n) for _, data, n in messages])
        answer: bytes = real(messages)
        return answer

    world.wire.transfer = transfer
    opened(world, name)
    assert transfers[0] == [(b"\x0f" if name == "lsm6dsox" else b"\x75", 0), (b"", 1)]


def test_each_chip_answers_where_its_data_sheet_says() -> None:
    """With the address pin at ground, and at the supply."""
    assert lsm6dsox.ADDRESSES == (0x6A, 0x6B)
    assert mpu6050.ADDRESSES == (0x68, 0x69)
