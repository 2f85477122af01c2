import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_py.core.events import Event
from firmware_py.core.frame import Cause, Decision, Frame
from firmware_py.core.wire import pack_decision, pack_frame
from firmware_py.courier import receiver as receiver_module
from firmware_py.courier.receiver import Receiver
from tests.support.fake_guard import FakeGuard, decision, frame

TICK = b"T" + pack_frame(frame(1)) + pack_decision(decision(1))
EVENT = Event("armed", 1, None, "", 0.0, 0.0, None, None)


class Received:
    """Keeps what the link receives; `until` waits for it."""

    def __init__(self) -> None:
        self.packets: list[tuple[str, Any]] = []
        self._news = threading.Condition()

    def _note(self, what: str, value: Any) -> None:
        with self._news:
            self.packets.append((what, value))
            self._news.notify_all()

    def until(self, what: str, times: int = 1) -> list[Any]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.of(what)) >= times, 5), (what, self.packets[-5:])
            return self.of(what)

    def of(self, what: str) -> list[Any]:
        return [value for kind, value in self.packets if kind == what]

    def hello(self, hello: dict[str, Any]) -> None:
        self._note("hello", hello)

    def tick(self, frame: Frame, decision: Decision) -> None:
        self._note("tick", (frame, decision))

    def event(self, seq: int, raw: bytes) -> None:
        self._note("event", (seq, json.loads(raw)))

    def monitor_state(self, state: dict[str, Any]) -> None:
        self._note("state", state)

    def counters(self, counters: dict[str, Any]) -> None:
        self._note("counters", counters)

    def lost(self) -> None:
        self._note("lost", None)


@pytest.fixture
def link(tmp_path: Path) -> Iterator[tuple[Receiver, Received, str]]:
    received = Received()
    receiver = Receiver(tmp_path / "c.sock", received)
    receiver.start()
    yield receiver, received, str(tmp_path / "c.sock")
    receiver.close()


def connect(path: str) -> socket.socket:
    guard = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    guard.connect(path)
    return guard


def test_everything_the_guard_sends_arrives(link: tuple[Receiver, Received, str]) -> None:
    _, received, path = link
    guard = FakeGuard(path)
    guard.tick(frame(1), decision(1, warning=Cause.DRIFT_REAR))
    guard.link.state({"a": [1, 2]})
    guard.counters()
    assert received.until("hello")[0]["boot_id"] == guard.boot_id
    assert received.until("tick") == [(frame(1), decision(1, warning=Cause.DRIFT_REAR))]
    kinds = [event["kind"] for _, event in received.until("event", 4)[:4]]
    assert kinds == ["armed", "warning", "walking", "health_changed"]
    assert received.until("state") == [{"a": [1, 2]}]
    assert received.until("counters")[0]["dropped_ticks"] == 0
    guard.link.close()
    received.until("lost")


def test_an_acknowledged_event_is_not_sent_again_and_others_are(link: tuple[Receiver, Received, str]) -> None:
    receiver, received, path = link
    guard = FakeGuard(path)
    guard.link.connect(0)
    guard.send(EVENT)
    guard.send(EVENT)
    received.until("event", 2)
    receiver.acknowledge(1)
    receiver.acknowledge(1)  # twice does no harm
    deadline_s = time.monotonic() + 5
    while 1 in guard.unacknowledged and time.monotonic() < deadline_s:
        guard.link.poll(3_000_000_000)
    guard.link.poll(6_000_000_000)
    assert {seq for seq, _ in received.until("event", 3)[2:]} == {2}
    guard.link.close()


def test_a_guard_that_starts_again_takes_the_place_of_the_old_one(
    link: tuple[Receiver, Received, str],
) -> None:
    receiver, received, path = link
    old = connect(path)
    old.send(TICK)
    received.until("tick")
    new = connect(path)
    new.send(TICK)
    received.until("tick", 2)
    assert received.of("lost") == [None]
    assert old.recv(10) == b""
    assert receiver.request_stop()
    assert new.recv(10) == b"X"
    for guard in (old, new):
        guard.close()


def test_a_link_that_is_closed_hangs_up_and_calls_nobody_lost(tmp_path: Path) -> None:
    received = Received()
    receiver = Receiver(tmp_path / "c.sock", received)
    receiver.start()
    with connect(str(tmp_path / "c.sock")) as guard:
        guard.send(b"H{}")
        received.until("hello")
        receiver.close()
        assert guard.recv(1) == b""
    assert received.of("lost") == []
    assert not receiver.connected


def test_a_link_whose_thread_is_held_up_closes_its_sockets_itself_and_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_module, "JOIN_S", 0.05)
    go_on = threading.Event()

    class HeldUp(Received):
        def hello(self, hello: dict[str, Any]) -> None:
            super().hello(hello)
            go_on.wait(10)

    received = HeldUp()
    link = Receiver(tmp_path / "c.sock", received)
    link.start()
    with connect(str(tmp_path / "c.sock")) as guard:
        guard.settimeout(5)
        guard.send(b"H{}")
        received.until("hello")
        link.close()
        assert link.listening
        go_on.set()
        assert guard.recv(1) == b""
        link.close()
    assert not link.listening and not (tmp_path / "c.sock").exists()


def test_without_a_guard_a_stop_cannot_be_asked_for(link: tuple[Receiver, Received, str]) -> None:
    assert not link[0].request_stop()
    link[0].acknowledge(1)  # nobody there: the guard will send it again


def test_a_stale_socket_of_a_killed_courier_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stale.bind(str(path))
    receiver = Receiver(path, Received())
    receiver.start()
    connect(str(path)).close()
    receiver.close()
    stale.close()
    assert not path.exists()


@pytest.mark.parametrize(
    "packet",
    [
        b"T",
        b"T" + b"\xff" * (len(TICK) - 1),
        TICK + b"x",
        b"E",
        b"E1234",
        b"H[]",
        b"H{",
        b"H" + b"\xff" * 100,
        b"S" + b"{" * 100_000,
        b"C3",
        b"Z",
        b"A12345678",
        b"X",
        b"\x00" * 200_000,
    ],
)
def test_a_packet_that_makes_no_sense_is_refused_and_the_link_goes_on(
    link: tuple[Receiver, Received, str], packet: bytes
) -> None:
    receiver, received, path = link
    guard = connect(path)
    guard.send(packet)
    guard.send(TICK)
    received.until("tick")
    assert receiver.refused_packets == 1
    assert [what for what, _ in received.packets] == ["tick"]
    guard.close()


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_no_socket_is_never_deleted(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "c.sock"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "other").write_text("precious")
        path.symlink_to(tmp_path / "other")
    else:
        path.write_text("precious")
    made = Receiver(path, Received())
    with pytest.raises(FileExistsError):
        made.start()
    made.close()
    assert path.exists()


def test_a_guard_that_finds_no_handle_left_is_taken_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_module, "REFUSED_S", 0.01)
    real, refusals = socket.socket.accept, iter([OSError(24, "Too many open files")] * 3)

    def full(listening: socket.socket) -> Any:
        for refusal in refusals:
            raise refusal
        return real(listening)

    monkeypatch.setattr(socket.socket, "accept", full)
    made = Receiver(tmp_path / "c.sock", Received())
    made.start()
    guard = FakeGuard(str(tmp_path / "c.sock"))
    guard.link.connect(time.monotonic_ns())
    deadline_s = time.monotonic() + 5
    while not made.connected and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert made.connected and made.refused_connections == 3 and made.listening
    guard.link.close()
    made.close()
