"""Owns playing one scenario with a real world and a real guard, and listening to both. Must never judge it.

It listens at the guard's link like a second courier, and to the world's report on its standard output.
"""

import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from firmware_py.core.wire import DECISION_SIZE, FRAME_SIZE, unpack_decision
from firmware_py.guard.link import ACK, EVENT, TICK
from firmware_py.rig.demo.account import Run
from firmware_py.rig.harness.processes import GUARD, is_up, process

STEADY_S = 5.0  # walking at speed before the hazard


def play(run: Run, config_file: Path, room: Path, seconds: float, seed: int) -> Iterator[None]:
    """Plays one scenario; yields whenever there is something new to look at. Raises RuntimeError."""
    room.mkdir()
    with ExitStack() as held:
        listener = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listener.bind(str(room / "view.sock"))
        listener.listen(1)
        world = ("firmware_py.rig.harness.world", room, "--config", config_file, "--seed", seed)
        scenario = ("--scenario", run.scenario.name, "--speed-m-s", run.scenario.demo_speed_m_s)
        truths = held.enter_context(
            process(room / "world.log", *world, *scenario, "--steady-s", STEADY_S)
        ).stdout
        truths.readline()  # the world stands
        guard = held.enter_context(
            process(room / "guard.log", GUARD, "--config", config_file, "--world", room)
        )
        if not is_up(guard, listener):
            raise RuntimeError(f"demo: the guard does not start:\n{(room / 'guard.log').read_text()}")
        guest = held.enter_context(listener.accept()[0])
        person = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        person.connect(str(room / "person.sock"))
        while not run.over(seconds):
            ready, _, _ = select.select([guest.fileno(), truths.fileno()], [], [])
            if guest.fileno() in ready and not _listen(guest, run):
                raise RuntimeError(f"demo: the guard has ended:\n{(room / 'guard.log').read_text()}")
            if truths.fileno() in ready:
                line = truths.readline()
                if not line:
                    raise RuntimeError(f"demo: the world has ended:\n{(room / 'world.log').read_text()}")
                run.saw(json.loads(line))
                if run.leaves(seconds):  # a guard that ends in the middle of a walk would be an incident
                    person.send(b'{"stop": true}')
                yield


def _listen(guest: socket.socket, run: Run) -> bool:
    """One message of the guard. False when it has gone."""
    message = guest.recv(1 << 20)
    if message[:1] == TICK:
        run.decided(unpack_decision(message[1 + FRAME_SIZE : 1 + FRAME_SIZE + DECISION_SIZE]))
    elif message[:1] == EVENT:
        run.heard(json.loads(message[9:]))
        guest.send(ACK + message[1:9])
    return bool(message)
