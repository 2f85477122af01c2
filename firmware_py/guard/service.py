"""Owns what the guard asks of the operating system: real time, an absolute sleep, its service status, one instance.

Must never hide a refusal: every return code is reported. Must never start a thread.
"""

import ctypes
import errno
import fcntl
import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from firmware_py.core.frame import Decision
from firmware_py.notify import ServiceManager
from sensors.advice import HardwareError

TIMER_ABSTIME = 1
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4  # <sys/mman.h>
FEEDS_A_SECOND = 10  # of the service manager's watchdog, which waits for at least 0.5 s
SCHED_RESET_ON_FORK = 0x40000000  # a child of the guard is never real-time


class Asked(NamedTuple):
    """One thing asked of the system, whether it was granted, and if not, why and what to do."""

    what: str
    ok: bool
    why: str


def go_realtime(priority: int, cpu: int) -> list[Asked]:
    """Asks for everything that keeps a tick on time; what is refused is reported, not raised.

    Call it last: memory that is in use now is locked, and the garbage collector never visits today's objects again.
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


class Status:
    """Keeps systemd informed: a line for `systemctl status` at each change, and its watchdog fed by the loop itself."""

    def __init__(self, manager: ServiceManager, rate_hz: int) -> None:
        self._manager = manager
        self._feed_every = max(1, rate_hz // FEEDS_A_SECOND)
        self._tick = 0

    def ready(self) -> None:
        self._manager.send("READY=1")

    def stopping(self) -> None:
        self._manager.send("STOPPING=1")

    def update(self, decision: Decision, changed: bool) -> None:
        """Once a tick; `changed`: something happened that the line shows."""
        if changed:  # the installer reads it, and refuses while running
            self._manager.send(f"STATUS={status_line(decision)}")
        if self._tick == 0:
            self._manager.send("WATCHDOG=1")
        self._tick = (self._tick + 1) % self._feed_every


def status_line(decision: Decision) -> str:
    """What `systemctl status` shows."""
    if decision.run:
        return "running" if decision.warning is None else f"running, warning: {decision.warning.value}"
    refusal = (
        "a press is accepted" if decision.refusal is None else f"a press is refused: {decision.refusal.value}"
    )
    cause = decision.cause.value if decision.cause else ""
    why = f"{cause}, {decision.rule} {decision.value:.3g} of {decision.limit:.3g}" if decision.rule else cause
    return f"stopped: {why}; {refusal}"


def only_instance(path: Path) -> IO[str]:
    """Takes the lock that a second guard would need too; keep the file open. Raises HardwareError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = (
            os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )  # others may plant a link or a FIFO here
        try:
            descriptor = os.open(path, plain)
        except FileNotFoundError:
            # Only then: in a sticky folder the kernel refuses even root to "create" a file that exists.
            descriptor = os.open(path, plain | os.O_CREAT | os.O_EXCL, 0o666)
        held = os.fdopen(descriptor, "r+")
    except OSError as error:
        raise HardwareError(
            f"cannot open {path} ({error.strerror})",
            "Usually the runtime directory belongs to another user",
            "start it as a service, or give courier.socket a directory of your own",
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise HardwareError(
            f"the safety monitor runs already ({path} is locked)",
            "Only one program can own the bus and the pins",
            "`systemctl stop rearguard-guard`, or use that one",
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
