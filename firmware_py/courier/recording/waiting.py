"""Owns the small waiting room between the link and slow storage: bounded, first in first out, counts what it drops.

Must never make the one who brings something wait.
"""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """At most `room` things wait; while it is full, what comes is dropped and counted in `dropped`."""

    def __init__(self, room: int) -> None:
        self._things: deque[T] = deque()
        self._room = room
        self._ready = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, thing: T) -> bool:
        with self._ready:
            if len(self._things) >= self._room:
                self.dropped += 1
                return False
            self._things.append(thing)
            if len(self._things) == 1:
                self._ready.notify()
            return True

    def take(self, timeout_s: float, at_most: int = 256) -> list[T]:
        """What waits, oldest first; an empty list after `timeout_s` or when closed."""
        with self._ready:
            if not self._things and not self._closed:
                self._ready.wait(timeout_s)
            return [self._things.popleft() for _ in range(min(at_most, len(self._things)))]

    def close(self) -> None:
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    @property
    def finished(self) -> bool:
        with self._ready:
            return self._closed and not self._things
