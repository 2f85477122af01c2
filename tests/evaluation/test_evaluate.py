"""The whole way from a folder of files to the table, the JSON lines and the page."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.config import Config
from firmware_py.core.body.fall import BalanceParams, figures
from firmware_py.core.frame import Cause
from firmware_py.core.monitor import MonitorParams
from firmware_py.evaluation.command import DatasetName
from firmware_py.evaluation.datasets.table import DATASETS, people
from firmware_py.evaluation.datasets.trials import Kind
from firmware_py.evaluation.results import curves
from firmware_py.evaluation.run import subject
from firmware_py.evaluation.run.campaign import run_job, run_jobs
from firmware_py.evaluation.run.job import COLD, OURS, WARM, Job
from firmware_py.evaluation.run.replay import Replayer, Stop
from firmware_py.evaluation.run.score import Outcome, Score
from firmware_py.evaluation.run.side_by_side import Setting
from firmware_py.evaluation.run.streams import SPLICES
from tests.support import people as made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One made-up SisFall person: two walks, a backward slip twice, one broken file."""
    path = tmp_path_factory.mktemp("sisfall")
    for code, seconds, cadence_hz in (("D01", 24.0, 1.6), ("D02", 24.0, 2.0)):
        (path / f"{code}_SA01_R01.txt").write_bytes(made.sisfall_text(*made.walk(seconds, 200.0, cadence_hz)))
    for number in (1, 3):
        (path / f"F02_SA01_R0{number}.txt").write_bytes(made.sisfall_text(*made.backward_fall(200.0)))
    (path / "F02_SA01_R02.txt").write_bytes(b"broken\n")
    return path


def job(folder: Path, **changes: object) -> Job:
    by_person, _ = people(DATASETS["sisfall"], [folder])
    plain = Job("sisfall", "SA01", tuple(by_person["SA01"]), Config().monitor_params())
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scores(folder: Path) -> list[Score]:
    return run_job(job(folder, peer_scale=1.0)).scores


def one(scores: list[Score], trial: str, protocol: str, detector: str = OURS) -> Score:
    (found,) = [s for s in scores if (s.trial, s.protocol, s.detector) == (trial, protocol, detector)]
    return found


def test_a_plain_backward_fall_is_stopped_before_the_impact_cold_and_warm(scores: list[Score]) -> None:
    for protocol in (COLD, WARM):
        score = one(scores, "F02_SA01_R01", protocol)
        assert score.outcome is Outcome.STOPPED
        assert score.lead_s is not None
        assert 0.1 < score.lead_s < made.FALL_S
        assert score.impact_s == pytest.approx(made.IMPACT_S)
        assert score.rule


def test_plain_walks_and_their_reversed_copies_are_left_alone(scores: list[Score]) -> None:
    walks = [s for s in scores if s.kind is Kind.WALK and s.detector == OURS]
    assert sorted({s.trial for s in walks}) == [
        f"D0{n}_SA01_R01{tail}" for n in (1, 2) for tail in ("", " reversed")
    ]
    assert all(not s.false_stops for s in walks)
    assert all(s.armed_s > 20 for s in walks)


def test_warm_means_armed_when_the_trial_begins(scores: list[Score]) -> None:
    walk = one(scores, "D01_SA01_R01", WARM)
    assert walk.armed_s == pytest.approx(walk.duration_s)


def test_peers_see_the_same_trials_on_the_same_armed_time(scores: list[Score]) -> None:
    detectors = {s.detector for s in scores}
    assert len(detectors) == 5
    for protocol in (COLD, WARM):
        armed = {one(scores, "D01_SA01_R01", protocol, name).armed_s for name in detectors}
        assert max(armed) - min(armed) < 0.01


def test_a_broken_recording_is_named_and_the_rest_goes_on(folder: Path) -> None:
    (problem,) = run_job(job(folder, protocols=("cold",))).problems
    assert "F02_SA01_R02.txt" in problem


def test_a_warmed_up_walker_who_was_copied_judges_like_one_who_walked(scores: list[Score]) -> None:
    walked = one(scores, "F02_SA01_R01", WARM)
    copied = one(scores, "F02_SA01_R03", WARM)  # the same recording, after the walker was kept and copied
    assert replace(copied, trial=walked.trial) == walked


def test_two_processes_give_what_one_gives_in_the_same_order(folder: Path) -> None:
    jobs = [
        job(folder, protocols=("cold",), label=label, kinds=(Kind.FALL_WALKING,)) for label in ("a", "b", "c")
    ]
    done: list[str] = []
    alone = run_jobs(jobs, 1, lambda j: done.append(j.label))
    together = run_jobs(jobs, 2, lambda j: done.append(j.label))
    assert alone.scores == together.scores
    assert [s.variant for s in alone.scores] == list("aabbcc")
    assert sorted(done) == ["a", "a", "b", "b", "c", "c"]


