"""Owns the configuration as a file: prints it with spans and units, writes it whole or not at all; `rearguard config`.

Must never lose the file that was there: the new one replaces it in one step, after it is on the disk.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic.fields import FieldInfo

from firmware_py.config import ADDRESSES, AUTO, INSTALLED, Config, ConfigError, limits, load, unit_of
from firmware_py.storage.written import replacing
from sensors.advice import HardwareError

KEPT = 5  # configurations before this one


def config(
    file: Annotated[
        Path | None, typer.Option("--config", help="TOML file to check; none: the defaults.")
    ] = None,
) -> None:
    """Print the effective configuration, every setting with what it is, its span and unit.

    Example: rearguard config > config.toml
    """
    effective = load(file)
    typer.echo(annotated_toml(effective), nl=False)
    typer.echo(f"config {effective.hash}: fine", err=True)


def must_be_installed(path: Path, command: str) -> None:
    """Raises ConfigError when `path` is the installed configuration and there is none."""
    if path == INSTALLED and not path.exists():
        raise ConfigError(
            f"{command}: Rearguard is not installed on this computer",
            f"There is no {path}",
            "run `sudo make install`, name a file with --config, or try `rearguard setup --rig`",
        )


def save(config: Config, path: Path) -> None:
    """Writes the whole configuration, and keeps the one before. Raises HardwareError; nothing changed then."""
    text = annotated_toml(config)
    try:
        if path.exists() and (before := _text(path)) != text:
            _keep(path.with_name("kept"), path.name, before)
        write_whole(path, text)
    except OSError as error:
        raise HardwareError(
            f"config: cannot write {path}: {error.strerror}",
            "Usually it belongs to root, or the disk is full",
            "run it with sudo, or free some space",
        ) from None


def write_whole(
    path: Path, text: str, mode: int = 0o644, own: Callable[[Path], None] = lambda _new: None
) -> None:
    """Replaces a file in one step: after a power cut the old text is there, or the new one. Raises OSError.

    `own` may give the new file to somebody before anybody can see it.
    """
    with replacing(path, mode, own) as file:
        file.write(text.encode(errors="surrogateescape"))


def _keep(kept: Path, name: str, text: str) -> None:
    """One more of the last KEPT configurations, named by its time in UTC."""
    kept.mkdir(exist_ok=True)
    now_ns = time.time_ns()
    when = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now_ns // 10**9))
    write_whole(kept / f"{when}.{now_ns % 10**9:09d}Z-{name}", text)
    for old in sorted(kept.glob(f"*-{name}"))[:-KEPT]:
        old.unlink()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def annotated_toml(config: Config) -> str:
    """The whole configuration as a TOML file in which each setting has its purpose, its span and its unit."""
    out = [
        "# Rearguard: every setting with its default, span and unit. Delete what you do not change.",
        "# `rearguard commission` and `rearguard calibrate` write the measured ones.",
    ]
    for name in Config.model_fields:
        section = getattr(config, name)
        out += ["", f"[{name}]  # {(section.__doc__ or '').strip()}"]
        for key, field in type(section).model_fields.items():
            out += [
                f"# {field.description} {_note(field)}".rstrip(),
                f"{key} = {_address(section) if key == 'address' else _value(getattr(section, key))}",
            ]
    return "\n".join(out) + "\n"


def _address(section: Any) -> str:
    """The sensor's usual address stays `auto`, so that it follows the sensor; the comment is what holds now."""
    held = f"0x{section.address:02x}"
    return f'"{AUTO}"  # {held}' if section.address == ADDRESSES[section.sensor][0] else held


def _note(field: FieldInfo) -> str:
    """Span and unit in brackets; empty when a setting has neither."""
    choice = get_args(field.annotation)
    low, high = limits(field)
    span = f"{low:g} to {high:g}" if low is not None and high is not None else ""
    if choice and all(isinstance(a, str) for a in choice):
        span = " | ".join(f'"{a}"' for a in choice)
    note = f"{span} {unit_of(field)}".strip()
    return f"[{note}]" if note else ""


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return repr(value)
