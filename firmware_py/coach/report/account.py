"""Owns the figures of a walker's past, for a person who treats.

Must never judge, and never show a change inside the walker's own noise as a change.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from firmware_py.coach.plan.programme import Programme
from firmware_py.coach.plan.progression import Next
from firmware_py.coach.record import Record, SetDone
from firmware_py.locale import translate as _

BASE_SESSIONS = 3  # the first at a speed: the walker's own base
# Twice the standard deviation of one walker's 30 s windows (docs/coach.md): relative, but Ad2 absolute.
AD2_NOISE = 2 * 0.073
RELATIVE_NOISE = {"cadence": 2 * 0.05, "step": 2 * 0.05, "softness": 2 * 0.045}
WEEK_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over the sessions; `low` and `high` bound the walker's own noise about the first sessions."""

    name: str
    unit: str
    points: list[tuple[int, float]]  # number of the session, value
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that the report shows. `past` in order of time, not empty."""

    walker: str
    plan: Programme
    past: list[Record]
    next: Next
    made: datetime

    @property
    def numbered(self) -> list[tuple[int, Record]]:
        return list(enumerate(self.past, 1))

    @property
    def weeks(self) -> float:
        return max(1.0, (self.past[-1].started_s - self.past[0].started_s) / WEEK_S)

    @property
    def planned(self) -> int:
        """Sessions that the plan asked for in this time."""
        return max(len(self.past), round(self.weeks * self.plan.sessions_a_week))

    @property
    def minutes(self) -> float:
        return sum(s.walked_s for r in self.past for s in r.sets) / 60

    @property
    def sets(self) -> list[SetDone]:
        return [s for r in self.past for s in r.sets]

    @property
    def not_done(self) -> Counter[str]:
        """Why sets were cut short, with how many."""
        return Counter(s.cause or s.ended for s in self.sets if s.ended != "done")

    @property
    def alone(self) -> int:
        """Sessions that asked for company and were walked without any, by the walker's own answer."""
        return sum(r.spotter and r.answers.get("company") == "alone" for r in self.past)

    @property
    def per_10_min(self) -> tuple[float, float]:
        """Warnings and stops."""
        tens = max(self.minutes / 10, 1e-9)
        return sum(s.warnings for s in self.sets) / tens, sum(r.stops for r in self.past) / tens

    @property
    def least_margin_m(self) -> float | None:
        return min((s.margin_min_m for s in self.sets if s.margin_min_m is not None), default=None)

    @property
    def usual_speed_km_h(self) -> float:
        """The belt speed of most sessions: only sessions at it are compared."""
        return Counter(r.done().dose.speed_km_h for r in self.past).most_common(1)[0][0]

    def dose(self) -> list[Series]:
        """Minutes, speed and incline of each session."""
        return [
            Series(
                _("Backward"), "min", [(n, sum(s.walked_s for s in r.sets) / 60) for n, r in self.numbered]
            ),
            Series(_("Belt speed"), "km/h", [(n, r.done().dose.speed_km_h) for n, r in self.numbered]),
            Series(_("Incline"), "%", [(n, r.done().dose.incline_percent) for n, r in self.numbered]),
        ]

    def quality(self) -> list[Series]:
        """How it went at the usual speed, with the walker's own noise."""
        at = [(n, r) for n, r in self.numbered if r.done().dose.speed_km_h == self.usual_speed_km_h]
        speed_m_s = self.usual_speed_km_h / 3.6
        cadence = _mean(at, lambda s: s.cadence_hz)
        return [
            _banded(_("Cadence"), _("steps/min"), [(n, 60 * v) for n, v in cadence], "cadence"),
            _banded(_("Step length"), "m", [(n, speed_m_s / v) for n, v in cadence], "step"),
            _banded(_("Strides alike (Ad2)"), "", _mean(at, lambda s: s.ad2), ""),
            Series(_("Left like right"), "%", [(n, 100 * v) for n, v in _mean(at, lambda s: s.evenness)]),
            _banded(_("Firmness"), "1/s", _mean(at, lambda s: s.jerk_per_s), "softness"),
            Series(_("Place varies"), "cm", [(n, 100 * v) for n, v in _mean(at, lambda s: s.wander_m)]),
            Series(
                _("Hips tipped"),
                _("% of time"),
                [(n, 100 * v) for n, v in _mean(at, lambda s: s.tipped_share)],
            ),
        ]

    def answers(self) -> list[Series]:
        """What the walker said."""
        return [
            Series(_("Pain"), "0-10", _said(self.numbered, "pain")),
            Series(_("Effort"), "6-20", _said(self.numbered, "effort")),
            Series(_("Rails held"), _("hands"), _mean(self.numbered, _hands)),
        ]


def _mean(at: list[tuple[int, Record]], of: Callable[[SetDone], float | None]) -> list[tuple[int, float]]:
    found = [(n, [v for s in r.sets if (v := of(s)) is not None]) for n, r in at]
    return [(n, fmean(values)) for n, values in found if values]


def _hands(done: SetDone) -> float | None:
    """How many hands held the rails, by the walker's own word."""
    return {"both": 2.0, "one": 1.0, "none": 0.0}.get(str(done.answers.get("rails")))


def _said(numbered: list[tuple[int, Record]], question: str) -> list[tuple[int, float]]:
    return [(n, float(v)) for n, r in numbered if isinstance(v := r.answers.get(question), int)]


def _banded(name: str, unit: str, points: list[tuple[int, float]], noise: str) -> Series:
    """With the band about the mean of the first sessions; too few sessions have none."""
    if len(points) < BASE_SESSIONS:
        return Series(name, unit, points)
    base = fmean(v for _, v in points[:BASE_SESSIONS])
    half = base * RELATIVE_NOISE[noise] if noise else AD2_NOISE
    return Series(name, unit, points, base - half, base + half)
