"""Draws docs/images/set-up.svg, some steps of set-up in a terminal: python -m tests.support.set_up_picture"""

import io
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from firmware_py.config import load
from firmware_py.device.setup.command import guided
from firmware_py.device.setup.terminal import Terminal
from firmware_py.rig.harness.pins import wired
from firmware_py.rig.harness.setup import RigMachine, Typing, Wires, prepare
from firmware_py.rig.harness.stage import Stage

SHOWN = ("chips", "check", "selftest", "sheet")
SEED = 5


class Excerpt(Terminal):
    """Only the steps in SHOWN, with the paths of a device."""

    shows = False

    def __init__(self, console: Console, folder: Path) -> None:
        super().__init__(console)
        self._folder = folder

    def send(self, message: dict[str, Any]) -> None:
        if message["kind"] == "step":
            self.shows = message["step"] in SHOWN
        if self.shows and not str(message.get("text", "")).startswith("PASS  clock"):
            text = str(message.get("text", "")).replace(f"{self._folder}/var", "/var/lib/rearguard")
            super().send({**message, "text": text} if text else message)


def draw(file: Path) -> None:
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="rearguard-") as room:
        folder = Path(room)
        path = prepare(folder)
        for _ in range(2):
            stage = Stage(load(path), SEED)
            with wired(Wires(stage)), suppress(typer.Exit):
                guided(Typing(Excerpt(console, folder), stage), RigMachine(folder, stage), path, "")
        file.write_text(console.export_svg(title="sudo rearguard setup", unique_id="setup"), encoding="utf-8")


if __name__ == "__main__":
    draw(Path(__file__).parents[2] / "docs" / "images" / "set-up.svg")
