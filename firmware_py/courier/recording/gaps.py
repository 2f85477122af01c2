"""Owns the report of ticks that the recording misses: one event a loss, sent once the loss is over."""

from collections.abc import Callable
from typing import Literal

_REASONS = {"storage": "the disk was too slow or full", "link": "the recording program was not listening"}


class Gaps:
    """Watches one count of lost ticks that only grows; a smaller total is the count of a program that restarted."""

    def __init__(self, why: Literal["storage", "link"], record: Callable[..., None]) -> None:
        self._why = why
        self._record = record
        self._reported: int | None = None
        self._last = 0

    def update(self, total: int) -> None:
        """Call it regularly. `record` receives the event when the count has grown and then stood still."""
        if self._reported is None or total < self._reported:
            self._reported = self._last = total
        over, self._last = total == self._last, total
        if over and (ticks := total - self._reported):
            self._reported = total
            message = f"{ticks} readings are missing from the recording: {_REASONS[self._why]}. The protection went on."
            self._record("recording_gap", why=self._why, ticks=ticks, message=message)
