"""Owns the I2C bus: one-burst reads, writes, and what each errno means. The only file that imports smbus2.

Must never raise once a sensor is open (trouble is returned as a Fault), never wait longer than the 10 ms that the
kernel is set to allow, never retry on its own.
"""

import os
from fcntl import ioctl
from grp import getgrnam
from pathlib import Path
from pwd import getpwuid
from typing import Any, Protocol

from sensors.advice import HardwareError, in_short
from sensors.hints import HINTS
from sensors.samples import Fault

# <linux/i2c-dev.h>. Without them a hung bus blocks for the adapter's own timeout, 1 s by default.
I2C_RETRIES = 0x0701
I2C_TIMEOUT = 0x0702
TIMEOUT_10_MS = 1

ERRNO_FAULTS: dict[int, Fault] = {
    121: Fault.NO_REPLY,  # EREMOTEIO: address or byte not acknowledged
    6: Fault.NO_REPLY,  # ENXIO: the same from other adapters
    110: Fault.BUS_TIMEOUT,
    5: Fault.BUS_NOISE,
    16: Fault.BUS_BUSY,
    11: Fault.BUS_BUSY,  # EAGAIN: arbitration lost
    2: Fault.BUS_GONE,
    19: Fault.BUS_GONE,
    9: Fault.BUS_GONE,
}
"""An errno that is not listed counts as BUS_GONE: the bus cannot be relied on."""


BUSES = Path("/sys/bus/i2c/devices")  # what the kernel knows, with a file in /dev or without


class Wire(Protocol):
    """The part of smbus2.SMBus that a bus needs; an emulated or a remote bus has the same shape."""

    def i2c_rdwr(self, *i2c_msgs: Any) -> None: ...
    def close(self) -> None: ...


class Bus:
    """One I2C bus. `errno` is that of the last transfer, 0 when it went well."""

    def __init__(self, wire: Wire, name: str = "i2c") -> None:
        from smbus2 import i2c_msg  # here, so that commands without a bus start fast

        self.name = name
        self.errno = 0
        self._wire = wire
        self._i2c_msg = i2c_msg
        self._bursts: dict[tuple[int, int, int, int], tuple[Any, Any]] = {}

    def read(self, address: int, register: int, n: int, register_bytes: int = 1) -> bytes | Fault:
        """`n` bytes from `register` on, in one burst: the register is written, then one read, then STOP."""
        burst = self._bursts.get((address, register, n, register_bytes))
        if burst is None:
            burst = (
                self._i2c_msg.write(address, register.to_bytes(register_bytes, "big")),
                self._i2c_msg.read(address, n),
            )
            self._bursts[address, register, n, register_bytes] = burst
        try:
            self._wire.i2c_rdwr(*burst)
        except OSError as error:
            return self._fault(error)
        self.errno = 0
        held: bytes = burst[1].buf[:n]  # bytes(message) is equal, eight times slower
        return held

    def write(self, address: int, register: int, data: bytes, register_bytes: int = 1) -> Fault | None:
        """Writes `data` from `register` on. None when the chip took it."""
        try:
            self._wire.i2c_rdwr(self._i2c_msg.write(address, register.to_bytes(register_bytes, "big") + data))
        except OSError as error:
            return self._fault(error)
        self.errno = 0
        return None

    def write_and_verify(
        self, address: int, register: int, value: int, register_bytes: int = 1
    ) -> int | Fault:
        """Writes one byte and returns what the chip then holds; the caller compares."""
        fault = self.write(address, register, bytes((value,)), register_bytes)
        if fault is not None:
            return fault
        held = self.read(address, register, 1, register_bytes)
        return held if isinstance(held, Fault) else held[0]

    def refusal(self, sensor: str, address: int, fault: Fault) -> HardwareError:
        """Why `sensor` cannot be opened, from the hint of `fault`."""
        hint = HINTS[fault]
        errno = f" (errno {self.errno})" if self.errno else ""
        return HardwareError(
            f"{sensor} at 0x{address:02x} on {self.name}: {hint.what}{errno}", hint.why, hint.do
        )

    def close(self) -> None:
        """Gives the bus back. No error when it is gone already."""
        try:
            self._wire.close()
        except OSError as error:
            self._fault(error)

    def _fault(self, error: OSError) -> Fault:
        self.errno = error.errno or 0
        return ERRNO_FAULTS.get(self.errno, Fault.BUS_GONE)


def open_bus(number: int, buses: Path = BUSES) -> Bus:
    """/dev/i2c-`number` with a 10 ms timeout and no retries. Raises HardwareError."""
    from smbus2 import SMBus

    name = f"i2c-{number}"
    try:
        wire = SMBus(number)
    except FileNotFoundError as error:
        why, do = _why_no_file(name, buses)
        raise HardwareError(f"{name}: /dev/{name} does not exist", why, do) from error
    except PermissionError as error:
        raise HardwareError(
            f"{name}: no permission to open /dev/{name}",
            *("Usually the user is not in group i2c", "run `sudo usermod -aG i2c $USER` and log in again")
            if not _in_group_i2c()
            else (
                "This user is in group i2c, but not yet in this login",
                "log out and in again, or run it with sudo",
            ),
        ) from error
    except OSError as error:
        raise HardwareError(
            f"{name}: /dev/{name} cannot be opened ({in_short(error)})",
            "Usually it is not an I2C adapter, or its driver has failed",
            "look at `dmesg | grep i2c`",
        ) from error
    try:
        descriptor: Any = wire.fd
        ioctl(descriptor, I2C_TIMEOUT, TIMEOUT_10_MS)
        ioctl(descriptor, I2C_RETRIES, 0)
    except OSError as error:
        wire.close()
        raise HardwareError(
            f"{name}: the kernel refuses the 10 ms bus timeout ({in_short(error)})",
            "Without it a hung bus stops the loop for a second",
            "use the i2c-bcm2835 or i2c-gpio adapter of the Pi",
        ) from error
    return Bus(wire, name)


def _why_no_file(name: str, buses: Path) -> tuple[str, str]:
    """Cause and cure of a bus without a file in /dev. What is done already is never prescribed again."""
    known = sorted(path.name for path in buses.glob("i2c-*"))
    if name in known:
        return "The bus is there, the kernel module i2c-dev is not", "run `sudo modprobe i2c-dev`"
    if known:
        return f"This computer has {', '.join(known)}", "set imu.bus and range.bus to one of these"
    return (
        "Usually I2C is not enabled",
        "put dtparam=i2c_arm=on into config.txt and reboot; if it is there, look at `dmesg | grep i2c`",
    )


def _in_group_i2c() -> bool:
    """Is this user a member of group i2c by the system's own list?"""
    try:
        group = getgrnam("i2c")
        user = getpwuid(os.getuid())
    except KeyError:
        return False
    return user.pw_name in group.gr_mem or user.pw_gid == group.gr_gid
