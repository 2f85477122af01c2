"""Owns what set-up needs of the computer: bus, pins, time, the guard's service, name, network, reboot.

The rig puts a simulated treadmill in its place. Must never arm: only the button can.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from firmware_py.device.service import ALERTS, COURIER, GUARD, armed, systemctl
from firmware_py.guard.relay import real_pins
from sensors.advice import HardwareError
from sensors.i2c import Bus, open_bus

UP_S = 30.0


class Machine:
    """This Raspberry Pi. `root` is / on the device."""

    root = Path("/")
    command = "sudo rearguard setup"
    simulated = False
    rebooting = False

    def shown(self, key: str) -> None:
        """A person was asked for this; a simulated one does it now."""

    def open_bus(self, number: int) -> Bus:
        return open_bus(number)

    def take_pins(self) -> None:
        real_pins()

    def clock_ns(self) -> int:
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def armed(self) -> bool:
        return armed()

    def stop_guard(self) -> None:
        """The belt is off from here on. Raises HardwareError when the service does not stop."""
        if not systemctl("stop", GUARD):
            raise HardwareError(
                "setup: the safety monitor cannot be stopped",
                "Usually its service hangs",
                f"see `systemctl status {GUARD}`",
            )

    def start_guard(self) -> bool:
        """The services with the configuration as it is now. True when guard and courier are up."""
        systemctl("restart", "--no-block", GUARD, COURIER, ALERTS)
        for _ in range(round(UP_S / 0.5)):
            if systemctl("is-active", "--quiet", GUARD, COURIER):
                return True
            time.sleep(0.5)
        return False

    def show_page(self) -> None:
        """The page as the configuration is now; the guard stays stopped."""
        systemctl("restart", "--no-block", COURIER)

    def boot_id(self) -> str:
        return (self.root / "proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def has_bus(self, number: int) -> bool:
        return (self.root / f"dev/i2c-{number}").exists()

    def reboot(self) -> None:
        self.rebooting = True
        os.sync()
        systemctl("reboot")

    def name(self) -> str:
        return socket.gethostname()

    def set_name(self, name: str) -> bool:
        """Gives this computer its name in the network. False when it cannot be done here."""
        done = subprocess.run(["hostnamectl", "set-hostname", name], capture_output=True, check=False)
        return done.returncode == 0

    def address(self) -> str | None:
        """This computer's address in the network; None without one. Nothing is sent."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # RFC 5737: an address for documentation
            except OSError:
                return None
            found: str = probe.getsockname()[0]
            return None if found.startswith("127.") else found

    def give(self, path: Path, group: str) -> None:
        """Lets the group read a file. Left alone where there is no such group."""
        try:
            shutil.chown(path, group=group)
        except (LookupError, PermissionError):
            return
