"""Owns what a seed draws: decks, belts, people, sensors, commissioning errors. Must never look at results.

The spans are those of machines in homes and gyms: belts of 1.0 to 1.6 m, coast-down 0.5 to 2 m/s2, latency 50 to
400 ms, 0.5 mph and up [A]. A setup whose safe speed is under 0.5 mph is refused by the device, and drawn again.
"""

from dataclasses import replace
from random import Random
from typing import NamedTuple

from firmware_py.config import Config
from firmware_py.core.deck.params import DriftParams, PositionParams
from firmware_py.core.deck.stopping import mark_m, safe_speed_m_s
from firmware_py.core.monitor import MonitorParams
from firmware_py.rig.world.belt import BeltParams
from firmware_py.rig.world.hip import HipParams
from firmware_py.rig.world.ranging import TF_LUNA, VL53L1X
from firmware_py.rig.world.scene import Setup
from firmware_py.rig.world.walker import WalkerParams

SLOWEST_M_S = 0.2235  # 0.5 mph
FRONT_LINE_M = Config().front_line_m
_REAR_LINE_SHARE = Config().deck.rear_line_percent / 100
_SEES_BELT_SPEED = 0.5  # share of the devices
HAZARD_SHARES: tuple[tuple[str, float], ...] = (
    ("drift", 0.30),
    ("standstill", 0.28),
    ("freeze", 0.10),
    ("front", 0.14),
    ("speed_up", 0.10),
    ("fall", 0.05),
    ("step_off", 0.03),
)


class Drawn(NamedTuple):
    """One run: what happens, what the device knows, and whether it sees the belt's speed."""

    scenario: str
    setup: Setup
    params: MonitorParams
    hall: bool
    refused: int  # setups that the device would not run at all, drawn before this one


def draw_drift(random: Random) -> Drawn:
    """Any hazard on any belt up to the speed that its commissioning calls safe."""
    scenario = random.choices([h for h, _ in HAZARD_SHARES], [w for _, w in HAZARD_SHARES])[0]
    refused = 0
    while True:
        length_m, belt, device = _deck(random)
        safe = safe_speed_m_s(device.rear_line_m, FRONT_LINE_M, device.stop_latency_s, device.coast_down_m_s2)
        if safe >= SLOWEST_M_S:
            break
        refused += 1
    ceiling = random.uniform(SLOWEST_M_S, safe)
    speed = random.uniform(SLOWEST_M_S, ceiling)
    slip = speed * (random.uniform(0.1, 0.5) if scenario == "front" else random.uniform(0.1, 0.9))
    if scenario == "speed_up":
        slip = max(0.05, ceiling - speed)
        speed = ceiling - slip
    device = replace(device, belt_ceiling_m_s=ceiling)
    home_m = mark_m(device) + random.uniform(-0.04, 0.04)
    walker = replace(_walker(random, home_m, random.uniform(0.05, 0.08)), slip_m_s=min(slip, 0.25))
    return _drawn(
        random,
        scenario,
        length_m,
        replace(belt, speed_m_s=speed),
        device,
        walker,
        refused,
    )


def draw_standstill(random: Random, speed_m_s: float) -> Drawn:
    """Standing still at a given speed, safe or not: how soon is it found?"""
    length_m, belt, device = _deck(random, 1.4, 1.6)
    front_m, rear_m = FRONT_LINE_M, device.rear_line_m
    home_m = front_m + 0.4 * (rear_m - front_m)
    walker = _walker(random, home_m, random.uniform(0.05, 0.08))
    device = replace(device, belt_ceiling_m_s=speed_m_s * random.uniform(1.0, 1.5), commissioned=False)
    return _drawn(random, "standstill", length_m, replace(belt, speed_m_s=speed_m_s), device, walker, 0)


def draw_walking(random: Random, wander_m: float) -> Drawn:
    """An ordinary walk about the mark that the page shows, at any speed up to 2 mph."""
    length_m, belt, device = _deck(random, 1.40, 1.60)
    speed = random.uniform(SLOWEST_M_S, 0.894)
    device = replace(device, belt_ceiling_m_s=speed * random.uniform(1.0, 1.3), commissioned=False)
    home_m = mark_m(device) + random.uniform(-0.03, 0.03)
    walker = _walker(random, home_m, wander_m)
    return _drawn(random, "walk", length_m, replace(belt, speed_m_s=speed), device, walker, 0)


def _deck(
    random: Random, shortest_m: float = 1.0, longest_m: float = 1.6
) -> tuple[float, BeltParams, DriftParams]:
    """A treadmill, and what commissioning made of it: worst of three drops, so rather late and slow."""
    length_m = random.uniform(shortest_m, longest_m)
    belt = BeltParams(
        coast_down_m_s2=random.uniform(0.5, 2.0),
        stop_latency_s=random.uniform(0.05, 0.40),
        start_delay_s=0.5,
        ramp_m_s2=0.4,
    )
    device = DriftParams(
        deck_length_m=length_m,
        rear_line_m=_REAR_LINE_SHARE * length_m,
        front_line_m=FRONT_LINE_M,
        coast_down_m_s2=belt.coast_down_m_s2 * random.uniform(0.93, 1.02),
        stop_latency_s=belt.stop_latency_s + random.uniform(-0.01, 0.03),
        commissioned=True,
        over_safe_speed="refuse",
    )
    return length_m, belt, device


def _walker(random: Random, home_m: float, wander_m: float) -> WalkerParams:
    return WalkerParams(
        home_m=home_m,
        wander_m=wander_m,
        regulate_hz=random.uniform(0.08, 0.30),
        speed_tau_s=random.uniform(0.7, 2.5),
        sway_m=random.uniform(0.010, 0.020),
        stride_sway_m=random.uniform(0.002, 0.010),
        track_rad_s=random.uniform(4.0, 7.0),
        halt_tau_s=random.uniform(0.03, 0.12),
        cadence_scale=random.uniform(0.88, 1.15),
    )


def _drawn(
    random: Random,
    scenario: str,
    length_m: float,
    belt: BeltParams,
    device: DriftParams,
    walker: WalkerParams,
    refused: int,
) -> Drawn:
    sensor = random.choice((VL53L1X, TF_LUNA))
    period_s = random.uniform(0.020, 0.033) if sensor is VL53L1X else 0.020
    ranging = replace(
        sensor,
        period_s=period_s,
        noise_m=random.uniform(0.006, 0.015),
        cloth_m=random.uniform(0.003, 0.008),
    )
    hip = HipParams(
        bounce_m=random.uniform(0.010, 0.020),
        surge_m_s2=random.uniform(0.5, 1.2),
        rock_m_s2=random.uniform(0.5, 1.3),
        lean_rad=random.uniform(-0.10, 0.20),
        roll_rad=random.uniform(-0.06, 0.06),
        scale=random.uniform(0.95, 1.05),
    )
    mount = random.choices(("front", "rear"), (0.8, 0.2))[0]
    setup = Setup(
        deck_length_m=length_m,
        mount="front" if mount == "front" else "rear",
        zero_error_m=random.uniform(-0.01, 0.01),
        belt=belt,
        walker=walker,
        ranging=ranging,
        hip=hip,
        steady_s=random.uniform(9.0, 18.0),
    )
    params = MonitorParams(drift=device, position=PositionParams(mount=setup.mount, deck_length_m=length_m))
    return Drawn(scenario, setup, params, random.random() < _SEES_BELT_SPEED, refused)
