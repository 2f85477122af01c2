"""Owns the courier process: joins link, keeper, recorder, broker and page, and lets each fail alone.

Must never make the link wait: what is slow (disk, network, viewers) has a thread or a queue of its own.
"""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_py import __version__
from firmware_py.config import Config
from firmware_py.core.frame import Decision, Frame
from firmware_py.courier.events.envelope import Envelope, Stamp, rounded
from firmware_py.courier.events.home_assistant import STATUS_PERIOD_S, discovery
from firmware_py.courier.events.mqtt import Broker, CredentialError
from firmware_py.courier.events.writer import Keeper, SessionRow
from firmware_py.courier.page.live import Live, courier_parts
from firmware_py.courier.page.server import Shown, serve
from firmware_py.courier.page.stream import Stream
from firmware_py.courier.receiver import Receiver, object_of
from firmware_py.courier.recording.incidents import list_incidents
from firmware_py.courier.recording.recorder import ABOUT, Recorder
from firmware_py.courier.sessions.sessions import Sessions, Tally, snapshot
from firmware_py.guard.service import ServiceManager
from firmware_py.report.command import html_of

log = logging.getLogger(__name__)

UPDATE_S = 0.1
STATE_S = 0.5  # MQTT state at most twice a second
HEALTH_S = 1.0
SAVE_SESSION_S = 10.0
LAST_STOP_TYPES = ("stopped", "stopped_by_fault")


class CourierError(Exception):
    """The courier cannot start. The message says what, why and what to do."""


class Losses:
    """Watches a count that only grows: says how much was lost once it has stopped growing."""

    def __init__(self) -> None:
        self._known: int | None = None
        self._last = 0

    def update(self, total: int) -> int:
        if self._known is None or total < self._known:
            self._known = self._last = total
        grown = total != self._last
        self._last = total
        lost = 0 if grown else total - self._known
        self._known += lost
        return lost


