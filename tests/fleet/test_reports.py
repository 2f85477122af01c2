"""A report is fetched from its treadmill when somebody who may read it asks, and from nowhere else."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import Engine

from firmware_py.core.frame import Cause
from firmware_py.fleet import access, keep, reports, store
from firmware_py.fleet.access import RIGHTS, Right, Role
from firmware_py.fleet.pages.server import app
from firmware_py.fleet.reports import Reports
from firmware_py.fleet.settings import Settings
from sensors.advice import Failure
from tests.courier.conftest import Served
from tests.fleet.test_fleet import NOW_S, Browser, event
from tests.support.fake_guard import decision, frame, stopped
from tests.support.process import wait_for

NAME = "2027-01-15T08-00-00Z-fall"
LISTED = [{"name": NAME, "time": "2027-01-15T08:00:00Z", "title": "Fall", "n": 1}]
REPORT = b"<html><script>alert(1)</script>what happened"


class Treadmill:
    """Its page, as far as the fleet asks; `answers` may be spoiled."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, tuple[int, bytes]] = {
            "/api/incidents": (200, json.dumps(LISTED).encode()),
            f"/incidents/{NAME}": (200, REPORT),
        }
        self.drips = False
        its = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                its.asked.append((self.path, self.headers.get("Authorization", "")))
                status, body = its.answers.get(self.path, (404, b""))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", body.decode())
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    for n in range(0, len(body), 1 if its.drips else len(body) or 1):
                        self.wfile.write(body[n : n + (1 if its.drips else len(body))])
                except OSError:  # the fleet has hung up
                    pass

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def treadmill() -> Iterator[Treadmill]:
    it = Treadmill()
    yield it
    it.close()


def of(treadmill: Treadmill, **more: str) -> Reports:
    return Reports(f"http://127.0.0.1:{treadmill.port}", **more)


def test_the_nearest_incident_of_the_time_is_fetched_with_the_password(
    treadmill: Treadmill, tmp_path: Path
) -> None:
    (tmp_path / "word").write_text("\ufeffopen sesame\r\n", encoding="utf-8")
    assert of(treadmill, password_file=str(tmp_path / "word")).fetch("hall", "a", NOW_S + 0.7) == REPORT
    assert [path for path, _ in treadmill.asked] == ["/api/incidents", f"/incidents/{NAME}"]
    assert {login for _, login in treadmill.asked} == {"Basic ZmxlZXQ6b3BlbiBzZXNhbWU="}


@pytest.mark.parametrize(("off_s", "found"), [(-5.1, False), (-5.0, True), (5.0, True), (5.1, False)])
def test_an_incident_of_another_time_is_not_shown_for_this_one(
    treadmill: Treadmill, off_s: float, found: bool
) -> None:
    if found:
        assert of(treadmill).fetch("hall", "a", NOW_S + off_s) == REPORT
    else:
        with pytest.raises(Failure, match="no recording"):
            of(treadmill).fetch("hall", "a", NOW_S + off_s)


@pytest.mark.parametrize(
    "listed",
    [
        b"", b"{}", b"\xff", b"[" * 50_000, b"[1]", b'[{"name": "x"}]', b'[{"time": "never", "name": "x"}]',
        json.dumps([{"name": "../../etc/passwd", "time": "2027-01-15T08:00:00Z"}]).encode(),
        json.dumps([{"name": "x\r\nHost: evil", "time": "2027-01-15T08:00:00Z"}]).encode(),
    ],
)  # fmt: skip
def test_whatever_a_treadmill_lists_it_is_asked_for_nothing_else(treadmill: Treadmill, listed: bytes) -> None:
    treadmill.answers["/api/incidents"] = (200, listed)
    with pytest.raises(Failure):
        of(treadmill).fetch("hall", "a", NOW_S)
    assert [path for path, _ in treadmill.asked] == ["/api/incidents"]


def test_a_treadmill_cannot_send_the_fleet_elsewhere(treadmill: Treadmill) -> None:
    other = Treadmill()
    treadmill.answers["/api/incidents"] = (302, f"http://127.0.0.1:{other.port}/secret".encode())
    with pytest.raises(Failure, match="no such report"):
        of(treadmill).fetch("hall", "a", NOW_S)
    assert other.asked == []
    other.close()


