"""The unit files: no unknown key, little to attack, and the promises that only they can keep."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_py.config import Config
from firmware_py.device.settings import annotated_toml
from tests.system.conftest import UNIT_PRIORITY

SYSTEMD = Path("systemd").resolve()
UNITS = ("rearguard-guard.service", "rearguard-courier.service")
INSTALLED = "/opt/rearguard/current"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd: run tests/system-packages.sh test"
)


def read(unit: str) -> dict[str, list[str]]:
    """Every key with all its values, in order."""
    parsed: dict[str, list[str]] = {}
    for line in (SYSTEMD / unit).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            parsed.setdefault(key, []).append(value)
    return parsed


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_verify_finds_nothing_to_say(unit: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/rearguard").write_text("#!/bin/sh\n")
    (tmp_path / "bin/rearguard").chmod(0o755)
    (tmp_path / "share").mkdir()
    shutil.copy(SYSTEMD / "pin_low.py", tmp_path / "share")
    text = (SYSTEMD / unit).read_text().replace(INSTALLED, str(tmp_path))
    (tmp_path / unit).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_little_is_left_to_attack(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(SYSTEMD / unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-200:]  # the threshold is in tenths: 1.5


def test_the_guard_depends_on_nothing() -> None:
    unit = read("rearguard-guard.service")
    assert not {"After", "Wants", "Requires", "BindsTo", "Requisite", "PartOf"} & unit.keys()


@pytest.mark.parametrize("unit", UNITS)
def test_it_is_restarted_for_ever_and_killed_when_it_hangs(unit: str) -> None:
    keys = read(unit)
    assert keys["Restart"] == ["always"]
    assert keys["StartLimitIntervalSec"] == ["0"]
    assert keys["WatchdogSignal"] == ["SIGKILL"]
    assert keys["Type"] == ["notify"]


def test_alerts_wait_for_their_list_and_touch_no_device() -> None:
    unit = read("rearguard-alerts.service")
    assert unit["ConditionPathExists"] == ["/etc/rearguard/alerts.toml"]
    assert unit["PrivateDevices"] == ["yes"]
    assert unit["User"] == read("rearguard-courier.service")["User"]  # it reads that one's database
    assert not {"Requires", "BindsTo", "PartOf"} & unit.keys()


def test_the_courier_may_wait_for_its_disk() -> None:
    assert int(read("rearguard-courier.service")["WatchdogSec"][0]) >= 20, "a disk may stall for 10 s"


def test_the_pin_is_driven_low_before_every_start_and_after_every_end() -> None:
    unit = read("rearguard-guard.service")
    assert [f"+{line}" for line in unit["ExecStartPre"][:1]] == unit["ExecStopPost"]
    assert "pin_low.py /etc/rearguard/config.toml" in unit["ExecStopPost"][0]
    assert not unit["ExecStopPost"][0].startswith("-")
    assert unit["CPUSchedulingPolicy"] == ["fifo"]
    assert unit["CPUSchedulingPriority"] == [str(UNIT_PRIORITY)]


def test_a_held_bus_is_freed_only_before_a_start() -> None:
    unit = read("rearguard-guard.service")
    users = [key for key, values in unit.items() if any("free_bus" in value for value in values)]
    assert users == ["ExecStartPre"]
    assert unit["ExecStartPre"][1].startswith("+-")  # with root's rights; a guard starts whatever it says


def test_the_courier_may_touch_no_device_and_the_guard_no_network() -> None:
    assert read("rearguard-courier.service")["PrivateDevices"] == ["yes"]
    assert "DeviceAllow" not in read("rearguard-courier.service")
    assert read("rearguard-guard.service")["PrivateNetwork"] == ["yes"]
    assert read("rearguard-guard.service")["User"] != read("rearguard-courier.service")["User"]


def test_the_hardware_watchdog_stays_below_what_old_drivers_take() -> None:
    conf = configparser.ConfigParser()
    conf.read(SYSTEMD / "watchdog.conf")
    assert conf["Manager"]["RuntimeWatchdogSec"] == "10s"


def test_the_annotated_config_is_the_defaults() -> None:
    assert (SYSTEMD / "config.toml").read_text() == annotated_toml(Config()), "run: make config"
