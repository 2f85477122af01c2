"""Never from any network: whatever a hostile broker sends, at any topic, can at most stop the belt."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from paho.mqtt.client import MQTTMessage

from firmware_py.alerts.classes import acknowledged
from firmware_py.config import Config, parse
from firmware_py.core.events import EventFinder
from firmware_py.core.frame import Cause, Decision, Frame
from firmware_py.core.monitor import Monitor
from firmware_py.core.state import restore, save
from firmware_py.courier.events import mqtt
from firmware_py.courier.events.commands import STOP_INTERVAL_S, STOP_WORDS, Commands
from firmware_py.courier.process import Courier
from firmware_py.guard.link import Link
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.scene import Scene
from tests.support.process import wait_for

RATE_HZ = 200
A_STOP = "01JDXYZABCDEFGHJKMNPQRSTVW"

A_STOP_TOPIC = "gym/hall2/rearguard/deck-7/command/stop"
SUBSCRIPTION = {
    A_STOP_TOPIC,
    "gym/hall2/rearguard/deck-7/command/ack",
    "homeassistant/status",
}
"""Everything that a device hears. A new topic must be added here, and then holds the property below or fails it."""

FOREIGN = [
    "", "#", "+", "$SYS/broker/version", "rearguard/deck-7/command/stop", "gym/hall2/rearguard/deck-8/command/stop",
    "gym/hall2/rearguard/deck-7/command/stop/", "homeassistant/device/rearguard_deck-7/config",
    *(f"gym/hall2/rearguard/deck-7/{tail}" for tail in (
        "command/start", "command/arm", "command/reset", "command/release", "command/limit", "command/commission",
        "command/selftest", "command/update", "config", "state", "health", "event/armed", "status")),
]  # fmt: skip
WORDS = [
    *STOP_WORDS, b"start", b"arm", b"run", b"reset", b"online", b"offline", b"", b"A" + bytes(8), b"X", b"\xff\xfe\x00",
    b'{"run": true}', b"<script>alert(1)</script>", A_STOP.encode(), f"{A_STOP}-no-sign".encode(),
    b"01JDXYZABCDEFGHJKMNPQRSTVZ", b"test 0123", b"x" * 10_000_000, json.dumps({"drift": {"warn_mm": 0}}).encode(),
]  # fmt: skip

messages = st.lists(
    st.tuples(
        st.sampled_from(sorted(SUBSCRIPTION) * 3 + FOREIGN) | st.text(max_size=60),
        st.sampled_from(WORDS) | st.binary(max_size=200),
        st.booleans(),
        st.integers(0, 60),  # ticks until the next
    ),
    max_size=6,
)


class Moment(NamedTuple):
    """A saved monitor and the ticks that follow, with what it decides when nobody interferes."""

    state: dict[str, Any]
    frames: list[Frame]
    decided: list[Decision]


def moments(config: Config) -> dict[str, Moment]:
    """A walk on the rig: before the button, while the belt runs, and after a stop. Nobody presses in any of them."""
    loop = ClosedLoop(Scene("walk", 1), config.monitor_params(), RATE_HZ, hall=False)
    found: dict[str, Moment] = {}

    def take(name: str) -> None:
        state = json.loads(json.dumps(save(loop.monitor)))
        twin = Monitor(config.monitor_params(), RATE_HZ)
        restore(twin, state)
        frames: list[Frame] = []
        decided: list[Decision] = []
        for _ in range(RATE_HZ):
            loop.step()
            assert loop.frame is not None
            contacts = decided[-1].run if decided else name == "running"
            frames.append(loop.frame._replace(reset_pressed=False, feedback=contacts))
            decided.append(twin.step(frames[-1]))
        found[name] = Moment(state, frames, decided)

    loop._press_s = loop._dt_s  # somebody has pressed just now: not again for half a second
    take("at rest")
    while not loop.run:
        loop.step()
    for _ in range(8 * RATE_HZ):
        loop.step()
    take("running")
    assert loop.frame is not None
    loop.monitor.step(loop.frame._replace(stop_pressed=True))
    take("stopped")
    assert [m.decided[-1].run for m in found.values()] == [False, True, False]
    return found


class Stand:
    """A courier with everything between its broker and its link, and no network; guards come and go."""

    def __init__(self, folder: Path) -> None:
        self.config = parse(
            {
                "courier": {
                    "state_dir": str(folder / "state"),
                    "socket": str(folder / "c.sock"),
                    "device_id": "deck-7",
                },
                "mqtt": {"enabled": True, "root": "gym/hall2"},
                "alerts": {"enabled": True},
            }
        )
        self.courier = Courier(self.config)
        self.courier.publisher.start(None, None)
        self.courier.receiver.start()
        broker = self.courier.publisher.broker
        assert broker is not None
        self.broker = broker
        self.moments = moments(self.config)
        self.hello = {
            "boot_id": "b", "version": "0", "config": self.config.model_dump(mode="json"),
            "config_hash": self.config.hash, "rate_hz": RATE_HZ, "pid": 1, "realtime": [],
        }  # fmt: skip

    def begin(self) -> None:
        """As after a start: nothing was asked for yet, and one stop is known."""
        commands = self.broker.commands
        commands._last_stop_s = -STOP_INTERVAL_S
        commands._stops.clear()
        commands._taken.clear()
        self.broker.commands.stopped(A_STOP)

    def hear(self, topic: str, payload: bytes, retained: bool) -> None:
        message = MQTTMessage(topic=topic.encode("utf-8", "replace"))
        message.payload, message.retain = payload, retained
        self.broker._safely(self.broker._message, message)

    @contextlib.contextmanager
    def guard(self, frame: Frame, decision: Decision) -> Iterator[Link]:
        """A guard that is connected. The one before it has gone first: the receiver must not take it for this one."""
        receiver = self.courier.receiver
        wait_for(lambda: not receiver.connected)
        link = Link(self.config.courier.socket, self.hello)
        try:
            link.update(frame, decision, (), dict)
            wait_for(lambda: link.connected and receiver.connected and self.courier.live.hello)
            yield link
        finally:
            link.close()

    def close(self) -> None:
        self.courier.receiver.close()
        self.courier.recorder.close()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mqtt, "connect", lambda *_: None)  # the network: the test is the broker
        it = Stand(tmp_path_factory.mktemp("stand"))
    yield it
    it.close()


def test_the_subscription_is_this_list_and_nothing_else(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    assert stand.broker._client is not None
    monkeypatch.setattr(
        stand.broker._client, "subscribe", lambda topic, _qos: (asked.append(topic), (0, None))[1]
    )
    stand.broker._subscribe()
    assert set(asked) == set(stand.broker.commands.topics) == SUBSCRIPTION


@pytest.mark.parametrize("moment", ["at rest", "running", "stopped"])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sent=messages)
@example(sent=[(topic, word, False, 2) for topic in sorted(SUBSCRIPTION) for word in WORDS])
@example(sent=[(topic, word, True, 2) for topic in sorted(SUBSCRIPTION) for word in WORDS])
@example(sent=[(topic, word, False, 2) for topic in FOREIGN for word in WORDS[:6]])
def test_a_hostile_broker_can_at_most_stop_the_belt(
    stand: Stand, moment: str, sent: list[tuple[str, bytes, bool, int]]
) -> None:
    state, frames, quiet = stand.moments[moment]
    stand.begin()
    monitor, events = Monitor(stand.config.monitor_params(), RATE_HZ), EventFinder()
    restore(monitor, state)
    file = stand.config.model_dump_json()
    asked, wanted, stops, decided = False, False, 0, []
    due, tick = list(sent), 0
    with stand.guard(frames[0], quiet[0]) as link:
        for frame in frames:
            while due and tick >= 0:
                topic, payload, retained, pause = due.pop(0)
                stand.hear(topic, payload, retained)
                wanted |= topic == A_STOP_TOPIC and payload in STOP_WORDS and not retained
                tick = -pause
            tick += 1
            contacts = decided[-1].run if decided else frame.feedback
            decision = monitor.step(frame._replace(stop_requested=asked, feedback=contacts))
            decided.append(decision)
            asked = link.update(frame, decision, events.update(decision), lambda: save(monitor))
            stops += asked
            assert wanted or not asked, "only the word stop asks for a stop"
    runs = [d.run for d in decided]
    assert not any(now and not before for now, before in zip(runs, [quiet[0].run, *runs], strict=False)), (
        "no message makes it run"
    )
    assert all(q.run for d, q in zip(decided, quiet, strict=True) if d.run), (
        "it runs only where it ran anyway"
    )
    assert monitor.params == stand.config.monitor_params(), "no limit moves"
    assert stand.config.model_dump_json() == file
    if stops == 0:
        assert decided == quiet, "who does not stop it changes nothing at all"
    elif quiet[-1].run and not runs[-1]:
        assert decided[-1].cause is Cause.REMOTE_STOP


def test_the_word_stop_does_stop(stand: Stand) -> None:
    """So that the property above is not kept by a stand that hears nothing."""
    stand.begin()
    state, frames, quiet = stand.moments["running"]
    monitor = Monitor(stand.config.monitor_params(), RATE_HZ)
    restore(monitor, state)
    with stand.guard(frames[0], quiet[0]) as link:
        stand.hear("gym/hall2/rearguard/deck-7/command/stop", b"stop", False)
        assert link.update(frames[0], quiet[0], (), dict)
    assert not monitor.step(frames[0]._replace(stop_requested=True)).run


# -- somebody is on the way -------------------------------------------------------------------------------------------


def commands(noted: list[str]) -> Commands:
    config = Config().mqtt
    return Commands(config, "d", "", lambda: noted.append("stop"), noted.append, lambda: None, lambda _: None)


ACK = "rearguard/d/command/ack"


def test_a_stop_is_acknowledged_once_and_so_is_that_nobody_moved_after_it() -> None:
    noted: list[str] = []
    it = commands(noted)
    it.stopped(A_STOP)
    for word in (A_STOP, A_STOP, f"{A_STOP}-no-sign", f"{A_STOP}-no-sign"):
        it.take(ACK, word.encode(), False)
    assert noted == [A_STOP, f"{A_STOP}-no-sign"]
    assert it.refused == 2


@pytest.mark.parametrize(
    ("word", "retained"),
    [
        (A_STOP[:-1] + "X", False), (A_STOP, True), ("stop", False), (A_STOP + "\n", False), ("", False),
        (f"{A_STOP}-no-sign-no-sign", False), (f"<b>{A_STOP}</b>", False),
    ],
)  # fmt: skip
def test_what_names_no_stop_of_this_device_is_refused_and_counted(word: str, retained: bool) -> None:
    noted: list[str] = []
    it = commands(noted)
    it.stopped(A_STOP)
    it.take(ACK, word.encode(), retained)
    assert noted == [] and it.refused == 1


def test_without_alerts_nobody_is_asked_to_acknowledge() -> None:
    it = Commands(Config().mqtt, "d", "", lambda: None, None, lambda: None, lambda _: None)
    assert set(it.topics) == {"rearguard/d/command/stop"}


def test_it_becomes_an_event_that_alerts_read_and_nothing_for_the_guard(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(_packet: bytes) -> bool:
        raise AssertionError("the guard hears nothing of it")

    stand.begin()
    monkeypatch.setattr(stand.courier.receiver, "_send", send)
    stand.hear("gym/hall2/rearguard/deck-7/command/ack", A_STOP.encode(), False)
    (event, _), *_ = [
        found for found in stand.courier.events._events.values() if found[0].kind == "alert_acknowledged"
    ][-1:]
    assert acknowledged(json.loads(event.text)) == A_STOP
