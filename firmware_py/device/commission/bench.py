"""Owns what the commissioning guide may use: a bench with a deck, and a person. Must never know which are real."""

from typing import NamedTuple, Protocol

STEP_S = 0.005


class Reading(NamedTuple):
    """One step of the bench. None: nothing new."""

    t_s: float
    distance_m: float | None


class Bench(Protocol):
    """The range sensor and the relay of one treadmill."""

    def step(self, run: bool) -> Reading:
        """Holds the relay for STEP_S and returns the reading. `run=True` only after the person agreed."""


class Person(Protocol):
    """The person at the treadmill."""

    def show(self, text: str) -> None: ...
    def ask(self, key: str, question: str, default: float) -> float: ...
    def confirm(self, key: str, request: str) -> None:
        """Returns when the person has done what `request` asks for; `key` names it for a program."""
