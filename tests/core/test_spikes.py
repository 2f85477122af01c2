"""A sample that jumps further than a body can is rejected once; what is beyond a chip's range always."""

import pytest

from firmware_py.core.spikes import SpikeGate, SpikeParams
from sensors.samples import Fault, ImuSample

TICK_NS = 5_000_000
REST = (0.0, 0.0, 9.81)


def imu_at(tick: int) -> ImuSample:
    return ImuSample(tick * TICK_NS, REST, (0.0, 0.0, 0.0))


def gate_after_rest() -> SpikeGate:
    gate = SpikeGate(SpikeParams())
    assert gate.check(imu_at(0)) == imu_at(0)
    return gate


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("jump", "rejected"), [(59.9, False), (60.1, True)])
def test_a_jump_in_acceleration_is_rejected_once_and_accepted_when_it_stays(
    axis: int, sign: float, jump: float, rejected: bool
) -> None:
    gate = gate_after_rest()
    accel = [0.0, 0.0, 9.81]
    accel[axis] += sign * jump
    first = ImuSample(TICK_NS, (accel[0], accel[1], accel[2]), (0.0, 0.0, 0.0))
    second = ImuSample(2 * TICK_NS, (accel[0], accel[1], accel[2]), (0.0, 0.0, 0.0))
    assert (gate.check(first) is Fault.BAD_VALUE) == rejected
    assert gate.check(second) == second


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("jump", "rejected"), [(8.99, False), (9.01, True)])
def test_a_jump_in_turn_rate_is_rejected_once(axis: int, sign: float, jump: float, rejected: bool) -> None:
    gate = gate_after_rest()
    gyro = [0.0, 0.0, 0.0]
    gyro[axis] = sign * jump
    assert (gate.check(ImuSample(TICK_NS, REST, (gyro[0], gyro[1], gyro[2]))) is Fault.BAD_VALUE) == rejected


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("sensor", ["accel", "gyro"])
def test_a_jump_of_just_the_limit_is_no_spike(axis: int, sign: float, sensor: str) -> None:
    """After one tick of 5 ms: 40 + 20 m/s2, 6 + 3 rad/s. Both are exact."""
    gate = SpikeGate(SpikeParams())
    still = (0.0, 0.0, 0.0)
    gate.check(ImuSample(0, still, still))
    at_the_limit = (60.0 if sensor == "accel" else 9.0) * sign
    x, y, z = (at_the_limit if axis == n else 0.0 for n in range(3))
    accel, gyro = ((x, y, z), still) if sensor == "accel" else (still, (x, y, z))
    assert isinstance(gate.check(ImuSample(TICK_NS, accel, gyro)), ImuSample)


def test_the_way_back_from_a_spike_is_accepted() -> None:
    gate = gate_after_rest()
    assert gate.check(ImuSample(TICK_NS, (0.0, 0.0, -150.0), (0.0, 0.0, 0.0))) is Fault.BAD_VALUE
    assert isinstance(gate.check(imu_at(2)), ImuSample)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_values_beyond_the_range_of_the_chip_are_never_accepted(axis: int, sign: float) -> None:
    for ticks, (accel_top, gyro_top), good in (
        (5, (170.0, 40.0), True),
        (5, (170.1, 40.0), False),
        (5, (170.0, 40.1), False),
    ):
        gate = gate_after_rest()
        accel, gyro = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        accel[axis], gyro[axis] = sign * accel_top, sign * gyro_top
        last: object = None
        for tick in range(1, ticks):
            last = gate.check(
                ImuSample(tick * TICK_NS, (accel[0], accel[1], accel[2]), (gyro[0], gyro[1], gyro[2]))
            )
        assert isinstance(last, ImuSample) == good


def test_slower_sampling_allows_larger_steps() -> None:
    gate = gate_after_rest()
    assert isinstance(gate.check(ImuSample(10_000_000, (79.0, 0.0, 9.81), (0.0, 0.0, 0.0))), ImuSample)


def test_the_gate_accepts_its_first_sample_whatever_it_reads() -> None:
    gate = SpikeGate(SpikeParams())
    first = ImuSample(TICK_NS, (100.0, 0.0, 0.0), (0.0, 20.0, 0.0))
    assert gate.check(first) == first


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("kind", ["accel", "gyro"])
def test_a_jump_is_rejected_beyond_its_limit_and_not_at_it(kind: str, axis: int) -> None:
    limits = SpikeParams(jump_m_s2=64.0, jump_m_s3=0.0, jump_rad_s=8.0, jump_rad_s2=0.0)
    size = 64.0 if kind == "accel" else 8.0
    for jump, rejected in ((size, False), (size + 1e-9, True)):
        gate, values = SpikeGate(limits), [0.0] * 6
        gate.check(ImuSample(0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
        values[axis + (3 if kind == "gyro" else 0)] = jump
        ax, ay, az, gx, gy, gz = values
        sample = ImuSample(TICK_NS, (ax, ay, az), (gx, gy, gz))
        assert (gate.check(sample) is Fault.BAD_VALUE) == rejected


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_steady_quick_turn_is_no_jump_long_after_power_on(sign: float) -> None:
    gate = SpikeGate(SpikeParams())
    turn = (sign * 6.0, sign * 6.0, sign * 6.0)
    for tick in range(1000, 1004):
        sample = ImuSample(tick * TICK_NS, (sign * 40.0, sign * 40.0, sign * 40.0), turn)
        assert gate.check(sample) == sample
    leap = ImuSample(1004 * TICK_NS, (sign * 40.0, sign * 40.0, sign * -20.1), turn)
    assert gate.check(leap) is Fault.BAD_VALUE, "a tick allows a tick's jump, however late in the day"
