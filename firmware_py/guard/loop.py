"""Owns the tick: read, step, set the relay, then report, on an absolute grid.

Must never catch up, and never end with the relay on. firmware_py/__init__.py lists the path of one sample. What
comes after the relay (panel, link, service manager) cannot wait.
"""

from collections.abc import Callable, Sequence
from typing import Any

from firmware_py.core.events import EventFinder
from firmware_py.core.frame import Cause, Decision, Frame
from firmware_py.core.monitor import Monitor
from firmware_py.core.state import save
from firmware_py.guard.link import Link
from firmware_py.guard.panel import Panel
from firmware_py.guard.relay import Relay
from firmware_py.guard.service import Status
from firmware_py.guard.timing import Timing
from firmware_py.guard.watch import Imu, Range, Watch
from firmware_py.notify import ServiceManager
from sensors.samples import Fault

SECOND_NS = 1_000_000_000
# A chip that reset may look good at a wrong scale: two looks find it, F07 allows 250 ms.
RECHECKS_A_SECOND = 8
# A later edge would renew the pulse watchdog on stale data: P2's 60 ms less the 50 within which that watchdog drops.
# Two periods at 200 Hz, so that a slow bus costs nobody an edge and the next tick is late whenever this is.
EDGE_WITHIN_NS = 10_000_000


class Loop:
    """All parts of the guard in one place; the clock and the sleep are handed in."""

    def __init__(
        self,
        rate_hz: int,
        imu: Imu,
        belt: Range,
        relay: Relay,
        panel: Panel,
        monitor: Monitor,
        links: Sequence[Link],
        manager: ServiceManager,
        platform: Callable[[], Cause | None],
        clock: Callable[[], int],
        sleep_until: Callable[[int], None],
    ) -> None:
        self.stopping = False  # set by a signal handler, which has dropped the relay before
        self._period_ns = SECOND_NS // rate_hz
        self._imu, self._belt = imu, belt
        every = max(1, rate_hz // RECHECKS_A_SECOND)
        self._imu_watch, self._belt_watch = Watch(imu, every, 0), Watch(belt, every, every // 2)
        self._relay, self._panel, self._monitor = relay, panel, monitor
        self._links, self._status, self._platform = tuple(links), Status(manager, rate_hz), platform
        self._clock, self._sleep_until = clock, sleep_until
        self._events = EventFinder()
        self._timing = Timing(rate_hz)
        self._refusal = platform()
        self._stop_requested = self._held_up = False

    def run(self) -> None:
        """Ticks until `stopping`. Whatever happens, the relay is off when this returns or raises."""
        try:
            self._status.ready()
            slot_ns = due_ns = self._clock() + self._period_ns
            while not self.stopping:
                self._sleep_until(slot_ns)
                now_ns = self._clock()
                late_ns = now_ns - slot_ns
                if late_ns < 0:  # a signal ended the sleep
                    continue
                skipped = late_ns // self._period_ns
                self._timing.skip(skipped)
                self.tick(now_ns, now_ns - due_ns)
                slot_ns += (skipped + 1) * self._period_ns
                if not self._held_up:  # else the next tick is as late as this one's edge would have been
                    due_ns = slot_ns
        finally:
            self._relay.drop()
            self._status.stopping()

    def tick(self, t_ns: int, late_ns: int) -> Decision:
        """One tick. Trouble of the sensors or the courier is a value here; what raises is a pin, or a mistake."""
        imu = self._imu.read(t_ns)
        imu_lost = self._imu_watch.look(imu)
        belt = self._belt.poll(t_ns)
        belt_lost = self._belt_watch.look(belt)
        panel = self._panel
        frame = Frame(
            t_ns,
            late_ns,
            imu_lost or imu,
            belt_lost or belt,
            panel.belt_speed_m_s(t_ns),
            self._relay.feedback(),
            panel.reset_pressed(),
            panel.stop_pressed(),
            self._stop_requested,
            self._refusal,
        )
        decision = self._monitor.step(frame)
        # No edge without a good reading: the time that the IMU may be silent (P6) would be added to the
        # pulse watchdog's hold, and the last good tick has to be the last edge (P2). Nor one that comes too late.
        self._held_up = self._clock() - t_ns > EDGE_WITHIN_NS
        if not decision.run or not (self._held_up or isinstance(frame.imu, Fault)):
            self._relay.set(decision.run)
        self._report(frame, decision)
        return decision

    def _report(self, frame: Frame, decision: Decision) -> None:
        """Everything that may know of the decision once the relay has obeyed it."""
        self._panel.show(decision)
        events = self._events.update(decision)
        self._stop_requested = False
        for link in self._links:
            self._stop_requested |= link.update(frame, decision, events, self._state)
        self._status.update(decision, changed=bool(events))
        if self._timing.tick(frame.late_ns, self._clock() - frame.t_ns):
            self._second(stopped=not decision.run)

    def _second(self, stopped: bool) -> None:
        """Once a second, after a tick: counters, and what may only be done while stopped."""
        counters = self.counters()
        for link in self._links:
            link.counters(counters)
        self._imu_watch.second(stopped)
        self._belt_watch.second(stopped)
        if stopped:
            self._refusal = self._platform()

    def _state(self) -> dict[str, Any]:
        return save(self._monitor)

    def counters(self) -> dict[str, Any]:
        """What a person who looks after the device wants to see; the times are those of the last second."""
        return {
            **self._timing.counters(),
            "imu_faults": dict(self._imu_watch.faults),
            "range_faults": dict(self._belt_watch.faults),
            "relay_error": self._relay.error,
        }
