"""Each limit of the policy one step below, on it, and one step above; every class beside every circumstance."""

from datetime import datetime
from itertools import product

import pytest

from firmware_py.alerts import classes, policy
from firmware_py.alerts.classes import LATE_S, Urgency
from firmware_py.alerts.policy import GIVE_UP_S, PAUSE_S, RETRY_S, URGENT_RETRY_S, Contact, Rules
from firmware_py.config.quiet import parse
from firmware_py.core.events import DEVICE_CAUSES
from firmware_py.core.frame import Cause
from firmware_py.courier.events.envelope import DATA

DAY = datetime(2026, 11, 27, 12, 0).astimezone()
NIGHT = DAY.replace(hour=23)
QUIET = Rules(quiet=(parse("22:00-07:00"),))
NOW_S = DAY.timestamp()


def test_only_help_is_sent_whatever_the_hour_and_only_what_is_urgent_at_night() -> None:
    for urgency, muted, local in product(Urgency, (False, True), (DAY, NIGHT)):
        expected = urgency is Urgency.HELP or (not muted and (local is DAY or urgency is Urgency.LOOK))
        assert policy.may_send(urgency, QUIET, local, muted) is expected, (urgency, muted, local)


@pytest.mark.parametrize(("urgency", "late_s"), [(Urgency.HELP, 600.0), (Urgency.LOOK, 1800.0)])
def test_what_is_urgent_is_late_after_its_minutes(urgency: Urgency, late_s: float) -> None:
    assert LATE_S[urgency] == late_s
    assert [policy.is_late(urgency, late_s + step) for step in (-1, 0, 1)] == [False, False, True]


@pytest.mark.parametrize("urgency", [Urgency.CARE, Urgency.COACH])
def test_a_note_is_never_late(urgency: Urgency) -> None:
    assert not policy.is_late(urgency, 1e9)


def test_everybody_is_told_of_their_classes_and_some_of_help_later() -> None:
    for urgency, wanted in product(Urgency, Urgency):
        found = policy.first_due_s(Contact("x", frozenset({wanted}), 180.0), urgency, NOW_S, QUIET, DAY)
        if urgency is not wanted:
            assert found is None
        elif urgency is Urgency.COACH:
            assert found == policy.digest_due_s(QUIET, DAY)
        else:
            assert found == NOW_S + (180.0 if urgency is Urgency.HELP else 0.0)


@pytest.mark.parametrize(
    ("hour", "minute", "wait_h"), [(7, 59, 1 / 60), (8, 0, 0), (8, 1, 24 - 1 / 60), (23, 0, 9), (0, 0, 8)]
)
def test_the_digest_is_at_the_next_8_o_clock(hour: int, minute: int, wait_h: float) -> None:
    local = DAY.replace(hour=hour, minute=minute)
    assert policy.digest_due_s(Rules(), local) - local.timestamp() == pytest.approx(3600 * wait_h)


def test_without_a_word_about_it_a_person_is_told_at_once() -> None:
    assert (
        policy.first_due_s(Contact("x", frozenset({Urgency.HELP})), Urgency.HELP, NOW_S, QUIET, DAY) == NOW_S
    )


def test_only_a_call_for_help_that_nobody_answered_is_repeated_ten_times() -> None:
    rules = Rules()
    for urgency, repeat, acknowledged, late in product(Urgency, (0, 9, 10, 11), (False, True), (False, True)):
        found = policy.next_repeat_s(urgency, rules, NOW_S, repeat, acknowledged, late)
        due = urgency is Urgency.HELP and repeat < 10 and not acknowledged and not late
        assert found == (NOW_S + 60.0 if due else None)


def test_what_is_urgent_is_tried_again_within_3_s_and_a_note_more_and_more_slowly() -> None:
    for urgency in Urgency:
        table = (1.0, 2.0, 3.0) if urgency in classes.URGENT else (1.0, 5.0, 15.0, 60.0, 300.0, 600.0)
        for attempts in range(1, len(table) + 3):
            wait_s = table[min(attempts, len(table)) - 1]
            assert policy.next_try_s(urgency, NOW_S, NOW_S, attempts, NOW_S) == NOW_S + wait_s
    assert URGENT_RETRY_S[-1] + PAUSE_S < 5.0 < RETRY_S[-1]


@pytest.mark.parametrize(("took_s", "wait_s"), [(0.0, 3.0), (1.9, 3.0), (2.0, 3.0), (2.1, 3.1), (3.0, 4.0)])
def test_the_wait_counts_from_the_question_and_a_pause_is_kept(took_s: float, wait_s: float) -> None:
    found = policy.next_try_s(Urgency.HELP, NOW_S, NOW_S + took_s, 3, NOW_S)
    assert found is not None and found - NOW_S == pytest.approx(wait_s, abs=1e-3)


