"""Each sign by itself, all of them at their bounds, and what is shipped."""

from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest

from firmware_py.core.body.evidence import Ramp, SignsParams, read, times

P = SignsParams()
OPEN = replace(P, without=0.0, least=-100.0, most=100.0, hardly=Ramp(200.0, 201.0, 1.0))
READ_FROM = {
    "stride_m_s": ("gait", "swing_m_s"),
    "stride_of_usual": ("gait", "swing_of_usual"),
    "tilting_rad_s": ("attitude", "tilting_rad_s"),
    "turning_rad_s": ("attitude", "turning_rad_s"),
    "tipping_rad_s": ("attitude", "tipping_rad_s"),
    "sinking_s": ("attitude", "sinking_s"),
    "sideways_m_s": ("attitude", "sideways_m_s"),
    "leapt_m_s": ("gait", "upward_speed_m_s"),
}


def said(params: SignsParams, **values: float) -> float:
    """What the limit is multiplied by when these signs read so, and no other speaks."""
    seen: dict[str, Any] = {"attitude": SimpleNamespace(), "gait": SimpleNamespace()}
    for name, (who, what) in READ_FROM.items():
        setattr(seen[who], what, values.get(name, -1.0))
    return times(params, read(params, seen["attitude"], seen["gait"]))


@pytest.mark.parametrize("share", [2.0, -2.0])
@pytest.mark.parametrize(
    ("value", "part"),
    [
        (-9.0, 0.0),
        (0.5, 0.0),
        (0.53125, 0.0625),
        (0.75, 0.5),
        (0.96875, 0.9375),
        (1.0, 1.0),
        (1.03125, 1.0),
        (9.0, 1.0),
    ],
)
def test_a_ramp_says_nothing_up_to_one_value_and_all_from_another_on(
    value: float, part: float, share: float
) -> None:
    assert Ramp(0.5, 1.0, share).says(value) == part * share


@pytest.mark.parametrize("name", READ_FROM)
def test_each_sign_takes_its_share_off_and_nothing_else_does(name: str) -> None:
    ramp: Ramp = getattr(OPEN, name)
    assert said(OPEN) == 0.0
    assert said(OPEN, **{name: ramp.nothing}) == 0.0
    assert said(OPEN, **{name: (ramp.nothing + ramp.whole) / 2}) == pytest.approx(-ramp.share / 2)
    assert said(OPEN, **{name: ramp.whole}) == -ramp.share
    assert said(replace(OPEN, without=3.0), **{name: 99.0}) == 3.0 - ramp.share


def test_a_stride_is_one_by_its_size_or_because_it_is_the_walkers_own_and_counts_once() -> None:
    share = P.stride_m_s.share
    assert share == P.stride_of_usual.share
    assert said(OPEN, stride_m_s=9.0, stride_of_usual=9.0) == -share
    assert said(OPEN, stride_m_s=0.23, stride_of_usual=0.9) == -share
    assert said(OPEN, stride_m_s=0.23, stride_of_usual=0.61) == pytest.approx(-share / 2)


@pytest.mark.parametrize(
    ("left", "expected"),
    [(-9.0, 0.75), (0.74, 0.75), (0.75, 0.75), (0.76, 0.76), (1.24, 1.24), (1.25, 1.25), (1.26, 1.25)],
)
def test_together_they_move_the_limit_no_further_than_their_bounds(left: float, expected: float) -> None:
    assert said(replace(P, without=left, least=0.75, most=1.25)) == expected


@pytest.mark.parametrize(
    ("left", "more"), [(1.9, 0.0), (2.0, 0.0), (2.25, 0.75), (2.5, 1.5), (2.6, 1.5), (99.0, 1.5)]
)
def test_where_hardly_a_sign_speaks_the_limit_is_higher_still(left: float, more: float) -> None:
    params = replace(P, without=left, most=1.25, hardly=Ramp(2.0, 2.5, 1.5))
    assert said(params) == 1.25 + more


def test_a_fall_out_of_a_walk_has_the_least_limit_and_a_crouch_by_who_stood_and_swayed_the_highest() -> None:
    fall = {"stride_m_s": 0.4, "tilting_rad_s": 0.5, "turning_rad_s": 0.7, "tipping_rad_s": 1.0}
    assert said(P, **fall, sinking_s=0.3, sideways_m_s=0.4) == P.least
    assert said(P, stride_m_s=0.18, sinking_s=0.13, turning_rad_s=0.3) == P.most + P.hardly.share


def test_whose_steps_are_small_is_guarded_like_anybody_once_they_are_known() -> None:
    """A shuffle after a stroke, and a gait backward that lands softly, swing the hip as little as swaying does."""
    fall = {
        "tilting_rad_s": 0.5,
        "turning_rad_s": 0.7,
        "tipping_rad_s": 1.0,
        "sinking_s": 0.3,
        "sideways_m_s": 0.4,
    }
    strides, shuffles, unknown = (
        said(P, **fall, stride_m_s=swing, stride_of_usual=share)
        for swing, share in ((0.4, 1.0), (0.15, 1.0), (0.15, 0.0))
    )
    assert shuffles == strides == P.least
    assert unknown == P.most


def test_no_default_changes_unseen() -> None:
    """What each sign is worth comes from a regression (docs/balance.md); to change one is to do that again."""
    ramps = {
        name: tuple(v.values()) if isinstance(v, dict) else v for name, v in asdict(SignsParams()).items()
    }
    assert ramps == {
        "without": 4.38,
        "stride_m_s": (0.16, 0.30, 1.36),
        "stride_of_usual": (0.6, 0.9, 1.36),
        "tilting_rad_s": (0.0, 0.4, 0.68),
        "turning_rad_s": (0.1, 0.7, 0.32),
        "tipping_rad_s": (0.2, 0.8, 0.21),
        "sinking_s": (0.12, 0.25, 0.89),
        "sideways_m_s": (0.1, 0.35, 0.37),
        "leapt_m_s": (1.1, 1.5, -1.33),
        "least": 0.65,
        "most": 1.2,
        "hardly": (2.3, 2.6, 1.3),
    }
