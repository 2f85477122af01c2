"""Builds the guard from a config and runs it: sensors, relay, panel, monitor, link, loop, and nothing else.

Must never decide, and never import what the loop does not need: numpy, scipy and paho stay out of this process.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NamedTuple

import typer

from firmware_py import __version__
from firmware_py.config import Config, load
from firmware_py.core.frame import Cause
from firmware_py.core.monitor import Monitor
from firmware_py.guard.link import Link
from firmware_py.guard.loop import Loop
from firmware_py.guard.panel import Panel
from firmware_py.guard.relay import Relay, real_pins
from firmware_py.guard.service import (
    Asked,
    go_realtime,
    make_sleep_until,
    only_instance,
    under_voltage,
)
from firmware_py.guard.watch import Imu, Range
from firmware_py.notify import ServiceManager
from firmware_py.storage.record import missing
from sensors.advice import Advice
from sensors.i2c import Bus, open_bus
from sensors.imu import RAD_PER_DEG
from sensors.lsm6dsox import Lsm6dsox
from sensors.mpu6050 import Mpu6050
from sensors.tf_luna import TfLuna
from sensors.vl53l1x import Vl53l1x

IMUS: dict[str, type[Lsm6dsox] | type[Mpu6050]] = {"lsm6dsox": Lsm6dsox, "mpu6050": Mpu6050}
RANGES: dict[str, type[Vl53l1x] | type[TfLuna]] = {"vl53l1x": Vl53l1x, "tf_luna": TfLuna}


class Wiring(NamedTuple):
    """What the guard is wired to: a Pi's own bus and pins, or what the rig hands in."""

    open_bus: Callable[[int], Bus] = open_bus
    take_pins: Callable[[ExitStack], None] = lambda _held: real_pins()  # and gives them back at the end
    listeners: tuple[str, ...] = ()  # sockets that get what the courier gets
    simulated: bool = False


def run(
    config: Annotated[Path | None, typer.Option(help="TOML file; without it the defaults hold.")] = None,
) -> None:
    """The guard: reads the sensors, decides, drives the relay. Stop it with Ctrl-C or SIGTERM.

    Example: rearguard run --config /etc/rearguard/config.toml
    """
    settings = load(config)
    guard(settings, Wiring(), missing(settings, config))


def guard(config: Config, wiring: Wiring, wrong: str = "") -> None:
    """Runs until a signal. Every way out of the `with` ends with the relay's pin low. Raises HardwareError.

    `wrong` is what the configuration lacks: with it nothing arms.
    """
    if wrong:
        typer.echo(f"guard: {wrong}. Until then nothing can be armed.", err=True)
    with ExitStack() as held:
        held.enter_context(only_instance(config.guard_lock))
        os.environ.setdefault(
            "LG_WD", str(config.guard_lock.parent)
        )  # lgpio makes a FIFO there; / is not writable
        wiring.take_pins(held)
        relay = held.enter_context(
            Relay(
                config.relay.pin,
                config.relay.drive,
                config.relay.readback_pin if config.relay.readback == "contacts" else None,
            )
        )
        panel = Panel(config.panel, config.belt)
        held.callback(panel.close)
        imu, belt = build_sensors(config, wiring.open_bus)
        for sensor in (imu, belt):
            sensor.open()
            held.callback(sensor.close)
        monitor = Monitor(config.monitor_params(), config.loop.rate_hz)
        manager = ServiceManager.of_this_process()
        held.callback(manager.close)
        asked = go_realtime(config.loop.priority, config.loop.cpu)
        for refused in (a for a in asked if not a.ok):
            typer.echo(f"guard: {refused.what} refused: {refused.why}", err=True)
        hello = _hello(config, asked) | {"simulated": wiring.simulated}
        links = [Link(path, hello) for path in (config.courier.socket, *wiring.listeners)]
        for link in links:
            held.callback(link.close)
        realtime = all(a.ok for a in asked)

        def refusal() -> Cause | None:
            return Cause.CONFIG if wrong else platform_refusal(config, realtime)

        loop = Loop(
            config.loop.rate_hz, imu, belt, relay, panel, monitor, links, manager,
            refusal, time.monotonic_ns, make_sleep_until(),
        )  # fmt: skip
        _stop_on_signals(relay, loop)
        try:
            loop.run()
        except Exception as error:
            advice = Advice(
                f"guard: ended by {type(error).__name__}: {error}. The relay is off and stays off",
                "Usually a pin or the kernel refused",
                "the lines below are for the developer",
            )
            typer.echo(str(advice), err=True)
            raise


def build_sensors(
    config: Config, open_a_bus: Callable[[int], Bus], sleep: Callable[[float], None] = time.sleep
) -> tuple[Imu, Range]:
    """The configured IMU and range sensor, not opened yet; one bus object where both share a bus."""
    numbers = {config.imu.bus, config.range.bus}
    buses = {number: open_a_bus(number) for number in numbers}
    x, y, z = config.imu.gyro_bias_deg_s
    imu: Imu = IMUS[config.imu.sensor](
        buses[config.imu.bus],
        config.imu.address,
        config.imu.mounting,
        (x * RAD_PER_DEG, y * RAD_PER_DEG, z * RAD_PER_DEG),
        sleep,
    )
    belt: Range = RANGES[config.range.sensor](buses[config.range.bus], config.range.address, sleep)
    return imu, belt


def platform_refusal(config: Config, realtime: bool) -> Cause | None:
    """Why this computer must not arm now, or None."""
    if under_voltage():
        return Cause.SUPPLY
    if config.loop.require_realtime and not realtime:
        return Cause.REALTIME
    return None


def _hello(config: Config, asked: list[Asked]) -> dict[str, Any]:
    return {
        "boot_id": os.urandom(8).hex(),  # of this guard process: with seq it is the id of an event
        "version": __version__,
        "config": config.model_dump(mode="json"),
        "config_hash": config.hash,
        "rate_hz": config.loop.rate_hz,
        "pid": os.getpid(),
        "realtime": [a._asdict() for a in asked],
    }


def _stop_on_signals(relay: Relay, loop: Loop) -> None:
    """The relay first, in the handler itself; the loop ends before its next tick."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        relay.drop()
        loop.stopping = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
