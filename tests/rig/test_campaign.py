"""A small campaign reaches what the large one promises, and its figures are what they say."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.config import Config
from firmware_py.core.deck.params import DriftParams, PositionParams
from firmware_py.core.deck.stopping import safe_speed_m_s
from firmware_py.core.monitor import MonitorParams
from firmware_py.rig.campaigns import campaign as module
from firmware_py.rig.campaigns import runs
from firmware_py.rig.campaigns.campaign import campaign
from firmware_py.rig.campaigns.draw import Run, svg
from firmware_py.rig.campaigns.peers import Cord, KalmanLine, Line, Seen, StepLoss
from firmware_py.rig.campaigns.runs import OURS, SENSOR_SILENT, Outcome
from firmware_py.rig.command import rig
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.belt import BeltParams
from firmware_py.rig.world.ranging import VL53L1X
from firmware_py.rig.world.scene import Scene, Setup, State
from firmware_py.rig.world.setups import FRONT_LINE_M, SLOWEST_M_S, draw_drift
from firmware_py.rig.world.walker import WalkerParams


def test_no_walker_of_a_small_campaign_rests_past_a_line_and_the_peers_are_behind() -> None:
    ticks: list[int] = []
    lines = list(campaign("drift", 10, 424242, 1, lambda: ticks.append(1)))
    assert len(ticks) == 10
    ours, *others = lines
    assert ours["detector"] == OURS
    assert ours["past_line"] == 0
    assert {line["detector"] for line in others} == {
        "line",
        "early_line",
        "kalman_line",
        "cord",
        "step_loss_20s",
    }
    assert all(line["past_line"] >= ours["past_line"] for line in others)
    assert sum(line["past_line"] for line in others) > 10
    assert json.loads(json.dumps(lines)) == lines


def test_no_walker_rests_past_a_line_because_the_range_sensor_was_silent_just_then() -> None:
    ours = next(iter(campaign("silence", 12, 424242, 1, lambda: None)))
    assert ours["past_line"] == 0


def test_stops_of_every_cause_are_one_figure() -> None:
    outcomes = [Outcome("x", "g", 1.0, false_stop=why) for why in (SENSOR_SILENT, "standstill", "fall", "")]
    figures = module._figures(outcomes)
    assert (figures["stops"], figures["stops_per_hour"]) == (3, 0.75)
    assert figures["causes"] == {"fall": 1, SENSOR_SILENT: 1, "standstill": 1}


def test_a_standstill_is_seen_in_time_at_one_and_two_mph() -> None:
    ours = next(iter(campaign("standstill", 15, 424242, 1, lambda: None)))
    assert ours["by"]["1 mph"]["detect_s"]["median"] <= 0.45
    assert ours["by"]["2 mph"]["detect_s"]["median"] <= 0.32


def test_an_ordinary_walk_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "WALK_S", 30.0)
    ours = next(iter(campaign("walking", 2, 424242, 1, lambda: None)))
    assert ours["false_stops"] == 0
    assert ours["hours"] == pytest.approx(60.0 / 3600.0, rel=0.1)


@pytest.mark.parametrize("seed", [0, 6])
def test_a_lively_walker_is_not_stopped_because_true_readings_were_rejected(seed: int) -> None:
    """The pelvis swings by 7 cm at 0.75 m/s; a hand in the beam (at 27.6 s, 38.2 s) used to end in `range_age_s`."""
    setup = Setup(
        deck_length_m=1.5,
        walker=WalkerParams(home_m=0.58, wander_m=0.04, sway_m=0.07, stride_sway_m=0.021),
        belt=BeltParams(speed_m_s=0.8, start_delay_s=0.5, ramp_m_s2=0.4),
        ranging=replace(VL53L1X, period_s=0.033),
    )
    params = MonitorParams(
        drift=DriftParams(deck_length_m=1.5, rear_line_m=1.05, belt_ceiling_m_s=0.88),
        position=PositionParams(deck_length_m=1.5),
    )
    loop = ClosedLoop(Scene("walk", seed, setup), params, 100.0, hall=seed == 0)
    while loop.scene.t_s < 40.0:
        decision = loop.step()
    assert decision.run, decision


def test_every_drawn_setup_is_one_that_the_device_calls_safe() -> None:
    from random import Random

    for seed in range(60):
        drawn = draw_drift(Random(seed))
        device = drawn.params.drift
        stop = (device.stop_latency_s, device.coast_down_m_s2)
        safe = safe_speed_m_s(device.rear_line_m, FRONT_LINE_M, *stop)
        assert SLOWEST_M_S <= device.belt_ceiling_m_s <= safe
        assert drawn.setup.belt.speed_m_s <= device.belt_ceiling_m_s


def test_figures_are_order_statistics_and_rates() -> None:
    outcomes = [
        Outcome("x", "g", 0.5, s, "", m < 0, m, None) for s, m in ((0.1, 0.2), (0.2, -0.1), (0.4, 0.3))
    ]
    outcomes.append(Outcome("x", "g", 0.5, None, "standstill", False, None, None))
    outcomes.append(Outcome("x", "g", 0.0, None, SENSOR_SILENT, False, None, None))
    figures = module._figures(outcomes)
    assert figures["past_line"] == 1
    assert figures["margin_m"] == {"min": -0.1, "p1": -0.1, "median": 0.2}
    assert figures["detect_s"]["median"] == 0.2
    assert figures["false_stops"] == 1
    assert figures["false_stops_per_hour"] == 0.5
    assert figures["other_stops"] == 1
    assert figures["warned_before_s"]["median"] is None


def seen(reading_m: float | None = None, position_m: float = 0.5, steps: int = 0, dt_s: float = 0.01) -> Seen:
    state = State(0.0, None, None, position_m, None, 0, True, 0.5, position_m, 0.0, False, steps)
    return Seen(state, reading_m, dt_s)


def test_the_peers_act_as_the_things_they_stand_for() -> None:
    line = Line("line", 0.9)
    readings_m = (0.91, 0.92, None, 0.8, 0.91, 0.91, 0.91)
    assert [line.cuts(seen(m)) for m in readings_m] == [False] * 6 + [True]
    assert [Cord(0.9).cuts(seen(position_m=m)) for m in (0.899, 0.9)] == [False, True]
    steps = StepLoss()
    steps.cuts(seen(steps=1))
    assert not any(steps.cuts(seen(steps=1)) for _ in range(1998))
    assert any(steps.cuts(seen(steps=1)) for _ in range(3))
    kalman = KalmanLine(0.9)
    cuts = [kalman.cuts(seen(0.5 + 0.005 * i if i != 20 else 3.0, dt_s=0.025)) for i in range(120)]
    assert not any(cuts[:75])
    assert any(cuts[75:95])
    assert not kalman.cuts(seen(dt_s=0.025))


def test_a_run_can_be_drawn() -> None:
    scene = Scene("standstill", 1)
    loop = ClosedLoop(scene, Config().monitor_params(), 100.0, hall=True)
    ticks = []
    for _ in range(2300):
        decision = loop.step()
        assert loop.state is not None
        ticks.append((loop.state, decision))
    picture = svg(Run("a run", ticks, 1.4, 0.15, 0.98))
    assert picture.startswith("<svg")
    assert "armed" in picture
    assert "hazard" in picture
    assert "standstill" in picture


def test_the_command_prints_one_object_a_line_and_refuses_unknown_names() -> None:
    runner = CliRunner()
    result = runner.invoke(
        rig, ["campaign", "drift", "--runs", "1", "--seed", "424242", "--jobs", "1", "--json"]
    )
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[0]["detector"] == OURS
    assert runner.invoke(build(["rig"]), ["rig", "campaign", "swimming"]).exit_code == 2
    assert runner.invoke(build(["rig"]), ["rig", "draw", "swimming"]).exit_code == 2
