"""Owns every text that a person reads about the belt: for each cause what happened, why, and what to do.

Page, terminal, MQTT and the incident report show these texts as they are. The tables are English; the functions
answer in the language in use. Must never decide anything, and no text is ever taken apart again: a part that is needed
alone is a field.
"""

from math import degrees, isfinite
from typing import NamedTuple

from firmware_py.core.body.turn import TURNED as _TURNED
from firmware_py.core.events import DEVICE_CAUSES
from firmware_py.core.frame import LOCK_OUTS, Cause, Decision
from firmware_py.locale import translate as _


class Message(NamedTuple):
    """What a screen shows. `title` is read from three metres; the others are whole sentences."""

    title: str
    what: str
    why: str
    do: str

    def translated(self) -> "Message":
        """The same in the language in use."""
        return Message(*map(_, self))


_ARM = "Stand astride the belt. Press and release the button to arm, then start the treadmill."

STOPS: dict[Cause, Message] = {
    Cause.POWER_ON: Message(
        "Belt off",
        "The device has just been switched on.",
        "After power-up the belt stays off until a person arms it.",
        _ARM,
    ),
    Cause.DRIFT_REAR: Message(
        "Too near the rear edge",
        "The walker drifted toward the rear edge.",
        "A later stop would have ended beyond the rear line.",
        "Move toward the console. If it happens again, lower the speed a little. " + _ARM,
    ),
    Cause.DRIFT_FRONT: Message(
        "Too near the console",
        "The walker came too near the console.",
        "Steps faster than the belt end with heels and back against the console.",
        "Step to the middle. If it happens again, raise the speed a little. " + _ARM,
    ),
    Cause.STANDSTILL: Message(
        "Standing still",
        "The walker stood still while the belt was moving.",
        "The belt carries a person who stands still to the rear edge.",
        "Ask whether the walker is well. " + _ARM,
    ),
    Cause.STEP_OFF: Message(
        "Nobody on the belt",
        "The walker left the belt.",
        "The distance sensor sees nobody where a walker should be.",
        "When everybody is well, begin again. " + _ARM,
    ),
    Cause.FALL: Message(
        "Loss of balance",
        "The walker lost balance.",
        "The hip went down faster than it does when this person walks.",
        "Help the person first. Read the incident report before the next start. " + _ARM,
    ),
    Cause.STUMBLE: Message(
        "Stumble",
        "The walker stumbled.",
        "The hip did not move as it does when this person walks. A fall was not yet certain.",
        "Ask whether the walker is well. " + _ARM,
    ),
    Cause.OVERSPEED: Message(
        "Belt too fast",
        "The belt is faster than the safe speed measured for this treadmill.",
        "Above that speed the belt cannot come to rest before the rear line.",
        "Lower the speed at the console. " + _ARM,
    ),
    Cause.STOP_BUTTON: Message(
        "Stop pressed",
        "Somebody pressed the stop button.",
        "A person at the treadmill wanted the belt off.",
        "Ask why. " + _ARM,
    ),
    Cause.REMOTE_STOP: Message(
        "Stopped remotely",
        "A stop was requested over the network.",
        "Somebody, or an automation, sent the stop command.",
        "Find out who and why. " + _ARM,
    ),
    Cause.SETTLING: Message(
        "Getting ready",
        "The device is getting ready.",
        "The sensors have not yet been observed long enough to be trusted.",
        "Wait a few seconds. If it stays, run `rearguard check`.",
    ),
    Cause.IMU: Message(
        "Hip sensor fault",
        "The hip sensor gives no usable data.",
        "Usually its cable or breakaway plug has come loose, or it lost its supply.",
        "Plug the hip sensor in again. If that does not help, run `rearguard check`. " + _ARM,
    ),
    Cause.RANGE: Message(
        "Distance sensor fault",
        "The distance sensor gives no usable data.",
        "Usually something covers its window, or its cable is loose.",
        "Wipe the window. Check the aim and the cable, then run `rearguard check`. " + _ARM,
    ),
    Cause.BELT_SENSOR: Message(
        "Belt sensor fault",
        "The belt speed sensor contradicts the other sensors.",
        "Usually the magnet is lost or the switch has moved.",
        "Check magnet and switch, then run `rearguard check`. " + _ARM,
    ),
    Cause.NOT_WORN: Message(
        "Sensor not worn",
        "The hip sensor is not worn as it should be.",
        "It sits at another angle than at calibration.",
        "Put the belt pod on upright and tight, or run `rearguard calibrate`. " + _ARM,
    ),
    Cause.RELAY_WELDED: Message(
        "Do not use",
        "The contact that stops the belt did not open.",
        "The contact is welded, or its wiring is bridged. The treadmill's own safety key still works.",
        "Pull the safety key, switch the device off and have the relay replaced.",
    ),
    Cause.RELAY_OPEN: Message(
        "Relay fault",
        "The contact that runs the belt did not close.",
        "Usually the pulse watchdog gets no pulses, or a wire of the relay or its read-back is loose.",
        "Check the wiring of hardware.md, then run `rearguard selftest`.",
    ),
    Cause.BUTTON_STUCK: Message(
        "Button stuck",
        "The arming button is held or shorted.",
        "Only a fresh press and release can arm the belt.",
        "Release the button. If nobody holds it, check its wires.",
    ),
    Cause.BELT_RUNAWAY: Message(
        "Belt still moving",
        "The belt moves on after it was cut.",
        "The treadmill did not obey its safety-key circuit.",
        "Pull the treadmill's own safety key and step off. Do not use it before `rearguard selftest` passes.",
    ),
    Cause.LATE: Message(
        "Computer too slow",
        "The computer did not read the sensors on time.",
        "Usually another program kept it busy.",
        "Restart the device, then run `rearguard bench`. " + _ARM,
    ),
    Cause.SUPPLY: Message(
        "Weak power supply",
        "The computer's supply voltage is too low.",
        "Usually a thin cable or a weak adapter.",
        "Use the original adapter and a short cable.",
    ),
    Cause.REALTIME: Message(
        "No real-time rights",
        "The system refused the device its real-time rights.",
        "Usually the service was not installed by its install script.",
        "Install the service again, or allow it in the configuration (loop.require_realtime).",
    ),
    Cause.CONFIG: Message(
        "Wrong configuration",
        "The configuration cannot be used.",
        "A value is missing, unknown or outside its span.",
        "Run `rearguard check`. It names each mistake and its cure.",
    ),
}

