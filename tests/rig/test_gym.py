"""The demonstration of a gym: played once with every real process, and its picture at every moment of the story."""

import builtins
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.core.frame import Cause
from firmware_py.rig.gym import play
from firmware_py.rig.gym.phone import Got, Phone
from firmware_py.rig.gym.story import faller_of, part_of
from firmware_py.rig.gym.view import Seen, picture
from tests.support.broker import FOUND
from tests.support.moments import decision

HELP = {"urgency": "help", "title": "Somebody may have fallen (deck-7)", "time": "2026-11-27T12:00:00+01:00"}
LONG = HELP | {"urgency": "care", "title": "word " * 40}


@pytest.fixture
def phone() -> Iterator[Phone]:
    with closing(Phone()) as it:
        yield it


def seen(phone: Phone, count: int, fell_ns: int | None = None, **more: Any) -> Seen:
    machines = [
        SimpleNamespace(
            name=f"deck-{n}", decision=decision(9, cause=Cause.IMU), fell_ns=fell_ns if n == 7 else None
        )
        for n in range(1, count + 1)
    ]
    address = "http://127.0.0.1:65535"
    return Seen(machines, phone, "deck-7", address, address, "anna, password backward", **more)  # type: ignore[arg-type]


def text_of(it: Seen, width: int = 80) -> list[str]:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(picture(it, width))
    console.file.close()
    return console.export_text().splitlines()


@pytest.mark.parametrize("count", [1, 7, 12, 13, 50])
def test_the_picture_fits_a_terminal_of_80_by_24(phone: Phone, count: int) -> None:
    fell_ns = time.monotonic_ns()
    for more in ({}, {"answered": True}, {"answered": True, "over": True}):
        lines = text_of(seen(phone, count, fell_ns, **more))
        assert len(lines) <= 24 and max(map(len, lines)) <= 80
        phone.got += [Got(0, HELP), Got(0, LONG), Got(0, HELP)]


def test_the_picture_says_what_happens_and_what_to_do(phone: Phone) -> None:
    assert "Everybody walks backward." in "\n".join(text_of(seen(phone, 12)))
    fell_ns = time.monotonic_ns()
    assert "Somebody has fallen on deck-7. The belt is off." in "\n".join(text_of(seen(phone, 12, fell_ns)))
    phone.got.append(Got(0, HELP))
    shown = "\n".join(text_of(seen(phone, 12, fell_ns)))
    assert "GO AND HELP" in shown and "Answer it on the phone." in shown
    shown = "\n".join(text_of(seen(phone, 12, fell_ns, answered=True, over=True)))
    assert "GO AND HELP" not in shown and "Press Enter to end" in shown


@pytest.mark.parametrize(("count", "number"), [(1, 1), (6, 6), (7, 7), (12, 7), (50, 7)])
def test_somebody_falls_on_number_7_or_on_the_last_one(count: int, number: int) -> None:
    assert faller_of(count) == number
    assert [n for n in range(1, count + 1) if part_of(n, count).scenario == "fall"] == [number]


def test_without_a_broker_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play.shutil, "which", lambda _: None)
    monkeypatch.setattr(play, "USUAL", Path("/nowhere"))
    done = CliRunner().invoke(build(["demo"]), ["demo", "--gym", "2"])
    assert done.exit_code == 1
    assert "mosquitto was not found" in done.stderr and "sudo apt install mosquitto" in done.stderr


def test_without_the_floor_page_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "argon2":
            raise ImportError(name=name)
        return real(name, *rest)

    monkeypatch.setattr(play, "_broker", lambda: "")
    monkeypatch.setattr(builtins, "__import__", missing)
    done = CliRunner().invoke(build(["demo"]), ["demo", "--gym", "2"])
    assert done.exit_code == 1 and "pip install 'rearguard[fleet]'" in done.stderr


@pytest.mark.parametrize("count", ["0", "51", "many"])
def test_a_gym_has_1_to_50_treadmills(count: str) -> None:
    assert CliRunner().invoke(build(["demo"]), ["demo", "--gym", count]).exit_code == 2


@pytest.mark.alone
@pytest.mark.skipif(not FOUND, reason="mosquitto is not installed: sh tests/system-packages.sh test")
def test_a_fall_rings_the_phone_is_answered_and_nothing_is_left_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "firmware_py", "demo", "--gym", "2", "--headless", "--json"]
    environment = os.environ | {"TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["fell"] == "deck-2" and result["answered"] and result["as_expected"]
    assert list(tmp_path.iterdir()) == []