def test_what_is_too_long_or_too_slow_is_given_up(
    treadmill: Treadmill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LARGEST_REPORT", len(REPORT) - 1)
    with pytest.raises(Failure, match="too long or too slow"):
        of(treadmill).fetch("hall", "a", NOW_S)
    monkeypatch.undo()
    treadmill.drips = True  # a byte at a time
    ticks = iter(range(0, 1_000_000, 20))  # twenty seconds a look at the clock
    slow = Reports(f"http://127.0.0.1:{treadmill.port}", clock=lambda: float(next(ticks)))
    with pytest.raises(Failure, match="too long or too slow"):
        slow.fetch("hall", "a", NOW_S)


def test_only_a_few_are_fetched_at_once(treadmill: Treadmill) -> None:
    it = of(treadmill)
    for _ in range(reports.AT_ONCE):
        it._places.acquire()
    with pytest.raises(Failure, match="Several"):
        it.fetch("hall", "a", NOW_S)
    it._places.release()
    assert it.fetch("hall", "a", NOW_S) == REPORT


@pytest.mark.parametrize(
    "address", ["ftp://x", "http://x/{device}", "http://{0}", "http://{name}", "http://{device"]
)
def test_an_address_holds_only_names(address: str) -> None:
    with pytest.raises(ValueError, match="device_page"):
        Settings(device_page=address)


# -- at the page ---------------------------------------------------------------------------------------------------


@contextmanager
def people(engine: Engine, found: Reports) -> Iterator[tuple[Browser, str, str]]:
    """A browser, and the paths of a report at this person's site and at another."""
    with engine.begin() as db:
        for role in Role:
            access.add(db, role.value, role, "hall", "long enough")
        keep.write(db, [event("a", 1, site="hall"), event("b", 1, site="pool")], NOW_S)
        mine, other = (store.find_incidents(db, [site])[0]["id"] for site in ("hall", "pool"))
    browser = Browser(engine)
    browser.transport.app = app(engine, "secret", lambda: "", lambda: NOW_S, found)
    yield browser, f"/incidents/{mine}/report", f"/incidents/{other}/report"


@pytest.mark.parametrize("role", Role)
def test_only_who_may_see_incidents_reads_a_report_of_their_own_site_and_is_noted(
    engine: Engine, treadmill: Treadmill, role: Role
) -> None:
    with people(engine, of(treadmill)) as (browser, mine, other):
        assert browser.ask("GET", mine).status_code == 303, "a stranger logs in first"
        browser.log_in(role.value)
        may = Right.SEE_INCIDENTS in RIGHTS[role]
        answer = browser.ask("GET", mine)
        assert answer.status_code == (200 if may else 403)
        assert browser.ask("GET", other).status_code == (404 if may else 403)
        assert len(treadmill.asked) == (2 if may else 0)
        if may:
            assert answer.content == REPORT
            rule = answer.headers["content-security-policy"]
            assert "sandbox" in rule and "default-src 'none'" in rule and "script-src" not in rule
            assert f"read by {role.value}" in browser.ask("GET", "/incidents").text


def test_a_treadmill_that_is_away_is_said_in_words_and_nobody_is_noted(
    engine: Engine, treadmill: Treadmill
) -> None:
    treadmill.answers["/api/incidents"] = (401, b"")
    with people(engine, of(treadmill)) as (browser, mine, _):
        browser.log_in("therapist")
        answer = browser.ask("GET", mine)
        assert answer.status_code == 502 and "another password" in answer.text
        treadmill.close()
        assert "does not answer" in browser.ask("GET", mine).text
        assert "read by" not in browser.ask("GET", "/incidents").text


def test_without_an_address_no_report_is_offered(engine: Engine) -> None:
    with people(engine, Reports("")) as (browser, mine, _):
        browser.log_in("therapist")
        assert "Report" not in browser.ask("GET", "/incidents").text
        assert browser.ask("GET", mine).status_code == 502


def test_the_page_of_a_real_courier_is_understood(tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        now_ns = time.monotonic_ns()
        for n in range(20):
            served.tick(frame(now_ns + n * 5_000_000), decision(now_ns + n * 5_000_000, run=True))
        served.tick(frame(now_ns + 10**8), stopped(now_ns + 10**8, Cause.FALL))
        served.settle()
        wait_for(lambda: list((tmp_path / "state" / "incidents").glob("*.json")), 20)
        (path,) = (tmp_path / "state" / "incidents").glob("*.json")
        at_s = datetime.fromisoformat(json.loads(path.read_text())["time"]).astimezone(UTC).timestamp()
        html = Reports(f"http://127.0.0.1:{served.port}").fetch("hall", "a", at_s + 0.9)
        assert b"<html" in html
    finally:
        served.close()
