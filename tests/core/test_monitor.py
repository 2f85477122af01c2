"""The whole product as one function: what stops, in which tick, what starts, and that nothing else does."""

import copy
import json
from math import pi, sin
from typing import Any

import pytest

from firmware_py.core.body.fall import BalanceParams
from firmware_py.core.deck.params import DriftParams
from firmware_py.core.frame import Cause, Decision, Frame, Phase
from firmware_py.core.monitor import MonitorParams
from firmware_py.core.state import restore, save
from firmware_py.core.wire import pack_decision
from sensors.samples import Fault, ImuSample, RangeSample
from tests.support.scenes import TICK_NS, Scene


def test_at_power_on_the_belt_is_off_and_says_so() -> None:
    decision = Scene().step()
    assert not decision.run
    assert (decision.cause, decision.rule, decision.value, decision.limit) == (Cause.POWER_ON, "", 0.0, 0.0)
    assert decision.refusal is Cause.SETTLING


def test_a_settled_monitor_accepts_one_press_and_release() -> None:
    scene = Scene()
    scene.run(2.0)
    assert scene.last is not None and scene.last.refusal is None
    scene.run(0.2, reset_pressed=True)
    assert not scene.last.run
    assert scene.step().run
    assert scene.last.cause is None


def test_a_press_before_it_has_settled_is_refused_with_the_reason() -> None:
    scene = Scene()
    scene.run(0.1)
    decision = scene.press(0.15)
    assert not decision.run
    assert decision.refused is Cause.SETTLING
    assert scene.step().refused is None


def test_a_press_is_refused_for_what_was_wrong_in_it_though_all_is_well_at_its_end() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.run(0.1, reset_pressed=True, stop_pressed=True)
    scene.run(0.1, reset_pressed=True)
    decision = scene.step()
    assert (decision.run, decision.refused, decision.refusal) == (False, Cause.STOP_BUTTON, None)


def test_without_a_press_nothing_ever_starts() -> None:
    assert not Scene().run(20.0).run


def test_a_press_held_through_power_on_does_not_start() -> None:
    scene = Scene()
    scene.run(2.0, reset_pressed=True)
    assert not scene.run(1.0).run


def test_a_standing_walker_on_a_standing_belt_is_left_alone() -> None:
    assert Scene().arm().run(30.0).run


STOPS: list[tuple[str, dict[str, Any], Cause, float]] = [
    ("stop button", {"stop_pressed": True}, Cause.STOP_BUTTON, 0.0),
    ("remote stop", {"stop_requested": True}, Cause.REMOTE_STOP, 0.0),
    ("imu unplugged", {"imu": Fault.NO_REPLY}, Cause.IMU, 0.025),
    ("imu silent", {"imu": Fault.NOT_READY}, Cause.IMU, 0.030),
    ("imu asleep", {"imu": Fault.ASLEEP}, Cause.IMU, 0.025),
    ("range unplugged", {"belt": Fault.NO_REPLY}, Cause.RANGE, 0.180),
    ("range silent", {"belt": None}, Cause.RANGE, 0.180),
    ("nobody there", {"belt": Fault.NO_TARGET}, Cause.STEP_OFF, 0.180),
    ("contact does not pull", {"feedback": False}, Cause.RELAY_OPEN, 0.105),
    ("loop late", {"late_ns": 6_000_000}, Cause.LATE, 0.025),
]


@pytest.mark.parametrize(("name", "change", "cause", "within_s"), STOPS, ids=[s[0] for s in STOPS])
def test_what_is_wrong_stops_within_its_bound_and_stays_stopped(
    name: str, change: dict[str, Any], cause: Cause, within_s: float
) -> None:
    scene = Scene().arm()
    scene.run(3.0)
    start = scene.tick
    scene.run(1.0, **change)
    (stop,) = scene.stops()
    assert stop.cause is cause
    assert stop.t_ns / TICK_NS - start - 1 <= within_s * 200 + 1e-9
    assert not scene.run(5.0).run
    assert scene.last is not None and scene.last.cause is cause