def test_a_miss_is_shown_around_its_impact(folder: Path) -> None:
    blind = MonitorParams(balance=BalanceParams(hold_s=1e9, lean_s=1e9))
    shown, again = run_job(
        job(folder, protocols=("cold",), params=blind, excerpts=True, kinds=(Kind.FALL_WALKING,))
    ).excerpts
    assert again.t_s == shown.t_s
    assert shown.score.outcome in (Outcome.MISSED, Outcome.LATE)
    assert shown.t_s[0] == pytest.approx(3.0, abs=0.02)
    assert shown.t_s[-1] == pytest.approx(7.0, abs=0.02)
    assert max(shown.accel_g) > 4
    assert len(shown.t_s) == len(shown.down_m_s) == len(shown.limit_m_s) == len(shown.tilt_deg)


def alone(together: Job, setting: Setting) -> Job:
    """This setting with a monitor of its own."""
    return replace(
        together,
        settings=(),
        label=setting.label,
        params=replace(together.params, balance=setting.balance),
        peer_scale=setting.peer_scale,
    )


def levels(together: Job, *scales: float) -> tuple[Setting, ...]:
    """All trip levels scaled; the first with the peers beside it."""
    return tuple(
        Setting(
            f"x{scale:g}",
            curves.scaled(together.params, curves.ALL, scale).balance,
            scale if scale == scales[0] else None,
        )
        for scale in scales
    )


def test_settings_side_by_side_are_scored_as_each_with_a_monitor_of_its_own(folder: Path) -> None:
    plain = job(folder)
    together = replace(plain, settings=levels(plain, 1.0, 0.02, 0.1, 4.0))
    by_label: dict[str, list[Score]] = {}
    for score in run_job(together).scores:
        by_label.setdefault(score.variant, []).append(score)
    for setting in together.settings:
        assert by_label[setting.label] == run_job(alone(together, setting)).scores
    assert len({s.detector for s in by_label["x1"]}) == 5
    falls = {
        name: [(s.outcome, s.lead_s) for s in own if s.outcome and s.detector == OURS]
        for name, own in by_label.items()
    }
    assert falls["x1"] != falls["x4"], "else nothing was compared"
    stopped_walks = {n for n, own in by_label.items() for s in own if s.kind is Kind.WALK and s.false_stops}
    assert stopped_walks == {"x0.02", "x0.1"}


