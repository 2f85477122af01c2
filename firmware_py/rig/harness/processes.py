"""Owns starting and ending our own programs from outside: world, guard, courier, each with its own log.

Must never end a program that it has not started.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from firmware_py.core.wire import FRAME_SIZE, unpack_frame
from firmware_py.guard.link import TICK

GUARD = "firmware_py.rig.harness.guard"
# As its unit would: a computer that holds up the world looks to the guard like a bus that does not answer.
STARTS = 5
START_S = 10.0


class Process(NamedTuple):
    """A program of ours that runs."""

    pid: int
    stdout: IO[bytes]


@contextmanager
def process(log: Path, module: str, *arguments: object, **environment: str) -> Iterator[Process]:
    """Starts `python -m module`, errors to `log`; ends it, by its own id, on the way out."""
    with log.open("wb") as errors:
        it = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            bufsize=0,  # a line is here when select says so
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **environment},
            process_group=0,  # Ctrl-C goes to whoever started it, which ends it in order
        )
        assert it.stdout is not None
        try:
            yield Process(it.pid, it.stdout)
        finally:
            end(it)


def end(it: subprocess.Popen[bytes]) -> None:
    """Asks the program to end; after 5 s it has no choice."""
    it.terminate()
    if it.stdout is not None:
        it.stdout.close()  # it may be waiting for a reader
    try:
        it.wait(5)
    except subprocess.TimeoutExpired:
        it.kill()
        it.wait()


def is_up(guard: Process, sign: socket.socket) -> bool:
    """True once `sign` can be read; False when the guard has ended before, or nothing comes for START_S."""
    # It says nothing on its standard output; what can be heard there is its end.
    readable, _, _ = select.select([sign.fileno(), guard.stdout.fileno()], [], [], START_S)
    return sign.fileno() in readable


def settle(state: Path) -> tuple[Path, int]:
    """A config of its own in `state`, with a free port for the page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    path = state / "config.toml"
    path.write_text(
        f"[courier]\nstate_dir = {json.dumps(str(state))}\nsocket = {json.dumps(str(state / 'courier.sock'))}\n"
        f'device_id = "demo"\n\n[page]\nport = {port}\n'
    )
    return path, port


class RealGuard(NamedTuple):
    """What a guard process was seen to do."""

    late_ns: list[int]
    resident_mb: float
    ready_s: float
    realtime: bool


def real_guard(
    config_file: Path,
    room: Path,
    seconds: float,
    heard: Callable[[int, bytes], None] = lambda _pid, _message: None,
) -> RealGuard:
    """A real guard process in a real world process, for so long. One that ends at its start is started again.

    Raises RuntimeError, with what it said, when none stays or when it ends later.

    `heard` gets the guard's process id and every message after its hello.
    """
    room.mkdir()
    with ExitStack() as held:
        view = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        view.bind(str(room / "view.sock"))
        view.listen(1)
        manager = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        manager.bind(str(room / "notify.sock"))
        world = process(room / "world.log", "firmware_py.rig.harness.world", room, "--config", config_file)
        truths = held.enter_context(world).stdout
        truths.readline()
        arguments = ("--config", config_file, "--world", room)
        notify = {"NOTIFY_SOCKET": str(room / "notify.sock")}
        for _ in range(STARTS):
            start_ns = time.monotonic_ns()
            guard = held.enter_context(process(room / "guard.log", GUARD, *arguments, **notify))
            if is_up(guard, manager):
                break
        else:
            raise RuntimeError((room / "guard.log").read_text())
        ready_s = (time.monotonic_ns() - start_ns) / 1e9
        manager.recv(100)
        guest = held.enter_context(view.accept()[0])
        hello = json.loads(guest.recv(1 << 20)[1:])
        late_ns: list[int] = []
        os.set_blocking(truths.fileno(), False)
        while len(late_ns) < seconds * hello["rate_hz"]:
            message = guest.recv(1 << 20)
            # A world that nobody listens to stands still once its pipe is full, after 11 s.
            truths.read(1 << 16)
            heard(guard.pid, message)
            if message[:1] == TICK:
                late_ns.append(unpack_frame(message[1 : 1 + FRAME_SIZE]).late_ns)
            elif not message:
                raise RuntimeError((room / "guard.log").read_text())
        granted = all(asked["ok"] for asked in hello["realtime"])
        return RealGuard(late_ns, _resident_mb(guard.pid), ready_s, granted)


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024
