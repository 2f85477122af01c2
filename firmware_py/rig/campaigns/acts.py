"""Owns the campaign of acts: what the device makes of each thing that people do while they walk.

Must never count a stop before the act: that is the business of the walking campaign.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

from firmware_py.rig.campaigns.runs import RATE_HZ
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.scenarios import ACTS
from firmware_py.rig.world.scene import Scene
from firmware_py.rig.world.setups import draw_walking

WANDER_M = 0.05
STEADY_S = 9.0
WATCH_S = 8.0  # from the beginning of the act
LEAST_SHARE = 0.99
NAMED = 10  # so many wrong repetitions are named


class Seen(NamedTuple):
    act: str
    number: int
    decision: str  # cause and rule of the stop; "" none; "before": stopped before the act
    right: bool


def campaign(runs: int, seed: int, jobs: int, done: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """So many repetitions of each act; a line for each."""
    seen: list[Seen] = []
    work = [(seed, name, number) for name in ACTS for number in range(runs)]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for one in pool.imap_unordered(_run, work, chunksize=4):
            seen.append(one)
            done()
    for name in ACTS:
        yield _line(name, seed, sorted(s for s in seen if s.act == name))


def jobs_of(runs: int) -> int:
    """How many runs a campaign takes in all."""
    return runs * len(ACTS)


def _line(name: str, seed: int, seen: list[Seen]) -> dict[str, Any]:
    counted = [s for s in seen if s.decision != "before"]
    wrong = [s.number for s in counted if not s.right]
    share = 1.0 - len(wrong) / len(counted) if counted else None
    return {
        "campaign": "acts",
        "act": name,
        "what": ACTS[name].sentence,
        "runs": len(counted),
        "seed": seed,
        "stopped_before": len(seen) - len(counted),
        "as_expected": share and round(share, 4),
        "decisions": dict(Counter(s.decision or "runs on" for s in counted).most_common()),
        "wrong": wrong[:NAMED],
        "within_bound": share is None or share >= LEAST_SHARE,
    }


def _run(job: tuple[int, str, int]) -> Seen:
    seed, name, number = job
    random = Random(f"acts {seed} {name} {number}")
    drawn = draw_walking(random, WANDER_M)
    setup = replace(drawn.setup, steady_s=STEADY_S)
    hall = (
        drawn.hall or name == "side_rails"
    )  # without a measured belt nobody can tell rails from a belt that stands
    loop = ClosedLoop(Scene(name, random.getrandbits(32), setup), drawn.params, RATE_HZ, hall)
    scene = loop.scene
    while loop.run or loop.armed_t_s is None:
        loop.step()
        if scene.hazard_t_s is not None and scene.t_s - scene.hazard_t_s > WATCH_S:
            return Seen(name, number, "", None in ACTS[name].expected)
    if scene.hazard_t_s is None or loop.decision is None or loop.decision.cause is None:
        return Seen(name, number, "before", False)
    cause = loop.decision.cause
    return Seen(name, number, f"{cause.value} {loop.decision.rule}", cause in ACTS[name].expected)
