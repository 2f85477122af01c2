"""Unknown is unhealthy: every limit of trust at one step below, at, and one step above."""

from math import cos, radians

import pytest

from firmware_py.core.frame import Cause, Finding, Frame, Signal
from firmware_py.core.health import Health, HealthParams
from sensors.samples import Fault, ImuSample, RangeSample

TICK_NS = 5_000_000
REST = (0.0, 0.0, 9.81)


def imu_at(tick: int, accel: tuple[float, float, float] = REST) -> ImuSample:
    """A sample that dithers like a real chip does."""
    return ImuSample(tick * TICK_NS, (accel[0] + 0.001 * (tick % 2), accel[1], accel[2]), (0.0, 0.0, 0.0))


class Bench:
    """Health at 200 Hz with everything good unless a leg says otherwise."""

    def __init__(self, params: HealthParams | None = None, running: bool = True) -> None:
        self.health = Health(params or HealthParams(), 200.0)
        self.tick = 0
        self.running = running
        self.run(200)

    def run(self, ticks: int, **change: object) -> Finding | None:
        """The finding of the last of so many ticks."""
        finding: Finding | None = None
        for _ in range(ticks):
            finding = self.one(**change)
        return finding

    def one(
        self,
        imu: object = None,
        belt: RangeSample | Fault | None = None,
        late_ns: int = 0,
        feedback: object = "as told",
        speed: float | None = None,
        dt_ns: int = TICK_NS,
        range_age_s: float = 0.01,
        patience_s: float = 0.15,
        up_z: float = 1.0,
        loose: bool = False,
        refusal: Cause | None = None,
    ) -> Finding | None:
        self.tick += 1
        seen = imu_at(self.tick) if imu is None else imu
        told = self.running if feedback == "as told" else feedback
        frame = Frame(self.tick * TICK_NS, late_ns, seen, belt, speed, told, False, refusal=refusal)  # type: ignore[arg-type]
        return self.health.update(frame, seen, dt_ns, self.running, range_age_s, patience_s, up_z, loose)  # type: ignore[arg-type]


def cause_of(finding: Finding | None) -> Cause | None:
    return None if finding is None else finding.cause


def test_all_good_says_nothing() -> None:
    assert Bench().one() is None


def test_every_finding_is_unhealthy_and_names_value_and_limit() -> None:
    finding = Bench().one(range_age_s=0.2)
    assert finding == Finding(Signal.UNHEALTHY, Cause.RANGE, "range_age_s", 0.2, 0.150)


def test_an_imu_that_was_never_seen_is_called_broken_one_second_after_power_on() -> None:
    health = Health(HealthParams(), 200.0)
    frame = Frame(0, 0, Fault.NO_REPLY, None, None, None, False)
    for tick in range(1, 202):
        finding = health.update(frame, Fault.NO_REPLY, TICK_NS, False, 0.0, 0.15, 1.0, False)
        assert finding is not None
        assert finding.cause is (Cause.SETTLING if tick < 200 else Cause.IMU), tick
        assert finding.rule == "imu_never_seen"
    assert finding == Finding(Signal.UNHEALTHY, Cause.IMU, "imu_never_seen", 1.0, 0.0)


@pytest.mark.parametrize(("missed_ticks", "stops"), [(3, False), (4, False), (5, True)])
def test_an_imu_as_old_as_25_ms_stops(missed_ticks: int, stops: bool) -> None:
    finding = Bench().run(missed_ticks, imu=Fault.NOT_READY)
    assert (cause_of(finding) is Cause.IMU) == stops
    if finding:
        assert (finding.rule, finding.limit) == ("imu_age_s", 0.025)
        assert finding.value == pytest.approx(0.025)


def test_a_sample_from_the_future_is_not_trusted() -> None:
    bench = Bench()
    assert bench.one(imu=imu_at(bench.tick + 1 + 4)) is None
    early = imu_at(bench.tick + 1 + 5)
    finding = bench.one(imu=early)
    assert finding is not None and finding.rule == "imu_age_s" and finding.value < 0


@pytest.mark.parametrize(("bad_ticks", "stops"), [(3, False), (4, False), (5, True)])
def test_a_dead_imu_stops_within_25_ms(bad_ticks: int, stops: bool) -> None:
    assert (cause_of(Bench().run(bad_ticks, imu=Fault.NO_REPLY)) is Cause.IMU) == stops


def flaky(bad: int, of: int, ticks: int, fault: Fault = Fault.BUS_NOISE) -> int | None:
    """The tick at which an IMU that fails `bad` of `of` ticks is given up, None if never."""
    bench = Bench()
    for tick in range(ticks):
        if bench.one(imu=fault if tick % of < bad else None) is not None:
            return tick
    return None


