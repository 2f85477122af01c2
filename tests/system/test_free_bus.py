"""The program that frees a held I2C bus, as a real process with a make-believe `pinctrl` on the simulated header."""

import fcntl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pisim.header import Header
from tests.support.pisim.pi import Pi, end

FREE_BUS = Path("systemd/free_bus.py").resolve()
PINCTRL = Path("tests/support/pisim/pinctrl.py").resolve()

NewHeader = Callable[..., Header]


def with_pinctrl(folder: Path, env: dict[str, str]) -> dict[str, str]:
    tool = folder / "bin/pinctrl"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{PINCTRL}" "$@"\n')
    tool.chmod(0o755)
    quiet = {key: value for key, value in env.items() if key != "LD_PRELOAD"}
    return {**quiet, "PATH": f"{tool.parent}:{env['PATH']}", "REARGUARD_LOCK": str(folder / "guard.lock")}


def free_bus(env: dict[str, str], config: str = "none") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(FREE_BUS), config]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def sets(header: Header) -> list[str]:
    return [words for words in header.wires.said if words.startswith("set")]


STOP = ["set 3 op dl", "set 2 op dl", "set 3 ip pu", "set 2 ip pu"]  # SDA rises while SCL is high
GIVEN_BACK = ["set 2 a0 pu", "set 3 a0 pu"]


@pytest.mark.parametrize("held", [1, 5, 9])
def test_a_chip_that_holds_sda_is_clocked_free_and_the_pins_go_back_to_the_controller(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path, held: int
) -> None:
    header = new_header()
    header.wires.held = held
    done = free_bus(with_pinctrl(tmp_path, on_a_pi))
    assert (done.returncode, done.stderr) == (0, "free_bus: SDA was held low; the bus is free again\n")
    assert header.wires.work()
    assert sets(header) == ["set 2 ip pu", *["set 3 op dl", "set 3 ip pu"] * held, *STOP, *GIVEN_BACK]


def test_nine_clocks_are_all_and_then_the_pins_go_back_all_the_same(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path
) -> None:
    header = new_header()
    header.wires.held = 99
    done = free_bus(with_pinctrl(tmp_path, on_a_pi))
    assert done.returncode == 1
    assert "Unplug the pod" in done.stderr
    assert sets(header) == ["set 2 ip pu", *["set 3 op dl", "set 3 ip pu"] * 9, *STOP, *GIVEN_BACK]


def test_a_free_bus_is_not_touched(new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path) -> None:
    header = new_header()
    assert free_bus(with_pinctrl(tmp_path, on_a_pi)).returncode == 0
    assert sets(header) == []


def test_nothing_is_touched_beside_a_running_guard(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path
) -> None:
    header = new_header()
    header.wires.held = 3
    with (tmp_path / "guard.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = free_bus(with_pinctrl(tmp_path, on_a_pi))
    assert done.returncode == 1
    assert "stop it first" in done.stderr
    assert header.wires.said == []


def test_pins_that_are_not_the_controllers_and_another_bus_are_left_alone(
    new_header: NewHeader, on_a_pi: dict[str, str], tmp_path: Path
) -> None:
    header = new_header()
    header.wires.held = 3
    env = with_pinctrl(tmp_path, on_a_pi)
    (tmp_path / "config.toml").write_text("[imu]\nbus = 3\n")
    assert free_bus(env, str(tmp_path / "config.toml")).returncode == 0
    header.wires.function[2] = "ip"
    assert free_bus(env).returncode == 1
    assert sets(header) == []


def test_without_pinctrl_it_does_nothing(on_a_pi: dict[str, str], tmp_path: Path) -> None:
    env = {**with_pinctrl(tmp_path, on_a_pi), "PATH": str(tmp_path)}
    done = free_bus(env)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_guard_that_found_the_bus_held_starts_and_arms_once_it_is_freed(
    new_pi: Callable[..., Pi], tmp_path: Path
) -> None:
    pi = new_pi()
    pi.header.wires.held = 4
    assert pi.start().wait(20) == 3
    assert "SDA or SCL held low" in pi.log()
    assert (
        free_bus(with_pinctrl(tmp_path, pi.environment)).returncode == 0
    )  # what ExecStartPre does at its restart
    end(pi.armed(pi.start, 0.0))
