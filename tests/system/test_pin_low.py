"""The program behind ExecStopPost, as a real process on a simulated header."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pisim.header import Header
from tests.system.conftest import as_the_unit_does, needs_lgpio

pytestmark = pytest.mark.alone  # it looks at the clock: nothing else may run beside it

PIN_LOW = Path("systemd/pin_low.py").resolve()
HOLD_HIGH = (
    "import gpiozero, time; p = gpiozero.OutputDevice({pin}, initial_value=True); print('high', flush=True);"
    " time.sleep(60)"
)

NewHeader = Callable[..., Header]


def leave_high(pin: int, header: Header, env: dict[str, str]) -> None:
    """A program drives the pin high and is killed; the kernel keeps the level."""
    needs_lgpio()
    env = {**env, "GPIOZERO_PIN_FACTORY": "lgpio"}
    with subprocess.Popen([sys.executable, "-c", HOLD_HIGH.format(pin=pin)], env=env) as process:
        assert header.wait_for(lambda: header.level(pin), 10)
        process.kill()
    assert header.level(pin)


def pin_low(config: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return as_the_unit_does([sys.executable, "-I", "-S", str(PIN_LOW), str(config)], env)


def config_with(folder: Path, pin: int) -> Path:
    path = folder / "config.toml"
    path.write_text(f"[relay]\npin = {pin}\n")
    return path


def test_a_pin_that_the_kernel_keeps_high_is_low_within_100_ms(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path
) -> None:
    header = new_header(persist=True)
    config = config_with(tmp_path, 17)
    took_s = []
    env = {**on_a_pi, "RUNTIME_DIRECTORY": str(tmp_path)}
    assert pin_low(config, env).returncode == 0  # ExecStartPre
    for _ in range(5):
        leave_high(17, header, on_a_pi)
        start_s = time.monotonic()
        done = pin_low(config, env)
        took_s.append(header.history[-1].t_ns / 1e9 - start_s)
        assert done.returncode == 0, done.stderr
        assert not header.level(17)
    assert max(took_s) < 0.1, took_s


def test_the_pin_of_the_last_start_goes_low_although_the_config_was_edited_since(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path
) -> None:
    header = new_header()
    env = {**on_a_pi, "RUNTIME_DIRECTORY": str(tmp_path)}
    assert pin_low(config_with(tmp_path, 12), env).returncode == 0
    leave_high(12, header, on_a_pi)
    assert pin_low(config_with(tmp_path, 13), env).returncode == 0
    assert not header.level(12)
    assert header.is_output(13)
    assert not header.level(13)


@pytest.mark.parametrize("text", ["", "relay = 3", "[relay]\npin = 'x'", "[[[", "[relay]\n"])
def test_a_config_that_cannot_be_read_means_the_default_pin(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path, text: str
) -> None:
    header = new_header()
    config = tmp_path / "config.toml"
    config.write_text(text)
    assert pin_low(config, on_a_pi).returncode == 0
    assert header.is_output(17)


def test_a_pin_held_by_somebody_else_is_reported_with_what_to_do(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path
) -> None:
    needs_lgpio()
    header = new_header()
    env = {**on_a_pi, "GPIOZERO_PIN_FACTORY": "lgpio"}
    with subprocess.Popen([sys.executable, "-c", HOLD_HIGH.format(pin=17)], env=env) as process:
        assert header.wait_for(lambda: header.level(17), 10)
        done = pin_low(config_with(tmp_path, 17), on_a_pi)
        process.kill()
    assert done.returncode == 1
    assert "GPIO 17 cannot be driven low" in done.stderr
    assert "Pull the safety key" in done.stderr


def test_without_any_header_it_says_so_and_ends(tmp_path: Path) -> None:
    done = pin_low(config_with(tmp_path, 17), {})
    if Path("/dev/gpiochip0").exists():
        pytest.skip("this computer has a GPIO chip of its own")
    assert done.returncode == 1
    assert "pull-down" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can step down")
@pytest.mark.parametrize("planted", ["link", "file"])
def test_as_root_it_writes_nothing_that_the_guards_user_could_not(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path, planted: str
) -> None:
    header = new_header()
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.write_text("kept")
    mine.chmod(0o600)
    theirs.mkdir()
    for each in (tmp_path, *tmp_path.parents[:2]):  # pytest keeps its folders to itself
        each.chmod(0o711)
    memory = theirs / "relay_pin"
    if planted == "link":
        memory.symlink_to(mine)
    nobody = 65534
    os.chown(theirs, nobody, nobody)
    config = config_with(tmp_path, 12)
    done = pin_low(config, {**on_a_pi, "RUNTIME_DIRECTORY": str(theirs)})
    assert done.returncode == 0, done.stderr
    assert header.is_output(12)
    assert mine.read_text() == "kept"
    if planted == "link":
        assert "cannot remember the pin" in done.stderr
    else:
        assert (memory.read_text(), memory.stat().st_uid) == ("12", nobody)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can step down")
def test_root_that_cannot_step_down_still_drives_the_configured_pin_low(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path
) -> None:
    header = new_header()
    done = pin_low(config_with(tmp_path, 12), {**on_a_pi, "RUNTIME_DIRECTORY": str(tmp_path / "gone")})
    assert done.returncode == 0
    assert "cannot give up root" in done.stderr
    assert header.is_output(12)
