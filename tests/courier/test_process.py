import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.config import Config, parse
from firmware_py.core.frame import LOCK_OUTS, Cause
from firmware_py.courier.events.database import Outbox
from firmware_py.courier.events.envelope import Data, SessionEnded
from firmware_py.courier.page import server
from firmware_py.courier.page.live import Live
from firmware_py.courier.page.parts import device_parts
from firmware_py.courier.publisher import Publisher
from firmware_py.courier.recording.gaps import Gaps
from firmware_py.courier.recording.incidents import list_incidents
from firmware_py.messages import STOPS
from sensors.samples import Fault
from tests.courier.conftest import Served
from tests.support.broker import FOUND, ear, free_port, mosquitto
from tests.support.fake_guard import decision, frame, stopped
from tests.support.process import courier, guard, toml, wait_for


def rows(folder: Path, query: str) -> list[str]:
    try:
        with closing(sqlite3.connect(folder / "state" / "events.sqlite")) as db:
            return [row[0] for row in db.execute(query)]
    except sqlite3.OperationalError:
        return []


def kinds(folder: Path) -> list[str]:
    return rows(folder, "SELECT type FROM events ORDER BY n")


def test_a_session_outlives_the_courier_that_saw_it_begin(tmp_path: Path) -> None:
    config = toml(tmp_path)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(tmp_path / "notify"))
    notify.settimeout(10)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    with closing(notify), courier(config, environment) as process, guard(tmp_path) as talking:
        talking.stopped = True
        assert notify.recv(100) == b"READY=1"
        assert notify.recv(100) == b"WATCHDOG=1"
        wait_for(lambda: "armed" in kinds(tmp_path))
        assert process.end() == 0
        assert kinds(tmp_path)[-1] == "session_ended"
        process.start()
        wait_for(lambda: rows(tmp_path, "SELECT id FROM sessions WHERE ended_s IS NULL"))
        process.kill()
        process.start()
        wait_for(lambda: "courier_lost" in kinds(tmp_path))
        talking.force = Cause.STEP_OFF
        wait_for(lambda: kinds(tmp_path).count("session_ended") == 2)
        process.end()
    text = rows(tmp_path, "SELECT event FROM events WHERE type = 'session_ended' ORDER BY n DESC")[0]
    assert json.loads(text)["data"]["why_ended"] == "left_belt"


def test_a_courier_that_is_stopped_during_a_walk_does_not_blame_the_guard(tmp_path: Path) -> None:
    with courier(toml(tmp_path)) as process, guard(tmp_path) as talking:
        talking.stopped = True
        wait_for(lambda: rows(tmp_path, "SELECT id FROM sessions"))
        assert process.end() == 0
        assert "Traceback" not in process.log
    assert "guard_lost" not in kinds(tmp_path)
    assert not list_incidents(tmp_path / "state" / "incidents")
    (ended,) = rows(tmp_path, "SELECT event FROM events WHERE type = 'session_ended'")
    assert json.loads(ended)["data"]["why_ended"] == "courier_stopped"


def test_a_guard_that_goes_when_the_courier_has_ended_is_no_error(tmp_path: Path) -> None:
    """Found by CI: between the end of the main loop and the end of the link, the link asked the loop to hurry."""
    served = Served(tmp_path)
    served.close()
    served.courier.guard.lost()
    served.courier.stop()