@pytest.mark.parametrize(("name", "change", "cause", "within_s"), STOPS, ids=[s[0] for s in STOPS])
def test_the_same_trouble_forbids_arming(
    name: str, change: dict[str, Any], cause: Cause, within_s: float
) -> None:
    if name == "contact does not pull":
        pytest.skip("a contact can only fail to pull after it was told to")
    scene = Scene()
    scene.run(2.0)
    scene.run(1.0, **change)
    scene.run(0.2, reset_pressed=True, **change)
    assert not scene.step(**change).run
    assert scene.last is not None and scene.last.refused is not None


def test_after_a_stop_only_a_fresh_press_starts_again() -> None:
    scene = Scene().arm()
    scene.step(stop_pressed=True)
    assert not scene.run(5.0).run
    assert scene.press().run


def test_a_button_held_through_a_stop_does_not_start() -> None:
    scene = Scene().arm()
    scene.run(0.05, reset_pressed=True)
    scene.run(0.05, reset_pressed=True, stop_pressed=True)
    scene.run(1.0, reset_pressed=True)
    assert not scene.run(1.0).run


def test_a_welded_contact_locks_out_for_good() -> None:
    scene = Scene().arm()
    scene.step(stop_pressed=True)
    scene.run(0.2, feedback=True)
    scene.run(5.0)
    assert not scene.press().run
    assert scene.last is not None and scene.last.refusal is Cause.RELAY_WELDED


def test_a_stuck_button_forbids_arming_but_stops_nobody() -> None:
    scene = Scene().arm()
    assert scene.run(5.0, reset_pressed=True).run
    scene.step(reset_pressed=True, stop_pressed=True)
    assert scene.run(5.0, reset_pressed=True).refusal is Cause.BUTTON_STUCK


@pytest.mark.parametrize(
    ("scale", "arms"),
    [(0.5, False), (0.79, False), (0.81, True), (1.0, True), (1.19, True), (1.21, False), (2.0, False)],
)
def test_a_chip_of_another_scale_does_not_arm(scale: float, arms: bool) -> None:
    scene = Scene()
    for reset in [False] * 800 + [True] * 40 + [False]:
        imu = scene.frame().imu
        scene.tick -= 1
        assert isinstance(imu, ImuSample)
        x, y, z = imu.accel_m_s2
        scaled = ImuSample(imu.t_ns, (x * scale, y * scale, z * scale), imu.gyro_rad_s)
        scene.step(imu=scaled, reset_pressed=reset)
    assert scene.last is not None and scene.last.run is arms
    assert arms or (scene.last.refusal, scene.last.refused) == (Cause.IMU, Cause.IMU)


def test_a_single_wild_sample_changes_nothing() -> None:
    scene = Scene().arm()
    scene.run(1.0)
    wild = ImuSample((scene.tick + 1) * TICK_NS, (0.0, 0.0, -157.0), (30.0, 0.0, 0.0))
    assert scene.step(imu=wild).run
    assert scene.run(2.0).run


def test_a_walker_carried_to_the_rear_is_stopped_before_the_line() -> None:
    scene = Scene().arm()
    scene.run(2.0)
    for _ in range(600):
        scene.position_m += 0.5 * 0.005
        if not scene.step().run:
            break
    assert scene.last is not None and scene.last.cause in (Cause.DRIFT_REAR, Cause.STANDSTILL)
    assert scene.position_m < 0.98
    assert scene.last.rule and scene.last.limit


def test_a_walker_who_backs_into_the_console_is_stopped() -> None:
    scene = Scene().arm()
    scene.run(2.0)
    for _ in range(600):
        scene.position_m -= 0.3 * 0.005
        if not scene.step().run:
            break
    assert scene.last is not None and scene.last.cause is Cause.DRIFT_FRONT
    assert scene.position_m > 0.10


