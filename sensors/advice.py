"""Owns the form of a message to a person (what happened, probably why, what to do) and the errors that carry one.

Must never know a cause itself, and must never be taken apart again: who needs a part reads the field.
"""

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class Advice(NamedTuple):
    """One message. The parts are clauses without a full stop; `why` begins with a capital letter.

    `str` gives "what. Why: do." A part that is empty is left out, and what is left begins with a capital letter.
    """

    what: str
    why: str = ""
    do: str = ""

    def __str__(self) -> str:
        cure = (
            f"{self.why}: {self.do}"
            if self.why and self.do
            else self.why or self.do[:1].upper() + self.do[1:]
        )
        return f"{self.what}. {cure}." if cure else self.what


def suggestion(typed: str, known: Iterable[str]) -> str:
    """What to type instead: the nearest name, or every name there is."""
    names = list(known)
    near = difflib.get_close_matches(typed, names, 1)
    return f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}."


def in_short(error: Exception) -> str:
    """Why the system refused, without its number and its path."""
    return str(getattr(error, "strerror", None) or error)


class Failure(Exception):
    """What was asked for failed. The command line prints the advice and leaves with `exit_code`."""

    exit_code = 1

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        super().__init__(what, why, do)
        self.advice = Advice(what, why, do)

    def __str__(self) -> str:
        return str(self.advice)


class ConfigError(Failure):
    """A setting or an option cannot be used. Several mistakes are several lines of `what`."""

    exit_code = 2


class HardwareError(Failure):
    """A sensor, a pin or this computer does not do what is asked of it."""

    exit_code = 3
