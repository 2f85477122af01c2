"""Owns what is wrong with us: the figures of every part of the courier. Must never repair anything.

Thread: the main thread; it only reads what the other threads count.
State: the page's problem, and which lost ticks were reported.
"""

import shutil
import time
from pathlib import Path
from typing import Any

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.courier.events.envelope import rounded
from firmware_py.courier.events.writer import EventWriter
from firmware_py.courier.guard_side import GuardSide
from firmware_py.courier.page.live import Live
from firmware_py.courier.page.parts import courier_parts, device_parts
from firmware_py.courier.page.setup_step import setup_step
from firmware_py.courier.publisher import Publisher
from firmware_py.courier.receiver import Receiver
from firmware_py.courier.recording.gaps import Gaps
from firmware_py.courier.recording.recorder import Recorder
from firmware_py.locale import mark


class Health:
    """`figures` are published over MQTT, `now` is shown on the page once a second."""

    def __init__(
        self,
        config: Config,
        live: Live,
        receiver: Receiver,
        guard: GuardSide,
        events: EventWriter,
        recorder: Recorder,
        publisher: Publisher,
    ) -> None:
        self.page_problem = mark("not served yet") if config.page.enabled else ""
        self._config = config
        self._live = live
        self._receiver = receiver
        self._guard = guard
        self._events = events
        self._recorder = recorder
        self._publisher = publisher
        self._gaps = Gaps("storage", events.record)

    def page(self, problem: str) -> None:
        """What keeps the page from being served; "" when nothing does."""
        self.page_problem = problem

    def report_gaps(self) -> None:
        """About once a second: an event for what the disk has lost."""
        self._gaps.update(self._recorder.health()["lost_frames"])

    def figures(self) -> dict[str, Any]:
        counters = self._live.counters
        return {
            "guard_connected": self._receiver.connected and self._live.fresh,
            "guard_version": self._guard.stamp.version,
            "courier_version": __version__,
            "config_hash": self._guard.stamp.config_hash,
            "dropped_ticks": counters.get("dropped_ticks", 0),
            "dropped_events": counters.get("dropped_events", 0),
            "late_ticks": counters.get("late_ticks"),
            "lateness_p99_ms": _p99_ms(counters.get("lateness_us")),
            "refused_packets": self._receiver.refused_packets,
            "events_waiting": self._events.waiting,
            "events_problem": self._events.problem,
            "storage_free_mb": _free_mb(Path(self._config.courier.state_dir)),
            **self._publisher.figures(),
            "recording": self._recorder.health(),
        }

    def now(self) -> dict[str, Any]:
        """Health of every part, a line each, and the session."""
        figures = self.figures()
        tally = self._guard.sessions.current
        return {
            "parts": device_parts(self._live, self._config) + courier_parts(figures, self.page_problem),
            "session": tally.summary("left_belt", time.time()) if tally else None,
            "incidents": figures["recording"]["incidents"],
            "setup": setup_step(Path(self._config.courier.state_dir)),
        }

    def state(self) -> dict[str, Any]:
        """The retained MQTT state."""
        tally = self._guard.sessions.current
        return self._live.state() | {"session_minutes": round(tally.belt_s / 60, 1) if tally else None}


def _free_mb(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free // 1_000_000
    except OSError:
        return None


def _p99_ms(lateness_us: Any) -> float | None:
    try:
        return rounded(float(lateness_us["p99"]) / 1000, 3)
    except (TypeError, KeyError, ValueError, OverflowError):
        return None
