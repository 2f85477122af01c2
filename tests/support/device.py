"""A whole device in real processes, the courier apart: the rig's world, the real guard, and an ear beside the link."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_py.core.frame import Decision, Frame
from firmware_py.core.wire import DECISION_SIZE, FRAME_SIZE, unpack_decision, unpack_frame
from firmware_py.rig.harness.processes import end

ROOT = Path(__file__).parents[2]
START_S = 20.0
STARTS = 4


class Device:
    """What the guard said, tick by tick and event by event, heard at the place where the demonstration listens."""

    def __init__(self, guest: socket.socket) -> None:
        self._guest = guest
        self.frames: list[Frame] = []
        self.decisions: list[Decision] = []
        self.events: list[dict[str, Any]] = []
        self.counters: dict[str, Any] = {}
        self.boot_id = ""
        self.state: dict[str, Any] = {}  # the monitor's, before the first frame
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while message := self._guest.recv(1 << 20):
            kind, payload = message[:1], message[1:]
            if kind == b"T":
                self.frames.append(unpack_frame(payload[:FRAME_SIZE]))
                self.decisions.append(unpack_decision(payload[FRAME_SIZE : FRAME_SIZE + DECISION_SIZE]))
            elif kind == b"E":
                self.events.append(json.loads(payload[8:]))
                with contextlib.suppress(ConnectionError):  # the guard has just ended
                    self._guest.send(b"A" + payload[:8])
            elif kind == b"H":
                self.boot_id = json.loads(payload)["boot_id"]
            elif kind == b"S" and not self.state:
                self.state = json.loads(payload)
            elif kind == b"C":
                self.counters = json.loads(payload)

    def told(self, kind: str) -> dict[str, Any] | None:
        """The first event of this kind."""
        return next((event for event in self.events if event["kind"] == kind), None)

    @property
    def stop(self) -> dict[str, Any] | None:
        """The first stop, whatever its reason."""
        return self.told("stopped") or self.told("stopped_by_fault")

    def ended(self) -> None:
        self._thread.join(5)


def _start(log: Path, *arguments: object) -> subprocess.Popen[bytes]:
    with log.open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, cwd=ROOT,
        )  # fmt: skip


def _guard(config: Path, room: Path, view: socket.socket) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The guard and its link. One that ends at once, as beside a busy world, is started again, as by its unit."""
    log = room / "guard.log"
    for _ in range(STARTS):
        guard = _start(log, "firmware_py.rig.harness.guard", "--config", config, "--world", room)
        deadline_s = time.monotonic() + START_S
        while guard.poll() is None and time.monotonic() < deadline_s:
            with contextlib.suppress(TimeoutError):
                return guard, view.accept()[0]
        end(guard)
        print(f"the guard did not start: {log.read_text()}", file=sys.stderr)
    raise AssertionError(f"the guard does not start: {log.read_text()}")


@contextlib.contextmanager
def device(config: Path, room: Path, scenario: str, steady_s: float) -> Iterator[Device]:
    """The hazard comes when the belt has held its speed for `steady_s`."""
    room.mkdir()
    with contextlib.ExitStack() as held:
        view = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        view.bind(str(room / "view.sock"))
        view.listen(1)
        view.settimeout(0.1)
        world = ("firmware_py.rig.harness.world", room, "--config", config, "--scenario", scenario)
        treadmill = _start(room / "world.log", *world, "--steady-s", steady_s)
        held.callback(end, treadmill)
        # Sensors do not wait for other programs; without the right to that, they may.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(treadmill.pid, os.SCHED_FIFO, os.sched_param(60))
        deadline_s = time.monotonic() + START_S
        while not (room / "pins.sock").exists():
            assert time.monotonic() < deadline_s, (room / "world.log").read_text()
            time.sleep(0.02)
        guard, guest = _guard(config, room, view)
        held.callback(end, guard)
        os.set_blocking(guest.fileno(), True)
        with guest:
            it = Device(guest)
            try:
                yield it
                assert guard.poll() is None, (room / "guard.log").read_text()
            finally:
                end(guard)  # before its socket is closed under the thread that listens
                it.ended()
