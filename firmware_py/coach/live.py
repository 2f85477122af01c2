"""Owns the coach that runs beside the courier: who walks, the session of now, what is shown, and answers as they come.

Must never block and never reach the guard: it takes ticks, hands rows to a writer and cues to a speaker.

Threads: `hello`, `tick` and `lost` run on the link's thread; `begin`, `renew`, `answer`, `view` and `close` on the main
thread. One lock is held for microseconds; files and database are read on the main thread, outside it.
"""

import hashlib
import hmac
import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware_py.coach import diary
from firmware_py.coach.diary import Row
from firmware_py.coach.phases import Stage
from firmware_py.coach.plan import plans
from firmware_py.coach.plan.programme import Programme
from firmware_py.coach.plan.progression import Next, Soreness
from firmware_py.coach.questions import QUIET, Refused
from firmware_py.coach.record import Record
from firmware_py.coach.session import ASK_S, AWAY_S, Session
from firmware_py.coach.sound import Speaker
from firmware_py.coach.view import view_of
from firmware_py.coach.walk.strides import Second, Window
from firmware_py.config import LOOPBACK, Config
from firmware_py.core.frame import Decision, Frame
from firmware_py.locale import translate as _

log = logging.getLogger(__name__)

SAVE_S = 5.0  # a killed courier loses so much at most, and the steps give it back
RENEW_S = 10.0  # so often plans are read anew while nobody walks
UNUSED_S = 1800.0  # a confirmed checklist that nobody walked from
SHOW_END_S = 600.0  # so long the end of a session stays on the page


