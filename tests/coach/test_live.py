"""Who walks, which code holds, and what is stored: the coach without a courier around it."""

from pathlib import Path
from typing import Any

import pytest

from firmware_py.coach.diary import Row
from firmware_py.coach.live import RENEW_S, SHOW_END_S, UNUSED_S, Coach
from firmware_py.coach.phases import Stage
from firmware_py.coach.questions import Refused
from firmware_py.coach.sound import Speaker
from firmware_py.config import parse
from firmware_py.core.frame import Phase
from tests.support.fake_guard import decision, frame

START_S = 1_800_000_000.0


class Beside:
    """A coach with one plan, its rows, and a clock of its own."""

    def __init__(self, folder: Path, *names: str) -> None:
        (folder / "programmes").mkdir()
        for name in names:
            (folder / "programmes" / f"{name}.toml").write_text("", encoding="utf-8")
        self.rows: list[Row] = []
        self.coach = Coach(parse({"courier": {"state_dir": str(folder)}}), self.rows.append, Speaker(None))
        self.s = self.jumped_s = 0.0
        self.coach.begin(START_S)
        self.coach.hello("boot", START_S)

    def go(self, seconds: float, **changes: Any) -> None:
        for _ in range(round(seconds * 10)):
            self.s += 0.1
            d = decision(round(self.s * 1e9), **changes)
            self.coach.tick(frame(d.t_ns), d, START_S + self.s + self.jumped_s, None, None)
            self.coach.renew(START_S + self.s + self.jumped_s)

    def rest(self, seconds: float) -> None:
        self.go(seconds, phase=Phase.WAITING)

    @property
    def session_rows(self) -> list[Row]:
        """What stands in the table: a later row replaces an earlier one."""
        return list({row.key: row for row in self.rows if row.key.startswith("coached")}.values())

    def answer(self, question: str, value: object, token: str | None = None) -> str:
        return self.coach.answer(token or self.coach.token, question, value, START_S + self.s)

    def whole_session(self) -> None:
        self.go(121)
        self.rest(65)
        self.go(121)
        for question, value in {"rails": "none", "pain": 0, "effort": 11, "talk": "yes"}.items():
            self.answer(question, value)
        self.rest(1)


def test_one_plan_is_one_walker(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna")
    assert beside.coach.view()["walker"] == "anna"
    assert beside.coach.view()["stage"] == "checklist"


def test_nothing_is_stored_before_somebody_walks_or_answers(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna")
    beside.rest(60)
    assert beside.rows == []


def test_every_answer_is_a_row_that_only_grows(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna")
    beside.whole_session()
    answers = [row for row in beside.rows if row.key.startswith("answer")]
    assert len(answers) == 4
    assert all(row.sql.startswith("INSERT") and "UPDATE" not in row.sql for row in answers)


def test_the_code_of_a_session_that_is_over_is_refused(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna")
    beside.whole_session()
    old = beside.coach.token
    with pytest.raises(Refused, match="not open now"):
        beside.answer("pain", 3, old)
    beside.rest(SHOW_END_S + 2 * RENEW_S)
    assert beside.coach.token != old
    with pytest.raises(Refused, match="not valid any more"):
        beside.answer("company", "here", old)


def test_an_answer_comes_late_while_the_questions_are_open(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna")
    beside.go(121)
    beside.rest(65)
    beside.go(121)
    beside.rest(500)
    assert beside.answer("pain", 2) == "Thank you."
    beside.rest(110)
    with pytest.raises(Refused, match="not open now"):
        beside.answer("effort", 11)


def test_a_checklist_that_nobody_walked_from_is_begun_anew(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna")
    beside.answer("ready", "yes")
    beside.rest(UNUSED_S + 3 * RENEW_S)
    assert beside.coach.view()["stage"] == "checklist"
    assert "ready" in [q["key"] for q in beside.coach.view()["questions"]]


def test_nobody_else_can_be_chosen_in_mid_session(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna", "bert")
    assert beside.coach.view()["stage"] == "choose"
    beside.go(5)
    assert beside.rows == []  # nobody is known
    beside.rest(5)
    beside.answer("walker", "Anna")
    beside.go(5)
    assert beside.coach.view()["stage"] == Stage.SET.value
    with pytest.raises(Refused, match="anna has begun"):
        beside.answer("walker", "bert")


def test_after_the_end_the_next_of_several_walkers_is_asked_for(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna", "bert")
    beside.answer("walker", "anna")
    beside.whole_session()
    beside.rest(SHOW_END_S + 2 * RENEW_S)
    assert beside.coach.view()["stage"] == "choose"


@pytest.mark.parametrize("name", ["../../etc/passwd", "anna\u0000", "", "carl", None, 7, ["anna"], {"a": 1}])
def test_a_name_without_a_plan_is_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(Refused, match="no plan"):
        Beside(tmp_path, "anna").answer("walker", name)


def test_two_files_of_one_name_are_a_mistake_that_is_shown(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna", "Anna")
    assert any("a walker is a short name" in p for p in beside.coach.view()["problems"])
    assert beside.coach.view()["walkers"] == ["anna"]


@pytest.mark.parametrize("jump_s", [86_400.0, -86_400.0, -5_000_000.0])
def test_a_clock_that_jumps_ends_no_set_and_stops_no_storing(tmp_path: Path, jump_s: float) -> None:
    beside = Beside(tmp_path, "anna")
    beside.go(30)
    [before] = beside.session_rows
    beside.jumped_s = jump_s
    beside.coach.tick(frame(1), decision(round(beside.s * 1e9) + 1), START_S + beside.s, None, None)
    beside.coach.renew(START_S + beside.s + jump_s)  # before the next tick
    beside.go(30)
    assert beside.coach.view()["stage"] == Stage.SET.value
    assert len(beside.session_rows) == 1 and beside.session_rows[0].values != before.values
    assert beside.coach._session is not None
    assert beside.coach._session.record.sets[0].walked_s == pytest.approx(60, abs=1)
    beside.rest(15)
    beside.whole_session()
    beside.jumped_s -= 1_000_000.0
    old = beside.coach.token
    beside.rest(2 * RENEW_S)
    assert beside.coach.view()["stage"] == "checklist"
    assert beside.coach.token != old


def test_a_damaged_saved_session_is_left_alone(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "anna")
    beside.coach._waiting = [{"record": {"walker": "anna"}}, {}]
    beside.coach.hello("boot", START_S)
    assert beside.rows == []
