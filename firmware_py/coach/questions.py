"""Owns what a walker may be asked and which answers there are. Must never hold a word that could start anything."""

from collections.abc import Mapping
from typing import NamedTuple

from firmware_py.coach.phases import Stage
from firmware_py.coach.plan.progression import Soreness
from firmware_py.locale import mark
from firmware_py.locale import translate as _

Value = int | str
BEFORE, AFTER = (Stage.CHECKLIST, Stage.TARE), (Stage.PAUSE, Stage.ASK)
QUIET = "quiet"  # the walker switches the coach's sounds off for this session


class Refused(ValueError):
    """An answer that is not taken, with the sentence that says why. Nothing of it is stored."""


class Question(NamedTuple):
    """Choices are the allowed words, each with how it is shown; without any, a whole number of `span`."""

    text: str
    stages: tuple[Stage, ...]  # when it may be answered
    choices: Mapping[str, str] = {}
    span: tuple[int, int] = (0, 0)
    each_set: bool = False  # asked once a set, else once a session

    def shown(self) -> dict[str, object]:
        """What a page needs to ask it."""
        choices = [{"value": value, "label": _(label)} for value, label in self.choices.items()]
        return {"text": _(self.text), "choices": choices, "span": list(self.span)}


YES = {"yes": mark("Yes")}
SORE = {
    Soreness.NONE.value: mark("No"),
    Soreness.GONE_AFTER_WARM_UP.value: mark("Yes, gone after the warm-up"),
    Soreness.NEXT_DAY.value: mark("Yes, for more than an hour, or the next day"),
    Soreness.STAYS.value: mark("Yes, through the whole warm-up"),
}
QUESTIONS: dict[str, Question] = {
    "soreness": Question(mark("Are you sore from the last session?"), BEFORE, SORE),
    "company": Question(
        mark("Is somebody beside the treadmill?"),
        BEFORE,
        {"here": mark("Yes, somebody is here"), "alone": mark("No, I walk alone")},
    ),
    "ready": Question(mark("All lines checked?"), BEFORE, YES),
    QUIET: Question(
        mark("Too many sounds? Switch them off for today."), (*BEFORE, Stage.SET, Stage.PAUSE), YES
    ),
    "tired": Question(mark("Are you tired?"), (Stage.SET,), YES, each_set=True),
    "rails": Question(
        mark("Did you hold the rails?"),
        AFTER,
        {"both": mark("Both"), "one": mark("One"), "none": mark("None")},
        each_set=True,
    ),
    "pain": Question(mark("How much did it hurt, 0 (not at all) to 10?"), (Stage.ASK,), span=(0, 10)),
    "effort": Question(mark("How hard was it, 6 (rest) to 20 (all you have)?"), (Stage.ASK,), span=(6, 20)),
    "talk": Question(
        mark("Could you have talked while walking?"), (Stage.ASK,), {"yes": mark("Yes"), "no": mark("No")}
    ),
}
ASKED_AFTER = ("rails", "pain", "effort", "talk")


def checked(question: str, value: object, stage: Stage, answered: bool) -> Value:
    """The answer as it is stored. Raises Refused."""
    asked = QUESTIONS.get(question)
    if asked is None:
        raise Refused(_("There is no such question."))
    if stage not in asked.stages:
        raise Refused(_("This question is not open now. Nothing was stored."))
    if answered:
        raise Refused(_("This question is answered already. The first answer counts."))
    if asked.choices:
        if not isinstance(value, str) or value not in asked.choices:
            raise Refused(_("The answer must be one of: {choices}.").format(choices=", ".join(asked.choices)))
        return value
    low, high = asked.span
    if type(value) is not int or not low <= value <= high:
        raise Refused(_("The answer must be a whole number from {low} to {high}.").format(low=low, high=high))
    return value
