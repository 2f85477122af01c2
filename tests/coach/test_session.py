"""One session from the checklist to the last answer; what cuts a set short; a courier that is killed in mid-set."""

import json
from itertools import product

import pytest

from firmware_py.coach.phases import Stage
from firmware_py.coach.plan.programme import Dose, Programme
from firmware_py.coach.questions import QUESTIONS, Refused
from firmware_py.coach.record import Record
from firmware_py.coach.session import Session
from firmware_py.coach.walk.strides import Second, Window
from firmware_py.core.frame import Cause
from tests.coach.walking import DOSE, Walker, session

TIPPED = Second((-3.0, 0.0, 9.3), 0.5, 1.6)  # 18 degrees forward
USUAL = Window(0.8, 0.7, 12.0, 1.6, 0.05)
TIRED = Window(0.6, 0.5, 12.0, 1.6, 0.12)


def test_a_whole_session_runs_through_every_stage() -> None:
    fed = session()
    walker = Walker(fed).rest(1)
    assert fed.stage is Stage.CHECKLIST
    fed.answer("company", "here")
    fed.answer("ready", "yes")
    walker.rest(1)
    assert fed.stage is Stage.TARE
    walker.go(119)
    assert (fed.stage, fed.left_s) == (Stage.SET, pytest.approx(1.0, abs=0.1))
    walker.go(1.1)
    assert fed.stage is Stage.PAUSE
    walker.go(5).rest(63)
    walker.go(121)
    assert fed.stage is Stage.ASK
    for question, value in {"rails": "none", "pain": 1, "effort": 11, "talk": "yes"}.items():
        fed.answer(question, value)
    walker.rest(1)
    assert fed.stage is Stage.END
    assert walker.kinds == ["set_done", "pause_over", "all_done"]
    done = fed.record.done()
    assert done.share == pytest.approx(1.0, abs=0.01)
    assert (done.answers.pain, done.answers.talk, done.answers.rails) == (1, True, "none")
    assert [s.ended for s in fed.record.sets] == ["done", "done"]


def test_nobody_waits_for_the_coach_and_what_was_not_confirmed_is_missing_from_the_record() -> None:
    fed = session()
    Walker(fed).go(2)
    assert fed.stage is Stage.SET
    assert fed.record.answers == {}


def test_walking_on_after_the_end_of_a_set_is_no_new_set() -> None:
    fed = session()
    walker = Walker(fed).go(125)
    walker.go(300)
    assert (fed.stage, len(fed.record.sets)) == (Stage.PAUSE, 1)
    walker.rest(4).go(2)
    assert len(fed.record.sets) == 2


@pytest.mark.parametrize("cause", [Cause.DRIFT_REAR, Cause.IMU, Cause.STOP_BUTTON, Cause.REMOTE_STOP])
def test_a_stop_of_the_guard_cuts_the_set_short_and_another_may_follow(cause: Cause) -> None:
    fed = session()
    walker = Walker(fed).go(30).stop(cause)
    cut = fed.record.sets[0]
    assert (cut.ended, cut.cause) == ("cut short", cause.value)
    assert cut.walked_s == pytest.approx(30, abs=0.5)
    assert fed.stage is Stage.PAUSE
    walker.rest(5).go(10)
    assert (fed.stage, len(fed.record.sets)) == (Stage.SET, 2)


@pytest.mark.parametrize("cause", [Cause.FALL, Cause.STUMBLE, Cause.STEP_OFF])
def test_a_fall_or_leaving_ends_the_session(cause: Cause) -> None:
    fed = session()
    Walker(fed).go(30).stop(cause)
    assert fed.stage is Stage.ASK
    assert fed.record.stops_by_fall == (cause is not Cause.STEP_OFF)


def test_stepping_off_in_a_pause_is_a_rest() -> None:
    fed = session()
    walker = Walker(fed).go(121).stop(Cause.STEP_OFF, 30)
    assert fed.stage is Stage.PAUSE
    walker.go(5)
    assert (fed.stage, len(fed.record.sets)) == (Stage.SET, 2)


def test_three_seconds_without_a_step_end_the_set() -> None:
    fed = session()
    walker = Walker(fed).go(30).rest(2.9)
    assert fed.stage is Stage.SET
    walker.rest(0.2)
    assert fed.stage is Stage.PAUSE
    assert fed.record.sets[0].ended == "stopped early"
    assert fed.record.sets[0].walked_s == pytest.approx(30, abs=0.2)


def test_a_pause_without_end_asks_and_silence_closes_the_questions() -> None:
    fed = session()
    walker = Walker(fed).go(30).rest(604)
    assert fed.stage is Stage.ASK
    walker.rest(601)
    assert fed.stage is Stage.END
    assert fed.record.done().answers.pain is None


def test_enough_is_called_once_and_the_planned_end_speaks_first() -> None:
    fed = session(Dose(set_s=600, sets=1))
    walker = Walker(fed)
    walker.window = USUAL
    walker.go(185)
    walker.window = TIRED
    walker.go(400)
    assert walker.kinds == ["enough"]
    assert fed.record.sets[0].enough_s == pytest.approx(240, abs=11)
    assert fed.record.done().enough_at == pytest.approx(0.4, abs=0.02)
    short = session(Dose(set_s=200, sets=1))
    ending = Walker(short)
    ending.window = USUAL
    ending.go(185)
    ending.window = TIRED
    ending.go(100)
    assert ending.kinds == ["all_done"]


