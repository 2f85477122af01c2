"""`rearguard programme` and `rearguard forget`: plans in words, mistakes in sentences, and nothing left of a walker."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from firmware_py.__main__ import build
from firmware_py.coach import diary
from tests.coach.course import course

CLI = build(["programme", "forget"])


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A configuration whose state stands in tmp_path/state."""
    config = tmp_path / "config.toml"
    config.write_text(f'[courier]\nstate_dir = "{tmp_path}/state"\n', encoding="utf-8")
    (tmp_path / "state" / "programmes").mkdir(parents=True)
    return config


def run(device: Path, *words: str) -> Result:
    return CliRunner().invoke(CLI, [*words, "--config", str(device)])


def put(device: Path, name: str, text: str) -> Path:
    file = device.parent / "state" / "programmes" / name
    file.write_text(text, encoding="utf-8")
    return file


def walked(device: Path) -> None:
    """Six weeks of anna in the database."""
    with closing(sqlite3.connect(device.parent / "state" / "events.sqlite")) as db:
        db.executescript(diary.SCHEMA)
        for record in course().past:
            row = diary.save(record, None)
            db.execute(row.sql, row.values)
            said = diary.append(record, record.started_s, "pain", 1)
            db.execute(said.sql, said.values)
        db.commit()


def test_without_a_plan_the_ladder_of_the_articles_is_shown_as_such(device: Path) -> None:
    shown = run(device, "programme", "show")
    assert shown.exit_code == 0
    assert "not therapy" in shown.output
    assert "2 sets of 2 min at 1.6 km/h" in shown.output
    assert "Ask a professional" in shown.output


def test_an_empty_file_is_that_ladder(device: Path) -> None:
    put(device, "anna.toml", "")
    shown = json.loads(run(device, "programme", "next", "anna", "--json").output)
    assert shown["dose"]["set_s"] == 120
    assert shown["spotter"] is True


