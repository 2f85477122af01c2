"""The recording survives kills, full and stalled disks, and deletes only what it may."""

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from mcap.reader import make_reader

from firmware_py.core.frame import Decision, Frame
from firmware_py.core.state import save
from firmware_py.core.wire import pack_decision
from firmware_py.courier.ages import ages
from firmware_py.courier.recording import segments
from firmware_py.courier.recording.incidents import list_incidents
from firmware_py.courier.recording.recorder import ROOM, Recorder, Tape
from firmware_py.courier.recording.replica import Shadow
from firmware_py.courier.recording.segments import SEGMENT_NS, number_of, unused
from firmware_py.traces.mcap_reader import read_mcap
from firmware_py.traces.replay import replay_file
from sensors.advice import Failure
from tests.support.bad_disk import disk_full_after
from tests.support.guard_tape import HELLO, WALL_NS, Guard, tape_in

ROOT = Path(__file__).parents[3]


def recordings(folder: Path) -> list[Path]:
    return sorted((folder / "recordings").iterdir())


def test_a_walk_is_recorded_frame_by_frame_and_replays_exactly(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    decisions = Guard(20.0, (12.0,)).into(tape)
    tape.close()
    (path,) = recordings(tmp_path)
    assert path.name == "2025-10-09T08-53-20Z-n000001.mcap"
    summary = replay_file(path)
    assert summary.frames == len(decisions) == 4000
    assert summary.notes == [] and [s["cause"] for s in summary.stops] == ["stop_button"]
    trace = read_mcap(path)
    assert trace.config == HELLO["config"] and trace.version == HELLO["version"]


def test_a_file_holds_ten_minutes_and_each_replays_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_py.courier.recording.segments.SEGMENT_NS", SEGMENT_NS // 100)
    tape = tape_in(tmp_path)
    Guard(20.0, (15.0,)).into(tape)
    tape.close()
    paths = recordings(tmp_path)
    assert len(paths) == 4
    summaries = [replay_file(path) for path in paths]
    assert [s.frames for s in summaries] == [1200, 1200, 1200, 400]
    assert all(s.agrees for s in summaries)
    assert [len(s.stops) for s in summaries] == [0, 0, 1, 0]


def test_ticks_that_were_lost_on_the_link_are_known_to_be_lost(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(40.0, (35.0,)).into(tape, lose=range(1500, 1520))
    tape.close()
    assert tape.shadow is not None and not tape.shadow.exact
    (facts,) = list_incidents(tmp_path / "incidents")
    summary = replay_file(tmp_path / "incidents" / f"{facts['name']}.mcap")
    assert "other decisions than recorded, before frame" in summary.notes[0]


def test_a_courier_that_starts_in_mid_walk_records_what_replays_exactly(tmp_path: Path) -> None:
    guard, tape = Guard(20.0, (12.0,)), tape_in(tmp_path)
    for n, (frame, decision) in enumerate(guard.ticks()):
        if n == 1800:  # the walker is under way; as the loop does, the state comes in place of this tick
            assert decision.run
            tape.hello(HELLO)
            tape.monitor_state(json.loads(json.dumps(save(guard.monitor))))
        elif n > 1800:
            tape.tick(frame, decision, WALL_NS + frame.t_ns)
    tape.close()
    assert tape.shadow is not None and tape.shadow.exact
    (facts,) = list_incidents(tmp_path / "incidents")
    for path in (tmp_path / "incidents" / f"{facts['name']}.mcap", *recordings(tmp_path)):
        summary = replay_file(path)
        assert summary.notes == [] and [s["cause"] for s in summary.stops] == ["stop_button"]
        assert summary.frames == 2199


def test_the_shadow_follows_the_guard_to_the_last_bit() -> None:
    guard, shadow = Guard(10.0), Shadow(HELLO)
    for n, (frame, decision) in enumerate(guard.ticks()):
        shadow.step(frame, pack_decision(decision))
        if n == 50:
            shadow.take(save(guard.monitor))
    assert shadow.exact and shadow.state() == save(guard.monitor)


@pytest.mark.parametrize(
    "hello", [{}, {"config": {"deck": {"x": 1}}, "rate_hz": 200}, {"config": None, "rate_hz": 1}]
)
def test_a_guard_that_is_not_understood_is_still_recorded(tmp_path: Path, hello: dict[str, object]) -> None:
    shadow = Shadow(dict(hello))
    shadow.take({"a": 1})
    assert shadow.state() is None and not shadow.exact


def test_a_state_that_does_not_fit_is_not_believed() -> None:
    shadow = Shadow(HELLO)
    shadow.take({"_rule": ""})
    assert shadow.state() is None


# -- disks ---------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_said_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("in the way")
    tape = tape_in(tmp_path)
    ticks = Guard(20.0).ticks()
    tape.hello(HELLO)
    for frame, decision in itertools.islice(ticks, 1000):
        tape.tick(frame, decision, WALL_NS + frame.t_ns)
    assert "cannot write" in tape.segments.problem and tape.segments.lost_frames == 1000
    (tmp_path / "recordings").unlink()
    tape.second(WALL_NS / 1e9 + 5)
    for frame, decision in ticks:
        tape.tick(frame, decision, WALL_NS + frame.t_ns)
    tape.close()
    assert tape.segments.problem == ""
    (path,) = recordings(tmp_path)
    trace = read_mcap(path)
    assert sum(1 for _ in trace.frames) == 3000
    assert "1000 frames are missing before 5 s" in trace.notes[-1]


def test_a_disk_that_fills_up_costs_frames_and_says_how_many(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    ticks = Guard(20.0).ticks()
    tape.hello(HELLO)
    with disk_full_after(40_000):
        for n, (frame, decision) in enumerate(itertools.islice(ticks, 2000)):
            tape.tick(frame, decision, WALL_NS + frame.t_ns)
            if n % 200 == 199:
                tape.second(WALL_NS / 1e9 + n / 200)
        assert tape.segments.lost_frames > 0
        assert all(path.stat().st_size > 0 for path in recordings(tmp_path))
    tape.second(WALL_NS / 1e9 + 11)
    for frame, decision in ticks:
        tape.tick(frame, decision, WALL_NS + frame.t_ns)
    tape.close()
    kept, notes = 0, []
    for path in recordings(tmp_path):
        try:
            trace = read_mcap(path)
            kept += sum(1 for _ in trace.frames)
            notes += trace.notes
        except Failure as error:
            notes.append(str(error))
    assert tape.segments.problem == ""
    assert kept + tape.segments.lost_frames >= 4000
    assert kept >= 2000 and any("frames are missing" in note for note in notes)


def test_frames_of_a_chunk_that_never_became_whole_are_counted_as_lost(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    ticks = Guard(5.0).ticks()
    tape.hello(HELLO)

    def push(count: int) -> None:
        for frame, decision in itertools.islice(ticks, count):
            tape.tick(frame, decision, WALL_NS + frame.t_ns)

    push(100)
    tape.second(WALL_NS / 1e9)  # durable, all but the chunk under way
    (path,) = recordings(tmp_path)
    with disk_full_after(path.stat().st_size):
        push(300)
    kept = sum(1 for _ in read_mcap(path).frames)
    assert 0 < kept < 100
    assert kept + tape.segments.lost_frames >= 400
    tape.close()


def test_the_quota_deletes_the_oldest_recordings_and_never_an_incident(tmp_path: Path) -> None:
    for folder in ("recordings", "incidents"):
        (tmp_path / folder).mkdir()
        for n in range(6):
            path = tmp_path / folder / f"2020-01-0{n + 1}T00-00-00Z.mcap{'.part' if n == 2 else ''}"
            path.write_bytes(b"x" * 400_000)
            os.utime(path, (1000 + n, 1000 + n))
    tape = tape_in(tmp_path, quota_mb=1, keep_days=30)
    tape.second(2000.0)
    assert [p.name[:10] for p in recordings(tmp_path)] == ["2020-01-05", "2020-01-06"]
    assert len(list((tmp_path / "incidents").iterdir())) == 6


DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("times_d", "now_d", "believed_d"),
    [
        ([0, 1, 2], 3, [3, 2, 1]),
        ([0, 2, 3], 4, [4, 2, 1]),  # a rest of as long as is believed
        ([0, 2.1, 3], 4, [3.9, 1.9, 1]),  # a little longer
        ([0, 1, 3650], 3651, [4, 3, 1]),  # ten years ahead
        ([0, 1, 3650], 2, [1, 0, 0]),  # and back
        ([0, 1, 41], 2, [1, 0, 0]),  # a month ahead, and back
        ([0, 1, -40], 2, [1, 0, 2]),  # a month back, and right again
        ([], 5, []),
    ],
)
def test_ages_count_only_steps_that_can_be_believed(
    times_d: list[float], now_d: float, believed_d: list[float]
) -> None:
    found = ages([day * DAY_S for day in times_d], now_d * DAY_S)
    assert found == pytest.approx([day * DAY_S for day in believed_d])


@pytest.mark.parametrize("jump_d", [-3650, -400, -60, -31, -7, 7, 31, 45, 60, 400, 3650])
def test_a_clock_that_jumps_and_comes_back_deletes_nothing_by_age(tmp_path: Path, jump_d: float) -> None:
    """Recordings of the last 27 of 30 days; the clock is wrong for a day, a walk is recorded, then it is set right."""
    now_s = WALL_NS / 1e9
    folder = tmp_path / "recordings"
    folder.mkdir()

    def recorded(number: int, at_s: float) -> None:
        path = folder / f"2026-01-01T00-00-00Z-n{number:06d}.mcap"
        path.write_bytes(b"x" * 100)
        os.utime(path, (at_s, at_s))

    for n in range(27):
        recorded(n + 1, now_s - (27 - n) * DAY_S)
    tape = tape_in(tmp_path, quota_mb=1, keep_days=30)
    tape.second(now_s + jump_d * DAY_S)
    recorded(28, now_s + jump_d * DAY_S)
    tape.second(now_s + jump_d * DAY_S + 120)
    tape.second(now_s + 0.5 * DAY_S)
    recorded(29, now_s + 0.5 * DAY_S)
    tape.second(now_s + 0.5 * DAY_S + 120)
    assert len(recordings(tmp_path)) == 29


def test_recordings_of_a_device_that_is_used_daily_go_at_their_age(tmp_path: Path) -> None:
    tape, folder = tape_in(tmp_path, quota_mb=1, keep_days=30), tmp_path / "recordings"
    folder.mkdir()
    for day in range(40):
        path = folder / f"2026-01-01T00-00-00Z-n{day:06d}.mcap"
        path.write_bytes(b"x" * 100)
        os.utime(path, (day * DAY_S, day * DAY_S))
        tape.second(day * DAY_S + 1.0)
    assert [number_of(path) for path in recordings(tmp_path)] == list(range(10, 40))


def test_a_clock_ten_years_ahead_deletes_nothing_and_orders_nothing(tmp_path: Path) -> None:
    wall_s = WALL_NS / 1e9
    tape = tape_in(tmp_path, quota_mb=1, keep_days=30)
    for n, at_s in enumerate((wall_s, wall_s + 3650 * DAY_S, wall_s + 60.0)):
        tape.hello(HELLO)
        for frame, decision in Guard(1.0).ticks():
            tape.tick(frame, decision, int(at_s * 1e9) + frame.t_ns)
        tape.segments.close()
        (path,) = (p for p in recordings(tmp_path) if number_of(p) == n + 1)
        os.utime(path, (at_s, at_s))
        tape.second(at_s)
    assert sorted(number_of(p) for p in recordings(tmp_path)) == [1, 2, 3]
    for path in recordings(tmp_path):
        with path.open("ab") as file:
            file.truncate(400_000)
        os.utime(path, (path.stat().st_mtime,) * 2)
    tape.second(wall_s + 120)
    assert 3 in {number_of(p) for p in recordings(tmp_path)} and 1 not in {
        number_of(p) for p in recordings(tmp_path)
    }


def test_the_number_of_a_recording_goes_on_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "2035-01-01T00-00-00Z-n000041.mcap").touch()
    (tmp_path / "recordings" / "2035-01-01T00-00-00Z.mcap").touch()
    tape = tape_in(tmp_path)
    Guard(1.0).into(tape)
    tape.close()
    assert max(number_of(p) for p in recordings(tmp_path)) == 42


def test_on_a_full_disk_old_recordings_go_before_an_incident_waits(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    folder = tmp_path / "recordings"
    folder.mkdir()
    for n in range(3):
        (folder / f"2020-01-01T00-00-0{n}Z-n00000{n + 1}.mcap").write_bytes(b"x" * 1000)
    real, refused = tape.incidents._save, []

    def full_until_one_is_left(incident: object) -> None:
        if len(list(folder.glob("2020*"))) > 1:
            refused.append(incident)
            raise OSError(errno.ENOSPC, "full")
        real(incident)  # type: ignore[arg-type]

    tape.incidents._save = full_until_one_is_left  # type: ignore[method-assign]
    Guard(30.0, (15.0,)).into(tape)
    assert len(refused) == 2 and tape.incidents.problem == ""
    assert [number_of(p) for p in sorted(folder.glob("2020*"))] == [3]
    assert len(list_incidents(tmp_path / "incidents")) == 1
    tape.close()


def test_recordings_leave_room_for_incidents_and_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 10_001
    disk = lambda _: shutil._ntuple_diskusage(100_000, 0, free)  # noqa: E731
    monkeypatch.setattr(segments.shutil, "disk_usage", disk)
    tape = tape_in(tmp_path)
    for name in ("a-n000001.mcap", "b-n000002.mcap"):
        (tmp_path / "recordings").mkdir(exist_ok=True)
        (tmp_path / "recordings" / name).touch()
    ticks = Guard(10.0).ticks()
    tape.hello(HELLO)

    def second() -> list[str]:
        for frame, decision in itertools.islice(ticks, 100):
            tape.tick(frame, decision, WALL_NS + frame.t_ns)
        tape.second(WALL_NS / 1e9)
        return [p.name[:1] for p in recordings(tmp_path)]

    assert second() == ["2", "a", "b"] and not tape.segments.problem  # one byte more than a tenth
    free = 10_000
    assert second() == ["2", "b"]
    assert second() == ["2"] and not tape.segments.problem
    second()
    assert "kept for incidents" in tape.segments.problem
    free = 10_001
    tape.second(WALL_NS / 1e9)
    assert not tape.segments.problem
    tape.close()


def test_an_incident_that_is_lost_is_reported(tmp_path: Path) -> None:
    lost: list[str] = []
    tape = Tape(tmp_path, 100, 30, lost.append)
    with disk_full_after(0):
        Guard(30.0, (15.0,)).into(tape)
        tape.close()
    assert len(lost) == 1 and "stop_button" in lost[0] and "is lost" in lost[0]


def test_a_disk_that_hangs_at_the_end_names_the_incident_that_is_not_whole(tmp_path: Path) -> None:
    lost: list[str] = []
    recorder = Recorder(tmp_path, 100, 30, patience_s=0.2, on_lost=lost.append)
    hangs, go_on = threading.Event(), threading.Event()
    real = recorder._tape.incidents._save

    def slow(incident: object) -> None:
        real(incident)  # type: ignore[arg-type]
        hangs.set()
        go_on.wait(10)

    recorder._tape.incidents._save = slow  # type: ignore[method-assign]
    recorder.hello(HELLO)
    for frame, decision in Guard(14.0, (12.0,)).ticks():
        recorder.tick(frame, decision)
    assert hangs.wait(10)
    recorder.close()
    go_on.set()
    assert len(lost) == 1 and "stop_button" in lost[0]


def held_up(recorder: Recorder) -> threading.Event:
    """The recorder's thread waits in its disk until the event is set."""
    waits, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        waits.set()
        go_on.wait(30)

    recorder._put(hang)
    assert waits.wait(10)
    return go_on


def test_at_the_end_of_a_slow_disk_incidents_go_before_what_was_recorded(tmp_path: Path) -> None:
    lost: list[str] = []
    recorder = Recorder(tmp_path, 100, 30, patience_s=120, on_lost=lost.append)
    recorder.hello(HELLO)
    go_on = held_up(recorder)
    ticks = list(Guard(25.0, (20.0,)).ticks())
    for frame, decision in ticks:
        recorder.tick(frame, decision)
    recorder._tape.ending = True  # half of its patience is over
    go_on.set()
    recorder.close()
    (facts,) = list_incidents(tmp_path / "incidents")
    incident = list(read_mcap(tmp_path / "incidents" / f"{facts['name']}.mcap").frames)
    assert [frame for frame, _ in ticks] == incident
    assert not (tmp_path / "recordings").exists() and recorder.health()["lost_frames"] == len(ticks)
    assert lost == []


def test_what_was_left_out_at_the_end_is_a_gap_in_the_recording(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    tape.hello(HELLO)
    for n, (frame, decision) in enumerate(Guard(5.0).ticks()):
        tape.ending = n >= 600
        tape.tick(frame, decision, WALL_NS + frame.t_ns)
    tape.close()
    (path,) = recordings(tmp_path)
    found = read_mcap(path)
    assert len(list(found.frames)) == 600
    assert any("frames are missing" in note for note in found.notes), found.notes


def test_stops_that_the_disk_never_saw_are_reported(tmp_path: Path) -> None:
    lost: list[str] = []
    recorder = Recorder(tmp_path, 100, 30, patience_s=0.1, on_lost=lost.append)
    recorder.hello(HELLO)
    go_on = held_up(recorder)
    for frame, decision in Guard(30.0, (10.0, 20.0), rearm=True).ticks():
        recorder.tick(frame, decision)
    recorder.close()
    assert recorder._tape.ending
    go_on.set()
    recorder._thread.join(30)
    assert len(lost) == 1 and lost[0].startswith("2 stops before the end have no incident")


def test_a_clock_that_was_set_back_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").touch()
    (tmp_path / "a-2.mcap.part").touch()
    assert unused(tmp_path / "a.mcap.part").name == "a-3.mcap.part"
    tape = tape_in(tmp_path)
    for _ in range(3):
        Guard(1.0).into(tape)
    tape.close()
    assert len(recordings(tmp_path)) == 3


# -- the thread ----------------------------------------------------------------------------------------------


def test_nobody_waits_for_a_disk_that_stalls(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 100, 30, wall_ns=lambda: WALL_NS, patience_s=120)
    stalled, go_on = threading.Event(), threading.Event()

    class Stall(dict[str, object]):
        """An event that holds up its writer, as a disk does that hangs."""

        def get(self, *_: object) -> None:
            stalled.set()
            go_on.wait(10)

    recorder.hello(HELLO)
    recorder.event(Stall())
    assert stalled.wait(5)
    (first, decision), *_ = Guard(0.1).ticks()
    started_s = time.monotonic()
    for n in range(ROOM + 500):
        recorder.tick(first._replace(t_ns=n * 5_000_000), decision)
    assert time.monotonic() - started_s < 5.0  # a minute of ticks is taken at once
    go_on.set()
    recorder.close()
    assert recorder.health()["lost_frames"] == 500
    (path,) = recordings(tmp_path)
    assert sum(1 for _ in read_mcap(path).frames) == ROOM


def test_the_thread_records_what_it_is_given_and_goes_on_after_a_mistake(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 100, 30)
    recorder.hello(HELLO)
    for n, (frame, decision) in enumerate(Guard(15.0, (10.0,)).ticks()):
        recorder.tick(frame, decision)
        if n == 100:
            recorder.event({"nonsense": object()})
    recorder.lost()
    recorder.close()
    health = recorder.health()
    assert "unexpected mistake" in health["problem"] and health["incidents"] == 1
    (path,) = recordings(tmp_path)
    assert sum(1 for _ in read_mcap(path).frames) == 3000


KILLED = """
import sys
from pathlib import Path
from tests.support.bad_disk import disk_full_after
from tests.support.guard_tape import Guard, tape_in
tape = tape_in(Path(sys.argv[1]))
print("go", flush=True)
while True:
    Guard(30.0, (8.0, 20.0), rearm=True).into(tape)
"""


def test_a_kill_at_any_moment_leaves_every_file_readable(tmp_path: Path) -> None:
    seen = 0
    for n in range(4):
        folder = tmp_path / str(n)
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "go\n"
        wanted, deadline = ("*.mcap*", "incidents/*.mcap")[n % 2], time.monotonic() + 30
        while time.monotonic() < deadline and not any(folder.rglob(wanted)):
            time.sleep(0.01)  # waits for the child, not for time
        threading.Event().wait(0.07 * (n + 1))  # the moment of the kill is what varies
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for path in folder.rglob("*.mcap*"):
            if path.parent.name == "incidents" and path.suffix == ".part":
                continue  # not in place yet: the next write replaces it
            try:
                got = sum(1 for _ in read_mcap(path).frames)
            except Failure as error:
                assert path.suffix == ".part" and "no frames of ours" in str(error)
                continue
            assert got > 0
            seen += path.parent.name == "incidents"
            if path.parent.name == "incidents":
                assert len(replay_file(path).stops) >= 1 and replay_file(path).notes == []
    assert seen > 0


def wall_times(path: Path) -> dict[int, int]:
    """Own time -> wall time of every frame."""
    with path.open("rb") as file:
        return {m.publish_time: m.log_time for _, _, m in make_reader(file).iter_messages(["imu"])}


class LateTape(Tape):
    """Ticks arrive 0 to 31 ms after they happened; from `set_at_ns` on the wall clock is ahead by an hour."""

    set_at_ns = 2**62

    def tick(self, frame: Frame, decision: Decision, wall_ns: int) -> None:
        late_ns = (frame.t_ns // 5_000_000 * 7 % 32) * 1_000_000
        ahead_ns = 3_600_000_000_000 if frame.t_ns >= self.set_at_ns else 0
        super().tick(frame, decision, wall_ns + late_ns + ahead_ns)


def test_a_tick_has_the_same_wall_time_in_the_recording_and_in_the_incident(tmp_path: Path) -> None:
    tape = LateTape(tmp_path, 100, 30)
    Guard(30.0, (12.0,)).into(tape)
    tape.close()
    (recording,) = map(wall_times, (tmp_path / "recordings").glob("*.mcap"))
    (incident,) = map(wall_times, (tmp_path / "incidents").glob("*.mcap"))
    assert len(incident) > 4000
    assert incident.items() <= recording.items()
    assert len({wall_ns - t_ns for t_ns, wall_ns in recording.items()}) == 1


def test_a_guard_that_comes_back_in_the_same_boot_keeps_the_offset(tmp_path: Path) -> None:
    tape = LateTape(tmp_path, 100, 30)
    Guard(2.0).into(tape)
    Guard(2.0, start_ns=3_015_000_000).into(tape)
    tape.close()
    files = [wall_times(path) for path in sorted((tmp_path / "recordings").glob("*.mcap"))]
    assert len({wall_ns - t_ns for file in files for t_ns, wall_ns in file.items()}) == 1


def test_a_wall_clock_that_is_set_moves_what_is_recorded_from_then_on(tmp_path: Path) -> None:
    tape = LateTape(tmp_path, 100, 30)
    tape.set_at_ns = 10_000_000_000
    Guard(30.0, (12.0,)).into(tape)
    tape.close()
    (incident,) = map(wall_times, (tmp_path / "incidents").glob("*.mcap"))
    offset_ns = {wall_ns - t_ns for t_ns, wall_ns in incident.items()}
    assert len(offset_ns) == 1 and offset_ns.pop() >= WALL_NS + 3_600_000_000_000


def test_a_guard_that_goes_silent_is_dated_by_its_last_tick(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(12.0).into(tape)
    tape.lost(WALL_NS + 40_000_000_000)
    (facts,) = list_incidents(tmp_path / "incidents")
    (incident,) = map(wall_times, (tmp_path / "incidents").glob("*.mcap"))
    assert {wall_ns - t_ns for t_ns, wall_ns in incident.items()} == {WALL_NS}
    assert facts["time"].endswith(":31Z")
