"""Runs the real guard with one stage of its tick prepared to misbehave once SIGUSR1 has come.

Usage: python -m tests.support.pisim.sabotage STAGE DEED ARGUMENTS-OF-RUN... Everything else is the guard as it ships.
"""

import ctypes
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from firmware_py.__main__ import main
from firmware_py.core.monitor import Monitor
from firmware_py.guard.link import Link
from firmware_py.guard.panel import Panel
from firmware_py.guard.relay import Relay
from sensors.lsm6dsox import Lsm6dsox
from sensors.vl53l1x import Vl53l1x

STAGES: dict[str, tuple[type[Any], str]] = {
    "imu": (Lsm6dsox, "read"),
    "range": (Vl53l1x, "poll"),
    "button": (Panel, "reset_pressed"),
    "feedback": (Relay, "feedback"),
    "decide": (Monitor, "step"),
    "relay": (Relay, "set"),
    "panel": (Panel, "show"),
    "link": (Link, "tick"),
}


def hang() -> None:
    while True:
        pass


def fail() -> None:
    raise RuntimeError("sabotage")


def crash() -> None:
    ctypes.string_at(0)


def eat_memory() -> None:
    """All the memory that there is: 64 MB more than now."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (64 << 20), now + (64 << 20)))
    eaten = []
    while True:
        eaten.append(bytearray(1 << 20))


DEEDS: dict[str, Callable[[], None]] = {"hang": hang, "fail": fail, "crash": crash, "eat_memory": eat_memory}


def prepare(stage: str, deed: str) -> None:
    owner, name = STAGES[stage]
    honest, misdeed = getattr(owner, name), DEEDS[deed]
    armed: list[bool] = []
    signal.signal(signal.SIGUSR1, lambda *_: armed.append(True))

    def dishonest(*args: Any, **kwargs: Any) -> Any:
        if armed:
            misdeed()
        return honest(*args, **kwargs)

    setattr(owner, name, dishonest)


if __name__ == "__main__":
    prepare(sys.argv[1], sys.argv[2])
    sys.argv = ["rearguard", *sys.argv[3:]]
    main()
