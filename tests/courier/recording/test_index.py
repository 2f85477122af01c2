"""The list of incidents costs what is new, whatever is old, damaged or missing."""

import json
from pathlib import Path

import pytest

from firmware_py.courier.recording import index
from firmware_py.courier.recording.incidents import Incidents, list_incidents
from firmware_py.courier.recording.index import PAGE, IncidentIndex


def add(folder: Path, name: str, facts: bytes = b'{"title": "Fall"}') -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_bytes(facts)
    (folder / f"{name}.mcap").touch()


def names(page: bytes) -> list[str]:
    return [incident["name"] for incident in json.loads(page)]


def test_pages_of_fifty_reach_every_incident_and_each_file_is_read_once(tmp_path: Path) -> None:
    folder = tmp_path / "incidents"
    for n in range(2 * PAGE + 1):
        add(folder, f"2026-05-04T10-{n:03d}Z-fall")
    made = IncidentIndex(folder)
    first = json.loads(made.page())
    second = json.loads(made.page(first[-1]["n"]))
    third = json.loads(made.page(second[-1]["n"]))
    assert [len(page) for page in (first, second, third)] == [PAGE, PAGE, 1]
    assert made.files_read == 2 * PAGE + 1
    add(folder, "2026-05-05T00-00-00Z-imu")
    assert names(made.page())[0] == "2026-05-05T00-00-00Z-imu"
    assert made.files_read == 2 * PAGE + 2
    made.close()
    again = IncidentIndex(folder)
    assert len(names(again.page())) == PAGE and again.files_read == 0


def test_everybody_shares_one_answer(tmp_path: Path) -> None:
    folder = tmp_path / "incidents"
    add(folder, "2026-05-04T10-11-12Z-fall")
    made = IncidentIndex(folder)
    assert made.page() is made.page()


def test_what_came_later_is_on_top_whatever_the_clock_was(tmp_path: Path) -> None:
    folder, made = tmp_path / "incidents", IncidentIndex(tmp_path / "incidents")
    assert names(made.page()) == []
    for name in ("2026-05-04T10-11-12Z-fall", "2036-05-04T10-11-12Z-fall", "2026-05-04T10-11-13Z-imu"):
        add(folder, name)
        top = names(made.page())[0]
        assert top == name
    (folder / "2036-05-04T10-11-12Z-fall.mcap").unlink()
    assert names(made.page()) == ["2026-05-04T10-11-13Z-imu", "2026-05-04T10-11-12Z-fall"]


BAD = [b"[1]", b'"text"', b"null", b'{"value": NaN}', b'{"value": 1e999}', b"", b"\0" * 50, b"[" * 100_000,
       b'{"value": ' + b"9" * 5000 + b"}", b'{"a": "' + b"x" * 70_000 + b'"}', b"\xff\xfe"]  # fmt: skip


@pytest.mark.parametrize("facts", BAD)
def test_facts_that_are_none_cost_only_themselves(tmp_path: Path, facts: bytes) -> None:
    folder = tmp_path / "incidents"
    add(folder, "2026-05-04T10-11-12Z-fall", facts)
    add(folder, "2026-05-04T10-11-13Z-imu")
    found = json.loads(IncidentIndex(folder).page(), parse_constant=lambda word: pytest.fail(word))
    assert [f["title"] for f in found] == ["Fall", "fall"]
    assert Incidents(folder).count == len(list_incidents(folder)) == 2


def test_half_a_character_and_a_foreign_name_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "incidents"
    add(folder, "2026-05-04T10-11-12Z-fall", b'{"title": "\\ud800", "name": "../x"}')
    page = IncidentIndex(folder).page()
    assert page.isascii() and names(page) == ["2026-05-04T10-11-12Z-fall"]


@pytest.mark.parametrize("damage", [b"garbage" * 1000, b"", None])
def test_an_index_that_is_damaged_or_cannot_be_written_is_made_anew(
    tmp_path: Path, damage: bytes | None
) -> None:
    folder = tmp_path / "incidents"
    add(folder, "2026-05-04T10-11-12Z-fall")
    if damage is None:
        (tmp_path / "incidents.sqlite").mkdir()
    else:
        (tmp_path / "incidents.sqlite").write_bytes(damage)
    assert len(names(IncidentIndex(folder).page())) == 1


def test_the_courier_starts_without_reading_any_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "incidents"
    for n in range(10):
        add(folder, f"2026-05-04T10-{n:03d}Z-fall")
    monkeypatch.setattr(index, "facts_of", lambda path: pytest.fail("a file was read"))
    assert Incidents(folder).count == 10
