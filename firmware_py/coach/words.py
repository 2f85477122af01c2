"""Owns every sentence of the coach. Must never speak of knees, toes or the back: a sensor at the hip sees none of them.

Plain school English. The walker is only ever sent "toward the console" or "toward the rear edge".
"""

from typing import NamedTuple

from firmware_py.coach.plan.programme import Dose


class Cue(NamedTuple):
    """One thing said to the walker: `sound` names the sound that goes with it."""

    kind: str
    text: str
    sound: str


SET_DONE = Cue("set_done", "This set is done. Stop the treadmill with its own stop key.", "done")
ALL_DONE = Cue("all_done", "That was the last set. Stop the treadmill with its own stop key.", "done")
ENOUGH = Cue(
    "enough", "Your steps have become less even. This is enough for this set, if you like.", "enough"
)
TIPPED = Cue("tipped", "Your hips have tipped forward. Stand tall and look ahead.", "tipped")
PAUSE_OVER = Cue("pause_over", "The pause is over. Begin the next set when you are ready.", "ready")

CHECKLIST = (
    "Laces are tied.",
    "The treadmill's own key and cord are on you.",
    "The hip sensor sits firmly.",
    "Your hands can reach the rails.",
)
COMPANY = "Somebody stands beside the treadmill, never at its rear edge."
ASK_FIRST = (
    "Ask a professional before you begin if you have severe balance trouble, a nerve disease, a fresh operation, chest "
    "pain or dizziness."
)
AFTER_TODAY = "The next step is worked out from today and your answers. Without answers it stays the same."
TITLES = {
    "checklist": "Before you begin",
    "tare": "Stand still for a moment",
    "set": "Walk",
    "pause": "Pause",
    "ask": "A few questions",
    "end": "Done for today",
}
DOS = {
    "checklist": "Check each line, then confirm.",
    "tare": "Then arm the device, and start the treadmill.",
    "set": "",
    "pause": "Rest with the treadmill stopped.",
    "ask": "Sharp pain means: no more today.",
    "end": "Rest. See you next time.",
}


def dose(asked: Dose) -> str:
    """`2 sets of 2 min at 1.6 km/h`."""
    incline = f" and {asked.incline_percent:g} % incline" if asked.incline_percent else ""
    sets = "1 set" if asked.sets == 1 else f"{asked.sets} sets"
    return f"{sets} of {minutes(asked.set_s)} at {asked.speed_km_h:.1f} km/h{incline}"


def minutes(seconds: float) -> str:
    """`2 min`, `1 min 30 s`, `45 s`."""
    whole, rest = divmod(round(seconds), 60)
    if not whole:
        return f"{rest} s"
    return f"{whole} min" if not rest else f"{whole} min {rest} s"
