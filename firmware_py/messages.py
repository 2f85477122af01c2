"""Owns the words a person reads: for each cause what happened, why, and what to do. Must never decide anything.

The page, the terminal, MQTT and the incident report all take their sentences from here.
"""

from typing import NamedTuple

from firmware_py.core.events import DEVICE_CAUSES
from firmware_py.core.frame import Cause, Decision


class Words(NamedTuple):
    """One sentence each: what happened, why, what to do. `title` is read from three metres."""

    title: str
    what: str
    why: str
    do: str


_PRESS = "When everybody is ready, press and release the arming button."

STOPS: dict[Cause, Words] = {
    Cause.POWER_ON: Words(
        "Belt off",
        "The device has just been switched on.",
        "After power-up the belt stays off until a person starts it.",
        "Stand on the belt, then press and release the arming button.",
    ),
    Cause.DRIFT_REAR: Words(
        "Too far back",
        "The walker drifted toward the rear end of the belt.",
        "If the belt had run on, it could not have come to rest before the rear line.",
        "Walk back to the middle. Lower the speed a little if it happens again. " + _PRESS,
    ),
    Cause.DRIFT_FRONT: Words(
        "Too near the console",
        "The walker came too near the console.",
        "Walking faster than the belt, backward, ends with heels and back against the hood.",
        "Step to the middle. Raise the speed a little if it happens again. " + _PRESS,
    ),
    Cause.STANDSTILL: Words(
        "Standing still",
        "The walker stood still while the belt was moving.",
        "Standing still carries a person to the rear end of the belt.",
        "Ask whether the walker is well. " + _PRESS,
    ),
    Cause.STEP_OFF: Words(
        "Nobody on the belt",
        "The walker left the belt.",
        "The distance sensor sees nobody where a walker should be.",
        "Step on again, facing the rear. " + _PRESS,
    ),
    Cause.FALL: Words(
        "Loss of balance",
        "The walker lost balance.",
        "The hip went down faster than it does in this person's walking.",
        "Help the person first. Read the incident report before the next start. " + _PRESS,
    ),
    Cause.STUMBLE: Words(
        "Stumble",
        "The walker stumbled.",
        "The hip moved unlike this person's own walking, but a fall was not yet certain.",
        "Ask whether the walker is well. " + _PRESS,
    ),
    Cause.OVERSPEED: Words(
        "Belt too fast",
        "The belt is faster than the safe speed measured for this treadmill.",
        "Above that speed the belt cannot come to rest before the rear line.",
        "Lower the speed at the console. " + _PRESS,
    ),
    Cause.STOP_BUTTON: Words(
        "Stop pressed",
        "Somebody pressed the stop button.",
        "A person at the treadmill wanted the belt off.",
        "Ask why. " + _PRESS,
    ),
    Cause.REMOTE_STOP: Words(
        "Stopped remotely",
        "A stop was asked for over the network.",
        "Someone, or an automation, sent the stop command.",
        "Find out who and why. " + _PRESS,
    ),
    Cause.SETTLING: Words(
        "Getting ready",
        "The device is still settling.",
        "The sensors have not been seen long enough to be trusted.",
        "Wait a few seconds. If it stays, run `rearguard check`.",
    ),
    Cause.IMU: Words(
        "Hip sensor fault",
        "The hip sensor gives no usable data.",
        "Usually its cable or breakaway plug has come loose, or it lost its supply.",
        "Plug the hip sensor in again; run `rearguard check` if it does not help. " + _PRESS,
    ),
    Cause.RANGE: Words(
        "Distance sensor fault",
        "The distance sensor gives no usable data.",
        "Usually something covers its window, or its cable is loose.",
        "Wipe the window, check the aim and the cable; then run `rearguard check`. " + _PRESS,
    ),
    Cause.BELT_SENSOR: Words(
        "Belt sensor fault",
        "The belt speed sensor contradicts what else is known.",
        "Usually the magnet is lost or the switch has moved.",
        "Check magnet and switch; then run `rearguard check`. " + _PRESS,
    ),
    Cause.NOT_WORN: Words(
        "Sensor not worn",
        "The hip sensor is not worn as it should be.",
        "Gravity points another way than at calibration.",
        "Put the belt pod on upright and tight, or run `rearguard calibrate`. " + _PRESS,
    ),
    Cause.RELAY_WELDED: Words(
        "Do not use",
        "The contact that stops the belt did not open.",
        "A contact is welded, or its wiring is bridged. The treadmill's own safety key still works.",
        "Pull the safety key, switch the device off and have the relay replaced.",
    ),
    Cause.RELAY_OPEN: Words(
        "Relay fault",
        "The contact that runs the belt did not close.",
        "Usually the pulse watchdog gets no pulses, or a wire of the relay or its read-back is loose.",
        "Check the wiring of hardware.md; then run `rearguard selftest`.",
    ),
    Cause.BUTTON_STUCK: Words(
        "Button stuck",
        "The arming button is held or shorted.",
        "Only a fresh press and release can start the belt.",
        "Release the button; if it is not held, check its wires.",
    ),
    Cause.BELT_RUNAWAY: Words(
        "Belt still moving",
        "The belt moves on after it was cut.",
        "The treadmill did not obey its safety-key circuit.",
        "Pull the treadmill's own safety key and step off. Do not use it before `rearguard selftest` passes.",
    ),
    Cause.LATE: Words(
        "Computer too slow",
        "The guard was not run on time.",
        "Something else on the computer took its time.",
        "Restart the device; then run `rearguard bench`. " + _PRESS,
    ),
    Cause.SUPPLY: Words(
        "Weak power supply",
        "The computer's supply voltage is too low.",
        "Usually a thin cable or a weak adapter.",
        "Use the original adapter and a short cable.",
    ),
    Cause.REALTIME: Words(
        "No real-time rights",
        "The system refused the guard its real-time rights.",
        "Usually the service was not installed by its install script.",
        "Install the service again, or allow it in the configuration (loop.require_realtime).",
    ),
    Cause.CONFIG: Words(
        "Wrong configuration",
        "The configuration cannot be used.",
        "A value is missing, unknown or outside its span.",
        "Run `rearguard check`: it names each mistake and its cure.",
    ),
}

