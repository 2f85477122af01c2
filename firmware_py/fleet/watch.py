"""Owns what the fleet notices about its devices over many messages: too many events, two devices with one name.

Must never hold a message back that a sound device would send.
"""

from collections import OrderedDict
from collections.abc import Iterable

from firmware_py.fleet.topics import Event, Message, Refused

DAY_S = 86_400.0
MOST_EVENTS = (
    10_000  # a day and device: a busy one sends some hundred, and a month of them after an outage 3,000
)
STARTS = 8  # the last starts of a device that are remembered
MOST_NAMES = 20_000  # the longest unheard are forgotten first


class Watch:
    """One in the process. Its memory begins anew with each start."""

    def __init__(self) -> None:
        self._day = 0
        self._today: dict[tuple[str, str], int] = {}
        self._starts: OrderedDict[tuple[str, str, str], list[str]] = OrderedDict()

    def judge(self, message: Message, now_s: float) -> Message:
        """The message, or why it is not used: a device that sends without end would fill the disk."""
        if not isinstance(message, Event):
            return message
        if int(now_s // DAY_S) != self._day:
            self._day, self._today = int(now_s // DAY_S), {}
        name = message.site, message.device
        self._today[name] = self._today.get(name, 0) + 1
        too_many = self._today[name] > MOST_EVENTS
        return Refused(*name, "too many events today") if too_many else message

    def twins(self, new: Iterable[Event]) -> list[Refused]:
        """A start that goes on after a later one began: two devices use one name. Both are stored; it is counted."""
        found = []
        for e in new:
            name = e.site, e.device, e.part
            starts = self._starts.setdefault(name, [])
            self._starts.move_to_end(name)
            if len(self._starts) > MOST_NAMES:
                self._starts.popitem(last=False)
            if e.boot_id in starts[:-1]:
                found.append(Refused(e.site, e.device, "two devices with one name"))
                starts.remove(e.boot_id)
            if starts[-1:] != [e.boot_id]:
                starts.append(e.boot_id)
                del starts[:-STARTS]
        return found