def test_one_bad_sample_in_ten_never_stops() -> None:
    assert flaky(1, 10, 4000) is None


def test_every_second_sample_bad_stops_within_100_ms() -> None:
    tick = flaky(1, 2, 400)
    assert tick is not None and 10 < tick <= 20


def test_a_chattering_imu_is_not_forgiven_by_one_good_sample() -> None:
    tick = flaky(2, 3, 400)
    assert tick is not None and tick <= 12


def test_the_error_count_is_bounded_so_that_health_returns() -> None:
    bench = Bench()
    bench.run(4000, imu=Fault.NO_REPLY)
    bench.running = False
    assert bench.run(62) is not None
    assert bench.run(200) is None


@pytest.mark.parametrize(("same_ticks", "stops"), [(39, False), (40, True), (41, True)])
def test_identical_readings_for_200_ms_are_a_frozen_chip(same_ticks: int, stops: bool) -> None:
    bench = Bench()
    accel = imu_at(0).accel_m_s2
    finding = None
    for n in range(same_ticks + 1):
        finding = bench.one(
            imu=ImuSample((bench.tick + 1) * TICK_NS, (accel[0] + 5.0, *accel[1:]), (0.1, 0.0, 0.0))
        )
        assert n >= min(same_ticks, 40) or finding is None
    assert (finding is not None and finding.rule == "imu_frozen_s") == stops


def test_equal_acceleration_with_a_live_gyro_is_not_frozen() -> None:
    bench = Bench()
    for n in range(200):
        assert bench.one(imu=ImuSample((bench.tick + 1) * TICK_NS, REST, (0.001 * (n % 2), 0.0, 0.0))) is None


@pytest.mark.parametrize("patience_s", [0.150, 0.400])
@pytest.mark.parametrize(("more_s", "stops"), [(-0.001, False), (0.0, True), (0.001, True)])
def test_a_range_as_old_as_its_patience_stops(patience_s: float, more_s: float, stops: bool) -> None:
    found = Bench().one(range_age_s=patience_s + more_s, patience_s=patience_s)
    assert found == (
        Finding(Signal.UNHEALTHY, Cause.RANGE, "range_age_s", patience_s + more_s, patience_s)
        if stops
        else None
    )


@pytest.mark.parametrize("fault", Fault)
def test_nobody_in_front_of_the_sensor_is_a_walker_who_left(fault: Fault) -> None:
    bench = Bench()
    bench.one(belt=fault)
    wanted = Cause.STEP_OFF if fault in (Fault.NO_TARGET, Fault.WEAK_SIGNAL) else Cause.RANGE
    assert cause_of(bench.one(range_age_s=0.2)) is wanted


@pytest.mark.parametrize(
    ("dt_ns", "stops"),
    [(-1, True), (0, True), (1, False), (59_999_999, False), (60_000_000, False), (60_000_001, True)],
)
def test_a_gap_between_ticks_beyond_60_ms_or_time_that_stands_stops(dt_ns: int, stops: bool) -> None:
    assert (cause_of(Bench().one(dt_ns=dt_ns)) is Cause.LATE) == stops


def test_too_many_late_ticks_are_told_as_their_number_within_a_second() -> None:
    late = Frame(0, 6_000_000, Fault.NO_REPLY, None, None, None, False)
    health = Health(HealthParams(), 200.0)
    assert [health._time(late, TICK_NS) for _ in range(3)] == [None] * 3
    found = health._time(late, TICK_NS)
    assert found is not None and (found.rule, found.limit) == ("late_ticks", 3)
    assert found.value == pytest.approx(4 - 3 * 3 * 0.005), "each second forgets three"


@pytest.mark.parametrize(
    ("rate_hz", "late_ns", "stops"),
    [
        (200.0, 22_000_000, False),
        (200.0, 22_000_001, True),
        (100.0, 12_000_000, False),
        (100.0, 12_000_001, True),
        (60.0, 16_666_667, False),
        (60.0, 16_666_668, True),
    ],
)
def test_a_stall_that_a_one_shot_may_not_have_survived_stops(
    rate_hz: float, late_ns: int, stops: bool
) -> None:
    """Pulses that came back would close the contacts again, and nobody would have pressed."""
    frame = Frame(0, late_ns, Fault.NO_REPLY, None, None, None, False)
    health = Health(HealthParams(), rate_hz)
    found = health._time(frame, round(1e9 / rate_hz))
    assert (found is not None and found.cause is Cause.LATE and found.rule == "stall_s") == stops
    if found:
        assert (found.value, found.limit) == pytest.approx((late_ns / 1e9, health._stall_ns / 1e9), rel=1e-12)


