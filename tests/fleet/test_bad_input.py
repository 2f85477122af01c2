"""Whatever devices and strangers send: it is shown or counted, and nothing else is disturbed."""

import json
import queue

import pytest
from sqlalchemy import Engine, func, select

from firmware_py.core.frame import Cause
from firmware_py.courier.events.envelope import rfc3339
from firmware_py.fleet import keep, store, topics, watch
from firmware_py.fleet.ingest import Ingest, Waiting
from firmware_py.fleet.keep import DAY_S, Keep
from firmware_py.fleet.schema import devices, events, refused, walked
from firmware_py.fleet.topics import Event, Message, Picture, Refused, Status
from firmware_py.fleet.watch import Watch
from tests.fleet.test_fleet import NOW_S, Browser, access, event, state

YEAR_S = 365 * DAY_S


def ingest(engine: Engine, *messages: Message) -> Ingest:
    """What an ingest makes of these messages, without a broker."""
    made = Ingest("mqtt://127.0.0.1", "", engine)
    batch = [Waiting(m, 0, 0, 0) for m in messages]
    assert made._write(batch, [made._watch.judge(m, NOW_S) for m in messages])
    return made


def read(topic: str, **data: object) -> Message:
    whole = {"id": "one", "source": "/rearguard/a/guard", "time": "2027-01-15T08:00:00Z", "data": data}
    return topics.read("", topic, json.dumps(whole).encode())


# -- one message ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["\x00", "\ud800", "a b", "", "x" * 81, 7])
def test_a_name_that_a_database_does_not_take_is_refused(name: object) -> None:
    made = json.dumps(
        {
            "id": name,
            "source": "/rearguard/a/guard",
            "time": "2027-01-15T08:00:00Z",
            "data": {"boot_id": "b", "seq": 1},
        }
    )
    assert topics.read("", "rearguard/a/event/stopped", made.encode()) == Refused("gym", "a", "has no name")


def test_words_that_a_database_does_not_take_are_cleaned() -> None:
    found = read("rearguard/a/event/stopped", boot_id="b", seq=1, cause="fa\x00ll", version="<b>\ud800\n9")
    assert isinstance(found, Event)
    assert (found.cause, found.version) == ("fall", "<b>9")


def test_ten_megabytes_are_refused_by_their_length_alone() -> None:
    assert topics.read("", "rearguard/a/state", b"[" * 10_000_000) == Refused("gym", "a", "too long")


def test_a_time_without_a_zone_is_utc() -> None:
    one = topics.read("", "rearguard/a/state", b'{"time": "2027-01-15T08:00:00"}')
    assert isinstance(one, Picture)
    assert one.clock_s == NOW_S


# -- the store -----------------------------------------------------------------------------------------------------


def test_events_out_of_order_are_complete_when_the_last_has_come(engine: Engine) -> None:
    with engine.begin() as db:
        for seq in (5, 1, 4, 2):
            keep.write(db, [event("a", seq)], NOW_S)
        assert store.missing(db, "a", "gym") == 1
        keep.write(db, [event("a", 3)], NOW_S)
        assert store.missing(db, "a", "gym") == 0


@pytest.mark.parametrize("off_s", [-20 * YEAR_S, -2 * 3600.0, 0.0, 2 * 3600.0, 20 * YEAR_S])
def test_a_call_for_help_is_red_whatever_year_its_device_believes_in(engine: Engine, off_s: float) -> None:
    clock = rfc3339(NOW_S - off_s)
    with engine.begin() as db:
        keep.write(db, [state("a", time=clock), event("a", 1, age_s=off_s)], NOW_S)
        assert store.floor(db, ["*"], NOW_S)[0]["tone"] == "help"
        keep.write(db, [event("b", 1, age_s=off_s)], NOW_S)  # sends no clock: two hours are then really late
        late = {row["device"]: row["late"] for row in store.find_incidents(db, ["*"])}
        assert late == {"a": False, "b": off_s == 2 * 3600.0}


