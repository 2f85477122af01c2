"""Both rules at their limits, each row of the tables, who is watched, and synthetic falls through the whole body."""

from collections.abc import Iterator
from dataclasses import fields, replace
from math import cos, inf, nan, pi, radians, sin
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from firmware_py.core.body.attitude import Attitude, AttitudeParams
from firmware_py.core.body.fall import (
    EVIDENCE,
    EXPLAINS,
    Balance,
    BalanceParams,
    Limit,
    Motion,
    Row,
    clip,
    figures,
    limit_m_s,
    velocity_m_s,
    with_figures,
)
from firmware_py.core.body.fallen import FallenParams
from firmware_py.core.body.gait import Gait, GaitParams
from firmware_py.core.frame import Cause, Finding, Phase, Signal
from firmware_py.core.state import save
from sensors.samples import ImuSample, Vec3

# Round figures that keep each effect by itself; what is shipped is asked further down.
P = BalanceParams(
    base_m_s=2.0,
    floor_m_s=0.5,
    soon_s=0.0,
    explains=(
        Row("brisk steps", "vigour_m_s2", 0.0, 2.0, 4.0, ""),
        Row("pod moved", "sideways_m_s", 0.5, 1.5, 3.0, ""),
    ),
    evidence=(
        Row("lean", "tilt_rad", 0.0, 0.5, 1.0, ""),
        Row("height lost", "height_lost_m", 0.0, 0.08, 1.2, ""),
    ),
    lean_rad=1.0,
    sunk_m=0.2,
)
DT_S = 0.005
STEP = 1e-6
G = 9.80665
STILL = Motion(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Hip:
    """What balance sees, set by hand."""

    def __init__(
        self, params: BalanceParams = P, phase: Phase = Phase.GUARDING, rate_hz: float = 200.0
    ) -> None:
        self.balance = Balance(params, rate_hz)
        self.attitude: Any = SimpleNamespace(
            down_velocity_m_s=0.0,
            up_accel_m_s2=0.0,
            sideways_m_s=0.0,
            tilt_rad=0.0,
            height_lost_m=0.0,
            leaning_away=True,
            up=(0.0, 0.0, 1.0),
        )
        self.gait: Any = SimpleNamespace(phase=phase, params=GaitParams())
        self.belt_m_s: float | None = None
        self.dt_s = 1.0 / rate_hz

    def tick(self, **seen: Any) -> Finding | None:
        for name, value in seen.items():
            assert hasattr(self.attitude, name)
            setattr(self.attitude, name, value)
        return self.balance.update(self.attitude, self.gait, self.belt_m_s, self.dt_s)

    def hold(self, seconds: float, **seen: Any) -> Finding | None:
        """The first finding while this is seen."""
        for _ in range(round(seconds / self.dt_s)):
            found = self.tick(**seen)
            if found is not None:
                return found
        return None

    @property
    def limit(self) -> float:
        self.tick()
        return self.balance.down_velocity_limit_m_s


# The tables


@pytest.mark.parametrize(
    ("value", "worth"),
    [(-9.0, 0.0), (0.5, 0.0), (0.5 + STEP, 3 * STEP), (1.0, 1.5), (1.5 - STEP, 3.0 - 3 * STEP), (1.5, 3.0), (9.0, 3.0)],
)  # fmt: skip
def test_a_row_is_worth_nothing_up_to_its_start_and_all_of_its_weight_from_full_on(
    value: float, worth: float
) -> None:
    row = Row("pod moved", "sideways_m_s", 0.5, 1.5, 3.0, "")
    assert row.term_m_s(STILL._replace(sideways_m_s=value)) == pytest.approx(worth, abs=1e-12)


@pytest.mark.parametrize(
    ("seen", "limit"),
    [
        ({}, 2.0),
        ({"vigour_m_s2": 1.0}, 4.0),
        ({"vigour_m_s2": 9.0}, 6.0),
        ({"sideways_m_s": 1.0}, 3.5),
        ({"tilt_rad": 0.25}, 1.5),
        ({"tilt_rad": 2.0}, 1.0),
        ({"height_lost_m": 0.04}, 1.4),
        ({"height_lost_m": -0.04}, 2.0),
        ({"tilt_rad": 0.5, "height_lost_m": 0.04}, 0.5),
        ({"vigour_m_s2": 1.0, "tilt_rad": 0.5, "height_lost_m": 0.04}, 2.4),
    ],
)
def test_what_explains_raises_the_limit_and_evidence_lowers_it_as_far_as_the_floor(
    seen: dict[str, float], limit: float
) -> None:
    assert limit_m_s(P, STILL._replace(**seen)) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("accel", "later"), [(5.0, -0.5), (0.0, 0.0), (-3.9, 0.39), (-4.0, 0.4), (-4.1, 0.4), (-3 * G, 0.4)]
)
def test_what_is_judged_is_the_velocity_a_moment_later_at_no_more_than_the_drop_of_a_body(
    accel: float, later: float
) -> None:
    params = replace(P, soon_s=0.1, most_drop_m_s2=4.0)
    motion = STILL._replace(down_velocity_m_s=0.3, up_accel_m_s2=accel)
    assert velocity_m_s(params, motion) == pytest.approx(0.3 + later)


