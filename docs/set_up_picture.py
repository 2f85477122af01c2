"""Draws docs/images/set-up.svg: four steps of `rearguard setup --rig --auto` as a terminal shows them."""

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
    """Only the steps in SHOWN."""

    shows = False

    def send(self, message: dict[str, Any]) -> None:
        if message["kind"] == "step":
            self.shows = message["step"] in SHOWN
        if self.shows and not str(message.get("text", "")).startswith("PASS  clock"):
            super().send(message)


def draw(file: Path) -> None:
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="rearguard-") as room:
        folder = Path(room)
        path = prepare(folder)
        for _ in range(2):
            stage = Stage(load(path), SEED)
            with wired(Wires(stage)), suppress(typer.Exit):
                guided(Typing(Excerpt(console), stage), RigMachine(folder, stage), path, "")
        text = console.export_svg(title="sudo rearguard setup", unique_id="setup")
        file.write_text(text.replace(str(folder), "/var/lib/rearguard"), encoding="utf-8")


if __name__ == "__main__":
    draw(Path(__file__).with_name("images") / "set-up.svg")