@pytest.mark.skipif(not FOUND, reason="mosquitto is not installed: sh tests/system-packages.sh test")
def test_the_last_stop_is_published_again_to_a_broker_that_forgot_it(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        config = toml(tmp_path, mqtt_port=server.port)
        with courier(config) as process:
            with guard(tmp_path, round_s=3600) as talking:
                wait_for(lambda: talking.link.connected)
                talking.force = Cause.FALL
                wait_for(lambda: "stopped" in kinds(tmp_path))
            process.end()
            server.kill()  # no persistence: it remembers nothing
            server.start()
            process.start()
            with ear(server.port) as listener:
                [event] = listener.until("rearguard/rig/last_stop")
        assert json.loads(event)["data"]["cause"] == "fall"


def test_two_couriers_do_not_share_a_state_directory(tmp_path: Path) -> None:
    config = toml(tmp_path)
    with courier(config) as first:
        wait_for((tmp_path / "c.sock").exists)
        with courier(config) as second:
            assert second.process is not None and second.process.wait(10) == 3
            assert "another courier uses" in second.log
        assert first.end() == 0


@pytest.fixture
def two_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-2")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("two_hours_east")
def test_history_shows_what_the_courier_stored_in_local_time(tmp_path: Path) -> None:
    config = toml(tmp_path)
    app = build(["history"])
    missing = CliRunner().invoke(app, ["history", "--config", str(config)])
    assert missing.exit_code == 1 and "nobody has walked yet" in missing.output
    outbox = Outbox(tmp_path / "state" / "events.sqlite")
    walk = {
        "session_id": "s",
        "started": "2026-05-04T10:11:12.000Z",
        "minutes": 3.2,
        "steps": 310,
        "warnings": 1,
        "stops": 2,
    }
    with outbox.transaction():
        outbox.save_session("s", 1.0, 2.0, walk)
    outbox.close()
    shown = CliRunner().invoke(app, ["history", "--config", str(config)])
    assert shown.exit_code == 0 and "2026-05-04 12:11" in shown.output and "310" in shown.output
    lines = CliRunner().invoke(app, ["history", "--json", "--config", str(config)]).output.splitlines()
    assert [json.loads(line) for line in lines] == [{"session": walk}]
    table = tmp_path / "walks.csv"
    assert CliRunner().invoke(app, ["history", "--csv", str(table), "--config", str(config)]).exit_code == 0
    assert table.read_text().splitlines()[1] == "s,2026-05-04T10:11:12.000Z,3.2,310,1,2"


@pytest.mark.usefixtures("two_hours_east")
def test_every_figure_of_a_session_is_in_history_and_on_the_page(tmp_path: Path) -> None:
    figures = {
        "minutes": 12.34, "steps": 1111, "cadence_per_min": 95.5, "speed_m_s": 0.432, "distance_m": 321.0,
        "in_zone_fraction": 0.87, "position_mean_m": 0.571, "position_sd_m": 0.041, "position_min_m": 0.456,
        "position_max_m": 0.765, "drift_max_m_s": 0.123, "margin_min_m": 0.234, "regularity_mean": 0.91,
        "regularity_per_min": -0.0125, "near_misses": 23, "warnings": 17, "stops": 19,
    }  # fmt: skip
    numbers = {name for name, f in SessionEnded.model_fields.items() if "session" not in name} - set(
        Data.model_fields
    )
    assert numbers - {"started", "ended", "why_ended"} == set(figures)
    page = (Path(server.__file__).parent / "static" / "app.js").read_text()
    assert all(f"shown.{name}" in page for name in figures)
    config = toml(tmp_path)
    outbox = Outbox(tmp_path / "state" / "events.sqlite")
    with outbox.transaction():
        outbox.save_session(
            "s", 1.0, 2.0, {"session_id": "s", "started": "2026-05-04T10:11:12.000Z", **figures}
        )
    outbox.close()
    app = build(["history"])
    shown = CliRunner().invoke(app, ["history", "--config", str(config)]).output
    line = "2026-05-04 12:11 12.3 1111 96 0.43 87% 0.57±0.04 0.12 0.23 91% -1.2% 23 17 19"
    assert line in " ".join(shown.split())
    table = tmp_path / "walks.csv"
    CliRunner().invoke(app, ["history", "--csv", str(table), "--config", str(config)])
    assert all(str(value) in table.read_text() for value in figures.values())


def test_a_loss_is_reported_once_and_only_when_it_is_over() -> None:
    reported: list[tuple[int, int]] = []
    gaps = Gaps("link", lambda kind, **data: reported.append((total, data["ticks"])))
    for total in (7, 7, 10, 15, 15, 15, 0, 0, 3, 3):
        gaps.update(total)
    assert reported == [(15, 8), (3, 3)]


@pytest.mark.parametrize("fault", Fault)
def test_a_sensor_in_trouble_is_shown_with_what_to_do(fault: Fault) -> None:
    live = Live()
    live.tick(frame(1)._replace(imu=fault, belt=fault), stopped(1, Cause.IMU))
    parts = {part["name"]: part for part in device_parts(live, Config())}
    assert parts["Hip sensor"]["state"] == "bad" and len(parts["Hip sensor"]["text"]) > 20


def test_what_a_viewer_or_broker_gets_is_plain_json_in_every_state() -> None:
    live = Live()
    for shown in (decision(1), *(stopped(2, cause) for cause in Cause)):
        assert live.tick(frame(1), shown) in (True, False)
        json.dumps([live.view(), live.state(), device_parts(live, Config())], allow_nan=False)
    assert live.state()["problem"] is True  # CONFIG, the last of them
    live.tick(frame(3), stopped(3, Cause.FALL))
    assert live.state()["danger"] is True and live.state()["problem"] is False
    live.tick(frame(4), stopped(4, Cause.POWER_ON))
    assert live.state()["danger"] is False


def test_a_short_peak_is_not_lost_between_two_updates() -> None:
    live = Live()
    for t_ns, down_m_s in ((1, 0.1), (2, 0.9), (3, 0.2)):
        live.tick(frame(t_ns), decision(t_ns, down_velocity_m_s=down_m_s))
    assert live.view()["down_m_s"] == 0.9
    live.tick(frame(4), decision(4, down_velocity_m_s=0.3))
    assert live.view()["down_m_s"] == 0.3


@pytest.mark.parametrize("cause", sorted(LOCK_OUTS, key=lambda c: c.value))
@pytest.mark.parametrize("before", [Cause.FALL, Cause.STOP_BUTTON, Cause.IMU, Cause.POWER_ON])
def test_page_and_broker_show_a_lock_out_at_once_whatever_stopped_the_belt(
    cause: Cause, before: Cause
) -> None:
    live = Live()
    live.tick(frame(1), stopped(1, before))
    assert live.view()["locked_out"] is False
    assert live.tick(frame(2), stopped(2, cause, refusal=cause)), "at once, not at the next half second"
    view, state = live.view(), live.state()
    assert (view["tone"], view["locked_out"], view["title"]) == ("fault", True, STOPS[cause].title)
    assert (state["cause"], state["danger"], state["problem"], state["run"]) == (
        cause.value,
        True,
        True,
        False,
    )
    assert state["do"] == STOPS[cause].do


class Retaining:
    """A broker that keeps what it is given."""

    connected, problem, remote_stop, refused_commands = True, "", "ready", 0

    def __init__(self) -> None:
        self.retained: list[tuple[str, dict[str, Any]]] = []

    def tend(self) -> None: ...

    def retain(self, tail: str, payload: dict[str, Any]) -> None:
        self.retained.append((tail, payload))


def test_health_is_published_at_once_when_it_changes_and_else_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 1000.0
    monkeypatch.setattr("firmware_py.courier.publisher.time.monotonic", lambda: now_s)
    made = Publisher(Config(), lambda: None, lambda: None, lambda name, text: None)
    broker = Retaining()
    made.broker = broker  # type: ignore[assignment]
    health = {"guard_connected": True, "events_waiting": 0}

    def updated(urgent: bool = False) -> list[Any]:
        broker.retained.clear()
        made.update(urgent, lambda: {"run": False}, lambda: dict(health))
        return [payload for tail, payload in broker.retained if tail == "health"]

    assert updated() == [health]
    health["guard_connected"] = False  # killed: the link tells at once
    assert updated(urgent=True) == [health]
    health["events_waiting"] = 7  # a figure alone waits
    now_s += 1.0
    assert updated() == []
    health["guard_connected"] = True  # frozen and back: nobody tells
    assert updated() == []
    now_s += 1.0
    assert updated() == [health]
    now_s += 9.99
    assert updated() == []
    now_s += 0.02
    assert updated() == []  # looked at once a second
    now_s += 1.0
    assert updated() == [health]


@pytest.mark.parametrize(("profile", "running_s", "rest_s", "health_s"), [
    ("home", 0.5, 30.0, 10.0),
    ("fleet", 10.0, 60.0, 300.0),
])  # fmt: skip
@pytest.mark.parametrize("run", [True, False])
def test_each_profile_keeps_its_pauses_and_a_change_in_words_waits_for_none(
    monkeypatch: pytest.MonkeyPatch, profile: str, running_s: float, rest_s: float, health_s: float, run: bool
) -> None:
    now_s = 1000.0
    monkeypatch.setattr("firmware_py.courier.publisher.time.monotonic", lambda: now_s)
    made = Publisher(
        parse({"mqtt": {"profile": profile}}), lambda: None, lambda: None, lambda name, text: None
    )
    broker = Retaining()
    made.broker = broker  # type: ignore[assignment]
    state = {"run": run, "warning": None, "position_m": 0.5, "steps": 1}
    told: dict[str, list[float]] = {"state": [], "health": []}
    for _ in range(6100):  # ten minutes
        state["position_m"] = 0.5 + now_s % 0.1
        state["steps"] = int(now_s)  # figures alone wait
        broker.retained.clear()
        made.update(False, lambda: dict(state), lambda: {"guard_connected": True, "steps": state["steps"]})
        for tail, _payload in broker.retained:
            told[tail].append(now_s)
        now_s += 0.1
    for tail, pause_s in (("state", running_s if run else rest_s), ("health", health_s)):
        pauses = [later - before for before, later in pairwise(told[tail])]
        assert pause_s - 0.01 <= min(pauses) and max(pauses) <= pause_s + 1.0, (tail, pauses[:5])
    now_s += 0.5
    state["warning"] = "drift_rear"
    broker.retained.clear()
    made.update(False, lambda: dict(state), dict)
    assert [payload["warning"] for tail, payload in broker.retained if tail == "state"] == ["drift_rear"]


def test_a_warning_of_a_belt_that_is_off_is_neither_shown_nor_published() -> None:
    live = Live()
    live.tick(frame(1), stopped(1, Cause.FALL, warning=Cause.DRIFT_REAR))
    assert live.view()["warning"] is None and live.state()["warning"] is None
    live.tick(frame(2), decision(2, warning=Cause.DRIFT_REAR))
    assert live.view()["warning"] == live.state()["warning"] == "drift_rear"


@pytest.mark.parametrize(
    ("mark", "settings", "gone"),
    [
        (None, {}, set()),
        ("[not json", {}, set()),
        ('["homeassistant/device/rearguard_rig/config"]', {}, set()),
        (None, {"home_assistant": False}, {"homeassistant/device/rearguard_rig/config"}),
        (
            '["homeassistant/device/rearguard_rig/config"]',
            {"discovery_prefix": "ha"},
            {"homeassistant/device/rearguard_rig/config"},
        ),
        ('["homeassistant/device/rearguard_old/config"]', {}, {"homeassistant/device/rearguard_old/config"}),
    ],
)
def test_every_announcement_that_no_longer_holds_is_remembered_until_the_broker_has_deleted_it(
    mark: str | None, settings: dict[str, Any], gone: set[str]
) -> None:
    marks: list[str] = []
    mqtt = {"enabled": True, "host": "127.0.0.1", "port": free_port(), **settings}
    config = parse({"courier": {"device_id": "rig"}, "mqtt": mqtt})
    made = Publisher(config, lambda: None, lambda: None, lambda name, text: marks.append(text))
    made.start(None, mark)
    assert made.broker is not None and made.broker._forgotten == gone
    assert gone <= set(json.loads(marks[-1]))
    for topic in gone:
        made._forgotten(topic)
    assert not gone & set(json.loads(marks[-1]))
    made.close()
