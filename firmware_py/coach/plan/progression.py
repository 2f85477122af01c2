"""Owns the step from what was done and answered to the dose of the next session, with its reason in one sentence.

Must never raise two things at once, and never step up on silence: an unanswered question is no "yes".

Order of the rules: is today a day to walk; soreness; what the guard had to do; long pauses; the gates of a step up.
One variable a session is raised, in the order time, speed, incline (the articles' order of load).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from firmware_py.coach.plan.programme import GENTLE_M_S, SLOW_BACKWARD_TEST_S, Dose, Programme
from firmware_py.coach.words import minutes
from firmware_py.locale import translate as _

DONE_SHARE = 0.9  # of the planned time [A]
DRIFT_STOPS = 2  # in one session: as bad as a fall stop
# Of 10. Rehabilitation after knee surgery uses "below 5" (Perry 2005); 3 is for people alone.
PAIN_LIMIT = 3
ENOUGH_SHARE = 0.8  # "enough" before this part of the plan holds the dose
WARNINGS_PER_5_MIN = 1.0
GATED_SESSIONS = 2  # good ones in a row before a step up [A]
UNSEEN_STEPS = 4  # steps up before somebody must renew the plan [A]
LONG_PAUSE = timedelta(days=14)  # [A]
BETWEEN_SESSIONS = timedelta(hours=20)
WEEK = timedelta(days=7)
SPEED_KEEPS_TIME = 0.6  # of its last value, when the speed is raised [A]


class Soreness(Enum):
    """The first question of a session. Rules after the University of Delaware (PMC6044585, table 5)."""

    NONE = "none"
    GONE_AFTER_WARM_UP = "gone after the warm-up"
    NEXT_DAY = "more than an hour, or the next day"
    STAYS = "through the warm-up"


@dataclass(frozen=True, slots=True)
class Answers:
    """What the walker answered after a session; None: not answered."""

    pain: int | None = None  # 0 to 10
    effort: int | None = None  # 6 to 20, Borg
    rails: str | None = None  # "both", "one", "none"
    talk: bool | None = None  # "could you talk?"


@dataclass(frozen=True, slots=True)
class Done:
    """One session of the past."""

    started: datetime
    dose: Dose
    walked_s: float
    stops_by_fall: int = 0
    stops_by_drift: int = 0
    warnings: int = 0
    enough_at: float | None = None  # share of the planned time at which "enough" was called
    stepped_up: bool = False  # this dose was above that of the session before
    answers: Answers = Answers()

    @property
    def share(self) -> float:
        return self.walked_s / self.dose.walking_s


@dataclass(frozen=True, slots=True)
class Next:
    """What the next session asks for, and why."""

    dose: Dose
    reason: str
    stepped_up: bool = False
    not_before: datetime | None = None  # rest until then
    spotter: bool = False
    tell_the_therapist: bool = False


def next_session(
    plan: Programme,
    past: Sequence[Done],
    now: datetime,
    soreness: Soreness | None,
    seen_on: datetime | None = None,
) -> Next:
    """The dose of the next session. `past` in order of time; `seen_on`: when a person last renewed the plan."""
    if not past:
        return Next(plan.first_dose, _("The first session of this plan."), spotter=True)
    last = past[-1]
    held = _within(plan, last.dose)
    if last.started > now:  # a Pi that starts without a network has a wrong clock
        return Next(
            held,
            _("The device's clock stands before the last session: the same again."),
            spotter=_alone_is_not_enough(plan),
        )
    rest = _rest_until(plan, past, now)
    if soreness is Soreness.STAYS:
        rest = _later(rest, last.started + timedelta(days=2))
        return Next(
            _smaller(plan, past),
            _("Sore through the warm-up: two days of rest, then one step less."),
            not_before=_if_later(rest, now),
        )
    if soreness is Soreness.NEXT_DAY:
        rest = _later(rest, last.started + timedelta(days=1))
        return Next(
            held,
            _("Sore for more than an hour: one day of rest, then the same again."),
            not_before=_if_later(rest, now),
        )
    rest = _if_later(rest, now)
    if last.stops_by_fall or last.stops_by_drift >= DRIFT_STOPS:
        return Next(
            _smaller(plan, past),
            _(
                "The belt had to be stopped for you last time: a smaller dose, with somebody beside the treadmill."
            ),
            not_before=rest,
            spotter=True,
            tell_the_therapist=True,
        )
    if now - last.started > LONG_PAUSE:
        dose = _within(plan, past[max(0, len(past) - 3)].dose)
        return Next(
            _least(dose, held),
            _("More than 14 days without a session: back to an earlier dose."),
            not_before=rest,
        )
    why_not = _why_no_step(plan, past, now, soreness, seen_on)
    if why_not:
        return Next(held, why_not, not_before=rest, spotter=_alone_is_not_enough(plan))
    dose, reason = _step(plan, past, held)
    stepped = dose != held
    return Next(
        dose, reason, stepped_up=stepped, not_before=rest, spotter=_wants_company(plan, last.dose, dose)
    )


def _rest_until(plan: Programme, past: Sequence[Done], now: datetime) -> datetime | None:
    """The end of the rest that the plan asks for."""
    wait = None if plan.daily else past[-1].started + BETWEEN_SESSIONS
    this_week = [done.started for done in past if timedelta(0) <= now - done.started < WEEK]
    if len(this_week) >= plan.sessions_a_week:
        wait = _later(wait, this_week[-plan.sessions_a_week] + WEEK)
    return wait


def _why_no_step(
    plan: Programme, past: Sequence[Done], now: datetime, soreness: Soreness | None, seen_on: datetime | None
) -> str:
    """The first gate that is closed, as a sentence; empty when all are open."""
    last_day = plan.last_day
    if last_day is not None and now.date() > last_day:
        return _("The plan's review is due: the same again until its author renews it.")
    since = [d for d in past if seen_on is None or d.started >= seen_on]
    if sum(d.stepped_up for d in since) >= UNSEEN_STEPS:
        return _("Four steps up without a review: the same again until somebody has looked at the plan.")
    if soreness is None:
        return _("No answer about soreness: the same again.")
    if soreness is Soreness.GONE_AFTER_WARM_UP:
        return _("Sore at first, then gone: the same again.")
    recent = past[-GATED_SESSIONS:]
    if len(recent) < GATED_SESSIONS or len({d.dose for d in recent}) > 1:
        return _("Once more at this dose before the next step.")
    for done in recent:
        why = _why_not_good(done)
        if why:
            return why
    return ""


def _why_not_good(done: Done) -> str:
    """Why this session does not count as a good one; empty when it does."""
    a = done.answers
    gates = (
        (done.share < DONE_SHARE, _("The last sets were cut short: the same again.")),
        (
            done.stops_by_fall + done.stops_by_drift > 0,
            _("The belt had to be stopped for you: the same again."),
        ),
        (
            done.warnings * 300 > WARNINGS_PER_5_MIN * done.walked_s,
            _("Several warnings: the same again."),
        ),
        (
            done.enough_at is not None and done.enough_at < ENOUGH_SHARE,
            _("It was enough before the end: the same again."),
        ),
        (a.pain is None or a.talk is None, _("Not all questions were answered: the same again.")),
        (a.pain is not None and a.pain > PAIN_LIMIT, _("Pain above 3 of 10: the same again.")),
        (a.talk is False, _("You could not talk while walking: the same again.")),
    )
    return next((sentence for closed, sentence in gates if closed), "")


def _step(plan: Programme, past: Sequence[Done], dose: Dose) -> tuple[Dose, str]:
    """One variable up: time, then speed, then incline."""
    goal, step = plan.goal, plan.step
    longest_s = min(goal.set_s, plan.longest_session_s // dose.sets)
    if dose.set_s < longest_s:
        set_s = min(dose.set_s + step.set_s, longest_s)
        return dose.model_copy(update={"set_s": set_s}), _(
            "Two good sessions: each set is now {time}."
        ).format(time=minutes(set_s))
    if dose.speed_km_h < goal.speed_km_h - 1e-9:
        speed = round(min(dose.speed_km_h + step.speed_km_h, goal.speed_km_h), 2)
        shorter = max(60, int(SPEED_KEEPS_TIME * dose.set_s))
        return (
            dose.model_copy(update={"speed_km_h": speed, "set_s": shorter}),
            _("Two good sessions: a little faster, {speed} km/h, and shorter sets at first.").format(
                speed=f"{speed:.1f}"
            ),
        )
    if dose.incline_percent < goal.incline_percent - 1e-9:
        incline = min(dose.incline_percent + step.incline_percent, goal.incline_percent)
        slower = [d.dose.speed_km_h for d in past if d.dose.speed_km_h < dose.speed_km_h]
        speed = max(slower, default=plan.first_dose.speed_km_h)
        return (
            dose.model_copy(update={"incline_percent": incline, "speed_km_h": min(speed, dose.speed_km_h)}),
            _("Two good sessions: {incline} % incline, and slower at first.").format(incline=f"{incline:g}"),
        )
    return dose, _("The goal of this plan is reached: the same again.")


def _smaller(plan: Programme, past: Sequence[Done]) -> Dose:
    """The last dose that asked for less than the present one in nothing more; else shorter sets."""
    now = past[-1].dose
    for done in reversed(past):
        if done.dose != now and _least(done.dose, now) == done.dose:
            return _within(plan, done.dose)
    return _within(plan, now.model_copy(update={"set_s": max(60, now.set_s - plan.step.set_s)}))


def _within(plan: Programme, dose: Dose) -> Dose:
    """`dose`, cut to what the plan allows today: a new plan may ask for less."""
    return _least(dose, plan.goal.model_copy(update={"pause_s": dose.pause_s}))


def _least(a: Dose, b: Dose) -> Dose:
    """The smaller of both in every variable."""
    return a.model_copy(
        update={
            "speed_km_h": min(a.speed_km_h, b.speed_km_h),
            "incline_percent": min(a.incline_percent, b.incline_percent),
            "set_s": min(a.set_s, b.set_s),
            "sets": min(a.sets, b.sets),
        }
    )


def _alone_is_not_enough(plan: Programme) -> bool:
    """Whether this walker always has somebody beside the treadmill."""
    slow = plan.backward_3_m_s is not None and plan.backward_3_m_s > SLOW_BACKWARD_TEST_S
    return plan.spotter == "always" or slow


def _wants_company(plan: Programme, before: Dose, after: Dose) -> bool:
    """A first set that is faster than gentle, or steeper than ever, wants somebody beside the treadmill."""
    faster = after.speed_km_h > before.speed_km_h and after.speed_m_s > GENTLE_M_S
    return _alone_is_not_enough(plan) or faster or after.incline_percent > before.incline_percent


def _later(a: datetime | None, b: datetime | None) -> datetime | None:
    return max((t for t in (a, b) if t is not None), default=None)


def _if_later(rest: datetime | None, now: datetime) -> datetime | None:
    return rest if rest is not None and rest > now else None
