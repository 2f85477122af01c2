"""Walkers of the rig with the coach beside them: who tires, whose hips tip, who lands hard, who answers."""

import contextlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_py.coach.walk.posture import Posture
from firmware_py.coach.walk.rhythm import softness
from firmware_py.coach.walk.strides import Strides, Window
from firmware_py.rig.demo import session
from firmware_py.rig.demo.demo import BELT_SENSOR
from firmware_py.rig.harness.processes import process, settle
from firmware_py.rig.world.acts import TIP, WALK
from firmware_py.rig.world.hip import HipParams
from firmware_py.rig.world.scene import Scene, Setup
from tests.coach import simulated as session_in_seconds
from tests.proof.coach import RAMP_FROM_S, RAMP_S, simulated
from tests.support.held_up import Busy

SEEDS = range(4)


def windows(scene: Scene, seconds: float) -> list[Window]:
    strides, found = Strides(), []
    for _ in range(round(seconds * 50)):
        state = scene.advance(0.02, True)
        if scene.steady_s > 3.0 and state.accel_m_s2 is not None:
            strides.update(
                round(state.t_s * 1e9), state.accel_m_s2, state.position_m, scene.walker.cadence_hz
            )
            if strides.window is not None:
                found.append(strides.window)
    return found


def test_who_tires_hears_enough_within_a_minute() -> None:
    """The proof with 200 seeds is `python -m tests.proof.coach rig`."""
    end_s = RAMP_FROM_S + RAMP_S
    called = [simulated(10_000 + seed, True, end_s + 60.0).called_s for seed in range(8)]
    assert sum(at_s is not None and at_s > RAMP_FROM_S for at_s in called) >= 7


@pytest.mark.parametrize("seed", SEEDS)
def test_who_does_not_tire_hears_nothing(seed: int) -> None:
    assert simulated(seed, False).called_s is None


@pytest.mark.parametrize("seed", SEEDS)
def test_hips_that_tip_forward_are_seen_through_the_sway_of_walking(seed: int) -> None:
    scene, strides, posture = Scene("walk", seed), Strides(), Posture()
    cues = {TIP.name: 0, WALK.name: 0}
    for k in range(50 * 120):
        state = scene.advance(0.02, True)
        if k == 50 * 70:
            scene.walker.do(TIP)
        assert state.accel_m_s2 is not None
        strides.update(round(state.t_s * 1e9), state.accel_m_s2, None, 1.5)
        if scene.steady_s > 3.0 and strides.second is not None:
            cues[scene.walker.act.name] += posture.second(strides.second)
    assert cues == {TIP.name: 1, WALK.name: 0}


def test_who_lands_hard_is_firmer_than_usual() -> None:
    usual = windows(Scene("walk", 1), 60)[-1]
    hard = windows(Scene("walk", 1, replace(Setup(), hip=HipParams(contact=0.7))), 60)[-1]
    assert softness(hard.jerk_per_s, usual.jerk_per_s) == "firmer than your usual"
    assert softness(usual.jerk_per_s, usual.jerk_per_s) == "as usual"


def test_a_walker_who_is_not_ragged_walks_as_ever() -> None:
    plain, touched = Scene("walk", 3), Scene("walk", 3)
    touched.walker.ragged = 0.0
    assert [plain.advance(0.02, True) for _ in range(500)] == [
        touched.advance(0.02, True) for _ in range(500)
    ]


@pytest.mark.alone
@pytest.mark.skipif("REARGUARD_REPETITIONS" not in os.environ, reason="two minutes: make proof")
def test_one_set_with_the_real_guard_courier_and_page(tmp_path: Path) -> None:
    config, port = settle(tmp_path)
    with config.open("a", encoding="utf-8") as file:
        file.write(BELT_SENSOR)
    session.prepare(config, sets=1)
    with process(tmp_path / "courier.log", "firmware_py", "courier", "--config", config):
        cues = session.play(config, tmp_path / "room", port, 1, lambda _t_s, _text: None)
        record = session.record_of(config)
        if session.disturbed(record):
            raise Busy(f"a set was cut short: {record.sets}")
        found = session.result(config, record, cues, tmp_path / "report.html")
    assert found["as_expected"], found
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_a_short_session_runs_from_the_checklist_to_the_last_answer() -> None:
    played = list(session_in_seconds.play(1))
    walked = played[-1][2]
    assert [kind for _, kind, _ in played] == ["tipped", "set_done", "pause_over", "all_done", "end"]
    assert [s.ended for s in walked.record.sets] == ["done", "done"]
    assert walked.record.answers == {
        "company": "here",
        "ready": "yes",
        "pain": 1,
        "effort": 11,
        "talk": "yes",
    }


@pytest.mark.alone
def test_a_session_that_is_ended_from_outside_leaves_no_file_and_no_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "firmware_py", "demo", "--scenario", "session", "--json"]
    demo = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert demo.stderr is not None
    assert b"the page is at" in demo.stderr.readline()
    demo.terminate()
    _, said = demo.communicate(timeout=30)
    assert (demo.returncode, list(tmp_path.iterdir())) == (0, [])
    assert b"ended by hand" in said
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            assert str(tmp_path).encode() not in line.read_bytes()
