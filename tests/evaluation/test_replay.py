"""The finger on the button, the perfect relay and the walker who stands still for the range sensor."""

import copy
from itertools import pairwise

import numpy as np
import pytest

from firmware_py.core.frame import Cause, Decision, Frame
from firmware_py.evaluation.run.replay import REARM_S, Replayer
from sensors.samples import ImuSample, RangeSample
from tests.support.moments import decision

RATE_HZ = 200.0
ROWS = np.tile((0.0, 0.0, 9.81), (2000, 1))


class FakeMonitor:
    """Refuses until `ready_s`, starts when a press of at least 0.1 s is let go, stops at the ticks it was told."""

    def __init__(self, ready_s: float = 0.5, stop_at: tuple[int, ...] = (), deaf: bool = False) -> None:
        self.frames: list[Frame] = []
        self._ready_s, self._stop_at, self._deaf = ready_s, stop_at, deaf
        self._run = False
        self._pressed_ns: int | None = None

    def step(self, frame: Frame) -> Decision:
        tick = len(self.frames)
        self.frames.append(frame)
        ready = tick / RATE_HZ >= self._ready_s
        if frame.reset_pressed and self._pressed_ns is None:
            self._pressed_ns = frame.t_ns
        if not frame.reset_pressed and self._pressed_ns is not None:
            held_s = (frame.t_ns - self._pressed_ns) * 1e-9
            self._run = self._run or (ready and held_s >= 0.1 and not self._deaf)
            self._pressed_ns = None
        if tick in self._stop_at:
            self._run = False
        refusal = None if self._run or ready else Cause.SETTLING
        cause = None if self._run else Cause.FALL
        return decision(
            t_ns=frame.t_ns, run=self._run, cause=cause, rule="drop", value=0.9, limit=0.8, refusal=refusal
        )


def replay(monitor: FakeMonitor, rows: np.ndarray = ROWS) -> Replayer:
    replayer = Replayer(monitor, RATE_HZ)
    replayer.feed(rows, rows * 0)
    return replayer


def test_the_button_is_pressed_as_soon_as_a_press_is_accepted_and_let_go_after_a_fifth_of_a_second() -> None:
    monitor = FakeMonitor(ready_s=0.5)
    replayer = replay(monitor)
    pressed = [f.t_ns for f in monitor.frames if f.reset_pressed]
    assert (pressed[0] - monitor.frames[0].t_ns) * 1e-9 == pytest.approx(0.505)  # the tick after it was said
    assert (pressed[-1] - pressed[0]) * 1e-9 == pytest.approx(0.195)
    assert replayer.armed_intervals() == [(141, 2000)]


def test_a_press_that_is_not_taken_is_tried_again_and_never_held() -> None:
    monitor = FakeMonitor(deaf=True)
    replay(monitor)
    edges = sum(b.reset_pressed and not a.reset_pressed for a, b in pairwise(monitor.frames))
    assert edges == 14  # 9.5 s at 0.7 s each


@pytest.mark.parametrize("stop_tick", [800, 801, 802])
def test_a_stop_is_noted_at_its_tick_and_the_belt_runs_again_three_seconds_later(stop_tick: int) -> None:
    replayer = replay(FakeMonitor(stop_at=(stop_tick,)))
    (stop,) = replayer.stops
    assert (stop.at, stop.cause, stop.rule) == (stop_tick, Cause.FALL, "drop")
    first, second = replayer.armed_intervals()
    assert first == (141, stop_tick)
    assert (second[0] - stop_tick) / RATE_HZ == pytest.approx(REARM_S + 0.2, abs=0.011)


def test_the_relay_answers_with_what_it_was_last_told() -> None:
    monitor = FakeMonitor(stop_at=(800,))
    replay(monitor)
    assert monitor.frames[0].feedback is False
    assert [f.feedback for f in monitor.frames[140:144]] == [False, False, True, True]
    assert [f.feedback for f in monitor.frames[800:803]] == [True, False, False]


@pytest.mark.parametrize("rate_hz", [100.0, 200.0, 238.0])
def test_the_range_sensor_reads_forty_times_a_second_and_is_never_frozen(rate_hz: float) -> None:
    monitor = FakeMonitor()
    replayer = Replayer(monitor, rate_hz)
    replayer.feed(ROWS[: round(rate_hz * 4)], ROWS[: round(rate_hz * 4)] * 0)
    readings = [f.belt for f in monitor.frames if f.belt is not None]
    assert len(readings) == 160
    assert all(isinstance(r, RangeSample) for r in readings)
    samples = [r for r in readings if isinstance(r, RangeSample)]
    assert [s.count for s in samples] == list(range(160))
    assert all(a.distance_m != b.distance_m for a, b in pairwise(samples))
    assert all(abs(s.distance_m - 0.55) < 0.0021 for s in samples)
    assert all(
        0 <= f.t_ns - f.belt.t_ns < 1e9 / rate_hz for f in monitor.frames if isinstance(f.belt, RangeSample)
    )


def test_time_runs_evenly_and_each_tick_has_its_own_sample() -> None:
    monitor = FakeMonitor()
    rows = np.arange(60.0).reshape(20, 3)
    replayer = Replayer(monitor, 238.0)
    replayer.feed(rows, -rows)
    for i, frame in enumerate(monitor.frames):
        assert isinstance(frame.imu, ImuSample)
        assert frame.imu.t_ns == frame.t_ns == 1_000_000_000 + round(i * 1e9 / 238)
        assert frame.imu.accel_m_s2 == tuple(rows[i])
        assert frame.imu.gyro_rad_s == tuple(-rows[i])


def test_feeding_in_pieces_or_from_a_copy_is_the_same_as_feeding_at_once() -> None:
    whole = FakeMonitor(stop_at=(800, 1900))
    expected = replay(whole)
    replayer = Replayer(FakeMonitor(stop_at=(800, 1900)), RATE_HZ)
    replayer.feed(ROWS[:777], ROWS[:777] * 0)
    twin = copy.deepcopy(replayer)
    for one in (replayer, twin):
        one.feed(ROWS[777:], ROWS[777:] * 0)
        assert one.stops == expected.stops
        assert one.armed_intervals() == expected.armed_intervals()
        assert isinstance(one.monitor, FakeMonitor)
        assert one.monitor.frames == whole.frames
