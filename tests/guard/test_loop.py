"""The tick: on the grid, in order, never catching up, and with the relay off whatever ends it."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from firmware_py.config import Config
from firmware_py.core.events import Event
from firmware_py.core.frame import Cause, Decision, Frame
from firmware_py.core.monitor import Monitor
from firmware_py.guard.loop import EDGE_WITHIN_NS, Loop
from firmware_py.guard.relay import Relay
from firmware_py.guard.watch import REOPEN_AFTER_S
from sensors.advice import HardwareError
from sensors.emulated import EmulatedBus, EmulatedLsm6dsox, EmulatedVl53l1x
from sensors.i2c import Bus
from sensors.lsm6dsox import Lsm6dsox
from sensors.samples import Fault, ImuSample, RangeSample
from sensors.vl53l1x import Vl53l1x
from tests.support.moments import decision

RATE_HZ = 200
PERIOD_NS = 1_000_000_000 // RATE_HZ


class Bench:
    """A loop on fakes: a clock with a scripted lateness, sensors and panel that obey, a diary of calls."""

    def __init__(self, run: bool = True) -> None:
        self.diary: list[str] = []
        self.now_ns = 0
        self.lateness_ns: list[int] = []  # of the next wakes; the loop ends when the list does
        self.slots_ns: list[int] = []
        self.hold_ns: list[int] = []  # of the next ticks, while they decide
        self.broken = ""  # the call that raises
        self.run = run
        self.imu_reading: ImuSample | Fault | None = None
        self.belt_reading: RangeSample | Fault | None = None
        self.rechecks: list[Fault | None] = []
        self.pressed = False
        self.asks_stop = False
        self.refusal: Cause | None = None
        self.frames: list[Frame] = []
        self.events: list[str] = []
        self.counters: list[dict[str, Any]] = []
        self.error: str | None = None
        self.opens = 0
        self.open_fails = False
        self.relay = Relay(17, "level", 22)
        it: Any = self
        link: Any = FakeLink(self)
        self.link = link
        manager: Any = Manager(self)
        self.loop = Loop(
            RATE_HZ,
            it,
            FakeRange(self),
            it,
            it,
            it,
            [link],
            manager,
            self.platform,
            self.clock,
            self.sleep_until,
        )
        self.diary.clear()

    def note(self, call: str) -> None:
        self.diary.append(call)
        if call == self.broken:
            raise RuntimeError(call)

    def ticks(self, *lateness_ns: int) -> None:
        """Lets the loop run through wakes that are so late."""
        self.lateness_ns = list(lateness_ns)
        self.loop.stopping = False
        self.loop.run()

    # clock
    def clock(self) -> int:
        return self.now_ns

    def sleep_until(self, slot_ns: int) -> None:
        if not self.lateness_ns:
            self.loop.stopping = True
            self.now_ns = slot_ns - 1
            return
        self.slots_ns.append(slot_ns)
        self.now_ns = max(self.now_ns, slot_ns + self.lateness_ns.pop(0))

    # sensors
    def open(self) -> None:
        self.opens += 1
        if self.open_fails:
            raise HardwareError("imu", "still unplugged", "plug it in")

    def read(self, t_ns: int) -> ImuSample | Fault:
        self.note("imu.read")
        return self.imu_reading or ImuSample(t_ns, (0.0, 0.0, 9.81), (0.0, 0.0, 0.0))

    def recheck(self) -> Fault | None:
        self.note("recheck")
        return self.rechecks.pop(0) if self.rechecks else None

    # panel
    def reset_pressed(self) -> bool:
        self.note("panel.reset_pressed")
        return self.pressed

    def stop_pressed(self) -> bool:
        self.note("panel.stop_pressed")
        return False

    def belt_speed_m_s(self, t_ns: int) -> float | None:
        self.note("panel.belt_speed")
        return None

    def show(self, decided: Decision) -> None:
        self.note("panel.show")

    # relay
    def feedback(self) -> bool | None:
        self.note("relay.feedback")
        return self.relay.feedback()

    def set(self, run: bool) -> None:
        self.note("relay.set")
        self.relay.set(run)

    def drop(self) -> None:
        self.diary.append("relay.drop")
        self.relay.drop()

    # monitor
    def step(self, frame: Frame) -> Decision:
        self.note("monitor.step")
        self.frames.append(frame)
        self.now_ns += self.hold_ns.pop(0) if self.hold_ns else 0
        return decision(frame.t_ns // PERIOD_NS, run=self.run)

    def platform(self) -> Cause | None:
        self.note("platform")
        return self.refusal


class FakeRange:
    """The range sensor; what it re-checks and how it opens is the bench's."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.open, self.recheck = bench.open, bench.recheck

    def poll(self, t_ns: int) -> RangeSample | Fault | None:
        self.bench.note("range.poll")
        return self.bench.belt_reading


