"""Owns the campaign of pairs: each hazard while something else is wrong that is no reason to stop.

Must never count a stop before the hazard as a success.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from statistics import median_high
from typing import Any, NamedTuple

from firmware_py.config import Config, parse
from firmware_py.core.deck.stopping import safe_speed_m_s
from firmware_py.rig.harness.whole import Whole
from firmware_py.rig.world.acts import IMPACT_S
from firmware_py.rig.world.hip import HipParams
from firmware_py.rig.world.ranging import RangingParams
from firmware_py.rig.world.switchgear import CONTACT_NS, WATCHDOG_NS
from sensors.emulated.trouble import Kind, Trouble

HAZARDS = ("drift", "standstill", "fall", "front", "step_off")
STEADY_S = 7.0
GIVE_UP_S = 15.0  # after the hazard
LATE_NS = 7_000_000
NEVER_ARMED_S = 60.0  # a run in which nothing has happened by then is over
STEP_OFF_S = 0.300  # F22


@dataclass(frozen=True)
class Companion:
    """What goes wrong beside the hazard; none of it alone is a reason to stop."""

    name: str
    hip: HipParams | None = None
    ranging: RangingParams | None = None
    imu_trouble: Kind | None = None
    probability: float = 0.0
    late_every: int = 0  # ticks


COMPANIONS: tuple[Companion, ...] = (
    Companion("nothing"),
    Companion("range drops out 30 %", ranging=RangingParams(fail=0.30)),
    Companion("range noise tripled", ranging=RangingParams(noise_m=0.030)),
    Companion("imu noise tripled", hip=HipParams(noise_m_s2=0.15, noise_rad_s=0.024)),
    Companion("imu scale 5 % high", hip=HipParams(scale=1.05)),
    Companion("3 % of imu messages lost", imu_trouble=Kind.NACK, probability=0.03),
    Companion("one imu burst in 200 with a wrong bit", imu_trouble=Kind.BIT_FLIP, probability=0.005),
    Companion("two late ticks a second", late_every=100),
)


class Treadmill(NamedTuple):
    """What the guard knows of the belt, and how fast that runs."""

    name: str
    config: Config
    speed_m_s: float


def _commissioned() -> Treadmill:
    """Measured, at its fastest safe speed: the belt of which something is promised."""
    config = Config()
    chain_ms = (WATCHDOG_NS + CONTACT_NS) // 1_000_000  # a drop measures it with the belt's own latency
    latency_ms = config.belt.stop_latency_ms + chain_ms
    lines_m = config.rear_line_m, config.front_line_m
    speed_m_s = safe_speed_m_s(*lines_m, latency_ms / 1000, config.belt.coast_down_m_s2)
    belt = {"commissioned": True, "stop_latency_ms": latency_ms, "ceiling_km_h": 3.6 * speed_m_s}
    return Treadmill("commissioned", parse({"belt": belt}), speed_m_s)


TREADMILLS = (_commissioned(), Treadmill("defaults, 1 mph", Config(), 0.45))


class Seen(NamedTuple):
    hazard: str
    treadmill: str
    companion: str
    cut_s: float | None  # after the hazard; None: never, or before it
    cause: str
    early: bool  # cut before the hazard
    rest_m: float | None


def campaign(runs: int, seed: int, jobs: int, done: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """So many runs of each pair; a line for each. The courier is absent in all of them."""
    rows = [(h, t, c) for t in TREADMILLS for h in HAZARDS for c in COMPANIONS]
    work = [(seed, n, *row) for row in rows for n in range(runs)]
    seen: list[Seen] = []
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for one in pool.imap_unordered(_run, work, chunksize=4):
            seen.append(one)
            done()
    for hazard, treadmill, companion in rows:
        row = (hazard, treadmill.name, companion.name)
        yield _line(*row, [s for s in seen if s[:3] == row])


def jobs_of(runs: int) -> int:
    """How many runs a campaign takes in all."""
    return runs * len(TREADMILLS) * len(HAZARDS) * len(COMPANIONS)


def _line(hazard: str, treadmill: str, companion: str, seen: list[Seen]) -> dict[str, Any]:
    config = Config()
    front_m, rear_m = config.front_line_m, config.rear_line_m
    cuts = [s.cut_s for s in seen if s.cut_s is not None]
    counted = [s for s in seen if not s.early]
    missed = sum(not _held(hazard, s, front_m, rear_m) for s in counted)
    return {
        "campaign": "pairs",
        "hazard": hazard,
        "treadmill": treadmill,
        "beside": companion,
        "runs": len(seen),
        "stopped_before_the_hazard": len(seen) - len(counted),
        "missed": missed,
        "cut_s": {"median": round(median_high(cuts), 3), "max": round(max(cuts), 3)} if cuts else None,
        "found_by": dict(Counter(s.cause for s in seen).most_common()),
    }


def _held(hazard: str, s: Seen, front_m: float, rear_m: float) -> bool:
    """What the hazard asks: cut before the impact, within its time, or at rest between the lines."""
    if s.cut_s is None:
        return False
    if hazard == "fall":
        return s.cut_s < IMPACT_S
    if hazard == "step_off":
        return s.cut_s <= STEP_OFF_S
    return s.rest_m is not None and front_m <= s.rest_m <= rear_m


def _run(job: tuple[int, int, str, Treadmill, Companion]) -> Seen:
    seed, number, hazard, treadmill, companion = job
    random = Random(f"pairs {seed} {number} {hazard}")
    scene_seed, beside = random.getrandbits(31), (companion.hip, companion.ranging)
    with Whole(treadmill.config, hazard, scene_seed, STEADY_S, *beside, treadmill.speed_m_s) as whole:
        scene = whole.world.scene
        if companion.imu_trouble is not None:
            chip = whole.bus.chip(whole.config.imu.address)
            trouble = Trouble(companion.imu_trouble, probability=companion.probability, seed=number)
            chip.trouble.append(trouble)
        ran, tick = False, 0
        while scene.hazard_t_s is None or scene.t_s - scene.hazard_t_s < GIVE_UP_S:
            tick += 1
            late = bool(companion.late_every) and tick % companion.late_every == 0
            decision = whole.tick(LATE_NS if late else 0)
            ran = ran or decision.run
            if ran and not decision.run:
                break
            if tick > NEVER_ARMED_S * whole.config.loop.rate_hz:
                break
        cause = whole.decision.cause.value if whole.decision and whole.decision.cause else ""
        if scene.hazard_t_s is None:
            return Seen(hazard, treadmill.name, companion.name, None, cause, True, None)
        cut_s = scene.t_s - scene.hazard_t_s if not whole.decision or not whole.decision.run else None
        while cut_s is not None and scene.belt.speed_m_s > 0.0:
            whole.tick()
        return Seen(hazard, treadmill.name, companion.name, cut_s, cause, False, whole.world.state.position_m)
