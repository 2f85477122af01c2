"""Owns what is kept of one session: doses, sets, answers, as plain values. Must never judge them."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from firmware_py.coach.phases import Stage
from firmware_py.coach.plan.programme import Dose
from firmware_py.coach.plan.progression import Answers, Done
from firmware_py.coach.questions import Value


@dataclass(slots=True)
class SetDone:
    """One set, in plain numbers."""

    planned_s: float
    walked_s: float = 0.0
    ended: str = ""  # "done", "stopped early", "cut short"; empty: it goes on
    cause: str = ""  # of the guard's stop
    steps: int = 0
    cadence_hz: float | None = None
    speed_m_s: float | None = None  # measured; None: no belt sensor
    ad2: float | None = None
    evenness: float | None = None
    jerk_per_s: float | None = None
    wander_m: float | None = None
    tipped_share: float | None = None
    margin_min_m: float | None = None
    warnings: int = 0
    cues: int = 0
    enough_s: float | None = None
    pause_before_s: float = 0.0
    answers: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """One session, in plain values: what is stored and reported."""

    id: str
    walker: str
    boot_id: str
    started_s: float
    seen_s: float
    dose: dict[str, Any]
    reason: str
    author: str
    stepped_up: bool
    spotter: bool
    number: int  # of this walker's sessions
    stage: str = Stage.CHECKLIST.value
    ended_s: float | None = None
    stops_by_fall: int = 0
    stops_by_drift: int = 0
    stops: int = 0
    sets: list[SetDone] = field(default_factory=list)
    answers: dict[str, Value] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Record":
        """The record that `plain` described. Raises TypeError or KeyError."""
        return cls(**{**raw, "sets": [SetDone(**s) for s in raw["sets"]]})

    def plain(self) -> dict[str, Any]:
        """The whole record as JSON-able values."""
        return asdict(self)

    def done(self) -> Done:
        """What progression asks of it."""
        dose = Dose.model_validate(self.dose)
        called = [
            (sum(s.walked_s for s in self.sets[:n]) + s.enough_s) / dose.walking_s
            for n, s in enumerate(self.sets)
            if s.enough_s is not None
        ]
        pain, effort, talk = (self.answers.get(key) for key in ("pain", "effort", "talk"))
        rails = next((s.answers["rails"] for s in reversed(self.sets) if "rails" in s.answers), None)
        return Done(
            datetime.fromtimestamp(self.started_s, UTC),
            dose,
            sum(min(s.walked_s, s.planned_s) for s in self.sets),
            self.stops_by_fall,
            self.stops_by_drift,
            sum(s.warnings for s in self.sets),
            min(called, default=None),
            self.stepped_up,
            Answers(
                pain if isinstance(pain, int) else None,
                effort if isinstance(effort, int) else None,
                str(rails) if rails is not None else None,
                None if talk is None else talk == "yes",
            ),
        )
