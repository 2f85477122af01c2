"""Position and velocity against filterpy and numpy, and every limit of the gate and of age one step each side."""

import math
from dataclasses import asdict
from random import Random
from typing import Literal

import numpy as np
import pytest
from filterpy.kalman import KalmanFilter

from firmware_py.core.deck import position as module
from firmware_py.core.deck.position import FAR_HOLD_S, NEAR_HOLD_S, Position, PositionParams
from firmware_py.core.state import save
from sensors.samples import Fault, RangeSample

MS = 1_000_000


class Walk:
    """Feeds readings every 25 ms of a given place."""

    def __init__(self, params: PositionParams | None = None, period_ms: int = 25) -> None:
        self.position = Position(params or PositionParams(), 200.0)
        self.period_ns = period_ms * MS
        self.t_ns = 0
        self.count = 0

    def see(self, distance_m: float, cadence_hz: float | None = None) -> Position:
        self.t_ns += self.period_ns
        self.count = (self.count + 1) % 256
        self.position.update(self.t_ns, RangeSample(self.t_ns, distance_m, self.count), cadence_hz)
        return self.position

    def stand(self, distance_m: float = 0.5, seconds: float = 3.0, noise_m: float = 0.004) -> Position:
        random = Random(3)
        for _ in range(round(seconds * 1e9 / self.period_ns)):
            self.see(distance_m + noise_m * random.uniform(-1, 1))
        return self.position


def test_nothing_is_known_before_three_readings_that_agree() -> None:
    walk = Walk()
    assert not walk.see(0.5).known
    assert not walk.see(0.5).known
    assert walk.see(0.5).known
    assert walk.position.position_m == 0.5
    assert walk.position.velocity_m_s == 0.0


def test_readings_that_do_not_agree_are_not_a_place() -> None:
    walk = Walk()
    for distance_m in (0.5, 0.9, 0.5, 0.9, 0.5, 0.9):
        assert not walk.see(distance_m).known


def test_a_reading_after_a_long_silence_does_not_join_the_ones_before_it() -> None:
    walk = Walk()
    walk.see(0.5)
    walk.see(0.5)
    walk.t_ns += 200 * MS
    assert not walk.see(0.5).known


@pytest.mark.parametrize(
    ("mount", "direction", "position_m"),
    [
        ("front", "normal", 0.47),
        ("rear", "normal", 1.13),
        ("front", "reverse", 0.93),
        ("rear", "reverse", 0.27),
    ],
)
def test_mount_and_direction_place_the_walker(mount: str, direction: str, position_m: float) -> None:
    """Sensor 0.13 m outside its edge, reading 0.4 m, half a body 0.2 m, deck 1.40 m... in all four corners."""
    params = PositionParams(
        mount="front" if mount == "front" else "rear",
        direction="normal" if direction == "normal" else "reverse",
        zero_m=0.13 if mount == "front" else 0.33,
        half_body_m=0.2,
        deck_length_m=1.40,
    )
    walk = Walk(params)
    for _ in range(4):
        walk.see(0.4)
    assert walk.position.position_m == pytest.approx(position_m)


@pytest.mark.parametrize(("mount", "toward_rear"), [("front", 1.0), ("rear", -1.0)])
def test_velocity_is_positive_toward_the_rear(mount: str, toward_rear: float) -> None:
    walk = Walk(PositionParams(mount="front" if mount == "front" else "rear"))
    for i in range(120):
        walk.see(0.6 + toward_rear * 0.1 * i * 0.025)
    assert walk.position.velocity_m_s == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(("age_ms", "known"), [(149, True), (150, True), (151, False)])
def test_a_place_older_than_150_ms_is_not_known(age_ms: int, known: bool) -> None:
    walk = Walk()
    walk.stand()
    walk.position.update(walk.t_ns + age_ms * MS, None, None)
    assert walk.position.known is known
    assert walk.position.age_s == pytest.approx(age_ms / 1000)


def test_between_readings_the_position_goes_on_at_its_velocity() -> None:
    walk = Walk()
    for i in range(100):
        walk.see(0.4 + 0.2 * i * 0.025)
    before_m = walk.position.position_m
    walk.position.update(walk.t_ns + 20 * MS, Fault.WEAK_SIGNAL, None)
    assert walk.position.position_m - before_m == pytest.approx(0.02 * walk.position.velocity_m_s)


def test_the_same_count_is_the_same_reading() -> None:
    walk = Walk()
    walk.stand()
    walk.position.update(walk.t_ns + 100 * MS, RangeSample(walk.t_ns + 100 * MS, 0.5, walk.count), None)
    assert walk.position.age_s == pytest.approx(0.1)


def test_a_clock_that_stands_still_changes_nothing() -> None:
    walk = Walk()
    before = walk.stand().position_m
    walk.position.update(walk.t_ns, RangeSample(walk.t_ns, 0.6, 255 - walk.count), None)
    assert walk.position.position_m == before


@pytest.mark.parametrize("distance_m", [-0.26, 1.66, 5.0])
def test_readings_beyond_the_deck_are_never_believed(distance_m: float) -> None:
    walk = Walk()
    walk.stand()
    for _ in range(20):
        walk.see(distance_m)
    assert not walk.position.known
    assert walk.position.beyond is (distance_m > 1.0)
    assert walk.position.rejected >= 20


