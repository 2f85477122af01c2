"""Serves one Unix socket on threads of its own. Must never close a descriptor that a thread still waits on.

The kernel gives a closed descriptor's number to the next socket of the process: a thread that was about to accept
would then take that socket's caller. So the end is: shut down, join, close.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

JOIN_S = 10.0


class Listening:
    """Calls `serve` with each caller, on a thread for each, until `close`. `begin` runs first on every thread."""

    def __init__(
        self,
        path: Path | str,
        serve: Callable[[socket.socket], object],
        begin: Callable[[], object] = lambda: None,
        mode: int = 0o600,
    ) -> None:
        path = Path(path)
        path.unlink(missing_ok=True)
        self._serve, self._begin = serve, begin
        self._guests: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        path.chmod(mode)
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        self._begin()
        while True:
            try:
                guest, _ = self._listener.accept()
            except OSError:  # shut down
                return
            thread = threading.Thread(target=self._meet, args=(guest,), daemon=True)
            with self._lock:
                self._guests[thread] = guest
            thread.start()

    def _meet(self, guest: socket.socket) -> None:
        self._begin()
        try:
            with contextlib.suppress(OSError):  # the caller was killed, or we shut down
                self._serve(guest)
        finally:
            with self._lock:
                del self._guests[threading.current_thread()]
            guest.close()

    def close(self) -> None:
        """Ends every thread, then closes what it waited on."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(JOIN_S)
        with self._lock:
            guests = dict(self._guests)
            for guest in guests.values():
                with contextlib.suppress(OSError):  # its caller has gone already
                    guest.shutdown(socket.SHUT_RDWR)
        for thread in guests:
            thread.join(JOIN_S)
        assert not any(thread.is_alive() for thread in (self._thread, *guests)), "a thread still serves"
        self._listener.close()
