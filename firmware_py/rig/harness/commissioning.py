"""Owns a treadmill of the rig as the commissioning guide meets it, and the person who does what the guide says.

Must never answer with the truth: the guide has to find it through the sensor.
"""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from firmware_py.config import Config
from firmware_py.device.commission.bench import STEP_S, Reading
from firmware_py.device.commission.command import read_before, write_after
from firmware_py.device.commission.guide import MARKS, guide
from firmware_py.rig.world.belt import Belt, BeltParams
from firmware_py.rig.world.ranging import VL53L1X, Ranging

BODY_M = 0.12  # from the back's surface to the middle of the pelvis


class RigBench:
    """A deck with one thing on it: a box or a person, still or carried."""

    def __init__(self, seed: int, config: Config, period_s: float = VL53L1X.period_s) -> None:
        random = Random(f"commission {seed}")
        self.random = random
        self.params = BeltParams(
            speed_m_s=0.42,
            coast_down_m_s2=random.uniform(0.5, 2.0),
            stop_latency_s=random.uniform(0.05, 0.40),
            start_delay_s=0.2,
        )
        self.length_m = round(random.uniform(1.27, 1.60), 3)
        self.sensor_m = random.uniform(0.0, 0.15)  # outside its edge
        self.front = config.range.mount == "front"
        self.belt = Belt(self.params)
        self._ranging = Ranging(
            replace(VL53L1X, period_s=period_s, cloth_m=0.001, hand_hz=0.0, burst_hz=0.0), random
        )  # cardboard
        self.face_m: float | None = None  # of the thing, as the deck counts
        self.on_belt = False
        self.waiting_box = False
        self._t_s = 0.0
        self._count = 0

    def step(self, run: bool) -> Reading:
        self._t_s += STEP_S
        before_m = self.belt.travel_m
        self.belt.advance(STEP_S, run)
        if self.waiting_box and self.belt.speed_m_s >= self.params.speed_m_s:
            self.face_m, self.on_belt, self.waiting_box = 0.08, True, False
        if self.on_belt and self.face_m is not None:
            self.face_m += self.belt.travel_m - before_m
        true_m = None
        if self.face_m is not None:
            true_m = self.sensor_m + (self.face_m if self.front else self.length_m - self.face_m)
        fresh = self._ranging.advance(STEP_S, true_m) and self._ranging.fault is None
        return Reading(self._t_s, self._ranging.distance_m if fresh else None)


class RigPerson:
    """Does what the guide asks, to the accuracy of a tape measure and bare feet."""

    def __init__(self, bench: RigBench) -> None:
        self._bench = bench
        self.heard: list[str] = []

    def show(self, text: str) -> None:
        self.heard.append(text)

    def ask(self, key: str, question: str, default: float) -> float:
        self.heard.append(question)
        return self._bench.length_m * 1000 if key == "length" else default

    def confirm(self, key: str, request: str) -> None:
        self.heard.append(request)
        self.act(key)

    def act(self, key: str) -> None:
        """Does what the request with this key asks for."""
        bench = self._bench
        slip_m = bench.random.gauss(0.0, 0.004)
        bench.on_belt = False
        if key == "box":
            bench.face_m = (0.5 if bench.front else bench.length_m - 0.5) + slip_m
        elif key.startswith("mark_"):
            mark_m = bench.length_m * dict(MARKS)[key.removeprefix("mark_")]
            bench.face_m = mark_m + (-BODY_M if bench.front else BODY_M) + slip_m
        else:
            bench.face_m, bench.waiting_box = None, True


def commission(
    config: Annotated[Path, typer.Option(help="TOML file to start from and to write.")] = Path("config.toml"),
    seed: Annotated[int, typer.Option(help="Which of the simulated treadmills.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Commission a simulated treadmill: the same guide, and nobody has to stand on anything.

    Example: rearguard commission --rig --seed 3
    """
    before = read_before(config)
    bench = RigBench(seed, before)
    write_after(config, *guide(bench, RigPerson(bench), before), as_json)