@pytest.mark.parametrize("distance_m", [-0.24, 1.64])
def test_readings_just_beyond_the_deck_may_be_a_person(distance_m: float) -> None:
    walk = Walk()
    for _ in range(4):
        walk.see(distance_m)
    assert walk.position.known


def test_a_hand_in_the_beam_for_a_tenth_of_a_second_moves_nothing() -> None:
    walk = Walk()
    before_m = walk.stand().position_m
    for _ in range(4):
        walk.see(0.36)
    assert walk.position.position_m == pytest.approx(before_m, abs=0.01)
    walk.see(0.5)
    assert walk.position.known
    assert abs(walk.position.velocity_m_s) < 0.05
    assert walk.position.rejected == 4


@pytest.mark.parametrize(("jump_m", "hold_s"), [(0.3, FAR_HOLD_S), (-0.3, NEAR_HOLD_S)])
def test_a_jump_is_believed_when_it_has_held(jump_m: float, hold_s: float) -> None:
    """Nothing sees through a body, so farther readings convince sooner than nearer ones."""
    walk = Walk(period_ms=20)
    walk.stand()
    first_ns = walk.t_ns + walk.period_ns
    while walk.position.position_m == pytest.approx(0.5, abs=0.05):
        walk.see(0.5 + jump_m)
        assert walk.t_ns - first_ns <= 200 * MS
    assert (walk.t_ns - first_ns) * 1e-9 == pytest.approx(hold_s, abs=0.0201)
    assert walk.position.position_m == pytest.approx(0.5 + jump_m, abs=0.02)


def test_single_wild_readings_are_doubted_and_counted() -> None:
    walk = Walk()
    walk.stand()
    for i in range(40):
        walk.see(1.2 if i % 8 == 0 else 0.5)
    assert walk.position.rejected == 5
    assert walk.position.position_m == pytest.approx(0.5, abs=0.01)


def test_without_sway_and_surprise_it_is_the_textbook_kalman_filter() -> None:
    """filterpy's filter with the same noise; the learning of the noise is pinned for the comparison."""
    params = PositionParams(noise_min_m=0.015, noise_max_m=0.015)
    walk = Walk(params)
    random = Random(1)
    dt, q = 0.025, params.calm_m2_s3
    oracle = KalmanFilter(2, 1)
    oracle.F = np.array([[1.0, dt], [0.0, 1.0]])
    oracle.H = np.array([[1.0, 0.0]])
    oracle.R *= params.noise_m**2
    oracle.Q = q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    for i in range(400):
        at_m = 0.5 + 0.03 * math.sin(0.5 * i * dt) + random.gauss(0.0, 0.006)
        walk.see(at_m)
        if i == 2:
            oracle.x = np.array([[walk.position.position_m], [0.0]])
            oracle.P = np.diag([params.noise_m**2, 0.09])
        if i > 2:
            oracle.predict()
            oracle.update(at_m)
            assert walk.position.position_m == pytest.approx(float(oracle.x[0, 0]), abs=1e-9)
            assert walk.position.velocity_m_s == pytest.approx(float(oracle.x[1, 0]), abs=1e-9)
    assert walk.position.velocity_sigma_m_s == pytest.approx(math.sqrt(oracle.P[1, 1]), rel=1e-6)


def test_with_sway_it_is_the_six_state_filter_written_with_matrices() -> None:
    params = PositionParams(noise_min_m=0.015, noise_max_m=0.015, sway_max_m=9.0)
    walk = Walk(params)
    random = Random(2)
    dt, q, cadence = 0.025, params.calm_m2_s3, 1.5
    x = np.zeros(6)
    p = np.zeros((6, 6))
    phase = 0.0
    f = np.eye(6)
    f[0, 1] = dt
    free = 2.0 * params.sway_m**2 / params.sway_tau_s * dt
    noise = np.zeros((6, 6))
    noise[:2, :2] = q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    noise[2:, 2:] = np.diag([free, free, 0.16 * free, 0.16 * free])
    for i in range(200):
        at_m = 0.5 + 0.015 * math.sin(2 * math.pi * cadence * i * dt) + random.gauss(0.0, 0.004)
        walk.see(at_m, cadence)
        if i == 2:
            w = params.sway_m**2
            x[0] = walk.position.position_m
            p = np.diag([params.noise_m**2, 0.09, w, w, 0.16 * w, 0.16 * w])
        if i > 2:
            phase = walk.position._phase_rad  # the frequency lock has its own test
            h = np.array(
                [1.0, 0.0, math.cos(phase), math.sin(phase), math.cos(phase / 2), math.sin(phase / 2)]
            )
            x = f @ x
            p = f @ p @ f.T + noise
            s = h @ p @ h + params.noise_m**2
            k = p @ h / s
            x = x + k * (at_m - h @ x)
            p = p - np.outer(k, h @ p)
            assert walk.position.position_m == pytest.approx(x[0], abs=1e-9)
            assert walk.position.velocity_m_s == pytest.approx(x[1], abs=1e-9)


