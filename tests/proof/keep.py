"""Keeps what a test has measured where tests/proof/figures.py finds it. Does nothing in an ordinary run."""

import json
import os
from pathlib import Path
from typing import Any

from tests.support.held_up import Drop


def keep(row: dict[str, Any]) -> None:
    """One more line in the file that REARGUARD_FIGURE names."""
    if path := os.environ.get("REARGUARD_FIGURE"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def keep_drops(fault: str, drops: list[Drop], bound_ms: float) -> None:
    """One more line: how long a drop took, every time."""
    took_ms = sorted(drop.took_ms for drop in drops)
    late = [drop for drop in drops if drop.took_ms > bound_ms]
    keep({
        "fault": fault, "repetitions": len(took_ms), "median_ms": took_ms[len(took_ms) // 2],
        "p99_ms": took_ms[len(took_ms) * 99 // 100], "max_ms": took_ms[-1], "bound_ms": bound_ms,
        "over_bound": len(late), "while_host_took": sum(drop.taken_ms > 0.0 for drop in late),
        "load_average": os.getloadavg()[1],
    })  # fmt: skip