class FakeLink:
    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def update(
        self, frame: Frame, decided: Decision, events: tuple[Event, ...], state: Callable[[], Any]
    ) -> bool:
        self.bench.note("link.update")
        self.bench.events += [event.kind for event in events]
        return self.bench.asks_stop

    def counters(self, counters: dict[str, Any]) -> None:
        self.bench.note("link.counters")
        self.bench.counters.append(counters)


class Manager:
    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def send(self, *lines: str) -> None:
        self.bench.note("manager." + lines[0].split("=")[0])


@pytest.fixture
def bench(pins: MockFactory) -> Iterator[Bench]:
    it = Bench()
    yield it
    it.relay.close()


def levels(pins: MockFactory) -> list[bool]:
    return [bool(state.state) for state in pins.pin(17).states]


def test_one_tick_reads_decides_drives_and_only_then_reports(bench: Bench) -> None:
    bench.ticks(0, 0)
    second = bench.diary[bench.diary.index("imu.read", bench.diary.index("link.update")) :]
    assert second == [
        "imu.read", "range.poll", "panel.belt_speed", "relay.feedback", "panel.reset_pressed", "panel.stop_pressed",
        "monitor.step", "relay.set",
        "panel.show", "link.update",
        "relay.drop", "manager.STOPPING",
    ]  # fmt: skip


def test_it_reports_ready_before_the_first_tick_and_drops_the_relay_after_the_last(
    bench: Bench, pins: MockFactory
) -> None:
    bench.ticks(0, 0, 0)
    assert bench.diary[0] == "manager.READY"
    assert bench.diary[-2:] == ["relay.drop", "manager.STOPPING"]
    assert levels(pins) == [False, True, False]


def test_the_frame_carries_what_was_read(bench: Bench) -> None:
    bench.belt_reading = RangeSample(5, 0.7, 3)
    bench.pressed = True
    bench.refusal = None
    bench.ticks(70_000)
    (frame,) = bench.frames
    assert (frame.t_ns, frame.late_ns) == (PERIOD_NS + 70_000, 70_000)
    assert frame.belt == RangeSample(5, 0.7, 3)
    assert isinstance(frame.imu, ImuSample)
    assert frame.imu.t_ns == frame.t_ns
    assert (frame.reset_pressed, frame.stop_pressed, frame.stop_requested) == (True, False, False)
    assert frame.feedback is True, "nothing is wired to the read-back pin"


def test_ticks_stand_on_an_absolute_grid_however_late_each_one_wakes(bench: Bench) -> None:
    bench.ticks(0, 1_000_000, 4_999_999, 200_000, 0)
    assert bench.slots_ns == [PERIOD_NS * k for k in (1, 2, 3, 4, 5)]
    assert bench.loop.counters()["late_ticks"] == 0