@pytest.mark.parametrize("told", [1.0, 0.88, 1.12])
def test_the_sway_is_neither_position_nor_velocity_even_when_the_cadence_is_off(told: float) -> None:
    """2 cm of sway at 1.6 steps a second swings at 0.2 m/s; little of it may be taken for walking."""
    walk = Walk()
    random = Random(4)
    worst_m_s = 0.0
    for i in range(1600):
        t = i * 0.025
        walk.see(0.5 + 0.02 * math.sin(2 * math.pi * 1.6 * t) + random.gauss(0, 0.01), 1.6 * told)
        if t > 20.0:
            worst_m_s = max(worst_m_s, abs(walk.position.velocity_m_s))
    assert worst_m_s < 0.10
    assert walk.position.position_m == pytest.approx(0.5, abs=0.012)


def test_a_very_wrong_cadence_costs_accuracy_but_never_sense() -> None:
    walk = Walk()
    for i in range(2400):
        walk.see(0.5 + 0.02 * math.sin(2 * math.pi * 2.8 * i * 0.025), 1.0)
    assert abs(walk.position.position_m - 0.5) < 0.03
    for i in range(2400):
        walk.see(0.5 + 0.02 * math.sin(2 * math.pi * 0.5 * i * 0.025), 1.4)
    assert abs(walk.position.position_m - 0.5) < 0.05


@pytest.mark.parametrize(("speed_m_s", "within_s"), [(0.447, 0.35), (0.894, 0.30)])
def test_a_standstill_shows_in_the_velocity_at_once(speed_m_s: float, within_s: float) -> None:
    walk = Walk()
    random = Random(5)
    for i in range(800):
        walk.see(0.5 + 0.012 * math.sin(2 * math.pi * 1.4 * i * 0.025) + random.gauss(0, 0.01), 1.4)
    start_ns = walk.t_ns
    at_m = 0.5
    while walk.position.velocity_m_s < 0.5 * speed_m_s:
        at_m += speed_m_s * 0.025
        walk.see(at_m + random.gauss(0, 0.01), 1.4)
        assert (walk.t_ns - start_ns) * 1e-9 < within_s


@pytest.mark.parametrize("noise_m", [0.004, 0.012, 0.025])
def test_the_noise_of_the_readings_is_learned(noise_m: float) -> None:
    walk = Walk()
    random = Random(6)
    for _ in range(1200):
        walk.see(0.5 + random.gauss(0, noise_m))
    learned_m = math.sqrt(walk.position._noise_m2)
    assert learned_m == pytest.approx(max(noise_m, PositionParams().noise_min_m), rel=0.35)


@pytest.mark.parametrize("period_ms", [20, 25, 33, 50])
def test_noisy_readings_at_any_rate_are_not_thrown_away(period_ms: int) -> None:
    walk = Walk(period_ms=period_ms)
    random = Random(7)
    for _ in range(2000):
        walk.see(0.5 + random.gauss(0, 0.02))
    assert walk.position.rejected < 20
    assert walk.position.known


def test_faults_and_silence_keep_the_last_number_only_until_it_is_too_old() -> None:
    walk = Walk()
    walk.stand()
    for fault in Fault:
        walk.t_ns += 5 * MS
        walk.position.update(walk.t_ns, fault, None)
    assert walk.position.known
    walk.position.update(walk.t_ns + 150 * MS, Fault.NO_TARGET, None)
    assert not walk.position.known
    for _ in range(3):
        walk.see(0.52)
    assert walk.position.known


@pytest.mark.parametrize(("params", "home_m"), [(PositionParams(), 0.5), (PositionParams(mount="rear"), 0.9)])
def test_a_hand_that_stays_and_goes_moves_the_place_but_never_the_velocity(
    params: PositionParams, home_m: float
) -> None:
    """The rig's walkers were stopped by it: a metre a second, out of one hand after another."""
    walk = Walk(params, period_ms=20)
    walk.stand(seconds=8.0, noise_m=0.004)
    fastest = 0.0
    for distance_m in [0.32] * 9 + [0.5] * 20:
        walk.see(distance_m)
        fastest = max(fastest, abs(walk.position.velocity_m_s))
    assert walk.position.position_m == pytest.approx(home_m, abs=0.01)
    assert fastest < 0.12


def found_again(first_m: float, last_m: float, readings: int, mount: Literal["front", "rear"]) -> Walk:
    """Six seconds at 0.5 m, then the sensor sees nothing for 20 ms, and then readings from first to last."""
    walk = Walk(PositionParams(mount=mount), period_ms=20)
    walk.stand(0.5, seconds=6.0, noise_m=0.0005)
    walk.t_ns += 20 * MS
    for k in range(readings):
        walk.see(first_m + (last_m - first_m) * k / (readings - 1))
    return walk


@pytest.mark.parametrize(
    ("moved_m", "sure_m_s"), [(0.0599, 0.1), (0.0601, 0.3), (-0.0599, 0.1), (-0.0601, 0.3)]
)
def test_a_hand_that_stays_leaves_the_velocity_as_sure_as_it_was_and_one_that_moves_does_not(
    moved_m: float, sure_m_s: float
) -> None:
    position = found_again(0.3, 0.3 + moved_m, 6, "front").position  # 100 ms
    assert (position.position_m, position.velocity_sigma_m_s) == (0.3 + moved_m, sure_m_s)
    assert position.velocity_m_s == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(("way_m", "sure_m_s"), [(0.0899, 0.3), (0.0901, 0.1)])
