"""Owns the outside pulse watchdog of hardware.md as a model: the belt may move only while edges keep coming.

Two one-shots, one for rising and one for falling edges, each hold for `HOLD_NS` after their last edge; a pin
that is stuck at either level feeds neither. The hold is the longest that the tolerances of the circuit allow.
"""

from collections.abc import Sequence
from itertools import pairwise

from tests.support.pisim.header import Level

HOLD_NS = 50_000_000


def drop_ns(history: Sequence[Level], pin: int) -> int:
    """When both channels held last, or will: the older of the last two opposite edges plus the hold. 0: never."""
    last: dict[bool, int] = {}
    for t_ns, at, high in reversed(history):
        if at == pin and high not in last:
            last[high] = t_ns
            if len(last) == 2:
                break
    return min(last.values()) + HOLD_NS if len(last) == 2 else 0


def runs(history: Sequence[Level], pin: int, now_ns: int) -> bool:
    """May the belt move at this moment?"""
    return now_ns < drop_ns(history, pin)


def longest_gap_ns(history: Sequence[Level], pin: int) -> int:
    """The longest time that either channel had to wait for its next edge."""
    gap_ns = 0
    for high in (False, True):
        edges = [level.t_ns for level in history if level.pin == pin and level.high is high]
        gap_ns = max([gap_ns, *(b - a for a, b in pairwise(edges))])
    return gap_ns
