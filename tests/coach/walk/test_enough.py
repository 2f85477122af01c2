""" "Enough" needs a lasting change against this set's own baseline and a second sign, and speaks once."""

import pytest

from firmware_py.coach.walk.enough import AD1_DROP, AD2_DROP, Enough
from firmware_py.coach.walk.strides import Window

USUAL = Window(0.8, 0.7, 12.0, 1.6, 0.05)


def windows(judge: Enough, first_s: int, last_s: int, w: Window = USUAL) -> list[int]:
    """One window every 10 s; when it called."""
    return [at_s for at_s in range(first_s, last_s + 1, 10) if judge.window(float(at_s), w)]


def after_baseline() -> Enough:
    judge = Enough()
    assert windows(judge, 30, 180) == []
    return judge


def less(ad2: float, ad1: float = 0.0, wander: float = 1.0) -> Window:
    return USUAL._replace(ad2=USUAL.ad2 - ad2, ad1=USUAL.ad1 - ad1, wander_m=0.05 * wander)


def test_an_even_walk_is_never_enough() -> None:
    assert windows(after_baseline(), 190, 900) == []


@pytest.mark.parametrize("sign", [{"ad1": AD1_DROP + 0.001}, {"wander": 1.51}])
def test_six_windows_with_a_second_sign_are_enough(sign: dict[str, float]) -> None:
    assert windows(after_baseline(), 190, 400, less(AD2_DROP + 0.001, **sign)) == [240]


def test_two_warnings_within_three_minutes_are_a_second_sign() -> None:
    judge = after_baseline()
    judge.warned(100.0)
    judge.warned(250.0)
    assert windows(judge, 190, 260, less(0.2)) == [240]
    late = after_baseline()
    late.warned(20.0)
    late.warned(25.0)
    assert windows(late, 210, 400, less(0.2)) == []


@pytest.mark.parametrize("sign", [{}, {"ad1": AD1_DROP - 0.01}, {"wander": 1.49}])
def test_without_a_second_sign_nothing_is_said(sign: dict[str, float]) -> None:
    assert windows(after_baseline(), 190, 400, less(0.3, **sign)) == []


def test_a_drop_below_the_noise_is_no_drop() -> None:
    assert windows(after_baseline(), 190, 400, less(AD2_DROP - 0.01, ad1=0.5, wander=3.0)) == []


def test_a_short_bad_stretch_is_not_enough() -> None:
    judge = after_baseline()
    assert windows(judge, 190, 210, less(0.15, ad1=0.15)) == []
    assert windows(judge, 220, 400) == []


def test_it_is_said_once_a_set() -> None:
    judge = after_baseline()
    assert len(windows(judge, 190, 600, less(0.3, ad1=0.3))) == 1


def test_without_a_baseline_there_is_no_call() -> None:
    judge = Enough()
    assert windows(judge, 190, 600, less(0.3, ad1=0.3)) == []
    assert judge.ad2_usual is None


def test_another_belt_speed_starts_a_new_baseline() -> None:
    judge = after_baseline()
    judge.speed(180.0, 0.45)
    judge.speed(185.0, 0.46)  # within the noise of a hall switch
    assert judge.ad2_usual is not None
    judge.speed(190.0, 0.5)
    assert judge.ad2_usual is None
    assert windows(judge, 200, 360, less(0.3, ad1=0.3)) == []
