"""Rest point, limits, zone and safe speed against integration and root finding."""

from dataclasses import replace

import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from firmware_py.core.deck.params import DriftParams
from firmware_py.core.deck.stopping import (
    CARRIED,
    LATE_M,
    SEE_FRONT_M,
    SEE_M,
    SEE_S,
    SLACK_M,
    SPREAD_M,
    SURGE_S2,
    USUAL_SURGE_M,
    limits_m,
    mark_m,
    rest_position_m,
    safe_speed_m_s,
    zone_m,
)


@pytest.mark.parametrize("speed", [0.2, 0.5, 0.9, 1.34])
@pytest.mark.parametrize("deceleration", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("latency", [0.05, 0.4])
def test_rest_is_where_integration_brings_a_carried_walker(
    speed: float, deceleration: float, latency: float
) -> None:
    """The walker's share of the belt's speed stays the same while the belt comes to rest."""
    share = 0.4

    def belt(t: float) -> float:
        return max(0.0, speed - deceleration * max(0.0, t - latency))

    end = latency + speed / deceleration
    path = solve_ivp(lambda t, _: [share * belt(t)], (0.0, end), [0.3], max_step=0.002, rtol=1e-8)
    assert rest_position_m(0.3, share * speed, speed, latency, deceleration) == pytest.approx(
        float(path.y[0, -1]), abs=1e-4
    )


def test_long_steps_stay_long_until_the_belt_stands_or_shorten_with_it() -> None:
    assert rest_position_m(0.5, -0.1, 0.5, 0.2, 1.0) == pytest.approx(0.5 - 0.1 * (0.2 + 0.5))
    assert rest_position_m(0.5, -0.1, 0.5, 0.2, 1.0, CARRIED) == pytest.approx(0.5 - 0.1 * (0.2 + 0.25))
    assert rest_position_m(0.5, 0.1, 0.5, 0.2, 1.0, CARRIED) == rest_position_m(0.5, 0.1, 0.5, 0.2, 1.0)


@pytest.mark.parametrize("deceleration", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("latency", [0.05, 0.15, 0.4])
@pytest.mark.parametrize("length_m", [1.27, 1.4, 1.6])
def test_the_safe_speed_leaves_exactly_the_room_that_walking_needs(
    deceleration: float, latency: float, length_m: float
) -> None:
    lines = (0.7 * length_m, 0.15)

    def room_m(speed: float) -> float:
        front_m, rear_m = zone_m(*lines, speed, latency, deceleration)
        return rear_m - front_m - 2.0 * SPREAD_M

    safe = safe_speed_m_s(*lines, latency, deceleration)
    if room_m(0.0) <= 0.0:
        assert safe == 0.0
    else:
        assert safe == pytest.approx(brentq(room_m, 0.0, 5.0), abs=1e-9)


def test_there_is_no_safe_speed_on_a_deck_without_room() -> None:
    assert safe_speed_m_s(0.60, 0.15, 0.15, 1.0) == 0.0


def test_the_mark_is_the_middle_of_a_measured_belts_zone_at_its_fastest_safe_speed() -> None:
    for rear_line_m in (1.12, 0.83):  # on the second a belt of 0.05 m/s is safe, and no faster one
        params = DriftParams(deck_length_m=1.6, rear_line_m=rear_line_m, commissioned=True)
        safe = safe_speed_m_s(rear_line_m, 0.15, 0.15, 1.0)
        for ceiling in (0.5 * safe, safe, 2.0 * safe):
            front_m, rear_m = zone_m(rear_line_m, 0.15, min(ceiling, safe), 0.15, 1.0)
            assert mark_m(replace(params, belt_ceiling_m_s=ceiling)) == pytest.approx(
                0.5 * (front_m + rear_m)
            )


@pytest.mark.parametrize(
    ("params", "limits"),
    [
        pytest.param(DriftParams(), (0.24, 0.95), id="nobody measured it"),
        pytest.param(DriftParams(rear_line_m=0.6, commissioned=True), (0.28, 0.57), id="no safe speed"),
        pytest.param(DriftParams(rear_line_m=1.2), (0.24, 0.95), id="a rear line beyond 70 %"),
        pytest.param(
            DriftParams(deck_length_m=1.0, rear_line_m=0.75, commissioned=True),
            (0.28, 0.67),
            id="a rear line beyond 70 %, and no safe speed",
        ),
    ],
)
def test_the_mark_is_otherwise_the_middle_of_the_limits(
    params: DriftParams, limits: tuple[float, float]
) -> None:
    assert limits_m(params) == pytest.approx(limits)
    assert mark_m(params) == pytest.approx(0.5 * sum(limits))


def test_the_zone_shrinks_from_the_rear_as_the_belt_gets_faster() -> None:
    slow, fast = zone_m(0.98, 0.15, 0.2, 0.15, 1.0), zone_m(0.98, 0.15, 0.6, 0.15, 1.0)
    assert slow[0] == fast[0]
    assert slow[1] > fast[1]
    assert fast[1] == pytest.approx(0.98 - SLACK_M - SEE_M - 0.6 * (SEE_S + 0.15) - 0.18)


@pytest.mark.parametrize("commissioned", [False, True])
def test_feet_follow_a_measured_belt_the_further_the_harder_it_brakes(commissioned: bool) -> None:
    params = DriftParams(commissioned=commissioned)
    soft, hard = (limits_m(replace(params, coast_down_m_s2=a))[0] for a in (0.5, 2.0))
    assert soft == pytest.approx(
        0.15 + SLACK_M + (0.5 * SURGE_S2 + LATE_M if commissioned else USUAL_SURGE_M)
    )
    assert hard - soft == pytest.approx(1.5 * SURGE_S2 if commissioned else 0.0)
    assert zone_m(0.98, 0.15, 0.2, 0.15, 2.0)[0] == pytest.approx(
        0.15 + SLACK_M + 2.0 * SURGE_S2 + LATE_M + SEE_FRONT_M
    )


@pytest.mark.parametrize(("rear_line_m", "limit_m"), [(0.97, 0.94), (0.98, 0.95), (0.99, 0.95), (1.39, 0.95)])
def test_the_rear_line_is_never_beyond_70_percent_of_the_deck(rear_line_m: float, limit_m: float) -> None:
    """ISO 20957-6:2021 6.5.3, less 3 cm for the error of one estimate."""
    assert limits_m(DriftParams(rear_line_m=rear_line_m))[1] == pytest.approx(limit_m)


def test_the_default_deck_with_figures_worked_out_by_hand() -> None:
    """Front 15 + 3 + 7 + 3 + 2 = 30 cm, rear 98 - 3 - 2 = 93 cm, less twice 23 cm: 17 cm for 0.37 v + v^2 / 2."""
    assert zone_m(0.98, 0.15, 0.0, 0.15, 1.0) == pytest.approx((0.30, 0.93))
    assert safe_speed_m_s(0.98, 0.15, 0.15, 1.0) == pytest.approx((0.37**2 + 2.0 * 0.17) ** 0.5 - 0.37)
