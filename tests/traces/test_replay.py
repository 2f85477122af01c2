"""Every shipped trace does what its row in README.md says, bit for bit the same each time."""

import csv
import io
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from firmware_py.config import Config
from firmware_py.core.frame import Cause, Decision, Frame, Phase
from firmware_py.core.monitor import Monitor
from firmware_py.traces.csv_trace import write_csv
from firmware_py.traces.replay import (
    REARM_AFTER_S,
    Hand,
    Summary,
    open_trace,
    prepare,
    replay_file,
    replay_frames,
    replay_trace,
    summarize,
)
from firmware_py.traces.trace import SUFFIXES, find_traces
from sensors.samples import ImuSample, RangeSample
from tests.traces.make import walk

TRACES = Path(__file__).parent
GOLDEN = TRACES.parent / "golden"


class Row(NamedTuple):
    """What must happen; the README says the same in words."""

    stop_s: tuple[float, float] | None  # not before and not after; None: never
    causes: tuple[str, ...] = ()
    before_m: float = 9.0  # from the console
    warned: bool = False


EXPECTED: dict[str, Row] = {
    "movingreality-keeps-to-mid-deck": Row(None),
    "movingreality-carried-off-the-rear": Row((60.0, 61.87), ("drift_rear", "standstill"), 0.98, warned=True),
    "rig-fall": Row((24.24, 24.84), ("fall", "stumble", "standstill"), 0.70),
    "rig-front": Row((24.24, 26.2), ("drift_front",), 0.40, warned=True),
    "rig-standstill": Row((24.24, 24.84), ("standstill", "drift_rear"), 0.70),
    "rig-unplug": Row((24.24, 24.30), ("imu",)),
}
LEARNED_BEFORE_S = 24.24


