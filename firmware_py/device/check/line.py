"""Owns one line of `rearguard check`: a verdict and its advice. Must never look at anything itself."""

from typing import Any, NamedTuple

from firmware_py.locale import mark, spoken
from firmware_py.locale import translate as _
from sensors.advice import Advice

PASS, WARN, FAIL = mark("PASS"), mark("WARN"), mark("FAIL")


class Line(NamedTuple):
    """One thing that was looked at. `advice.why` and `advice.do` are empty when there is nothing to cure."""

    name: str
    verdict: str
    advice: Advice

    def __str__(self) -> str:
        what, why, do = map(spoken, self.advice)
        return f"{_(self.verdict)}  {spoken(self.name)}: {what}" + (f"\n      {why}: {do}." if do else "")

    def as_json(self) -> dict[str, Any]:
        """For programs, and for whoever is asked for help: always English."""
        what, why, do = self.advice
        return {"name": self.name, "verdict": self.verdict, "found": what, "cause": why, "cure": do}


def passed(name: str, what: str) -> Line:
    return Line(name, PASS, Advice(what))


def warned(name: str, what: str, why: str, do: str) -> Line:
    return Line(name, WARN, Advice(what, why, do))


def failed(name: str, what: str, why: str, do: str) -> Line:
    return Line(name, FAIL, Advice(what, why, do))
