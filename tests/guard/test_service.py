"""What the guard asks of the operating system, and what it says when it is refused."""

import ctypes
import gc
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_py.core.frame import Cause
from firmware_py.guard import service
from firmware_py.guard.service import (
    Status,
    go_realtime,
    make_sleep_until,
    only_instance,
    status_line,
    under_voltage,
)
from sensors.advice import HardwareError
from tests.support.moments import decision


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """The kernel grants everything and this process stays as it was."""
    asked: list[object] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda *a: asked.append(a))
    monkeypatch.setattr(os, "sched_setaffinity", lambda *a: asked.append(a))
    monkeypatch.setattr(service, "_lock_memory", lambda: asked.append("mlockall"))
    interval = sys.getswitchinterval()
    yield asked
    sys.setswitchinterval(interval)
    gc.enable()
    gc.unfreeze()


def test_everything_is_asked_and_reported(quiet: list[object]) -> None:
    asked = go_realtime(50, 1)
    assert [(a.what, a.ok) for a in asked] == [
        ("SCHED_FIFO", True),
        ("locked memory", True),
        ("core 1", True),
    ]
    policy, priority = quiet[0][1:]  # type: ignore[index]
    assert policy & os.SCHED_FIFO
    assert policy & service.SCHED_RESET_ON_FORK, "a child must not inherit it"
    assert priority.sched_priority == 50
    assert not gc.isenabled()
    assert sys.getswitchinterval() == pytest.approx(0.0005)


def test_a_core_is_asked_for_only_when_one_is_set(quiet: list[object]) -> None:
    assert len(go_realtime(50, -1)) == 2


def test_a_refusal_is_reported_with_its_number_and_cure(
    quiet: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(service, "_lock_memory", refuse)
    fifo, memory = go_realtime(50, -1)
    assert (fifo.ok, memory.ok) == (False, False)
    assert (
        fifo.why
        == "Operation not permitted (errno 1): run as the unit does: CPUSchedulingPolicy=fifo, LimitRTPRIO"
    )
    assert "LimitMEMLOCK" in memory.why


def test_a_refused_memory_lock_raises_its_errno(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __init__(self, *_: object, **__: object) -> None: ...

        def mlockall(self, flags: int) -> int:
            assert flags == 1 | 2 | 4, "now, later, and only what is touched"
            ctypes.set_errno(12)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", Refusing)
    with pytest.raises(OSError, match="Cannot allocate memory"):
        service._lock_memory()


def test_sleep_until_is_absolute_and_a_past_time_does_not_wait() -> None:
    sleep_until = make_sleep_until()
    before_ns = time.monotonic_ns()
    sleep_until(before_ns - 1_000_000_000)
    sleep_until(before_ns + 2_000_000)
    assert time.monotonic_ns() >= before_ns + 2_000_000


def test_a_time_that_is_none_is_an_error_not_a_spin() -> None:
    with pytest.raises(OSError, match="clock_nanosleep"):
        make_sleep_until()(-5_000_000_000)


class Manager:
    """Keeps what the guard sends to systemd."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, *lines: str) -> None:
        self.sent += lines


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"run": True}, "running"),
        ({"run": True, "warning": Cause.DRIFT_REAR}, "running, warning: drift_rear"),
        ({"cause": Cause.FALL, "rule": "drop", "value": 0.912, "limit": 0.8, "refusal": None},
         "stopped: fall, drop 0.912 of 0.8; a press is accepted"),
        ({"refusal": Cause.IMU}, "stopped: power_on; a press is refused: imu"),
    ],
)  # fmt: skip
def test_the_status_line_shows_whether_the_belt_may_move_and_why_not(
    change: dict[str, Any], status: str
) -> None:
    assert status_line(decision(0, **change)) == status


def test_the_status_line_is_sent_at_each_change_and_the_watchdog_fed_ten_times_a_second() -> None:
    manager: Any = Manager()
    status = Status(manager, 200)
    status.ready()
    for tick in range(200):
        status.update(decision(tick, run=True), changed=tick == 7)
    status.stopping()
    sent = manager.sent
    assert sent.count("WATCHDOG=1") == 10
    assert [line for line in sent if line != "WATCHDOG=1"] == ["READY=1", "STATUS=running", "STOPPING=1"]


def test_a_second_guard_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "guard.lock"
    first = only_instance(path)
    with pytest.raises(HardwareError, match="the safety monitor runs already"):
        only_instance(path)
    first.close()
    only_instance(path).close()


def test_the_lock_that_is_there_is_not_created_again(tmp_path: Path) -> None:
    """With O_CREAT, Debian's fs.protected_regular = 2 refuses even root another user's file in a sticky folder."""
    path = tmp_path / "guard.lock"
    path.write_text("")
    tmp_path.chmod(0o500)  # nothing can be made in here, but by root
    with only_instance(path) as held:
        assert held.mode == "r+"


def test_a_lock_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HardwareError, match="runtime directory"):
        only_instance(tmp_path / "file" / "guard.lock")


@pytest.mark.parametrize(
    ("files", "low"), [({}, False), ({"hwmon0": "0"}, False), ({"hwmon0": "0", "hwmon1": "1\n"}, True)]
)
def test_under_voltage_is_what_any_monitor_says(tmp_path: Path, files: dict[str, str], low: bool) -> None:
    for name, text in files.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "in0_lcrit_alarm").write_text(text)
    assert under_voltage(tmp_path) is low


def test_a_monitor_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "hwmon0" / "in0_lcrit_alarm").mkdir(parents=True)
    assert not under_voltage(tmp_path)
