"""Owns the courier process: builds its parts, starts them, updates page and telemetry, ends them in order.

Must never make the link wait: what is slow (disk, network, viewers) has a thread of its own, and each may fail alone.

| thread   | file               | it owns                                                                    |
|----------|--------------------|----------------------------------------------------------------------------|
| main     | process, page/     | the asyncio loop: page, viewers, telemetry, health; starts and joins       |
| link     | receiver           | the guard's socket; what arrives goes to guard_side (session, live picture)|
| recorder | recording/recorder | recordings and incidents on disk                                           |
| events   | events/writer      | the event database; sends events to the broker                             |
| paho     | events/mqtt        | the broker's socket                                                        |

The end, in the order of `_close`: each part shuts down, joins its thread, then closes what that thread has read. The
link ends first, so nothing new arrives while the others write out what waits.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from firmware_py import __version__
from firmware_py.coach.live import Coach
from firmware_py.coach.sound import speaker_of
from firmware_py.config import Config
from firmware_py.courier import answered
from firmware_py.courier.answered import Answered
from firmware_py.courier.events.envelope import Stamp
from firmware_py.courier.events.writer import EventWriter
from firmware_py.courier.guard_side import GuardSide
from firmware_py.courier.health import Health
from firmware_py.courier.page.live import Live
from firmware_py.courier.page.notice import Notice
from firmware_py.courier.page.server import Shown, serve
from firmware_py.courier.page.stream import Stream
from firmware_py.courier.publisher import ANNOUNCED, LAST_STOP_TYPES, Publisher
from firmware_py.courier.receiver import Receiver
from firmware_py.courier.recording.recorder import Recorder
from firmware_py.notify import ServiceManager
from sensors.advice import HardwareError

log = logging.getLogger(__name__)

UPDATE_S = 0.1
HEALTH_S = 1.0
ANSWERED = "answered_s"  # the mark: the newest answer that became an event
END_S = 3.0  # for the page and the update loop to end


class Courier:
    """The whole of it. `run` returns after a signal, or when `stop` is called from another thread."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state_dir = Path(config.courier.state_dir)
        self.live = Live(Notice(self.state_dir).read)
        self._own = Stamp(config.courier.device_id, "courier", os.urandom(8).hex(), config.hash, __version__)
        self.events = EventWriter(
            self.state_dir / "events.sqlite",
            self._own,
            config.courier.keep_events_days,
            acknowledge=lambda seq: self.receiver.acknowledge(seq),
            on_stored=lambda event: self.publisher.stored(event),
        )
        self.recorder = Recorder(
            self.state_dir, config.courier.quota_mb, config.courier.keep_days, on_lost=self._incident_lost
        )
        self.coach = Coach(config, self.events.row, speaker_of(config.coach))
        self.guard = GuardSide(
            config, self.live, self.recorder, self.events, self.coach, lambda: self._soon(self._hurry)
        )
        self.receiver = Receiver(Path(config.courier.socket), self.guard)
        self.publisher = Publisher(
            config, self._remote_stop, self.events.wake, self.events.mark, self._acknowledged
        )
        self.health = Health(
            config, self.live, self.receiver, self.guard, self.events, self.recorder, self.publisher
        )
        self._answered: Answered | None = None
        self._stream = Stream()
        self._manager = ServiceManager.of_this_process()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hurry = asyncio.Event()
        self._stopping = asyncio.Event()

    # -- any thread --------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask `run` to return."""
        self._soon(self._stopping)

    def _soon(self, event: asyncio.Event) -> None:
        """Set `event` on the main thread; nothing when its loop has not begun or has ended."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(event.set)

    def _remote_stop(self) -> None:
        if not self.receiver.request_stop():
            log.warning(
                "link: no guard is connected to take the remote stop; without a guard the belt is off"
            )

    def _acknowledged(self, alert: str) -> None:
        """Somebody is on the way. It becomes an event: the alerts process reads it there, and the guard never does."""
        self.events.record("alert_acknowledged", alert=alert, message=answered.MESSAGE)

    def _incident_lost(self, message: str) -> None:
        self.events.record("storage_changed", part="recording", ok=False, detail=message, message=message)

    @property
    def serving(self) -> bool:
        """The page can be opened."""
        return self.config.page.enabled and not self.health.page_problem

    # -- the main thread ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until stopped. Raises HardwareError when it cannot begin."""
        with _only_courier(self.state_dir):
            try:
                asyncio.run(self._serve())
            finally:
                self._close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if threading.current_thread() is threading.main_thread():
                self._loop.add_signal_handler(number, self._stopping.set)
        self.publisher.start(*self._take_up())
        self.coach.begin(time.time())
        self.events.start(self.publisher.broker)
        try:
            self.receiver.start()
        except OSError as error:
            raise HardwareError(
                f"courier: cannot listen at {self.config.courier.socket}: {error.strerror}",
                "Usually the directory is missing or belongs to another user",
                "check courier.socket",
            ) from None
        self._manager.send("READY=1")
        tasks = [asyncio.create_task(self._update())]
        if self.config.page.enabled:
            shown = Shown(self.config, self._stream, self.health.now, self.live.recent, self.coach)
            tasks.append(asyncio.create_task(serve(shown, self._stopping, self.health.page)))
        await self._stopping.wait()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(task, END_S)

    def _take_up(self) -> tuple[str | None, str | None]:
        """Continue what an earlier courier left; returns the last stop that it stored, and its mark ANNOUNCED."""
        outbox = self.events.open()
        if outbox is None:
            return None, None
        last_stop = announced = None
        try:
            if outbox.marked("running"):
                self.events.record(
                    "courier_lost",
                    since=outbox.marked("running_since"),
                    message="The recording program did not end cleanly: killed, crashed or without power. The "
                    "protection was not affected; recordings have a gap.",
                )
            self.guard.take_up(dict(outbox.open_sessions()))
            last_stop, announced = outbox.last(LAST_STOP_TYPES), outbox.marked(ANNOUNCED)
            if self.config.alerts.enabled:
                since_s = float(outbox.marked(ANSWERED) or time.time())
                self._answered = Answered(self.state_dir / "alerts.sqlite", since_s)
        except (sqlite3.Error, ValueError) as error:
            log.warning("events: cannot read what an earlier courier left (%s)", error)
        self.events.mark("running", self._own.boot_id)
        return last_stop, announced

    async def _update(self) -> None:
        """Ten times a second, and at once when something urgent happens."""
        second_s = 0.0
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), UPDATE_S)
            urgent = self._hurry.is_set()
            self._hurry.clear()
            view = self.live.view()  # also without a viewer: the charts of the next one start filled
            self._stream.publish("view", partial(dict, view))
            self.publisher.update(urgent, self.health.state, self.health.figures)
            now_s = time.monotonic()
            self.guard.save_session(now_s)
            if now_s - second_s >= HEALTH_S:
                second_s = now_s
                if self.receiver.listening:  # a courier that cannot receive is to be restarted
                    self._manager.send("WATCHDOG=1")
                self.health.report_gaps()
                self._report_answers()
                self._stream.publish("health", self.health.now)
                self.coach.renew(time.time())
                if self.coach.fitted:
                    self._stream.publish("coach", self.coach.view)

    def _report_answers(self) -> None:
        """About once a second: who pressed the link in a message."""
        for answer in self._answered.new() if self._answered else ():
            self._acknowledged(answer.alert)
            self.events.mark(ANSWERED, str(answer.time_s))

    def _close(self) -> None:
        self._manager.send("STOPPING=1")
        self.receiver.close()
        self.guard.close()
        self.coach.close(time.time())
        self.events.mark("running", "")
        self.recorder.close()
        self.events.close()
        self.publisher.close()
        self._manager.close()


@contextlib.contextmanager
def _only_courier(state_dir: Path) -> Iterator[None]:
    """Hold the lock of this state directory. Raises HardwareError when another courier has it."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = (state_dir / "courier.lock").open("w")
    except OSError as error:
        log.error(
            "courier: cannot use %s (%s). Usually the disk is read-only or full, or the owner is wrong. Going on "
            "without a lock: the page shows, nothing is stored.",
            state_dir,
            error,
        )
        yield
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HardwareError(
                f"courier: another courier uses {state_dir}",
                "Usually the service runs already",
                "stop it first, or give this one a courier.state_dir and courier.socket of its own",
            ) from None
        yield