WARNINGS: dict[Cause, Message] = {
    Cause.DRIFT_REAR: Message(
        "Step faster",
        "The walker is drifting toward the rear edge.",
        "The belt is faster than the steps.",
        "Take longer or quicker steps toward the console.",
    ),
    Cause.DRIFT_FRONT: Message(
        "Ease off",
        "The walker is coming near the console.",
        "The steps are faster than the belt.",
        "Take shorter or slower steps.",
    ),
    Cause.STANDSTILL: Message(
        "Keep walking",
        "The walker has nearly stopped walking.",
        "A moving belt carries a person who stands still to the rear edge.",
        "Keep walking, or press stop.",
    ),
    Cause.STUMBLE: Message(
        "Careful",
        "A step was uneven.",
        "The hip did not move as it does when this person walks.",
        "Hold the rail until the steps are even again.",
    ),
    Cause.OVERSPEED: Message(
        "Belt too fast",
        "The belt is faster than the safe speed measured for this treadmill.",
        "Above that speed the belt cannot come to rest before the rear line.",
        "Lower the speed at the console.",
    ),
}

GUARDING = Message("Guarding", "The belt may run, and the walker is watched.", "", "Press stop at any time.")
LEARNING = Message(
    "Guarding",
    "The belt may run. The device is still learning how this person walks.",
    "",
    "Walk evenly for half a minute. Press stop at any time.",
)
READY = Message("Ready", "The belt is off. Everything is healthy.", "", _ARM)
NO_DATA = Message(
    "No connection",
    "This page receives no data from the device. The picture below is old.",
    "The device is off or restarting. Without its pulses the relay drops, so the belt is off.",
    "Look at the treadmill, not at this page. See `systemctl status rearguard-guard`.",
)
SETTING_UP = Message(
    "Set-up", "The device is being set up.", "", "Do what set-up asks for. Nobody walks before its end."
)

# Why a press would be refused, where that is not the same as after a stop.
REFUSALS = {
    Cause.STEP_OFF: STOPS[Cause.STEP_OFF]._replace(
        what="The distance sensor sees nobody on the belt.", why="Nobody stands where it looks.", do=_ARM
    ),
}

