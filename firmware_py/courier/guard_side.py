"""Owns what arrives from the guard: each packet goes to recording, events, page, session and coach. Must never block.

Thread: every Listener method runs on the link's thread (receiver.py) and hands slow work to another thread.
The main thread calls `take_up` before the link starts, `save_session` while it runs, and `close` after it has ended.
State: who the guard is, its clock, what it had to drop, and the session of the walker.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from firmware_py.coach.live import Coach
from firmware_py.config import Config
from firmware_py.core.frame import Decision, Frame
from firmware_py.courier.events.envelope import Stamp
from firmware_py.courier.events.writer import EventWriter, SessionRow
from firmware_py.courier.page.live import Live
from firmware_py.courier.receiver import object_of
from firmware_py.courier.recording.gaps import Gaps
from firmware_py.courier.recording.recorder import ABOUT, Recorder
from firmware_py.courier.sessions.sessions import Sessions, Tally, snapshot
from firmware_py.messages import of_event

log = logging.getLogger(__name__)

SAVE_SESSION_S = 10.0
OTHER_CLOCK_NS = 5_000_000_000  # a guard whose clock differs by more replays or simulates its time
TEXT_MAX = 64  # characters of a name in the guard's hello, as in the events' schemas


class GuardSide:
    """The listener of the link. `hurry()` asks the main thread to update page and telemetry at once."""

    def __init__(
        self,
        config: Config,
        live: Live,
        recorder: Recorder,
        events: EventWriter,
        coach: Coach,
        hurry: Callable[[], None],
    ) -> None:
        self.stamp = Stamp(config.courier.device_id, "guard", "unknown", "", "")
        self.sessions = Sessions(config.drift.warn_mm / 1000, self._session_ended, self._near_miss)
        self._live = live
        self._recorder = recorder
        self._events = events
        self._coach = coach
        self._hurry = hurry
        self._gaps = Gaps("link", events.record)
        self._clock_known = False
        self._dropped_events = 0
        self._gone = False
        self._interrupted: dict[str, dict[str, Any]] = {}  # sessions that a killed courier left open
        self._saved_id, self._saved_s = "", 0.0

    # -- the link's thread -------------------------------------------------------------------------------

    def hello(self, hello: dict[str, Any]) -> None:
        """A guard has connected. Raises ValueError when it does not name itself."""
        if missing := [key for key in ABOUT if key not in hello]:
            raise ValueError(f"the guard's hello has no {', '.join(missing)}")
        hello |= {key: _text(hello[key]) for key in ("boot_id", "config_hash", "version")}
        if hello["boot_id"] != self.stamp.boot_id:
            self._dropped_events = 0
        self.stamp = self.stamp._replace(
            boot_id=hello["boot_id"], config_hash=hello["config_hash"], version=hello["version"]
        )
        self._live.hello = hello
        self._clock_known = False
        log.info("link: guard %s, version %s", self.stamp.boot_id, self.stamp.version)
        for name, saved in self._interrupted.items():
            if not self.sessions.resume(saved, self.stamp.boot_id, time.time()):
                self._end_interrupted(name, saved)
        self._interrupted = {}
        self._coach.hello(self.stamp.boot_id, time.time())
        self._recorder.hello(hello)
        if self._gone:
            self._gone = False
            self._events.record("guard_found", message="The safety monitor is connected again.")

    def tick(self, frame: Frame, decision: Decision) -> None:
        if not self._clock_known:
            self._clock_known = True
            offset_ns = time.monotonic_ns() - decision.t_ns
            self._live.clock_offset_ns = offset_ns if abs(offset_ns) > OTHER_CLOCK_NS else 0
        urgent = self._live.tick(frame, decision)
        self._recorder.tick(frame, decision)
        now_s = time.time()
        self.sessions.update(frame, decision, self.stamp.boot_id, now_s)
        self._coach.tick(frame, decision, now_s, self.sessions.second, self.sessions.window)
        if urgent:
            self._hurry()

    def event(self, seq: int, raw: bytes) -> None:
        self._events.guard_event(self.stamp, seq, raw, self._live.wall_s)
        with contextlib.suppress(ValueError):
            self._recorder.event(object_of(raw))

    def monitor_state(self, state: dict[str, Any]) -> None:
        self._recorder.monitor_state(state)

    def counters(self, counters: dict[str, Any]) -> None:
        self._live.counters = counters
        dropped = int(counters.get("dropped_events", 0))
        if dropped > self._dropped_events:
            self._events.record(
                "events_missing",
                guard_boot_id=self.stamp.boot_id,
                count=dropped - self._dropped_events,
                message="The safety monitor dropped events: the recording program was away or its disk refused for "
                "too long.",
            )
        self._dropped_events = dropped
        self._gaps.update(int(counters.get("dropped_ticks", 0)))

    def lost(self) -> None:
        """The connection has ended on the guard's side."""
        self._gone = True
        self._events.record(
            "guard_lost", message="The safety monitor has gone silent. Without its pulses the belt is off."
        )
        self.sessions.guard_lost(time.time())
        self._coach.lost(time.time())
        self._recorder.lost()
        self._hurry()

    def _session_ended(self, tally: Tally, why: str, ended_s: float) -> None:
        summary = tally.summary(why, ended_s)
        self._events.session(SessionRow(tally.id, tally.started_s, ended_s, summary))
        message = f"A walk of {summary['minutes']:.1f} minutes and {summary['steps']} steps."
        self._events.record("session_ended", **summary, message=message)

    def _near_miss(self, decision: Decision) -> None:
        self._events.record(
            "near_miss",
            position_m=decision.position_m,
            velocity_m_s=decision.velocity_m_s,
            message=of_event("near_miss", None, "", None, None),
        )

    def _end_interrupted(self, name: str, saved: dict[str, Any]) -> None:
        try:
            tally = Tally(**saved)
        except TypeError:
            log.warning("sessions: the open session %s cannot be read and is left open", name)
            return
        self._session_ended(tally, "courier_lost", tally.seen_s)

    # -- the main thread ---------------------------------------------------------------------------------

    def take_up(self, sessions: dict[str, dict[str, Any]]) -> None:
        """Sessions that an earlier courier left open: the next hello resumes or ends them."""
        self._interrupted = sessions

    def save_session(self, now_s: float) -> None:
        """Store the open session every SAVE_SESSION_S, and at once when it is new; `now_s` is monotonic."""
        tally = self.sessions.current
        if tally and (tally.id != self._saved_id or now_s - self._saved_s >= SAVE_SESSION_S):
            self._saved_id, self._saved_s = tally.id, now_s
            self._events.session(SessionRow(tally.id, tally.started_s, None, snapshot(tally)))

    def close(self) -> None:
        """The courier ends: so does the open session."""
        self.sessions.end("courier_stopped", time.time())


def _text(value: Any) -> str:
    """Short, and nothing that a database or a broker would refuse (half of a surrogate pair)."""
    return str(value)[:TEXT_MAX].encode("utf-8", "replace").decode()