def test_nobody_can_arm_beyond_a_line() -> None:
    scene = Scene(position_m=1.2)
    scene.run(2.0)
    assert not scene.press().run
    assert scene.last is not None and scene.last.refused is Cause.DRIFT_REAR


def test_no_belt_speed_means_the_ceiling() -> None:
    assert Scene().step().belt_speed_m_s == 0.9
    assert Scene().step(belt_speed_m_s=0.4).belt_speed_m_s == 0.4


def frames_of_a_day() -> list[Frame]:
    """Settling, arming, standing, faults, a stop, arming again."""
    scene = Scene()
    frames = [scene.frame() for _ in range(400)]
    frames += [scene.frame(reset_pressed=True) for _ in range(40)]
    frames += [scene.frame(feedback=True) for _ in range(200)]
    frames += [scene.frame(feedback=True, imu=Fault.BUS_NOISE) for _ in range(3)]
    frames += [scene.frame(feedback=True, belt=Fault.NO_TARGET) for _ in range(60)]
    frames += [scene.frame() for _ in range(300)]
    return frames


def bytes_of(decisions: list[Decision]) -> bytes:
    return b"".join(map(pack_decision, decisions))


def test_the_same_frames_give_bit_identical_decisions() -> None:
    frames = frames_of_a_day()
    first, second = Scene().monitor, Scene().monitor
    assert bytes_of([first.step(f) for f in frames]) == bytes_of([second.step(f) for f in frames])


@pytest.mark.parametrize("cut", [1, 250, 430, 500, 700])
def test_saved_and_restored_in_the_middle_nothing_changes(cut: int) -> None:
    frames = frames_of_a_day()
    whole = Scene().monitor
    wanted = [whole.step(f) for f in frames][cut:]
    half = Scene().monitor
    for frame in frames[:cut]:
        half.step(frame)
    state = json.loads(json.dumps(save(half)))
    fresh = Scene().monitor
    restore(fresh, state)
    assert bytes_of([fresh.step(f) for f in frames[cut:]]) == bytes_of(wanted)
    copied = copy.deepcopy(half)
    assert bytes_of([copied.step(f) for f in frames[cut:]]) == bytes_of(wanted)


@pytest.mark.parametrize("fault", Fault)
def test_no_fault_in_any_place_raises(fault: Fault) -> None:
    scene = Scene()
    scene.run(0.1, imu=fault, belt=fault)
    scene.run(2.0)
    scene.press()
    scene.run(0.1, imu=fault)
    scene.run(0.3, belt=fault)


