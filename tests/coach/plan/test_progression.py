"""The dose of the next session: one thing at a time, never on silence, and down when the body says so."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from firmware_py.coach.plan.programme import Dose, Programme, Steps
from firmware_py.coach.plan.progression import (
    GATED_SESSIONS,
    UNSEEN_STEPS,
    Answers,
    Done,
    Next,
    Soreness,
    next_session,
)

MONDAY = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
TWO_DAYS = timedelta(days=2)
PLAN = Programme(
    start=Dose(speed_km_h=1.4, set_s=120, sets=2),
    step=Steps(set_s=60, speed_km_h=0.2, incline_percent=1.0),
    goal=Dose(speed_km_h=2.0, incline_percent=2.0, set_s=300, sets=2),
)
GOOD = Answers(pain=1, effort=11, rails="none", talk=True)


def done(day: int, dose: Dose, share: float = 1.0, answers: Answers = GOOD, **more: object) -> Done:
    return Done(MONDAY + TWO_DAYS * day, dose, share * dose.walking_s, answers=answers, **more)  # type: ignore[arg-type]


def then(past: list[Done], soreness: Soreness | None = Soreness.NONE, plan: Programme = PLAN) -> Next:
    return next_session(plan, past, past[-1].started + timedelta(days=3), soreness)


def twice(dose: Dose, **more: object) -> list[Done]:
    return [done(0, dose), done(1, dose, **more)]  # type: ignore[arg-type]


def test_the_first_session_is_the_plans_start_with_somebody_beside_the_treadmill() -> None:
    first = next_session(PLAN, [], MONDAY, None)
    assert first.dose == PLAN.start
    assert first.spotter


def test_the_first_speed_is_at_most_half_of_the_forward_speed() -> None:
    assert Programme(forward_speed_km_h=2.4).first_dose.speed_km_h == 1.2


def test_a_slow_backward_test_starts_on_the_slowest_belt() -> None:
    assert Programme(backward_3_m_s=5.5).first_dose.speed_km_h == 1.6
    assert Programme(backward_3_m_s=5.6).first_dose.speed_km_h == 0.72


def test_sets_grow_no_longer_than_the_longest_session_allows() -> None:
    plan = PLAN.model_copy(update={"longest_session_s": 400})
    dose = PLAN.start.model_copy(update={"set_s": 180})
    assert then(twice(dose), plan=plan).dose.set_s == 200


def test_many_sessions_at_one_dose_are_no_steps_up() -> None:
    assert then([done(k, PLAN.start) for k in range(UNSEEN_STEPS + 2)]).stepped_up


def test_two_good_sessions_make_longer_sets_first() -> None:
    up = then(twice(PLAN.start))
    assert up.stepped_up
    assert up.dose == Dose(speed_km_h=1.4, set_s=180, sets=2)


def test_one_good_session_is_not_enough() -> None:
    assert then([done(0, PLAN.start)]).dose == PLAN.start


def test_with_the_time_at_its_goal_the_belt_is_faster_and_the_sets_shorter() -> None:
    up = then(twice(Dose(speed_km_h=1.4, set_s=300, sets=2)))
    assert up.dose == Dose(speed_km_h=1.6, set_s=180, sets=2)


def test_with_time_and_speed_at_their_goal_the_deck_is_steeper_and_the_belt_slower() -> None:
    past = [
        done(0, Dose(speed_km_h=1.8, set_s=300)),
        *[done(n, Dose(speed_km_h=2.0, set_s=300)) for n in (1, 2)],
    ]
    up = then(past)
    assert up.dose == Dose(speed_km_h=1.8, incline_percent=1.0, set_s=300, sets=2)
    assert up.spotter  # steeper than ever


CLOSED = {
    "cut short": {"share": 0.89},
    "a fall": {"stops_by_fall": 1},
    "one drift stop": {"stops_by_drift": 1},
    "warnings": {"warnings": 2},
    "enough early": {"enough_at": 0.79},
    "pain": {"answers": Answers(pain=4, talk=True)},
    "pain not answered": {"answers": Answers(talk=True)},
    "talk not answered": {"answers": Answers(pain=1)},
    "could not talk": {"answers": Answers(pain=1, talk=False)},
}
OPEN = {
    "nearly all": {"share": 0.9},
    "one warning in four minutes is too many, none is fine": {"warnings": 0},
    "enough late": {"enough_at": 0.8},
    "little pain": {"answers": Answers(pain=3, talk=True)},
}


@pytest.mark.parametrize("gate", CLOSED)
def test_each_gate_alone_holds_the_dose(gate: str) -> None:
    held = then(twice(PLAN.start, **CLOSED[gate]))
    assert not held.stepped_up
    assert held.dose.set_s <= PLAN.start.set_s


@pytest.mark.parametrize("gate", OPEN)
def test_on_its_limit_each_gate_is_open(gate: str) -> None:
    assert then(twice(PLAN.start, **OPEN[gate])).stepped_up


@pytest.mark.parametrize("soreness", [None, Soreness.GONE_AFTER_WARM_UP])
def test_soreness_that_is_unknown_or_gone_holds_the_dose(soreness: Soreness | None) -> None:
    assert then(twice(PLAN.start), soreness).dose == PLAN.start


def test_soreness_through_the_warm_up_rests_two_days_and_goes_one_step_down() -> None:
    past = [done(0, PLAN.start), done(1, PLAN.start.model_copy(update={"set_s": 180}))]
    now = past[-1].started + timedelta(hours=21)
    less = next_session(PLAN, past, now, Soreness.STAYS)
    assert less.dose == PLAN.start
    assert less.not_before == past[-1].started + timedelta(days=2)


def test_a_fall_asks_for_less_for_company_and_for_the_therapist() -> None:
    past = [done(0, PLAN.start), done(1, PLAN.start.model_copy(update={"set_s": 180}), stops_by_fall=1)]
    less = then(past)
    assert less.dose == PLAN.start
    assert less.spotter and less.tell_the_therapist


def test_after_more_than_14_days_the_dose_is_the_last_but_two() -> None:
    doses = [PLAN.start.model_copy(update={"set_s": s}) for s in (60, 120, 180, 240)]
    past = [done(n, dose) for n, dose in enumerate(doses)]
    fourteen = past[-1].started + timedelta(days=14)
    assert next_session(PLAN, past, fourteen, Soreness.NONE).dose.set_s == 240
    back = next_session(PLAN, past, fourteen + timedelta(seconds=1), Soreness.NONE)
    assert back.dose.set_s == 120
    assert not back.spotter and not back.tell_the_therapist


def test_sessions_are_20_hours_apart_and_no_more_than_planned_in_a_week() -> None:
    past = [done(0, PLAN.start)]
    soon = next_session(PLAN, past, MONDAY + timedelta(hours=19), Soreness.NONE)
    assert soon.not_before == MONDAY + timedelta(hours=20)
    assert next_session(PLAN, past, MONDAY + timedelta(hours=20), Soreness.NONE).not_before is None
    three = [done(n, PLAN.start) for n in range(3)]
    fourth = next_session(PLAN, three, MONDAY + timedelta(days=6), Soreness.NONE)
    assert fourth.not_before == MONDAY + timedelta(days=7)


def test_a_clock_that_jumps_back_holds_the_dose_and_asks_for_no_rest() -> None:
    held = next_session(PLAN, twice(PLAN.start), MONDAY - timedelta(days=300), Soreness.NONE)
    assert (held.dose, held.stepped_up, held.not_before) == (PLAN.start, False, None)
    assert "clock" in held.reason


def test_a_plan_steps_up_four_times_and_then_waits_to_be_looked_at() -> None:
    past = [done(n, PLAN.start, stepped_up=n < 4) for n in range(6)]
    assert not then(past).stepped_up
    assert then([done(n, PLAN.start, stepped_up=n < 3) for n in range(6)]).stepped_up
    looked_at = past[1].started
    assert next_session(PLAN, past, past[-1].started + TWO_DAYS, Soreness.NONE, looked_at).stepped_up


def test_a_plan_past_its_review_steps_up_no_more() -> None:
    plan = PLAN.model_copy(update={"author": "A", "made_on": MONDAY.date()})
    past = twice(PLAN.start)
    last = plan.last_day
    assert last is not None
    on_the_day = datetime(last.year, last.month, last.day, 12, tzinfo=UTC)
    late = [done(18, PLAN.start), done(19, PLAN.start)]
    assert next_session(plan, late, on_the_day, Soreness.NONE).stepped_up
    assert not next_session(plan, late, on_the_day + timedelta(days=1), Soreness.NONE).stepped_up
    assert then(past, plan=plan).stepped_up


def test_one_warning_in_exactly_five_minutes_is_open_and_in_less_is_not() -> None:
    dose = PLAN.start.model_copy(update={"set_s": 150})
    assert then([done(0, dose, warnings=1), done(1, dose, warnings=1)]).stepped_up
    assert not then([done(0, dose, 299 / 300, warnings=1), done(1, dose, 299 / 300, warnings=1)]).stepped_up


@pytest.mark.parametrize("drifts", [1, 2])
def test_two_drift_stops_weigh_like_a_fall_and_one_does_not(drifts: int) -> None:
    past = twice(PLAN.start.model_copy(update={"set_s": 180}), stops_by_drift=drifts)
    assert (then(past).dose.set_s, then(past).spotter) == ((180, False) if drifts == 1 else (120, True))


def test_soreness_of_more_than_an_hour_rests_a_day_and_repeats() -> None:
    past = twice(PLAN.start)
    again = next_session(PLAN, past, past[-1].started + timedelta(hours=21), Soreness.NEXT_DAY)
    assert (again.dose, again.stepped_up) == (PLAN.start, False)
    assert again.not_before == past[-1].started + timedelta(days=1)
    assert "one day of rest" in again.reason


def test_at_the_goal_nothing_changes_and_the_reason_says_so() -> None:
    goal = PLAN.goal
    there = then([done(0, goal.model_copy(update={"speed_km_h": 1.8})), done(1, goal), done(2, goal)])
    assert (there.dose, there.stepped_up, there.spotter) == (goal, False, False)
    assert "goal" in there.reason


def test_a_session_that_has_just_begun_is_not_before_the_clock() -> None:
    past = twice(PLAN.start)
    assert "clock" not in next_session(PLAN, past, past[-1].started, Soreness.NONE).reason


def test_a_daily_plan_needs_no_20_hours() -> None:
    plan = PLAN.model_copy(update={"daily": True, "sessions_a_week": 5})
    soon = MONDAY + timedelta(hours=3)
    assert next_session(plan, [done(0, PLAN.start)], soon, Soreness.NONE).not_before is None
    assert next_session(PLAN, [done(0, PLAN.start)], soon, Soreness.NONE).not_before is not None


def test_after_a_fall_on_a_steeper_deck_the_smaller_dose_is_one_that_was_walked() -> None:
    flat, steep = (Dose(speed_km_h=1.6, incline_percent=i, set_s=300, sets=2) for i in (0.0, 1.0))
    less = then([done(0, flat), done(1, steep, stops_by_fall=1)])
    assert less.dose == flat
    assert not less.stepped_up


@pytest.mark.parametrize(
    ("plan", "always"),
    [
        (PLAN, False),
        (PLAN.model_copy(update={"spotter": "always"}), True),
        (PLAN.model_copy(update={"backward_3_m_s": 5.6}), True),
        (PLAN.model_copy(update={"backward_3_m_s": 5.5}), False),
    ],
)
def test_company_is_always_wanted_after_a_slow_test_or_when_the_plan_says_so(
    plan: Programme, always: bool
) -> None:
    assert then([done(0, PLAN.start)], plan=plan).spotter is always  # held
    assert then(twice(PLAN.start), plan=plan).spotter is always  # a longer set


@pytest.mark.parametrize(("speed_km_h", "company"), [(1.3, False), (1.42, False), (1.43, True), (1.6, True)])
def test_a_faster_belt_wants_company_above_a_gentle_speed(speed_km_h: float, company: bool) -> None:
    """The step is 0.2 km/h; gentle is 0.45 m/s, 1.62 km/h."""
    up = then(twice(Dose(speed_km_h=speed_km_h, set_s=300, sets=2)))
    assert (up.stepped_up, up.spotter) == (True, company)


def test_a_week_is_seven_days_to_the_second() -> None:
    """Three sessions a week: the first counts until its week is over, the one of this moment counts, too."""
    plan = PLAN.model_copy(update={"daily": True})
    past = [done(n, PLAN.start) for n in range(3)]
    first, week, second = past[0].started, timedelta(days=7), timedelta(seconds=1)
    assert next_session(plan, past, first + week - second, Soreness.NONE).not_before == first + week
    assert next_session(plan, past, first + week, Soreness.NONE).not_before is None
    assert next_session(plan, past, past[-1].started, Soreness.NONE).not_before == first + week


def test_a_faster_belt_never_makes_a_set_shorter_than_a_minute() -> None:
    plan = PLAN.model_copy(update={"goal": PLAN.goal.model_copy(update={"set_s": 60})})
    assert then(twice(Dose(speed_km_h=1.4, set_s=60, sets=2)), plan=plan).dose.set_s == 60


def test_a_step_of_the_very_moment_of_a_review_counts_as_unseen() -> None:
    past = [done(n, PLAN.start, stepped_up=n < 4) for n in range(6)]
    now = past[-1].started + TWO_DAYS
    assert not next_session(PLAN, past, now, Soreness.NONE, past[0].started).stepped_up
    assert next_session(PLAN, past, now, Soreness.NONE, past[0].started + timedelta(seconds=1)).stepped_up


def test_a_longer_set_at_a_quick_speed_wants_no_company() -> None:
    up = then(twice(Dose(speed_km_h=1.9, set_s=180, sets=2)))
    assert (up.dose.set_s, up.spotter) == (240, False)


PATTERNS = list(
    product(
        (0.85, 1.0),  # share done
        (0, 1),  # falls
        (0, 2),  # drifts
        (None, 2, 5),  # pain
        (None, True, False),  # talk
        (None, *Soreness),
    )
)


@pytest.mark.parametrize("first", range(0, len(PATTERNS), 40))
def test_whatever_is_answered_six_weeks_never_break_a_bound(first: int) -> None:
    """Each pattern of answers for six weeks, then good ones: one variable up at most, and never above the goal."""
    for share, falls, drifts, pain, talk, soreness in PATTERNS[first : first + 40]:
        past: list[Done] = []
        now = MONDAY
        for n in range(18):
            bad = n % 3 == 2  # two good sessions, then this pattern
            step = next_session(PLAN, past, now, soreness if bad else Soreness.NONE)
            if step.not_before is not None:
                now = step.not_before
            if past:
                before, after = past[-1].dose, step.dose
                raised = [
                    name
                    for name in ("speed_km_h", "incline_percent", "set_s", "sets")
                    if getattr(after, name) > getattr(before, name)
                ]
                assert len(raised) <= 1
                assert step.stepped_up == bool(raised)
                assert step.reason.endswith(".")
            for name in ("speed_km_h", "incline_percent", "set_s", "sets"):
                assert getattr(step.dose, name) <= getattr(PLAN.goal, name)
            assert step.dose.walking_s <= PLAN.longest_session_s
            past.append(
                Done(
                    now,
                    step.dose,
                    (share if bad else 1.0) * step.dose.walking_s,
                    stops_by_fall=falls if bad else 0,
                    stops_by_drift=drifts if bad else 0,
                    stepped_up=step.stepped_up,
                    answers=Answers(pain=pain, talk=talk) if bad else GOOD,
                )
            )
            assert sum(d.stepped_up for d in past) <= UNSEEN_STEPS
            now += timedelta(days=2, hours=8)


@dataclass(frozen=True)
class Outcome:
    """How one session went, and how sore the walker was before the next."""

    good: bool = False  # by itself: a step up needs two of these in a row
    soreness: Soreness | None = Soreness.NONE
    share: float = 1.0
    days: float = 2.4
    done: dict[str, Any] = field(default_factory=dict)
    answers: Answers = GOOD


OUTCOMES = {
    "good": Outcome(good=True),
    "cut short": Outcome(share=0.5),
    "a fall": Outcome(done={"stops_by_fall": 1}),
    "two drifts": Outcome(done={"stops_by_drift": 2}),
    "warnings": Outcome(done={"warnings": 9}),
    "enough early": Outcome(done={"enough_at": 0.5}),
    "pain": Outcome(answers=Answers(pain=4, talk=True)),
    "no breath": Outcome(answers=Answers(pain=0, talk=False)),
    "no answers": Outcome(answers=Answers()),
    "soreness unknown": Outcome(good=True, soreness=None),
    "sore, then gone": Outcome(good=True, soreness=Soreness.GONE_AFTER_WARM_UP),
    "sore next day": Outcome(good=True, soreness=Soreness.NEXT_DAY),
    "sore all through": Outcome(good=True, soreness=Soreness.STAYS),
    "three weeks away": Outcome(good=True, days=21.0),
}
# From each part of the ladder, so that time, speed and incline are each next within a course.
PARTS = {
    "the start": PLAN.start,
    "time at its goal": Dose(speed_km_h=1.4, set_s=300, sets=2),
    "time and nearly speed": Dose(speed_km_h=1.9, set_s=300, sets=2),
    "time and speed": Dose(speed_km_h=2.0, set_s=300, sets=2),
    "nearly all": Dose(speed_km_h=2.0, incline_percent=1.5, set_s=300, sets=2),
}
RISES = ("speed_km_h", "incline_percent", "set_s", "sets")
# Outcomes in a row: 14 + 14^2 + 14^3 courses from each part, and 14^4 more in the proof.
LONGEST = 3 if int(os.environ.get("REARGUARD_REPETITIONS", "1")) == 1 else 4


def courses(
    past: list[Done], went: list[Outcome], left: int
) -> Iterator[tuple[list[Done], list[Outcome], Next]]:
    """Every course of so many more sessions, with what is asked for after each."""
    for outcome in OUTCOMES.values():
        last = past[-1]
        done_now = Done(
            last.started, last.dose, outcome.share * last.dose.walking_s, stepped_up=last.stepped_up,
            answers=outcome.answers, **outcome.done,
        )  # fmt: skip
        before, so_far = [*past[:-1], done_now], [*went, outcome]
        now = last.started + timedelta(days=outcome.days)
        step = next_session(PLAN, before, now, outcome.soreness)
        yield before, so_far, step
        if left > 1:
            start = max(now, step.not_before or now)
            following = Done(start, step.dose, step.dose.walking_s, stepped_up=step.stepped_up, answers=GOOD)
            yield from courses([*before, following], so_far, left - 1)


@pytest.mark.parametrize("part", PARTS)
def test_every_course_of_outcomes_keeps_every_bound(part: str) -> None:
    seen = {"rises": 0, "falls": 0}
    for past, went, step in courses([done(0, PARTS[part])], [], LONGEST):
        last, dose, outcome = past[-1].dose, step.dose, went[-1]
        raised = [name for name in RISES if getattr(dose, name) > getattr(last, name)]
        lowered = [name for name in RISES if getattr(dose, name) < getattr(last, name)]
        told = [(d.dose, o) for d, o in zip(past, went, strict=True)], step
        assert len(raised) <= 1, told
        assert step.stepped_up == bool(raised), told
        assert all(getattr(dose, name) <= getattr(PLAN.goal, name) for name in RISES), told
        assert dose.set_s >= 60 and dose.speed_km_h >= 0.72 and dose.sets >= 1, told
        assert dose.walking_s <= PLAN.longest_session_s, told
        assert step.reason.endswith("."), told
        seen["rises"] += bool(raised)
        seen["falls"] += bool(lowered) and not raised
        if raised:
            lately = went[-GATED_SESSIONS:]
            assert len(went) >= GATED_SESSIONS and all(o.good for o in lately), told
            assert outcome.soreness is Soreness.NONE and outcome.days <= 14, told
            assert len({d.dose for d in past[-GATED_SESSIONS:]}) == 1, told
            assert sum(d.stepped_up for d in past) < UNSEEN_STEPS, told
            assert raised != ["speed_km_h"] or dose.set_s < last.set_s, told  # faster begins shorter
            assert raised != ["incline_percent"] or dose.speed_km_h < last.speed_km_h, told  # steeper: slower
            assert raised != ["incline_percent"] or step.spotter, told
        if outcome.done.get("stops_by_fall") or outcome.done.get("stops_by_drift") == 2:
            assert step.spotter and step.tell_the_therapist and (lowered or last.set_s == 60), told
        if outcome.soreness is Soreness.STAYS:
            assert step.not_before is None or step.not_before >= past[-1].started + timedelta(days=2), told
            assert lowered or last.set_s == 60, told
    assert all(seen.values()), seen
