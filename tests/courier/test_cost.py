"""What the courier costs while somebody walks and five people watch: under 15 % of one core and 65 MB, coach included.

REARGUARD_REPETITIONS=1000 watches for five minutes; without it ten seconds.
"""

import contextlib
import json
import os
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from firmware_py.core.frame import Cause
from tests.proof.keep import keep
from tests.support.broker import free_port
from tests.support.process import courier, guard, of_unit, toml, wait_for

pytestmark = pytest.mark.alone  # it looks at the clock: nothing else may run beside it

VIEWERS = 5
WATCHED_S = 300.0 if "REARGUARD_REPETITIONS" in os.environ else 10.0
MOST_MB, MOST_SHARE = 65.0, 0.15


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1000


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(port: int, counts: list[int], number: int) -> None:
    """One viewer: takes what the stream brings."""
    with socket.create_connection(("127.0.0.1", port), 10) as viewer, contextlib.suppress(OSError):
        viewer.sendall(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while data := viewer.recv(1 << 16):
            counts[number] += data.count(b"event: view")


def event(port: int, wanted: str) -> str:
    """The next data of this kind that a page gets."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/stream", timeout=10) as stream:
        while f"event: {wanted}" not in stream.readline().decode():
            pass
        return stream.readline().decode().removeprefix("data: ")


def test_five_viewers_cost_little(tmp_path: Path) -> None:
    port, counts = free_port(), [0] * VIEWERS
    (tmp_path / "state" / "programmes").mkdir(parents=True)
    (tmp_path / "state" / "programmes" / "anna.toml").touch()  # with a plan the coach follows the walk
    with courier(toml(tmp_path, port=port), of_unit("courier")) as process, guard(tmp_path) as talking:
        talking.stopped = True  # an even walk
        assert process.process is not None
        pid = process.process.pid
        wait_for(lambda: talking.link.connected)
        time.sleep(1.0)
        for number in range(VIEWERS):
            threading.Thread(target=watch, args=(port, counts, number), daemon=True).start()
        wait_for(lambda: all(counts))
        before_s, began_s, seen = cpu_s(pid), time.monotonic(), sum(counts)
        time.sleep(WATCHED_S)
        watched_s = time.monotonic() - began_s
        share, updates = (cpu_s(pid) - before_s) / watched_s, (sum(counts) - seen) / VIEWERS / watched_s
        watching_mb = resident_mb(pid)
        coached = json.loads(event(port, "coach"))
        talking.force = Cause.FALL  # and somebody reads the report of a stop
        incidents = f"http://127.0.0.1:{port}/api/incidents"
        wait_for(lambda: json.load(urllib.request.urlopen(incidents, timeout=10)), step_s=0.3)
        (incident,) = json.load(urllib.request.urlopen(incidents, timeout=10))
        report = urllib.request.urlopen(f"http://127.0.0.1:{port}/incidents/{incident['name']}", timeout=60)
        assert b"Loss of balance" in report.read()
        with_report_mb = resident_mb(pid)
    row = {
        "viewers": VIEWERS,
        "seconds": round(watched_s),
        "updates_per_s": round(updates, 1),
        "share_of_a_core": round(share, 3),
        "resident_mb": round(watching_mb, 1),
        "after_a_report_mb": round(with_report_mb, 1),
    }
    print(row, file=sys.stderr)
    keep(row)
    assert share < MOST_SHARE and max(watching_mb, with_report_mb) < MOST_MB, row
    assert coached["walker"] == "anna" and coached["stage"] in ("set", "pause"), coached
    assert updates > 5, "a busy computer may slow them, not stop them"