WARNINGS: dict[Cause, Words] = {
    Cause.DRIFT_REAR: Words(
        "Step faster",
        "The walker is drifting toward the rear end.",
        "The belt is faster than the steps.",
        "Take longer or quicker steps toward the console.",
    ),
    Cause.DRIFT_FRONT: Words(
        "Ease off",
        "The walker is coming near the console.",
        "The steps are faster than the belt.",
        "Take shorter or slower steps.",
    ),
    Cause.STANDSTILL: Words(
        "Keep walking",
        "The walker has nearly stopped walking.",
        "On a moving belt, standing still ends at the rear.",
        "Keep walking, or press stop.",
    ),
    Cause.STUMBLE: Words(
        "Careful",
        "A step was uneven.",
        "The hip moved unlike this person's own walking.",
        "Hold the rail until the steps are even again.",
    ),
    Cause.OVERSPEED: Words(
        "Belt too fast",
        "The belt is faster than the safe speed measured for this treadmill.",
        "Above that speed the promise at the rear line cannot be kept.",
        "Lower the speed at the console.",
    ),
}

RUNNING = Words("Running", "The belt may run and the guard is watching.", "", "Press stop at any time.")
LEARNING = Words(
    "Running",
    "The belt may run. The guard is still learning this person's gait.",
    "",
    "Walk evenly for half a minute. Press stop at any time.",
)
READY = Words(
    "Ready", "Belt off, everything is healthy.", "", "Press and release the arming button to start."
)
NO_GUARD = Words(
    "No connection",
    "This page gets nothing from the guard. The picture below is old.",
    "The guard is off or restarting. The relay needs its pulses: without a guard the belt is off.",
    "Look at the treadmill, not at this page. See `systemctl status rearguard`.",
)


# A fall that was not seen before the ground (core/fallen.py).
FALLEN = STOPS[Cause.FALL]._replace(
    title="Fall",
    what="The walker has fallen.",
    why="The hip was struck and lies: nothing that it did before looked like a fall.",
)


def of_stop(cause: Cause, rule: str) -> Words:
    """The words for a stop; a cause with two rules has two."""
    return FALLEN if rule == "lies_after_blow" else STOPS[cause]


def of_warning(cause: Cause) -> Words:
    """The words for a warning; a cause that never warns alone borrows the words of its stop."""
    return WARNINGS.get(cause) or STOPS[cause]


def tone_and_words(decision: Decision | None) -> tuple[str, Words]:
    """One of offline, running, warning, ready, stopped, fault, and what to say of it."""
    if decision is None:
        return "offline", NO_GUARD
    if decision.run:
        if decision.warning is not None:
            return "warning", of_warning(decision.warning)
        return "running", RUNNING if decision.phase.value == "guarding" else LEARNING
    cause = decision.cause or Cause.POWER_ON
    if cause is Cause.POWER_ON:
        if decision.refusal is None:
            return "ready", READY
        words = STOPS[decision.refusal]
        return ("fault" if decision.refusal in DEVICE_CAUSES - {Cause.SETTLING} else "stopped"), words
    return ("fault" if cause in DEVICE_CAUSES else "stopped"), of_stop(cause, decision.rule)


# What the figure of a rule is, in words that need no manual.
RULES = {
    "rest_position_m": "the place where the walker would have come to rest",
    "velocity_m_s": "the speed at which the walker was carried along the deck",
    "leaving_m_s": "the speed at which the walker was leaving the usual place",
    "down_velocity_m_s": "the downward speed of the hip a twentieth of a second ahead",
    "lies_after_blow": "how upright the hip was after a blow (1 is upright, 0 lies)",
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

# The signs of a fall, under the names of core/signs.py. The last one speaks against a fall.
SIGNS = {
    "stride": "It came out of steps",
    "tilting": "The lean grew",
    "turning": "The body turned about the vertical",
    "tipping": "The trunk tipped over",
    "sinking": "The hip had gone down for a while",
    "sideways": "The hip went off to a side",
    "leapt": "Against it: the hip leapt before",
}


def figures(rule: str, value: float, limit: float) -> tuple[str, str]:
    """Value and limit with their unit, with as many digits as it takes to tell them apart."""
    unit = ""
    for suffix, named in (("_m_s", " m/s"), ("_m", " m"), ("_s", " s"), ("_rad", " rad")):
        if rule.endswith(suffix):
            unit = named
            break
    if unit == " s" and max(abs(value), abs(limit)) < 1.0:
        value, limit, unit = value * 1000, limit * 1000, " ms"
    first = 0 if unit == " ms" else 2
    digits = next((n for n in range(first, 5) if f"{value:.{n}f}" != f"{limit:.{n}f}"), first)
    return f"{value:.{digits}f}{unit}", f"{limit:.{digits}f}{unit}"


def rule_sentence(rule: str, value: float, limit: float) -> str:
    """The rule that spoke and the figures that crossed; "" when there is no rule."""
    if not rule:
        return ""
    what, (value_text, limit_text) = RULES.get(rule, rule), figures(rule, value, limit)
    return f"{what[0].upper()}{what[1:]}: {value_text} against a limit of {limit_text} ({rule})."