@pytest.mark.parametrize(
    ("age_s", "late"), [(600, False), (601, True), (31 * DAY_S - 1, True), (31 * DAY_S, False)]
)
def test_late_is_ten_minutes_to_a_month(engine: Engine, age_s: float, late: bool) -> None:
    with engine.begin() as db:
        keep.write(db, [event("a", 1, age_s=age_s)], NOW_S)
        assert store.find_incidents(db, ["*"])[0]["late"] == late


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"]
)
def test_a_clock_that_is_off_by_centuries_is_shown(engine: Engine, time: str) -> None:
    whole = json.loads(event("a", 1, cause=Cause.FALL).text) | {"time": time}
    one = topics.read("", "rearguard/a/event/stopped", json.dumps(whole).encode())
    with engine.begin() as db:
        access.add(db, "anna", access.Role.OWNER, "*", "long enough")
        keep.write(db, [state("a"), one], NOW_S)
    browser = Browser(engine)
    browser.log_in("anna")
    for path in ("/", "/incidents", "/device/a", "/versions"):
        assert browser.ask("GET", path).status_code == 200, path


def test_the_same_name_at_two_sites_is_two_treadmills(engine: Engine) -> None:
    with engine.begin() as db:
        keep.write(db, [state("a", "hall"), state("a", "pool", run=False)], NOW_S)
        keep.write(db, [event("a", 1, site="pool")], NOW_S)
        tones = {t["site"]: t["tone"] for t in store.floor(db, ["*"], NOW_S)}
        assert tones == {"hall": "walking", "pool": "help"}
        found = store.device(db, ["hall"], "a")
        assert found and found["site"] == "hall" and found["events"] == []


def test_two_devices_with_one_name_are_counted_and_lose_nothing(engine: Engine) -> None:
    def of(boot: str, seq: int) -> Event:
        return event("a", seq)._replace(boot_id=boot, id=f"{boot}{seq}")

    made = ingest(engine, of("one", 1), of("two", 1), of("one", 2), of("two", 2))
    assert made.stored == 4
    with engine.begin() as db:
        (row,) = store.refusals(db)
        assert (row["reason"], row["count"]) == ("two devices with one name", 2)


def test_a_restart_and_what_comes_twice_are_no_second_device() -> None:
    def of(boot: str, part: str = "guard") -> Event:
        return event("a", 1)._replace(boot_id=boot, part=part)

    seen = Watch()
    assert (
        seen.twins([of("one"), of("one"), of("c", "courier"), of("two"), of("c", "courier"), of("three")])
        == []
    )
    assert len(seen.twins([of("two")])) == 1


def test_a_message_that_the_database_does_not_take_is_counted_and_stops_no_other(engine: Engine) -> None:
    poison = event("a", 2)._replace(cause="\ud800\x00")
    made = ingest(engine, event("a", 1), poison, event("b", 1))
    assert made.stored == 2
    with engine.begin() as db:
        (row,) = store.refusals(db)
        assert (row["device"], row["reason"], row["count"]) == ("a", "cannot be stored", 1)


def test_a_retained_state_proves_no_life(engine: Engine) -> None:
    with engine.begin() as db:
        keep.write(
            db, [Picture("gym", "a", "state", '{"what": "old"}', retained=True, tone="walking")], NOW_S
        )
        keep.write(db, [Status("gym", "a", False, retained=True)], NOW_S)
        (tile,) = store.floor(db, ["*"], NOW_S)
        assert (tile["tone"], tile["seen_s"]) == ("offline", 0.0)
        keep.write(
            db, [Status("gym", "a", True, retained=True)], NOW_S
        )  # the broker knows that it is connected
        assert store.floor(db, ["*"], NOW_S)[0]["tone"] == "walking"


def test_names_and_versions_with_markup_are_text(engine: Engine) -> None:
    one = event("a", 1)._replace(version="<script>1</script>")
    with engine.begin() as db:
        access.add(db, "anna", access.Role.OWNER, "*", "long enough")
        keep.write(db, [state("a", what="<b>bold</b>"), one], NOW_S)
    browser = Browser(engine)
    browser.log_in("anna")
    assert "&lt;script&gt;1" in browser.ask("GET", "/versions").text
    assert "&lt;b&gt;bold" in browser.ask("GET", "/device/a").text


def test_an_event_and_a_version_of_the_future_are_shown(engine: Engine) -> None:
    future = read("rearguard/a/event/levitated", boot_id="b", seq=1, version="99.0", height_m=3)
    with engine.begin() as db:
        keep.write(db, [future], NOW_S)
        found = store.device(db, ["*"], "a")
        assert found and [e["kind"] for e in found["events"]] == ["levitated"]
        assert store.versions(db, ["*"])[0]["version"] == "99.0"