def test_where_a_belt_can_have_carried_the_walker_the_velocity_is_open(way_m: float, sure_m_s: float) -> None:
    """3 cm of noise and 1.5 m/s for the 40 ms since the last reading: 9 cm."""
    walk = found_again(0.5, 0.5, 2, "front")
    walk.t_ns += 20 * MS
    first_m = walk.position._seen_m + way_m
    for _ in range(4):
        walk.see(first_m)
    assert (walk.position.position_m, walk.position.velocity_sigma_m_s) == (first_m, sure_m_s)


CARRIED_M = 0.03 + 1.5 * 20 * MS * 1e-9  # in 20 ms, to the last bit


@pytest.mark.parametrize(
    ("way_m", "held_ms"),
    [
        (CARRIED_M - 1e-9, 60),
        (CARRIED_M, 60),
        (CARRIED_M + 1e-9, 100),
        (-0.03 + 1e-9, 60),
        (-0.03, 60),
        (-0.03 - 1e-9, 100),
    ],
)
def test_nearer_readings_that_begin_where_a_belt_carries_to_are_believed_as_soon_as_farther_ones(
    way_m: float, held_ms: int
) -> None:
    """3 cm of noise either way, and 1.5 m/s for the 20 ms since the last reading."""
    position = Position(PositionParams(), 200.0)
    position.known, position._t_ns, position._seen_m = True, 980 * MS, 0.0
    took_ms = 0
    for took_ms in range(0, 200, 20):
        position._doubt((1000 + took_ms) * MS, way_m, True)
        if position._doubt_n == 0:
            break
    assert took_ms == held_ms


@pytest.mark.parametrize(
    ("moved_m", "sure_m_s"),
    [(0.06, 0.1), (0.06 + 1e-9, 0.3), (-0.06, 0.1), (-0.06 - 1e-9, 0.3)],
)
def test_readings_that_wander_by_just_the_scatter_of_two_of_them_stand(
    moved_m: float, sure_m_s: float
) -> None:
    position = Position(PositionParams(), 200.0)
    position.known, position._t_ns, position._seen_m = True, 980 * MS, 0.5
    for took_ms in range(0, 80, 20):
        position._doubt((1000 + took_ms) * MS, 0.0, True)
    position._doubt(1090 * MS, moved_m, True)
    assert (position.position_m, position.velocity_sigma_m_s) == (moved_m, sure_m_s)


@pytest.mark.parametrize("mount", ["front", "rear"])
@pytest.mark.parametrize("dark_ms", [0, 40, 100])
def test_a_person_who_is_carried_off_is_followed_from_either_end(
    mount: Literal["front", "rear"], dark_ms: int
) -> None:
    """At 0.9 m/s at once, which no foot does; a sensor at the rear took half as long again for it."""
    walk = Walk(PositionParams(mount=mount), period_ms=20)
    walk.stand(0.7, noise_m=0.01)
    walk.t_ns += dark_ms * MS
    for k in range(1, 13):
        carried_m = 0.9 * (dark_ms / 1000 + 0.02 * k)
        walk.see(0.7 + carried_m if mount == "front" else 0.7 - carried_m)
    assert walk.position.velocity_m_s == pytest.approx(0.8, abs=0.05)


HANDS_M = {
    "one hand after another": [0.341, 0.322, 0.339, 0.413, 0.409, 0.418, 0.425, 0.428],
    "a hand that slides off": [0.503, 0.463, 0.481, 0.405, 0.399, 0.39, 0.382, 0.38],
    "a hand, and then the body": [0.36, 0.368, 0.49, 0.566, 0.572],
}


@pytest.mark.parametrize(
    ("mount", "hand"),
    # Slid off toward a sensor at the rear, a hand looks like a body that is carried: that must be believed.
    [("front", hand) for hand in HANDS_M] + [("rear", hand) for hand in HANDS_M if "slides" not in hand],
)
def test_no_hand_becomes_a_velocity(mount: Literal["front", "rear"], hand: str) -> None:
    """Each stopped a walker of the rig: 0.4 to 1.4 m/s out of nothing."""
    walk = Walk(PositionParams(mount=mount), period_ms=20)
    walk.stand(0.56, seconds=8.0, noise_m=0.006)
    fastest = 0.0
    for distance_m in [*HANDS_M[hand], *[0.56] * 20]:
        walk.see(distance_m)
        fastest = max(fastest, abs(walk.position.velocity_m_s))
    assert fastest < 0.16


CONSTANTS = {
    "TREND_S": 0.12,
    "FAR_HOLD_S": 0.06,
    "NEAR_HOLD_S": 0.09,
    "MOST_M2": 0.04**2,
    "HAND_NS": 100_000_000,
    "_CALM": 0.9,
    "_MIN_SWAY_M": 0.003,
    "_AGREE_M_S": 2.5,
    "_CARRIED_M_S": 1.5,
    "_CARRIED_M": 0.03,
}


