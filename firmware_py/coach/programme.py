"""Owns the plan of one walker: what a person sets, its bounds, its defaults and where each number comes from.

Must never be read by the guard, and never hold a speed above the belt's commissioned safe speed.
People write km/h, percent and minutes; the rules use SI units.
"""

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sensors.advice import ConfigError

SLOWEST_M_S, FASTEST_M_S = 0.2, 0.9  # the span of the articles: 0.5 to 2 mph
GENTLE_M_S = 0.45  # 1 mph: the fastest first speed of the articles, and a new step above it wants company
SLOW_BACKWARD_TEST_S = 5.5  # 3 m backward walk; best cut for fallers, 483 older people (Polo-Ferrero 2025)
REVIEW_WITHIN = timedelta(weeks=6)  # the trials last 6 weeks [A]

ADVICE = "General advice from articles, not therapy"


class Dose(BaseModel):
    """What one session asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    speed_km_h: float = Field(
        1.6, ge=0.72, le=3.24, description="belt speed", json_schema_extra={"unit": "km/h"}
    )
    incline_percent: float = Field(
        0.0,
        ge=0.0,
        le=15.0,
        description="entered by hand: the pod cannot see it",
        json_schema_extra={"unit": "%"},
    )
    set_s: int = Field(120, ge=60, le=900, description="length of one set", json_schema_extra={"unit": "s"})
    sets: int = Field(2, ge=1, le=6, description="sets in one session")
    pause_s: int = Field(
        60, ge=30, le=300, description="between sets, belt at rest", json_schema_extra={"unit": "s"}
    )

    @property
    def speed_m_s(self) -> float:
        return self.speed_km_h / 3.6

    @property
    def walking_s(self) -> int:
        """Time backward in the whole session."""
        return self.set_s * self.sets


class Steps(BaseModel):
    """How much one step up adds. The smallest of the articles unless a therapist sets more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    set_s: int = Field(60, ge=30, le=120, description="longer set", json_schema_extra={"unit": "s"})
    speed_km_h: float = Field(
        0.17, ge=0.1, le=0.33, description="faster belt", json_schema_extra={"unit": "km/h"}
    )
    incline_percent: float = Field(
        1.0, ge=0.5, le=2.0, description="steeper deck", json_schema_extra={"unit": "%"}
    )


class Programme(BaseModel):
    """One plan. Without a file the articles' default ladder holds, and says that it is no therapy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    author: str = Field(
        "", max_length=80, description="who answers for this plan; empty: nobody, the articles' ladder"
    )
    made_on: date | None = Field(None, description="when it was written")
    review_on: date | None = Field(
        None, description="until when it may step up; at most 6 weeks after made_on"
    )
    sessions_a_week: int = Field(3, ge=1, le=5, description="articles and trials: 3")
    daily: bool = Field(False, description="true: less than 20 h between two sessions is allowed")
    longest_session_s: int = Field(
        1200, ge=60, le=1800, description="time backward in one session", json_schema_extra={"unit": "s"}
    )
    forward_speed_km_h: float | None = Field(
        None,
        ge=0.5,
        le=8.0,
        description="usual forward speed: start at half of it",
        json_schema_extra={"unit": "km/h"},
    )
    backward_3_m_s: float | None = Field(
        None,
        ge=1.0,
        le=60.0,
        description="time of the 3 m backward walk test",
        json_schema_extra={"unit": "s"},
    )
    spotter: Literal["by rule", "always"] = Field("by rule", description="always: never alone")
    start: Dose = Dose()
    step: Steps = Steps()
    goal: Dose = Dose(speed_km_h=1.6, set_s=300, sets=2)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        wrong = []
        if self.goal.walking_s > self.longest_session_s:
            wrong.append(
                f"goal: {self.goal.sets} sets of {self.goal.set_s} s are {self.goal.walking_s} s, more than "
                f"longest_session_s = {self.longest_session_s}"
            )
        for name in ("speed_km_h", "incline_percent", "set_s", "sets"):
            first, last = getattr(self.start, name), getattr(self.goal, name)
            if first > last:
                wrong.append(f"start.{name} = {first} is above goal.{name} = {last}")
        if self.author and self.made_on is None:
            wrong.append("made_on is missing: a plan with an author has a date")
        if self.made_on is not None and self.review_on is not None:
            if not self.made_on < self.review_on <= self.made_on + REVIEW_WITHIN:
                wrong.append(
                    f"review_on = {self.review_on} must be at most 6 weeks after made_on = {self.made_on}"
                )
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @property
    def by_a_person(self) -> bool:
        return bool(self.author)

    @property
    def last_day(self) -> date | None:
        """The last day on which this plan may step up; None: it has no end (the articles' ladder)."""
        if self.made_on is None:
            return None
        return self.review_on or self.made_on + REVIEW_WITHIN

    @property
    def first_dose(self) -> Dose:
        """The start of the plan; at most half of the forward speed, and the slowest belt after a slow test."""
        speed = self.start.speed_km_h
        if self.forward_speed_km_h is not None:
            speed = min(speed, max(0.5 * self.forward_speed_km_h, SLOWEST_M_S * 3.6))
        if self.backward_3_m_s is not None and self.backward_3_m_s > SLOW_BACKWARD_TEST_S:
            speed = SLOWEST_M_S * 3.6
        return self.start.model_copy(update={"speed_km_h": round(speed, 2)})


def load(path: Path, today: date, safe_speed_m_s: float | None) -> Programme:
    """The plan in `path`; the articles' ladder when there is no file.

    `safe_speed_m_s`: of the commissioned treadmill, None when nobody commissioned it. Raises ConfigError with every
    mistake at once.
    """
    if not path.exists():
        return Programme()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"programme: cannot read {path}: {error.strerror}", "", "check its owner and mode"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(
            f"programme: {path} is not a plan: {error}",
            "Usually a missing quote or bracket",
            "mend that line",
        ) from None
    return parse(raw, today, safe_speed_m_s)


def parse(raw: dict[str, Any], today: date, safe_speed_m_s: float | None) -> Programme:
    """The plan in `raw`. Raises ConfigError with every mistake at once."""
    try:
        plan = Programme.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(dict(e)) for e in error.errors())) from None
    wrong = []
    if safe_speed_m_s is not None:
        for name, dose in (("start", plan.start), ("goal", plan.goal)):
            if dose.speed_m_s > safe_speed_m_s + 1e-9:
                wrong.append(
                    f"programme: {name}.speed_km_h = {dose.speed_km_h} is above the safe speed of this treadmill: "
                    f"0.72 to {safe_speed_m_s * 3.6:.2f} km/h"
                )
    if plan.made_on is not None and plan.made_on > today:
        wrong.append(f"programme: made_on = {plan.made_on} is in the future: today is {today}")
    if plan.review_on is not None and plan.made_on is None and plan.review_on < today:
        wrong.append(f"programme: review_on = {plan.review_on} is past: ask its author for a new plan")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return plan


def _explain(error: dict[str, Any]) -> str:
    """One mistake in one line: key, value, span."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"programme: {key} is not a setting of a plan"
    if error["type"] == "value_error":
        return "\n".join(f"programme: {line}" for line in str(error["ctx"]["error"]).splitlines())
    span = " to ".join(
        f"{value:g}" for name in ("ge", "le") if (value := (error.get("ctx") or {}).get(name)) is not None
    )
    limit = (
        f"must be {'at least' if 'ge' in (error.get('ctx') or {}) else 'at most'} {span}"
        if span
        else error["msg"]
    )
    return f"programme: {key} = {error['input']!r} {limit}"
