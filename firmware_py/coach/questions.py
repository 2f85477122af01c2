"""Owns what a walker may be asked and which answers there are. Must never hold a word that could start anything."""

from typing import NamedTuple

from firmware_py.coach.phases import Stage
from firmware_py.coach.plan.progression import Soreness

Value = int | str
BEFORE, AFTER = (Stage.CHECKLIST, Stage.TARE), (Stage.PAUSE, Stage.ASK)
QUIET = "quiet"  # the walker switches the coach's sounds off for this session


class Refused(ValueError):
    """An answer that is not taken, with the sentence that says why. Nothing of it is stored."""


class Question(NamedTuple):
    """Choices are the allowed words; without any, a whole number of `span`."""

    text: str
    stages: tuple[Stage, ...]  # when it may be answered
    choices: tuple[str, ...] = ()
    span: tuple[int, int] = (0, 0)
    each_set: bool = False  # asked once a set, else once a session

    def shown(self) -> dict[str, object]:
        """What a page needs to ask it."""
        return {"text": self.text, "choices": list(self.choices), "span": list(self.span)}


QUESTIONS: dict[str, Question] = {
    "soreness": Question("Are you sore from the last session?", BEFORE, tuple(s.value for s in Soreness)),
    "company": Question("Is somebody beside the treadmill?", BEFORE, ("here", "alone")),
    "ready": Question("All lines checked?", BEFORE, ("yes",)),
    QUIET: Question(
        "Too many sounds? Switch them off for today.", (*BEFORE, Stage.SET, Stage.PAUSE), ("yes",)
    ),
    "tired": Question("Are you tired?", (Stage.SET,), ("yes",), each_set=True),
    "rails": Question("Did you hold the rails?", AFTER, ("both", "one", "none"), each_set=True),
    "pain": Question("How much did it hurt, 0 (not at all) to 10?", (Stage.ASK,), span=(0, 10)),
    "effort": Question("How hard was it, 6 (rest) to 20 (all you have)?", (Stage.ASK,), span=(6, 20)),
    "talk": Question("Could you have talked while walking?", (Stage.ASK,), ("yes", "no")),
}
ASKED_AFTER = ("rails", "pain", "effort", "talk")


def checked(question: str, value: object, stage: Stage, answered: bool) -> Value:
    """The answer as it is stored. Raises Refused."""
    asked = QUESTIONS.get(question)
    if asked is None:
        raise Refused("There is no such question.")
    if stage not in asked.stages:
        raise Refused("This question is not open now. Nothing was stored.")
    if answered:
        raise Refused("This question is answered already. The first answer counts.")
    if asked.choices:
        if value not in asked.choices:
            raise Refused(f"The answer must be one of: {', '.join(asked.choices)}.")
        return str(value)
    low, high = asked.span
    if type(value) is not int or not low <= value <= high:
        raise Refused(f"The answer must be a whole number from {low} to {high}.")
    return value