def test_no_default_changes_unseen() -> None:
    """The stops were measured with these; a figure that moves unseen makes those measurements untrue."""
    assert asdict(PositionParams()) == {
        "mount": "front",
        "zero_m": 0.0,
        "half_body_m": 0.0,
        "deck_length_m": 1.4,
        "direction": "normal",
        "max_age_s": 0.15,
        "noise_m": 0.015,
        "noise_min_m": 0.006,
        "noise_max_m": 0.035,
        "calm_m2_s3": 0.004,
        "sudden_m2_s3": 0.3,
        "sway_m": 0.012,
        "sway_max_m": 0.022,
        "sway_tau_s": 5.0,
        "far_sigma": 5.0,
        "near_sigma": 3.5,
        "hand_sigma": 2.0,
        "beyond_m": 0.25,
    }


def test_no_constant_changes_unseen() -> None:
    assert {name: getattr(module, name) for name in CONSTANTS} == CONSTANTS


def test_at_power_on_nothing_is_known_held_or_learned() -> None:
    """The whole state by name: what an incident saved has to mean the same in a new object."""
    assert save(Position(PositionParams(), 200.0)) == {
        "_P": {"tuple": []},
        "_base_m": 0.0,
        "_before_m_s": 0.0,
        "_boost": 0.0,
        "_count": -1,
        "_doubt_first_m": 0.0,
        "_doubt_carried": False,
        "_doubt_m": 0.0,
        "_doubt_n": 0,
        "_doubt_ns": 0,
        "_doubt_since_ns": 0,
        "_hand_ns": 0,
        "_near_until_ns": 0,
        "_noise_m2": 0.015**2,
        "_offset_m": 0.0,
        "_phase_rad": 0.0,
        "_pull_rad_s": 0.0,
        "_seen_m": 0.0,
        "_seen_s": 0.0,
        "_sign": 1.0,
        "_sway": {"tuple": [0.0, 0.0, 0.0, 0.0]},
        "_t_ns": 0,
        "_trend": 0.0,
        "age_s": 1000000000.0,
        "beyond": False,
        "hand": False,
        "known": False,
        "position_m": 0.0,
        "rejected": 0,
        "velocity_m_s": 0.0,
        "velocity_sigma_m_s": 1.0,
    }


class Plain:
    """The whole of position.py once more, with matrices and without care for speed."""

    def __init__(self, p: PositionParams, sign: float) -> None:
        self.p, self.sign = p, sign
        self.x, self.P = np.zeros(6), np.zeros((6, 6))
        self.noise, self.phase, self.pull, self.boost, self.trend, self.seen_s = (
            p.noise_m**2,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
        )
        self.t = self.hand_ns = self.near_until_ns = self.rejected = 0
        self.doubts: list[tuple[int, float]] = []
        self.known = self.carried = False
        self.seen = self.before = 0.0

    def update(self, t: int, seen: float, cadence: float | None) -> None:
        self.reading(t, seen, cadence)
        if self.t and (t - self.t) / 1e9 > 0.15:
            self.known = False

    def reading(self, t: int, seen: float, cadence: float | None) -> None:
        p, dt = self.p, (t - self.t) * 1e-9
        if not -0.25 <= seen <= p.deck_length_m + 0.25:
            self.rejected += 1
            return
        if not self.known:
            self.doubt(t, seen, False)
            return
        f, h = np.eye(6), np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
        f[0, 1] = dt
        more = np.zeros((6, 6))
        q = p.calm_m2_s3 + self.boost * p.sudden_m2_s3
        more[:2, :2] = q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
        phase = self.phase
        if cadence is not None:
            free = 2.0 * p.sway_m**2 / p.sway_tau_s * dt
            more[2:, 2:] = np.diag([free, free, 0.16 * free, 0.16 * free])
            phase = (phase + (2.0 * math.pi * cadence + self.pull) * dt) % (4.0 * math.pi)
            h[2:] = [math.cos(phase), math.sin(phase), math.cos(0.5 * phase), math.sin(0.5 * phase)]
        x, big = f @ self.x, f @ self.P @ f.T + more
        s, y = h @ big @ h + self.noise, seen - h @ x
        sigma, farther = math.sqrt(s), y * self.sign
        if farther > 0.05 and t < self.near_until_ns:
            self.doubts = []
            self.x[1] = self.before
            self.place(t, seen, 0.1)
            return
        near = 3.5 if t > self.hand_ns else 2.0
        if farther > 5.0 * sigma or farther < -near * sigma:
            self.rejected += 1
            self.learn(min(y * y, 0.04**2) - s, dt)
            self.doubt(t, seen, farther < 0.0)
            return
        self.doubts, self.t, self.phase, self.seen = [], t, phase, seen
        k = big @ h / s
        (s2, s3), (t2, t3) = self.x[2:4], (k * y)[2:4]
        self.x, self.P = x + k * y, big - np.outer(k, h @ big)
        for part, most in ((slice(2, 4), p.sway_max_m), (slice(4, 6), 0.5 * p.sway_max_m)):
            self.x[part] *= min(1.0, most / max(1e-12, float(np.linalg.norm(self.x[part]))))
        power = s2**2 + s3**2
        if cadence is not None and power > 0.003**2:
            pull = self.pull * (1.0 - 0.05 * dt) - 0.6 * (s2 * t3 - s3 * t2) / power
            self.pull = min(max(pull, -1.5 * cadence), 1.5 * cadence)
        keep = math.exp(-dt / 0.12)
        self.trend = keep * self.trend + (1.0 - keep) * y / sigma
        over = abs(self.trend) - 0.9
        self.boost = min(max(over, 0.0), 1.0)
        if over <= 0.0:
            self.learn(y * y - s, dt)

    def learn(self, more: float, dt: float) -> None:
        self.seen_s += dt
        noise = self.noise + more * dt / (3.0 if self.seen_s > 3.0 else 0.7)
        self.noise = min(max(noise, self.p.noise_min_m**2), self.p.noise_max_m**2)

    def doubt(self, t: int, seen: float, nearer: bool) -> None:
        if self.doubts:
            gap_s = (t - self.doubts[-1][0]) * 1e-9
            if gap_s > 0.15 or abs(seen - self.doubts[-1][1]) > 0.05 + 2.5 * gap_s:
                self.doubts = []
        if not self.doubts:
            self.carried = -0.03 <= seen - self.seen <= 0.03 + 1.5 * (t - self.t) * 1e-9
        self.doubts.append((t, seen))
        hand = nearer and not self.carried
        self.hand_ns = t + 100 * MS if hand else self.hand_ns
        since_s = (t - self.doubts[0][0]) * 1e-9
        if len(self.doubts) < 3 or (self.known and since_s < (0.09 if hand else 0.06)):
            return
        self.seen_s = self.seen_s if self.known else 0.0
        stayed = abs(seen - self.doubts[0][1]) <= 0.06
        sigma = 0.1 if self.known and stayed and not self.carried else 0.3
        if nearer:
            self.near_until_ns, self.before = t + 400 * MS, float(self.x[1])
        self.x[1] = self.x[1] if self.known else 0.0
        self.known, self.doubts = True, []
        self.place(t, seen, sigma)

    def place(self, t: int, seen: float, sigma: float) -> None:
        velocity = float(self.x[1])
        self.x = np.array([seen, velocity, 0.0, 0.0, 0.0, 0.0])
        w = self.p.sway_m**2
        self.P = np.diag([self.p.noise_m**2, sigma**2, w, w, 0.16 * w, 0.16 * w])
        self.t, self.seen, self.trend, self.boost = t, seen, 0.0, 0.0


