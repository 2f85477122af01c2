"""VL53L1X and TF-Luna: a new reading, a fault, or None; never 0, never the last value, never a wait without end."""

import math
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors import tf_luna, vl53l1x
from sensors.advice import HardwareError
from sensors.emulated import EmulatedTfLuna, EmulatedVl53l1x, Kind, Trouble
from sensors.samples import Fault, RangeSample
from sensors.tf_luna import TfLuna
from sensors.vl53l1x import Vl53l1x

Range = Vl53l1x | TfLuna
MAKE: dict[str, tuple[Callable[..., Range], str, int]] = {
    "vl53l1x": (Vl53l1x, "vl", 0x29),
    "tf_luna": (TfLuna, "luna", 0x10),
}
both = pytest.mark.parametrize("name", MAKE)


def opened(world: Any, name: str) -> tuple[Range, Any]:
    make, chip, _ = MAKE[name]
    driver = make(world.bus, sleep=world.wire.sleep)
    driver.open()
    return driver, getattr(world, chip)


def poll(world: Any, driver: Range, ticks: int) -> list[RangeSample | Fault | None]:
    return [driver.poll(world.tick()) for _ in range(ticks)]


def vl_bytes(status: int = 9, count: int = 1, distance_mm: int = 700) -> bytes:
    return struct.pack(">BBB10xHH", status, 0, count, distance_mm, 0x0300)


def luna_bytes(distance_cm: int = 70, amplitude: int = 1000, tick: int = 1) -> bytes:
    return struct.pack("<HHhH", distance_cm, amplitude, 2500, tick)


@pytest.mark.parametrize("status", range(256))
def test_only_range_status_9_is_a_distance(status: int) -> None:
    reading = vl53l1x.decode(vl_bytes(status))
    known = {
        4: Fault.WEAK_SIGNAL,
        5: Fault.NO_TARGET,
        6: Fault.WEAK_SIGNAL,
        7: Fault.NO_TARGET,
        12: Fault.NO_TARGET,
    }
    if status & 0x1F == 9:  # the upper bits are not part of it
        assert reading == (0.7, 1)
    else:
        assert reading is known.get(status & 0x1F, Fault.BAD_VALUE)


@pytest.mark.parametrize(
    ("distance_mm", "expected"),
    [(0, Fault.BAD_VALUE), (1, 0.001), (3999, 3.999), (4000, 4.0), (4001, Fault.BAD_VALUE)],
)
def test_vl53l1x_distances_end_at_0_and_4_m(distance_mm: int, expected: float | Fault) -> None:
    reading = vl53l1x.decode(vl_bytes(distance_mm=distance_mm))
    assert reading == (expected if isinstance(expected, Fault) else (expected, 1))


def test_vl53l1x_zeros_sleep_and_ones_are_no_distance() -> None:
    assert vl53l1x.decode(bytes(17)) is Fault.ASLEEP
    assert vl53l1x.decode(b"\xff" * 17) is Fault.BAD_VALUE
    assert vl53l1x.decode(vl_bytes(status=0)) is Fault.BAD_VALUE


@pytest.mark.parametrize(
    ("distance_cm", "amplitude", "expected"),
    [
        (70, 99, Fault.WEAK_SIGNAL),
        (70, 100, 0.7),
        (70, 101, 0.7),
        (70, 0xFFFE, 0.7),
        (70, 0xFFFF, Fault.SATURATED),
        (0, 99, Fault.WEAK_SIGNAL),
        (0, 100, Fault.NO_TARGET),
        (1, 100, 0.01),
        (799, 100, 7.99),
        (800, 100, 8.0),
        (801, 100, Fault.BAD_VALUE),
    ],
)
def test_tf_luna_believes_an_amplitude_from_100_on_and_8_m(
    distance_cm: int, amplitude: int, expected: float | Fault
) -> None:
    assert tf_luna.decode(luna_bytes(distance_cm, amplitude)) == expected


def test_tf_luna_zeros_sleep_and_ones_are_a_line_that_nobody_drives() -> None:
    assert tf_luna.decode(bytes(8)) is Fault.ASLEEP
    assert tf_luna.decode(b"\xff" * 8) is Fault.BAD_VALUE
    assert tf_luna.decode(b"\xff" * 7 + b"\x00") is Fault.SATURATED


