"""The real process, killed again and again while falls happen: none is lost, none comes twice without a word."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from firmware_py.courier.events.database import Outbox
from firmware_py.courier.events.envelope import Stamp, build

KILLS = int(os.environ.get("REARGUARD_REPETITIONS", "5"))
STAMP = Stamp("deck-7", "guard", "boot", "cfg", "1")


class Phone(ThreadingHTTPServer):
    """A phone that notes what it gets and when."""

    daemon_threads = True

    def __init__(self) -> None:
        self.got: list[tuple[float, dict[str, object]]] = []
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                phone.got.append((time.time(), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def phone() -> Iterator[Phone]:
    it = Phone()
    thread = threading.Thread(target=it.serve_forever, args=(0.01,))
    thread.start()
    yield it
    it.shutdown()
    thread.join()
    it.server_close()


def start(config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "firmware_py", "alerts", "run", "--config", str(config)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def fall(outbox: Outbox, seq: int) -> str:
    made = build(STAMP, seq, "stopped", time.time(), 0, {"cause": "fall"})
    with outbox.transaction():
        outbox.keep([made])
    return made.id


def wait_until_begun(queue: Path) -> None:
    """Until the process knows which event is the newest: the next one is its first."""
    deadline_s = time.monotonic() + 60.0
    while time.monotonic() < deadline_s:
        if queue.exists():
            with closing(sqlite3.connect(queue)) as db, suppress(sqlite3.OperationalError):
                if db.execute("SELECT 1 FROM marks WHERE name = 'seen_n'").fetchone():
                    return
        time.sleep(0.05)
    raise AssertionError("the alerts process has not begun")


def wait_for(phone: Phone, ids: set[str], within_s: float) -> None:
    deadline_s = time.monotonic() + within_s
    while ids - {str(body["event_id"]) for _, body in phone.got} and time.monotonic() < deadline_s:
        time.sleep(0.02)


def test_no_kill_loses_a_fall_or_sends_one_twice_unmarked(tmp_path: Path, phone: Phone) -> None:
    (tmp_path / "alerts.toml").write_text(
        f'[[to]]\nname = "phone"\nchannel = "webhook"\naddress = "http://127.0.0.1:{phone.server_port}/"\n'
    )
    config = tmp_path / "config.toml"
    config.write_text(
        f'[courier]\nstate_dir = "{tmp_path}"\n\n[alerts]\nenabled = true\npeople_file = "{tmp_path}/alerts.toml"\n'
        "repeat_s = 600\n"
    )
    outbox = Outbox(tmp_path / "events.sqlite")
    fall(outbox, 0)  # before the first start: nobody's alert
    chance = Random(7)
    process = start(config)
    ids: set[str] = set()
    try:
        wait_until_begun(tmp_path / "alerts.sqlite")
        for n in range(KILLS):
            ids.add(fall(outbox, 10 + 2 * n))
            time.sleep(chance.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.wait()
            ids.add(fall(outbox, 11 + 2 * n))
            process = start(config)
            wait_for(phone, ids, 30.0)
    finally:
        process.kill()
        process.wait()
        outbox.close()
    known = [body for _, body in phone.got if body["event_id"] in ids]
    assert {str(body["event_id"]) for body in known} == ids
    unmarked = Counter(str(body["event_id"]) for body in known if not body["again"])
    assert max(unmarked.values()) == 1
