"""The demonstration: judged from what guard and world report, and once played with the real processes."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.config import Config, load, parse
from firmware_py.core.frame import Cause
from firmware_py.courier.page.live import Live as PictureOfNow
from firmware_py.courier.page.notice import Notice
from firmware_py.rig.demo import demo, play
from firmware_py.rig.demo.account import PATIENCE_S, REST_S, Run
from firmware_py.rig.demo.view import deck, picture, result_table
from firmware_py.rig.harness.processes import settle
from firmware_py.rig.world.scenarios import SCENARIOS
from tests.support.held_up import Busy
from tests.support.moments import TICK_NS, decision, frame

pytestmark = pytest.mark.alone  # it looks at the clock: nothing else may run beside it

SECOND = 200


def truth(tick: float, position_m: float = 0.5, belt: float = 0.45, **more: Any) -> dict[str, Any]:
    return {
        "t_ns": int(tick * TICK_NS), "t_s": tick * TICK_NS / 1e9, "position_m": position_m, "velocity_m_s": 0.0,
        "belt_speed_m_s": belt, "pulled": belt > 0, "last_edge_ns": 0, "hazard_t_s": None, "steps": 0, **more,
    }  # fmt: skip


def played(scenario: str, cause: Cause | None, rest_m: float = 0.8, edge_ns: int = 200_000) -> Run:
    """Armed at tick 0, stopped for `cause` at tick 2000; the last edge came `edge_ns` after that tick's time."""
    run = Run(Config(), scenario)
    run.saw(truth(0, belt=0.0))
    run.decided(decision(0, run=True))
    run.saw(truth(1999))
    if cause is not None:
        run.decided(decision(2000, cause=cause, rule="r", value=1.0, limit=0.5))
        run.saw(truth(2002, last_edge_ns=2000 * TICK_NS + edge_ns, hazard_t_s=9.5))
        run.saw(truth(2100, rest_m, belt=0.0, last_edge_ns=2000 * TICK_NS + edge_ns, hazard_t_s=9.5))
    return run


def test_the_line_says_when_why_how_soon_and_where() -> None:
    assert played("drift", Cause.DRIFT_REAR).result() == {
        "scenario": "drift", "stopped": True, "cause": "drift_rear", "rule": "r", "t_s": 10.0, "reaction_ticks": 0,
        "position_m_at_rest": 0.8, "rear_line_m": 0.98, "belt_speed_m_s_at_cut": 0.45, "hazard_t_s": 9.5,
        "as_expected": True,
    }  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_cause_but_the_expected_one_is_wrong(scenario: str) -> None:
    for cause in (None, *Cause):
        expected = cause in SCENARIOS[scenario].expected
        assert played(scenario, cause).result()["as_expected"] is expected, cause


def test_the_demonstration_of_all_is_the_six_that_need_no_explanation() -> None:
    assert demo.IN_ALL == ["walk", "drift", "standstill", "fall", "front", "unplug"]


def test_on_a_reverse_belt_the_deck_has_the_line_of_the_core_at_the_rear_edge() -> None:
    normal, reverse = (
        deck(parse({"belt": {"direction": direction}}), None, None, 100).plain
        for direction in ("normal", "reverse")
    )
    assert normal.startswith("console ▐▒") and normal.endswith("▒▌ rear")
    assert reverse.startswith("rear ▐▒") and reverse.endswith("▒▌ console")
    assert (normal.partition("┃")[0].count("▒"), reverse.partition("┃")[0].count("▒")) == (10, 30)


@pytest.mark.parametrize(
    ("edge_ns", "ticks"),
    [(-TICK_NS, 0), (TICK_NS - 1, 0), (TICK_NS, 1), (2 * TICK_NS - 1, 1), (2 * TICK_NS, 2)],
)
def test_the_reaction_is_counted_in_ticks_to_the_last_edge_and_must_be_none(edge_ns: int, ticks: int) -> None:
    run = played("fall", Cause.FALL, edge_ns=edge_ns)
    assert run.result()["reaction_ticks"] == ticks
    assert run.result()["as_expected"] is (ticks == 0)
    assert run.slow is (ticks > 0) and not run.disturbed, "played once more, and never excused"


@pytest.mark.parametrize(("rest_m", "kept"), [(0.979, True), (0.98, True), (0.981, False)])
def test_whoever_is_carried_must_come_to_rest_before_the_line(rest_m: float, kept: bool) -> None:
    assert played("standstill", Cause.STANDSTILL, rest_m).result()["as_expected"] is kept


