"""Owns the folder of plans: one file a walker, NAME.toml. An empty file is the articles' ladder; no file, no coach.

Must never write a plan.
"""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import NamedTuple

from firmware_py.coach.diary import WALKER, past
from firmware_py.coach.plan.programme import Programme, load, safe_speed_of
from firmware_py.coach.plan.progression import Next, Soreness, next_session
from firmware_py.coach.record import Record
from firmware_py.config import Config
from sensors.advice import ConfigError

DATABASE = "events.sqlite"


class Plans(NamedTuple):
    """`good` by walker; `problems` are sentences about files that cannot be used."""

    good: dict[str, Programme]
    problems: list[str]


def folder_of(config: Config) -> Path:
    """Where the plans are."""
    named = config.coach.programmes
    return Path(named) if named else Path(config.courier.state_dir) / "programmes"


def read(config: Config, today: date) -> Plans:
    """Every plan of the folder. A mistake in one does not touch the others."""
    good: dict[str, Programme] = {}
    problems: list[str] = []
    names: dict[str, str] = {}
    safe_m_s = safe_speed_of(config)
    for file in sorted(folder_of(config).glob("*.toml")):
        walker = file.stem.lower()
        try:
            if not WALKER.fullmatch(file.stem):
                raise ConfigError(
                    f"programme: {file.name}: a walker is a short name of a-z, 0-9 and -",
                    "",
                    "rename the file",
                )
            if walker in names:
                raise ConfigError(f"programme: {file.name} and {names[walker]} are two plans of one walker")
            names[walker] = file.name
            good[walker] = load(file, today, safe_m_s)
        except ConfigError as error:
            problems.append(str(error))
    return Plans(good, problems)


def plan_of(config: Config, walker: str, today: date) -> Programme:
    """The plan of this walker; without a file, the articles' ladder. Raises ConfigError."""
    if not WALKER.fullmatch(walker):
        raise ConfigError(f"programme: {walker!r} is no walker's name: use a-z, 0-9 and - only")
    return load(folder_of(config) / f"{walker}.toml", today, safe_speed_of(config))


def next_of(
    config: Config, walker: str, plan: Programme, now: datetime, soreness: Soreness | None
) -> tuple[Next, list[Record]]:
    """What this walker's next session asks for, and the past that it follows from. Raises sqlite3.Error."""
    records = past(Path(config.courier.state_dir) / DATABASE, walker)
    seen = datetime.combine(plan.made_on, time(), UTC) if plan.made_on else None
    return next_session(plan, [r.done() for r in records], now, soreness, seen), records
