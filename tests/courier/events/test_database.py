from contextlib import closing
from pathlib import Path

import pytest

from firmware_py.courier.events import database, writer
from firmware_py.courier.events.database import DAY_S, Outbox, read_only
from firmware_py.courier.events.envelope import Envelope, Stamp, build, ulid
from firmware_py.courier.events.writer import EventWriter, SessionRow
from firmware_py.courier.sessions.history import Past, sessions
from tests.support.process import wait_for

STAMP = Stamp("rig", "guard", "boot", "c0ffee", "0.1.0")
ARMED = b'{"kind":"armed","t_ns":5,"cause":null,"rule":"","value":0,"limit":0,"position_m":null,"velocity_m_s":null}'


def envelope(seq: int, boot_id: str = "boot", time_s: float = 1e9) -> Envelope:
    return Envelope(ulid(time_s, boot_id, seq), boot_id, seq, "armed", time_s, f'{{"seq":{seq}}}')


def keep(outbox: Outbox, *events: Envelope) -> int:
    with outbox.transaction():
        return outbox.keep(events)


def count(path: Path) -> int:
    db = read_only(path)
    try:
        return int(db.execute("SELECT count(*) FROM events").fetchone()[0])
    finally:
        db.close()


def rows(path: Path, question: str) -> list[tuple[object, ...]]:
    with closing(read_only(path)) as db:
        return [tuple(row) for row in db.execute(question)]


def test_a_re_sent_event_is_stored_once_even_with_another_time(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "e.sqlite")
    assert keep(outbox, envelope(1), envelope(2)) == 2
    assert keep(outbox, envelope(2, time_s=2e9), envelope(3)) == 1
    assert keep(outbox, envelope(2, "another boot")) == 1
    assert count(tmp_path / "e.sqlite") == 4
    outbox.close()


def test_writes_wait_for_the_disk(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "e.sqlite")
    assert outbox._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert outbox._db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    outbox.close()


def test_a_transaction_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "e.sqlite")
    with pytest.raises(KeyError), outbox.transaction():
        outbox.keep([envelope(1)])
        raise KeyError
    assert count(tmp_path / "e.sqlite") == 0
    assert keep(outbox, envelope(1)) == 1
    outbox.close()


def test_events_are_kept_after_the_broker_took_them_until_their_time(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "e.sqlite")
    keep(outbox, envelope(1), envelope(2))
    with outbox.transaction():
        outbox.published([1], 100.0)
    assert [row.n for row in outbox.unpublished(0, 10)] == [2]
    with outbox.transaction():
        assert outbox.forget(100.0, False, newest_stay=0) == 0
        assert outbox.forget(100.1, False, newest_stay=2) == 0
        assert outbox.forget(100.1, False, newest_stay=1) == 1
    assert [row.n for row in outbox.unpublished(0, 10)] == [2]  # never taken: stays whatever its age
    with outbox.transaction():
        assert outbox.forget(1e9 + 1, True, newest_stay=0) == 1
    outbox.close()


