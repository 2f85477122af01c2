"""The emulated chips behave as the data sheets say, so that drivers need no branch for them."""

import socket
import threading
import time
from typing import Any

import pytest

from sensors.emulated import (
    Chip,
    EmulatedBus,
    EmulatedLsm6dsox,
    EmulatedMpu6050,
    EmulatedTfLuna,
    EmulatedVl53l1x,
    Kind,
    RemoteBus,
    Trouble,
    handle,
)
from sensors.i2c import Bus
from sensors.lsm6dsox import Lsm6dsox
from sensors.samples import Fault, ImuSample

MS = 1_000_000


def store(chip: Chip, register: int, *values: int) -> None:
    chip.write(register.to_bytes(chip.register_bytes) + bytes(values))


def fetch(chip: Chip, register: int, n: int = 1) -> bytes:
    chip.write(register.to_bytes(chip.register_bytes))
    return chip.read(n)


@pytest.mark.parametrize(
    ("chip", "register", "value"),
    [
        (EmulatedLsm6dsox(), 0x0F, 0x6C),
        (EmulatedLsm6dsox(), 0x10, 0x00),
        (EmulatedLsm6dsox(), 0x12, 0x04),
        (EmulatedLsm6dsox(), 0x18, 0xE0),
        (EmulatedMpu6050(), 0x75, 0x68),
        (EmulatedMpu6050(), 0x6B, 0x40),
        (EmulatedMpu6050(0x70), 0x6B, 0x01),
        (EmulatedMpu6050(0x98), 0x6B, 0x40),
        (EmulatedVl53l1x(), 0x010F, 0xEA),
        (EmulatedVl53l1x(), 0x0110, 0xCC),
        (EmulatedVl53l1x(), 0x00E5, 0x01),
        (EmulatedTfLuna(), 0x26, 100),
        (EmulatedTfLuna(), 0x25, 0x01),
        (EmulatedTfLuna(), 0x3C, ord("L")),
    ],
)
def test_power_on_values(chip: Chip, register: int, value: int) -> None:
    assert fetch(chip, register)[0] == value


@pytest.mark.parametrize(
    ("chip", "register"),
    [
        (EmulatedLsm6dsox(), 0x0F),
        (EmulatedLsm6dsox(), 0x22),
        (EmulatedMpu6050(), 0x75),
        (EmulatedMpu6050(), 0x3B),
        (EmulatedVl53l1x(), 0x010F),
        (EmulatedVl53l1x(), 0x0096),
        (EmulatedTfLuna(), 0x00),
        (EmulatedTfLuna(), 0x3C),
    ],
)
def test_identity_and_readings_cannot_be_written(chip: Chip, register: int) -> None:
    before = fetch(chip, register)
    store(chip, register, before[0] ^ 0x55)
    assert fetch(chip, register) == before


@pytest.mark.parametrize("chip", [EmulatedLsm6dsox(), EmulatedMpu6050()])
def test_an_imu_sleeps_after_power_up_and_reads_zeros(chip: Chip) -> None:
    chip.advance(1000 * MS)
    first = 0x22 if isinstance(chip, EmulatedLsm6dsox) else 0x3B
    assert fetch(chip, first, 12) == bytes(12)


def test_reads_between_two_data_ready_give_the_same_bytes() -> None:
    chip = EmulatedLsm6dsox()
    store(chip, 0x10, 0x66, 0x6C)
    chip.advance(3 * MS)
    first = fetch(chip, 0x22, 12)
    chip.set((1.0, 2.0, 3.0), (1.0, 1.0, 1.0))
    chip.advance(4 * MS)
    assert fetch(chip, 0x22, 12) == first != bytes(12)
    chip.advance(5 * MS)
    assert fetch(chip, 0x22, 12) != first


