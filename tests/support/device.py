"""A whole device in real processes, the courier apart: the rig's world, the real guard, a listener beside the link."""

import contextlib
import json
import os
import select
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_py.core.frame import Decision, Frame
from firmware_py.core.wire import DECISION_SIZE, FRAME_SIZE, unpack_decision, unpack_frame
from firmware_py.rig.harness.processes import GUARD, STARTS, Process, is_up, process


class Device:
    """What the guard sent, tick by tick and event by event, received where the demonstration listens."""

    def __init__(self, guest: socket.socket, world: Process) -> None:
        self._guest = guest
        self._truths = world.stdout
        os.set_blocking(self._truths.fileno(), False)
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
            self._truths.read(1 << 16)  # a world that nobody listens to stands still once its pipe is full
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

    def first(self, kind: str) -> dict[str, Any] | None:
        """The first event of this kind."""
        return next((event for event in self.events if event["kind"] == kind), None)

    @property
    def stop(self) -> dict[str, Any] | None:
        """The first stop, whatever its reason."""
        return self.first("stopped") or self.first("stopped_by_fault")

    def close(self) -> None:
        """Shut down, join, close: the thread must not read from whoever gets the descriptor next."""
        self._guest.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._guest.close()


@contextlib.contextmanager
def device(config: Path, room: Path, scenario: str, steady_s: float) -> Iterator[Device]:
    """The hazard comes when the belt has held its speed for `steady_s`."""
    room.mkdir()
    log = room / "guard.log"
    with contextlib.ExitStack() as held:
        view = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        view.bind(str(room / "view.sock"))
        view.listen(1)
        words = (room, "--config", config, "--scenario", scenario, "--steady-s", steady_s)
        world = held.enter_context(process(room / "world.log", "firmware_py.rig.harness.world", *words))
        # Sensors do not wait for other programs; without the right to that, they may.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(world.pid, os.SCHED_FIFO, os.sched_param(60))
        assert world.stdout.readline(), (room / "world.log").read_text()
        for _ in range(
            STARTS
        ):  # one that ends at once, as beside a busy world, is started again, as by its unit
            guard = held.enter_context(process(log, GUARD, "--config", config, "--world", room))
            if is_up(guard, view):
                break
            print(f"the guard did not start: {log.read_text()}", file=sys.stderr)
        else:
            raise AssertionError(f"the guard does not start: {log.read_text()}")
        it = Device(view.accept()[0], world)
        held.callback(it.close)
        yield it
        assert not select.select([guard.stdout], [], [], 0)[0], log.read_text()  # it has not ended
