"""Owns the guard's end of the socket to the courier: bounded, never waits, survives a restart of either side.

Must never make the relay run: the courier can send "this event is on disk" and "please stop", nothing else.
One message is one byte of type and a payload; firmware_py/courier/receiver.py holds the other end.
"""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from firmware_py.core.events import Event
from firmware_py.core.frame import Decision, Frame
from firmware_py.core.wire import pack_decision, pack_frame

HELLO, TICK, EVENT, STATE, COUNTERS = b"H", b"T", b"E", b"S", b"C"
ACK, STOP = b"A", b"X"
EVENTS_KEPT = 512  # a stop makes about five; beyond this the oldest are dropped and counted
RETRY_NS = 1_000_000_000
RESEND_NS = 2_000_000_000  # the courier may be slow to write: repeat, but not often
# After lost ticks the courier gets the whole state again, not more often than this.
STATE_NS = 1_000_000_000
RESEND_AT_ONCE = 16  # the next batch when this one is acknowledged; a full socket takes the rest later
HEARD_AT_ONCE = 8

State = Callable[[], Mapping[str, Any]]  # makes the monitor's state; costs much more than a tick


class Link:
    """`update` once a tick. Events are kept until the courier has them; ticks are dropped when there is no room."""

    def __init__(self, path: str, hello: Mapping[str, Any]) -> None:
        self._path = path
        self._hello = HELLO + json.dumps(hello).encode()
        self._socket: socket.socket | None = None
        self._asked_ns = -RETRY_NS
        self._seq = 0
        self._pending: dict[int, bytes] = {}  # seq -> message, oldest first
        self._backlog = 0  # events up to this one were sent before the courier connected
        self._resent = 0  # the newest event of the last batch
        self._resent_ns = 0
        self._missed = False  # the courier missed a tick since it last got the state
        self.behind = False  # ... and gets ticks again: send the state
        self._state_ns = 0
        self._reset_was = False
        self.connects = 0
        self.dropped_ticks = 0
        self.dropped_events = 0

    def update(self, frame: Frame, decision: Decision, events: Sequence[Event], state: State) -> bool:
        """Everything of one tick. True when the courier asks for a stop.

        A replay starts from a state: the courier gets one when it connects, at a press while stopped, and after
        ticks that it missed.
        """
        pressed = frame.reset_pressed and not self._reset_was and not decision.run
        self._reset_was = frame.reset_pressed
        if self.connect(frame.t_ns):
            self.state(state())
        else:
            self.tick(frame, decision)
        for event in events:
            self.event(event)
        if (pressed or self.behind) and self.connected:
            self.state(state())
        return self.poll(frame.t_ns)

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def connect(self, t_ns: int) -> bool:
        """Tries once a second. True when it has just connected: hello and the kept events are sent, now `state`."""
        if self._socket is not None or t_ns - self._asked_ns < RETRY_NS:
            return False
        self._asked_ns = t_ns
        attempt = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            attempt.connect(self._path)
        except OSError:  # not there, not listening, or its queue is full: the next second will do
            attempt.close()
            return False
        self._socket = attempt
        self._backlog = self._seq
        self._missed, self._state_ns = False, t_ns
        self.connects += 1
        if not self._send(self._hello):
            self.close()
            return False
        self._resend(t_ns)
        return True

    def tick(self, frame: Frame, decision: Decision) -> None:
        """One tick, if there is room for it now."""
        if self._socket is None or not self._send(TICK + pack_frame(frame) + pack_decision(decision)):
            self.dropped_ticks += 1
            self._missed = True
        elif self._missed and frame.t_ns - self._state_ns >= STATE_NS:
            self._missed, self._state_ns = False, frame.t_ns
            self.behind = True

    def event(self, event: Event) -> None:
        """Kept until acknowledged, over restarts of the courier; the newest EVENTS_KEPT of them."""
        self._seq += 1
        fields = {
            **event._asdict(),
            "cause": None if event.cause is None else event.cause.value,
            "seq": self._seq,
        }
        message = EVENT + self._seq.to_bytes(8, "little") + json.dumps(fields).encode()
        if len(self._pending) >= EVENTS_KEPT:
            del self._pending[next(iter(self._pending))]
            self.dropped_events += 1
        if not self._pending:
            self._resent_ns = event.t_ns  # the wait for the oldest one begins
        self._pending[self._seq] = message
        if self._socket is not None:
            self._send(message)

    def state(self, state: Mapping[str, Any]) -> None:
        """The monitor's state, from which a replay of the ticks that follow can start."""
        self.behind = False
        if self._socket is not None and not self._send(STATE + json.dumps(state).encode()):
            self._missed = True

    def counters(self, counters: Mapping[str, Any]) -> None:
        own = {"dropped_ticks": self.dropped_ticks, "dropped_events": self.dropped_events,
               "pending_events": len(self._pending), "connects": self.connects}  # fmt: skip
        if self._socket is not None:
            self._send(COUNTERS + json.dumps({**counters, **own}).encode())

    def poll(self, t_ns: int) -> bool:
        """Reads the courier's messages; sends again what it has not acknowledged. True when it asks for a stop."""
        stop = False
        for _ in range(HEARD_AT_ONCE):  # a courier that floods us is read slowly
            if self._socket is None:
                break
            try:
                message = self._socket.recv(64)
            except BlockingIOError:
                break
            except OSError:
                message = b""
            if message[:1] == ACK and len(message) == 9:
                self._pending.pop(int.from_bytes(message[1:], "little"), None)
            elif message == STOP:
                stop = True
            elif not message:
                self.close()
        if self._pending and self._socket is not None:
            oldest = next(iter(self._pending))
            if self._resent < oldest <= self._backlog or t_ns - self._resent_ns >= RESEND_NS:
                self._resend(t_ns)
        return stop

    def _resend(self, t_ns: int) -> None:
        self._resent_ns = t_ns
        for seq, message in list(islice(self._pending.items(), RESEND_AT_ONCE)):
            if not self._send(message):
                return
            self._resent = seq

    def _send(self, message: bytes) -> bool:
        assert self._socket is not None
        try:
            self._socket.send(message)
        except BlockingIOError:
            return False
        except OSError:  # the courier has gone; the ticks go on
            self.close()
            return False
        return True

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
