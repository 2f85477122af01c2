"""A day of recording, tick by tick, with a clock that is only counted: within its quota at every second, all readable.

REARGUARD_REPETITIONS=1000 makes it the whole 24 h at 200 Hz (half an hour of computing); without it a day is three
minutes long, with everything else as much smaller.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_py.core.frame import Frame
from firmware_py.core.state import save
from firmware_py.courier.recording.incidents import list_incidents
from firmware_py.courier.recording.segments import SEGMENT_NS
from firmware_py.traces.mcap_reader import read_mcap
from firmware_py.traces.mcap_writer import plain
from firmware_py.traces.replay import replay_file
from tests.proof.keep import keep
from tests.support.guard_tape import HELLO, WALL_NS, Guard, tape_in
from tests.traces.make import walk

SHORTER = 1 if int(os.environ.get("REARGUARD_REPETITIONS", "1")) >= 1000 else 480
DAY_S = 86_400 / SHORTER
STOP_EVERY_NS = (
    3600 * 1_000_000_000 // (1 if SHORTER == 1 else 60)
)  # a minute: 30 s before a stop, 10 s after it
QUOTA_MB = 400 if SHORTER == 1 else 2
RATE_HZ = 200


def with_stops(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Somebody presses the stop button for a tenth of a second in the middle of every hour."""
    for frame in frames:
        since_ns = (frame.t_ns - STOP_EVERY_NS // 2) % STOP_EVERY_NS
        yield frame._replace(stop_pressed=True) if since_ns < 100_000_000 else frame


def test_a_day_of_recording_keeps_its_quota_and_every_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment_ns = SEGMENT_NS // SHORTER
    monkeypatch.setattr("firmware_py.courier.recording.segments.SEGMENT_NS", segment_ns)
    guard = Guard(0.0, rearm=True, frames=with_stops(walk(DAY_S)))
    tape = tape_in(tmp_path, QUOTA_MB)
    folder = tmp_path / "recordings"
    read: dict[str, int] = {}
    largest_bytes = written_bytes = 0
    stops, was_running, pressed = 0, False, False
    started_s = time.process_time()
    tape.hello(HELLO)
    for n, (frame, decision) in enumerate(guard.ticks()):
        tape.tick(frame, decision, WALL_NS + frame.t_ns)
        for event in guard.finder.update(decision):
            tape.event(plain(event))
        if n == 0 or (frame.reset_pressed and not pressed and not decision.run):
            tape.monitor_state(save(guard.monitor))
        pressed = frame.reset_pressed
        stops += was_running and not decision.run
        was_running = decision.run
        if n % RATE_HZ == RATE_HZ - 1:
            tape.second((WALL_NS + frame.t_ns) / 1e9)
            sizes = {entry.path: entry.stat().st_size for entry in os.scandir(folder)}
            largest_bytes = max(largest_bytes, sum(sizes.values()))
            for whole in (Path(path) for path in sizes if path.endswith(".mcap")):
                if whole.name not in read:
                    read[whole.name] = sum(1 for _ in read_mcap(whole).frames)
                    written_bytes += sizes[str(whole)]
            if n % (RATE_HZ * 3600) == RATE_HZ * 3600 - 1:
                print(
                    f"{n / RATE_HZ / 3600:.0f} h, {largest_bytes / 1e6:.0f} MB", file=sys.stderr, flush=True
                )
    tape.close()
    took_s = time.process_time() - started_s
    for whole in folder.iterdir():
        read.setdefault(whole.name, sum(1 for _ in read_mcap(whole).frames))

    assert tape.segments.problem == tape.incidents.problem == "" and tape.segments.lost_frames == 0
    assert tape.shadow is not None and tape.shadow.exact
    assert largest_bytes <= QUOTA_MB * 1_000_000, largest_bytes
    assert largest_bytes > 0.9 * QUOTA_MB * 1_000_000, "the quota was never tried"
    assert list(read.values()) == [segment_ns * RATE_HZ // 1_000_000_000] * 144
    left = sorted(path.name for path in folder.iterdir())
    assert left == sorted(read)[-len(left) :], "the oldest go first"
    incidents = list_incidents(tmp_path / "incidents")
    assert len(incidents) == stops == DAY_S * 1e9 // STOP_EVERY_NS
    for facts in incidents:
        summary = replay_file(tmp_path / "incidents" / f"{facts['name']}.mcap")
        assert summary.notes == [] and len(summary.stops) == 1
    keep(
        {
            "hours": round(DAY_S / 3600, 2),
            "ticks": sum(read.values()),
            "files": len(read),
            "written_mb": round(written_bytes / 1e6),
            "quota_mb": QUOTA_MB,
            "largest_mb": round(largest_bytes / 1e6, 2),
            "files_left": len(left),
            "incidents": len(incidents),
            "stops": stops,
            "cpu_s": round(took_s),
        },
    )