def test_columns_of_moments_are_judged_as_each_moment_by_itself() -> None:
    """What the fit and the sweeps rely on."""
    spread = np.random.default_rng(5).normal(0.0, (0.6, 5.0, 1.5, 1.0, 0.4, 0.08), (2000, 6))
    columns = Motion(*spread.T)
    params = BalanceParams()
    limits, velocities = limit_m_s(params, columns, np.clip), velocity_m_s(params, columns, np.clip)
    for moment, limit, velocity in zip(spread.tolist(), limits.tolist(), velocities.tolist(), strict=True):
        assert limit_m_s(params, Motion(*moment)) == pytest.approx(limit, rel=1e-12)
        assert velocity_m_s(params, Motion(*moment)) == pytest.approx(velocity, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "within"), [(-1.0, 0.0), (0.25, 0.25), (2.0, 1.0), (-inf, 0.0), (nan, 1.0)]
)
def test_a_value_that_is_no_number_counts_as_the_most(value: float, within: float) -> None:
    assert clip(value, 0.0, 1.0) == within


def test_a_lean_that_is_no_number_does_not_blind_the_rule() -> None:
    hip = Hip()
    assert hip.hold(0.1, tilt_rad=nan, down_velocity_m_s=1.0 + STEP) is not None


# The first rule


@pytest.mark.parametrize("phase", [Phase.LEARNING, Phase.GUARDING])
@pytest.mark.parametrize(("beyond", "found"), [(-STEP, False), (0.0, False), (STEP, True)])
def test_it_trips_above_the_limit_and_not_at_it(phase: Phase, beyond: float, found: bool) -> None:
    hip = Hip(phase=phase)
    finding = hip.hold(1.0, down_velocity_m_s=2.0 + beyond)
    expected = Finding(Signal.DANGER, Cause.FALL, "down_velocity_m_s", 2.0 + beyond, 2.0)
    assert finding == (expected if found else None)
    assert hip.balance.down_velocity_m_s == 2.0 + beyond
    assert hip.balance.down_velocity_limit_m_s == 2.0


@pytest.mark.parametrize(("rate_hz", "ticks"), [(50.0, 2), (100.0, 2), (200.0, 2), (238.0, 2), (400.0, 3)])
def test_a_fall_is_believed_after_so_many_samples_and_a_single_one_never(rate_hz: float, ticks: int) -> None:
    hip = Hip(rate_hz=rate_hz)
    found = [hip.tick(down_velocity_m_s=9.0) is not None for _ in range(ticks)]
    assert found == [False] * (ticks - 1) + [True]


@pytest.mark.parametrize("stumbles", ["stop", "warn"])
def test_a_sample_after_a_lost_one_is_still_one_sample(stumbles: Literal["stop", "warn"]) -> None:
    """However long the gap: two samples decide, and a single bad one stops nobody."""
    hip = Hip(replace(P, stumbles=stumbles))
    hip.dt_s = 4 * DT_S
    assert hip.tick(down_velocity_m_s=9.0) is None
    assert hip.balance.warning is None
    assert hip.tick(down_velocity_m_s=9.0) is not None
    drained = Hip(replace(P, stumbles=stumbles))
    assert drained.tick(down_velocity_m_s=9.0) is None
    drained.dt_s = 8 * DT_S
    assert drained.tick(down_velocity_m_s=0.0) is None
    assert drained.tick(down_velocity_m_s=9.0) is not None, "nor does a gap forget more than a sample"


