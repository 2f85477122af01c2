"""What the guard counts of its own ticks."""

from firmware_py.guard.timing import Timing


def test_a_second_is_full_with_its_last_tick() -> None:
    timing = Timing(3)
    assert [timing.tick(0, 0) for _ in range(6)] == [False, False, True, False, False, True]
    assert timing.counters()["ticks"] == 6


def test_the_figures_are_those_of_the_last_second_in_microseconds() -> None:
    timing = Timing(100)
    for _ in range(100):
        timing.tick(9_000_000, 9_000_000)
    for k in range(100):
        timing.tick(1000 * k, 2000 * k)
    counters = timing.counters()
    assert counters["lateness_us"] == {"median": 50.0, "p99": 99.0, "max": 99.0}
    assert counters["tick_us"] == {"median": 100.0, "p99": 198.0, "max": 198.0}


def test_a_tick_that_skipped_slots_is_late_once_whatever_their_number() -> None:
    timing = Timing(200)
    for slots in (0, 1, 7):
        timing.skip(slots)
    assert (timing.late, timing.skipped) == (2, 8)
