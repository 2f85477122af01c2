"""Each change of a decision that a person would want to know is one event; a repeated decision is none."""

import pytest

from firmware_py.core.events import DEVICE_CAUSES, EventFinder
from firmware_py.core.frame import Cause, Decision, Phase
from tests.support.moments import decision

BASE = decision(position_m=0.5, velocity_m_s=0.1)
RUN = BASE._replace(run=True, cause=None)


def kinds(*decisions: Decision) -> list[tuple[str, Cause | None]]:
    finder = EventFinder()
    return [(e.kind, e.cause) for d in decisions for e in finder.update(d)]


def test_the_first_decision_tells_how_the_device_is() -> None:
    assert kinds(BASE) == [("health_changed", None)]
    assert kinds(BASE._replace(refusal=Cause.IMU)) == [("health_changed", Cause.IMU)]


def test_the_same_decision_again_is_no_event() -> None:
    assert kinds(BASE, BASE._replace(t_ns=1), BASE._replace(t_ns=2)) == [("health_changed", None)]


def test_arming_walking_warning_and_stop_come_in_order() -> None:
    walk = RUN._replace(phase=Phase.LEARNING)
    warned = walk._replace(phase=Phase.GUARDING, warning=Cause.DRIFT_REAR)
    stopped = warned._replace(run=False, cause=Cause.DRIFT_REAR, warning=None, refusal=Cause.DRIFT_REAR)
    assert kinds(BASE, RUN, walk, warned, stopped)[1:] == [
        ("armed", None),
        ("walking", None),
        ("warning", Cause.DRIFT_REAR),
        ("stopped", Cause.DRIFT_REAR),
        ("warning_cleared", Cause.DRIFT_REAR),
    ]


@pytest.mark.parametrize("cause", Cause)
def test_a_stop_by_the_device_is_told_apart_from_a_stop_for_the_walker(cause: Cause) -> None:
    wanted = "stopped_by_fault" if cause in DEVICE_CAUSES else "stopped"
    assert (wanted, cause) in kinds(RUN, BASE._replace(cause=cause))


def test_a_refused_press_is_told_with_its_reason_each_time() -> None:
    refused = BASE._replace(refusal=Cause.RANGE, refused=Cause.RANGE)
    assert kinds(refused, refused)[-1] == ("reset_refused", Cause.RANGE)
    assert [k for k, _ in kinds(refused, refused)].count("reset_refused") == 2


def test_a_walker_who_moves_about_while_stopped_is_no_change_of_health() -> None:
    assert kinds(BASE, BASE._replace(refusal=Cause.DRIFT_REAR), BASE) == [("health_changed", None)]


def test_health_lost_and_found_are_two_events() -> None:
    assert kinds(BASE, BASE._replace(refusal=Cause.IMU), BASE)[1:] == [
        ("health_changed", Cause.IMU),
        ("health_changed", None),
    ]


def test_one_warning_that_turns_into_another_is_told() -> None:
    rear, front = RUN._replace(warning=Cause.DRIFT_REAR), RUN._replace(warning=Cause.DRIFT_FRONT)
    assert kinds(RUN, rear, front)[2:] == [("warning", Cause.DRIFT_REAR), ("warning", Cause.DRIFT_FRONT)]


def test_an_event_carries_what_the_decision_said() -> None:
    finder = EventFinder()
    stop = BASE._replace(t_ns=7, cause=Cause.FALL, rule="r", value=1.0, limit=0.8)
    finder.update(RUN)
    (event,) = [e for e in finder.update(stop) if e.kind == "stopped"]
    assert event[1:] == (7, Cause.FALL, "r", 1.0, 0.8, 0.5, 0.1)


def test_no_event_carries_the_figures_of_an_older_stop() -> None:
    finder = EventFinder()
    old = {"rule": "down_velocity_m_s", "value": 0.8, "limit": 0.6}
    steps = (
        RUN,
        BASE._replace(cause=Cause.FALL, **old),
        BASE._replace(cause=Cause.FALL, refusal=Cause.IMU, refused=Cause.IMU, **old),
        RUN._replace(phase=Phase.LEARNING, **old),
        RUN._replace(phase=Phase.GUARDING, warning=Cause.DRIFT_REAR, **old),
        RUN._replace(phase=Phase.GUARDING, **old),
    )
    events = [e for d in steps for e in finder.update(d)]
    assert {e.kind for e in events if e.rule} == {"stopped"}
    assert {"armed", "walking", "warning", "warning_cleared", "reset_refused", "health_changed"} <= {
        e.kind for e in events if (e.rule, e.value, e.limit) == ("", 0.0, 0.0)
    }


@pytest.mark.parametrize("cause", [Cause.DRIFT_REAR, Cause.STANDSTILL])
def test_nothing_warns_while_the_belt_is_off(cause: Cause) -> None:
    off = BASE._replace(cause=Cause.FALL, warning=cause)
    assert kinds(BASE, off, BASE, off) == [("health_changed", None)]
    warned = RUN._replace(warning=cause)
    assert kinds(RUN, warned, off)[-2:] == [("stopped", Cause.FALL), ("warning_cleared", cause)]
