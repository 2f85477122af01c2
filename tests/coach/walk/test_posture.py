"""Hips that tip forward: one cue, against the walker's own base, rare, and never for leaning the other way."""

from math import cos, radians, sin

import pytest

from firmware_py.coach.walk.posture import BASE_S, MOST_A_SET, Posture
from firmware_py.coach.walk.strides import Second


def seconds(posture: Posture, degrees: float, count: int) -> int:
    """How many cues in `count` seconds with the pod tipped forward by so much."""
    made = Second((-9.81 * sin(radians(degrees)), 0.0, 9.81 * cos(radians(degrees))), None, None)
    return sum(posture.second(made) for _ in range(count))


def settled(base: float = 0.0) -> Posture:
    posture = Posture()
    assert seconds(posture, base, BASE_S + 30) == 0
    return posture


@pytest.mark.parametrize("base", [-35.0, -7.0, 0.0, 20.0])
def test_only_the_change_counts_not_how_the_pod_sits(base: float) -> None:
    assert seconds(settled(base), base + 9.9, 60) == 0
    assert seconds(settled(base), base + 10.1, 60) == 1


def test_eight_seconds_beyond_ten_degrees_and_not_seven() -> None:
    posture = settled()
    seconds(posture, 12.0, 4)  # the mean of 5 s follows
    assert seconds(posture, 12.0, 7) == 0
    assert seconds(posture, 12.0, 1) == 1


def test_leaning_the_other_way_is_never_cued() -> None:
    assert seconds(settled(), -40.0, 300) == 0


def test_the_next_cue_needs_ten_upright_seconds_and_a_minute() -> None:
    posture = settled()
    assert seconds(posture, 15.0, 200) == 1  # without standing up there is no second cue
    seconds(posture, 0.0, 20)
    assert seconds(posture, 15.0, 20) == 1


def test_three_cues_a_set_and_then_only_the_report() -> None:
    posture = settled()
    for _ in range(6):
        seconds(posture, 15.0, 40)
        seconds(posture, 0.0, 40)
    assert posture.cues == MOST_A_SET
    assert 0.3 < (posture.share_tipped or 0.0) < 0.6
    posture.new_set()
    assert seconds(posture, 15.0, 40) == 1


def test_another_incline_needs_a_new_base() -> None:
    posture = settled()
    posture.new_base()
    assert seconds(posture, 15.0, BASE_S + 60) == 0
