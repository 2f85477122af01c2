"""Owns the comparison of our loop with cyclictest, the measure of the kernel's own developers, in turn on one machine.

Same priority, same 5 ms grid; idle, then under load of processor, disk, network, and a courier with five viewers.
Must never run both at once: they would measure each other.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from firmware_py.config import load
from firmware_py.rig.harness.processes import process
from sensors.advice import HardwareError

VIEWERS = 5
HISTOGRAM_US = 20_000
POINTS = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}

# Each is a program of its own, at normal priority: what else a Pi may be doing.
BUSY = "while True: pass"
DISK = """
import os, sys
while True:
    with open(sys.argv[1], "wb") as out:
        for _ in range(16):
            out.write(bytes(1 << 20)); out.flush(); os.fsync(out.fileno())
"""
NETWORK = """
import socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); here.bind(("127.0.0.1", 0))
there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    there.sendto(bytes(1400), here.getsockname()); here.recv(2000)
"""
VIEWER = """
import sys, urllib.request
while True:
    try:
        for line in urllib.request.urlopen(sys.argv[1]): pass
    except OSError: pass
"""


def cyclictest_us(seconds: float, rate_hz: int, priority: int) -> list[int]:
    """Lateness of each of cyclictest's wakes. Raises HardwareError when it is not installed or refuses."""
    program = shutil.which("cyclictest") or shutil.which("cyclictest", path="/usr/sbin:/sbin")
    if program is None:
        raise HardwareError(
            "bench: no cyclictest here. It comes with rt-tests: run `sudo apt install rt-tests`."
        )
    done = subprocess.run(
        [program, "--mlockall", "--quiet", f"--priority={priority}", f"--interval={1_000_000 // rate_hz}",
         f"--loops={int(seconds * rate_hz)}", "--threads=1", f"--histogram={HISTOGRAM_US}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise HardwareError(
            f"bench: cyclictest refuses ({done.stderr.strip()}). Usually it needs root: use sudo."
        )
    return _histogram(done.stdout)


def _histogram(text: str) -> list[int]:
    late_us = []
    for us, count in re.findall(r"^(\d+)\s+(\d+)$", text, re.MULTILINE):
        late_us += [int(us)] * int(count)
    beyond = re.search(r"Histogram Overflows: (\d+)", text)
    longest = re.search(r"Max Latencies: (\d+)", text)
    return late_us + [int(longest[1]) if longest else HISTOGRAM_US] * (int(beyond[1]) if beyond else 0)


@contextmanager
def load_on(config_file: Path, room: Path) -> Iterator[None]:
    """The load, for as long as the `with` lasts."""
    page = f"http://127.0.0.1:{load(config_file).page.port}/api/stream"
    programs = (
        [[BUSY]] * (os.cpu_count() or 1)
        + [[DISK, str(room / "disk")], [NETWORK]]
        + [[VIEWER, page]] * VIEWERS
    )
    with ExitStack() as held:
        held.enter_context(process(room / "courier.log", "firmware_py", "courier", "--config", config_file))
        for program in programs:
            it = held.enter_context(subprocess.Popen([sys.executable, "-c", *program]))
            held.callback(it.terminate)
        yield


def compare(
    ours_us: Callable[[], list[float]], seconds: float, config_file: Path, room: Path
) -> dict[str, dict[str, dict[str, float]]]:
    """Idle and under load: cyclictest, ours, and the ratio of each point."""
    loop = load(config_file).loop
    rows = {}
    for name in ("idle", "load"):
        with ExitStack() as held:
            if name == "load":
                held.enter_context(load_on(config_file, room))
            theirs = points([float(us) for us in cyclictest_us(seconds, loop.rate_hz, loop.priority)], POINTS)
            ours = points(ours_us(), POINTS)
        ratio = {point: round(ours[point] / max(theirs[point], 1.0), 2) for point in POINTS}
        rows[name] = {"cyclictest_us": theirs, "guard_us": ours, "ratio": ratio}
    return rows


def points(values: Sequence[float], shares: dict[str, float]) -> dict[str, float]:
    """The value that each share of all values lies below; of 1.0 the greatest."""
    ordered = sorted(values)
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in shares.items()}