@pytest.mark.parametrize(
    ("cause", "hazard_t_s", "disturbed"),
    [
        (Cause.LATE, None, True),
        (Cause.LATE, 9.5, True),
        (Cause.IMU, None, True),
        (Cause.IMU, 10.001, True),
        (Cause.IMU, 9.999, False),
        (Cause.RANGE, None, True),
        (Cause.FALL, None, False),
        (None, None, False),
    ],
)
def test_a_stop_by_a_busy_computer_is_told_from_one_by_the_walker(
    cause: Cause | None, hazard_t_s: float | None, disturbed: bool
) -> None:
    run = played("unplug", cause)
    assert run.truth is not None
    run.truth["hazard_t_s"] = hazard_t_s
    assert run.disturbed is disturbed


@pytest.mark.parametrize("cause", ["late", "settling", "imu", ""])
def test_a_guard_that_never_armed_because_it_was_late_says_nothing_of_the_scenario(cause: str) -> None:
    run = Run(Config(), "walk")
    run.saw(truth(0))
    run.heard({"kind": "health_changed", "t_ns": 1, "cause": cause})
    assert run.disturbed is (cause == "late")
    run.decided(decision(2, run=True))
    assert not run.disturbed


def test_a_guard_that_never_armed_is_wrong_even_where_no_stop_is_wanted() -> None:
    run = Run(Config(), "walk")
    run.decided(decision(0))
    run.saw(truth(0))
    assert run.result()["as_expected"] is False
    assert Run(Config(), "walk").result()["as_expected"] is False


def test_a_run_is_over_a_while_after_the_belt_has_come_to_rest() -> None:
    run = played("drift", Cause.DRIFT_REAR)
    assert not run.over(10)
    run.saw(truth(2100 + REST_S * SECOND, belt=0.0))
    assert not run.over(10)
    run.saw(truth(2101 + REST_S * SECOND, belt=0.0))
    assert run.over(10)


@pytest.mark.parametrize(("scenario", "ends_s"), [("walk", 10), ("drift", PATIENCE_S)])
def test_who_still_walks_when_time_is_up_presses_stop_once_and_that_is_no_stop_of_the_device(
    scenario: str, ends_s: float
) -> None:
    run = played(scenario, None)
    run.saw(truth(ends_s * SECOND))
    assert not run.leaves(10)
    end = ends_s * SECOND + 1
    run.saw(truth(end))
    assert not run.over(10), "a guard that ends while the belt runs would be an incident"
    assert run.leaves(10) and not run.leaves(10)
    run.decided(decision(int(end) + 2, cause=Cause.STOP_BUTTON))
    run.saw(truth(end + REST_S * SECOND, belt=0.0))
    assert not run.over(10)
    run.saw(truth(end + REST_S * SECOND + 1, belt=0.0))
    assert run.over(10) and run.result()["cause"] is None


def test_a_guard_that_is_never_armed_is_waited_for_until_patience_ends() -> None:
    run = Run(Config(), "drift")
    assert not run.over(10)
    run.saw(truth(PATIENCE_S * SECOND))
    assert not run.over(10)
    run.saw(truth(PATIENCE_S * SECOND + 1))
    assert run.over(10) and not run.leaves(10)


def test_events_are_listed_with_seconds_since_arming() -> None:
    run = played("drift", None)
    run.heard({"kind": "stopped_by_fault", "t_ns": 1_500_000_000, "cause": "relay_open"})
    run.heard({"kind": "armed", "t_ns": 0, "cause": None})
    assert run.events == ["  1.50 s  stopped by fault: relay open", "  0.00 s  armed"]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_moment_can_be_shown_at_any_width(scenario: str, width: int) -> None:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    for run in (Run(Config(), scenario), played(scenario, None), played(scenario, Cause.IMU)):
        console.print(picture(run, "1/6", "page", width, 24))
    run = played(scenario, None)
    run.decided(decision(9, run=True, position_m=0.5, rest_position_m=9.0, stop_margin_m=-8.0, tilt_rad=0.1))
    console.print(picture(run, "1/6", "page", width, 24))
    run.decided(decision(9, run=True, position_m=-1.0, rest_position_m=-2.0, warning=Cause.DRIFT_FRONT))
    console.print(picture(run, "1/6", "page", width, 24))
    console.print(result_table([run.result(), played(scenario, Cause.FALL).result()]))
    text = console.export_text()
    console.file.close()
    assert "G U A R D I N G" in text
    assert "Rearguard" in text