@pytest.mark.parametrize("damage", ["garbage", "middle", "empty_header"])
def test_a_damaged_database_is_set_aside_and_a_new_one_begun(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "e.sqlite"
    outbox = Outbox(path)
    for seq in range(200):
        keep(outbox, envelope(seq))
    outbox.close()
    data = bytearray(path.read_bytes())
    if damage == "garbage":
        data[:] = b"this is not a database" * 50
    elif damage == "middle":
        data[4096 : 4096 * 4] = bytes([0xA5]) * 4096 * 3
    else:
        data[:100] = bytes(100)
    path.write_bytes(data)
    again = Outbox(path, check=True)
    assert again.set_aside is not None
    assert again.set_aside.read_bytes() == bytes(data)  # renamed, never touched
    assert keep(again, envelope(1)) == 1
    again.close()


def test_a_database_that_was_begun_anew_is_an_event(tmp_path: Path) -> None:
    (tmp_path / "e.sqlite").write_bytes(b"garbage, garbage, garbage" * 100)
    kept: list[Envelope] = []
    events = EventWriter(tmp_path / "e.sqlite", STAMP, 90, lambda seq: None, kept.append)
    events.open()
    events.start(None)
    events.close()
    assert [e.kind for e in kept] == ["storage_changed"]
    assert "damaged" in kept[0].text
    assert list(tmp_path.glob("e-damaged-*.sqlite"))


def test_an_event_is_acknowledged_to_the_guard_only_when_it_is_on_disk(tmp_path: Path) -> None:
    acknowledged: list[tuple[int, int]] = []
    path = tmp_path / "e.sqlite"
    events = EventWriter(path, STAMP, 90, lambda seq: acknowledged.append((seq, count(path))), lambda e: None)
    for seq in (1, 2, 2, 3):
        events.guard_event(STAMP, seq, ARMED, lambda t_ns: 1e9)
    assert events.waiting == 3 and acknowledged == []
    events.start(None)
    events.close()
    assert acknowledged == [(1, 3), (2, 3), (3, 3)]


def test_a_disk_that_refuses_loses_nothing_and_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "e.sqlite"
    acknowledged: list[int] = []
    kept: list[Envelope] = []
    events = EventWriter(path, STAMP, 90, acknowledged.append, kept.append)
    outbox = events.open()
    assert outbox is not None
    pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
    outbox._db.execute(f"PRAGMA max_page_count={pages}")  # what a full disk answers: SQLITE_FULL
    for seq in range(1, 101):
        events.guard_event(STAMP, seq, ARMED, lambda t_ns: 1e9)
    monkeypatch.setattr(writer, "RETRY_S", 0.01)
    events.start(None)
    wait_for(lambda: events.problem)
    assert acknowledged == [] and events.waiting == 100
    assert "full" in events.problem and "Nothing is lost yet" in events.problem
    outbox._db.execute("PRAGMA max_page_count=100000")
    wait_for(lambda: not events.waiting)
    events.close()
    assert acknowledged == list(range(1, 101))
    assert [e.kind for e in kept][-1] == "storage_changed"
    assert events.problem == ""


def test_a_session_row_is_written_once_and_closed_later(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "e.sqlite")
    for row in (SessionRow("s", 1.0, None, {"steps": 1}), SessionRow("s", 1.0, None, {"steps": 2})):
        with outbox.transaction():
            outbox.save_session(*row)
    assert outbox.open_sessions() == [("s", {"steps": 2})]
    with outbox.transaction():
        outbox.save_session("s", 1.0, 2.0, {"steps": 3})
    assert outbox.open_sessions() == []
    outbox.close()


def test_the_courier_numbers_its_own_events(tmp_path: Path) -> None:
    kept: list[Envelope] = []
    events = EventWriter(tmp_path / "e.sqlite", STAMP, 90, lambda seq: None, kept.append)
    events.record("guard_lost")
    events.record("guard_found")
    events.start(None)
    events.close()
    assert [e.seq for e in kept] == [1, 2]
    assert build(STAMP, 1, "guard_lost", kept[0].time_s, 0, {}).id == kept[0].id


def test_deleting_goes_in_slices_and_new_events_do_not_wait_for_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "e.sqlite")
    keep(outbox, *(envelope(seq) for seq in range(50)))
    gone = []
    while True:
        with outbox.transaction():
            gone.append(outbox.forget(2e9, True, newest_stay=5, most=20))
        if gone[-1] < 20:
            break
    assert gone == [20, 20, 5]
    outbox.close()


@pytest.mark.parametrize("jump_d", [-3650, -91, -30, 30, 91, 100, 3650])
def test_a_clock_that_jumps_makes_no_event_old(tmp_path: Path, jump_d: int) -> None:
    """A jump counts for two days at most, and for nothing once the clock is right again."""
    outbox = Outbox(tmp_path / "e.sqlite")
    found = []
    for day in (*range(100), 100 + jump_d, 101, 102):
        keep(outbox, envelope(int(day * 10) + 100_000, time_s=day * DAY_S))
        with outbox.transaction():
            found.append(outbox.old_up_to(day * DAY_S, 90 * DAY_S))
    assert found[:91] == [0] * 91 and found[91:100] == list(range(1, 10))
    assert found[100] <= 11
    assert found[101:] in ([9, 10], [10, 11], [11, 12])
    outbox.close()