def test_vigour_is_the_mean_upward_acceleration_of_a_second_at_every_rate() -> None:
    for rate_hz in (100.0, 200.0, 400.0):
        hip = Hip(rate_hz=rate_hz)
        hip.hold(1.0, up_accel_m_s2=1.0)
        assert hip.balance.vigour_m_s2 == pytest.approx(1.0 - 1.0 / 2.71828, rel=0.01)
        assert hip.limit == pytest.approx(2.0 + 2.0 * hip.balance.vigour_m_s2)


@pytest.mark.parametrize("accel", [0.0, -1.0, -G])
def test_a_body_that_drops_does_not_raise_its_own_limit(accel: float) -> None:
    hip = Hip()
    hip.hold(1.0, up_accel_m_s2=accel)
    assert hip.balance.down_velocity_limit_m_s == 2.0


def test_vigour_takes_its_share_of_each_tick_and_of_upward_acceleration_only() -> None:
    share = DT_S / (P.vigour_tau_s + DT_S)
    for accel in (0.05, 1.0):
        hip = Hip()
        hip.tick(up_accel_m_s2=accel)
        assert hip.balance.vigour_m_s2 == pytest.approx(share * accel, rel=1e-12)
        hip.tick(up_accel_m_s2=-accel)
        assert hip.balance.vigour_m_s2 == pytest.approx((1 - share) * share * accel, rel=1e-12)


def test_vigour_and_velocity_are_known_while_nobody_walks_yet() -> None:
    hip = Hip(replace(P, soon_s=0.1), Phase.WAITING)
    hip.hold(20.0, up_accel_m_s2=1.0)
    hip.tick(down_velocity_m_s=0.5, up_accel_m_s2=-1.0)
    assert hip.balance.down_velocity_m_s == pytest.approx(0.6)
    hip.gait.phase = Phase.LEARNING
    assert hip.limit == pytest.approx(4.0, rel=0.02)


def test_the_limit_of_a_moment_can_be_asked_for_and_changes_nothing() -> None:
    hip = Hip()
    hip.tick(tilt_rad=0.25, down_velocity_m_s=0.1)
    before = save(hip.balance)
    assert hip.balance.limit(hip.attitude) == Limit(STILL._replace(tilt_rad=0.25, down_velocity_m_s=0.1), 1.5)
    assert save(hip.balance) == before
    assert hip.balance.down_velocity_limit_m_s == 1.5


# The second rule


@pytest.mark.parametrize(
    ("height_m", "down_m_s", "found"),
    [
        (0.075, 0.3, False),
        (0.075 + STEP, 0.3, True),
        (0.5, 0.1, False),
        (0.5, 0.1 + STEP, True),
        (0.5, 0.1 - STEP, False),
    ],
)
def test_nothing_explains_a_hip_that_sank_farther_than_steps_do_and_still_sinks(
    height_m: float, down_m_s: float, found: bool
) -> None:
    hip = Hip(replace(P, sunk_m=0.075, sinking_m_s=0.1))
    hip.hold(20.0, up_accel_m_s2=9.0)
    finding = hip.hold(1.0, height_lost_m=height_m, down_velocity_m_s=down_m_s)
    expected = Finding(Signal.DANGER, Cause.FALL, "height_lost_m", height_m, 0.075)
    assert finding == (expected if found else None)


def test_a_walker_who_is_not_known_yet_may_sink_farther() -> None:
    hip = Hip(phase=Phase.LEARNING)
    assert hip.hold(1.0, height_lost_m=0.5, down_velocity_m_s=0.3) is None
    hip.gait.phase = Phase.GUARDING
    assert [hip.tick() is not None for _ in range(2)] == [False, True]


# The third rule


@pytest.mark.parametrize(("beyond", "found"), [(-STEP, False), (0.0, False), (STEP, True)])
def test_who_leans_farther_than_any_walk_from_the_own_posture_is_stopped(beyond: float, found: bool) -> None:
    finding = Hip().hold(1.0, tilt_rad=1.0 + beyond)
    expected = Finding(Signal.DANGER, Cause.FALL, "tilt_rad", 1.0 + beyond, 1.0)
    assert finding == (expected if found else None)


