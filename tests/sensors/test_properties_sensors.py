"""Whatever goes wrong on the wire: no exception, no stale value, no number that is not finite."""

import math
import socket
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.advice import HardwareError
from sensors.emulated import EmulatedBus, EmulatedLsm6dsox, EmulatedMpu6050, Kind, Trouble, handle
from sensors.lsm6dsox import Lsm6dsox
from sensors.mpu6050 import Mpu6050
from sensors.samples import Fault, ImuSample, RangeSample
from sensors.tf_luna import TfLuna
from sensors.vl53l1x import Vl53l1x
from tests.support.emulated_world import TICK_NS, World

TICKS = 60
# A flipped bit or a saturated converter makes a false value that only the core can doubt.
HONEST = [kind for kind in Kind if kind not in (Kind.BIT_FLIP, Kind.SATURATE)]


def troubles(kinds: Sequence[Kind]) -> st.SearchStrategy[list[Trouble]]:
    def build(kind: Kind, tick: int, length: int, count: int | None, odds: float, seed: int) -> Trouble:
        if kind is Kind.RESET:
            count = 1
        return Trouble(kind, tick * TICK_NS, (tick + length) * TICK_NS, count, 0, odds, seed)

    one = st.builds(
        build,
        st.sampled_from(kinds),
        st.integers(0, TICKS),
        st.integers(1, TICKS),
        st.one_of(st.none(), st.integers(1, 5)),
        st.sampled_from([0.05, 0.5, 1.0]),
        st.integers(0, 1000),
    )
    return st.lists(one, max_size=4)


def shifted(scripted: list[Trouble], by_ns: int) -> list[Trouble]:
    for trouble in scripted:
        trouble.from_ns += by_ns
        trouble.until_ns += by_ns
    return scripted


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.booleans(), troubles(HONEST), st.sets(st.integers(0, TICKS)))
def test_an_imu_sample_is_the_truth_of_this_tick_or_of_one_that_the_bus_has_lost(
    is_lsm: bool, scripted: list[Trouble], reopened: set[int]
) -> None:
    world = World()
    chip: Any = world.lsm if is_lsm else world.mpu
    driver: Lsm6dsox | Mpu6050 = (Lsm6dsox if is_lsm else Mpu6050)(world.bus, sleep=world.wire.sleep)
    driver.open()
    chip.trouble = shifted(scripted, world.wire.t_ns)
    unseen: list[Any] = []
    for tick in range(TICKS):
        if tick in reopened:
            try:
                driver.open()
            except HardwareError:
                assert chip.trouble
        t_ns = world.tick()
        answer = driver.read(t_ns)
        lost = driver.recheck()
        assert lost is None or isinstance(lost, Fault)
        unseen.append(chip._accel_m_s2)
        if isinstance(answer, ImuSample):
            assert answer.t_ns == t_ns
            assert any(answer.accel_m_s2 == pytest.approx(truth, abs=0.003) for truth in unseen)
            assert answer.gyro_rad_s == pytest.approx(chip._gyro_rad_s, abs=0.0007)
        else:
            assert isinstance(answer, Fault)
        if isinstance(answer, ImuSample) or answer in (Fault.NOT_READY, Fault.FROZEN):
            unseen.clear()  # the driver has seen all that the chip has measured so far


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.booleans(), troubles(HONEST))
def test_a_distance_is_always_a_truth_of_the_last_moments_and_told_once(
    is_vl: bool, scripted: list[Trouble]
) -> None:
    world = World()
    chip: Any = world.vl if is_vl else world.luna
    driver: Vl53l1x | TfLuna = (Vl53l1x if is_vl else TfLuna)(world.bus, sleep=world.wire.sleep)
    driver.open()
    chip.trouble = shifted(scripted, world.wire.t_ns)
    told: list[float] = []
    for tick in range(TICKS):
        truth_m = 0.30 + 0.01 * tick
        chip.set(truth_m)
        answer = driver.poll(world.tick())
        if isinstance(answer, RangeSample):
            told.append(answer.distance_m)
            held_ticks = 60 if scripted else 6  # a reading may wait in the chip while the bus is down
            assert truth_m - 0.01 * held_ticks - 0.001 <= answer.distance_m <= truth_m + 0.001
        else:
            assert answer is None or isinstance(answer, Fault)
    assert len(set(told)) == len(told)
    assert all(earlier < later for earlier, later in pairwise(told))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(troubles(list(Kind)))
def test_under_any_trouble_every_answer_is_finite_a_fault_or_none(scripted: list[Trouble]) -> None:
    world = World()
    drivers: list[Any] = [
        make(world.bus, sleep=world.wire.sleep) for make in (Lsm6dsox, Mpu6050, Vl53l1x, TfLuna)
    ]
    for driver in drivers:
        driver.open()
    world.wire.trouble = shifted(scripted, world.wire.t_ns)
    for chip in world.wire._chips.values():
        chip.trouble = scripted
    for _ in range(TICKS):
        t_ns = world.tick()
        for driver in drivers:
            answer = driver.read(t_ns) if hasattr(driver, "read") else driver.poll(t_ns)
            if isinstance(answer, ImuSample):
                assert all(map(math.isfinite, answer.accel_m_s2 + answer.gyro_rad_s))
            elif isinstance(answer, RangeSample):
                assert 0 < answer.distance_m <= 8
            else:
                assert answer is None or isinstance(answer, Fault)


def test_a_relative_of_the_mpu_6500_that_resets_shows_it_in_its_registers_within_two_looks() -> None:
    world = World()
    chip = EmulatedMpu6050(0x70)
    world.wire.attach(0x68, chip)
    driver = Mpu6050(world.bus, sleep=world.wire.sleep)
    driver.open()
    chip.trouble = [Trouble(Kind.RESET, count=1)]
    world.tick()
    chip.set((0.0, 0.0, 9.80665), (0.0, 0.0, 0.1))
    world.wire.advance(world.wire.t_ns + TICK_NS)
    answer = driver.read(world.wire.t_ns)
    assert isinstance(answer, ImuSample)
    assert answer.accel_m_s2[2] == pytest.approx(8 * 9.80665, rel=1e-3)  # awake, and wrong by its range
    assert Fault.REGISTER_CHANGED in (driver.recheck(), driver.recheck())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(min_size=1, max_size=40))
def test_any_request_on_the_socket_gets_one_answer_and_never_an_exception(request_bytes: bytes) -> None:
    bus = EmulatedBus()
    bus.attach(0x6A, EmulatedLsm6dsox())
    server, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with server, client:
        client.send(request_bytes)
        handle(server, bus)
        server.close()
        client.recv(1 << 20)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=20), st.integers(0, 64))
def test_any_bytes_on_the_wire_leave_every_chip_answering(data: bytes, n: int) -> None:
    world = World()
    for chip in world.wire._chips.values():
        try:
            chip.write(data)
            assert len(chip.read(n)) == n
        except OSError as error:
            assert error.errno == 121  # the VL53L1X was told to reset, and boots
        chip.advance(50 * TICK_NS)
        chip.write(bytes(chip.register_bytes))
        assert len(chip.read(8)) == 8
