"""`rearguard history` and the page's list: one bad row costs itself only, and it is reported."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.courier.events.database import Outbox
from firmware_py.courier.sessions.history import moments, sessions
from tests.support.process import toml

WALK: dict[str, Any] = {
    "session_id": "s",
    "started": "2026-05-04T10:11:12.000Z",
    "minutes": 3.2,
    "steps": 310,
    "warnings": 1,
    "stops": 2,
}
STOP = {"data": {"cause": "fall", "rule": "balance", "value": 1.0, "limit": 0.5, "message": "m"}}
BAD_SUMMARIES = [
    "",
    "not json",
    "[1]",
    "null",
    "7",
    '{"steps": 1}',
    '{"steps": NaN}',
    "[" * 5000,
    json.dumps(WALK | {"started": "yesterday"}),
    json.dumps(WALK | {"started": 5}),
    json.dumps(WALK | {"minutes": "many"}),
    json.dumps(WALK | {"minutes": None}),
    json.dumps(WALK | {"in_zone_fraction": [0.5]}),
    json.dumps(WALK | {"cadence_per_min": {}}),
    b"\xff\xfe",
    7,
    2.5,
]
BAD_EVENTS = [
    "",
    "{",
    "[]",
    "{}",
    '{"data": 7}',
    '{"data": null}',
    '{"data": {"value": NaN}}',
    "[" * 5000,
    b"\xff",
    7,
]


def filled(folder: Path) -> Outbox:
    """Three sound sessions and stops; what a test plants stands behind the second."""
    return Outbox(folder / "state" / "events.sqlite")


def plant(outbox: Outbox, n: int, summary: Any = None, event: Any = None, time_s: Any = 1.76e9) -> None:
    text = json.dumps(WALK | {"steps": n}) if summary is None else summary
    moment = json.dumps(STOP) if event is None else event
    with outbox.transaction():
        outbox._db.execute("INSERT INTO sessions VALUES(?, 1.0, 2.0, ?)", (str(n), text))
        outbox._db.execute(
            "INSERT INTO events(id, boot_id, seq, type, time_s, event) VALUES(?, 'b', ?, 'stopped', ?, ?)",
            (str(n), n, time_s, moment),
        )


def planted(folder: Path, **bad: Any) -> Path:
    outbox = filled(folder)
    plant(outbox, 1)
    plant(outbox, 2, **bad)
    plant(outbox, 3)
    outbox.close()
    return outbox.path


@pytest.mark.parametrize("summary", BAD_SUMMARIES)
def test_a_session_that_cannot_be_shown_is_left_out_and_counted(tmp_path: Path, summary: Any) -> None:
    found = sessions(planted(tmp_path, summary=summary), 10)
    assert [walk["steps"] for walk in found.rows] == [3, 1] and found.unreadable == 1


@pytest.mark.parametrize("event", BAD_EVENTS)
def test_a_stop_that_cannot_be_shown_is_left_out_and_counted(tmp_path: Path, event: Any) -> None:
    found = moments(planted(tmp_path, event=event), 10)
    assert len(found.rows) == 2 and found.unreadable == 1


@pytest.mark.parametrize("time_s", ["noon", 1e300, -1e300])
def test_a_stop_of_no_time_is_left_out_and_counted(tmp_path: Path, time_s: Any) -> None:
    found = moments(planted(tmp_path, time_s=time_s), 10)
    assert len(found.rows) == 2 and found.unreadable == 1


def test_text_that_is_no_utf_8_spoils_nothing(tmp_path: Path) -> None:
    outbox = filled(tmp_path)
    plant(outbox, 1)
    with outbox.transaction():
        bad = "CAST(X'" + json.dumps(WALK).encode().replace(b'"s"', b'"\xff"').hex() + "' AS TEXT)"
        outbox._db.execute(f"INSERT INTO sessions VALUES('bad', 1.0, 2.0, {bad})")
    plant(outbox, 3)
    outbox.close()
    assert [walk["session_id"] for walk in sessions(outbox.path, 10).rows] == [
        "s",
        "\N{REPLACEMENT CHARACTER}",
        "s",
    ]


def test_so_many_are_shown_as_were_asked_for_whatever_lies_between(tmp_path: Path) -> None:
    outbox = filled(tmp_path)
    for n in range(30):
        plant(outbox, n, summary="bad" if n % 3 else None)
    outbox.close()
    assert [walk["steps"] for walk in sessions(outbox.path, 5).rows] == [27, 24, 21, 18, 15]


def test_pages_reach_every_session_once(tmp_path: Path) -> None:
    outbox = filled(tmp_path)
    for n in range(1, 48):
        plant(outbox, n)
    outbox.close()
    seen: list[int] = []
    before = None
    while rows := sessions(outbox.path, 20, before).rows:
        seen += [walk["steps"] for walk in rows]
        before = rows[-1]["n"]
    assert seen == list(range(47, 0, -1))


def test_a_damaged_page_of_the_file_costs_what_stood_on_it(tmp_path: Path) -> None:
    outbox = filled(tmp_path)
    for n in range(1, 400):
        plant(outbox, n)
    outbox.close()
    data = bytearray(outbox.path.read_bytes())
    at = data.index(json.dumps(WALK | {"steps": 200}).encode()) // 4096 * 4096
    data[at : at + 4096] = b"\xff" * 4096
    outbox.path.write_bytes(data)
    found = sessions(outbox.path, 1000)
    steps = [walk["steps"] for walk in found.rows]
    assert found.damaged and len(steps) > 300 and steps == sorted(steps, reverse=True)
    assert {1, 399} <= set(steps) and 200 not in steps


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv", "walks.csv"]])
def test_history_says_what_it_leaves_out(
    tmp_path: Path, form: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planted(tmp_path, summary="bad", event="bad")
    shown = CliRunner().invoke(build(["history"]), ["history", *form, "--config", str(toml(tmp_path))])
    assert shown.exit_code == 0, shown.output
    assert "2 entries of" in shown.stderr and "cannot be read and are left out" in shown.stderr
    text = Path("walks.csv").read_text() if "--csv" in form else shown.stdout
    assert "310" not in text and "2026-05-04" in text


def test_history_of_sound_rows_says_nothing_more(tmp_path: Path) -> None:
    planted(tmp_path)
    shown = CliRunner().invoke(build(["history"]), ["history", "--config", str(toml(tmp_path))])
    assert shown.exit_code == 0 and "left out" not in shown.output


def test_a_figure_that_only_older_sessions_have_is_in_the_table(tmp_path: Path) -> None:
    planted(tmp_path, summary=json.dumps(WALK | {"distance_m": 321.0}))
    table = tmp_path / "walks.csv"
    words = ["history", "--csv", str(table), "--config", str(toml(tmp_path))]
    assert CliRunner().invoke(build(["history"]), words).exit_code == 0
    assert "321.0" in table.read_text()


def test_a_stop_is_a_sentence_and_no_name_of_a_rule(tmp_path: Path) -> None:
    planted(
        tmp_path, event=json.dumps({"data": {"cause": "of another version", "message": "As it was written."}})
    )
    shown = CliRunner().invoke(build(["history"]), ["history", "--config", str(toml(tmp_path))]).stdout
    assert shown.count("Belt cut: Loss of balance.") == 2 and "As it was written." in shown
    assert "balance 1" not in shown and "rule" not in shown