def name_of(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv")


SHIPPED = find_traces(TRACES)


def test_each_shipped_trace_has_an_expectation_and_a_row_in_the_readme() -> None:
    assert {name_of(path) for path in SHIPPED} == set(EXPECTED)
    readme = (TRACES / "README.md").read_text()
    assert all(path.name in readme for path in SHIPPED)
    assert sum(path.stat().st_size for path in SHIPPED) < 1_500_000


@pytest.fixture(scope="module", params=SHIPPED, ids=name_of)
def replayed(request: pytest.FixtureRequest) -> tuple[Path, list[tuple[Frame, Decision]], Summary]:
    path: Path = request.param
    trace = open_trace(path)
    steps = list(replay_trace(trace, *prepare(trace, None)))
    return path, steps, replay_file(path)


Replayed = tuple[Path, list[tuple[Frame, Decision]], Summary]


def test_it_arms_and_learns(replayed: Replayed) -> None:
    _, steps, summary = replayed
    assert summary.armed_t_s is not None and summary.armed_t_s < 5.0
    learned_ns = next(d.t_ns for _, d in steps if d.phase is Phase.GUARDING)
    assert learned_ns < LEARNED_BEFORE_S * 1e9


def test_it_stops_where_it_must_and_nowhere_else(replayed: Replayed) -> None:
    path, _, summary = replayed
    row = EXPECTED[name_of(path)]
    if row.stop_s is None:
        assert summary.stops == []
        return
    (stop,) = summary.stops
    assert row.stop_s[0] <= stop["t_s"] <= row.stop_s[1]
    assert stop["cause"] in row.causes
    assert stop["position_m"] < row.before_m
    if row.warned:
        assert any(row.stop_s[0] <= warning["t_s"] < stop["t_s"] for warning in summary.warnings)


def test_two_replays_are_bit_identical(replayed: Replayed) -> None:
    path, steps, summary = replayed
    again = replay_file(path)
    assert again == summary
    trace = open_trace(path)
    assert list(replay_trace(trace, *prepare(trace, None))) == steps


def test_the_decisions_are_the_golden_ones(replayed: Replayed, request: pytest.FixtureRequest) -> None:
    """A change of behaviour is a readable difference: `pytest --update-golden`, and say why in the same commit."""
    path, steps, _ = replayed
    text = "".join(changes(steps))
    golden = GOLDEN / f"{name_of(path)}.csv"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def changes(steps: list[tuple[Frame, Decision]]) -> Iterator[str]:
    """A row for each decision that says something else than the one before, the figures left out."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["t_s", "run", "cause", "rule", "warning", "phase", "position_m"])
    last: tuple[object, ...] | None = None
    for _, d in steps:
        words = (int(d.run), _word(d.cause), d.rule, _word(d.warning), d.phase.value)
        if words != last:
            last = words
            position = "" if d.position_m is None else f"{d.position_m:.2f}"
            rows.writerow([f"{d.t_ns / 1e9:.3f}", *words, position])
    yield out.getvalue()


def _word(cause: Cause | None) -> str:
    return cause.value if cause else ""


# -- the hand and the relay of a replay ------------------------------------------------------------------------


def stops_when_pressed(frames: Iterator[Frame], at_s: tuple[float, ...]) -> Iterator[Frame]:
    """The same frames with the stop button down for a moment at these times."""
    for frame in frames:
        down = any(0 <= frame.t_ns / 1e9 - s < 0.1 for s in at_s)
        yield frame._replace(stop_pressed=down)


def replay(frames: Iterator[Frame], hand: Hand | None) -> list[tuple[Frame, Decision]]:
    return list(replay_frames(frames, Monitor(Config().monitor_params(), 200.0), hand))


def runs(steps: list[tuple[Frame, Decision]]) -> list[float]:
    """When the belt started, in seconds."""
    found, was = [], False
    for _, decision in steps:
        if decision.run and not was:
            found.append(decision.t_ns / 1e9)
        was = decision.run
    return found


def test_the_button_is_pressed_as_soon_as_a_press_is_accepted_and_only_once() -> None:
    steps = replay(stops_when_pressed(walk(20.0), (10.0,)), Hand())
    accepted_s = next(d.t_ns for _, d in steps if d.refusal is None) / 1e9
    assert len(runs(steps)) == 1
    assert accepted_s + 0.2 <= runs(steps)[0] <= accepted_s + 0.25
    assert sum(a.reset_pressed < b.reset_pressed for (a, _), (b, _) in pairwise(steps)) == 1


def test_with_rearm_the_button_is_pressed_again_three_seconds_after_each_stop() -> None:
    steps = replay(stops_when_pressed(walk(20.0), (5.0, 12.0)), Hand(rearm=True))
    starts = runs(steps)
    assert len(starts) == 3
    assert starts[1] == pytest.approx(5.0 + REARM_AFTER_S + 0.2, abs=0.05)
    assert starts[2] == pytest.approx(12.0 + REARM_AFTER_S + 0.2, abs=0.05)


def test_a_press_that_was_refused_is_tried_again() -> None:
    steps = replay(stops_when_pressed(walk(10.0), (1.0, 1.15, 1.3, 2.0)), Hand())
    assert len(runs(steps)) == 1


def test_without_a_hand_nothing_starts() -> None:
    assert runs(replay(walk(5.0), None)) == []


def test_the_relay_of_a_replay_answers_with_the_decision_before() -> None:
    steps = replay(walk(5.0), Hand())
    assert [frame.feedback for frame, _ in steps] == [False] + [d.run for _, d in steps[:-1]]


def test_presses_in_the_trace_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "pressed.csv"
    write_csv(path, (f._replace(reset_pressed=4.0 <= f.t_ns / 1e9 < 4.3) for f in walk(6.0)))
    assert replay_file(path).armed_t_s == pytest.approx(4.3)


def test_without_distances_a_walker_in_mid_deck_is_put_in_place_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.csv"
    write_csv(path, (f._replace(belt=None) for f in walk(6.0)))
    text = path.read_text().splitlines()
    path.write_text("\n".join(",".join(line.split(",")[:7]) for line in text))
    trace = open_trace(path)
    config, monitor = prepare(
        trace, Config.model_validate({"range": {"zero_mm": 50}, "deck": {"length_mm": 1600}})
    )
    steps = list(replay_trace(trace, config, monitor))
    seen = [frame.belt.distance_m for frame, _ in steps if isinstance(frame.belt, RangeSample)]
    assert seen == [pytest.approx(0.85)] * 300
    assert steps[-1][1].position_m == pytest.approx(0.8)
    summary = replay_file(path)
    assert summary.armed_t_s is not None and "no distance_m" in summary.notes[0]


@pytest.mark.parametrize("section", ["front", "rear"])
def test_mid_deck_is_mid_deck_for_either_mount(tmp_path: Path, section: str) -> None:
    path = tmp_path / "nowhere.csv"
    write_csv(path, walk(3.0))
    trace = open_trace(path)
    trace.distance_recorded = False
    settings = Config.model_validate({"range": {"mount": section, "zero_mm": 50, "half_body_mm": 120}})
    steps = list(replay_trace(trace, *prepare(trace, settings)))
    assert steps[-1][1].position_m == pytest.approx(0.7)


def test_every_suffix_is_found_in_folders_in_name_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.mcap", "c.csv.gz", "d.mcap.part", "e.txt", "sub/f.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.name for p in find_traces(tmp_path)] == ["a.mcap", "b.csv", "c.csv.gz", "d.mcap.part", "f.csv"]
    assert len(SUFFIXES) == 4


# -- a recorded fall: only where the development data are -------------------------------------------------------

DATA = Path(os.environ.get("REARGUARD_DATA", TRACES.parents[1].parent / "shared" / "data"))


@pytest.mark.skipif(
    not (DATA / "sisfall" / "SA01.zip").exists(),
    reason="no recorded falls here: they may not be shipped; set REARGUARD_DATA to a folder with sisfall/SA01.zip",
)
def test_a_recorded_backward_slip_after_the_same_persons_walk_stops_before_the_impact(tmp_path: Path) -> None:
    from firmware_py.evaluation.datasets.table import DATASETS, people, read_person
    from firmware_py.evaluation.run.streams import walks_for, warm

    dataset = DATASETS["sisfall"]
    found, _ = people(dataset, [DATA / "sisfall" / "SA01.zip"])
    ((person, files),) = found.items()
    wanted = [file for file in files if Path(file.name).name.startswith(("D01", "D02", "F02"))]
    trials, _ = read_person(dataset, person, wanted)
    slip = min((t for t in trials if t.activity == "F02"), key=lambda t: t.name)
    stream = warm(slip, walks_for(slip, trials, dataset), dataset.mounting_varies)
    path = tmp_path / "slip.csv"
    rows = zip(stream.accel_m_s2.tolist(), stream.gyro_rad_s.tolist(), strict=True)
    frames = (
        Frame(t_ns, 0, ImuSample(t_ns, tuple(accel), tuple(gyro)), None, None, None, False)
        for t_ns, accel, gyro in ((n * 5_000_000, *row) for n, row in enumerate(rows))
    )
    write_csv(path, frames)
    trace = open_trace(path)
    trace.distance_recorded = False
    config, monitor = prepare(trace, None)
    summary = summarize(trace, replay_trace(trace, config, monitor))
    assert slip.impact_index is not None
    start_s, impact_s = stream.start / 200, (stream.start + slip.impact_index) / 200
    assert summary.armed_t_s is not None and summary.armed_t_s < 5.0
    (stop,) = summary.stops
    assert start_s < stop["t_s"] < impact_s
    assert stop["cause"] in ("fall", "stumble")


def test_a_trace_that_never_arms_reports_the_last_refusal_and_since_when(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    frames = [frame for frame in walk(12.0) if not 2e9 < frame.t_ns < 2.3e9]
    write_csv(path, (f._replace(belt=None) if f.t_ns > 0.1e9 else f for f in frames))
    summary = replay_file(path)
    assert summary.armed_t_s is None
    (note,) = [note for note in summary.notes if note.startswith("never armed")]
    assert "nothing was judged: refused since " in note and "cause range." in note


def test_a_trace_too_short_to_arm_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, walk(0.3))
    assert any("never armed" in note and "settling" in note for note in replay_file(path).notes)


def test_a_recorded_button_that_nobody_pressed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, (f._replace(reset_pressed=f.t_ns == 0) for f in walk(12.0)))
    assert any("the recorded button was not pressed" in note for note in replay_file(path).notes)


def test_a_trace_that_arms_is_not_accused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, walk(12.0))
    assert replay_file(path).notes == []
