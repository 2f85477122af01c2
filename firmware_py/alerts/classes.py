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
from firmware_py.locale import mark


class Urgency(Enum):
    """Whom an alert concerns, and how soon."""

    HELP = "help"
    LOOK = "look"
    CARE = "care"
    COACH = "coach"


URGENT = frozenset({Urgency.HELP, Urgency.LOOK})
LATE_S = {Urgency.HELP: 600.0, Urgency.LOOK: 1800.0}

FAULT_STAYS_S = (
    120.0  # a fault at rest that ends sooner concerns nobody: people step off, take the sensor off [A]
)
NO_SIGN_S = 60.0  # after a stop somebody arms, walks, presses or leaves within this, or help is sent for [A]
SIGNS_OF_LIFE = frozenset({"armed", "walking", "reset_refused", "session_ended"})
_LOCKED_OUT = frozenset({Cause.RELAY_WELDED, Cause.BELT_RUNAWAY})
_NOBODY_ON_IT = frozenset({Cause.SETTLING, Cause.NOT_WORN})  # how a treadmill is between two walks
FOLLOWED = frozenset(
    {Cause.DRIFT_REAR, Cause.DRIFT_FRONT, Cause.STANDSTILL, Cause.STUMBLE, Cause.STOP_BUTTON}
)


# Title and text, in English as they are kept; they are translated when they are sent or shown.
FALL = mark("Somebody may have fallen"), mark("The belt is off. Go to the treadmill and help.")
NO_SIGN = (
    mark("No sign after a stop"),
    mark("The belt stopped, and nobody has pressed, walked or left since. Go and look."),
)
STOPPED = mark("The belt was stopped"), mark("The belt is off. Look whether everybody is well.")
FAULT = mark("Stopped by a fault"), mark("The belt is off. Look whether everybody is well.")
DO_NOT_USE = (
    mark("Do not use this treadmill"),
    mark("The belt may still move. Pull the safety key."),
)
GUARD_LOST = mark("The safety monitor has stopped"), mark("The belt is off. Look at the treadmill.")
NEEDS_CARE = mark("The device needs care"), mark("Open its page; it shows what to do.")
STORAGE = mark("Storage trouble"), mark("Walks may not be recorded. Open the page.")
WALK_OVER = mark("A walk is over"), mark("Its report is on the page.")
ALARM_TEST = (
    mark("Test of the alerts"),
    mark("This is only a test. If you can read it, alerts reach you."),
)
MONTHLY_TEST = (
    mark("Alerts still work"),
    mark("The monthly test: alerts of this device still reach you."),
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
    urgency, words = found
    return Alert(str(event["id"]), urgency, time_s, device_of(event), *words)


def device_of(event: dict[str, Any]) -> str:
    """The device's name in an event's source."""
    return str(event["source"]).split("/")[2]


def is_followed(event: dict[str, Any]) -> bool:
    """Whether somebody should show a sign of life after this event."""
    return event["type"] == "rearguard.stopped" and _cause(event["data"]) in FOLLOWED


def is_sign_of_life(event: dict[str, Any]) -> bool:
    return str(event["type"]).removeprefix("rearguard.") in SIGNS_OF_LIFE


def acknowledged(event: dict[str, Any]) -> str | None:
    """The alert whose reminders this event ends; the courier writes it after `command/ack` (MQTT)."""
    return str(event["data"]["alert"]) if event["type"] == "rearguard.alert_acknowledged" else None


def is_health(event: dict[str, Any]) -> bool:
    """Whether this event says how the device is: the one after it may say that all is well again."""
    return str(event["type"]) == "rearguard.health_changed"


def no_sign(stop: dict[str, Any], time_s: float) -> Alert:
    """The alert when nobody has moved at the treadmill since `stop`."""
    return Alert(f"{stop['id']}-no-sign", Urgency.HELP, time_s, device_of(stop), *NO_SIGN)


_Found = tuple[Urgency, tuple[str, str]] | None


def _stopped(data: dict[str, Any]) -> _Found:
    cause = _cause(data)
    if cause is Cause.FALL:
        return Urgency.HELP, FALL
    if cause in (None, Cause.POWER_ON, Cause.STEP_OFF, Cause.REMOTE_STOP):
        return None
    return Urgency.LOOK, STOPPED


def _stopped_by_fault(data: dict[str, Any]) -> _Found:
    return Urgency.LOOK, DO_NOT_USE if _cause(data) in _LOCKED_OUT else FAULT


def _health_changed(data: dict[str, Any]) -> _Found:
    cause = _cause(data)
    if cause in _LOCKED_OUT:
        return Urgency.LOOK, DO_NOT_USE
    if cause in DEVICE_CAUSES and cause not in _NOBODY_ON_IT:
        return Urgency.CARE, NEEDS_CARE
    return None


def _storage_changed(data: dict[str, Any]) -> _Found:
    return None if data.get("ok") else (Urgency.CARE, STORAGE)


_KINDS: dict[str, Callable[[dict[str, Any]], _Found]] = {
    "stopped": _stopped,
    "stopped_by_fault": _stopped_by_fault,
    "health_changed": _health_changed,
    "storage_changed": _storage_changed,
    "guard_lost": lambda _: (Urgency.LOOK, GUARD_LOST),
    "session_ended": lambda _: (Urgency.COACH, WALK_OVER),
}


def _cause(data: dict[str, Any]) -> Cause | None:
    try:
        return Cause(data["cause"]) if data.get("cause") else None
    except ValueError:
        return None  # a cause of a later version: still a stop
