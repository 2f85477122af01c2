"""Owns the search for the balance rule's figures and its cross-validation: fitted on some people, scored on others.
Must never score anybody whom it fitted, nor score with anything but the product.

    .venv/bin/python -m pip install -e '.[proof]'
    .venv/bin/python -m tests.proof.fit ../shared/data                      (an hour on 2 cores)
    .venv/bin/python -m tests.proof.fit ../shared/data --fold FallAllD --candidates 200      a part of it, sooner

First the product runs through every trial with a rule that never trips, and what its attitude and gait say at each
sample in which the hip goes down is kept. Only on that, and only for the search, the rule is written a second time, for
whole columns; it knows no learned margin and no second stop. The ten figures are searched without the signs, then the
signs' shares come from a regression (fit_signs.py) on the same people. What this ends with is scored by the product,
trial by trial, as `rearguard evaluate` does. The start is rough, so that nothing of the shipped figures is in it but
the form of the rule.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from firmware_py.core import monitor
from firmware_py.core.body.attitude import G_M_S2, Attitude
from firmware_py.core.body.evidence import SignsParams
from firmware_py.core.body.fall import Balance, BalanceParams
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
from tests.proof import fit_signs

SETS = ("sisfall", "fallalld", "movingreality")
KINDS = (Kind.FALL_WALKING, Kind.WALK, Kind.OTHER)
SILENT = MonitorParams(balance=BalanceParams(hold_s=1e9))  # the product with a fall rule that never trips
# What the rule asks, then what only the signs ask, under their names; at last the margin that was learned by then.
COLUMNS = ("down", "sunk", "tilt", "sideways_m_s", "vigour", "accel", "leapt_m_s")
COLUMNS += (
    "stride_m_s",
    "stride_of_usual",
    "tilting_rad_s",
    "turning_rad_s",
    "tipping_rad_s",
    "sinking_s",
    "margin_m_s",
)
LEAST_FLOOR_M_S, MOST_SOON_S = 0.15, 0.1  # no other ones are searched ...
LEAST_DOWN_M_S = LEAST_FLOOR_M_S * SignsParams().least  # ... and slower is not even kept
# Two samples make a fall when they are not further apart (200 Hz): the hold forgets at a quarter of its pace.
_TICKS_APART = 3

# The figures that are searched, and where the search begins. Height's share is the scale of all others and stays.
START: dict[str, float] = {
    "vigour_s": 2.0,
    "lean_m_s": 5.0,
    "soon_s": 0.04,
    "ahead_s": 0.10,
    "leap_m_s": 1.0,
    "leap_share": 10.0,
    "thrown_m_s": 0.6,
    "thrown_share": 1.5,
    "margin_m_s": 1.5,
    "floor_m_s": 0.40,
}
_SPAN_M_S = (0.05, 0.10)  # how far the margin may be above and below the one searched: learning, which is not

# Leads beyond these (median, 5th percentile, ms) are worth little more: the goals, SisFall's with a sample to spare.
WORTH_MS = {
    ("sisfall", WARM): (452, 290),
    ("sisfall", COLD): (448, 287),
    ("fallalld", WARM): (520, 335),
    ("fallalld", COLD): (500, 325),
}

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Figures = dict[str, Any]  # of the rule, under their names; those that are missing are the shipped ones
_SHIPPED: Figures = {f.name: getattr(BalanceParams(), f.name) for f in fields(BalanceParams)}


class Known(NamedTuple):
    """What the product said of one trial: `at` are samples of the trial, rows of `said` are COLUMNS."""

    dataset: str
    person: str
    protocol: str
    kind: Kind
    rate_hz: float
    impact: int | None
    at: Ints
    said: Floats


class Onlooker(Balance):
    """The rule that never trips, and remembers what it would have judged."""

    said: tuple[float, ...] | None = None

    def update(
        self, t_ns: int, attitude: Attitude, gait: Gait, warning_active: bool, dt_s: float
    ) -> Finding | None:
        super().update(t_ns, attitude, gait, warning_active, dt_s)
        down, accel = attitude.down_velocity_m_s, max(attitude.up_accel_m_s2, -G_M_S2)
        if gait.phase is not Phase.WAITING and max(down, down - MOST_SOON_S * accel) > LEAST_DOWN_M_S:
            Onlooker.said = (
                down,
                attitude.height_lost_m,
                attitude.tilt_rad,
                attitude.sideways_m_s,
                self._vigour_m_s2,
                accel,
                gait.upward_speed_m_s,
                gait.swing_m_s,
                gait.swing_of_usual,
                attitude.tilting_rad_s,
                attitude.turning_rad_s,
                attitude.tipping_rad_s,
                attitude.sinking_s,
                self._margin_m_s,
            )
        return None


class Notes:
    """What the onlooker said at the samples of one trial while the belt ran."""

    def __init__(self) -> None:
        Onlooker.said = None
        self.at: list[int] = []
        self.said: list[tuple[float, ...]] = []
        self._index = 0

    def take(self, decision: Decision) -> None:
        if Onlooker.said is not None and decision.run:
            self.at.append(self._index)
            self.said.append(Onlooker.said)
        Onlooker.said = None
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
                        np.array(notes.said, np.float32).reshape(-1, len(COLUMNS)),
                    )
                )
    return known


@dataclass(frozen=True, slots=True)
class Evidence:
    """Many trials in long columns; `trial` and `at` say which sample of which trial a row is."""

    trials: list[Known]
    said: dict[str, Floats]
    trial: Ints
    at: Ints

    @classmethod
    def of(cls, trials: list[Known]) -> "Evidence":
        rows = np.concatenate([t.said for t in trials])
        return cls(
            trials,
            {name: np.ascontiguousarray(rows[:, n]) for n, name in enumerate(COLUMNS)},
            np.repeat(np.arange(len(trials)), [len(t.at) for t in trials]),
            np.concatenate([t.at for t in trials]),
        )

    def limits(self, figures: Figures) -> tuple[Floats, Floats]:
        """The velocity that is judged at each sample, and its limit without the signs."""
        f, s = _SHIPPED | figures, self.said
        explained = (
            f["vigour_s"] * s["vigour"]
            - f["lean_m_s"] * np.minimum(s["tilt"], f["most_lean_rad"])
            - f["sunk_per_s"] * s["sunk"]
            + f["ahead_s"] * s["accel"]
            + f["leap_share"] * np.maximum(0.0, s["leapt_m_s"] - f["leap_m_s"])
            + f["thrown_share"] * np.maximum(0.0, s["sideways_m_s"] - f["thrown_m_s"])
        )
        limit = np.clip(f["margin_m_s"] + explained, f["floor_m_s"], f["ceiling_m_s"])
        return s["down"] - f["soon_s"] * s["accel"], limit

    def stops(self, figures: Figures, signs: SignsParams | None = None) -> Ints:
        """Where each trial would be stopped first, -1: nowhere. The rule of core/balance.py for whole columns."""
        down, limit = self.limits(figures)
        if signs is not None:
            f = _SHIPPED | figures
            leapt = np.maximum(0.0, self.said["leapt_m_s"] - f["leap_m_s"])
            limit = np.minimum(limit * fit_signs.times(signs, self.said), f["ceiling_m_s"] + leapt)
        beyond = np.flatnonzero(down > limit)
        trial, at = self.trial[beyond], self.at[beyond]
        twice = (trial[1:] == trial[:-1]) & (at[1:] - at[:-1] <= _TICKS_APART)
        first = np.full(len(self.trials), -1)
        found, where = np.unique(trial[1:][twice], return_index=True)
        first[found] = at[1:][twice][where]
        return first


# What is lost, in points; a warm trial counts whole, a cold one for COLD_SHARE. 5 ms short of WORTH_MS is a point, too.
A_FALL, A_WALK, ANOTHER, COLD_SHARE, A_MS = 2.0, 2.0, 1.0, 0.6, 0.01
# The same rule a little lower must not yet stop walks, nor falls before they begin: by so much, and the points of each.
LOWER = ({"margin_m_s": 0.4}, {"floor_m_s": 0.04})
A_WALK_LOWER, A_FALL_LOWER = 0.5, 0.3


def worth(evidence: Evidence, figures: dict[str, float]) -> float:
    """How good these figures are for these people, in points."""
    points = 0.0
    for (dataset, protocol), trials in _groups(evidence, figures):
        weight = 1.0 if protocol == WARM else COLD_SHARE
        falls, early, walks, others = counts(trials)
        leads = [lead for lead in falls if lead is not None]
        points -= weight * (A_WALK * walks + ANOTHER * others)
        points -= weight * A_FALL * (len(falls) - len(leads) + early)
        if leads:
            ends = (float(np.median(leads)), float(np.percentile(leads, 5)))
            for lead_ms, enough_ms in zip(ends, WORTH_MS[dataset, protocol], strict=True):
                points += weight * (A_MS * lead_ms + min(0.0, lead_ms - enough_ms) / 5)
    for less in LOWER:
        for _, trials in _groups(evidence, figures | {n: figures[n] - by for n, by in less.items()}):
            _, early, walks, _ = counts(trials)
            points -= A_WALK_LOWER * walks + A_FALL_LOWER * early
    return points


def _groups(
    evidence: Evidence, figures: dict[str, float]
) -> Iterable[tuple[tuple[str, str], list[tuple[Known, int]]]]:
    groups: dict[tuple[str, str], list[tuple[Known, int]]] = {}
    for trial, at in zip(evidence.trials, evidence.stops(figures).tolist(), strict=True):
        groups.setdefault((trial.dataset, trial.protocol), []).append((trial, at))
    return groups.items()


def counts(trials: list[tuple[Known, int]]) -> tuple[list[float | None], int, int, int]:
    """The lead of each fall in ms (None: not stopped, or too early to be for it), falls stopped too early, walks
    stopped, and other activities stopped."""
    leads = [_lead_ms(t, at) for t, at in trials if t.kind is Kind.FALL_WALKING]
    early = [lead is not None and lead > 1000 * EARLIEST_S for lead in leads]
    stopped = [t.kind for t, at in trials if at >= 0]
    return (
        [None if too_early else lead for lead, too_early in zip(leads, early, strict=True)],
        sum(early),
        stopped.count(Kind.WALK),
        stopped.count(Kind.OTHER),
    )


def _lead_ms(trial: Known, at: int) -> float | None:
    assert trial.impact is not None
    return None if at < 0 else 1000 * (trial.impact - at) / trial.rate_hz


def search(evidence: Evidence, candidates: int, seed: int) -> dict[str, float]:
    """The best of so many candidates, by CMA-ES from START."""
    import cma  # only `make proof` installs it

    names = list(START)
    start = np.array([START[n] for n in names])
    step = 0.25 * start

    def figures(place: Any) -> dict[str, float]:
        found = dict(zip(names, (start + step * np.asarray(place)).tolist(), strict=True))
        return found | {
            "floor_m_s": max(found["floor_m_s"], LEAST_FLOOR_M_S),
            "soon_s": min(max(found["soon_s"], 0.0), MOST_SOON_S),
        }

    best = (worth(evidence, START), START)
    walk = cma.CMAEvolutionStrategy([0.0] * len(names), 0.6, {"seed": seed, "verbose": -9, "popsize": 14})
    while walk.countevals < candidates and not walk.stop():
        places = walk.ask()
        worths = [worth(evidence, figures(place)) for place in places]
        walk.tell(places, [-w for w in worths])
        best = max([best, *zip(worths, map(figures, places), strict=True)], key=lambda pair: pair[0])
    return best[1]


def signs_for(evidence: Evidence, figures: dict[str, float]) -> SignsParams:
    """The signs for these figures and these people."""
    down, limit = evidence.limits(figures)
    ratio = down / limit
    trials = evidence.trials

    def of_each(values: list[Any]) -> Any:
        return np.array(values)[evidence.trial]

    fall = of_each([t.impact is not None for t in trials])
    left_s = (of_each([t.impact or 0 for t in trials]) - evidence.at) / of_each([t.rate_hz for t in trials])
    early = fall & (left_s > fit_signs.BEFORE_S)
    from_s, to_s = fit_signs.FALLING_S
    used = (ratio > fit_signs.LEAST_RATIO) & (~fall | early | ((left_s < from_s) & (left_s > to_s)))
    counts = np.maximum(1, np.bincount(evidence.trial[used], minlength=len(trials)))
    weights = of_each([fit_signs.SMALLER_SET if t.dataset == "fallalld" else 1.0 for t in trials])
    weights *= of_each(
        [{Kind.WALK: fit_signs.A_WALK, Kind.OTHER: fit_signs.ANOTHER}.get(t.kind, 1.0) for t in trials]
    )
    weights *= np.where(early, fit_signs.AN_EARLY_ONE, 1.0) / np.sqrt(counts[evidence.trial])
    said = {name: column[used].astype(np.float64) for name, column in evidence.said.items()}
    return fit_signs.regress(said, ratio[used], (fall & ~early)[used], weights[used])


def fitted_to(evidence: Evidence, candidates: int, seed: int) -> tuple[dict[str, float], SignsParams]:
    """Figures and signs of these people."""
    figures = search(evidence, candidates, seed)
    return figures, signs_for(evidence, figures)


def params(figures: dict[str, float], signs: SignsParams) -> MonitorParams:
    """The product with these figures; the margin may be learned a little around the one that was searched."""
    above, below = _SPAN_M_S
    margin = figures["margin_m_s"]
    own = figures | {"margin_m_s": margin + above, "least_margin_m_s": margin - below}
    return MonitorParams(balance=BalanceParams(**own, signs=signs))  # type: ignore[arg-type]


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
    parser.add_argument("--candidates", type=int, default=1100)
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
                fitted_to,
                Evidence.of([t for j in fit for t in seen[j.dataset, j.person]]),
                options.candidates,
                options.seed,
            )
            for name, (fit, _) in chosen.items()
        }
        found = {name: future.result() for name, future in waiting.items()}
    for name, (_, score) in chosen.items():
        figures, signs = found[name]
        shares = {n: getattr(signs, n).share for n in fit_signs.NAMES}
        print(
            json.dumps(
                {"record": "figures", "fitted_on": name} | figures | {"without": signs.without} | shares
            ),
            flush=True,
        )
        jobs = [replace(j, params=params(figures, signs)) for j in score]
        scores = campaign.run_jobs(jobs, options.jobs, lambda _: None).scores
        for part in SETS:
            for line in table([s for s in scores if s.dataset == part]):
                print(json.dumps({"fitted_on": name, "scored_on": part} | row(line)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
