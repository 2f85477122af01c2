"""Measures the coach's words on recorded and simulated walks: how often it calls "enough", how often it speaks of hips.

    python -m tests.proof.coach rig [--hours 10] [--seeds 200]
    python -m tests.proof.coach recorded movingreality FOLDER
    python -m tests.proof.coach recorded sisfall FOLDER

The rig's walker here stands in for what the guard would know: its cadence and its place go to the coach without noise
of the sensors. `--closed` runs the whole monitor instead (some twenty times slower).
Recordings are shorter than a set: their baseline is the first minute, which is noisier than the 60 to 180 s of a set.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from firmware_py.coach.walk import enough
from firmware_py.coach.walk.enough import Enough
from firmware_py.coach.walk.posture import Posture
from firmware_py.coach.walk.strides import Strides, Window
from firmware_py.config import Config
from firmware_py.core.frame import Decision, Frame, Phase
from firmware_py.core.monitor import Monitor
from firmware_py.evaluation.datasets import files
from firmware_py.evaluation.datasets.table import DATASETS, read_person
from firmware_py.evaluation.datasets.trials import Kind
from firmware_py.evaluation.run.replay import Replayer
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.belt import BeltParams
from firmware_py.rig.world.scene import Scene, Setup
from firmware_py.rig.world.walker import WalkerParams
from sensors.samples import ImuSample

SET_S = 600.0
RAMP_FROM_S, RAMP_S = 220.0, 180.0  # after the baseline; second-wave evidence: over 3 min
SHORT_BASELINE_S = (0.0, 60.0)
# Ad2 of the rig's walker by how ragged it is (measured; `docs/coach.md`): 0.06 gives 0.74, 0.08 gives 0.63, ...
RAGGED = (0.04, 0.08)
AD2_OF_RAGGED = (
    (0.0, 0.921),
    (0.02, 0.9),
    (0.04, 0.836),
    (0.06, 0.739),
    (0.08, 0.626),
    (0.1, 0.513),
    (0.12, 0.412),
)
LOSS_AD2, LOSS_WANDER_M = 0.2, 0.05


@dataclass(slots=True)
class Walk:
    """One set of a simulated walker."""

    called_s: float | None = None
    last: Window | None = None
    lowest: int = 0  # most windows in a row below the limit


def ragged_of(ad2: float) -> float:
    """How ragged the rig's walker must be for this Ad2: straight lines between the measured points."""
    for (r0, a0), (r1, a1) in pairwise(AD2_OF_RAGGED):
        if a1 <= ad2 <= a0:
            return r0 + (r1 - r0) * (a0 - ad2) / (a0 - a1)
    raise ValueError(f"no walker has Ad2 = {ad2}")


def ad2_of(ragged: float) -> float:
    for (r0, a0), (r1, a1) in pairwise(AD2_OF_RAGGED):
        if r0 <= ragged <= r1:
            return a0 + (a1 - a0) * (ragged - r0) / (r1 - r0)
    raise ValueError(f"not measured: {ragged}")


def simulated(seed: int, tires: bool, seconds: float = SET_S, closed: bool = False) -> Walk:
    """One set of an ordinary or tiring walker."""
    random = Random(f"coach {seed}")
    ragged = random.uniform(*RAGGED)
    wander_m = random.uniform(0.04, 0.07)
    speed_m_s = random.uniform(0.25, 0.8)
    setup = Setup(
        belt=replace(BeltParams(), speed_m_s=speed_m_s),
        walker=replace(WalkerParams(), wander_m=wander_m, cadence_scale=random.uniform(0.9, 1.15)),
    )
    worst = ragged_of(ad2_of(ragged) - LOSS_AD2)
    scene = Scene("walk", seed, setup)
    strides, judge, walk = Strides(), Enough(), Walk()
    from_s = -1.0
    for t_ns, accel, position_m, cadence in _closed(scene) if closed else _open(scene):
        t_s = t_ns / 1e9
        if from_s < 0.0:
            from_s = t_s
        walked_s = t_s - from_s
        part = min(max((walked_s - RAMP_FROM_S) / RAMP_S, 0.0), 1.0) if tires else 0.0
        scene.walker.ragged = ragged + part * (worst - ragged)
        if part > 0.0:
            scene.walker.wander(wander_m + part * LOSS_WANDER_M)
        strides.update(t_ns, accel, position_m, cadence)
        if strides.window is not None:
            walk.last = strides.window
            if judge.window(walked_s, strides.window):
                walk.called_s = walked_s
                return walk
        if walked_s >= seconds:
            return walk
    return walk


