"""Owns what `rearguard check` looks at on the computer: rights, supply, disk, clock. Must never change it."""

import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from firmware_py.config import INSTALLED, Config
from firmware_py.device.check.line import Line, failed, passed, warned
from firmware_py.guard.service import under_voltage
from firmware_py.storage.mounts import CURE, trouble
from sensors.advice import Failure

FREE_MB = 500
CLOCK_SET_AFTER_S = 1_760_000_000
THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")
THROTTLED_NOW = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "too warm"}
SINCE_BOOT = 16  # the same bits, shifted: has happened since boot


def computer(config: Config, root: Path) -> Iterator[Line]:
    """Every line about the computer; `root` is / on the device itself."""
    yield _realtime(config)
    yield from _core(config)
    yield _supply(root)
    yield from _throttling(root)
    yield _disk(config, root)
    yield _storage(config, root)
    yield _clock(root)
    if config.mqtt.enabled:
        yield _broker(config)
    yield _commissioned(config)


def _realtime(config: Config) -> Line:
    limit, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if limit >= config.loop.priority or limit == resource.RLIM_INFINITY:
        return passed("realtime", f"priority up to {limit} is granted")
    if os.geteuid() == 0:
        return passed("realtime", "granted to root; the unit has LimitRTPRIO of its own")
    what = f"priority {config.loop.priority} is not granted"
    do = "use the installed service, or raise rtprio in /etc/security/limits.conf"
    return warned("realtime", what, "An ordinary login has no right to it", do)


def _core(config: Config) -> Iterator[Line]:
    """Nothing is said of a core that exists."""
    cores = os.cpu_count() or 1
    if config.loop.cpu < cores:
        return
    what = f"core {config.loop.cpu} does not exist; the last one is {cores - 1}"
    why, do = "loop.cpu was set for another computer", "set loop.cpu to one that exists, or to -1"
    yield failed("core", what, why, do) if config.loop.require_realtime else warned("core", what, why, do)


def _supply(root: Path) -> Line:
    if not under_voltage(root / "sys/class/hwmon"):
        return passed("supply", "no under-voltage since boot")
    do = "use a 5.1 V supply of 3 A and a short, thick cable; then power off and on"
    what = "under-voltage since boot; the device refuses to arm"
    return failed("supply", what, "Weak supply or thin cable", do)


def _throttling(root: Path) -> Iterator[Line]:
    try:
        bits = int((root / THROTTLED).read_text(encoding="ascii"), 16)
    except (OSError, ValueError):
        return
    now = [word for bit, word in THROTTLED_NOW.items() if bits >> bit & 1]
    before = [word for bit, word in THROTTLED_NOW.items() if bits >> (bit + SINCE_BOOT) & 1]
    if now:
        do = "cool the Pi, check the supply, and look again under load"
        yield failed(
            "throttling", f"at the moment: {', '.join(now)}", "Heat or a weak supply slows the Pi", do
        )
    elif before:
        what = f"since boot: {', '.join(before)}"
        yield warned("throttling", what, "Heat or a weak supply", "look again after a session")
    else:
        yield passed("throttling", "never since boot")


def _disk(config: Config, root: Path) -> Line:
    place = root / config.courier.state_dir.lstrip("/")
    while not place.exists():
        place = place.parent
    free_mb = shutil.disk_usage(place).free // 1_000_000
    if free_mb >= FREE_MB:
        return passed("disk", f"{free_mb} MB free")
    do = "lower courier.quota_mb or free some space; stopping the belt needs none"
    return warned("disk", f"{free_mb} MB free at {place}", "Recordings will be cut short", do)


def _storage(config: Config, root: Path) -> Line:
    """Program, configuration and recordings must outlive a power-off."""
    folders = (sys.prefix, str(INSTALLED.parent), config.courier.state_dir)
    lost = [why for folder in folders if (why := trouble(root, folder))]
    if not lost:
        return passed("storage", "program, configuration and recordings are remembered")
    why = "A read-only or overlay mode is on: what was measured and recorded would be gone after a power-off"
    return failed("storage", "; ".join(lost), why, CURE)


def _clock(root: Path) -> Line:
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    if time.time() < CLOCK_SET_AFTER_S:
        do = "connect it to a network, or run timedatectl set-time; stopping the belt does not need it"
        return warned("clock", date, "The clock was never set: events would carry wrong times", do)
    synchronized = (root / "run/systemd/timesync/synchronized").exists()
    return passed("clock", date + (", synchronized" if synchronized else ""))


def _broker(config: Config) -> Line:
    from firmware_py.courier.events.login import attempt  # paho, only where there is a broker

    address = f"{config.mqtt.host}:{config.mqtt.port}"
    do = "check mqtt.host, mqtt.port, mqtt.user, the password and the broker's access list (docs/home-assistant.md)"
    try:
        problem = attempt(config.mqtt, config.courier.device_id)
    except Failure as error:
        return warned("broker", error.advice.what, error.advice.why, error.advice.do)
    if not problem:
        stop = ", remote stop works" if config.mqtt.allow_remote_stop else ""
        return passed("broker", f"{address} takes the login{stop}")
    return warned("broker", f"{address}: {problem}", "Stopping the belt needs no broker", do)


def _commissioned(config: Config) -> Line:
    if config.belt.commissioned:
        return passed("commissioning", f"coast-down {config.belt.coast_down_m_s2:g} m/s2")
    do = "run `rearguard commission` as hardware.md describes it, before anybody walks"
    return warned("commissioning", "this treadmill has not been measured", "belt.commissioned is false", do)
