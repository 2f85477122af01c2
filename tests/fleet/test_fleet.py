"""The fleet shows what devices report, counts what is no report, and shows nobody another's site."""

import asyncio
import json
import re
from pathlib import Path
from random import Random

import httpx
import pytest
from sqlalchemy import Engine, func, select

from firmware_py.alerts.classes import NO_SIGN_S, SIGNS_OF_LIFE
from firmware_py.core.frame import Cause
from firmware_py.courier.events.envelope import DATA, Stamp, build
from firmware_py.fleet import access, keep, store, topics, words
from firmware_py.fleet.access import RIGHTS, Right, Role
from firmware_py.fleet.enroll import acl
from firmware_py.fleet.ingest import Ingest
from firmware_py.fleet.pages.server import LOGINS_A_MINUTE, SOON_S, app
from firmware_py.fleet.schema import enrolled, events, incidents
from firmware_py.fleet.topics import Event, Picture, Refused, Status
from firmware_py.locale import use as use_language
from tests.support.process import wait_for

NOW_S = 1_800_000_000.0


def event(
    device: str,
    seq: int,
    kind: str = "stopped",
    cause: Cause = Cause.FALL,
    site: str = "",
    age_s: float = 0.0,
) -> Event:
    made = build(
        Stamp(device, "guard", "boot", "cfg", "1.0"), seq, kind, NOW_S - age_s, 0, {"cause": cause.value}
    )
    read = topics.read("", f"{site}{'/' if site else ''}rearguard/{device}/event/{kind}", made.text.encode())
    assert isinstance(read, Event)
    return read


def state(device: str, site: str = "gym", **more: object) -> Picture:
    text = json.dumps({"run": True, "problem": False, "danger": False, **more})
    read = topics.read("", f"{site}/rearguard/{device}/state", text.encode())
    assert isinstance(read, Picture)
    return read


# -- one message ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "topic", "site", "device"),
    [
        ("", "rearguard/deck-7/status", "gym", "deck-7"),
        ("", "hall/rearguard/deck-7/status", "hall", "deck-7"),
        ("chain", "chain/hall/rearguard/deck-7/status", "hall", "deck-7"),
        ("chain", "chain/rearguard/deck-7/status", "chain", "deck-7"),
    ],
)
def test_the_site_stands_before_rearguard(root: str, topic: str, site: str, device: str) -> None:
    assert topics.read(root, topic, b"online") == Status(site, device, True)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("zigbee/lamp", b"1", "foreign topic"),
        ("other/rearguard", b"1", "foreign topic"),
        ("rearguard/../status", b"online", "foreign topic"),
        ("rearguard/a b/status", b"online", "foreign topic"),
        ("rearguard/d/state", b"x" * (topics.LONGEST_BYTES + 1), "too long"),
        ("rearguard/d/state", b"\xff", "not JSON"),
        ("rearguard/d/state", b"[" * 50_000, "not JSON"),
        ("rearguard/d/state", b"[]", "not an object"),
        ("rearguard/d/command/stop", b"{}", "not for the fleet"),
        ("rearguard/d/event/stopped", b"{}", "not an event"),
        ("rearguard/d/event/<b>", b'{"data": {}}', "not an event"),
    ],
)
def test_what_is_no_report_is_refused_with_its_reason(topic: str, payload: bytes, reason: str) -> None:
    read = topics.read("", topic, payload)
    assert isinstance(read, Refused)
    assert read.reason == reason


def test_a_device_cannot_speak_for_another() -> None:
    made = build(Stamp("deck-1", "guard", "b", "c", "1"), 1, "stopped", NOW_S, 0, {"cause": "fall"})
    read = topics.read("", "rearguard/deck-2/event/stopped", made.text.encode())
    assert read == Refused("gym", "deck-2", "says another device")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_arrives_becomes_a_value(seed: int) -> None:
    chance = Random(seed)
    whole = build(Stamp("d", "guard", "b", "c", "1"), 1, "stopped", NOW_S, 0, {"cause": "fall"}).text
    for _ in range(300):
        text = list(whole)
        for _ in range(chance.randint(1, 8)):
            text[chance.randrange(len(text))] = chance.choice('"{}[],:0e9\\u\x00<&')
        topics.read("", "rearguard/d/event/stopped", "".join(text).encode())
        topics.read("", "".join(chance.choice("rearguard/d+#\x00 ") for _ in range(30)), chance.randbytes(50))