@pytest.mark.parametrize(("later", "believed"), [(-1, False), (0, True), (1, True)])
def test_a_stop_before_the_belt_ran_is_left_to_a_monitor_of_its_own(
    later: int, believed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accel, gyro = (rows[800:] for rows in made.backward_fall(200.0))
    (tmp_path / "F02_SA01_R01.txt").write_bytes(made.sisfall_text(accel, gyro))
    plain = job(tmp_path, protocols=("cold",))
    together = replace(plain, settings=levels(plain, 4.0, 1.0))

    def soon(replayer: Replayer) -> list[Stop | None]:
        return [Stop(replayer.armed_intervals()[0][0] + later, Cause.FALL, "made up", 1.0, 0.5)] * 2

    monkeypatch.setattr(subject, "first_stops", soon)
    said = [s for s in run_job(together).scores if s.detector == OURS]
    assert [s.rule == "made up" for s in said] == [believed] * 2


def test_each_point_of_a_curve_is_filed_under_its_setting(folder: Path) -> None:
    names = curves.thresholds()
    assert names
    (plan,) = curves.plan([job(folder)])
    assert {s.label.rpartition(" x ")[0] for s in plan.settings} == {curves.ALL, *names}
    two = tuple(s for s in plan.settings if s.label in (f"{curves.ALL} x 1", f"{names[0]} x 0.8"))
    points = curves.collect(run_job(replace(plan, settings=two)))
    assert [p.scale for p in points[names[0]]] == [0.8, 1.0]
    assert {p.setting for p in points[names[0]]} == {names[0]}
    assert {p.detector for p in points[curves.ALL]} > {OURS}
    falls = points[names[0]][1].falls
    assert falls is not None
    assert falls.stopped == 2
    assert points[names[0]][1].others is None, "there are none in this folder"


@pytest.mark.parametrize("name", curves.thresholds())
def test_a_figure_is_scaled_by_itself_and_a_row_of_the_tables_by_its_weight(name: str) -> None:
    before, after = (figures(p.balance) for p in (MonitorParams(), curves.scaled(MonitorParams(), name, 2.0)))
    assert after == before | {name: 2.0 * before[name]}


def test_all_levels_at_once_leave_the_tables_alone() -> None:
    before, after = MonitorParams().balance, curves.scaled(MonitorParams(), curves.ALL, 2.0).balance
    assert (after.explains, after.evidence) == (before.explains, before.evidence)
    changed = {n for n, value in figures(before).items() if figures(after)[n] != value}
    assert changed == {"base_m_s", "floor_m_s", "sunk_m", "lean_rad"}


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(build(["evaluate"]), ["evaluate", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_json_is_one_object_a_line_and_nothing_else(folder: Path) -> None:
    code, out, err = run("sisfall", str(folder), "--json", "--trials", "--peers", "--jobs", "1")
    assert code == 0
    records = [json.loads(line) for line in out.splitlines()]
    assert {r["record"] for r in records} == {"summary", "activity", "person", "trial", "skipped"}
    falls = next(r for r in records if r["record"] == "summary" and r["group"] == "falls while walking")
    assert falls["stopped_percent"] == 100
    assert falls["lead_median_ms"] > 100
    assert "1 recordings skipped" in err


def test_the_table_and_the_page_show_every_detector(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    code, out, _ = run(
        "sisfall", str(folder), "--peers", "--jobs", "1", "--html", str(page), "--protocol", "warm"
    )
    assert code == 0
    text = page.read_text()
    for name in (OURS, "Ahn 2019", "Sabatini 2015", "backward slips"):
        assert name in out
        assert name in text
    assert not re.search(r"https?://|<script|@import|url\((?!#)", text)
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) >= 2
    for drawing in drawings:
        ElementTree.fromstring(drawing)


def test_every_form_of_output_shows_the_figures_of_the_curves(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curves, "_ALL_SCALES", (1.0, 2.0))
    monkeypatch.setattr(curves, "_ONE_SCALES", (0.8,))
    monkeypatch.setattr(curves, "thresholds", lambda: ["floor_m_s"])
    asked = ("sisfall", str(folder), "--jobs", "1", "--protocol", "warm", "--curves")
    code, out, _ = run(*asked, "--json")
    assert code == 0
    points = [r for r in map(json.loads, out.splitlines()) if r["record"] == "curve"]
    ours = [p for p in points if p["detector"] == OURS]
    assert [(p["setting"], p["scale"]) for p in ours] == [
        (curves.ALL, 1.0),
        (curves.ALL, 2.0),
        ("floor_m_s", 0.8),
        ("floor_m_s", 1.0),
    ]
    assert {(p["falls"], p["stopped_before_impact"], p["stopped_too_early"]) for p in ours} == {(2, 2, 0)}
    assert {(p["walks_false_stops"], p["others"], p["others_stopped"]) for p in ours} == {(0, None, None)}
    assert ours[0]["lead_median_ms"] > ours[1]["lead_median_ms"] > 0
    assert len(points) == 2 * 5 + 2

    page = tmp_path / "report.html"
    code, out, _ = run(*asked, "--html", str(page))
    assert code == 0
    table = [line.split() for line in out[out.index("One setting scaled") :].splitlines()]
    assert table[2] == [
        "setting",
        "detector",
        "x",
        "stopped",
        "lead",
        "ms",
        "p5",
        "too",
        "early",
        "walks",
        "hours",
    ]
    assert ["floor_m_s", OURS, "0.8", "2", "of", "2"] in [line[:6] for line in table]
    drawn = re.findall(r"<svg[^>]*>.*?</svg>", page.read_text(), re.DOTALL)
    titles = [ElementTree.fromstring(d).get("aria-label") for d in drawn]
    assert {"median lead (ms)", "floor_m_s"} <= set(titles)
    assert "leaves walking stopped (%)" not in titles, "there are none in this folder"


def test_rough_splices_are_scored_beside_the_gentle_one(folder: Path) -> None:
    code, out, _ = run(
        "sisfall", str(folder), "--jobs", "1", "--splice", "all", "--protocol", "warm", "--json"
    )
    assert code == 0
    summary = [r for r in map(json.loads, out.splitlines()) if r["record"] == "summary"]
    falls = {r["variant"]: r["stopped_percent"] for r in summary if r["group"] == "falls while walking"}
    assert falls == {"": 100} | {f"splice: {name}": 100 for name in SPLICES}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("sisfall", "EMPTY"), 1, "no sisfall recording"),
        (("sisfall", "BROKEN"), 1, "no usable trial"),
        (("sisfall", "FOLDER", "--people", "SA99"), 2, "People found: SA01"),
        (("sisfall", "FOLDER", "--splice", "glue"), 2, "There are: fit, hard, "),
        (("sisfall", "/no/such/place"), 2, "does not exist"),
        (("walks", "FOLDER"), 2, "walks"),
        (("sisfall", "FOLDER", "--jobs", "0"), 2, "jobs"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_a_reason_and_an_exit_code(
    arguments: tuple[str, ...], code: int, words: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "D01_SA01_R01.txt").write_bytes(b"broken\n")
    places = {"EMPTY": str(tmp_path / "empty"), "BROKEN": str(tmp_path / "broken"), "FOLDER": str(folder)}
    exit_code, out, err = run(*(places.get(a, a) for a in arguments))
    assert exit_code == code
    assert words in err
    assert out == ""


def test_kfall_without_its_library_is_refused_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    code, out, err = run("kfall", str(tmp_path))
    assert (code, out) == (2, "")
    assert "-m pip install openpyxl" in err


def test_the_command_knows_every_data_set() -> None:
    assert {name.value for name in DatasetName} == set(DATASETS)
