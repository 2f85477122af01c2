"""Owns what `rearguard check` looks at on the computer: rights, supply, disk, clock. Must never change it."""

import os
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from firmware_py.config import Config
from firmware_py.device.check.line import FAIL, PASS, WARN, Line
from firmware_py.guard.service import under_voltage

FREE_MB = 500
CLOCK_SET_AFTER_S = 1_760_000_000
BROKER_TIMEOUT_S = 3.0
THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")
THROTTLED_NOW = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "too warm"}
SINCE_BOOT = 16  # the same bits, shifted: has happened since boot


def computer(config: Config, root: Path) -> Iterator[Line]:
    yield _realtime(config)
    yield from _supply(root)
    yield _disk(config, root)
    yield _clock(root)
    if config.mqtt.enabled:
        yield _broker(config)
    yield _commissioned(config)


def _realtime(config: Config) -> Line:
    limit, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if limit >= config.loop.priority or limit == resource.RLIM_INFINITY:
        return Line("realtime", PASS, f"priority up to {limit} is granted")
    if os.geteuid() == 0:
        return Line("realtime", PASS, "granted to root; the unit has LimitRTPRIO of its own")
    cure = "use the installed service, or raise rtprio in /etc/security/limits.conf"
    return Line(
        "realtime",
        WARN,
        f"priority {config.loop.priority} is not granted",
        "An ordinary login has no right to it",
        cure,
    )


def _supply(root: Path) -> Iterator[Line]:
    if under_voltage(root / "sys/class/hwmon"):
        cure = "use a 5.1 V supply of 3 A and a short, thick cable; then power off and on"
        yield Line(
            "supply",
            FAIL,
            "under-voltage since boot; the guard refuses to arm",
            "Weak supply or thin cable",
            cure,
        )
    else:
        yield Line("supply", PASS, "no under-voltage since boot")
    try:
        bits = int((root / THROTTLED).read_text(encoding="ascii"), 16)
    except (OSError, ValueError):
        return
    now = [word for bit, word in THROTTLED_NOW.items() if bits >> bit & 1]
    before = [word for bit, word in THROTTLED_NOW.items() if bits >> (bit + SINCE_BOOT) & 1]
    if now:
        cure = "cool the Pi, check the supply, and look again under load"
        yield Line(
            "throttling", FAIL, f"now: {', '.join(now)}", "Heat or a weak supply: ticks come late", cure
        )
    elif before:
        yield Line(
            "throttling",
            WARN,
            f"since boot: {', '.join(before)}",
            "Heat or a weak supply",
            "look again after a session",
        )
    else:
        yield Line("throttling", PASS, "never since boot")


def _disk(config: Config, root: Path) -> Line:
    place = root / config.courier.state_dir.lstrip("/")
    while not place.exists():
        place = place.parent
    free_mb = shutil.disk_usage(place).free // 1_000_000
    if free_mb < FREE_MB:
        cure = "lower courier.quota_mb or free some space; the guard itself needs none"
        return Line("disk", WARN, f"{free_mb} MB free at {place}", "Recordings will be cut short", cure)
    return Line("disk", PASS, f"{free_mb} MB free")


def _clock(root: Path) -> Line:
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    if time.time() < CLOCK_SET_AFTER_S:
        cure = "connect it to a network, or run timedatectl set-time; the guard itself does not use it"
        return Line("clock", WARN, date, "The clock was never set: events would carry wrong times", cure)
    synchronized = (root / "run/systemd/timesync/synchronized").exists()
    return Line("clock", PASS, date + (", synchronized" if synchronized else ""))


def _broker(config: Config) -> Line:
    where = f"{config.mqtt.host}:{config.mqtt.port}"
    try:
        with socket.create_connection((config.mqtt.host, config.mqtt.port), BROKER_TIMEOUT_S):
            return Line("broker", PASS, f"{where} answers")
    except OSError as error:
        cure = "check mqtt.host and mqtt.port, and that the broker runs; the guard works without"
        return Line(
            "broker", WARN, f"{where} does not answer ({error})", "Wrong address, or no broker there", cure
        )


def _commissioned(config: Config) -> Line:
    if config.belt.commissioned:
        return Line("commissioning", PASS, f"coast-down {config.belt.coast_down_m_s2:g} m/s2")
    cure = "run `rearguard commission` as hardware.md describes it, before anybody walks"
    return Line(
        "commissioning", WARN, "this treadmill has not been measured", "belt.commissioned is false", cure
    )