def test_the_real_processes_stop_when_the_plug_is_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the command, which plays once more what a busy computer has spoilt."""
    monkeypatch.setattr(play, "STEADY_S", 0.2)
    done = CliRunner().invoke(
        build(["demo"]), ["demo", "--headless", "--scenario", "unplug", "--json", "--seed", "2"]
    )
    if done.stderr.count("This computer was busy") == demo.TRIES:  # a guard that ends is never excused
        raise Busy(f"each of {demo.TRIES} tries was late: {done.stderr[-500:]}")
    assert done.exit_code == 0, done.output
    assert "after the decision" not in done.stderr, done.stderr
    line = json.loads(done.stdout)
    assert line["as_expected"] and line["cause"] == "imu"


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 23), (80, 24), (200, 50)])
@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("cause", Cause)
def test_the_whole_picture_fits_the_terminal(cause: Cause, running: bool, width: int, height: int) -> None:
    figures = {
        "position_m": 0.94, "velocity_m_s": -0.11, "rest_position_m": 0.96, "stop_margin_m": -0.01, "tilt_rad": 0.21,
        "down_velocity_m_s": -0.13, "down_velocity_limit_m_s": 2.04, "cadence_hz": 1.21, "steps": 112,
    }  # fmt: skip
    for scenario in SCENARIOS:
        run = played(scenario, None)
        run.heard({"kind": "armed", "t_ns": 0, "cause": None})
        if running:
            run.decided(decision(2000, run=True, warning=cause, **figures))
        else:
            rule = {"rule": "rest_position_m", "value": 0.96, "limit": 0.95}
            run.decided(decision(2000, cause=cause, **rule, **figures))
        lines = ["".join(part.text for part in line) for line in
                 Console(width=width).render_lines(picture(run, "1/6", "Ctrl-C ends", width, height))]  # fmt: skip
        assert len(lines) <= height and "Ctrl-C ends" in lines[-1], (scenario, "\n".join(lines))
        assert height < 24 or any("down -0.13 m/s" in line and "its limit 2.04 m/s" in line for line in lines)


def test_a_busy_computer_is_never_shown_as_a_fault_of_the_product() -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    run = played("walk", Cause.LATE)
    console.print(picture(run, "1/6", "page", 80, 24))
    text = console.export_text()
    console.file.close()
    assert "This computer was busy" in text and "Restart" not in text
    assert run.over(10), "nothing of it is worth waiting for"
    page = PictureOfNow()
    page.hello = {"simulated": True}
    page.tick(frame(2000), decision(2000, cause=Cause.LATE))
    shown = page.view()
    assert "This computer was busy" in shown["what"] and "Restart" not in shown["do"]
    page.hello = {"simulated": False}
    assert "Restart" in page.view()["do"]


def test_a_mistyped_scenario_is_met_with_the_nearest_one() -> None:
    done = CliRunner().invoke(build(["demo"]), ["demo", "--scenario", "drfit"])
    assert done.exit_code == 2 and "Did you mean drift?" in done.stderr


def test_the_page_shows_the_next_scene_while_no_device_runs(tmp_path: Path) -> None:
    notice = Notice(tmp_path)
    live = PictureOfNow(notice.read)
    assert live.view()["title"] == "No connection"
    notice.write("Scene 2 of 6", "The steps get a little too short.", "It begins in a moment.")
    shown = live.view()
    assert (shown["title"], shown["notice"], shown["tone"]) == ("Scene 2 of 6", True, "offline")
    (tmp_path / "notice.json").write_text("[1", encoding="utf-8")
    assert live.view()["title"] == "No connection"


def test_the_demonstration_has_a_config_with_a_port_of_its_own(tmp_path: Path) -> None:
    config_file, port = settle(tmp_path)
    assert load(config_file).page.port == port


def test_a_guard_that_ends_is_started_again_and_the_last_word_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rooms: list[Path] = []

    def dies(_run: Run, _config: Path, room: Path, _seconds: float, _seed: int) -> Iterator[None]:
        rooms.append(room)
        raise RuntimeError("demo: the guard has ended: out of luck")
        yield

    monkeypatch.setattr(demo, "play", dies)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # it keeps its folder, and says so
    done = CliRunner().invoke(build(["demo"]), ["demo", "--headless", "--scenario", "walk"])
    assert done.exit_code == 1
    assert len(set(rooms)) == len(rooms) == demo.TRIES
    assert done.stderr.count("out of luck") == demo.TRIES
    assert done.stderr.count("started again") == demo.TRIES - 1


def test_a_guard_that_cannot_start_is_explained(tmp_path: Path) -> None:
    config_file, _ = settle(tmp_path)
    held = (tmp_path / "guard.lock").open("w")
    import fcntl

    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(RuntimeError, match="the safety monitor runs already"):
        for _ in demo.play(Run(load(config_file), "walk"), config_file, tmp_path / "room", 3.0, seed=1):
            pass
    held.close()
