"""Owns the command `rearguard setup`: chooses the front end and the machine. Must never change a device by itself."""

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from firmware_py import locale
from firmware_py.config import INSTALLED
from firmware_py.device.language import speak
from firmware_py.device.service import GUARD, shown
from firmware_py.device.setup.engine import Setup, run
from firmware_py.device.setup.machine import Machine
from firmware_py.device.setup.steps import STEPS
from firmware_py.device.setup.talk import Front, JsonFront
from firmware_py.device.setup.terminal import Terminal
from sensors.advice import ConfigError, suggestion

STEP = Annotated[str, typer.Argument(help=f"One step alone: {', '.join(step.name for step in STEPS)}.")]
AS_JSON = Annotated[
    bool, typer.Option("--json", help="One JSON object a line on stdout; answers, one a line, on stdin.")
]


def setup(
    step: STEP = "",
    config: Annotated[Path, typer.Option(help="TOML file that the results are written into.")] = INSTALLED,
    as_json: AS_JSON = False,
) -> None:
    """Set the device up, from the board to the first walk. It goes on where it was left, after a power cut too.

    With --rig it plays all of it on a simulated treadmill: `rearguard setup --rig --help`.

    Example: sudo rearguard setup
    """
    must_be_a_step(step)
    speak(config if config.exists() else None)
    if shown(GUARD, "LoadState") != "loaded":
        raise ConfigError(
            "setup: Rearguard is not installed on this computer",
            f"There is no service {GUARD}",
            "run `sudo make install`, or try `rearguard setup --rig`",
        )
    if os.geteuid() != 0:
        raise ConfigError(
            "setup: not root",
            "It writes the configuration and stops the safety monitor",
            "type: sudo rearguard setup",
        )
    guided(front_end(as_json), Machine(), config.absolute(), step)


def must_be_a_step(step: str) -> None:
    """ "" is all of them. Leaves with 2 for a step that is none."""
    names = [one.name for one in STEPS]
    if step and step not in names:
        raise typer.BadParameter(f"there is no step {step}. {suggestion(step, names)}")


def front_end(as_json: bool) -> Front:
    """The terminal, or JSON. What its encoding does not have ends nothing."""
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    return JsonFront() if as_json else Terminal()


def guided(front: Front, machine: Machine, path: Path, step: str) -> None:
    """The steps with this front end. Leaves with 0 when all is proved, else 1."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal ends it like Ctrl-C
        signal.signal(number, signal.default_int_handler)
    opened = Setup(front, machine, path)
    locale.use(opened.config.courier.language)
    try:
        proved = run(opened, STEPS, step or None)
    finally:
        opened.progress.close()
    raise typer.Exit(0 if proved else 1)
