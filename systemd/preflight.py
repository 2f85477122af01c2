"""Looks at a computer before anything is installed on it: PASS, WARN or FAIL, each with what to do.

Must never change anything, and never import a package of ours: it runs before they exist.
"""

import os
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))
from mounts import CURE, trouble  # beside this file, in the source tree and in an installed version alike

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
NEEDED_MB = 700  # measured: one version with its Python packages is 306 MB (x86); half is for building it
# the first Pi, Zero and Compute Module by the names that their kernels give; a 3 Model B Plus is none of them
TOO_SLOW = tuple(f"Raspberry Pi {name}" for name in ("Model ", "Zero W", "Zero Rev", "Compute Module Rev"))
BUILT_AFTER_S = 1_760_000_000  # a clock before this is unset, and pip's TLS fails with it


class Check(NamedTuple):
    name: str
    verdict: str
    found: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.verdict}  {self.name}: {self.found}" + (f". {self.cure}" if self.cure else "")


def look(root: Path, python: tuple[int, int] = sys.version_info[:2]) -> list[Check]:
    """All checks; `root` is / on the device itself."""
    return [
        _model(root),
        _system(root),
        _python(python),
        _i2c(root),
        _pins(root),
        *_boot_config(root),
        _clock(),
        _disk(root),
        _storage(root),
        _power(root),
    ]


def _model(root: Path) -> Check:
    try:
        model = (root / "proc/device-tree/model").read_text(encoding="ascii", errors="replace").rstrip("\0\n")
    except OSError:
        return Check("model", WARN, "not a Raspberry Pi", "Fine for a trial; the header will be missing")
    if model.startswith(TOO_SLOW):
        return Check("model", FAIL, model, "Too slow for the loop: use a Zero 2 W, a 3, a 4 or a 5")
    return Check("model", PASS, model)


def _system(root: Path) -> Check:
    try:
        text = (root / "etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return Check("system", WARN, "no /etc/os-release", "Made for Pi OS and Debian 12 and 13")
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    name = fields.get("PRETTY_NAME", "unknown").strip('"')
    if fields.get("VERSION_CODENAME", "") in ("bookworm", "trixie"):
        return Check("system", PASS, name)
    return Check("system", WARN, name, "Tested on Bookworm and Trixie only")


def _python(version: tuple[int, int]) -> Check:
    name = f"{version[0]}.{version[1]}"
    if version < (3, 11):
        return Check("python", FAIL, name, "3.11 or newer is needed: Pi OS Bookworm has it")
    return Check("python", PASS, name)


def _i2c(root: Path) -> Check:
    """A cure never names what is done already: the bus in config.txt, the bus without its file."""
    buses = sorted(path.name for path in (root / "dev").glob("i2c-*"))
    if buses:
        return Check("i2c", PASS, ", ".join(buses))
    silent = sorted(path.name for path in (root / "sys/bus/i2c/devices").glob("i2c-*"))
    if silent:
        cure = "The installer loads i2c-dev, now and at each boot. By hand: sudo modprobe i2c-dev"
        return Check("i2c", WARN, f"{', '.join(silent)} without a file in /dev", cure)
    if any(_switches_i2c_on(line) for line in _boot_lines(root) or ()):
        cure = "It is in config.txt. Reboot if you have not since; else look at dmesg | grep i2c"
        return Check("i2c", WARN, "no bus yet", cure)
    cure = "Put dtparam=i2c_arm=on into config.txt, or run raspi-config nonint do_i2c 0, and reboot"
    return Check("i2c", WARN, "no /dev/i2c-*", cure)


def _switches_i2c_on(line: str) -> bool:
    """True for dtparam=i2c_arm=on in its spellings, alone or among other parameters."""
    name, _, values = line.partition("=")
    on = ("i2c_arm", "i2c_arm=on", "i2c", "i2c=on", "i2c1=on", "i2c_arm=1", "i2c=1")
    return name == "dtparam" and any(value.strip() in on for value in values.split(","))


def _pins(root: Path) -> Check:
    chips = sorted(path.name for path in (root / "dev").glob("gpiochip*"))
    if not chips:
        return Check("pins", WARN, "no /dev/gpiochip*", "Without a header the device cannot start")
    return Check("pins", PASS, ", ".join(chips))


def _boot_lines(root: Path) -> list[str] | None:
    """The lines of config.txt; None where there is none."""
    for name in ("boot/firmware/config.txt", "boot/config.txt"):
        try:
            text = (root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        return [line.strip() for line in text.splitlines()]
    return None


def _boot_config(root: Path) -> list[Check]:
    lines = _boot_lines(root)
    if lines is None:
        return [Check("config.txt", WARN, "not found", "On a Pi it is /boot/firmware/config.txt")]
    checks = []
    for key, why in (
        ("strict_gpiod", "a dead program's pin falls back to low"),
        ("i2c_arm_baudrate=400000", "a burst takes 0.5 ms instead of 1.8"),
    ):
        # no comment on the line: the firmware takes the rest of the line as the value
        if any(line.startswith("dtparam=") and key in line and "#" not in line for line in lines):
            checks.append(Check(f"config.txt {key}", PASS, "set"))
        else:
            cure = f"Add dtparam={key} on a line of its own, no comment behind it, and reboot: {why}"
            checks.append(Check(f"config.txt {key}", WARN, "not set", cure))
    return checks


def _clock() -> Check:
    now_s = time.time()
    date = time.strftime("%Y-%m-%d", time.gmtime(now_s))
    if now_s < BUILT_AFTER_S:
        return Check(
            "clock", FAIL, date, "The clock is not set and downloads would fail: timedatectl set-time"
        )
    return Check("clock", PASS, date)


def _disk(root: Path) -> Check:
    place = root / "opt"
    free_mb = shutil.disk_usage(place if place.exists() else root).free // 1_000_000
    if free_mb < NEEDED_MB:
        return Check(
            "disk", FAIL, f"{free_mb} MB free", f"{NEEDED_MB} MB are needed for a version beside the old one"
        )
    return Check("disk", PASS, f"{free_mb} MB free")


def _storage(root: Path) -> Check:
    """Program, configuration and recordings must outlive a power-off."""
    folders = ("/opt/rearguard", "/etc/rearguard", "/var/lib/rearguard")
    lost = [why for folder in folders if (why := trouble(root, folder))]
    if lost:
        return Check("storage", FAIL, "; ".join(lost), f"{CURE[0].upper()}{CURE[1:]}")
    return Check("storage", PASS, "remembered")


def _power(root: Path) -> Check:
    alarms = sorted((root / "sys/class/hwmon").glob("*/in0_lcrit_alarm"))
    for alarm in alarms:
        if alarm.read_text(encoding="ascii").strip() == "1":
            cure = "Use a 5.1 V supply of 3 A and a short thick cable, then power off and on; it will not arm before"
            return Check("power", WARN, "under-voltage since boot", cure)
    return Check(
        "power", PASS if alarms else WARN, "no under-voltage seen" if alarms else "not measured here"
    )


if __name__ == "__main__":
    found = look(Path(os.environ.get("ROOT", "/")))
    sys.stdout.write("\n".join(map(str, found)) + "\n")
    sys.exit(any(check.verdict == FAIL for check in found))
