"""Owns the stages of one session. Must never know the belt: it sees signals, and nothing waits for it.

Specification
  Stages   CHECKLIST (laces, key, cord, company), TARE (stand still: the hip sensor settles), SET (walk), PAUSE (belt at
           rest), ASK (the questions), END.
  Signals  NONE < CONFIRMED < WALKS < SET_OVER < SESSION_OVER < ANSWERED; the largest of a tick is applied, once.
  Rules    CHECKLIST becomes TARE when the walker confirms it and, where company is wanted, has answered about it.
           CHECKLIST, TARE and PAUSE become SET when somebody walks: the coach holds nobody up, and notes what was
           not confirmed.
           SET becomes PAUSE when it is over and another is planned, else ASK. PAUSE becomes ASK when nobody comes back.
           ASK becomes END when all is answered or nobody answers. Walking on during ASK is not part of the plan.
           END stays END: the next session is another one.
"""

from enum import Enum, IntEnum


class Stage(Enum):
    CHECKLIST = "checklist"
    TARE = "tare"
    SET = "set"
    PAUSE = "pause"
    ASK = "ask"
    END = "end"


class Heard(IntEnum):
    NONE = 0
    CONFIRMED = 1
    WALKS = 2
    SET_OVER = 3
    SESSION_OVER = 4
    ANSWERED = 5


def _row(stage: Stage, **changes: Stage) -> dict[tuple[Stage, Heard], Stage]:
    return {(stage, heard): changes.get(heard.name.lower(), stage) for heard in Heard}


TABLE: dict[tuple[Stage, Heard], Stage] = {
    **_row(Stage.CHECKLIST, confirmed=Stage.TARE, walks=Stage.SET),
    **_row(Stage.TARE, walks=Stage.SET, session_over=Stage.END),
    **_row(Stage.SET, set_over=Stage.PAUSE, session_over=Stage.ASK),
    **_row(Stage.PAUSE, walks=Stage.SET, session_over=Stage.ASK),
    **_row(Stage.ASK, answered=Stage.END),
    **_row(Stage.END),
}