@pytest.mark.parametrize(
    ("late_ns", "skipped"),
    [
        (PERIOD_NS - 1, 0),
        (PERIOD_NS, 1),
        (PERIOD_NS + 1, 1),
        (2 * PERIOD_NS - 1, 1),
        (2 * PERIOD_NS, 2),
        (37_886_154, 7),
    ],
)
def test_late_by_a_period_or_more_skips_slots_counts_them_and_never_catches_up(
    bench: Bench, late_ns: int, skipped: int
) -> None:
    bench.ticks(0, late_ns, 0, 0)
    assert [s // PERIOD_NS for s in bench.slots_ns] == [1, 2, 3 + skipped, 4 + skipped]
    assert len(bench.frames) == 4
    assert bench.frames[1].late_ns == late_ns
    counters = bench.loop.counters()
    assert (counters["late_ticks"], counters["skipped_ticks"]) == (int(skipped > 0), skipped)


@pytest.mark.parametrize("fault", Fault)
def test_a_tick_without_a_good_reading_makes_no_edge_and_a_stop_needs_none(
    bench: Bench, pins: MockFactory, fault: Fault
) -> None:
    bench.relay.close()
    bench.relay = Relay(17, "pulse", None)
    bench.ticks(0, 0)
    before = levels(pins)
    bench.relay._dropped = False  # the end of a run drops for good; here it goes on
    bench.imu_reading = fault
    bench.diary.clear()
    bench.ticks(0, 0, 0)
    assert "relay.set" not in bench.diary
    assert levels(pins) == before
    bench.run = False
    bench.ticks(0)
    assert "relay.set" in bench.diary


@pytest.mark.parametrize(
    ("held_ns", "held_up"),
    [(EDGE_WITHIN_NS - 1, False), (EDGE_WITHIN_NS, False), (EDGE_WITHIN_NS + 1, True)],
)
def test_a_tick_held_up_after_its_reading_makes_no_edge(bench: Bench, held_ns: int, held_up: bool) -> None:
    """Found by 1,000 exceptions in the IMU stage: the edge of a tick that was held up came 11 ms after the blow."""
    bench.hold_ns = [0, held_ns]
    bench.ticks(0, 0, 0)
    assert bench.diary.count("relay.set") == (2 if held_up else 3)
    assert bench.frames[2].late_ns == held_ns - (0 if held_up else PERIOD_NS), (
        "late from the slot that got no edge"
    )


def test_a_stop_is_not_held_up_by_a_tick_that_was(bench: Bench) -> None:
    bench.hold_ns = [EDGE_WITHIN_NS + 1]
    bench.run = False
    bench.ticks(0)
    assert "relay.set" in bench.diary


def test_ticks_held_up_one_after_the_other_are_late_from_the_first_of_them_on(bench: Bench) -> None:
    """Else a pulse watchdog could drop between ticks of which each is a little late, and be pulled again unasked."""
    bench.hold_ns = [0, 12_000_000, 11_000_000, 0, 0]
    bench.ticks(0, 0, 0, 0, 0)
    assert [frame.late_ns // 1_000_000 for frame in bench.frames] == [0, 0, 12, 23, 0]
    assert [slot_ns // PERIOD_NS for slot_ns in bench.slots_ns] == [1, 2, 3, 5, 7]


def test_a_signal_that_wakes_the_sleep_early_makes_no_tick(bench: Bench) -> None:
    bench.ticks(0, -2_000_000, 0)
    assert bench.slots_ns == [PERIOD_NS, 2 * PERIOD_NS, 2 * PERIOD_NS]
    assert len(bench.frames) == 2


STAGES = [
    "imu.read", "range.poll", "recheck", "panel.belt_speed", "relay.feedback", "panel.reset_pressed",
    "panel.stop_pressed", "monitor.step", "relay.set", "panel.show", "link.update",
    "link.counters", "manager.STATUS", "manager.WATCHDOG", "platform",
]  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
def test_whatever_raises_wherever_the_relay_is_off_afterwards(
    bench: Bench, pins: MockFactory, stage: str
) -> None:
    bench.ticks(*[0] * 3)
    bench.relay = Relay(18, "level", None)
    bench.broken = stage
    bench.run = stage not in ("platform", "manager.STATUS")
    with pytest.raises(RuntimeError, match=stage):
        bench.ticks(*[0] * 2 * RATE_HZ)
    assert not pins.pin(18).state
    assert bench.diary[-2:] == ["relay.drop", "manager.STOPPING"]
    bench.relay.set(True)
    assert not pins.pin(18).state, "nothing starts it again in this process"
    bench.relay.close()


def test_a_stop_that_is_asked_for_while_asleep_makes_no_further_tick(bench: Bench, pins: MockFactory) -> None:
    bench.ticks()
    assert bench.frames == []
    assert levels(pins) == [False]


def test_each_sensor_is_checked_eight_times_a_second_at_different_ticks(bench: Bench) -> None:
    bench.ticks(*[0] * 3 * RATE_HZ)
    assert bench.diary.count("recheck") == 3 * 2 * 8
    first = bench.diary.index("recheck")
    second = bench.diary.index("recheck", first + 1)
    assert bench.diary[first:second].count("monitor.step") == RATE_HZ // 8 // 2


def test_a_failed_recheck_replaces_the_sample_and_is_asked_again_until_it_is_good(bench: Bench) -> None:
    bench.rechecks = [Fault.REGISTER_CHANGED, Fault.REGISTER_CHANGED, None]
    bench.ticks(0, 0, 0, 0)
    assert [f.imu if isinstance(f.imu, Fault) else "sample" for f in bench.frames] == [
        Fault.REGISTER_CHANGED, Fault.REGISTER_CHANGED, "sample", "sample",
    ]  # fmt: skip
    assert bench.diary.count("recheck") == 3


def test_a_range_sensor_that_lost_a_register_is_a_fault_too(bench: Bench) -> None:
    bench.rechecks = [None, Fault.REGISTER_CHANGED, None]
    bench.ticks(*[0] * (RATE_HZ // 8 // 2 + 2))
    assert [f.belt for f in bench.frames][-2:] == [Fault.REGISTER_CHANGED, None]


@pytest.mark.parametrize("stopped", [True, False])
def test_a_silent_sensor_is_set_up_anew_only_while_stopped(bench: Bench, stopped: bool) -> None:
    bench.run = not stopped
    bench.imu_reading = Fault.NO_REPLY
    bench.belt_reading = RangeSample(0, 0.7, 0)
    bench.ticks(*[0] * RATE_HZ * REOPEN_AFTER_S)
    assert bench.opens == int(stopped)
    bench.open_fails = True
    bench.ticks(*[0] * RATE_HZ * REOPEN_AFTER_S)
    assert bench.opens == 2 * int(stopped), "a failure is tried again, and is no reason to end"


def test_a_sensor_that_answers_now_and_then_is_left_alone(bench: Bench) -> None:
    bench.run = False
    bench.belt_reading = RangeSample(0, 0.7, 0)
    for _ in range(5):
        bench.imu_reading = Fault.NO_REPLY
        bench.ticks(*[0] * (RATE_HZ - 1))
        bench.imu_reading = None
        bench.ticks(0)
    assert bench.opens == 0


@pytest.mark.parametrize("fault", [Fault.NO_TARGET, Fault.WEAK_SIGNAL])
def test_a_range_sensor_that_sees_nobody_for_hours_is_left_alone(bench: Bench, fault: Fault) -> None:
    bench.run = False
    bench.belt_reading = fault
    bench.ticks(*[0] * RATE_HZ * 4 * REOPEN_AFTER_S)
    assert bench.opens == 0


def test_a_range_sensor_that_never_has_a_reading_is_set_up_anew(bench: Bench) -> None:
    bench.run = False
    bench.ticks(*[0] * RATE_HZ * REOPEN_AFTER_S)
    assert bench.opens == 1


@pytest.mark.parametrize(("run", "asked"), [(True, 0), (False, 2)])
def test_the_platform_is_looked_at_again_once_a_second_but_not_while_running(
    bench: Bench, run: bool, asked: int
) -> None:
    bench.run = run
    bench.refusal = Cause.SUPPLY
    bench.ticks(*[0] * (2 * RATE_HZ + 1))
    assert bench.diary.count("platform") == asked
    assert bench.frames[0].refusal is None
    assert bench.frames[-1].refusal is (None if run else Cause.SUPPLY)


def test_a_stop_that_the_courier_asks_for_is_in_the_next_frame(bench: Bench) -> None:
    bench.ticks(0)
    bench.asks_stop = True
    bench.ticks(0, 0)
    assert [f.stop_requested for f in bench.frames] == [False, False, True]


def test_changes_become_events(bench: Bench) -> None:
    bench.ticks(0, 0, 0)
    assert bench.events == ["armed", "health_changed"]
    bench.run = False
    bench.ticks(0)
    assert bench.events[2] == "stopped"


def test_counters_are_sent_once_a_second(bench: Bench) -> None:
    bench.imu_reading = Fault.BUS_NOISE
    bench.ticks(*[1000 * k for k in range(RATE_HZ)])
    bench.ticks(*[0] * (RATE_HZ - 1))
    (counters,) = bench.counters
    assert counters["ticks"] == RATE_HZ
    assert counters["imu_faults"] == {"bus_noise": RATE_HZ}
    assert counters["range_faults"] == {}
    assert counters["lateness_us"] == {"median": 100.0, "p99": 198.0, "max": 199.0}
    assert counters["relay_error"] is None


def real_loop(ticks: int, at: Callable[[int], None]) -> Loop:
    """The real monitor and drivers on emulated chips, driven by a clock that is only counted."""
    bus = EmulatedBus()
    chips = EmulatedLsm6dsox(), EmulatedVl53l1x()
    for address, chip in zip((0x6A, 0x29), chips, strict=True):
        bus.attach(address, chip)
    imu, belt = Lsm6dsox(Bus(bus), sleep=bus.sleep), Vl53l1x(Bus(bus), sleep=bus.sleep)
    imu.open()
    belt.open()
    bench = Bench()
    start_ns = bus.t_ns
    left = [ticks]

    def sleep_until(slot_ns: int) -> None:
        at(left[0])
        left[0] -= 1
        wobble = 0.05 * (left[0] % 7)
        chips[0].set((wobble, -wobble, 9.81 + wobble), (wobble, 0.0, 0.0))
        bench.now_ns = slot_ns
        bus.advance(slot_ns)
        loop.stopping = left[0] < 0

    bench.now_ns = start_ns
    config = Config()
    panel: Any = bench
    manager: Any = Manager(bench)
    loop = Loop(
        RATE_HZ, imu, belt, bench.relay, panel, Monitor(config.monitor_params(), RATE_HZ), [], manager,
        bench.platform, bench.clock, sleep_until,
    )  # fmt: skip
    loop.run()
    bench.relay.close()
    return loop


def test_ticks_leave_nothing_for_the_garbage_collector_which_is_off(pins: MockFactory) -> None:
    made: list[int] = []

    def at(left: int) -> None:
        if left == 600:
            gc.collect()
            gc.disable()
        if left == 0:
            made.append(gc.collect())

    try:
        loop = real_loop(1000, at)
    finally:
        gc.enable()
    assert made == [0]
    assert loop.counters()["imu_faults"] == {}
