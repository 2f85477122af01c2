"""What a person reads who mistyped: what it was, what fits, and never the library's own words."""

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from firmware_py import __main__ as command_line
from firmware_py.__main__ import COMMANDS, build, main
from firmware_py.device import check as room
from firmware_py.report import command as report
from sensors.advice import Failure

MISTAKES = [
    (["replay", "--jobs", "x", "a.csv"], "--jobs must be a whole number."),
    (["check", "--seconds", "0.1"], "--seconds must be at least 0.5."),
    (["check", "--seconds", "x"], "--seconds must be a number."),
    (["check", "--sconds", "3"], "there is no option --sconds."),
    (["evaluate", "sisfal", "x"], "there is no sisfal. Did you mean sisfall?"),
    (["trace", "inof", "x"], "there is no command inof. Did you mean info?"),
    (["trace", "look", "x"], "there is no command look. There are: info, export, import."),
    (["replay"], "traces is missing."),
    (["evaluate"], "dataset is missing. There are: sisfall, "),
    (["evaluate", "sisfall", "/no/such"], "evaluate: /no/such does not exist."),
    (["check", "x"], "x is too much."),
    (["check", "--config"], "--config needs a value."),
    (["check", "--json=x"], "--json takes no value."),
    (["status", "--jsn"], "there is no option --jsn. Did you mean --json?"),
    (["--verison"], "there is no option --verison. Did you mean --version?"),
]


@pytest.mark.parametrize(
    ("typed", "words"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_mistake_is_named_with_what_fits(typed: list[str], words: str) -> None:
    done = CliRunner().invoke(build([typed[0]] if typed[0] in COMMANDS else list(COMMANDS)), typed)
    assert done.exit_code == 2
    assert words in done.stderr and done.stderr.count("\n") == 1 and "--help" in done.stderr
    assert "Input should" not in done.stderr and "Value error" not in done.stderr
    assert done.stdout == ""


def test_a_mistyped_command_is_met_with_the_nearest_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["rearguard", "comission"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "Did you mean commission?" in capsys.readouterr().err


def denied(*_: Any) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", "/var/lib/rearguard/events.sqlite")


@pytest.mark.parametrize(
    "typed", [["forget", "anna", "--yes"], ["programme", "history", "anna"], ["history"]]
)
def test_who_forgot_sudo_is_asked_for_it(typed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", denied)
    monkeypatch.setattr(Path, "stat", denied)
    done = CliRunner().invoke(build([typed[0]]), typed)
    assert done.exit_code == 1
    assert done.stderr.startswith("/var/lib/rearguard/events.sqlite cannot be opened. ")
    assert done.stderr.endswith("type sudo before the command.\n")


def is_a_group(words: list[str]) -> bool:
    command: Any = typer.main.get_command(build(list(COMMANDS)))
    for word in words:
        command = command.commands[word]
    return hasattr(command, "commands")


def every_command() -> list[list[str]]:
    """The words of each command, of each of its own commands, and none at all."""

    def below(command: Any, words: list[str]) -> list[list[str]]:
        inner = getattr(command, "commands", {})
        return [words, *(found for name, one in inner.items() for found in below(one, [*words, name]))]

    return below(typer.main.get_command(build(list(COMMANDS))), [])


@pytest.mark.parametrize("words", [words for words in every_command() if is_a_group(words)], ids=" ".join)
def test_a_group_of_commands_alone_shows_its_help_and_nothing_else(words: list[str]) -> None:
    done = CliRunner().invoke(build(words[:1] or list(COMMANDS)), words)
    assert "Commands" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_a_switch_takes_no_value_and_its_help_shows_none(words: list[str]) -> None:
    done = CliRunner().invoke(build(words[:1] or list(COMMANDS)), [*words, "--help"], terminal_width=80)
    assert done.exit_code == 0 and "--help" in done.stdout and "-h" in done.stdout.split()
    assert "bool" not in done.stdout.lower(), done.stdout


@pytest.mark.parametrize("command", ["calibrate", "commission", "setup"])
def test_what_needs_an_installation_says_so(command: str) -> None:
    if Path("/etc/rearguard/config.toml").exists():
        pytest.skip("installed here")
    done = CliRunner().invoke(build([command]), [command])
    assert done.exit_code == 2
    assert "not installed" in done.stderr and "sudo make install" in done.stderr and "--rig" in done.stderr


def test_a_computer_without_bus_and_pins_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_has_a_board", lambda _config: False)
    done = CliRunner().invoke(build(["check"]), ["check", "--seconds", "0.5"])
    assert done.exit_code == 1
    assert done.stdout.count("FAIL") == 1 and "no Raspberry Pi" in done.stdout


def test_report_last_takes_the_newest_incident(tmp_path: Path) -> None:
    for name in ("2026-01-02T00-00-00Z-fall", "2025-12-31T00-00-00Z-imu"):
        (tmp_path / f"{name}.mcap").touch()
    assert report.newest(tmp_path).stem == "2026-01-02T00-00-00Z-fall"
    with pytest.raises(Failure, match="no stop is recorded"):
        report.newest(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("command", "near"),
    [
        (["setup", "--rig", "calbrate"], "calibrate"),
        (["rig", "campaign", "drfit"], "drift"),
        (["rig", "draw", "stndstill"], "standstill"),
        (["evaluate", "sisfall", "/tmp", "--splice", "hrad"], "hard"),
        (["trace", "import", "a.csv", "b.mcap", "--preset", "sensorlogger"], "sensor-logger"),
        (["demo", "--scenario", "dirft"], "drift"),
    ],
)
def test_a_mistyped_name_is_met_with_the_nearest_one(
    command: list[str], near: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["rearguard", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"Did you mean {near}?" in capsys.readouterr().err


def test_a_full_disk_under_the_output_is_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        program = [sys.executable, "-m", "firmware_py", "config"]
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "rearguard: No space left on device. Nothing more could be written.\n"


def test_ctrl_c_while_a_command_loads_leaves_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["rearguard", "check"])
    monkeypatch.setattr(command_line, "build", pressed)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
