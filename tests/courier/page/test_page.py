import asyncio
import base64
import contextlib
import errno
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from firmware_py.core.frame import Cause
from firmware_py.courier.page import connections, gate, passwords, server, stream
from firmware_py.courier.page.gate import Gate
from firmware_py.courier.page.stream import MAX_VIEWERS, Stream
from tests.courier.conftest import Served, Serving
from tests.support.fake_guard import decision, frame, stopped
from tests.support.process import wait_for

pytestmark = pytest.mark.alone  # it looks at the clock: nothing else may run beside it


def get(port: int, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def raw(port: int, request: bytes, timeout_s: float = 5.0) -> bytes:
    """All that comes back until the server closes or `timeout_s` is over."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as client:
        client.sendall(request)
        answer, deadline_s = b"", time.monotonic() + timeout_s
        try:
            while (data := client.recv(65536)) and time.monotonic() < deadline_s:
                answer += data
        except (TimeoutError, ConnectionResetError):
            pass
        return answer


def test_a_person_sees_everything_the_page_needs_and_nothing_comes_from_outside(serving: Serving) -> None:
    with serving() as served:
        index = get(served.port, "/").body.decode()  # type: ignore[attr-defined]
        wanted = re.findall(r'(?:src|href)="([^"#]+)"', index)
        wanted.remove("/answer-here")  # leads on to the coach's questions
        assert len(wanted) == 7
        loaded = [f"/static/{name}.js" for name in ("deck", "charts", "signs", "stream", "words", "walk")]
        for path in [*wanted, *loaded, "/static/walk.css"]:
            answer = get(served.port, path)
            assert answer.status == 200, path
            text = answer.body.decode()  # type: ignore[attr-defined]
            outside = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
            assert all("uPlot" in url for url in outside), path  # its licence line names its home
            assert get(served.port, path, **{"If-None-Match": answer.headers["etag"]}).status == 304
        for path in ("/api/setup", "/api/now", "/api/recent", "/api/sessions", "/api/incidents"):
            json.loads(get(served.port, path).body)  # type: ignore[attr-defined]


def test_every_answer_forbids_framing_sniffing_and_foreign_code(serving: Serving) -> None:
    with serving() as served:
        for path, method in (("/", "GET"), ("/nowhere", "GET"), ("/", "POST"), ("/api/now", "HEAD")):
            headers = get(served.port, path, method).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/../../../etc/passwd",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static//etc/passwd",
        "/static/..\\server.py",
        "/incidents/..%2f..%2fevents.sqlite",
        "/incidents/%00",
        "/incidents/",
        "/incidents/a/",
        "/incidents/%2e%2e%2f",
        "/api/now/",
        "/events.sqlite",
        "/static/vendor/uplot/LICENSE",
        "//",
    ],
)
def test_nothing_outside_the_list_is_handed_out(serving: Serving, path: str) -> None:
    with serving() as served:
        answer = raw(
            served.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 404")


def test_requests_out_of_the_ordinary_are_refused_and_the_page_goes_on(serving: Serving) -> None:
    with serving() as served:
        refused = {
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n": b"405",
            b"PUT /api/now HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nrun": b"405",
            b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n": b"405",
            b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n": b"405",
            b"GET /?" + b"a" * 600 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n": b"414",
            b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n": b"421",
            b"GET / HTTP/1.1\r\n\r\n": b"400",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n": b"431",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": b"400",
        }
        for request, status in refused.items():
            answer = raw(served.port, request, 2.0)
            assert answer.split(b" ")[1][:3] == status, (request[:60], answer[:80])
        websocket = raw(
            served.port,
            b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            0.5,
        )
        assert b"101" not in websocket[:20]
        assert get(served.port, "/").status == 200


def test_a_body_without_end_is_not_taken_in(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.3)
    openings = (
        b"GET /api/now HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    with serving() as served:
        for opening in openings:
            began_s, sent = time.monotonic(), 0
            with socket.create_connection(("127.0.0.1", served.port), 5) as client:
                client.sendall(opening)
                with contextlib.suppress(OSError):  # hung up on, or nobody takes any more
                    client.settimeout(1.0)
                    while time.monotonic() - began_s < 10:
                        sent += client.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            assert time.monotonic() - began_s < 10, "somebody listened to all of it"
            assert sent < 20_000_000
        assert get(served.port, "/").status == 200


def test_a_damaged_incident_is_listed_and_the_others_are_shown(serving: Serving) -> None:
    with serving() as served:
        folder = served.courier.state_dir / "incidents"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "2026-05-04T10-11-12Z-fall.mcap").write_bytes(b"\x89MCAP0\r\n" + bytes(5000))
        (folder / "2026-05-04T10-11-12Z-fall.json").write_bytes(b'{"title": "x", "time')
        (folder / "2026-05-04T10-11-13Z-imu.mcap").write_bytes(b"")
        listed = json.loads(get(served.port, "/api/incidents").body)  # type: ignore[attr-defined]
        assert [i["name"] for i in listed] == ["2026-05-04T10-11-13Z-imu", "2026-05-04T10-11-12Z-fall"]
        for incident in listed:
            assert get(served.port, f"/incidents/{incident['name']}").status == 404
        assert get(served.port, "/api/now").status == 200


def test_a_client_that_dawdles_is_let_go(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.2)
    with serving() as served:
        for opening in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "):
            began_s = time.monotonic()
            raw(served.port, opening, 5.0)
            assert time.monotonic() - began_s < 2.0
        assert get(served.port, "/").status == 200


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


def test_with_a_password_nothing_is_shown_without_it(serving: Serving, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("Grüße 42\n", encoding="utf-8")
    with serving(password_file=str(tmp_path / "secret")) as served:
        for path in ("/", "/api/now", "/api/stream", "/static/app.js", "/nowhere"):
            assert get(served.port, path).status == 401
        assert get(served.port, "/", **basic("wrong")).status == 401
        assert get(served.port, "/", Authorization="Basic !!!").status == 401
        assert get(served.port, "/", Authorization="Bearer " + "x" * 50).status == 401
        assert get(served.port, "/", **basic("Grüße 42")).status == 200


class Asked:
    """Drives a Gate without a network; `ask` gives the status."""

    def __init__(self, password: str | None = None) -> None:
        self.now_s = 0.0

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        self._gate = Gate(app, password, lambda: self.now_s)

    def ask(self, client: str = "10.0.0.1", **headers: str) -> int:
        given = {"host": "localhost", **{k.lower(): v for k, v in headers.items()}}
        scope = {
            "type": "http",
            "method": "GET",
            "raw_path": b"/",
            "query_string": b"",
            "client": (client, 1),
            "headers": [(k.encode(), v.encode()) for k, v in given.items()],
        }
        status: list[int] = []

        async def send(message: Any) -> None:
            status.append(message.get("status", 0))

        async def receive() -> Any:
            return {}

        asyncio.run(self._gate(scope, receive, send))
        return status[0]


def test_guessing_passwords_is_slow_and_hinders_nobody_else() -> None:
    asked = Asked("right")
    assert [asked.ask(**basic(f"guess {n}")) for n in range(passwords.FAILURES)] == [401] * passwords.FAILURES
    assert asked.ask(**basic("right")) == 429
    another = "Basic " + base64.b64encode(b"another:right").decode()
    assert asked.ask("10.0.0.2", Authorization=another) == 200
    asked.now_s = passwords.FAILURE_WAIT_S - 0.01
    assert asked.ask(**basic("right")) == 429
    asked.now_s = passwords.FAILURE_WAIT_S
    assert asked.ask(**basic("right")) == 200
    assert asked.ask(**basic("wrong")) == 401


def test_many_addresses_guess_no_faster_than_one_and_nobody_who_is_in_waits_for_them() -> None:
    asked = Asked("right")
    assert asked.ask("10.0.0.1", **basic("right")) == 200
    tried = [asked.ask(f"10.1.{n // 250}.{n % 250}", **basic(f"guess {n}")) for n in range(300)]
    assert tried.count(401) == int(passwords.GUESSES) and tried.count(429) == 300 - int(passwords.GUESSES)
    assert asked.ask("10.0.0.1", **basic("right")) == 200
    assert asked.ask("10.1.0.1", **basic("right")) == 200  # the same login, from an address that guessed
    asked.now_s = 60.0
    later = [asked.ask(f"10.2.{n // 250}.{n % 250}", **basic(f"guess {n}")) for n in range(300)]
    assert later.count(401) == pytest.approx(60 * passwords.GUESSES_PER_S, abs=1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("", "", True),
    ],
)
def test_an_ipv6_network_is_one_guesser(one: str, other: str, same: bool) -> None:
    assert (passwords.network_of(one) == passwords.network_of(other)) == same


def test_a_byte_order_mark_is_no_part_of_a_password(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\ufeffopen sesame\r\n", encoding="utf-8", newline="")
    assert server._password(tmp_path / "secret") == "open sesame"


@pytest.mark.parametrize("text", ["", " \n", "\ufeff"])
def test_an_empty_password_file_opens_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="is empty"):
        server._password(tmp_path / "secret")


def test_a_forwarded_address_is_not_believed(serving: Serving, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("right", encoding="utf-8")
    with serving(password_file=str(tmp_path / "secret")) as served:
        wrong = [
            get(served.port, "/", **{"X-Forwarded-For": f"10.0.0.{n}"}, **basic("wrong")).status
            for n in range(passwords.FAILURES + 1)
        ]
        assert wrong == [401] * passwords.FAILURES + [429]


class Idle:
    """A connection of a test."""

    def __init__(self, idle: bool = True) -> None:
        self.idle, self.dropped = idle, False

    def drop(self) -> None:
        self.dropped = True


def test_a_newcomer_takes_the_place_of_the_oldest_idle_one_of_the_greediest_address() -> None:
    held = connections.Connections(most=4, most_per_address=3)
    greedy = [Idle(), Idle(), Idle()]
    assert all(held.admit(one, "a") for one in greedy)
    fourth = Idle()
    assert held.admit(fourth, "a") and greedy[0].dropped and len(held) == 3
    quiet, guest = Idle(), Idle()
    assert held.admit(quiet, "b") and held.admit(guest, "c")
    assert greedy[1].dropped and not quiet.dropped and len(held) == 4
    held.leave(guest)
    held.leave(guest)
    assert len(held) == 3


def test_whoever_is_being_answered_is_not_disturbed() -> None:
    held = connections.Connections(most=2, most_per_address=2)
    viewers = [Idle(idle=False), Idle(idle=False)]
    assert all(held.admit(one, "a") for one in viewers)
    assert not held.admit(Idle(), "a") and not held.admit(Idle(), "b")
    assert not any(one.dropped for one in viewers)


@pytest.mark.parametrize(
    ("after_s", "more"), [(0.0, 0), (0.0099, 0), (0.0101, 1), (1.0, 100), (1e6, connections.BURST)]
)
def test_connections_are_taken_at_a_pace(after_s: float, more: int) -> None:
    pace = connections.Pace()
    assert [pace.take(5.0) for _ in range(connections.BURST + 1)] == [True] * connections.BURST + [False]
    assert sum(pace.take(5.0 + after_s) for _ in range(connections.BURST + 1)) == more


def test_strangers_beyond_the_pace_wait_outside_and_everything_else_goes_on(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BURST", 5)
    monkeypatch.setattr(connections, "TAKEN_PER_S", 0.0)
    taken: list[object] = []
    real = connections.Connections.admit
    monkeypatch.setattr(
        connections.Connections, "admit", lambda self, *who: taken.append(who) or real(self, *who)
    )
    with serving() as served, contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port), 5))
        wait_for(lambda: len(taken) == 5)
        served.tick()
        served.settle()
        assert served.courier.receiver.connected and len(taken) == 5


def test_a_page_without_handles_takes_connections_again_later(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []
    real = asyncio.selector_events.BaseSelectorEventLoop.sock_accept

    async def full(self: asyncio.selector_events.BaseSelectorEventLoop, sock: socket.socket) -> object:
        if len(refused) < 3:
            refused.append(1)
            raise OSError(errno.EMFILE, "too many open files")
        return await real(self, sock)

    monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_accept", full)
    with serving() as served:
        assert get(served.port, "/").status == 200 and len(refused) == 3


def test_a_thousand_idle_connections_keep_nobody_out_and_take_no_handles(serving: Serving) -> None:
    with serving() as served, contextlib.ExitStack() as stack:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(600):
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port), 5))
        assert get(served.port, "/").status == 200
        ours = 600
        assert len(list(Path("/proc/self/fd").iterdir())) - before - ours <= connections.MOST + server.BACKLOG
        served.tick()
        served.settle()
        assert served.courier.receiver.connected


def test_sixteen_browsers_behind_one_router_load_the_page_at_once(serving: Serving) -> None:
    with serving() as served:
        paths = [
            "/",
            "/static/app.js",
            "/static/deck.js",
            "/static/charts.js",
            "/static/style.css",
            "/api/setup",
        ]
        paths += [
            "/static/uplot.js",
            "/static/uplot.css",
            "/static/icon.svg",
            "/api/sessions",
            "/api/incidents",
        ]
        with ThreadPoolExecutor(64) as pool:
            found = list(pool.map(lambda path: get(served.port, path).status, paths * 16))
        assert set(found) == {200}


def test_garbage_requests_leave_a_few_lines_in_the_log(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as served:
        for _ in range(200):
            raw(served.port, b"\x16\x03\x01garbage\r\n\r\n", 2.0)
        assert len(caplog.records) < 20


def test_a_flood_of_requests_is_held_back_and_forgotten() -> None:
    asked = Asked()
    burst = [asked.ask() for _ in range(int(gate.BURST) + 10)]
    assert burst == [200] * int(gate.BURST) + [429] * 10
    assert asked.ask("10.0.0.2") == 200
    asked.now_s = 1.0
    again = [asked.ask() for _ in range(int(gate.REQUESTS_PER_S) + 10)]
    assert again.count(200) == pytest.approx(gate.REQUESTS_PER_S, abs=1)
    for n in range(1000):
        asked.ask(f"10.1.{n // 250}.{n % 250}")
    assert len(asked._gate._buckets) == gate.ADDRESSES


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("localhost", True),
        ("localhost:8765", True),
        ("127.0.0.1:8765", True),
        ("192.168.1.20", True),
        ("[::1]:8765", True),
        (socket.gethostname(), True),
        (f"{socket.gethostname()}.local:8765", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_a_strangers_name_for_this_device_is_refused(host: str, fine: bool) -> None:
    assert Asked().ask(Host=host) == (200 if fine else 421)


@contextmanager
def listen(port: int, timeout_s: float = 6.0) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Opens the live stream; gives a function that waits for the next view of a tone."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/api/stream")
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/event-stream")
    deadline_s = time.monotonic() + timeout_s

    def until(tone: str) -> dict[str, Any]:
        kind = b""
        while time.monotonic() < deadline_s:
            line = answer.readline()
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif line.startswith(b"data: ") and kind == b"view":
                view: dict[str, Any] = json.loads(line[6:])
                if view["tone"] == tone:
                    return view
        raise AssertionError(f"{tone} was never shown")

    try:
        yield until
    finally:
        answer.close()
        connection.close()


def test_a_stop_is_on_the_wire_within_half_a_second_with_its_reason(serving: Serving) -> None:
    with serving() as served:
        served.tick()
        took_s = []
        with listen(served.port) as until:
            for _ in range(5):
                served.tick()
                until("running")
                began_s = time.monotonic()
                served.tick(d=stopped(time.monotonic_ns(), Cause.DRIFT_REAR))
                view = until("stopped")
                took_s.append(time.monotonic() - began_s)
        assert max(took_s) < 0.5
        assert view["title"] == "Too near the rear edge"
        assert "rear line" in view["why"] and "to arm" in view["do"]
        assert (
            view["rule"]
            == "The place where the walker would have come to rest reached 0.83 m; the limit was 0.62 m."
        )


def test_a_guard_that_falls_silent_is_shown_as_no_connection(serving: Serving) -> None:
    with serving() as served:
        served.tick()
        with listen(served.port) as until:
            until("running")
            view = until("offline")
        assert "Look at the treadmill" in view["do"]
        assert "position_m" not in view


def test_session_and_health_are_shown(serving: Serving) -> None:
    with serving() as served:
        served.tick()
        served.guard.counters()
        wait_for(lambda: served.courier.live.counters)
        served.tick()
        wait_for(lambda: served.courier.live.ticks == 2)
        now = json.loads(get(served.port, "/api/now").body)  # type: ignore[attr-defined]
        assert [part["name"] for part in now["parts"]] == [
            "Safety monitor", "Hip sensor", "Distance sensor", "Belt sensor", "Relay contacts", "Real-time rights",
            "Link", "Events", "MQTT", "Recording", "Storage",
        ]  # fmt: skip
        assert {part["state"] for part in now["parts"]} <= {"ok", "off"}
        assert now["session"]["minutes"] >= 0


def test_a_stop_becomes_an_incident_with_a_report_that_loads_nothing(serving: Serving) -> None:
    with serving() as served:
        now_ns = time.monotonic_ns()
        for n in range(400):
            t_ns = now_ns + n * 5_000_000
            served.tick(frame(t_ns), decision(t_ns))
            if n % 20 == 19:  # no faster than the link: it drops ticks rather than wait
                served.settle()
        served.tick(frame(t_ns + 5_000_000), stopped(t_ns + 5_000_000, Cause.FALL))
        wait_for(lambda: served.courier.recorder.health()["incidents"] == 1)
        [incident] = json.loads(get(served.port, "/api/incidents").body)  # type: ignore[attr-defined]
        assert incident["title"] == "Loss of balance"
        report = get(served.port, f"/incidents/{incident['name']}")
        assert report.status == 200
        policy = report.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script" not in policy
        text = report.body.decode()  # type: ignore[attr-defined]
        assert "lost balance" in text and "<script" not in text


class Watcher:
    """A viewer of a Stream without a network; `takes` False: its socket is full for ever."""

    def __init__(self, takes: bool) -> None:
        self.got: list[bytes] = []
        self._takes = takes
        self.full = asyncio.Event()

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body" and not self._takes:
            await asyncio.Event().wait()
        self.got.append(message.get("body", b""))

    async def receive(self) -> Any:
        await asyncio.Event().wait()


def test_a_slow_viewer_is_dropped_and_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SEND_S", 0.05)

    async def play() -> None:
        made, fast, slow = Stream(), Watcher(True), Watcher(False)
        tasks = [asyncio.create_task(made({}, w.receive, w.send)) for w in (fast, slow)]
        await asyncio.sleep(0)
        made_count = 0

        def make() -> dict[str, int]:
            nonlocal made_count
            made_count += 1
            return {"n": made_count}

        for _ in range(20):
            made.publish("view", make)
            await asyncio.sleep(0.005)
        assert made_count == 20  # once for everybody
        await tasks[1]
        assert made.dropped_viewers == 1 and made.viewers == 1
        assert b'{"n":20}' in b"".join(fast.got)
        made.close()
        await tasks[0]
        assert made.viewers == 0
        made.publish("view", make)
        assert made_count == 20  # nobody there: not even made

    asyncio.run(play())


def test_too_many_viewers_are_asked_to_come_back() -> None:
    async def play() -> None:
        made = Stream()
        watchers = [Watcher(True) for _ in range(MAX_VIEWERS + 1)]
        tasks = []
        for watcher in watchers:
            tasks.append(asyncio.create_task(made({}, watcher.receive, watcher.send)))
            await asyncio.sleep(0)
        await tasks[-1]
        assert b"Too many viewers" in watchers[-1].got[-1]
        made.close()
        await asyncio.gather(*tasks)

    asyncio.run(play())


def test_a_port_that_is_taken_is_reported_and_the_rest_goes_on(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "RETRY_S", 0.05)
    with serving() as served:
        taken = Served.__new__(Served)
        other = tmp_path / "other"
        monkeypatch.setattr("tests.courier.conftest.free_port", lambda: served.port)
        monkeypatch.setattr("tests.courier.conftest.wait_for", lambda condition: None)
        taken.__init__(other)  # type: ignore[misc]
        wait_for(lambda: "port is taken" in caplog.text)
        wait_for(lambda: taken.courier.receiver.listening)
        taken.tick()
        wait_for(lambda: taken.courier.live.fresh)
        taken.close()
