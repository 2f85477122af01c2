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


EVEN = Window(0.6, 0.6, 12.0, 1.6, 0.0625)  # a tenth less is a half, which a float holds exactly


def judged(last: Window, usual: Window = EVEN, warned_s: tuple[float, ...] = ()) -> bool:
    """Whether six such windows after such a baseline are enough."""
    judge = Enough()
    windows(judge, 90, 180, usual)
    for at_s in warned_s:
        judge.warned(at_s)
    return bool(windows(judge, 190, 240, last))


@pytest.mark.parametrize(("ad2", "called"), [(0.499, True), (0.5, True), (0.501, False)])
def test_the_strides_must_be_less_alike_by_a_tenth(ad2: float, called: bool) -> None:
    assert judged(EVEN._replace(ad2=ad2, ad1=0.1)) is called


@pytest.mark.parametrize(("ad1", "called"), [(0.499, True), (0.5, True), (0.501, False)])
def test_the_steps_less_alike_by_a_tenth_are_a_second_sign(ad1: float, called: bool) -> None:
    assert judged(EVEN._replace(ad2=0.1, ad1=ad1)) is called


@pytest.mark.parametrize(
    ("usual_m", "wander_m", "called"),
    [
        (0.0625, 0.0937, False),
        (0.0625, 0.09375, True),
        (0.0625, 0.0938, True),
        (0.01, 0.0299, False),  # half of next to nothing is nothing
        (0.01, 0.03, True),
    ],
)
def test_a_place_that_varies_by_half_more_is_a_second_sign(
    usual_m: float, wander_m: float, called: bool
) -> None:
    assert judged(EVEN._replace(ad2=0.1, wander_m=wander_m), EVEN._replace(wander_m=usual_m)) is called


@pytest.mark.parametrize(("first_s", "called"), [(59.9, False), (60.0, True), (60.1, True)])
def test_two_warnings_count_for_three_minutes(first_s: float, called: bool) -> None:
    assert judged(EVEN._replace(ad2=0.1), warned_s=(first_s, 200.0)) is called


@pytest.mark.parametrize(("usual_m", "last_m"), [(None, None), (None, 0.5), (0.0625, None)])
def test_without_a_distance_sensor_the_place_is_no_sign_and_nothing_breaks(
    usual_m: float | None, last_m: float | None
) -> None:
    usual = EVEN._replace(wander_m=usual_m)
    assert not judged(EVEN._replace(ad2=0.1, wander_m=last_m), usual)
    assert judged(EVEN._replace(ad2=0.1, ad1=0.1, wander_m=last_m), usual)


@pytest.mark.parametrize(("at_s", "counts"), [(89.95, False), (90.0, True), (180.0, True), (180.1, False)])
def test_the_baseline_is_what_lies_whole_within_minutes_two_and_three(at_s: float, counts: bool) -> None:
    judge = Enough()
    windows(judge, 100, 150, EVEN)
    judge.window(at_s, EVEN._replace(ad2=0.1))
    assert judge.ad2_usual is not None
    assert (judge.ad2_usual < 0.6) is counts


@pytest.mark.parametrize(("count", "known"), [(3, False), (4, True)])
def test_a_baseline_of_too_few_windows_is_none(count: int, known: bool) -> None:
    judge = Enough()
    windows(judge, 90, 80 + 10 * count, EVEN)
    assert (judge.ad2_usual is not None) is known
    assert bool(windows(judge, 190, 240, EVEN._replace(ad2=0.1, ad1=0.1))) is known


def test_after_another_speed_the_baseline_is_taken_anew_and_then_judged() -> None:
    judge = after_baseline()
    judge.restart(190.0)
    windows(judge, 200, 370, EVEN)
    assert judge.ad2_usual == 0.6
    assert windows(judge, 380, 500, EVEN._replace(ad2=0.1, ad1=0.1)) == [430]


@pytest.mark.parametrize(
    ("measured_m_s", "kept"), [(21.0, True), (21.001, False), (19.0, True), (18.999, False)]
)
def test_more_than_a_twentieth_is_another_speed(measured_m_s: float, kept: bool) -> None:
    """Twenty, because a float holds a twentieth of it exactly."""
    judge = after_baseline()
    judge.speed(180.0, 20.0)
    judge.speed(185.0, measured_m_s)
    assert (judge.ad2_usual is not None) is kept
