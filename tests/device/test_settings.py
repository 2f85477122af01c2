"""The configuration as a file: written whole or not at all, and `rearguard config` prints what holds."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.config import Config, load, parse
from firmware_py.device.settings import save
from sensors.advice import HardwareError


def test_the_printed_configuration_is_a_file_that_loads(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('[belt]\ndirection = "reverse"\n')
    done = CliRunner().invoke(build(["config"]), ["config", "--config", str(mine)])
    printed = tmp_path / "printed.toml"
    printed.write_text(done.stdout)
    assert load(printed) == load(mine)
    assert load(mine).hash in done.stderr


def test_a_mistake_ends_with_2_and_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[belt]\nceiling_km_h = 90\n")
    done = CliRunner().invoke(build(["config"]), ["config", "--config", str(tmp_path / "mine.toml")])
    assert done.exit_code == 2
    assert done.stderr.startswith("config: belt.ceiling_km_h = 90 must be a number from 0.3 to 8 km/h.")


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    save(Config(), path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(HardwareError, match="No space left on device"):
        save(parse({"belt": {"direction": "reverse"}}), path)
    assert load(path) == Config()