@pytest.mark.parametrize(("late_ns", "stops"), [(4_999_999, False), (5_000_000, False), (5_000_001, True)])
def test_more_than_three_late_ticks_in_a_second_stop(late_ns: int, stops: bool) -> None:
    bench = Bench()
    assert bench.run(3, late_ns=late_ns) is None
    bench.one(late_ns=late_ns)
    assert (cause_of(bench.one(late_ns=late_ns)) is Cause.LATE) == stops


def test_three_late_ticks_a_second_for_an_hour_never_stop() -> None:
    bench = Bench()
    for _ in range(600):
        assert bench.one(late_ns=6_000_000) is None
        assert bench.run(79) is None


@pytest.mark.parametrize("late_ticks", [7, 2_000])
def test_lateness_is_forgotten_a_second_after_its_end_however_long_it_lasted(late_ticks: int) -> None:
    """A minute of it on a busy computer had refused every press for many more."""
    bench = Bench()
    bench.run(late_ticks, late_ns=6_000_000)
    assert cause_of(bench.run(199)) is Cause.LATE
    assert bench.one() is None


@pytest.mark.parametrize(("ticks", "locked"), [(19, False), (20, False), (21, True)])
def test_a_contact_that_does_not_drop_within_100_ms_locks_out_for_good(ticks: int, locked: bool) -> None:
    bench = Bench(running=False)
    finding = bench.run(ticks, feedback=True)
    assert finding is not None
    assert (finding.cause is Cause.RELAY_WELDED) == locked
    assert finding.cause is (Cause.RELAY_WELDED if locked else Cause.SETTLING)
    assert (cause_of(bench.run(400)) is Cause.RELAY_WELDED) == locked


@pytest.mark.parametrize(("ticks", "stops"), [(19, False), (20, False), (21, True)])
def test_a_contact_that_does_not_pull_within_100_ms_stops(ticks: int, stops: bool) -> None:
    assert (cause_of(Bench().run(ticks, feedback=False)) is Cause.RELAY_OPEN) == stops


def test_a_level_drive_is_asked_for_its_answer_within_50_ms() -> None:
    bench = Bench(HealthParams(relay_answer_ns=50_000_000), running=False)
    assert cause_of(bench.run(11, feedback=True)) is Cause.RELAY_WELDED


def test_without_read_back_the_relay_is_believed() -> None:
    assert Bench().run(100, feedback=None) is None


def test_a_relay_that_answers_late_each_time_is_not_added_up() -> None:
    bench = Bench()
    for _ in range(10):
        assert bench.run(20, feedback=False) is None
        assert bench.one() is None


@pytest.mark.parametrize(("speed", "found"), [(0.09, False), (0.1, False), (0.11, True)])
def test_a_belt_that_moves_three_seconds_after_the_cut_raises_an_alarm(speed: float, found: bool) -> None:
    bench = Bench()
    bench.running = False
    assert cause_of(bench.run(600, speed=speed)) is not Cause.BELT_RUNAWAY
    assert (cause_of(bench.run(2, speed=speed)) is Cause.BELT_RUNAWAY) == found


def test_a_moving_belt_is_no_runaway_while_running() -> None:
    assert Bench().run(2000, speed=1.0) is None


def test_a_pod_that_does_not_stand_upright_is_not_worn() -> None:
    bench = Bench(running=False)
    limit = cos(radians(60.0))
    assert bench.one(up_z=limit) is None
    assert cause_of(bench.one(up_z=limit - 1e-9)) is Cause.NOT_WORN


@pytest.mark.parametrize(("later_ticks", "expected"), [(-1, None), (0, None), (1, Cause.NOT_WORN)])
def test_a_pod_that_hangs_loose_and_lies_for_300_ms_stops(later_ticks: int, expected: Cause | None) -> None:
    limit = cos(radians(75.0))
    assert cause_of(Bench().run(60 + later_ticks, up_z=limit - 1e-9, loose=True)) is expected
    assert Bench().run(200, up_z=limit, loose=True) is None
    assert Bench().run(200, up_z=0.0) is None, "nobody walks on"


def test_hanging_drains_at_a_quarter_when_upright_again() -> None:
    bench = Bench()
    bench.run(60, up_z=0.0, loose=True)
    bench.run(40, loose=True)  # 0.2 s upright gives back 0.05 s
    assert bench.run(10, up_z=0.0, loose=True) is None
    assert bench.one(up_z=0.0, loose=True) is not None


@pytest.mark.parametrize(("ticks", "settling"), [(98, True), (99, True), (100, False)])
def test_half_a_second_of_clean_data_comes_before_a_press(ticks: int, settling: bool) -> None:
    bench = Bench(running=False)
    bench.one(range_age_s=1.0)
    assert (cause_of(bench.run(ticks)) is Cause.SETTLING) == settling