def test_bursts_of_the_wrong_length_are_not_read() -> None:
    for decode, size in ((vl53l1x.decode, 17), (tf_luna.decode, 8)):
        for length in (0, 1, size - 1, size + 1):
            assert decode(b"\x09" * length) is Fault.BAD_VALUE


@given(st.binary(max_size=20))
def test_random_bytes_never_raise_and_never_make_a_number_that_is_not_finite(data: bytes) -> None:
    reading = vl53l1x.decode(data)
    if not isinstance(reading, Fault):
        assert math.isfinite(reading[0]) and 0 < reading[0] <= 4 and 0 <= reading[1] <= 255
    distance_m = tf_luna.decode(data)
    if not isinstance(distance_m, Fault):
        assert math.isfinite(distance_m) and 0 < distance_m <= 8


@both
def test_every_reading_is_told_once_with_its_truth_and_the_time_given(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    truth = []
    samples = []
    for i in range(200):
        truth.append(round(0.3 + 0.01 * (i % 70), 2))
        chip.set(truth[-1])
        answer = driver.poll(world.tick())
        if answer is not None:
            assert isinstance(answer, RangeSample)
            assert answer.t_ns == world.wire.t_ns and answer.distance_m == pytest.approx(truth[-1])
            samples.append(answer)
    rate_hz = 40 if name == "vl53l1x" else 100
    assert len(samples) == pytest.approx(rate_hz, abs=1)
    assert all(b.count == (a.count + 1) % 256 for a, b in pairwise(samples))


@both
def test_a_poll_without_news_is_one_short_transfer(world: Any, name: str) -> None:
    driver, _ = opened(world, name)
    while driver.poll(world.tick()) is None:
        pass
    sizes: list[list[int]] = []
    transfer = world.wire.transfer

    def counted(messages: Any) -> Any:
        sizes.append([n or len(data) for _, data, n in messages])
        return transfer(messages)

    world.wire.transfer = counted
    assert driver.poll(world.wire.t_ns) is None
    assert sizes == [[2, 1] if name == "vl53l1x" else [1, 8]]
    sizes.clear()
    driver.recheck()
    assert len(sizes) == 1


@both
@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Kind.NACK, Fault.NO_REPLY),
        (Kind.BUS_TIMEOUT, Fault.BUS_TIMEOUT),
        (Kind.NOISE, Fault.BUS_NOISE),
        (Kind.BUSY, Fault.BUS_BUSY),
        (Kind.GONE, Fault.BUS_GONE),
    ],
)
def test_bus_trouble_is_its_fault_at_every_poll_and_passes(
    world: Any, name: str, kind: Kind, fault: Fault
) -> None:
    driver, chip = opened(world, name)
    chip.trouble = [Trouble(kind, count=4)]
    assert poll(world, driver, 4) == [fault] * 4
    assert any(isinstance(answer, RangeSample) for answer in poll(world, driver, 10))


