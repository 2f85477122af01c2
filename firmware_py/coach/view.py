"""Owns what the pages show of the coach: words in the language in use, and plain numbers. Must never hold a code."""

from typing import Any

from firmware_py.coach import words
from firmware_py.coach.phases import Stage
from firmware_py.coach.plan import plans
from firmware_py.coach.plan.programme import ADVICE
from firmware_py.coach.plan.progression import Next
from firmware_py.coach.questions import QUESTIONS, QUIET
from firmware_py.coach.record import Record
from firmware_py.coach.session import Session
from firmware_py.locale import translate as _


def view_of(session: Session | None, step: Next | None, found: plans.Plans, sounds: bool) -> dict[str, Any]:
    """Everything that a page may show of the coach, in words and plain numbers."""
    shown: dict[str, Any] = {
        "walkers": sorted(found.good),
        "problems": found.problems,
        "advice": "",
        "stage": "choose" if session is None else session.stage.value,
        "title": _("Who walks?") if session is None else _(words.TITLES[session.stage.value]),
        "do": _("Choose your name.") if session is None else _(words.DOS[session.stage.value]),
        "cue": None,
    }
    if session is None:
        return shown
    record, cue, left_s = session.record, session.spoken, session.left_s
    rest = step.not_before if step is not None and not record.sets else None
    return shown | {
        "advice": "" if record.author else _(ADVICE),
        "walker": record.walker,
        "set": len(record.sets),
        "sets": session.dose.sets,
        "left_s": None if left_s is None else int(left_s + 0.999),
        "dose": words.dose(session.dose),
        "reason": record.reason,
        "speed_km_h": session.dose.speed_km_h,
        "incline_percent": session.dose.incline_percent,
        "cue": None if cue is None else {"kind": cue.kind, "text": _(cue.text)},
        "rest_until": None if rest is None else rest.isoformat(),
        "company": [_(line) for line in words.SPOTTER]
        if record.spotter and session.stage not in (Stage.ASK, Stage.END)
        else [],
        "checklist": [_(line) for line in (*words.CHECKLIST, *([words.COMPANY] if record.spotter else []))],
        "questions": [
            {"key": key, **QUESTIONS[key].shown()}
            for key in session.open_questions()
            if wanted(key, record, sounds)
        ],
        "next": _(words.AFTER_TODAY),
    }


def wanted(key: str, record: Record, sounds: bool) -> bool:
    """Company is asked for when it is needed, soreness from the second session on, quiet where there is a speaker."""
    if key == QUIET:
        return sounds
    return (key != "company" or record.spotter) and (key != "soreness" or record.number > 1)
