"""The hold, tick by tick."""

import pytest

from firmware_py.core.filters import LeakyTimer


def ticks(held: LeakyTimer, pattern: str, dt_s: float = 0.01) -> str:
    """What it says of each tick of a pattern: x is true, . is not."""
    return "".join("X" if held.update(c == "x", dt_s) else "-" for c in pattern)


@pytest.mark.parametrize(("dt_s", "first"), [(0.0025, 12), (0.005, 6), (0.01, 3), (1 / 238, 8)])
def test_it_has_held_at_the_tick_that_completes_it_at_every_rate(dt_s: float, first: int) -> None:
    assert ticks(LeakyTimer(0.03), "x" * 20, dt_s) == "-" * (first - 1) + "X" * (21 - first)


def test_no_hold_at_all_says_so_at_once() -> None:
    assert ticks(LeakyTimer(0.0), ".x.x") == "-X-X"


def test_it_never_holds_while_the_condition_is_not_there() -> None:
    assert ticks(LeakyTimer(0.03), "xxx.x") == "--X-X"


def test_one_gap_costs_a_quarter_of_its_length() -> None:
    assert ticks(LeakyTimer(0.03), "xx.xx") == "----X"
    assert ticks(LeakyTimer(0.03), "xx....xxx") == "-------XX"


def test_a_flicker_gets_there_in_the_end() -> None:
    assert "X" in ticks(LeakyTimer(0.03), "x.." * 10)
    assert "X" not in ticks(LeakyTimer(0.03), "x....." * 10)


def test_a_full_hold_stores_no_more_than_itself() -> None:
    held = LeakyTimer(0.03)
    ticks(held, "x" * 100)
    assert ticks(held, "." * 12 + "xxx") == "-" * 14 + "X"


def test_an_empty_hold_owes_nothing() -> None:
    held = LeakyTimer(0.03)
    assert ticks(held, "." * 100 + "xxx") == "-" * 102 + "X"


def test_clearing_starts_anew() -> None:
    held = LeakyTimer(0.03)
    ticks(held, "xxx")
    held.clear()
    assert ticks(held, "xxx") == "--X"


@pytest.mark.parametrize(("short_s", "held"), [(0.0, True), (1e-9, True), (1.05e-9, False)])
def test_a_nanosecond_short_is_held_for_ticks_do_not_add_up_exactly(short_s: float, held: bool) -> None:
    assert LeakyTimer(1.0).update(True, 1.0 - short_s) is held
