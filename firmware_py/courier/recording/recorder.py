"""Owns the recorder's thread: takes what the link brings without making it wait, and writes it to the files.

Must never block its caller and never end because of a disk: while storage stalls, 30 s of ticks wait in memory; what
does not fit is dropped, counted, and marked in the recording as a gap.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_py.core.frame import Decision, Frame
from firmware_py.core.wire import pack_decision, pack_frame
from firmware_py.courier.recording.incidents import Incidents
from firmware_py.courier.recording.replica import Shadow
from firmware_py.courier.recording.segments import Segments
from firmware_py.locale import mark

log = logging.getLogger(__name__)

ROOM = 200 * 30  # jobs: a stall of 30 s at 200 Hz
SECOND_S = 1.0
LOOK_S = 0.25  # how often the thread wakes without a job
BURST_S = 0.025  # it takes what came in this time at once: to wake for each tick costs more than the tick
CLOCK_SET_NS = (
    1_000_000_000  # a larger step of the wall clock was set by somebody; a smaller one is the link's delay
)
ABOUT = ("version", "config", "config_hash", "rate_hz", "boot_id")  # of a guard's hello, in every file


class WallClock:
    """The wall time of a tick, by one offset to the guard's clock for all files, until the wall clock is set."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None

    def at(self, t_ns: int, wall_ns: int) -> int:
        """The wall time of the tick at `t_ns` that was received when the wall clock showed `wall_ns`."""
        if self._offset_ns is None or abs(wall_ns - t_ns - self._offset_ns) > CLOCK_SET_NS:
            self._offset_ns = wall_ns - t_ns
        return t_ns + self._offset_ns