@pytest.mark.parametrize(("step_s", "tried"), [(-1.0, True), (0.0, True), (1.0, False)])
def test_after_a_day_it_is_given_up(step_s: float, tried: bool) -> None:
    asked_s = NOW_S + GIVE_UP_S - URGENT_RETRY_S[0] + step_s
    assert (policy.next_try_s(Urgency.HELP, asked_s, asked_s, 1, NOW_S) is not None) is tried
    assert GIVE_UP_S == 86_400.0


def event(kind: str, cause: Cause | None = None, **data: object) -> dict[str, object]:
    about = data | {"cause": cause.value if cause else None}
    return {"id": "id1", "type": f"rearguard.{kind}", "source": "/rearguard/deck-7/guard", "data": about}


def urgency_of(kind: str, cause: Cause | None = None, **data: object) -> Urgency | None:
    alert = classes.of_event(event(kind, cause, **data), NOW_S)
    return alert.urgency if alert else None


LOCKED = {Cause.RELAY_WELDED, Cause.BELT_RUNAWAY}
WANTED = {Cause.POWER_ON, Cause.STEP_OFF, Cause.REMOTE_STOP}
AT_REST = {Cause.SETTLING, Cause.NOT_WORN}


def test_every_cause_of_a_stop_has_its_class() -> None:
    for cause in (None, *Cause):
        expected = None if cause is None or cause in WANTED else Urgency.LOOK
        assert urgency_of("stopped", cause) is (Urgency.HELP if cause is Cause.FALL else expected), cause
        assert urgency_of("stopped_by_fault", cause) is Urgency.LOOK
        found = Urgency.CARE if cause in DEVICE_CAUSES and cause not in AT_REST else None
        assert urgency_of("health_changed", cause) is (Urgency.LOOK if cause in LOCKED else found), cause


def test_a_cause_of_a_later_version_is_still_a_stop_by_a_fault_and_no_call_for_help() -> None:
    new = event("stopped_by_fault") | {"data": {"cause": "of next year"}}
    alert = classes.of_event(new, NOW_S)
    assert alert is not None and (alert.urgency, alert.title) == (Urgency.LOOK, classes.FAULT[0])


def test_a_belt_that_may_still_move_has_words_of_its_own() -> None:
    for kind, cause in product(("stopped_by_fault", "health_changed"), LOCKED):
        alert = classes.of_event(event(kind, cause), NOW_S)
        assert alert is not None and alert.title == classes.DO_NOT_USE[0]


def test_every_other_event_concerns_somebody_or_nobody() -> None:
    assert urgency_of("storage_changed", ok=False) is Urgency.CARE
    assert urgency_of("storage_changed", ok=True) is None
    assert urgency_of("guard_lost") is Urgency.LOOK
    assert urgency_of("session_ended") is Urgency.COACH
    speaks = {
        "stopped",
        "stopped_by_fault",
        "health_changed",
        "storage_changed",
        "guard_lost",
        "session_ended",
    }
    assert {kind for kind in DATA if urgency_of(kind, Cause.FALL) or urgency_of(kind, Cause.IMU)} == speaks


FOLLOWED = {Cause.DRIFT_REAR, Cause.DRIFT_FRONT, Cause.STANDSTILL, Cause.STUMBLE, Cause.STOP_BUTTON}


def test_a_sign_of_life_is_awaited_after_every_stop_that_may_hide_a_fall() -> None:
    for cause in Cause:
        assert classes.is_followed(event("stopped", cause)) is (cause in FOLLOWED), cause
        assert not classes.is_followed(event("stopped_by_fault", cause))
    signs = {"armed", "walking", "reset_refused", "session_ended"}
    assert {kind for kind in DATA if classes.is_sign_of_life(event(kind))} == signs
    assert (classes.NO_SIGN_S, classes.FAULT_STAYS_S) == (60.0, 120.0)


def test_an_alert_carries_the_name_of_its_device_and_of_its_event() -> None:
    alert = classes.of_event(event("stopped", Cause.FALL), NOW_S)
    assert alert is not None
    assert (alert.event_id, alert.device, alert.time_s) == ("id1", "deck-7", NOW_S)
    missing = classes.no_sign(event("stopped", Cause.DRIFT_REAR), NOW_S + 60)
    assert (missing.event_id, missing.device, missing.urgency) == ("id1-no-sign", "deck-7", Urgency.HELP)


def test_the_title_says_late_and_again() -> None:
    assert [policy.title("T", "d", late, again) for late, again in product((False, True), (False, True))] == [
        "T (d)", "T (d) (again)", "Earlier: T (d)", "Earlier: T (d) (again)",
    ]  # fmt: skip


def test_only_an_answer_ends_the_reminders_of_an_alert() -> None:
    for kind in DATA:
        found = classes.acknowledged(event(kind, alert="id1"))
        assert found == ("id1" if kind == "alert_acknowledged" else None)
