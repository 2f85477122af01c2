"""The real guard on a simulated Pi: whatever ends, hangs or starves it, the belt is off within 60 ms.

What is measured is the outside: the relay's pin as the pulse watchdog of hardware.md sees it. The first repetition
starts the program anew; the others fork it after its imports (tests/support/pisim/nursery.py).
"""

import os
import random
import signal
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.held_up import Drop
from tests.support.pisim.pi import Pi, Process, end
from tests.support.pisim.sabotage import STAGES
from tests.system.conftest import REPETITIONS

pytestmark = pytest.mark.alone  # it looks at the clock: nothing else may run beside it

NewPi = Callable[..., Pi]
Check = Callable[[list[Drop]], None]


def strike(pi: Pi, blow: signal.Signals, stage: str = "-", deed: str = "-") -> list[Drop]:
    """Arms a guard and strikes it at a random phase of the tick, again and again."""
    drops = []
    for seed in range(REPETITIONS):
        start: Callable[..., Process] = pi.fork if seed else pi.start
        guard = pi.armed(partial(start, stage, deed), random.Random(seed).uniform(0.05, 0.06))
        try:
            drops.append(pi.drop_after(partial(os.kill, guard.pid, blow)))
            if seed < 3 or seed % 10 == 0:  # a hanging guard holds a core: not every time
                pi.press()
            assert not pi.runs(), "a dead guard was armed"
        finally:
            end(guard)
    return drops


@pytest.mark.parametrize(
    "blow", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP, signal.SIGTERM], ids=lambda s: s.name
)
def test_a_signal_ends_the_run(new_pi: NewPi, blow: signal.Signals, within_60_ms: Check) -> None:
    within_60_ms(strike(new_pi(), blow))


@pytest.mark.parametrize("deed", ["hang", "fail"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_hangs_or_raises_ends_the_run(
    new_pi: NewPi, stage: str, deed: str, within_60_ms: Check
) -> None:
    within_60_ms(strike(new_pi(), signal.SIGUSR1, stage, deed))


@pytest.mark.parametrize("deed", ["crash", "eat_memory"])
def test_a_crash_or_the_end_of_memory_ends_the_run(new_pi: NewPi, deed: str, within_60_ms: Check) -> None:
    within_60_ms(strike(new_pi(), signal.SIGUSR1, "decide", deed))
