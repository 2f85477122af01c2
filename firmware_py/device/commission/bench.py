"""Owns what the commissioning guide may touch: a bench with a deck, and a person. Must never know which are real."""

from typing import NamedTuple, Protocol

STEP_S = 0.005


class Reading(NamedTuple):
    """One step of the bench. None: nothing new."""

    t_s: float
    distance_m: float | None


class Bench(Protocol):
    """What the guide may touch."""

    def step(self, run: bool) -> Reading:
        """Hold the relay for STEP_S and say what the sensors said. Anything else that runs must first be asked for."""


class Person(Protocol):
    """Whom the guide talks to."""

    def tell(self, words: str) -> None: ...
    def ask(self, words: str, default: float) -> float: ...
    def ready(self, words: str) -> None:
        """Returns when the person says so."""
