"""Owns a whole simulated device: the header, the rig's world behind it, and the real guard process on top.

The world is moved on by whoever touches it (a transfer, a pin that is read), so that it needs no thread and a
busy test machine cannot make its sensors stutter. Must never reach into the guard: it has a bus and pins only.
"""

import contextlib
import errno
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from firmware_py.config import Config, load
from firmware_py.rig.harness.stage import Stage
from firmware_py.rig.harness.world import World
from firmware_py.rig.world.switchgear import Contactors
from tests.support.held_up import Busy, Drop, stolen_s
from tests.support.listening import Listening
from tests.support.pisim import watchdog
from tests.support.pisim.header import Header, Message, environment, like_hardware
from tests.support.pisim.nursery import Nursery

READY_TIMEOUT_S = 20.0
ARM_TIMEOUT_S = 20.0
# A guard that this computer holds up again and again is given up after this, and another started.
BUSY_TIMEOUT_S = 4.0
BUSY_TRIES = 5 + int(os.environ.get("REARGUARD_REPETITIONS", "0")) // 10  # a campaign sits a bad hour out
LATE_EDGE_MS = 12.0  # later than two ticks after the blow: who reads a failure will want to know


class Process(Protocol):
    """A guard, however it was started."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...


class Pi:
    """One device in `folder`. `settings` is the text of its config.toml beyond the sockets."""

    def __init__(self, folder: Path, shim: Path, settings: str = "", persist: bool = True) -> None:
        self.folder = folder
        self.config_path = folder / "config.toml"
        self.config = self._configure(settings)
        self.header = Header(folder / "header.sock", persist, self._transfer)
        self.environment = environment(shim, folder / "header.sock", folder / "root")
        self.button: bool | None = (
            None  # True, False: somebody holds it, or keeps off it; None: the rig's person
        )
        self.unplugged: set[int] = set()
        self.events: list[dict[str, Any]] = []  # what the guard tells a courier
        # It holds the interpreter now and then, and the simulated chips must not wait for it.
        self._courier = Listening(self.config.courier.socket, self._hear, like_hardware)
        self._world: World | Stage = World(self.config, "walk", 1, 3600.0)
        self._seen = 0
        self._nurseries: dict[tuple[str, str], Nursery] = {}
        self._lock = threading.RLock()
        panel = self.config.panel
        for pin in (self.config.relay.readback_pin, panel.stop_pin):
            self.header.wire(pin, partial(self._input, pin))
        self.header.wire(panel.button_pin, self._button)

    # the world, moved on by whoever looks

    def _move(self) -> None:
        history = self.header.history
        while self._seen < len(history):
            level = history[self._seen]
            self._seen += 1
            self._world.advance(level.t_ns)
            self._world.drive(level.pin, level.high, level.t_ns)
        self._world.advance(time.monotonic_ns())

    def _input(self, pin: int) -> bool:
        with self._lock:
            self._move()
            return self._world.levels[pin]

    def _button(self) -> bool:
        rig = self._input(self.config.panel.button_pin)
        return rig if self.button is None else not self.button

    def _transfer(self, messages: Sequence[Message]) -> bytes:
        if any(address in self.unplugged for address, _, _ in messages):
            raise OSError(errno.EREMOTEIO, "not acknowledged")
        with self._lock:
            self._move()
            return self._world.bus.transfer(messages)

    def _hear(self, guard: socket.socket) -> None:
        while message := guard.recv(1 << 20):
            if message[:1] == b"E":
                self.events.append(json.loads(message[9:]))
                guard.send(b"A" + message[1:9])

    def _configure(self, settings: str) -> Config:
        self.config_path.write_text(f'[courier]\nsocket = "{self.folder}/courier.sock"\n{settings}')
        return load(self.config_path)

    def rewire(self, settings: str) -> None:
        """Another safety board, and what the config says of it."""
        self.config = self._configure(settings)
        self._world.contactors = Contactors(self.config.relay.drive == "pulse")

    def put(self, world: World | Stage) -> None:
        """Another world behind the same header. It begins now."""
        with self._lock:
            self._world = world
            self._seen = len(self.header.history)

    def do(self, key: str) -> None:
        """The person on a stage does what set-up asks for."""
        with self._lock:
            self._move()
            assert isinstance(self._world, Stage)
            self._world.do(key)

    def wait(self, seconds: float) -> None:
        """The world goes on, though nobody touches it."""
        time.sleep(seconds)
        with self._lock:
            self._move()

    # what the outside sees

    @property
    def relay_pin(self) -> int:
        return self.config.relay.pin

    def runs(self) -> bool:
        """May the belt move now?"""
        if self.config.relay.drive == "level":
            return self.header.level(self.relay_pin)
        return watchdog.runs(self.header.history, self.relay_pin, time.monotonic_ns())

    def press(self, duration_s: float = 0.15) -> None:
        """A finger on the arming button."""
        self.button = True
        time.sleep(duration_s)
        self.button = False
        time.sleep(0.01)

    def arm(self) -> None:
        """Presses as soon as the lamp invites to it, and waits until the belt may move."""
        self.button = False
        lamp = self.config.panel.lamp_pin

        def invites() -> bool:  # a lamp that a dead guard has left on does not
            return self.header.is_claimed(lamp) and self.header.level(lamp)

        start_s = time.monotonic()
        while not self.runs():
            waited_s = time.monotonic() - start_s
            if waited_s > BUSY_TIMEOUT_S and any(e["cause"] == "late" for e in self.events[-6:]):
                raise Busy(f"always late: {self.events[-3:]}")
            assert waited_s < ARM_TIMEOUT_S, f"never armed: {self.log()} {self.events[-3:]}"
            if self.header.wait_for(invites, 1.0):
                self.press()

    def arm_at_phase(self, wait_s: float) -> None:
        """Armed since `wait_s`. A guard on a busy test machine may stop itself for being late: armed again then."""
        for _ in range(10):
            self.arm()
            time.sleep(wait_s)
            if self.runs():
                return
            assert self.was_late(), self.events[-3:]
        raise Busy(f"always late: {self.events[-3:]}")

    def armed(self, start: Callable[[], Process], wait_s: float) -> Process:
        """A guard, armed since `wait_s`; another one in place of one that this computer holds up."""
        gc.collect()
        gc.freeze()  # the history grows to a million levels: to walk through them all would hold the bus up for 10 ms
        for _ in range(BUSY_TRIES):
            self.events.clear()  # that the one before was late says nothing of this one
            try:
                guard = start()
            except Busy:
                continue
            try:
                self.arm_at_phase(wait_s)
            except BaseException as error:
                end(guard)
                if not isinstance(error, Busy):
                    raise
            else:
                return guard
        raise Busy(f"{BUSY_TRIES} guards, and each was late all the time")

    def armed_again(self, guard: Process, start: Callable[[], Process], wait_s: float) -> Process:
        """The same guard after a stop; another one when this computer holds it up."""
        try:
            self.arm_at_phase(wait_s)
        except Busy:
            end(guard)
            return self.armed(start, wait_s)
        return guard

    def was_late(self) -> bool:
        """Did the guard stop itself because this computer did not let it run in time?"""
        time.sleep(0.1)  # the event is on its way
        causes = [event["cause"] for event in self.events if event["kind"].startswith("stopped")]
        return causes[-1:] == ["late"]

    def drop_after(self, blow: Callable[[], object], timeout_s: float = 2.0) -> Drop:
        """From just before the blow until the belt could not move any more, and stays so."""
        taken_s, start_ns = stolen_s(), time.monotonic_ns()
        blow()
        assert self.header.wait_for(lambda: not self.runs(), timeout_s), "the belt may still move"
        taken_s = stolen_s() - taken_s
        if self.config.relay.drive == "level":
            dropped_ns = next(x.t_ns for x in reversed(self.header.history) if x.pin == self.relay_pin)
        else:
            dropped_ns = watchdog.drop_ns(self.header.history, self.relay_pin)
            edges_ms = [
                (x.t_ns - start_ns) / 1e6 for x in self.header.history[-100:] if x.pin == self.relay_pin
            ]
            if edges_ms[-1] > LATE_EDGE_MS:
                print(f"edges after the blow, ms: {[round(t, 1) for t in edges_ms if t > 0]}")
        return Drop((dropped_ns - start_ns) / 1e6, 1000.0 * taken_s)

    # the guard

    def start(self, stage: str = "-", deed: str = "-") -> subprocess.Popen[bytes]:
        """The real guard as a process of its own, plain `rearguard run` unless one stage of it is sabotaged."""
        sabotage = ("tests.support.pisim.sabotage", stage, deed)
        with (self.folder / "guard.log").open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", *(("firmware_py",) if stage == "-" else sabotage)),
                    *("run", "--config", str(self.config_path)),
                ],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def fork(self, stage: str = "-", deed: str = "-") -> Process:
        """The same without its imports, which another process has done: for thousands of repetitions."""
        if (stage, deed) not in self._nurseries:
            words = (stage, deed, "--config", str(self.config_path))
            self._nurseries[stage, deed] = Nursery(words, self.environment, self.folder / "guard.log")
        return self._nurseries[stage, deed].start()

    def log(self) -> str:
        log = self.folder / "guard.log"
        return log.read_text() if log.exists() else ""

    def close(self) -> None:
        for nursery in self._nurseries.values():
            nursery.close()
        self.header.close()
        self._courier.close()


def end(process: Process) -> None:
    """Ends a guard whatever state it is in."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended, and the word of it is on its way
            os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
