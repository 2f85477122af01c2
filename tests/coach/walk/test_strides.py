"""How alike the strides are: 1 for even ones, low for noise, nothing for stillness or too short a walk."""

from math import pi, sin
from random import Random

import pytest

from firmware_py.coach.walk.strides import WINDOW_S, Strides, Window

CADENCE_HZ = 1.6
RATE_HZ = 200


def walk(seconds: float, noise: float = 0.0, limp: float = 0.0, rate_hz: int = RATE_HZ) -> list[Window]:
    random, strides, found = Random(1), Strides(), []
    for k in range(round(seconds * rate_hz)):
        t_s = k / rate_hz
        up = 2.0 * sin(2 * pi * CADENCE_HZ * t_s) + limp * sin(pi * CADENCE_HZ * t_s) + random.gauss(0, noise)
        strides.update(round(t_s * 1e9) + 1, (0.0, 0.0, 9.81 + up), 0.5, CADENCE_HZ)
        if strides.window is not None:
            found.append(strides.window)
    return found


def test_the_first_window_ends_after_30_s_and_then_one_every_10_s() -> None:
    assert [len(walk(s)) for s in (29.9, 30.0, 39.9, 40.1, 60.1)] == [0, 1, 1, 2, 4]


def test_even_strides_are_alike_and_noise_is_not() -> None:
    even, noisy, noise = (walk(31, n)[0].ad2 for n in (0.0, 3.0, 30.0))
    assert even == pytest.approx(1.0, abs=0.01)
    assert even > noisy > noise
    assert noise < 0.3


def test_a_limp_keeps_the_strides_alike_but_not_the_steps() -> None:
    [limping] = walk(31, limp=2.0)
    assert limping.ad2 > 0.95
    assert limping.ad1 < 0.3
    assert limping.evenness < 0.3
    assert walk(31)[0].evenness == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("rate_hz", [100, 200, 238, 400])
def test_the_figures_do_not_depend_on_the_rate_of_ticks(rate_hz: int) -> None:
    [found] = walk(31, rate_hz=rate_hz)
    assert found.ad2 == pytest.approx(1.0, abs=0.02)
    assert found.jerk_per_s == pytest.approx(2 * pi * CADENCE_HZ, rel=0.05)


def test_who_stands_still_has_no_window() -> None:
    strides = Strides()
    for k in range(40 * RATE_HZ):
        strides.update(k * 5_000_000, (0.0, 0.0, 9.81), 0.5, CADENCE_HZ)
        assert strides.window is None


def test_without_a_cadence_there_is_no_window() -> None:
    strides = Strides()
    for k in range(40 * RATE_HZ):
        strides.update(k * 5_000_000, (0.0, 0.0, 9.81 + sin(k / 20)), 0.5, None)
        assert strides.window is None


def test_a_silence_of_more_than_a_second_is_another_walk() -> None:
    strides, found = Strides(), 0
    for k in range(2 * (WINDOW_S - 1) * RATE_HZ):
        gap_ns = 1_100_000_000 if k >= (WINDOW_S - 1) * RATE_HZ else 0
        strides.update(k * 5_000_000 + gap_ns, (0.0, 0.0, 9.81 + sin(k / 20)), 0.5, CADENCE_HZ)
        found += strides.window is not None
    assert found == 0


def test_wander_is_the_spread_of_the_place() -> None:
    strides = Strides()
    for k in range(31 * RATE_HZ):
        t_s = k / RATE_HZ
        place_m = 0.5 + 0.05 * sin(2 * pi * t_s / 10)
        strides.update(k * 5_000_000, (0.0, 0.0, 9.81 + sin(k / 20)), place_m, CADENCE_HZ)
        if strides.window is not None:
            assert strides.window.wander_m == pytest.approx(0.05 / 2**0.5, rel=0.05)
