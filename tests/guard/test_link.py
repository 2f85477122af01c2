"""The guard's end of the link, against real sockets: bounded, never waiting, whoever restarts in whatever order."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_py.core.events import Event
from firmware_py.core.frame import Cause
from firmware_py.core.wire import DECISION_SIZE, FRAME_SIZE, unpack_decision, unpack_frame
from firmware_py.guard.link import (
    EVENTS_KEPT,
    HEARD_AT_ONCE,
    RESEND_AT_ONCE,
    RESEND_NS,
    RETRY_NS,
    STATE_NS,
    Link,
)
from tests.support.link_end import LinkEnd
from tests.support.moments import decision, frame

SECOND_NS = 1_000_000_000


def event(number: int = 1) -> Event:
    return Event("stopped", number, Cause.FALL, "down_velocity_m_s", 0.9, 0.8, 0.5, 0.1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "courier.sock"


@pytest.fixture
def courier(path: Path) -> Iterator[LinkEnd]:
    it = LinkEnd(path)
    yield it
    it.die()


@pytest.fixture
def link(path: Path) -> Iterator[Link]:
    it = Link(str(path), {"boot_id": "b0"})
    yield it
    it.close()


def kinds(messages: list[bytes]) -> str:
    return "".join(chr(m[0]) for m in messages)


def seqs(messages: list[bytes]) -> list[int]:
    return [int.from_bytes(m[1:9], "little") for m in messages if m[:1] == b"E"]


def test_without_a_courier_everything_is_taken_and_nothing_waits(link: Link) -> None:
    for tick in range(1000):
        assert not link.connect(tick * 5_000_000)
        link.tick(frame(tick), decision(tick))
        assert not link.poll(tick * 5_000_000)
    link.state({})
    link.counters({})
    assert link.dropped_ticks == 1000
    assert not link.connected


def test_it_says_hello_first_and_then_ticks_that_unpack(link: Link, courier: LinkEnd) -> None:
    assert link.connect(0)
    assert not link.connect(SECOND_NS), "once"
    link.tick(frame(7), decision(7))
    hello, tick = courier.messages()
    assert hello[:1] == b"H"
    assert json.loads(hello[1:]) == {"boot_id": "b0"}
    assert len(tick) == 1 + FRAME_SIZE + DECISION_SIZE
    assert unpack_frame(tick[1 : 1 + FRAME_SIZE]) == frame(7)
    assert unpack_decision(tick[1 + FRAME_SIZE :]) == decision(7)


def test_it_looks_for_the_courier_once_a_second(link: Link, path: Path) -> None:
    assert not link.connect(0)
    it = LinkEnd(path)
    assert not link.connect(RETRY_NS - 1)
    assert link.connect(RETRY_NS)
    it.die()


def test_an_event_is_kept_until_the_courier_has_it(link: Link, courier: LinkEnd) -> None:
    link.connect(0)
    link.event(event())
    (_, told) = courier.messages()
    assert json.loads(told[9:]) == {
        "kind": "stopped", "t_ns": 1, "cause": "fall", "rule": "down_velocity_m_s", "value": 0.9, "limit": 0.8,
        "position_m": 0.5, "velocity_m_s": 0.1, "seq": 1,
    }  # fmt: skip
    assert not link.poll(RESEND_NS)
    assert courier.messages() == [], "not yet"
    link.poll(RESEND_NS + 1)
    assert courier.messages() == [told], "asked again"
    courier.ack(1)
    link.poll(2 * RESEND_NS + 1)
    link.poll(4 * RESEND_NS)
    assert courier.messages() == []


def test_events_acknowledged_out_of_order_leave_the_others(link: Link, courier: LinkEnd) -> None:
    link.connect(0)
    for number in (1, 2, 3):
        link.event(event(number))
    courier.messages()
    courier.ack(2)
    courier.ack(99)
    link.poll(0)
    link.poll(RESEND_NS + 3)
    assert seqs(courier.messages()) == [1, 3]


def test_events_from_before_the_courier_are_told_when_it_comes(link: Link, path: Path) -> None:
    link.connect(0)
    link.event(event(1))
    link.event(event(2))
    it = LinkEnd(path)
    assert link.connect(SECOND_NS)
    assert kinds(it.messages()) == "HEE"
    it.die()


def test_a_courier_that_restarts_hears_what_it_had_not_acknowledged(
    link: Link, courier: LinkEnd, path: Path
) -> None:
    link.connect(0)
    link.event(event(1))
    link.event(event(2))
    courier.messages()
    courier.ack(1)
    link.poll(0)
    courier.die()
    link.tick(frame(), decision(0))
    assert not link.connected
    again = LinkEnd(path)
    assert link.connect(SECOND_NS)
    messages = again.messages()
    assert kinds(messages) == "HE"
    assert seqs(messages) == [2]
    assert link.connects == 2
    again.die()


def test_a_courier_that_dies_is_noticed_by_listening_too(link: Link, courier: LinkEnd) -> None:
    link.connect(0)
    courier.messages()
    courier.die()
    assert not link.poll(0)
    assert not link.connected


def test_a_courier_that_dies_between_connect_and_hello_is_survived(
    link: Link, courier: LinkEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dead(socket.socket):
        def send(self, *a: object) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("firmware_py.guard.link.socket.socket", Dead)
    assert not link.connect(0)
    assert not link.connected


def test_a_guard_that_restarts_is_heard_by_the_same_courier(path: Path, courier: LinkEnd) -> None:
    first = Link(str(path), {"boot_id": "one"})
    first.connect(0)
    assert kinds(courier.messages()) == "H"
    first.close()
    assert courier.messages() == []
    courier.hang_up()
    second = Link(str(path), {"boot_id": "two"})
    assert second.connect(0)
    assert b"two" in courier.messages()[0]
    second.close()


def test_a_courier_that_does_not_listen_costs_ticks_but_no_events(link: Link, courier: LinkEnd) -> None:
    link.connect(0)
    for tick in range(5000):
        link.tick(frame(tick), decision(tick))
    assert 0 < link.dropped_ticks < 5000
    link.event(event(1))
    link.counters({})
    link.state({})
    assert link.connected, "full is not dead"
    kept = 5000 - link.dropped_ticks
    assert kinds(courier.messages()) == "H" + "T" * kept
    link.poll(RESEND_NS + 1)
    assert seqs(courier.messages()) == [1]


def test_a_courier_that_missed_ticks_is_behind_until_it_has_the_state_once_a_second_at_most(
    link: Link, courier: LinkEnd
) -> None:
    link.connect(0)
    tick = 0

    def flood() -> None:
        nonlocal tick
        before = link.dropped_ticks
        while link.dropped_ticks == before:
            tick += 1
            link.tick(frame(tick), decision(tick))

    flood()
    assert not link.behind, "it hears nothing now: no time is spent on it"
    courier.messages()
    last = STATE_NS // 5_000_000
    link.tick(frame(last - 1), decision(last - 1))
    assert not link.behind
    link.tick(frame(last), decision(last))
    assert link.behind
    link.state({"a": 1})
    assert not link.behind
    assert kinds(courier.messages())[-2:] == "TS"
    flood()
    courier.messages()
    link.tick(frame(2 * last - 1), decision(2 * last - 1))
    assert not link.behind, "told less than a second ago"
    link.tick(frame(2 * last), decision(2 * last))
    assert link.behind
    tick = 2 * last
    flood()
    link.state({"a": 1})  # does not go through
    courier.messages()
    link.tick(frame(3 * last), decision(3 * last))
    assert link.behind


def test_a_new_courier_has_missed_nothing_of_what_it_can_follow(link: Link, path: Path) -> None:
    link.tick(frame(0), decision(0))
    it = LinkEnd(path)
    link.connect(SECOND_NS)
    link.tick(frame(10_000), decision(10_000))
    assert not link.behind
    it.die()


def test_what_is_kept_is_bounded_and_the_newest_stays(link: Link, courier: LinkEnd) -> None:
    for number in range(EVENTS_KEPT + 3):
        link.event(event(number))
    assert link.dropped_events == 3
    link.connect(0)
    assert seqs(courier.messages()) == list(range(4, 4 + RESEND_AT_ONCE)), "a few at a time"
    for number in range(4, 4 + RESEND_AT_ONCE):
        courier.ack(number)
    while link._pending.get(4 + RESEND_AT_ONCE - 1):
        link.poll(0)
    link.poll(2 * RESEND_NS)
    assert seqs(courier.messages())[0] == 4 + RESEND_AT_ONCE


def test_what_waited_follows_batch_by_batch_as_it_is_acknowledged_while_new_events_come(
    link: Link, courier: LinkEnd
) -> None:
    for number in range(3 * RESEND_AT_ONCE):
        link.event(event(number))
    link.connect(0)
    heard, t_ns = seqs(courier.messages()), 0
    assert heard == list(range(1, RESEND_AT_ONCE + 1))
    while heard:
        link.event(event(len(heard)))  # never two seconds without one
        for seq in heard:
            courier.ack(seq)
        for _ in range(1 + RESEND_AT_ONCE // HEARD_AT_ONCE):
            t_ns += 5_000_000
            link.poll(t_ns)
        heard = seqs(courier.messages())
        if t_ns > SECOND_NS // 2:
            break
    assert len(link._pending) <= 1, "only the newest may still be on its way"


def test_new_events_do_not_put_off_what_was_not_acknowledged(link: Link, courier: LinkEnd) -> None:
    link.connect(0)
    link.event(event(0))
    courier.messages()  # and then it died before it was on disk
    for t_ns in range(SECOND_NS, RESEND_NS + 1, SECOND_NS):
        link.event(event(t_ns))
        link.poll(t_ns)
    assert seqs(courier.messages()).count(1) == 1


def test_a_stop_request_is_heard_once(link: Link, courier: LinkEnd) -> None:
    link.connect(0)
    courier.messages()
    courier.say(b"X")
    assert link.poll(0)
    assert not link.poll(0)


@pytest.mark.parametrize("message", [b"A", b"A123", b"A123456789", b"XX", b"R", b"run", b"\x00" * 64])
def test_nothing_else_that_a_courier_says_means_anything(
    link: Link, courier: LinkEnd, message: bytes
) -> None:
    link.connect(0)
    link.event(event())
    courier.messages()
    courier.say(message)
    assert not link.poll(0)
    link.poll(RESEND_NS + 1)
    assert seqs(courier.messages()) == [1]


def test_a_courier_that_floods_is_heard_slowly(link: Link, courier: LinkEnd) -> None:
    link.connect(0)
    courier.messages()
    for _ in range(3 * HEARD_AT_ONCE):
        courier.say(b"?")
    courier.say(b"X")
    assert [link.poll(0) for _ in range(4)] == [False, False, False, True]


def test_the_counters_carry_the_links_own(link: Link, courier: LinkEnd) -> None:
    link.tick(frame(), decision(0))
    link.event(event())
    link.connect(0)
    link.counters({"ticks": 5})
    told = json.loads(courier.messages()[-1][1:])
    assert told == {"ticks": 5, "dropped_ticks": 1, "dropped_events": 0, "pending_events": 1, "connects": 1}
    link.state({"a": [1]})
    assert courier.messages() == [b'S{"a": [1]}']


def test_a_courier_that_dies_with_our_messages_unread_is_noticed(link: Link, courier: LinkEnd) -> None:
    link.connect(0)
    courier.messages()
    link.tick(frame(), decision(0))  # never read: the kernel answers with a reset
    courier.die()
    assert not link.poll(0)
    assert not link.connected


def test_what_a_full_socket_does_not_take_again_stays_kept(link: Link, courier: LinkEnd) -> None:
    link.connect(0)
    link.event(event(1))
    link.event(event(2))
    while not link.dropped_ticks:
        link.tick(frame(), decision(0))
    link.poll(RESEND_NS + 2)
    assert seqs(courier.messages()) == [1, 2], "the first telling only"
    link.poll(2 * RESEND_NS + 2)
    assert seqs(courier.messages()) == [1, 2]


PRESS = {"reset_pressed": True}


def sent(link: Link, courier: LinkEnd, *ticks: tuple[int, dict[str, Any], dict[str, Any]]) -> str:
    """The kinds of messages that arrive while these ticks are handed over: number, frame's and decision's fields."""
    for number, seen, decided in ticks:
        link.update(frame(number)._replace(**seen), decision(number, **decided), (), lambda: {"a": 1})
    return kinds(courier.messages())


@pytest.mark.parametrize("run", [True, False])
def test_a_new_courier_gets_the_monitors_state_and_then_the_ticks_that_follow_from_it(
    link: Link, courier: LinkEnd, run: bool
) -> None:
    assert sent(link, courier, (0, {}, {"run": run}), (1, {}, {"run": run})) == "HST"


def test_the_state_is_sent_once_a_press_however_long_and_only_while_stopped(
    link: Link, courier: LinkEnd
) -> None:
    assert sent(link, courier, (0, {}, {})) == "HS"
    assert sent(link, courier, (1, PRESS, {}), (2, PRESS, {}), (3, {}, {}), (4, PRESS, {})) == "TSTTTS"
    assert sent(link, courier, (5, {}, {}), (6, PRESS, {"run": True})) == "TT"


def test_a_courier_that_missed_ticks_gets_the_state_after_the_next_one(link: Link, courier: LinkEnd) -> None:
    assert sent(link, courier, (0, {}, {})) == "HS"
    number = 0
    while not link.dropped_ticks:
        number += 1
        link.update(frame(number), decision(number), (), dict)
    courier.messages()
    later = number + STATE_NS // 5_000_000
    assert sent(link, courier, (later, {}, {}), (later + 1, {}, {})) == "TST"


def test_one_tick_hands_over_tick_and_events_and_returns_the_courier_s_request(
    link: Link, courier: LinkEnd
) -> None:
    link.update(frame(0), decision(0), (), dict)
    courier.messages()
    courier.say(b"X")
    assert link.update(frame(1), decision(1), (event(1), event(2)), dict)
    assert kinds(courier.messages()) == "TEE"
    assert not link.update(frame(2), decision(2), (), dict)


def test_without_a_courier_no_time_is_spent_on_the_state(link: Link) -> None:
    def state() -> dict[str, Any]:
        raise AssertionError("nobody is there to get it")

    assert not link.update(frame(0)._replace(**PRESS), decision(0), (), state)
