"""The one rule at its limit, what moves the limit, and synthetic falls through attitude, gait and balance together."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from math import cos, pi, radians, sin
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from firmware_py.core.body.attitude import Attitude, AttitudeParams
from firmware_py.core.body.evidence import Ramp, SignsParams, read
from firmware_py.core.body.fall import Balance, BalanceParams
from firmware_py.core.body.gait import Gait, GaitParams
from firmware_py.core.frame import Cause, Finding, Phase, Signal
from firmware_py.core.state import save
from sensors.samples import ImuSample, Vec3

NO_SIGNS = SignsParams(least=1.0, most=1.0, hardly=Ramp(8.0, 9.0, 0.0))
# Round figures that keep each effect by itself and within floor and ceiling; what is shipped is asked further down.
P = BalanceParams(
    vigour_tau_s=0.65,
    vigour_s=0.34,
    lean_m_s=0.75,
    sunk_per_s=1.2,
    soon_s=0.0,
    ahead_s=0.0,
    leap_share=0.6,
    thrown_share=0.8,
    floor_m_s=0.3,
    ceiling_m_s=2.0,
    margin_m_s=0.41,
    least_margin_m_s=0.37,
    own_extra_m_s=0.1,
    signs=NO_SIGNS,
)
DT_S = 0.005
STEP = 1e-6
G = 9.80665


class Hip:
    """What balance sees, set by hand."""

    def __init__(self, params: BalanceParams = P, phase: Phase = Phase.GUARDING) -> None:
        self.balance = Balance(params, 200.0)
        self.attitude: Any = SimpleNamespace(
            down_velocity_m_s=0.0,
            sideways_m_s=0.0,
            sinking_s=0.0,
            height_lost_m=0.0,
            tilt_rad=0.0,
            tilting_rad_s=0.0,
            tipping_rad_s=0.0,
            turning_rad_s=0.0,
            up_accel_m_s2=0.0,
        )
        self.gait: Any = SimpleNamespace(
            phase=phase, steps=0, upward_speed_m_s=0.0, swing_m_s=0.4, swing_of_usual=1.0
        )
        self.warned = False

    def tick(self, down: float = 0.0, tilt: float = 0.0, accel: float = 0.0) -> Finding | None:
        self.attitude.down_velocity_m_s = down
        self.attitude.tilt_rad = tilt
        self.attitude.up_accel_m_s2 = accel
        return self.balance.update(0, self.attitude, self.gait, self.warned, DT_S)

    def hold(
        self, seconds: float, down: float = 0.0, tilt: float = 0.0, accel: float = 0.0
    ) -> Finding | None:
        found = None
        for _ in range(round(seconds / DT_S)):
            found = self.tick(down, tilt, accel) or found
        return found

    def step(self, down: float) -> None:
        """One step of the walk whose largest downward velocity is given."""
        self.tick(down)
        self.gait.steps += 1
        self.tick(-0.1)

    @property
    def limit(self) -> float:
        self.tick()
        return self.balance.down_velocity_limit_m_s


@pytest.mark.parametrize("phase", [Phase.LEARNING, Phase.GUARDING])
def test_it_trips_above_the_limit_and_not_at_it(phase: Phase) -> None:
    limit = Hip(phase=phase).limit
    assert limit == P.margin_m_s
    assert Hip(phase=phase).hold(1.0, limit - STEP) is None
    assert Hip(phase=phase).hold(1.0, limit) is None
    found = Hip(phase=phase).hold(1.0, limit + STEP)
    assert found == Finding(Signal.DANGER, Cause.FALL, "down_velocity_m_s", limit + STEP, limit)


def test_it_trips_on_the_tick_that_completes_the_hold() -> None:
    hip = Hip()
    assert [hip.tick(9.0) is not None for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize(("rate_hz", "ticks"), [(50.0, 2), (100.0, 2), (200.0, 2), (238.0, 2), (400.0, 3)])
def test_a_fall_is_believed_after_so_many_samples_and_a_single_one_never(rate_hz: float, ticks: int) -> None:
    hip = Hip()
    hip.balance = Balance(P, rate_hz)
    hip.attitude.down_velocity_m_s = 9.0
    found = [hip.balance.update(0, hip.attitude, hip.gait, False, 1.0 / rate_hz) for _ in range(ticks)]
    assert [finding is not None for finding in found] == [False] * (ticks - 1) + [True]


@pytest.mark.parametrize("stumbles", ["stop", "warn"])
def test_a_sample_after_a_lost_one_is_still_one_sample(stumbles: Literal["stop", "warn"]) -> None:
    """However long the gap: two samples decide, and a single bad one stops nobody."""
    hip = Hip(replace(P, stumbles=stumbles))
    hip.attitude.down_velocity_m_s = 9.0
    assert hip.balance.update(0, hip.attitude, hip.gait, False, 4 * DT_S) is None
    assert hip.balance.warning is None
    assert hip.tick(9.0) is not None
    drained = Hip(replace(P, stumbles=stumbles))
    for down, dt_s in ((9.0, DT_S), (0.0, 8 * DT_S)):
        drained.attitude.down_velocity_m_s = down
        assert drained.balance.update(0, drained.attitude, drained.gait, False, dt_s) is None
    assert drained.tick(9.0) is not None, "nor does a gap forget more than a sample"


SOON = replace(P, soon_s=0.04)


@pytest.mark.parametrize(("accel", "later"), [(5.0, -0.2), (0.0, 0.0), (-5.0, 0.2), (-G, 0.04 * G)])
def test_what_is_judged_is_the_velocity_of_a_moment_later(accel: float, later: float) -> None:
    limit = Hip(replace(SOON, vigour_s=0.0)).limit
    for beyond in (-STEP, STEP):
        hip = Hip(replace(SOON, vigour_s=0.0))
        found = hip.hold(0.1, limit - later + beyond, accel=accel)
        assert (found is not None) is (beyond > 0.0)
        assert hip.balance.down_velocity_m_s == pytest.approx(limit + beyond)
        assert found is None or found.value == hip.balance.down_velocity_m_s


def test_the_moment_later_is_no_faster_than_free_fall() -> None:
    hip = Hip(SOON)
    hip.tick(0.1, accel=-3.0 * G)
    assert hip.balance.down_velocity_m_s == pytest.approx(0.1 + 0.04 * G)


def test_what_is_judged_is_known_while_nobody_walks() -> None:
    hip = Hip(SOON, Phase.WAITING)
    hip.tick(0.5, accel=-1.0)
    assert hip.balance.down_velocity_m_s == pytest.approx(0.54)


@pytest.mark.parametrize("down", [0.5, 2.0, 9.0])
def test_nothing_trips_while_nobody_walks(down: float) -> None:
    hip = Hip(phase=Phase.WAITING)
    assert hip.hold(2.0, down, 1.0) is None
    assert hip.balance.down_velocity_limit_m_s == P.ceiling_m_s


def test_what_was_held_while_nobody_walked_counts_for_nothing() -> None:
    hip = Hip()
    hip.tick(9.0)
    hip.gait.phase = Phase.WAITING
    hip.tick(9.0)
    hip.gait.phase = Phase.GUARDING
    assert hip.tick(9.0) is None


def test_tilt_lowers_the_limit_down_to_its_floor() -> None:
    hip = Hip()
    hip.tick(tilt=0.1)
    assert hip.balance.down_velocity_limit_m_s == pytest.approx(P.margin_m_s - 0.1 * P.lean_m_s)
    hip.tick(tilt=3.0)
    assert hip.balance.down_velocity_limit_m_s == P.floor_m_s


def test_more_tilt_than_the_most_says_no_more() -> None:
    limits = []
    for tilt in (P.most_lean_rad - 0.01, P.most_lean_rad, P.most_lean_rad + 0.01, 3.0):
        hip = Hip()
        hip.hold(20.0, accel=4.0, tilt=tilt)
        limits.append(hip.balance.down_velocity_limit_m_s)
    expected = P.margin_m_s + 4.0 * P.vigour_s - P.lean_m_s * P.most_lean_rad
    assert limits[0] == pytest.approx(expected + 0.01 * P.lean_m_s)
    assert limits[1:] == pytest.approx([expected] * 3)


def test_vigour_raises_the_limit_up_to_its_ceiling() -> None:
    hip = Hip()
    hip.hold(20.0, accel=1.0)
    assert hip.balance.down_velocity_limit_m_s == pytest.approx(P.margin_m_s + P.vigour_s)
    hip.hold(20.0, accel=50.0)
    assert hip.balance.down_velocity_limit_m_s == P.ceiling_m_s


@pytest.mark.parametrize("height_lost_m", [-0.05, 0.0, 0.05])
def test_each_centimetre_sunk_lowers_the_limit_and_each_risen_raises_it(height_lost_m: float) -> None:
    hip = Hip()
    hip.attitude.height_lost_m = height_lost_m
    assert hip.limit == pytest.approx(P.margin_m_s - P.sunk_per_s * height_lost_m)


def test_a_step_is_remembered_for_what_its_height_does_not_explain() -> None:
    hip = Hip(LEARNER)
    hip.attitude.height_lost_m = 0.05
    hip.step(0.2)
    hip.attitude.height_lost_m = 0.0
    assert hip.limit == pytest.approx(0.2 + 0.05 * LEARNER.sunk_per_s + LEARNER.own_extra_m_s)


AHEAD = replace(P, ahead_s=0.1)


@pytest.mark.parametrize(
    ("accel", "limit"), [(1.0, 0.51), (0.0, 0.41), (-1.0, 0.31), (-1.1, 0.30), (-1.2, 0.30)]
)
def test_a_hip_that_is_being_braked_is_given_more_and_one_that_drops_less(accel: float, limit: float) -> None:
    hip = Hip(AHEAD)
    hip.tick(accel=accel)
    raised = P.vigour_s * hip.balance._vigour_m_s2
    assert hip.balance.down_velocity_limit_m_s == pytest.approx(limit + raised)


def test_nothing_drops_faster_than_free() -> None:
    limits = []
    for accel in (-G + 0.1, -G, -G - 0.1, -100.0):
        hip = Hip(replace(AHEAD, margin_m_s=1.5, least_margin_m_s=1.5))
        hip.tick(accel=accel)
        limits.append(hip.balance.down_velocity_limit_m_s)
    assert limits[0] == pytest.approx(1.5 - 0.1 * (G - 0.1))
    assert limits[1:] == pytest.approx([1.5 - 0.1 * G] * 3)


@pytest.mark.parametrize(
    ("upward_speed_m_s", "raised_m_s"), [(-1.0, 0.0), (0.9, 0.0), (1.0, 0.0), (1.1, 0.06), (2.0, 0.6)]
)
def test_who_leapt_comes_down_again_without_falling(upward_speed_m_s: float, raised_m_s: float) -> None:
    assert P.leap_m_s == 1.0
    hip = Hip()
    hip.gait.upward_speed_m_s = upward_speed_m_s
    assert hip.limit == pytest.approx(P.margin_m_s + raised_m_s)


@pytest.mark.parametrize(("beyond_m_s", "raised_m_s"), [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.4), (1.0, 0.8)])
def test_a_hip_thrown_faster_than_falls_throw_it_is_believed_less(
    beyond_m_s: float, raised_m_s: float
) -> None:
    hip = Hip()
    hip.attitude.sideways_m_s = P.thrown_m_s + beyond_m_s
    assert hip.limit == pytest.approx(P.margin_m_s + raised_m_s)


def test_a_pod_that_was_moved_teaches_nothing_about_the_steps() -> None:
    hip = Hip(LEARNER)
    hip.attitude.sideways_m_s = LEARNER.thrown_m_s + 1.0
    hip.step(0.25 + LEARNER.thrown_share)
    hip.attitude.sideways_m_s = 0.0
    assert hip.limit == pytest.approx(0.35)


def test_vigour_takes_its_time_constant_at_every_rate() -> None:
    for dt_s in (0.0025, 0.005, 0.01):
        hip = Hip()
        for _ in range(round(P.vigour_tau_s / dt_s)):
            hip.attitude.up_accel_m_s2 = 1.0
            hip.balance.update(0, hip.attitude, hip.gait, False, dt_s)
        assert hip.balance.down_velocity_limit_m_s == pytest.approx(
            P.margin_m_s + 0.632 * P.vigour_s, rel=0.02
        )


@pytest.mark.parametrize("accel", [0.0, -1.0, -9.0])
def test_a_body_that_falls_does_not_raise_its_own_limit(accel: float) -> None:
    hip = Hip()
    hip.hold(1.0, accel=accel)
    assert hip.balance.down_velocity_limit_m_s == P.margin_m_s


def test_vigour_is_followed_while_nobody_walks_yet() -> None:
    hip = Hip(phase=Phase.WAITING)
    hip.hold(20.0, accel=1.0)
    hip.gait.phase = Phase.LEARNING
    assert hip.limit == pytest.approx(P.margin_m_s + P.vigour_s, rel=0.02)


LEARNER = replace(P, margin_m_s=0.5, least_margin_m_s=0.3, own_extra_m_s=0.1, memory_steps=5)


@pytest.mark.parametrize(
    ("own", "margin"),
    [(-0.5, 0.3), (0.19, 0.3), (0.2, 0.3), (0.21, 0.31), (0.39, 0.49), (0.4, 0.5), (0.41, 0.5)],
)
def test_the_margin_is_the_walkers_own_between_its_bounds(own: float, margin: float) -> None:
    hip = Hip(LEARNER)
    for _ in range(3):
        hip.step(own)
    assert hip.limit == pytest.approx(margin)


def test_the_margin_follows_the_largest_of_the_steps_it_remembers() -> None:
    hip = Hip(LEARNER)
    for own in (0.1, 0.3, 0.1, 0.1, 0.1, 0.1):
        hip.step(own)
    assert hip.limit == pytest.approx(0.4)
    hip.step(0.1)
    assert hip.limit == pytest.approx(0.3)


def test_while_learning_the_margin_stays_at_its_ceiling_and_the_steps_count_later() -> None:
    hip = Hip(LEARNER, Phase.LEARNING)
    for _ in range(3):
        hip.step(0.25)
    assert hip.limit == 0.5
    hip.gait.phase = Phase.GUARDING
    hip.step(0.1)
    assert hip.limit == pytest.approx(0.35)


def test_steps_during_a_warning_teach_nothing() -> None:
    hip = Hip(LEARNER)
    hip.step(0.25)
    hip.warned = True
    hip.step(0.39)
    assert hip.limit == pytest.approx(0.35)
    quiet = Hip(LEARNER)
    quiet.warned = True
    quiet.step(0.25)
    assert quiet.limit == 0.5


def test_relearning_puts_the_ceilings_back() -> None:
    hip = Hip(LEARNER)
    hip.step(0.1)
    assert hip.limit == pytest.approx(0.3)
    hip.tick(9.0)
    hip.balance.relearn()
    assert hip.balance.warning is None
    assert hip.balance.down_velocity_limit_m_s == LEARNER.ceiling_m_s
    assert hip.tick(9.0) is None, "the hold starts anew"
    assert hip.limit == 0.5


WARN = replace(P, stumbles="warn")


def test_a_stumble_is_warned_of_and_a_fall_still_stops() -> None:
    hip = Hip(WARN)
    limit = P.margin_m_s
    assert hip.limit == pytest.approx(limit + P.recovery_m_s)
    assert hip.hold(1.0, limit) is None
    assert hip.balance.warning is None
    assert hip.hold(0.1, limit + STEP) is None
    assert hip.balance.warning is Cause.STUMBLE
    assert hip.hold(0.1, limit + P.recovery_m_s) is None
    found = hip.hold(0.1, limit + P.recovery_m_s + STEP)
    assert found is not None
    assert (found.cause, found.limit) == (Cause.FALL, pytest.approx(limit + P.recovery_m_s))


def test_the_warning_of_a_stumble_ends_by_itself_and_teaches_nothing_meanwhile() -> None:
    hip = Hip(WARN)
    hip.hold(0.1, P.margin_m_s + 0.01)
    hip.step(0.0)
    assert not hip.balance._peaks_m_s
    hip.hold(P.warning_s - 4 * DT_S)
    assert hip.balance.warning is Cause.STUMBLE
    hip.hold(8 * DT_S)
    assert hip.balance.warning is None


def test_when_stumbles_stop_none_is_warned_of() -> None:
    hip = Hip()
    assert hip.hold(0.1, P.margin_m_s + STEP) is not None
    assert hip.balance.warning is None


class Person:
    """A walker as the pod feels one: accelerations and turn rates that belong together."""

    def __init__(
        self, rate_hz: float = 200.0, scale: float = 1.0, bias_rad_s: float = 0.0, mount_rad: float = 0.0
    ):
        self.attitude = Attitude(AttitudeParams())
        self.gait = Gait(GaitParams())
        self.balance = Balance(BalanceParams(), rate_hz)
        self.dt_s, self.scale, self.bias_rad_s = 1.0 / rate_hz, scale, bias_rad_s
        self.pitch_rad, self.now_s = mount_rad, 0.0

    def feels(self, up_accel: float, pitch_rate: float) -> Finding | None:
        self.pitch_rad += pitch_rate * self.dt_s
        self.now_s += self.dt_s
        f = self.scale * (G + up_accel)
        accel: Vec3 = (-f * sin(self.pitch_rad), 0.0, f * cos(self.pitch_rad))
        self.attitude.update(ImuSample(0, accel, (0.0, pitch_rate + self.bias_rad_s, 0.0)), self.dt_s)
        if not self.attitude.settled:
            return None
        self.gait.update(self.attitude, self.dt_s)
        return self.balance.update(0, self.attitude, self.gait, False, self.dt_s)

    def walks(
        self, seconds: float, cadence_hz: float = 1.7, bounce_m_s2: float = 2.5
    ) -> Iterator[Finding | None]:
        for _ in range(round(seconds / self.dt_s)):
            yield self.feels(
                bounce_m_s2 * sin(2 * pi * cadence_hz * self.now_s), 0.3 * cos(pi * cadence_hz * self.now_s)
            )

    def falls(self) -> float | None:
        """Half a second down at 5 m/s2, turning over at 90 degrees a second: when, from its start, it is seen."""
        start = self.now_s
        while self.now_s < start + 0.5:
            if self.feels(-5.0, radians(-90.0)):
                return self.now_s - start
        return None


@pytest.mark.parametrize("rate_hz", [100.0, 200.0, 238.0, 400.0])
@pytest.mark.parametrize(
    "flaw", [{}, {"scale": 0.95}, {"scale": 1.05}, {"bias_rad_s": radians(2)}, {"mount_rad": radians(15)}]
)
def test_a_walk_runs_on_and_a_fall_stops_it(rate_hz: float, flaw: dict[str, float]) -> None:
    person = Person(rate_hz, **flaw)
    assert not any(person.walks(15.0))
    assert person.gait.phase is Phase.GUARDING
    seen_s = person.falls()
    assert seen_s is not None
    assert seen_s < 0.2


@pytest.mark.parametrize(("cadence_hz", "bounce_m_s2"), [(0.9, 0.6), (1.4, 1.5), (1.9, 4.0), (2.3, 7.0)])
def test_walks_of_every_pace_run_on(cadence_hz: float, bounce_m_s2: float) -> None:
    person = Person()
    assert not any(person.walks(20.0, cadence_hz, bounce_m_s2))
    assert person.gait.phase is Phase.GUARDING


@pytest.mark.parametrize("moved_deg", [-30.0, -20.0, 20.0, 30.0])
def test_a_pod_pushed_to_another_place_while_walking_stops_nobody(moved_deg: float) -> None:
    person = Person()
    assert not any(person.walks(15.0))
    person.pitch_rad += radians(moved_deg)
    assert not any(person.walks(5.0))


def test_who_sits_down_a_moment_after_a_step_is_left_alone() -> None:
    """Thirty centimetres in 1.1 s, without turning over, at 0.55 m/s where it is fastest: a chair, not a faint."""
    person = Person()
    assert not any(person.walks(15.0))
    for accel in [0.0] * 60 + [-1.0] * 110 + [1.0] * 110:
        assert person.feels(accel, 0.0) is None
    assert person.gait.phase is Phase.GUARDING


@pytest.mark.parametrize(
    ("without", "stopped", "stopped_with_signs"),
    [({}, False, False), ({"leap_share": 0.0}, True, False), ({"ahead_s": 0.0, "soon_s": 0.0}, True, True)],
)
def test_who_hops_out_of_a_walk_is_left_alone(
    without: dict[str, float], stopped: bool, stopped_with_signs: bool
) -> None:
    """Up at 1.3 m/s, 0.3 s in the air, landing on soft knees. The braking cannot be spared, nor, without signs, the
    leap."""
    hop = [10.0] * 26 + [-G] * 60 + [5.0] * 60
    for signs, alone in ((NO_SIGNS, not stopped), (SignsParams(), not stopped_with_signs)):
        person = Person()
        person.balance = Balance(BalanceParams(**without, signs=signs), 200.0)  # type: ignore[arg-type]
        assert not any(person.walks(15.0))
        assert any(person.feels(accel, 0.0) for accel in hop) is not alone


@pytest.mark.parametrize(("signs", "stopped"), [(SignsParams(), False), (NO_SIGNS, True)])
def test_who_crouches_to_jump_a_moment_after_a_step_is_left_alone(signs: SignsParams, stopped: bool) -> None:
    """Six centimetres in 0.11 s, then a push: nothing tilts, turns or is thrown aside. The signs cannot be spared."""
    person = Person()
    person.balance = Balance(BalanceParams(signs=signs), 200.0)
    assert not any(person.walks(15.0))
    crouch = [0.0] * 160 + [-6.0] * 22 + [15.0] * 9 + [12.0] * 30
    assert any(person.feels(accel, 0.0) for accel in crouch) is stopped
    assert person.gait.phase is Phase.GUARDING


def test_a_lean_that_is_no_number_counts_as_the_most_and_does_not_blind_the_rule() -> None:
    hip = Hip()
    hip.tick(tilt=float("nan"))
    lowest = hip.balance.down_velocity_limit_m_s
    hip.tick(tilt=P.most_lean_rad)
    assert hip.balance.down_velocity_limit_m_s == lowest
    assert hip.hold(1.0, lowest + STEP, tilt=float("nan")) is not None


def test_the_limit_tells_what_it_is_made_of() -> None:
    """Each term by itself, in metres a second: what explains a hip that goes down, and what does not."""
    params = replace(P, ahead_s=0.05, ceiling_m_s=9.0, signs=replace(NO_SIGNS, least=1.5, most=1.5))
    hip = Hip(params)
    hip.hold(20.0, accel=2.0)
    hip.attitude.height_lost_m, hip.attitude.sideways_m_s, hip.gait.upward_speed_m_s = -0.1, 0.75, 1.5
    hip.tick(tilt=0.2, accel=2.0)
    made = hip.balance.limit(hip.attitude, hip.gait)
    terms = made.terms
    assert terms.vigour == pytest.approx(2.0 * P.vigour_s)
    assert terms.tilt == -0.2 * P.lean_m_s
    assert terms.height == pytest.approx(0.1 * P.sunk_per_s)
    assert terms.acceleration == 0.1
    assert terms.leap == 0.5 * P.leap_share
    assert terms.thrown == 0.25 * P.thrown_share
    assert made.explained_m_s == pytest.approx(sum(terms))
    assert (made.margin_m_s, made.times) == (P.margin_m_s, 1.5)
    assert made.signs == read(params.signs, hip.attitude, hip.gait)
    assert made.m_s == hip.balance.down_velocity_limit_m_s == pytest.approx(1.5 * (P.margin_m_s + sum(terms)))


@pytest.mark.parametrize("factor", [0.65, 1.0, 1.2])
def test_the_signs_multiply_the_limit_above_its_floor_and_below_its_ceiling(factor: float) -> None:
    hip = Hip(replace(P, signs=replace(NO_SIGNS, least=factor, most=factor)))
    assert hip.limit == P.margin_m_s * factor
    hip.tick(tilt=3.0)
    assert hip.balance.down_velocity_limit_m_s == P.floor_m_s * factor
    hip.hold(20.0, accel=50.0)
    assert hip.balance.down_velocity_limit_m_s == min(P.ceiling_m_s, P.ceiling_m_s * factor)


def test_the_signs_teach_nothing() -> None:
    plain, lowered = Hip(LEARNER), Hip(replace(LEARNER, signs=replace(NO_SIGNS, least=0.65, most=0.65)))
    for hip in (plain, lowered):
        hip.step(0.25)
    assert lowered.limit == pytest.approx(0.65 * plain.limit)


@pytest.mark.parametrize(
    ("upward_speed_m_s", "ceiling_m_s"), [(0.5, 2.0), (1.0, 2.0), (1.5, 2.5), (2.0, 3.0)]
)
def test_who_leapt_may_come_down_as_fast_as_he_went_up(upward_speed_m_s: float, ceiling_m_s: float) -> None:
    assert (P.leap_m_s, P.ceiling_m_s) == (1.0, 2.0)
    hip = Hip(replace(P, signs=replace(NO_SIGNS, least=2.0, most=2.0)))
    hip.gait.upward_speed_m_s = upward_speed_m_s
    hip.hold(20.0, accel=50.0)
    assert hip.balance.down_velocity_limit_m_s == ceiling_m_s


def test_a_fall_of_a_person_who_only_stands_is_left_alone() -> None:
    person = Person()
    for _ in range(1000):
        person.feels(0.0, 0.0)
    assert person.falls() is None


def test_no_default_changes_unseen() -> None:
    """Each figure was fitted to falls and walks (docs/balance.md); to change one is to do that again."""
    assert asdict(BalanceParams()) == {
        "signs": asdict(SignsParams()),
        "stumbles": "stop",
        "vigour_tau_s": 1.0,
        "vigour_s": 2.3,
        "lean_m_s": 7.2,
        "most_lean_rad": 0.45,
        "sunk_per_s": 33.0,
        "soon_s": 0.05,
        "ahead_s": 0.12,
        "leap_m_s": 1.0,
        "leap_share": 14.0,
        "thrown_m_s": 0.5,
        "thrown_share": 2.1,
        "margin_m_s": 1.7,
        "least_margin_m_s": 1.55,
        "own_extra_m_s": 0.5,
        "memory_steps": 40,
        "floor_m_s": 0.39,
        "ceiling_m_s": 2.4,
        "hold_s": 0.0075,
        "recovery_m_s": 0.25,
        "warning_s": 2.0,
    }


def test_at_power_on_nothing_is_known_held_or_learned() -> None:
    """The whole state by name: what an incident saved has to mean the same in a new object."""
    assert save(Balance(BalanceParams(), 200.0)) == {
        "_excess_m_s": -1000.0,
        "_fall": {"_filled_s": 0.0, "hold_s": 0.0075},
        "_margin_m_s": 1.7,
        "_peaks_m_s": {"deque": []},
        "_steps": 0,
        "_stumble": {"_filled_s": 0.0, "hold_s": 0.0075},
        "_tick_s": 0.005,
        "_vigour_m_s2": 0.0,
        "_warned_s": 0.0,
        "down_velocity_limit_m_s": 2.4,
        "down_velocity_m_s": 0.0,
        "warning": None,
    }


def test_vigour_takes_its_share_of_each_tick_and_of_upward_acceleration_only() -> None:
    share = DT_S / (P.vigour_tau_s + DT_S)
    for accel in (0.05, 1.0):
        hip = Hip()
        hip.tick(accel=accel)
        assert hip.balance._vigour_m_s2 == pytest.approx(share * accel, rel=1e-12)
        hip.tick(accel=-accel)
        assert hip.balance._vigour_m_s2 == pytest.approx((1 - share) * share * accel, rel=1e-12)


def test_a_step_is_remembered_for_what_its_vigour_does_not_explain() -> None:
    hip = Hip(LEARNER)
    hip.hold(20.0, accel=1.0)
    hip.tick(0.6, accel=1.0)
    hip.tick(0.2, accel=1.0)
    hip.gait.steps += 1
    hip.tick(-0.1, accel=1.0)
    hip.tick(-0.1, accel=1.0)
    own = 0.6 - P.vigour_s + LEARNER.own_extra_m_s
    assert hip.balance.down_velocity_limit_m_s == pytest.approx(own + P.vigour_s)


def test_the_time_of_a_warning_runs_only_while_there_is_one() -> None:
    hip = Hip(WARN)
    hip.hold(1.0)
    assert hip.balance._warned_s == 0.0
    hip.hold(0.1, P.margin_m_s + 0.01)
    assert hip.balance.warning is Cause.STUMBLE
    hip.attitude.down_velocity_m_s = 0.0
    hip.balance._warned_s = 0.0
    told = []
    for _ in range(5):
        hip.balance.update(0, hip.attitude, hip.gait, False, 0.5)
        told.append(hip.balance.warning is Cause.STUMBLE)
    assert told == [True] * 4 + [False], "two seconds are still told, half a second later it is over"
