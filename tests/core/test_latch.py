"""The latch table is total and only RESET starts; only a fresh press-and-release is a RESET."""

from itertools import product

import pytest

from firmware_py.core.frame import Cause, Signal
from firmware_py.core.latch import TABLE, Button, Latch

TICK_NS = 5_000_000


def test_the_table_is_total() -> None:
    assert set(TABLE) == set(product(Latch, Signal))


@pytest.mark.parametrize("signal", Signal)
def test_only_reset_starts_a_stopped_belt(signal: Signal) -> None:
    assert (TABLE[Latch.STOPPED, signal] is Latch.RUNNING) == (signal is Signal.RESET)


@pytest.mark.parametrize("signal", Signal)
def test_anything_wrong_stops_and_nothing_else_does(signal: Signal) -> None:
    assert (TABLE[Latch.RUNNING, signal] is Latch.STOPPED) == (signal >= Signal.UNHEALTHY)


def test_signals_are_ordered_so_that_the_worst_wins() -> None:
    assert Signal.OK < Signal.RESET < Signal.UNHEALTHY < Signal.DANGER


def presses(*legs: tuple[int, bool], stopped: bool = True) -> list[int]:
    """Ticks at which a press was accepted; a leg is (ticks, pressed)."""
    button, accepted, tick = Button(), [], 0
    for ticks, pressed in legs:
        for _ in range(ticks):
            if button.update(tick * TICK_NS, pressed, stopped, None):
                accepted.append(tick)
            tick += 1
    return accepted


@pytest.mark.parametrize(
    ("held_ticks", "accepted"),
    [(1, False), (19, False), (20, True), (21, True), (600, True), (601, False), (602, False)],
)
def test_a_press_counts_from_a_tenth_of_a_second_to_three_seconds(held_ticks: int, accepted: bool) -> None:
    assert presses((5, False), (held_ticks, True), (5, False)) == ([5 + held_ticks] if accepted else [])


def test_a_press_held_through_power_on_does_not_start() -> None:
    assert presses((40, True), (10, False)) == []


def test_the_press_after_one_held_through_power_on_starts() -> None:
    assert presses((40, True), (1, False), (40, True), (5, False)) == [81]


def test_a_press_that_began_while_running_does_not_start() -> None:
    button = Button()
    button.update(0, False, stopped=False, wrong=None)
    assert not button.update(1 * TICK_NS, True, stopped=False, wrong=None)
    for tick in range(2, 60):
        assert not button.update(tick * TICK_NS, True, stopped=True, wrong=None)
    assert not button.update(60 * TICK_NS, False, stopped=True, wrong=None)


def test_a_press_released_while_running_is_nothing() -> None:
    button = Button()
    button.update(0, False, stopped=True, wrong=None)
    for tick in range(1, 60):
        button.update(tick * TICK_NS, True, stopped=True, wrong=None)
    assert not button.update(60 * TICK_NS, False, stopped=False, wrong=None)


def test_a_bouncing_contact_is_one_press_at_most() -> None:
    bounce = ((1, True), (1, False)) * 4
    assert presses((5, False), *bounce, (40, True), (1, False), *bounce, (20, False)) == [53]


@pytest.mark.parametrize(("ticks", "stuck"), [(600, False), (601, False), (602, True)])
def test_a_button_held_for_more_than_three_seconds_is_stuck(ticks: int, stuck: bool) -> None:
    button = Button()
    button.update(0, False, stopped=True, wrong=None)
    for tick in range(1, ticks + 1):
        button.update(tick * TICK_NS, True, stopped=True, wrong=None)
    assert button.stuck == stuck


def test_a_button_held_from_power_on_is_found_stuck_too_and_heals_when_let_go() -> None:
    button = Button()
    for tick in range(700):
        button.update(tick * TICK_NS, True, stopped=True, wrong=None)
    assert button.stuck
    button.update(700 * TICK_NS, False, stopped=True, wrong=None)
    assert not button.stuck


def test_every_pattern_of_sixteen_ticks_starts_only_after_released_pressed_released() -> None:
    long_tick_ns = 60_000_000  # two pressed ticks are 0.12 s: a valid press
    for pattern in product((False, True), repeat=12):
        button = Button()
        for tick, pressed in enumerate(pattern):
            if button.update(tick * long_tick_ns, pressed, stopped=True, wrong=None):
                held = 0
                while pattern[tick - 1 - held]:
                    held += 1
                assert not pressed
                assert held >= 2
                assert not pattern[tick - 1 - held]


@pytest.mark.parametrize("wrong_tick", range(1, 42))
def test_a_press_during_which_anything_was_wrong_is_whole_but_spoiled(wrong_tick: int) -> None:
    button = Button()
    button.update(0, False, True, None)
    for tick in range(1, 41):
        assert not button.update(tick * TICK_NS, True, True, Cause.IMU if tick == wrong_tick else None)
    assert button.update(41 * TICK_NS, False, True, Cause.RANGE if wrong_tick == 41 else None)
    assert button.spoiled is (Cause.RANGE if wrong_tick == 41 else Cause.IMU)


def test_the_first_thing_that_was_wrong_is_the_reason() -> None:
    button = Button()
    button.update(0, False, True, None)
    for tick in range(1, 41):
        button.update(tick * TICK_NS, True, True, Cause.IMU if tick < 9 else Cause.RANGE)
    assert button.update(41 * TICK_NS, False, True, Cause.LATE)
    assert button.spoiled is Cause.IMU


def test_a_spoiled_press_does_not_spoil_the_next() -> None:
    button = Button()
    button.update(0, False, True, None)
    for tick in range(1, 41):
        button.update(tick * TICK_NS, True, True, Cause.IMU)
    button.update(41 * TICK_NS, False, True, None)
    for tick in range(42, 82):
        button.update(tick * TICK_NS, True, True, None)
    assert button.update(82 * TICK_NS, False, True, None)
    assert button.spoiled is None


def test_a_button_that_nobody_asked_yet_is_not_called_stuck() -> None:
    assert Button().stuck is False
