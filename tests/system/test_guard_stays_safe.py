"""The real guard on a simulated Pi: broken wires, a second guard, restarts and a button that somebody leans on."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.held_up import Busy, Drop
from tests.support.pisim import watchdog
from tests.support.pisim.pi import Pi, Process, end
from tests.system.conftest import REPETITIONS, as_the_unit_does

pytestmark = pytest.mark.alone  # it looks at the clock: nothing else may run beside it

NewPi = Callable[..., Pi]
Check = Callable[[list[Drop]], None]
PIN_LOW = Path("systemd/pin_low.py").resolve()
STARTED_ANEW = 3  # the others are forked: tests/support/pisim/nursery.py


def break_and_mend(pi: Pi, break_it: Callable[[], None], mend: Callable[[], None]) -> list[Drop]:
    """Arms once and again after each break."""
    drops = []
    guard = pi.armed(pi.start, 0.0)
    try:
        for seed in range(REPETITIONS):
            wait_s = random.Random(seed).uniform(0.05, 0.06)
            guard = pi.armed_again(guard, pi.start, wait_s)
            drops.append(pi.drop_after(break_it))
            pi.press()
            assert not pi.runs(), "a blind guard was armed"
            mend()
            assert guard.poll() is None, pi.log()
    finally:
        end(guard)
    return drops


def test_a_stuck_i2c_bus_ends_the_run(new_pi: NewPi, within_60_ms: Check) -> None:
    pi = new_pi()

    def stuck(value: bool) -> Callable[[], None]:
        return lambda: setattr(pi.header, "stuck", value)

    within_60_ms(break_and_mend(pi, stuck(True), stuck(False)))


@pytest.mark.parametrize("which", ["imu", "both"])
def test_unplugged_sensors_end_the_run(new_pi: NewPi, within_60_ms: Check, which: str) -> None:
    pi = new_pi()
    gone = {pi.config.imu.address} | ({pi.config.range.address} if which == "both" else set())
    within_60_ms(break_and_mend(pi, lambda: pi.unplugged.update(gone), pi.unplugged.clear))


def test_a_second_guard_refuses_to_start_and_the_first_does_not_notice(new_pi: NewPi) -> None:
    pi = new_pi()
    first = pi.armed(pi.start, 0.0)
    try:
        for seed in range(REPETITIONS):
            first = pi.armed_again(first, pi.start, random.Random(seed).uniform(0.05, 0.06))
            before = len(pi.header.history)
            second: Process = pi.start() if seed < STARTED_ANEW else pi.fork()
            assert second.wait(20) == 3
            assert first.poll() is None
            gap_ns = watchdog.longest_gap_ns(pi.header.history[before:], pi.relay_pin)
            assert (pi.runs() and gap_ns < watchdog.HOLD_NS) or pi.was_late(), (gap_ns, pi.events[-3:])
        assert pi.log().count("the safety monitor runs already") == REPETITIONS
    finally:
        end(first)


def test_another_program_cannot_take_the_relay_pin(new_pi: NewPi) -> None:
    pi = new_pi()
    guard = pi.armed(pi.start, 0.0)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(PIN_LOW), str(pi.config_path)], env=pi.environment, timeout=20
        )
        assert done.returncode == 1
        assert pi.runs()
    finally:
        end(guard)


def test_the_pin_is_never_high_before_a_press_at_power_up_and_at_every_restart(new_pi: NewPi) -> None:
    pi = new_pi()
    pi.button = False

    def start() -> Process:
        before = len(pi.header.history)
        guard = pi.start()
        try:
            invited = pi.header.wait_for(lambda: pi.header.level(pi.config.panel.lamp_pin), 20)
            time.sleep(0.3)
            assert not any(x.pin == pi.relay_pin and x.high for x in pi.header.history[before:])
            if not invited and any(event["cause"] == "late" for event in pi.events[-6:]):
                raise Busy(f"never invited to arm, always late: {pi.events[-3:]}")
            assert invited, pi.log()
        except AssertionError:
            end(guard)
            raise
        return guard

    for _ in range(3):
        end(pi.armed(start, 0.0))


def test_a_button_held_through_power_up_a_kill_and_a_restart_starts_nothing(new_pi: NewPi) -> None:
    pi = new_pi()
    pi.button = True
    for _ in range(2):
        guard = pi.start()
        try:
            time.sleep(2.0)
            assert guard.poll() is None, pi.log()
            assert not pi.runs()
        finally:
            end(guard)
    guard = pi.start()
    try:
        time.sleep(1.5)
        pi.button = False  # the release of a press that was never seen to begin
        time.sleep(0.3)
        assert not any(x.pin == pi.relay_pin and x.high for x in pi.header.history)
    finally:
        end(guard)


def test_a_button_held_through_a_stop_starts_nothing(new_pi: NewPi) -> None:
    pi = new_pi()
    guard = pi.armed(pi.start, 0.0)
    try:
        pi.button = True
        time.sleep(0.05)
        pi.drop_after(lambda: pi.unplugged.add(pi.config.imu.address))
        pi.unplugged.clear()
        time.sleep(1.0)
        pi.button = False
        time.sleep(0.3)
        assert not pi.runs()
    finally:
        end(guard)


def test_with_level_drive_the_kept_pin_is_driven_low_after_a_kill(
    new_pi: NewPi, within_100_ms: Check
) -> None:
    """From the kill on, without systemd's own time to notice, which tests/vm/test_services.py adds."""
    pi = new_pi('[relay]\ndrive = "level"\n', persist=True)
    environment = {**pi.environment, "RUNTIME_DIRECTORY": str(pi.folder)}
    pin_low = [sys.executable, "-I", "-S", str(PIN_LOW), str(pi.config_path)]
    assert as_the_unit_does(pin_low, environment).returncode == 0  # ExecStartPre: it remembers the pin

    def kill_and_clean_up(guard: Process) -> None:
        os.kill(guard.pid, signal.SIGKILL)
        guard.wait(10)
        assert pi.runs(), "this kernel was to keep the level"
        assert as_the_unit_does(pin_low, environment).returncode == 0

    drops = []
    for seed in range(REPETITIONS):
        start: Callable[[], Process] = pi.start if seed < STARTED_ANEW else pi.fork
        guard = pi.armed(start, random.Random(seed).uniform(0.0, 0.01))
        try:
            drops.append(pi.drop_after(partial(kill_and_clean_up, guard)))
        finally:
            end(guard)
    within_100_ms(drops)
