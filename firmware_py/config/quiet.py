"""Owns quiet hours by weekday. Must never apply to what is urgent: that is policy's to know.

A span is "mon-fri 22:00-06:30": it begins on each of these days, and may end on the next. Times are those of a
clock on the wall: at the change to summer time a quiet night is an hour shorter.
"""

import re
from datetime import datetime, time, timedelta
from typing import NamedTuple

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?(?P<start>\d{1,2}:\d\d)-(?P<end>\d{1,2}:\d\d)"
)


class Span(NamedTuple):
    """Quiet from `start` on each of `days` (0 is Monday) until `end`, of the next day when that is not later."""

    days: frozenset[int]
    start: time
    end: time

    def holds(self, local: datetime) -> bool:
        """Whether it is quiet at this local time."""
        now = local.time()
        if self.start < self.end:
            return local.weekday() in self.days and self.start <= now < self.end
        began_today = local.weekday() in self.days and now >= self.start
        began_yesterday = (local - timedelta(days=1)).weekday() in self.days and now < self.end
        return began_today or began_yesterday


def parse(text: str) -> Span:
    """A span. Raises ValueError."""
    match = _FORM.fullmatch(text.strip().lower())
    try:
        if match is None:
            raise ValueError
        first = DAYS.index(match["first"]) if match["first"] else 0
        last = DAYS.index(match["last"]) if match["last"] else (first if match["first"] else 6)
        start, end = (time.fromisoformat(match[name].zfill(5)) for name in ("start", "end"))
    except ValueError:
        raise ValueError(
            f'alerts.quiet: "{text}" is not a span: write it as "mon-fri 22:00-06:30" or "22:00-06:30"'
        ) from None
    days = range(first, last + 1) if first <= last else (*range(first, 7), *range(last + 1))
    return Span(frozenset(days), start, end)


def is_quiet(spans: tuple[Span, ...], local: datetime) -> bool:
    return any(span.holds(local) for span in spans)