# -- what grows is bounded -----------------------------------------------------------------------------------------


def test_names_beyond_the_most_are_refused_and_the_known_go_on(engine: Engine) -> None:
    some = Keep(most_devices=3)
    with engine.begin() as db:
        keep.write(db, [state(f"d{n}") for n in range(5)], NOW_S, some)
        keep.write(db, [state("d0", run=False), event("d9", 1)], NOW_S, some)
        assert {t["device"]: t["tone"] for t in store.floor(db, ["*"], NOW_S)} == {
            "d0": "ready", "d1": "walking", "d2": "walking",
        }  # fmt: skip
        assert {(r["device"], r["reason"]) for r in store.refusals(db)} == {
            (name, "too many treadmills") for name in ("d3", "d4", "d9")
        }


def test_invented_names_are_counted_together_beyond_the_most(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep, "MOST_REFUSALS", 3)
    with engine.begin() as db:
        for _ in range(2):
            keep.write(db, [Refused("gym", f"d{n}", "not JSON") for n in range(10)], NOW_S)
        rows = {r["device"]: r["count"] for r in store.refusals(db)}
        assert rows == {"d0": 2, "d1": 2, "d2": 2, "": 14}


def test_a_device_that_sends_without_end_is_refused_until_the_next_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "MOST_EVENTS", 2)
    seen = Watch()
    judged = [seen.judge(event("a", seq), NOW_S) for seq in range(3)]
    assert [isinstance(one, Event) for one in judged] == [True, True, False]
    assert isinstance(seen.judge(event("b", 1), NOW_S), Event)
    assert isinstance(seen.judge(state("a"), NOW_S), Picture)
    assert isinstance(seen.judge(event("a", 4), NOW_S + DAY_S), Event)


@pytest.mark.parametrize(("age_days", "left"), [(9, 6), (10, 6), (11, 0)])
def test_what_is_too_old_is_forgotten_a_chunk_at_a_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, age_days: int, left: int
) -> None:
    monkeypatch.setattr(keep, "CHUNK", 2)
    bounds = Keep(events_days=10, incidents_days=10, silent_days=10)
    with engine.begin() as db:
        for seq in range(6):
            keep.write(db, [event("a", seq), Refused("gym", "a", "not JSON")], NOW_S + seq)
        now_s, rounds = NOW_S + age_days * DAY_S, 1
        while keep.forget(db, now_s, bounds):
            rounds += 1
        assert db.execute(select(func.count()).select_from(events)).scalar() == left
        assert len(store.find_incidents(db, ["*"])) == left
        assert rounds == (1 if left else 3)
        for table in (devices, walked):
            assert db.execute(select(func.count()).select_from(table)).scalar() == (1 if left else 0), (
                table.name
            )
        keep.forget(db, NOW_S + 31 * DAY_S, bounds)
        assert db.execute(select(func.count()).select_from(refused)).scalar() == 0


def test_a_full_queue_holds_the_network_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_py.fleet.ingest.MOST_WAITING", 1)
    made = Ingest("mqtt://127.0.0.1", "", engine)
    made._waiting.put_nowait(Waiting(state("a"), 1, 0, 0))
    with pytest.raises(queue.Full):
        made._waiting.put_nowait(Waiting(state("a"), 1, 0, 0))


# -- many treadmills -----------------------------------------------------------------------------------------------


def test_a_chain_is_a_line_a_site_and_a_call_is_red_all_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_TILES", 3)
    with engine.begin() as db:
        access.add(db, "anna", access.Role.OWNER, "*", "long enough")
        access.add(db, "bert", access.Role.FLOOR, "hall", "long enough")
        keep.write(db, [state(f"d{n}", "hall") for n in range(3)] + [state("p", "pool")], NOW_S)
        keep.write(db, [event("p", 1, site="pool")], NOW_S)
    browser = Browser(engine)
    browser.log_in("anna")
    page = browser.ask("GET", "/tiles").text
    assert 'href="/?site=hall"' in page and page.count('class="tile ') == 1 and "Go and help" in page
    assert browser.ask("GET", "/tiles?site=hall").text.count('class="tile ') == 4
    browser.log_in("bert")
    page = browser.ask("GET", "/tiles?site=pool").text
    assert "pool" not in page and page.count('class="tile ') == 0