def test_the_lsm6dsox_ready_bits_clear_when_the_reading_is_read() -> None:
    chip = EmulatedLsm6dsox()
    store(chip, 0x10, 0x66, 0x6C)
    chip.advance(3 * MS)
    assert fetch(chip, 0x1E) == b"\x03"
    fetch(chip, 0x20, 2)
    assert fetch(chip, 0x1E) == b"\x03"
    fetch(chip, 0x22, 12)
    assert fetch(chip, 0x1E) == b"\x00"


@pytest.mark.parametrize(("code", "hz"), [(1, 12.5), (4, 104), (6, 416), (10, 6667), (15, 6667)])
def test_the_lsm6dsox_measures_at_the_rate_that_is_set(code: int, hz: float) -> None:
    chip = EmulatedLsm6dsox()
    store(chip, 0x10, code << 4)
    chip.advance(round(1e9 / hz) - 2000)
    assert fetch(chip, 0x1E) == b"\x00"
    chip.advance(round(1e9 / hz) + 2000)
    assert fetch(chip, 0x1E) == b"\x03"


@pytest.mark.parametrize(("fs", "g"), [(0, 2), (1, 16), (2, 4), (3, 8)])
def test_the_lsm6dsox_scales_by_its_accel_range_and_clips(fs: int, g: int) -> None:
    chip = EmulatedLsm6dsox()
    store(chip, 0x10, 0x60 | fs << 2)
    chip.set((9.80665, -9.80665 * 40, 9.80665 * 40), (1.0, 1.0, 1.0))
    chip.advance(3 * MS)
    x, y, z = (
        int.from_bytes(fetch(chip, register, 2), "little", signed=True) for register in (0x28, 0x2A, 0x2C)
    )
    assert x * g / 32768 == pytest.approx(1.0, rel=2e-3)
    assert (y, z) == (-32768, 32767)
    assert fetch(chip, 0x22, 6) == bytes(6)  # the gyro is still off


@pytest.mark.parametrize(("fs", "deg_s"), [(0, 250), (1, 500), (2, 1000), (3, 2000)])
def test_both_gyros_scale_by_their_range(fs: int, deg_s: int) -> None:
    for chip, setup, register, order in (
        (EmulatedLsm6dsox(), ((0x10, 0x60), (0x11, 0x60 | fs << 2)), 0x22, "little"),
        (EmulatedMpu6050(), ((0x6B, 0x00), (0x1B, fs << 3)), 0x43, "big"),
    ):
        for address, value in setup:
            store(chip, address, value)
        chip.set((0.0, 0.0, 9.81), (1.0, 0.0, 0.0))
        chip.advance(3 * MS)
        count = int.from_bytes(fetch(chip, register, 2), order, signed=True)  # type: ignore[arg-type]
        full_scale = (
            1.147 if register == 0x22 else 1.0
        )  # ST keeps headroom: 8.75 mdps where 250/32768 is 7.63
        assert count * deg_s * full_scale / 32768 == pytest.approx(57.2958, rel=2e-3)


@pytest.mark.parametrize(("fs", "g"), [(0, 2), (1, 4), (2, 8), (3, 16)])
def test_the_mpu_scales_by_its_accel_range(fs: int, g: int) -> None:
    chip = EmulatedMpu6050()
    store(chip, 0x6B, 0x00)
    store(chip, 0x1C, fs << 3)
    chip.advance(3 * MS)
    assert int.from_bytes(fetch(chip, 0x3F, 2)) * g / 32768 == pytest.approx(1.0, rel=2e-3)


@pytest.mark.parametrize(
    ("dlpf", "divider", "period_us"), [(0, 7, 1000), (3, 0, 1000), (6, 4, 5000), (7, 0, 125)]
)
def test_the_mpu_measures_at_the_rate_that_is_set(dlpf: int, divider: int, period_us: int) -> None:
    chip = EmulatedMpu6050()
    for register, value in ((0x6B, 0x00), (0x1A, dlpf), (0x19, divider)):
        store(chip, register, value)
    chip.advance(period_us * 1000 - 1)
    assert fetch(chip, 0x3A) == b"\x00"
    chip.advance(period_us * 1000)
    assert fetch(chip, 0x3A) == b"\x01"
    assert fetch(chip, 0x3A) == b"\x00"  # reading clears it


