"""Owns the language of the commands in a terminal: whose it is, and how a message of any room is said in it.

Must never fail: a device whose configuration cannot be read speaks English.
"""

from pathlib import Path

from firmware_py import locale
from firmware_py.config import load_of_device
from sensors.advice import Advice, ConfigError


def speak(config: Path | None = None) -> None:
    """From now on in the language of this configuration, else of the device."""
    try:
        locale.use(load_of_device(config).courier.language)
    except (ConfigError, OSError):
        locale.use(locale.ENGLISH)


def in_words(advice: Advice) -> str:
    """The message in the language in use."""
    return str(Advice(*map(locale.spoken, advice)))


def denied(error: PermissionError) -> str:
    """What may not be opened, and the cure, in the language in use."""
    why, do = "Usually it belongs to the device", "type sudo before the command"
    return in_words(Advice(f"{error.filename} cannot be opened", why, do))