class Tape:
    """The recorder without its thread: every call is done when it returns. Tests drive this one."""

    def __init__(
        self,
        state_dir: Path,
        quota_mb: int,
        keep_days: float,
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.segments = Segments(state_dir / "recordings", quota_mb * 1_000_000, keep_days * 86_400)
        self.incidents = Incidents(state_dir / "incidents", on_lost, self.segments.make_room)
        self.shadow: Shadow | None = None
        self.ending = (
            False  # what still waits goes into incidents only: they are worth more, and time is short
        )
        self._clock = WallClock()
        self._boot_id = ""
        self._last_wall_ns: int | None = None

    def hello(self, hello: dict[str, Any]) -> None:
        """A guard has connected: its version and configuration go into every file."""
        about = {key: hello[key] for key in ABOUT}
        about["simulated"] = hello.get("simulated") is True
        about |= {"button_recorded": True, "feedback_recorded": True, "distance_recorded": True}
        if about["boot_id"] != self._boot_id:
            self._clock, self._boot_id = WallClock(), about["boot_id"]
        self._last_wall_ns = None
        self.shadow = Shadow(hello)
        self.segments.begin(about, self.shadow)
        self.incidents.begin(about, self.shadow)

    def tick(self, frame: Frame, decision: Decision, wall_ns: int) -> None:
        """One tick of the guard."""
        wall_ns = self._last_wall_ns = self._clock.at(frame.t_ns, wall_ns)
        packed = pack_decision(decision)
        if self.ending:
            self.segments.miss(1, "the recording program ended")
        else:
            self.segments.tick(frame, decision, wall_ns)
        self.incidents.tick(frame.t_ns, pack_frame(frame), decision, packed, wall_ns)
        if self.shadow is not None:
            self.shadow.step(frame, packed)

    def event(self, event: dict[str, Any]) -> None:
        """One event of the guard. Raises ValueError, and keeps nothing of it, when it is not one."""
        t_ns = event.get("t_ns")
        if not isinstance(t_ns, int) or not 0 <= t_ns < 2**63:
            raise ValueError(f"the event has no valid time: {event}")
        self.segments.event(event)
        self.incidents.event(event)

    def monitor_state(self, state: dict[str, Any]) -> None:
        if self.shadow is not None:
            self.shadow.take(state)

    def lost(self, wall_ns: int) -> None:
        """The guard has disconnected."""
        # The incident's time is that of the last tick, not of the silence after it.
        self.incidents.lost(wall_ns if self._last_wall_ns is None else self._last_wall_ns)
        self.segments.close()

    def second(self, wall_s: float) -> None:
        self.segments.second(wall_s)
        self.incidents.second()

    def close(self) -> None:
        self.incidents.close()  # worth more than the end of a recording
        self.incidents.give_up()
        self.segments.close()


class Recorder:
    """A Tape on a thread of its own. Every method returns at once; `close` within `patience_s`."""

    def __init__(
        self,
        state_dir: Path,
        quota_mb: int,
        keep_days: float,
        wall_ns: Callable[[], int] = time.time_ns,
        patience_s: float = 5.0,
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`on_lost(message)` is called when an incident is lost, on the recorder's thread or that of `close`."""
        self._on_lost = on_lost
        self._tape = Tape(state_dir, quota_mb, keep_days, on_lost)
        self._wall_ns = wall_ns
        self._patience_s = patience_s
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()  # half the time of a Queue
        self._closing = False
        self._dropped = 0  # counted on the link's thread ...
        self._missed = 0  # ... and how many of them the files know of
        self._ran, self._stops = False, 0  # on the link's thread: stops that were handed in
        self._broken = ""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def hello(self, hello: dict[str, Any]) -> None:
        self._put(lambda: self._tape.hello(hello))

    def tick(self, frame: Frame, decision: Decision) -> None:
        wall_ns = self._wall_ns()  # read beside each tick: a clock that is set later does not move this one
        self._stops += self._ran and not decision.run
        self._ran = decision.run
        self._put(lambda: self._tape.tick(frame, decision, wall_ns))

    def event(self, event: dict[str, Any]) -> None:
        self._put(lambda: self._tape.event(event))

    def monitor_state(self, state: dict[str, Any]) -> None:
        self._put(lambda: self._tape.monitor_state(state))

    def lost(self) -> None:
        wall_ns = self._wall_ns()
        self._put(lambda: self._tape.lost(wall_ns))

    def health(self) -> dict[str, Any]:
        """For the diagnostics: is it recording, what was lost, can an incident be replayed exactly now?"""
        tape = self._tape
        problem = tape.segments.problem or tape.incidents.problem or self._broken
        return {
            "ok": not problem,
            "problem": problem,
            "lost_frames": tape.segments.lost_frames,
            "incidents": tape.incidents.count,
            "replay_exact": tape.shadow is not None and tape.shadow.exact,
        }

    def close(self) -> None:
        """Write out what waits, as long as the disk lets us. The files are closed by the thread that writes them."""
        self._closing = True
        self._jobs.put(lambda: None)  # the thread wakes
        self._thread.join(self._patience_s / 2)
        self._tape.ending = True
        self._thread.join(self._patience_s / 2)
        if self._thread.is_alive():
            incidents = self._tape.incidents
            ends = "when the recording program ended."
            lost = [
                f"The incident {moment} was not whole on the disk {ends}" for moment in incidents.unwritten
            ]
            if (waiting := self._stops - incidents.stops) > 0:
                lost.append(
                    f"{waiting} stops before the end have no incident: the disk had not taken them {ends}"
                )
            for message in lost:
                log.error("recorder: %s", message)
                self._on_lost(message)

    def _put(self, job: Callable[[], None]) -> None:
        if self._jobs.qsize() < ROOM:
            self._jobs.put(job)
        else:
            self._dropped += 1

    def _run(self) -> None:
        next_s = 0.0
        while not (self._closing and self._jobs.empty()):
            with contextlib.suppress(queue.Empty):
                self._do(self._jobs.get(timeout=LOOK_S))
            if self._jobs.empty() and not self._closing:
                time.sleep(BURST_S)
            if (dropped := self._dropped) > self._missed:
                self._tape.segments.miss(dropped - self._missed, "the disk was too slow")
                self._missed = dropped
            wall_s = self._wall_ns() / 1e9
            if not 0 < next_s - wall_s <= SECOND_S:  # a second is over, or the clock was set
                next_s = wall_s + SECOND_S
                self._tape.second(wall_s)
        self._tape.close()

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception:  # one bad message must not end the recording
            if not self._broken:  # not two hundred times a second
                log.exception("recorder: an unexpected mistake; going on")
            self._broken = mark("recorder: an unexpected mistake, see the log")
