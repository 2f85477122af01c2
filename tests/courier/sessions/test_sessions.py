import json
from collections.abc import Iterator
from typing import Any

import pytest

from firmware_py.core.frame import Cause, Decision, Frame
from firmware_py.courier.events.envelope import Stamp, build
from firmware_py.courier.sessions.sessions import Sessions, Tally, snapshot
from sensors.samples import Fault
from tests.support.fake_guard import decision, frame, stopped

TICK_NS = 5_000_000


class Walk:
    """Feeds a Sessions and keeps the sessions that ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[Tally, str]] = []
        self.sessions = Sessions(0.1, lambda tally, why, now_s: self.ended.append((tally, why)))
        self.t_ns = 0

    def go(self, seconds: float, make: Cause | None = None, **changes: Any) -> None:
        for f, d in self._ticks(seconds):
            if make is not None:
                d = stopped(d.t_ns, make)
            self.sessions.update(f._replace(**changes), d, "boot", 1e9 + self.t_ns / 1e9)

    def _ticks(self, seconds: float) -> Iterator[tuple[Frame, Decision]]:
        for _ in range(int(seconds * 200)):
            self.t_ns += TICK_NS
            yield frame(self.t_ns), decision(self.t_ns)


def test_a_walk_is_counted_from_arming_to_leaving() -> None:
    walk = Walk()
    walk.go(2, Cause.POWER_ON)
    assert walk.sessions.current is None
    walk.go(60)
    walk.go(1, Cause.STEP_OFF)
    [(tally, why)] = walk.ended
    summary = tally.summary(why, 1e9 + 63)
    assert why == "left_belt"
    assert summary["minutes"] == pytest.approx(1.0, abs=0.001)
    assert summary["steps"] == pytest.approx(96, abs=1)
    assert summary["cadence_per_min"] == 96.0
    assert summary["speed_m_s"] == pytest.approx(0.8, abs=0.01)
    assert summary["in_zone_fraction"] == 1.0
    assert summary["position_mean_m"] == pytest.approx(0.58, abs=0.02)
    assert summary["regularity_mean"] > 0.95 and len(tally.regularity) == 4  # 30 s, then every 10 s
    assert summary["stops"] == 1 and summary["warnings"] == 0
    build(Stamp("rig", "courier", "b", "c", "v"), 1, "session_ended", 1e9, 0, summary)


def test_a_stop_in_between_belongs_to_the_session() -> None:
    walk = Walk()
    walk.go(5)
    walk.go(119, Cause.DRIFT_REAR)
    walk.go(5)
    assert walk.ended == []
    walk.go(121, Cause.FALL)
    [(tally, why)] = walk.ended
    assert (why, tally.stops) == ("stayed_stopped", 2)
    assert tally.belt_s == pytest.approx(10.0, abs=0.02)


def test_nobody_in_sight_for_five_seconds_ends_it_and_a_flicker_does_not() -> None:
    walk = Walk()
    walk.go(5)
    for _ in range(3):
        walk.go(4.9, Cause.DRIFT_REAR, belt=Fault.NO_TARGET)
        walk.go(0.1, Cause.DRIFT_REAR)
    assert walk.ended == []
    walk.go(5.1, Cause.DRIFT_REAR, belt=Fault.NO_TARGET)
    assert [why for _, why in walk.ended] == ["left_belt"]


def test_time_that_goes_back_takes_nothing_from_the_account() -> None:
    walk = Walk()
    walk.go(10)
    assert walk.sessions.current is not None
    before = snapshot(walk.sessions.current)
    walk.t_ns -= 5 * TICK_NS
    walk.go(0.005)
    walk.sessions.current.seen_s = before["seen_s"]
    assert snapshot(walk.sessions.current) == before


def test_a_figure_that_no_number_holds_is_left_out_of_the_account() -> None:
    walk = Walk()
    walk.go(1)
    for _ in range(2):
        walk.t_ns += TICK_NS
        d = decision(walk.t_ns)._replace(position_m=1e200)
        walk.sessions.update(frame(walk.t_ns), d, "boot", 1e9)
    tally = walk.sessions.current
    assert tally is not None
    summary = tally.summary("left_belt", 1e9)
    assert summary["position_sd_m"] is None and summary["position_max_m"] == 1e200
    assert summary["cadence_per_min"] == 96.0
    json.dumps(summary, allow_nan=False)


def test_without_a_belt_sensor_no_speed_is_invented() -> None:
    walk = Walk()
    walk.go(3, belt_speed_m_s=None)
    walk.sessions.end("courier_stopped", 1e9)
    [(tally, why)] = walk.ended
    assert tally.summary(why, 1e9)["speed_m_s"] is None
    assert tally.summary(why, 1e9)["distance_m"] is None


def test_a_session_goes_on_after_the_courier_was_killed() -> None:
    walk = Walk()
    walk.go(10)
    assert walk.sessions.current is not None
    saved = snapshot(walk.sessions.current)
    again = Walk()
    again.t_ns = walk.t_ns
    assert not again.sessions.resume(saved, "another boot", 1e9 + 11)
    assert not again.sessions.resume(saved, "boot", 1e9 + 1000)
    assert not again.sessions.resume({"id": "x"}, "boot", 1e9 + 11)
    assert again.sessions.resume(saved, "boot", 1e9 + 11)
    again.go(10)
    again.go(1, Cause.STEP_OFF)
    [(tally, _)] = again.ended
    assert tally.id == saved["id"]
    assert tally.belt_s == pytest.approx(20.0, abs=0.02)


def test_a_guard_that_went_does_not_lend_its_walk_to_the_next() -> None:
    walk = Walk()
    walk.go(5)
    walk.sessions.guard_lost(1e9)
    walk.go(5)
    assert [why for _, why in walk.ended] == ["guard_lost"]
    assert walk.sessions.current is not None and walk.sessions.current.belt_s < 5.01
