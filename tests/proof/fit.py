"""Owns the search for the figures of the fall rule and its cross-validation: fitted on some subjects, scored on others.
Must never score anybody whom it fitted, nor score with anything but the product.

    .venv/bin/python -m pip install -e '.[proof]'
    .venv/bin/python -m tests.proof.fit ../shared/data                      (half an hour on 2 cores)
    .venv/bin/python -m tests.proof.fit ../shared/data --fold FallAllD --candidates 200      a part of it, sooner

First the product runs through every trial with a rule that never trips, and what its rule would see at each sample is
kept. The search then calls the product's own `velocity_m_s` and `limit_m_s` on whole columns of it: the rule is written
once. Six figures are searched; the rows about a pod that moved and about height (the scale of all others), and the two
plain rules, are set by hand. The start is rough. The result is scored by the product, trial by trial.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from firmware_py.core import monitor
from firmware_py.core.body.attitude import Attitude
from firmware_py.core.body.fall import Balance, BalanceParams, Motion, limit_m_s, velocity_m_s, with_figures
from firmware_py.core.body.gait import Gait
from firmware_py.core.frame import Decision, Finding, Phase
from firmware_py.core.monitor import MonitorParams
from firmware_py.evaluation.datasets.table import DATASETS, people
from firmware_py.evaluation.datasets.trials import Kind
from firmware_py.evaluation.results.tables import Line, table
from firmware_py.evaluation.run import campaign
from firmware_py.evaluation.run.job import COLD, WARM, Job
from firmware_py.evaluation.run.score import EARLIEST_S
from firmware_py.evaluation.run.subject import Runner

SETS = ("sisfall", "fallalld", "movingreality")
KINDS = (Kind.FALL_WALKING, Kind.WALK, Kind.LEAVES_WALKING, Kind.STUMBLE)
# The product with a fall rule that never trips.
SILENT = MonitorParams(balance=BalanceParams(hold_s=1e9, lean_s=1e9))
COLUMNS = (*Motion._fields, "leaning_away", "known")
LEAST_DOWN_M_S, LEAST_LOST_M, LEAST_TILT_RAD = 0.2, 0.05, 0.5  # a sample below all of these is not kept
MOST_SOON_S = 0.3
# Two samples make a fall when they are not further apart (200 Hz): the hold forgets at a quarter of its pace.
_TICKS_APART = 3

# The figures that are searched, and where the search begins.
START: dict[str, float] = {
    "base_m_s": 1.6,
    "floor_m_s": 0.4,
    "soon_s": 0.12,
    "most_drop_m_s2": 5.0,
    "brisk steps": 5.0,
    "lean": 2.2,
}

# Leads beyond these (median, 5th percentile, ms) are worth little more: the goals.
WORTH_MS = {"sisfall": (460, 300), "fallalld": (600, 380)}

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Figures = dict[str, float]  # of the rule, under their names; those that are missing are the shipped ones


class Known(NamedTuple):
    """What the product saw of one trial: `at` are samples of the trial, rows of `rows` are COLUMNS."""

    dataset: str
    person: str
    protocol: str
    kind: Kind
    rate_hz: float
    impact: int | None
    at: Ints
    rows: Floats


class Onlooker(Balance):
    """The rule that never trips, and remembers what it would have judged."""

    __slots__ = ()
    seen: ClassVar[tuple[float, ...] | None] = None

    def update(self, attitude: Attitude, gait: Gait, belt_m_s: float | None, dt_s: float) -> Finding | None:
        super().update(attitude, gait, belt_m_s, dt_s)
        motion = self.motion(attitude)
        down = motion.down_velocity_m_s
        fast = max(down, down - MOST_SOON_S * motion.up_accel_m_s2) > LEAST_DOWN_M_S
        low = motion.height_lost_m > LEAST_LOST_M
        if self.watching and (fast or low or motion.tilt_rad > LEAST_TILT_RAD):
            known = gait.phase is Phase.GUARDING
            Onlooker.seen = (*motion, float(attitude.leaning_away), float(known))
        return None


class Notes:
    """What the onlooker saw at the samples of one trial while the belt ran."""

    def __init__(self) -> None:
        Onlooker.seen = None
        self.at: list[int] = []
        self.rows: list[tuple[float, ...]] = []
        self._index = 0

    def take(self, decision: Decision) -> None:
        if Onlooker.seen is not None and decision.run:
            self.at.append(self._index)
            self.rows.append(Onlooker.seen)
        Onlooker.seen = None
        self._index += 1


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What each program asks that looks at everybody."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser


def everyone(data: Path, protocols: tuple[str, ...], kinds: tuple[Kind, ...] = KINDS) -> list[Job]:
    """Everybody in the folder of the data sets, by the rule that never trips."""
    return [
        Job(name, person, tuple(files), SILENT, protocols, kinds=kinds)
        for name in SETS
        for person, files in people(DATASETS[name], [data / name])[0].items()
    ]


def look(job: Job) -> list[Known]:
    """One person, cold and warm; a fall until its impact."""
    dataset, trials, _ = campaign.read(job)
    known = []
    with mock.patch.object(monitor, "Balance", Onlooker):
        for protocol in job.protocols:
            runner = Runner(job, dataset, trials, protocol)
            for trial in campaign.with_reversed(trials, job.kinds):
                played = runner.stream(trial)
                if played is None:
                    continue
                stream, key = played
                replayer, notes = runner.at_start(stream, key), Notes()
                own = slice(stream.start, stream.start + (trial.impact_index or len(trial.accel_m_s2)))
                replayer.feed(stream.accel_m_s2[own], stream.gyro_rad_s[own], notes.take)
                known.append(
                    Known(
                        trial.dataset,
                        trial.person,
                        protocol,
                        trial.kind,
                        trial.rate_hz,
                        trial.impact_index,
                        np.array(notes.at, np.int64),
                        np.array(notes.rows, np.float32).reshape(-1, len(COLUMNS)),
                    )
                )
    return known


@dataclass(frozen=True, slots=True)
class Evidence:
    """Many trials in long columns; `trial` and `at` say which sample of which trial a row is."""

    trials: list[Known]
    motion: Motion
    leaning_away: Floats
    known: Floats
    trial: Ints
    at: Ints

    @classmethod
    def of(cls, trials: list[Known]) -> "Evidence":
        *motion, leaning_away, known = map(np.ascontiguousarray, np.concatenate([t.rows for t in trials]).T)
        trial = np.repeat(np.arange(len(trials)), [len(t.at) for t in trials])
        at = np.concatenate([t.at for t in trials])
        return cls(trials, Motion._make(motion), leaning_away, known, trial, at)

    def stops(self, p: BalanceParams) -> Ints:
        """Where each trial would be stopped first, -1: nowhere."""
        falls = self.excess(p) > 0.0
        low = self.motion.height_lost_m > p.sunk_m
        sinks = low & (self.motion.down_velocity_m_s > p.sinking_m_s) & (self.known > 0.0)
        leans = (self.motion.tilt_rad > p.lean_rad) & (self.leaning_away > 0.0)
        first = self._held(falls, 2)
        for others, samples in ((sinks, [2] * len(self.trials)), (leans, self._lean_samples(p.lean_s))):
            at = self._held(others, samples)
            first = np.where(first < 0, at, np.where(at < 0, first, np.minimum(first, at)))
        return first

    def excess(self, p: BalanceParams) -> Any:
        """How much faster than its limit the hip goes down at each sample."""
        return velocity_m_s(p, self.motion, np.clip) - limit_m_s(p, self.motion, np.clip)

    def worst(self, p: BalanceParams) -> Floats:
        """Of each trial the largest excess while somebody only walks, before a fall, too."""
        impact = np.array([len(t.at) + 10**9 if t.impact is None else t.impact for t in self.trials])[
            self.trial
        ]
        early = self.at < impact - EARLIEST_S * np.array([t.rate_hz for t in self.trials])[self.trial]
        worst = np.full(len(self.trials), -9.0)
        np.maximum.at(worst, self.trial[early], self.excess(p)[early])
        return worst

    def _lean_samples(self, lean_s: float) -> list[int]:
        return [ceil(lean_s * t.rate_hz - 1e-6) for t in self.trials]

    def _held(self, true: Any, samples: int | list[int]) -> Ints:
        """Where this has first been true for so many samples in a row."""
        rows = np.flatnonzero(true)
        first = np.full(len(self.trials), -1)
        if not len(rows):
            return first
        trial, at = self.trial[rows], self.at[rows]
        apart = _TICKS_APART if samples == 2 else 1
        begins = np.ones(len(rows), bool)
        begins[1:] = (trial[1:] != trial[:-1]) | (at[1:] - at[:-1] > apart)
        counted = np.arange(len(rows)) - np.flatnonzero(begins)[np.cumsum(begins) - 1] + 1
        enough = counted >= (samples if isinstance(samples, int) else np.array(samples)[trial])
        found, where = np.unique(trial[enough], return_index=True)
        first[found] = at[enough][where]
        return first


# What is lost, in points; a cold trial counts as a warm one. 25 ms short of WORTH_MS is a point, too.
A_FALL, A_WALK, A_STUMBLE, A_MS, A_SHORT_MS = 3.0, 5.0, 0.3, 0.01, 0.04
WANTED_M_S, NEAR = (
    0.3,
    8.0,
)  # who only walks stays so far below the limit; each m/s nearer costs so many points


def worth(evidence: Evidence, figures: Figures) -> float:
    """How good these figures are for these people, in points."""
    p = with_figures(BalanceParams(), figures)
    points = 0.0
    for (dataset, _), trials in _groups(evidence, p):
        falls, early, walks, _, stumbles = counts(trials)
        leads = [lead for lead in falls if lead is not None]
        points -= A_WALK * walks + A_STUMBLE * stumbles + A_FALL * (len(falls) - len(leads) + early)
        if leads:
            ends = (float(np.median(leads)), float(np.percentile(leads, 5)))
            for lead_ms, enough_ms in zip(ends, WORTH_MS[dataset], strict=True):
                points += A_MS * lead_ms + A_SHORT_MS * min(0.0, lead_ms - enough_ms)
    only_walk = np.array([t.kind in (Kind.WALK, Kind.FALL_WALKING) for t in evidence.trials])
    return points - NEAR * float(np.maximum(0.0, evidence.worst(p)[only_walk] + WANTED_M_S).sum())


def _groups(
    evidence: Evidence, p: BalanceParams
) -> Iterable[tuple[tuple[str, str], list[tuple[Known, int]]]]:
    groups: dict[tuple[str, str], list[tuple[Known, int]]] = {}
    for trial, at in zip(evidence.trials, evidence.stops(p).tolist(), strict=True):
        groups.setdefault((trial.dataset, trial.protocol), []).append((trial, at))
    return groups.items()


def counts(trials: list[tuple[Known, int]]) -> tuple[list[float | None], int, int, int, int]:
    """The lead of each fall in ms (None: not stopped, or too early to be for it), and how many falls were stopped too
    early, walks, trials that leave walking and stumbles stopped."""
    leads = [_lead_ms(t, at) for t, at in trials if t.kind is Kind.FALL_WALKING]
    early = [lead is not None and lead > 1000 * EARLIEST_S for lead in leads]
    stopped = [t.kind for t, at in trials if at >= 0]
    return (
        [None if too_early else lead for lead, too_early in zip(leads, early, strict=True)],
        sum(early),
        stopped.count(Kind.WALK),
        stopped.count(Kind.LEAVES_WALKING),
        stopped.count(Kind.STUMBLE),
    )


def _lead_ms(trial: Known, at: int) -> float | None:
    assert trial.impact is not None
    return None if at < 0 else 1000 * (trial.impact - at) / trial.rate_hz


def search(evidence: Evidence, candidates: int, seed: int) -> Figures:
    """The best of so many candidates, by CMA-ES from START."""
    import cma  # only `make proof` installs it

    names = list(START)
    start = np.array([START[n] for n in names])

    def figures(place: Any) -> Figures:
        found = start * (1.0 + 0.2 * np.asarray(place))
        return dict(zip(names, np.maximum(found, 0.1 * start).tolist(), strict=True))

    best = (worth(evidence, START), START)
    walk = cma.CMAEvolutionStrategy([0.0] * len(names), 0.6, {"seed": seed, "verbose": -9, "popsize": 12})
    while walk.countevals < candidates and not walk.stop():
        places = walk.ask()
        worths = [worth(evidence, figures(place)) for place in places]
        walk.tell(places, [-w for w in worths])
        best = max([best, *zip(worths, map(figures, places), strict=True)], key=lambda pair: pair[0])
    return best[1]


def params(figures: Figures) -> MonitorParams:
    """The product with these figures."""
    return MonitorParams(balance=with_figures(BalanceParams(), figures))


def folds(everybody: list[Job]) -> dict[str, tuple[list[Job], list[Job]]]:
    """Who is fitted and who is scored: one laboratory for another, and every second person of each set."""
    lab = [j for j in everybody if j.dataset == "fallalld"]
    rest = [j for j in everybody if j.dataset != "fallalld"]
    sets = [[j for j in everybody if j.dataset == name] for name in SETS]
    odd, even = ([j for some in sets for j in some[first::2]] for first in (0, 1))
    return {
        "FallAllD": (lab, rest),
        "SisFall + MovingReality": (rest, lab),
        "every first": (odd, even),
        "every second": (even, odd),
    }


def row(line: Line) -> dict[str, Any]:
    """What of a table's line is worth a place on the page."""
    return {
        "people": line.people,
        "protocol": line.protocol,
        "what": line.group.strip(),
        "trials": line.trials,
        "stopped_percent": line.stopped_percent and round(line.stopped_percent, 2),
        "lead_median_ms": line.lead_median_ms and round(line.lead_median_ms),
        "lead_p5_ms": line.lead_p5_ms and round(line.lead_p5_ms),
        "stopped_falsely": line.trials_with_false_stop,
        "hours": round(line.hours, 2),
    }


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--fold", action="append", help="only this one, by whom it is fitted on")
    parser.add_argument("--candidates", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    everybody = everyone(options.data, (WARM, COLD))
    chosen = {k: v for k, v in folds(everybody).items() if not options.fold or k in options.fold}
    if not everybody or not chosen:
        print(f"fit: no people in {options.data}, or no such fold: {', '.join(folds([]))}", file=sys.stderr)
        return 2
    if find_spec("cma") is None:
        print("fit: the search needs the package cma: .venv/bin/pip install -e '.[proof]'", file=sys.stderr)
        return 2
    fitted = {(j.dataset, j.person): j for fit, _ in chosen.values() for j in fit}
    with ProcessPoolExecutor(options.jobs) as pool:
        seen = dict(zip(fitted, pool.map(look, fitted.values()), strict=True))
        print(f"looked at {len(seen)} people", file=sys.stderr, flush=True)
        waiting = {
            name: pool.submit(
                search,
                Evidence.of([t for j in fit for t in seen[j.dataset, j.person]]),
                options.candidates,
                options.seed,
            )
            for name, (fit, _) in chosen.items()
        }
        found = {name: future.result() for name, future in waiting.items()}
    for name, (_, score) in chosen.items():
        print(json.dumps({"record": "figures", "fitted_on": name} | found[name]), flush=True)
        jobs = [replace(j, params=params(found[name])) for j in score]
        scores = campaign.run_jobs(jobs, options.jobs, lambda _: None).scores
        for part in SETS:
            for line in table([s for s in scores if s.dataset == part]):
                print(json.dumps({"fitted_on": name, "scored_on": part} | row(line)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
