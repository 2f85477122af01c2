"""A sample that is not finite cannot be built, and every fault has a hint."""

from math import inf, nan

import pytest

from sensors.hints import HINTS
from sensors.samples import Fault, ImuSample, RangeSample


@pytest.mark.parametrize("bad", [nan, inf, -inf])
@pytest.mark.parametrize("axis", range(6))
def test_an_imu_sample_with_any_component_not_finite_is_refused(axis: int, bad: float) -> None:
    values = [0.0] * 6
    values[axis] = bad
    with pytest.raises(ValueError, match="not finite"):
        ImuSample(0, (values[0], values[1], values[2]), (values[3], values[4], values[5]))


def test_two_infinities_do_not_cancel_out() -> None:
    with pytest.raises(ValueError, match="not finite"):
        ImuSample(0, (inf, -inf, 0.0), (0.0, 0.0, 0.0))


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_a_range_sample_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        RangeSample(0, bad, 0)


def test_finite_samples_are_kept_as_given_and_cannot_be_changed() -> None:
    imu = ImuSample(1, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    distance = RangeSample(2, 0.7, 3)
    assert (imu.t_ns, imu.accel_m_s2, imu.gyro_rad_s) == (1, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert (distance.t_ns, distance.distance_m, distance.count) == (2, 0.7, 3)
    with pytest.raises(AttributeError):
        imu.t_ns = 2  # type: ignore[misc]


def test_every_fault_has_a_hint_that_says_what_and_what_to_do() -> None:
    assert set(HINTS) == set(Fault)
    for hint in HINTS.values():
        assert hint.what and hint.why.startswith("Usually ") and hint.do
        assert not any(part.endswith(".") for part in hint)
