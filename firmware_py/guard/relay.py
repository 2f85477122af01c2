"""Owns the pin that lets the belt move, and the contacts that show whether it may.

Energise to run, active high. Must never be high before `set(True)`, never stay high on any way out, never
toggle by itself: the outside pulse watchdog has to see the loop's own ticks and nothing else.
"""

import os
from types import TracebackType
from typing import Any, Literal, Self

from gpiozero import Device, GPIODevice, GPIOZeroError, InputDevice, OutputDevice

from sensors.advice import HardwareError


def real_pins() -> None:
    """Makes gpiozero use lgpio and nothing else; left alone it falls back to other libraries silently.

    gpiozero closes at exit only the devices of `Device.pin_factory`, so that is where it goes; pins that the rig has
    put there stay. Raises HardwareError.
    """
    if Device.pin_factory is not None:
        return
    if os.geteuid() == 0:
        os.environ.setdefault(
            "LG_WD", "/run"
        )  # lgpio makes a FIFO: root's must not lie where others plant names
    try:
        from gpiozero.pins.lgpio import LGPIOFactory

        Device.pin_factory = LGPIOFactory()
    except ImportError as error:
        raise HardwareError(
            f"lgpio cannot be loaded ({error})",
            "Usually the package index had only a stub for this Python",
            "run `sudo apt install python3-lgpio` and make the venv with --system-site-packages",
        ) from error
    except Exception as error:  # lgpio.error and gpiozero's own derive from nothing narrower
        raise HardwareError(
            f"/dev/gpiochip* cannot be opened ({error})",
            "Usually this is no Raspberry Pi, or the user is not in group gpio",
            "run on the Pi, or try `rearguard demo`, which needs no hardware",
        ) from error


def claim(kind: type[GPIODevice], name: str, pin: int, **how: Any) -> Any:
    """One pin as a gpiozero device without threads. Raises HardwareError, which names the setting."""
    try:
        return kind(pin, **how)
    except GPIOZeroError as error:
        raise HardwareError(
            f"{name} = {pin} cannot be used ({error})",
            "Usually two settings name one pin",
            "compare the config with the wiring",
        ) from error
    except Exception as error:  # lgpio.error: the kernel's own refusal
        raise HardwareError(
            f"{name} = {pin} is refused ({error})",
            "Usually another program holds it",
            "stop the other program, see `gpioinfo`",
        ) from error


class Relay:
    """Run or not run. Use it in a `with`: whatever happens inside, the pin is low afterwards.

    In pulse drive, `set(True)` toggles the pin once, so that a healthy loop makes a square wave of half its
    rate and a dead one makes none. `error` keeps the pin library's message when driving the pin failed.
    """

    def __init__(self, pin: int, drive: Literal["level", "pulse"], readback_pin: int | None) -> None:
        self._pulse = drive == "pulse"
        self._high = False
        self._dropped = False
        self.error: str | None = None
        self._pin: OutputDevice = claim(OutputDevice, "relay.pin", pin, active_high=True, initial_value=False)
        self._contacts: InputDevice | None = None
        if readback_pin is not None:
            try:
                self._contacts = claim(InputDevice, "relay.readback_pin", readback_pin, pull_up=True)
            except HardwareError:
                self._pin.close()
                raise

    def set(self, run: bool) -> None:
        """May the belt move? Called once a tick. False is at once, always taken, and never raises."""
        if run and not self._dropped:
            self._high = not self._high if self._pulse else True
            try:
                if self._high:
                    self._pin.on()
                else:
                    self._pin.off()
            except BaseException:
                self.drop()
                raise
            if self._dropped:  # a signal came between the check and the pin
                self._low()
        else:
            self._low()

    def feedback(self) -> bool | None:
        """What the contacts show: True = the belt may move, False = both dropped, None = no read-back fitted.

        A broken read-back wire reads True, so that it is found as a welded contact and locks out.
        """
        return None if self._contacts is None else not self._contacts.is_active

    def drop(self) -> None:
        """Low, now and for the rest of this process: `set(True)` does nothing any more. Safe in a signal handler."""
        self._dropped = True
        self._low()

    def _low(self) -> None:
        self._high = False
        try:
            self._pin.off()
        except Exception as error:  # nothing more can be done here: no edges, so the pulse watchdog drops
            self.error = f"relay: the pin cannot be driven low ({error}); pull the safety key"

    def close(self) -> None:
        """Low first, then the pins are given back. Idempotent."""
        if self._pin.closed:
            return
        self.drop()
        for device in (self._pin, self._contacts):
            try:
                if device is not None:
                    device.close()
            except Exception as error:
                self.error = f"relay: the pin cannot be given back ({error})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