def test_a_sensor_that_sends_nothing_but_zeros_never_arms() -> None:
    scene = Scene()
    for _ in range(800):
        t_ns = (scene.tick + 1) * TICK_NS
        scene.step(imu=ImuSample(t_ns, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
    assert scene.last is not None and scene.last.refusal is Cause.IMU


def test_a_trace_with_a_hole_in_time_stops() -> None:
    scene = Scene().arm()
    scene.tick += 13
    assert not scene.step().run


def test_time_that_goes_backward_stops() -> None:
    scene = Scene().arm()
    scene.tick -= 2
    assert not scene.step().run
    assert scene.last is not None and scene.last.cause in (Cause.LATE, Cause.IMU)


def test_a_range_reading_beyond_the_deck_is_never_a_position() -> None:
    scene = Scene()
    scene.run(1.0)
    for n in range(40):
        scene.step(belt=RangeSample((scene.tick + 1) * TICK_NS, 5.0, n))
    assert scene.last is not None and scene.last.position_m is None


def test_a_weightless_sensor_that_dithers_like_a_live_one_never_settles() -> None:
    """Its readings are fresh and plausible one by one; what they lack is a direction that is up."""
    scene = Scene()
    for n in range(1000):
        t_ns = (scene.tick + 1) * TICK_NS
        scene.step(imu=ImuSample(t_ns, (0.01 * (n % 3), 0.0, 0.0), (0.0, 0.0, 0.0)))
    assert scene.last is not None and scene.last.refusal is Cause.SETTLING
    assert scene.last.tilt_rad is None and scene.last.down_velocity_m_s is None


def test_nobody_can_arm_while_the_position_is_not_known() -> None:
    scene = Scene()
    assert scene.run(2.0).refusal is None
    scene.monitor.position.known = False
    unknown = scene.step()
    assert unknown.refusal is Cause.SETTLING
    assert (unknown.position_m, unknown.velocity_m_s) == (None, None)


# What a decision says, word by word -------------------------------------------------------------------------------


def test_what_is_not_known_yet_is_none_and_what_is_known_is_told() -> None:
    scene = Scene()
    first = scene.step()
    assert (first.position_m, first.velocity_m_s, first.tilt_rad, first.down_velocity_m_s) == (None,) * 4
    later = scene.run(2.0)
    assert later.position_m == pytest.approx(0.5, abs=0.002)
    assert later.velocity_m_s == pytest.approx(0.0, abs=0.01)
    assert later.tilt_rad == pytest.approx(0.0, abs=0.01)
    assert later.down_velocity_m_s == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("button", ["stop_pressed", "stop_requested"])
def test_a_stop_by_a_person_names_itself_and_arming_wipes_it(button: str) -> None:
    rule = "stop_button" if button == "stop_pressed" else "remote_stop"
    scene = Scene().arm()
    stop = scene.step(**{button: True})
    assert (stop.run, stop.rule, stop.value, stop.limit) == (False, rule, 1.0, 0.0)
    scene.run(1.0)
    armed = scene.press()
    assert (armed.run, armed.cause, armed.rule, armed.value, armed.limit) == (True, None, "", 0.0, 0.0)


def test_a_clock_that_has_run_for_an_hour_changes_nothing_but_the_time() -> None:
    early, late = Scene(), Scene()
    late.tick = 3600 * 200
    for scene in (early, late):
        scene.arm().run(1.0)
    start_ns = 3600 * 200 * TICK_NS
    for a, b in zip(early.decisions, late.decisions, strict=True):
        assert b.t_ns - start_ns == a.t_ns
        assert (a.run, a.cause, a.refusal, a.tilt_rad is None, a.position_m is None) == (
            b.run, b.cause, b.refusal, b.tilt_rad is None, b.position_m is None,
        )  # fmt: skip


def test_a_wild_sample_is_not_integrated() -> None:
    scene = Scene().arm()
    before = scene.run(1.0)
    wild = ImuSample((scene.tick + 1) * TICK_NS, (0.0, 0.0, -157.0), (30.0, 0.0, 0.0))
    assert scene.step(imu=wild).down_velocity_m_s == before.down_velocity_m_s


@pytest.mark.parametrize(("silent_ticks", "bridged_s"), [(4, 0.025), (199, 1.0), (200, 0.0)])
def test_silence_of_the_imu_is_bridged_up_to_a_second(silent_ticks: int, bridged_s: float) -> None:
    scene = Scene()
    scene.run(1.0)
    before_s = scene.monitor.attitude._seen_s
    falling = (0.0, 0.0, 2.0)
    for n in range(silent_ticks + 2):
        t_ns = (scene.tick + 1) * TICK_NS
        heard = n in (0, silent_ticks + 1)
        scene.step(imu=ImuSample(t_ns, falling, (0.0, 0.0, 0.0)) if heard else Fault.NOT_READY)
    assert scene.monitor.attitude._seen_s - before_s == pytest.approx(0.005 + bridged_s, abs=1e-9)


def test_a_sample_with_the_time_of_the_one_before_is_not_taken_again() -> None:
    scene = Scene()
    scene.run(1.0)
    t_ns, felt = scene.tick * TICK_NS, scene.monitor.attitude.up_accel_m_s2
    scene.step(imu=ImuSample(t_ns, (0.0, 0.0, 12.0), (0.0, 0.0, 0.0)))
    assert scene.monitor.attitude.up_accel_m_s2 == felt


def walk(scene: Scene, seconds: float, **change: Any) -> Decision:
    """The hip goes up and down 1.7 times a second."""
    for _ in range(round(seconds * 200)):
        t_ns = (scene.tick + 1) * TICK_NS
        bounce = 2.5 * sin(2 * pi * 1.7 * t_ns * 1e-9)
        scene.step(
            imu=ImuSample(t_ns, (0.01 * (scene.tick % 3), 0.0, 9.81 + bounce), (0.0, 0.0, 0.0)), **change
        )
    assert scene.last is not None
    return scene.last


def test_a_belt_said_to_stand_is_doubted_under_a_walker_and_under_nobody_else() -> None:
    scene = Scene().arm()
    standing = scene.run(5.0, belt_speed_m_s=0.0)
    assert (standing.warning, standing.belt_speed_m_s) == (None, 0.0)
    walking = walk(scene, 8.0, belt_speed_m_s=0.0)
    assert walking.phase is Phase.GUARDING
    assert (walking.warning, walking.belt_speed_m_s) == (Cause.BELT_SENSOR, 0.9)
    seen = [(d.phase is not Phase.WAITING, d.warning is not None) for d in scene.decisions]
    assert seen.index((True, True)) - seen.index((True, False)) == 400, "after two seconds of walking"


def test_who_walked_and_stands_beside_the_moving_belt_is_stopped_and_nobody_before_a_walk() -> None:
    scene = Scene().arm()
    assert scene.run(5.0, belt_speed_m_s=0.3).run  # at the rails, before the first step onto the belt
    assert walk(scene, 8.0, belt_speed_m_s=0.3).run
    assert scene.run(10.0, belt_speed_m_s=0.0).run  # off the belt, which stands
    stopped = scene.run(2.0, belt_speed_m_s=0.3)
    assert (stopped.run, stopped.rule) == (False, "on_rails_s")


def test_a_pod_that_hangs_loose_under_nobody_walking_stops_nothing() -> None:
    scene = Scene().arm()
    lying = (9.81, 0.0, 0.0)
    scene.monitor.attitude.up = (1.0, 0.0, 0.0)
    for n in range(100):
        t_ns = (scene.tick + 1) * TICK_NS
        assert scene.step(imu=ImuSample(t_ns, lying, (0.001 * (n % 3), 0.0, 0.0))).run


@pytest.mark.parametrize(
    ("impact_m_s2", "hung_steps", "cause"),
    [(9.81, 0, None), (19.0, 1, None), (21.0, 0, Cause.FALL), (9.81, 2, Cause.NOT_WORN)],
)
def test_a_pod_that_lies_stops_a_walker_after_an_impact_and_one_who_walks_on_and_nobody_else(
    impact_m_s2: float, hung_steps: int, cause: Cause | None
) -> None:
    """A fall ends with an impact; under a pod that hangs loose steps go on. Neither is so of who lies down. The fall
    rule itself, which stops all of them, sees nothing here."""
    scene = Scene(MonitorParams(balance=BalanceParams(hold_s=1e9, lean_s=1e9))).arm()
    assert walk(scene, 8.0).phase is Phase.GUARDING
    scene.monitor.attitude.up = (1.0, 0.0, 0.0)
    scene.monitor.gait._not_upright = hung_steps
    for n in range(70):
        t_ns = (scene.tick + 1) * TICK_NS
        felt = (impact_m_s2 if n == 0 else 9.81, 0.0, 0.0)
        last = scene.step(imu=ImuSample(t_ns, felt, (0.001 * (n % 3), 0.0, 0.0)))
    assert last.phase is Phase.GUARDING
    assert (last.run, last.cause) == (cause is None, cause)


def test_the_impact_of_the_last_walk_is_forgotten_by_a_press() -> None:
    scene = Scene().arm()
    scene.step(imu=ImuSample((scene.tick + 1) * TICK_NS, (0.0, 0.0, 25.0), (0.0, 0.0, 0.0)))
    assert scene.monitor.fallen.impact_ago_s == 0.0
    scene.run(0.1, stop_pressed=True)
    scene.arm()
    assert scene.monitor.fallen.impact_ago_s >= scene.monitor.fallen.params.impact_s


def test_what_the_limit_is_made_of_is_told_of_who_walks_and_telling_it_changes_nothing() -> None:
    told, untold = Scene().arm(), Scene().arm()
    assert told.monitor.fall_limit() is None
    for _ in range(8):
        last = walk(told, 1.0)
        assert walk(untold, 1.0) == last
        made = told.monitor.fall_limit()
        assert (made is None) == (last.phase is Phase.WAITING)
        assert made is None or made.m_s == pytest.approx(last.down_velocity_limit_m_s)
    assert last.phase is Phase.GUARDING


def test_the_console_is_asked_to_stop_only_when_told_so_and_only_while_running() -> None:
    asked = MonitorParams(drift=DriftParams(soft_stop=True))
    scene = Scene(asked, position_m=0.87)
    stopped = scene.run(2.0)
    assert stopped.warning is Cause.DRIFT_REAR and not stopped.soft_stop
    assert scene.press().run
    assert scene.run(1.0).soft_stop
    assert not Scene(asked).arm().run(1.0).soft_stop
    assert not Scene(position_m=0.87).arm().run(1.0).soft_stop


# How long the range may be silent ---------------------------------------------------------------------------------


def silent_s(walks: bool, belt: Fault | None, belt_speed_m_s: float | None, position_m: float = 0.5) -> float:
    """Seconds from the last reading to the stop of somebody who bounces like a walker, or stands."""
    scene = Scene(position_m=position_m).arm()

    def imu() -> ImuSample:
        t_ns = (scene.tick + 1) * TICK_NS
        bounce_m_s2 = 2.0 * sin(2.0 * pi * 1.6 * t_ns / 1e9) if walks else 0.0
        return ImuSample(t_ns, (0.01 * (scene.tick % 3), 0.0, 9.81 + bounce_m_s2), (0.0, 0.0, 0.0))

    while scene.tick % 200 or scene.tick < 1600:
        scene.step(imu=imu(), belt_speed_m_s=belt_speed_m_s)
    last_tick = scene.tick
    while scene.last is not None and scene.last.run:
        scene.step(imu=imu(), belt=belt, belt_speed_m_s=belt_speed_m_s)
    assert scene.last is not None and scene.last.rule == "range_age_s"
    assert scene.last.value == scene.last.limit == pytest.approx((scene.tick - last_tick) / 200.0)
    return scene.last.limit


@pytest.mark.parametrize(
    ("walks", "belt", "belt_speed_m_s", "position_m", "most_s"),
    [
        (True, None, 0.3, 0.5, 0.400),
        (True, Fault.WEAK_SIGNAL, 0.3, 0.5, 0.290),
        (True, Fault.NO_TARGET, 0.3, 0.5, 0.150),
        (True, None, 0.3, 0.85, 0.150),  # near the rear limit
        (True, None, None, 0.5, 0.250),  # the ceiling of 0.9 m/s is beyond any safe speed of this deck
        (False, None, None, 0.5, 0.150),  # nobody steps
        (False, None, 0.3, 0.5, 0.400),  # nor is anybody carried by a belt that is measured to move
    ],
)
def test_a_silence_lasts_as_long_as_the_promise_and_the_pod_allow(
    walks: bool, belt: Fault | None, belt_speed_m_s: float | None, position_m: float, most_s: float
) -> None:
    assert silent_s(walks, belt, belt_speed_m_s, position_m) == most_s