# -- the store -----------------------------------------------------------------------------------------------------


def test_an_event_that_comes_twice_is_one_row(engine: Engine) -> None:
    with engine.begin() as db:
        assert len(keep.write(db, [event("a", 1), event("a", 1), event("a", 2)], NOW_S)) == 2
    with engine.begin() as db:
        assert keep.write(db, [event("a", 2), event("a", 1)], NOW_S) == []
        assert db.execute(select(func.count()).select_from(events)).scalar() == 2
        assert db.execute(select(func.count()).select_from(incidents)).scalar() == 2


def test_a_gap_in_the_count_is_shown_as_missing(engine: Engine) -> None:
    with engine.begin() as db:
        keep.write(db, [event("a", 1), event("a", 2), event("a", 5)], NOW_S)
        assert store.missing(db, "a", "gym") == 2


def test_a_call_for_help_is_red_until_somebody_is_on_the_way(engine: Engine) -> None:
    with engine.begin() as db:
        keep.write(db, [state("a"), state("b"), event("b", 1)], NOW_S)
        assert [(t["device"], t["tone"]) for t in store.floor(db, ["*"], NOW_S)] == [
            ("b", "help"),
            ("a", "walking"),
        ]
        (open_one,) = store.find_incidents(db, ["*"])
        assert store.acknowledge(db, ["*"], open_one["id"], "anna", NOW_S)
        assert not store.acknowledge(db, ["*"], open_one["id"], "bert", NOW_S)
        assert {t["tone"] for t in store.floor(db, ["*"], NOW_S)} == {"walking"}


def test_who_acknowledges_at_the_treadmill_ends_the_red_here(engine: Engine) -> None:
    stop, other = event("a", 1), event("b", 1)
    said = build(
        Stamp("a", "courier", "c", "cfg", "1.0"), 9, "alert_acknowledged", NOW_S, 0, {"alert": stop.id}
    )
    read = topics.read("", "rearguard/a/event/alert_acknowledged", said.text.encode())
    with engine.begin() as db:
        keep.write(db, [state("a"), state("b"), stop, other], NOW_S)
        keep.write(db, [read], NOW_S)
        tones = {t["device"]: t["tone"] for t in store.floor(db, ["*"], NOW_S)}
        assert tones == {"a": "walking", "b": "help"}


def test_an_incident_is_found_by_the_words_on_the_page(engine: Engine) -> None:
    use_language("de")
    try:
        with engine.begin() as db:
            keep.write(db, [event("a", 1), event("b", 1, cause=Cause.LATE)], NOW_S)
            assert [row["device"] for row in store.find_incidents(db, ["*"], word="gestürzt")] == ["a"]
    finally:
        use_language("en")


def floor_after_a_stop(
    engine: Engine,
    *since: Event,
    after_s: float = NO_SIGN_S,
    cause: Cause = Cause.DRIFT_REAR,
) -> str:
    """The tone of the tile so long after a stop."""
    with engine.begin() as db:
        keep.write(db, [state("a"), event("a", 1, cause=cause)], NOW_S)
        keep.write(db, [state("a"), *since], NOW_S)
        keep.call_for_help(db, NOW_S + after_s)
        (tile,) = store.floor(db, ["*"], NOW_S + after_s)
        return str(tile["tone"])


