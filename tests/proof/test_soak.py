"""A short piece of the long run, and that its courier would notice what it is there to notice."""

import pytest

from firmware_py.core.wire import pack_decision, pack_frame
from firmware_py.guard.link import EVENT, TICK
from tests.proof.fuzz import _walked
from tests.proof.soak import Courier, simulated

PERIOD_NS = 5_000_000


def tick(t_ns: int, late_ns: int = 0) -> bytes:
    frame, decision = _walked()[0]
    return TICK + pack_frame(frame._replace(t_ns=t_ns, late_ns=late_ns)) + pack_decision(decision)


def test_forty_seconds_lose_no_count_and_leave_the_grid_nowhere() -> None:
    assert simulated(40 / 3600)["wrong"] == []


def test_after_a_stop_the_next_walker_arms_and_walks() -> None:
    """One that got on while the contacts were still closed believed to be armed, and stood for three hours."""
    found = simulated(45 / 3600, first="standstill")
    assert found["stops"] == 1
    assert found["running_percent"] > 80
    assert found["wrong"] == []


@pytest.mark.parametrize(("second", "off_grid", "skipped"), [
    (tick(2 * PERIOD_NS), 0, 0),
    (tick(2 * PERIOD_NS + 1, 1), 0, 0),
    (tick(2 * PERIOD_NS + 1), 1, 0),
    (tick(4 * PERIOD_NS), 0, 2),
    (tick(4 * PERIOD_NS, 2 * PERIOD_NS), 0, 2),
])  # fmt: skip
def test_a_tick_off_the_grid_and_a_slot_let_go_are_seen(second: bytes, off_grid: int, skipped: int) -> None:
    courier = Courier(PERIOD_NS)
    courier.hear(tick(PERIOD_NS))
    courier.hear(second)
    assert (courier.off_grid, courier.skipped) == (off_grid, skipped)


def test_an_event_out_of_its_order_is_seen() -> None:
    courier = Courier(PERIOD_NS)
    for number in (1, 3):
        courier.hear(EVENT + number.to_bytes(8, "little") + b"{}")
    assert courier.out_of_order == 1