def test_a_relative_of_the_mpu_6500_wakes_up_awake_at_2_g_a_reading_eight_times_too_large() -> None:
    chip = EmulatedMpu6050(0x70)
    chip.advance(3 * MS)
    assert int.from_bytes(fetch(chip, 0x3F, 2)) == 16384


def test_what_is_written_while_the_mpu_resets_is_lost() -> None:
    chip = EmulatedMpu6050()
    store(chip, 0x6B, 0x80)
    chip.advance(chip.RESET_TIME_NS - 1)
    store(chip, 0x6B, 0x00)
    assert fetch(chip, 0x6B) == b"\x40"
    chip.advance(chip.RESET_TIME_NS)
    store(chip, 0x6B, 0x00)
    assert fetch(chip, 0x6B) == b"\x00"


def test_without_if_inc_the_lsm6dsox_repeats_one_register() -> None:
    chip = EmulatedLsm6dsox()
    store(chip, 0x12, 0x00)
    assert fetch(chip, 0x0F, 3) == b"\x6c\x6c\x6c"


def test_the_pointer_wraps_and_stays_where_the_last_message_left_it() -> None:
    chip = EmulatedMpu6050()
    store(chip, 0xFF, 0xAA, 0xBB)
    assert fetch(chip, 0xFF, 2) == b"\xaa\xbb"
    fetch(chip, 0x75)
    chip.write(b"")
    assert chip.read(1) == chip.registers[0x76:0x77]


def test_the_vl53l1x_does_not_answer_while_it_boots_and_takes_no_writes_while_held() -> None:
    chip = EmulatedVl53l1x()
    store(chip, 0x0000, 0x00)
    store(chip, 0x60, 0x12)
    assert fetch(chip, 0x60) == b"\x00"
    store(chip, 0x0000, 0x01)
    chip.advance(chip.BOOT_TIME_NS - 1)
    with pytest.raises(OSError, match="booting"):
        fetch(chip, 0x010F)
    chip.advance(chip.BOOT_TIME_NS)
    assert fetch(chip, 0x010F, 2) == b"\xea\xcc"
    store(chip, 0x0000, 0x01)  # already running: no reset
    store(chip, 0x60, 0x12)
    assert fetch(chip, 0x60) == b"\x12"


def start_vl53l1x(polarity: int = 0x01) -> EmulatedVl53l1x:
    chip = EmulatedVl53l1x()
    store(chip, 0x30, polarity)
    store(chip, 0x6C, *int(0x0272 * 25 * 1.075).to_bytes(4))
    store(chip, 0x87, 0x40)
    return chip


@pytest.mark.parametrize(("polarity", "ready", "idle"), [(0x01, 1, 0), (0x11, 0, 1)])
def test_the_vl53l1x_is_ready_by_its_polarity_and_waits_for_the_clear(
    polarity: int, ready: int, idle: int
) -> None:
    chip = start_vl53l1x(polarity)
    assert fetch(chip, 0x31)[0] & 1 == idle
    chip.advance(26 * MS)
    assert fetch(chip, 0x31)[0] & 1 == ready
    chip.set(0.333)
    chip.advance(80 * MS)  # not cleared: the reading stays
    assert fetch(chip, 0x8B) == b"\x01" and int.from_bytes(fetch(chip, 0x96, 2)) == 700
    store(chip, 0x86, 0x01)
    assert fetch(chip, 0x31)[0] & 1 == idle
    chip.advance(106 * MS)
    assert fetch(chip, 0x8B) == b"\x02" and int.from_bytes(fetch(chip, 0x96, 2)) == 333
    store(chip, 0x86, 0x00)
    assert fetch(chip, 0x31)[0] & 1 == ready


