"""Owns what the guard asks of the operating system: real time, an absolute sleep, the service manager, one instance.

Must never hide a refusal: every return code is reported. Must never start a thread.
"""

import ctypes
import errno
import fcntl
import gc
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from firmware_py.guard import EdgeError

TIMER_ABSTIME = 1
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4  # <sys/mman.h>
SCHED_RESET_ON_FORK = 0x40000000  # a child of the guard is never real-time


class Asked(NamedTuple):
    """One thing asked of the system, whether it was granted, and what it said."""

    what: str
    ok: bool
    why: str


def go_realtime(priority: int, cpu: int) -> list[Asked]:
    """Asks for everything that keeps a tick on time; what is refused is reported, not raised.

    Call it last: memory that is there now is locked, objects that are there now are never looked at again.
    """
    asked = [
        _ask(
            "SCHED_FIFO",
            lambda: _fifo(priority),
            "run as the unit does: CPUSchedulingPolicy=fifo, LimitRTPRIO",
        ),
        _ask("locked memory", _lock_memory, "LimitMEMLOCK=infinity in the unit"),
    ]
    if cpu >= 0:
        asked.append(
            _ask(f"core {cpu}", lambda: os.sched_setaffinity(0, {cpu}), "set loop.cpu to a core that exists")
        )
    sys.setswitchinterval(0.0005)  # another thread may hold the interpreter this long, not 5 ms
    gc.collect()
    gc.freeze()
    gc.disable()  # the loop makes no cycles: tests/guard/test_loop.py counts them
    return asked


def _ask(what: str, call: Callable[[], object], cure: str) -> Asked:
    try:
        call()
    except OSError as error:
        return Asked(what, False, f"{error.strerror} (errno {error.errno}): {cure}")
    return Asked(what, True, "")


def _fifo(priority: int) -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO | SCHED_RESET_ON_FORK, os.sched_param(priority))


def _lock_memory() -> None:
    """Pages are locked once touched: locking all that is mapped would triple the guard's resident memory."""
    if ctypes.CDLL(None, use_errno=True).mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


def make_sleep_until() -> Callable[[int], None]:
    """A function that sleeps until an absolute CLOCK_MONOTONIC time in ns, or until a signal has been handled."""
    nanosleep = ctypes.CDLL(None).clock_nanosleep
    nanosleep.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    until = _Timespec()
    pointer = ctypes.addressof(until)

    def sleep_until(t_ns: int, _keep: _Timespec = until) -> None:
        until.tv_sec, until.tv_nsec = divmod(t_ns, 1_000_000_000)
        refused = nanosleep(time.CLOCK_MONOTONIC, TIMER_ABSTIME, pointer, None)
        if refused not in (0, errno.EINTR):
            raise OSError(refused, f"clock_nanosleep: {os.strerror(refused)}")

    return sleep_until


class ServiceManager:
    """Talks to systemd when it started us; says nothing otherwise. Never waits."""

    __slots__ = ("_address", "_socket")

    def __init__(self, address: str | None) -> None:
        """`address` is NOTIFY_SOCKET; a leading @ is the abstract namespace."""
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address
        self._socket = (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) if address else None
        )

    def tell(self, *lines: str) -> None:
        """READY=1, WATCHDOG=1, STOPPING=1, STATUS=... A manager that does not listen changes nothing here."""
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


def only_instance(path: Path) -> IO[str]:
    """Takes the lock that a second guard would need too; keep the file open. Raises EdgeError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            held = path.open("r+")
        except FileNotFoundError:
            # Only then: in a sticky folder the kernel lets not even root "create" what is there.
            held = path.open("a+")
    except OSError as error:
        raise EdgeError(
            f"guard: cannot open {path} ({error.strerror}). Usually the runtime directory belongs to another user: "
            "start the guard by its unit, or give courier.socket a directory of your own."
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise EdgeError(
            f"guard: another guard runs ({path} is locked). Two cannot drive one relay: "
            "`systemctl stop rearguard-guard`, or use it."
        ) from error
    return held


def under_voltage(hwmon: Path = Path("/sys/class/hwmon")) -> bool:
    """Has the Pi seen its supply fall under 4.63 V since it booted? False where nothing measures it."""
    for alarm in sorted(hwmon.glob("*/in0_lcrit_alarm")):
        try:
            if alarm.read_text().strip() == "1":
                return True
        except OSError:
            continue
    return False
