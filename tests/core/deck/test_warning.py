"""When a warning begins and ends; each limit one step each side."""

from dataclasses import replace

import pytest

from firmware_py.core.deck.params import DriftParams
from firmware_py.core.deck.warning import AT_LEAST_S, HOLD_S, EarlyWarning
from firmware_py.core.frame import Cause

P = DriftParams(warn_m=0.125, warn_s=1.0, soft_stop=True)
REAR, FRONT = Cause.DRIFT_REAR, Cause.DRIFT_FRONT


def warns(
    to_rear_m: float,
    to_front_m: float,
    v: float,
    params: DriftParams = P,
    slipping: bool = False,
    over: bool = False,
) -> Cause | None:
    early = EarlyWarning(params)
    early.update(to_rear_m, to_front_m, v, slipping, over, HOLD_S)
    return early.cause


@pytest.mark.parametrize(
    ("to_rear_m", "to_front_m", "v", "cause"),
    [
        (0.125, 1.0, 0.0, None),
        (0.1249, 1.0, 0.0, REAR),
        (1.0, 0.125, 0.0, None),
        (1.0, 0.1249, 0.0, FRONT),
        (0.5, 1.0, 0.5, None),
        (0.4999, 1.0, 0.5, REAR),
        (1.0, 0.4, 0.5, None),
        (1.0, 0.1249, 0.5, FRONT),
        (1.0, 0.5, -0.5, None),
        (1.0, 0.4999, -0.5, FRONT),
        (0.4, 1.0, -0.5, None),
        (0.1249, 1.0, -0.5, REAR),
        (0.13, 1.0, 0.1, None),
        (0.12, 1.0, 0.1, REAR),
        (0.12, 0.12, 0.0, REAR),
    ],
)
def test_a_warning_begins_within_its_way_and_not_at_it(
    to_rear_m: float, to_front_m: float, v: float, cause: Cause | None
) -> None:
    assert warns(to_rear_m, to_front_m, v) is cause


@pytest.mark.parametrize("v", [0.08, -0.08])
def test_even_a_slow_drift_brings_only_the_warning_ahead_of_it_forward(v: float) -> None:
    params = replace(P, warn_s=2.0)
    assert warns(0.15, 1.0, v, params) is (REAR if v > 0.0 else None)
    assert warns(1.0, 0.15, v, params) is (FRONT if v < 0.0 else None)


def test_a_walker_who_slips_is_warned_wherever_they_are_and_before_a_belt_that_is_too_fast() -> None:
    assert warns(1.0, 1.0, 0.0, slipping=True, over=True) is REAR
    assert warns(1.0, 0.1, 0.0, over=True) is FRONT
    assert warns(1.0, 1.0, 0.0, over=True) is Cause.OVERSPEED
    assert warns(1.0, 1.0, 0.0) is None


@pytest.mark.parametrize(("for_s", "cause"), [(HOLD_S - 0.001, None), (HOLD_S, REAR)])
def test_one_estimates_scatter_warns_nobody(for_s: float, cause: Cause | None) -> None:
    early = EarlyWarning(P)
    early.update(0.1, 1.0, 0.0, False, False, for_s)
    assert early.cause is cause


@pytest.mark.parametrize(("after_s", "lasts"), [(AT_LEAST_S - 0.001, True), (AT_LEAST_S, False)])
@pytest.mark.parametrize("soft_stop", [True, False])
def test_a_warning_and_its_soft_stop_end_after_half_a_second(
    after_s: float, lasts: bool, soft_stop: bool
) -> None:
    early = EarlyWarning(replace(P, soft_stop=soft_stop))
    early.update(0.1, 1.0, 0.0, False, False, 1.0)
    early.update(1.0, 1.0, 0.0, False, False, after_s)
    assert (early.cause is not None, early.soft_stop) == (lasts, lasts and soft_stop)


def test_a_lost_walker_is_not_warned() -> None:
    early = EarlyWarning(P)
    early.update(0.1, 1.0, 0.0, False, False, 1.0)
    early.silence()
    assert (early.cause, early.soft_stop) == (None, False)
