"""Owns one session: what the walker has done, what is due, and what to say. Must never reach the belt.

Pure: every tick brings its own time, so that a recorded walk gives the same session again. State is plain values: a
courier that was killed in mid-set restores it and the set goes on.
"""

from statistics import fmean, median
from typing import Any

from firmware_py.coach import words
from firmware_py.coach.phases import TABLE, Heard, Stage
from firmware_py.coach.plan.programme import Dose, Programme
from firmware_py.coach.plan.progression import Next
from firmware_py.coach.questions import ASKED_AFTER, QUESTIONS, Value, checked
from firmware_py.coach.record import Record, SetDone
from firmware_py.coach.walk.enough import Enough
from firmware_py.coach.walk.posture import STEEP_PERCENT, Posture
from firmware_py.coach.walk.rhythm import Metronome
from firmware_py.coach.walk.strides import Second, Window
from firmware_py.core import state as core_state
from firmware_py.core.frame import Cause, Decision, Frame, Phase

NO_STEP_S = 3.0  # a set stops counting so long after the last step
TARE_S = 5.0
NOBODY_COMES_S = 600.0  # a pause that long ends the session [A]
ASK_S = 600.0  # unanswered questions close then [A]
CUE_S = 8.0  # so long a cue stays on the page
AWAY_S = 120.0  # a courier that comes back later begins no old set again
DROPPED_S = 5.0  # a longer gap between ticks is no walking that anybody saw
FALLS = frozenset({Cause.FALL, Cause.STUMBLE})
DRIFTS = frozenset({Cause.DRIFT_REAR, Cause.DRIFT_FRONT, Cause.STANDSTILL})
GONE = frozenset({Cause.STEP_OFF})
FADE_AFTER = (6, 12)  # sessions: then every second set is cued, then none: the report only


