"""The real guard on a simulated Pi: whatever ends, hangs or starves it, the belt is off within 60 ms.

What is measured is the outside: the relay's pin as the pulse watchdog of hardware.md sees it.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.pisim.pi import Pi, end
from tests.pisim.sabotage import STAGES
from tests.system.conftest import REPETITIONS

NewPi = Callable[..., Pi]
Check = Callable[[list[float]], None]

RUN = (sys.executable, "-m", "firmware_py", "run")


def sabotaged(stage: str, deed: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.pisim.sabotage", stage, deed, "run")


def strike(pi: Pi, command: tuple[str, ...], blow: Callable[[subprocess.Popen[bytes]], None]) -> list[float]:
    """Arms a guard and strikes it at a random phase of the tick, again and again; how long each drop took, in ms."""
    took_ms = []
    for seed in range(REPETITIONS):
        guard = pi.start(*command)
        try:
            pi.arm()
            time.sleep(random.Random(seed).uniform(0.05, 0.06))
            assert pi.runs(), pi.events
            start_ns = time.monotonic_ns()
            blow(guard)
            took_ms.append(pi.wait_dropped(start_ns))
            pi.press()
            assert not pi.runs(), "a dead guard was armed"
        finally:
            end(guard)
    return took_ms


def send(number: signal.Signals) -> Callable[[subprocess.Popen[bytes]], None]:
    return lambda guard: os.kill(guard.pid, number)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP, signal.SIGTERM])
def test_a_signal_ends_the_run(new_pi: NewPi, number: signal.Signals, within_60_ms: Check) -> None:
    within_60_ms(strike(new_pi(), RUN, send(number)))


@pytest.mark.parametrize("deed", ["hang", "fail"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_hangs_or_raises_ends_the_run(
    new_pi: NewPi, stage: str, deed: str, within_60_ms: Check
) -> None:
    within_60_ms(strike(new_pi(), sabotaged(stage, deed), send(signal.SIGUSR1)))


@pytest.mark.parametrize("deed", ["crash", "eat_memory"])
def test_a_crash_or_the_end_of_memory_ends_the_run(new_pi: NewPi, deed: str, within_60_ms: Check) -> None:
    within_60_ms(strike(new_pi(), sabotaged("decide", deed), send(signal.SIGUSR1)))
