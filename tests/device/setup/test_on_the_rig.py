"""All of set-up on the simulated treadmill: proved, walked on, and cut off at every question and every write."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_py import locale
from firmware_py.__main__ import build
from firmware_py.config import load
from firmware_py.device.setup.steps import STEPS
from firmware_py.rig.harness.setup import prepare
from firmware_py.rig.harness.stage import IMU_ADDRESS
from firmware_py.rig.harness.whole import Whole
from firmware_py.storage.record import missing, path_of
from sensors.advice import ConfigError
from tests.device.setup.support import USUAL, Device

NAMES = [step.name for step in STEPS]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Device:
    device = Device(tmp_path_factory.mktemp("device"))
    device.all_of_it()
    return device


def test_everything_is_proved_and_what_was_found_is_written(tmp_path: Path) -> None:
    device = Device(tmp_path)
    script = device.run()
    assert script.results() == {"treadmill": True}
    assert "restarts" in script.of("left")[0]["text"]
    script = device.run()
    assert script.results() == dict.fromkeys(NAMES[1:], True)
    config = load(device.config)
    assert path_of(device.config).exists() and missing(config, device.config) == ""
    assert config.imu.address == IMU_ADDRESS
    assert config.belt.commissioned
    assert [round(x) for x in config.imu.mounting[0]] == [0, 0, -1]
    assert [round(x) for x in config.imu.mounting[2]] == [1, 0, 0]


def test_the_configuration_that_it_writes_guards_a_walk(done: Device) -> None:
    config = load(done.config)
    walked = 0.0
    with Whole(config, "walk", 1, 30.0, speed_m_s=0.2) as whole:
        for _ in range(round(20 * config.loop.rate_hz)):
            walked += whole.tick().run / config.loop.rate_hz
    assert walked > 10


@pytest.mark.parametrize("step", NAMES)
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_power_cut_at_any_question_or_write_is_gone_on_with(
    done: Device, step: str, tmp_path: Path
) -> None:
    """A step alone, in a copy of the finished device, cut at its 1st, 2nd, ... event until it gets through."""
    whole = load(done.config)
    for event in range(200):
        folder = tmp_path / str(event)
        shutil.copytree(done.folder, folder)
        device = Device(folder)
        device.config.write_text(device.config.read_text().replace(str(done.folder), str(folder)))
        if step == "board":
            (folder / "boot/firmware/config.txt").write_text("enable_uart=0\n")
        cut = device.cut_at(event, step)
        load(device.config)  # never half-written
        json.loads((folder / "var/setup/progress.json").read_text())
        assert "enable_uart=0" in (folder / "boot/firmware/config.txt").read_text().splitlines()
        if cut:
            device.run(step)
            script = device.run(step) if step == "board" else None
            assert script is None or script.results() == {"board": True}
            after = load(device.config)
            assert not [*folder.glob("etc/rearguard/.*.new"), *folder.glob("var/setup/.*.new")]
            assert after.belt.commissioned and after.imu.address == whole.imu.address
        shutil.rmtree(folder)
        if not cut:
            assert event > 1
            return
    pytest.fail("it never gets through")


def test_the_json_form_answers_what_the_screen_asks(tmp_path: Path) -> None:
    """A program that knows nothing but the questions' keys, as another front end would."""
    command = [
        sys.executable,
        "-m",
        "firmware_py",
        "setup",
        "--rig",
        "--json",
        "--seed",
        "3",
        "--folder",
        str(tmp_path),
    ]
    results: dict[str, bool] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdin is not None and it.stdout is not None
        for line in it.stdout:
            message = json.loads(line)
            if message["kind"] == "question":
                it.stdin.write(json.dumps({"answer": USUAL.get(message["key"], "")}) + "\n")
                it.stdin.flush()
            elif message["kind"] == "result":
                results[message["step"]] = message["proved"]
    assert results == dict.fromkeys(NAMES, True)
    assert it.returncode == 0


def test_the_simulated_person_gets_to_the_end_with_one_command() -> None:
    """Over the restart, and with the sheet still there to look at."""
    command = [sys.executable, "-m", "firmware_py", "setup", "--rig", "--auto"]
    with tempfile.TemporaryDirectory() as folder:  # short: a socket's path is
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TMPDIR": folder})
        assert done.returncode == 0, done.stderr
        assert "Everything is proved" in done.stdout
        assert [*Path(folder).glob("*/var/setup/sheet.html")]


def test_a_folder_whose_name_is_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="107 bytes"):
        prepare(tmp_path / ("x" * 100))


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "boot").touch()
    done = CliRunner().invoke(build(["setup"], rig=True), ["setup", "--folder", str(tmp_path)])
    assert done.exit_code == 3 and f"cannot use {tmp_path}" in done.stderr


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_terminal_of_another_encoding_is_answered_not_ended(form: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "firmware_py", "setup", "--rig", *form, "--folder", str(tmp_path)]
    answers = b"\xfcber\n1\nyes\nclip\nno\n"
    strict = os.environ | {"PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(command, input=answers, capture_output=True, env=strict)
    assert done.returncode == 1 and done.stderr == b""
    assert b"One of the numbers is expected: 1, 2." in done.stdout
    assert b"This treadmill is not for Rearguard" in done.stdout


def test_a_step_that_is_none_is_answered_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    done = CliRunner().invoke(build(["setup"], rig=True), ["setup", "chps"])
    assert done.exit_code == 2 and "Did you mean chips?" in done.stderr
    assert not [*tmp_path.iterdir()], "and no simulated device is left behind"


def test_the_language_is_asked_first_and_holds_for_the_sheet(tmp_path: Path) -> None:
    device = Device(tmp_path)
    try:
        script = device.run(language="de")
        assert script.of("question")[1]["text"] == "Treibt ein Motor das Band an?"
        device.run(motor="ja")
        assert '<html lang="de">' in (sheet := (tmp_path / "var/setup/sheet.html").read_text())
        assert "Nie schneller als" in sheet
    finally:
        locale.use(locale.ENGLISH)