@pytest.mark.parametrize("mount", ["front", "rear"])
@pytest.mark.parametrize("seed", [1, 2])
def test_it_is_what_the_same_rules_give_with_matrices(mount: str, seed: int) -> None:
    """Sways of many sizes and times, hands, jumps, sudden motion, silences, noise that comes and goes."""
    params = PositionParams(mount="front" if mount == "front" else "rear")
    position, random = Position(params, 200.0), Random(seed)
    plain = Plain(params, 1.0 if mount == "front" else -1.0)
    t_ns, place, velocity, noise, cadence, sway, hand, real = 0, 0.6, 0.0, 0.01, None, 0.0, 0, 1.0
    for n in range(1500):
        t_ns += random.choice([20, 25, 25, 25, 25, 33, 50]) * MS
        if n % 60 == 0:
            noise = random.choice([0.002, 0.01, 0.03, 0.06])
            cadence = random.choice([None, 0.8, 1.5, 2.4])
            sway, real = random.choice([0.0, 0.01, 0.04]), random.choice([0.5, 0.8, 1.0, 1.3, 2.0])
            velocity = random.choice([0.0, 0.0, 0.05, -0.3, 0.5])
            hand = random.choice([0, 0, 3, 8])
            t_ns += random.choice([0, 0, 70, 120, 150, 300]) * MS
        hand -= 1
        if not 0.2 < place < 1.2:
            place, velocity = 0.6, 0.0
        place += velocity * 0.025
        swing = sway * math.sin(2 * math.pi * (cadence or 1.5) * real * t_ns * 1e-9)
        seen = place + swing + random.gauss(0.0, noise) - (0.2 if hand > 0 else 0.0)
        distance_m = seen if mount == "front" else params.deck_length_m - seen
        position.update(t_ns, RangeSample(t_ns, distance_m, n % 256), cadence)
        plain.update(t_ns, position._offset_m + position._sign * distance_m, cadence)
        assert (position.known, position.rejected) == (plain.known, plain.rejected), n
        if plain.known:
            mine = (
                position._base_m,
                position.velocity_m_s,
                *position._sway,
                position._pull_rad_s,
                position._boost,
            )
            assert mine == pytest.approx((*plain.x, plain.pull, plain.boost), abs=1e-6), n
            assert position._noise_m2 == pytest.approx(plain.noise, rel=1e-6)
            assert math.cos(0.5 * (position._phase_rad - plain.phase)) == pytest.approx(1.0, abs=1e-6)
            assert 0.0 <= position._phase_rad <= 4.0 * math.pi


@pytest.mark.parametrize(
    ("seen_m", "beyond", "rejected"),
    [(1.75, False, 0), (1.7500001, True, 1), (-0.25, False, 0), (-0.2500001, False, 1)],
)
def test_a_reading_on_the_bound_of_the_deck_may_still_be_a_person(
    seen_m: float, beyond: bool, rejected: int
) -> None:
    position = Position(PositionParams(deck_length_m=1.5), 200.0)
    position.update(MS, RangeSample(MS, seen_m, 1), None)
    assert (position.beyond, position.rejected) == (beyond, rejected)


