"""Owns the simulated Pi header: GPIO lines with pulls and history, and an I2C bus with chips and faults on it.

Serves the programs that run under pishim.c. Must never decide what a level means: watchdog.py and the tests do.
"""

import contextlib
import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.listening import Listening

SHIM_SOURCE = Path(__file__).with_name("pishim.c")
LINES = 54
PULLED_UP_AT_RESET = range(9)  # BCM283x: GPIO 0-8 up, the others down

# <linux/gpio.h>, GPIO_V2_LINE_FLAG_*
USED = 1 << 0
INPUT = 1 << 2
OUTPUT = 1 << 3
PULL_UP = 1 << 8
PULL_DOWN = 1 << 9
ATTRIBUTE_OUTPUT_VALUES = 2
READ = 0x0001  # <linux/i2c.h>, I2C_M_RD

Reply = tuple[int, bytes]
Message = tuple[int, bytes, int]  # address, bytes to write, bytes to read (0: a write)
Transfer = Callable[[Sequence[Message]], bytes]  # one I2C transfer; OSError with the errno of a Pi's kernel


def like_hardware() -> None:
    """Hardware does not wait for other programs; without the right to that, this thread may. Children are ordinary."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(60))


def nobody(_: Sequence[Message]) -> bytes:
    """A bus with no chip on it."""
    raise OSError(errno.EREMOTEIO, "not acknowledged")


class Level(NamedTuple):
    """One line took this level at this time."""

    t_ns: int
    pin: int
    high: bool


class BusWires:
    """GPIO 2 and 3 as `pinctrl` sees them, and a chip that holds SDA low until it has seen `held` clocks."""

    SDA, SCL = 2, 3

    def __init__(self) -> None:
        self.held = 0
        self.function = {self.SDA: "a0", self.SCL: "a0"}
        self.said: list[str] = []

    def work(self) -> bool:
        """Does a transfer of the controller reach the chips?"""
        return not self.held and set(self.function.values()) == {"a0"}

    def pinctrl(self, words: str) -> str:
        self.said.append(words)
        verb, pin, *rest = words.split()
        if verb == "get":
            low = self.function[int(pin)] == "op dl" or (int(pin) == self.SDA and self.held > 0)
            return f"{pin:>2}: {self.function[int(pin)]}    pu | {'lo' if low else 'hi'} // GPIO{pin}\n"
        function = " ".join(word for word in rest if word != "pu")
        rises = self.function[int(pin)] == "op dl" and function != "op dl"
        if int(pin) == self.SCL and rises and self.function[self.SDA] != "op dl":
            self.held = max(0, self.held - 1)
        self.function[int(pin)] = function
        return ""


class Header:
    """`persist`: a dead program's outputs stay as they were, like a Pi kernel's without `strict_gpiod`."""

    def __init__(self, path: Path, persist: bool = True, transfer: Transfer = nobody) -> None:
        self.persist = persist
        self.transfer = transfer
        self.history: list[Level] = []
        self.stuck = False  # SDA held low: every transfer ends in a timeout
        self.wires = BusWires()
        self.changed = threading.Condition(threading.RLock())
        self._out = [False] * LINES
        self._value = [False] * LINES
        self._pull = [pin in PULLED_UP_AT_RESET for pin in range(LINES)]
        self._wired: dict[int, Callable[[], bool]] = {}
        self._user: dict[int, bytes] = {}
        self._seen = [self.level(pin) for pin in range(LINES)]
        self._listening = Listening(
            path, lambda guest: _Connection(self, guest).serve(), like_hardware, mode=0o666
        )

    def level(self, pin: int) -> bool:
        if self._out[pin]:
            return self._value[pin]
        wired = self._wired.get(pin)
        return self._pull[pin] if wired is None else wired()

    def is_output(self, pin: int) -> bool:
        return self._out[pin]

    def is_claimed(self, pin: int) -> bool:
        """Does a living program hold this line?"""
        return pin in self._user

    def wire(self, pin: int, level: Callable[[], bool] | None) -> None:
        """What the outside world drives this pin to; None: nothing is connected."""
        with self.changed:
            if level is None:
                self._wired.pop(pin, None)
            else:
                self._wired[pin] = level
            self._note(pin)

    def wait_for(self, truth: Callable[[], bool], timeout_s: float) -> bool:
        """Waits until `truth` holds; asked again at every level change and every 5 ms."""
        deadline_s = time.monotonic() + timeout_s
        with self.changed:
            while not truth():
                if time.monotonic() > deadline_s:
                    return False
                self.changed.wait(0.005)
        return True

    def close(self) -> None:
        self._listening.close()

    def _note(self, pin: int) -> None:
        level = self.level(pin)
        if level != self._seen[pin]:
            self._seen[pin] = level
            self.history.append(Level(time.monotonic_ns(), pin, level))
            self.changed.notify_all()


class _Connection:
    """One opened device or one requested line set of one program; its end is the descriptor's end."""

    def __init__(self, header: Header, connection: socket.socket) -> None:
        self._header = header
        self._socket = connection
        self._lines: list[int] = []
        self._timeout_s = 1.0  # the adapter's own default: a program that never asks hangs this long

    def serve(self) -> None:
        answers: dict[str, Callable[[bytes], Reply]] = {
            "O": lambda _: (0, b""),
            "C": self._chip_info,
            "I": self._line_info,
            "L": self._request_lines,
            "F": self._configure,
            "S": self._set_values,
            "G": self._get_values,
            "R": self._let_go,
            "T": self._set_timeout,
            "X": self._transfer,
            "M": self._pinctrl,
        }
        try:
            while message := self._socket.recv(65536):
                result, data = answers[chr(message[0])](message[8:])
                self._socket.send(struct.pack("i", result) + data)
        finally:
            self._release()

    def _release(self) -> None:
        header = self._header
        with header.changed:
            for pin in self._lines:
                header._user.pop(pin, None)
                if not header.persist:
                    header._out[pin] = False
                header._note(pin)
            header.changed.notify_all()

    def _let_go(self, _: bytes) -> Reply:
        self._release()
        self._lines = []
        return 0, b""

    def _chip_info(self, _: bytes) -> Reply:
        return 0, struct.pack("32s32sI", b"gpiochip0", b"pinctrl-bcm2711", LINES)

    def _line_info(self, data: bytes) -> Reply:
        header = self._header
        (pin,) = struct.unpack_from("I", data, 64)
        if pin >= LINES:
            return -errno.EINVAL, b""
        flags = (OUTPUT if header._out[pin] else INPUT) | (USED if pin in header._user else 0)
        line = struct.pack("32s32sIIQ", b"GPIO%d" % pin, header._user.get(pin, b""), pin, 0, flags)
        return 0, line.ljust(256, b"\0")

    def _request_lines(self, data: bytes) -> Reply:
        (count,) = struct.unpack_from("I", data, 256 + 32 + 272)
        pins = struct.unpack_from(f"{count}I", data)
        with self._header.changed:
            if any(pin >= LINES for pin in pins):
                return -errno.EINVAL, b""
            if any(pin in self._header._user for pin in pins):
                return -errno.EBUSY, b""
            self._lines = list(pins)
            self._header._user.update(dict.fromkeys(pins, data[256:288]))
            return self._configure(data[288 : 288 + 272])

    def _configure(self, data: bytes) -> Reply:
        header = self._header
        flags, attributes = struct.unpack_from("QI", data)
        values = 0
        for i in range(attributes):
            kind, _, value, mask = struct.unpack_from("IIQQ", data, 32 + 24 * i)
            if kind == ATTRIBUTE_OUTPUT_VALUES:
                values = value & mask
        with header.changed:
            for i, pin in enumerate(self._lines):
                if flags & (PULL_UP | PULL_DOWN):
                    header._pull[pin] = bool(flags & PULL_UP)
                if flags & OUTPUT:
                    header._out[pin], header._value[pin] = True, bool(values >> i & 1)
                elif flags & INPUT:
                    header._out[pin] = False
                header._note(pin)
        return 0, b""

    def _set_values(self, data: bytes) -> Reply:
        bits, mask = struct.unpack_from("QQ", data)
        with self._header.changed:
            for i, pin in enumerate(self._lines):
                if mask >> i & 1:
                    self._header._value[pin] = bool(bits >> i & 1)
                    self._header._note(pin)
        return 0, b""

    def _get_values(self, data: bytes) -> Reply:
        _, mask = struct.unpack_from("QQ", data)
        with self._header.changed:
            bits = sum(self._header.level(pin) << i for i, pin in enumerate(self._lines) if mask >> i & 1)
        return 0, struct.pack("QQ", bits, mask)

    def _pinctrl(self, data: bytes) -> Reply:
        return 0, self._header.wires.pinctrl(data.decode()).encode()

    def _set_timeout(self, data: bytes) -> Reply:
        self._timeout_s = struct.unpack("Q", data)[0] * 0.01
        return 0, b""

    def _transfer(self, data: bytes) -> Reply:
        if self._header.stuck or not self._header.wires.work():
            time.sleep(self._timeout_s)
            return -errno.ETIMEDOUT, b""
        at = 0
        messages: list[Message] = []
        while at < len(data):
            address, flags, length = struct.unpack_from("HHH", data, at)
            at += 6
            if flags & READ:
                messages.append((address, b"", length))
            else:
                messages.append((address, data[at : at + length], 0))
                at += length
        try:
            return 0, self._header.transfer(messages)
        except OSError as error:
            return -(error.errno or errno.EIO), b""


def environment(shim: Path, socket_path: Path, root: Path) -> dict[str, str]:
    """The variables under which a program believes that it runs on a Pi 4."""
    revision = root / "proc/device-tree/system/linux,revision"
    revision.parent.mkdir(parents=True, exist_ok=True)
    revision.write_bytes(struct.pack(">I", 0xC03111))
    return {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "PISIM_SOCK": str(socket_path),
        "PISIM_ROOT": str(root),
        "LG_WD": str(root),
    }
