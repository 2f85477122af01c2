"""The published rules fire on a plain fall, keep quiet on a plain walk, and are armed like ours."""

import numpy as np
import pytest

from firmware_py.evaluation.run.peers import PEERS, Motion, stops
from firmware_py.evaluation.run.streams import Stream
from tests.support import people as made


@pytest.mark.parametrize("rate_hz", [100.0, 200.0, 238.0])
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_stops_a_plain_fall_before_the_impact_and_not_the_walk_before_it(
    name: str, rate_hz: float
) -> None:
    motion = Motion(Stream(rate_hz, *made.backward_fall(rate_hz)))
    hits = np.flatnonzero(PEERS[name](motion)) / rate_hz
    assert made.IMPACT_S - made.FALL_S < hits[hits > 1.0][0] < made.IMPACT_S


def test_downward_velocity_is_that_of_the_fall() -> None:
    rate_hz = 200.0
    motion = Motion(Stream(rate_hz, *made.backward_fall(rate_hz)))
    at_impact = motion.down_m_s[round(made.IMPACT_S * rate_hz) - 1]
    assert at_impact == pytest.approx((9.81 - 4.0) * made.FALL_S, rel=0.35)  # the leak takes its share


def test_tilt_is_against_the_wearers_own_mean() -> None:
    rate_hz = 100.0
    motion = Motion(Stream(rate_hz, *made.backward_fall(rate_hz)))
    assert np.degrees(motion.tilt_rad[:500]).max() < 6
    assert np.degrees(motion.tilt_rad[round(made.IMPACT_S * rate_hz)]) == pytest.approx(60, abs=10)


def test_a_scaled_rule_is_harder_to_trip() -> None:
    motion = Motion(Stream(100.0, *made.backward_fall(100.0)))
    for rule in PEERS.values():
        assert rule(motion, 0.5).sum() >= rule(motion, 1.0).sum() >= rule(motion, 2.0).sum()


@pytest.mark.parametrize(
    ("hits", "armed_from", "found", "armed"),
    [
        ([], 2, [], [(2, 20)]),
        ([1], 2, [], [(2, 20)]),
        ([2], 2, [2], [(2, 2), (7, 20)]),
        ([4, 5, 8], 0, [4], [(0, 4), (9, 20)]),
        ([4, 9], 0, [4, 9], [(0, 4), (9, 9), (14, 20)]),
        ([18], 0, [18], [(0, 18)]),
        ([3], 20, [], []),
    ],
)
def test_a_peer_is_armed_again_as_late_as_ours(
    hits: list[int], armed_from: int, found: list[int], armed: list[tuple[int, int]]
) -> None:
    triggers = np.zeros(20, dtype=bool)
    triggers[hits] = True
    assert stops(triggers, armed_from, 5) == (found, armed)
