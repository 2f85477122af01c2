"""The table of a session's stages is total, and nothing leads back out of the end."""

import pytest

from firmware_py.coach.phases import TABLE, Heard, Stage

MOVES = {
    (Stage.CHECKLIST, Heard.CONFIRMED): Stage.TARE,
    (Stage.CHECKLIST, Heard.WALKS): Stage.SET,
    (Stage.TARE, Heard.WALKS): Stage.SET,
    (Stage.TARE, Heard.SESSION_OVER): Stage.END,
    (Stage.SET, Heard.SET_OVER): Stage.PAUSE,
    (Stage.SET, Heard.SESSION_OVER): Stage.ASK,
    (Stage.PAUSE, Heard.WALKS): Stage.SET,
    (Stage.PAUSE, Heard.SESSION_OVER): Stage.ASK,
    (Stage.ASK, Heard.ANSWERED): Stage.END,
}


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("heard", Heard)
def test_every_stage_knows_every_signal(stage: Stage, heard: Heard) -> None:
    assert TABLE[stage, heard] is MOVES.get((stage, heard), stage)
