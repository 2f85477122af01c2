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
    """One moment. `kind` is the public event type; the rest is what the decision said at that tick."""

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
        if (
            d.run == self._run
            and d.warning is self._warning
            and d.refusal is self._refusal
            and d.phase is self._phase
            and d.refused is None
            and self._started
        ):
            return ()
        found = []
        if d.run and not self._run:
            found.append(_event("armed", d, None))
        if self._run and not d.run:
            found.append(_event("stopped_by_fault" if d.cause in DEVICE_CAUSES else "stopped", d, d.cause))
        if d.refused is not None:
            found.append(_event("reset_refused", d, d.refused))
        if d.warning is not self._warning:
            found.append(_event("warning" if d.warning else "warning_cleared", d, d.warning or self._warning))
        if d.phase is not self._phase and self._phase is Phase.WAITING:
            found.append(_event("walking", d, None))
        # A walker who moves about while stopped changes the refusal many times: only the device's own causes count.
        if not self._started or (
            d.refusal is not self._refusal and _device(d.refusal) is not _device(self._refusal)
        ):
            found.append(_event("health_changed", d, _device(d.refusal)))
        self._run, self._warning, self._refusal, self._phase = d.run, d.warning, d.refusal, d.phase
        self._started = True
        return tuple(found)


def _device(cause: Cause | None) -> Cause | None:
    return cause if cause in DEVICE_CAUSES else None


def _event(kind: str, d: Decision, cause: Cause | None) -> Event:
    return Event(kind, d.t_ns, cause, d.rule, d.value, d.limit, d.position_m, d.velocity_m_s)