@pytest.mark.parametrize(
    ("after_s", "tone"),
    [(NO_SIGN_S - 1, "walking"), (NO_SIGN_S, "help"), (1800.0, "help"), (1801.0, "walking")],
)
def test_a_stop_without_a_sign_of_life_is_red_after_a_minute(
    engine: Engine, after_s: float, tone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older ones, of a time in which this page was not there, are news of yesterday."""
    monkeypatch.setattr(store, "OFFLINE_S", 4000.0)
    assert floor_after_a_stop(engine, after_s=after_s) == tone
    with engine.connect() as db:
        assert len(store.find_incidents(db, ["*"], word="no sign")) == (tone == "help")


@pytest.mark.parametrize("kind", sorted(SIGNS_OF_LIFE))
def test_a_sign_of_life_keeps_the_tile_calm(engine: Engine, kind: str) -> None:
    assert floor_after_a_stop(engine, event("a", 2, "armed", age_s=-1)._replace(kind=kind)) == "walking"


def test_signs_before_the_stop_and_of_others_do_not_count(engine: Engine) -> None:
    others = [
        event("a", 2, "armed", age_s=1),
        event("b", 1, "armed", age_s=-1),
        event("a", 3, "warning", age_s=-1),
    ]
    with engine.begin() as db:
        keep.write(db, [event("a", 1, "armed", site="pool", age_s=-1)], NOW_S)
        keep.write(db, [event("a", 4, cause=Cause.STANDSTILL), *others], NOW_S)
        keep.call_for_help(db, NOW_S + NO_SIGN_S)
        assert {t["device"] for t in store.floor(db, ["*"], NOW_S) if t["tone"] == "help"} == {"a"}


@pytest.mark.parametrize("cause", [Cause.STEP_OFF, Cause.REMOTE_STOP, Cause.LATE, Cause.RELAY_WELDED])
def test_only_stops_of_a_walker_wait_for_a_sign(engine: Engine, cause: Cause) -> None:
    assert floor_after_a_stop(engine, cause=cause) == "walking"


def test_the_fleet_looks_for_them_by_itself(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine.begin() as db:
        keep.write(db, [state("a"), event("a", 1, cause=Cause.DRIFT_REAR)], NOW_S)
    monkeypatch.setattr("firmware_py.fleet.ingest.time.time", lambda: NOW_S + NO_SIGN_S)
    it = Ingest("mqtt://127.0.0.1", "", engine)
    it._thread.start()
    try:
        wait_for(lambda: floor_tone(engine) == "help")
    finally:
        it._stopping.set()
        it._thread.join()


def test_a_database_that_answers_again_is_shown_at_once_and_not_with_the_next_message(engine: Engine) -> None:
    it = Ingest("mqtt://127.0.0.1", "", engine)
    it._store_problem = "the database cannot be used now"
    it._change(lambda db: keep.call_for_help(db, NOW_S))
    assert it._store_problem == ""


def floor_tone(engine: Engine) -> str:
    with engine.connect() as db:
        return str(store.floor(db, ["*"], NOW_S)[0]["tone"])


def test_who_was_seen_needs_no_sign(engine: Engine) -> None:
    stop = event("a", 1, cause=Cause.DRIFT_REAR)
    with engine.begin() as db:
        keep.write(db, [state("a"), stop], NOW_S)
        (found,) = store.find_incidents(db, ["*"])
        store.acknowledge(db, ["*"], found["id"], "anna", NOW_S)
        keep.call_for_help(db, NOW_S + NO_SIGN_S)
        assert store.floor(db, ["*"], NOW_S)[0]["tone"] == "walking"


def test_an_alarm_that_arrives_late_is_listed_and_not_red(engine: Engine) -> None:
    with engine.begin() as db:
        keep.write(db, [state("a"), event("a", 1, age_s=601)], NOW_S)
        assert store.floor(db, ["*"], NOW_S)[0]["tone"] == "walking"
        assert store.find_incidents(db, ["*"])[0]["late"]


def test_deck_2_stands_before_deck_12(engine: Engine) -> None:
    with engine.begin() as db:
        keep.write(db, [state("deck-12"), state("deck-2")], NOW_S)
        assert [t["device"] for t in store.floor(db, ["*"], NOW_S)] == ["deck-2", "deck-12"]


@pytest.mark.parametrize(("age_s", "tone"), [(store.OFFLINE_S - 1, "walking"), (store.OFFLINE_S, "offline")])
def test_a_treadmill_that_is_silent_is_offline(engine: Engine, age_s: float, tone: str) -> None:
    with engine.begin() as db:
        keep.write(db, [state("a")], NOW_S)
        assert store.floor(db, ["*"], NOW_S + age_s)[0]["tone"] == tone


def test_nobody_sees_or_touches_another_site(engine: Engine) -> None:
    with engine.begin() as db:
        keep.write(db, [event("a", 1, site="hall"), event("b", 1, site="pool")], NOW_S)
        assert {t["device"] for t in store.floor(db, ["hall"], NOW_S)} == {"a"}
        assert store.device(db, ["hall"], "b") is None
        assert {row["device"] for row in store.find_incidents(db, ["hall"])} == {"a"}
        (pool,) = store.find_incidents(db, ["pool"])
        assert not store.acknowledge(db, ["hall"], pool["id"], "x", NOW_S)
        assert not store.close(db, ["hall"], pool["id"], "x", "word", NOW_S)
        assert [row["devices"] for row in store.versions(db, ["hall"])] == [1]
        assert store.floor(db, [], NOW_S) == []


def test_refused_messages_are_counted_and_disturb_nothing(engine: Engine) -> None:
    bad = Refused("gym", "a", "not JSON")
    with engine.begin() as db:
        keep.write(db, [bad, state("a"), bad], NOW_S)
        assert store.refusals(db)[0]["count"] == 2
        assert store.floor(db, ["*"], NOW_S)[0]["tone"] == "walking"


def test_stops_for_a_thousand_minutes_are_by_version(engine: Engine) -> None:
    ended = build(
        Stamp("a", "courier", "c", "cfg", "1.0"), 9, "session_ended", NOW_S, 0,
        {"session_id": "s", "started": "", "ended": "", "why_ended": "left_belt", "minutes": 500.0, "steps": 1,
         "cadence_per_min": None, "speed_m_s": None, "distance_m": None, "in_zone_fraction": None, "warnings": 0,
         "stops": 1},
    )  # fmt: skip
    read = topics.read("", "rearguard/a/event/session_ended", ended.text.encode())
    with engine.begin() as db:
        keep.write(db, [read, event("a", 1)], NOW_S)
        assert store.versions(db, ["*"])[0]["rate"] == 2.0


# -- the page ------------------------------------------------------------------------------------------------------


class Browser:
    """A person at the page."""

    def __init__(self, engine: Engine) -> None:
        self.transport = httpx.ASGITransport(app(engine, "secret", lambda: "", lambda: NOW_S))
        self.cookies = httpx.Cookies()

    def ask(self, method: str, path: str, **form: str) -> httpx.Response:
        async def wire() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self.transport, base_url="http://gym", cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, data=form or None)
                self.cookies = client.cookies
                return answer

        return asyncio.run(wire())

    def log_in(self, name: str, password: str = "long enough") -> httpx.Response:
        return self.ask("POST", "/login", name=name, password=password)

    def token(self) -> str:
        return self.ask("GET", "/").text.split('name="token" value="')[1].split('"')[0]


@pytest.fixture
def browser(engine: Engine) -> Browser:
    with engine.begin() as db:
        for role in Role:
            access.add(db, role.value, role, "hall", "long enough")
        others = [state("c", "hall"), event("b", 1, site="pool")]
        keep.write(db, [state("a", "hall"), event("a", 1, site="hall"), *others], NOW_S)
    return Browser(engine)


PATHS = {
    "/": Right.SEE_FLOOR,
    "/tiles": Right.SEE_FLOOR,
    "/incidents": Right.SEE_INCIDENTS,
    "/versions": Right.SEE_VERSIONS,
    "/device/a": Right.SEE_DEVICES,
}


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_sees_the_login_only(browser: Browser, path: str) -> None:
    answer = browser.ask("GET", path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_its_pages_and_no_other(browser: Browser, role: Role) -> None:
    assert browser.log_in(role.value).status_code == 303
    for path, right in PATHS.items():
        answer = browser.ask("GET", path)
        assert answer.status_code == (200 if right in RIGHTS[role] else 403), path
        assert "pool" not in answer.text


def test_a_wrong_password_does_not_say_what_was_wrong(browser: Browser) -> None:
    known, unknown = browser.log_in("floor", "wrong"), browser.log_in("nobody", "wrong")
    assert known.text == unknown.text
    assert browser.ask("GET", "/").status_code == 303


def test_guessing_is_slow_for_everybody_together(browser: Browser) -> None:
    for _ in range(LOGINS_A_MINUTE):
        browser.log_in("floor", "wrong")
    assert browser.log_in("floor", "wrong").status_code == 429


def test_a_forged_or_removed_ticket_is_a_stranger(browser: Browser, engine: Engine) -> None:
    browser.log_in("floor")
    assert browser.ask("GET", "/").status_code == 200
    with engine.begin() as db:
        access.remove(db, "floor")
    assert browser.ask("GET", "/").status_code == 303


def test_i_am_on_my_way_needs_the_form_of_this_session(browser: Browser) -> None:
    browser.log_in("floor")
    assert "Go and help" in browser.ask("GET", "/tiles").text
    assert browser.ask("POST", "/acknowledge", device="a", site="hall", token="forged").status_code == 403
    assert (
        browser.ask("POST", "/acknowledge", device="a", site="hall", token=browser.token()).status_code == 303
    )
    assert "Go and help" not in browser.ask("GET", "/tiles").text


def test_an_incident_is_closed_with_a_word_and_markup_is_shown_as_text(
    browser: Browser, engine: Engine
) -> None:
    browser.log_in("therapist")
    token = browser.token()
    with engine.connect() as db:
        (row,) = store.find_incidents(db, ["hall"])
    assert browser.ask("POST", "/close", id=row["id"], word=" ", token=token).status_code == 400
    assert browser.ask("POST", "/close", id=row["id"], word="<b>stumble</b>", token=token).status_code == 303
    page = browser.ask("GET", "/incidents").text
    assert "&lt;b&gt;stumble" in page and "<b>stumble" not in page


def test_a_search_goes_on_over_the_pages(browser: Browser, engine: Engine) -> None:
    with engine.begin() as db:
        keep.write(db, [event("a", n, site="hall") for n in range(10, 10 + store.PAGE)], NOW_S)
    browser.log_in("therapist")
    page = browser.ask("GET", "/incidents?word=a&open=on").text
    assert 'href="?page=1&amp;word=a&amp;open=on"' in page
    assert 'href="?page=0&amp;word=a"' in browser.ask("GET", "/incidents?word=a&page=1").text


@pytest.mark.parametrize("cause", [Cause.DRIFT_REAR, Cause.FALL])
def test_an_incident_names_its_cause_and_only_a_call_for_help_asks_who_is_on_the_way(
    browser: Browser, engine: Engine, cause: Cause
) -> None:
    with engine.begin() as db:
        db.execute(incidents.delete())
        keep.write(db, [event("a", 90, cause=cause, site="hall")], NOW_S)
    browser.log_in("therapist")
    page = browser.ask("GET", "/incidents").text
    assert words.cause(cause.value) in page
    assert ("on the way" in page) is (cause is Cause.FALL)


@pytest.mark.parametrize(("left_s", "word"), [(SOON_S, False), (SOON_S - 1, True), (-1.0, True)])
def test_a_certificate_that_ends_soon_is_said(
    browser: Browser, engine: Engine, left_s: float, word: bool
) -> None:
    browser.log_in("technician")
    assert "Certificate" not in browser.ask("GET", "/device/a").text, "it has none"
    with engine.begin() as db:
        row = {"device": "a", "site": "hall", "serial": "1", "until_s": NOW_S + left_s}
        db.execute(enrolled.insert().values(row))
    assert ("enrol it again" in browser.ask("GET", "/device/a").text) == word


@pytest.mark.parametrize("kind", DATA)
def test_no_event_has_a_place_for_the_name_of_a_walker(kind: str) -> None:
    """The fleet knows nobody: a walk is known by its session's number."""
    known = ("walker", "person", "name", "client", "patient", "plan", "pain")
    assert [key for key in DATA[kind].model_fields if any(word in key for word in known)] == []


def test_no_page_offers_a_start(browser: Browser) -> None:
    for role in Role:
        browser.log_in(role.value)
        for path in PATHS:
            words = browser.ask("GET", path).text.lower()
            assert not any(f'action="/{bad}' in words for bad in ("start", "arm", "run", "limit", "update"))


# -- access lists --------------------------------------------------------------------------------------------------


def test_a_device_writes_its_own_topics_and_staff_may_only_stop() -> None:
    """tests/fleet/test_enroll.py asks a real broker."""
    places = [("hall", "deck-7"), ("", "deck-8")]
    lines = acl.mosquitto("chain", places).splitlines()
    assert "topic write chain/hall/rearguard/deck-7/#" in lines
    assert "topic write chain/rearguard/deck-8/#" in lines
    assert not [line for line in lines if line.startswith("pattern")], "who is not on the list may nothing"
    named = lines[: lines.index("user deck-7")]
    written = [line for line in named if line.startswith("topic write")]
    assert written and all(line.endswith(("command/stop", "command/ack")) for line in written)
    assert "chain.hall.rearguard.deck-7.>" in acl.nats("chain", places)


def test_who_answers_on_a_phone_ends_the_red_of_this_treadmill_only(engine: Engine) -> None:
    fall = event("a", 1)
    made = build(
        Stamp("a", "courier", "c", "cfg", "1.0"), 1, "alert_acknowledged", NOW_S, 0, {"alert": fall.id}
    )
    answer = topics.read("", "rearguard/a/event/alert_acknowledged", made.text.encode())
    with engine.begin() as db:
        keep.write(db, [state("a"), state("b"), fall, event("b", 1)], NOW_S)
        keep.write(db, [answer], NOW_S + 9)
        assert {t["device"]: t["tone"] for t in store.floor(db, ["*"], NOW_S)} == {
            "a": "walking",
            "b": "help",
        }
        seen = {row["device"]: row["seen_by"] for row in store.find_incidents(db, ["*"])}
        assert seen == {"a": keep.SOMEBODY, "b": ""}


def test_an_answer_to_what_is_not_known_changes_nothing(engine: Engine) -> None:
    made = build(
        Stamp("a", "courier", "c", "cfg", "1.0"), 1, "alert_acknowledged", NOW_S, 0, {"alert": "x-no-sign"}
    )
    answer = topics.read("", "rearguard/a/event/alert_acknowledged", made.text.encode())
    with engine.begin() as db:
        keep.write(db, [event("a", 1), answer], NOW_S)
        assert store.floor(db, ["*"], NOW_S)[0]["tone"] == "help"


def test_an_event_is_a_sentence_and_no_name_of_a_program() -> None:
    for cause in ("", "a cause of next year", *(one.value for one in Cause)):
        for kind in (*DATA, "something_new"):
            line = words.event(kind, cause)
            assert line and "_" not in line and line != kind, (kind, cause)


def test_health_shows_what_is_known_and_set_and_nothing_else() -> None:
    figures = {
        "guard_connected": False,
        "events_problem": "",
        "late_ticks": 0,
        "config_hash": "x",
        "recording": {},
    }
    assert words.health(figures) == [
        ("Safety monitor connected", "no"),
        ("Moments in which it was late", "0"),
    ]


def test_every_reason_of_a_refusal_has_words() -> None:
    source = "".join(
        (Path(topics.__file__).with_name(f"{name}.py")).read_text() for name in ("topics", "watch", "keep")
    )
    reasons = set(re.findall(r'Refused\([^)]*"([^"]+)"\)', source)) - {""}
    assert len(reasons) > 8
    assert reasons <= set(words.REASONS)
