"""Owns how many connections the page holds, and how fast it takes them. Must never take handles that the link, the disk
or an incident needs, and never give strangers all of the processor's time.

A newcomer is let in where there is room; else it takes the place of the connection that has been idle for longest, of
its own address or of the address that holds most. Whoever is being answered, as every viewer is, is not disturbed.
"""

import asyncio
import contextlib
import resource
import socket
from collections import Counter
from collections.abc import Callable
from typing import Protocol

MOST = 256
MOST_PER_ADDRESS = (
    128  # a gym's wall screen and phones behind one router: six connections a browser while it loads
)
BURST = 300  # taken at once: all screens of a gym load the page
TAKEN_PER_S = 100.0  # beyond it strangers wait in the kernel, where they cost nothing
PAUSE_S = 0.1
SHARE = 4  # at most a quarter of the process's handles


class Connection(Protocol):
    """One open connection, as the server's protocol keeps it."""

    @property
    def idle(self) -> bool: ...
    def drop(self) -> None: ...


class Connections:
    """Those that are open, oldest first."""

    def __init__(self, most: int | None = None, most_per_address: int = MOST_PER_ADDRESS) -> None:
        handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = most if most is not None else max(8, min(MOST, handles // SHARE))
        self._most_per_address = min(most_per_address, self._most)
        self._open: dict[Connection, str] = {}
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, new: Connection, address: str) -> bool:
        """False: there is no room for it, and nobody is idle."""
        full_of = ""
        if self._held[address] >= self._most_per_address:
            full_of = address
        elif len(self._open) >= self._most:
            full_of = max(self._held, key=lambda name: self._held[name])
        if full_of and not self._make_room(full_of):
            return False
        self._open[new] = address
        self._held[address] += 1
        return True

    def leave(self, gone: Connection) -> None:
        """Nothing when it is not one of them."""
        address = self._open.pop(gone, None)
        if address is not None:
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]

    def _make_room(self, address: str) -> bool:
        for held, of in self._open.items():
            if of == address and held.idle:
                self.leave(held)
                held.drop()
                return True
        return False


class Pace:
    """How many connections may be taken now: BURST at once, TAKEN_PER_S after that."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._seen_s: float | None = None

    def take(self, now_s: float) -> bool:
        """False: not now."""
        if self._seen_s is not None:
            self._left = min(float(BURST), self._left + (now_s - self._seen_s) * TAKEN_PER_S)
        self._seen_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


async def accept(listening: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
    """Take connections from a listening socket until it is cancelled. It stays open: its owner closes it."""
    loop, pace = asyncio.get_running_loop(), Pace()
    listening.setblocking(False)
    while True:
        if not pace.take(loop.time()):
            await asyncio.sleep(PAUSE_S)
            continue
        try:
            guest, _ = await loop.sock_accept(listening)
        except OSError:  # no handle left, or the caller has gone again
            await asyncio.sleep(PAUSE_S)
            continue
        with contextlib.suppress(OSError):
            await loop.connect_accepted_socket(protocol, guest)