def test_a_lean_has_to_last_for_fifty_milliseconds() -> None:
    hip = Hip()
    assert [hip.tick(tilt_rad=1.1) is not None for _ in range(11)] == [False] * 9 + [True] * 2


def test_a_pod_that_tips_toward_upright_is_no_lean() -> None:
    assert Hip().hold(1.0, tilt_rad=1.1, leaning_away=False) is None


@pytest.mark.parametrize(
    ("seen", "rule"),
    [
        ({"down_velocity_m_s": 9.0, "height_lost_m": 0.3}, "down_velocity_m_s"),
        ({"down_velocity_m_s": 0.4, "height_lost_m": 0.3}, "height_lost_m"),
    ],
)
def test_of_rules_that_trip_together_the_first_is_named(seen: dict[str, float], rule: str) -> None:
    hip = Hip()
    hip.hold(0.04, tilt_rad=1.1)
    hip.tick(**seen)
    found = hip.tick()
    assert found is not None and found.rule == rule


# Who is watched


@pytest.mark.parametrize("seen", [{"down_velocity_m_s": 9.0}, {"tilt_rad": 3.0}])
def test_nothing_trips_while_nobody_walks(seen: dict[str, float]) -> None:
    hip = Hip(phase=Phase.WAITING)
    assert hip.hold(2.0, **seen) is None
    assert not hip.balance.watching
    assert hip.balance.down_velocity_limit_m_s == 2.0


@pytest.mark.parametrize("seen", [{"down_velocity_m_s": 9.0}, {"tilt_rad": 3.0}])
def test_what_was_held_while_nobody_walked_counts_for_nothing(seen: dict[str, float]) -> None:
    hip = Hip()
    assert hip.tick(**seen) is None
    hip.gait.phase = Phase.WAITING
    hip.hold(1.0, **seen)
    hip.gait.phase = Phase.GUARDING
    assert hip.tick(**seen) is None


@pytest.mark.parametrize(
    ("belt_m_s", "up_z", "watched"),
    [(None, 1.0, False), (0.0, 1.0, False), (0.1, 1.0, False), (0.1 + STEP, 1.0, True), (1.0, 0.5, False),
     (1.0, 0.5 + STEP, True)],
)  # fmt: skip
def test_who_stands_upright_on_a_moving_belt_is_watched_before_the_first_step(
    belt_m_s: float | None, up_z: float, watched: bool
) -> None:
    hip = Hip(phase=Phase.WAITING)
    hip.belt_m_s = belt_m_s
    assert (hip.hold(0.1, down_velocity_m_s=9.0, up=(0.0, 0.0, up_z)) is not None) is watched
    assert hip.balance.watching is watched


def test_who_stood_on_a_moving_belt_is_watched_until_it_stands() -> None:
    hip = Hip(phase=Phase.WAITING)
    hip.belt_m_s = 0.5
    hip.tick()
    hip.tick(up=(1.0, 0.0, 0.0))
    assert hip.balance.watching, "who tips over is still watched"
    hip.belt_m_s = 0.0
    hip.tick()
    assert not hip.balance.watching
    hip.belt_m_s = 0.5
    hip.tick()
    assert not hip.balance.watching, "who lies does not step onto a belt"


def test_relearning_forgets_the_walker() -> None:
    hip = Hip(WARN)
    hip.belt_m_s = 0.5
    hip.hold(0.1, down_velocity_m_s=2.1)
    assert hip.balance.warning is Cause.STUMBLE
    hip.tick(down_velocity_m_s=9.0)
    vigour = hip.balance.vigour_m_s2
    hip.balance.relearn()
    assert save(hip.balance) == save(Balance(WARN, 200.0)) | {
        "down_velocity_m_s": 9.0,
        "vigour_m_s2": vigour,
    }
    assert hip.tick() is None, "the hold starts anew"


# Stumbles

WARN = replace(P, stumbles="warn")


