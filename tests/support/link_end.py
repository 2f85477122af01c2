"""The courier's end of the link, as simple as possible: it listens, reads when it is asked to, and may die."""

import contextlib
import socket
from pathlib import Path


class LinkEnd:
    """Nothing waits: a guard that has not connected, or sent nothing, has sent no messages."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._listener.setblocking(False)
        self._guard: socket.socket | None = None

    def messages(self, most: int = 1 << 30) -> list[bytes]:
        """What has come since the last look, at most so many."""
        found: list[bytes] = []
        with contextlib.suppress(BlockingIOError):
            if self._guard is None:
                self._guard, _ = self._listener.accept()
                self._guard.setblocking(False)
            while len(found) < most and (message := self._guard.recv(1 << 20)):
                found.append(message)
        return found

    def say(self, message: bytes) -> None:
        assert self._guard is not None
        self._guard.send(message)

    def ack(self, seq: int) -> None:
        self.say(b"A" + seq.to_bytes(8, "little"))

    def hang_up(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def die(self) -> None:
        self._listener.close()
        self.hang_up()
