"""An incident holds the 30 s before a stop and the 10 s after it, and replays to the very same decisions."""

import json
from pathlib import Path

import pytest

from firmware_py.courier.recording.incidents import list_incidents
from firmware_py.traces.mcap_reader import read_mcap
from firmware_py.traces.replay import replay_file
from tests.support.bad_disk import disk_full_after
from tests.support.guard_tape import HELLO, WALL_NS, Guard, tape_in


def incidents(folder: Path) -> list[Path]:
    return sorted((folder / "incidents").glob("*.mcap"))


def test_a_stop_in_mid_run_becomes_a_file_that_replays_bit_for_bit(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    decisions = Guard(80.0, (60.0,)).into(tape)
    tape.close()
    (path,) = incidents(tmp_path)
    trace = read_mcap(path)
    frames = list(trace.frames)
    assert trace.state is not None
    assert 30.0 <= 60.0 - frames[0].t_ns / 1e9 <= 36.0
    assert frames[-1].t_ns / 1e9 == pytest.approx(70.0, abs=0.02)
    summary = replay_file(path)
    assert summary.notes == []
    (stop,) = summary.stops
    live = next(d for d in decisions if d.cause is not None and d.t_ns > 5e9)
    assert stop["t_s"] == live.t_ns / 1e9 and stop["cause"] == "stop_button"
    assert summary.decisions_sha256 == trace.checkpoints[len(frames)]


def test_its_facts_are_beside_it(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(30.0, (15.0,)).into(tape)
    tape.close()
    (facts,) = list_incidents(tmp_path / "incidents")
    assert facts["name"] == "2025-10-09T08-53-35Z-stop_button" and facts["time"] == "2025-10-09T08:53:35Z"
    assert facts["title"] == "Stop pressed" and facts["rule"] == "stop_button"
    assert facts["boot_id"] == "b007" and facts["config_hash"] == HELLO["config_hash"]


def test_it_is_on_disk_at_the_stop_already(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    tape.hello(HELLO)
    was = False
    for frame, decision in Guard(20.0, (12.0,)).ticks():
        tape.tick(frame, decision, WALL_NS + frame.t_ns)
        if was and not decision.run:
            break
        was = decision.run
    (path,) = incidents(tmp_path)
    assert list(read_mcap(path).frames)[-1].t_ns == pytest.approx(12e9, abs=1e7)
    tape.close()


def test_two_stops_within_ten_seconds_share_a_file_and_later_ones_have_their_own(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(50.0, (12.0, 20.0, 40.0), rearm=True).into(tape)
    tape.close()
    first, second = incidents(tmp_path)
    assert [s["t_s"] for s in replay_file(first).stops] == pytest.approx([12.0, 20.0], abs=0.01)
    assert replay_file(second).stops[-1]["t_s"] == pytest.approx(40.0, abs=0.01)
    assert tape.incidents.count == 2


def test_stops_without_end_do_not_make_a_file_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_py.courier.recording.incidents.MOST_NS", 30_000_000_000)
    tape = tape_in(tmp_path)
    Guard(50.0, (12.0, 20.0, 28.0, 36.0, 44.0), rearm=True).into(tape)
    tape.close()
    first, *more = incidents(tmp_path)
    assert replay_file(first).duration_s == pytest.approx(30.0, abs=0.1) and more


def test_figures_that_are_not_finite_and_events_that_are_none_do_no_harm(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    tape.hello(HELLO)
    for n, (frame, decision) in enumerate(Guard(20.0, (12.0,)).ticks()):
        if n == 100:
            tape.event({"kind": "warning", "t_ns": frame.t_ns, "value": float("nan"), "limit": float("inf")})
            with pytest.raises(ValueError, match="no valid time"):
                tape.event({"kind": "warning"})
        stopped = not decision.run and n > 2000
        tape.tick(frame, decision._replace(value=float("nan")) if stopped else decision, WALL_NS + frame.t_ns)
    tape.close()
    (path,) = incidents(tmp_path)
    assert len(list(read_mcap(path).frames)) == 4000
    (facts,) = list_incidents(tmp_path / "incidents")
    assert facts["value"] is None


def test_the_guard_that_falls_silent_while_the_belt_runs_is_an_incident(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(20.0).into(tape)
    tape.lost(WALL_NS + 20_000_000_000)
    (facts,) = list_incidents(tmp_path / "incidents")
    assert facts["cause"] == "guard_lost"
    assert replay_file(incidents(tmp_path)[0]).stops == []


def test_the_guard_that_leaves_while_stopped_is_none(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(20.0, (12.0,)).into(tape)
    tape.lost(WALL_NS)
    assert len(incidents(tmp_path)) == 1


def test_a_full_disk_delays_an_incident_and_loses_nothing(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    with disk_full_after(30_000):
        Guard(40.0, (25.0,)).into(tape)
        assert incidents(tmp_path) == []
        assert "kept in memory" in tape.incidents.problem
    tape.second(WALL_NS / 1e9 + 100)
    (path,) = incidents(tmp_path)
    summary = replay_file(path)
    assert summary.notes == [] and len(summary.stops) == 1
    assert tape.incidents.problem == ""


def test_facts_lost_in_a_power_cut_do_not_hide_the_incident(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(30.0, (15.0,)).into(tape)
    tape.close()
    (path,) = incidents(tmp_path)
    for damaged in (b"", b"\0\0\0", b"[1"):
        path.with_suffix(".json").write_bytes(damaged)
        (facts,) = list_incidents(tmp_path / "incidents")
        assert facts["name"] == path.stem and facts["title"] == "stop_button"
        assert facts["time"] == "2025-10-09T08:53:35Z"
    assert json.dumps(facts)


def test_the_power_on_state_alone_makes_no_incident(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    tape.hello(HELLO)
    for frame, decision in Guard(2.0).ticks():
        tape.tick(frame._replace(t_ns=frame.t_ns), decision._replace(run=False), WALL_NS)
    tape.close()
    assert incidents(tmp_path) == []
