"""The page beside a busy device, in a real Chromium: what was refused is asked for again; long lists come in pages."""

import contextlib
import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_py.courier.events.database import Outbox
from firmware_py.courier.page import server
from firmware_py.courier.recording.index import PAGE
from tests.courier.conftest import Serving
from tests.support.chromium import FOUND, browser
from tests.support.process import wait_for

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not FOUND, reason="chromium is not installed: sh tests/system-packages.sh test"),
]

REFUSALS = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    b"",  # the connection is closed
)
PARTS = ("/api/setup", "/api/recent", "/api/sessions", "/api/incidents", "/api/stream")


class Busy:
    """A port in front of the page that refuses the first request for each of these addresses `times`."""

    def __init__(self, port: int, paths: tuple[str, ...], times: int) -> None:
        self._upstream, self._paths, self._times = port, paths, times
        self.asked: Counter[str] = Counter()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(guest,), daemon=True).start()

    def _serve(self, guest: socket.socket) -> None:
        """One request a connection: the answer to the next one may be another."""
        with guest, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := guest.recv(65536)):
                    return
                head += data
            path = head.split()[1].decode().partition("?")[0]
            self.asked[path] += 1
            if path in self._paths and self.asked[path] <= self._times:
                guest.sendall(REFUSALS[self.asked[path] % len(REFUSALS)])
                return
            with socket.create_connection(("127.0.0.1", self._upstream), 10) as page:
                page.sendall(re.sub(rb"\r\nConnection: [^\r]*", b"\r\nConnection: close", head, flags=re.I))
                while data := page.recv(65536):
                    guest.sendall(data)


@contextlib.contextmanager
def busy(port: int, paths: tuple[str, ...], times: int) -> Iterator[Busy]:
    made = Busy(port, paths, times)
    try:
        yield made
    finally:
        made.close()


def fill(folder: Path, incidents: int, sessions: int) -> None:
    """Stops and walks of an earlier time."""
    stops = folder / "state" / "incidents"
    stops.mkdir(parents=True)
    for n in range(incidents):
        name = f"2026-05-04T10-{n // 60:02d}-{n % 60:02d}Z-fall"
        (stops / f"{name}.mcap").touch()
        (stops / f"{name}.json").write_text(json.dumps({"title": f"Stop {n}", "cause": "fall"}))
    outbox = Outbox(folder / "state" / "events.sqlite")
    with outbox.transaction():
        for n in range(sessions):
            started = "2026-05-04T10:11:12.000Z"
            walk = {
                "session_id": str(n),
                "started": started,
                "minutes": 3.2,
                "steps": n,
                "warnings": 0,
                "stops": 0,
            }
            outbox.save_session(str(n), 1.0, 2.0, walk)
    outbox.close()


def test_what_a_busy_device_refused_is_asked_for_again(serving: Serving, tmp_path: Path) -> None:
    fill(tmp_path, 3, 2)
    with (
        serving() as served,
        busy(served.port, PARTS, 2) as front,
        browser(tmp_path / "profile") as page,
    ):
        page.open(f"http://127.0.0.1:{front.port}/")
        page.until("document.querySelectorAll('#incident-list li').length === 3")
        page.until("document.querySelectorAll('#past-table tbody tr').length === 2")
        page.until("document.querySelectorAll('.chart canvas').length === 3")
        page.until("document.querySelectorAll('#parts li').length > 3")
        assert all(3 <= front.asked[path] <= 4 for path in PARTS), front.asked


@pytest.mark.parametrize("address", ["/", "/walk"])
def test_a_page_of_which_a_file_was_refused_is_loaded_again(
    serving: Serving, tmp_path: Path, address: str
) -> None:
    files = ("/static/app.js", "/static/walk.js", "/static/words.js", "/static/style.css")
    with serving() as served, busy(served.port, files, 1) as front, browser(tmp_path / "profile") as page:
        page.open(f"http://127.0.0.1:{front.port}{address}")
        whole = (
            "document.querySelector('#deck')?.children.length > 0"
            " && getComputedStyle(document.body).margin === '0px' && sessionStorage.getItem('tries') === null"
        )

        def is_whole() -> bool:
            try:
                return bool(page.value(whole))
            except AssertionError:  # it is being loaded again
                return False

        wait_for(is_whole, 60)


def test_older_stops_and_sessions_come_in_pages(serving: Serving, tmp_path: Path) -> None:
    incidents, sessions = 2 * PAGE + 7, 2 * server.PAST_SESSIONS + 3
    fill(tmp_path, incidents, sessions)
    with serving() as served, browser(tmp_path / "profile") as page:
        page.open(f"http://127.0.0.1:{served.port}/", 390, 844)
        for rows, button, most, at_once in (
            ("#incident-list li", "incidents-older", incidents, PAGE),
            ("#past-table tbody tr", "past-older", sessions, server.PAST_SESSIONS),
        ):
            count = f"document.querySelectorAll('{rows}').length"
            seen = at_once
            while seen < most:
                page.until(f"{count} === {seen} && !document.getElementById('{button}').disabled")
                assert not page.value(f"document.getElementById('{button}').hidden")
                page.value(f"document.getElementById('{button}').click()")
                seen = min(most, seen + at_once)
            page.until(f"{count} === {most}")
            assert page.value(f"document.getElementById('{button}').hidden")
        texts = page.value("[...document.querySelectorAll('#incident-list .name')].map(n => n.textContent)")
        assert texts == [f"Stop {n}" for n in reversed(range(incidents))]
        assert page.value("document.documentElement.scrollWidth <= innerWidth")
        page.value("document.getElementById('past').open = true")
        page.screenshot(tmp_path / "page.png", full=True)
