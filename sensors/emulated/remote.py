"""Owns an emulated bus between two processes: one request, one answer, over a unix SOCK_SEQPACKET socket.

The side with the chips calls `handle(connection, bus)` whenever `connection` is readable (advance the bus
first); the side with the drivers uses `Bus(RemoteBus.connect(path))`. Must never start a thread.

A request is a number and the messages of one transfer: address, flags, length, and the bytes of a write.
An answer is the same number, an errno (0: fine) and the bytes of the reads.
"""

import socket
import time
from collections.abc import Sequence
from struct import Struct
from struct import error as struct_error
from typing import Any, Self

from sensors.emulated.bus import I2C_M_RD, EmulatedBus, Message, run_i2c_msgs

_REQUEST = Struct("<I")
_MESSAGE = Struct("<HHH")
_ANSWER = Struct("<Ii")
MAX_BYTES = 65536
EINVAL, ENODEV, ETIMEDOUT = 22, 19, 110


def handle(connection: socket.socket, bus: EmulatedBus) -> bool:
    """Answers the one request that waits on `connection`. False when the other side has gone."""
    try:
        request = connection.recv(MAX_BYTES)
        if not request:
            return False
        connection.send(_answer(request, bus))
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def _answer(request: bytes, bus: EmulatedBus) -> bytes:
    try:
        (number,) = _REQUEST.unpack_from(request)
    except struct_error:
        return _ANSWER.pack(0, EINVAL)
    try:
        return _ANSWER.pack(number, 0) + bus.transfer(_messages(request))
    except struct_error:
        return _ANSWER.pack(number, EINVAL)
    except OSError as error:
        return _ANSWER.pack(number, error.errno or ENODEV)


def _messages(request: bytes) -> list[Message]:
    messages: list[Message] = []
    at = _REQUEST.size
    while at < len(request):
        address, flags, length = _MESSAGE.unpack_from(request, at)
        at += _MESSAGE.size
        if flags & I2C_M_RD:
            messages.append((address, b"", length))
        else:
            messages.append((address, request[at : at + length], 0))
            at += length
    return messages


class RemoteBus:
    """A bus in another process, in the shape of smbus2.SMBus. Waits at most `timeout_s` for an answer.

    A bus that times out in the other process costs `timeout_s` here, as it does in the kernel.
    """

    fd = None

    def __init__(self, connection: socket.socket, timeout_s: float = 0.01) -> None:
        self._socket = connection
        self._socket.settimeout(timeout_s)
        self._timeout_s = timeout_s
        self._number = 0

    @classmethod
    def connect(cls, path: str, timeout_s: float = 0.01) -> Self:
        """The bus that listens at `path`. Raises OSError when none does."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            raise
        return cls(connection, timeout_s)

    def transfer(self, messages: Sequence[Message]) -> bytes:
        """One transfer, START to STOP. Raises OSError as the kernel does; ETIMEDOUT when no answer comes."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        parts = [_REQUEST.pack(self._number)]
        for address, data, n in messages:
            parts.append(_MESSAGE.pack(address, I2C_M_RD if n else 0, n or len(data)))
            parts.append(data)
        try:
            self._socket.send(b"".join(parts))
            answer = self._receive()
        except TimeoutError as error:
            raise OSError(ETIMEDOUT, "no answer") from error
        _, errno = _ANSWER.unpack_from(answer)
        if errno == ETIMEDOUT:
            time.sleep(self._timeout_s)
        if errno:
            raise OSError(errno, "remote")
        if len(answer) - _ANSWER.size != sum(n for _, _, n in messages):
            raise OSError(5, "answer of the wrong length")
        return answer[_ANSWER.size :]

    def i2c_rdwr(self, *i2c_msgs: Any) -> None:
        """smbus2's combined transfer: fills the buffers of the read messages."""
        run_i2c_msgs(self.transfer, i2c_msgs)

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def _receive(self) -> bytes:
        # An answer that arrives too late for its own request is skipped; the socket's timeout is the bound.
        while True:
            answer = self._socket.recv(MAX_BYTES)
            if len(answer) < _ANSWER.size:
                raise OSError(ENODEV, "the other side has gone")
            if _ANSWER.unpack_from(answer)[0] == self._number:
                return answer