def test_before_the_first_place_there_is_no_age() -> None:
    position = Position(PositionParams(), 200.0)
    position.update(MS, None, None)
    assert (position.age_s, position.known) == (1e9, False)


def test_a_second_reading_at_the_same_time_is_not_taken() -> None:
    walk = Walk()
    walk.stand()
    before = save(walk.position)
    walk.position.update(walk.t_ns, RangeSample(walk.t_ns, 0.505, 255 - walk.count), None)
    assert {**save(walk.position), "_count": before["_count"]} == before


def test_a_place_just_found_is_sure_of_its_velocity_to_a_third_of_a_metre_a_second() -> None:
    walk = Walk()
    for _ in range(3):
        walk.see(0.5)
    assert (walk.position.velocity_m_s, walk.position.velocity_sigma_m_s) == (0.0, 0.3)


@pytest.mark.parametrize(
    ("gap_ms", "step_m", "joins"),
    [(149, 0.0, True), (151, 0.0, False), (100, 0.2999, True), (100, 0.3001, False), (20, 0.101, False)],
)
def test_readings_agree_when_a_body_could_have_moved_so_far_so_soon(
    gap_ms: int, step_m: float, joins: bool
) -> None:
    position = Position(PositionParams(), 200.0)
    position._doubt(MS, 0.5, False)
    position._doubt((1 + gap_ms) * MS, 0.5 + step_m, False)
    assert position._doubt_n == (2 if joins else 1)


def test_readings_that_differ_by_just_what_a_body_can_move_agree() -> None:
    position = Position(PositionParams(), 200.0)
    position._doubt(100 * MS, 0.0, False)
    position._doubt(200 * MS, 0.05 + 2.5 * (100 * MS * 1e-9), False)
    assert position._doubt_n == 2


def test_a_trend_of_just_the_calm_one_is_still_noise() -> None:
    walk = Walk()
    for _ in range(3):
        walk.see(0.5)
    keep = math.exp(-(25 * MS * 1e-9) / module.TREND_S)
    trend = 0.9 / keep
    while keep * trend != 0.9:
        trend = math.nextafter(trend, 0.0 if keep * trend > 0.9 else 2.0)
    walk.position._trend = trend
    walk.see(0.5)  # no surprise at all
    assert walk.position._trend == 0.9
    assert (walk.position._boost, walk.position._seen_s) == (0.0, pytest.approx(0.025))