class Session:
    """Feed it every tick; `cue` is what was said last, `changed` whether the record should be stored now."""

    def __init__(self, record: Record, plan: Programme) -> None:
        self.record = record
        self.plan = plan
        self.cue: words.Cue | None = None
        self.changed = True
        self._stage = Stage(record.stage)
        self._enough = Enough()
        self._posture = Posture()
        self._metronome = Metronome()
        self._windows: list[Window] = []
        self._speed_sum, self._speed_n = 0.0, 0
        self._last: Decision | None = None
        self._no_step_s = self._stage_s = self._rest_s = self._cue_s = 0.0
        self._rested = self._pause_told = self._confirmed = False
        self._resume: tuple[int, int] | None = None  # last tick and steps before the courier was killed
        self.beat_on = False

    # -- what others see -----------------------------------------------------------------------------------

    @property
    def stage(self) -> Stage:
        return self._stage

    @property
    def dose(self) -> Dose:
        return Dose.model_validate(self.record.dose)

    @property
    def left_s(self) -> float | None:
        """Of this set, or of this pause; None: nothing runs down."""
        if self._stage is Stage.SET:
            return max(0.0, self.record.sets[-1].planned_s - self.record.sets[-1].walked_s)
        if self._stage is Stage.TARE:
            return max(0.0, TARE_S - self._stage_s)
        return max(0.0, self.dose.pause_s - self._rest_s) if self._stage is Stage.PAUSE else None

    @property
    def spoken(self) -> words.Cue | None:
        """The cue that is still on the page; none while the guard warns."""
        warned = self._last is not None and self._last.warning is not None
        return self.cue if self.cue is not None and self._cue_s < CUE_S and not warned else None

    @property
    def cadence_hz(self) -> float | None:
        """Of the last good set: the metronome's base."""
        good = [s.cadence_hz for s in self.record.sets if s.ended == "done" and s.cadence_hz]
        return good[-1] if good else None

    def open_questions(self) -> list[str]:
        """What may be answered now and is not, in order."""
        return [
            key for key, q in QUESTIONS.items() if self._stage in q.stages and key not in self._answers(key)
        ]

    # -- what comes in -------------------------------------------------------------------------------------

    def answer(self, question: str, value: object) -> Value:
        """Take one answer. Raises Refused, and nothing has changed then."""
        taken = checked(question, value, self._stage, question in self._answers(question))
        self._answers(question)[question] = taken
        self._confirmed = self._confirmed or question == "ready"
        self.changed = True
        return taken

    def ask_for(self, step: Next) -> None:
        """Another dose, since soreness was answered; only before the first set."""
        if not self.record.sets:
            self.record.dose, self.record.reason = step.dose.model_dump(), step.reason
            self.record.stepped_up, self.record.spotter = step.stepped_up, step.spotter
            self.changed = True

    def tick(
        self, frame: Frame, d: Decision, wall_s: float, second: Second | None, window: Window | None
    ) -> words.Cue | None:
        """One decision of the guard; the cue that is due now."""
        last, self._last = self._last, d
        if self._resume is not None:
            self._catch_up(d, *self._resume)
        dt_s = (d.t_ns - last.t_ns) / 1e9 if last is not None else 0.0
        dt_s = dt_s if 0.0 <= dt_s <= DROPPED_S else 0.0
        self.record.seen_s = wall_s
        self._stage_s += dt_s
        self._cue_s += dt_s
        walking = d.run and d.phase is not Phase.WAITING
        self._no_step_s = 0.0 if walking else self._no_step_s + dt_s
        heard, cue = self._stop(d, last)
        if self._stage is Stage.SET:
            set_heard, set_cue = self._in_set(frame, d, last, dt_s, walking, second, window)
            heard, cue = max(heard, set_heard), cue or set_cue
        else:
            heard = max(heard, self._between(d, dt_s))
            if self._stage is Stage.PAUSE and self._rest_s >= self.dose.pause_s and not self._pause_told:
                self._pause_told = True
                cue = words.PAUSE_OVER
        self._go(heard)
        if cue is not None:
            self.cue, self._cue_s = cue, 0.0
        return cue

    def lost(self, wall_s: float) -> None:
        """The guard has gone, and the belt with it."""
        self._last = None
        if self._stage is Stage.SET:
            self.record.seen_s = wall_s
            self._end_set("cut short", "guard_lost")
            self._go(self._over())

    def close(self, wall_s: float) -> None:
        """The session ends now, whatever is unanswered."""
        if self._stage is Stage.SET:
            self._end_set("stopped early", "")
        self._stage = Stage.END
        self.record.stage = Stage.END.value
        self.record.ended_s = wall_s
        self.changed = True

    # -- the rules -----------------------------------------------------------------------------------------

    def _stop(self, d: Decision, last: Decision | None) -> tuple[Heard, words.Cue | None]:
        """A stop of the guard: counted whenever it happens, and it ends the set that runs."""
        if d.run or last is None or not last.run or self._stage in (Stage.CHECKLIST, Stage.TARE, Stage.END):
            return Heard.NONE, None
        self.record.stops += 1
        self.record.stops_by_fall += d.cause in FALLS
        self.record.stops_by_drift += d.cause in DRIFTS
        self.changed = True
        over = d.cause in FALLS
        if self._stage is not Stage.SET:  # in a pause people step off to rest, and come back
            return (Heard.SESSION_OVER if over else Heard.NONE), None
        over = over or d.cause in GONE
        self._end_set("cut short", d.cause.value if d.cause else "")
        return (Heard.SESSION_OVER if over or self._was_last() else Heard.SET_OVER), None

    def _in_set(
        self,
        frame: Frame,
        d: Decision,
        last: Decision | None,
        dt_s: float,
        walking: bool,
        second: Second | None,
        window: Window | None,
    ) -> tuple[Heard, words.Cue | None]:
        now = self.record.sets[-1]
        if now.ended:
            return Heard.NONE, None
        if walking:
            now.walked_s += dt_s
        if last is not None:
            now.steps += max(0, d.steps - last.steps)
            if d.warning is not None and last.warning is None:
                now.warnings += 1
                self._enough.warned(now.walked_s)
        if d.stop_margin_m is not None:
            now.margin_min_m = min(d.stop_margin_m, now.margin_min_m if now.margin_min_m is not None else 9.0)
        if now.walked_s >= now.planned_s:
            self._end_set("done", "")
            return self._over(), words.ALL_DONE if self._was_last() else words.SET_DONE
        if self._no_step_s >= NO_STEP_S:
            self._end_set("stopped early", "")
            return self._over(), None
        return Heard.NONE, self._hints(frame, d, now, second, window)

    def _hints(
        self, frame: Frame, d: Decision, now: SetDone, second: Second | None, window: Window | None
    ) -> words.Cue | None:
        """ "Enough" before posture; while the guard warns, nothing."""
        cue = None
        if second is not None:
            if frame.belt_speed_m_s is not None:
                self._enough.speed(now.walked_s, frame.belt_speed_m_s)
                self._speed_sum += frame.belt_speed_m_s
                self._speed_n += 1
            judged = self.dose.incline_percent <= STEEP_PERCENT or len(self.record.sets) > 1
            if judged and self._posture.second(second) and self._cues_posture():
                cue = words.TIPPED
            self.beat_on = self._metronome.sounds(now.walked_s, d.phase is Phase.GUARDING)
        if window is not None:
            self._windows.append(window)
            self._metronome.sounds(now.walked_s, True, window.ad2, self._enough.ad2_usual)
            if self._enough.window(now.walked_s, window):
                now.enough_s = now.walked_s
                cue = words.ENOUGH
                self.changed = True
        if cue is None or d.warning is not None:
            return None
        now.cues += 1
        return cue

    def _cues_posture(self) -> bool:
        """Cues fade over the sessions: all, every second set, none."""
        all_until, half_until = FADE_AFTER
        number = self.record.number
        return number <= all_until or (number <= half_until and len(self.record.sets) % 2 == 1)

    def _between(self, d: Decision, dt_s: float) -> Heard:
        """Before, between and after the sets."""
        guarding = d.run and d.phase is Phase.GUARDING
        if self._stage in (Stage.CHECKLIST, Stage.TARE):
            if guarding:
                return Heard.WALKS
            known = (
                not self.record.spotter or "company" in self.record.answers
            )  # "alone" is an answer, and kept
            return Heard.CONFIRMED if self._confirmed and known else Heard.NONE
        if self._stage is Stage.PAUSE:
            self._rested = self._rested or self._no_step_s >= NO_STEP_S
            self._rest_s += dt_s if self._rested else 0.0
            if guarding and self._rested:
                return Heard.WALKS
            return Heard.SESSION_OVER if self._rest_s >= NOBODY_COMES_S else Heard.NONE
        if self._stage is Stage.ASK:
            answered = all(key in self._answers(key) for key in ASKED_AFTER)
            return Heard.ANSWERED if answered or self._stage_s >= ASK_S else Heard.NONE
        return Heard.NONE

    def _go(self, heard: Heard) -> None:
        after = TABLE[self._stage, heard]
        if after is self._stage:
            return
        self._stage = after
        self.record.stage = after.value
        self._stage_s = 0.0
        self.changed = True
        if after is Stage.SET:
            self.cue = None
            self._begin_set()
        if after is Stage.PAUSE:
            self._rest_s, self._rested, self._pause_told = 0.0, False, False
        if after is Stage.END:
            self.record.ended_s = self.record.seen_s

    def _begin_set(self) -> None:
        pause_s = self._rest_s if self.record.sets else 0.0
        if not self.record.sets:
            self.record.started_s = self.record.seen_s
        self.record.sets.append(SetDone(float(self.dose.set_s), pause_before_s=round(pause_s, 1)))
        self._enough, self._metronome = Enough(), Metronome()
        self._posture.new_set()
        self._windows = []
        self._speed_sum, self._speed_n = 0.0, 0

    def _end_set(self, ended: str, cause: str) -> None:
        now = self.record.sets[-1]
        now.ended, now.cause = ended, cause
        now.walked_s = round(now.walked_s, 1)
        self.beat_on = False
        self.changed = True
        now.tipped_share = self._posture.share_tipped
        if self._speed_n:
            now.speed_m_s = round(self._speed_sum / self._speed_n, 3)
        if self._windows:
            now.cadence_hz = round(fmean(w.cadence_hz for w in self._windows), 3)
            now.ad2 = round(median(w.ad2 for w in self._windows), 3)
            now.evenness = round(median(w.evenness for w in self._windows), 3)
            now.jerk_per_s = round(median(w.jerk_per_s for w in self._windows), 2)
            wanders = [w.wander_m for w in self._windows if w.wander_m is not None]
            now.wander_m = round(fmean(wanders), 3) if wanders else None

    def _over(self) -> Heard:
        return Heard.SESSION_OVER if self._was_last() else Heard.SET_OVER

    def _was_last(self) -> bool:
        return len(self.record.sets) >= self.dose.sets

    def _answers(self, question: str) -> dict[str, Value]:
        """Where the answer to this question belongs."""
        each_set = QUESTIONS[question].each_set if question in QUESTIONS else False
        return self.record.sets[-1].answers if each_set and self.record.sets else self.record.answers

    # -- across a restart of the courier -------------------------------------------------------------------

    def _catch_up(self, d: Decision, t_ns: int, steps: int) -> None:
        """The walk went on while the courier was away: what the steps prove is counted."""
        self._resume = None
        away_s, made = (d.t_ns - t_ns) / 1e9, d.steps - steps
        if self._stage is not Stage.SET or not d.run or made <= 0 or not 0.0 < away_s <= AWAY_S:
            return
        now = self.record.sets[-1]
        now.steps += made
        now.walked_s += min(away_s, made / (d.cadence_hz or 1.0) + 1.0)

    def save(self) -> dict[str, Any]:
        """Everything a killed courier needs to go on, as JSON-able values."""
        return {
            "record": self.record.plain(),
            "rules": {
                "enough": core_state.save(self._enough),
                "posture": core_state.save(self._posture),
                "metronome": core_state.save(self._metronome),
            },
            "windows": [list(w) for w in self._windows],
            "speed": [self._speed_sum, self._speed_n],
            "clock": [self._stage_s, self._rest_s, self._rested, self._pause_told, self._confirmed],
            "t_ns": self._last.t_ns if self._last else None,
            "steps": self._last.steps if self._last else None,
        }

    @classmethod
    def restored(cls, saved: dict[str, Any], plan: Programme) -> "Session":
        """The session that `save` described. Raises ValueError when it cannot be read."""
        try:
            session = cls(Record.of(saved["record"]), plan)
            for name, rules in saved["rules"].items():
                core_state.restore(getattr(session, f"_{name}"), rules)
            session._windows = [Window(*w) for w in saved["windows"]]
            session._speed_sum, session._speed_n = saved["speed"]
            session._stage_s, session._rest_s, *told = saved["clock"]
            session._rested, session._pause_told, session._confirmed = told
            if saved["t_ns"] is not None:
                session._resume = (int(saved["t_ns"]), int(saved["steps"]))
        except (KeyError, TypeError, ValueError, AttributeError, core_state.StateError) as error:
            raise ValueError(f"a session cannot be read: {error}") from None
        return session
