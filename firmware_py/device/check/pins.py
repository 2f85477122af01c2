"""Owns what `rearguard check` looks at on the pins: contacts, buttons. Must never drive the relay's pin high."""

from collections.abc import Callable, Iterator

from firmware_py.config import Config
from firmware_py.device.check.line import Line, failed, passed, warned
from firmware_py.guard.panel import Panel
from firmware_py.guard.relay import Relay, real_pins
from sensors.advice import HardwareError

LOOKS, LOOK_S = 20, 0.05  # a second: longer than anybody presses by accident


def pins(config: Config, sleep: Callable[[float], None]) -> Iterator[Line]:
    """Everything on the header; the rest is left out once there is no header."""
    try:
        real_pins()
        readback = config.relay.readback_pin if config.relay.readback == "contacts" else None
        relay = Relay(config.relay.pin, config.relay.drive, readback)
    except HardwareError as error:
        yield failed("pins", *error.advice)
        return
    with relay:
        try:
            panel = Panel(config.panel, config.belt)
        except HardwareError as error:
            yield failed("pins", *error.advice)
            return
        yield passed("pins", f"lgpio, relay on GPIO {config.relay.pin}, held low")
        contacts, pressed, stopped = [], [], []
        for _ in range(LOOKS):
            sleep(LOOK_S)  # first, too: a pull-up takes a moment to lift a long wire
            contacts.append(relay.feedback())
            pressed.append(panel.reset_pressed())
            stopped.append(panel.stop_pressed())
        panel.close()
    yield _contacts(contacts)
    yield _button("arming button", pressed, "Stuck, shorted to ground, or somebody leans on it",
                  f"check the wire of GPIO {config.panel.button_pin}")  # fmt: skip
    if config.panel.stop_pin >= 0:
        yield _button("stop button", stopped, "Pressed, its wire broken, or the pod unplugged",
                      f"twist it free, plug the pod, check the wire of GPIO {config.panel.stop_pin}")  # fmt: skip


def _contacts(seen: list[bool | None]) -> Line:
    name = "relay read-back"
    if seen[0] is None:
        do = "wire the NC contacts as in hardware.md and set relay.readback to contacts"
        return warned(name, "not fitted", "A welded contact would not be noticed", do)
    if not any(seen):
        return passed(name, "both contacts dropped")
    if all(seen):
        do = "pull the safety key; check 12 V, OK3 and its wires; then run `rearguard selftest`"
        why = "A welded contact, or a broken read-back wire"
        return failed(name, "reads pulled while the pin is low", why, do)
    return failed(name, "flickers", "A loose wire in the read-back loop", "check the NC contacts' wires")


def _button(name: str, active: list[bool], why: str, do: str) -> Line:
    if not any(active):
        return passed(name, "released")
    if all(active):
        return failed(name, "pressed all the time", why, do)
    return warned(
        name, "was pressed in between", "Somebody pressed it, or a loose wire", "look again with hands off"
    )
