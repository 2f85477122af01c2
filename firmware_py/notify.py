"""Owns the messages of both processes to systemd (sd_notify). Must never wait, nor fail when nobody listens."""

import os
import socket


class ServiceManager:
    """Reports to systemd when it started this process; does nothing otherwise."""

    def __init__(self, address: str | None) -> None:
        """`address` is NOTIFY_SOCKET; a leading @ is the abstract namespace."""
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address
        self._socket = (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) if address else None
        )

    @classmethod
    def of_this_process(cls) -> "ServiceManager":
        return cls(os.environ.get("NOTIFY_SOCKET"))

    def send(self, *lines: str) -> None:
        """READY=1, WATCHDOG=1, STOPPING=1, STATUS=... A manager that does not listen changes nothing here."""
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
