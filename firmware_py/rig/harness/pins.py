"""Owns the guard's pins when there is no Raspberry Pi: gpiozero factories whose wires end in the rig's world.

Must never be loaded on a real device: only harness/guard.py and the bench do that. What the guard drives goes to the
world, what the world drives is read here; nothing waits once the levels are known.
"""

import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

DRIVEN = struct.Struct("<BBq")  # guard -> world: pin, level, t_ns
WIRED = struct.Struct("<BB")  # world -> guard: pin, level
ZERO_2_W = "902120"


class Wires(Protocol):
    """What a pin needs of the other end."""

    def drive(self, pin: int, level: bool) -> None: ...
    def levels(self) -> Mapping[int, bool]: ...


class _WirePin(MockPin):  # type: ignore[misc]
    """One pin. The mock keeps a history of states without bound; this one has a wire instead."""

    _state: bool

    def __init__(self, factory: "WireFactory", info: Any) -> None:
        self._number = int(info.name.removeprefix("GPIO"))
        super().__init__(factory, info)

    def _change_state(self, value: bool) -> bool:
        if self._state == value:
            return False
        self._state = value
        if self._function == "output":
            self.factory.wires.drive(self._number, value)
        return True

    def _get_state(self) -> bool:
        if self._function == "input":
            return bool(self.factory.wires.levels().get(self._number, self._state))
        return self._state


class WireFactory(MockFactory):  # type: ignore[misc]
    """Pins with wires."""

    def __init__(self, wires: Wires) -> None:
        super().__init__(revision=ZERO_2_W, pin_class=_WirePin)
        self.wires = wires


class SocketWires:
    """Wires to a world in another process. Raises OSError when none listens at `path`."""

    def __init__(self, path: Path, timeout_s: float = 5.0) -> None:
        self._levels: dict[int, bool] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
            self._take(self._socket.recv(4096))  # until the levels are known a stop button would read pressed
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)

    def drive(self, pin: int, level: bool) -> None:
        self._socket.send(DRIVEN.pack(pin, level, time.monotonic_ns()))

    def levels(self) -> Mapping[int, bool]:
        while True:
            try:
                message = self._socket.recv(4096)
            except BlockingIOError:
                return self._levels
            if not message:
                raise ConnectionError("the rig's world has gone")
            self._take(message)

    def _take(self, message: bytes) -> None:
        for pin, level in WIRED.iter_unpack(message):
            self._levels[pin] = bool(level)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def wired(wires: Wires) -> Iterator[None]:
    """gpiozero uses these wires inside the `with`."""
    before, Device.pin_factory = Device.pin_factory, WireFactory(wires)
    try:
        yield
    finally:
        Device.pin_factory.close()
        Device.pin_factory = before
