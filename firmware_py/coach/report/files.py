"""Owns the report as files for other programs: CSV with one row a set, and JSON. Units stand in the names."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

from firmware_py.coach.record import Record, SetDone
from firmware_py.coach.report.account import Account

ANSWERS = ("tired", "rails", "pain", "effort", "talk", "soreness", "company")
COLUMNS = (
    "walker", "session", "started", "set", "planned_s", "walked_s", "ended", "cause", "speed_planned_km_h",
    "speed_measured_m_s", "incline_percent", "pause_before_s", "steps", "cadence_per_min", "ad2", "evenness",
    "jerk_per_s", "wander_m", "tipped_share", "margin_min_m", "warnings", "cues", "enough_s", *ANSWERS,
)  # fmt: skip


def as_csv(account: Account) -> str:
    """RFC 4180; an empty cell is not known."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for number, record in account.numbered:
        for n, done in enumerate(record.sets, 1):
            writer.writerow({k: _safe(v) for k, v in _row(number, record, n, done).items()})
    return text.getvalue()


def as_json(account: Account) -> dict[str, Any]:
    """Everything that is kept of this walker."""
    return {
        "walker": account.walker,
        "plan": account.plan.model_dump(mode="json"),
        "next": {"dose": account.next.dose.model_dump(), "reason": account.next.reason},
        "sessions": [record.plain() for record in account.past],
    }


def rfc3339(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds")


def _row(number: int, record: Record, n: int, done: SetDone) -> dict[str, Any]:
    dose = record.done().dose
    answers = record.answers | done.answers
    return {
        "walker": record.walker,
        "session": number,
        "started": rfc3339(record.started_s),
        "set": n,
        "planned_s": done.planned_s,
        "walked_s": done.walked_s,
        "ended": done.ended,
        "cause": done.cause,
        "speed_planned_km_h": dose.speed_km_h,
        "speed_measured_m_s": done.speed_m_s,
        "incline_percent": dose.incline_percent,
        "pause_before_s": done.pause_before_s,
        "steps": done.steps,
        "cadence_per_min": None if done.cadence_hz is None else round(60 * done.cadence_hz, 1),
        "ad2": done.ad2,
        "evenness": done.evenness,
        "jerk_per_s": done.jerk_per_s,
        "wander_m": done.wander_m,
        "tipped_share": None if done.tipped_share is None else round(done.tipped_share, 3),
        "margin_min_m": None if done.margin_min_m is None else round(done.margin_min_m, 3),
        "warnings": done.warnings,
        "cues": done.cues,
        "enough_s": done.enough_s,
    } | {key: answers.get(key) for key in ANSWERS}


def _safe(value: Any) -> Any:
    """A cell that a spreadsheet would run as a formula stays text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "@") else value
