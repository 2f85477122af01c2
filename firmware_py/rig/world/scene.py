"""Owns one run of the rig: a person, a treadmill and the sensors, advanced together. Must never see the monitor:
it knows whether the relay lets the belt run, and returns what the sensors would measure.

    scene = Scene("standstill", seed=7)
    state = scene.advance(0.005, run=True)      # any step up to 20 ms; call it in real time or faster

The belt starts 1.5 s after `run` becomes True, the hazard comes when the belt has held its speed for a while.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple

from firmware_py.config import Config
from firmware_py.rig.world.acts import STAND, WALK
from firmware_py.rig.world.belt import Belt, BeltParams
from firmware_py.rig.world.hip import Hip, HipParams
from firmware_py.rig.world.ranging import Ranging, RangingParams
from firmware_py.rig.world.scenarios import SCENARIOS
from firmware_py.rig.world.walker import Walker, WalkerParams
from sensors.samples import Fault, Vec3


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything of a run that a seed may draw. The defaults are those of an uncommissioned device."""

    deck_length_m: float = Config().deck_length_m
    mount: Literal["front", "rear"] = "front"
    zero_error_m: float = 0.0  # what the commissioning got wrong about the sensor and the walker's back
    belt: BeltParams = field(default_factory=BeltParams)
    walker: WalkerParams = field(default_factory=WalkerParams)
    ranging: RangingParams = field(default_factory=RangingParams)
    hip: HipParams = field(default_factory=HipParams)
    steady_s: float = 12.0  # the hazard comes when the belt has held its speed for so long
    silent_from_s: float = (
        0.0  # the range sensor gives no answer from so long after (or before) that moment ...
    )
    silent_for_s: float = 0.0  # ... for so long


class State(NamedTuple):
    """What the sensors measure, and the truth that only the rig knows."""

    t_s: float
    accel_m_s2: Vec3 | None  # None: the pod is unplugged
    gyro_rad_s: Vec3 | None
    distance_m: float  # newest good reading of the range sensor
    range_fault: Fault | None  # what the newest reading was instead
    range_count: int  # moves on with each reading, good or bad
    range_fresh: bool  # a reading was finished within this step
    belt_speed_m_s: float  # true
    position_m: float  # true, pelvis, sway included
    velocity_m_s: float
    hazard: bool  # it has begun
    steps: int


class Scene:
    """One seeded run: the same seed and the same `run` give the same run, bit for bit."""

    __slots__ = (
        "_hip",
        "_setup",
        "_steps",
        "belt",
        "hazard_t_s",
        "ranging",
        "scenario",
        "steady_s",
        "t_s",
        "walker",
    )

    def __init__(self, scenario: str, seed: int, setup: Setup | None = None) -> None:
        random = Random(f"rearguard {scenario} {seed}")
        self._setup = setup or Setup()
        self.scenario = SCENARIOS[scenario]
        self.belt = Belt(self._setup.belt)
        self.walker = Walker(self._setup.walker, Random(random.random()))
        self.ranging = Ranging(self._setup.ranging, Random(random.random()))
        self._hip = Hip(self._setup.hip, Random(random.random()))
        self._steps = 0
        self.t_s = 0.0
        self.steady_s = 0.0
        self.hazard_t_s: float | None = None

    @property
    def setup(self) -> Setup:
        return self._setup

    def advance(self, dt_s: float, run: bool) -> State:
        setup, belt, walker = self._setup, self.belt, self.walker
        self.t_s += dt_s
        belt.advance(dt_s, run)
        if run and belt.speed_m_s > 0.0 and walker.act == STAND and self.hazard_t_s is None:
            walker.do(WALK)
        self.steady_s = self.steady_s + dt_s if run and belt.speed_m_s >= belt.set_m_s - 0.01 else 0.0
        if self.hazard_t_s is None and self.scenario.act is not None and self.steady_s >= setup.steady_s:
            self.hazard_t_s = self.t_s
            walker.do(self.scenario.act)
            if self.scenario.speeds_up:
                belt.dial(belt.set_m_s + setup.walker.slip_m_s)
        before = walker.phase
        walker.advance(dt_s, belt.speed_m_s)
        if int(2 * before) != int(2 * walker.phase):
            self._steps += 1

        silent_s = self.steady_s - setup.steady_s - setup.silent_from_s
        silent = 0.0 <= silent_s < setup.silent_for_s
        fresh = self.ranging.advance(dt_s, self._true_distance_m(), silent)
        accel: Vec3 | None = None
        gyro: Vec3 | None = None
        if not (self.scenario.unplugs and self.hazard_t_s is not None):
            motion = walker.act.hip(walker.act_s)
            accel, gyro = self._hip.feel(
                walker.phase, walker.cadence_hz, walker.effort * walker.strength, motion
            )
        return State(
            self.t_s,
            accel,
            gyro,
            self.ranging.distance_m,
            self.ranging.fault,
            self.ranging.count,
            fresh,
            belt.speed_m_s,
            walker.position_m,
            walker.velocity_m_s,
            self.hazard_t_s is not None,
            self._steps,
        )

    def _true_distance_m(self) -> float | None:
        if not self.walker.act.on_belt:
            return None
        at_m = self.walker.position_m + self._setup.zero_error_m
        return at_m if self._setup.mount == "front" else self._setup.deck_length_m - at_m
