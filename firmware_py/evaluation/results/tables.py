"""Owns adding scores up into the lines of a table: shares, leads, and rates an hour with their bound.

Must never judge a trial (score.py) or print (report.py, page.py).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from firmware_py.evaluation.run.score import Outcome, Score


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: many trials of one sort by one detector."""

    detector: str
    protocol: str
    variant: str
    group: str
    trials: int
    people: int
    falls: int
    stopped: int
    late: int
    missed: int
    unguarded: int
    lead_median_ms: float | None
    lead_p5_ms: float | None
    trials_with_false_stop: int
    false_stops: int
    hours: float
    false_stops_per_hour: float | None
    false_stops_per_hour_upper95: float | None
    watched_percent: (
        float | None
    )  # of the walking time after the third step, the fall rule watches in so much

    @property
    def stopped_percent(self) -> float | None:
        return 100 * self.stopped / self.falls if self.falls else None


def summarize(group: str, scores: list[Score]) -> Line:
    """Add up scores of one detector, protocol and variant."""
    first = scores[0]
    falls = [s for s in scores if s.outcome is not None]
    leads_ms = [1000 * s.lead_s for s in falls if s.lead_s is not None]
    count = {outcome: sum(s.outcome is outcome for s in falls) for outcome in Outcome}
    false_stops = sum(len(s.false_stops) for s in scores)
    walked_s = sum(s.walked_s or 0.0 for s in scores)
    watched_s = sum(s.watched_s or 0.0 for s in scores)
    hours = sum(s.armed_s for s in scores) / 3600
    return Line(
        detector=first.detector,
        protocol=first.protocol,
        variant=first.variant,
        group=group,
        trials=len(scores),
        people=len({(s.dataset, s.person) for s in scores}),
        falls=len(falls),
        stopped=count[Outcome.STOPPED],
        late=count[Outcome.LATE],
        missed=count[Outcome.MISSED],
        unguarded=count[Outcome.UNGUARDED],
        lead_median_ms=float(np.median(leads_ms)) if leads_ms else None,
        lead_p5_ms=float(np.percentile(leads_ms, 5)) if leads_ms else None,
        trials_with_false_stop=sum(bool(s.false_stops) for s in scores),
        false_stops=false_stops,
        hours=hours,
        false_stops_per_hour=false_stops / hours if hours else None,
        false_stops_per_hour_upper95=poisson_upper95(false_stops) / hours if hours else None,
        watched_percent=100 * watched_s / walked_s if walked_s else None,
    )


def poisson_upper95(events: int) -> float:
    """The largest mean that gives this few events with 5 % chance (exact, one-sided): 3.00 for none."""
    return float(chi2.ppf(0.95, 2 * (events + 1)) / 2)


GROUPS: dict[str, str] = {
    "falls while walking": "fall_walking",
    "  backward slips": "backward",
    "falls while jogging": "fall_jogging",
    "falls outside walking": "fall_other",
    "walking": "walk",
    "walking, time-reversed": "reversed",
    "stumbles with recovery": "stumble",
    "leaves walking": "other",
}


def group_of(score: Score) -> list[str]:
    """The lines of the table a score counts in."""
    key = "reversed" if score.reverse else score.kind.value
    keys = [key, "backward"] if score.backward else [key]
    return [name for name, wanted in GROUPS.items() if wanted in keys]


def table(scores: list[Score]) -> list[Line]:
    """The lines of the summary, detectors side by side within each protocol and group."""
    buckets: dict[tuple[str, str, str, str], list[Score]] = {}
    for score in scores:
        for group in group_of(score):
            buckets.setdefault((score.protocol, score.variant, group, score.detector), []).append(score)
    order = list(GROUPS)
    keys = sorted(buckets, key=lambda k: (k[0], k[1], order.index(k[2])))
    return [summarize(key[2], buckets[key]) for key in keys]


def table_by(scores: list[Score], what: str) -> list[Line]:
    """The same by "activity" or by "person"; time-reversed copies are apart."""
    buckets: dict[tuple[str, str, str, str], list[Score]] = {}
    for score in scores:
        name = str(getattr(score, what)) + (" reversed" if score.reverse else "")
        buckets.setdefault((score.protocol, score.variant, name, score.detector), []).append(score)
    return [summarize(key[2], buckets[key]) for key in sorted(buckets)]
