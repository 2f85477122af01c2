"""Owns what is worth telling a person: the moments at which a stream of decisions changes. Must never decide."""

from dataclasses import dataclass
from typing import NamedTuple

from firmware_py.core.frame import Cause, Decision, Phase

DEVICE_CAUSES = frozenset(
    {
        Cause.IMU,
        Cause.RANGE,
        Cause.BELT_SENSOR,
        Cause.NOT_WORN,
        Cause.RELAY_WELDED,
        Cause.RELAY_OPEN,
        Cause.BELT_RUNAWAY,
        Cause.LATE,
        Cause.SUPPLY,
        Cause.REALTIME,
        Cause.CONFIG,
        Cause.SETTLING,
        Cause.BUTTON_STUCK,
    }
)


class Event(NamedTuple):
    """One moment. `kind` is the public event type; the rest is what the decision was at that tick.

    Rule, value and limit belong to a stop. Every other kind has "", 0 and 0: a decision keeps those of an older stop.
    """

    kind: str
    t_ns: int
    cause: Cause | None
    rule: str
    value: float
    limit: float
    position_m: float | None
    velocity_m_s: float | None


@dataclass(slots=True)
class EventFinder:
    """Compares each decision with the one before; the first is compared with a device that was off."""

    _run: bool = False
    _warning: Cause | None = None
    _refusal: Cause | None = None
    _phase: Phase = Phase.WAITING
    _started: bool = False

    def update(self, d: Decision) -> tuple[Event, ...]:
        """The events of this tick, in the order they happened; nearly always none."""
        warning = d.warning if d.run else None  # while the belt is off there is nothing to warn of
        if (
            d.run == self._run
            and warning is self._warning
            and d.refusal is self._refusal
            and d.phase is self._phase
            and d.refused is None
            and self._started
        ):
            return ()
        found = []
        if d.run and not self._run:
            found.append(event_of("armed", d, None))
        if self._run and not d.run:
            kind = "stopped_by_fault" if d.cause in DEVICE_CAUSES else "stopped"
            found.append(event_of(kind, d, d.cause)._replace(rule=d.rule, value=d.value, limit=d.limit))
        if d.refused is not None:
            found.append(event_of("reset_refused", d, d.refused))
        if warning is not self._warning:
            found.append(event_of("warning" if warning else "warning_cleared", d, warning or self._warning))
        if d.phase is not self._phase and self._phase is Phase.WAITING:
            found.append(event_of("walking", d, None))
        # A walker who moves about while stopped changes the refusal many times: only the device's own causes count.
        if not self._started or (
            d.refusal is not self._refusal and _device(d.refusal) is not _device(self._refusal)
        ):
            found.append(event_of("health_changed", d, _device(d.refusal)))
        self._run, self._warning, self._refusal, self._phase = d.run, warning, d.refusal, d.phase
        self._started = True
        return tuple(found)


def _device(cause: Cause | None) -> Cause | None:
    return cause if cause in DEVICE_CAUSES else None


def event_of(kind: str, d: Decision, cause: Cause | None) -> Event:
    """An event of this tick."""
    return Event(kind, d.t_ns, cause, "", 0.0, 0.0, d.position_m, d.velocity_m_s)