def test_the_tf_luna_measures_by_rate_enable_and_trigger() -> None:
    chip = EmulatedTfLuna()
    chip.advance(9 * MS)
    assert fetch(chip, 0x00, 8) == bytes(8)
    chip.advance(10 * MS)
    assert fetch(chip, 0x00, 8) == b"\x46\x00\xe8\x03\xc4\x09\x0a\x00"
    store(chip, 0x25, 0x00)
    chip.advance(100 * MS)
    assert fetch(chip, 0x06) == b"\x0a"
    store(chip, 0x25, 0x01)
    store(chip, 0x24, 0x01)  # no trigger in continuous mode
    assert fetch(chip, 0x06) == b"\x0a"
    store(chip, 0x23, 0x01)
    chip.advance(200 * MS)
    assert fetch(chip, 0x06) == b"\x0a"
    store(chip, 0x24, 0x01)
    assert fetch(chip, 0x06) == b"\xc8"
    store(chip, 0x21, 0x02)
    assert fetch(chip, 0x23) == b"\x00"


def test_a_weak_tf_luna_reports_its_dummy_distance() -> None:
    chip = EmulatedTfLuna()
    store(chip, 0x2C, 0x39, 0x05)
    chip.set(1.0, amplitude=99)
    chip.advance(10 * MS)
    assert fetch(chip, 0x00, 4) == b"\x39\x05\x63\x00"


def test_a_chip_without_a_meaning_of_its_own_cannot_be_built() -> None:
    with pytest.raises(TypeError):
        Chip()  # type: ignore[abstract]


def test_trouble_strikes_in_its_span_after_its_skips_and_so_often_as_it_says() -> None:
    spell = Trouble(Kind.NACK, from_ns=10, until_ns=20)
    assert [spell.strikes(t_ns) for t_ns in (9, 10, 19, 20)] == [False, True, True, False]
    few = Trouble(Kind.NACK, skip=2, count=3)
    assert [few.strikes(0) for _ in range(7)] == [False, False, True, True, True, False, False]


def test_probable_trouble_is_the_same_for_the_same_seed_and_about_as_frequent_as_it_says() -> None:
    first, again, other = (Trouble(Kind.NACK, probability=0.3, seed=seed) for seed in (1, 1, 2))
    strikes = [first.strikes(0) for _ in range(1000)]
    assert strikes == [again.strikes(0) for _ in range(1000)] != [other.strikes(0) for _ in range(1000)]
    assert 250 < sum(strikes) < 350


def test_a_flip_changes_exactly_one_bit() -> None:
    trouble = Trouble(Kind.BIT_FLIP, seed=5)
    for _ in range(100):
        flipped = int.from_bytes(trouble.flip(bytes(12)))
        assert flipped.bit_count() == 1


def test_trouble_of_the_bus_strikes_every_address_and_a_probability_many_chips(world: Any) -> None:
    world.wire.trouble = [Trouble(Kind.BUS_TIMEOUT)]
    assert [world.bus.read(address, 0, 1) for address in (0x6A, 0x68, 0x29, 0x10, 0x55)] == [
        Fault.BUS_TIMEOUT
    ] * 5
    world.wire.trouble = []
    assert world.bus.read(0x55, 0, 1) is Fault.NO_REPLY


def test_the_byte_and_block_calls_of_smbus2_work_too(world: Any) -> None:
    world.wire.write_byte_data(0x6A, 0x10, 0x66)
    assert world.wire.read_byte_data(0x6A, 0x10) == 0x66
    world.wire.write_i2c_block_data(0x6A, 0x13, [1, 2, 3])
    assert world.wire.read_i2c_block_data(0x6A, 0x13, 3) == [1, 2, 3]
    assert world.wire.fd is None
    world.wire.close()


def connected() -> tuple[socket.socket, RemoteBus]:
    server, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return server, RemoteBus(client, timeout_s=5.0)


