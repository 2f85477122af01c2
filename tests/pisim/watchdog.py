"""Owns the outside pulse watchdog of hardware.md as a model: the belt may move only while edges keep coming.

Two one-shots, one for rising and one for falling edges, each hold for `HOLD_NS` after their last edge; a pin
that is stuck at either level feeds neither. The hold is the longest that the tolerances of the circuit allow.
"""

from collections.abc import Sequence

from tests.pisim.header import Level

HOLD_NS = 50_000_000


def run_spans(history: Sequence[Level], pin: int, now_ns: int) -> list[tuple[int, int]]:
    """From when to when both contacts were pulled, up to `now_ns`, oldest first."""
    spans: list[tuple[int, int]] = []
    last: dict[bool, int] = {}
    for t_ns, at, high in history:
        if at != pin:
            continue
        last[high] = t_ns
        other = last.get(not high)
        if other is None or t_ns - other > HOLD_NS:
            continue
        until_ns = other + HOLD_NS  # the other channel is the older one, so it is the first to drop
        if spans and spans[-1][1] >= t_ns:
            spans[-1] = (spans[-1][0], until_ns)
        else:
            spans.append((t_ns, until_ns))
    return [(start, min(end, now_ns)) for start, end in spans if start <= now_ns]


def runs(history: Sequence[Level], pin: int, now_ns: int) -> bool:
    """May the belt move at this moment?"""
    spans = run_spans(history, pin, now_ns + 1)
    return bool(spans) and spans[-1][1] > now_ns
