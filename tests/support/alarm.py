"""The whole way of a call for help in real processes: guard's link, courier, alerts, webhook, a phone that notes it.

Each part can be killed and started again; the broker stands beside them, because it must not matter.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from sqlite3 import OperationalError
from typing import NamedTuple

from firmware_py.core.events import Event
from firmware_py.core.frame import Cause, Decision, Frame
from firmware_py.courier.events.database import read_only
from firmware_py.courier.events.envelope import ulid
from tests.support.broker import Mosquitto, mosquitto
from tests.support.process import CourierProcess, TalkingGuard, courier, toml, wait_for

NEVER_S = 1e9
DIGEST = 16  # letters at the end of an event's id that are its start and number
ROOT = Path(__file__).parents[2]


class Got(NamedTuple):
    """One message on the phone."""

    at_ns: int
    body: dict[str, object]

    @property
    def key(self) -> str:
        return str(self.body["event_id"])[-DIGEST:]


class Phone:
    """A phone behind a network that can go away in three ways: it refuses, it fails, or it takes and never answers."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.mode = ""
        self._news = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.come_back()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/alert"

    def take(self, body: dict[str, object]) -> None:
        with self._news:
            self.got.append(Got(time.monotonic_ns(), body))
            self._news.notify_all()

    def go_away(self, mode: str) -> None:
        """`mode` is "refuses", "fails" or "hangs"."""
        self.mode = mode
        if mode == "refuses":
            self._close()

    def come_back(self) -> None:
        self.mode = ""
        if self._server is None:
            self._server = _server(self)
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def first(self, key: str) -> Got | None:
        return next((got for got in list(self.got) if got.key == key), None)

    def await_all(self, keys: set[str], within_s: float) -> set[str]:
        """The keys that have not come within this time."""
        with self._news:
            self._news.wait_for(lambda: keys <= {got.key for got in self.got}, within_s)
            return keys - {got.key for got in self.got}

    def _close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def close(self) -> None:
        self.mode = ""
        self._close()


def _server(phone: Phone) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if phone.mode == "fails":
                self.send_response(503)
            else:
                phone.take(body)
                while phone.mode == "hangs":
                    time.sleep(0.01)
                self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None: ...  # the other side was killed

    return Server(("127.0.0.1", phone.port), Handler)


class Walker(TalkingGuard):
    """Walks without end, falls when it is told to, and notes when it was decided."""

    def __init__(self, path: str) -> None:
        self.falls: list[tuple[str, int]] = []  # the end of the event's id, and when it was decided
        self._ago_s = 0.0
        super().__init__(path, NEVER_S)

    def send(self, event: Event) -> None:
        super().send(event)
        if event.kind == "stopped":
            self.falls.append((ulid(0.0, self.boot_id, self.sent)[-DIGEST:], event.t_ns))

    def fall(self) -> tuple[str, int]:
        """Falls now, and stands again."""
        before = len(self.falls)
        self.force = Cause.FALL
        wait_for(lambda: len(self.falls) > before, step_s=0.001)
        self.force = None
        time.sleep(0.02)  # some ticks: armed again
        return self.falls[before]

    def fell(self, ago_s: float) -> str:
        """A fall of some time ago that nobody has heard of yet."""
        before, self._ago_s = len(self.falls), ago_s
        wait_for(lambda: len(self.falls) > before, step_s=0.001)
        return self.falls[before][0]

    def tick(self, f: Frame, d: Decision) -> None:
        if self._ago_s:
            at_ns = time.monotonic_ns() - int(self._ago_s * 1e9)
            self._ago_s = 0.0
            self.send(Event("stopped", at_ns, Cause.FALL, "down_velocity_m_s", 0.83, 0.62, None, None))
        super().tick(f, d)


