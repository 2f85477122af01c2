"""Owns what `rearguard check` looks at on the pins: contacts, buttons. Must never drive the relay's pin high."""

from collections.abc import Callable, Iterator

from firmware_py.config import Config
from firmware_py.device.check.line import FAIL, PASS, WARN, Line, from_error
from firmware_py.guard import EdgeError
from firmware_py.guard.panel import Panel
from firmware_py.guard.relay import Relay, real_pins

LOOKS, LOOK_S = 20, 0.05  # a second: longer than anybody presses by accident


def pins(config: Config, sleep: Callable[[float], None]) -> Iterator[Line]:
    """Everything on the header; the rest is left out once there is no header."""
    try:
        real_pins()
        readback = config.relay.readback_pin if config.relay.readback == "contacts" else None
        relay = Relay(config.relay.pin, config.relay.drive, readback)
    except EdgeError as error:
        yield from_error("pins", error)
        return
    with relay:
        try:
            panel = Panel(config.panel, config.belt)
        except EdgeError as error:
            yield from_error("pins", error)
            return
        yield Line("pins", PASS, f"lgpio, relay on GPIO {config.relay.pin}, held low")
        contacts, pressed, stopped = [], [], []
        for _ in range(LOOKS):
            sleep(LOOK_S)  # first, too: a pull-up takes a moment to lift a long wire
            contacts.append(relay.feedback())
            pressed.append(panel.reset_pressed())
            stopped.append(panel.stop_pressed())
        panel.close()
    yield _contacts(contacts)
    yield _steady("arming button", pressed, "Stuck, shorted to ground, or somebody leans on it",
                  f"check the wire of GPIO {config.panel.button_pin}")  # fmt: skip
    if config.panel.stop_pin >= 0:
        yield _steady("stop button", stopped, "Pressed, its wire broken, or the pod unplugged",
                      f"twist it free, plug the pod, check the wire of GPIO {config.panel.stop_pin}")  # fmt: skip


def _contacts(said: list[bool | None]) -> Line:
    name = "relay read-back"
    if said[0] is None:
        cure = "wire the NC contacts as in hardware.md and set relay.readback to contacts"
        return Line(name, WARN, "not fitted", "A welded contact would not be noticed", cure)
    if not any(said):
        return Line(name, PASS, "both contacts dropped")
    if all(said):
        cure = "pull the safety key; check 12 V, OK3 and its wires; then run `rearguard selftest`"
        return Line(
            name,
            FAIL,
            "reads pulled while the pin is low",
            "A welded contact, or a broken read-back wire",
            cure,
        )
    return Line(name, FAIL, "flickers", "A loose wire in the read-back loop", "check the NC contacts' wires")


def _steady(name: str, active: list[bool], cause: str, cure: str) -> Line:
    if not any(active):
        return Line(name, PASS, "released")
    if all(active):
        return Line(name, FAIL, "pressed all the time", cause, cure)
    return Line(
        name,
        WARN,
        "was pressed in between",
        "Somebody pressed it, or a loose wire",
        "look again with hands off",
    )