def test_while_the_guard_warns_the_coach_says_nothing() -> None:
    fed = session(Dose(set_s=600, sets=1))
    walker = Walker(fed).go(60)
    walker.second = TIPPED
    walker.go(60, warning=Cause.DRIFT_REAR)
    assert walker.kinds == []


@pytest.mark.parametrize(("number", "cued"), [(1, 1), (6, 1), (7, 1), (13, 0)])
def test_hips_tipped_forward_are_cued_and_the_cue_fades_over_the_sessions(number: int, cued: int) -> None:
    fed = session(Dose(set_s=600, sets=1), number)
    walker = Walker(fed).go(60)
    walker.second = TIPPED
    walker.go(50)
    assert walker.kinds == ["tipped"] * cued


def test_a_killed_courier_goes_on_with_the_set() -> None:
    fed = session()
    walker = Walker(fed).go(60)
    saved = json.loads(json.dumps(fed.save()))
    resumed = Session.restored(saved, Programme())
    walker.session = resumed
    walker.t_s += 8.0  # the courier was away, and the walker walked on
    walker.go(1)
    assert resumed.stage is Stage.SET
    assert resumed.record.sets[0].walked_s == pytest.approx(69, abs=1.5)
    walker.go(55)
    assert resumed.record.sets[0].ended == "done"


def test_what_nobody_walked_while_the_courier_was_away_is_not_counted() -> None:
    fed = session()
    walker = Walker(fed).go(60)
    steps = round(1.6 * walker.t_s)
    walker.session = Session.restored(json.loads(json.dumps(fed.save())), Programme())
    walker.t_s += 60.0
    walker.go(0.1, steps=steps)
    assert walker.session.record.sets[0].walked_s == pytest.approx(60, abs=0.5)


@pytest.mark.parametrize("damage", ["record", "rules", "windows", "clock"])
def test_a_damaged_state_is_refused_and_nothing_else_happens(damage: str) -> None:
    saved = session().save()
    saved[damage] = {"x": 1}
    with pytest.raises(ValueError, match="cannot be read"):
        Session.restored(saved, Programme())


def test_a_guard_that_goes_away_cuts_the_set_short() -> None:
    fed = session()
    Walker(fed).go(30)
    fed.lost(1031.0)
    assert (fed.stage, fed.record.sets[0].cause) == (Stage.PAUSE, "guard_lost")


@pytest.mark.parametrize(("question", "value"), [
    ("pain", 11), ("pain", -1), ("pain", 3.5), ("pain", True), ("pain", "3"), ("effort", 5), ("talk", "maybe"),
    ("rails", ""), ("arm", "yes"), ("stop", 1), ("", None), ("pain", None), ("pain", [3]),
])  # fmt: skip
def test_an_answer_that_is_none_is_refused_and_stores_nothing(question: str, value: object) -> None:
    fed = session()
    Walker(fed).go(125).rest(70).go(125)
    assert fed.stage is Stage.ASK
    before = json.dumps(fed.record.plain())
    with pytest.raises(Refused):
        fed.answer(question, value)
    assert json.dumps(fed.record.plain()) == before


def test_the_first_answer_counts() -> None:
    fed = session()
    fed.answer("company", "alone")
    with pytest.raises(Refused, match="first answer counts"):
        fed.answer("company", "here")
    assert fed.record.answers["company"] == "alone"


@pytest.mark.parametrize("company", ["here", "alone"])
def test_where_company_is_wanted_the_checklist_waits_for_an_answer_about_it(company: str) -> None:
    fed = session(spotter=True)
    walker = Walker(fed)
    fed.answer("ready", "yes")
    walker.rest(1)
    assert fed.stage is Stage.CHECKLIST
    fed.answer("company", company)
    walker.rest(1)
    assert fed.stage is Stage.TARE
    assert fed.record.answers["company"] == company
    free = session(spotter=False)
    free.answer("ready", "yes")
    Walker(free).rest(1)
    assert free.stage is Stage.TARE


def test_a_warning_hides_the_cue_and_a_new_set_ends_it() -> None:
    fed = session()
    walker = Walker(fed).go(121)
    assert fed.spoken is not None and fed.spoken.kind == "set_done"
    walker.go(0.1, warning=Cause.DRIFT_REAR)
    assert fed.spoken is None
    walker.rest(64).go(1)
    assert (fed.stage, fed.spoken) == (Stage.SET, None)


@pytest.mark.parametrize(("stage", "question"), list(product(Stage, QUESTIONS)))
def test_a_question_is_taken_only_in_its_stages(stage: Stage, question: str) -> None:
    fed = session(stage=stage.value)
    value = next(iter(QUESTIONS[question].choices), QUESTIONS[question].span[0])
    if stage in QUESTIONS[question].stages:
        fed.answer(question, value)
    else:
        with pytest.raises(Refused):
            fed.answer(question, value)


def test_a_record_survives_its_form_on_disk() -> None:
    fed = session()
    Walker(fed).go(125).rest(70).go(30)
    plain = json.loads(json.dumps(fed.record.plain()))
    assert Record.of(plain).plain() == fed.record.plain()
    assert fed.dose == DOSE
