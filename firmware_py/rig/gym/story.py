"""Owns which treadmill does what in the demonstration of a gym. Must never play it."""

from dataclasses import dataclass

FALLER = 7
STEADY_S = 2.0


@dataclass(frozen=True, slots=True)
class Part:
    """What one treadmill shows. `again_s`: so long after a stop the walker arms again and walks on."""

    scenario: str = "walk"
    steady_s: float = STEADY_S  # walking at speed before it happens
    again_s: float | None = None
    used: bool = True  # somebody is on it
    seed: int = 0  # 0: its number


def part_of(number: int, count: int) -> Part:
    """The part of treadmill `number` of `count`; the first is 1."""
    if number == faller_of(count):
        return Part("fall", steady_s=9.0, seed=1)
    return {
        3: Part(used=False),
        5: Part("drift", steady_s=4.0, again_s=12.0),
        8: Part(used=False),
        10: Part("unplug", steady_s=6.0),
    }.get(number, Part())


def faller_of(count: int) -> int:
    """On which treadmill somebody falls."""
    return min(FALLER, count)
