"""`rearguard check`: looks at the whole device, each line with cause and cure. Must never arm or move anything.

The order is that in which one fault hides another: computer, bus, sensors, cable, pins.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from firmware_py.config import INSTALLED, Config, load_of_device
from firmware_py.device.check.computer import computer
from firmware_py.device.check.line import FAIL, PASS, WARN, Line, failed, warned
from firmware_py.device.check.pins import pins
from firmware_py.device.check.sensors import sensors
from firmware_py.device.language import speak
from firmware_py.guard.service import only_instance
from firmware_py.locale import mark
from firmware_py.locale import translate as _
from firmware_py.storage.record import CURE, missing
from sensors.advice import HardwareError
from sensors.i2c import Bus, open_bus

SAID = {PASS: mark("all good"), WARN: mark("usable, with care"), FAIL: mark("not usable")}


def check(
    config: Annotated[
        Path | None, typer.Option(help="TOML file; else the installed one, else the defaults.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.5, max=600, help="How long to count errors on the cable.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")] = False,
) -> None:
    """Look at the whole device: computer, bus, sensors, cable, pins. Nothing is armed, nothing moves.

    Example: rearguard check --config /etc/rearguard/config.toml --seconds 30
    """
    worst = PASS
    speak(config)
    settings, file = load_of_device(config), config or (INSTALLED if INSTALLED.exists() else None)
    lines = look(settings, seconds, file=file) if _has_a_board(settings) else _without_a_board(settings)
    for line in lines:
        worst = max(worst, line.verdict, key=(PASS, WARN, FAIL).index)
        typer.echo(json.dumps(line.as_json()) if as_json else str(line))
    typer.echo(_(SAID[worst]), err=True)
    raise typer.Exit(1 if worst == FAIL else 0)


def look(
    config: Config,
    seconds: float,
    root: Path = Path("/"),
    open_a_bus: Callable[[int], Bus] = open_bus,
    sleep: Callable[[float], None] = time.sleep,
    file: Path | None = None,
) -> Iterator[Line]:
    """Every line, as soon as it is known. While a guard runs, neither bus nor pins are touched.

    `file` is what `config` was read from; None: the defaults.
    """
    wrong = missing(config, file)
    if wrong:
        yield failed("configuration", wrong, "Usually a full disk or a power cut", CURE)
    yield from computer(config, root)
    try:
        lock = only_instance(config.guard_lock)
    except HardwareError as error:
        yield warned("safety monitor", *error.advice)
        return
    with lock:
        yield from sensors(config, seconds, open_a_bus, sleep)
        yield from pins(config, sleep)


def _has_a_board(config: Config) -> bool:
    """A bus or pins. With only one of them, the lines of the other one say what is wrong."""
    return Path(f"/dev/i2c-{config.imu.bus}").exists() or any(Path("/dev").glob("gpiochip*"))


def _without_a_board(config: Config) -> Iterator[Line]:
    yield from computer(config, Path("/"))
    yield failed(
        "board",
        "this computer has no I2C bus and no pins",
        "It is no Raspberry Pi, or its config.txt was not changed yet",
        "run this on the device after `rearguard setup`; here, `rearguard demo` needs no hardware",
    )