# An impact and lying down, without a fall seen before it (core/body/fallen.py).
FALLEN = STOPS[Cause.FALL]._replace(
    title="Fall",
    what="The walker has fallen.",
    why="An impact was followed by lying down. Nothing before it looked like a fall.",
)
# The steps ended beside a belt that moves on (core/deck/rails.py).
ON_RAILS = STOPS[Cause.STANDSTILL]._replace(
    title="Standing on the rails?",
    what="The steps ended while the belt was moving, and nobody was carried.",
    why="Usually the walker has stepped onto the side rails. Stepping onto a moving belt again is dangerous.",
)
SANK = STOPS[Cause.FALL]._replace(why="The hip sank farther than it does in any step.")
LEANED = STOPS[Cause.FALL]._replace(
    why="The trunk leaned farther from this person's posture than it does in any walk."
)
# The walker had just turned round (core/body/turn.py). The figure is still that of the rule that stopped.
TURNED_ROUND = Message(
    "Turned round",
    "The walker turned round while the belt was moving.",
    "Turning on a moving belt makes the steps uneven.",
    "Ask whether the walker is well. Stop the belt before turning round. " + _ARM,
)
FELL_TURNING = STOPS[Cause.FALL]._replace(what="The walker lost balance while turning round.")
OF_RULE = {"lies_after_blow": FALLEN, "height_lost_m": SANK, "tilt_rad": LEANED, "on_rails_s": ON_RAILS}
# Cause.LATE of a simulated device: a computer that does other things as well is no fault of the product.
BUSY_COMPUTER = Message(
    "Computer was busy",
    "This computer was busy for a moment, and the device stopped for that.",
    "",
    "The scene is played again.",
)
# The device stopped sending while the belt ran. This is no cause of the core: nobody was left to decide.
WENT_SILENT = Message(
    "Device went silent",
    "The device stopped sending while the belt was running.",
    "Its program ended, or the computer lost power. Without its pulses the relay drops within 60 ms.",
    "Look at its log (`journalctl -u rearguard-guard`) before the next start.",
)

EVENTS = {
    "armed": "Armed at the button: the belt may run.",
    "walking": "The walker has begun to walk.",
    "near_miss": "The walker was unsteady for a moment, and recovered.",
    "warning_cleared": "The warning has ended.",
    "health_changed": "Every part of the device is healthy.",
}
"""What happened, of the events that have no cause to explain."""


def of_stop(cause: Cause, rule: str, simulated: bool = False) -> Message:
    """The message of a stop. A cause with several rules has one for each."""
    if simulated and cause is Cause.LATE:
        return BUSY_COMPUTER.translated()
    if rule.startswith(_TURNED):
        return (FELL_TURNING if cause is Cause.FALL else TURNED_ROUND).translated()
    return OF_RULE.get(rule, STOPS[cause]).translated()


def of_refusal(cause: Cause, simulated: bool = False) -> Message:
    """The message of a press that would be refused."""
    return REFUSALS[cause].translated() if cause in REFUSALS else of_stop(cause, "", simulated)


def of_warning(cause: Cause) -> Message:
    """The message of a warning. A cause that never warns alone borrows the message of its stop."""
    return (WARNINGS.get(cause) or STOPS[cause]).translated()


def of_event(kind: str, cause: Cause | None, rule: str, value: float | None, limit: float | None) -> str:
    """An event as one text: what happened, why, and what to do; "" for a kind without words."""
    if cause is None:
        return _(EVENTS.get(kind, ""))
    if kind in ("stopped", "stopped_by_fault"):
        stop = of_stop(cause, rule)
        return " ".join(filter(None, (stop.what, stop.why, rule_sentence(rule, value, limit), stop.do)))
    if kind == "warning":
        return f"{of_warning(cause).what} {of_warning(cause).do}"
    if kind in ("reset_refused", "health_changed"):
        refused = _("The press was refused.") + " " if kind == "reset_refused" else ""
        return f"{refused}{of_refusal(cause).what} {of_refusal(cause).do}"
    return _(EVENTS.get(kind, ""))


