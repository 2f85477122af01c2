"""Walks are spliced to trials without a jump, in the trial's own mounting, and never with themselves."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_py.evaluation.datasets.table import DATASETS
from firmware_py.evaluation.datasets.trials import Kind, Trial
from firmware_py.evaluation.run.streams import (
    SPLICE_S,
    SPLICES,
    WARM_UP_S,
    Splice,
    cold,
    cross_fade,
    rotation_between,
    spliced,
    spliced_plainly,
    walks_for,
    warm,
)
from firmware_py.evaluation.run.variants import VARIANTS
from tests.support import people as made

RATE_HZ = 100.0
STRIDE = 120
SISFALL, FALLALLD = DATASETS["sisfall"], DATASETS["fallalld"]


def walk(activity: str, seconds: float, number: int = 1) -> Trial:
    return replace(made.trial(Kind.WALK, RATE_HZ, seconds, f"{activity}_{number}"), activity=activity)


SLOW, QUICK = walk("D01", 100), walk("D02", 100)
FALL = made.trial(Kind.FALL_WALKING, RATE_HZ)


def test_cold_is_the_trial_itself() -> None:
    stream = cold(FALL)
    assert stream.start == 0
    assert stream.accel_m_s2 is FALL.accel_m_s2


def test_warm_is_thirty_seconds_slow_thirty_quick_and_then_the_trial_untouched_after_the_splice() -> None:
    slow = replace(SLOW, accel_m_s2=np.add(SLOW.accel_m_s2, (1, 0, 0)))
    quick = replace(QUICK, accel_m_s2=np.add(QUICK.accel_m_s2, (2, 0, 0)))
    stream = warm(FALL, walks_for(FALL, [QUICK, SLOW, slow, quick, FALL][2:], SISFALL), mounting_varies=False)
    assert 0 <= WARM_UP_S * RATE_HZ - stream.start <= 2 * STRIDE
    assert stream.shared <= stream.start
    assert len(stream) == stream.start + len(FALL.accel_m_s2)
    overlap = round(SPLICE_S * RATE_HZ)
    np.testing.assert_array_equal(stream.accel_m_s2[stream.start + overlap :], FALL.accel_m_s2[overlap:])
    np.testing.assert_array_equal(stream.gyro_rad_s[stream.start + overlap :], FALL.gyro_rad_s[overlap:])
    forward = stream.accel_m_s2[:, 0]
    assert forward[: 25 * 100].mean() == pytest.approx(1, abs=0.1)
    assert forward[35 * 100 : 55 * 100].mean() == pytest.approx(2, abs=0.1)


def test_a_walk_is_never_its_own_warm_up() -> None:
    assert walks_for(SLOW, [SLOW, QUICK], SISFALL) == [QUICK]
    assert walks_for(SLOW, [SLOW], SISFALL) == []
    assert 0 <= WARM_UP_S * RATE_HZ - warm(SLOW, [QUICK], mounting_varies=False).start <= STRIDE
    reverse = SLOW.time_reversed()
    (other,) = walks_for(reverse, [SLOW, QUICK], SISFALL)
    assert other.name == "D02_1 reversed"


def test_short_walks_are_strung_together_to_sixty_seconds() -> None:
    short = [walk(a, 20, n) for a in ("20", "22") for n in range(4)]
    chosen = walks_for(FALL, short, FALLALLD)
    assert [w.name for w in chosen] == ["20_0", "20_1", "22_0", "22_1"]
    stream = warm(FALL, chosen, mounting_varies=False)
    assert stream.start / RATE_HZ == pytest.approx(WARM_UP_S - 2, abs=2.5)


def test_less_walking_than_sixty_seconds_is_used_as_it_is() -> None:
    stream = warm(FALL, [walk("20", 12)], mounting_varies=False)
    assert stream.start / RATE_HZ == pytest.approx(11, abs=0.7)


def test_the_splice_has_no_jump() -> None:
    before, after = np.zeros((100, 3)), np.ones((100, 3))
    rows = cross_fade(before, after, 50)
    assert len(rows) == 150
    assert np.abs(np.diff(rows, axis=0)).max() < 0.021
    assert rows[49].tolist() == [0, 0, 0]
    assert rows[100].tolist() == [1, 1, 1]


@pytest.mark.parametrize("mounting", ["tilt 15 deg forward", "tilt 15 deg sideways", "accel scale +5 %"])
def test_the_walk_is_turned_and_scaled_to_the_mounting_of_the_trial(mounting: str) -> None:
    other = VARIANTS[mounting](made.trial(Kind.WALK, RATE_HZ, 20))
    stream = warm(other, [SLOW], mounting_varies=True)
    own, walked = other.accel_m_s2[:500].mean(axis=0), stream.accel_m_s2[:500].mean(axis=0)
    np.testing.assert_allclose(walked, own, atol=0.1)
    plain = warm(other, [SLOW], mounting_varies=False)
    assert np.linalg.norm(plain.accel_m_s2[:500].mean(axis=0) - own) > 0.4


def test_the_trial_begins_in_step_with_the_walk_before_it() -> None:
    later = replace(SLOW, accel_m_s2=SLOW.accel_m_s2[37:], gyro_rad_s=SLOW.gyro_rad_s[37:])
    rows = np.hstack((SLOW.accel_m_s2, SLOW.gyro_rad_s))[:6050]
    together, start = spliced(rows, np.hstack((later.accel_m_s2, later.gyro_rad_s)), RATE_HZ)
    phase = (start - 37) % (2 * RATE_HZ / 1.8)  # a stride is two steps
    assert min(phase, 2 * RATE_HZ / 1.8 - phase) < 1
    assert np.abs(np.diff(together, axis=0)).max() <= np.abs(np.diff(rows, axis=0)).max() * 1.05


def test_a_change_of_posture_across_the_splice_shows_in_the_gyro() -> None:
    bent = VARIANTS["tilt 15 deg forward"](made.trial(Kind.LEAVES_WALKING, RATE_HZ))
    stream = warm(bent, [SLOW], mounting_varies=False)
    place = slice(stream.start, stream.start + round(SPLICE_S * RATE_HZ))
    felt = stream.gyro_rad_s[place] - cross_fade(SLOW.gyro_rad_s[:6050], bent.gyro_rad_s, 50)[6000:6050]
    assert np.degrees(felt[:, 1].sum() / RATE_HZ) == pytest.approx(-15, abs=4)


@pytest.mark.parametrize("mounting_varies", [False, True])
def test_nobody_lies_down_out_of_a_walk_in_half_a_second(mounting_varies: bool) -> None:
    lying = made.trial(Kind.LEAVES_WALKING, RATE_HZ, 20)
    lying = replace(lying, accel_m_s2=lying.accel_m_s2[:, (2, 1, 0)])
    stream = warm(lying, [SLOW], mounting_varies)
    assert stream.start == stream.shared == 0
    assert stream.accel_m_s2 is lying.accel_m_s2


def test_a_hard_cut_changes_no_sample_of_walk_or_trial() -> None:
    stream = spliced_plainly(FALL, [SLOW, QUICK], Splice())
    assert stream.start == stream.shared
    assert stream.start == round((WARM_UP_S + 2 * SPLICE_S) * RATE_HZ)
    np.testing.assert_array_equal(stream.accel_m_s2[:3050], SLOW.accel_m_s2[:3050])
    np.testing.assert_array_equal(stream.gyro_rad_s[3050 : stream.start], QUICK.gyro_rad_s[:3050])
    np.testing.assert_array_equal(stream.accel_m_s2[stream.start :], FALL.accel_m_s2)


@pytest.mark.parametrize("name", SPLICES)
def test_no_splice_changes_the_trial_after_itself_and_only_the_common_walk_is_shared(name: str) -> None:
    other = replace(FALL, accel_m_s2=FALL.accel_m_s2 + 1.0)
    stream, another = (spliced_plainly(trial, [SLOW, QUICK], SPLICES[name]) for trial in (FALL, other))
    fade = round(SPLICES[name].fade_s * RATE_HZ)
    assert len(stream) == stream.start + len(FALL.accel_m_s2)
    np.testing.assert_array_equal(stream.accel_m_s2[stream.start + fade :], FALL.accel_m_s2[fade:])
    np.testing.assert_array_equal(stream.gyro_rad_s[stream.start + fade :], FALL.gyro_rad_s[fade:])
    np.testing.assert_array_equal(stream.accel_m_s2[: stream.shared], another.accel_m_s2[: stream.shared])
    assert (stream.shared == 0) is SPLICES[name].turned


def test_in_a_pause_the_walker_stands_as_the_trial_begins_and_is_no_frozen_sensor() -> None:
    stream = spliced_plainly(FALL, [SLOW], SPLICES["pause"])
    stands = slice(stream.start - 200, stream.start)
    begins = FALL.accel_m_s2[: round(SPLICE_S * RATE_HZ)].mean(axis=0)
    np.testing.assert_allclose(stream.accel_m_s2[stands].mean(axis=0), begins, atol=0.02)
    assert np.abs(stream.gyro_rad_s[stands]).max() < 0.03
    assert (np.diff(stream.accel_m_s2[stands], axis=0) != 0).all()


def test_the_smallest_rotation_takes_one_direction_to_the_other() -> None:
    a, b = np.array([0.1, -0.2, 1.0]), np.array([0.4, 0.3, 0.8])
    turn = rotation_between(a, b)
    np.testing.assert_allclose(turn @ a / np.linalg.norm(a), b / np.linalg.norm(b), atol=1e-12)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_a_reversed_walk_has_its_forces_in_reverse_order_and_its_turns_undone() -> None:
    reverse = SLOW.time_reversed()
    np.testing.assert_array_equal(reverse.accel_m_s2, SLOW.accel_m_s2[::-1])
    np.testing.assert_array_equal(reverse.gyro_rad_s, -SLOW.gyro_rad_s[::-1])
    np.testing.assert_array_equal(reverse.time_reversed().accel_m_s2, SLOW.accel_m_s2)


def test_a_reversed_recording_is_still_one_rigid_body_under_gravity() -> None:
    """du/dt = -w x u holds forward; it must hold in the reversed copy too, or the sign convention is wrong."""
    t = np.arange(1000) / RATE_HZ
    pitch = 0.3 * np.sin(t)
    up = np.column_stack([-np.sin(pitch), 0 * t, np.cos(pitch)])
    gyro = np.column_stack([0 * t, 0.3 * np.cos(t), 0 * t])
    nod = replace(SLOW, accel_m_s2=9.81 * up, gyro_rad_s=gyro).time_reversed()
    moved = np.gradient(nod.accel_m_s2 / 9.81, 1 / RATE_HZ, axis=0)
    np.testing.assert_allclose(moved[2:-2], -np.cross(nod.gyro_rad_s, nod.accel_m_s2 / 9.81)[2:-2], atol=1e-3)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_changes_the_sensor_and_not_the_fall(name: str) -> None:
    before = replace(FALL, onset_index=540)
    after = VARIANTS[name](before)
    assert after.impact_index is not None and after.onset_index is not None
    assert after.impact_index / after.rate_hz == pytest.approx(made.IMPACT_S, abs=0.01)
    assert after.onset_index / after.rate_hz == pytest.approx(5.4, abs=0.01)
    assert after.duration_s == pytest.approx(before.duration_s, abs=0.02)
    again = VARIANTS[name](before)
    np.testing.assert_array_equal(after.accel_m_s2, again.accel_m_s2)
    if name.startswith(("yaw", "tilt")):
        np.testing.assert_allclose(
            np.linalg.norm(after.accel_m_s2, axis=1), np.linalg.norm(before.accel_m_s2, axis=1), rtol=1e-9
        )


def test_tilting_the_pod_forward_makes_it_feel_gravity_from_behind() -> None:
    still = replace(FALL, accel_m_s2=np.tile((0.0, 0.0, 9.81), (1000, 1)))
    assert VARIANTS["tilt 15 deg forward"](still).accel_m_s2[0] == pytest.approx((2.539, 0, 9.476), abs=1e-3)
    assert VARIANTS["yaw 90 deg"](replace(FALL, accel_m_s2=np.tile((1.0, 0, 9.0), (1000, 1)))).accel_m_s2[
        0
    ] == (pytest.approx((0, 1, 9)))


def test_another_rate_keeps_the_signal() -> None:
    slow = VARIANTS["rate 400 Hz"](SLOW)
    assert slow.rate_hz == 400
    np.testing.assert_allclose(slow.accel_m_s2[400:4000:4], SLOW.accel_m_s2[100:1000], atol=0.02)
