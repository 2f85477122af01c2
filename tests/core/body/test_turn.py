"""Somebody who turns round: when it is known, for how long, and that it only gives a stop its words."""

from math import exp, nextafter, pi, radians

import pytest

from firmware_py.core.body.turn import KEPT_S, STOPPED_BY, TAU_S, TURNED_RAD, Turn
from firmware_py.core.frame import Cause, Finding, Signal
from firmware_py.messages import RULES
from sensors.samples import ImuSample, Vec3
from tests.support.scenes import TICK_NS, Scene

DT_S = 1.0 / 128.0
UP: Vec3 = (0.0, 0.0, 1.0)
STILL: Vec3 = (0.0, 0.0, 0.0)
STANDS = Finding(Signal.DANGER, Cause.STANDSTILL, "velocity_m_s", 0.3, 0.2)
NAMED = STANDS._replace(rule="turned_velocity_m_s")


def after(turned_rad: float) -> Turn:
    """Just turned by so much."""
    turn = Turn()
    turn.update((0.0, 0.0, turned_rad / DT_S), UP, DT_S)
    return turn


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_turn_well_beyond_a_right_angle_names_the_stop_after_it(sign: float) -> None:
    assert radians(100.0) == TURNED_RAD
    assert after(sign * TURNED_RAD).named(STANDS) == NAMED
    assert after(sign * nextafter(TURNED_RAD, 0.0)).named(STANDS) is STANDS
    assert Turn().named(STANDS) is STANDS


@pytest.mark.parametrize(("ticks", "named"), [(-1, True), (0, False), (1, False)])
def test_a_stop_long_after_the_turn_keeps_its_name(ticks: int, named: bool) -> None:
    turn = after(TURNED_RAD)
    assert KEPT_S == 8.0
    for _ in range(round(KEPT_S / DT_S) + ticks):
        turn.update(STILL, UP, DT_S)
    assert (turn.named(STANDS) == NAMED) == named


@pytest.mark.parametrize("lasts_s", [1.0, 3.0])
def test_half_a_turn_is_known_whether_quick_or_slow(lasts_s: float) -> None:
    turn = Turn()
    for _ in range(round(lasts_s / DT_S)):
        turn.update((0.0, 0.0, pi / lasts_s), UP, DT_S)
    expected = pi / lasts_s * TAU_S * (1.0 - exp(-lasts_s / TAU_S))
    assert turn.turned_rad == pytest.approx(expected, rel=0.01)
    assert turn.named(STANDS) == NAMED


def test_only_the_turn_about_the_vertical_counts_however_the_pod_sits() -> None:
    turn = Turn()
    turn.update((3.0 / DT_S, 2.0 / DT_S, 0.0), UP, DT_S)
    assert turn.turned_rad == 0.0
    turn.update((3.0 / DT_S, 2.0 / DT_S, 4.0 / DT_S), (0.6, 0.0, 0.8), DT_S)
    assert turn.turned_rad == pytest.approx(5.0)
    turn.relearn()
    turn.update((0.0, 2.0 / DT_S, 0.0), (0.0, -1.0, 0.0), DT_S)
    assert turn.turned_rad == pytest.approx(-2.0)


def test_a_bias_of_two_degrees_a_second_never_adds_up_to_a_turn() -> None:
    turn = Turn()
    for _ in range(round(600.0 / DT_S)):
        turn.update((0.0, 0.0, radians(2.0)), UP, DT_S)
    assert turn.turned_rad == pytest.approx(radians(2.0 * 4.0), rel=0.01)


def test_who_arms_anew_has_not_turned() -> None:
    turn = after(TURNED_RAD)
    turn.relearn()
    assert turn.turned_rad == 0.0
    assert turn.named(STANDS) is STANDS


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_stop_that_the_walker_did_not_bring_about_keeps_its_name(rule: str) -> None:
    finding = STANDS._replace(rule=rule)
    assert (after(TURNED_RAD).named(finding) is not finding) == (rule in STOPPED_BY)


def test_every_name_fits_the_wire() -> None:
    assert set(RULES) >= STOPPED_BY
    assert max(len(after(TURNED_RAD).named(STANDS._replace(rule=rule)).rule) for rule in STOPPED_BY) <= 24


def turned(scene: Scene) -> Scene:
    """Half a turn within a second."""
    for n in range(200):
        imu = ImuSample((scene.tick + 1) * TICK_NS, (0.01 * (n % 3), 0.0, 9.81), (0.0, 0.0, pi))
        scene.step(imu=imu)
    return scene


@pytest.mark.parametrize(("turns", "rule"), [(True, "turned_rest_position_m"), (False, "rest_position_m")])
def test_the_monitor_names_a_stop_after_a_turn_and_stops_no_sooner(turns: bool, rule: str) -> None:
    scene = Scene().arm()
    turned(scene) if turns else scene.run(1.0)
    assert scene.last is not None and scene.last.run
    scene.position_m = 0.96
    scene.run(1.0)
    (stop,) = scene.stops()
    assert (stop.cause, stop.rule) == (Cause.DRIFT_REAR, rule)


def test_a_turn_before_arming_is_forgotten() -> None:
    scene = Scene()
    scene.run(2.0)
    turned(scene)
    scene.run(0.5)
    assert scene.press().run
    scene.position_m = 0.96
    scene.run(1.0)
    assert [stop.rule for stop in scene.stops()] == ["rest_position_m"]
