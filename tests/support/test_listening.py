"""Sockets that threads serve: whoever opens one next never gets a caller of the one before."""

import contextlib
import socket
import threading
from pathlib import Path

import pytest

from tests.support.listening import Listening
from tests.support.pisim.header import Header

ROUNDS = 300
OPEN = b"O" + bytes(7)


def call(path: Path, message: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.settimeout(5.0)
        caller.connect(str(path))
        caller.send(message)
        return caller.recv(100)


def test_opened_and_closed_in_a_hurry_it_leaves_no_thread_that_could_take_the_next_ones_caller(
    tmp_path: Path,
) -> None:
    before = threading.active_count()
    for number in range(ROUNDS):
        first = Header(tmp_path / "first.sock")
        if number % 2:  # a thread on its way back to `accept`
            call(tmp_path / "first.sock", OPEN)
        first.close()
        path = tmp_path / f"{number}.sock"
        with (  # the kernel gives it the number of the descriptor that has just been closed
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as second,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller,
        ):
            second.settimeout(5.0)
            second.bind(str(path))
            second.listen(1)
            caller.connect(str(path))
            second.accept()[0].close()
    assert threading.active_count() == before


def test_callers_are_served_side_by_side_and_the_end_waits_for_all_of_them(tmp_path: Path) -> None:
    def echo(guest: socket.socket) -> None:
        while message := guest.recv(100):
            guest.send(message)

    path = tmp_path / "echo.sock"
    before = threading.active_count()
    listening = Listening(path, echo)
    with contextlib.ExitStack() as held:
        callers = [held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) for _ in range(3)]
        for caller in callers:
            caller.connect(str(path))
            caller.send(b"here")
        assert [caller.recv(100) for caller in callers] == [b"here"] * 3
        listening.close()
        assert [caller.recv(100) for caller in callers] == [b""] * 3
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        call(path, b"nobody")


def test_a_caller_that_is_killed_ends_nothing_but_its_own_thread(tmp_path: Path) -> None:
    path = tmp_path / "broken.sock"
    listening = Listening(path, lambda guest: guest.send(guest.recv(100)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(str(path))
        caller.send(b"gone")
    assert call(path, b"still here") == b"still here"
    listening.close()
