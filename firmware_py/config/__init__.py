"""Owns every setting: its unit, span, default and the source of the number. Must never touch hardware.

    section.py          what a section and a setting are
    treadmill.py        deck, belt, balance, drift
    hardware.py         the sensors, relay, buttons and lamp, the loop
    services.py         courier, MQTT, page, alerts, coach
    contradictions.py   settings that exclude each other
    whole.py            Config: all of them, and what is derived
    reading.py          a file becomes a Config, or every mistake at once

Programs import from here; the files import each other downward (pyproject.toml).
"""

from firmware_py.config.hardware import ADDRESSES, AUTO, ImuConfig, PanelConfig, RangeConfig
from firmware_py.config.reading import INSTALLED, explain, load, load_of_device, parse
from firmware_py.config.section import limits, unit_of
from firmware_py.config.services import LOOPBACK, CoachConfig, CourierConfig, MqttConfig
from firmware_py.config.treadmill import BeltConfig
from firmware_py.config.whole import Config
from sensors.advice import ConfigError

__all__ = [
    "ADDRESSES",
    "AUTO",
    "INSTALLED",
    "LOOPBACK",
    "BeltConfig",
    "CoachConfig",
    "Config",
    "ConfigError",
    "CourierConfig",
    "ImuConfig",
    "MqttConfig",
    "PanelConfig",
    "RangeConfig",
    "explain",
    "limits",
    "load",
    "load_of_device",
    "parse",
    "unit_of",
]
