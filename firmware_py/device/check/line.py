"""Owns one line of `rearguard check`: verdict, finding, cause and cure. Must never look at anything."""

from typing import NamedTuple

from firmware_py.guard import EdgeError
from sensors.i2c import SensorError

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"


class Line(NamedTuple):
    """One thing that was looked at. `cause` and `cure` are empty when there is nothing to cure."""

    name: str
    verdict: str
    found: str
    cause: str = ""
    cure: str = ""


def from_error(name: str, error: SensorError | EdgeError) -> Line:
    """The line of an error that already says what, why and what to do."""
    if error.advice.do:
        return Line(name, FAIL, *error.advice)
    what, _, rest = str(error).removeprefix(f"{name}: ").partition(". ")
    why, _, do = rest.rstrip(".").partition(": ")
    return Line(name, FAIL, what, why, do)
