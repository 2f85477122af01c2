"""A course of weeks in seconds: invented sessions of one walker, through the same progression as the real ones."""

from datetime import UTC, datetime, timedelta
from random import Random

from firmware_py.coach.plan.programme import Dose, Programme
from firmware_py.coach.plan.progression import Soreness, next_session
from firmware_py.coach.record import Record, SetDone
from firmware_py.coach.report.account import Account

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CUT_SHORT, HURTS = 5, 8  # sessions
PLAN = Programme(
    author="T. Herapist",
    made_on=MONDAY.date(),
    backward_3_m_s=4.8,
    forward_speed_km_h=3.4,
    start=Dose(speed_km_h=1.6, set_s=120, sets=2),
    goal=Dose(speed_km_h=2.0, incline_percent=1.0, set_s=300, sets=2),
)


def course(weeks: int = 6, seed: int = 1, plan: Programme = PLAN) -> Account:
    """Three sessions a week; the fifth is cut short, the eighth hurts."""
    random, past, now = Random(seed), list[Record](), MONDAY
    while now < MONDAY + timedelta(weeks=weeks):
        done = [r.done() for r in past]
        step = next_session(plan, done, now, Soreness.NONE, MONDAY)
        if step.not_before is not None:
            now = step.not_before
            continue
        number = len(past) + 1
        at_s = now.timestamp()
        record = Record(
            f"anna-{number}", "anna", "boot", at_s, at_s + 900, step.dose.model_dump(), step.reason, plan.author,
            step.stepped_up, step.spotter, number, "end", at_s + 900,
        )  # fmt: skip
        record.sets = [_set(random, number, step.dose) for _ in range(step.dose.sets)]
        record.stops_by_drift = record.stops = int(number == CUT_SHORT)
        record.answers = {
            "pain": 5 if number == HURTS else random.choice((0, 1, 2)),
            "effort": 11,
            "talk": "yes",
        }
        past.append(record)
        now += timedelta(days=2, hours=random.choice((0, 1, 8)))
    step = next_session(plan, [r.done() for r in past], now, Soreness.NONE, MONDAY)
    return Account("anna", plan, past, step, now)


def _set(random: Random, number: int, dose: Dose) -> SetDone:
    cut = number == CUT_SHORT
    return SetDone(
        dose.set_s,
        0.4 * dose.set_s if cut else dose.set_s,
        "cut short" if cut else "done",
        "drift_rear" if cut else "",
        round(1.5 * dose.set_s),
        1.5 + random.gauss(0, 0.03),
        ad2=0.62 + 0.005 * number + random.gauss(0, 0.03),
        evenness=0.9 + random.gauss(0, 0.02),
        jerk_per_s=12 + random.gauss(0, 0.4),
        wander_m=0.06 + random.gauss(0, 0.01),
        tipped_share=max(0.0, random.gauss(0.02, 0.02)),
        margin_min_m=0.15 + random.random() / 10,
        warnings=int(cut),
        answers={"rails": "both" if number <= CUT_SHORT else "one"},
    )
