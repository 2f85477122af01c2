"""Owns every sentence of the coach. Must never speak of knees, toes or the back: a sensor at the hip sees none of them.

Plain school English. The walker is only ever sent "toward the console" or "toward the rear edge".
"""

from typing import NamedTuple

from firmware_py.coach.plan.programme import ADVICE, Dose, Programme
from firmware_py.locale import mark
from firmware_py.locale import translate as _


class Cue(NamedTuple):
    """One thing said to the walker: `sound` names the sound that goes with it."""

    kind: str
    text: str
    sound: str


SET_DONE = Cue("set_done", mark("This set is done. Stop the treadmill with its own stop key."), "done")
ALL_DONE = Cue("all_done", mark("That was the last set. Stop the treadmill with its own stop key."), "done")
ENOUGH = Cue(
    "enough", mark("Your steps have become less even. This is enough for this set, if you like."), "enough"
)
TIPPED = Cue("tipped", mark("Your hips have tipped forward. Stand tall and look ahead."), "tipped")
PAUSE_OVER = Cue("pause_over", mark("The pause is over. Begin the next set when you are ready."), "ready")

CHECKLIST = (
    mark("Laces are tied."),
    mark("The treadmill's own key and cord are on you."),
    mark("The hip sensor sits firmly."),
    mark("Your hands can reach the rails."),
)
COMPANY = mark("Somebody stands beside the treadmill, never at its rear edge.")
SPOTTER = (
    mark("For the person beside the treadmill:"),
    mark("At the side rail is your place. Nobody stands where the belt ends."),
    mark("The stop button and the treadmill's own key stop the belt at any time."),
    mark("After a stop the belt runs on for a moment. Offer an arm; do not pull."),
)
ASK_FIRST = mark(
    "Ask a professional before you begin if you have severe balance trouble, a nerve disease, a fresh operation, chest "
    "pain or dizziness."
)
AFTER_TODAY = mark(
    "The next step is worked out from today and your answers. Without answers it stays the same."
)
TITLES = {
    "checklist": mark("Before you begin"),
    "tare": mark("Stand still for a moment"),
    "set": mark("Walk"),
    "pause": mark("Pause"),
    "ask": mark("A few questions"),
    "end": mark("Done for today"),
}
DOS = {
    "checklist": mark("Check each line, then confirm."),
    "tare": mark("Then arm the device, and start the treadmill."),
    "set": "",
    "pause": mark("Rest with the treadmill stopped."),
    "ask": mark("Sharp pain means: no more today."),
    "end": mark("Rest. See you next time."),
}


def by(plan: Programme) -> str:
    """Who answers for a plan."""
    if not plan.by_a_person:
        return _(ADVICE)
    return _("Plan by {author}, {day}").format(author=plan.author, day=plan.made_on)


def dose(asked: Dose) -> str:
    """`2 sets of 2 min at 1.6 km/h`."""
    if asked.sets == 1:
        text = _("1 set of {time} at {speed} km/h").format(
            time=minutes(asked.set_s), speed=f"{asked.speed_km_h:.1f}"
        )
    else:
        text = _("{sets} sets of {time} at {speed} km/h").format(
            sets=asked.sets, time=minutes(asked.set_s), speed=f"{asked.speed_km_h:.1f}"
        )
    if not asked.incline_percent:
        return text
    return _("{dose} and {incline} % incline").format(dose=text, incline=f"{asked.incline_percent:g}")


def minutes(seconds: float) -> str:
    """`2 min`, `1 min 30 s`, `45 s`."""
    whole, rest = divmod(round(seconds), 60)
    if not whole:
        return f"{rest} s"
    return f"{whole} min" if not rest else f"{whole} min {rest} s"
