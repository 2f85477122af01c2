"""Owns the courier's end of the link to the guard. Must never block on anything but the link itself.

A unix SOCK_SEQPACKET listener: the guard connects; the first byte of a packet is its kind. Either side may restart in
any order; the newest guard replaces an older one. Two kinds go back: `A` (this event is on disk) and `X` (please
stop). There is no third.

Thread: "link" reads, and alone closes what it reads. `acknowledge` and `request_stop` may be called from any thread.
"""

import contextlib
import errno
import json
import logging
import math
import selectors
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from firmware_py.core.frame import Decision, Frame
from firmware_py.core.wire import DECISION_SIZE, FRAME_SIZE, unpack_decision, unpack_frame

log = logging.getLogger(__name__)

TICK_SIZE = FRAME_SIZE + DECISION_SIZE
MAX_PACKET = 1 << 20  # a saved monitor state is tens of kilobytes
SEQ_MAX = 2**63 - 1
JOIN_S = 2.0
REFUSED_S = 0.2
_SEQ = struct.Struct("<Q")


class Listener(Protocol):
    """Receives what the guard sends. Every method is called on the link's thread and must return at once."""

    def hello(self, hello: dict[str, Any]) -> None: ...
    def tick(self, frame: Frame, decision: Decision) -> None: ...
    def event(self, seq: int, raw: bytes) -> None: ...
    def monitor_state(self, state: dict[str, Any]) -> None: ...
    def counters(self, counters: dict[str, Any]) -> None: ...
    def lost(self) -> None: ...


class Receiver:
    """Listens at `path` on a thread of its own and calls `listener` with what arrives."""

    def __init__(self, path: Path, listener: Listener) -> None:
        self._path = path
        self._listener = listener
        self._kinds: dict[int, Callable[[bytes], None]] = {
            ord("T"): self._tick,
            ord("E"): self._event,
            ord("H"): lambda payload: listener.hello(object_of(payload)),
            ord("S"): lambda payload: listener.monitor_state(object_of(payload)),
            ord("C"): lambda payload: listener.counters(object_of(payload)),
        }
        self._guard: socket.socket | None = None
        self._lock = threading.Lock()
        self._wake_r, self._wake_w = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self.refused_packets = self.refused_connections = 0

    def start(self) -> None:
        """Bind and listen. Raises OSError when the path cannot be bound."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(self._path.lstat().st_mode):
                raise FileExistsError(errno.EEXIST, "a file that is no socket is in the way")
            self._path.unlink()
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._server.bind(str(self._path))
            self._path.chmod(0o660)
            self._server.listen(4)
        except OSError:
            self._server.close()
            raise
        self._thread.start()

    def close(self) -> None:
        """Shut down, join, close: while the thread lives, none of its descriptors may go to somebody else."""
        with contextlib.suppress(OSError):  # closed before
            self._wake_w.shutdown(socket.SHUT_WR)
        if self._thread.ident is not None:  # it was started
            self._thread.join(JOIN_S)
            if self._thread.is_alive():
                log.error("link: its thread does not end; its sockets stay open until the process ends")
                return
            with contextlib.suppress(OSError):
                self._path.unlink()
        for end in (self._wake_r, self._wake_w):
            end.close()

    def acknowledge(self, seq: int) -> None:
        """Event `seq` is on disk. Without a guard nothing is sent: it will send the event again."""
        self._send(b"A" + _SEQ.pack(seq))

    def request_stop(self) -> bool:
        """Ask the guard to stop. False when no guard is connected."""
        return self._send(b"X")

    @property
    def listening(self) -> bool:
        return self._thread.is_alive()

    @property
    def connected(self) -> bool:
        return self._guard is not None

    def _send(self, packet: bytes) -> bool:
        with self._lock:
            if self._guard is None:
                return False
            try:
                self._guard.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError:
                return False  # full or gone: the guard sends again what is not acknowledged
            return True

    def _run(self) -> None:
        buffer = bytearray(MAX_PACKET)
        with self._server, selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            selector.register(self._wake_r, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._wake_r:
                        self._hang_up(selector)  # the courier ends, not the guard
                        return
                    if key.fileobj is self._server:
                        self._accept(selector)
                    elif not self._read(buffer):
                        self._drop(selector)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        try:
            connection, _ = self._server.accept()
        except OSError as error:  # no handle left, or the caller has gone again: the guard tries again
            if not self.refused_connections:
                log.error("link: cannot take the guard's connection (%s); trying again", error)
            self.refused_connections += 1
            time.sleep(REFUSED_S)
            return
        self._drop(selector)  # the guard of an older connection has been replaced
        connection.setblocking(False)
        with self._lock:
            self._guard = connection
        selector.register(connection, selectors.EVENT_READ)

    def _drop(self, selector: selectors.BaseSelector) -> None:
        if self._hang_up(selector):
            self._listener.lost()

    def _hang_up(self, selector: selectors.BaseSelector) -> bool:
        """Close the connection; False when there was none."""
        with self._lock:
            gone, self._guard = self._guard, None
        if gone is None:
            return False
        selector.unregister(gone)
        gone.close()
        return True

    def _read(self, buffer: bytearray) -> bool:
        """Take up to 64 packets; False when the guard is gone."""
        guard = self._guard
        if guard is None:
            return True
        for _ in range(64):
            try:
                size = guard.recv_into(buffer)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if size == 0:
                return False
            try:
                self.dispatch(buffer[0], bytes(memoryview(buffer)[1:size]))
            except Exception as error:  # one bad packet must not end the link
                self.refused_packets += 1
                if self.refused_packets in (1, 10, 100, 1000):
                    log.warning(
                        "link: refused a packet of %d bytes: %s. Usually guard and courier of different versions: "
                        "restart both.",
                        size,
                        error,
                    )
        return True

    def dispatch(self, kind: int, payload: bytes) -> None:
        """Pass one packet to the listener. Raises ValueError or struct.error when it is none."""
        if kind not in self._kinds:
            raise ValueError(f"no packet has the kind {kind:#04x}")
        self._kinds[kind](payload)

    def _tick(self, payload: bytes) -> None:
        if len(payload) != TICK_SIZE:
            raise ValueError(f"a tick has {TICK_SIZE} bytes, not {len(payload)}")
        self._listener.tick(unpack_frame(payload[:FRAME_SIZE]), unpack_decision(payload[FRAME_SIZE:]))

    def _event(self, payload: bytes) -> None:
        (seq,) = _SEQ.unpack_from(payload)
        if seq > SEQ_MAX:  # the database cannot take it and would refuse everything behind it
            raise ValueError(f"no guard counts to {seq}")
        self._listener.event(seq, payload[_SEQ.size :])


def object_of(payload: bytes) -> dict[str, Any]:
    """A JSON object whose numbers are finite: what is handed on as JSON must be JSON. Raises ValueError."""
    value = json.loads(payload, parse_float=_finite, parse_constant=_finite)
    if not isinstance(value, dict):
        raise ValueError("a JSON object was expected")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not a finite number")
    return value