class Readiness:
    """Hears a process say that it is ready, as systemd does."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(60)
        self.environment = {"NOTIFY_SOCKET": str(path)}

    def forget(self) -> None:
        """What an earlier process has said."""
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while self._socket.recv(100):
                pass
        self._socket.settimeout(60)

    def ready_ns(self) -> int:
        """Waits for it; when it was."""
        while b"READY=1" not in self._socket.recv(100):
            pass
        return time.monotonic_ns()

    def close(self) -> None:
        self._socket.close()


class AlertsProcess:
    """`rearguard alerts run`, started as its unit would."""

    def __init__(self, config: Path, environment: dict[str, str]) -> None:
        self._config, self._environment = config, {**os.environ, **environment}
        self._log = config.with_name("alerts.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "firmware_py", "alerts", "run", "--config", str(self._config)]
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env=self._environment, cwd=ROOT
        )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        self._log.close()


class Chain:
    """Everything between a decision and a phone."""

    def __init__(
        self,
        phone: Phone,
        walker: Walker,
        parts: dict[str, CourierProcess | AlertsProcess | Mosquitto],
        ready: dict[str, Readiness],
    ) -> None:
        self.phone, self.walker = phone, walker
        self._parts, self._ready = parts, ready

    def interrupt(self, target: str, wait: Callable[[], None], mode: str) -> int:
        """Kills or cuts one part, waits, brings it back; when it was back: a process of ours says so itself."""
        if target == "network":
            self.phone.go_away(mode)
            wait()
            self.phone.come_back()
            return time.monotonic_ns()
        self._parts[target].kill()
        wait()
        if target not in self._ready:
            self._parts[target].start()
            return time.monotonic_ns()
        self._ready[target].forget()
        self._parts[target].start()
        return self._ready[target].ready_ns()

    def kill_in_the_start(self, target: str, after_s: float) -> None:
        """Starts it anew and kills it again before it is ready, or soon after."""
        self._parts[target].kill()
        self._parts[target].start()
        time.sleep(after_s)

    def acknowledge(self, got: Got) -> None:
        """Presses the button behind the link, as a person would."""
        link = str(got.body["acknowledge"])
        with urllib.request.urlopen(urllib.request.Request(link, method="POST"), timeout=10) as answer:
            assert b"Thank you" in answer.read()


def settings(folder: Path, phone: Phone, mqtt_port: int, link_port: int, repeat_s: int) -> Path:
    """The configuration of such a device, and who is told."""
    (folder / "alerts.toml").write_text(
        f'[[to]]\nname = "phone"\nchannel = "webhook"\naddress = "{phone.address}"\nclasses = ["help"]\n'
    )
    config = toml(folder, mqtt_port=mqtt_port)
    with config.open("a") as file:
        file.write(
            f'\n[alerts]\nenabled = true\npeople_file = "{folder}/alerts.toml"\nrepeat_s = {repeat_s}\n'
            f'link_address = "http://127.0.0.1:{link_port}"\nlink_host = "127.0.0.1"\nlink_port = {link_port}\n'
        )
    return config


@contextmanager
def chain(folder: Path, repeat_s: int = 600) -> Iterator[Chain]:
    """A device that walks, and a phone; all of it is gone afterwards."""
    with ExitStack() as held:
        phone = held.enter_context(closing(Phone()))
        broker = held.enter_context(mosquitto(folder))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            link_port = int(probe.getsockname()[1])
        config = settings(folder, phone, broker.port, link_port, repeat_s)
        ready = {
            name: held.enter_context(closing(Readiness(folder / f"{name}.sock")))
            for name in ("courier", "alerts")
        }
        recorder = held.enter_context(courier(config, ready["courier"].environment))
        walker = Walker(str(folder / "c.sock"))
        held.callback(walker.end)
        alerts = held.enter_context(closing(AlertsProcess(config, ready["alerts"].environment)))
        alerts.start()
        wait_for(lambda: walker.link.connected and not walker.unacknowledged)
        wait_for(lambda: _begun(folder / "state" / "alerts.sqlite"))
        yield Chain(phone, walker, {"courier": recorder, "alerts": alerts, "broker": broker}, ready)


def _begun(queue: Path) -> bool:
    """The process knows which event is the newest: the next one is its first."""
    try:
        with closing(read_only(queue)) as db:
            return db.execute("SELECT 1 FROM marks WHERE name = 'seen_n'").fetchone() is not None
    except OperationalError:
        return False


def load() -> float:
    return round(os.getloadavg()[0], 1)
