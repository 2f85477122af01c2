"""Owns the words of the fleet pages that no template holds: health of a treadmill, its events, roles and rights.

Must never show a name of a program's own, such as guard_connected or health_changed.
"""

from typing import Any

from firmware_py.core.frame import Cause
from firmware_py.fleet.access import Right, Role
from firmware_py.locale import mark
from firmware_py.locale import translate as _
from firmware_py.messages import EVENTS, headline, of_stop

HEALTH = {
    "guard_connected": mark("Safety monitor connected"),
    "guard_version": mark("Version of the safety monitor"),
    "courier_version": mark("Version of page and recording"),
    "late_ticks": mark("Moments in which it was late"),
    "dropped_events": mark("Events that it had to give up"),
    "events_waiting": mark("Events that wait to be stored"),
    "events_problem": mark("Trouble with storing"),
    "storage_free_mb": mark("Free storage, MB"),
    "remote_stop": mark("Remote stop"),
}
ROLES = {
    Role.FLOOR: mark("floor staff"),
    Role.THERAPIST: mark("therapist"),
    Role.TECHNICIAN: mark("technician"),
    Role.OWNER: mark("owner"),
}
RIGHTS = {
    Right.SEE_FLOOR: mark("see the floor"),
    Right.ACKNOWLEDGE: mark("say that you are on your way"),
    Right.SEE_INCIDENTS: mark("see incidents"),
    Right.CLOSE: mark("close incidents"),
    Right.SEE_DEVICES: mark("see a treadmill"),
    Right.SEE_VERSIONS: mark("see versions"),
}
WITHOUT_CAUSE = {  # of a later version
    "stopped": mark("Belt cut"),
    "stopped_by_fault": mark("Belt cut"),
    "warning": mark("The buzzer warns"),
    "reset_refused": mark("A press of the arming button is refused"),
    "session_ended": mark("A walk is over"),
    "alert_acknowledged": mark("Somebody is on the way"),
    "storage_changed": mark("Storage trouble began or ended"),
    "recording_gap": mark("A gap in the recording"),
}
OTHER = mark("Another event")
REASONS = {  # why a message was not used (topics.py, watch.py)
    "foreign topic": mark("foreign topic"),
    "too long": mark("too long"),
    "not JSON": mark("not readable"),
    "not an object": mark("not readable"),
    "not for the fleet": mark("not for this page"),
    "not an event": mark("not an event"),
    "says another device": mark("speaks for another treadmill"),
    "has no name": mark("has no name"),
    "has no number": mark("has no number"),
    "has no time": mark("has no time"),
    "too many events today": mark("too many events in a day"),
    "too many treadmills": mark("too many treadmills"),
    "two devices with one name": mark("two treadmills with one name"),
}


def health(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """What a person wants to know of a device's health, a line each; "" and unknown figures are left out."""
    return [
        (_(label), _value(figures[key]))
        for key, label in HEALTH.items()
        if figures.get(key) not in (None, "")
    ]


def event(kind: str, cause: str) -> str:
    """One event as a line of a list."""
    known = _known(cause)
    if kind == "health_changed":
        return of_stop(known, "").title if known else _("Everything is well")
    return headline(kind, known, "") or _(EVENTS.get(kind) or WITHOUT_CAUSE.get(kind) or OTHER)


def cause(text: str) -> str:
    """Why the belt was stopped; "" when this version does not know it."""
    known = _known(text)
    return of_stop(known, "").title if known else ""


def reason(text: str) -> str:
    return _(REASONS.get(text, text))


def refusal(role: Role, right: Right) -> str:
    """Why a page is not shown."""
    return _("Your role ({role}) does not let you do this: {right}.").format(
        role=_(ROLES[role]), right=_(RIGHTS[right])
    )


def _known(cause: str) -> Cause | None:
    try:
        return Cause(cause) if cause else None
    except ValueError:
        return None  # of a later version


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)[:200]
