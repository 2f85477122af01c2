"""Owns which event becomes an alert, of which class, in which words. Must never hold a health detail.

A message may stand on a locked screen: it says where to go, not what happened to whose body.

| class | meaning                                                   | quiet hours  | late after |
|-------|-----------------------------------------------------------|--------------|------------|
| HELP  | a person may lie on the treadmill                         | ignored      | 10 min     |
| LOOK  | somebody should look now: the belt was stopped, a fault   | ignored      | 30 min     |
| CARE  | the device wants care: a fault at rest, storage, tests    | respected    | -          |
| COACH | a walk is over, a plan has moved                          | respected    | -          |
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from firmware_py.core.events import DEVICE_CAUSES
from firmware_py.core.frame import Cause


class Urgency(Enum):
    """Whom an alert concerns, and how soon."""

    HELP = "help"
    LOOK = "look"
    CARE = "care"
    COACH = "coach"


URGENT = frozenset({Urgency.HELP, Urgency.LOOK})
LATE_S = {Urgency.HELP: 600.0, Urgency.LOOK: 1800.0}

NO_SIGN_S = 60.0  # after a stop somebody arms, walks, presses or leaves within this, or help is sent for [A]
SIGNS_OF_LIFE = frozenset({"armed", "walking", "reset_refused", "session_ended"})
_LOCKED_OUT = frozenset({Cause.RELAY_WELDED, Cause.BELT_RUNAWAY})
_FOLLOWED = frozenset(
    {Cause.DRIFT_REAR, Cause.DRIFT_FRONT, Cause.STANDSTILL, Cause.STUMBLE, Cause.STOP_BUTTON}
)


class Alert(NamedTuple):
    """What people are sent. `event_id` stays the same in every repeat."""

    event_id: str
    urgency: Urgency
    time_s: float
    device: str
    title: str
    text: str


def of_event(event: dict[str, Any], time_s: float) -> Alert | None:
    """The alert for a CloudEvents event of the courier, None when it concerns nobody. Raises KeyError, ValueError."""
    kind = str(event["type"]).removeprefix("rearguard.")
    rule = _KINDS.get(kind)
    found = rule(event["data"]) if rule else None
    if found is None:
        return None
    urgency, title, text = found
    return Alert(str(event["id"]), urgency, time_s, device_of(event), title, text)


def device_of(event: dict[str, Any]) -> str:
    """The device's name in an event's source."""
    return str(event["source"]).split("/")[2]


def is_followed(event: dict[str, Any]) -> bool:
    """Whether somebody should show a sign of life after this event."""
    return event["type"] == "rearguard.stopped" and _cause(event["data"]) in _FOLLOWED


def is_sign_of_life(event: dict[str, Any]) -> bool:
    return str(event["type"]).removeprefix("rearguard.") in SIGNS_OF_LIFE


def acknowledged(event: dict[str, Any]) -> str | None:
    """The alert whose reminders this event ends; the courier writes it after `command/ack` (MQTT)."""
    return str(event["data"]["alert"]) if event["type"] == "rearguard.alert_acknowledged" else None


def no_sign(stop: dict[str, Any], time_s: float) -> Alert:
    """The alert when nobody has moved at the treadmill since `stop`."""
    text = "The belt stopped, and nobody has pressed, walked or left since. Go and look."
    return Alert(f"{stop['id']}-no-sign", Urgency.HELP, time_s, device_of(stop), "No sign after a stop", text)


_Found = tuple[Urgency, str, str] | None


def _stopped(data: dict[str, Any]) -> _Found:
    cause = _cause(data)
    if cause is Cause.FALL:
        return Urgency.HELP, "Somebody may have fallen", "The belt is off. Go to the treadmill and help."
    if cause in (None, Cause.POWER_ON, Cause.STEP_OFF, Cause.REMOTE_STOP):
        return None
    return Urgency.LOOK, "The belt was stopped", "The belt is off. Look whether everybody is well."


def _stopped_by_fault(data: dict[str, Any]) -> _Found:
    if _cause(data) in _LOCKED_OUT:
        return Urgency.LOOK, "Do not use this treadmill", "The belt may still move. Pull the safety key."
    return Urgency.LOOK, "Stopped by a fault", "The belt is off. Look whether everybody is well."


def _health_changed(data: dict[str, Any]) -> _Found:
    cause = _cause(data)
    if cause in _LOCKED_OUT:
        return Urgency.LOOK, "Do not use this treadmill", "The belt may still move. Pull the safety key."
    if cause in DEVICE_CAUSES and cause is not Cause.SETTLING:
        return Urgency.CARE, "The device needs care", "Open its page; it shows what to do."
    return None


def _storage_changed(data: dict[str, Any]) -> _Found:
    return (
        None
        if data.get("ok")
        else (Urgency.CARE, "Storage trouble", "Walks may not be recorded. Open the page.")
    )


def _always(urgency: Urgency, title: str, text: str) -> Callable[[dict[str, Any]], _Found]:
    return lambda _data: (urgency, title, text)


_KINDS: dict[str, Callable[[dict[str, Any]], _Found]] = {
    "stopped": _stopped,
    "stopped_by_fault": _stopped_by_fault,
    "health_changed": _health_changed,
    "storage_changed": _storage_changed,
    "guard_lost": _always(
        Urgency.LOOK, "The safety monitor has stopped", "The belt is off. Look at the treadmill."
    ),
    "session_ended": _always(Urgency.COACH, "A walk is over", "The page has the account of it."),
}


def _cause(data: dict[str, Any]) -> Cause | None:
    try:
        return Cause(data["cause"]) if data.get("cause") else None
    except ValueError:
        return None  # a cause of a later version: still a stop
