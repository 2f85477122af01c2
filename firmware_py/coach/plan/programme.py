"""Owns the plan of one walker: what a person sets, its bounds, its defaults and where each number comes from.

Must never be read by the guard, and never hold a speed above the belt's commissioned safe speed.
People write km/h, percent and minutes; the rules use SI units.
"""

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from firmware_py.config import Config, explain
from firmware_py.core.deck.stopping import safe_speed_m_s
from firmware_py.locale import mark
from sensors.advice import ConfigError

SLOWEST_M_S, FASTEST_M_S = 0.2, 0.9  # the span of the articles: 0.5 to 2 mph
GENTLE_M_S = 0.45  # 1 mph: the fastest first speed of the articles, and a new step above it wants company
SLOW_BACKWARD_TEST_S = 5.5  # 3 m backward walk; best cut for fallers, 483 older people (Polo-Ferrero 2025)
REVIEW_WITHIN = timedelta(weeks=6)  # the trials last 6 weeks [A]

ADVICE = mark("General advice from articles, not therapy")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _setting(default: Any, why: str, unit: str = "", ge: float | None = None, le: float | None = None) -> Any:
    """One setting: default, span, unit, and where the number comes from."""
    return Field(default, ge=ge, le=le, description=why, json_schema_extra={"unit": unit})


class Dose(_Part):
    """What one session asks for."""

    speed_km_h: float = _setting(1.6, "belt speed; articles: start at 0.5 to 1 mph", "km/h", 0.72, 3.24)
    incline_percent: float = _setting(0.0, "of the deck, entered by hand: the pod cannot see it", "%", 0, 15)
    set_s: int = _setting(120, "length of one set; articles: 2 to 5 min at first", "s", 60, 900)
    sets: int = _setting(2, "in one session; articles: 2 or 3", "", 1, 6)
    pause_s: int = _setting(60, "between sets, belt at rest", "s", 30, 300)

    @property
    def speed_m_s(self) -> float:
        return self.speed_km_h / 3.6

    @property
    def walking_s(self) -> int:
        """Time backward in the whole session."""
        return self.set_s * self.sets


class Steps(_Part):
    """How much one step up adds. The smallest of the articles unless a therapist sets more."""

    set_s: int = _setting(60, "longer set", "s", 30, 120)
    speed_km_h: float = _setting(0.17, "faster belt; articles: 0.1 to 0.2 mph", "km/h", 0.1, 0.33)
    incline_percent: float = _setting(1.0, "steeper deck; articles: 1 to 2", "%", 0.5, 2)


class Programme(_Part):
    """One plan. Without a file the ladder of the articles holds, and says that it is no therapy."""

    author: str = _setting("", "who answers for this plan; empty: nobody, the articles' ladder")
    made_on: date | None = _setting(None, "day on which it was written: 2026-11-29")
    review_on: date | None = _setting(None, "until when it may step up; at most 6 weeks after made_on")
    sessions_a_week: int = _setting(3, "articles and trials: 3", "", 1, 5)
    daily: bool = _setting(False, "true: less than 20 h between two sessions is allowed")
    longest_session_s: int = _setting(1200, "walking backward in one session", "s", 60, 1800)
    forward_speed_km_h: float | None = _setting(
        None, "usual forward speed: the start is at most half of it", "km/h", 0.5, 8
    )
    backward_3_m_s: float | None = _setting(None, "time of the 3 m backward walk test", "s", 1, 60)
    spotter: Literal["by rule", "always"] = _setting("by rule", "always: never alone")
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
        if (self.author or self.review_on) and self.made_on is None:
            wrong.append("made_on is missing: a plan with an author or a review has a date")
        made, review = self.made_on, self.review_on
        if made is not None and review is not None and not made < review <= made + REVIEW_WITHIN:
            wrong.append(f"review_on = {review} must be at most 6 weeks after made_on = {made}")
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


def safe_speed_of(config: Config) -> float | None:
    """The commissioned safe speed of this treadmill, m/s; None when nobody commissioned it."""
    if not config.belt.commissioned:
        return None
    drift = config.monitor_params().drift
    return safe_speed_m_s(drift.rear_line_m, drift.front_line_m, drift.stop_latency_s, drift.coast_down_m_s2)


def load(path: Path, today: date, safe_speed_m_s: float | None) -> Programme:
    """The plan in `path`; the articles' ladder when there is no file.

    `safe_speed_m_s`: of the commissioned treadmill, None when nobody commissioned it. Raises ConfigError with every
    mistake at once.
    """
    if not path.exists():
        return Programme()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
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
        raise ConfigError(explain(error, Programme, "programme")) from None
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
    if wrong:
        raise ConfigError("\n".join(wrong))
    return plan
