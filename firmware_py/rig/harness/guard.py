"""Starts the guard on the rig's bus and pins: `python -m firmware_py.rig.harness.guard --config FILE --world DIR`.

Must never change the guard: it hands in what a Pi would have, and nothing else.
"""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from firmware_py.config import load
from firmware_py.guard.process import Wiring, guard
from firmware_py.rig.harness.pins import SocketWires, wired
from sensors.advice import HardwareError
from sensors.emulated.remote import RemoteBus
from sensors.i2c import Bus


def run(
    world: Annotated[Path, typer.Option(help="Directory of the world's sockets.")],
    config: Annotated[Path | None, typer.Option(help="TOML file; without it the defaults hold.")] = None,
) -> None:
    """The guard, wired to the simulated treadmill whose sockets are in `world`."""
    settings = load(config)

    def take_pins(held: ExitStack) -> None:
        try:
            wires = held.enter_context(closing(SocketWires(world / "pins.sock")))
        except OSError as error:
            raise HardwareError(
                f"guard: no world answers in {world} ({error}). Start it with `rearguard demo`."
            ) from error
        held.enter_context(wired(wires))

    wiring = Wiring(
        open_bus=lambda number: Bus(RemoteBus.connect(str(world / "bus.sock")), f"rig-{number}"),
        take_pins=take_pins,
        listeners=(str(world / "view.sock"),),
        simulated=True,
    )
    try:
        guard(settings, wiring)
    except HardwareError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from None


if __name__ == "__main__":
    typer.run(run)
