"""Owns the guard's pins when there is no Raspberry Pi: a gpiozero factory whose wires end in the rig's world.

Must never be loaded on a real device: only the hidden `--world` of `rearguard run` does. What the guard drives
is told to the world, what the world drives is read here; nothing waits once the first levels are known.
"""

import socket
import struct
import time
from pathlib import Path
from typing import Any

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

DRIVEN = struct.Struct("<BBq")  # guard -> world: pin, level, t_ns
WIRED = struct.Struct("<BB")  # world -> guard: pin, level


class _WorldPin(MockPin):  # type: ignore[misc]
    """One pin. The mock keeps a history of states without bound; this one tells the world instead."""

    _state: bool

    def _change_state(self, value: bool) -> bool:
        if self._state == value:
            return False
        self._state = value
        if self._function == "output":
            self.factory.drive(self.info.name, value)
        return True

    def _get_state(self) -> bool:
        if self._function == "input":
            self.factory.listen()
            return bool(self.factory.levels.get(self.info.name, self._state))
        return bool(self._state)


class WorldFactory(MockFactory):  # type: ignore[misc]
    """All pins over one socket. Raises OSError when no world listens at `path`."""

    def __init__(self, path: Path, timeout_s: float = 5.0) -> None:
        super().__init__(revision="902120", pin_class=_WorldPin)  # a Zero 2 W
        self.levels: dict[str, bool] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._hear(
            self._socket.recv(4096)
        )  # the levels at power-on: until then a stop button would read pressed
        self._socket.setblocking(False)

    def drive(self, name: str, level: bool) -> None:
        self._socket.send(DRIVEN.pack(int(name.removeprefix("GPIO")), level, time.monotonic_ns()))

    def listen(self) -> None:
        while True:
            try:
                said = self._socket.recv(4096)
            except BlockingIOError:
                return
            if not said:
                raise ConnectionError("the rig's world has gone")
            self._hear(said)

    def _hear(self, said: bytes) -> None:
        for pin, level in WIRED.iter_unpack(said):
            self.levels[f"GPIO{pin}"] = bool(level)

    def close(self) -> None:
        super().close()
        self._socket.close()


def world_pins(path: Path) -> Any:
    """Makes gpiozero use the pins of the world that listens at `path`."""
    Device.pin_factory = WorldFactory(path)
    return Device.pin_factory
