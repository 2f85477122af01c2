"""Owns what people touch, see and hear: arming button, stop button, buzzer, lamp, console stop, hall switch.

Must never start a thread or wait: the loop reads and shows once a tick. Must never move the belt.
"""

from typing import Any

from gpiozero import InputDevice, OutputDevice

from firmware_py.config import BeltConfig, PanelConfig
from firmware_py.core.frame import LOCK_OUTS, Decision
from firmware_py.guard.relay import claim
from sensors.hall import HallSpeed
from sensors.samples import Fault

NOT_FITTED = -1
STOP_TONE_NS = 1_500_000_000
ARMED_TONE_NS = 80_000_000
REFUSED_BEEPS_NS = 360_000_000
REFUSED_PERIOD_NS = 120_000_000
ALARM_PERIOD_NS = 500_000_000
WARNING_PERIOD_NS = (120_000_000, 600_000_000)
READY_PERIOD_NS = 1_000_000_000
FULL_MARGIN_M = 0.20  # from here on down the warning beeps faster, like a parking aid [A]


class Signals:
    """Decisions as sound and light.

    Buzzer: one blip = armed; beeps, faster toward the line = warning; 1.5 s tone = stopped; three blips = press
    refused; endless = the contacts or the belt did not obey: pull the key. Lamp: steady = the belt may move;
    slow blinking = a press is accepted; dark = not ready; flickering = locked out.
    """

    def __init__(self) -> None:
        self._run = False
        self._since_ns: int | None = None  # of the last change; None: never ran, so silence
        self._refused_ns: int | None = None

    def update(self, d: Decision) -> tuple[bool, bool]:
        """(buzzer on, lamp on) for this tick."""
        if d.run != self._run:
            self._run, self._since_ns = d.run, d.t_ns
        if d.refused is not None:
            self._refused_ns = d.t_ns
        return self._buzzer(d), self._lamp(d)

    def _buzzer(self, d: Decision) -> bool:
        since_ns = None if self._since_ns is None else d.t_ns - self._since_ns
        if d.run:
            if since_ns is not None and since_ns < ARMED_TONE_NS:
                return True
            return d.warning is not None and _half(d.t_ns, _warning_period_ns(d))
        if d.cause in LOCK_OUTS or d.refusal in LOCK_OUTS:
            return _half(d.t_ns, ALARM_PERIOD_NS)
        if since_ns is not None and since_ns < STOP_TONE_NS:
            return True
        if self._refused_ns is not None and (refused_ns := d.t_ns - self._refused_ns) < REFUSED_BEEPS_NS:
            return _half(refused_ns, REFUSED_PERIOD_NS)
        return False

    def _lamp(self, d: Decision) -> bool:
        if d.run:
            return True
        if d.cause in LOCK_OUTS or d.refusal in LOCK_OUTS:
            return _half(d.t_ns, WARNING_PERIOD_NS[0])
        return d.refusal is None and _half(d.t_ns, READY_PERIOD_NS)


def _half(t_ns: int, period_ns: int) -> bool:
    return t_ns % period_ns < period_ns // 2


def _warning_period_ns(d: Decision) -> int:
    fast, slow = WARNING_PERIOD_NS
    near = FULL_MARGIN_M if d.stop_margin_m is None else min(max(d.stop_margin_m, 0.0), FULL_MARGIN_M)
    return fast + int((slow - fast) * near / FULL_MARGIN_M)


class Panel:
    """The pins of the panel. Pressed means pressed; a broken stop-button wire counts as pressed.

    The hall switch is read once a tick: a magnet must cover it for longer, 10 mm of travel at 2 m/s and 200 Hz.
    """

    def __init__(self, pins: PanelConfig, belt: BeltConfig) -> None:
        self._signals = Signals()
        self._speed = HallSpeed(belt.hall_mm_per_pulse / 1000)
        self._magnet = False
        self._was = (False, False, False)
        self._button = _input("panel.button_pin", pins.button_pin)
        self._stop = _input("panel.stop_pin", pins.stop_pin)
        self._hall = _input("belt.hall_pin", belt.hall_pin if belt.speed_sensor == "hall" else NOT_FITTED)
        self._buzzer = _output("panel.buzzer_pin", pins.buzzer_pin)
        self._lamp = _output("panel.lamp_pin", pins.lamp_pin)
        self._soft_stop = _output("panel.soft_stop_pin", pins.soft_stop_pin)

    def reset_pressed(self) -> bool:
        return self._button is not None and bool(self._button.is_active)

    def stop_pressed(self) -> bool:
        return self._stop is not None and not self._stop.is_active

    def belt_speed_m_s(self, t_ns: int) -> float | None:
        """None when no hall switch is fitted or its pulses give no speed: the ceiling stands in then."""
        if self._hall is None:
            return None
        magnet = bool(self._hall.is_active)
        if magnet and not self._magnet:
            self._speed.pulse(t_ns)
        self._magnet = magnet
        speed = self._speed.speed(t_ns)
        return None if isinstance(speed, Fault) else speed

    def show(self, decision: Decision) -> None:
        """Sound, light and the console's own stop, as this decision asks."""
        buzzer, lamp = self._signals.update(decision)
        now = (buzzer, lamp, decision.soft_stop)
        if now == self._was:
            return
        for device, on, was in zip((self._buzzer, self._lamp, self._soft_stop), now, self._was, strict=True):
            if device is not None and on != was:
                device.value = on
        self._was = now

    def close(self) -> None:
        for device in (self._buzzer, self._lamp, self._soft_stop, self._button, self._stop, self._hall):
            if device is not None:
                device.close()


def _input(name: str, pin: int) -> Any:
    return None if pin == NOT_FITTED else claim(InputDevice, name, pin, pull_up=True)


def _output(name: str, pin: int) -> Any:
    return None if pin == NOT_FITTED else claim(OutputDevice, name, pin, initial_value=False)
