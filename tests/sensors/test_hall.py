"""Belt speed from edge times: never guessed low, zero only after silence, implausible pulses are a fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.hall import HallSpeed
from sensors.samples import Fault

MS = 1_000_000


def test_a_sensor_that_never_spoke_is_not_ready_however_long_the_silence() -> None:
    hall = HallSpeed(0.15)
    assert hall.speed(0) is hall.speed(10**15) is Fault.NOT_READY


def test_one_pulse_is_not_a_speed_two_are() -> None:
    hall = HallSpeed(0.15)
    hall.pulse(0)
    assert hall.speed(1 * MS) is Fault.NOT_READY
    hall.pulse(150 * MS)
    assert hall.speed(150 * MS) == pytest.approx(1.0)


def test_with_several_magnets_a_whole_turn_is_needed_and_uneven_spacing_does_not_show() -> None:
    hall = HallSpeed(0.05, pulses_per_turn=3)
    speeds = []
    for turn in range(4):
        for offset_ms in (0, 40, 110):  # uneven: 40, 70, 40 ms; a turn of 150 ms
            hall.pulse((turn * 150 + offset_ms) * MS)
            speeds.append(hall.speed((turn * 150 + offset_ms) * MS))
    assert speeds[:3] == [Fault.NOT_READY] * 3
    assert speeds[3:] == pytest.approx([1.0] * 9)
    assert hall.speed((3 * 150 + 110 + 39) * MS) == pytest.approx(1.0)
    assert hall.speed((3 * 150 + 110 + 41) * MS) == pytest.approx(0.15 / 0.151)


@pytest.mark.parametrize("magnets_at_m", [(0.0,), (0.0, 0.05), (0.0, 0.04, 0.11), (0.0, 0.01, 0.02, 0.12)])
def test_at_a_steady_speed_it_is_never_below_the_truth_however_the_magnets_sit(
    magnets_at_m: tuple[float, ...],
) -> None:
    hall = HallSpeed(0.15 / len(magnets_at_m), len(magnets_at_m), max_speed_m_s=10.0)
    pulses_ns = [round((turn * 0.15 + at_m) / 0.6 * 1e9) for turn in range(5) for at_m in magnets_at_m]
    for t_ns in range(0, pulses_ns[-1], 1 * MS):
        while pulses_ns and pulses_ns[0] <= t_ns:
            hall.pulse(pulses_ns.pop(0))
        speed = hall.speed(t_ns)
        if t_ns > 0.25 * 1e9:
            assert speed == pytest.approx(0.6)


def test_in_silence_the_speed_can_only_have_fallen() -> None:
    hall = HallSpeed(0.15)
    for i in range(3):
        hall.pulse(i * 150 * MS)
    assert hall.speed(449 * MS) == pytest.approx(1.0)
    assert hall.speed(450 * MS) == pytest.approx(1.0)
    assert hall.speed(600 * MS) == pytest.approx(0.5)
    assert hall.speed(1799 * MS) == pytest.approx(0.15 / 1.499)


@pytest.mark.parametrize(
    ("silent_ns", "zero"), [(1500 * MS - 1, False), (1500 * MS, True), (1500 * MS + 1, True)]
)
def test_silence_that_allows_less_than_the_slowest_speed_is_standstill(silent_ns: int, zero: bool) -> None:
    hall = HallSpeed(0.15)
    hall.pulse(0)
    hall.pulse(150 * MS)
    assert (hall.speed(150 * MS + silent_ns) == 0.0) is zero


def test_the_silence_before_a_start_says_nothing_about_the_speed_after_it() -> None:
    hall = HallSpeed(0.15)
    hall.pulse(0)
    hall.pulse(150 * MS)
    hall.pulse(10_000 * MS)
    assert hall.speed(10_000 * MS) is Fault.NOT_READY
    hall.pulse(10_150 * MS)
    assert hall.speed(10_150 * MS) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("gap_ns", "kept"), [(1500 * MS - 1, True), (1500 * MS, False), (1500 * MS + 1, False)]
)
def test_a_silence_as_long_as_standstill_ends_what_was_known(gap_ns: int, kept: bool) -> None:
    hall = HallSpeed(0.15)
    hall.pulse(0)
    hall.pulse(gap_ns)
    assert (hall.speed(gap_ns) is Fault.NOT_READY) is not kept


@pytest.mark.parametrize(("gap_ms", "fault"), [(49, True), (50, False), (51, False)])
def test_pulses_closer_than_the_fastest_belt_are_implausible(gap_ms: int, fault: bool) -> None:
    hall = HallSpeed(0.15)
    hall.pulse(0)
    hall.pulse(gap_ms * MS)
    assert (hall.speed(gap_ms * MS) is Fault.BAD_VALUE) is fault


def test_a_doubled_edge_is_a_fault_until_a_turn_has_passed_and_never_raises() -> None:
    hall = HallSpeed(0.075, pulses_per_turn=2)
    times_ms = [0, 75, 150, 151, 225, 300, 375, 450]
    speeds = []
    for t_ms in times_ms:
        hall.pulse(t_ms * MS)
        speeds.append(hall.speed(t_ms * MS))
    assert speeds[3:5] == [Fault.BAD_VALUE] * 2
    assert speeds[-2:] == pytest.approx([1.0, 1.0])
    hall.pulse(451 * MS)
    assert hall.speed(451 * MS) is Fault.BAD_VALUE
    assert hall.speed(10_000 * MS) == 0.0
    hall.pulse(10_000 * MS)
    assert hall.speed(10_000 * MS) is Fault.NOT_READY


def test_time_that_runs_backward_is_implausible() -> None:
    hall = HallSpeed(0.15)
    hall.pulse(150 * MS)
    hall.pulse(0)
    assert hall.speed(0) is Fault.BAD_VALUE


@given(st.lists(st.integers(-(10**9), 10**10), max_size=12), st.integers(-(10**9), 10**11), st.integers(1, 3))
def test_any_pulses_give_a_plausible_speed_or_a_fault(pulses: list[int], t_ns: int, magnets: int) -> None:
    hall = HallSpeed(0.15, magnets)
    for pulse_ns in pulses:
        hall.pulse(pulse_ns)
    speed = hall.speed(t_ns)
    assert isinstance(speed, Fault) or 0 <= speed <= 3.0000001
