"""`rearguard commission`: the guide at a real treadmill, a person at the keyboard. Must never measure by itself."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_py.config import INSTALLED, Config, load
from firmware_py.device.commission.bench import STEP_S, Reading
from firmware_py.device.commission.deck_drawing import draw
from firmware_py.device.commission.guide import guide
from firmware_py.device.language import speak
from firmware_py.device.settings import must_be_installed, save
from firmware_py.guard.process import build_sensors
from firmware_py.guard.relay import Relay, real_pins
from firmware_py.guard.service import only_instance
from firmware_py.locale import translate as _
from firmware_py.storage.record import keep, path_of
from sensors.advice import ConfigError, HardwareError
from sensors.i2c import Bus, open_bus
from sensors.samples import RangeSample


def commission(
    config: Annotated[
        Path | None, typer.Option(help="TOML file to start from and to write; without it the device's own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Measure this treadmill once: deck, sensor place, coast-down; then write the lines and the safe speed.

    With --rig it measures a simulated treadmill instead: `rearguard commission --rig --help`.

    Example: rearguard commission --config /etc/rearguard/config.toml
    """
    path = (config or INSTALLED).absolute()  # lgpio changes the working directory
    speak(path if path.exists() else None)
    must_be_installed(path, "commission")
    before = read_before(path)
    with only_instance(before.guard_lock):
        real_pins()
        with Relay(before.relay.pin, before.relay.drive, None) as relay:
            write_after(path, *guide(DeviceBench(before, relay), Terminal(), before), as_json)


def read_before(path: Path) -> Config:
    """The configuration that commissioning starts from. Raises ConfigError when `path` cannot be written afterwards."""
    if not os.access(path.parent, os.W_OK):  # a file is replaced, never written over
        raise ConfigError(
            f"commission: {path} cannot be written",
            "Usually it belongs to root",
            "run with sudo, or name another file with --config",
        )
    return load(path if path.exists() else None)


def write_after(path: Path, after: Config, figures: dict[str, Any], as_json: bool) -> None:
    """Writes the new configuration and shows what was measured.

    The record comes first: a configuration that does not have its figures yet does not arm.
    """
    try:
        keep(after, path)
    except OSError as error:
        raise HardwareError(
            f"commission: cannot write {path_of(path)}: {error.strerror}",
            "Usually it belongs to root, or the disk is full",
            "run it with sudo, or free some space",
        ) from None
    save(after, path)
    typer.echo(json.dumps(figures) if as_json else draw(figures))
    text = _("written: {path} (hash {hash}). Now run `rearguard selftest`.")
    typer.echo(text.format(path=path, hash=after.hash), err=True)


class Terminal:
    """A person at the keyboard; text goes to stderr, so that stdout stays for --json."""

    def show(self, text: str) -> None:
        typer.echo(text, err=True)

    def ask(self, _key: str, question: str, default: float) -> float:
        return float(typer.prompt(question, default=default, type=float, err=True))

    def confirm(self, _key: str, request: str) -> None:
        typer.prompt(f"{request}\n{_('Then press Enter')}", default="", show_default=False, err=True)


class DeviceBench:
    """The range sensor and the relay of this device, stepped on a grid of STEP_S."""

    def __init__(
        self,
        config: Config,
        relay: Relay,
        open_a_bus: Callable[[int], Bus] = open_bus,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._relay, self._clock_ns, self._sleep = relay, clock_ns, sleep
        _, self._range = build_sensors(config, open_a_bus, sleep)
        self._range.open()
        self._next_s = clock_ns() * 1e-9

    def step(self, run: bool) -> Reading:
        now_s = self._clock_ns() * 1e-9
        self._next_s = max(self._next_s + STEP_S, now_s)
        self._sleep(max(0.0, self._next_s - now_s))
        self._relay.set(run)
        t_ns = self._clock_ns()
        reading = self._range.poll(t_ns)
        return Reading(t_ns * 1e-9, reading.distance_m if isinstance(reading, RangeSample) else None)
