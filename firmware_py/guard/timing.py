"""Owns how well the ticks keep their time: late and skipped ticks, and one second of lateness and work.

Must never allocate from tick to tick.
"""


class Timing:
    """`tick` once a tick. The counts are those since the start, the lists those of the last second."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._lateness_ns = [0] * rate_hz
        self._work_ns = [0] * rate_hz
        self.ticks = 0
        self.late = 0  # by a period or more
        self.skipped = 0

    def skip(self, ticks: int) -> None:
        """So many slots of the grid passed before this tick."""
        self.skipped += ticks
        self.late += ticks > 0

    def tick(self, late_ns: int, work_ns: int) -> bool:
        """One tick, late by `late_ns`, which took `work_ns`. True when a second is full."""
        turn = self.ticks % self._rate_hz
        self._lateness_ns[turn] = late_ns
        self._work_ns[turn] = work_ns
        self.ticks += 1
        return turn == self._rate_hz - 1

    def counters(self) -> dict[str, object]:
        return {
            "ticks": self.ticks,
            "late_ticks": self.late,
            "skipped_ticks": self.skipped,
            "lateness_us": _percentiles_us(self._lateness_ns),
            "tick_us": _percentiles_us(self._work_ns),
        }


def _percentiles_us(values_ns: list[int]) -> dict[str, float]:
    ordered = sorted(values_ns)
    return {
        "median": ordered[len(ordered) // 2] / 1000,
        "p99": ordered[len(ordered) * 99 // 100] / 1000,
        "max": ordered[-1] / 1000,
    }