def test_beyond_a_bound_the_oldest_unsent_events_and_sessions_go(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "e.sqlite")
    keep(outbox, *(envelope(seq) for seq in range(10)))
    with outbox.transaction():
        outbox.published([1, 2], 5.0)
        for n in range(4):
            outbox.save_session(f"s{n}", 1.0, 2.0, {})
        assert outbox.trim(8, 4) == (0, 0)
        assert outbox.trim(7, 3) == (1, 1)
        assert outbox.trim(0, 0, most=2) == (2, 2)
    assert [row.n for row in outbox.unpublished(0, 20)] == [6, 7, 8, 9, 10]
    outbox.close()


def test_what_reads_of_a_damaged_database_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "e.sqlite"
    outbox = Outbox(path)
    with outbox.transaction():
        outbox.keep(envelope(seq) for seq in range(2000))
        outbox.published(range(1, 1001), 5.0)
        for n in range(2000):
            outbox.save_session(f"s{n}", float(n), 2.0, {"steps": n})
        outbox.mark("announced", "[]")
    outbox.close()
    data = bytearray(path.read_bytes())
    leaves = [
        at for at in range(4096, len(data), 4096) if data[at] == 13 and b'{"seq":15' in data[at : at + 4096]
    ]
    data[leaves[0] : leaves[0] + 4096] = bytes([0xA5]) * 4096
    path.write_bytes(data)
    events = EventWriter(path, STAMP, 36500, lambda seq: None, lambda e: None)
    events.start(None)
    wait_for(lambda: list(tmp_path.glob("e-damaged-*.sqlite")))
    wait_for(lambda: rows(path, "SELECT count(*) FROM sqlite_master WHERE name = 'marks'") == [(1,)])
    wait_for(lambda: count(path) > 1800)
    wait_for(lambda: rows(path, "SELECT count(*) FROM sessions") == [(2000,)])
    events.record("guard_lost")
    wait_for(lambda: rows(path, "SELECT max(n) > 2000 FROM events") == [(1,)])
    assert rows(path, "SELECT count(*) FROM events WHERE published_s IS NULL")[0][0] > 900
    assert rows(path, "SELECT value FROM marks WHERE name = 'announced'") == [("[]",)]
    events.close()


WALK = {"started": "2026-05-04T10:11:12.000Z", "minutes": 3.2, "steps": 310, "warnings": 1, "stops": 2}


@pytest.mark.parametrize("summary", ["[1]", "not json", '{"steps": NaN}', '{"steps": 1e999}', "[" * 5000])
def test_a_bad_session_costs_itself_only(tmp_path: Path, summary: str) -> None:
    outbox = Outbox(tmp_path / "e.sqlite")
    with outbox.transaction():
        outbox.save_session("good", 1.0, None, WALK)
        outbox._db.execute("INSERT INTO sessions VALUES('bad', 2.0, NULL, ?)", (summary,))
    assert outbox.open_sessions() == [("good", WALK)]
    with outbox.transaction():
        outbox._db.execute("UPDATE sessions SET ended_s = 3.0")
    assert sessions(tmp_path / "e.sqlite", 10) == Past([WALK | {"n": 1}], 1)
    outbox.close()


def test_the_newest_session_is_first_whatever_the_clock_was(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "e.sqlite")
    with outbox.transaction():
        for name, started_s in (("a", 1e9), ("future", 4e9), ("c", 1e9 + 1)):
            outbox.save_session(name, started_s, started_s + 1, WALK | {"name": name})
    assert [walk["name"] for walk in sessions(tmp_path / "e.sqlite", 10).rows] == ["c", "future", "a"]
    outbox.close()


def test_opening_does_not_read_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "damage", lambda db: pytest.fail("the whole file was read"))
    Outbox(tmp_path / "e.sqlite").close()
