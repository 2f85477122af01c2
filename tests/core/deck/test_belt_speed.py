"""A belt sensor is trusted until it reads "stands still" for two seconds under somebody who walks."""

import pytest

from firmware_py.core.deck.belt_speed import BeltSpeed
from firmware_py.core.frame import Cause


@pytest.mark.parametrize(
    ("measured_m_s", "trusted_m_s"), [(-0.01, None), (0.0, 0.0), (10.0, 10.0), (10.1, None)]
)
def test_a_speed_that_no_belt_has_is_unknown(measured_m_s: float, trusted_m_s: float | None) -> None:
    assert BeltSpeed().update(measured_m_s, False, 0.005) == trusted_m_s


def test_no_measurement_is_unknown() -> None:
    assert BeltSpeed().update(None, True, 0.005) is None


@pytest.mark.parametrize(("ticks", "trusted"), [(15, True), (16, True), (17, False)])
def test_a_sensor_that_reads_zero_under_a_walker_for_more_than_two_seconds_is_not_trusted(
    ticks: int, trusted: bool
) -> None:
    speed = BeltSpeed()
    for _ in range(ticks):
        last = speed.update(0.0, True, 0.125)
    assert last == (0.0 if trusted else None)
    assert speed.warning is (None if trusted else Cause.BELT_SENSOR)


def test_the_two_seconds_begin_anew_when_nobody_walks() -> None:
    speed = BeltSpeed()
    for _ in range(4):
        speed.update(0.0, True, 0.5)
    assert speed.update(0.0, False, 0.5) == 0.0
    assert [speed.update(0.0, True, 0.5) for _ in range(5)] == [0.0] * 4 + [None]


@pytest.mark.parametrize(("measured_m_s", "trusted"), [(0.099, False), (0.1, True)])
def test_only_a_belt_that_is_seen_to_move_is_trusted_again(measured_m_s: float, trusted: bool) -> None:
    speed = BeltSpeed()
    for _ in range(5):
        speed.update(0.0, True, 0.5)
    assert speed.update(measured_m_s, False, 0.5) == (measured_m_s if trusted else None)
    assert speed.warning is (None if trusted else Cause.BELT_SENSOR)
    assert speed.update(None, False, 0.5) is None
    assert speed.warning is (None if trusted else Cause.BELT_SENSOR)


def test_a_slow_belt_is_no_silent_sensor() -> None:
    speed = BeltSpeed()
    assert [speed.update(0.1, True, 1.0) for _ in range(9)] == [0.1] * 9