def test_a_stumble_is_warned_of_and_a_fall_still_stops() -> None:
    hip = Hip(WARN)
    assert hip.limit == 2.25
    assert hip.hold(1.0, down_velocity_m_s=2.0) is None
    assert hip.balance.warning is None
    assert hip.hold(0.1, down_velocity_m_s=2.0 + STEP) is None
    assert hip.balance.warning is Cause.STUMBLE
    assert hip.hold(0.1, down_velocity_m_s=2.25) is None
    found = hip.hold(0.1, down_velocity_m_s=2.25 + STEP)
    assert found == Finding(Signal.DANGER, Cause.FALL, "down_velocity_m_s", 2.25 + STEP, 2.25)
    assert hip.balance.limit(hip.attitude).m_s == 2.0, "before the hope of recovery"


def test_the_warning_of_a_stumble_ends_two_seconds_after_it() -> None:
    hip = Hip(WARN)
    hip.hold(1.0)
    assert hip.balance._warned_s == 0.0, "its time runs only while there is one"
    hip.hold(0.1, down_velocity_m_s=2.1)
    hip.dt_s = 0.5
    warned = []
    for _ in range(5):
        hip.tick(down_velocity_m_s=0.0)
        warned.append(hip.balance.warning is Cause.STUMBLE)
    assert warned == [True] * 4 + [False]


def test_when_stumbles_stop_none_is_warned_of() -> None:
    hip = Hip()
    assert hip.hold(0.1, down_velocity_m_s=2.0 + STEP) is not None
    assert hip.balance.warning is None


# What is shipped


def test_no_default_changes_unseen() -> None:
    """Each figure was fitted to falls and walks (docs/balance.md); to change one is to do that again."""
    p = BalanceParams()
    rows = [(r.name, r.feature, r.start, r.full, r.weight_m_s) for r in (*p.explains, *p.evidence)]
    assert rows == [
        ("brisk steps", "vigour_m_s2", 0.0, 2.5, 4.0),
        ("pod moved", "sideways_m_s", 0.5, 1.5, 1.5),
        ("lean", "tilt_rad", 0.0, 0.45, 2.4),
        ("height lost", "height_lost_m", 0.0, 0.08, 2.64),
    ]
    others = {f.name: getattr(p, f.name) for f in fields(p) if f.name not in ("explains", "evidence")}
    assert others == {
        "stumbles": "stop",
        "base_m_s": 1.9,
        "floor_m_s": 0.35,
        "soon_s": 0.15,
        "most_drop_m_s2": 4.0,
        "vigour_tau_s": 1.0,
        "hold_s": 0.0075,
        "sunk_m": 0.075,
        "sinking_m_s": 0.1,
        "lean_rad": radians(33.0),
        "lean_s": 0.05,
        "recovery_m_s": 0.25,
        "warning_s": 2.0,
    }


def test_at_most_forty_figures_decide_a_fall_from_chip_to_trip() -> None:
    """Warnings and a pod that hangs loose are not a fall; a start at zero is no figure."""
    not_a_fall = {"loose_steps", "recovery_m_s", "warning_s"}
    own = [
        value
        for params in (AttitudeParams(), GaitParams(), BalanceParams(), FallenParams())
        for f in fields(params)
        if f.name not in not_a_fall and isinstance(value := getattr(params, f.name), int | float)
    ]
    rows = [v for row in (*EXPLAINS, *EVIDENCE) for v in (row.start, row.full, row.weight_m_s) if v != 0.0]
    on_a_belt_faster_than = 1
    assert len(own) + len(rows) + on_a_belt_faster_than == 40


def test_the_figures_of_the_rule_go_by_name_and_each_can_be_another() -> None:
    shipped = BalanceParams()
    names = figures(shipped)
    assert {"base_m_s", "floor_m_s", "lean_rad", "brisk steps", "height lost"} < set(names)
    assert "warning_s" not in names and "recovery_m_s" not in names and "stumbles" not in names
    assert with_figures(shipped, {}) == shipped == with_figures(shipped, names)
    for name, value in names.items():
        other = with_figures(shipped, {name: value + 1.0})
        assert figures(other) == names | {name: value + 1.0}