class Courier:
    """The whole of it. `run` returns after a signal, or when `stop` is called from another thread."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state_dir = Path(config.courier.state_dir)
        self.live = Live(config)
        self.boot_id = os.urandom(8).hex()
        device = config.courier.device_id
        self._own = Stamp(device, "courier", self.boot_id, config.hash, __version__)
        self._guard = Stamp(device, "guard", "unknown", "", "")
        self.database = self.state_dir / "events.sqlite"
        self.receiver = Receiver(Path(config.courier.socket), self)
        self.keeper = Keeper(
            self.database, self._own, self.receiver.acknowledge, config.courier.keep_events_days, self._kept
        )
        self.sessions = Sessions(config.drift.warn_mm / 1000, self._session_ended)
        self.recorder = Recorder(self.state_dir, config.courier.quota_mb, config.courier.keep_days)
        self.broker: Broker | None = None
        self.stream = Stream()
        self.page_problem = "not served yet" if config.page.enabled else ""
        self._reporting = threading.Lock()
        self._manager = ServiceManager(os.environ.get("NOTIFY_SOCKET"))
        self._lost_on_link = Losses()
        self._lost_on_disk = Losses()
        self._last_stop: str | None = None
        self._interrupted: dict[str, dict[str, Any]] = {}
        self._clock_known = False
        self._dropped_events = 0
        self._guard_lost = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hurry = asyncio.Event()
        self._stopping = asyncio.Event()

    # -- the link's thread ---------------------------------------------------------------------------------

    def hello(self, hello: dict[str, Any]) -> None:
        if missing := [key for key in ABOUT if key not in hello]:
            raise ValueError(f"a guard that does not tell its {', '.join(missing)}")
        hello |= {key: _text(hello[key]) for key in ("boot_id", "config_hash", "version")}
        again = hello["boot_id"] == self._guard.boot_id
        self._guard = Stamp(
            self.config.courier.device_id, "guard", hello["boot_id"], hello["config_hash"], hello["version"]
        )
        self.live.hello = hello
        self._clock_known = False
        self._dropped_events = self._dropped_events if again else 0
        log.info("link: guard %s, version %s", self._guard.boot_id, self._guard.version)
        for name, saved in self._interrupted.items():
            if not self.sessions.resume(saved, self._guard.boot_id, time.time()):
                self._close_interrupted(name, saved)
        self._interrupted = {}
        self.recorder.hello(hello)
        if self._guard_lost:
            self._guard_lost = False
            self.keeper.tell("guard_found", message="The guard is connected again.")

    def tick(self, raw: bytes, frame: Frame, decision: Decision) -> None:
        del raw
        if not self._clock_known:
            self._clock_known = True
            offset_ns = time.monotonic_ns() - decision.t_ns
            self.live.clock_offset_ns = offset_ns if abs(offset_ns) > 5_000_000_000 else 0
        urgent = self.live.tick(frame, decision)
        self.recorder.tick(frame, decision)
        self.sessions.update(frame, decision, self._guard.boot_id, time.time())
        if urgent:
            self._soon(self._hurry)

    def event(self, seq: int, raw: bytes) -> None:
        self.keeper.guard_event(self._guard, seq, raw, self.live.wall_s)
        with contextlib.suppress(ValueError):
            self.recorder.event(object_of(raw))

    def monitor_state(self, state: dict[str, Any]) -> None:
        self.recorder.monitor_state(state)

    def counters(self, counters: dict[str, Any]) -> None:
        self.live.counters = counters
        dropped = int(counters.get("dropped_events", 0))
        if dropped > self._dropped_events:
            self.keeper.tell(
                "events_missing",
                guard_boot_id=self._guard.boot_id,
                count=dropped - self._dropped_events,
                message="The guard had to give up events: the courier was away or its disk refused for too long.",
            )
        self._dropped_events = dropped
        self._gap("link", self._lost_on_link.update(int(counters.get("dropped_ticks", 0))))

    def lost(self) -> None:
        self._guard_lost = True
        self.keeper.tell("guard_lost", message="The guard has gone. Without its pulses the belt is off.")
        self.sessions.guard_lost(time.time())
        self.recorder.lost()
        self._soon(self._hurry)

    # -- any thread ------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask `run` to return."""
        self._soon(self._stopping)

    def _soon(self, event: asyncio.Event) -> None:
        """Set `event` on the main thread; nothing when its loop has not begun or has ended."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(event.set)

    def _gap(self, why: str, ticks: int) -> None:
        if ticks:
            reason = "the disk was too slow or full" if why == "storage" else "the courier was not listening"
            message = f"{ticks} ticks are missing from the recording: {reason}. The guard was not affected."
            self.keeper.tell("recording_gap", why=why, ticks=ticks, message=message)

    def _kept(self, event: Envelope) -> None:
        if event.kind in LAST_STOP_TYPES and self.broker:
            self.broker.retain("last_stop", json.loads(event.text))

    def _session_ended(self, tally: Tally, why: str, ended_s: float) -> None:
        summary = tally.summary(why, ended_s)
        self.keeper.session(SessionRow(tally.id, tally.started_s, ended_s, summary))
        self.keeper.tell(
            "session_ended",
            **summary,
            message=f"A walk of {summary['minutes']:.1f} minutes and {summary['steps']} steps.",
        )

    def _close_interrupted(self, name: str, saved: dict[str, Any]) -> None:
        try:
            tally = Tally(**saved)
        except TypeError:
            log.warning("sessions: the open session %s cannot be read and is left open", name)
            return
        self._session_ended(tally, "courier_lost", tally.seen_s)

    # -- the main thread -------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until told to stop. Raises CourierError when it cannot begin."""
        with _only_courier(self.state_dir):
            try:
                asyncio.run(self._serve())
            finally:
                self._finish()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if threading.current_thread() is threading.main_thread():
                self._loop.add_signal_handler(number, self._stopping.set)
        self._take_up()
        self.broker = self._start_broker()
        self.keeper.start(self.broker)
        try:
            self.receiver.start()
        except OSError as error:
            raise CourierError(
                f"courier: cannot listen at {self.config.courier.socket}: {error.strerror}. Usually the directory is "
                "missing or belongs to somebody else: check courier.socket."
            ) from None
        self._manager.tell("READY=1")
        tasks = [asyncio.create_task(self._update())]
        if self.config.page.enabled:
            shown = Shown(self.config, self.database, self.stream, self.now, self.incidents, self.report)
            tasks.append(asyncio.create_task(serve(shown, self._stopping, self._say_page)))
        await self._stopping.wait()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(task, 3)

    def _take_up(self) -> None:
        """What an earlier courier left: was it killed, did somebody walk meanwhile?"""
        outbox = self.keeper.open()
        if outbox is None:
            return
        try:
            if outbox.marked("running"):
                self.keeper.tell(
                    "courier_lost",
                    since=outbox.marked("running_since"),
                    message="The courier did not end cleanly: killed, crashed or without power. The guard was not "
                    "affected; recordings have a gap.",
                )
            self._interrupted = dict(outbox.open_sessions())
            self._last_stop = outbox.last(LAST_STOP_TYPES)
        except (sqlite3.Error, ValueError) as error:
            log.warning("events: cannot read what an earlier courier left (%s)", error)
        self.keeper.mark("running", self.boot_id)

    def _start_broker(self) -> Broker | None:
        config = self.config.mqtt
        if not config.enabled:
            return None
        device = self.config.courier.device_id
        announced = discovery(device, __version__, config.allow_remote_stop, None)
        broker = Broker(
            config,
            device,
            (lambda: announced) if config.home_assistant else None,
            on_stop=self._remote_stop,
            on_taken=self.keeper.poke,
        )
        if self._last_stop is not None:
            broker.retain("last_stop", json.loads(self._last_stop))
        try:
            broker.start()
        except CredentialError as error:
            broker.problem = str(error)
            log.error("%s", error)
        return broker

    def _remote_stop(self) -> None:
        if not self.receiver.request_stop():
            log.warning(
                "link: no guard is connected to take the remote stop; without a guard the belt is off"
            )

    async def _update(self) -> None:
        """Ten times a second, at once when something urgent happens: page, telemetry, session, health."""
        last_state, state_s, health_s, saved_id, saved_s = "", 0.0, 0.0, "", 0.0
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), UPDATE_S)
            urgent = self._hurry.is_set()
            self._hurry.clear()
            now_s = time.monotonic()
            self.stream.publish("view", self.live.view)
            if self.broker and (urgent or now_s - state_s >= STATE_S):
                state = self._state()
                changed = json.dumps({**state, "position_m": None}, sort_keys=True)
                walking = state["run"] and now_s - state_s >= STATE_S
                if urgent or walking or changed != last_state or now_s - state_s >= STATUS_PERIOD_S:
                    self.broker.retain("state", state)
                    last_state, state_s = changed, now_s
            if now_s - health_s >= HEALTH_S:
                if self.broker and int(now_s / 10) != int(health_s / 10):
                    self.broker.retain("health", self.health())
                health_s = now_s
                if self.receiver.listening:  # a courier that cannot hear the guard is to be started again
                    self._manager.tell("WATCHDOG=1")
                self._gap("storage", self._lost_on_disk.update(self.recorder.health()["lost_frames"]))
                self.stream.publish("health", self.now)
            tally = self.sessions.current
            if tally and (tally.id != saved_id or now_s - saved_s >= SAVE_SESSION_S):
                saved_id, saved_s = tally.id, now_s
                self.keeper.session(SessionRow(tally.id, tally.started_s, None, snapshot(tally)))

    def now(self) -> dict[str, Any]:
        """What the page shows once a second: health of every part, and the session."""
        health = self.health()
        tally = self.sessions.current
        return {
            "parts": self.live.parts() + courier_parts(health, self.page_problem),
            "session": tally.summary("left_belt", time.time()) if tally else None,
            "incidents": health["recording"]["incidents"],
        }

    def incidents(self) -> list[dict[str, Any]]:
        return list_incidents(self.state_dir / "incidents")

    def report(self, name: str) -> bytes | None:
        """The page of one incident, made anew; one at a time, since each replays its trace."""
        with self._reporting:
            return html_of(self.state_dir / "incidents", name)

    @property
    def serving(self) -> bool:
        """The page can be opened."""
        return self.config.page.enabled and not self.page_problem

    def _say_page(self, problem: str) -> None:
        self.page_problem = problem

    def _state(self) -> dict[str, Any]:
        tally = self.sessions.current
        return self.live.state() | {"session_minutes": round(tally.belt_s / 60, 1) if tally else None}

    def health(self) -> dict[str, Any]:
        """Figures for diagnostics: link, storage, broker, recorder."""
        counters = self.live.counters
        try:
            free_mb: int | None = shutil.disk_usage(self.state_dir).free // 1_000_000
        except OSError:
            free_mb = None
        return {
            "guard_connected": self.receiver.connected and self.live.fresh,
            "guard_version": self._guard.version,
            "courier_version": __version__,
            "config_hash": self._guard.config_hash,
            "dropped_ticks": counters.get("dropped_ticks", 0),
            "dropped_events": counters.get("dropped_events", 0),
            "late_ticks": counters.get("late_ticks"),
            "lateness_p99_ms": _p99_ms(counters.get("lateness_us")),
            "refused_packets": self.receiver.refused_packets,
            "events_waiting": self.keeper.waiting,
            "events_problem": self.keeper.problem,
            "storage_free_mb": free_mb,
            "broker_connected": self.broker.connected if self.broker else None,
            "broker_problem": self.broker.problem if self.broker else "",
            "refused_commands": self.broker.refused_commands if self.broker else 0,
            "recording": self.recorder.health(),
        }

    def _finish(self) -> None:
        self._manager.tell("STOPPING=1")
        self.receiver.close()
        self.sessions.end("courier_stopped", time.time())
        self.keeper.mark("running", "")
        self.recorder.close()
        self.keeper.close()
        if self.broker:
            self.broker.close()
        self._manager.close()


def _text(value: Any) -> str:
    """Short, and nothing that a database or a broker would refuse (half of a surrogate pair)."""
    return str(value)[:64].encode("utf-8", "replace").decode()


def _p99_ms(lateness_us: Any) -> float | None:
    try:
        return rounded(float(lateness_us["p99"]) / 1000, 3)
    except (TypeError, KeyError, ValueError, OverflowError):
        return None


@contextlib.contextmanager
def _only_courier(state_dir: Path) -> Iterator[None]:
    """Hold the lock of this state directory. Raises CourierError when another courier has it."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = (state_dir / "courier.lock").open("w")
    except OSError as error:
        log.error(
            "courier: cannot use %s (%s). Usually the disk is read-only or full, or the owner is wrong. Going on "
            "without a lock: the page shows, nothing is kept.",
            state_dir,
            error,
        )
        yield
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CourierError(
                f"courier: another courier uses {state_dir}. Stop it first, or give this one a courier.state_dir "
                "and courier.socket of its own."
            ) from None
        yield
