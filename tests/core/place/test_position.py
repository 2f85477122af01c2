"""Position and velocity out of whole series of readings, and the limits of deck and age one step each side."""

import math
from random import Random
from typing import Literal

import pytest

from firmware_py.core.deck.params import PositionParams
from firmware_py.core.place.gate import FAR_HOLD_NS, NEAR_HOLD_NS
from firmware_py.core.place.position import Position
from sensors.samples import Fault, RangeSample

MS = 1_000_000


class Walk:
    """Feeds readings every 25 ms of a given place."""

    def __init__(self, params: PositionParams | None = None, period_ms: int = 25) -> None:
        self.position = Position(params or PositionParams())
        self.period_ns = period_ms * MS
        self.t_ns = 0
        self.count = 0
        self.last_m = 0.0

    def see(self, distance_m: float, cadence_hz: float | None = None) -> Position:
        self.t_ns += self.period_ns
        self.count = (self.count + 1) % 256
        self.last_m = distance_m
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


@pytest.mark.parametrize(("jump_m", "hold_s"), [(0.3, FAR_HOLD_NS * 1e-9), (-0.3, NEAR_HOLD_NS * 1e-9)])
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
    first_m = walk.last_m + way_m
    for _ in range(4):
        walk.see(first_m)
    assert (walk.position.position_m, walk.position.velocity_sigma_m_s) == (first_m, sure_m_s)


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


@pytest.mark.parametrize(
    ("seen_m", "beyond", "rejected"),
    [(1.75, False, 0), (1.7500001, True, 1), (-0.25, False, 0), (-0.2500001, False, 1)],
)
def test_a_reading_on_the_bound_of_the_deck_may_still_be_a_person(
    seen_m: float, beyond: bool, rejected: int
) -> None:
    position = Position(PositionParams(deck_length_m=1.5))
    position.update(MS, RangeSample(MS, seen_m, 1), None)
    assert (position.beyond, position.rejected) == (beyond, rejected)


def test_before_the_first_place_there_is_no_age() -> None:
    position = Position(PositionParams())
    position.update(MS, None, None)
    assert (position.age_s, position.known) == (1e9, False)


def test_a_place_just_found_is_sure_of_its_velocity_to_a_third_of_a_metre_a_second() -> None:
    walk = Walk()
    for _ in range(3):
        walk.see(0.5)
    assert (walk.position.velocity_m_s, walk.position.velocity_sigma_m_s) == (0.0, 0.3)


def test_a_small_jump_away_from_the_sensor_is_believed_as_soon_as_a_large_one() -> None:
    walk = Walk(period_ms=20)
    walk.stand(seconds=6.0, noise_m=0.002)
    rejected = walk.position.rejected
    for _ in range(4):
        walk.see(0.59)
    assert walk.position.rejected - rejected == 4
    assert (walk.position.position_m, walk.position.velocity_sigma_m_s) == (0.59, 0.1)


@pytest.mark.parametrize(("after_ms", "hand"), [(380, True), (395, True), (400, False), (405, False)])
def test_a_place_found_nearer_by_a_jump_may_be_a_hands_until_one_would_have_gone(
    after_ms: int, hand: bool
) -> None:
    walk = Walk(period_ms=20)
    walk.stand(0.6, seconds=6.0, noise_m=0.002)
    while not walk.position.may_be_hand:
        assert walk.see(0.45).rejected < 7
    found_ns = walk.t_ns
    for _ in range(after_ms // 20 - 1):
        walk.see(0.45)
    walk.position.update(found_ns + after_ms * MS, None, None)
    assert walk.position.may_be_hand is hand


def test_a_place_that_ends_by_a_farther_reading_was_a_hands_and_is_none_any_more() -> None:
    walk = Walk(period_ms=20)
    walk.stand(0.6, seconds=6.0, noise_m=0.002)
    for _ in range(6):
        walk.see(0.45)
    walk.see(0.6)
    assert not walk.position.may_be_hand
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


@pytest.mark.parametrize("first", [True, False])
def test_a_place_found_farther_or_for_the_first_time_is_nobodys_hand(first: bool) -> None:
    walk = Walk(period_ms=20)
    if not first:
        walk.stand(0.6, seconds=6.0, noise_m=0.002)
    for _ in range(7):
        walk.see(0.9)
    assert (walk.position.known, walk.position.may_be_hand) == (True, False)
    assert walk.position.position_m == pytest.approx(0.9, abs=0.01)


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


@pytest.mark.parametrize("mount", ["front", "rear"])
def test_after_a_nearer_place_the_velocity_is_again_what_it_was_before(
    mount: Literal["front", "rear"],
) -> None:
    """A hand whose place was believed, and from which the filter made a motion, goes."""
    walk = Walk(PositionParams(mount=mount), period_ms=20)
    toward_rear = 1.0 if mount == "front" else -1.0
    for i in range(400):
        walk.see(0.7 + toward_rear * 0.05 * 0.02 * i)
    before_m_s, at_m = walk.position.velocity_m_s, walk.last_m
    assert before_m_s == pytest.approx(0.05, abs=0.005)
    for k in range(15):
        walk.see(at_m - 0.2 + (0.01 * (k - 5) if k > 5 else 0.0))
    assert abs(walk.position.velocity_m_s - before_m_s) > 0.1
    walk.see(at_m)
    assert walk.position.velocity_m_s == before_m_s
    assert walk.position.velocity_sigma_m_s == 0.1


def test_a_rejected_reading_is_noise_of_its_own_size_and_of_four_centimetres_at_most() -> None:
    """Noise shows in how far the next reading moves the place."""

    def moved_m(short_m: float) -> float:
        walk = Walk(period_ms=20)
        walk.stand(seconds=6.0, noise_m=0.0005)
        rejected = walk.position.rejected
        expected_m = walk.position.position_m + 0.02 * walk.position.velocity_m_s
        walk.see(expected_m - short_m)
        assert walk.position.rejected == rejected + 1
        return walk.see(expected_m + 0.002).position_m - expected_m

    assert moved_m(0.3) == pytest.approx(moved_m(0.04), abs=1e-9)
    assert moved_m(0.0401) == pytest.approx(moved_m(0.04), abs=1e-9)
    assert moved_m(0.04) < moved_m(0.038) - 1e-7 < moved_m(0.036) - 2e-7


def test_a_second_reading_at_the_same_time_is_not_taken() -> None:
    walk, twin = Walk(), Walk()
    walk.stand()
    twin.stand()
    walk.position.update(walk.t_ns, RangeSample(walk.t_ns, 0.505, 255 - walk.count), None)
    for other in (walk, twin):
        other.t_ns += 25 * MS
        other.position.update(other.t_ns, RangeSample(other.t_ns, 0.502, 99), None)
    assert walk.position == twin.position


def test_a_found_place_learns_its_noise_anew_and_a_place_found_again_does_not() -> None:
    """A sensor that was covered for long may see something else: the first seconds learn quickly once more."""
    moved = []
    for silent_ms in (0, 400):
        walk = Walk()
        walk.stand(seconds=20.0, noise_m=0.002)
        walk.t_ns += silent_ms * MS
        for _ in range(3):
            walk.see(0.5)
        random = Random(8)
        for _ in range(40):
            walk.see(0.5 + random.uniform(-0.02, 0.02))
        before_m = walk.position.position_m
        walk.see(before_m + 0.02)
        moved.append(walk.position.position_m - before_m)
    assert moved[1] < moved[0]
