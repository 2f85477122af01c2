"""Owns the campaigns of detectors: thousands of seeded runs on all processors, and the figures of each detector.

Must never depend on the order in which runs end.
"""

import math
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from firmware_py.core.frame import Cause
from firmware_py.rig.campaigns.runs import OURS, PEER_CUT, RUNS, Outcome

DRIFT_STOPS = (PEER_CUT, *(c.value for c in (Cause.DRIFT_REAR, Cause.DRIFT_FRONT, Cause.STANDSTILL)))


def campaign(
    name: str, runs: int, seed: int, jobs: int, tick: Callable[[], None]
) -> Iterator[dict[str, Any]]:
    """Runs it and yields a summary for our device and one for each peer, ours first. Calls `tick` after each run."""
    outcomes: list[Outcome] = []
    refused = 0
    for some, more_refused in _parallel(name, runs, seed, jobs):
        outcomes += some
        refused += more_refused
        tick()
    for detector in dict.fromkeys(o.detector for o in sorted(outcomes, key=lambda o: o.detector != OURS)):
        mine = [o for o in outcomes if o.detector == detector]
        yield {
            "campaign": name,
            "detector": detector,
            "runs": runs,
            "seed": seed,
            **_figures(mine),
            "by": {g: _figures([o for o in mine if o.group == g]) for g in sorted({o.group for o in mine})},
            "setups_refused": refused,
        }


def _parallel(name: str, runs: int, seed: int, jobs: int) -> Iterator[tuple[list[Outcome], int]]:
    work = [(name, seed, index) for index in range(runs)]
    if jobs <= 1:
        yield from map(_one, work)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(_one, work, chunksize=4)


def _one(work: tuple[str, int, int]) -> tuple[list[Outcome], int]:
    name, seed, index = work
    return RUNS[name](seed, index)


def _figures(outcomes: list[Outcome]) -> dict[str, Any]:
    margins = [o.margin_m for o in outcomes if o.margin_m is not None]
    hours = sum(o.hours for o in outcomes)
    false_stops = [o.false_stop for o in outcomes if o.false_stop]
    drifts = sum(why in DRIFT_STOPS for why in false_stops)
    figures: dict[str, Any] = {
        # Whatever the cause: to the walker a stop is a stop.
        "stops": len(false_stops),
        "stops_per_hour": round(len(false_stops) / hours, 3) if hours else None,
        "hours": round(hours, 3),
        "past_line": sum(o.past_line for o in outcomes),
        "margin_m": _spread(margins, min=0.0, p1=0.01, median=0.5),
        "detect_s": _spread([o.cut_s for o in outcomes if o.cut_s is not None], median=0.5, p95=0.95),
        "warned_before_s": _spread(
            [o.warned_s for o in outcomes if o.warned_s is not None], min=0.0, p5=0.05, median=0.5
        ),
        "false_stops": drifts,
        "false_stops_per_hour": round(drifts / hours, 3) if hours else None,
        "other_stops": len(false_stops) - drifts,
    }
    causes = {why: false_stops.count(why) for why in sorted(set(false_stops)) if why != PEER_CUT}
    return figures | ({"causes": causes} if causes else {})


def _spread(values: Iterable[float], **parts: float) -> dict[str, float | None]:
    """Order statistics by name: the value below which that part of all values lies."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        name: round(ordered[math.floor(part * last + 0.5)], 3) if ordered else None
        for name, part in parts.items()
    }
