"""A found lock-out outranks every other cause until it is cleared: {lock-out} x {every other cause, lasting} x {latch}.

The right answer is written here from P15 alone: contacts that read "run" for more than 100 ms while the belt is told to
stop, or a belt that moves more than 3 s after the cut, are named at every tick from then on, whatever else is wrong.
"""

from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import pytest

from firmware_py.core.frame import LOCK_OUTS, Cause, Decision, Finding, Signal
from firmware_py.core.health import Health
from firmware_py.core.monitor import Monitor
from firmware_py.guard.panel import Signals
from firmware_py.messages import of_stop, tone_and_message
from sensors.samples import Fault, ImuSample
from tests.support.scenes import TICK_NS, Scene

WELD: dict[str, Any] = {"feedback": True}
RUNAWAY: dict[str, Any] = {"belt_speed_m_s": 0.5}
FOUND_S = {Cause.RELAY_WELDED: 0.105, Cause.BELT_RUNAWAY: 3.005}
PLANTED = {Cause.RELAY_WELDED: WELD, Cause.BELT_RUNAWAY: RUNAWAY}
LASTS_S = 1.0

Change = Callable[[Scene], dict[str, Any]]


def always(**change: Any) -> Change:
    return lambda _: change


def lying(scene: Scene) -> dict[str, Any]:
    t_ns = (scene.tick + 1) * TICK_NS
    return {
        "imu": ImuSample(
            t_ns, (9.8 + 0.001 * (scene.tick % 5), 0.0, 0.1), (0.001 * (scene.tick % 3), 0.0, 0.0)
        )
    }


def frozen(scene: Scene) -> dict[str, Any]:
    return {"imu": ImuSample((scene.tick + 1) * TICK_NS, (0.0, 0.0, 9.81), (0.0, 0.0, 0.0))}


def flaky(scene: Scene) -> dict[str, Any]:
    return {"imu": Fault.BUS_NOISE} if scene.tick % 3 else {}


def at(position_m: float) -> Change:
    def stand(scene: Scene) -> dict[str, Any]:
        scene.position_m = position_m
        return {}

    return stand


# Everything that lasts and can be shown to the core in frames.
TROUBLES: dict[str, Change] = {
    "nothing": always(),
    "imu unplugged": always(imu=Fault.NO_REPLY),
    "imu silent": always(imu=Fault.NOT_READY),
    "imu frozen": frozen,
    "imu flaky": flaky,
    "range unplugged": always(belt=Fault.NO_REPLY),
    "range silent": always(belt=None),
    "nobody in the beam": always(belt=Fault.NO_TARGET),
    "weak light": always(belt=Fault.WEAK_SIGNAL),
    "everything unplugged": always(imu=Fault.NO_REPLY, belt=Fault.NO_REPLY),
    "late": always(late_ns=6_000_000),
    "stalled": always(late_ns=40_000_000),
    "pod lies": lying,
    "supply": always(refusal=Cause.SUPPLY),
    "real time": always(refusal=Cause.REALTIME),
    "configuration": always(refusal=Cause.CONFIG),
    "stop button latched": always(stop_pressed=True),
    "remote stop": always(stop_requested=True),
    "arming button held": always(reset_pressed=True),
    "past the rear line": at(1.15),
    "at the console": at(0.05),
}  # fmt: skip


def named(decisions: list[Decision], lock_out: Cause) -> bool:
    """Off, named as the cause and as the reason to refuse, at every one of these ticks."""
    return all(not d.run and d.cause is lock_out and d.refusal is lock_out for d in decisions)


@pytest.mark.parametrize("armed", [False, True], ids=["stopped", "running"])
@pytest.mark.parametrize("order", ["trouble first", "both at once", "lock-out first"])
@pytest.mark.parametrize(
    ("lock_out", "trouble"), list(product(PLANTED, TROUBLES)), ids=lambda x: getattr(x, "value", x)
)
def test_a_lock_out_is_named_beside_whatever_lasts(
    lock_out: Cause, trouble: str, order: str, armed: bool
) -> None:
    scene = Scene()
    scene.run(2.0)
    if armed:
        assert scene.press().run
        scene.run(1.0)
        scene.step(stop_pressed=True)
    change, planted = TROUBLES[trouble], PLANTED[lock_out]
    if order == "trouble first":
        for _ in range(round(LASTS_S / 0.005)):
            scene.step(**change(scene))
    elif order == "lock-out first":
        scene.run(FOUND_S[lock_out], **planted)
    else:
        for _ in range(round(FOUND_S[lock_out] / 0.005)):
            scene.step(**{**change(scene), **planted})
    if order == "trouble first":
        for _ in range(round(FOUND_S[lock_out] / 0.005)):
            scene.step(**{**change(scene), **planted})
    seen = len(scene.decisions)
    for _ in range(round(LASTS_S / 0.005)):
        scene.step(**{**change(scene), **planted})
    assert named(scene.decisions[seen:], lock_out)


OTHERS = [cause for cause in Cause if cause not in LOCK_OUTS]


def stub(monkeypatch: pytest.MonkeyPatch, where: str, finding: Finding) -> None:
    """One part of the core that finds the same at every tick from now on."""
    owner = Health if where in ("_imu", "_range", "_time", "_relay", "_worn") else Monitor
    if where == "_person":
        monkeypatch.setattr("firmware_py.core.monitor._person", lambda _: finding)
    else:
        monkeypatch.setattr(owner, where, lambda *_: finding)