def _open(scene: Scene) -> Iterator[tuple[int, Any, float | None, float | None]]:
    while True:
        state = scene.advance(0.02, True)
        if scene.steady_s > 3.0:
            yield round(state.t_s * 1e9), state.accel_m_s2, state.position_m, scene.walker.cadence_hz


def _closed(scene: Scene) -> Iterator[tuple[int, Any, float | None, float | None]]:
    loop = ClosedLoop(scene, Config().monitor_params(), 200.0, hall=False)
    stopped = 0
    while stopped < 2000:
        d = loop.step()
        stopped = 0 if d.run or loop.armed_t_s is None else stopped + 1
        assert loop.state is not None
        if d.run and d.phase is not Phase.WAITING and loop.state.accel_m_s2 is not None:
            yield d.t_ns, loop.state.accel_m_s2, d.position_m, d.cadence_hz


class _Listening:
    """The product's monitor with the coach's ears beside it."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor, self.strides, self.judge, self.posture = monitor, Strides(), Enough(), Posture()
        self.walked_s = 0.0
        self.calls = self.windows = self.cues = 0

    def step(self, frame: Frame) -> Decision:
        d = self.monitor.step(frame)
        if d.run and d.phase is not Phase.WAITING and isinstance(frame.imu, ImuSample):
            self.strides.update(frame.t_ns, frame.imu.accel_m_s2, None, d.cadence_hz)
            if self.strides.second is not None:
                self.walked_s += 1.0
                self.cues += self.posture.second(self.strides.second)
            if self.strides.window is not None:
                self.windows += self.walked_s > enough.BASELINE_S[1]
                self.calls += self.judge.window(self.walked_s, self.strides.window)
                self.judge.called = False  # count every call
        return d


def recorded(name: str, folder: Path) -> dict[str, object]:
    """Every walk of a data set as a set of its own."""
    enough.BASELINE_S = SHORT_BASELINE_S
    dataset = DATASETS[name]
    wanted = ("D01", "D02") if name == "sisfall" else ()
    people: dict[str, list[files.SourceFile]] = {}
    for file in files.find([folder])[0]:
        person = dataset.person_of(file.where)
        if person is not None and (not wanted or file.name.upper().startswith(wanted)):
            people.setdefault(person, []).append(file)
    total = {"walks": 0, "hours": 0.0, "hours_judged_enough": 0.0, "enough_calls": 0}
    total |= {"hours_judged_posture": 0.0, "posture_cues": 0}
    for person, inside in people.items():
        for trial in read_person(dataset, person, inside)[0]:
            if trial.kind is not Kind.WALK:
                continue
            ears = _Listening(Monitor(Config().monitor_params(), trial.rate_hz))
            Replayer(ears, trial.rate_hz).feed(trial.accel_m_s2, trial.gyro_rad_s)
            total["walks"] += 1
            total["hours"] += trial.duration_s / 3600
            total["hours_judged_enough"] += ears.windows * 10 / 3600
            total["enough_calls"] += ears.calls
            total["hours_judged_posture"] += ears.posture.judged_s / 3600
            total["posture_cues"] += ears.cues
    return {"dataset": name, "subjects": len(people)} | {k: round(v, 3) for k, v in total.items()}


def rig(hours: float, seeds: int, closed: bool) -> dict[str, object]:
    sets = round(hours * 3600 / SET_S)
    false = sum(simulated(seed, False, closed=closed).called_s is not None for seed in range(sets))
    end_s = RAMP_FROM_S + RAMP_S
    called = [simulated(10_000 + seed, True, end_s + 120.0, closed).called_s for seed in range(seeds)]
    late_s = sorted(at_s - end_s for at_s in called if at_s is not None)
    return {
        "ordinary_hours": round(sets * SET_S / 3600, 2),
        "calls_in_ordinary_walking": false,
        "tiring_seeds": seeds,
        "called_within_60_s_of_the_whole_loss": sum(at_s <= 60.0 for at_s in late_s),
        "called_before_the_loss_began": sum(at_s < -RAMP_S for at_s in late_s),
        "never_called": sum(at_s is None for at_s in called),
        "median_after_the_whole_loss_s": late_s[len(late_s) // 2] if late_s else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("rig", "recorded"))
    parser.add_argument("dataset", nargs="?", choices=("movingreality", "sisfall"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--closed", action="store_true")
    asked = parser.parse_args()
    if asked.what == "rig":
        print(json.dumps(rig(asked.hours, asked.seeds, asked.closed)))
    else:
        print(json.dumps(recorded(asked.dataset, asked.folder)))


if __name__ == "__main__":
    main()
