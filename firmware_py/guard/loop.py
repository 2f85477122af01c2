"""Owns the tick: read -> step -> relay -> tell, on an absolute grid.

Must never catch up, and never end with the relay on.

The path of one sample: wake on the grid, one burst read, Frame, monitor.step, relay.set before anything else,
then the panel, the link and the watchdog, none of which can wait.
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
from firmware_py.guard.service import ServiceManager
from firmware_py.guard.watch import Imu, Range, Watched
from sensors.samples import Fault

SECOND_NS = 1_000_000_000
# A chip that reset may look good at a wrong scale: two looks find it, F07 allows 250 ms.
RECHECKS_A_SECOND = 8
# A later edge would say "all was well" of a time too long ago: P2's 60 ms less the 50 within which the pulse watchdog
# drops. Two periods at 200 Hz, so that a slow bus costs nobody an edge and the next tick is late whenever this is.
EDGE_WITHIN_NS = 10_000_000
FEEDS_A_SECOND = 10  # of the service manager's watchdog, which waits for at least 0.5 s


class Loop:
    """Everything the guard is, tied together; the clock and the sleep are handed in."""

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
        self._rate_hz = rate_hz
        self._period_ns = SECOND_NS // rate_hz
        self._feed_every = max(1, rate_hz // FEEDS_A_SECOND)
        self._recheck_every = max(1, rate_hz // RECHECKS_A_SECOND)
        self._imu, self._belt = imu, belt
        self._imu_watch, self._belt_watch = Watched(imu), Watched(belt)
        self._relay, self._panel, self._monitor = relay, panel, monitor
        self._links, self._manager, self._platform = tuple(links), manager, platform
        self._clock, self._sleep_until = clock, sleep_until
        self._events = EventFinder()
        self._refusal = platform()
        self._run = self._reset_was = self._stop_requested = self._held_up = False
        self._ticks = self._late = self._skipped = 0
        self._lateness_ns = [0] * rate_hz  # of the last second
        self._work_ns = [0] * rate_hz

    def run(self) -> None:
        """Ticks until `stopping`. Whatever happens, the relay is off when this returns or raises."""
        try:
            self._manager.tell("READY=1")
            slot_ns = due_ns = self._clock() + self._period_ns
            while not self.stopping:
                self._sleep_until(slot_ns)
                now_ns = self._clock()
                late_ns = now_ns - slot_ns
                if late_ns < 0:  # a signal woke us
                    continue
                skipped = late_ns // self._period_ns
                self._skipped += skipped
                self._late += skipped > 0
                self.tick(now_ns, now_ns - due_ns)
                slot_ns += (skipped + 1) * self._period_ns
                if not self._held_up:  # else the next tick is as late as this one's edge would have been
                    due_ns = slot_ns
        finally:
            self._relay.drop()
            self._manager.tell("STOPPING=1")

    def tick(self, t_ns: int, late_ns: int) -> Decision:
        """One tick. Trouble of the sensors or the courier is a value here; what raises is a pin, or a mistake."""
        frame = self._read(t_ns, late_ns)
        decision = self._monitor.step(frame)
        # No edge without a good reading: the time that the IMU may be silent (P6) would come on top of the
        # pulse watchdog's hold, and the last good tick has to be the last edge (P2). Nor one held up on its way.
        self._held_up = self._clock() - t_ns > EDGE_WITHIN_NS
        if not decision.run or not (self._held_up or isinstance(frame.imu, Fault)):
            self._relay.set(decision.run)
        self._tell(frame, decision)
        return decision

    def _read(self, t_ns: int, late_ns: int) -> Frame:
        turn = self._ticks % self._rate_hz
        recheck = turn % self._recheck_every
        imu = self._imu_watch.check(self._imu.read(t_ns), due=recheck == 0)
        belt = self._belt_watch.check(self._belt.poll(t_ns), due=recheck == self._recheck_every // 2)
        panel = self._panel
        return Frame(
            t_ns,
            late_ns,
            imu,
            belt,
            panel.belt_speed_m_s(t_ns),
            self._relay.feedback(),
            panel.reset_pressed(),
            panel.stop_pressed(),
            self._stop_requested,
            self._refusal,
        )

    def _tell(self, frame: Frame, decision: Decision) -> None:
        t_ns = frame.t_ns
        self._panel.show(decision)
        found = self._events.update(decision)
        pressed = frame.reset_pressed and not self._reset_was and not decision.run
        stop = False
        if found:
            self._manager.tell(f"STATUS={_status(decision)}")
        for link in self._links:
            if link.connect(t_ns):  # a courier that comes in mid-walk can replay from the next tick on
                link.state(save(self._monitor))
            else:
                link.tick(frame, decision)
            for event in found:
                link.event(event)
            if pressed or link.behind:
                link.state(save(self._monitor))
            stop |= link.poll(t_ns)
        self._stop_requested = stop
        if decision.run != self._run:  # `systemctl status` shows it; the installer refuses while running
            self._manager.tell(
                "STATUS=running" if decision.run else f"STATUS=stopped: {_word(decision.cause)}"
            )
        self._run, self._reset_was = decision.run, frame.reset_pressed
        turn = self._ticks % self._rate_hz
        if turn % self._feed_every == 0:
            self._manager.tell("WATCHDOG=1")
        self._lateness_ns[turn] = frame.late_ns
        self._ticks += 1
        self._work_ns[turn] = self._clock() - t_ns
        if turn == self._rate_hz - 1:
            self._second()

    def _second(self) -> None:
        """Once a second, after a tick: counters, and what may only be done while stopped."""
        counters = self.counters()
        for link in self._links:
            link.counters(counters)
        self._imu_watch.second(stopped=not self._run)
        self._belt_watch.second(stopped=not self._run)
        if not self._run:
            self._refusal = self._platform()

    def counters(self) -> dict[str, Any]:
        """What a person who looks after the device wants to see; the times are those of the last second."""
        return {
            "ticks": self._ticks,
            "late_ticks": self._late,
            "skipped_ticks": self._skipped,
            "lateness_us": _percentiles_us(self._lateness_ns),
            "tick_us": _percentiles_us(self._work_ns),
            "imu_faults": dict(self._imu_watch.faults),
            "range_faults": dict(self._belt_watch.faults),
            "relay_error": self._relay.error,
        }


def _word(cause: Cause | None) -> str:
    return "" if cause is None else cause.value


def _status(decision: Decision) -> str:
    """What `systemctl status` shows."""
    if decision.run:
        return "running" if decision.warning is None else f"running, warning: {decision.warning.value}"
    refusal = (
        "a press is accepted" if decision.refusal is None else f"a press is refused: {decision.refusal.value}"
    )
    cause = decision.cause.value if decision.cause else ""
    why = f"{cause}, {decision.rule} {decision.value:.3g} of {decision.limit:.3g}" if decision.rule else cause
    return f"stopped: {why}; {refusal}"


def _percentiles_us(values_ns: list[int]) -> dict[str, float]:
    ordered = sorted(values_ns)
    return {
        "median": ordered[len(ordered) // 2] / 1000,
        "p99": ordered[len(ordered) * 99 // 100] / 1000,
        "max": ordered[-1] / 1000,
    }
