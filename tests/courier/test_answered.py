"""An answer on a phone becomes an event once, and one that came as an event does not."""

from contextlib import closing
from pathlib import Path

import pytest

from firmware_py.alerts import classes
from firmware_py.alerts.classes import Alert, Urgency
from firmware_py.alerts.store import Store
from firmware_py.courier.answered import BY_EVENT, MOST, Answer, Answered

NOW_S = 1_800_000_000.0


def alerts(folder: Path, count: int) -> Store:
    store = Store(folder / "alerts.sqlite")
    for n in range(count):
        store.add(Alert(f"id{n}", Urgency.HELP, NOW_S, "deck-7", *classes.FALL), {}, NOW_S)
    return store


def test_each_answer_is_found_once(tmp_path: Path) -> None:
    it = Answered(tmp_path / "alerts.sqlite", NOW_S)
    assert it.new() == [], "there are no alerts yet"
    with closing(alerts(tmp_path, 3)) as store:
        assert it.new() == []
        store.acknowledge("id0", "link", NOW_S)  # an earlier courier has told of this one
        store.acknowledge("id1", "link", NOW_S + 1)
        store.acknowledge("id2", BY_EVENT, NOW_S + 2)
        assert it.new() == [Answer("id1", "deck-7", NOW_S + 1)]
        assert it.new() == []
        assert Answered(tmp_path / "alerts.sqlite", it.since_s).new() == [], "nor after a restart"


@pytest.mark.parametrize("count", [MOST - 1, MOST, MOST + 1])
def test_many_answers_come_in_parts_and_none_is_lost(tmp_path: Path, count: int) -> None:
    it = Answered(tmp_path / "alerts.sqlite", NOW_S)
    with closing(alerts(tmp_path, count)) as store:
        for n in range(count):
            store.acknowledge(f"id{n}", "link", NOW_S + 1 + n)
    assert len(it.new()) == min(count, MOST)
    assert len(it.new()) == max(0, count - MOST)


def test_a_database_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "alerts.sqlite").write_bytes(b"no database, " * 100)
    assert Answered(tmp_path / "alerts.sqlite", NOW_S).new() == []