@pytest.mark.parametrize(("nearer", "last_ms"), [(False, 60), (True, 90)])
def test_readings_that_held_for_just_the_time_asked_are_believed(nearer: bool, last_ms: int) -> None:
    position = Position(PositionParams(), 200.0)
    position.known = True
    for t_ms in (0, last_ms // 2, last_ms - 1):
        position._doubt(t_ms * MS, 0.5, nearer)
        assert position.position_m == 0.0
    position._doubt(last_ms * MS, 0.5, nearer)
    assert position.position_m == 0.5


def test_a_sway_of_just_the_least_size_has_no_phase_to_follow() -> None:
    walk = Walk()
    for _ in range(3):
        walk.see(0.5)
    walk.position._sway = (module._MIN_SWAY_M, 0.0, 0.0, 0.0)
    walk.position._pull_rad_s = 1.0
    walk.see(0.5, 1.5)
    assert walk.position._pull_rad_s == 1.0


@pytest.mark.parametrize(("seen_s", "over_s"), [(2.0, 0.7), (2.0001, 3.0)])
def test_noise_is_learned_quickly_for_three_seconds(seen_s: float, over_s: float) -> None:
    position = Position(PositionParams(), 200.0)
    position._seen_s = seen_s
    position._learn_noise(1e-5, 1.0)
    assert position._noise_m2 == pytest.approx(0.015**2 + 1e-5 / over_s)


@pytest.mark.parametrize("nearer_m", [0.035, 0.0399, 0.04, 0.0401, 0.3])
def test_a_rejected_reading_is_noise_of_its_own_size_and_of_four_centimetres_at_most(
    nearer_m: float,
) -> None:
    noise_m2 = []
    for short_m in (0.03, nearer_m):
        walk = Walk(period_ms=20)
        walk.stand(seconds=6.0, noise_m=0.0005)
        rejected = walk.position.rejected
        walk.see(walk.position._base_m + 0.02 * walk.position.velocity_m_s - short_m)
        assert walk.position.rejected == rejected + 1
        noise_m2.append(walk.position._noise_m2)
    more_m2 = (min(nearer_m, 0.04) ** 2 - 0.03**2) * 0.02 / 3.0
    assert noise_m2[1] - noise_m2[0] == pytest.approx(more_m2, rel=1e-6)


def test_a_small_jump_away_from_the_sensor_is_believed_as_soon_as_a_large_one() -> None:
    walk = Walk(period_ms=20)
    walk.stand(seconds=6.0, noise_m=0.002)
    rejected = walk.position.rejected
    for _ in range(4):
        walk.see(0.59)
    assert walk.position.rejected - rejected == 4
    assert (walk.position._base_m, walk.position.velocity_sigma_m_s) == (0.59, 0.1)


@pytest.mark.parametrize(("after_ms", "hand"), [(380, True), (395, True), (400, False), (405, False)])
def test_a_place_found_nearer_by_a_jump_may_be_a_hands_until_one_would_have_gone(
    after_ms: int, hand: bool
) -> None:
    walk = Walk(period_ms=20)
    walk.stand(0.6, seconds=6.0, noise_m=0.002)
    for n in range(6):
        assert not walk.position.hand, n
        walk.see(0.45)
    assert walk.position.hand
    for _ in range(after_ms // 20 - 1):
        walk.see(0.45)
    walk.position.update(walk.position._near_until_ns - (400 - after_ms) * MS, None, None)
    assert walk.position.hand is hand


def test_a_place_that_ends_by_a_farther_reading_was_a_hands_and_is_none_any_more() -> None:
    walk = Walk(period_ms=20)
    walk.stand(0.6, seconds=6.0, noise_m=0.002)
    for _ in range(6):
        walk.see(0.45)
    walk.see(0.6)
    assert not walk.position.hand
    assert walk.position.position_m == 0.6


@pytest.mark.parametrize("mount", ["front", "rear"])
def test_the_slowest_sensor_is_not_called_silent_for_a_hand_of_a_tenth_of_a_second(mount: str) -> None:
    """Four readings of 33 ms: the last of them gives a place before 150 ms have gone by without any."""
    walk = Walk(PositionParams(mount="front" if mount == "front" else "rear"), period_ms=33)
    walk.stand(0.7, seconds=6.0, noise_m=0.008)
    for seen_m in (0.5, 0.5, 0.5, 0.5, 0.7):
        walk.see(seen_m)
        walk.position.update(walk.t_ns + 32 * MS, None, None)
        assert walk.position.known
    assert walk.position.position_m == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize("hand_m", [0.06, 0.07, 0.08, 0.10, 0.15])
@pytest.mark.parametrize("period_ms", [20, 33])
@pytest.mark.parametrize("mount", ["front", "rear"])
def test_a_hand_that_comes_and_goes_leaves_no_velocity_behind(
    mount: str, period_ms: int, hand_m: float
) -> None:
    """Behind the walker's back 6 to 8 cm nearer is where a belt could have carried them: believed after 60 ms."""
    params = PositionParams(mount="front" if mount == "front" else "rear")
    for readings in range(1, 5):
        walk = Walk(params, period_ms)
        walk.stand(0.7, seconds=6.0, noise_m=0.008)
        for _ in range(readings):
            walk.see(0.7 - hand_m)
        for _ in range(10):
            walk.see(0.7)
            assert abs(walk.position.velocity_m_s) < 0.2, readings
        assert walk.position.position_m == pytest.approx(0.7, abs=0.02)


def test_after_a_nearer_place_the_velocity_is_again_what_it_was_before() -> None:
    position = Position(PositionParams(mount="rear"), 200.0)
    position.known = True
    position._place(MS, 0.5, 0.1)
    position.velocity_m_s = 0.07
    for n in range(4):
        position._doubt((21 + 20 * n) * MS, 0.5 + 0.03 + 0.02 * n, True)
    assert (position._base_m, position.velocity_sigma_m_s) == (0.5 + 0.03 + 0.06, 0.3)
    assert not position.hand
    position.velocity_m_s = 0.4
    position._reading(101 * MS, 0.5, None)
    assert (position._base_m, position.velocity_m_s) == (0.5, 0.07)


@pytest.mark.parametrize("first", [True, False])
def test_a_place_found_farther_or_for_the_first_time_is_nobodys_hand(first: bool) -> None:
    walk = Walk(period_ms=20)
    if not first:
        walk.stand(0.6, seconds=6.0, noise_m=0.002)
    for _ in range(7):
        walk.see(0.9)
    assert (walk.position.known, walk.position.hand) == (True, False)
    assert walk.position.position_m == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(("farther_m", "back"), [(0.05 - 1e-9, False), (0.05, False), (0.05 + 1e-9, True)])
def test_only_what_is_farther_than_a_hand_from_the_body_ends_a_nearer_place(
    farther_m: float, back: bool
) -> None:
    position = Position(PositionParams(), 200.0)
    position.known = True
    position._place(MS, 0.0, 0.1)
    position._near_until_ns = 1000 * MS
    position._reading(21 * MS, farther_m, None)
    assert (position._base_m == farther_m) is back


@pytest.mark.parametrize(
    ("farther_m", "after_ms", "back"), [(0.051, 380, True), (0.049, 380, False), (0.051, 400, False)]
)
def test_a_farther_reading_soon_after_a_nearer_place_was_believed_ends_that_place(
    farther_m: float, after_ms: int, back: bool
) -> None:
    """Nothing sees through a body: the nearer thing was a hand."""
    walk = Walk(period_ms=20)
    walk.stand(0.6, seconds=6.0, noise_m=0.002)
    for _ in range(6):
        walk.see(0.45)
    assert walk.position.position_m == 0.45
    velocity = walk.position.velocity_m_s
    for _ in range(after_ms // 20 - 1):
        walk.see(0.45)
    at_m = walk.position.position_m
    walk.see(at_m + farther_m)
    assert (walk.position.position_m == pytest.approx(at_m + farther_m, abs=1e-9)) is back
    if back:
        assert walk.position.velocity_m_s == pytest.approx(velocity, abs=0.02)
        assert walk.position.velocity_sigma_m_s == 0.1