@pytest.mark.parametrize("cause", [Cause.SUPPLY, Cause.REALTIME, Cause.CONFIG])
def test_what_the_platform_refuses_forbids_arming_but_does_not_stop(cause: Cause) -> None:
    bench = Bench(running=False)
    assert cause_of(bench.one(refusal=cause)) is cause
    assert Bench().one(refusal=cause) is None


# To the nanosecond --------------------------------------------------------------------------------------------------

PATIENT = HealthParams(imu_max_age_ns=1_000_000_000)  # age never speaks: the count of bad time is alone


@pytest.mark.parametrize(("last_ns", "stops"), [(4_999_999, False), (5_000_000, True), (5_000_001, True)])
def test_bad_time_counts_to_the_nanosecond(last_ns: int, stops: bool) -> None:
    bench = Bench(PATIENT)
    assert bench.run(4, imu=Fault.BUS_NOISE) is None
    finding = bench.one(imu=Fault.BUS_NOISE, dt_ns=last_ns)
    assert (finding is not None) == stops
    if finding:
        assert (finding.rule, finding.limit) == ("imu_flaky_s", 0.025)
        assert finding.value == pytest.approx(0.020 + last_ns * 1e-9, abs=1e-12)


@pytest.mark.parametrize(("last_ns", "stops"), [(4_999_999, False), (5_000_000, True)])
def test_good_time_gives_back_a_quarter(last_ns: int, stops: bool) -> None:
    bench = Bench(PATIENT)
    bench.run(3, imu=Fault.BUS_NOISE)
    bench.run(4)
    assert bench.run(2, imu=Fault.BUS_NOISE) is None
    assert (bench.one(imu=Fault.BUS_NOISE, dt_ns=last_ns) is not None) == stops


def test_bad_time_is_kept_up_to_four_times_its_limit() -> None:
    bench = Bench()
    bench.run(4000, imu=Fault.NO_REPLY)
    assert bench.run(60) is not None  # 100 ms less 60 quarters of a tick: 25 ms
    assert bench.one() is None


def test_a_slow_sensor_that_says_not_ready_in_between_is_not_flaky() -> None:
    assert flaky(4, 5, 400, Fault.NOT_READY) is None


@pytest.mark.parametrize(("last_ns", "frozen"), [(4_999_999, False), (5_000_000, True)])
def test_frozen_time_counts_to_the_nanosecond(last_ns: int, frozen: bool) -> None:
    bench = Bench()

    def same(dt_ns: int = TICK_NS) -> Finding | None:
        t_ns = (bench.tick + 1) * TICK_NS
        return bench.one(imu=ImuSample(t_ns, (5.0, 0.0, 9.0), (0.0, 0.0, 0.0)), dt_ns=dt_ns)

    assert [same() for _ in range(40)] == [None] * 40  # the first differs from the one before it
    assert (same(last_ns) is not None) == frozen


def test_a_reading_after_nobody_was_there_makes_silence_the_sensors_fault_again() -> None:
    bench = Bench()
    bench.one(belt=Fault.NO_TARGET)
    bench.one(belt=RangeSample(bench.tick * TICK_NS, 0.5, 1))
    assert bench.health.range_fault is Fault.NOT_READY
    assert cause_of(bench.one(range_age_s=0.2)) is Cause.RANGE


@pytest.mark.parametrize(("earlier_ns", "stops"), [(0, False), (1, True)])
def test_late_ticks_leak_at_three_a_second_to_the_nanosecond(earlier_ns: int, stops: bool) -> None:
    """One late tick every 200 ms: at the sixth exactly three are left, which is still allowed."""
    bench = Bench()
    for _ in range(5):
        assert bench.one(late_ns=6_000_000) is None
        assert bench.run(39) is None
    assert (cause_of(bench.one(late_ns=6_000_000, dt_ns=TICK_NS - earlier_ns)) is Cause.LATE) == stops


def test_hanging_before_the_start_is_not_held_against_the_walk() -> None:
    bench = Bench(running=False)
    bench.run(100, up_z=0.0, loose=True)
    bench.running = True
    assert bench.run(60, up_z=0.0, loose=True) is None
    assert cause_of(bench.one(up_z=0.0, loose=True)) is Cause.NOT_WORN


@pytest.mark.parametrize(("last_ns", "settling"), [(4_999_999, True), (5_000_000, False)])
def test_clean_time_counts_to_the_nanosecond(last_ns: int, settling: bool) -> None:
    bench = Bench(running=False)
    bench.one(range_age_s=1.0)
    bench.run(99)
    assert (cause_of(bench.one(dt_ns=last_ns)) is Cause.SETTLING) == settling


def test_a_refusal_of_the_platform_names_itself() -> None:
    wanted = Finding(Signal.UNHEALTHY, Cause.SUPPLY, "platform", 1.0, 0.0)
    assert Bench(running=False).one(refusal=Cause.SUPPLY) == wanted