WRONG = {
    "an unknown key": ("sesions_a_week = 3", "did you mean sessions_a_week?"),
    "an unknown key of a section": ("[goal]\nset_m = 3", "did you mean set_s?"),
    "a wrong unit": ('[goal]\nset_s = "5 min"', "a whole number from 60 to 900 s"),
    "too fast": ("[goal]\nspeed_km_h = 3.3", "0.72 to 3.24 km/h"),
    "too long": ("[goal]\nset_s = 900\nsets = 6", "longest_session_s"),
    "a start above the goal": ("[start]\nset_s = 600", "start.set_s = 600 is above goal.set_s"),
    "made in the future": ('author = "A"\nmade_on = 2999-01-01', "is in the future"),
    "no date": ('author = "A"', "made_on is missing"),
    "a review without a date": ("review_on = 2026-01-01", "made_on is missing"),
    "a review too far away": (
        'author = "A"\nmade_on = 2026-01-01\nreview_on = 2026-02-13',
        "at most 6 weeks",
    ),
    "a review in the past of its plan": (
        'author = "A"\nmade_on = 2026-01-10\nreview_on = 2026-01-09',
        "at most 6 weeks after",
    ),
    "no plan at all": ("this is no plan", "is not a plan"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_in_a_plan_is_refused_with_key_value_and_span(device: Path, what: str) -> None:
    text, words = WRONG[what]
    refused = run(device, "programme", "check", str(put(device, "anna.toml", text)))
    assert refused.exit_code == 2
    assert words in refused.output
    assert "Traceback" not in refused.output


def test_a_plan_above_the_commissioned_safe_speed_is_refused(device: Path) -> None:
    with device.open("a", encoding="utf-8") as file:
        file.write("[belt]\ncommissioned = true\ncoast_down_m_s2 = 0.5\nstop_latency_ms = 400\n")
    refused = run(device, "programme", "check", str(put(device, "anna.toml", "[goal]\nspeed_km_h = 3.0")))
    assert refused.exit_code == 2
    assert "goal.speed_km_h = 3.0 is above the safe speed of this treadmill: 0.72 to " in refused.output


def test_all_mistakes_come_at_once(device: Path) -> None:
    refused = run(
        device, "programme", "check", str(put(device, "anna.toml", "a = 1\nb = 2\n[goal]\nset_s = 1"))
    )
    assert refused.output.count("programme: ") == 3


@pytest.mark.parametrize("name", ["../anna", "Anna Smith", "", "a" * 33, "ann\n"])
def test_a_name_that_is_none_is_refused(device: Path, name: str) -> None:
    assert run(device, "programme", "next", name).exit_code == 2
    assert run(device, "forget", name, "--yes").exit_code == 2


def test_history_and_report_of_six_weeks(device: Path, tmp_path: Path) -> None:
    put(device, "anna.toml", "")
    walked(device)
    lines = run(device, "programme", "history", "anna", "--json").output.splitlines()
    assert len(lines) == 18
    written = {kind: tmp_path / f"anna.{kind}" for kind in ("html", "csv", "json-file", "fhir")}
    options = [word for kind, path in written.items() for word in (f"--{kind}", str(path))]
    assert run(device, "programme", "report", "anna", *options).exit_code == 0
    assert all(path.stat().st_size > 1000 for path in written.values())


def test_nothing_walked_is_no_failure_of_history_and_one_of_report(device: Path) -> None:
    assert run(device, "programme", "history", "anna").exit_code == 0
    assert run(device, "programme", "report", "anna").exit_code == 1


def test_forget_leaves_nothing_of_a_walker_in_any_file(device: Path) -> None:
    put(device, "anna.toml", 'author = "Secret Therapist"\nmade_on = 2026-01-01\n')
    put(device, "bert.toml", "")
    walked(device)
    gone = json.loads(run(device, "forget", "anna", "--yes", "--json").output)
    assert gone == {"walker": "anna", "plan": 1, "sessions": 18, "answers": 18, "damaged_files": 0}
    state = device.parent / "state"
    for file in state.rglob("*"):
        if file.is_file():
            assert b"anna" not in file.read_bytes(), file
    assert (state / "programmes" / "bert.toml").exists()


def test_forget_removes_a_damaged_database_that_names_the_walker_and_keeps_the_others(device: Path) -> None:
    walked(device)
    state = device.parent / "state"
    named, other = state / "events-damaged-1.sqlite", state / "events-damaged-2.sqlite"
    named.write_bytes((state / "events.sqlite").read_bytes()[:-500])
    Path(f"{named}-wal").write_bytes(b"... anna ...")
    other.write_bytes(b"bert")
    said = run(device, "forget", "anna", "--yes").output
    assert "events-damaged-1.sqlite named anna and was removed" in said
    assert [p.name for p in state.glob("*damaged*")] == [other.name]


def test_while_a_session_goes_on_nothing_is_forgotten(device: Path) -> None:
    walked(device)
    database = device.parent / "state" / "events.sqlite"
    seen_s = datetime.now(UTC).timestamp() - 5.0
    with closing(sqlite3.connect(database)) as db:
        record = replace(course().past[-1], id="anna-now", ended_s=None, seen_s=seen_s)
        row = diary.save(record, {"record": record.plain()})
        db.execute(row.sql, row.values)
        db.commit()
    refused = run(device, "forget", "anna", "--yes")
    assert refused.exit_code == 1
    assert "A session of anna goes on" in refused.output
    assert len(diary.past(database, "anna")) == 18
    assert diary.walks_now(database, "anna", seen_s + diary.LATELY_S - 1)
    assert not diary.walks_now(database, "anna", seen_s + diary.LATELY_S)  # a courier that never came back
    assert not diary.walks_now(database, "bert", seen_s)


def test_a_log_that_another_program_holds_is_reported_and_not_passed_over(device: Path) -> None:
    walked(device)
    database = device.parent / "state" / "events.sqlite"
    with closing(sqlite3.connect(database)) as writer, closing(sqlite3.connect(database)) as reader:
        writer.execute("PRAGMA journal_mode=WAL")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM coached").fetchone()
        with pytest.raises(sqlite3.OperationalError, match="holds its log"):
            diary.forget(database, "anna", wait_s=0.1)


def test_a_name_without_a_plan_is_noted_and_nothing_is_forgotten_of_it(device: Path) -> None:
    assert "carl has no plan" in run(device, "programme", "next", "carl").output
    assert "carl has no plan" in run(device, "programme", "show", "carl").output
    assert run(device, "forget", "carl", "--yes").output == "Nothing is kept of carl.\n"


def test_no_sentence_has_two_full_stops(device: Path) -> None:
    assert ".." not in run(device, "programme", "report", "anna").output
    said = run(device, "programme", "next", "anna", "--sore", "a bit").output
    assert '"none", "gone after the warm-up"' in said


def test_forget_asks_first(device: Path) -> None:
    walked(device)
    CliRunner().invoke(CLI, ["forget", "anna", "--config", str(device)], input="n\n")
    assert len(diary.past(device.parent / "state" / "events.sqlite", "anna")) == 18