def test_a_driver_works_over_the_socket_as_it_does_on_the_bus(world: Any) -> None:
    server, remote = connected()

    def serve() -> None:
        while handle(server, world.wire):
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    driver = Lsm6dsox(Bus(remote, "remote"), sleep=world.wire.sleep)
    driver.open()
    sample = driver.read(world.tick())
    assert isinstance(sample, ImuSample)
    world.lsm.trouble = [Trouble(Kind.NOISE)]
    assert driver.read(world.tick()) is Fault.BUS_NOISE
    world.lsm.trouble = []
    assert isinstance(driver.read(world.tick()), ImuSample)
    remote.close()
    thread.join()
    server.close()
    assert driver.read(world.tick()) is Fault.BUS_GONE


def test_a_server_without_a_request_goes_on_and_without_a_client_ends(world: Any) -> None:
    server, remote = connected()
    server.setblocking(False)
    assert handle(server, world.wire) is True
    remote.close()
    assert handle(server, world.wire) is False
    server.close()
    assert handle(server, world.wire) is False


@pytest.mark.parametrize(
    "request_bytes", [b"\x01", b"\x07\x00\x00\x00\x6a", b"\x07\x00\x00\x00\x6a\x00\x00\x00\x09"]
)
def test_a_broken_request_is_answered_with_einval(world: Any, request_bytes: bytes) -> None:
    server, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.send(request_bytes)
    assert handle(server, world.wire) is True
    answer = client.recv(100)
    assert answer[4:] == b"\x16\x00\x00\x00"
    assert answer[:4] == (request_bytes[:4] if len(request_bytes) >= 4 else bytes(4))
    server.close()
    client.close()


def test_no_answer_in_time_is_a_bus_timeout_and_the_late_answer_is_passed_over(world: Any) -> None:
    server, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bus = Bus(RemoteBus(client, timeout_s=0.001))
    assert bus.read(0x6A, 0x0F, 1) is Fault.BUS_TIMEOUT
    handle(server, world.wire)  # too late: the answer to the first request
    client.settimeout(5.0)
    thread = threading.Thread(target=handle, args=(server, world.wire))
    thread.start()
    assert bus.read(0x68, 0x75, 1) == b"\x68"
    thread.join()
    server.close()
    assert bus.read(0x6A, 0x0F, 1) is Fault.BUS_GONE
    bus.close()


def test_a_bus_that_times_out_over_there_takes_its_time_here(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    server, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bus = Bus(RemoteBus(client, timeout_s=5.0))
    for kind, fault, slept in ((Kind.BUS_TIMEOUT, Fault.BUS_TIMEOUT, [5.0]), (Kind.NACK, Fault.NO_REPLY, [])):
        world.lsm.trouble = [Trouble(kind)]
        naps.clear()
        thread = threading.Thread(target=handle, args=(server, world.wire))
        thread.start()
        assert bus.read(0x6A, 0x0F, 1) is fault
        thread.join()
        assert naps == slept
    server.close()
    bus.close()


@pytest.mark.parametrize(("answer", "fault"), [(bytes(8) + b"xy", Fault.BUS_NOISE), (b"abc", Fault.BUS_GONE)])
def test_an_answer_of_the_wrong_length_is_a_fault(answer: bytes, fault: Fault) -> None:
    server, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.send(b"\x01" + answer[1:])
    assert Bus(RemoteBus(client, timeout_s=5.0)).read(0x6A, 0x0F, 1) is fault
    server.close()
    client.close()


def test_connecting_finds_the_server_by_its_path_or_says_that_nobody_is_there(tmp_path: Any) -> None:
    path = str(tmp_path / "bus")
    with pytest.raises(FileNotFoundError):
        RemoteBus.connect(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        RemoteBus.connect(path).close()


def test_a_chip_attached_later_starts_at_the_time_of_the_bus() -> None:
    bus = EmulatedBus()
    bus.advance(1000 * MS)
    chip = EmulatedTfLuna()
    bus.attach(0x10, chip)
    assert chip.t_ns == 1000 * MS