def test_at_power_on_nothing_is_known_or_held() -> None:
    """The whole state by name: what an incident saved has to mean the same in a new object."""
    assert save(Balance(BalanceParams(), 200.0)) == {
        "_falls": {"_filled_s": 0.0, "hold_s": 0.0075},
        "_leans": {"_filled_s": 0.0, "hold_s": 0.05},
        "_on_belt": False,
        "_sinks": {"_filled_s": 0.0, "hold_s": 0.0075},
        "_stumbles": {"_filled_s": 0.0, "hold_s": 0.0075},
        "_tick_s": 0.005,
        "_warned_s": 0.0,
        "down_velocity_limit_m_s": 1.9,
        "down_velocity_m_s": 0.0,
        "vigour_m_s2": 0.0,
        "warning": None,
        "watching": False,
    }


# The whole body


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
        self.belt_m_s: float | None = None

    def feels(self, up_accel: float, pitch_rate: float) -> Finding | None:
        self.pitch_rad += pitch_rate * self.dt_s
        self.now_s += self.dt_s
        f = self.scale * (G + up_accel)
        accel: Vec3 = (-f * sin(self.pitch_rad), 0.0, f * cos(self.pitch_rad))
        self.attitude.update(ImuSample(0, accel, (0.0, pitch_rate + self.bias_rad_s, 0.0)), self.dt_s)
        if not self.attitude.settled:
            return None
        self.gait.update(self.attitude, self.dt_s)
        return self.balance.update(self.attitude, self.gait, self.belt_m_s, self.dt_s)

    def walks(
        self, seconds: float, cadence_hz: float = 1.7, bounce_m_s2: float = 2.5
    ) -> Iterator[Finding | None]:
        for _ in range(round(seconds / self.dt_s)):
            yield self.feels(
                bounce_m_s2 * sin(2 * pi * cadence_hz * self.now_s), 0.3 * cos(pi * cadence_hz * self.now_s)
            )

    def does(self, seconds: float, up_accel: float = 0.0, pitch_rate: float = 0.0) -> float | None:
        """When, from its start, this is seen as a fall."""
        for tick in range(round(seconds / self.dt_s)):
            if self.feels(up_accel, pitch_rate):
                return (tick + 1) * self.dt_s
        return None

    def falls(self) -> float | None:
        """Half a second down at 5 m/s2, turning over at 90 degrees a second."""
        return self.does(0.5, -5.0, radians(-90.0))


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


# |a| moves by 0.05 g (standard deviation) in the first: an amplitude of 0.07 g.
@pytest.mark.parametrize(
    ("cadence_hz", "bounce_m_s2"), [(1.6, 0.69), (0.9, 0.6), (1.4, 1.5), (1.9, 4.0), (2.3, 7.0)]
)
def test_walks_of_every_pace_run_on_and_are_guarded(cadence_hz: float, bounce_m_s2: float) -> None:
    person = Person()
    assert not any(person.walks(20.0, cadence_hz, bounce_m_s2))
    assert person.gait.phase is Phase.GUARDING
    assert person.falls() is not None


@pytest.mark.parametrize("bounce_m_s2", [0.69, 2.5, 4.0])
def test_who_sinks_straight_down_is_not_excused_however_brisk_the_walk(bounce_m_s2: float) -> None:
    """A knee gives way, or a faint: at 1 m/s, without a lean or a turn, out of the highest point of a step."""
    person = Person()
    assert not any(person.walks(15.0, bounce_m_s2=bounce_m_s2))
    assert person.does(0.25, -4.0) or person.does(0.2)


def test_who_leans_back_slowly_is_stopped_before_lying() -> None:
    """Sixty degrees in a second, at a walk's own height: no velocity shows it."""
    person = Person()
    assert not any(person.walks(15.0))
    seen_s = person.does(1.0, 0.0, radians(-60.0))
    assert seen_s is not None and seen_s < 0.9


@pytest.mark.parametrize("moved_deg", [-25.0, -15.0, 15.0, 25.0])
def test_a_pod_pushed_to_another_place_while_walking_stops_nobody(moved_deg: float) -> None:
    person = Person()
    assert not any(person.walks(15.0))
    person.pitch_rad += radians(moved_deg)
    assert not any(person.walks(5.0))


def test_a_fall_of_a_person_who_only_stands_is_seen_on_a_moving_belt_and_nowhere_else() -> None:
    for belt_m_s, seen in ((None, False), (0.0, False), (0.3, True)):
        person = Person()
        person.does(5.0)
        person.belt_m_s = belt_m_s
        person.does(0.1)
        assert (person.falls() is not None) is seen
