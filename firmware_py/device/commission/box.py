"""Owns following what stands on the belt through the range sensor: its place at rest, and its way after the cut.

Must never let the belt run after the cut.
"""

from firmware_py.device.commission.bench import Bench
from firmware_py.device.commission.coast_down import Drop
from sensors.advice import Failure

STEPS_A_LOOK = 200  # a second
LEAST_READINGS = 8  # in that second
STEADY_S = 0.6  # the box moves evenly for so long before the relay is dropped
LEAST_STEADY_READINGS = 12
LEAST_SPEED_M_S = 0.1
EVEN = 0.1  # the speeds of both halves differ by less than this part of their sum
# A box that moves less than this within STILL_S lies still: three times a mean reading's noise.
STILL_M = 0.004
STILL_S = 0.7
LEAST_STILL_READINGS = 5  # in each half
PATIENCE_S = 60.0

Way = list[tuple[float, float]]  # time in s, place in m along the belt's motion


def look(bench: Bench, what: str) -> float:
    """The median distance in a second of readings, belt off. Raises Failure when too few arrive."""
    steps = (bench.step(run=False) for _ in range(STEPS_A_LOOK))
    seen = sorted(r.distance_m for r in steps if r.distance_m is not None)
    if len(seen) < LEAST_READINGS:
        raise Failure(
            f"commission: the range sensor does not see {what} ({len(seen)} readings in a second)",
            "Usually its aim, its window or dark cloth",
            "run `rearguard check`, then this again",
        )
    return seen[len(seen) // 2]


def drop(bench: Bench, sign: float) -> Drop:
    """Follows the box, drops the relay while it moves evenly, follows it until it lies still.

    `sign`: 1 when the distance grows with the belt's motion, -1 when it shrinks. Raises Failure after PATIENCE_S.
    """
    way: Way = []
    cut_s: float | None = None
    start_s: float | None = None
    while True:
        reading = bench.step(run=cut_s is None)
        start_s = reading.t_s if start_s is None else start_s
        if reading.t_s - start_s > PATIENCE_S:
            raise Failure(
                "commission: no box was carried past the sensor within a minute",
                "Usually the belt did not start (key, console) or the box stands outside the beam",
                "run this again",
            )
        if reading.distance_m is None:
            continue
        way.append((reading.t_s, sign * reading.distance_m))
        if cut_s is None:
            if _even(way):
                cut_s = reading.t_s
                bench.step(run=False)
        elif reading.t_s - cut_s > STILL_S and _still(way):
            first_s = cut_s - STEADY_S
            return [(t, x) for t, x in way if t >= first_s], cut_s


def _even(way: Way) -> bool:
    """It moved at one speed for STEADY_S: from the first third to the second as from the second to the last."""
    now_s = way[-1][0]
    some = [(t, x) for t, x in way if t > now_s - STEADY_S]
    if some[-1][0] - some[0][0] < 0.9 * STEADY_S or len(some) < LEAST_STEADY_READINGS:
        return False
    third = len(some) // 3
    means = [
        (sum(t for t, _ in part) / third, sum(x for _, x in part) / third)
        for part in (some[:third], some[third : 2 * third], some[-third:])
    ]
    (t0, x0), (t1, x1), (t2, x2) = means
    early, late = (x1 - x0) / (t1 - t0), (x2 - x1) / (t2 - t1)
    return min(early, late) > LEAST_SPEED_M_S and abs(late - early) < EVEN * (early + late)


def _still(way: Way) -> bool:
    """The means of both halves of the last STILL_S agree."""
    now_s = way[-1][0]
    some = [x for t, x in way if t > now_s - STILL_S]
    half = len(some) // 2
    if half < LEAST_STILL_READINGS:
        return False
    return abs(sum(some[half:]) / (len(some) - half) - sum(some[:half]) / half) < STILL_M