def headline(kind: str, cause: Cause | None, rule: str) -> str:
    """An event as one line of a list; "" for a kind that is no line of its own."""
    if cause is not None and kind in ("stopped", "stopped_by_fault"):
        return f"{_('Belt cut')}: {of_stop(cause, rule).title}."
    if cause is not None and kind == "warning":
        return f"{_('The buzzer warns')}: {of_warning(cause).title}."
    if cause is not None and kind == "reset_refused":
        return f"{_('A press of the arming button is refused')}: {of_stop(cause, '').title}."
    if cause is not None and cause in LOCK_OUTS and kind == "health_changed":
        found = of_stop(cause, "")
        return f"{found.title}: {found.what}"
    return "" if kind == "health_changed" else _(EVENTS.get(kind, ""))


def tone_and_message(decision: Decision | None, simulated: bool = False) -> tuple[str, Message]:
    """One of offline, running, warning, ready, stopped, fault, and what to show of it."""
    if decision is None:
        return "offline", NO_DATA.translated()
    if decision.run:
        if decision.warning is not None:
            return "warning", of_warning(decision.warning)
        return "running", (GUARDING if decision.phase.value == "guarding" else LEARNING).translated()
    cause = decision.cause or Cause.POWER_ON
    if cause is not Cause.POWER_ON:
        return ("fault" if cause in DEVICE_CAUSES else "stopped"), of_stop(cause, decision.rule, simulated)
    if decision.refusal is None:
        return "ready", READY.translated()
    tone = "fault" if decision.refusal in DEVICE_CAUSES - {Cause.SETTLING} else "stopped"
    return tone, of_refusal(decision.refusal, simulated)


RULES = {
    "rest_position_m": "the place where the walker would have come to rest",
    "velocity_m_s": "the speed at which the walker was carried along the deck",
    "on_rails_s": "the time without a step, in one place, beside a moving belt",
    "leaving_m_s": "the speed at which the walker was leaving the usual place",
    "down_velocity_m_s": "the downward speed of the hip a moment ahead",
    "height_lost_m": "the height that the hip had lost",
    "tilt_rad": "the lean of the trunk away from the walker's own posture",
    "gravity_g": "the gravity that the hip sensor reads, in g",
    "lies_after_blow": "how upright the hip was after an impact (1 is upright, 0 lies)",
    "beyond_deck_s": "the time without a walker on the deck",
    "belt_speed_m_s": "the speed of the belt",
    "imu_age_s": "the time since the last reading of the hip sensor",
    "range_age_s": "the time since the last reading of the distance sensor",
    "imu_flaky_s": "the time with bad readings of the hip sensor",
    "imu_frozen_s": "the time with the very same reading of the hip sensor",
    "tick_gap_s": "the time between two looks at the sensors",
    "stall_s": "how late a look at the sensors came",
    "late_ticks": "the number of late looks at the sensors within a second",
    "pod_upright": "how upright the hip sensor sat (1 is upright, 0 lies)",
    "relay_answer_s": "the time in which the contacts contradicted the command",
}
"""What the figure of a rule is, in words that need no manual."""

_UNITS = (("_m_s", " m/s"), ("_m", " m"), ("_s", " s"), ("_rad", " rad"))
_MOST_DIGITS = 3


def figures(rule: str, value: float, limit: float) -> tuple[str, str]:
    """Value and limit with their unit, with as many digits as tell them apart, three at most."""
    unit = next((words for suffix, words in _UNITS if rule.endswith(suffix)), "")
    if unit == " s" and max(abs(value), abs(limit)) < 1.0:
        value, limit, unit = value * 1000, limit * 1000, " ms"
    if unit == " rad":
        value, limit, unit = degrees(value), degrees(limit), "\u00b0"
    least = 0 if unit in (" ms", "\u00b0") else 2
    digits = next((n for n in range(least, _MOST_DIGITS + 1) if f"{value:.{n}f}" != f"{limit:.{n}f}"), least)
    return f"{value:.{digits}f}{unit}", f"{limit:.{digits}f}{unit}"


def rule_sentence(rule: str, value: float | None, limit: float | None) -> str:
    """The figure that crossed its limit; "" when the rule has no figure."""
    rule = rule.removeprefix(_TURNED)
    if rule not in RULES or value is None or limit is None or not (isfinite(value) and isfinite(limit)):
        return ""
    what, (value_text, limit_text) = _(RULES[rule]), figures(rule, value, limit)
    sentence = _("{what} reached {value}; the limit was {limit}.")
    return sentence.format(what=f"{what[0].upper()}{what[1:]}", value=value_text, limit=limit_text)
