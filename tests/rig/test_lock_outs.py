"""A short run of the lock-out campaign, and what its table counts; `make proof` takes many more."""

import pytest

from firmware_py.core import frame
from firmware_py.rig.campaigns.lock_outs import LOCK_OUTS, TICK_S, LockOut, Seen, _run, line

NOTHING, WELD = LOCK_OUTS[:2]
RUNAWAY = LOCK_OUTS[-1]


@pytest.mark.parametrize(
    ("hazard", "belt_sensor"), [("standstill", "none"), ("unplug", "hall"), ("fall", "hall")]
)
def test_a_lock_out_in_the_middle_of_a_hazard_is_shown_to_the_end_and_delays_no_cut(
    hazard: str, belt_sensor: str
) -> None:
    seen = _run((1, 1, hazard, belt_sensor))
    alone = {(*s[:2], s.number): s.cut_s for s in seen if s.lock_out == NOTHING.name}
    for lock_out in LOCK_OUTS:
        row = line(lock_out, belt_sensor, [s for s in seen if s.lock_out == lock_out.name], alone)
        assert row["within_bound"] and row["never_cut"] == 0, row


def row(lock_out: LockOut, belt_sensor: str = "hall", **seen: object) -> bool:
    """Is one run with these figures within its bound?"""
    run = Seen("drift", belt_sensor, lock_out.name, 0, 0.5, None, 0, "")._replace(**seen)  # type: ignore[arg-type]
    return bool(line(lock_out, belt_sensor, [run], {("drift", belt_sensor, 0): 0.5})["within_bound"])


@pytest.mark.parametrize(("late_s", "fine"), [(0.0, True), (TICK_S, True), (TICK_S + 0.005, False)])
@pytest.mark.parametrize("lock_out", [WELD, RUNAWAY], ids=lambda x: x.breaks)
def test_a_lock_out_has_its_time_and_two_ticks(lock_out: LockOut, late_s: float, fine: bool) -> None:
    assert row(lock_out, shown_s=lock_out.within_s + late_s) == fine


@pytest.mark.parametrize(("seen", "fine"), [
    ({"shown_s": 0.1}, True),
    ({"shown_s": None}, False),
    ({"shown_s": 0.1, "hidden_ticks": 1}, False),
    ({"shown_s": 0.1, "cut_s": 0.505}, False),
    ({"shown_s": 0.1, "cut_s": None}, False),
    ({"shown_s": 0.1, "cut_s": 0.495}, True),
])  # fmt: skip
def test_one_hidden_tick_or_one_late_cut_is_too_many(seen: dict[str, object], fine: bool) -> None:
    assert row(WELD, **seen) == fine


@pytest.mark.parametrize(("shown_s", "fine"), [(None, True), (0.1, False)])
def test_what_no_sensor_can_see_is_not_named(shown_s: float | None, fine: bool) -> None:
    assert row(RUNAWAY, "none", shown_s=shown_s) == fine
    assert row(NOTHING, shown_s=shown_s) == fine


def test_every_lock_out_of_the_device_is_in_the_table() -> None:
    assert {lock_out.cause for lock_out in LOCK_OUTS} - {None} == frame.LOCK_OUTS