@pytest.mark.parametrize("armed", [False, True], ids=["stopped", "running"])
@pytest.mark.parametrize(
    "where", ["_person", "_sense_body", "_sense_deck", "_imu", "_range", "_time", "_relay", "_worn"]
)
@pytest.mark.parametrize("lock_out", PLANTED, ids=lambda x: x.value)
def test_no_part_of_the_core_with_any_cause_outranks_a_lock_out(
    monkeypatch: pytest.MonkeyPatch, lock_out: Cause, where: str, armed: bool
) -> None:
    for cause, signal in product(OTHERS, (Signal.UNHEALTHY, Signal.DANGER)):
        scene = Scene()
        scene.run(1.5)
        if armed:
            assert scene.press().run
        with monkeypatch.context() as patched:
            stub(patched, where, Finding(signal, cause, "a rule", 1.0, 0.0))
            scene.step(**PLANTED[lock_out])
            # What is left of a runaway's three seconds is not the point here.
            scene.monitor.health._since_stop_ns += 3_000_000_000
            scene.run(0.105, **PLANTED[lock_out])
            seen = len(scene.decisions)
            scene.run(0.1, **PLANTED[lock_out])
        assert named(scene.decisions[seen:], lock_out), (cause, signal)


def test_a_weld_outranks_a_runaway_because_it_causes_one() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.run(4.0, **WELD, **RUNAWAY)
    assert scene.last is not None and scene.last.cause is scene.last.refusal is Cause.RELAY_WELDED


def test_a_weld_is_named_until_power_off_also_when_the_contacts_let_go() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.run(0.11, **WELD)
    seen = len(scene.decisions)
    scene.run(30.0, feedback=False)
    assert named(scene.decisions[seen:], Cause.RELAY_WELDED)
    # What is shown beside it stays what was found: contacts that let go later have not been in time.
    assert all(d.value == pytest.approx(0.105) and d.limit == 0.1 for d in scene.decisions[seen:])


@pytest.mark.parametrize(("rest_ticks", "cleared"), [(199, False), (200, True), (201, True)])
def test_a_runaway_is_named_until_the_belt_was_measured_at_rest_for_a_second(
    rest_ticks: int, cleared: bool
) -> None:
    scene = Scene().arm()
    scene.step(stop_pressed=True)
    scene.run(3.5, **RUNAWAY)
    for _ in range(rest_ticks):
        scene.step(belt_speed_m_s=0.0)
    assert scene.last is not None
    assert (scene.last.cause is Cause.STOP_BUTTON) == cleared, "the stop's own cause comes back"
    assert (scene.last.cause is Cause.BELT_RUNAWAY) != cleared


def test_a_belt_whose_speed_is_not_known_any_more_is_not_at_rest() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.run(3.5, **RUNAWAY)
    seen = len(scene.decisions)
    scene.run(10.0, belt_speed_m_s=None)
    assert named(scene.decisions[seen:], Cause.BELT_RUNAWAY)


def test_a_belt_that_moves_again_within_the_second_of_rest_is_not_at_rest() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.run(3.5, **RUNAWAY)
    for _ in range(5):
        scene.run(0.9, belt_speed_m_s=0.0)
        scene.step(**RUNAWAY)
    scene.run(0.9, belt_speed_m_s=0.0)
    assert scene.last is not None and scene.last.cause is Cause.BELT_RUNAWAY
    assert scene.last.value == 0.5


def test_a_press_during_a_lock_out_is_refused_for_it_whatever_else_spoiled_it() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.run(0.08, **WELD, imu=Fault.NO_REPLY, reset_pressed=True)
    scene.run(0.12, **WELD, imu=Fault.NO_REPLY, reset_pressed=True)
    scene.step(**WELD)
    assert scene.last is not None and scene.last.refused is Cause.RELAY_WELDED


def test_one_look_after_a_gap_never_locks_out() -> None:
    scene = Scene()
    scene.run(2.0)
    scene.tick += 100
    scene.step(feedback=True)
    assert scene.run(1.0).cause is Cause.POWER_ON


def test_a_weld_from_power_on_is_named_before_the_first_second_is_over() -> None:
    scene = Scene()
    scene.run(0.105, **WELD)
    seen = len(scene.decisions)
    scene.run(2.0, **WELD)
    assert named(scene.decisions[seen:], Cause.RELAY_WELDED)


@pytest.mark.parametrize("lock_out", PLANTED, ids=lambda x: x.value)
@pytest.mark.parametrize("trouble", ["stop button latched", "imu unplugged", "nobody in the beam"])
def test_buzzer_lamp_and_screen_show_the_lock_out_until_it_is_cleared(lock_out: Cause, trouble: str) -> None:
    scene = Scene().arm()
    scene.step(stop_pressed=True)
    signals = Signals()
    tones = []
    for _ in range(round((FOUND_S[lock_out] + 60.0) / 0.005)):
        decision = scene.step(**{**TROUBLES[trouble](scene), **PLANTED[lock_out]})
        tones.append(signals.update(decision))
    last_minute = tones[-60 * 200 :]
    beeps = sum(a and not b for (a, _), (b, _) in pairwise(last_minute))
    flickers = sum(a and not b for (_, a), (_, b) in pairwise(last_minute))
    assert 115 <= beeps <= 121 and 490 <= flickers <= 501
    assert scene.last is not None
    assert tone_and_message(scene.last) == ("fault", of_stop(lock_out, ""))
