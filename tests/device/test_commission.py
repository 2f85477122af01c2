"""The guide finds the rig's treadmill through its sensor alone, and never tells a belt to stop sooner than it does."""

import json
import math
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.config import Config, load, parse
from firmware_py.device.commission.bench import Reading
from firmware_py.device.commission.coast_down import Coast, fit
from firmware_py.device.commission.deck_drawing import draw
from firmware_py.device.commission.guide import guide
from firmware_py.guard.service import only_instance
from firmware_py.rig.harness.commissioning import BODY_M, RigBench, RigPerson
from firmware_py.storage.record import missing
from sensors.advice import Failure

REAR = parse({"range": {"mount": "rear", "sensor": "tf_luna", "address": 16}})


@pytest.mark.parametrize(("seed", "config"), [(1, Config()), (4, Config()), (9, Config()), (2, REAR)])
def test_the_guide_finds_the_treadmill(seed: int, config: Config) -> None:
    bench = RigBench(seed, config)
    after, figures = guide(bench, RigPerson(bench), config)
    assert after.belt.commissioned
    assert after.deck.length_mm == round(bench.length_m * 1000)
    assert after.range.zero_mm == pytest.approx(bench.sensor_m * 1000, abs=12)
    assert after.range.half_body_mm == pytest.approx(BODY_M * 1000, abs=15)
    true = Coast(bench.params.stop_latency_s, bench.params.coast_down_m_s2)
    found = Coast(figures["stop_latency_s"], figures["coast_down_m_s2"])
    assert found.way_m(0.42) == pytest.approx(true.way_m(0.42), abs=0.03)
    assert true.way_m(0.9) - 0.01 < found.way_m(0.9) < 1.6 * true.way_m(0.9)
    assert figures["walk_from_m"] < figures["walk_to_m"] or figures["safe_speed_m_s"] == 0.0
    assert parse(after.model_dump(mode="json")) == after


def run(*options: object) -> Result:
    rig = "--rig" in options
    words = [str(option) for option in options if option != "--rig"]
    return CliRunner().invoke(build(["commission"], rig), ["commission", *words])


def test_a_second_commissioning_starts_from_the_first(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    first = run("--rig", "--seed", "3", "--config", file)
    assert first.exit_code == 0
    assert "rear line" in first.stdout
    figures = json.loads(run("--rig", "--seed", "3", "--config", file, "--json").stdout)
    assert figures["config_hash"] == load(file).hash


def test_the_rig_writes_here_and_never_into_the_installed_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("firmware_py.device.commission.command.INSTALLED", tmp_path / "installed.toml")
    assert run("--rig", "--seed", "3").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.commissioned.json", "config.toml"]


def test_a_file_that_cannot_be_written_is_said_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "firmware_py.device.commission.command.INSTALLED", tmp_path / "nowhere" / "config.toml"
    )
    refused = run()  # the real treadmill
    assert refused.exit_code == 2
    assert "cannot be written" in refused.output and "--config" in refused.output


def test_a_device_whose_guard_runs_is_not_measured_behind_its_back(tmp_path: Path) -> None:
    mine = tmp_path / "config.toml"
    mine.write_text(f'[courier]\nsocket = "{tmp_path}/run/guard.sock"\n')
    before = mine.read_text()
    with only_instance(tmp_path / "run/guard.lock"):
        refused = run("--config", mine)
    assert refused.exit_code == 3
    assert "the safety monitor runs already" in refused.stderr
    assert "systemctl stop" in refused.stderr
    assert mine.read_text() == before


class Wall:
    """A bench in front of which nothing moves."""

    def __init__(self, distance_m: float | None) -> None:
        self.t_s = 0.0
        self.distance_m = distance_m

    def step(self, run: bool) -> Reading:
        self.t_s += 0.02
        return Reading(self.t_s, self.distance_m)


class Nodding:
    def show(self, text: str) -> None: ...
    def confirm(self, key: str, request: str) -> None: ...
    def ask(self, key: str, question: str, default: float) -> float:
        return default


@pytest.mark.parametrize(
    ("distance_m", "words"), [(None, "does not see the box"), (0.5, "marks do not agree")]
)
def test_what_cannot_be_measured_is_said_with_a_cure(distance_m: float | None, words: str) -> None:
    with pytest.raises(Failure, match=words):
        guide(Wall(distance_m), Nodding(), Config())


def test_a_belt_that_never_carries_the_box_ends_the_guide() -> None:
    class Marks(Wall):
        def step(self, run: bool) -> Reading:
            return super().step(run)

    bench = Marks(0.5)

    class Person(Nodding):
        def confirm(self, key: str, request: str) -> None:
            places = [int(w) for w in request.replace(",", " ").split() if w.isdigit()]
            if request.startswith(("Stand", "Belt off")):
                bench.distance_m = places[0] / 1000

    with pytest.raises(Failure, match="within a minute"):
        guide(bench, Person(), Config())


@pytest.mark.parametrize(("latency", "deceleration"), [(0.1, 0.6), (0.3, 1.5)])
def test_the_fit_is_exact_without_noise(latency: float, deceleration: float) -> None:
    drops = []
    for speed in (0.40, 0.45):
        way = []
        for i in range(-30, 120):
            t = i * 0.02
            coasting = max(0.0, min(t - latency, speed / deceleration))
            x = speed * min(t, latency) + speed * coasting - 0.5 * deceleration * coasting**2
            way.append((5.0 + t, 0.3 + x))
        drops.append((way, 5.0))
    found = fit(drops, 0.9)
    assert found.best.latency_s == pytest.approx(latency, abs=0.003)
    assert found.best.deceleration_m_s2 == pytest.approx(deceleration, rel=0.02)
    assert found.cautious.way_m(0.9) >= found.best.way_m(0.9) - 1e-6
    assert math.isclose(found.drops[0][0], 0.40, rel_tol=0.01)


def test_the_drawing_says_when_the_ceiling_is_too_fast() -> None:
    bench = RigBench(4, Config())
    _, figures = guide(bench, RigPerson(bench), Config())
    assert "is faster" in draw(figures)
    assert "is faster" not in draw(figures | {"ceiling_m_s": 0.0})


def test_a_full_disk_leaves_the_configuration_as_it_was_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--rig", "--seed", "3").exit_code == 0
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    done = run("--rig", "--seed", "4")
    assert done.exit_code == 3
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_between_record_and_configuration_a_power_cut_leaves_a_device_that_does_not_arm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--rig", "--seed", "3").exit_code == 0
    path = Path("config.toml")
    assert missing(load(path), path) == ""
    monkeypatch.setattr("firmware_py.device.commission.command.save", lambda *_: None)
    assert run("--rig", "--seed", "4").exit_code == 0
    assert "lost what commissioning measured" in missing(load(path), path)
