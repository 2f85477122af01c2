"""Owns the demonstration of the coach: one short session in simulated time, from the checklist to the report.

Walker, belt and sensors are the rig's; monitor, session and report are the real ones. Must never judge the walk.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware_py.coach import words
from firmware_py.coach.phases import Stage
from firmware_py.coach.plan.programme import Dose, Programme
from firmware_py.coach.plan.progression import Soreness, next_session
from firmware_py.coach.record import Record
from firmware_py.coach.report.account import Account
from firmware_py.coach.report.page import render
from firmware_py.coach.session import Session
from firmware_py.config import Config
from firmware_py.courier.sessions.sessions import Sessions
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.acts import TIP, WALK
from firmware_py.rig.world.scene import Scene, Setup

RATE_HZ = 200.0
SPEED_M_S = 0.45
RAGGED = 0.06  # strides about as alike as those of recorded walkers
TIPS_S = (38.0, 55.0)  # of the first set
REACTS_S = 2.0  # from a word to the treadmill's key
LONGEST_S = 600.0
DOSE = Dose(speed_km_h=1.6, set_s=60, sets=2, pause_s=30)
ANSWERS = {"rails": "one", "pain": 1, "effort": 11, "talk": "yes"}


class Person:
    """The simulated walker: confirms, starts and stops the treadmill when asked, tips forward once, answers."""

    def __init__(self, loop: ClosedLoop, session: Session) -> None:
        self._loop, self._session = loop, session
        self._dial_s: float | None = None
        self._to_m_s = 0.0
        loop.scene.belt.dial(0.0)
        loop.scene.walker.ragged = RAGGED

    def act(self, t_s: float, cue: words.Cue | None) -> None:
        """What this person does now."""
        session, scene = self._session, self._loop.scene
        if session.stage is Stage.CHECKLIST and self._loop.run and "ready" not in session.record.answers:
            session.answer("company", "here")
            session.answer("ready", "yes")
            self._soon(t_s, SPEED_M_S)
        if cue in (words.SET_DONE, words.ALL_DONE):
            self._soon(t_s, 0.0)
        if cue is words.PAUSE_OVER:
            self._loop.armed_t_s = None  # presses the button, if the device has stopped meanwhile
            self._soon(t_s, SPEED_M_S)
        if session.stage is Stage.SET and len(session.record.sets) == 1:
            tips = TIPS_S[0] <= session.record.sets[0].walked_s < TIPS_S[1]
            if tips != (scene.walker.act == TIP):
                scene.walker.do(TIP if tips else WALK)
        if self._dial_s is not None and t_s >= self._dial_s:
            scene.belt.dial(self._to_m_s)
            self._dial_s = None
        if session.stage is Stage.ASK and session.open_questions() and scene.belt.speed_m_s <= 0.0:
            question = next(q for q in session.open_questions() if q in ANSWERS)
            session.answer(question, ANSWERS[question])

    def _soon(self, t_s: float, speed_m_s: float) -> None:
        self._dial_s, self._to_m_s = t_s + REACTS_S, speed_m_s


def play(seed: int) -> Iterator[tuple[float, str, Session]]:
    """Every change of stage and every cue as it comes: time, words, session. The last one is the end."""
    setup = Setup()
    scene = Scene("walk", seed, replace(setup, belt=replace(setup.belt, speed_m_s=SPEED_M_S)))
    loop = ClosedLoop(scene, Config().monitor_params(), RATE_HZ, hall=True)
    plan = Programme(start=DOSE, goal=DOSE)
    record = Record(
        "demo-1",
        "demo",
        "rig",
        0.0,
        0.0,
        DOSE.model_dump(),
        "The first session of this plan.",
        "",
        False,
        True,
        1,
    )
    session = Session(record, plan)
    walks = Sessions(Config().drift.warn_mm / 1000, lambda *_: None)
    person = Person(loop, session)
    stage: Stage | None = None
    now_s = datetime.now(UTC).timestamp()
    while session.stage is not Stage.END:
        d = loop.step()
        t_s = d.t_ns / 1e9
        assert loop.frame is not None
        walks.update(loop.frame, d, "rig", now_s + t_s)
        cue = session.tick(loop.frame, d, now_s + t_s, walks.second, walks.window)
        person.act(t_s, cue)
        if cue is not None:
            yield t_s, f"\u201c{cue.text}\u201d", session
        if session.stage is not stage:
            stage = session.stage
            yield t_s, f"{words.TITLES[stage.value]}. {words.DOS[stage.value]}".strip(), session
        if t_s > LONGEST_S:
            session.close(now_s + t_s)


def result(session: Session, cues: list[str], page: Path) -> dict[str, Any]:
    """Writes the report and returns what `--json` prints."""
    record = session.record
    step = next_session(session.plan, [record.done()], datetime.now(UTC), Soreness.NONE)
    page.write_text(
        render(Account("demo", session.plan, [record], step, datetime.now(UTC))), encoding="utf-8"
    )
    expected = ["Your hips", "This set", "The pause", "That was"]
    said = [cue.strip("\u201c") for cue in cues]
    return {
        "scenario": "session",
        "sets": [{"ended": s.ended, "walked_s": s.walked_s} for s in record.sets],
        "cues": said,
        "answers": record.answers,
        "next": step.reason,
        "report": str(page),
        "as_expected": len(said) == len(expected)
        and all(a.startswith(b) for a, b in zip(said, expected, strict=True)),
    }
