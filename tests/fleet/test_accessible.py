"""The fleet's pages in a real Chromium: axe finds nothing for any role, nothing runs over the edge, a wall is read."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import uvicorn

from firmware_py import locale
from firmware_py.core.frame import Cause
from firmware_py.courier.events.envelope import Stamp, build
from firmware_py.fleet import access, keep, store, topics
from firmware_py.fleet.access import Role, Viewer
from firmware_py.fleet.pages.server import COOKIE, app
from firmware_py.fleet.reports import Reports
from tests.fleet.test_reports import Treadmill
from tests.support.axe import violations
from tests.support.broker import free_port
from tests.support.chromium import FOUND, Browser, browser

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not FOUND, reason="chromium is not installed: sh tests/system-packages.sh test"),
]

PATHS = ("/", "/incidents", "/versions", "/device/deck-7?site=hall")
PHONE, WALL = (390, 844), (1920, 1080)
SMALLEST_PX = (
    25.0  # of a letter on a wall; 15 mm at a screen of 43 inches, 1/200 of 3 m: cap height is 0.7 of it
)


def messages(now_s: float) -> list[topics.Message]:
    found: list[topics.Message] = []
    states = ["walking"] * 8 + ["ready", "fault", "stopped", "warning"]
    for n, tone in enumerate(states, 1):
        state = (
            f'{{"run": {str(tone in ("walking", "warning")).lower()}, "problem": {str(tone == "fault").lower()}, '
            f'"danger": {str(tone == "stopped").lower()}, "warning": {str(tone == "warning").lower()}}}'
        )
        found.append(topics.read("", f"hall/rearguard/deck-{n}/state", state.encode()))
    found.append(
        topics.read("", "hall/rearguard/deck-7/health", b'{"guard_connected": true, "events_waiting": 3}')
    )
    for seq, (kind, cause) in enumerate((("stopped", Cause.FALL), ("health_changed", Cause.IMU)), 1):
        made = build(
            Stamp("deck-7", "guard", "boot", "cfg", "1.0"), seq, kind, now_s, 0, {"cause": cause.value}
        )
        found.append(topics.read("", f"hall/rearguard/deck-7/event/{kind}", made.text.encode()))
    found.append(topics.read("", "hall/rearguard/deck-3/state", b"no JSON"))
    return found


@pytest.fixture(scope="module")
def treadmill() -> Iterator[Treadmill]:
    """The page of deck-7; its report would like to run a script."""
    it = Treadmill()
    listed = [{"name": "now", "time": datetime.now(UTC).isoformat(), "title": "Fall", "n": 1}]
    it.answers = {
        "/api/incidents": (200, json.dumps(listed).encode()),
        "/incidents/now": (200, b"<script>document.title = 'ran'</script><h1>what happened</h1>"),
    }
    yield it
    it.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, treadmill: Treadmill) -> Iterator[str]:
    engine = store.open_store(f"sqlite:///{tmp_path_factory.mktemp('fleet')}/fleet.sqlite")
    now_s = time.time()
    with engine.begin() as db:
        for role in Role:
            access.add(db, role.value, role, "hall" if role is not Role.OWNER else "*", "long enough")
        keep.write(db, messages(now_s), now_s)
    port = free_port()
    reports = Reports(f"http://127.0.0.1:{treadmill.port}")
    web = app(engine, "secret", lambda: "the broker is away", reports=reports)
    server = uvicorn.Server(uvicorn.Config(web, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    engine.dispose()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(params=["de"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    locale.use(request.param)
    yield request.param
    locale.use("en")


def log_in(page: Browser, address: str, role: Role) -> None:
    page.open("about:blank")
    ticket = access.ticket("secret", Viewer(role.value, role, ()))
    page.call("Network.setCookie", name=COOKIE, value=ticket, url=address)


def check(page: Browser, url: str) -> None:
    for size, dark in ((PHONE, False), (WALL, True)):
        page.open(url, *size, dark)
        assert violations(page) == [], (url, size, dark)
        page.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert violations(page) == [], (url, size, dark)
        assert page.value("document.documentElement.scrollWidth <= innerWidth"), (url, size)


@pytest.mark.parametrize("role", Role)
def test_axe_finds_nothing_and_nothing_runs_over_the_edge(page: Browser, address: str, role: Role) -> None:
    log_in(page, address, role)
    for path in PATHS:  # a page that this role may not see says so
        check(page, address + path)


def test_in_another_language_it_is_the_same(page: Browser, address: str, language: str) -> None:
    log_in(page, address, Role.OWNER)
    for path in PATHS:
        check(page, address + path)
        assert page.value("document.documentElement.lang") == language
        shown = page.value("document.body.innerText")
        assert not any(word in shown for word in ("Treadmill", "Stopped", "Go and help")), (path, shown)


def test_the_link_of_an_incident_opens_its_report_and_no_script_of_it_runs(
    page: Browser, address: str
) -> None:
    log_in(page, address, Role.THERAPIST)
    page.open(address + "/incidents", *PHONE)
    page.open(page.value("document.querySelector('main li a').href"), *PHONE)
    assert page.value("document.body.innerText").strip() == "what happened"
    assert page.value("document.title") != "ran"
    page.open(address + "/incidents", *PHONE)
    assert "therapist" in page.value("document.querySelector('main li').innerText"), "who has read it"


def test_the_login_is_as_accessible(page: Browser, address: str, language: str) -> None:
    assert language
    check(page, address + "/login")


def test_on_a_wall_every_letter_of_a_tile_can_be_read_from_3_m(
    page: Browser, address: str, language: str
) -> None:
    log_in(page, address, Role.FLOOR)
    page.open(address + "/", *WALL)
    sizes = page.value(
        "[...document.querySelectorAll('.tile .name, .tile .word, .tile .since, .tile button')]"
        ".map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert len(sizes) > 24 and min(sizes) >= SMALLEST_PX
    assert page.value("document.querySelector('main').getBoundingClientRect().bottom <= innerHeight")
    assert page.value("document.querySelector('.tile').classList.contains('help')")