@both
def test_bus_trouble_in_any_message_of_a_poll_is_never_a_wrong_sample(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    for nth in range(300):
        chip.set(0.5 + 0.001 * nth)
        chip.trouble = [Trouble(Kind.NOISE, skip=nth % 6, count=1)]
        for answer in poll(world, driver, 6):
            if isinstance(answer, RangeSample):
                assert answer.distance_m == pytest.approx(0.5 + 0.001 * nth, abs=0.0051)
            else:
                assert answer in (None, Fault.BUS_NOISE)


@both
def test_bus_trouble_at_any_message_of_open_is_a_clear_error_or_waited_for(world: Any, name: str) -> None:
    make, _, address = MAKE[name]
    chip = world.wire.chip(address)
    waited = 0
    for nth in range(400):
        chip.power_on()
        world.tick()
        chip.trouble = [trouble := Trouble(Kind.NACK, skip=nth, count=1)]
        try:
            make(world.bus, sleep=world.wire.sleep).open()
        except HardwareError as error:
            assert "no reply" in str(error)
        else:
            waited += 1
            if trouble.count:
                break
    assert trouble.count == 1
    # Only the waits may meet silence: boot and first reading of the VL53L1X, the TF-Luna's discarded reading.
    assert waited > 4 if name == "vl53l1x" else waited == 3


@both
def test_a_chip_that_never_has_a_reading_says_none_for_ever(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    poll(world, driver, 10)
    chip.trouble = [Trouble(Kind.NO_DATA_READY)]
    assert set(poll(world, driver, 100)) == {None}


def test_ready_with_the_old_count_is_none_and_the_fourth_in_a_row_is_frozen(world: Any) -> None:
    driver, chip = opened(world, "vl53l1x")
    poll(world, driver, 10)
    chip.trouble = [Trouble(Kind.FROZEN)]
    assert set(poll(world, driver, 14)) == {None}
    frozen = poll(world, driver, 10)
    assert set(frozen) == {None, Fault.FROZEN} and frozen.count(Fault.FROZEN) >= 2
    chip.trouble = []
    answers = [answer for answer in poll(world, driver, 20) if answer is not None]
    assert answers and all(isinstance(answer, RangeSample) for answer in answers)
    chip.trouble = [Trouble(Kind.FROZEN, count=2)]  # two duplicates are still forgiven: the count starts anew
    assert Fault.FROZEN not in poll(world, driver, 20)


def test_a_chip_that_hangs_from_the_start_is_forgiven_as_often_as_later(world: Any) -> None:
    driver, chip = opened(world, "vl53l1x")
    chip.trouble = [Trouble(Kind.FROZEN)]
    answers: list[RangeSample | Fault | None] = []
    looks = 0
    while Fault.FROZEN not in answers:
        t_ns = world.tick()
        looks += world.bus.read(0x29, vl53l1x.GPIO_TIO_HV_STATUS, 1, 2)[0] & 1
        answers.append(driver.poll(t_ns))
    assert looks == vl53l1x.REPEATED_READS - 1  # `open` itself has looked first


def test_a_clear_that_is_lost_does_not_tell_the_reading_twice(world: Any) -> None:
    driver, chip = opened(world, "vl53l1x")
    real = chip.write
    chip.write = lambda data: None if data[:2] == b"\x00\x86" else real(data)
    answers = poll(world, driver, 12)
    assert [isinstance(answer, RangeSample) for answer in answers].count(True) == 1
    assert answers[-1] is Fault.FROZEN


def test_a_frozen_tf_luna_has_no_news(world: Any) -> None:
    driver, chip = opened(world, "tf_luna")
    poll(world, driver, 10)
    chip.trouble = [Trouble(Kind.FROZEN)]
    assert set(poll(world, driver, 100)) == {None}


@both
def test_bad_readings_are_told_once_each_as_faults(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    if name == "vl53l1x":
        chip.set(0.7, status=4)
    else:
        chip.set(0.7, amplitude=50)
    answers = poll(world, driver, 100)
    assert set(answers) == {None, Fault.WEAK_SIGNAL}
    assert answers.count(Fault.WEAK_SIGNAL) == pytest.approx(20 if name == "vl53l1x" else 50, abs=1)


@both
def test_saturation_zeros_and_ones_are_never_a_distance(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    for kind in (Kind.SATURATE, Kind.ZEROS, Kind.ONES):
        chip.trouble = [Trouble(kind)]
        assert not any(isinstance(answer, RangeSample) for answer in poll(world, driver, 50))
    chip.trouble = []
    assert any(isinstance(answer, RangeSample) for answer in poll(world, driver, 20))


@both
@pytest.mark.parametrize("kind", [Kind.ZEROS, Kind.ONES])
def test_garbage_between_two_polls_does_not_make_the_same_reading_new_again(
    world: Any, name: str, kind: Kind
) -> None:
    driver, chip = opened(world, name)
    while not isinstance(driver.poll(world.tick()), RangeSample):
        pass
    chip.trouble = [Trouble(kind)]
    driver.poll(world.wire.t_ns)
    chip.trouble = (
        [Trouble(Kind.ONES, count=1)] if name == "vl53l1x" else []
    )  # "ready", says the spoiled flag
    assert driver.poll(world.wire.t_ns) is None


@both
def test_what_was_measured_before_the_sensor_was_opened_is_not_news(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    if name == "vl53l1x":
        chip.trouble = [Trouble(Kind.ONES, count=1)]
    assert driver.poll(world.wire.t_ns) is None


@both
def test_flipped_bits_never_raise(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    chip.trouble = [Trouble(Kind.BIT_FLIP, probability=0.5, seed=3)]
    for answer in poll(world, driver, 500):
        assert answer is None or isinstance(answer, (RangeSample, Fault))


@both
def test_a_reset_in_mid_run_shows_as_silence_or_in_the_registers_until_it_is_opened_anew(
    world: Any, name: str
) -> None:
    driver, chip = opened(world, name)
    poll(world, driver, 10)
    chip.registers[0x26 if name == "tf_luna" else 0x60] ^= 0x40
    chip.trouble = [Trouble(Kind.RESET, count=1)]
    answers = poll(world, driver, 40)
    found = [driver.recheck() for _ in range(40)]
    if name == "vl53l1x":
        assert not any(isinstance(answer, RangeSample) for answer in answers)
        assert Fault.REGISTER_CHANGED in found
    else:  # its power-on values are the ones we use: nothing is lost
        assert any(isinstance(answer, RangeSample) for answer in answers)
        assert set(found) == {None}
    driver.open()
    assert any(isinstance(answer, RangeSample) for answer in poll(world, driver, 10))
    assert {driver.recheck() for _ in range(40)} == {None}


@both
def test_an_unplugged_sensor_does_not_reply(world: Any, name: str) -> None:
    driver, _ = opened(world, name)
    world.wire.detach(MAKE[name][2])
    assert poll(world, driver, 2) == [Fault.NO_REPLY] * 2
    with pytest.raises(HardwareError, match="no reply"):
        driver.open()


@both
def test_a_closed_sensor_goes_dark(world: Any, name: str) -> None:
    driver, chip = opened(world, name)
    poll(world, driver, 10)
    driver.poll(world.tick())
    driver.close()
    assert chip._period_ns() == 0
    if name == "tf_luna":
        assert (chip.registers[0x25], chip.registers[0x26]) == (0, 100)
    world.tick(20)
    assert set(poll(world, driver, 20)[1:]) == {None}


def test_another_chip_at_the_address_is_refused_with_both_ids(world: Any) -> None:
    world.wire.attach(0x29, EmulatedVl53l1x(model_id=0xEEAA))
    with pytest.raises(HardwareError, match=r"model id is 0xeeaa, a VL53L1X has 0xeacc\. Usually a VL53L0X"):
        Vl53l1x(world.bus, sleep=world.wire.sleep).open()
    world.wire.attach(0x10, EmulatedTfLuna(signature=b"MINI"))
    with pytest.raises(HardwareError, match=r"signature is b'MINI', a TF-Luna has b'LUNA'\. Usually"):
        TfLuna(world.bus, sleep=world.wire.sleep).open()


@pytest.mark.parametrize(
    ("register", "trouble", "slept_s"),
    [(0xE5, "does not boot", 0.103), (0x31, "does not finish its first reading", 0.203)],
)
def test_a_chip_that_never_gets_ready_is_refused_after_a_bounded_wait(
    world: Any, register: int, trouble: str, slept_s: float
) -> None:
    naps: list[float] = []

    def sleep(duration_s: float) -> None:
        naps.append(duration_s)
        world.wire.sleep(duration_s)
        world.vl.registers[register] &= 0xFE

    with pytest.raises(HardwareError) as caught:
        Vl53l1x(world.bus, sleep=sleep).open()
    assert f"range (VL53L1X) at 0x29 on i2c-1: {trouble}. Usually" in str(caught.value)
    assert sum(naps) == pytest.approx(slept_s)  # 3 ms for the reset among them


def test_the_vl53l1x_is_told_short_mode_20_ms_and_a_period_of_25_ms_by_its_own_clock(world: Any) -> None:
    opened(world, "vl53l1x")
    chip = world.vl.registers
    assert (chip[0x4B], chip[0x60], chip[0x63], chip[0x69]) == (0x14, 0x07, 0x05, 0x38)
    assert chip[0x78:0x7C] == b"\x07\x05\x06\x06"
    assert chip[0x5E:0x60] + chip[0x61:0x63] == b"\x00\x51\x00\x6e"
    assert int.from_bytes(chip[0x6C:0x70]) == int(0x0272 * 25 * 1.075)
    assert (chip[0x08], chip[0x0B], chip[0x87]) == (0x09, 0x00, 0x40)


def test_only_the_clock_bits_of_the_oscillator_word_count() -> None:
    assert vl53l1x.rows(0x0272) == vl53l1x.rows(0xFE72)


def test_the_table_covers_the_whole_block() -> None:
    assert [row.address for row in vl53l1x.rows(0)] == list(range(0x2D, 0x87))


def test_counts_go_round_from_255_as_the_chips_do(world: Any) -> None:
    for name, after_255 in (("vl53l1x", 128), ("tf_luna", 0)):
        driver, _ = opened(world, name)
        counts = [answer.count for answer in poll(world, driver, 1600) if isinstance(answer, RangeSample)]
        assert counts[counts.index(255) + 1] == after_255


def test_a_tf_luna_that_somebody_else_has_set_up_is_put_right(world: Any) -> None:
    for register, value in ((0x23, 1), (0x25, 0), (0x26, 10), (0x28, 1), (0x2A, 200), (0x2B, 1)):
        world.luna.registers[register] = value
    driver, chip = opened(world, "tf_luna")
    chip.set(1.2, amplitude=100)
    answers = poll(world, driver, 20)
    assert [answer for answer in answers if answer is not None]
    assert {answer.distance_m for answer in answers if isinstance(answer, RangeSample)} == {1.2}
    assert answers.count(None) == 10


def test_the_tf_luna_has_time_for_a_reading_at_the_new_rate_before_it_is_read(world: Any) -> None:
    naps: list[float] = []
    TfLuna(world.bus, sleep=naps.append).open()
    assert sum(naps) == pytest.approx(0.02)


def test_a_range_sensor_that_was_never_opened_is_checked_and_read_without_an_exception(world: Any) -> None:
    for name, (make, _, _) in MAKE.items():
        driver = make(world.bus)
        assert driver.poll(0) is Fault.REGISTER_CHANGED, name
        assert driver.recheck() in (None, Fault.REGISTER_CHANGED)
        driver.close()


@both
def test_a_sensor_whose_second_opening_fails_gives_no_distance_until_one_succeeds(
    world: Any, name: str
) -> None:
    driver, chip = opened(world, name)
    for nth in range(0, 250, 7):
        chip.trouble = [Trouble(Kind.NACK, skip=nth)]
        with pytest.raises(HardwareError):
            driver.open()
        chip.trouble = []
        world.tick()  # boots
        assert set(poll(world, driver, 20)) == {Fault.REGISTER_CHANGED}
        driver.open()
        assert any(isinstance(answer, RangeSample) for answer in poll(world, driver, 10))
        if name == "tf_luna" and nth > 14:
            break


def test_the_vl53l1x_is_reset_set_up_calibrated_and_started_in_this_order(world: Any) -> None:
    writes: list[tuple[int, bytes]] = []
    real = world.vl.write

    def write(data: bytes) -> None:
        if len(data) > 2:
            writes.append((int.from_bytes(data[:2]), data[2:]))
        real(data)

    world.vl.write = write
    world.vl.registers[0x0020] = 0x11  # what somebody else has set and the table does not name
    opened(world, "vl53l1x")
    assert world.vl.registers[0x0020] == 0
    assert writes[:2] == [(0x0000, b"\x00"), (0x0000, b"\x01")]
    assert [address for address, _ in writes[2:-6]] == list(range(0x2D, 0x87))
    assert writes[-6:] == [
        (0x87, b"\x40"), (0x86, b"\x01"), (0x87, b"\x00"), (0x08, b"\x09"), (0x0B, b"\x00"), (0x87, b"\x40"),
    ]  # fmt: skip


def test_the_vl53l1x_gets_its_reset_and_boot_times(world: Any) -> None:
    naps: list[float] = []

    def sleep(duration_s: float) -> None:
        naps.append(duration_s)
        world.wire.sleep(duration_s)

    Vl53l1x(world.bus, sleep=sleep).open()
    assert naps[:2] == [0.001, 0.002]


def test_a_vl53l1x_that_never_answers_again_after_its_reset_is_named_as_silent(world: Any) -> None:
    world.vl.trouble = [Trouble(Kind.NACK, from_ns=2_000_000)]
    with pytest.raises(HardwareError, match=r"range \(VL53L1X\) at 0x29 on i2c-1: no reply \(errno 121\)"):
        Vl53l1x(world.bus, sleep=world.wire.sleep).open()
