"""Owns what commissioning has measured, kept beside the configuration, and whether the configuration still has it.

The defaults of a configuration are those of an unmeasured belt, and some are less cautious than a measured one. A file
that was emptied or lost its figures must not arm (P9). Stricter values than the measured ones are a person's right.

Must never change the configuration.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from firmware_py.config import Config
from firmware_py.storage.written import read_text, write_text

CURE = "run `rearguard commission` again"


def path_of(config: Path) -> Path:
    """The record beside this configuration."""
    return config.with_suffix(".commissioned.json")


def keep(config: Config, path: Path) -> None:
    """Writes what was measured. Raises OSError."""
    write_text(path_of(path), json.dumps(_measured(config), indent=1) + "\n")


def missing(config: Config, path: Path | None) -> str:
    """What the configuration at `path` lacks, as a sentence; "" when it may arm. None: the defaults, nothing lost."""
    if path is None:
        return ""
    try:
        if not tomllib.loads(path.read_text(encoding="utf-8-sig")):
            return f"{path} has no setting at all; a full disk or a power cut empties a file. Restore one from the " \
                   f"folder kept beside it, or {CURE}"  # fmt: skip
    except (OSError, ValueError) as error:
        return f"{path} cannot be read ({error})"
    record = path_of(path)
    try:
        measured = json.loads(read_text(record))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return f"{record} cannot be read ({error}): {CURE}"
    lost = _lost(measured, _measured(config))
    if not lost:
        return ""
    return (
        f"{path} has lost what commissioning measured ({', '.join(lost)}). Restore one from the folder "
        f"kept beside it or {CURE}; for another treadmill remove {record}"
    )


def _measured(config: Config) -> dict[str, Any]:
    return {
        "belt.commissioned": config.belt.commissioned,
        "belt.direction": config.belt.direction,
        "belt.ceiling_km_h": config.belt.ceiling_km_h,
        "belt.coast_down_m_s2": config.belt.coast_down_m_s2,
        "belt.stop_latency_ms": config.belt.stop_latency_ms,
        "deck.length_mm": config.deck.length_mm,
        "deck.rear_line_percent": config.deck.rear_line_percent,
        "deck.front_line_mm": config.deck.front_line_mm,
        "range.mount": config.range.mount,
        "range.zero_mm": config.range.zero_mm,
        "range.half_body_mm": config.range.half_body_mm,
    }


# Which way is more cautious than what was measured; the others have to stay.
SAFE_WAY = {
    "belt.ceiling_km_h": +1,
    "belt.coast_down_m_s2": -1,
    "belt.stop_latency_ms": +1,
    "deck.rear_line_percent": -1,
    "deck.front_line_mm": +1,
}


def _lost(measured: Any, now: dict[str, Any]) -> list[str]:
    """Settings that are not as measured, nor more cautious."""
    if not isinstance(measured, dict):
        return ["everything"]
    lost = []
    for key, value in now.items():
        before = measured.get(key)
        way = SAFE_WAY.get(key, 0) if isinstance(before, (int, float)) else 0
        if before != value and (way == 0 or (value - before) * way < 0):
            lost.append(f"{key} = {value}, measured {before}")
    return lost