class Coach:
    """Without a plan in the folder it shows nothing, stores nothing and sounds nothing."""

    def __init__(self, config: Config, store: Callable[[Row], None], speaker: Speaker) -> None:
        self._config = config
        self._store = store
        self._speaker = speaker
        self._lock = threading.Lock()
        self._plans = plans.Plans({}, [])
        self._session: Session | None = None
        self._next: Next | None = None
        self._waiting: list[dict[str, Any]] = []  # sessions that a killed courier left open
        self._chosen = ""
        self._token = secrets.token_urlsafe(12)
        self._boot_id = ""
        self._ticked = False  # since `renew` last looked
        self._saved_s = self._renewed_s = -1e9
        self.problem = ""

    # -- the main thread -----------------------------------------------------------------------------------

    def begin(self, wall_s: float) -> None:
        """Before the first tick: plans, and what a killed courier left."""
        self._plans = self._read_plans(wall_s)
        self._waiting = diary.unfinished(self._database)
        if not self._waiting:
            self.renew(wall_s)

    @property
    def fitted(self) -> bool:
        """Whether there is any plan, so that there is something to show."""
        return bool(self._plans.good or self._plans.problems)

    @property
    def token(self) -> str:
        """Of this session; only the screen at the treadmill shows it."""
        return self._token

    def renew(self, wall_s: float) -> None:
        """Call it often: stores what is due, ends what is over, prepares the next session while nobody walks."""
        with self._lock:
            session = self._session
            silent, self._ticked = not self._ticked, False
            if session is not None:
                self._keep(session, wall_s, silent)
            idle = session is None or self._replaceable(session, wall_s)
        if not idle or self._waiting or _since_s(self._renewed_s, wall_s) < RENEW_S:
            return
        self._renewed_s = wall_s
        self._plans = self._read_plans(wall_s)
        walker = self._chosen or (next(iter(self._plans.good)) if len(self._plans.good) == 1 else "")
        prepared = self._prepare(walker, None, wall_s)
        with self._lock:
            if self._session is session and (session is None or self._replaceable(session, wall_s)):
                if session is not None and session.stage is Stage.END:
                    self._token, self._chosen = secrets.token_urlsafe(12), ""
                    prepared = prepared if len(self._plans.good) == 1 else None
                self._session, self._next = prepared or (None, None)

    def answer(self, token: str, question: str, value: object, wall_s: float) -> str:
        """Take one answer and return the sentence for the walker. Raises Refused; nothing is stored then."""
        if not self._fits(token):
            raise Refused(_("This code is not valid any more. Scan the one at the treadmill."))
        if question == "walker":
            return self._choose(value, wall_s)
        with self._lock:
            session = self._session
            if session is None:
                raise Refused(_("Choose your name first."))
            number = len(session.record.sets)
            taken = session.answer(question, value)
            row = diary.append(session.record, wall_s, question, taken)
            begun = bool(number)
            self._store(row)
            self._keep(session, wall_s)
        if question == "soreness" and not begun:
            step = self._prepare(session.record.walker, Soreness(taken), wall_s)
            with self._lock:
                if step is not None and self._session is session:
                    session.ask_for(step[1])
                    self._next = step[1]
        return _("Thank you.")

    def view(self) -> dict[str, Any]:
        """What the pages show, when there is a plan."""
        with self._lock:
            shown = view_of(self._session, self._next, self._plans, self._speaker.fitted)
        code = hashlib.sha256(self._token.encode()).hexdigest()[
            :8
        ]  # names the code, and does not give it away
        return shown | {"phone": self._config.page.host not in LOOPBACK, "code": code}

    def close(self, wall_s: float) -> None:
        """The courier ends. A set that runs stays open: the next courier goes on with it."""
        with self._lock:
            if self._session is not None:
                self._saved_s = -1e9
                self._keep(self._session, wall_s)
        self._speaker.close()

    # -- the link's thread ---------------------------------------------------------------------------------

    def hello(self, boot_id: str, wall_s: float) -> None:
        """A guard has connected: the session of a killed courier goes on if it is the same guard."""
        with self._lock:
            self._boot_id = boot_id
            for saved in self._waiting:
                session = self._restored(saved)
                if session is None:
                    continue
                record = session.record
                same = record.boot_id in ("", boot_id) and 0.0 <= wall_s - record.seen_s <= AWAY_S
                if same and self._session is None and session.stage is not Stage.END:
                    self._session, self._token = session, str(saved.get("token", self._token))
                else:
                    session.close(record.seen_s)
                    self._store(diary.save(record, None))
            self._waiting = []

    def tick(
        self, frame: Frame, d: Decision, wall_s: float, second: Second | None, window: Window | None
    ) -> None:
        """One decision of the guard."""
        self._speaker.hear(d)
        with self._lock:
            session = self._session
            if session is None:
                return
            if not session.record.boot_id and session.stage is not Stage.CHECKLIST:
                session.record.boot_id = self._boot_id
            self._ticked = True
            cue = session.tick(frame, d, wall_s, second, window)
            quiet = QUIET in session.record.answers
            cadence_hz = session.cadence_hz if session.beat_on and not quiet else None
        if cue is not None and not quiet:
            self._speaker.say(cue.sound)
        if second is not None or not d.run:
            self._speaker.beat(cadence_hz)

    def lost(self, wall_s: float) -> None:
        """The guard has gone: the belt is off."""
        with self._lock:
            if self._session is not None:
                self._session.lost(wall_s)

    # -- within --------------------------------------------------------------------------------------------

    @property
    def _database(self) -> Path:
        return Path(self._config.courier.state_dir) / plans.DATABASE

    def _read_plans(self, wall_s: float) -> plans.Plans:
        found = plans.read(self._config, datetime.fromtimestamp(wall_s).astimezone().date())
        for problem in found.problems:
            if problem not in self._plans.problems:
                log.warning("%s", problem)
        return found

    def _fits(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _prepare(self, walker: str, soreness: Soreness | None, wall_s: float) -> tuple[Session, Next] | None:
        """A session at its checklist; None when there is no such plan or the past cannot be read."""
        plan = self._plans.good.get(walker)
        if plan is None:
            return None
        now = datetime.fromtimestamp(wall_s, UTC)
        try:
            step, before = plans.next_of(self._config, walker, plan, now, soreness)
            self.problem = ""
        except (sqlite3.Error, TypeError, KeyError, ValueError) as error:
            self.problem = (
                f"coach: the past of {walker} cannot be read ({error}); it begins at the start of the plan"
            )
            log.warning("%s", self.problem)
            step, before = (
                Next(plan.first_dose, _("Earlier sessions cannot be read: the start of the plan.")),
                [],
            )
        record = Record(
            f"{walker}-{round(wall_s * 1000)}",
            walker,
            "",
            wall_s,
            wall_s,
            step.dose.model_dump(),
            step.reason,
            plan.author,
            step.stepped_up,
            step.spotter,
            len(before) + 1,
        )
        return Session(record, plan), step

    def _choose(self, value: object, wall_s: float) -> str:
        walker = str(value).lower()
        if walker not in self._plans.good:
            raise Refused(_("There is no plan of this name."))
        with self._lock:
            session = self._session
            if session is not None and session.stage not in (Stage.CHECKLIST, Stage.END):
                raise Refused(
                    _("{walker} has begun already. Nothing was changed.").format(walker=session.record.walker)
                )
        self._chosen = walker
        prepared = self._prepare(walker, None, wall_s)
        with self._lock:
            if self._session is session:
                self._session, self._next = prepared or (None, None)
        return _("Hello {walker}.").format(walker=walker)

    def _replaceable(self, session: Session, wall_s: float) -> bool:
        """A checklist nobody has touched, or an end that was shown long enough."""
        record = session.record
        if session.stage is Stage.CHECKLIST:
            return not record.answers and not record.sets
        shown = not record.sets or _since_s(record.ended_s or wall_s, wall_s) >= SHOW_END_S
        return session.stage is Stage.END and shown

    def _keep(self, session: Session, wall_s: float, silent: bool = False) -> None:
        """Store the session when something happened, and every SAVE_S while it goes on. `silent`: no tick came."""
        record = session.record
        if (
            session.stage is not Stage.END
            and record.sets
            and silent
            and _since_s(record.seen_s, wall_s) > ASK_S
        ):
            session.close(wall_s)
        if not record.sets and record.answers and _since_s(record.started_s, wall_s) > UNUSED_S:
            session.close(wall_s)  # confirmed, and then nobody walked
        begun = bool(record.sets or record.answers)
        going = session.stage not in (Stage.CHECKLIST, Stage.END)
        if not begun or not (session.changed or (going and _since_s(self._saved_s, wall_s) >= SAVE_S)):
            return
        session.changed, self._saved_s = False, wall_s
        state = None if session.stage is Stage.END else session.save() | {"token": self._token}
        self._store(diary.save(record, state))

    def _restored(self, saved: dict[str, Any]) -> Session | None:
        try:
            walker = saved["record"]["walker"]
            return Session.restored(saved, self._plans.good.get(walker, Programme()))
        except (ValueError, KeyError, TypeError) as error:
            log.warning("coach: an open session cannot be read and is left alone (%s)", error)
            return None


def _since_s(then_s: float, now_s: float) -> float:
    """A clock that was set back has passed that time, too: nothing waits until it is there again."""
    return abs(now_s - then_s)
