"""Owns the question "what if this threshold were another?": which runs answer it, and the points they give.

Must never pick a threshold: a person reads the curves.
"""

from dataclasses import dataclass, replace

from firmware_py.core.body.fall import BalanceParams, figures, with_figures
from firmware_py.core.monitor import MonitorParams
from firmware_py.evaluation.datasets.trials import Kind
from firmware_py.evaluation.results.tables import Line, summarize
from firmware_py.evaluation.run.job import OURS, WARM, Job, Result
from firmware_py.evaluation.run.score import Score
from firmware_py.evaluation.run.side_by_side import Setting

ALL = "all thresholds"
_ALL_SCALES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
_ONE_SCALES = (0.6, 0.8, 0.9, 1.1, 1.25, 1.6)
_LEVELS = ("base_m_s", "floor_m_s", "sunk_m", "lean_rad")  # what has to be exceeded
_WALKING = (Kind.FALL_WALKING, Kind.WALK)


@dataclass(frozen=True, slots=True)
class Point:
    """One detector with one setting scaled: the falls it stopped, how often it stopped a walk, and other activities.
    A data set that lacks one of the three gives none."""

    setting: str
    detector: str
    scale: float
    falls: Line | None
    walks: Line | None
    others: Line | None


Curves = dict[str, list[Point]]  # by the name of what was scaled


def thresholds() -> list[str]:
    """The figures of the balance rule that decide who is stopped; of each row of its tables the weight."""
    return list(figures(BalanceParams()))


def scaled(params: MonitorParams, name: str, scale: float) -> MonitorParams:
    """The parameters with one figure of the balance rule scaled, or with every limit at once."""
    own = figures(params.balance)
    names = [n for n in own if n in _LEVELS] if name == ALL else [name]
    return replace(params, balance=with_figures(params.balance, {n: own[n] * scale for n in names}))


def walking_only(job: Job, label: str, variant: str = "") -> Job:
    """The same person, warm, only falls while walking and walks, under a label of its own."""
    return replace(job, protocols=(WARM,), kinds=_WALKING, excerpts=False, label=label, variant=variant)


def plan(jobs: list[Job]) -> list[Job]:
    """Every run that the curves need, a job a person; the label says which point of which curve a score belongs to."""
    points = [(ALL, s) for s in _ALL_SCALES] + [(n, s) for n in thresholds() for s in _ONE_SCALES]
    return [
        replace(
            walking_only(job, ""),
            kinds=(*_WALKING, Kind.LEAVES_WALKING),
            peer_scale=None,
            settings=tuple(
                Setting(
                    f"{name} x {scale:g}",
                    scaled(job.params, name, scale).balance,
                    scale if name == ALL else None,
                )
                for name, scale in points
            ),
        )
        for job in jobs
    ]


def collect(result: Result) -> Curves:
    """The points, curve by curve; each curve holds the unscaled point too."""
    buckets: dict[tuple[str, float, str], list[Score]] = {}
    for score in result.scores:
        name, _, factor = score.variant.rpartition(" x ")
        buckets.setdefault((name, float(factor), score.detector), []).append(score)
    curves: Curves = {}
    for (name, scale, detector), scores in buckets.items():
        falls, walks, others = (
            summarize(kind.value, own) if (own := [s for s in scores if s.kind is kind]) else None
            for kind in (Kind.FALL_WALKING, Kind.WALK, Kind.LEAVES_WALKING)
        )
        curves.setdefault(name, []).append(Point(name, detector, scale, falls, walks, others))
    unscaled = [p for p in curves.get(ALL, []) if p.scale == 1.0 and p.detector == OURS]
    return {
        name: sorted(
            points if name == ALL else points + [replace(p, setting=name) for p in unscaled],
            key=lambda p: p.scale,
        )
        for name, points in curves.items()
    }
